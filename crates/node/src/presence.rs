//! Who is near and what they offer.
//!
//! What multicast DNS hears is only where to knock. A greeting over the link proves a device's key and tells both
//! sides who they are; then each side watches the other: one stream per direction, whose lines say what may be used
//! and whose silence says that something is wrong. A device is its key: addresses come and go.
//!
//! ```text
//! hint or remembered address ──greet──▶ key ──hello──▶ both know each other ──watch──▶ offers, changes, alive, bye
//! ```
//!
//! On a network that is not the owner's this node still uses what is offered to it, but tells a stranger there
//! neither its name nor a port.

mod book;
mod devices;
mod greet;
mod hints;
mod nearby;
mod offers;
mod routes;
mod watch;
mod watchers;

pub use book::MIGRATIONS;

use crate::{
    Core, StartError, asks,
    core::Parts,
    drives, home, names, networks, printing, status,
    wire::{self, Hello, WatchLine},
};
pub(crate) use devices::os;
use devices::{Devices, Met};
use http::{Method, Request, Response, StatusCode};
use lanyard_api::{Access, ApiError, Device, DeviceState, Millis, Nearby, Os};
use lanyard_discovery::{Browser, Service};
use lanyard_drive::consume::Source;
use lanyard_link::{Body, Caller, Incoming, body};
use lanyard_print::consume::standard::PrinterId;
use lanyard_trust::{NodeId, PlainId, ShareId, Subject, names::clean};
#[cfg(fuzzing)]
pub(crate) use offers::cleaned;
use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::{Notify, Semaphore, watch as watch_channel};
use watchers::Watchers;

/// The longest hello that is read.
const MAX_HELLO: usize = 16 * 1024;
/// How long a hello may take from its first to its last byte.
const HELLO_DEADLINE: Duration = Duration::from_secs(5);
/// Greetings under way at once.
const GREETINGS: usize = 16;
/// How long stopping waits for the last lines to leave.
const FAREWELL: Duration = Duration::from_millis(400);

/// The table of devices and the streams that keep it true.
pub struct Presence {
    me: NodeId,
    devices: Mutex<Devices>,
    /// One task per device; its bell says that there is news about where the device is.
    watching: Mutex<HashMap<NodeId, Arc<Notify>>>,
    watchers: Watchers,
    browser: Browser,
    book: book::Book,
    greetings: Arc<Semaphore>,
    /// Rung when what front ends are shown may have changed.
    dirty: Notify,
    /// Rung when others may be worth a greeting now.
    look: Notify,
    /// Counts up with each change of what front ends are shown.
    shown: watch_channel::Sender<u64>,
}

/// A share of another device, found by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteShare {
    /// The device that offers it.
    pub node: NodeId,
    /// The share's id there.
    pub share: ShareId,
    /// The owner's name for it.
    pub name: String,
    /// The device's name.
    pub device_name: String,
    /// Its owner must be asked first.
    pub ask: bool,
    /// The piece of hardware behind a printer, as its device tells it.
    pub identity: Option<String>,
}

impl RemoteShare {
    /// As front ends call it: `share@device`.
    pub(crate) fn id(&self) -> String {
        format!("{}@{}", self.share.0, self.node)
    }
}

impl Presence {
    /// Knows nobody yet, but the names of those it met before.
    ///
    /// # Errors
    /// When something it needs cannot be read.
    pub fn open(parts: &Parts) -> Result<Self, StartError> {
        let book = book::Book::open(parts.store.clone())
            .map_err(|error| StartError::failed("the list of devices", error))?;
        Ok(Self {
            me: parts.identity.node_id(),
            devices: Mutex::default(),
            watching: Mutex::default(),
            watchers: Watchers::new(),
            browser: Browser::new(),
            book,
            greetings: Arc::new(Semaphore::new(GREETINGS)),
            dirty: Notify::new(),
            look: Notify::new(),
            shown: watch_channel::Sender::new(0),
        })
    }

    /// Sends one line to a device that watches us; dropped when it does not (it asks again when it comes back).
    pub fn push(&self, to: &NodeId, line: WatchLine) {
        self.watchers.push(to, line);
    }

    /// What we offer, or our name, has changed: every watcher gets its own new list soon.
    pub fn offers_changed(&self) {
        self.watchers.offers_changed();
    }

    /// What multicast DNS hears.
    pub(crate) fn heard(&self) -> Vec<Service> {
        self.browser.services()
    }

    /// Counts up with each change of what multicast DNS hears.
    pub(crate) fn changes(&self) -> watch_channel::Receiver<u64> {
        self.browser.changes()
    }

