//! Whole folders that are copied: counts, and what there is to tell of single files.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A folder with everything in it, as far as it is copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct TransferTree {
    /// Files to copy; none until they are counted.
    #[ts(type = "number | null")]
    pub files: Option<u64>,
    /// Files that are there, whole and identical.
    #[ts(type = "number")]
    pub files_done: u64,
    /// Files and folders that could not be copied.
    #[ts(type = "number")]
    pub failed: u64,
    /// What is not copied: links, devices, and what another file was to stay for.
    #[ts(type = "number")]
    pub left_out: u64,
    /// How many of those are ordinary files and folders whose names cannot be carried over.
    #[serde(default)]
    #[ts(type = "number")]
    pub misnamed: u64,
    /// What has another name in the copy.
    #[ts(type = "number")]
    pub renamed: u64,
}

/// What became of a file or folder of a tree that is not there under its own name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum TransferFate {
    /// It is there, under another name.
    Renamed,
    /// It is not copied and need not be.
    LeftOut,
    /// It could not be copied.
    Failed,
}

/// Something to tell of one file or folder of a tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct TransferNote {
    /// Its path below the folder that is copied.
    pub path: String,
    /// Its path in the copy.
    pub copy: String,
    /// What became of it.
    pub fate: TransferFate,
    /// The error code behind it, if any; `misnamed` for an ordinary file or folder whose name cannot be carried over.
    #[serde(default)]
    pub reason: Option<String>,
    /// Why, in plain English.
    pub detail: Option<String>,
}
