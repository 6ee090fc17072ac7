//! The log itself: what is said in it, and what it is asked for.
//!
//! Whether an operation is let in depends on nothing but the operation and its own past, so every copy says the same.
//! The one exception is storage, which has an end: see [`Log::insert_all`].

use super::{
    Body, Checkpoint, HomeId, Op, OpId, Role, Signer, State, bits::Bits, quota::Quota, settle::Settled,
};
use crate::NodeId;
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, OnceLock},
};

/// How deep a checkpoint lies: below all ranks that it gives.
const BASE_DEPTH: u32 = 1024;

/// A copy of a home's log: always signed, authorised and complete back to its last checkpoint, or to the beginning.
#[derive(Clone, Debug)]
pub struct Log {
    pub(super) home: HomeId,
    pub(super) recovery: NodeId,
    /// What all of the log stands on, if not on its genesis.
    pub(super) base: Option<Arc<Checkpoint>>,
    /// Parents before children. The first is the genesis, or stands for the checkpoint.
    pub(super) entries: Vec<Entry>,
    pub(super) places: HashMap<OpId, usize>,
    /// The places by (depth, id): an order that every copy has.
    pub(super) order: Vec<usize>,
    /// How many each device said in each role, whatever keys it went by.
    pub(super) said: HashMap<(NodeId, Role), Bits>,
    pub(super) devices: HashMap<NodeId, About>,
    /// What operations follow that are here, and was left out of account because nobody had it.
    pub(super) awaited: HashSet<OpId>,
    pub(super) settled: OnceLock<Settled>,
}

/// An operation and what is known from its past alone.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) op: Op,
    /// The longest way back to the beginning.
    pub(super) depth: u32,
    /// All that came before it.
    pub(super) past: Bits,
    /// What of its past counted, seen from here.
    pub(super) valid_past: Bits,
    /// As what its author said it. None is the recovery key.
    pub(super) said_as: Option<Role>,
    /// The first key of the author in this home: a new key is no new quota.
    pub(super) line: NodeId,
}

/// Where a device is spoken of.
#[derive(Clone, Debug, Default)]
pub(super) struct About {
    /// What lets it in: the genesis, additions, a change to this key.
    pub(super) grants: Vec<usize>,
    /// What puts it out: removals, a change to another key.
    pub(super) removals: Bits,
    /// What it said.
    pub(super) said: Bits,
    /// Its changes to another key.
    pub(super) rotations: Vec<usize>,
}

/// What became of an operation that is in the log now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inserted {
    /// It was not there before.
    New,
    /// It was there already.
    Known,
}

/// What became of several operations.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Those that are in the log now and were not before, parents first.
    pub new: Vec<OpId>,
    /// Those that are not, and why.
    pub refused: Vec<(Op, Reject)>,
}

/// Why an operation is not let into the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reject {
    /// It is not signed by its author, or a new key not by itself.
    #[error("an operation of the home's log is not signed by whom it says")]
    BadSignature,
    /// It belongs to the log of another home.
    #[error("an operation belongs to another home")]
    OtherHome,
    /// It follows something that is not in the log. Fetch that first.
    #[error("an operation of the home's log follows one that is not known here")]
    UnknownParent,
    /// A limit is reached.
    #[error("the home's log takes no more of these operations ({0:?})")]
    TooMany(Quota),
    /// It follows less than the last checkpoint, which its author had agreed to follow: it was dated back.
    #[error("an operation of the home's log is older than what all devices have agreed on")]
    Late,
    /// It says something that cannot be said, or with a name that is not clean.
    #[error("an operation of the home's log makes no sense")]
    Malformed,
    /// Its author had no right to it, as far as its author knew.
    #[error("the author of an operation of the home's log had no right to it")]
    Unauthorised,
    /// The only keeper leaves, or becomes a plain member, while others stay. It makes another a keeper first, or the
    /// recovery code is used.
    #[error("the last keeper of a home cannot go while others stay")]
    LastKeeper,
    /// A key that was in the home before is no new key.
    #[error("a device cannot go on under a key that was in the home before")]
    KeyInUse,
}

impl Log {
    /// Founds a home. `recovery` is the public half of the recovery key, `nonce` is random.
    ///
    /// The founding device is called like the home until somebody renames it.
    ///
    /// # Errors
    /// [`Reject::Malformed`] if the name is not clean or the recovery key is the founder's own.
    pub fn found(
        signer: &dyn Signer,
        name: &str,
        recovery: [u8; 32],
        nonce: [u8; 16],
    ) -> Result<Self, Reject> {
        let body = Body::Genesis { name: name.to_owned(), recovery, nonce };
        Self::open(Op::sign(HomeId([0; 32]), Vec::new(), signer, body))
    }

