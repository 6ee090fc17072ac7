//! Which operations of a set count, and what follows from them.

use super::{
    Body, Op, OpId, Role, State,
    bits::Bits,
    log::{Entry, Log},
};
use crate::NodeId;
use std::collections::HashMap;

/// What a copy of the log comes to.
#[derive(Clone, Debug)]
pub(super) struct Settled {
    pub(super) counted: Bits,
    pub(super) valid: Bits,
    pub(super) heads: Vec<OpId>,
    pub(super) digest: [u8; 32],
    pub(super) epochs: Vec<OpId>,
    pub(super) state: State,
}

/// How early a device became a keeper; lower is more senior.
pub(super) type Seniority = (u32, OpId);

/// Part of a log, closed towards the past, and what of it counts (or the beginning of that).
pub(super) struct Side<'a> {
    pub(super) log: &'a Log,
    pub(super) view: &'a Bits,
    pub(super) valid: &'a Bits,
}

impl Settled {
    pub(super) fn of(log: &Log) -> Self {
        let counted = log.counted();
        let mut followed = Bits::default();
        let mut ids: Vec<OpId> = Vec::with_capacity(log.entries.len());
        for at in counted.iter() {
            let op = &log.entries[at].op;
            ids.push(op.id());
            op.parents()
                .iter()
                .filter_map(|id| log.places.get(id))
                .for_each(|parent| followed.insert(*parent));
        }
        ids.sort_unstable();
        let mut hasher = blake3::Hasher::new();
        if let Some(base) = &log.base {
            hasher.update(&base.id().0);
        }
        for id in &ids {
            hasher.update(&id.0);
        }
        let valid = match log
            .order
            .iter()
            .filter(|at| counted.has(**at) && !followed.has(**at))
            .collect::<Vec<_>>()[..]
        {
            [last] => {
                let mut valid = log.entries[*last].valid_past.clone();
                valid.insert(*last);
                valid
            }
            _ => log.settle(&counted),
        };
        let mut built_upon = Bits::default();
        valid.iter().for_each(|at| built_upon.extend(&log.entries[at].past));
        let heads: Vec<usize> =
            log.order.iter().copied().filter(|at| valid.has(*at) && !built_upon.has(*at)).collect();
        let heads = match (&heads[..], &log.base) {
            ([0], Some(base)) => base.content().heads.clone(),
            _ => heads.into_iter().map(|at| log.entries[at].op.id()).collect(),
        };
        let side = Side { log, view: &counted, valid: &valid };
        let (epochs, state) = (side.epochs(), State::of(&side));
        Self { heads, digest: *hasher.finalize().as_bytes(), epochs, state, counted, valid }
    }
}

impl Log {
    /// What counts of `view`, which is closed towards the past.
    ///
    /// Removals are settled from the most senior author down. A settled removal voids everything the removed device
    /// says that neither came before the removal nor knows of it, unless that is a removal settled already. What the
    /// device says knowing of its removal needs a re-admission anyway.
    pub(super) fn settle(&self, view: &Bits) -> Bits {
        let mut voided = Bits::default();
        let mut settled = Bits::default();
        loop {
            let valid = self.permitted(view, &voided);
            if !self.void_next(view, &valid, &mut voided, &mut settled) {
                return valid;
            }
        }
    }

    /// What of `view` its authors had a right to, leaving `voided` out.
    ///
    /// An operation is judged by what counted in its own past. What was void there stays out of the judgement, even
    /// while it is not settled here that it is void: or else the removed could win time against their removal.
    fn permitted(&self, view: &Bits, voided: &Bits) -> Bits {
        let mut valid = Bits::default();
        for at in view.iter().filter(|at| !voided.has(*at)) {
            let Entry { op, valid_past, .. } = &self.entries[at];
            if (Side { log: self, view: valid_past, valid: &valid }).may(op) {
                valid.insert(at);
            }
        }
        valid
    }

    /// Settles removals until one voids something that counted. False: none is left.
    fn void_next(&self, view: &Bits, valid: &Bits, voided: &mut Bits, settled: &mut Bits) -> bool {
        let removals = valid.iter().filter(|at| view.has(*at) && !settled.has(*at));
        let mut removals: Vec<(usize, NodeId)> = removals
            .filter_map(|at| match self.entries[at].op.body() {
                Body::Remove { device } => Some((at, *device)),
                _ => None,
            })
            .collect();
        if removals.is_empty() {
            return false;
        }
        let seniority = Side { log: self, view, valid }.seniority();
        removals.sort_by_key(|(at, _)| {
            let author = self.entries[*at].op.author();
            (seniority.get(&author).copied().unwrap_or((u32::MAX, OpId([255; 32]))), self.rank(*at))
        });
        for (removal, device) in removals {
            settled.insert(removal);
            let mut changed = false;
            let Some(about) = self.devices.get(&device) else { continue };
            for at in about.said.iter().filter(|at| view.has(*at)) {
                let concurrent = !self.entries[removal].past.has(at)
                    && !self.entries[at].past.has(removal)
                    && at != removal;
                // The genesis is before everything.
                if concurrent && !settled.has(at) && !voided.has(at) {
                    voided.insert(at);
                    changed |= valid.has(at);
                }
            }
            if changed {
                return true;
            }
        }
        false
    }
}

