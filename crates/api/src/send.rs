//! What people send to each other's devices.

use crate::Millis;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Where files land that others send here, and who sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Inbox {
    /// The absolute path of the folder.
    pub folder: String,
    /// True when a person chose it; otherwise it is in the downloads, and is made when something comes.
    pub chosen: bool,
    /// False when the folder that was chosen is not there: nothing is accepted then.
    pub usable: bool,
    /// Devices whose files are always accepted.
    pub always: Vec<InboxSender>,
    /// What was sent here lately, newest first.
    pub sendings: Vec<Sending>,
}

/// A device whose files are always accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct InboxSender {
    /// The device.
    pub device: String,
    /// Its name.
    pub device_name: String,
}

/// Files and folders that somebody sends here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Sending {
    /// Its id; the question about it has the same.
    pub id: String,
    /// Who sends: a device's identity.
    pub device: String,
    /// The name of that device.
    pub device_name: String,
    /// What it is called.
    pub title: String,
    /// Bytes that were announced.
    #[ts(type = "number")]
    pub bytes: u64,
    /// Bytes that are here.
    #[ts(type = "number")]
    pub bytes_done: u64,
    /// Files and folders, when the sender counted them.
    pub files: Option<u32>,
    /// The folder that it goes to.
    pub folder: String,
    /// What is in that folder of it by now: names, the first 20.
    pub names: Vec<String>,
    /// Where it is.
    pub state: SendingState,
    /// When it was announced.
    #[ts(type = "number")]
    pub asked_at: Millis,
}

/// The life of what somebody sends here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum SendingState {
    /// It waits for an answer.
    Asking,
    /// It may come, or comes.
    Accepted,
    /// All of it is here.
    Done,
    /// It may not, or not any more.
    Refused,
    /// The other side gave up, be it before there was an answer.
    Withdrawn,
}