    /// A copy that knows nothing but the beginning.
    ///
    /// # Errors
    /// [`Reject::Malformed`] if it is no beginning, [`Reject::BadSignature`].
    pub fn open(genesis: Op) -> Result<Self, Reject> {
        let Body::Genesis { recovery, .. } = *genesis.body() else { return Err(Reject::Malformed) };
        let recovery = NodeId::from_bytes(recovery);
        if !genesis.is_well_formed() || recovery == genesis.author() {
            return Err(Reject::Malformed);
        }
        if !genesis.is_signed() {
            return Err(Reject::BadSignature);
        }
        Ok(Self::begin(genesis, recovery, None))
    }

    /// A copy that knows nothing but its beginning.
    pub(super) fn begin(genesis: Op, recovery: NodeId, base: Option<Arc<Checkpoint>>) -> Self {
        let mut log = Self {
            home: genesis.home(),
            recovery,
            base,
            entries: Vec::new(),
            places: HashMap::new(),
            order: Vec::new(),
            said: HashMap::new(),
            devices: HashMap::new(),
            awaited: HashSet::new(),
            settled: OnceLock::new(),
        };
        log.store(Entry {
            line: genesis.author(),
            op: genesis,
            depth: if log.base.is_some() { BASE_DEPTH } else { 0 },
            past: Bits::default(),
            valid_past: Bits::default(),
            // What came before a checkpoint is in nobody's quota.
            said_as: if log.base.is_some() { None } else { Some(Role::Keeper) },
        });
        log
    }

    /// Says something, as the next after all that is known, and lets it in.
    ///
    /// A log that fell apart into more ends than an operation may follow is tied together first, by the author
    /// giving itself (the recovery key: the home) the name it has.
    ///
    /// # Errors
    /// [`Reject`]; nothing was said, except for what tied ends together.
    pub fn author(&mut self, signer: &dyn Signer, body: Body) -> Result<Op, Reject> {
        let author = NodeId::from_bytes(signer.public());
        while self.heads().len() > super::MAX_PARENTS {
            let state = self.state();
            let same = match state.members.get(&author) {
                Some(member) => Body::Rename { device: author, name: member.name.clone() },
                None => Body::RenameHome { name: state.name.clone() },
            };
            let some = self.heads()[..super::MAX_PARENTS].to_vec();
            self.insert(Op::sign(self.home, some, signer, same))?;
        }
        let op = Op::sign(self.home, self.heads().to_vec(), signer, body);
        self.insert(op.clone())?;
        Ok(op)
    }

    /// Which home it is of.
    #[must_use]
    pub fn home(&self) -> HomeId {
        self.home
    }

    /// The public half of the recovery key.
    #[must_use]
    pub fn recovery(&self) -> NodeId {
        self.recovery
    }

    /// Who belongs to the home, and what it is called. Computed once after a change.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.settled().state
    }

    /// The operations that count and that none follows that counts, ascending by (depth, id). What is said next follows
    /// these: nobody builds upon what does not count.
    #[must_use]
    pub fn heads(&self) -> &[OpId] {
        &self.settled().heads
    }

    /// Copies with the same digest know the same.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        self.settled().digest
    }

    /// The genesis and every removal that counts, by (depth, id). After each the home's secrets are made new.
    #[must_use]
    pub fn epochs(&self) -> &[OpId] {
        &self.settled().epochs
    }

    /// The last of [`Log::epochs`]: names the secrets the home uses now.
    #[must_use]
    pub fn current_removal(&self) -> OpId {
        self.epochs().last().copied().unwrap_or(OpId(self.home.0))
    }

    /// The checkpoint that stands for all that came before it, if there was one.
    #[must_use]
    pub fn base(&self) -> Option<&Arc<Checkpoint>> {
        self.base.as_ref()
    }

    /// How many checkpoints there were.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.base.as_ref().map_or(0, |base| base.number())
    }

    /// The names of all operations it stores, the genesis among them, parents first.
    #[must_use]
    pub fn ids(&self) -> Vec<OpId> {
        self.ops().map(Op::id).collect()
    }

    /// All operations it stores, the genesis among them, parents first.
    pub fn ops(&self) -> impl ExactSizeIterator<Item = &Op> {
        self.order.iter().map(|at| &self.entries[*at].op)
    }

    /// One operation.
    #[must_use]
    pub fn op(&self, id: OpId) -> Option<&Op> {
        self.places.get(&id).map(|at| &self.entries[*at].op)
    }

    /// What somebody lacks who has `theirs`, parents first.
    #[must_use]
    pub fn missing(&self, theirs: &[OpId]) -> Vec<&Op> {
        let theirs: HashSet<&OpId> = theirs.iter().collect();
        self.ops().filter(|op| !theirs.contains(&op.id())).collect()
    }

    /// What is lacking here of `theirs`.
    #[must_use]
    pub fn unknown(&self, theirs: &[OpId]) -> Vec<OpId> {
        theirs.iter().filter(|id| !self.places.contains_key(id)).copied().collect()
    }

    /// By (depth, id).
    pub(super) fn rank(&self, at: usize) -> (u32, OpId) {
        (self.entries[at].depth, self.entries[at].op.id())
    }

    pub(super) fn settled(&self) -> &Settled {
        self.settled.get_or_init(|| Settled::of(self))
    }
}
