//! The public identity of a device: its Ed25519 key.

use data_encoding::BASE32_NOPAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{fmt, str::FromStr};

/// The 32 bytes of a device's Ed25519 public key. Written as 52 lower-case base32 characters (RFC 4648, no
/// padding). It is never the hash of a certificate, so renewing one changes nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId([u8; 32]);

/// The text is no device identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a device identity: 52 base32 characters are expected")]
pub struct ParseNodeIdError;

impl NodeId {
    /// From the bytes of a public key.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes of the public key.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether this device signed a message (RFC 8032, verified strictly).
    #[must_use]
    pub fn has_signed(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        let signature = ed25519_dalek::Signature::from_bytes(signature);
        ed25519_dalek::VerifyingKey::from_bytes(&self.0)
            .is_ok_and(|key| key.verify_strict(message, &signature).is_ok())
    }

    /// Four groups of four characters from the BLAKE3 hash of the key, for two people to compare on their screens.
    #[must_use]
    pub fn check_words(&self) -> String {
        let text = base32(&blake3::hash(&self.0).as_bytes()[..10]);
        let groups: Vec<&str> = (0..4).map(|group| &text[group * 4..group * 4 + 4]).collect();
        groups.join("-")
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base32(&self.0))
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeId({})", &base32(&self.0)[..8])
    }
}

impl FromStr for NodeId {
    type Err = ParseNodeIdError;

    fn from_str(text: &str) -> Result<Self, ParseNodeIdError> {
        if text.len() != 52 {
            return Err(ParseNodeIdError);
        }
        let bytes =
            BASE32_NOPAD.decode(text.to_ascii_uppercase().as_bytes()).map_err(|_| ParseNodeIdError)?;
        Ok(Self(bytes.try_into().map_err(|_| ParseNodeIdError)?))
    }
}

impl Serialize for NodeId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for NodeId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

fn base32(bytes: &[u8]) -> String {
    BASE32_NOPAD.encode(bytes).to_ascii_lowercase()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_identity_survives_text_and_json(bytes in any::<[u8; 32]>()) {
            let id = NodeId::from_bytes(bytes);
            let text = id.to_string();
            prop_assert_eq!(text.len(), 52);
            prop_assert_eq!(text.parse::<NodeId>(), Ok(id));
            prop_assert_eq!(text.to_uppercase().parse::<NodeId>(), Ok(id));
            let json = serde_json::to_string(&id).unwrap();
            prop_assert_eq!(serde_json::from_str::<NodeId>(&json).unwrap(), id);
            prop_assert_eq!(id.as_bytes(), &bytes);
        }

        #[test]
        fn no_text_panics_and_two_texts_never_mean_one_identity(text in "\\PC{0,60}|[a-z2-7]{52}") {
            if let Ok(id) = text.parse::<NodeId>() {
                prop_assert_eq!(id.to_string(), text.to_lowercase());
            }
        }
    }

    #[test]
    fn what_is_almost_an_identity_is_none() {
        let good = NodeId::from_bytes([7; 32]).to_string();
        for bad in [
            String::new(),
            good[..51].to_owned(),
            format!("{good}a"),
            format!(" {}", &good[..51]),
            good.replacen('a', "1", 1),
            // The last character carries one bit; the others of it must be zero.
            format!("{}b", &good[..51]),
            "é".repeat(26),
        ] {
            assert_eq!(bad.parse::<NodeId>(), Err(ParseNodeIdError), "{bad:?}");
        }
    }

    #[test]
    fn the_words_to_compare_are_short_and_differ() {
        let words = NodeId::from_bytes([1; 32]).check_words();
        assert_eq!(words.len(), 19);
        assert!(words.split('-').all(|group| group.len() == 4));
        assert_ne!(words, NodeId::from_bytes([2; 32]).check_words());
    }
}
