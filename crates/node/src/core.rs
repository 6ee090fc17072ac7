//! What the parts of a running node share.

use crate::{
    asks::Asks,
    circle::Circle,
    clock::Clock,
    config::{Config, DataDir},
    discs::Discs,
    doctor::probe::Probes,
    doors::browser::Browser,
    drives::Drives,
    events::Events,
    gateway::Gateway,
    guests::Guests,
    home::Homes,
    inbox::Inbox,
    mounts::Mounts,
    moved::Moved,
    networks::Networks,
    pause::Pause,
    plain::Plain,
    presence::Presence,
    printing::Printing,
    settings::Settings,
    shares::Shares,
    uploads::Uploads,
    web::WebDoors,
};
use lanyard_api::{ApiError, ErrorCode};
use lanyard_link::{Doors, Peers};
use lanyard_store::{Store, StoreError};
use lanyard_trust::Identity;
use std::{ops::Deref, path::PathBuf, sync::Arc, time::SystemTime};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// What every part of a node is built from. Cloning is cheap.
#[derive(Clone)]
pub struct Parts {
    /// How the node was started.
    pub config: Config,
    /// Where it keeps its things.
    pub data: DataDir,
    /// Where copied files and saved pages go unless said otherwise.
    pub downloads: PathBuf,
    /// This device's key.
    pub identity: Identity,
    /// The one SQLite file.
    pub store: Store,
    /// Name, first run, and what else the owner set.
    pub settings: Settings,
    /// The time, as far as it can be believed.
    pub clock: Clock,
    /// Who belongs together with this device.
    pub circle: Circle,
    /// Whether the owner paused sharing.
    pub pause: Arc<Pause>,
    /// Whether this device's key came here from another machine.
    pub moved: Arc<Moved>,
    /// Numbered changes for front ends.
    pub events: Events,
    /// What is offered, to whom; the gate of every door.
    pub shares: Arc<Shares>,
    /// Connections to other nodes.
    pub peers: Peers,
    /// Who may come in besides other nodes, and what all listeners count together.
    pub doors: Doors,
    /// Cancelled when the node stops.
    pub cancel: CancellationToken,
    /// Every task of the node; stopping waits for them.
    pub tasks: TaskTracker,
}

/// A running node. Built once by [`crate::Node::start`]; its parts are reached through it.
pub struct Core {
    /// What the rest is built from.
    pub parts: Parts,
    /// Which networks are the owner's, which interfaces are up.
    pub networks: Networks,
    /// The home, and how devices come into it.
    pub home: Homes,
    /// Who is near and what they offer.
    pub presence: Presence,
    /// Print jobs in both directions.
    pub printing: Printing,
    /// Folders and copies in both directions.
    pub drives: Drives,
    /// What others send here.
    pub inbox: Arc<Inbox>,
    /// Drives of others as folders of this computer.
    pub mounts: Mounts,
    /// Discs and drives that come and go.
    pub discs: Discs,
    /// Questions to the owner, in both directions.
    pub asks: Asks,
    /// Printers of others that are in this computer's own print dialog.
    pub gateway: Gateway,
    /// Passes for guests, and who is in with them.
    pub guests: Guests,
    /// The printers that clients without Lanyard see.
    pub plain: Plain,
    /// The doors for whoever comes without a key.
    pub web: WebDoors,
    /// Files a browser has sent, until a request uses them.
    pub uploads: Uploads,
    /// The door for a browser on this computer, closed until asked for.
    pub browser: Browser,
    /// How much other devices may ask in their self-checks.
    pub probes: Probes,
    /// What the node had to tell its owner at start.
    pub notices: Vec<String>,
    /// When the node started.
    pub started_at: SystemTime,
}

impl Deref for Core {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.parts
    }
}

/// What a front end hears when the store does not do what it was asked.
pub(crate) fn from_store(error: StoreError) -> ApiError {
    let code = match error {
        StoreError::Full => ErrorCode::DiskFull,
        StoreError::Closing => ErrorCode::Stopping,
        StoreError::Sqlite(_) => ErrorCode::Internal,
    };
    ApiError::new(code, error.to_string())
}
