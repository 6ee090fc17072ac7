//! What two nodes say about a job: the ticket that comes with a document, and what became of it.
//!
//! Parsed once, at the edge, into types that hold only what makes sense. Strangers send these too, so every text
//! is bounded and cleaned here. HTTP is left to the two halves.

mod capabilities;
mod managed;
mod media;
mod options;
mod pages;
mod status;
mod words;

pub use capabilities::{Capabilities, Supply};
pub use managed::ManagedJob;
pub use media::{is_media_name, media_name};
pub use options::{Color, DPI, NUMBER_UP, Options, Orientation, Quality, Scaling, Sides};
pub use pages::{PageRanges, ParsePageRangesError};
pub use status::{JobStatus, Refused, State};
pub use words::{keyword, title, words};

use crate::document::Format;
use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};

/// The header that carries a ticket, as unpadded base64url of its JSON: titles are not ASCII.
pub const TICKET_HEADER: &str = "lanyard-ticket";

/// The longest ticket header.
pub const MAX_TICKET: usize = 8 * 1024;

/// The field behind a document whose ticket does not tell its hash: BLAKE3, 64 hexadecimal digits. Without it nobody
/// takes the document for whole.
pub const HASH_TRAILER: &str = "lanyard-blake3";

/// The largest document taken.
pub const MAX_DOCUMENT: u64 = 2 * 1024 * 1024 * 1024;

/// The most copies of one job.
pub const MAX_COPIES: u32 = 999;

/// The reason of a job that may or may not be on paper: only a person can look.
pub const MAYBE_PRINTED: &str = "maybe_printed";

/// The reason of a job that was cancelled here while its owner may have it and has not answered.
pub const CANCEL_UNCONFIRMED: &str = "cancel_unconfirmed";

/// The reason of a job that waits for the owner's permission.
pub const MUST_ASK: &str = "must_ask";

/// The reason of a job that its sender keeps back (RFC 8011 §5.3.8).
pub const HELD_BY_SENDER: &str = "job-hold-until-specified";

/// A question to the owner of a printer: may this be printed? The body of `POST /v1/asks`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Question<'a> {
    /// The share.
    pub(crate) share: &'a str,
    /// What is wanted: `print`.
    pub(crate) action: &'a str,
    /// The document's name.
    pub(crate) title: &'a str,
    /// Its pages.
    pub(crate) pages: Option<u32>,
    /// Its size.
    pub(crate) bytes: u64,
}

/// What comes with a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// The document's name, for people.
    pub title: String,
    /// What kind of document it is; the receiver looks for itself.
    pub format: Format,
    /// Bytes of the document.
    pub size: u64,
    /// BLAKE3 of the document, 64 hexadecimal digits. None where it follows the document ([`HASH_TRAILER`]), because it
    /// left before all of it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blake3: Option<String>,
    /// Counts the times a person asked for this job: a repeated request with the same number is the same job, a
    /// higher one after a failure prints again.
    #[serde(default = "first_attempt")]
    pub attempt: u32,
    /// Pages in the document, when the sender knows.
    #[serde(default)]
    pub pages: Option<u32>,
    /// What was chosen.
    #[serde(default)]
    pub options: Options,
}

/// Why a ticket is no good.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TicketError {
    /// Too long, no base64url, no JSON, or a field of the wrong kind.
    #[error("the ticket cannot be read")]
    Unreadable,
    /// Readable, but it makes no sense.
    #[error("{0}")]
    Invalid(String),
}

impl Ticket {
    /// The header's value.
    #[must_use]
    pub fn to_header(&self) -> String {
        // A ticket holds nothing that JSON cannot say.
        BASE64URL_NOPAD.encode(&serde_json::to_vec(self).unwrap_or_default())
    }

    /// Reads a header's value and checks what can be checked without the document.
    ///
    /// # Errors
    /// [`TicketError`].
    pub fn from_header(value: &[u8]) -> Result<Self, TicketError> {
        if value.len() > MAX_TICKET {
            return Err(TicketError::Unreadable);
        }
        let json = BASE64URL_NOPAD.decode(value).map_err(|_| TicketError::Unreadable)?;
        let mut ticket: Self = serde_json::from_slice(&json).map_err(|_| TicketError::Unreadable)?;
        let invalid = |text: &str| Err(TicketError::Invalid(text.to_owned()));
        if ticket.size == 0 {
            return invalid("the document is empty");
        }
        if ticket.blake3.as_deref().is_some_and(|hash| !is_hash(hash)) {
            return invalid("the hash is no BLAKE3 hash");
        }
        if ticket.attempt == 0 || ticket.options.copies.is_some_and(|n| n == 0 || n > MAX_COPIES) {
            return invalid("a number is out of range");
        }
        if ticket.options.media.as_deref().is_some_and(|media| !is_media_name(media)) {
            return invalid("the paper size has no PWG name");
        }
        let is_keyword = |text: &String| keyword(text).as_ref() == Some(text);
        if !ticket.options.source.iter().chain(&ticket.options.media_type).all(is_keyword) {
            return invalid("a choice is no IPP keyword");
        }
        if ticket.options.number_up.is_some_and(|n| !NUMBER_UP.contains(&n)) {
            return invalid("so many pages do not go on one side");
        }
        if ticket.options.dpi.is_some_and(|dpi| !DPI.contains(&dpi)) {
            return invalid("no printer has so many dots an inch");
        }
        if let Some(hash) = &mut ticket.blake3 {
            hash.make_ascii_lowercase();
        }
        ticket.title = title(&ticket.title);
        Ok(ticket)
    }
}

fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

fn first_attempt() -> u32 {
    1
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn ticket() -> Ticket {
        Ticket {
            title: "Rechnung März.pdf".to_owned(),
            format: Format::Pdf,
            size: 10,
            blake3: Some("ab".repeat(32)),
            attempt: 1,
            pages: Some(2),
            options: Options { copies: Some(2), pages: Some("1-3,5".parse().unwrap()), ..Options::default() },
        }
    }

    #[test]
    fn a_ticket_survives_its_way_through_a_header() {
        let ticket = ticket();
        let header = ticket.to_header();
        assert!(header.bytes().all(|b| b.is_ascii_graphic()), "it must fit into a header");
        assert_eq!(Ticket::from_header(header.as_bytes()).unwrap(), ticket);
    }

    #[test]
    fn a_ticket_that_makes_no_sense_is_refused() {
        let header = |change: fn(&mut Ticket)| {
            let mut ticket = ticket();
            change(&mut ticket);
            Ticket::from_header(ticket.to_header().as_bytes())
        };
        assert!(header(|t| t.size = 0).is_err(), "an empty document");
        assert!(header(|t| t.blake3 = Some("zz".repeat(32))).is_err());
        assert!(header(|t| t.attempt = 0).is_err());
        assert!(header(|t| t.options.copies = Some(1000)).is_err());
        assert!(header(|t| t.options.media = Some("A4\n/etc".to_owned())).is_err());
        assert!(Ticket::from_header(&[b'A'; MAX_TICKET + 1]).is_err());
        assert!(Ticket::from_header(b"!!").is_err());
    }
}
