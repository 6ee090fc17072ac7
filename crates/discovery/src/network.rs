//! Which network is this? An id that stays the same when a computer comes back, and differs between two places
//! that happen to use the same private addresses.
//!
//! The id is a hash of the gateway's hardware address, which a router keeps for its life. Where no gateway is
//! known it falls back to interface and prefix (an isolated switch), or to the interface alone (a direct cable).
//! All of it can be forged by whoever runs the network, so a match restores what the owner chose for it and
//! proves nothing about anybody. The SSID is not read in this version: no system interface tells it without
//! extra rights or a D-Bus client, and the gateway's address tells networks apart already.
//!
//! [`Locator`] is pure: what was seen and the time go in, ids come out.

mod surroundings;

pub use surroundings::{Surroundings, of_this_system};

use crate::{Interface, interfaces::is_link_local};
use data_encoding::BASE32_NOPAD;
use std::{
    collections::BTreeMap,
    net::IpAddr,
    time::{Duration, Instant},
};

/// How long a gateway may take to tell its hardware address before the network is called by its addresses.
const GATEWAY_ANSWERS: Duration = Duration::from_secs(5);
/// How long to wait for a default route before a network counts as one without a gateway.
const ROUTE_COMES: Duration = Duration::from_secs(3);
/// How long to wait for DHCP before an interface with nothing but fe80:: counts as a direct cable.
const DHCP_ANSWERS: Duration = Duration::from_secs(5);

/// A network's stable id on this computer: 16 base32 characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NetworkId(String);

/// The way out of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gateway {
    /// Its address.
    pub address: IpAddr,
    /// Its hardware address, when this computer has spoken with it.
    pub mac: Option<[u8; 6]>,
}

/// One interface and what is known around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The interface.
    pub interface: Interface,
    /// The default gateway through it, if any.
    pub gateway: Option<Gateway>,
    /// Whether it is a radio.
    pub wireless: bool,
}

/// Where an interface is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    /// The network.
    pub id: NetworkId,
    /// A name for people.
    pub name: String,
    /// False while the id may still change because the system is not through with setting the network up. Until
    /// then the network must be treated as Public.
    pub settled: bool,
}

/// Remembers enough of each interface to keep its network's id steady.
#[derive(Debug, Default)]
pub struct Locator {
    sessions: BTreeMap<String, Session>,
    started: bool,
}

/// One interface from when it came up until it goes down.
#[derive(Debug)]
struct Session {
    index: u32,
    basis: Basis,
    /// When this basis was first seen.
    since: Instant,
    /// It was there before this node started, so no route is awaited.
    from_start: bool,
    /// The last settled id.
    settled: Option<(Basis, NetworkId)>,
}

/// What an id is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Basis {
    Loopback,
    Hardware { gateway: IpAddr, mac: [u8; 6] },
    SilentGateway { gateway: IpAddr, networks: Vec<(IpAddr, u8)> },
    Router { gateway: IpAddr },
    Networks(Vec<(IpAddr, u8)>),
    Cable { self_assigned: bool },
}

impl NetworkId {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn hash(kind: &str, parts: &[&[u8]]) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("lanyard network id v1");
        for part in std::iter::once(&kind.as_bytes()).chain(parts) {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        Self(BASE32_NOPAD.encode(&hasher.finalize().as_bytes()[..10]).to_ascii_lowercase())
    }
}

impl Locator {
    /// Has seen nothing yet. Interfaces that are up at the first [`Locator::locate`] are taken as they are; only
    /// later ones are given time to get a route.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Where each of `seen` is, in the same order. Interfaces that are no longer among them are forgotten.
    pub fn locate(&mut self, seen: &[Seen], now: Instant) -> Vec<Located> {
        self.sessions.retain(|name, session| {
            seen.iter().any(|s| s.interface.name == *name && s.interface.index == session.index)
        });
        let from_start = !self.started;
        self.started = true;
        seen.iter().map(|seen| self.locate_one(seen, from_start, now)).collect()
    }

