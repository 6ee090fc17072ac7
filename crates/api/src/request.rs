//! What can be asked, and what is answered.

use crate::{
    Audience, Conflict, Document, Job, Listing, Millis, Nearby, Network, NetworkProfile, NodeStatus,
    PrintOptions, PrinterCapabilities, Queue, Share, Snapshot, Transfer,
};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// One request of a front end. Names of printers, drives, devices and shares are ids, `name@device`, or a
/// unique part of the name; an ambiguous one is refused with the candidates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Request {
    /// Who am I, on which networks → `Status`.
    Status,
    /// Everything a front end shows, with the number of the last event in it → `Snapshot`.
    Snapshot,
    /// Open the browser door on loopback and tell its link, token included → `Link`.
    BrowserLink,
    /// What can be used now → `Nearby`.
    Nearby,
    /// Change this computer's name, as others see it → `Status`.
    Rename {
        /// 1 to 64 bytes of UTF-8 after cleaning.
        name: String,
    },
    /// The first-run screens are through → `Done`.
    FinishFirstRun,
    /// Networks known and connected → `Networks`.
    Networks,
    /// Mark a network as own or public → `Networks`.
    SetNetwork {
        /// A network's id or name, or `current` for every connected one.
        network: String,
        /// The new profile.
        profile: NetworkProfile,
    },
    /// This computer's own print queues → `Queues`.
    Queues,
    /// What this computer offers → `Shares`.
    Shares,
    /// Offer a print queue → `Share`.
    SharePrinter {
        /// The queue's system name, or `save-as-pdf`.
        queue: String,
        /// The name others see; none means the queue's own.
        name: Option<String>,
        /// Who may print; empty means everyone on the owner's networks.
        audience: Vec<Audience>,
        /// The share ends by itself then.
        #[ts(type = "number | null")]
        until: Option<Millis>,
    },
    /// Offer a folder → `Share`.
    ShareFolder {
        /// Absolute path of an existing folder.
        path: String,
        /// The name others see; none means the folder's own.
        name: Option<String>,
        /// Whether they may write.
        write: bool,
        /// Who may use it; empty means everyone on the owner's networks.
        audience: Vec<Audience>,
        /// The share ends by itself then.
        #[ts(type = "number | null")]
        until: Option<Millis>,
    },
    /// Change who may use a share, or its name → `Share`.
    ChangeShare {
        /// The share.
        share: String,
        /// A new name.
        name: Option<String>,
        /// Folders: whether others may write.
        write: Option<bool>,
    },
    /// Stop offering something → `Done`.
    Unshare {
        /// The share.
        share: String,
    },
    /// What a printer can do → `Capabilities`.
    Capabilities {
        /// The printer.
        printer: String,
    },
    /// Print a document → `Job`, once it is safe on this computer's disk.
    Print {
        /// The printer.
        printer: String,
        /// The document.
        document: Document,
        /// The choices.
        options: PrintOptions,
    },
    /// Print jobs, newest first → `Jobs`.
    Jobs,
    /// Cancel a job: ours anywhere, theirs on our printers → `Job`.
    CancelJob {
        /// The job's id or a unique beginning of it.
        job: String,
    },
    /// Try a failed or stopped job of ours again → `Job`.
    RetryJob {
        /// The job's id or a unique beginning of it.
        job: String,
    },
    /// A folder's content → `Listing`.
    List {
        /// The drive.
        drive: String,
        /// The path inside it, `/`-separated; empty for the top.
        path: String,
        /// From an earlier `Listing`.
        after: Option<String>,
    },
    /// Copy a file from a drive to here → `Transfer`, at once; its progress comes as events.
    Get {
        /// The drive.
        drive: String,
        /// The file's path inside it.
        path: String,
        /// An absolute folder or file path; none means the downloads folder.
        dest: Option<String>,
        /// When the name is taken here.
        #[serde(default)]
        conflict: Conflict,
    },
    /// Copy a file of this computer to a drive → `Transfer`, at once.
    Put {
        /// The file: a path, or a browser's upload.
        document: Document,
        /// The drive.
        drive: String,
        /// The folder inside it, or the new file's path when it does not end with `/` and is no folder.
        path: String,
        /// When the name is taken there.
        #[serde(default)]
        conflict: Conflict,
    },
    /// Copies, newest first → `Transfers`.
    Transfers,
    /// Stop a copy → `Transfer`.
    CancelTransfer {
        /// The transfer's id or a unique beginning of it.
        transfer: String,
    },
    /// Go on with a failed copy where it stopped → `Transfer`.
    RetryTransfer {
        /// The transfer's id or a unique beginning of it.
        transfer: String,
    },
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "is", content = "value", rename_all = "snake_case")]
pub enum Response {
    /// Nothing to tell.
    Done,
    /// Who this node is.
    Status(NodeStatus),
    /// A link to open, with a secret in it.
    Link(String),
    /// Everything.
    Snapshot(Box<Snapshot>),
    /// What can be used now.
    Nearby(Nearby),
    /// Networks.
    Networks(Vec<Network>),
    /// Own queues.
    Queues(Vec<Queue>),
    /// Shares.
    Shares(Vec<Share>),
    /// One share.
    Share(Share),
    /// A printer's abilities.
    Capabilities(PrinterCapabilities),
    /// One job.
    Job(Job),
    /// Jobs.
    Jobs(Vec<Job>),
    /// A folder's content.
    Listing(Listing),
    /// One copy.
    Transfer(Transfer),
    /// Copies.
    Transfers(Vec<Transfer>),
}
