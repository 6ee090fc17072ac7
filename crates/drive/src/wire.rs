//! What the two halves say to each other, as JSON and headers, under `/v1/drives/{share}/`.
//!
//! | request | answer |
//! |---|---|
//! | `GET list?path=&after=` | [`Page`] |
//! | `GET stat?path=` | [`Stat`] |
//! | `GET manifest?path=` | `ETag`, [`SIZE`], [`MODIFIED`]; the piece values (32 bytes each), then the FileId |
//! | `GET file?path=`, `Range`, `If-Match` | 200 or 206 with the bytes |
//! | `GET tree?path=` | [`Frame::Entry`](crate::frames::Frame) for everything below |
//! | `POST batch`, a line of JSON ([`Want`]) for each file | frames with the small files |
//! | `POST have`, [`Have`] | [`Held`] |
//! | `PUT batch?conflict=refuse|keep_both|replace|skip`, [`SIZE`]; frames with folders and small files | a frame for each |
//! | `PUT file?path=&conflict=refuse|replace|keep_both`, [`SIZE`], [`MODIFIED`], `If-Match`; the bytes, then their FileId | 201, [`Stored`] |
//!
//! Every refusal has a [`Problem`] as its body. Strangers send all of these: readers bound what they take.

use crate::content::FileId;
use http::StatusCode;
use serde::{Deserialize, Serialize};

/// Bytes of content.
pub const SIZE: &str = "lanyard-size";
/// Last change of the content, in nanoseconds since the Unix epoch.
pub const MODIFIED: &str = "lanyard-modified";
/// Set when its owner may run the file.
pub const EXECUTABLE: &str = "lanyard-executable";
/// The most small files in one stream.
pub const BATCH: usize = 1_000;
/// The most bytes of content in one stream.
pub const BATCH_BYTES: u64 = 8 << 20;
/// The most names in a tree.
pub const TREE: usize = 1_000_000;
/// The most entries in a page.
pub const PAGE: usize = 1_000;
/// Bytes of the FileId that follows content and piece values.
pub const ID_LEN: u64 = 32;

/// What a name in a folder stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A file with content.
    File,
    /// A folder.
    Folder,
    /// A link, device, pipe or socket, or a name that is not Unicode: listed, never opened.
    #[serde(other)]
    Other,
}

/// One name in a folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// The name; replacement characters where it is not Unicode.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Bytes; 0 unless a file.
    #[serde(default)]
    pub size: u64,
    /// Last change, in nanoseconds since the Unix epoch.
    #[serde(default)]
    pub modified: Option<i64>,
}

/// A part of a folder's content, folders first, then by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// The entries, [`PAGE`] at most.
    pub entries: Vec<Item>,
    /// Where the next page begins; none at the end.
    #[serde(default)]
    pub next: Option<String>,
}

/// What is known of one path without reading it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stat {
    /// What it is.
    pub kind: Kind,
    /// Bytes; 0 unless a file.
    #[serde(default)]
    pub size: u64,
    /// Last change, in nanoseconds since the Unix epoch.
    #[serde(default)]
    pub modified: Option<i64>,
    /// Changes whenever the content may have; only files have one.
    #[serde(default)]
    pub etag: Option<String>,
    /// Whether this caller may write in this share.
    #[serde(default)]
    pub writable: bool,
}

/// How the id of a share begins that stands for one sending: files go into the receiver's inbox, nothing comes out.
pub const SEND: &str = "send-";

/// Whether a share stands for one sending.
#[must_use]
pub fn is_send(share: &lanyard_trust::ShareId) -> bool {
    share.0.starts_with(SEND)
}

/// A small file that is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Want {
    /// Its path.
    pub path: String,
    /// What the caller has of that name: if it is the same, it does not travel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub have: Option<FileId>,
    /// Only tell whether it is the same.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub only_compare: bool,
}

/// A question for a certain content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Have {
    /// The content.
    pub id: FileId,
    /// Its bytes.
    pub size: u64,
    /// What it is called elsewhere.
    pub name: String,
}

/// That content is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Under this path.
    pub path: String,
    /// As long as its etag is this.
    pub etag: String,
}

/// A file was stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// The path it has now.
    pub path: String,
    /// What was written, as read back by the writer.
    pub id: FileId,
    /// Bytes.
    pub size: u64,
}

/// What stands in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// No such share, path or method.
    NotFound,
    /// The owner has not allowed it.
    NotAllowed,
    /// The owner must be asked first.
    MustAsk,
    /// The caller has brought as much as it may today.
    Spent,
    /// The owner's own system does not let Lanyard read or write it.
    Unreadable,
    /// The request makes no sense, for this path or at all.
    Invalid,
    /// A link, device, pipe or socket: never opened.
    Special,
    /// A folder where a file is needed, or the other way round.
    WrongKind,
    /// The name is taken.
    Exists,
    /// The content is not what `If-Match` named.
    Changed,
    /// No room on that disk.
    DiskFull,
    /// What arrived is not what was announced.
    Mismatch,
    /// Too much at once.
    Busy,
    /// Too large for a frame; it is fetched by itself.
    TooLarge,
    /// Anything else.
    #[serde(other)]
    Failed,
}

impl Code {
    /// The HTTP status that goes with it.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::NotAllowed | Self::MustAsk | Self::Unreadable | Self::Special => StatusCode::FORBIDDEN,
            Self::Invalid | Self::WrongKind | Self::TooLarge => StatusCode::BAD_REQUEST,
            Self::Exists => StatusCode::CONFLICT,
            Self::Changed => StatusCode::PRECONDITION_FAILED,
            Self::DiskFull => StatusCode::INSUFFICIENT_STORAGE,
            Self::Mismatch => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Spent | Self::Busy => StatusCode::TOO_MANY_REQUESTS,
            Self::Failed => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// What a bare status means, for an answer without a [`Problem`].
    #[must_use]
    pub fn from_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::NotFound,
            StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED => Self::NotAllowed,
            StatusCode::CONFLICT => Self::Exists,
            StatusCode::PRECONDITION_FAILED => Self::Changed,
            StatusCode::INSUFFICIENT_STORAGE => Self::DiskFull,
            StatusCode::UNPROCESSABLE_ENTITY => Self::Mismatch,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => Self::Busy,
            status if status.is_client_error() => Self::Invalid,
            _ => Self::Failed,
        }
    }
}

impl Code {
    const WORDS: [(Self, &str); 15] = [
        (Self::NotFound, "not_found"),
        (Self::NotAllowed, "not_allowed"),
        (Self::MustAsk, "must_ask"),
        (Self::Spent, "spent"),
        (Self::Unreadable, "unreadable"),
        (Self::Invalid, "invalid"),
        (Self::Special, "special"),
        (Self::WrongKind, "wrong_kind"),
        (Self::Exists, "exists"),
        (Self::Changed, "changed"),
        (Self::DiskFull, "disk_full"),
        (Self::Mismatch, "mismatch"),
        (Self::Busy, "busy"),
        (Self::TooLarge, "too_large"),
        (Self::Failed, "failed"),
    ];

    /// The word for it in a frame, the same as in JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(code, _)| *code == self).map_or("failed", |(_, word)| word)
    }

    /// What such a word means; [`Code::Failed`] for one that is newer than this program.
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        Self::WORDS.iter().find(|(_, known)| *known == word).map_or(Self::Failed, |(code, _)| *code)
    }
}

/// The body of a refusal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// What stands in the way.
    pub code: Code,
    /// Words for a log; never shown to a person on the other side, who gets the words of their own system.
    #[serde(default)]
    pub detail: String,
}
