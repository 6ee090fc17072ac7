//! The table of devices: pure, bounded, keyed by the device's key. What was heard and the time go in.

use super::RemoteShare;
use crate::wire::{Hello, OfferedDrive, Offers};
use lanyard_api::{Millis, Os};
use lanyard_trust::{NodeId, ShareId, names::clean};
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    time::{Duration, Instant},
};

/// The most devices in the table.
const MAX_DEVICES: usize = 256;
/// The most devices behind one address: keys cost nothing, addresses on a link do.
const MAX_BEHIND_ONE: usize = 16;
/// The most addresses of one device.
const MAX_ADDRESSES: usize = 8;
/// How long a device that does not answer stays on the screen.
const PATIENCE: Duration = Duration::from_secs(600);
/// How long one that was met but never watched is tried.
const FIRST_PATIENCE: Duration = Duration::from_secs(30);

/// The table.
#[derive(Debug, Default)]
pub(super) struct Devices {
    rows: BTreeMap<NodeId, Row>,
}

/// One device.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) name: Option<String>,
    pub(super) os: Os,
    pub(super) link: Link,
    pub(super) addresses: Vec<SocketAddr>,
    /// How many of them, from the first, it was last met at.
    current: usize,
    pub(super) offers: Offers,
    pub(super) last_seen: Millis,
}

/// How things stand with a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// Met; its first line has not come yet. Not shown.
    Met { since: Instant },
    /// It speaks.
    Online,
    /// It does not answer.
    Unreachable { since: Instant },
}

/// What meeting a device brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Met {
    /// Never met, a new address, or it was thought to be away.
    News,
    /// Nothing new.
    Known,
    /// There is no room for it.
    Full,
}

impl Devices {
    /// A device has proven its key and is said to be at these addresses.
    pub(super) fn met(&mut self, node: NodeId, addresses: &[SocketAddr], now: Instant) -> Met {
        if let Some(row) = self.rows.get_mut(&node) {
            let news = addresses.iter().any(|address| !row.addresses.contains(address));
            // What was just proven goes first; what is no longer true falls off the end.
            let mut all = addresses.to_vec();
            all.extend(row.addresses.iter().filter(|address| !addresses.contains(address)));
            all.truncate(MAX_ADDRESSES);
            row.current = addresses.len().min(MAX_ADDRESSES);
            row.addresses = all;
            return if news || row.link != Link::Online { Met::News } else { Met::Known };
        }
        let is_behind = |row: &&Row| {
            let first = row.addresses.first().map(SocketAddr::ip);
            first.is_some() && first == addresses.first().map(SocketAddr::ip)
        };
        if self.rows.values().filter(is_behind).count() >= MAX_BEHIND_ONE || !self.has_room() {
            return Met::Full;
        }
        let mut addresses = addresses.to_vec();
        addresses.truncate(MAX_ADDRESSES);
        let row = Row {
            name: None,
            os: Os::Other,
            link: Link::Met { since: now },
            current: addresses.len(),
            addresses,
            offers: Offers::default(),
            last_seen: 0,
        };
        self.rows.insert(node, row);
        Met::News
    }

    /// It said who it is. True when that changed what is shown.
    pub(super) fn hello(&mut self, node: &NodeId, hello: &Hello, now: Millis) -> bool {
        let Some(row) = self.rows.get_mut(node) else { return false };
        let (name, os) = (clean(&hello.name), os(&hello.os));
        let changed = row.link != Link::Online || row.name != name || row.os != os;
        (row.link, row.name, row.os, row.last_seen) = (Link::Online, name, os, now);
        changed
    }

    /// It said what may be used; bounded and cleaned before. True when that is something else than before.
    pub(super) fn offers(&mut self, node: &NodeId, offers: Offers, now: Millis) -> bool {
        let Some(row) = self.rows.get_mut(node) else { return false };
        row.last_seen = now;
        let changed = row.offers != offers;
        row.offers = offers;
        changed
    }

    /// What it offered counts no longer.
    pub(super) fn withdraw_offers(&mut self, node: &NodeId) {
        if let Some(row) = self.rows.get_mut(node) {
            row.offers = Offers::default();
        }
    }

    /// A sign of life.
    pub(super) fn heard(&mut self, node: &NodeId, now: Millis) {
        if let Some(row) = self.rows.get_mut(node) {
            row.last_seen = now;
        }
    }

