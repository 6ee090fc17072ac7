//! What the two halves say to each other, as JSON and headers, under `/v1/drives/{share}/`.
//!
//! | request | answer |
//! |---|---|
//! | `GET list?path=&after=` | [`Page`] |
//! | `GET stat?path=` | [`Stat`] |
//! | `GET manifest?path=` | `ETag`, [`SIZE`], [`MODIFIED`]; the piece values (32 bytes each), then the FileId |
//! | `GET file?path=`, `Range`, `If-Match` | 200 or 206 with the bytes |
//! | `GET raw`, `Range`, `If-Match` | the same for the image of a disc, which is also the file [`IMAGE`] at its top |
//! | `GET tree?path=&versions=yes|no` | [`Frame::Entry`](crate::frames::Frame) for everything below, with the files' entity tags if they are wanted |
//! | `GET search?path=&words=` | [`Frame::Entry`](crate::frames::Frame) for every name below that fits ([`crate::words`]), `Folder` where it is looking, `Problem` for a folder that cannot be looked through, and one of the top with `too_large` when a limit ended it |
//! | `POST batch`, a line of JSON ([`Want`]) for each file | frames with the small files |
//! | `POST have`, [`Have`] | [`Held`] |
//! | `PUT batch?conflict=refuse|keep_both|replace|skip`, [`SIZE`]; frames with folders and small files, which may say what they replace | a frame for each; `changed` where something else is there |
//! | the same with [`ONCE`] and one folder, which a copy makes for itself: the UUID is the copy's | `stored` also when this copy has made it before and it is empty |
//! | `PUT file?path=&conflict=refuse|replace|keep_both`, [`SIZE`], [`MODIFIED`], `If-Match`; the bytes, then their FileId | 201, [`Stored`] |
//! | the same with `part=`: what came of it stays for a day when the connection breaks; with `at=`, a whole number of pieces, the bytes go on there | the same |
//! | `GET upload?path=&part=&conflict=` | the values of the whole pieces that came (32 bytes each) |
//! | `DELETE upload?path=&part=&conflict=` | [`Removed`]: the sender will not come back |
//!
//! Changes, for whoever may write; all of them take `If-Match`, and [`ONCE`] where doing them twice is not the same as
//! once. `conflict` is `refuse` unless said; `bin` removes what has the name first, into the share's bin. With
//! `settled=yes`, names that were made, moved or removed would survive a power cut before that is answered.
//!
//! | request | answer |
//! |---|---|
//! | `POST folder?path=` | [`Stat`] of the new folder |
//! | `POST file?path=&executable=yes` | [`Stat`] of a new, empty file; a name that is taken is refused |
//! | `POST move?path=&to=&conflict=refuse|replace|bin` | [`Moved`] |
//! | `POST copy?path=&to=&conflict=refuse|replace|bin` | [`Copied`] |
//! | `DELETE file?path=&which=any|file|empty_folder&bin=yes|no` | [`Removed`] |
//! | `GET bin` | [`Bin`] |
//! | `POST restore?id=&to=` | [`Restored`] |
//! | `DELETE bin?id=` | [`Removed`] |
//! | `GET space` | [`Space`] |
//!
//! What a mounted drive does with open files. A place is `path=` alone, or with `part=` (a new version that grows beside
//! it, unseen), or `id=` (removed while it was open). `GET file` takes the same.
//!
//! | request | answer |
//! |---|---|
//! | `POST part?path=&part=` | [`Stat`] of a new, empty version |
//! | `PATCH file?{place}&at=`, up to [`MAX_WRITE`] bytes | [`Stat`] |
//! | `POST set?{place}`, [`Set`] | [`Stat`] |
//! | `POST sync?{place}` | [`Stat`], once all of it is on the disk; of a folder, the names in it |
//! | `POST commit?path=&part=&conflict=replace|keep_both`, [`MODIFIED`] | [`Committed`]: the new version has the name |
//! | `DELETE part?path=&part=` | [`Removed`] |
//!
//! Every refusal has a [`Problem`] as its body. Strangers send all of these: readers bound what they take.

use crate::content::FileId;
use http::StatusCode;
use serde::{Deserialize, Serialize};

