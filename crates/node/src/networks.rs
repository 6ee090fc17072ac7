//! Which networks are the owner's, and the listeners and announcements that follow them.
//!
//! On a network of the owner's each address of ours has a listener, and each interface an announcement; on any
//! other there is neither, and browsing for others is all that happens. What belongs to which network is decided
//! in `lanyard-discovery`; this module keeps what runs equal to that.

mod listening;
mod ports;
mod printers;

pub use lanyard_discovery::profiles::MIGRATIONS;

use crate::{
    Core, StartError,
    core::Parts,
    home,
    names::{self, Named},
    status,
};
use lanyard_api::{ApiError, Change, ErrorCode, Network, NetworkProfile, SharingState};
use lanyard_discovery::{
    Changes, Interface, Located, Locator, NetworkId, Profile, Profiles, Reach, Seen, Surroundings,
    interfaces, network,
};
use listening::Running;
use std::{
    collections::HashSet,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tokio::sync::watch;

/// How often the interfaces are read when the system says nothing: hardware addresses of gateways come and go
/// without a word.
const POLL: Duration = Duration::from_secs(2);
/// How often while something is not settled: a gateway has not answered yet, an address is not usable yet.
const POLL_UNSETTLED: Duration = Duration::from_millis(300);
/// How long a person who marks a network waits for it to be settled.
const SETTLING: Duration = Duration::from_secs(7);

/// The networks of this computer and what runs on them.
pub struct Networks {
    reach: Reach,
    profiles: Profiles,
    surroundings: Box<dyn Surroundings>,
    state: Mutex<State>,
    /// Held by whoever brings what runs in line with what should; never across anything slow but a goodbye.
    running: tokio::sync::Mutex<Running>,
    interfaces: watch::Sender<Arc<Vec<Interface>>>,
    version: watch::Sender<u64>,
}

/// What the last look has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct State {
    connected: Vec<Connected>,
    /// Nothing is offered anywhere: sharing is paused, or a moved disk waits for an answer.
    withheld: bool,
    listening: Vec<SocketAddr>,
    announced: usize,
    port: u16,
    notices: Vec<String>,
}

/// A network this computer is on.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Connected {
    id: NetworkId,
    name: String,
    profile: Profile,
    settled: bool,
    interfaces: Vec<Interface>,
}

/// Where one of our addresses is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The network.
    pub network: String,
    /// Whether it is the owner's.
    pub own: bool,
}

impl Networks {
    /// Opens this part; nothing runs yet.
    ///
    /// # Errors
    /// When something it needs cannot be read.
    pub fn open(parts: &Parts) -> Result<Self, StartError> {
        Ok(Self {
            reach: if parts.config.loopback { Reach::Loopback } else { Reach::Lan },
            profiles: Profiles::new(parts.store.clone()),
            surroundings: network::of_this_system(),
            state: Mutex::default(),
            running: tokio::sync::Mutex::new(Running::new(parts)),
            interfaces: watch::Sender::new(Arc::default()),
            version: watch::Sender::new(0),
        })
    }

    /// Where this node reaches out to.
    pub(crate) fn reach(&self) -> Reach {
        self.reach
    }

    /// The interfaces that are up, and each change of them.
    pub(crate) fn interfaces(&self) -> watch::Receiver<Arc<Vec<Interface>>> {
        self.interfaces.subscribe()
    }

    /// Counts up when a network comes or goes, is marked, or something on it starts or stops.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// The network of one of our addresses, as a connection shows it.
    pub(crate) fn place_of(&self, local: SocketAddr) -> Option<Place> {
        let state = self.state();
        let network = state.connected.iter().find(|network| {
            network.interfaces.iter().any(|interface| {
                let scope = match local {
                    SocketAddr::V6(v6) if v6.scope_id() != 0 => v6.scope_id() == interface.index,
                    _ => true,
                };
                scope && interface.addresses.iter().any(|prefix| prefix.address == local.ip())
            })
        })?;
        Some(state.place(network))
    }

    /// The network on which a neighbour has this address, as far as that is settled.
    pub(crate) fn near(&self, neighbour: SocketAddr) -> Option<Place> {
        let state = self.state();
        let network = state.connected.iter().filter(|network| network.settled).find(|network| {
            network.interfaces.iter().any(|interface| {
                let scope = match neighbour {
                    SocketAddr::V6(v6) if v6.scope_id() != 0 => v6.scope_id() == interface.index,
                    _ => true,
                };
                scope && interface.is_on_link(neighbour.ip())
            })
        })?;
        Some(state.place(network))
    }

