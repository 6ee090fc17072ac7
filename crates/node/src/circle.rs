//! Who belongs together with this device right now: the one answer that every door and every list asks for.
//!
//! Kept by `home`, which knows the members, and read everywhere. A change takes effect with the next question, and
//! whoever must act on it listens to [`Circle::changes`].

use lanyard_trust::{NodeId, Standing, Subject, Who};
use std::{
    collections::HashSet,
    sync::{Arc, PoisonError, RwLock},
};
use tokio::sync::watch;

/// Members, former members and paired devices. Clones share them.
#[derive(Clone, Default)]
pub struct Circle {
    known: Arc<RwLock<Known>>,
    version: watch::Sender<u64>,
}

/// Who is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// The devices of this device's home, this one included.
    pub members: HashSet<NodeId>,
    /// Devices that were put out of it.
    pub expelled: HashSet<NodeId>,
    /// Devices connected with this one without a home.
    pub paired: HashSet<NodeId>,
}

impl Circle {
    /// What is known of somebody besides what the connection proves.
    #[must_use]
    pub fn standing(&self, subject: &Subject) -> Standing {
        match subject.who {
            Who::Device(node) => {
                let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
                Standing { member: known.members.contains(&node), expelled: known.expelled.contains(&node) }
            }
            Who::Guest(_) | Who::Plain(_) => Standing::default(),
        }
    }

    /// Whether a device is in the home.
    #[must_use]
    pub fn is_member(&self, node: &NodeId) -> bool {
        self.known.read().unwrap_or_else(PoisonError::into_inner).members.contains(node)
    }

    /// Whether a device is in the home or paired.
    #[must_use]
    pub fn knows(&self, node: &NodeId) -> bool {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.members.contains(node) || known.paired.contains(node)
    }

    /// Who is known.
    #[must_use]
    pub fn known(&self) -> Known {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces who is known.
    pub fn set(&self, known: Known) {
        let changed = {
            let mut now = self.known.write().unwrap_or_else(PoisonError::into_inner);
            let changed = *now != known;
            *now = known;
            changed
        };
        if changed {
            self.version.send_modify(|version| *version += 1);
        }
    }

    /// Counts up with each change.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }
}
