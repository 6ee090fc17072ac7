//! Straight to standard printers: those on the network that speak IPP and that no node offers.
//!
//! A job for one waits in the same outbox, in the same row, as one for a node's printer, and is followed the same
//! way. What carries it is the state machine that also puts jobs into this computer's own queues
//! ([`crate::offer::machine`]): an empty job is made first and its number recorded, so that after any break the
//! printer can be asked before a byte is sent again. A printer that is cut off while it receives may have begun to
//! print: such a job stops and asks, it is never sent again by itself.
//!
//! Where a printer is and whether it is near is told by [`Find`]; a printer is known by its name in DNS-SD alone, so
//! that it may change its address.

mod carry;
mod dial;
mod journal;
mod printer;

pub(super) use carry::{Carrier, printer_of};
pub(crate) use journal::TABLE;

use super::{AskError, Outbox};
use crate::{
    system::QueueState,
    ticket::{Capabilities, Refused, Supply},
};
use lanyard_link::LinkError;
use lanyard_trust::{NodeId, ShareId};
use std::net::SocketAddr;
use uuid::Uuid;

/// A standard printer: `dnssd:` and its instance name with its type, in lower case. `_ipps` and `_ipp` of the same
/// name are the same printer, and written as `_ipp`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PrinterId(String);

impl PrinterId {
    /// What ids of standard printers begin with; no share of a node's does.
    const SCHEME: &str = "dnssd:";

    /// From the full name of a DNS-SD service.
    #[must_use]
    pub fn of_service(fullname: &str) -> Self {
        let name = fullname.trim_end_matches('.').to_ascii_lowercase();
        Self(format!("{}{}", Self::SCHEME, name.replacen("._ipps._tcp.", "._ipp._tcp.", 1)))
    }

    /// From an id as it is shown.
    #[must_use]
    pub fn parse(id: &str) -> Option<Self> {
        const MAX_NAME: usize = 255;
        let name = id.strip_prefix(Self::SCHEME)?;
        (!name.is_empty() && name.len() <= MAX_NAME).then(|| Self::of_service(name))
    }

    /// The printer behind a share, if it is a standard one.
    #[must_use]
    pub fn of_share(share: &ShareId) -> Option<Self> {
        Self::parse(&share.0)
    }

    /// As it is shown.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands for the printer where a node's printer has a share.
    #[must_use]
    pub fn share(&self) -> ShareId {
        ShareId(self.0.clone())
    }

    /// What stands for the printer where a node's printer has a node. It is made from the name and nobody's key, so
    /// it opens nothing.
    #[must_use]
    pub fn node(&self) -> NodeId {
        NodeId::from_bytes(blake3::derive_key("lanyard 2026 standard printer", self.0.as_bytes()))
    }
}

/// One way to a printer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// Where it may be reached now.
    pub addresses: Vec<SocketAddr>,
    /// Its host's name.
    pub host: String,
    /// The path of its URI, beginning with a slash.
    pub path: String,
    /// Encrypted (`_ipps`).
    pub tls: bool,
}

/// Who knows where printers are.
pub trait Find: Send + Sync + 'static {
    /// The ways to a printer, the better first; none when it is not near.
    fn ways(&self, printer: &PrinterId) -> Vec<Way>;
}

/// What a standard printer says of itself, bounded and cleaned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// What it can do, with what is made of documents here.
    pub can: Capabilities,
    /// What it is doing.
    pub state: QueueState,
    /// Why, as IPP keywords without severity.
    pub reasons: Vec<String>,
    /// Jobs that wait there, ours and others'.
    pub waiting: u32,
    /// Ink, toner, paper.
    pub supplies: Vec<Supply>,
    /// Make and model.
    pub model: Option<String>,
    /// A place.
    pub location: Option<String>,
    /// By which it is known whichever way it is reached.
    pub uuid: Option<Uuid>,
    /// False while it takes no jobs.
    pub accepting: bool,
}

impl Outbox {
    /// Says who knows where standard printers are. Until then none can be reached. Counts once.
    pub fn find_printers_by(&self, find: std::sync::Arc<dyn Find>) {
        if self.inner.find.set(find).is_err() {
            tracing::warn!("who finds printers was told already");
        }
    }

    /// Asks a standard printer what it is, can do and is doing.
    ///
    /// # Errors
    /// [`AskError`]
    pub async fn ask_printer(&self, printer: &PrinterId) -> Result<Told, AskError> {
        let asked = printer::Standard::new(self, printer.clone()).told().await;
        asked.map_err(|error| match error {
            crate::system::SpoolError::Away(_) => AskError::Link(LinkError::Unreachable { tried: 1 }),
            error => AskError::Refused(Refused {
                reason: "printer_failed".to_owned(),
                detail: carry::words_of(&error),
            }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_printer_is_the_same_by_each_of_its_services() {
        let plain = PrinterId::of_service("Laser\\.1._ipp._tcp.local.");
        let tls = PrinterId::of_service("laser\\.1._ipps._tcp.local.");
        assert_eq!(plain, tls);
        assert_eq!(plain.as_str(), "dnssd:laser\\.1._ipp._tcp.local");
        assert_eq!(PrinterId::parse(plain.as_str()), Some(plain.clone()));
        assert_eq!(PrinterId::of_share(&plain.share()), Some(plain.clone()));
        assert_eq!(plain.node(), tls.node());
        assert_eq!(PrinterId::of_share(&ShareId("laser".to_owned())), None);
        assert_eq!(PrinterId::parse("dnssd:"), None);
    }
}
