//! How many connections there may be, in all and from one place.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Counts connections. Clones share the count.
#[derive(Clone)]
pub(super) struct Admission {
    counts: Arc<Mutex<Counts>>,
    most: usize,
    most_per_origin: usize,
}

#[derive(Default)]
struct Counts {
    all: usize,
    by_origin: HashMap<IpAddr, usize>,
}

/// A connection's place; free again when dropped.
pub(super) struct Place {
    admission: Admission,
    origin: IpAddr,
}

impl Admission {
    pub(super) fn new(most: usize, most_per_origin: usize) -> Self {
        Self { counts: Arc::default(), most, most_per_origin }
    }

    /// A place for a connection from `remote` to `local`, if there is one.
    pub(super) fn admit(&self, remote: SocketAddr, local: Option<SocketAddr>) -> Option<Place> {
        let origin = origin(remote.ip(), local.map(|local| local.ip()));
        let mut counts = self.lock();
        let from_there = counts.by_origin.get(&origin).copied().unwrap_or_default();
        if counts.all >= self.most || from_there >= self.most_per_origin {
            return None;
        }
        counts.all += 1;
        counts.by_origin.insert(origin, from_there + 1);
        drop(counts);
        Some(Place { admission: self.clone(), origin })
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.admission.lock();
        counts.all -= 1;
        if let Some(count) = counts.by_origin.get_mut(&self.origin) {
            *count -= 1;
            if *count == 0 {
                counts.by_origin.remove(&self.origin);
            }
        }
    }
}

/// What counts as one place. Beyond our link one household has a whole IPv6 /64; on the link everybody shares ours,
/// so there it is the single address.
fn origin(remote: IpAddr, local: Option<IpAddr>) -> IpAddr {
    match (remote, local) {
        (IpAddr::V6(remote), Some(IpAddr::V6(local))) if prefix(remote) != prefix(local) => {
            IpAddr::V6(prefix(remote))
        }
        _ => remote,
    }
}

fn prefix(address: Ipv6Addr) -> Ipv6Addr {
    Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn at(address: &str) -> SocketAddr {
        SocketAddr::new(address.parse().unwrap(), 1)
    }

    #[test]
    fn a_place_is_free_again_when_its_connection_ends() {
        let admission = Admission::new(3, 2);
        let first = admission.admit(at("10.0.0.1"), None).unwrap();
        let _second = admission.admit(at("10.0.0.1"), None).unwrap();
        assert!(admission.admit(at("10.0.0.1"), None).is_none(), "two from one address");
        let _third = admission.admit(at("10.0.0.2"), None).unwrap();
        assert!(admission.admit(at("10.0.0.3"), None).is_none(), "three in all");
        drop(first);
        assert!(admission.admit(at("10.0.0.3"), None).is_some());
        assert!(admission.admit(at("10.0.0.1"), None).is_some());
    }

    #[test]
    fn nothing_is_remembered_of_addresses_without_connections() {
        let admission = Admission::new(10, 10);
        for last in 0..200 {
            drop(admission.admit(at(&format!("10.0.0.{last}")), None));
        }
        assert!(admission.lock().by_origin.is_empty());
    }

    #[test]
    fn a_foreign_household_counts_once_and_neighbours_count_each() {
        let admission = Admission::new(10, 1);
        let local = Some(at("2001:db8:1:1::1"));
        let _neighbour = admission.admit(at("2001:db8:1:1::2"), local).unwrap();
        let _other_neighbour = admission.admit(at("2001:db8:1:1::3"), local).unwrap();
        let _foreign = admission.admit(at("2001:db8:2:2::1"), local).unwrap();
        assert!(admission.admit(at("2001:db8:2:2::2"), local).is_none());
        let link_local = Some(at("fe80::1"));
        let _a = admission.admit(at("fe80::a"), link_local).unwrap();
        let _b = admission.admit(at("fe80::b"), link_local).unwrap();
    }
}
