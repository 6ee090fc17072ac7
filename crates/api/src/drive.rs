//! Folders and drives of others, and copies to and from them.

use crate::{Access, Millis, TransferTree};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A folder, drive or disc that another device shares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Drive {
    /// `share@device`.
    pub id: String,
    /// The name its owner gave it.
    pub name: String,
    /// The device that offers it.
    pub device: String,
    /// The name of that device.
    pub device_name: String,
    /// Whether it can be used now.
    #[serde(default)]
    pub access: Access,
    /// True when this device may write to it.
    pub writable: bool,
    /// What is on a disc: it can be saved as an image too.
    #[serde(default)]
    pub disc: bool,
    /// False while the device, or the disk behind the share, is away.
    pub available: bool,
    /// Bytes free on the disk behind it, when told.
    #[ts(type = "number | null")]
    pub free_bytes: Option<u64>,
    /// Size of the disk behind it, when told.
    #[ts(type = "number | null")]
    pub total_bytes: Option<u64>,
}

/// What a name in a folder stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// A file with content.
    File,
    /// A folder.
    Folder,
    /// A link, device or socket; listed, never followed.
    Other,
}

/// One name in a folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Entry {
    /// The name, as the other system holds it.
    pub name: String,
    /// What it is.
    pub kind: EntryKind,
    /// Bytes; 0 for folders.
    #[ts(type = "number")]
    pub size: u64,
    /// Last change.
    #[ts(type = "number | null")]
    pub modified: Option<Millis>,
    /// Files: differs whenever the content may; none where it was not told.
    #[serde(default)]
    pub etag: Option<String>,
    /// What it is where only its name keeps it from being opened: `kind` is `other` then. Its name has characters in it
    /// that could not be read, and replacement characters in their places.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub misnamed: Option<EntryKind>,
}

/// A part of a folder's content, folders first, then by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Listing {
    /// The folder's path inside the share, `/`-separated, without a leading slash.
    pub path: String,
    /// The entries.
    pub entries: Vec<Entry>,
    /// Pass it back to get the rest; none at the end.
    pub next: Option<String>,
}

/// What happens when a name is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Conflict {
    /// Stop and say so.
    #[default]
    Refuse,
    /// Keep both: the new one gets a number.
    KeepBoth,
    /// Put the new one in its place, once it is whole.
    Replace,
    /// Keep the old one and do not copy the new one. For one file that is the same as refusing.
    Skip,
}

/// Which way the bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum TransferDirection {
    /// From another device to here.
    Download,
    /// From here to another device.
    Upload,
}

/// The life of a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum TransferState {
    /// Not begun, or between two tries.
    Waiting,
    /// Bytes are moving.
    Running,
    /// Held by a person; `RetryTransfer` lets it go on.
    Paused,
    /// Whole, under its final name, identical to the original.
    Done,
    /// Stopped by a person; nothing is left under the final name.
    Cancelled,
    /// Cannot go on; `reason` says why. What was received is kept for another try.
    Failed,
}

/// One copy of a file or folder in either direction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Transfer {
    /// A UUID.
    pub id: String,
    /// Which way.
    pub direction: TransferDirection,
    /// The name of the file or folder.
    pub name: String,
    /// The drive's name.
    pub drive: String,
    /// Its id, `share@device`; empty for what is sent to a person.
    #[serde(default)]
    pub drive_id: String,
    /// The device at the other end.
    pub device: String,
    /// The name of that device.
    pub device_name: String,
    /// The path inside the share.
    pub remote_path: String,
    /// The absolute path on this computer.
    pub local_path: String,
    /// Where it is.
    pub state: TransferState,
    /// Error code behind the state, if any.
    pub reason: Option<String>,
    /// Plain words behind `reason`, in English.
    pub detail: Option<String>,
    /// Bytes to move; none until known.
    #[ts(type = "number | null")]
    pub bytes: Option<u64>,
    /// Bytes that are verified and safe on disk.
    #[ts(type = "number")]
    pub bytes_done: u64,
    /// Bytes a second, smoothed; 0 when not running.
    #[ts(type = "number")]
    pub rate: u64,
    /// A limit of its own, in bytes a second.
    #[serde(default)]
    #[ts(type = "number | null")]
    pub limit: Option<u64>,
    /// Downloads: devices from which the pieces come that are under way, or came last; 0 until known.
    #[serde(default)]
    pub sources: u32,
    /// It is sent to a person's inbox, who is asked first; there is no drive that anybody could look into.
    #[serde(default)]
    pub inbox: bool,
    /// What is known of a folder; none for a file.
    #[serde(default)]
    pub tree: Option<TransferTree>,
    /// When it was made.
    #[ts(type = "number")]
    pub created_at: Millis,
    /// When it ended.
    #[ts(type = "number | null")]
    pub ended_at: Option<Millis>,
}