    /// The networks this computer is on, as far as that is settled.
    pub(crate) fn places(&self) -> Vec<Place> {
        let state = self.state();
        state.connected.iter().filter(|network| network.settled).map(|network| state.place(network)).collect()
    }

    /// The interface with this address of ours, as a connection shows it.
    pub(crate) fn interface_of(&self, local: SocketAddr) -> Option<Interface> {
        let state = self.state();
        let mut interfaces = state.connected.iter().flat_map(|network| &network.interfaces);
        let has = |interface: &&Interface| {
            let scope = match local {
                SocketAddr::V6(v6) if v6.scope_id() != 0 => v6.scope_id() == interface.index,
                _ => true,
            };
            scope && interface.addresses.iter().any(|prefix| prefix.address == local.ip())
        };
        interfaces.find(has).cloned()
    }

    /// The interfaces on networks that the owner marked as own.
    pub(crate) fn own_interfaces(&self) -> Vec<Interface> {
        let state = self.state();
        let own = state.connected.iter().filter(|network| network.is_own());
        own.flat_map(|network| network.interfaces.iter().cloned()).collect()
    }

    /// What runs: listening addresses, and how many interfaces this device is announced on.
    pub(crate) fn running(&self) -> (Vec<SocketAddr>, usize) {
        let state = self.state();
        (state.listening.clone(), state.announced)
    }

    /// What the system knows around each interface now.
    pub(crate) fn surroundings(&self) -> Vec<Seen> {
        let interfaces = self.interfaces.borrow().as_ref().clone();
        self.surroundings.look(interfaces)
    }

    /// Whether this address is one of this computer's.
    pub(crate) fn is_ours(&self, ip: IpAddr) -> bool {
        let state = self.state();
        let mut interfaces = state.connected.iter().flat_map(|network| &network.interfaces);
        interfaces.any(|interface| interface.addresses.iter().any(|prefix| prefix.address == ip))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connected {
    /// An unsettled network is nobody's: its id may still turn out to be another.
    fn is_own(&self) -> bool {
        self.settled && self.profile == Profile::Own
    }
}

/// Starts this part's tasks. What belongs to the networks that are up already runs when this returns.
///
/// # Errors
/// When the system refuses something it cannot do without.
pub async fn start(core: &Arc<Core>) -> Result<(), StartError> {
    let mut changes = Changes::open();
    let mut locator = Locator::new();
    let mut settled = look(core, &mut locator).await;
    let core = Arc::clone(core);
    let tasks = core.tasks.clone();
    tasks.spawn(async move {
        loop {
            let wait = if settled { POLL } else { POLL_UNSETTLED };
            tokio::select! {
                () = core.cancel.cancelled() => return,
                () = changes.wait(wait) => settled = look(&core, &mut locator).await,
            }
        }
    });
    Ok(())
}

/// Says goodbye on every network and stops listening for good. Takes about 300 ms.
pub(crate) async fn withdraw(core: &Core) {
    core.networks.running.lock().await.close().await;
}

/// The names under which this node is or was lately announced; what is heard under them is our own echo.
pub(crate) async fn own_names(core: &Core) -> Vec<String> {
    core.networks.running.lock().await.names().to_vec()
}

/// All known networks, connected ones first.
pub async fn list(core: &Core) -> Vec<Network> {
    let connected = core.networks.state().connected.clone();
    let marks = home::marks(core);
    let mut networks: Vec<Network> = connected.iter().map(|network| shown(network, &marks)).collect();
    let profiles = core.networks.profiles.clone();
    let remembered = core.store.run(move |_| profiles.all()).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "remembered networks cannot be read");
        Vec::new()
    });
    for network in remembered {
        if networks.iter().any(|known| known.id == network.id) {
            continue;
        }
        networks.push(Network {
            id: network.id,
            name: network.name,
            profile: profile(network.profile),
            connected: false,
            interface: None,
            addresses: Vec::new(),
            suggested: false,
        });
    }
    networks
}

