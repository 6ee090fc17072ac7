//! What nodes tell each other about themselves: the JSON of `/v1/hello` and `/v1/watch`.
//!
//! Strangers send these too. Unknown fields are ignored, every list and string is bounded by the reader.

use lanyard_print::ticket::Supply;
use serde::{Deserialize, Serialize};

/// The version of the protocol between nodes.
pub const VERSION: u16 = 1;

/// Who a node is; the first line of a watch stream and the body of a hello.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`VERSION`] of the sender.
    pub v: u16,
    /// The owner's label for it.
    pub name: String,
    /// `linux`, `macos`, `windows`.
    pub os: String,
    /// The TCP port on which it listens, or 0 when it does not.
    pub port: u16,
    /// After how many seconds of silence on a watch stream the sender says that it is alive. Old ones do not tell.
    #[serde(default = "alive")]
    pub alive: u16,
}

/// What those keep to who do not tell.
const fn alive() -> u16 {
    10
}

/// What a node offers to the one who asks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offers {
    /// Printers this caller may print on.
    #[serde(default)]
    pub printers: Vec<OfferedPrinter>,
    /// Folders this caller may look into.
    #[serde(default)]
    pub drives: Vec<OfferedDrive>,
}

/// One offered printer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferedPrinter {
    /// The share's id.
    pub share: String,
    /// The owner's name for it.
    pub name: String,
    /// Make and model, when known. Never a serial number.
    pub model: Option<String>,
    /// A place, when the owner told one.
    pub location: Option<String>,
    /// `idle`, `processing` or `stopped` (RFC 8011 §5.4.11).
    pub state: String,
    /// IPP `printer-state-reasons` without severity suffixes.
    #[serde(default)]
    pub reasons: Vec<String>,
    /// Jobs not on paper yet.
    #[serde(default)]
    pub waiting: u32,
    /// Ink, toner, paper that the printer tells of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub supplies: Vec<Supply>,
    /// The owner must be asked first.
    #[serde(default)]
    pub ask: bool,
    /// The same wherever this piece of hardware is offered; says nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
}

/// One offered folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferedDrive {
    /// The share's id.
    pub share: String,
    /// The owner's name for it.
    pub name: String,
    /// Whether this caller may write.
    pub writable: bool,
    /// False while the disk behind it is away.
    pub available: bool,
    /// Bytes free on the disk behind it.
    pub free: Option<u64>,
    /// Size of the disk behind it.
    pub total: Option<u64>,
    /// The owner must be asked first.
    #[serde(default)]
    pub ask: bool,
    /// It is on a disc, which can be had as an image too.
    #[serde(default)]
    pub disc: bool,
}

/// A question to the owner of a share: the body of `POST /v1/asks`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// The share.
    pub share: String,
    /// What is wanted.
    pub action: Wish,
    /// The document to print.
    #[serde(default)]
    pub title: Option<String>,
    /// Its pages.
    #[serde(default)]
    pub pages: Option<u32>,
    /// Its size.
    #[serde(default)]
    pub bytes: Option<u64>,
}

/// What somebody wants to do with a share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wish {
    /// Print.
    Print,
    /// Look into a folder and read.
    Read,
    /// Write to a folder.
    Write,
}

/// The answer to a [`Question`] that waits for its owner (202).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waits {
    /// The question's id. The same as long as the same question waits.
    pub ask: String,
    /// When no answer becomes a no, in Unix milliseconds of the owner's clock.
    pub ends_at: i64,
    /// The same in milliseconds from now, for one whose clock stands elsewhere.
    pub ends_in: u64,
}

/// Files that somebody wants to send to a person's inbox: the body of `POST /v1/sends`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announced {
    /// A UUID of the sender's making. The share that opens after a yes is `send-` and this.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// Bytes, all together.
    pub bytes: u64,
    /// Files and folders, as a person chose them.
    #[serde(default)]
    pub files: Option<u32>,
    /// Their names, the first few of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// Nothing more of it comes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<SendOver>,
}

/// How a sending ended for its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SendOver {
    /// All of it arrived.
    Whole,
    /// The rest does not come.
    Stopped,
}

/// The answer to an announcement; it may be asked for again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum SendAnswer {
    /// It may come.
    Accepted,
    /// The owner is being asked.
    Waits,
    /// The owner has said no, or nothing.
    Refused,
    /// There is no room for it.
    NoRoom,
    /// Too much of this device waits already.
    Busy,
}

/// The answer to a [`Question`] that need not be asked (200).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allowed {
    /// True.
    pub allowed: bool,
}

/// One line of a watch stream (`GET /v1/watch`, newline-delimited JSON).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "line", content = "value", rename_all = "snake_case")]
pub enum WatchLine {
    /// Who I am; first, and again when it changes.
    Hello(Hello),
    /// What you may use; second, and again when it changes.
    Offers(Offers),
    /// A job of yours on a printer of mine changed: `lanyard_print`'s job status.
    Job(serde_json::Value),
    /// What I know of our home, as one number in hexadecimal digits; told to its devices, at first and when it changes.
    Home {
        /// Equal to the listener's when both know the same.
        digest: String,
    },
    /// The owner has answered a question of yours, or has not answered in time.
    Asked {
        /// The share.
        share: String,
        /// True for a yes.
        yes: bool,
    },
    /// Nothing new; sent when nothing else was for a while, so that silence means trouble.
    Alive,
    /// I stop now.
    Bye,
}
