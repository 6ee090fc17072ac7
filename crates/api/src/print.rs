//! Printers, print jobs and what a person may choose for one.

use crate::{Access, Millis};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A printer somebody else offers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Printer {
    /// `share@device` for a node's printer, `dnssd:…` for a standard one.
    pub id: String,
    /// The name its owner gave it.
    pub name: String,
    /// The device that offers it, or none for a standard printer on the network.
    pub device: Option<String>,
    /// The name of that device, or the printer's own host.
    pub device_name: String,
    /// Make and model, when known.
    pub model: Option<String>,
    /// A place, when the owner told one.
    pub location: Option<String>,
    /// What it is doing.
    pub state: PrinterState,
    /// Why, in the IPP keywords of RFC 8011 §5.4.12 without severity suffix (`media-empty`).
    pub reasons: Vec<String>,
    /// Jobs waiting there.
    pub waiting: u32,
    /// Whether it can be used now.
    #[serde(default)]
    pub access: Access,
    /// True when this version can print on it.
    pub usable: bool,
}

/// What a printer is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum PrinterState {
    /// Nothing to do, ready.
    Ready,
    /// Printing.
    Busy,
    /// Needs a person; the reasons say what for.
    Stopped,
    /// Its device does not answer.
    Unreachable,
}

/// What a printer can do; only this is offered to a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct PrinterCapabilities {
    /// MIME types it takes after Lanyard's own conversion.
    pub formats: Vec<String>,
    /// Whether it prints colour.
    pub color: bool,
    /// The sides it can print on, the first is its default.
    pub sides: Vec<Sides>,
    /// PWG 5101.1 media names (`iso_a4_210x297mm`), sorted as the printer lists them.
    pub media: Vec<String>,
    /// The medium it uses when nothing is said.
    pub media_default: Option<String>,
    /// The most copies it makes of one job.
    pub max_copies: u32,
}

/// What a person chose for a job. Everything left out is the printer's default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default)]
pub struct PrintOptions {
    /// 1 to 999; none means 1.
    pub copies: Option<u32>,
    /// `1-3,5`, 1-based, in the document's order; none means all.
    pub pages: Option<String>,
    /// Sides of the paper.
    pub sides: Option<Sides>,
    /// Colour or grey.
    pub color: Option<ColorMode>,
    /// PWG 5101.1 media name, or a short one the node knows (`A4`, `Letter`).
    pub media: Option<String>,
}

/// RFC 8011 §5.2.8 `sides`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum Sides {
    /// One side.
    OneSided,
    /// Both, turned on the long edge.
    TwoSidedLongEdge,
    /// Both, turned on the short edge.
    TwoSidedShortEdge,
}

/// PWG 5100.13 `print-color-mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum ColorMode {
    /// Colour where the document has it.
    Color,
    /// Grey.
    Monochrome,
}

/// Where the node finds the document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "from", rename_all = "snake_case")]
pub enum Document {
    /// A file of this computer that the node's user may read; absolute.
    Path {
        /// The absolute path.
        path: String,
    },
    /// Bytes that a browser sent before (`POST /upload`); used up by the request.
    Upload {
        /// The id the upload answered.
        id: String,
        /// The file's own name.
        name: String,
    },
}

/// A queue of this computer's own, shared or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Queue {
    /// The system's name of it (`Brother_HL_L2350`), or `save-as-pdf` for the built-in one.
    pub id: String,
    /// A name for people.
    pub name: String,
    /// Make and model, when known.
    pub model: Option<String>,
    /// What it is doing.
    pub state: PrinterState,
    /// Why, in IPP keywords.
    pub reasons: Vec<String>,
    /// True for the system's default queue.
    pub is_default: bool,
    /// True for Lanyard's own Save as PDF printer.
    pub built_in: bool,
    /// The share that offers it, if any.
    pub share: Option<String>,
}

/// Whose job it is, seen from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum JobDirection {
    /// Sent from here to another device.
    Outgoing,
    /// Came from another device for a printer of ours.
    Incoming,
}

/// The life of a print job, in the order a person experiences it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Kept here, on its way to the other device.
    Sending,
    /// Safe with the printer's owner, not on paper yet.
    Waiting,
    /// Being printed.
    Printing,
    /// Stopped; `reason` says what a person must do.
    Stopped,
    /// On paper.
    Done,
    /// Cancelled by a person.
    Cancelled,
    /// Will not be printed; `reason` says why.
    Failed,
}

/// One print job, ours or somebody else's on our printer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Job {
    /// The UUID the sender made; the same on both sides.
    pub id: String,
    /// The document's name.
    pub title: String,
    /// Ours or theirs.
    pub direction: JobDirection,
    /// The printer's name.
    pub printer: String,
    /// The device at the other end.
    pub device: String,
    /// The name of that device.
    pub device_name: String,
    /// Where it is.
    pub state: JobState,
    /// The IPP keyword or error code behind the state, if any (`media-empty`, `peer_unreachable`).
    pub reason: Option<String>,
    /// Plain words behind `reason`, in English, for details and the command line.
    pub detail: Option<String>,
    /// Size of the document in bytes.
    #[ts(type = "number")]
    pub bytes: u64,
    /// Pages in the document, when known.
    pub pages: Option<u32>,
    /// Pages that reached paper, when the printer tells.
    pub pages_done: Option<u32>,
    /// What was chosen.
    pub options: PrintOptions,
    /// When it was made.
    #[ts(type = "number")]
    pub created_at: Millis,
    /// When it ended.
    #[ts(type = "number | null")]
    pub ended_at: Option<Millis>,
}
