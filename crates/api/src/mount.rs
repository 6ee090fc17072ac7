//! Drives that are mounted as folders of this computer, and what was removed from a drive.

use crate::{EntryKind, ErrorCode, Millis};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A drive that appears as a folder of this computer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Mount {
    /// The folder's absolute path; on Windows a letter with a colon.
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
    /// Why it is not there, or what became of something that was written.
    #[serde(default)]
    pub note: Option<MountNote>,
    /// The same in plain words, in English.
    pub detail: Option<String>,
}

/// What there is to tell of a mounted drive that no program could be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum MountNote {
    /// It could not be mounted.
    Failed {
        /// Why.
        code: ErrorCode,
    },
    /// Another program has unmounted it.
    Elsewhere,
    /// Somebody else had changed a file as well.
    KeptBoth {
        /// The file's path inside the drive.
        path: String,
        /// Where what was written here is.
        kept_as: String,
    },
    /// What was written last did not arrive.
    Lost {
        /// The file's path inside the drive.
        path: String,
    },
}

/// Where this computer's own programs find a drive by WebDAV.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct DriveAddress {
    /// The drive: the `id` of a `Drive`.
    pub drive_id: String,
    /// The drive's name.
    pub drive: String,
    /// The name of the device that offers it.
    pub device_name: String,
    /// The address; it holds a secret.
    pub url: String,
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
