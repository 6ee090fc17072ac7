//! How a home comes to a checkpoint, and what a copy of the log does with one.
//!
//! A keeper asks by acknowledging its own log to itself. Every member that comes to the same signs the same, for that
//! keeper, once nothing it holds stands beside the point. When all have signed, the keeper has a checkpoint, and
//! whoever gets it drops what came before. The rules behind it:
//!
//! - A copy drops its past for what it has verified: its own log comes to the same there, or its own signature says that
//!   it did (its log was put back from a backup since).
//! - What follows less than the checkpoint is refused from then on, except for a word of the recovery key, which counts
//!   as if it had been said after it.
//! - A device that is out and could still rightly say that it was first (it is more senior than whoever put it out) would
//!   be cut short. There is no checkpoint until the recovery key, or somebody more senior, has put it out too.

use super::{
    Ack, Body, Checkpoint, HomeId, Inserted, Log, MAX_DEVICES, MAX_OPS, MAX_PARENTS, Op, OpId, Role, Signer,
    State,
    bits::Bits,
    checkpoint::{Content, EPOCHS, MAX_RECOVERIES, MAX_REMOVED, Seat},
    quota::quota,
    settle::{Seniority, Side},
};
use crate::NodeId;
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

/// How many keepers' questions are looked at, the most senior first.
const MAX_ASKING: usize = 4;

/// Why a log comes to no checkpoint yet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Hold {
    /// The point is not in this copy, or behind the last checkpoint.
    #[error("the point is not known here")]
    Unknown,
    /// There is something beside the point that counts, or that undoes part of what led there.
    #[error("something was said at the same time as that point")]
    Apart,
    /// More ends than an operation may follow.
    #[error("too many things were said at the same time, and nothing since")]
    Ends,
    /// More members than a home may have, or none.
    #[error("the home has no members, or too many")]
    Members,
    /// Too many words of the recovery key.
    #[error("the recovery code was used too often")]
    Recoveries,
    /// This device was put out by one that is less senior, and might say that it was first.
    #[error("a device was put out by one that joined later")]
    Disputed(NodeId),
    /// Who has not acknowledged it.
    #[error("not every device has acknowledged it")]
    Waiting(Vec<NodeId>),
    /// Whoever asks is no keeper there, or whoever acknowledges no member.
    #[error("the device has no say in it")]
    NotAllowed,
}

/// Why a checkpoint is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is of another home.
    #[error("the checkpoint is of another home")]
    OtherHome,
    /// Not all of its members signed it.
    #[error("the checkpoint is not signed by all devices of the home")]
    BadSignature,
    /// This copy does not come to the same, and its device never said it did.
    #[error("the checkpoint does not fit what is known here")]
    NotVerified,
}

impl Log {
    /// A copy of somebody who was told by a member what there is: for a device that joins, and for one that starts again.
    ///
    /// # Errors
    /// [`Refusal`] if the two do not belong together, or the checkpoint is not signed. That the home did come to it is
    /// the word of whoever told.
    pub fn open_at(genesis: Op, checkpoint: Checkpoint) -> Result<Self, Refusal> {
        let log = Self::open(genesis).map_err(|_| Refusal::OtherHome)?;
        log.check(&checkpoint)?;
        let Some(beginning) = log.entries.into_iter().next() else { return Err(Refusal::OtherHome) };
        Ok(Self::begin(beginning.op, log.recovery, Some(Arc::new(checkpoint))))
    }

    /// A copy that knows what leads up to some operations, and them, and no more.
    #[must_use]
    pub fn up_to(&self, heads: &[OpId]) -> Option<Self> {
        let genesis = self.entries.first()?.op.clone();
        let mut log = Self::begin(genesis, self.recovery, self.base.clone());
        if let Some((_, view)) = self.view_of(heads).filter(|_| !heads.is_empty()) {
            let seen = self.order.iter().filter(|at| **at != 0 && view.has(**at));
            log.insert_all(seen.map(|at| self.entries[*at].op.clone()));
        }
        Some(log)
    }

