//! What is announced of printers and folders on the owner's networks: the same on each interface of one network.
//!
//! A network may be reached over two interfaces, and whoever is there hears both: so both tell all the addresses that
//! this computer has on that network, and no record contradicts another.

use super::Connected;
use crate::{Core, web};
use lanyard_discovery::{FolderRecord, Interface, PrinterRecord, Printers, Reach, multicast};
use std::{
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr},
};

/// The announcements, by interface.
#[derive(Default)]
pub(super) struct AnnouncedPrinters {
    running: HashMap<String, Running>,
}

struct Running {
    interface: Interface,
    network: String,
    printers: Printers,
}

impl AnnouncedPrinters {
    /// Announces what should be and no more. `listening` tells whether we are reached at an address. False when
    /// something could not be announced.
    pub(super) async fn follow(
        &mut self,
        core: &Core,
        connected: &[Connected],
        port: Option<u16>,
        listening: impl Fn(SocketAddr) -> bool,
    ) -> bool {
        let told = (core.plain.records(), core.plain.folders());
        let nothing = (told.0.is_empty() && told.1.is_empty()) || core.networks.reach() == Reach::Loopback;
        let port = port.filter(|_| !nothing);
        let mut wanted: Vec<(&Connected, &Interface, Vec<IpAddr>)> = Vec::new();
        for network in connected.iter().filter(|network| network.is_own()) {
            let Some(port) = port else { break };
            let of_one = |interface: &Interface| -> Vec<IpAddr> {
                let reached = |ip: &IpAddr| listening(interface.socket_address(*ip, port));
                interface.addresses.iter().map(|prefix| prefix.address).filter(reached).collect()
            };
            let mut all: Vec<IpAddr> = network.interfaces.iter().flat_map(of_one).collect();
            all.sort_unstable();
            all.dedup();
            // A client that is told addresses of both families takes now one and now the other, and its jobs are known
            // by the address that it came from. There is none that does not speak IPv4.
            if all.iter().any(IpAddr::is_ipv4) {
                all.retain(IpAddr::is_ipv4);
            }
            let reached = network.interfaces.iter().filter(|interface| !of_one(interface).is_empty());
            wanted.extend(reached.map(|interface| (network, interface, all.clone())));
        }
        self.stop_unwanted(connected, &wanted).await;
        let Some(port) = port else { return true };
        let mut complete = true;
        for (network, interface, addresses) in wanted {
            if let Err(error) = self.tell(core, network, interface, &addresses, port, &told) {
                complete = false;
                self.running.remove(&interface.name);
                tracing::warn!(interface = interface.name, %error, "printers and folders cannot be announced");
            }
        }
        complete
    }

    /// Says goodbye everywhere.
    pub(super) async fn close(&mut self) {
        let goodbyes = self.running.drain().map(|(_, running)| running.printers.withdraw());
        futures_util::future::join_all(goodbyes).await;
    }

    async fn stop_unwanted(
        &mut self,
        connected: &[Connected],
        wanted: &[(&Connected, &Interface, Vec<IpAddr>)],
    ) {
        let is_wanted = |running: &Running| {
            wanted.iter().any(|(network, interface, _)| {
                running.network == network.id.as_str() && running.interface == **interface
            })
        };
        let is_up = |name: &str| {
            let mut up = connected.iter().flat_map(|network| &network.interfaces);
            up.any(|interface| interface.name == name)
        };
        let unwanted: Vec<String> = self
            .running
            .iter()
            .filter(|(_, running)| !is_wanted(running))
            .map(|(name, _)| name.clone())
            .collect();
        let mut goodbyes = Vec::new();
        for name in unwanted {
            let Some(running) = self.running.remove(&name) else { continue };
            // On an interface that is gone nobody hears a goodbye; dropping it is enough.
            if is_up(&name) {
                goodbyes.push(running.printers.withdraw());
            }
        }
        futures_util::future::join_all(goodbyes).await;
    }

    fn tell(
        &mut self,
        core: &Core,
        network: &Connected,
        interface: &Interface,
        addresses: &[IpAddr],
        port: u16,
        (printers, folders): &(Vec<PrinterRecord>, Vec<FolderRecord>),
    ) -> Result<(), lanyard_discovery::AnnounceError> {
        if !self.running.contains_key(&interface.name) {
            // The owner is told of this where the device itself is announced.
            if multicast::port_is_free(interface).is_err_and(|error| error.kind() == io::ErrorKind::AddrInUse)
            {
                return Ok(());
            }
            let printers = Printers::start(interface, &web::host_label(core))?;
            let network = network.id.as_str().to_owned();
            let running = Running { interface: interface.clone(), network, printers };
            self.running.insert(interface.name.clone(), running);
        }
        match self.running.get_mut(&interface.name) {
            Some(running) => {
                running.printers.tell(addresses, port, printers)?;
                running.printers.tell_folders(addresses, port, folders)
            }
            None => Ok(()),
        }
    }
}
