//! Files of others without a copy of them: found by name, looked at, played.

use crate::Entry;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A name that a search found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Hit {
    /// The drive: `share@device`.
    pub drive: String,
    /// The folder in which it is, `/`-separated; empty for the top.
    pub folder: String,
    /// What was found there.
    pub entry: Entry,
}

/// Why there may be more than a search tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Unseen {
    /// There were more finds, names or folders than one search looks through, or it took too long.
    Limit,
    /// A folder could not be read by the device that offers it.
    Folder,
    /// A drive did not answer, or may not be searched.
    Drive,
}

/// A search under way, or its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Search {
    /// Its id, to ask for more.
    pub id: String,
    /// What was found since `after`, in the order in which it came.
    pub hits: Vec<Hit>,
    /// How many hits there are so far; the `after` of the next question.
    pub count: u32,
    /// Nothing more will come.
    pub done: bool,
    /// Why there may be more, in no order, each once.
    pub unseen: Vec<Unseen>,
    /// The names of drives that did not answer.
    pub silent: Vec<String>,
}

/// Why a file is not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum NoLook {
    /// Nothing here shows files of this kind.
    Kind,
    /// It is larger than what is fetched only to look at it.
    TooLarge,
    /// It is empty.
    Empty,
    /// It is damaged, or more than a look may take.
    Damaged,
    /// It needs a password.
    Locked,
}

/// What a file looks like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "shows", rename_all = "snake_case")]
pub enum Look {
    /// A picture, or a page of a document.
    Picture {
        /// A PNG, in Base64.
        png: String,
        /// Pixels across.
        width: u32,
        /// Pixels down.
        height: u32,
        /// Which page this is, from 1.
        page: u32,
        /// How many pages there are; 1 for a picture.
        pages: u32,
    },
    /// The beginning of a text.
    Text {
        /// At most 64 KiB of it.
        text: String,
        /// True when that is all of it.
        whole: bool,
    },
    /// Nothing, for a reason.
    Nothing {
        /// The reason.
        why: NoLook,
    },
}

/// A file that a player can stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Playable {
    /// `http://127.0.0.1:…`, answering `GET` with ranges; good for this one file until the node stops or many others
    /// were played. Whoever knows it can read the file: it holds a secret.
    pub link: String,
    /// `audio/…` or `video/…`.
    pub media_type: String,
    /// Bytes.
    #[ts(type = "number")]
    pub size: u64,
}
