//! The self-check: what was tried, what came of it, what helps.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Check {
    /// What was looked at. Words for people are in `locales/` under `check.<what>`.
    pub what: CheckKind,
    /// What came of it.
    pub outcome: Outcome,
    /// What exactly was seen, in English.
    pub detail: String,
    /// What to do about it, in English; with commands to copy where there are any.
    pub fix: Option<String>,
    /// What this app can do about it at a click.
    pub action: Option<FixAction>,
}

/// What is looked at, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum CheckKind {
    /// Is there a network at all, and is it marked as own?
    Network,
    /// Do the listener and the announcement run?
    Listening,
    /// Can another device connect to this one? (a firewall, an isolated Wi-Fi)
    Inbound,
    /// Can this one connect to the others it knows?
    Outbound,
    /// Does multicast DNS go through in both directions?
    Multicast,
    /// Does a VPN or another network stand between this device and the others?
    SameNetwork,
    /// Is the clock right, compared with the others?
    Clock,
    /// Do all devices speak the same version?
    Version,
    /// Is the home in touch: are members heard, is everything known that they know?
    Home,
    /// The device's own key and data: readable by others, on another disk than before.
    Data,
    /// What confines this process (Landlock, systemd).
    Sandbox,
}

/// What came of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// As it should be.
    Good,
    /// Works, but not as well as it could.
    Warning,
    /// Keeps others from seeing or reaching this device, or this one from them.
    Failed,
    /// Could not be tried: nobody is there to try it with.
    Unknown,
}

/// What a front end can offer as a button.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum FixAction {
    /// Mark the current network as own.
    TrustNetwork,
    /// Share again.
    Resume,
    /// Look again.
    CheckAgain,
}
