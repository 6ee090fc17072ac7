//! Saying on one interface that a node is here.
//!
//! Each announcement has a `mdns-sd` daemon of its own that sees only its interface. One daemon for all would not
//! do: it takes every fe80:: address as valid on every interface, and so would tell a café's network about a
//! service that was registered for the cable at home.

use crate::{
    Interface, Kind,
    text::{self, Saying},
};
use data_encoding::BASE32_NOPAD;
use mdns_sd::{IfKind, ServiceDaemon, ServiceInfo, UnregisterStatus};
use std::{net::IpAddr, time::Duration};

/// Goodbyes are sent twice, 120 ms apart; then the daemon may go.
const GOODBYE: Duration = Duration::from_millis(150);

/// A running announcement. Dropping it says goodbye once; [`Announcement::withdraw`] does it properly.
pub struct Announcement {
    daemon: ServiceDaemon,
    instance: String,
    host: String,
}

/// Why nothing can be announced.
#[derive(Debug, thiserror::Error)]
pub enum AnnounceError {
    /// The system gives no random numbers.
    #[error("no random numbers: {0}")]
    Random(#[from] getrandom::Error),
    /// The multicast DNS socket or record cannot be made.
    #[error("multicast DNS: {0}")]
    Mdns(#[from] mdns_sd::Error),
}

impl Announcement {
    /// Announces a node at these addresses of `interface`, under a new random name.
    ///
    /// # Errors
    /// [`AnnounceError`] when the system refuses a socket.
    pub fn start(
        interface: &Interface,
        addresses: &[IpAddr],
        port: u16,
        saying: &Saying,
    ) -> Result<Self, AnnounceError> {
        let (instance, host) = (random_label()?, random_label()?);
        let daemon = ServiceDaemon::new()?;
        let announcement = Self { daemon, instance, host };
        let daemon = &announcement.daemon;
        daemon.disable_interface(IfKind::All)?;
        daemon.enable_interface(IfKind::Name(interface.name.clone()))?;
        // Whoever announces watches the interfaces and starts a new announcement when one changes.
        daemon.set_ip_check_interval(0)?;
        announcement.update(addresses, port, saying)?;
        Ok(announcement)
    }

    /// Announces other addresses, or something else, under the same name.
    ///
    /// # Errors
    /// [`AnnounceError`] when the daemon has ended, or the system gives no random numbers.
    pub fn update(&self, addresses: &[IpAddr], port: u16, saying: &Saying) -> Result<(), AnnounceError> {
        // New each time, too, because listeners that hear a record which they had a moment ago stay with the one in
        // between: their caches keep what was replaced for a second (RFC 6762 §10.2).
        let mut nonce = [0; 8];
        getrandom::fill(&mut nonce)?;
        let entries = text::entries(nonce, saying);
        let host = format!("{}.local.", self.host);
        let service_type = Kind::Lanyard.service_type();
        let mut info = ServiceInfo::new(service_type, &self.instance, &host, addresses, port, &entries[..])?;
        // 40 random bits in each name: probing for a conflict would cost 0.8 s and find none.
        info.set_requires_probe(false);
        self.daemon.register(info)?;
        Ok(())
    }

    /// The full name, as others hear it.
    #[must_use]
    pub fn fullname(&self) -> String {
        format!("{}.{}", self.instance, Kind::Lanyard.service_type())
    }

    /// Says goodbye. Takes about 150 ms.
    pub async fn withdraw(self) {
        if let Ok(done) = self.daemon.unregister(&self.fullname()) {
            let done = tokio::time::timeout(GOODBYE, done.recv_async()).await;
            if matches!(done, Ok(Ok(UnregisterStatus::OK))) {
                tokio::time::sleep(GOODBYE).await;
            }
        }
    }
}

impl Drop for Announcement {
    fn drop(&mut self) {
        // The queue holds 100 commands and is drained at once: a refusal means that the daemon has ended already.
        let _ = self.daemon.shutdown();
    }
}

/// Eight random base32 characters.
fn random_label() -> Result<String, getrandom::Error> {
    let mut bytes = [0_u8; 5];
    getrandom::fill(&mut bytes)?;
    Ok(BASE32_NOPAD.encode(&bytes).to_ascii_lowercase())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn two_labels_differ_and_say_nothing() {
        let (a, b) = (random_label().unwrap(), random_label().unwrap());
        assert_ne!(a, b);
        assert!(a.len() == 8 && a.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()));
    }
}
