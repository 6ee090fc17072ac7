//! What runs on the owner's networks: a listener for each address, an announcement for each interface.

use super::{Connected, ports::Ports, printers::AnnouncedPrinters};
use crate::{Core, core::Parts, doors, home, presence};
use lanyard_discovery::{Announcement, Interface, Saying, multicast};
use lanyard_link::Listener;
use std::{
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How many of our past names are kept to recognise our own echo.
const NAMES: usize = 32;

/// Listeners and announcements, by what they belong to.
pub(super) struct Running {
    ports: Ports,
    port: Option<u16>,
    listeners: HashMap<SocketAddr, Open>,
    announcements: HashMap<String, Announced>,
    printers: AnnouncedPrinters,
    names: Vec<String>,
    port_notice: Option<String>,
    trouble: Vec<String>,
    closed: bool,
}

struct Open {
    cancel: CancellationToken,
    task: JoinHandle<()>,
}

struct Announced {
    interface: Interface,
    network: String,
    addresses: Vec<IpAddr>,
    port: u16,
    saying: Saying,
    announcement: Announcement,
}

/// Why an address has no listener.
enum Refused {
    /// The port belongs to another program.
    Taken,
    /// IPv6 still checks that nobody else has the address (RFC 4862 §5.4), or it has just gone.
    NotUsableYet,
    Failed(io::Error),
}

impl Running {
    pub(super) fn new(parts: &Parts) -> Self {
        Self {
            ports: Ports::new(parts.config.port, &parts.settings),
            port: None,
            listeners: HashMap::new(),
            announcements: HashMap::new(),
            printers: AnnouncedPrinters::default(),
            names: Vec::new(),
            port_notice: None,
            trouble: Vec::new(),
            closed: false,
        }
    }

    /// Starts what is missing and stops what is no longer wanted. True when everything that should run does.
    pub(super) async fn follow(&mut self, core: &Arc<Core>, connected: &[Connected]) -> bool {
        if self.closed || core.cancel.is_cancelled() {
            return true;
        }
        let own: Vec<(&str, &Interface)> = connected
            .iter()
            .filter(|network| network.is_own())
            .flat_map(|network| network.interfaces.iter().map(|interface| (network.id.as_str(), interface)))
            .collect();
        let up: Vec<&Interface> = connected.iter().flat_map(|network| &network.interfaces).collect();
        self.trouble.clear();
        self.stop_unwanted(core, &own, &up).await;
        let complete = self.listen(core, &own);
        let announced = self.announce(&own, &home::saying(core));
        let Self { printers, listeners, port, .. } = self;
        let told = printers.follow(core, connected, *port, |address| listeners.contains_key(&address)).await;
        told && announced && complete
    }

    /// Says goodbye and stops for good.
    pub(super) async fn close(&mut self) {
        self.closed = true;
        let goodbyes = self.announcements.drain().map(|(_, announced)| announced.announcement.withdraw());
        tokio::join!(futures_util::future::join_all(goodbyes), self.printers.close());
        for (_, open) in self.listeners.drain() {
            open.cancel.cancel();
        }
    }

    pub(super) fn listening(&self) -> Vec<SocketAddr> {
        let mut addresses: Vec<SocketAddr> = self.listeners.keys().copied().collect();
        addresses.sort_unstable();
        addresses
    }

    pub(super) fn announced(&self) -> usize {
        self.announcements.len()
    }

    pub(super) fn port(&self) -> u16 {
        if self.listeners.is_empty() { 0 } else { self.port.unwrap_or(0) }
    }

    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    pub(super) fn notices(&self) -> Vec<String> {
        self.port_notice.iter().chain(&self.trouble).cloned().collect()
    }

    async fn stop_unwanted(&mut self, core: &Arc<Core>, own: &[(&str, &Interface)], up: &[&Interface]) {
        let mut goodbyes = Vec::new();
        let names: Vec<String> = self.announcements.keys().cloned().collect();
        for name in names {
            let wanted = own.iter().any(|(network, interface)| {
                self.announcements
                    .get(&name)
                    .is_some_and(|known| known.network == *network && known.interface == **interface)
            });
            if !wanted && let Some(announced) = self.announcements.remove(&name) {
                // On an interface that is gone nobody hears a goodbye; dropping it is enough.
                if up.iter().any(|interface| interface.name == name) {
                    goodbyes.push(announced.announcement.withdraw());
                }
            }
        }
        let unwanted: Vec<SocketAddr> = self
            .listeners
            .iter()
            .filter(|(address, open)| open.task.is_finished() || !own.iter().any(|(_, i)| has(i, address)))
            .map(|(address, _)| *address)
            .collect();
        if !unwanted.is_empty() {
            // Whoever watches us over such an address hears that we leave, instead of wondering for 25 seconds.
            presence::leave(core, &unwanted).await;
        }
        futures_util::future::join_all(goodbyes).await;
        for address in unwanted {
            if let Some(open) = self.listeners.remove(&address) {
                tracing::info!(%address, "no longer listening");
                open.cancel.cancel();
            }
        }
    }

    fn listen(&mut self, core: &Arc<Core>, own: &[(&str, &Interface)]) -> bool {
        let mut wanted: Vec<SocketAddr> = own
            .iter()
            .flat_map(|(_, interface)| {
                interface.addresses.iter().map(|prefix| interface.socket_address(prefix.address, 0))
            })
            .collect();
        // Two interfaces may hold the same address; the second bind would look like another program's.
        wanted.sort_unstable();
        wanted.dedup();
        if wanted.is_empty() {
            return true;
        }
        let candidates: Vec<u16> = self.port.into_iter().chain(self.ports.candidates()).collect();
        for port in candidates {
            match self.listen_on(core, port, &wanted) {
                Ok(complete) => {
                    if self.listeners.is_empty() {
                        return complete;
                    }
                    if self.port != Some(port) {
                        self.settle(core, port);
                    }
                    return complete;
                }
                // One port everywhere: what runs on the old one moves, too.
                Err(()) => {
                    for (_, open) in self.listeners.drain() {
                        open.cancel.cancel();
                    }
                }
            }
        }
        self.trouble.push("No free port was found on which other devices could reach this one.".to_owned());
        false
    }

    fn settle(&mut self, core: &Arc<Core>, port: u16) {
        self.port_notice = self.ports.promised.filter(|promised| *promised != port).map(|promised| {
            format!(
                "Port {promised} is used by another program. Other devices reach this one on port {port}."
            )
        });
        if let Some(notice) = &self.port_notice {
            tracing::warn!("{notice}");
        }
        self.port = Some(port);
        self.ports.used(port, &core.settings);
    }

    /// Binds what is not bound yet. An error means that the port is taken on one of the addresses.
    fn listen_on(&mut self, core: &Arc<Core>, port: u16, wanted: &[SocketAddr]) -> Result<bool, ()> {
        let mut complete = true;
        let mut bound = Vec::new();
        for address in wanted {
            let address = with_port(*address, port);
            if self.listeners.contains_key(&address) {
                continue;
            }
            match bind(address) {
                Ok(listener) => bound.push((address, listener)),
                Err(Refused::Taken) => return Err(()),
                Err(Refused::NotUsableYet) => complete = false,
                Err(Refused::Failed(error)) => {
                    complete = false;
                    self.trouble.push(format!("This device cannot be reached at {address}: {error}."));
                }
            }
        }
        for (address, listener) in bound {
            let cancel = core.cancel.child_token();
            let serve = doors::lan::door(Arc::clone(core));
            let run = listener.run(core.identity.clone(), core.doors.clone(), serve, cancel.clone());
            tracing::info!(%address, "listening");
            self.listeners.insert(address, Open { cancel, task: core.tasks.spawn(run) });
        }
        Ok(complete)
    }

    fn announce(&mut self, own: &[(&str, &Interface)], saying: &Saying) -> bool {
        let Some(port) = self.port else { return own.is_empty() };
        let mut complete = true;
        for (network, interface) in own {
            let has_listener = |ip: IpAddr| self.listeners.contains_key(&interface.socket_address(ip, port));
            let addresses: Vec<IpAddr> = interface
                .addresses
                .iter()
                .map(|prefix| prefix.address)
                .filter(|address| has_listener(*address))
                .collect();
            if addresses.is_empty() {
                continue;
            }
            // The daemon would be silent without a word. Whether the port was given back is looked at each time.
            if !self.announcements.contains_key(&interface.name)
                && let Err(error) = multicast::port_is_free(interface)
                && error.kind() == io::ErrorKind::AddrInUse
            {
                self.trouble.push(format!(
                    "UDP port {} is kept by another program, so other devices do not hear of this one. End that \
                     program, or let it share the port.",
                    multicast::PORT
                ));
                continue;
            }
            let done = match self.announcements.get_mut(&interface.name) {
                Some(known)
                    if known.addresses == addresses && known.port == port && known.saying == *saying =>
                {
                    Ok(())
                }
                Some(known) => known.announcement.update(&addresses, port, saying).map(|()| {
                    known.addresses = addresses;
                    known.port = port;
                    known.saying = saying.clone();
                }),
                None => Announcement::start(interface, &addresses, port, saying).map(|announcement| {
                    self.names.push(announcement.fullname());
                    let surplus = self.names.len().saturating_sub(NAMES);
                    self.names.drain(..surplus);
                    let (interface, network) = ((*interface).clone(), (*network).to_owned());
                    let saying = saying.clone();
                    let announced = Announced { network, addresses, port, saying, announcement, interface };
                    self.announcements.insert(announced.interface.name.clone(), announced);
                }),
            };
            if let Err(error) = done {
                complete = false;
                self.announcements.remove(&interface.name);
                tracing::warn!(interface = interface.name, %error, "this device cannot be announced");
                self.trouble.push(format!("This device cannot be announced on {}: {error}.", interface.name));
            }
        }
        complete
    }
}

fn bind(address: SocketAddr) -> Result<Listener, Refused> {
    Listener::bind(address).map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => Refused::Taken,
        io::ErrorKind::AddrNotAvailable => Refused::NotUsableYet,
        // A port below 1024 without the right to it: as good as taken.
        io::ErrorKind::PermissionDenied => Refused::Taken,
        _ => Refused::Failed(error),
    })
}

fn has(interface: &Interface, address: &SocketAddr) -> bool {
    let ours = |ip| interface.socket_address(ip, address.port()) == *address;
    interface.addresses.iter().any(|prefix| ours(prefix.address))
}

fn with_port(mut address: SocketAddr, port: u16) -> SocketAddr {
    address.set_port(port);
    address
}
