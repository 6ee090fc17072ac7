//! A checkpoint: what a home's log came to at one point, in place of the operations that led there.
//!
//! Every device that could still say something which follows less than that point has signed it: "I hold this, and
//! whatever I say from now on follows it". So nothing honest is left behind, and whatever turns up later that does not
//! follow the point was dated back. How a home comes to one, and what a copy does with it, is next door in `condense`.

use super::{
    DecodeError, HomeId, MAX_DEVICES, MAX_PARENTS, OpId, Role, Signer,
    op::{Rest, put_name, verify},
};
use crate::{NodeId, names};

/// The longest encoding, in bytes.
pub const MAX_CHECKPOINT: usize = 64 * 1024;
/// How many of the last epochs a checkpoint names.
pub const EPOCHS: usize = 8;
/// How many devices that are out a checkpoint remembers: the last ones.
pub const MAX_REMOVED: usize = 256;
/// How many words of the recovery key a checkpoint remembers. A home that used more keeps its log as it is.
pub const MAX_RECOVERIES: usize = 512;

const DOMAIN: &[u8] = b"lanyard home checkpoint 1\0";
const ACK_DOMAIN: &[u8] = b"lanyard home acknowledgement 1\0";

/// What a log came to, with the signatures of all members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    id: OpId,
    content: Content,
    /// The keeper that asked for it.
    by: NodeId,
    /// One for each member, in the order of the members.
    acks: Vec<[u8; 64]>,
}

/// What a log came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Content {
    pub(super) home: HomeId,
    /// One more than that of the checkpoint before it.
    pub(super) number: u32,
    /// How many operations it stands for, with those of the checkpoints before it.
    pub(super) size: u32,
    /// The last operations that counted, ascending. All that is said later follows all of them.
    pub(super) heads: Vec<OpId>,
    pub(super) name: String,
    /// The most senior first.
    pub(super) members: Vec<Seat>,
    /// Devices that are out, the latest last, and their ranks.
    pub(super) removed: Vec<(NodeId, u16)>,
    /// The last of [`Log::epochs`](super::Log::epochs).
    pub(super) epochs: Vec<OpId>,
    /// Whatever the recovery key has said, ascending: it is listened to at any time, but not twice.
    pub(super) recoveries: Vec<OpId>,
}

/// A member in a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seat {
    pub(super) device: NodeId,
    pub(super) role: Role,
    /// Its place among all that ever were keepers, from 1; 0 if it never was.
    pub(super) rank: u16,
    pub(super) name: String,
}

/// A member's word that it holds a log up to a point, and that whatever it says from now on follows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ack {
    /// Who says it.
    pub node: NodeId,
    /// The keeper that asked, and that alone may make a checkpoint of it.
    pub to: NodeId,
    /// The last operations up to the point, ascending.
    pub at: Vec<OpId>,
    /// Of what the log comes to there.
    pub signature: [u8; 64],
}

impl Ack {
    pub(super) fn sign(signer: &dyn Signer, to: NodeId, content: &Content) -> Self {
        let signature = signer.sign(&message(content.home, to, content.id()));
        Self { node: NodeId::from_bytes(signer.public()), to, at: content.heads.clone(), signature }
    }

    pub(super) fn is_signed(&self, content: &Content) -> bool {
        verify(self.node, &message(content.home, self.to, content.id()), &self.signature)
    }
}

impl Checkpoint {
    pub(super) fn new(content: Content, by: NodeId, acks: Vec<[u8; 64]>) -> Self {
        Self { id: content.id(), content, by, acks }
    }

    /// Its name: the hash of what the log came to. Two keepers that ask for the same get the same.
    #[must_use]
    pub fn id(&self) -> OpId {
        self.id
    }

    /// How many there were, with this one.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.content.number
    }

    /// The home whose log it is of.
    #[must_use]
    pub fn home(&self) -> HomeId {
        self.content.home
    }

    /// The keeper that asked for it.
    #[must_use]
    pub fn by(&self) -> NodeId {
        self.by
    }

    /// Whether a device was a member there.
    #[must_use]
    pub fn seats(&self, device: NodeId) -> bool {
        self.content.seat(device).is_some()
    }

    /// Whether a device is remembered as one that is out.
    #[must_use]
    pub fn remembers_as_out(&self, device: NodeId) -> bool {
        self.content.removed.iter().any(|(out, _)| *out == device)
    }

    pub(super) fn content(&self) -> &Content {
        &self.content
    }

    /// Whether every member signed it, for the keeper that asked.
    pub(super) fn is_signed(&self) -> bool {
        let message = message(self.content.home, self.by, self.id);
        self.content.seat(self.by).is_some_and(|seat| seat.role == Role::Keeper)
            && self.acks.len() == self.content.members.len()
            && self
                .content
                .members
                .iter()
                .zip(&self.acks)
                .all(|(seat, ack)| verify(seat.device, &message, ack))
    }

    /// The encoding, with the signatures.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.content.to_bytes();
        bytes.extend_from_slice(self.by.as_bytes());
        self.acks.iter().for_each(|ack| bytes.extend_from_slice(ack));
        bytes
    }

    /// Reads an encoding.
    ///
    /// # Errors
    /// [`DecodeError`] for whatever [`Checkpoint::to_bytes`] would not have written. Signatures are not looked at.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.len() > MAX_CHECKPOINT {
            return Err(DecodeError::TooLong);
        }
        let mut rest = Rest(bytes);
        let content = Content::read(&mut rest)?;
        let by = rest.device()?;
        let acks = content.members.iter().map(|_| rest.take()).collect::<Result<_, _>>()?;
        if !rest.0.is_empty() {
            return Err(DecodeError::Length);
        }
        Ok(Self::new(content, by, acks))
    }
}