    fn locate_one(&mut self, seen: &Seen, from_start: bool, now: Instant) -> Located {
        let fresh = basis(seen);
        let session = self.sessions.entry(seen.interface.name.clone()).or_insert_with(|| Session {
            index: seen.interface.index,
            basis: fresh.clone(),
            since: now,
            from_start,
            settled: None,
        });
        if session.basis != fresh {
            session.basis = fresh;
            session.since = now;
            session.from_start = false;
        }
        let settled = session.is_settled(now);
        if let Some((basis, id)) = &session.settled
            && session.is_same_place(basis, settled)
        {
            return Located { id: id.clone(), name: name(seen, basis), settled: true };
        }
        let id = id(&session.basis, &seen.interface.name);
        if settled {
            session.settled = Some((session.basis.clone(), id.clone()));
        }
        Located { id, name: name(seen, &session.basis), settled }
    }
}

impl Session {
    fn is_settled(&self, now: Instant) -> bool {
        let patience = match &self.basis {
            Basis::Loopback | Basis::Hardware { .. } | Basis::Cable { self_assigned: true } => return true,
            Basis::SilentGateway { .. } => GATEWAY_ANSWERS,
            _ if self.from_start => return true,
            Basis::Router { .. } | Basis::Networks(_) => ROUTE_COMES,
            Basis::Cable { self_assigned: false } => DHCP_ANSWERS,
        };
        now.saturating_duration_since(self.since) >= patience
    }

    /// Whether what is seen now gives no reason to think that the link leads elsewhere than it did when it was
    /// settled: the carrier was there all the time (else this session would be over) and nothing contradicts.
    fn is_same_place(&self, before: &Basis, settled: bool) -> bool {
        match (before, &self.basis) {
            (before, now) if before == now => true,
            // The gateway's entry aged out of the neighbour table, or it restarts.
            (Basis::Hardware { gateway, .. }, Basis::SilentGateway { gateway: now, .. }) => gateway == now,
            // An address is being replaced: for a moment nothing but link-local is left.
            (_, Basis::Cable { .. }) => !settled,
            _ => false,
        }
    }
}

fn basis(seen: &Seen) -> Basis {
    if seen.interface.is_loopback() {
        return Basis::Loopback;
    }
    let mut networks: Vec<(IpAddr, u8)> = seen
        .interface
        .addresses
        .iter()
        .filter(|prefix| !is_link_local(prefix.address))
        .map(|prefix| (prefix.network(), prefix.length))
        .collect();
    // IPv6 prefixes come and go with router advertisements; they tell a network only where nothing else does.
    if networks.iter().any(|(network, _)| network.is_ipv4()) {
        networks.retain(|(network, _)| network.is_ipv4());
    }
    networks.sort_unstable();
    networks.dedup();
    match seen.gateway {
        Some(Gateway { address, mac: Some(mac) }) => Basis::Hardware { gateway: address, mac },
        Some(Gateway { address: address @ IpAddr::V4(_), mac: None }) => {
            Basis::SilentGateway { gateway: address, networks }
        }
        Some(Gateway { address: address @ IpAddr::V6(_), mac: None }) => Basis::Router { gateway: address },
        None if networks.is_empty() => {
            Basis::Cable { self_assigned: seen.interface.addresses.iter().any(|p| p.address.is_ipv4()) }
        }
        None => Basis::Networks(networks),
    }
}

fn id(basis: &Basis, interface: &str) -> NetworkId {
    let interface = interface.as_bytes();
    let text = |networks: &[(IpAddr, u8)]| {
        let words: Vec<String> =
            networks.iter().map(|(network, length)| format!("{network}/{length}")).collect();
        words.join(" ")
    };
    match basis {
        Basis::Loopback => NetworkId::hash("loopback", &[]),
        // Not the interface: cable and radio of one router are one network.
        Basis::Hardware { mac, .. } => NetworkId::hash("gateway", &[mac]),
        Basis::SilentGateway { gateway, networks } => {
            let gateway = gateway.to_string();
            NetworkId::hash("silent", &[interface, gateway.as_bytes(), text(networks).as_bytes()])
        }
        Basis::Router { gateway } => NetworkId::hash("router", &[gateway.to_string().as_bytes()]),
        Basis::Networks(networks) => NetworkId::hash("prefix", &[interface, text(networks).as_bytes()]),
        Basis::Cable { .. } => NetworkId::hash("cable", &[interface]),
    }
}