    /// Counts up with each change of what front ends are shown.
    pub(crate) fn shown(&self) -> watch_channel::Receiver<u64> {
        self.shown.subscribe()
    }

    /// How things stand with a device, or with a question of ours, has changed: front ends are told soon.
    pub fn nearby_changed(&self) {
        self.dirty.notify_one();
    }

    /// The name of a device, as last told; its check words when it never told one. For a client without Lanyard the
    /// address that it came from.
    pub fn name_of(&self, node: &NodeId) -> String {
        if let Some(plain) = PlainId::from_node(node) {
            return plain.to_string();
        }
        let named = self.devices().name(node);
        named.or_else(|| self.book.name(node)).unwrap_or_else(|| node.check_words())
    }

    fn devices(&self) -> MutexGuard<'_, Devices> {
        self.devices.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn watching(&self) -> MutexGuard<'_, HashMap<NodeId, Arc<Notify>>> {
        self.watching.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Everything that can be used now.
pub async fn nearby(core: &Core) -> Nearby {
    nearby::nearby(core)
}

/// Other ways to a printer, by devices of ours that seem to be there, the best first.
pub(crate) fn around(core: &Core, printer: &RemoteShare) -> Vec<RemoteShare> {
    nearby::around(core, printer)
}

/// A printer as front ends are shown it, while it can be reached by any way.
pub(crate) fn printer(core: &Core, node: &NodeId, share: &ShareId) -> Option<lanyard_api::Printer> {
    let id = match PrinterId::of_share(share) {
        Some(printer) => printer.as_str().to_owned(),
        None => format!("{share}@{node}"),
    };
    let found = nearby::nearby(core).printers.into_iter().find(|printer| printer.routes.contains(&id));
    found.filter(|printer| printer.state != lanyard_api::PrinterState::Unreachable)
}

/// Starts discovering, greeting and watching.
///
/// # Errors
/// When the system refuses something without which nobody could be found.
pub async fn start(core: &Arc<Core>) -> Result<(), StartError> {
    let browse = core.presence.browser.clone().run(core.networks.interfaces(), core.cancel.child_token());
    core.tasks.spawn(browse);
    core.tasks.spawn(greet::run(Arc::clone(core)));
    core.tasks.spawn(nearby::tell(Arc::clone(core)));
    Ok(())
}

/// Says goodbye: mDNS goodbye packets and a last line to every watcher. Takes at most a second.
pub async fn stop(core: &Arc<Core>) {
    let watchers = async {
        core.presence.watchers.say_bye(|_| true);
        let _ = tokio::time::timeout(FAREWELL, core.presence.watchers.gone(|_| true)).await;
    };
    // The listeners carry the last lines, so they close after them.
    watchers.await;
    networks::withdraw(core).await;
}

/// Says goodbye to those who watch us through these addresses of ours, which are about to close.
pub(crate) async fn leave(core: &Core, addresses: &[SocketAddr]) {
    let through =
        |local: SocketAddr| addresses.iter().any(|a| a.ip() == local.ip() && a.port() == local.port());
    core.presence.watchers.say_bye(through);
    let _ = tokio::time::timeout(FAREWELL, core.presence.watchers.gone(through)).await;
}

/// Answers `/v1/hello` and `/v1/watch`.
pub async fn serve(
    core: Arc<Core>,
    caller: Caller,
    subject: Subject,
    request: Request<Incoming>,
) -> Response<Body> {
    match (request.uri().path(), request.method()) {
        ("/v1/hello", &Method::POST) => answer_hello(&core, caller, request).await,
        ("/v1/watch", &Method::GET) => watchers::serve(&core, caller, subject),
        ("/v1/hello" | "/v1/watch", _) => {
            body::status(StatusCode::METHOD_NOT_ALLOWED, "another method is expected")
        }
        _ => body::status(StatusCode::NOT_FOUND, "not found"),
    }
}

/// Another device, as the self-check needs it.
#[derive(Clone, Debug)]
pub(crate) struct Neighbour {
    /// Its key.
    pub(crate) node: NodeId,
    /// Its name.
    pub(crate) name: String,
    /// Whether it answers.
    pub(crate) online: bool,
    /// Where it was last met, best first.
    pub(crate) addresses: Vec<SocketAddr>,
}

/// The devices that are shown, and those remembered on the networks this computer is on.
pub(crate) async fn neighbours(core: &Core) -> Vec<Neighbour> {
    let mut neighbours: Vec<Neighbour> = {
        let devices = core.presence.devices();
        let neighbour = |(node, row): (&NodeId, &devices::Row)| Neighbour {
            node: *node,
            name: row.shown_name(node),
            online: row.link == devices::Link::Online,
            addresses: row.current().to_vec(),
        };
        devices.shown().map(neighbour).collect()
    };
    let interfaces = core.networks.interfaces().borrow().clone();
    for place in core.networks.places() {
        for (node, addresses) in core.presence.book.met_on(core, &place.network, &interfaces).await {
            if !neighbours.iter().any(|known| known.node == node) {
                let name = core.presence.name_of(&node);
                neighbours.push(Neighbour { node, name, online: false, addresses });
            }
        }
    }
    neighbours
}

/// Where multicast DNS says that nodes are, without ourselves.
pub(crate) async fn heard(core: &Core) -> Vec<Vec<SocketAddr>> {
    let ours = networks::own_names(core).await;
    let services = core.presence.browser.services();
    let nodes = services.into_iter().filter(|s| s.kind == lanyard_discovery::Kind::Lanyard);
    nodes.filter(|service| !ours.contains(&service.fullname)).map(|service| service.addresses).collect()
}

/// The offered printer a person means, and the best way to it. Several ways are one printer.
///
/// # Errors
/// `not_found`, `ambiguous` with the candidates.
pub fn find_printer(core: &Core, query: &str) -> Result<RemoteShare, ApiError> {
    let printers = nearby::named_printers(core);
    names::find_one("printer", query, &printers, |one, other| one.0 == other.0).map(|(_, share)| share)
}

/// The offered folder a person means.
///
/// # Errors
/// `not_found`, `ambiguous` with the candidates.
pub fn find_drive(core: &Core, query: &str) -> Result<RemoteShare, ApiError> {
    let offered = core.presence.devices().drives();
    names::find("drive", query, &nearby::named(offered))
}

/// The drives that can be read now, of whatever device that seems to be there.
pub(crate) fn readable_drives(core: &Core) -> Vec<RemoteShare> {
    let nearby = nearby::nearby(core);
    let readable = |share: &RemoteShare| {
        nearby
            .drives
            .iter()
            .any(|drive| drive.id == share.id() && drive.available && drive.access == Access::Allowed)
    };
    core.presence.devices().drives().into_iter().filter(readable).collect()
}

/// The drives of the home's devices that can be read now.
pub(crate) fn drives_of_the_home(core: &Core) -> Vec<Source> {
    let offered = core.presence.devices().drives();
    let readable = |share: &RemoteShare| {
        core.circle.is_member(&share.node)
            && asks::access(core, &share.node, &share.share.0, share.ask) == Access::Allowed
    };
    let source =
        |share: RemoteShare| Source { node: share.node, device_name: share.device_name, share: share.share };
    offered.into_iter().filter(readable).map(source).collect()
}

async fn answer_hello(core: &Arc<Core>, caller: Caller, request: Request<Incoming>) -> Response<Body> {
    let hello: Hello = match body::read_json(request.into_body(), MAX_HELLO, HELLO_DEADLINE).await {
        Ok(hello) => hello,
        Err(error) => {
            tracing::debug!(from = %caller.remote, %error, "no hello");
            return body::status(StatusCode::BAD_REQUEST, "a hello is expected");
        }
    };
    if let Some(name) = clean(&hello.name) {
        core.presence.book.call(caller.node, &name);
    }
    // Without a port it does not listen: it uses what we offer, and there is nothing of it to show.
    if hello.port >= 1024 {
        let mut address = caller.remote;
        address.set_port(hello.port);
        meet(core, caller.node, vec![address]);
    }
    body::json(StatusCode::OK, &our_hello(core, &caller.node))
}

/// A device has proven its key and can be reached at these addresses, best first.
fn meet(core: &Arc<Core>, node: NodeId, addresses: Vec<SocketAddr>) {
    let presence = &core.presence;
    if node == presence.me || core.cancel.is_cancelled() {
        return;
    }
    // Taken first, as in `watch::keep`: a device must not lose its row between here and its task.
    let mut watching = presence.watching();
    let (met, known) = {
        let mut devices = presence.devices();
        let met = devices.met(node, &addresses, Instant::now());
        (met, devices.addresses(&node))
    };
    if met == Met::Full {
        tracing::warn!(%node, "too many devices; this one is left out");
        return;
    }
    core.peers.learn(node, known);
    match watching.get(&node) {
        Some(bell) if met == Met::News => bell.notify_one(),
        Some(_) => {}
        None => {
            let bell = Arc::new(Notify::new());
            watching.insert(node, Arc::clone(&bell));
            core.tasks.spawn(watch::keep(Arc::clone(core), node, bell));
        }
    }
}

/// What we tell a caller of ours: whoever reaches a listener is on a network of the owner's. A device that does not
/// belong to ours sees the name only if the owner lets it.
fn our_hello(core: &Core, to: &NodeId) -> Hello {
    let named = core.circle.knows(to) || status::name_shown(&core.settings);
    Hello {
        v: wire::VERSION,
        name: if named { status::name(&core.settings) } else { String::new() },
        os: std::env::consts::OS.to_owned(),
        port: networks::port(core),
        alive: core.presence.watchers.alive(),
    }
}

/// A device is there (again): whatever waits for it goes on.
fn is_back(core: &Arc<Core>, node: NodeId) {
    home::is_back(core, node);
    let (for_jobs, for_copies) = (Arc::clone(core), Arc::clone(core));
    core.tasks.spawn(async move { printing::peer_is_back(&for_jobs, node).await });
    core.tasks.spawn(async move { drives::peer_is_back(&for_copies, node).await });
}

/// What is known of each device right now.
pub(crate) struct Sightings {
    seen: HashMap<NodeId, Sighting>,
}

struct Sighting {
    online: bool,
    os: Os,
    last_seen: Millis,
}

impl Sightings {
    /// Whether it answers.
    pub(crate) fn state(&self, node: &NodeId) -> DeviceState {
        let online = self.seen.get(node).is_some_and(|seen| seen.online);
        if online { DeviceState::Online } else { DeviceState::Unreachable }
    }

