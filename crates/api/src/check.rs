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
    /// What exactly was seen, a sentence each.
    #[serde(default)]
    pub found: Vec<Finding>,
    /// What to do about it, a step each.
    #[serde(default)]
    pub helps: Vec<Remedy>,
    /// `found` in English, for scripts and the command line.
    pub detail: String,
    /// `helps` in English, a line each; with commands to copy where there are any.
    pub fix: Option<String>,
    /// What this app can do about it at a click.
    pub action: Option<FixAction>,
}

/// Something that was seen. The words for people are in `locales/` under `finding.<code>`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Finding {
    /// This device's key came here from another computer.
    KeyMoved,
    /// Sharing is paused.
    Paused,
    /// There is no network.
    NoNetwork,
    /// No network is marked as own.
    PublicNetwork {
        /// Their names.
        networks: Vec<String>,
    },
    /// These are.
    OwnNetwork {
        /// Their names.
        networks: Vec<String>,
    },
    /// Nothing is to be offered now.
    NothingOffered,
    /// Nothing listens.
    NoPort,
    /// It listens and nobody is told.
    NotAnnounced {
        /// The TCP port.
        port: u16,
    },
    /// It listens, and is announced.
    Open {
        /// The TCP port.
        port: u16,
        /// How many.
        addresses: u32,
    },
    /// What the node has to tell, in its own words.
    Notice {
        /// In English.
        words: String,
    },
    /// Nothing is offered that could be reached.
    NothingToReach,
    /// Nobody is there who could try.
    NobodyToTry,
    /// These can connect to this device.
    Reached {
        /// Their names.
        devices: Vec<String>,
    },
    /// These cannot.
    NotReached {
        /// Their names.
        devices: Vec<String>,
        /// The TCP port.
        port: u16,
        /// What the system or the other device said.
        error: String,
    },
    /// No device has been met.
    NobodyMet,
    /// These can be reached.
    Reachable {
        /// Their names.
        devices: Vec<String>,
    },
    /// The router answers and these do not.
    Isolated {
        /// Their names.
        devices: Vec<String>,
    },
    /// These are there and do not answer.
    Silent {
        /// Their names.
        devices: Vec<String>,
    },
    /// Lanyard does not run there, or not for this network.
    NotListening {
        /// Their names.
        devices: Vec<String>,
    },
    /// These are off or asleep.
    Asleep {
        /// Their names.
        devices: Vec<String>,
    },
    /// There is no network of the owner's on which to try.
    NoOwnNetwork,
    /// Nothing is heard.
    NothingHeard,
    /// Something is heard, and nobody can tell whether it hears this device.
    HeardUntold {
        /// How many.
        addresses: u32,
    },
    /// How many hear each other.
    Hears {
        /// All who could tell.
        all: u32,
        /// Those that hear this device.
        us: u32,
        /// Those that this device hears.
        them: u32,
    },
    /// Multicast DNS is filtered.
    MulticastFiltered,
    /// The way to a neighbour leads elsewhere.
    Detour {
        /// Its address.
        target: String,
        /// The interface.
        through: String,
    },
    /// Nothing stands between this device and its network.
    Straight,
    /// On so many networks at once.
    SeveralNetworks {
        /// How many.
        count: u32,
    },
    /// Nobody is there to compare with.
    NobodyToCompare,
    /// The clocks agree.
    ClocksAgree,
    /// That clock is ahead of this one's.
    ClockAhead {
        /// Its name.
        device: String,
        /// By so many minutes.
        #[ts(type = "number")]
        minutes: u64,
    },
    /// That clock is behind this one's.
    ClockBehind {
        /// Its name.
        device: String,
        /// By so many minutes.
        #[ts(type = "number")]
        minutes: u64,
    },
    /// All others agree that this clock is wrong.
    ClockOdd,
    /// These did not answer the self-check.
    Unanswered {
        /// Their names.
        devices: Vec<String>,
    },
    /// Another protocol.
    OtherProtocol {
        /// Its name.
        device: String,
        /// What it speaks.
        theirs: u16,
        /// What this device speaks.
        ours: u16,
    },
    /// All run the same.
    SameVersion {
        /// What this device runs.
        version: String,
    },
    /// Others run others.
    OtherVersions {
        /// What this device runs.
        version: String,
        /// Their names.
        devices: Vec<String>,
    },
    /// In no home.
    NoHome,
    /// Alone in it.
    HomeAlone {
        /// Its name.
        home: String,
    },
    /// So many of the home answer.
    HomeAnswers {
        /// Those that answer.
        here: u32,
        /// All others of it.
        all: u32,
        /// Its name.
        home: String,
    },
    /// What was changed elsewhere is not known here.
    HomeStale,
    /// The data cannot be written.
    Unwritable {
        /// The directory.
        dir: String,
        /// What the system or the other device said.
        error: String,
    },
    /// Others on this computer may look into it.
    OpenToOthers {
        /// Absolute paths.
        paths: Vec<String>,
    },
    /// Little room is left.
    LowSpace {
        /// What is left.
        #[ts(type = "number")]
        mebibytes: u64,
    },
    /// Key and data are as they should be.
    DataGood,
    /// The kernel does not confine as it was asked to.
    NotConfined,
    /// Root, and not confined.
    Root,
    /// Confined by the user's rights only.
    ByUser,
    /// Confined by what follows.
    Confined,
    /// By Landlock, wholly.
    Landlock {
        /// Folders that are open to it.
        folders: u32,
    },
    /// By Landlock, as far as this kernel knows it.
    LandlockPart {
        /// Folders that are open to it.
        folders: u32,
    },
    /// By a filter of system calls.
    SystemCalls,
    /// By no new privileges.
    NoNewPrivileges,
}

/// Something that helps. The words for people are in `locales/` under `remedy.<code>`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Remedy {
    /// Say what happened.
    TellMoved,
    /// Share again.
    Resume,
    /// Connect to a network.
    Connect,
    /// Mark the network as own.
    Trust,
    /// See who has the port.
    PortTaken,
    /// See who has the port of multicast DNS.
    MulticastTaken,
    /// Open Ubuntu's firewall.
    Ufw {
        /// The TCP port.
        port: u16,
    },
    /// Open Fedora's.
    Firewalld {
        /// The TCP port.
        port: u16,
    },
    /// Open the kernel's own rules.
    Nftables {
        /// The TCP port.
        port: u16,
    },
    /// Open Windows'.
    WindowsFirewall {
        /// The TCP port.
        port: u16,
    },
    /// Open macOS'.
    MacosFirewall,
    /// Open whichever it is.
    OtherFirewall {
        /// The TCP port.
        port: u16,
    },
    /// Look at the Wi-Fi of the router.
    WifiIsolation,
    /// Look at the router or switch.
    WiredIsolation,
    /// Look at that device's own self-check.
    CheckThere,
    /// Start Lanyard there.
    StartThere,
    /// Look at what drops multicast.
    MulticastFilters,
    /// Let the VPN spare the local network.
    Vpn,
    /// Let clocks be set.
    SetClocks,
    /// Bring all up to date.
    UpdateAll,
    /// Bring the older one up to date.
    UpdateOlder,
    /// Look at the data directory.
    LookAtData {
        /// The directory.
        dir: String,
    },
    /// Close it to others.
    CloseToOthers {
        /// Absolute paths.
        paths: Vec<String>,
    },
    /// Make room.
    MakeRoom {
        /// The directory.
        dir: String,
    },
    /// What Landlock needs.
    LandlockNeeds,
    /// Run it confined.
    RunConfined,
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
