//! The link in a QR code: `lanyard:j?v=1&k=…&i=…&s=…&a=192.168.1.7:7717`.
//!
//! It does what the short code does with a secret that cannot be guessed and with the key of the showing device, so
//! that the connection is already to the right one.

use crate::NodeId;
use data_encoding::BASE64URL_NOPAD;
use std::{fmt, net::SocketAddr, str::FromStr};

const START: &str = "lanyard:j?";
/// A link with four IPv6 addresses has 320 characters.
const LONGEST: usize = 640;
const MOST_ADDRESSES: usize = 4;

/// Where to connect, whom to expect, and the secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Link {
    /// The key of the device that shows it: the only one to connect to.
    pub node: NodeId,
    /// Which invite.
    pub invite: [u8; 16],
    /// 128 random bits.
    pub(super) secret: [u8; 16],
    /// Where it may be reached, likeliest first; one to four.
    pub addresses: Vec<SocketAddr>,
}

/// What was read is no link to join.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseLinkError {
    /// Something else, or damaged.
    #[error("this is no Lanyard link, or a part of it is missing")]
    NoLink,
    /// A link of a version that this program does not know.
    #[error("this link was made by a newer Lanyard; bring this device up to date")]
    Newer,
}

impl Link {
    /// Keeps the first four addresses.
    pub(super) fn new(
        node: NodeId,
        invite: [u8; 16],
        secret: [u8; 16],
        addresses: impl IntoIterator<Item = SocketAddr>,
    ) -> Self {
        let addresses = addresses.into_iter().take(MOST_ADDRESSES).collect();
        Self { node, invite, secret, addresses }
    }

    /// What both sides put into the exchange: `link/` and the 16 bytes.
    pub(super) fn password(&self) -> Vec<u8> {
        password(&self.secret)
    }
}

pub(super) fn password(secret: &[u8; 16]) -> Vec<u8> {
    [b"link/".as_slice(), secret].concat()
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let encode = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
        write!(
            f,
            "{START}v=1&k={}&i={}&s={}",
            encode(self.node.as_bytes()),
            encode(&self.invite),
            encode(&self.secret)
        )?;
        self.addresses.iter().try_for_each(|address| write!(f, "&a={address}"))
    }
}

/// The secret stays out of logs.
impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("node", &self.node)
            .field("addresses", &self.addresses)
            .finish_non_exhaustive()
    }
}

impl FromStr for Link {
    type Err = ParseLinkError;

    /// Keys may come in any order; unknown ones are passed over, known ones may not come twice (but for `a`).
    fn from_str(text: &str) -> Result<Self, ParseLinkError> {
        let text = text.trim();
        let head = text.get(..START.len()).filter(|head| head.eq_ignore_ascii_case(START));
        if text.len() > LONGEST || head.is_none() {
            return Err(ParseLinkError::NoLink);
        }
        let (mut version, mut node, mut invite, mut secret) = (None, None, None, None);
        let mut addresses = Vec::new();
        for pair in text[START.len()..].split('&') {
            let (key, value) = pair.split_once('=').ok_or(ParseLinkError::NoLink)?;
            match key {
                "v" => once(&mut version, value.parse::<u32>().ok())?,
                "k" => once(&mut node, decode(value))?,
                "i" => once(&mut invite, decode(value))?,
                "s" => once(&mut secret, decode(value))?,
                "a" => addresses.push(value),
                _ => {}
            }
        }
        match version {
            Some(1) => {}
            Some(2..) => return Err(ParseLinkError::Newer),
            _ => return Err(ParseLinkError::NoLink),
        }
        let (Some(node), Some(invite), Some(secret)) = (node, invite, secret) else {
            return Err(ParseLinkError::NoLink);
        };
        if addresses.is_empty() || addresses.len() > MOST_ADDRESSES {
            return Err(ParseLinkError::NoLink);
        }
        let addresses = addresses.into_iter().map(|address| address.parse().ok().filter(is_reachable));
        let addresses = addresses.collect::<Option<_>>().ok_or(ParseLinkError::NoLink)?;
        Ok(Self { node: NodeId::from_bytes(node), invite, secret, addresses })
    }
}

fn once<T>(slot: &mut Option<T>, value: Option<T>) -> Result<(), ParseLinkError> {
    match (&slot, value) {
        (None, Some(value)) => {
            *slot = Some(value);
            Ok(())
        }
        _ => Err(ParseLinkError::NoLink),
    }
}

fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    BASE64URL_NOPAD.decode(text.as_bytes()).ok()?.try_into().ok()
}

fn is_reachable(address: &SocketAddr) -> bool {
    address.port() != 0 && !address.ip().is_unspecified() && !address.ip().is_multicast()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn link() -> Link {
        let addresses = ["192.168.1.7:7717", "[2001:db8::7]:7717"].map(|text| text.parse().unwrap());
        Link::new(NodeId::from_bytes([7; 32]), [1; 16], [2; 16], addresses)
    }

    #[test]
    fn a_link_survives_being_written() {
        let text = link().to_string();
        assert!(text.starts_with("lanyard:j?v=1&k=BwcHBw"), "{text}");
        assert!(text.len() < 180, "{} characters are too many to be read from a screen", text.len());
        assert_eq!(text.parse(), Ok(link()));
        assert_eq!(format!(" {}\n", text.replacen("lanyard:j", "LANYARD:J", 1)).parse(), Ok(link()));
        assert_eq!(format!("{text}&later=1").parse(), Ok(link()), "a newer Lanyard may add to it");
    }

    #[test]
    fn a_link_of_a_newer_lanyard_says_so() {
        let text = link().to_string().replace("v=1", "v=2");
        assert_eq!(text.parse::<Link>(), Err(ParseLinkError::Newer));
        assert_eq!("lanyard:j?v=3&x=1".parse::<Link>(), Err(ParseLinkError::Newer));
    }

    #[test]
    fn what_is_almost_a_link_is_none() {
        let good = link().to_string();
        for bad in [
            String::new(),
            "lanyard:j?".to_owned(),
            "https://example.org/".to_owned(),
            good.replace("v=1", "v=0"),
            good.replace("&s=", "&t="),
            good.replace("k=B", "k="),
            good.replace("&a=", "&b="),
            good.replace(":7717", ":0"),
            good.replace("192.168.1.7", "0.0.0.0"),
            good.replace("192.168.1.7", "224.0.0.251"),
            good.replace("192.168.1.7", "printer.example"),
            format!("{good}&v=1"),
            format!("{good}&s=AgICAgICAgICAgICAgICAg"),
            format!("{good}{}", "&a=192.168.1.7:1".repeat(3)),
            format!("{good}&z={}", "z".repeat(600)),
        ] {
            assert_eq!(bad.parse::<Link>(), Err(ParseLinkError::NoLink), "{bad}");
        }
    }

    #[test]
    fn the_secret_is_not_in_what_a_log_would_show() {
        let shown = format!("{:?}", link());
        assert!(!shown.contains("2, 2") && !shown.contains("AgIC"), "{shown}");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "lanyard:j\\?\\PC{0,90}|(lanyard:j\\?)?([vkisa]=[0-9A-Za-z:.]{0,44}&?){0,6}") {
            let _ = text.parse::<Link>();
        }
    }
}