/// Marks a network, and starts or stops what belongs to that.
///
/// # Errors
/// `not_found`, `ambiguous`.
pub async fn set(core: &Arc<Core>, network: &str, profile: NetworkProfile) -> Result<Vec<Network>, ApiError> {
    until_settled(core).await;
    let chosen = choose(core, network).await?;
    let own = match profile {
        NetworkProfile::Public => Profile::Public,
        NetworkProfile::Trusted => Profile::Own,
    };
    let profiles = core.networks.profiles.clone();
    let written = core
        .store
        .run(move |_| {
            let now = millis();
            chosen.iter().try_for_each(|(id, name)| profiles.set(id, name, own, now))
        })
        .await;
    written
        .map_err(|error| ApiError::new(ErrorCode::Internal, format!("The choice was not kept: {error}.")))?;
    follow(core).await;
    Ok(list(core).await)
}

/// Brings what runs, and what is announced, in line with what the owner has said and opened meanwhile.
pub(crate) async fn follow(core: &Arc<Core>) {
    let connected = core.networks.state().connected.clone();
    apply(core, connected).await;
}

/// IPv4 addresses of this device on the owner's networks, each with the address of everybody there.
pub(crate) fn own_broadcasts(core: &Core) -> Vec<(Ipv4Addr, Ipv4Addr)> {
    let state = core.networks.state();
    let own = state.connected.iter().filter(|network| network.is_own());
    let prefixes = own.flat_map(|network| &network.interfaces).flat_map(|interface| &interface.addresses);
    let broadcast = |prefix: &lanyard_discovery::Prefix| match prefix.address {
        IpAddr::V4(v4) => {
            let host = u32::MAX.checked_shr(prefix.length.into()).unwrap_or(0);
            Some((v4, Ipv4Addr::from(u32::from(v4) | host)))
        }
        IpAddr::V6(_) => None,
    };
    prefixes.filter_map(broadcast).collect()
}

/// What others can see, in one word.
pub fn sharing_state(core: &Core) -> SharingState {
    core.networks.state().sharing()
}

/// The addresses on which other nodes and guests reach this one.
pub(crate) fn listening(core: &Core) -> Vec<SocketAddr> {
    core.networks.state().listening.clone()
}

/// The TCP port on which other nodes reach this one; 0 while no network is marked as own.
pub fn port(core: &Core) -> u16 {
    core.networks.state().port
}

/// What the owner should know about the networks: a port that was taken, an address that could not be used.
pub fn notices(core: &Core) -> Vec<String> {
    core.networks.state().notices.clone()
}

impl State {
    /// While nothing is offered no network counts as the owner's, whatever is known of it.
    fn place(&self, network: &Connected) -> Place {
        Place { network: network.id.as_str().to_owned(), own: network.is_own() && !self.withheld }
    }

    fn sharing(&self) -> SharingState {
        if self.withheld {
            SharingState::Paused
        } else if self.connected.is_empty() {
            SharingState::Offline
        } else if !self.connected.iter().any(Connected::is_own) {
            SharingState::Hidden
        } else if !self.listening.is_empty() && self.announced > 0 {
            SharingState::Visible
        } else {
            SharingState::Failed
        }
    }
}

impl Networks {
    fn profile_of(&self, id: &NetworkId) -> Profile {
        let unsaid = match self.reach {
            Reach::Lan => Profile::Public,
            Reach::Loopback => Profile::Own,
        };
        // A store that cannot be read must not open a door.
        match self.profiles.of(id.as_str()) {
            Ok(said) => said.unwrap_or(unsaid),
            Err(error) => {
                tracing::warn!(%error, "the network's profile cannot be read");
                Profile::Public
            }
        }
    }
}

/// Looks at the interfaces and brings what runs in line. False when it should look again soon.
async fn look(core: &Arc<Core>, locator: &mut Locator) -> bool {
    let networks = &core.networks;
    let found = match interfaces::read(networks.reach) {
        Ok(found) => found,
        Err(error) => {
            tracing::warn!(%error, "the interfaces cannot be read");
            return true;
        }
    };
    networks.interfaces.send_if_modified(|known| {
        let changed = **known != found;
        if changed {
            *known = Arc::new(found.clone());
        }
        changed
    });
    let seen = networks.surroundings.look(found);
    let located = locator.locate(&seen, Instant::now());
    let mut connected: Vec<Connected> = Vec::new();
    for (seen, Located { id, name, settled }) in seen.into_iter().zip(located) {
        if !settled {
            networks.surroundings.ask_for_gateway(&seen);
        }
        match connected.iter_mut().find(|network| network.id == id && network.settled == settled) {
            Some(network) => network.interfaces.push(seen.interface),
            None => {
                // What may happen there is read when it is acted on, in `apply`.
                let interfaces = vec![seen.interface];
                connected.push(Connected { id, name, profile: Profile::Public, settled, interfaces });
            }
        }
    }
    networks.note_arrivals(&connected);
    let all_settled = connected.iter().all(|network| network.settled);
    apply(core, connected).await && all_settled
}

