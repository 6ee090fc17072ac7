//! Where a member of the home can be reached, in its own words: signed, numbered, told by member to member, so that
//! they find each other where multicast does not get through.

use crate::{Core, networks};
use lanyard_trust::{HomeId, Identity, NodeId, membership::gossip::Bytes};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

/// The longest place that is read, in bytes of JSON.
const MAX_SAID: usize = 1024;
/// The most addresses and the most hardware addresses in one.
const MAX_ADDRESSES: usize = 8;
const MAX_MACS: usize = 4;

/// Keeps a signature of a place from being one of anything else.
const DOMAIN: &[u8] = b"lanyard home place 1\0";

/// A hardware address (IEEE 802).
pub(super) type Mac = [u8; 6];

/// A place as it travels and is stored: the words exactly as they were signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Signed {
    node: NodeId,
    said: Bytes,
    signature: Bytes,
}

/// A place whose signature was right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    signed: Signed,
    said: Said,
}

/// What a device says of where it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Said {
    /// Counts up with each change; the highest is believed.
    pub(super) seq: u64,
    /// Where it listens, best first.
    pub(super) addresses: Vec<SocketAddr>,
    /// Hardware addresses of its wired interfaces: a sleeping device can be woken through them.
    #[serde(default)]
    pub(super) macs: Vec<Mac>,
    /// `linux`, `macos`, `windows`.
    #[serde(default)]
    pub(super) os: String,
}

impl Place {
    /// Signs what this device says.
    pub(super) fn sign(identity: &Identity, home: HomeId, said: Said) -> Option<Self> {
        let bytes = serde_json::to_vec(&said).ok()?;
        let signature = identity.sign(&message(home, &bytes)).to_vec();
        let signed = Signed { node: identity.node_id(), said: Bytes(bytes), signature: Bytes(signature) };
        Some(Self { signed, said })
    }

    /// Reads one; nothing when it is too long, makes no sense or is not signed by the device it is about.
    pub(super) fn read(signed: &Signed, home: HomeId) -> Option<Self> {
        let signature = signed.signature.0.as_slice().try_into().ok()?;
        if signed.said.0.len() > MAX_SAID
            || !signed.node.has_signed(&message(home, &signed.said.0), signature)
        {
            return None;
        }
        let said: Said = serde_json::from_slice(&signed.said.0).ok()?;
        let fits =
            said.addresses.len() <= MAX_ADDRESSES && said.macs.len() <= MAX_MACS && said.os.len() <= 16;
        fits.then(|| Self { signed: signed.clone(), said })
    }

    pub(super) fn node(&self) -> NodeId {
        self.signed.node
    }

    pub(super) fn signed(&self) -> &Signed {
        &self.signed
    }

    pub(super) fn said(&self) -> &Said {
        &self.said
    }

    pub(super) fn digest(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.signed.node.as_bytes()).update(&self.signed.said.0);
        *hasher.finalize().as_bytes()
    }

    /// Of two with one number, which a restored backup can make, all members believe the same.
    fn is_newer_than(&self, other: &Self) -> bool {
        (self.said.seq, &self.signed.said.0) > (other.said.seq, &other.signed.said.0)
    }
}

/// Takes what others told. True when something in it was new.
pub(super) fn merge(places: &mut BTreeMap<NodeId, Place>, told: impl IntoIterator<Item = Place>) -> bool {
    let mut new = false;
    for place in told {
        if places.get(&place.node()).is_none_or(|known| place.is_newer_than(known)) {
            places.insert(place.node(), place);
            new = true;
        }
    }
    new
}

/// Says where this device is now, if that is something else than what it said last, or if somebody knows a later
/// word of it than it does itself.
pub(super) fn settle(core: &Core, home: HomeId, places: &mut BTreeMap<NodeId, Place>) {
    let me = core.identity.node_id();
    let mut said =
        Said { seq: 0, addresses: own(core), macs: wired(core), os: std::env::consts::OS.to_owned() };
    if let Some(last) = places.get(&me) {
        said.seq = last.said.seq;
        // A device that listens nowhere right now will be where it was, sooner than elsewhere.
        if said == last.said || said.addresses.is_empty() {
            return;
        }
    }
    said.seq += 1;
    if let Some(place) = Place::sign(&core.identity, home, said) {
        places.insert(me, place);
    }
}

