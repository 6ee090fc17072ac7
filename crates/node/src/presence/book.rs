//! Devices met before: their names, and where they were, so that they are tried at the next start.
//!
//! An address is only tried on the network where the device was met: elsewhere it belongs to somebody else.

use crate::Core;
use lanyard_api::Millis;
use lanyard_discovery::{Interface, interfaces::is_link_local_v6};
use lanyard_store::{Migrations, Store, StoreError, rusqlite::Transaction};
use lanyard_trust::NodeId;
use std::{
    collections::HashMap,
    net::{Ipv6Addr, SocketAddr, SocketAddrV6},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// This room's tables.
pub const MIGRATIONS: Migrations = Migrations {
    room: "device",
    steps: &["CREATE TABLE device (
            node TEXT PRIMARY KEY,
            name TEXT,
            os TEXT NOT NULL,
            last_seen INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE device_address (
            node TEXT NOT NULL REFERENCES device (node) ON DELETE CASCADE,
            network TEXT NOT NULL,
            address TEXT NOT NULL,
            last_seen INTEGER NOT NULL,
            PRIMARY KEY (node, network, address)
        ) STRICT;"],
};

/// The most devices that are remembered.
const MAX_DEVICES: i64 = 300;
/// The most addresses of one device on one network.
const MAX_ADDRESSES: i64 = 6;
/// The most devices that are tried when this computer comes to a network.
const MAX_TRIED: i64 = 32;

/// Names in memory, the rest in the store.
pub(super) struct Book {
    store: Store,
    names: Mutex<HashMap<NodeId, String>>,
    /// When devices were heard last, and what they run on, as of the start.
    before: Vec<(NodeId, String, Millis)>,
    /// What was last written of each device, so that a sign of life costs no fsync.
    written: Mutex<HashMap<NodeId, Entry>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    name: Option<String>,
    os: String,
    /// Network and address.
    places: Vec<(String, String)>,
}

impl Book {
    pub(super) fn open(store: Store) -> Result<Self, StoreError> {
        let rows: Vec<(String, String)> = store.read(|connection| {
            let mut statement = connection.prepare("SELECT node, name FROM device WHERE name IS NOT NULL")?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect()
        })?;
        let names = rows.into_iter().filter_map(|(node, name)| Some((node.parse().ok()?, name))).collect();
        let before: Vec<(String, String, Millis)> = store.read(|connection| {
            let mut statement = connection.prepare("SELECT node, os, last_seen FROM device")?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
            rows.collect()
        })?;
        let before =
            before.into_iter().filter_map(|(node, os, at)| Some((node.parse().ok()?, os, at))).collect();
        Ok(Self { store, names: Mutex::new(names), before, written: Mutex::default() })
    }

    /// The name a device last told.
    pub(super) fn name(&self, node: &NodeId) -> Option<String> {
        self.names().get(node).cloned()
    }

    /// When devices were heard last before the start, and what they run on.
    pub(super) fn last_seen(&self) -> Vec<(NodeId, String, Millis)> {
        self.before.clone()
    }

    /// A device told its name. Kept in memory: a stranger's hello writes nothing to the disk.
    pub(super) fn call(&self, node: NodeId, name: &str) {
        let mut names = self.names();
        if names.len() < 4 * MAX_DEVICES as usize || names.contains_key(&node) {
            names.insert(node, name.to_owned());
        }
    }

    /// Remembers a device that is watched now.
    pub(super) async fn write(
        &self,
        core: &Core,
        node: NodeId,
        name: Option<String>,
        os: &str,
        addresses: &[SocketAddr],
        now: Millis,
    ) {
        if let Some(name) = &name {
            self.call(node, name);
        }
        let interfaces = core.networks.interfaces().borrow().clone();
        let place = |address: &SocketAddr| {
            Some((core.networks.near(*address)?.network, written(address, &interfaces)))
        };
        let os = os.chars().filter(char::is_ascii_alphanumeric).take(16).collect();
        let entry = Entry { name, os, places: addresses.iter().filter_map(place).collect() };
        {
            let mut known = self.written.lock().unwrap_or_else(PoisonError::into_inner);
            if known.get(&node) == Some(&entry) || known.len() > 4 * MAX_DEVICES as usize {
                return;
            }
            known.insert(node, entry.clone());
        }
        let store = self.store.clone();
        let done =
            self.store.run(move |_| store.write(|transaction| write(transaction, &node, &entry, now))).await;
        if let Err(error) = done {
            tracing::warn!(%error, "a device cannot be remembered");
        }
    }

    /// Devices that were met on this network, the latest first, with the addresses they had there.
    pub(super) async fn met_on(
        &self,
        core: &Core,
        network: &str,
        interfaces: &[Interface],
    ) -> Vec<(NodeId, Vec<SocketAddr>)> {
        let network = network.to_owned();
        let rows = core.store.run(move |store| met_on(store, &network)).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "remembered devices cannot be read");
            Vec::new()
        });
        let mut met: Vec<(NodeId, Vec<SocketAddr>)> = Vec::new();
        for (node, address) in rows {
            let (Ok(node), Some(address)) = (node.parse(), read(&address, interfaces)) else { continue };
            match met.iter_mut().find(|(known, _)| *known == node) {
                Some((_, addresses)) => addresses.push(address),
                None => met.push((node, vec![address])),
            }
        }
        met
    }

    fn names(&self) -> MutexGuard<'_, HashMap<NodeId, String>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An address as people and the store write it: a link-local one with the name of the interface, whose number may
