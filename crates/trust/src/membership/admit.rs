//! How one operation is let into the log, and in which order several are.

use super::{
    Batch, Body, Inserted, Log, Op, OpId, Reject, Role,
    bits::Bits,
    log::Entry,
    quota::{Quota, Speaker},
    settle::Side,
};
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::OnceLock,
};

/// How often one batch makes a copy of the log to try whether somebody built upon what was refused.
const TRIALS: usize = 32;

/// What is overlooked when an operation is let in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Leave {
    /// Nothing.
    No,
    /// That it is too much: somebody within the own quota is known to follow it.
    BuiltUpon,
    /// That something it follows is nowhere, once there is a checkpoint.
    Lost,
}

/// What an operation follows, as far as it is known here.
struct Footing {
    parents: Vec<usize>,
    /// Not known, and before no checkpoint that is known.
    lost: Vec<OpId>,
}

impl Log {
    /// Lets an operation in.
    ///
    /// # Errors
    /// [`Reject`]; the log is as it was.
    pub fn insert(&mut self, op: Op) -> Result<Inserted, Reject> {
        let was_awaited = self.awaited.contains(&op.id());
        let inserted = self.admit(op, Leave::No)?;
        if was_awaited {
            self.insert_anew();
        }
        Ok(inserted)
    }

    /// Lets in what can be, in whatever order it comes.
    ///
    /// A device that said more than its quota side by side is seen through: of what it said, only that counts which
    /// somebody else, within the own quota, built upon. So copies agree although none stores everything, and a copy
    /// takes what it would refuse as too much if it came together with what was built upon it. To come to an end with
    /// a copy elsewhere, give what was refused in again with the next.
    ///
    /// Once there is a checkpoint, an operation that follows it may also follow something that is nowhere any more: what
    /// had been dated back reached somebody before the checkpoint did, and was built upon.
    pub fn insert_all(&mut self, ops: impl IntoIterator<Item = Op>) -> Batch {
        let before: HashSet<OpId> = self.places.keys().copied().collect();
        let mut refused = self.insert_once(ops.into_iter().collect());
        if self.entries.iter().any(|entry| self.awaited.contains(&entry.op.id())) {
            refused.extend(self.insert_anew());
        }
        let new = self.ops().map(Op::id).filter(|id| !before.contains(id)).collect();
        Batch { new, refused }
    }

    fn insert_once(&mut self, mut waiting: Vec<Op>) -> Vec<(Op, Reject)> {
        let mut refused = Vec::new();
        let mut trials = TRIALS;
        loop {
            let mut again = Vec::new();
            let mut progress = false;
            for op in waiting {
                match self.admit(op.clone(), Leave::No) {
                    Ok(inserted) => progress |= inserted == Inserted::New,
                    Err(reject @ (Reject::UnknownParent | Reject::TooMany(Quota::Storage))) => {
                        again.push((op, reject));
                    }
                    Err(reject) => refused.push((op, reject)),
                }
            }
            if !progress
                && !self.admit_what_was_built_upon(&again, &mut trials)
                && !self.admit_without_the_lost(&again)
            {
                refused.extend(again);
                return refused;
            }
            waiting = again.into_iter().map(|(op, _)| op).collect();
        }
    }

    /// Something came that was given up: what follows it is let in once more, with all of its past. What cannot be is
    /// returned.
    fn insert_anew(&mut self) -> Vec<(Op, Reject)> {
        let Some(genesis) = self.entries.first().map(|entry| entry.op.clone()) else { return Vec::new() };
        let mut anew = Self::begin(genesis, self.recovery, self.base.clone());
        let refused = anew.insert_once(self.ops().skip(1).cloned().collect());
        *self = anew;
        refused
    }

