//! The home: devices that trust each other, how one comes in, and devices connected without a home.

use crate::{CheckSign, DeviceState, Millis, Os};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Everything about belonging together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct HomeState {
    /// The home this device is in.
    pub home: Option<Home>,
    /// The name of the home that put this device out, until it is in one again.
    pub put_out_of: Option<String>,
    /// The code this device shows right now, and what became of the last one.
    pub invite: Option<Invite>,
    /// Devices nearby that show a code right now.
    pub windows: Vec<Window>,
    /// Devices connected with this one without a home.
    pub paired: Vec<Paired>,
}

/// A home, seen from this device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Home {
    /// Stable, the same on all its devices: 52 base32 characters.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What this device may do in it.
    pub role: Role,
    /// All members, this device first, then by name.
    pub members: Vec<Member>,
    /// When another member was last heard; none when that never happened.
    #[ts(type = "number | null")]
    pub heard: Option<Millis>,
}

/// What a member may do with the home itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Uses what is shared with the home.
    Member,
    /// Also lets devices in and puts them out.
    Keeper,
}

/// One device of a home.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Member {
    /// Its identity.
    pub id: String,
    /// Its name in the home.
    pub name: String,
    /// Its operating system, when it told.
    pub os: Os,
    /// What it may do.
    pub role: Role,
    /// True for the device this runs on.
    pub this_device: bool,
    /// Whether it answers; always online for this device.
    pub state: DeviceState,
    /// When it was last heard.
    #[ts(type = "number | null")]
    pub last_seen: Option<Millis>,
    /// Four groups of four characters, for two people to compare.
    pub check_words: String,
    /// The same as pictures.
    pub check_signs: Vec<CheckSign>,
    /// Whether it can be woken over the network while it sleeps.
    pub can_wake: bool,
}

/// A device connected with this one without a home.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Paired {
    /// Its identity.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Since when.
    #[ts(type = "number")]
    pub since: Millis,
    /// Whether it answers.
    pub state: DeviceState,
}

/// What a code is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// This device is in a home and lets another in.
    AddDevice,
    /// This device wants to come into the home of the other.
    JoinHome,
    /// The two are connected directly, without a home.
    Pair,
}

/// A code on this device's screen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Invite {
    /// What it is for.
    pub purpose: Purpose,
    /// `42-493-117`, to be typed on the other device.
    pub code: String,
    /// The same and more as a link (`lanyard:j?…`), to be pasted or scanned.
    pub link: String,
    /// The link as a QR code: one text for each row, `1` is dark. No quiet zone.
    pub qr: Vec<String>,
    /// When it ends by itself.
    #[ts(type = "number")]
    pub ends_at: Millis,
    /// Where it is.
    pub state: InviteState,
    /// Wrong codes so far; three end it.
    pub failed: u8,
    /// Who is at the other end: asking to be let in, or let in.
    pub device: Option<InviteDevice>,
}

/// The life of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum InviteState {
    /// Waiting for the other device.
    Open,
    /// The code was right; a person must say yes here.
    Asking,
    /// It did what it was for.
    Used,
    /// Ten minutes are over.
    Expired,
    /// Somebody tried a wrong code three times.
    Burned,
    /// A person ended it.
    Closed,
}

/// A device at the other end of a code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct InviteDevice {
    /// What it calls itself, cleaned.
    pub name: String,
    /// Its operating system, as it says.
    pub os: Os,
}

/// A device nearby that shows a code right now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Window {
    /// The first two digits of its code.
    pub discriminator: String,
    /// What it calls itself, cleaned. Anybody can call themselves anything.
    pub label: String,
}

/// A home that was just begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Founded {
    /// The state with the new home in it.
    pub state: HomeState,
    /// The recovery code, shown this once: nothing keeps it.
    pub recovery: String,
}