    /// Drops what came before a checkpoint. `me` is the device whose copy this is.
    ///
    /// # Errors
    /// [`Refusal`]; the log is as it was.
    pub fn condense(&mut self, checkpoint: &Checkpoint, me: NodeId) -> Result<Inserted, Refusal> {
        if self.base.as_ref().is_some_and(|base| base.id() == checkpoint.id()) {
            return Ok(Inserted::Known);
        }
        self.check(checkpoint)?;
        let content = checkpoint.content();
        let comes_to_it = checkpoint.number() >= self.number()
            && self.outlook(&content.heads).is_ok_and(|own| own.is_same_state_as(content));
        // It has said so itself, in a time that it lost when its log was put back from a backup.
        let has_said_so = checkpoint.number() > self.number() && checkpoint.seats(me);
        // It was put out before, and let in again by the recovery key, which it used without knowing of the checkpoint.
        let comes_back = checkpoint.number() > self.number()
            && !checkpoint.seats(me)
            && self.state().is_keeper(checkpoint.by())
            && self.is_recovered(me, checkpoint);
        if !comes_to_it && !has_said_so && !comes_back {
            return Err(Refusal::NotVerified);
        }
        let before = self.view_of(&content.heads).map(|(_, view)| view).unwrap_or_default();
        let after = self.order.iter().filter(|at| **at != 0 && !before.has(**at));
        let after: Vec<Op> = after.map(|at| self.entries[*at].op.clone()).collect();
        let Some(genesis) = self.entries.first().map(|entry| entry.op.clone()) else {
            return Err(Refusal::OtherHome);
        };
        let mut condensed = Self::begin(genesis, self.recovery, Some(Arc::new(checkpoint.clone())));
        condensed.insert_all(after);
        *self = condensed;
        Ok(Inserted::New)
    }

    /// Whether a checkpoint that this copy does not come to says that `me` is out, by somebody who may put it out.
    ///
    /// That is a keeper of the home, which all that are in the checkpoint signed it as; also one that was put out here by
    /// devices less senior than itself only, because then its word would hold against theirs if the operations had come
    /// instead.
    #[must_use]
    pub fn is_put_out_by(&self, checkpoint: &Checkpoint, me: NodeId) -> bool {
        let own = self.base.as_ref().map_or((0, 0), |base| base.content().age());
        if self.is_recovered(me, checkpoint) {
            return false;
        }
        if checkpoint.content().age() <= own || checkpoint.seats(me) || self.check(checkpoint).is_err() {
            return false;
        }
        let settled = self.settled();
        let side = Side { log: self, view: &settled.counted, valid: &settled.valid };
        let seniority = side.seniority();
        let older = |one: NodeId, than: NodeId| match (seniority.get(&one), seniority.get(&than)) {
            (Some(one), Some(than)) => one < than,
            (Some(_), None) => true,
            _ => false,
        };
        let keepers = checkpoint.content().members.iter().filter(|seat| seat.role == Role::Keeper);
        keepers.map(|seat| seat.device).any(|keeper| {
            self.state().is_keeper(keeper)
                || (side.was_granted(keeper)
                    && !self.state().is_member(keeper)
                    && !side.is_out_for_good(keeper, &seniority)
                    && older(keeper, me))
        })
    }

    /// Acknowledges to a keeper that this copy holds the log up to `at`, and that nothing stands beside it.
    ///
    /// # Errors
    /// [`Hold`].
    pub fn acknowledge(&self, signer: &dyn Signer, to: NodeId, at: &[OpId]) -> Result<Ack, Hold> {
        let content = self.outlook(at)?;
        let asks = content.seat(to).is_some_and(|seat| seat.role == Role::Keeper);
        if !asks || content.seat(NodeId::from_bytes(signer.public())).is_none() {
            return Err(Hold::NotAllowed);
        }
        Ok(Ack::sign(signer, to, &content))
    }

    /// Whether and why there can be no checkpoint at what is known now. [`Hold::Waiting`] names everybody.
    #[must_use]
    pub fn hold(&self) -> Hold {
        match self.outlook(self.heads()) {
            Ok(content) => Hold::Waiting(content.members.iter().map(|seat| seat.device).collect()),
            Err(hold) => hold,
        }
    }

    /// Whether it is time for a checkpoint: the log is half as long as it may be, or a device has said most of what it may.
    #[must_use]
    pub fn is_long(&self) -> bool {
        self.is_filled(1, 2, 3, 4)
    }

    /// Whether a checkpoint is needed soon.
    #[must_use]
    pub fn is_nearly_full(&self) -> bool {
        self.is_filled(7, 8, 7, 8)
    }

