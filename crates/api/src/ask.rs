//! Questions to the owner, and passes for guests.

use crate::{Millis, ShareKind};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Somebody wants to use something whose owner wants to be asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Ask {
    /// A short id.
    pub id: String,
    /// Who asks: a device's identity.
    pub device: String,
    /// What it calls itself.
    pub device_name: String,
    /// Where it asks from.
    pub address: String,
    /// True when the device is in this device's home or connected with it: the name is then proven.
    pub known: bool,
    /// The share.
    pub share: String,
    /// The share's name.
    pub share_name: String,
    /// What kind of thing it is.
    pub share_kind: ShareKind,
    /// The document to print, when told.
    pub title: Option<String>,
    /// Its pages, when told.
    pub pages: Option<u32>,
    /// Its size in bytes, when told.
    #[ts(type = "number | null")]
    pub bytes: Option<u64>,
    /// Files and folders that somebody wants to send here, when it is about that and they are counted.
    #[serde(default)]
    pub files: Option<u32>,
    /// Their names, the first ten of them at most.
    #[serde(default)]
    pub names: Vec<String>,
    /// The folder of this computer that they would go to; none when it is not about sending.
    #[serde(default)]
    pub folder: Option<String>,
    /// When it was asked.
    #[ts(type = "number")]
    pub asked_at: Millis,
    /// No answer until then is a no.
    #[ts(type = "number")]
    pub ends_at: Millis,
}

/// The owner's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// This once: one job, or a folder for an hour.
    Once,
    /// From now on, for this device and this share.
    Always,
    /// No.
    No,
}

/// Whether something that another device offers can be used now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Yes.
    #[default]
    Allowed,
    /// Its owner must be asked first.
    Ask,
    /// Its owner was asked and has not answered yet.
    Waiting,
    /// Its owner said no, or nothing.
    Refused,
}

/// What a guest's pass is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum PassAction {
    /// Print on one printer.
    Print,
    /// Look into one folder and download from it.
    Read,
    /// Put files into one folder without seeing what is there.
    Add,
}

/// A guest's pass, as its owner sees it in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Pass {
    /// A short id; no secret.
    pub id: String,
    /// The share it opens.
    pub share: String,
    /// The share's name.
    pub share_name: String,
    /// What it is good for.
    pub action: PassAction,
    /// A note of the owner's: whom it is for.
    pub label: String,
    /// When it was made.
    #[ts(type = "number")]
    pub created_at: Millis,
    /// When it ends by itself.
    #[ts(type = "number")]
    pub ends_at: Millis,
    /// When a guest last came in with it.
    #[ts(type = "number | null")]
    pub last_used: Option<Millis>,
    /// Its PIN was tried wrongly five times and opens nothing any more; its link does.
    #[serde(default)]
    #[ts(optional, as = "Option<bool>")]
    pub pin_burned: bool,
}

/// A pass that was just made, with what opens. Shown this once: only a hash is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct NewPass {
    /// The pass.
    pub pass: Pass,
    /// A link for a phone's browser, with a secret after the `#`.
    pub link: String,
    /// The page without the secret, for typing, where the PIN is asked for.
    pub page: String,
    /// Eight digits instead of the link's secret, for that page. Five wrong ones and it opens nothing any more.
    pub pin: String,
    /// The link as a QR code: one text for each row, `1` is dark. No quiet zone.
    pub qr: Vec<String>,
    /// What a browser shows of the certificate: SHA-256 as pairs of hexadecimal digits.
    pub fingerprint: String,
}
