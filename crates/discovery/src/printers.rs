//! Saying on one interface that printers are here, for clients that are not Lanyard (PWG 5100.14 §4, Apple's Bonjour
//! Printing Specification 1.2).
//!
//! Each printer is one instance of `_ipp._tcp` and `_ipps._tcp`, with the subtypes that IPP Everywhere (`_print`) and
//! AirPrint (`_universal`) look for, and of `_printer._tcp` on port 0, which is LPD that nobody speaks here: it keeps
//! the name. Who may print, and which printers are told of, is decided by others.
//!
//! `mdns-sd` takes one subtype for an instance, so there are two daemons with the same records but for that. Neither
//! probes for its names: each would find the other's. They are the computer's own by what is in them, and whoever
//! chooses them looks at what is heard ([`settle_name`]).

mod folders;
mod record;

pub use folders::{FolderRecord, MAX_FOLDERS};
pub use record::{PaperMax, PrinterRecord, settle_name};

use crate::{AnnounceError, Interface};
use mdns_sd::{IfKind, ServiceDaemon, ServiceInfo};
use std::{net::IpAddr, time::Duration};

/// The most printers on one interface: a daemon's queue holds 100 commands.
pub const MAX_PRINTERS: usize = 24;

/// Goodbyes are sent twice, 120 ms apart; then the daemons may go.
const GOODBYE: Duration = Duration::from_millis(150);

/// The types with their subtypes, by daemon. The name is kept by the first alone.
const TYPES: [&[&str]; 2] = [
    &["_print._sub._ipp._tcp.local.", "_print._sub._ipps._tcp.local.", LPD],
    &["_universal._sub._ipp._tcp.local.", "_universal._sub._ipps._tcp.local."],
];

const LPD: &str = "_printer._tcp.local.";

/// Running announcements of printers. Dropping them says goodbye once; [`Printers::withdraw`] does it properly.
pub struct Printers {
    daemons: [ServiceDaemon; 2],
    host: String,
    told: Vec<PrinterRecord>,
    folders: Vec<FolderRecord>,
    folders_at: (Vec<IpAddr>, u16),
    addresses: Vec<IpAddr>,
    port: u16,
}

impl Printers {
    /// Begins with none, on `interface`, under the host name `host` (without `.local`).
    ///
    /// # Errors
    /// [`AnnounceError`] when the system refuses a socket.
    pub fn start(interface: &Interface, host: &str) -> Result<Self, AnnounceError> {
        let daemon = || -> Result<ServiceDaemon, AnnounceError> {
            let daemon = ServiceDaemon::new()?;
            daemon.disable_interface(IfKind::All)?;
            daemon.enable_interface(IfKind::Name(interface.name.clone()))?;
            // Whoever announces watches the interfaces.
            daemon.set_ip_check_interval(0)?;
            Ok(daemon)
        };
        Ok(Self {
            daemons: [daemon()?, daemon()?],
            host: host.to_owned(),
            told: Vec::new(),
            folders: Vec::new(),
            folders_at: (Vec::new(), 0),
            addresses: Vec::new(),
            port: 0,
        })
    }

    /// Announces these and no others, at these addresses. Those that are told of already are not told again.
    ///
    /// # Errors
    /// [`AnnounceError`] when a daemon has ended, or a name cannot be one.
    pub fn tell(
        &mut self,
        addresses: &[IpAddr],
        port: u16,
        printers: &[PrinterRecord],
    ) -> Result<(), AnnounceError> {
        let printers = &printers[..printers.len().min(MAX_PRINTERS)];
        let moved = self.addresses != addresses || self.port != port;
        let is_kept = |told: &PrinterRecord| printers.iter().any(|now| now.instance == told.instance);
        for gone in self.told.iter().filter(|told| !is_kept(told)) {
            for (daemon, fullname) in self.names(gone) {
                daemon.unregister(&fullname)?;
            }
        }
        for printer in printers.iter().filter(|now| moved || !self.told.contains(now)) {
            self.register(addresses, port, printer)?;
        }
        self.told = printers.to_vec();
        self.addresses = addresses.to_vec();
        self.port = port;
        Ok(())
    }

    /// Says goodbye for all. Takes about 300 ms.
    pub async fn withdraw(self) {
        let folders = self.folders.iter().map(|told| (&self.daemons[0], folders::fullname(told)));
        let printers = self.told.iter().flat_map(|told| self.names(told));
        let goodbyes = printers.chain(folders).filter_map(|(daemon, fullname)| {
            let done = daemon.unregister(&fullname).ok()?;
            Some(async move { drop(tokio::time::timeout(GOODBYE, done.recv_async()).await) })
        });
        let goodbyes: Vec<_> = goodbyes.collect();
        if !goodbyes.is_empty() {
            futures_util::future::join_all(goodbyes).await;
            tokio::time::sleep(GOODBYE).await;
        }
    }

    fn register(
        &self,
        addresses: &[IpAddr],
        port: u16,
        printer: &PrinterRecord,
    ) -> Result<(), AnnounceError> {
        let host = format!("{}.local.", self.host);
        let entries = printer.entries(&self.host, port);
        for (daemon, types) in self.daemons.iter().zip(TYPES) {
            for service_type in types {
                let (port, entries) = if *service_type == LPD { (0, &[][..]) } else { (port, &entries[..]) };
                let mut info =
                    ServiceInfo::new(service_type, &printer.instance, &host, addresses, port, entries)?;
                info.set_requires_probe(false);
                daemon.register(info)?;
            }
        }
        Ok(())
    }

    /// The full names of a printer, with the daemon that tells each.
    fn names<'a>(&'a self, printer: &PrinterRecord) -> impl Iterator<Item = (&'a ServiceDaemon, String)> {
        let instance = record::escaped(&printer.instance);
        self.daemons.iter().zip(TYPES).flat_map(move |(daemon, types)| {
            let instance = instance.clone();
            types.iter().map(move |service_type| {
                let base = service_type.split_once("._sub.").map_or(*service_type, |(_, base)| base);
                (daemon, format!("{instance}.{base}"))
            })
        })
    }
}

impl Drop for Printers {
    fn drop(&mut self) {
        for daemon in &self.daemons {
            // A refusal means that the daemon has ended already.
            let _ = daemon.shutdown();
        }
    }
}
