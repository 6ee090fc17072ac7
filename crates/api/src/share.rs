//! What this computer offers to others.

use crate::Millis;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// What kind of thing is shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ShareKind {
    /// One of the system's print queues, or the built-in one.
    Printer,
    /// A folder.
    Folder,
}

/// Who may use a share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "who", rename_all = "snake_case")]
pub enum Audience {
    /// Everyone on a network the owner marked as own.
    Network,
    /// One device.
    Device {
        /// Its identity.
        id: String,
    },
}

/// Who may do what, until when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SharePolicy {
    /// Anyone who matches one of these; nobody when empty.
    pub audience: Vec<Audience>,
    /// Folders only: whether they may also write.
    pub write: bool,
    /// The share ends by itself then.
    #[ts(type = "number | null")]
    pub until: Option<Millis>,
}

/// One thing this computer offers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Share {
    /// Short and stable.
    pub id: String,
    /// What kind of thing.
    pub kind: ShareKind,
    /// The name others see.
    pub name: String,
    /// The queue's system name, or the folder's absolute path.
    pub target: String,
    /// Who may use it.
    pub policy: SharePolicy,
    /// False while the queue, folder or disk behind it is away.
    pub available: bool,
}