/// Where this device listens, IPv4 first. A link-local address means something on one link only, and is left out.
pub(super) fn own(core: &Core) -> Vec<SocketAddr> {
    let mut addresses = networks::listening(core);
    addresses.retain(|address| match address.ip() {
        IpAddr::V4(v4) => !v4.is_link_local(),
        IpAddr::V6(v6) => !lanyard_discovery::interfaces::is_link_local_v6(v6),
    });
    addresses.sort_by_key(|address| (address.is_ipv6(), *address));
    addresses.truncate(MAX_ADDRESSES);
    addresses
}

/// The hardware addresses of wired interfaces on the owner's networks.
#[cfg(target_os = "linux")]
fn wired(core: &Core) -> Vec<Mac> {
    /// ARPHRD_ETHER of if_arp.h.
    const ETHERNET: &str = "1";
    let mac = |interface: &str| {
        let dir = std::path::Path::new("/sys/class/net").join(interface);
        let read = |file: &str| std::fs::read_to_string(dir.join(file)).ok();
        let wireless = dir.join("wireless").exists() || dir.join("phy80211").exists();
        if wireless || read("type")?.trim() != ETHERNET {
            return None;
        }
        let mut mac = [0; 6];
        let mut parts = read("address")?
            .trim()
            .split(':')
            .map(|part| u8::from_str_radix(part, 16).ok())
            .collect::<Vec<_>>()
            .into_iter();
        for byte in &mut mac {
            *byte = parts.next()??;
        }
        (mac != [0; 6]).then_some(mac)
    };
    core.networks
        .own_interfaces()
        .iter()
        .filter_map(|interface| mac(&interface.name))
        .take(MAX_MACS)
        .collect()
}

/// Other systems are not asked yet: their devices cannot be woken.
#[cfg(not(target_os = "linux"))]
fn wired(_core: &Core) -> Vec<Mac> {
    Vec::new()
}

fn message(home: HomeId, said: &[u8]) -> Vec<u8> {
    [DOMAIN, home.as_bytes(), said].concat()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    const HOME: HomeId = HomeId::from_bytes([1; 32]);

    fn anna() -> (Identity, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        (Identity::load_or_create(dir.path()).unwrap(), dir)
    }

    fn said(seq: u64) -> Said {
        let addresses = vec!["10.0.0.1:7717".parse().unwrap()];
        Said { seq, addresses, macs: vec![[2, 0, 0, 0, 0, 1]], os: "linux".to_owned() }
    }

    #[test]
    fn nobody_else_says_where_a_device_is() {
        let (identity, _dir) = anna();
        let place = Place::sign(&identity, HOME, said(1)).unwrap();
        assert_eq!(Place::read(place.signed(), HOME), Some(place.clone()));
        assert_eq!(Place::read(place.signed(), HomeId::from_bytes([2; 32])), None, "of another home");
        let mut forged = place.signed().clone();
        forged.node = NodeId::from_bytes([9; 32]);
        assert_eq!(Place::read(&forged, HOME), None);
        let mut changed = place.signed().clone();
        changed.said.0[8] ^= 1;
        assert_eq!(Place::read(&changed, HOME), None);
    }

    #[test]
    fn the_latest_word_counts_in_whatever_order_they_come() {
        let (identity, _dir) = anna();
        let [first, second] = [1, 2].map(|seq| Place::sign(&identity, HOME, said(seq)).unwrap());
        let mut places = BTreeMap::new();
        assert!(merge(&mut places, [second.clone()]));
        assert!(!merge(&mut places, [first, second.clone()]));
        assert_eq!(places[&identity.node_id()], second);
    }
}