    fn admit(&mut self, op: Op, leave: Leave) -> Result<Inserted, Reject> {
        if self.places.contains_key(&op.id()) {
            return Ok(Inserted::Known);
        }
        if op.home() != self.home {
            return Err(Reject::OtherHome);
        }
        if op.is_genesis() || !op.is_well_formed() || self.is_about_recovery(&op) {
            return Err(Reject::Malformed);
        }
        let Footing { parents, lost } = self.footing(&op)?;
        if !lost.is_empty() && leave != Leave::Lost {
            return Err(Reject::UnknownParent);
        }
        if !op.is_signed() {
            return Err(Reject::BadSignature);
        }
        let past = self.past_of(&parents);
        let valid_past = self.valid_in(op.parents(), &parents, &past);
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
        self.check_quotas(&op, &side, Speaker { said_as, line, built_upon: leave == Leave::BuiltUpon })?;
        check_sense(&op, &side)?;
        let depth = parents.iter().map(|at| self.entries[*at].depth + 1).max().unwrap_or(0);
        self.awaited.extend(lost);
        self.store(Entry { op, depth, past, valid_past, said_as, line });
        Ok(Inserted::New)
    }

    /// What an operation follows. After a checkpoint everything follows all of it. The recovery key alone may not have
    /// heard of it and counts all the same, as if it had: whoever uses it has nothing else left.
    fn footing(&self, op: &Op) -> Result<Footing, Reject> {
        let Some(base) = &self.base else {
            let parents = op.parents().iter().map(|id| self.places.get(id).copied());
            let parents = parents.collect::<Option<Vec<_>>>().ok_or(Reject::UnknownParent)?;
            return Ok(Footing { parents, lost: Vec::new() });
        };
        let base = base.content();
        let (mut parents, mut lost) = (Vec::new(), Vec::new());
        for id in op.parents() {
            match self.places.get(id) {
                Some(0) => {} // the genesis is long past
                Some(at) => parents.push(*at),
                None if base.heads.contains(id) => {}
                None => lost.push(*id),
            }
        }
        if !parents.is_empty() {
            return Ok(Footing { parents, lost });
        }
        let follows = base.heads.iter().all(|head| op.parents().contains(head));
        let recovers = op.author() == self.recovery && base.recoveries.binary_search(&op.id()).is_err();
        match (follows || recovers, lost.is_empty()) {
            (true, _) => Ok(Footing { parents: vec![0], lost }),
            (false, true) => Err(Reject::Late),
            (false, false) => Err(Reject::UnknownParent),
        }
    }

    pub(super) fn past_of(&self, parents: &[usize]) -> Bits {
        let mut past = Bits::default();
        for parent in parents {
            past.extend(&self.entries[*parent].past);
            past.insert(*parent);
        }
        past
    }

    /// What counts in the past of something that follows `ids`, which are at `parents`; from what is known already if
    /// possible.
    pub(super) fn valid_in(&self, ids: &[OpId], parents: &[usize], past: &Bits) -> Bits {
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
        if let Some(twin) = self.entries.iter().rev().find(|entry| entry.op.parents() == ids) {
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

    pub(super) fn store(&mut self, entry: Entry) {
        let at = self.entries.len();
        let author = entry.op.author();
        self.places.insert(entry.op.id(), at);
        if let (0, Some(base)) = (at, self.base.clone()) {
            let content = base.content();
            let members = content.members.iter().map(|seat| seat.device);
            for device in members.chain(content.removed.iter().map(|(device, _)| *device)) {
                self.devices.entry(device).or_default().grants.push(0);
            }
            self.entries.push(entry);
            self.order.push(0);
            return;
        }
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
                left.retain(|op| trial.admit((*op).clone(), Leave::BuiltUpon).is_err());
                if left.is_empty() || left.len() == before {
                    break;
                }
            }
            if left.is_empty() && trial.admit(op.clone(), Leave::No).is_ok() {
                *self = trial;
                return true;
            }
        }
        false
    }

    /// Tries to take, of what was refused, one operation without something it follows that is nowhere. Those come first
    /// whose lost parents are not among the refused: the others may still find theirs.
    fn admit_without_the_lost(&mut self, refused: &[(Op, Reject)]) -> bool {
        if self.base.is_none() {
            return false;
        }
        let waiting: HashSet<OpId> = refused.iter().map(|(op, _)| op.id()).collect();
        let mut candidates: Vec<&Op> = refused.iter().map(|(op, _)| op).collect();
        candidates.sort_by_cached_key(|op| (op.parents().iter().any(|id| waiting.contains(id)), op.id()));
        candidates.into_iter().any(|op| self.admit(op.clone(), Leave::Lost) == Ok(Inserted::New))
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
