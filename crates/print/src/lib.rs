//! Printing: offer this computer's queues to others, print on theirs.
//!
//! [`offer`] takes documents from other nodes, keeps them safe and hands them to the system's queues; [`consume`]
//! keeps documents for other nodes' printers until they are there. The two halves meet only on the wire, whose
//! words are in [`ticket`]; `client` speaks IPP to printers and to the system's own spooler. [`system`] is what this
//! computer's own spooler can do, behind one trait; [`document`] knows the kinds of documents that can be printed, and
//! [`render`] what becomes of their pages on paper. Who may print is decided by the gate that `offer` asks.

mod client;
pub mod consume;
pub mod document;
#[cfg(not(feature = "fault-points"))]
mod fault;
#[cfg(feature = "fault-points")]
pub mod fault;
#[cfg(fuzzing)]
pub mod fuzzing;
pub mod offer;
pub mod render;
pub mod spool;
pub mod system;
pub mod ticket;

use lanyard_store::Migrations;
use serde::{Deserialize, Serialize};
use std::fmt;

/// This room's tables.
pub const MIGRATIONS: Migrations = Migrations {
    room: "print",
    steps: &[
        offer::TABLE,
        consume::TABLE,
        consume::ASKS_FIRST,
        offer::HOLDS,
        offer::ipp::TABLE,
        consume::DIRECT,
        consume::HANDLED,
        offer::TERMS,
        consume::IDENTITY,
        offer::AHEAD,
    ],
};

/// The system's name of one of this computer's own print queues, or [`QueueId::SAVE_AS_PDF`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct QueueId(pub String);

impl QueueId {
    /// The built-in Save as PDF printer.
    pub const SAVE_AS_PDF: &str = "save-as-pdf";
}

impl fmt::Display for QueueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
