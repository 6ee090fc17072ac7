//! A snapshot, and numbered changes to it.

use crate::{Ask, HomeState, Inbox, Job, Medium, Mount, Nearby, NodeStatus, Pass, Queue, Share, Transfer};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Everything a front end shows, as of one event number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Snapshot {
    /// The number of the last event that is already in here.
    #[ts(type = "number")]
    pub seq: u64,
    /// Who this node is.
    pub status: NodeStatus,
    /// What can be used.
    pub nearby: Nearby,
    /// What this computer offers.
    pub shares: Vec<Share>,
    /// Who belongs together with this device.
    pub home: HomeState,
    /// Questions that wait for the owner.
    pub asks: Vec<Ask>,
    /// Guests' passes.
    pub passes: Vec<Pass>,
    /// This computer's own queues.
    pub queues: Vec<Queue>,
    /// Print jobs, newest first.
    pub jobs: Vec<Job>,
    /// Copies, newest first.
    pub transfers: Vec<Transfer>,
    /// Discs and drives that are in this computer and can be taken out.
    #[serde(default)]
    pub media: Vec<Medium>,
    /// What others send here.
    pub inbox: Inbox,
    /// Mounted drives.
    pub mounts: Vec<Mount>,
}

/// One change. A stream starts with `Change::Snapshot`; a gap in `seq` means: ask for the snapshot again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Event {
    /// Counts up by one; starts again with each start of the node.
    #[ts(type = "number")]
    pub seq: u64,
    /// What changed.
    pub change: Change,
}

/// What changed: always the whole new value, so that applying an event twice does no harm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "what", content = "value", rename_all = "snake_case")]
pub enum Change {
    /// The first event of a stream.
    Snapshot(Box<Snapshot>),
    /// This node's own status.
    Status(NodeStatus),
    /// What can be used.
    Nearby(Nearby),
    /// What this computer offers.
    Shares(Vec<Share>),
    /// Who belongs together with this device.
    Home(HomeState),
    /// Questions that wait for the owner.
    Asks(Vec<Ask>),
    /// Guests' passes.
    Passes(Vec<Pass>),
    /// This computer's own queues.
    Queues(Vec<Queue>),
    /// One print job is new or changed.
    Job(Job),
    /// One copy is new or changed.
    Transfer(Transfer),
    /// What others send here.
    Inbox(Inbox),
    /// Mounted drives, all of them.
    Mounts(Vec<Mount>),
    /// Discs and drives that are in, all of them.
    Media(Vec<Medium>),
    /// The node stops; the stream ends here.
    Stopping,
}