/// Bytes of content.
pub const SIZE: &str = "lanyard-size";
/// Last change of the content, in nanoseconds since the Unix epoch.
pub const MODIFIED: &str = "lanyard-modified";
/// A UUID made by the sender: the same request with the same one is answered again, and not done again.
pub const ONCE: &str = "lanyard-once";
/// The most bytes in one `PATCH`.
pub const MAX_WRITE: usize = 4 << 20;
/// Set when its owner may run the file.
pub const EXECUTABLE: &str = "lanyard-executable";
/// The most small files in one stream.
pub const BATCH: usize = 1_000;
/// The most bytes of content in one stream.
pub const BATCH_BYTES: u64 = 8 << 20;
/// The path of a disc's image, as one file with all of it. It is listed nowhere.
pub const IMAGE: &str = ".lanyard-disc-image";
/// The most names in a tree.
pub const TREE: usize = 1_000_000;
/// The most names that one search finds.
pub const SEARCH_FINDS: usize = 1_000;
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
    /// A file that may be started as a program.
    #[serde(default, skip_serializing_if = "is_false")]
    pub executable: bool,
    /// As in [`Stat`]; none from a device that does not tell it in lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// What it is where only its name keeps it from being opened, as one that is not Unicode does: a file or a folder.
    /// `kind` is `other` then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub misnamed: Option<Kind>,
}

fn is_false(value: &bool) -> bool {
    !value
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
    /// A file that may be started as a program.
    #[serde(default, skip_serializing_if = "is_false")]
    pub executable: bool,
    /// The same as long as it is the same file, whatever its name and content.
    #[serde(default)]
    pub object: Option<String>,
}

/// Something was moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// What now has the name.
    #[serde(flatten)]
    pub stat: Stat,
    /// Where in the bin is what had it before; none when nothing went there, and from a device that does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_way: Option<String>,
}

/// Something was copied on the owner's side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copied {
    /// What now has the name.
    pub stat: Stat,
    /// Links and special files in it, which are not copied.
    #[serde(default)]
    pub left_out: u64,
}

/// Something was removed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removed {
    /// Where it is in the bin; none when it is gone for good.
    #[serde(default)]
    pub id: Option<String>,
}

/// Something in a share's bin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binned {
    /// Its id there.
    pub id: String,
    /// The path it had.
    pub path: String,
    /// What it is.
    pub kind: Kind,
    /// Bytes; 0 unless a file.
    #[serde(default)]
    pub size: u64,
    /// When it was removed, in milliseconds since the Unix epoch.
    pub removed_at: i64,
    /// The device, or what stands for a guest, that removed it, as hexadecimal digits.
    pub removed_by: String,
}

/// What is in a share's bin, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bin {
    /// The things, [`PAGE`] at most.
    pub things: Vec<Binned>,
    /// How many more there are.
    #[serde(default)]
    pub more: usize,
}

/// Something was put back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restored {
    /// The path it has now.
    pub path: String,
}

/// The disk behind a share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Space {
    /// Bytes free.
    pub free: u64,
    /// Bytes in all; 0 when the system does not tell.
    pub total: u64,
}

/// What is to be set; the rest stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Set {
    /// The size in bytes: cut off, or filled up with zeros.
    #[serde(default)]
    pub size: Option<u64>,
    /// Last change, in nanoseconds since the Unix epoch.
    #[serde(default)]
    pub modified: Option<i64>,
    /// Whether it may be started as a program.
    #[serde(default)]
    pub executable: Option<bool>,
}

/// A new version of a file has its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Committed {
    /// The path it has now; another one when somebody had changed the file and both are kept.
    pub path: String,
    /// What it is.
    pub stat: Stat,
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
    /// What it is now; none from a device that does not tell.
    #[serde(default)]
    pub stat: Option<Stat>,
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
    /// A folder that must be empty is not.
    NotEmpty,
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
    /// The disc or drive behind the share is not in. It may come back.
    Away,
    /// The disc cannot be read at that place.
    Damaged,
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
            Self::Exists | Self::NotEmpty => StatusCode::CONFLICT,
            Self::Changed => StatusCode::PRECONDITION_FAILED,
            Self::DiskFull => StatusCode::INSUFFICIENT_STORAGE,
            Self::Mismatch => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Spent | Self::Busy => StatusCode::TOO_MANY_REQUESTS,
            Self::Away => StatusCode::SERVICE_UNAVAILABLE,
            Self::Damaged | Self::Failed => StatusCode::INTERNAL_SERVER_ERROR,
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
    const WORDS: [(Self, &str); 18] = [
        (Self::NotFound, "not_found"),
        (Self::NotAllowed, "not_allowed"),
        (Self::MustAsk, "must_ask"),
        (Self::Spent, "spent"),
        (Self::Unreadable, "unreadable"),
        (Self::Invalid, "invalid"),
        (Self::Special, "special"),
        (Self::WrongKind, "wrong_kind"),
        (Self::Exists, "exists"),
        (Self::NotEmpty, "not_empty"),
        (Self::Changed, "changed"),
        (Self::DiskFull, "disk_full"),
        (Self::Mismatch, "mismatch"),
        (Self::Busy, "busy"),
        (Self::TooLarge, "too_large"),
        (Self::Away, "away"),
        (Self::Damaged, "damaged"),
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