    /// It does not answer at any address. True when it did before.
    pub(super) fn unreachable(&mut self, node: &NodeId, now: Instant) -> bool {
        match self.rows.get_mut(node) {
            Some(row) if row.link == Link::Online => {
                row.link = Link::Unreachable { since: now };
                true
            }
            _ => false,
        }
    }

    /// Whether it has not answered for so long that it goes.
    pub(super) fn is_given_up(&self, node: &NodeId, now: Instant) -> bool {
        match self.rows.get(node).map(|row| row.link) {
            Some(Link::Online) => false,
            Some(Link::Met { since }) => now.saturating_duration_since(since) >= FIRST_PATIENCE,
            Some(Link::Unreachable { since }) => now.saturating_duration_since(since) >= PATIENCE,
            None => true,
        }
    }

    /// It is gone. True when it was shown.
    pub(super) fn remove(&mut self, node: &NodeId) -> bool {
        self.rows.remove(node).is_some_and(|row| row.is_shown())
    }

    pub(super) fn is_online(&self, node: &NodeId) -> bool {
        self.rows.get(node).is_some_and(|row| row.link == Link::Online)
    }

    pub(super) fn addresses(&self, node: &NodeId) -> Vec<SocketAddr> {
        self.rows.get(node).map(|row| row.addresses.clone()).unwrap_or_default()
    }

    /// Whether it was last met only at addresses that are not among `known`.
    pub(super) fn has_left(&self, node: &NodeId, known: &[SocketAddr]) -> bool {
        let current =
            |row: &Row| !row.addresses.iter().take(row.current).any(|address| known.contains(address));
        self.rows.get(node).is_some_and(current)
    }

    pub(super) fn name(&self, node: &NodeId) -> Option<String> {
        self.rows.get(node)?.name.clone()
    }

    /// Those that are shown, by key.
    pub(super) fn shown(&self) -> impl Iterator<Item = (&NodeId, &Row)> {
        self.rows.iter().filter(|(_, row)| row.is_shown())
    }

    /// All offered folders.
    pub(super) fn drives(&self) -> Vec<RemoteShare> {
        let drives = |(node, row): (&NodeId, &Row)| {
            let (node, device_name) = (*node, row.shown_name(node));
            let drive = move |offered: &OfferedDrive| RemoteShare {
                node,
                share: ShareId(offered.share.clone()),
                name: offered.name.clone(),
                device_name: device_name.clone(),
                ask: offered.ask,
                identity: None,
            };
            row.offers.drives.iter().map(drive).collect::<Vec<_>>()
        };
        self.shown().flat_map(drives).collect()
    }

    fn has_room(&mut self) -> bool {
        if self.rows.len() < MAX_DEVICES {
            return true;
        }
        let longest_away = self
            .rows
            .iter()
            .filter_map(|(node, row)| match row.link {
                Link::Unreachable { since } => Some((since, *node)),
                _ => None,
            })
            .min();
        longest_away.is_some_and(|(_, node)| self.rows.remove(&node).is_some())
    }
}

impl Row {
    /// Where it was last met, best first.
    pub(super) fn current(&self) -> &[SocketAddr] {
        &self.addresses[..self.current.min(self.addresses.len())]
    }

    /// The name for people.
    pub(super) fn shown_name(&self, node: &NodeId) -> String {
        self.name.clone().unwrap_or_else(|| node.check_words())
    }

    fn is_shown(&self) -> bool {
        !matches!(self.link, Link::Met { .. })
    }
}