    /// Why the checkpoint that a keeper asked for is not there yet, if one did; otherwise why there can be none now.
    #[must_use]
    pub fn held_up_by(&self, acks: &BTreeMap<NodeId, Ack>) -> Option<Hold> {
        let asking = acks.values().find(|ack| ack.node == ack.to);
        match asking {
            Some(ack) => self.complete(ack.to, &ack.at, acks).err(),
            None => Some(self.hold()).filter(|hold| !matches!(hold, Hold::Waiting(_))),
        }
    }

    fn is_filled(&self, part: usize, of: usize, said: usize, of_said: usize) -> bool {
        self.entries.len() * of >= MAX_OPS * part
            || self.said.iter().any(|((_, role), ops)| ops.len() * of_said >= quota(*role) * said)
    }

    /// Devices whose removal the recovery key has to confirm before there can be a checkpoint.
    #[must_use]
    pub fn disputed(&self) -> Vec<NodeId> {
        let settled = self.settled();
        let side = Side { log: self, view: &settled.counted, valid: &settled.valid };
        let seniority = side.seniority();
        let removed = self.state().removed.iter().copied();
        removed.filter(|device| !side.is_out_for_good(*device, &seniority)).collect()
    }

    /// One round: what this device acknowledges, given what it and others did before, and the checkpoint if it asked for
    /// one and everybody has answered. `acks` is what came together, its own among it; what is of no use any more is
    /// dropped. With `ask`, a keeper asks if nobody else does.
    pub fn agree(
        &self,
        signer: &dyn Signer,
        acks: &mut BTreeMap<NodeId, Ack>,
        ask: bool,
    ) -> Option<Checkpoint> {
        let me = NodeId::from_bytes(signer.public());
        self.merge_acks(acks, []);
        let asking = |acks: &BTreeMap<NodeId, Ack>| {
            acks.values().filter(|ack| ack.node == ack.to).min_by_key(|ack| self.place(ack.node)).cloned()
        };
        if ask
            && asking(acks).is_none()
            && let Ok(own) = self.acknowledge(signer, me, self.heads())
        {
            acks.insert(me, own);
        }
        let Ack { to, at, .. } = asking(acks)?;
        if acks.get(&me).is_none_or(|own| own.to != to || own.at != at)
            && let Ok(own) = self.acknowledge(signer, to, &at)
        {
            acks.insert(me, own);
        }
        if to != me {
            return None;
        }
        self.complete(me, &at, acks).ok()
    }

    /// Takes what others acknowledged. Of two words of one device all copies with one log keep the same: that for the more
    /// senior keeper, then the later.
    pub fn merge_acks(&self, acks: &mut BTreeMap<NodeId, Ack>, told: impl IntoIterator<Item = Ack>) {
        let all: Vec<Ack> = std::mem::take(acks).into_values().chain(told).collect();
        let keepers = all.iter().filter(|ack| ack.node == ack.to && self.state().is_keeper(ack.node));
        let mut keepers: Vec<NodeId> = keepers.map(|ack| ack.node).collect();
        keepers.sort_by_key(|keeper| self.place(*keeper));
        keepers.dedup();
        keepers.truncate(MAX_ASKING);
        // The point that each of them asks about.
        let mut asked: HashMap<NodeId, (usize, Content)> = HashMap::new();
        for ack in all.iter().filter(|ack| ack.node == ack.to && keepers.contains(&ack.node)) {
            let Ok(content) = self.outlook(&ack.at) else { continue };
            let length = self.view_of(&ack.at).map_or(0, |(_, view)| view.len());
            let better =
                asked.get(&ack.node).is_none_or(|(known, other)| (length, &ack.at) > (*known, &other.heads));
            // Who has gone since will not answer any more.
            let is_answered = |device: NodeId| {
                let answer = all.iter().find(|other| other.node == device && other.to == ack.to);
                answer.is_some_and(|answer| answer.is_signed(&content))
            };
            let in_time =
                content.members.iter().all(|s| self.state().is_member(s.device) || is_answered(s.device));
            if better && in_time && ack.is_signed(&content) {
                asked.insert(ack.node, (length, content));
            }
        }
        for ack in all {
            let Some((_, content)) = asked.get(&ack.to).filter(|(_, content)| content.heads == ack.at) else {
                continue;
            };
            let better = acks.get(&ack.node).is_none_or(|known| self.place(ack.to) < self.place(known.to));
            if better && content.seat(ack.node).is_some() && ack.is_signed(content) {
                acks.insert(ack.node, ack);
            }
        }
        // A keeper that joined another's question asks no more.
        let gone = |ack: &Ack| acks.get(&ack.to).is_none_or(|own| own.to != ack.to);
        let gone: Vec<NodeId> = acks.values().filter(|ack| gone(ack)).map(|ack| ack.node).collect();
        gone.iter().for_each(|node| drop(acks.remove(node)));
    }

