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
    /// What is on a disc, and its image.
    Disc,
}

/// Who may use a share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "who", rename_all = "snake_case")]
pub enum Audience {
    /// Everyone on a network the owner marked as own.
    Network,
    /// The devices of this device's home.
    Home,
    /// Whoever holds a guest's pass. Made and ended with the pass, never by hand.
    Guest {
        /// The pass.
        id: String,
    },
    /// One device.
    Device {
        /// Its identity.
        id: String,
    },
}

/// What some may do with a share, and under which conditions. What is left out is not granted and not limited.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Grant {
    /// Whom it is for.
    #[serde(flatten)]
    pub who: Audience,
    /// Folders: they may also write.
    #[serde(default)]
    pub write: bool,
    /// Folders: they may put new files in and do nothing else, not even look.
    #[serde(default)]
    pub add_only: bool,
    /// Printers: they may pause it and see to the jobs of others.
    #[serde(default)]
    pub manage: bool,
    /// The owner is asked first.
    #[serde(default)]
    pub ask: bool,
    /// It ends by itself then.
    #[serde(default)]
    #[ts(type = "number | null")]
    pub until: Option<Millis>,
    /// Jobs each of them may print a day.
    #[serde(default)]
    pub max_jobs: Option<u32>,
    /// Bytes each of them may bring a day.
    #[serde(default)]
    #[ts(type = "number | null")]
    pub max_bytes: Option<u64>,
    /// Printers: sides of paper each of them may print a day, copies counted.
    #[serde(default)]
    pub max_pages: Option<u32>,
    /// Printers: they print in grey only.
    #[serde(default)]
    pub no_color: bool,
    /// Printers: nothing is printed then; jobs wait until it is over.
    #[serde(default)]
    pub quiet: Option<QuietHours>,
}

/// Hours of the day, by this computer's clock and time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct QuietHours {
    /// Minutes after midnight at which they begin, 0 to 1439.
    pub from: u16,
    /// Minutes after midnight at which they end; before `from` means the next day.
    pub to: u16,
}

impl Grant {
    /// What everyone of that kind gets when nothing else is said: print, or look and read.
    #[must_use]
    pub const fn to(who: Audience) -> Self {
        Self {
            who,
            write: false,
            add_only: false,
            manage: false,
            ask: false,
            until: None,
            max_jobs: None,
            max_bytes: None,
            max_pages: None,
            no_color: false,
            quiet: None,
        }
    }
}

/// Who may do what, until when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SharePolicy {
    /// The first that is for somebody and allows what they want decides; nobody may do anything when empty.
    pub audience: Vec<Grant>,
    /// Folders only: whether all of them may also write.
    pub write: bool,
    /// The share ends by itself then.
    #[ts(type = "number | null")]
    pub until: Option<Millis>,
}

/// Where programs that speak WebDAV find a shared folder, on a computer without Lanyard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct FolderAddress {
    /// `https://192.168.1.7:7717/dav/Photos/`.
    pub url: String,
    /// The same as a QR code: one text for each row, `1` is dark. No quiet zone.
    pub qr: Vec<String>,
    /// Everyone on the owner's network gets in without a name and a password.
    pub open: bool,
    /// Guests get in with the number of their page as the name and their PIN as the password.
    pub guests: bool,
    /// What a program shows of the certificate: SHA-256 as pairs of hexadecimal digits.
    pub fingerprint: String,
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
    /// The queue's system name, or the absolute path of the folder, image or drive.
    pub target: String,
    /// Who may use it.
    pub policy: SharePolicy,
    /// False while the queue, folder or disk behind it is away.
    pub available: bool,
}