    /// Its operating system, once it has said so.
    pub(crate) fn os(&self, node: &NodeId) -> Option<Os> {
        self.seen.get(node).map(|seen| seen.os)
    }

    /// When it was heard last.
    pub(crate) fn last_seen(&self, node: &NodeId) -> Option<Millis> {
        self.seen.get(node).map(|seen| seen.last_seen).filter(|at| *at > 0)
    }
}

/// What is known of each device right now, or was at the last start.
pub(crate) fn sightings(core: &Core) -> Sightings {
    let mut seen: HashMap<NodeId, Sighting> = core
        .presence
        .book
        .last_seen()
        .into_iter()
        .map(|(node, os, last_seen)| (node, Sighting { online: false, os: devices::os(&os), last_seen }))
        .collect();
    for (node, row) in core.presence.devices().shown() {
        let online = row.link == devices::Link::Online;
        seen.insert(*node, Sighting { online, os: row.os, last_seen: row.last_seen });
    }
    Sightings { seen }
}

/// Devices that answer, and where.
pub(crate) fn online(core: &Core) -> Vec<(NodeId, Vec<SocketAddr>)> {
    let devices = core.presence.devices();
    let online = devices.shown().filter(|(_, row)| row.link == devices::Link::Online);
    online.map(|(node, row)| (*node, row.current().to_vec())).collect()
}

/// A device, as front ends are shown it.
pub(crate) fn device(core: &Core, node: &NodeId) -> Option<Device> {
    nearby::device_of(core, node)
}

/// Knocks at addresses, whoever is there.
pub(crate) async fn greet(core: &Arc<Core>, addresses: &[SocketAddr]) -> Option<NodeId> {
    greet::greet(core, addresses).await
}

/// Knocks at addresses where exactly this device should be.
pub(crate) fn seek(core: &Arc<Core>, node: NodeId, addresses: Vec<SocketAddr>) {
    let core = Arc::clone(core);
    core.tasks.clone().spawn(async move {
        if !core.presence.devices().is_online(&node) {
            greet::seek(&core, node, &addresses).await;
        }
    });
}

/// The same with a device that answered a moment ago: over new connections.
pub(crate) fn seek_anew(core: &Arc<Core>, node: NodeId, addresses: Vec<SocketAddr>) {
    core.peers.forget(&node);
    let core = Arc::clone(core);
    core.tasks.clone().spawn(async move { greet::seek(&core, node, &addresses).await });
}

/// Ends the stream of a device that watches us; it may come again, as whoever it is then. What it offered was for ours;
/// what it offers to anybody is told on the next stream.
pub(crate) fn cut(core: &Core, node: &NodeId) {
    core.presence.watchers.cut(node);
    core.presence.devices().withdraw_offers(node);
    core.presence.dirty.notify_one();
}

/// Who belongs to ours has changed: others may be worth a greeting, and are shown otherwise.
pub(crate) fn look_again(core: &Core) {
    core.presence.look.notify_one();
    core.presence.dirty.notify_one();
}