/// be another after the next start.
pub(super) fn written(address: &SocketAddr, interfaces: &[Interface]) -> String {
    match address {
        SocketAddr::V6(v6) if is_link_local_v6(*v6.ip()) => {
            let interface = interfaces.iter().find(|interface| interface.index == v6.scope_id());
            let scope =
                interface.map_or_else(|| v6.scope_id().to_string(), |interface| interface.name.clone());
            format!("[{}%{scope}]:{}", v6.ip(), v6.port())
        }
        other => other.to_string(),
    }
}

fn read(text: &str, interfaces: &[Interface]) -> Option<SocketAddr> {
    let Some((ip, rest)) = text.strip_prefix('[').and_then(|text| text.split_once('%')) else {
        return text.parse().ok();
    };
    let (name, port) = rest.rsplit_once("]:")?;
    let interface = interfaces.iter().find(|interface| interface.name == name)?;
    Some(SocketAddrV6::new(ip.parse::<Ipv6Addr>().ok()?, port.parse().ok()?, 0, interface.index).into())
}

fn write(
    transaction: &Transaction<'_>,
    node: &NodeId,
    entry: &Entry,
    now: Millis,
) -> lanyard_store::rusqlite::Result<()> {
    let node = node.to_string();
    transaction.execute(
        "INSERT INTO device (node, name, os, last_seen) VALUES (?1, ?2, ?3, ?4)
            ON CONFLICT (node) DO UPDATE SET name = coalesce(?2, name), os = ?3, last_seen = ?4",
        (&node, &entry.name, &entry.os, now),
    )?;
    for (network, address) in &entry.places {
        transaction.execute(
            "INSERT INTO device_address (node, network, address, last_seen) VALUES (?1, ?2, ?3, ?4)
                ON CONFLICT DO UPDATE SET last_seen = ?4",
            (&node, network, address, now),
        )?;
        transaction.execute(
            "DELETE FROM device_address WHERE node = ?1 AND network = ?2 AND address NOT IN
                (SELECT address FROM device_address WHERE node = ?1 AND network = ?2
                    ORDER BY last_seen DESC, rowid DESC LIMIT ?3)",
            (&node, network, MAX_ADDRESSES),
        )?;
    }
    let surplus = "DELETE FROM device WHERE node NOT IN
        (SELECT node FROM device ORDER BY last_seen DESC LIMIT ?1)";
    transaction.execute(surplus, [MAX_DEVICES]).map(|_| ())
}

fn met_on(store: &Store, network: &str) -> Result<Vec<(String, String)>, StoreError> {
    store.read(|connection| {
        let sql = "SELECT a.node, a.address FROM device_address a JOIN device d ON d.node = a.node
            WHERE a.network = ?1 AND a.node IN (
                SELECT b.node FROM device_address b WHERE b.network = ?1
                    GROUP BY b.node ORDER BY max(b.last_seen) DESC LIMIT ?2)
            ORDER BY d.last_seen DESC, a.node, a.last_seen DESC";
        let mut statement = connection.prepare(sql)?;
        let rows = statement.query_map((network, MAX_TRIED), |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect()
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn node(number: u8) -> NodeId {
        NodeId::from_bytes([number; 32])
    }

    fn entry(name: &str, places: &[(&str, &str)]) -> Entry {
        let places = places.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        Entry { name: Some(name.to_owned()), os: "linux".to_owned(), places }
    }

    #[test]
    fn a_device_is_tried_only_on_the_network_where_it_was_met() {
        let store = Store::in_memory(&[MIGRATIONS]).unwrap();
        let home = entry("Anna", &[("home", "192.168.1.7:7717"), ("work", "10.0.0.7:7717")]);
        store.write(|t| write(t, &node(1), &home, 1)).unwrap();
        let met = |network| met_on(&store, network).unwrap();
        assert_eq!(met("home"), [(node(1).to_string(), "192.168.1.7:7717".to_owned())]);
        assert_eq!(met("work").len(), 1);
        assert!(met("cafe").is_empty());
        assert_eq!(Book::open(store).unwrap().name(&node(1)).as_deref(), Some("Anna"));
    }

    #[test]
    fn old_addresses_and_old_devices_are_forgotten() {
        let store = Store::in_memory(&[MIGRATIONS]).unwrap();
        for time in 0..20 {
            let moved = entry("Anna", &[("home", &format!("192.168.1.{time}:7717"))]);
            store.write(|t| write(t, &node(1), &moved, time)).unwrap();
        }
        let met = met_on(&store, "home").unwrap();
        assert_eq!(met.len() as i64, MAX_ADDRESSES);
        assert_eq!(met[0].1, "192.168.1.19:7717", "the latest comes first");
    }

    #[test]
    fn a_link_local_address_is_written_with_the_name_of_its_interface() {
        let eth = |index| vec![Interface { name: "eth0".to_owned(), index, addresses: Vec::new() }];
        let address: SocketAddr = SocketAddrV6::new("fe80::1".parse().unwrap(), 7717, 0, 4).into();
        let text = written(&address, &eth(4));
        assert_eq!(text, "[fe80::1%eth0]:7717");
        let after: SocketAddr = SocketAddrV6::new("fe80::1".parse().unwrap(), 7717, 0, 9).into();
        assert_eq!(read(&text, &eth(9)), Some(after), "its number has changed meanwhile");
        assert_eq!(read(&text, &[]), None, "the interface is gone");
        for plain in ["10.0.0.1:7717", "[fd00::1]:7717"] {
            assert_eq!(written(&read(plain, &[]).unwrap(), &[]), plain);
        }
    }
}