fn name(seen: &Seen, basis: &Basis) -> String {
    let interface = &seen.interface.name;
    match basis {
        Basis::Loopback => "This computer".to_owned(),
        Basis::Cable { .. } if !seen.wireless => format!("Direct cable ({interface})"),
        _ if seen.wireless => format!("Wi-Fi ({interface})"),
        _ => format!("Network ({interface})"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::Prefix;

    const HOME: [u8; 6] = [2, 0, 0, 0, 0, 1];
    const CAFE: [u8; 6] = [2, 0, 0, 0, 0, 2];

    fn seen(interface: &str, addresses: &[&str], gateway: Option<(&str, Option<[u8; 6]>)>) -> Seen {
        let prefix = |text: &&str| {
            let (address, length) = text.split_once('/').unwrap();
            Prefix { address: address.parse().unwrap(), length: length.parse().unwrap() }
        };
        Seen {
            interface: Interface {
                name: interface.to_owned(),
                index: 3,
                addresses: addresses.iter().map(prefix).collect(),
            },
            gateway: gateway.map(|(address, mac)| Gateway { address: address.parse().unwrap(), mac }),
            wireless: false,
        }
    }

    fn one(locator: &mut Locator, seen: Seen, now: Instant) -> Located {
        locator.locate(&[seen], now).remove(0)
    }

    #[test]
    fn the_same_private_addresses_behind_another_router_are_another_network() {
        let now = Instant::now();
        let home = seen("wlan0", &["192.168.1.7/24"], Some(("192.168.1.1", Some(HOME))));
        let cafe = seen("wlan0", &["192.168.1.7/24"], Some(("192.168.1.1", Some(CAFE))));
        let at_home = one(&mut Locator::new(), home, now);
        let there = one(&mut Locator::new(), cafe, now);
        assert!(at_home.settled && there.settled);
        assert_ne!(at_home.id, there.id);
    }

    #[test]
    fn cable_and_radio_of_one_router_are_one_network_and_a_new_lease_changes_nothing() {
        let now = Instant::now();
        let mut locator = Locator::new();
        let radio = seen("wlan0", &["192.168.1.7/24"], Some(("192.168.1.1", Some(HOME))));
        let cable = seen("eth0", &["192.168.1.9/24"], Some(("192.168.1.1", Some(HOME))));
        let both = locator.locate(&[cable, radio], now);
        assert_eq!(both[0].id, both[1].id);
        let renewed = seen("wlan0", &["192.168.1.77/24"], Some(("192.168.1.1", Some(HOME))));
        assert_eq!(one(&mut Locator::new(), renewed, now).id, both[0].id);
    }

    #[test]
    fn a_gateway_not_spoken_with_yet_is_waited_for_even_at_the_start() {
        let start = Instant::now();
        let mut locator = Locator::new();
        let silent = || seen("eth0", &["192.168.1.7/24"], Some(("192.168.1.1", None)));
        let first = one(&mut locator, silent(), start);
        assert!(!first.settled, "this may be anybody's 192.168.1.0/24");
        let known = seen("eth0", &["192.168.1.7/24"], Some(("192.168.1.1", Some(HOME))));
        let second = one(&mut locator, known, start + Duration::from_secs(1));
        assert!(second.settled);
        assert_ne!(first.id, second.id);
        let mut locator = Locator::new();
        one(&mut locator, silent(), start);
        one(&mut locator, silent(), start + Duration::from_secs(1));
        assert!(one(&mut locator, silent(), start + Duration::from_secs(6)).settled, "it never answers");
    }

    #[test]
    fn a_known_network_stays_when_the_neighbour_table_forgets_its_gateway() {
        let start = Instant::now();
        let mut locator = Locator::new();
        let known = seen("eth0", &["192.168.1.7/24"], Some(("192.168.1.1", Some(HOME))));
        let silent = seen("eth0", &["192.168.1.7/24"], Some(("192.168.1.1", None)));
        let before = one(&mut locator, known, start);
        let after = one(&mut locator, silent, start + Duration::from_secs(60));
        assert_eq!((before.id, true), (after.id, after.settled));
    }

    #[test]
    fn a_carrier_loss_ends_what_was_known() {
        let start = Instant::now();
        let mut locator = Locator::new();
        one(&mut locator, seen("eth0", &["192.168.1.7/24"], Some(("192.168.1.1", Some(HOME)))), start);
        locator.locate(&[], start + Duration::from_secs(1));
        let silent = seen("eth0", &["192.168.1.7/24"], Some(("192.168.1.1", None)));
        assert!(!one(&mut locator, silent, start + Duration::from_secs(2)).settled, "it may be a café now");
    }

    #[test]
    fn a_switch_without_a_gateway_is_known_by_its_prefix_at_once_when_it_was_there_before_the_start() {
        let now = Instant::now();
        let a = one(&mut Locator::new(), seen("eth0", &["10.7.0.2/24", "fe80::1/64"], None), now);
        let b = one(&mut Locator::new(), seen("eth0", &["10.7.0.9/24", "fe80::2/64"], None), now);
        let c = one(&mut Locator::new(), seen("eth0", &["10.8.0.2/24"], None), now);
        assert!(a.settled && a.id == b.id && a.id != c.id);
    }

    #[test]
    fn a_network_plugged_in_later_gets_time_for_its_route() {
        let start = Instant::now();
        let mut locator = Locator::new();
        locator.locate(&[], start);
        let bare = || seen("eth0", &["10.7.0.2/24"], None);
        assert!(!one(&mut locator, bare(), start + Duration::from_secs(10)).settled);
        assert!(one(&mut locator, bare(), start + Duration::from_secs(14)).settled);
    }

    #[test]
    fn only_link_local_addresses_are_a_direct_cable() {
        let start = Instant::now();
        let cable = one(&mut Locator::new(), seen("eth0", &["169.254.3.4/16", "fe80::1/64"], None), start);
        assert_eq!((cable.name.as_str(), cable.settled), ("Direct cable (eth0)", true));
        let mut locator = Locator::new();
        locator.locate(&[], start);
        let bare = || seen("eth0", &["fe80::1/64"], None);
        let early = one(&mut locator, bare(), start + Duration::from_secs(1));
        assert!(!early.settled, "DHCP may still answer");
        let late = one(&mut locator, bare(), start + Duration::from_secs(7));
        assert_eq!((late.id, late.settled), (cable.id, true));
    }

    #[test]
    fn replacing_an_address_does_not_leave_the_network_for_a_moment() {
        let start = Instant::now();
        let mut locator = Locator::new();
        let before = one(&mut locator, seen("eth0", &["10.7.0.2/24", "fe80::1/64"], None), start);
        let gap = one(&mut locator, seen("eth0", &["fe80::1/64"], None), start + Duration::from_secs(1));
        let after = one(
            &mut locator,
            seen("eth0", &["10.7.0.3/24", "fe80::1/64"], None),
            start + Duration::from_secs(2),
        );
        assert!(gap.settled && after.settled, "the owner's listener must not blink");
        assert_eq!((&before.id, &before.id), (&gap.id, &after.id));
    }

    #[test]
    fn another_prefix_on_the_same_cable_is_not_trusted_at_once() {
        let start = Instant::now();
        let mut locator = Locator::new();
        let before = one(&mut locator, seen("eth0", &["10.7.0.2/24"], None), start);
        let after = one(&mut locator, seen("eth0", &["10.9.0.2/24"], None), start + Duration::from_secs(1));
        assert!(!after.settled);
        assert_ne!(before.id, after.id);
    }
}
