//! The log itself: what is let into it, what it is asked for, and how much of it there may be.
//!
//! Whether an operation is let in depends on nothing but the operation and its own past, so every copy says the same.
//! The one exception is storage, which has an end: see [`Log::insert_all`].

use super::{
    Body, HomeId, Op, OpId, Role, Signer, State,
    bits::Bits,
    quota::{Quota, Speaker},
    settle::{Settled, Side},
};
use crate::NodeId;
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::OnceLock,
};

/// How often one batch makes a copy of the log to try whether somebody built upon what was refused.
const TRIALS: usize = 32;

/// A copy of a home's log: always signed, authorised and complete back to the beginning.
#[derive(Clone, Debug)]
pub struct Log {
    pub(super) home: HomeId,
    pub(super) recovery: NodeId,
    /// Parents before children.
    pub(super) entries: Vec<Entry>,
    pub(super) places: HashMap<OpId, usize>,
    /// The places by (depth, id): an order that every copy has.
    pub(super) order: Vec<usize>,
    /// How many each device said in each role, whatever keys it went by.
    pub(super) said: HashMap<(NodeId, Role), Bits>,
    pub(super) devices: HashMap<NodeId, About>,
    settled: OnceLock<Settled>,
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
        let mut log = Self {
            home: genesis.home(),
            recovery,
            entries: Vec::new(),
            places: HashMap::new(),
            order: Vec::new(),
            said: HashMap::new(),
            devices: HashMap::new(),
            settled: OnceLock::new(),
        };
        log.store(Entry {
            line: genesis.author(),
            op: genesis,
            depth: 0,
            past: Bits::default(),
            valid_past: Bits::default(),
            said_as: Some(Role::Keeper),
        });
        Ok(log)
    }

    /// Lets an operation in.
    ///
    /// # Errors
    /// [`Reject`]; the log is as it was.
    pub fn insert(&mut self, op: Op) -> Result<Inserted, Reject> {
        self.admit(op, false)
    }

    /// Lets in what can be, in whatever order it comes.
    ///
    /// A device that said more than its quota side by side is seen through: of what it said, only that counts which
    /// somebody else, within the own quota, built upon. So copies agree although none stores everything, and a copy
    /// takes what it would refuse as too much if it came together with what was built upon it. To come to an end with
    /// a copy elsewhere, give what was refused in again with the next.
    pub fn insert_all(&mut self, ops: impl IntoIterator<Item = Op>) -> Batch {
        let before = self.entries.len();
        let mut refused = Vec::new();
        let mut waiting: Vec<Op> = ops.into_iter().collect();
        let mut trials = TRIALS;
        loop {
            let mut again = Vec::new();
            let mut progress = false;
            for op in waiting {
                match self.admit(op.clone(), false) {
                    Ok(inserted) => progress |= inserted == Inserted::New,
                    Err(reject @ (Reject::UnknownParent | Reject::TooMany(Quota::Storage))) => {
                        again.push((op, reject));
                    }
                    Err(reject) => refused.push((op, reject)),
                }
            }
            if !progress && !self.admit_what_was_built_upon(&again, &mut trials) {
                refused.extend(again);
                let new = self.entries[before..].iter().map(|entry| entry.op.id()).collect();
                return Batch { new, refused };
            }
            waiting = again.into_iter().map(|(op, _)| op).collect();
        }
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

    /// The names of all operations it stores, parents first.
    #[must_use]
    pub fn ids(&self) -> Vec<OpId> {
        self.ops().map(Op::id).collect()
    }

    /// All operations it stores, parents first.
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

    /// `built_upon`: somebody within the own quota is known to follow it, so it is taken although it is too much.
    fn admit(&mut self, op: Op, built_upon: bool) -> Result<Inserted, Reject> {
        if self.places.contains_key(&op.id()) {
            return Ok(Inserted::Known);
        }
        if op.home() != self.home {
            return Err(Reject::OtherHome);
        }
        if op.is_genesis() || !op.is_well_formed() || self.is_about_recovery(&op) {
            return Err(Reject::Malformed);
        }
        let parents = op.parents().iter().map(|id| self.places.get(id).copied());
        let parents = parents.collect::<Option<Vec<_>>>().ok_or(Reject::UnknownParent)?;
        if !op.is_signed() {
            return Err(Reject::BadSignature);
        }
        let mut past = Bits::default();
        for parent in &parents {
            past.extend(&self.entries[*parent].past);
            past.insert(*parent);
        }
        let valid_past = self.valid_in(&op, &parents, &past);
        let side = Side { log: self, view: &past, valid: &valid_past };
        if !side.may(&op) {
            return Err(Reject::Unauthorised);
        }
        // The recovery key is let in by nothing.
        let (said_as, line) = match side.grant(op.author()).filter(|_| op.author() != self.recovery) {
            Some((grant, role)) => match self.entries[grant].op.body() {
                Body::Rotate { .. } => (Some(role), self.entries[grant].line),
                _ => (Some(role), op.author()),
            },
            None => (None, op.author()),
        };
        self.check_quotas(&op, &side, Speaker { said_as, line, built_upon })?;
        check_sense(&op, &side)?;
        let depth = parents.iter().map(|at| self.entries[*at].depth + 1).max().unwrap_or(0);
        self.store(Entry { op, depth, past, valid_past, said_as, line });
        Ok(Inserted::New)
    }

    /// What counts in the past of `op`, from what is known already if possible.
    fn valid_in(&self, op: &Op, parents: &[usize], past: &Bits) -> Bits {
        let size = past.len();
        // All of its past is the past of one parent and that parent. What comes after all the rest voids nothing of
        // it and lets nobody in earlier, so it just joins.
        if let Some(last) = parents.iter().find(|at| self.entries[**at].past.len() + 1 == size) {
            let mut valid = self.entries[*last].valid_past.clone();
            valid.insert(*last);
            return valid;
        }
        if let Some(settled) = self.settled.get()
            && settled.counted == *past
        {
            return settled.valid.clone();
        }
        if let Some(twin) = self.entries.iter().rev().find(|entry| entry.op.parents() == op.parents()) {
            return twin.valid_past.clone();
        }
        self.settle(past)
    }

    fn is_about_recovery(&self, op: &Op) -> bool {
        match op.body() {
            Body::Add { device, .. } | Body::Remove { device } | Body::Rename { device, .. } => {
                *device == self.recovery
            }
            Body::Rotate { new, .. } => *new == self.recovery || *new == op.author(),
            Body::RenameHome { .. } | Body::Genesis { .. } => false,
        }
    }

    fn store(&mut self, entry: Entry) {
        let at = self.entries.len();
        let author = entry.op.author();
        self.places.insert(entry.op.id(), at);
        if let Some(role) = entry.said_as {
            self.said.entry((entry.line, role)).or_default().insert(at);
        }
        self.devices.entry(author).or_default().said.insert(at);
        match *entry.op.body() {
            Body::Genesis { .. } => self.devices.entry(author).or_default().grants.push(at),
            Body::Add { device, .. } => self.devices.entry(device).or_default().grants.push(at),
            Body::Remove { device } => self.devices.entry(device).or_default().removals.insert(at),
            Body::Rotate { new, .. } => {
                self.devices.entry(new).or_default().grants.push(at);
                let old = self.devices.entry(author).or_default();
                old.removals.insert(at);
                old.rotations.push(at);
            }
            Body::Rename { .. } | Body::RenameHome { .. } => {}
        }
        self.entries.push(entry);
        let rank = self.rank(at);
        let place = self.order.partition_point(|other| self.rank(*other) < rank);
        self.order.insert(place, at);
        self.settled = OnceLock::new();
    }

    /// Tries to take, of what was refused, one operation whose author belongs to the home and is within its quota, with
    /// all it follows.
    fn admit_what_was_built_upon(&mut self, refused: &[(Op, Reject)], trials: &mut usize) -> bool {
        let waiting: HashMap<OpId, &Op> = refused.iter().map(|(op, _)| (op.id(), op)).collect();
        for (op, reject) in refused {
            // Cheap questions first: a copy of the log is made for the last one.
            if *reject != Reject::UnknownParent || !self.devices.contains_key(&op.author()) || !op.is_signed()
            {
                continue;
            }
            let Some(needed) = self.needed_by(op, &waiting) else { continue };
            if *trials == 0 {
                return false;
            }
            *trials -= 1;
            let mut trial = self.clone();
            let mut left: Vec<&Op> = needed;
            loop {
                let before = left.len();
                left.retain(|op| trial.admit((*op).clone(), true).is_err());
                if left.is_empty() || left.len() == before {
                    break;
                }
            }
            if left.is_empty() && trial.admit(op.clone(), false).is_ok() {
                *self = trial;
                return true;
            }
        }
        false
    }

    /// What of `waiting` has to come before `op`; None when something is in neither.
    fn needed_by<'a>(&self, op: &Op, waiting: &HashMap<OpId, &'a Op>) -> Option<Vec<&'a Op>> {
        let mut needed = Vec::new();
        let mut seen = BTreeSet::new();
        let mut open = op.parents().to_vec();
        while let Some(id) = open.pop() {
            if self.places.contains_key(&id) || !seen.insert(id) {
                continue;
            }
            let parent = waiting.get(&id)?;
            needed.push(*parent);
            open.extend_from_slice(parent.parents());
        }
        Some(needed)
    }
}

/// What everybody would regret.
fn check_sense(op: &Op, side: &Side<'_>) -> Result<(), Reject> {
    let steps_down = match op.body() {
        Body::Remove { device } => *device == op.author(),
        Body::Add { device, role: Role::Member, .. } => *device == op.author(),
        Body::Rotate { new, .. } if side.was_granted(*new) => return Err(Reject::KeyInUse),
        _ => false,
    };
    if steps_down && side.role(op.author()) == Some(Role::Keeper) {
        let mut others = side.members().filter(|(device, _)| *device != op.author()).peekable();
        if others.peek().is_some() && others.all(|(_, role)| role != Role::Keeper) {
            return Err(Reject::LastKeeper);
        }
        if matches!(op.body(), Body::Add { .. }) && side.members().count() == 1 {
            return Err(Reject::LastKeeper);
        }
    }
    Ok(())
}
