//! What can go wrong, as a code that a screen can act on.

use serde::{Deserialize, Serialize};
use std::fmt;
use ts_rs::TS;

/// An error for a front end: a code to act on, words for the details.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ApiError {
    /// What a screen acts on; the words for people are in `locales/` under `error.<code>`.
    pub code: ErrorCode,
    /// What exactly happened, in English, for details and the command line.
    pub detail: String,
    /// For `ambiguous`: the names that match.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<String>,
}

/// The codes. One is added only when a screen or a script acts on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// No such printer, drive, device, share, job, path.
    NotFound,
    /// More than one thing has that name.
    Ambiguous,
    /// The owner has not allowed it.
    NotAllowed,
    /// The other device does not answer.
    PeerUnreachable,
    /// The request makes no sense: a bad option, an empty file, a folder instead of a file.
    Invalid,
    /// Nothing here can print this kind of file.
    UnsupportedDocument,
    /// A file cannot be read or written here.
    Unreadable,
    /// No room on the disk, here or there.
    DiskFull,
    /// A name is taken.
    Exists,
    /// What was copied does not match the original; it was not kept.
    Mismatch,
    /// The file changed on the other side while it was copied.
    Changed,
    /// The printer's own system refused or lost the job.
    PrinterFailed,
    /// The owner must be asked first.
    MustAsk,
    /// That is all for today.
    Spent,
    /// The code is wrong, or is not shown on any device nearby.
    WrongCode,
    /// The code has ended: too old, used, or tried wrongly three times.
    CodeEnded,
    /// This device is in a home already.
    InHome,
    /// This device is in no home.
    NoHome,
    /// Only a device that keeps the home may do that.
    NotKeeper,
    /// The other device runs a version that this one does not understand.
    OtherVersion,
    /// The network is not marked as own.
    NetworkPublic,
    /// This computer cannot show drives as folders: a part of its system is missing, which can be installed.
    NoFuse,
    /// Part of a later version.
    NotAvailable,
    /// Too much at once; try again later.
    Busy,
    /// The disc or drive behind it is not in.
    Away,
    /// The node is stopping.
    Stopping,
    /// A fault of Lanyard's own.
    Internal,
}

impl ApiError {
    /// An error with its code and its words.
    pub fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), candidates: Vec::new() }
    }

    /// Part of a later version: says so instead of pretending.
    pub fn not_available(what: &str) -> Self {
        Self::new(ErrorCode::NotAvailable, format!("{what} is not available in this version of Lanyard."))
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)?;
        if !self.candidates.is_empty() {
            write!(f, " Candidates: {}.", self.candidates.join(", "))?;
        }
        Ok(())
    }
}

impl std::error::Error for ApiError {}
