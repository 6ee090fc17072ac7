//! An IPP Everywhere printer, for clients that are not Lanyard (RFC 8010, RFC 8011, PWG 5100.14).
//!
//! [`Server::serve`] answers one HTTP request for one [`Printer`]. A request is read within limits (`incoming`), checked
//! (`call`), and done by one small function for its operation (`operations`); what a printer is and can be told is
//! written in `describe`, `offers` and `media`, what a client chose is read in `template`, and `select` picks what was
//! asked for. All of these are pure. `register` is the table of the jobs of such clients. [`Shared`] is a shared queue
//! as such a printer. Who may ask at all is decided before a request gets here, by a door.

mod call;
mod clock;
mod describe;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
mod incoming;
mod jobs;
mod media;
mod offers;
mod operations;
mod place;
mod printer;
mod register;
mod select;
mod server;
mod shared;
mod template;
mod wish;

pub use crate::system::More;
pub use describe::{ICONS, urf};
pub use place::Place;
pub use printer::{Document, Facts, NewJob, Printer, Progress, Refused};
pub(crate) use register::TABLE;
pub use server::Server;
pub use shared::{Identify, Shared, SharedPrinters, printer_uuid};

/// A grey printer that takes PDF and prints on both sides.
#[cfg(any(test, fuzzing))]
fn facts_for_tests() -> Facts {
    use crate::{
        document::Format,
        system::QueueState,
        ticket::{Capabilities, Quality, Sides},
    };
    let media = ["iso_a4_210x297mm", "na_letter_8.5x11in"].map(str::to_owned).to_vec();
    Facts {
        uuid: uuid::Uuid::nil(),
        name: "Laser".to_owned(),
        dns_sd_name: None,
        location: None,
        model: Some("Brother HL-L2350".to_owned()),
        can: Capabilities {
            formats: Format::ALL.to_vec(),
            color: false,
            sides: vec![Sides::OneSided, Sides::TwoSidedLongEdge],
            media_default: Some(media[0].clone()),
            media,
            max_copies: 99,
            quality: vec![Quality::Normal, Quality::Draft],
            sources: Vec::new(),
            media_types: Vec::new(),
        },
        state: QueueState::Idle,
        reasons: Vec::new(),
        message: None,
        waiting: 0,
        accepting: true,
        supplies: Vec::new(),
        holds: true,
        covers: true,
        more: More::default(),
    }
}
