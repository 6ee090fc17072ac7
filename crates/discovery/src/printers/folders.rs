//! Saying that folders are here, for file managers (`_webdavs._tcp`, registered with IANA; RFC 6763 §6).
//!
//! Told by the daemon that tells of printers: a name, with the path and nothing else. Whoever has them told decides
//! whether that is the folder of all folders or one of them, and by which name.

use super::{Printers, record};
use crate::AnnounceError;
use mdns_sd::ServiceInfo;
use std::net::IpAddr;

/// The most folders on one interface.
pub const MAX_FOLDERS: usize = 24;

const TYPE: &str = "_webdavs._tcp.local.";

/// A folder that everyone on the owner's network may look into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderRecord {
    /// The name of the instance ([`super::settle_name`]).
    pub instance: String,
    /// The path of its address.
    pub path: String,
}

impl Printers {
    /// Announces these folders and no others, at these addresses. Those that are told of already are not told again.
    ///
    /// # Errors
    /// [`AnnounceError`] when the daemon has ended, or a name cannot be one.
    pub fn tell_folders(
        &mut self,
        addresses: &[IpAddr],
        port: u16,
        folders: &[FolderRecord],
    ) -> Result<(), AnnounceError> {
        let folders = &folders[..folders.len().min(MAX_FOLDERS)];
        let moved = self.folders_at.0 != addresses || self.folders_at.1 != port;
        let [daemon, _] = &self.daemons;
        for gone in
            self.folders.iter().filter(|told| !folders.iter().any(|now| now.instance == told.instance))
        {
            daemon.unregister(&fullname(gone))?;
        }
        let host = format!("{}.local.", self.host);
        for folder in folders.iter().filter(|now| moved || !self.folders.contains(now)) {
            // Longer than an entry can be: whoever opens it asks for the path.
            let entries: &[(&str, &str)] =
                if folder.path.len() <= 250 { &[("path", &folder.path)] } else { &[] };
            let mut info = ServiceInfo::new(TYPE, &folder.instance, &host, addresses, port, entries)?;
            info.set_requires_probe(false);
            daemon.register(info)?;
        }
        self.folders = folders.to_vec();
        self.folders_at = (addresses.to_vec(), port);
        Ok(())
    }
}

/// The full name under which a folder is told.
pub(super) fn fullname(folder: &FolderRecord) -> String {
    format!("{}.{TYPE}", record::escaped(&folder.instance))
}
