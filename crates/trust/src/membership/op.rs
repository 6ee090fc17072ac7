//! One signed operation of a home's log, and its bytes.
//!
//! Every operation has exactly one encoding, so a hash of the bytes is its name and nobody can make a second one of
//! the same meaning. Whether it may be said is the log's question.

use super::{HomeId, OpId, Role, Signer};
use crate::{NodeId, names};
use ed25519_dalek::{Signature, VerifyingKey};

/// The longest encoding, in bytes. The largest there is today has 16 parents and takes less than 800.
pub const MAX_OP: usize = 4096;
/// How many operations one may follow directly.
pub const MAX_PARENTS: usize = 16;

/// Keeps a signature of an operation from being one of anything else.
const DOMAIN: &[u8] = b"lanyard home operation 1\0";
const ROTATION_DOMAIN: &[u8] = b"lanyard home rotation 1\0";

/// What an operation says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Founds a home. Its author is the first keeper, and is called like the home until it is renamed.
    Genesis {
        /// The home's name.
        name: String,
        /// The public half of the recovery key.
        recovery: [u8; 32],
        /// Makes two homes of one name and founder different.
        nonce: [u8; 16],
    },
    /// Lets a device in, or gives one that is in another role.
    Add {
        /// The device.
        device: NodeId,
        /// What it may do.
        role: Role,
        /// What it is called.
        name: String,
    },
    /// Puts a device out. A keeper may do it to anybody, a member to itself.
    Remove {
        /// The device.
        device: NodeId,
    },
    /// Gives a device another name. A keeper may do it to anybody, a member to itself.
    Rename {
        /// The device.
        device: NodeId,
        /// What it is called from now on.
        name: String,
    },
    /// Gives the home another name.
    RenameHome {
        /// What it is called from now on.
        name: String,
    },
    /// The author goes on under another key, with the role, name and rank it has. Made by [`rotate`].
    Rotate {
        /// The new key.
        new: NodeId,
        /// The new key's signature: nobody drags somebody else's key into a home.
        proof: [u8; 64],
    },
}

/// A signed operation. It was well formed when it was decoded or made; the signature is checked by the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Op {
    id: OpId,
    /// All zeros in a genesis, which is what gives the home its identity.
    home: HomeId,
    /// Strictly ascending. Empty in a genesis only.
    parents: Vec<OpId>,
    author: NodeId,
    body: Body,
    signature: [u8; 64],
}

/// The bytes are no operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// More than [`MAX_OP`] bytes.
    #[error("an operation of a home's log is at most {MAX_OP} bytes long")]
    TooLong,
    /// The bytes end too early, or go on after the end.
    #[error("an operation of a home's log is cut off or has bytes behind it")]
    Length,
    /// A version or kind of operation that a later Lanyard may know.
    #[error("this version of Lanyard does not know this kind of operation in a home's log")]
    Unknown,
    /// Something is written in another way than the one there is.
    #[error("an operation of a home's log is not in its one form")]
    NotCanonical,
}

/// A [`Body::Rotate`] from `old` to the key of `new`.
#[must_use]
pub fn rotate(home: HomeId, old: NodeId, new: &dyn Signer) -> Body {
    let public = NodeId::from_bytes(new.public());
    Body::Rotate { new: public, proof: new.sign(&rotation(home, old, public)) }
}

impl Op {
    /// Signs `body` as said after `parents`.
    pub(super) fn sign(home: HomeId, mut parents: Vec<OpId>, signer: &dyn Signer, body: Body) -> Self {
        parents.sort_unstable();
        parents.dedup();
        let author = NodeId::from_bytes(signer.public());
        let mut op = Self { id: OpId([0; 32]), home, parents, author, body, signature: [0; 64] };
        let message = op.message();
        op.id = OpId(*blake3::hash(&message).as_bytes());
        op.signature = signer.sign(&message);
        op
    }

    /// The operation's name: the hash of everything but the signature.
    #[must_use]
    pub fn id(&self) -> OpId {
        self.id
    }

    /// The home whose log it belongs to.
    #[must_use]
    pub fn home(&self) -> HomeId {
        if self.is_genesis() { HomeId(self.id.0) } else { self.home }
    }

    /// What its author knew last when it was said, ascending.
    #[must_use]
    pub fn parents(&self) -> &[OpId] {
        &self.parents
    }

    /// Who says it: a device, or the recovery key.
    #[must_use]
    pub fn author(&self) -> NodeId {
        self.author
    }

    /// What it says.
    #[must_use]
    pub fn body(&self) -> &Body {
        &self.body
    }