    /// The checkpoint at a point, if every member has acknowledged it to `by`.
    ///
    /// # Errors
    /// [`Hold`].
    pub fn complete(
        &self,
        by: NodeId,
        at: &[OpId],
        acks: &BTreeMap<NodeId, Ack>,
    ) -> Result<Checkpoint, Hold> {
        let content = self.outlook(at)?;
        let (mut given, mut waiting) = (Vec::new(), Vec::new());
        for seat in &content.members {
            match acks.get(&seat.device).filter(|ack| ack.to == by && ack.is_signed(&content)) {
                Some(ack) => given.push(ack.signature),
                None => waiting.push(seat.device),
            }
        }
        if !waiting.is_empty() {
            return Err(Hold::Waiting(waiting));
        }
        let checkpoint = Checkpoint::new(content, by, given);
        if checkpoint.is_signed() { Ok(checkpoint) } else { Err(Hold::NotAllowed) }
    }

    /// Whether the recovery key has let a device in that a checkpoint knows nothing of.
    fn is_recovered(&self, device: NodeId, checkpoint: &Checkpoint) -> bool {
        let used = &checkpoint.content().recoveries;
        self.entries.iter().map(|entry| &entry.op).any(|op| {
            op.author() == self.recovery
                && matches!(op.body(), Body::Add { device: added, .. } if *added == device)
                && used.binary_search(&op.id()).is_err()
        })
    }

    fn check(&self, checkpoint: &Checkpoint) -> Result<(), Refusal> {
        if checkpoint.home() != self.home {
            return Err(Refusal::OtherHome);
        }
        if checkpoint.is_signed() { Ok(()) } else { Err(Refusal::BadSignature) }
    }

    /// The place of a member among all, for whoever is none the last.
    fn place(&self, device: NodeId) -> (usize, NodeId) {
        (self.state().members.get(&device).map_or(usize::MAX, |member| member.senior), device)
    }

    /// Where operations are, and all that leads up to them and them; nothing if they are not in this copy.
    fn view_of(&self, heads: &[OpId]) -> Option<(Vec<usize>, Bits)> {
        let places = heads.iter().map(|id| self.places.get(id).copied());
        let places = places.map(|at| at.filter(|at| self.base.is_none() || *at != 0));
        let places: Vec<usize> = places.collect::<Option<_>>()?;
        let view = self.past_of(&places);
        Some((places, view))
    }

    /// What this copy comes to at a point, if nothing speaks against a checkpoint there.
    fn outlook(&self, heads: &[OpId]) -> Result<Content, Hold> {
        if heads.len() > MAX_PARENTS {
            return Err(Hold::Ends);
        }
        let (places, view) = self.view_of(heads).filter(|_| !heads.is_empty()).ok_or(Hold::Unknown)?;
        let valid = self.valid_in(heads, &places, &view);
        let settled = self.settled();
        let follows = |at: usize| places.iter().all(|head| self.entries[at].past.has(*head));
        if settled.valid.iter().any(|at| !view.has(at) && !follows(at))
            || valid.iter().any(|at| !settled.valid.has(at))
        {
            return Err(Hold::Apart);
        }
        self.content(heads, &Side { log: self, view: &view, valid: &valid })
    }

