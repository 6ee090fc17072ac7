//! Printers, print jobs and what a person may choose for one.

use crate::{Access, ApiError, Millis};
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
    /// Ink, toner, paper that the printer tells of.
    #[serde(default)]
    pub supplies: Vec<Supply>,
    /// Every way to this one printer, the one that is taken first in front: ids as in `id`.
    #[serde(default)]
    pub routes: Vec<String>,
    /// True when it is in this computer's own print dialog by way of Lanyard.
    #[serde(default)]
    pub added: bool,
}

/// Something a printer uses up (PWG 5100.13 `printer-supply`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Supply {
    /// What the printer calls it.
    pub name: String,
    /// `#rrggbb`, for what has a colour.
    pub color: Option<String>,
    /// What is left, in percent; none when the printer knows only that some is.
    pub level: Option<u8>,
    /// True when it will soon be needed.
    pub low: bool,
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
    /// Qualities it can be told, its default first; empty when it cannot be told.
    #[serde(default)]
    pub quality: Vec<Quality>,
    /// IPP keywords of the trays it can be told (`tray-1`), its default first; empty when it cannot be told.
    #[serde(default)]
    pub sources: Vec<String>,
    /// IPP keywords of the kinds of paper it can be told (`stationery`), its default first.
    #[serde(default)]
    pub media_types: Vec<String>,
    /// Pages on one side that can be asked for, ascending; 1 is always there.
    #[serde(default)]
    pub number_up: Vec<u32>,
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
    /// How finely.
    pub quality: Option<Quality>,
    /// From which tray: one of the printer's `sources`.
    pub source: Option<String>,
    /// On what: one of the printer's `media_types`.
    pub media_type: Option<String>,
    /// Pages on one side of the paper; none means 1.
    pub number_up: Option<u32>,
    /// How a page is fitted to the paper.
    pub scaling: Option<Scaling>,
    /// How text and pictures lie on the paper; a PDF has its own mind.
    pub orientation: Option<Orientation>,
    /// Laid out to be folded into a booklet.
    pub booklet: bool,
}

/// RFC 8011 §5.2.13 `print-quality`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum Quality {
    /// Fast, with little ink.
    Draft,
    /// As usual.
    Normal,
    /// As good as it gets.
    High,
}

/// PWG 5100.13 `print-scaling`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum Scaling {
    /// Made smaller when it is too large for the paper, else as it is.
    Auto,
    /// As large as fits.
    Fit,
    /// Fills the paper; what is beyond the edge is cut.
    Fill,
    /// As it is; what is beyond the edge is cut.
    None,
}

/// RFC 8011 §5.2.10 `orientation-requested`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum Orientation {
    /// Upright.
    Portrait,
    /// Lying.
    Landscape,
}

/// One side of a sheet as it will be on paper, and how many there are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Preview {
    /// Sides of paper that the job makes, without copies.
    pub sides: u32,
    /// Pages in the document.
    pub pages: u32,
    /// Which side this is, from 1.
    pub side: u32,
    /// PNG, base64.
    pub png: String,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// What will not be as it was chosen; empty when all of it will.
    pub differs: Vec<Difference>,
}

/// Something that comes out otherwise than it was chosen. The words for people are in `locales/` under
/// `differs.<what>`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Difference {
    /// No colour: it will be grey.
    Grey,
    /// Not both sides that way: one side a sheet.
    OneSided,
    /// One side only, for a booklet: somebody must lay the sheets in again.
    BookletByHand,
    /// The printer does not know that paper.
    Media {
        /// Its PWG media name, as it was chosen.
        media: String,
    },
    /// The printer has no such tray and takes its own.
    Tray,
    /// The printer knows no such kind of paper and takes what is in it.
    MediaType,
    /// The printer makes fewer copies of a job.
    Copies {
        /// The most that it makes.
        most: u32,
    },
    /// Pages of a PDF keep the way they lie.
    Orientation,
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
    /// Ink, toner, paper that the printer tells of.
    #[serde(default)]
    pub supplies: Vec<Supply>,
    /// Stopped by its owner; jobs wait.
    #[serde(default)]
    pub paused: bool,
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
    /// Kept back until somebody lets it go; `reason` says by whom or until when.
    Held,
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

/// What a person can do with a job now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum JobAction {
    /// `CancelJob`.
    Cancel,
    /// `HoldJob`.
    Hold,
    /// `ReleaseJob`.
    Release,
    /// `MoveJob`.
    Move,
    /// `RetryJob`.
    Retry,
    /// `Reprint`.
    Reprint,
}

/// So many documents are taken with one request, so that it ends in the time that a node gives a request even when each
/// of them has to be converted first. Whoever has more asks again, and sees meanwhile what became of these.
pub const MOST_AT_ONCE: usize = 8;

/// What became of one of several documents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Printed {
    /// It was taken.
    Job(Box<Job>),
    /// It was not.
    Refused(ApiError),
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
    /// Who sent it, as a program without Lanyard calls its user; a claim, shown to tell jobs apart.
    #[serde(default)]
    pub user: Option<String>,
    /// What can be done with it now.
    #[serde(default)]
    pub actions: Vec<JobAction>,
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
