//! Who is near: DNS-SD announcements and browsing, interfaces as they come and go, and which network this is.
//!
//! Everything heard here is a hint. [`Table`] bounds and cleans it; nothing in this crate connects to what it
//! heard, and nothing here decides who may do what. What is announced of a node holds no name of a person, a computer
//! or a share: an instance is eight random characters, new for each network and each start. Printers and folders
//! that everyone on the owner's network may use are announced by the names that the owner gave them ([`printers`]).

pub mod announce;
pub mod browse;
pub mod cache;
#[cfg(fuzzing)]
pub mod fuzzing;
pub mod interfaces;
pub mod message;
pub mod multicast;
pub mod network;
pub mod printers;
pub mod profiles;
pub mod table;
pub mod text;

pub use announce::{AnnounceError, Announcement};
pub use browse::Browser;
pub use interfaces::{Changes, Interface, Prefix, Reach};
pub use network::{Gateway, Located, Locator, NetworkId, Seen, Surroundings};
pub use printers::{FolderRecord, PaperMax, PrinterRecord, Printers, settle_name};
pub use profiles::{Profile, Profiles, Remembered};
pub use table::{Advert, Kind, Service, Table};
pub use text::{Opening, Saying, Token};