impl<'a> Side<'a> {
    /// Whether its author has a right to `op` here.
    pub(super) fn may(&self, op: &Op) -> bool {
        let author = op.author();
        if author == self.log.recovery {
            return !matches!(op.body(), Body::Genesis { .. } | Body::Rotate { .. });
        }
        match op.body() {
            Body::Genesis { .. } => true,
            Body::Add { .. } | Body::RenameHome { .. } => self.role(author) == Some(Role::Keeper),
            Body::Remove { device } | Body::Rename { device, .. } => match self.role(author) {
                Some(Role::Keeper) => true,
                Some(Role::Member) => *device == author,
                None => false,
            },
            Body::Rotate { .. } => self.role(author).is_some(),
        }
    }

    /// The role of a device, if it is in.
    pub(super) fn role(&self, device: NodeId) -> Option<Role> {
        self.grant(device).map(|(_, role)| role)
    }

    /// What lets a device in, and as what: the last grant that every removal came before.
    pub(super) fn grant(&self, device: NodeId) -> Option<(usize, Role)> {
        let about = self.log.devices.get(&device)?;
        let mut unbeaten: Vec<usize> = about.grants.iter().copied().filter(|at| self.has(*at)).collect();
        unbeaten.retain(|at| about.removals.and_fits(self.view, self.valid, &self.log.entries[*at].past));
        unbeaten.sort_by_key(|at| self.log.rank(*at));
        unbeaten.into_iter().rev().find_map(|at| {
            let Entry { op, valid_past, .. } = &self.log.entries[at];
            let role = match op.body() {
                Body::Genesis { .. } => match &self.log.base {
                    Some(base) => base.content().seat(device).map(|seat| seat.role),
                    None => Some(Role::Keeper),
                },
                Body::Add { role, .. } => Some(*role),
                Body::Rotate { .. } if self.has_rival(at) => None,
                Body::Rotate { .. } => {
                    Side { log: self.log, view: valid_past, valid: self.valid }.role(op.author())
                }
                _ => None,
            };
            role.map(|role| (at, role))
        })
    }

    /// Whether a device was ever let in.
    pub(super) fn was_granted(&self, device: NodeId) -> bool {
        self.log.devices.get(&device).is_some_and(|about| about.grants.iter().any(|at| self.has(*at)))
    }

    /// Every device that is in.
    pub(super) fn members(&self) -> impl Iterator<Item = (NodeId, Role)> {
        self.log.devices.keys().filter_map(|device| self.role(*device).map(|role| (*device, role)))
    }

    /// How senior each device is that ever was a keeper, and the recovery key. A new key has the rank of the old one.
    pub(super) fn seniority(&self) -> HashMap<NodeId, Seniority> {
        let mut seniority = HashMap::from([(self.log.recovery, (0, OpId([0; 32])))]);
        if let Some(base) = &self.log.base {
            seniority.extend(base.content().ranks().map(|(device, rank)| (device, (rank, OpId([0; 32])))));
        }
        for at in self.log.order.iter().copied().filter(|at| self.has(*at)) {
            let op = &self.log.entries[at].op;
            let (depth, id) = self.log.rank(at);
            let (device, rank) = match op.body() {
                Body::Genesis { .. } if self.log.base.is_some() => continue,
                Body::Genesis { .. } => (op.author(), (depth + 1, id)),
                Body::Add { device, role: Role::Keeper, .. } => (*device, (depth + 1, id)),
                Body::Rotate { new, .. } => match seniority.get(&op.author()) {
                    Some(rank) => (*new, *rank),
                    None => continue,
                },
                _ => continue,
            };
            seniority.entry(device).or_insert(rank);
        }
        seniority
    }

    /// See [`Log::epochs`].
    pub(super) fn epochs(&self) -> Vec<OpId> {
        let settled = self.log.base.iter().flat_map(|base| base.content().epochs.iter().copied());
        let begun = self.in_order().filter(|op| match op.body() {
            Body::Genesis { .. } => self.log.base.is_none(),
            Body::Remove { .. } => true,
            _ => false,
        });
        settled.chain(begun.map(Op::id)).collect()
    }

    /// The operations that count, by (depth, id). The first is the genesis, whatever stands for it.
    pub(super) fn in_order(&self) -> impl Iterator<Item = &'a Op> {
        self.log.order.iter().filter(|at| self.has(**at)).map(|at| &self.log.entries[*at].op)
    }

    pub(super) fn has(&self, at: usize) -> bool {
        self.view.has(at) && self.valid.has(at)
    }

    /// Whether the author of a change of key says, side by side with it, that it goes on under yet another.
    pub(super) fn has_rival(&self, at: usize) -> bool {
        let Entry { op, past, .. } = &self.log.entries[at];
        self.log.devices.get(&op.author()).is_some_and(|about| {
            about.rotations.iter().any(|other| {
                *other != at
                    && self.has(*other)
                    && !past.has(*other)
                    && !self.log.entries[*other].past.has(at)
            })
        })
    }
}
