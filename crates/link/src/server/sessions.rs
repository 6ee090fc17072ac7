//! Which connections a device has to us, so that they can be cut.

use lanyard_trust::NodeId;
use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio_util::sync::CancellationToken;

/// The accepted connections of all devices, over all listeners with the same [`Doors`](super::Doors). Clones are the
/// same registry.
///
/// It holds connections of the link between nodes only: a device that is being met in order to join, and visitors
/// without a key, are not among them.
#[derive(Clone, Default)]
pub struct Sessions {
    live: Arc<Mutex<Live>>,
}

#[derive(Default)]
struct Live {
    by_device: HashMap<NodeId, HashMap<u64, CancellationToken>>,
    next: u64,
}

/// One connection in the registry; out of it when dropped.
pub(super) struct Session {
    sessions: Sessions,
    node: NodeId,
    number: u64,
    cut: CancellationToken,
}

impl Sessions {
    /// Cuts every connection of a device at once, wherever it is in a request, and tells how many there were. What
    /// was sent but not taken yet is lost; handlers under way see their bodies break off.
    ///
    /// The device may connect again. Take its rights first, then call this: a connection made in between is then
    /// either cut, too, or refused at its first request.
    pub fn close(&self, node: &NodeId) -> usize {
        let closed = self.lock().by_device.remove(node).unwrap_or_default();
        for cut in closed.values() {
            cut.cancel();
        }
        closed.len()
    }

    /// How many connections a device has to us.
    #[must_use]
    pub fn count(&self, node: &NodeId) -> usize {
        self.lock().by_device.get(node).map_or(0, HashMap::len)
    }

    pub(super) fn enter(&self, node: NodeId) -> Session {
        let cut = CancellationToken::new();
        let mut live = self.lock();
        let number = live.next;
        live.next += 1;
        live.by_device.entry(node).or_default().insert(number, cut.clone());
        drop(live);
        Session { sessions: self.clone(), node, number, cut }
    }

    fn lock(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").field("devices", &self.lock().by_device.len()).finish()
    }
}

impl Session {
    /// Cancelled when the connection is to be cut.
    pub(super) fn cut(&self) -> &CancellationToken {
        &self.cut
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let mut live = self.sessions.lock();
        if let Some(connections) = live.by_device.get_mut(&self.node) {
            connections.remove(&self.number);
            if connections.is_empty() {
                live.by_device.remove(&self.node);
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn closing_a_device_cuts_all_of_its_connections_and_no_other() {
        let sessions = Sessions::default();
        let (anna, ben) = (NodeId::from_bytes([1; 32]), NodeId::from_bytes([2; 32]));
        let (first, second, other) = (sessions.enter(anna), sessions.enter(anna), sessions.enter(ben));
        assert_eq!((sessions.count(&anna), sessions.count(&ben)), (2, 1));
        assert_eq!(sessions.close(&anna), 2);
        assert!(first.cut().is_cancelled() && second.cut().is_cancelled());
        assert!(!other.cut().is_cancelled());
        // What comes after is a new connection, and the end of an old one is not its end.
        let again = sessions.enter(anna);
        drop((first, second));
        assert!(!again.cut().is_cancelled());
        assert_eq!(sessions.count(&anna), 1);
        drop((again, other));
        assert!(sessions.lock().by_device.is_empty(), "nothing is remembered of who has gone");
    }
}
