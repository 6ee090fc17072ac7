//! One copy in either direction, as everybody outside sees it.

use lanyard_trust::{NodeId, ShareId};
use std::path::PathBuf;
use uuid::Uuid;

/// Which way the bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From another device to here.
    Download,
    /// From here to another device.
    Upload,
}

/// The life of a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Not begun, or between two tries.
    Waiting,
    /// Bytes are moving.
    Running,
    /// Held by a person until a person lets it go on.
    Paused,
    /// Whole, under its final name, identical to the original.
    Done,
    /// Stopped by a person; nothing is left of it.
    Cancelled,
    /// Cannot go on by itself. What was received is kept for another try, unless it was wrong.
    Failed,
}

/// What happens when a name is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// Stop and say so.
    Refuse,
    /// The new one gets a number.
    KeepBoth,
    /// The new one takes the place of the old one, once it is whole.
    Replace,
    /// The old one stays and the new one is not copied.
    Skip,
}

/// Why a copy waits or failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The other device does not answer.
    PeerUnreachable,
    /// The file or the share is gone.
    NotFound,
    /// The owner does not allow it.
    NotAllowed,
    /// The owner must be asked first.
    MustAsk,
    /// That is all for today.
    Spent,
    /// A file cannot be read or written, here or there.
    Unreadable,
    /// No room, here or there.
    DiskFull,
    /// The name is taken.
    Exists,
    /// What came is not the original.
    Mismatch,
    /// The original changed again and again.
    Changed,
    /// A folder, a link, a name that cannot be.
    Invalid,
    /// A name that cannot be carried over to another computer.
    Misnamed,
    /// Too much at once.
    Busy,
    /// The disc or drive there is not in.
    Away,
    /// A fault.
    Internal,
}

/// One copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// Its id.
    pub id: Uuid,
    /// Which way.
    pub direction: Direction,
    /// The device at the other end.
    pub node: NodeId,
    /// Its name when the copy began.
    pub device_name: String,
    /// The share there.
    pub share: ShareId,
    /// The share's name when the copy began.
    pub drive: String,
    /// The path inside the share, `/`-separated.
    pub remote_path: String,
    /// The absolute path here.
    pub local_path: PathBuf,
    /// When the name is taken.
    pub conflict: Conflict,
    /// Where it is.
    pub state: State,
    /// Why, if there is a why.
    pub reason: Option<Reason>,
    /// The same in plain English.
    pub detail: Option<String>,
    /// Bytes to move; none until known.
    pub size: Option<u64>,
    /// Download: bytes received and not known to be wrong. Upload: bytes handed to the network.
    pub bytes_done: u64,
    /// Bytes a second, smoothed; 0 when not running.
    pub rate: u64,
    /// A limit of its own, in bytes a second.
    pub limit: Option<u64>,
    /// Download: devices from which its pieces come, or came last; 0 until known.
    pub sources: u32,
    /// What is known of a folder that is copied; none for a file.
    pub tree: Option<Tree>,
    /// When it was made, in Unix milliseconds.
    pub created_at: i64,
    /// When it ended.
    pub ended_at: Option<i64>,
}

/// A folder with everything in it, as far as it is copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    /// Files to copy; none until they are counted.
    pub files: Option<u64>,
    /// Files that are there, whole and identical.
    pub files_done: u64,
    /// Files and folders that could not be copied.
    pub failed: u64,
    /// What is not copied because it cannot be or because something else is there: links, devices, what was to stay.
    pub left_out: u64,
    /// How many of those are ordinary files and folders whose names cannot be carried over.
    pub misnamed: u64,
    /// What has another name in the copy.
    pub renamed: u64,
}

/// Something to tell of one file or folder of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Its path below the folder that is copied.
    pub path: String,
    /// Its path in the copy.
    pub copy: String,
    /// What became of it.
    pub fate: Fate,
    /// Why, for a screen.
    pub reason: Option<Reason>,
    /// Why, in plain English.
    pub detail: Option<String>,
}

/// What became of a file or folder of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is there, identical.
    Done,
    /// It is not copied and need not be.
    LeftOut,
    /// It could not be copied.
    Failed,
}

impl State {
    /// It is over.
    #[must_use]
    pub fn is_ended(self) -> bool {
        matches!(self, Self::Done | Self::Cancelled | Self::Failed)
    }
}

/// Words of an enum that are kept in the store and told to front ends.
macro_rules! words {
    ($kind:ty { $($variant:ident = $word:literal),+ $(,)? }) => {
        impl $kind {
            /// The stable word for it.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// What a stable word means.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

words!(Direction { Download = "download", Upload = "upload" });
words!(State {
    Waiting = "waiting",
    Running = "running",
    Paused = "paused",
    Done = "done",
    Cancelled = "cancelled",
    Failed = "failed",
});
words!(Conflict { Refuse = "refuse", KeepBoth = "keep_both", Replace = "replace", Skip = "skip" });
words!(Fate { Done = "done", LeftOut = "left_out", Failed = "failed" });
words!(Reason {
    PeerUnreachable = "peer_unreachable",
    NotFound = "not_found",
    NotAllowed = "not_allowed",
    MustAsk = "must_ask",
    Spent = "spent",
    Unreadable = "unreadable",
    DiskFull = "disk_full",
    Exists = "exists",
    Mismatch = "mismatch",
    Changed = "changed",
    Invalid = "invalid",
    Misnamed = "misnamed",
    Busy = "busy",
    Away = "away",
    Internal = "internal",
});