    fn content(&self, heads: &[OpId], side: &Side<'_>) -> Result<Content, Hold> {
        let state = State::of(side);
        if state.members.is_empty() || state.members.len() > MAX_DEVICES {
            return Err(Hold::Members);
        }
        let seniority = side.seniority();
        if let Some(device) = state.removed.iter().find(|out| !side.is_out_for_good(**out, &seniority)) {
            return Err(Hold::Disputed(*device));
        }
        let base = self.base.as_ref().map(|base| base.content());
        let said = side.in_order().filter(|op| op.author() == self.recovery).map(|op| op.id());
        let mut recoveries: Vec<OpId> =
            base.iter().flat_map(|base| base.recoveries.iter().copied()).chain(said).collect();
        recoveries.sort_unstable();
        if recoveries.len() > MAX_RECOVERIES {
            return Err(Hold::Recoveries);
        }
        let size = base.map_or(0, |base| base.size) as usize + side.view.len();
        let size = size - usize::from(base.is_some()); // what stands for the last one is no operation
        let removed = self.remembered(&state, side);
        let ranks = ranks(state.members.keys().chain(&removed).copied(), &seniority);
        let rank = |device: &NodeId| ranks.get(device).copied().unwrap_or(0);
        let mut members: Vec<_> = state.members.iter().collect();
        members.sort_by_key(|(_, member)| member.senior);
        let mut heads = heads.to_vec();
        heads.sort_unstable();
        let mut epochs = side.epochs();
        epochs.drain(..epochs.len().saturating_sub(EPOCHS));
        Ok(Content {
            home: HomeId(self.home.0),
            number: self.number().saturating_add(1),
            size: u32::try_from(size).unwrap_or(u32::MAX),
            heads,
            name: state.name.clone(),
            members: members
                .into_iter()
                .map(|(device, member)| Seat {
                    device: *device,
                    role: member.role,
                    rank: rank(device),
                    name: member.name.clone(),
                })
                .collect(),
            removed: removed.iter().map(|device| (*device, rank(device))).collect(),
            epochs,
            recoveries,
        })
    }

    /// The last devices that went out, the latest last.
    fn remembered(&self, state: &State, side: &Side<'_>) -> Vec<NodeId> {
        let base = self.base.as_ref().map(|base| &base.content().removed[..]).unwrap_or_default();
        let mut removed: Vec<_> = state
            .removed
            .iter()
            .map(|device| {
                let about = self.devices.get(device);
                let lasts = about.into_iter().flat_map(|about| &about.grants).filter(|at| side.has(**at));
                let last = lasts.map(|at| self.rank(*at)).max();
                let known = base.iter().position(|(known, _)| known == device);
                (last, known, *device)
            })
            .collect();
        removed.sort_unstable();
        removed.drain(..removed.len().saturating_sub(MAX_REMOVED));
        removed.into_iter().map(|(.., device)| device).collect()
    }
}

impl Side<'_> {
    /// Whether a device that is out can say nothing that would count, however honestly it was said without knowing: some
    /// removal that nothing let it in after is its own, or of somebody more senior.
    fn is_out_for_good(&self, device: NodeId, seniority: &HashMap<NodeId, Seniority>) -> bool {
        let Some(about) = self.log.devices.get(&device) else { return true };
        let grants: Vec<usize> = about.grants.iter().copied().filter(|at| self.has(*at)).collect();
        let base = self.log.base.as_ref().map(|base| base.content());
        if grants == [0] && base.is_some_and(|base| base.seat(device).is_none()) {
            return true; // a checkpoint says so
        }
        about.removals.iter().filter(|at| self.has(*at)).any(|removal| {
            let op = &self.log.entries[removal].op;
            let was_readmitted = grants.iter().any(|grant| self.log.entries[*grant].past.has(removal));
            let holds = match op.body() {
                Body::Rotate { .. } => true,
                _ if op.author() == device || op.author() == self.log.recovery => true,
                _ => match (seniority.get(&op.author()), seniority.get(&device)) {
                    (Some(author), Some(own)) => author < own,
                    (Some(_), None) => true,
                    (None, _) => false,
                },
            };
            holds && !was_readmitted
        })
    }
}

/// The places of those that ever were keepers, from 1; an old key and a new one of one device have the same.
fn ranks(
    devices: impl Iterator<Item = NodeId>,
    seniority: &HashMap<NodeId, Seniority>,
) -> HashMap<NodeId, u16> {
    let mut ranked: Vec<_> = devices.filter_map(|device| Some((*seniority.get(&device)?, device))).collect();
    ranked.sort_unstable();
    let (mut rank, mut last) = (0, None);
    let mut ranks = HashMap::new();
    for (seniority, device) in ranked {
        rank += u16::from(last.replace(seniority) != Some(seniority));
        ranks.insert(device, rank);
    }
    ranks
}
