//! Drives that are mounted as folders of this computer, and what was removed from a drive.

use crate::{EntryKind, Millis};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A drive that appears as a folder of this computer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Mount {
    /// The folder's absolute path.
    pub dir: String,
    /// The drive: the `id` of a `Drive`.
    pub drive_id: String,
    /// The drive's name.
    pub drive: String,
    /// The device that offers it.
    pub device: String,
    /// The name of that device.
    pub device_name: String,
    /// It appears again whenever Lanyard starts.
    pub at_start: bool,
    /// False when it is meant to be there and is not; `detail` says why.
    pub mounted: bool,
    /// Plain words, in English: why it is not there, or what became of something that was written.
    pub detail: Option<String>,
}

/// Something that was removed from a drive and can be had back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Binned {
    /// Its id in the drive's bin.
    pub id: String,
    /// The path it had.
    pub path: String,
    /// What it is.
    pub kind: EntryKind,
    /// Bytes; 0 unless a file.
    #[ts(type = "number")]
    pub size: u64,
    /// When it was removed, by the clock of the device that offers the drive.
    #[ts(type = "number")]
    pub removed_at: Millis,
    /// The name of the device that removed it, if it is known here.
    pub removed_by: Option<String>,
}