    /// The encoding, with the signature.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.message().split_off(DOMAIN.len());
        bytes.extend_from_slice(&self.signature);
        bytes
    }

    /// Reads an encoding.
    ///
    /// # Errors
    /// [`DecodeError`] for whatever [`Op::to_bytes`] would not have written. The signature is not looked at.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.len() > MAX_OP {
            return Err(DecodeError::TooLong);
        }
        let mut rest = Rest(bytes);
        let [kind] = rest.take()?;
        let home = HomeId(rest.take()?);
        let [count] = rest.take()?;
        if usize::from(count) > MAX_PARENTS {
            return Err(DecodeError::NotCanonical);
        }
        let parents = (0..count).map(|_| rest.take().map(OpId)).collect::<Result<Vec<_>, _>>()?;
        let author = NodeId::from_bytes(rest.take()?);
        let body = match kind {
            0 => Body::Genesis { recovery: rest.take()?, nonce: rest.take()?, name: rest.name()? },
            1 => Body::Add { device: rest.device()?, role: rest.role()?, name: rest.name()? },
            2 => Body::Remove { device: rest.device()? },
            3 => Body::Rename { device: rest.device()?, name: rest.name()? },
            4 => Body::RenameHome { name: rest.name()? },
            5 => Body::Rotate { new: rest.device()?, proof: rest.take()? },
            _ => return Err(DecodeError::Unknown),
        };
        let signature = rest.take()?;
        if !rest.0.is_empty() {
            return Err(DecodeError::Length);
        }
        let mut op = Self { id: OpId([0; 32]), home, parents, author, body, signature };
        if !op.is_well_formed() {
            return Err(DecodeError::NotCanonical);
        }
        op.id = OpId(*blake3::hash(&op.message()).as_bytes());
        Ok(op)
    }

    /// Everything but what only the log can know.
    pub(super) fn is_well_formed(&self) -> bool {
        let name = match &self.body {
            Body::Genesis { name, .. }
            | Body::Add { name, .. }
            | Body::Rename { name, .. }
            | Body::RenameHome { name } => Some(name),
            Body::Remove { .. } | Body::Rotate { .. } => None,
        };
        let founds = self.home.0 == [0; 32];
        self.parents.len() <= MAX_PARENTS
            && self.parents.is_sorted_by(|a, b| a < b)
            && self.is_genesis() == self.parents.is_empty()
            && self.is_genesis() == founds
            && name.is_none_or(|name| names::clean(name).as_ref() == Some(name))
    }

    /// Whether the signatures are by whom they say. Strict: no two verifiers disagree about it, and no key of small
    /// order that would sign anything is let in.
    pub(super) fn is_signed(&self) -> bool {
        let by_author = verify(self.author, &self.message(), &self.signature);
        match &self.body {
            Body::Rotate { new, proof } => {
                by_author && verify(*new, &rotation(self.home, self.author, *new), proof)
            }
            _ => by_author,
        }
    }

    pub(super) fn is_genesis(&self) -> bool {
        matches!(self.body, Body::Genesis { .. })
    }

    /// What is signed and hashed.
    fn message(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(512);
        bytes.extend_from_slice(DOMAIN);
        bytes.push(match &self.body {
            Body::Genesis { .. } => 0,
            Body::Add { .. } => 1,
            Body::Remove { .. } => 2,
            Body::Rename { .. } => 3,
            Body::RenameHome { .. } => 4,
            Body::Rotate { .. } => 5,
        });
        bytes.extend_from_slice(&self.home.0);
        put_short(&mut bytes, self.parents.len());
        for parent in &self.parents {
            bytes.extend_from_slice(&parent.0);
        }
        bytes.extend_from_slice(self.author.as_bytes());
        match &self.body {
            Body::Genesis { name, recovery, nonce } => {
                bytes.extend_from_slice(recovery);
                bytes.extend_from_slice(nonce);
                put_name(&mut bytes, name);
            }
            Body::Add { device, role, name } => {
                bytes.extend_from_slice(device.as_bytes());
                bytes.push(u8::from(*role == Role::Keeper));
                put_name(&mut bytes, name);
            }
            Body::Remove { device } => bytes.extend_from_slice(device.as_bytes()),
            Body::Rename { device, name } => {
                bytes.extend_from_slice(device.as_bytes());
                put_name(&mut bytes, name);
            }
            Body::RenameHome { name } => put_name(&mut bytes, name),
            Body::Rotate { new, proof } => {
                bytes.extend_from_slice(new.as_bytes());
                bytes.extend_from_slice(proof);
            }
        }
        bytes
    }
}

pub(super) fn put_name(bytes: &mut Vec<u8>, name: &str) {
    put_short(bytes, name.len());
    bytes.extend_from_slice(name.as_bytes());
}

/// A length that is checked to be small before anything is signed or stored; a longer one makes no valid encoding.
fn put_short(bytes: &mut Vec<u8>, length: usize) {
    bytes.push(u8::try_from(length).unwrap_or(u8::MAX));
}

fn rotation(home: HomeId, old: NodeId, new: NodeId) -> Vec<u8> {
    [ROTATION_DOMAIN, &home.0, old.as_bytes(), new.as_bytes()].concat()
}

pub(super) fn verify(author: NodeId, message: &[u8], signature: &[u8; 64]) -> bool {
    VerifyingKey::from_bytes(author.as_bytes())
        .is_ok_and(|key| key.verify_strict(message, &Signature::from_bytes(signature)).is_ok())
}

/// What is still to be read.
pub(super) struct Rest<'a>(pub(super) &'a [u8]);

impl Rest<'_> {
    pub(super) fn take<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(DecodeError::Length)?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(super) fn device(&mut self) -> Result<NodeId, DecodeError> {
        self.take().map(NodeId::from_bytes)
    }

    pub(super) fn role(&mut self) -> Result<Role, DecodeError> {
        match self.take()? {
            [0] => Ok(Role::Member),
            [1] => Ok(Role::Keeper),
            [_] => Err(DecodeError::NotCanonical),
        }
    }

    pub(super) fn name(&mut self) -> Result<String, DecodeError> {
        let [length] = self.take()?;
        if usize::from(length) > names::MAX_NAME {
            return Err(DecodeError::NotCanonical);
        }
        let (name, rest) = self.0.split_at_checked(usize::from(length)).ok_or(DecodeError::Length)?;
        self.0 = rest;
        str::from_utf8(name).map(str::to_owned).map_err(|_| DecodeError::NotCanonical)
    }
}