/// The word a device uses for its operating system.
pub(crate) fn os(text: &str) -> Os {
    match text {
        "linux" => Os::Linux,
        "macos" => Os::Macos,
        "windows" => Os::Windows,
        _ => Os::Other,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn node(number: u16) -> NodeId {
        let mut bytes = [0; 32];
        bytes[..2].copy_from_slice(&number.to_le_bytes());
        NodeId::from_bytes(bytes)
    }

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn hello(name: &str) -> Hello {
        Hello { v: 1, name: name.to_owned(), os: "linux".to_owned(), port: 7717, alive: 10 }
    }

    #[test]
    fn a_device_is_shown_once_it_has_spoken() {
        let now = Instant::now();
        let mut devices = Devices::default();
        assert_eq!(devices.met(node(1), &[at("10.0.0.1:7717")], now), Met::News);
        assert_eq!(devices.shown().count(), 0);
        assert!(devices.hello(&node(1), &hello("Anna\u{202e}'s laptop"), 5));
        let (_, row) = devices.shown().next().unwrap();
        assert_eq!(row.name.as_deref(), Some("Anna's laptop"));
        assert!(!devices.hello(&node(1), &hello("Anna's laptop"), 6), "the same again changes nothing");
    }

    #[test]
    fn another_address_is_the_same_device() {
        let now = Instant::now();
        let mut devices = Devices::default();
        devices.met(node(1), &[at("10.0.0.1:7717")], now);
        devices.hello(&node(1), &hello("a"), 1);
        assert_eq!(devices.met(node(1), &[at("10.0.0.1:7717")], now), Met::Known);
        assert_eq!(devices.met(node(1), &[at("10.0.0.9:7717")], now), Met::News);
        assert_eq!(devices.shown().count(), 1);
        assert_eq!(devices.addresses(&node(1)), [at("10.0.0.9:7717"), at("10.0.0.1:7717")]);
        assert!(devices.has_left(&node(1), &[at("10.0.0.1:7717")]));
    }

    #[test]
    fn one_more_address_is_no_move() {
        let now = Instant::now();
        let mut devices = Devices::default();
        let before = [at("10.0.0.1:7717")];
        devices.met(node(1), &before, now);
        assert_eq!(devices.met(node(1), &[at("[fe80::1%3]:7717"), before[0]], now), Met::News);
        assert!(!devices.has_left(&node(1), &before), "the stream over the old address goes on");
    }

    #[test]
    fn addresses_are_bounded_and_the_newest_come_first() {
        let now = Instant::now();
        let mut devices = Devices::default();
        for last in 1..30 {
            devices.met(node(1), &[at(&format!("10.0.0.{last}:7717"))], now);
        }
        let addresses = devices.addresses(&node(1));
        assert_eq!((addresses.len(), addresses[0]), (MAX_ADDRESSES, at("10.0.0.29:7717")));
    }

    #[test]
    fn one_that_stops_answering_is_shown_as_such_and_goes_after_a_while() {
        let now = Instant::now();
        let mut devices = Devices::default();
        devices.met(node(1), &[at("10.0.0.1:7717")], now);
        devices.hello(&node(1), &hello("a"), 1);
        assert!(devices.unreachable(&node(1), now));
        assert!(!devices.unreachable(&node(1), now + Duration::from_secs(9)), "it was known");
        assert_eq!(devices.shown().count(), 1);
        assert!(!devices.is_given_up(&node(1), now + Duration::from_secs(599)));
        assert!(devices.is_given_up(&node(1), now + Duration::from_secs(600)));
        assert_eq!(devices.met(node(1), &[at("10.0.0.1:7717")], now), Met::News, "it is to be watched again");
    }

    #[test]
    fn one_that_never_spoke_is_given_up_soon_and_was_never_shown() {
        let now = Instant::now();
        let mut devices = Devices::default();
        devices.met(node(1), &[at("10.0.0.1:7717")], now);
        assert!(!devices.unreachable(&node(1), now));
        assert!(devices.is_given_up(&node(1), now + FIRST_PATIENCE));
        assert!(!devices.remove(&node(1)));
    }

    #[test]
    fn a_neighbour_with_ten_thousand_keys_fills_its_own_share_of_the_table_only() {
        let now = Instant::now();
        let mut devices = Devices::default();
        let mut taken = 0;
        for number in 0..10_000 {
            taken += usize::from(devices.met(node(number), &[at("10.0.0.66:7717")], now) != Met::Full);
        }
        assert_eq!(taken, MAX_BEHIND_ONE);
        assert_eq!(devices.met(node(20_000), &[at("10.0.0.7:7717")], now), Met::News);
    }

    #[test]
    fn a_full_table_makes_room_by_what_has_been_away_the_longest() {
        let now = Instant::now();
        let mut devices = Devices::default();
        for number in 0..MAX_DEVICES {
            let number = u16::try_from(number).unwrap();
            devices.met(
                node(number),
                &[at(&format!("10.0.{}.{}:7717", number / 200, number % 200 + 1))],
                now,
            );
            devices.hello(&node(number), &hello("x"), 1);
        }
        assert_eq!(devices.met(node(999), &[at("10.9.9.9:7717")], now), Met::Full);
        devices.unreachable(&node(7), now);
        devices.unreachable(&node(8), now + Duration::from_secs(1));
        assert_eq!(devices.met(node(999), &[at("10.9.9.9:7717")], now), Met::News);
        assert!(devices.name(&node(7)).is_none() && devices.name(&node(8)).is_some());
    }
}