impl Networks {
    /// Notes when this computer came to networks the owner has spoken of.
    fn note_arrivals(&self, connected: &[Connected]) {
        let before = self.state().connected.clone();
        for network in connected.iter().filter(|network| !before.iter().any(|known| known.id == network.id)) {
            if let Err(error) = self.profiles.seen(network.id.as_str(), &network.name, millis()) {
                tracing::warn!(%error, "the visit to a network cannot be noted");
            }
        }
    }
}

/// Starts and stops listeners and announcements, and tells what changed. False when something that should run
/// does not run yet.
async fn apply(core: &Arc<Core>, mut connected: Vec<Connected>) -> bool {
    let mut running = core.networks.running.lock().await;
    // Under the lock: what the owner has said meanwhile must not be undone by an older look.
    for network in &mut connected {
        network.profile = core.networks.profile_of(&network.id);
    }
    let withheld = core.pause.is_on() || core.moved.withholds();
    let complete = if withheld {
        let public = |network: &Connected| Connected { profile: Profile::Public, ..network.clone() };
        running.follow(core, &connected.iter().map(public).collect::<Vec<_>>()).await
    } else {
        running.follow(core, &connected).await
    };
    let (listening, announced, port) = (running.listening(), running.announced(), running.port());
    let state = State { connected, withheld, listening, announced, port, notices: running.notices() };
    let changed = {
        let mut known = core.networks.state();
        let changed = *known != state;
        *known = state;
        changed
    };
    drop(running);
    if changed {
        core.networks.version.send_modify(|version| *version += 1);
        core.events.emit(Change::Status(status::status(core).await));
    }
    complete
}

async fn until_settled(core: &Core) {
    let mut changes = core.networks.changes();
    let settled = async {
        loop {
            changes.mark_unchanged();
            if core.networks.state().connected.iter().all(|network| network.settled) {
                return;
            }
            if changes.changed().await.is_err() {
                return;
            }
        }
    };
    // Whatever is not settled by then is set all the same; the owner sees what became of it.
    let _ = tokio::time::timeout(SETTLING, settled).await;
}

/// The ids and names of the networks that `query` means.
async fn choose(core: &Core, query: &str) -> Result<Vec<(String, String)>, ApiError> {
    let networks = list(core).await;
    let (connected, remembered): (Vec<_>, Vec<_>) =
        networks.into_iter().partition(|network| network.connected);
    if query == "current" {
        if connected.is_empty() {
            return Err(ApiError::new(ErrorCode::NotFound, "This computer is on no network."));
        }
        return Ok(connected.into_iter().map(|network| (network.id, network.name)).collect());
    }
    let named = |networks: Vec<Network>| -> Vec<Named<(String, String)>> {
        let named = |network: Network| Named {
            id: network.id.clone(),
            name: network.name.clone(),
            device: String::new(),
            value: (network.id, network.name),
        };
        networks.into_iter().map(named).collect()
    };
    // The one this computer is on is meant before one of the same name from last year.
    match names::find("network", query, &named(connected)) {
        Err(error) if error.code == ErrorCode::NotFound => {
            names::find("network", query, &named(remembered)).map(|one| vec![one])
        }
        found => found.map(|one| vec![one]),
    }
}

fn shown(network: &Connected, marks: &HashSet<String>) -> Network {
    let names: Vec<&str> = network.interfaces.iter().map(|interface| interface.name.as_str()).collect();
    let addresses = network.interfaces.iter().flat_map(|interface| &interface.addresses);
    Network {
        id: network.id.as_str().to_owned(),
        name: network.name.clone(),
        profile: profile(if network.is_own() { Profile::Own } else { Profile::Public }),
        connected: true,
        interface: Some(names.join(", ")),
        addresses: addresses.map(|prefix| prefix.address.to_string()).collect(),
        suggested: !network.is_own() && marks.contains(network.id.as_str()),
    }
}

fn profile(profile: Profile) -> NetworkProfile {
    match profile {
        Profile::Public => NetworkProfile::Public,
        Profile::Own => NetworkProfile::Trusted,
    }
}

fn millis() -> i64 {
    let age = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(age.as_millis()).unwrap_or(i64::MAX)
}
