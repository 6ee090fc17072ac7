//! Drives: offer folders of this computer to others, browse and copy from theirs.
//!
//! [`offer`] answers other nodes, [`consume`] asks them; the two halves meet only on the wire ([`wire`]). What both
//! must agree on is pure and lives beside them: names and paths ([`path`]), and how content is identified and
//! verified ([`content`]), and how many files travel at once ([`frames`]), which bytes
//! of a file are meant ([`range`]) and which names are looked for ([`words`]). Who may do what is decided by the gate the offer is given, not here.

pub mod consume;
pub mod content;
pub mod disc;
mod disk;
pub mod frames;
#[cfg(fuzzing)]
pub mod fuzzing;
mod landing;
mod naming;
pub mod offer;
pub mod path;
pub mod range;
pub mod wire;
pub mod words;

pub use consume::transfers::MIGRATIONS;
