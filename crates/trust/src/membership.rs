//! Who belongs to a home: a log of signed operations that every member holds a copy of.
//!
//! There is no server and no clock. Two copies that hold the same operations know the same members, whatever the
//! order they came in, because the [`State`] is a function of the set. An operation names those its author knew
//! last, so "before" means "was known to the author", and no date can be forged. The rules:
//!
//! - What an operation's author had no right to in its own past is refused and never stored.
//! - A removal counts against whatever the removed device says without knowing of it, however it dates that back.
//!   Two that remove each other: the more senior one wins. The recovery key is senior to everybody.
//! - A removal beats a letting-in that did not know of it.
//! - One key that goes on as two: neither is in until a keeper lets one in.
//!
//! A removal by a *junior* keeper does not hold against a senior one whose key is in wrong hands and says it was
//! first. That is what the recovery code is for.
//!
//! This is arithmetic: where a log is stored, how it travels and what a member may do is decided elsewhere.

mod admit;
mod bits;
mod checkpoint;
mod condense;
mod log;
mod op;
mod quota;
mod settle;
mod state;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;

pub mod gossip;

pub use checkpoint::{Ack, Checkpoint, EPOCHS, MAX_CHECKPOINT, MAX_RECOVERIES, MAX_REMOVED};
pub use condense::{Hold, Refusal};
pub use log::{Batch, Inserted, Log, Reject};
pub use op::{Body, DecodeError, MAX_OP, MAX_PARENTS, Op, rotate};
pub use quota::{KEEPER_OPS, MAX_DEVICES, MAX_OPS, MAX_STORED, MEMBER_OPS, Quota, RECOVERY_OPS, URGENT_OPS};
pub use state::{Member, State};

use crate::{Identity, recovery::RecoveryKey};
use data_encoding::BASE32_NOPAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{fmt, str::FromStr};

/// What a device may do to its home.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Belongs to it. May rename itself, change its key, and leave.
    Member,
    /// May also let devices in, put them out, and rename them and the home.
    Keeper,
}

/// Whoever can sign operations: a device, or the recovery key.
pub trait Signer {
    /// The public half, 32 bytes of Ed25519.
    fn public(&self) -> [u8; 32];
    /// The signature of a message (RFC 8032, pure Ed25519).
    fn sign(&self, message: &[u8]) -> [u8; 64];
}

impl Signer for Identity {
    fn public(&self) -> [u8; 32] {
        *self.node_id().as_bytes()
    }

    fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.sign(message)
    }
}

impl Signer for RecoveryKey {
    fn public(&self) -> [u8; 32] {
        self.public()
    }

    fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.sign(message)
    }
}

/// The text is no identity of a home or an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the identity of a home or of an operation in its log: 52 base32 characters are expected")]
pub struct ParseIdError;

/// Which home: the hash of the operation that founded it. Written like a [`NodeId`](crate::NodeId).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HomeId(pub(super) [u8; 32]);

/// Which operation: the hash of its bytes without the signature. Written like a [`NodeId`](crate::NodeId).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OpId(pub(super) [u8; 32]);

macro_rules! hash_identity {
    ($name:ident) => {
        impl $name {
            /// From the bytes of the hash.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The bytes of the hash.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&BASE32_NOPAD.encode(&self.0).to_ascii_lowercase())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), &self.to_string()[..8])
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                if text.len() != 52 {
                    return Err(ParseIdError);
                }
                let bytes = BASE32_NOPAD.decode(text.to_ascii_uppercase().as_bytes());
                Ok(Self(bytes.map_err(|_| ParseIdError)?.try_into().map_err(|_| ParseIdError)?))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

hash_identity!(HomeId);
hash_identity!(OpId);