impl Content {
    pub(super) fn id(&self) -> OpId {
        OpId(*blake3::hash(&[DOMAIN, &self.to_bytes()].concat()).as_bytes())
    }

    pub(super) fn seat(&self, device: NodeId) -> Option<&Seat> {
        self.members.iter().find(|seat| seat.device == device)
    }

    /// Every device that ever was a keeper and is remembered, with its rank.
    pub(super) fn ranks(&self) -> impl Iterator<Item = (NodeId, u32)> {
        let members = self.members.iter().map(|seat| (seat.device, seat.rank));
        let ranks = members.chain(self.removed.iter().copied());
        ranks.filter(|(_, rank)| *rank > 0).map(|(device, rank)| (device, u32::from(rank)))
    }

    /// What makes one later than another: of two with one number, which can be made side by side, the longer one is.
    pub(super) fn age(&self) -> (u32, u32) {
        (self.number, self.size)
    }

    /// Whether a log comes to the same, however many checkpoints it went through.
    pub(super) fn is_same_state_as(&self, other: &Self) -> bool {
        Self { number: 0, ..self.clone() } == Self { number: 0, ..other.clone() }
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(4096);
        bytes.extend_from_slice(&self.home.0);
        bytes.extend_from_slice(&self.number.to_be_bytes());
        bytes.extend_from_slice(&self.size.to_be_bytes());
        put_ids(&mut bytes, &self.heads);
        put_name(&mut bytes, &self.name);
        put_count(&mut bytes, self.members.len());
        for Seat { device, role, rank, name } in &self.members {
            bytes.extend_from_slice(device.as_bytes());
            bytes.push(u8::from(*role == Role::Keeper));
            bytes.extend_from_slice(&rank.to_be_bytes());
            put_name(&mut bytes, name);
        }
        put_count(&mut bytes, self.removed.len());
        for (device, rank) in &self.removed {
            bytes.extend_from_slice(device.as_bytes());
            bytes.extend_from_slice(&rank.to_be_bytes());
        }
        put_ids(&mut bytes, &self.epochs);
        put_ids(&mut bytes, &self.recoveries);
        bytes
    }

    fn read(rest: &mut Rest<'_>) -> Result<Self, DecodeError> {
        let content = Self {
            home: HomeId(rest.take()?),
            number: u32::from_be_bytes(rest.take()?),
            size: u32::from_be_bytes(rest.take()?),
            heads: ids(rest, MAX_PARENTS)?,
            name: rest.name()?,
            members: (0..count(rest, MAX_DEVICES)?)
                .map(|_| {
                    let (device, role, rank) = (rest.device()?, rest.role()?, rank(rest)?);
                    Ok(Seat { device, role, rank, name: rest.name()? })
                })
                .collect::<Result<_, _>>()?,
            removed: (0..count(rest, MAX_REMOVED)?)
                .map(|_| Ok((rest.device()?, rank(rest)?)))
                .collect::<Result<_, _>>()?,
            epochs: ids(rest, EPOCHS)?,
            recoveries: ids(rest, MAX_RECOVERIES)?,
        };
        let is_clean = |name: &String| names::clean(name).as_ref() == Some(name);
        let sound = content.number > 0
            && !content.heads.is_empty()
            && !content.epochs.is_empty()
            && content.heads.is_sorted_by(|a, b| a < b)
            && content.recoveries.is_sorted_by(|a, b| a < b)
            && is_clean(&content.name)
            && content.members.iter().all(|seat| is_clean(&seat.name));
        if sound { Ok(content) } else { Err(DecodeError::NotCanonical) }
    }
}

fn message(home: HomeId, to: NodeId, content: OpId) -> Vec<u8> {
    [ACK_DOMAIN, &home.0, to.as_bytes(), &content.0].concat()
}

/// A count that is limited before anything is signed; a larger one makes no valid encoding.
fn put_count(bytes: &mut Vec<u8>, count: usize) {
    bytes.extend_from_slice(&u16::try_from(count).unwrap_or(u16::MAX).to_be_bytes());
}

fn put_ids(bytes: &mut Vec<u8>, ids: &[OpId]) {
    put_count(bytes, ids.len());
    ids.iter().for_each(|id| bytes.extend_from_slice(&id.0));
}

fn count(rest: &mut Rest<'_>, most: usize) -> Result<usize, DecodeError> {
    let count = usize::from(u16::from_be_bytes(rest.take()?));
    if count > most { Err(DecodeError::NotCanonical) } else { Ok(count) }
}

fn ids(rest: &mut Rest<'_>, most: usize) -> Result<Vec<OpId>, DecodeError> {
    (0..count(rest, most)?).map(|_| rest.take().map(OpId)).collect()
}

fn rank(rest: &mut Rest<'_>) -> Result<u16, DecodeError> {
    let rank = u16::from_be_bytes(rest.take()?);
    if usize::from(rank) > MAX_DEVICES + MAX_REMOVED { Err(DecodeError::NotCanonical) } else { Ok(rank) }
}
