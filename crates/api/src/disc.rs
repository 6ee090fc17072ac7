//! Discs and drives that come and go, on this computer.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// What kind of thing was put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum MediumKind {
    /// A CD, DVD or Blu-ray disc.
    Disc,
    /// A stick, a card, a disk with a cable.
    Drive,
}

/// What there is to say of a disc.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum MediumNote {
    /// It has music tracks and no files: those cannot be read as files.
    Audio,
    /// A film that only a player with a key can show; its files are copied scrambled, as they are.
    Scrambled,
    /// There is nothing on it, or nothing that is understood here.
    NoFiles,
}

/// A disc or drive that is in now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Medium {
    /// The same whenever the same one is in.
    pub id: String,
    /// What kind.
    pub kind: MediumKind,
    /// What it is called.
    pub name: String,
    /// What to share: the folder under which it is seen, or the optical drive.
    pub path: String,
    /// The system's name for it.
    pub device: String,
    /// Bytes.
    #[ts(type = "number | null")]
    pub size: Option<u64>,
    /// The share that offers all of it.
    #[serde(default)]
    pub share: Option<String>,
    /// How many devices read from it, now or a moment ago.
    #[serde(default)]
    pub readers: u32,
    /// What there is to say.
    #[serde(default)]
    pub note: Option<MediumNote>,
}
