//! This computer, the devices around it and the networks between them.

use crate::{Drive, Millis, Printer};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Who this node is and whether others can see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct NodeStatus {
    /// This device's public identity: 52 base32 characters.
    pub id: String,
    /// Four groups of four characters, for two people to compare on their screens.
    pub check_words: String,
    /// The same as pictures.
    pub check_signs: Vec<CheckSign>,
    /// The name others see.
    pub name: String,
    /// Whether devices that are not in the home see the name, on own networks.
    pub name_shown: bool,
    /// The version of Lanyard that runs.
    pub version: String,
    /// The operating system of this computer.
    pub os: Os,
    /// Where this node keeps its data.
    pub data_dir: String,
    /// Where copied files and saved pages go unless said otherwise.
    pub downloads_dir: String,
    /// The TCP port on which other nodes reach this one; 0 while no network is marked as own.
    pub port: u16,
    /// Process id of the node.
    pub pid: u32,
    /// When this node started.
    #[ts(type = "number")]
    pub started_at: Millis,
    /// True until the owner has gone through the first-run screens.
    pub first_run: bool,
    /// What others can see, in one word.
    pub sharing: SharingState,
    /// Sharing is paused until then; `sharing` says `paused`. None while it is paused means: until a person ends it.
    #[ts(type = "number | null")]
    pub paused_until: Option<Millis>,
    /// This device's key came here with a copied or moved disk: a person must say which it is before anything is
    /// shared.
    pub moved: bool,
    /// The networks this computer is on right now.
    pub networks: Vec<Network>,
    /// What the node had to tell its owner at start: a damaged store that was set aside, a port that was taken.
    pub notices: Vec<String>,
}

/// The truth for the status line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum SharingState {
    /// Announced on at least one network of the owner's.
    Visible,
    /// Connected, but no network is marked as the owner's: nobody can see this computer.
    Hidden,
    /// No network at all.
    Offline,
    /// Own network, but the listener or the announcement failed; the notices say why.
    Failed,
    /// The owner paused sharing: nobody can see this computer.
    Paused,
}

/// One of the pictures by which two people compare a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct CheckSign {
    /// An emoji.
    pub sign: String,
    /// What it is; the words for people are in `locales/` under `sign.<word>`.
    pub word: String,
}

/// A network this computer is on, or has been on and remembers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Network {
    /// Stable id of this network on this computer.
    pub id: String,
    /// A name for people: SSID, interface or "direct cable".
    pub name: String,
    /// Whether the owner marked it as own.
    pub profile: NetworkProfile,
    /// True when this computer is on it now.
    pub connected: bool,
    /// The interface, when connected.
    pub interface: Option<String>,
    /// Addresses of this computer on it, when connected.
    pub addresses: Vec<String>,
    /// True when devices of the home are on it and it is not marked as own: it may be one of the owner's.
    pub suggested: bool,
}

/// What may happen on a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum NetworkProfile {
    /// Not the owner's: nothing announced, no listener.
    Public,
    /// The owner's own.
    Trusted,
}

/// An operating system, for an icon and for honest advice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Os {
    /// Any Linux.
    Linux,
    /// macOS.
    Macos,
    /// Windows.
    Windows,
    /// Anything else, or not told.
    Other,
}

/// How another device stands to this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Relation {
    /// In the same home.
    Home,
    /// Connected directly, without a home.
    Paired,
    /// Anybody.
    Stranger,
}

/// Another node on the network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Device {
    /// Its public identity: 52 base32 characters. The same device keeps it wherever it goes.
    pub id: String,
    /// Four groups of four characters, for two people to compare.
    pub check_words: String,
    /// The same as pictures.
    pub check_signs: Vec<CheckSign>,
    /// How it stands to this device.
    pub relation: Relation,
    /// The name its owner gave it, cleaned of control characters.
    pub name: String,
    /// Its operating system, as it says.
    pub os: Os,
    /// Whether it answers.
    pub state: DeviceState,
    /// The addresses it was last reached at, best first (`192.168.1.7:7717`, `[fe80::1%eth0]:7717`).
    pub addresses: Vec<String>,
    /// When it was last heard.
    #[ts(type = "number")]
    pub last_seen: Millis,
}

/// Whether a device answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum DeviceState {
    /// Connected now.
    Online,
    /// Did not answer the last time; being tried again.
    Unreachable,
}

/// Everything that can be used now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Nearby {
    /// Other nodes.
    pub devices: Vec<Device>,
    /// Printers of other nodes, and standard IPP printers that no node shares.
    pub printers: Vec<Printer>,
    /// Folders, drives and discs of other nodes.
    pub drives: Vec<Drive>,
}
