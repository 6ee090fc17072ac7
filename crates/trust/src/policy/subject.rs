//! Who is asking, and under what it is kept: a device by its key, a guest by the pass, a plain client by its address.

use crate::NodeId;
use data_encoding::BASE32_NOPAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
    str::FromStr,
};

/// The id of a guest's pass: what its owner sees in a list, never the secret that opens with it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PassId([u8; 8]);

impl PassId {
    /// From random bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for PassId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE32_NOPAD.encode(&self.0).to_ascii_lowercase())
    }
}

impl fmt::Debug for PassId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is no pass id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the id of a pass: 13 base32 characters are expected")]
pub struct ParsePassIdError;

impl FromStr for PassId {
    type Err = ParsePassIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes =
            BASE32_NOPAD.decode(text.to_ascii_uppercase().as_bytes()).map_err(|_| ParsePassIdError)?;
        Ok(Self(bytes.try_into().map_err(|_| ParsePassIdError)?))
    }
}

impl Serialize for PassId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PassId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A client that proves nothing: a phone, a printing system without Lanyard. Only the address that it came from tells
/// it from others, which is a claim: good for showing who printed what and for counting, and for nothing that is
/// meant for somebody.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PlainId([u8; 16]);

/// Before the address in [`PlainId::as_node`]. To find a key that begins with it takes 2¹²⁸ tries.
const PLAIN: &[u8; 16] = b"lanyard plain v1";

impl PlainId {
    /// From the address that a connection came from.
    #[must_use]
    pub const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => Self(v4.to_ipv6_mapped().octets()),
            IpAddr::V6(v6) => Self(v6.octets()),
        }
    }

    /// The address.
    #[must_use]
    pub fn address(&self) -> IpAddr {
        Ipv6Addr::from(self.0).to_canonical()
    }

    /// A value that is nobody's key, for where things are kept under a device's.
    #[must_use]
    pub fn as_node(&self) -> NodeId {
        let mut bytes = [0; 32];
        bytes[..16].copy_from_slice(PLAIN);
        bytes[16..].copy_from_slice(&self.0);
        NodeId::from_bytes(bytes)
    }

    /// What [`PlainId::as_node`] was made from.
    #[must_use]
    pub fn from_node(node: &NodeId) -> Option<Self> {
        let address = node.as_bytes().strip_prefix(PLAIN)?;
        Some(Self(address.try_into().ok()?))
    }
}

impl fmt::Display for PlainId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.address(), f)
    }
}

impl fmt::Debug for PlainId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Who {
    /// The device whose key the TLS handshake proved.
    Device(NodeId),
    /// Whoever holds this pass.
    Guest(PassId),
    /// A client that proves nothing.
    Plain(PlainId),
}

/// Who is asking, as the connection proves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// Who it is.
    pub who: Who,
    /// True when the connection came in on a network that the owner marked as own.
    pub on_own_network: bool,
}

impl Subject {
    /// What jobs, uploads and limits of this subject are kept under: a device's own key, or for a guest or a plain
    /// client a value made from the pass or the address, which is nobody's key.
    #[must_use]
    pub fn id(&self) -> NodeId {
        match self.who {
            Who::Device(node) => node,
            Who::Guest(pass) => NodeId::from_bytes(blake3::derive_key("lanyard guest pass v1", &pass.0)),
            Who::Plain(client) => client.as_node(),
        }
    }
}

/// What is known of a subject besides what its connection proves, looked up anew for each decision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// It is in this device's home now.
    pub member: bool,
    /// It was in this device's home and was put out. What was granted to it by name has ended with that.
    pub expelled: bool,
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn guests_and_plain_clients_are_kept_under_names_that_are_nobodys_key() {
        let anna = NodeId::from_bytes([1; 32]);
        let id = |who| Subject { who, on_own_network: true }.id();
        let guest = |pass| id(Who::Guest(PassId::from_bytes([pass; 8])));
        assert_ne!(guest(3), guest(4));
        assert_eq!(id(Who::Device(anna)), anna);
        let plain = |address: &str| PlainId::of(address.parse().unwrap());
        let (v4, mapped, v6) = (plain("192.168.1.23"), plain("::ffff:192.168.1.23"), plain("fe80::1"));
        assert_eq!(v4, mapped, "one client, however its connection was accepted");
        assert_eq!((v4.to_string(), v6.to_string()), ("192.168.1.23".to_owned(), "fe80::1".to_owned()));
        let id = |who| id(Who::Plain(who));
        assert_ne!(id(v4), id(v6));
        assert_eq!(PlainId::from_node(&id(v6)), Some(v6));
        assert_eq!(PlainId::from_node(&anna), None);
    }
}
