//! How much of everything there may be in a home's log.
//!
//! Quotas are counted in an operation's own past, so that every copy counts the same. What a device says side by side
//! is in no past of each other, and is limited by what a copy stores. An honest device does not get there; of one that
//! does, only that counts which others built upon, and that reaches every copy.

use super::{Body, Op, Reject, Role, bits::Bits, log::Log, settle::Side};
use crate::NodeId;

/// How many devices a home has. Two halves that do not know of each other may let in more; nobody then, until some left.
pub const MAX_DEVICES: usize = 64;
/// How many operations may come before one.
pub const MAX_OPS: usize = 1024;
/// How many more may come before a removal or a word of the recovery key: a full log must not protect a thief.
pub const URGENT_OPS: usize = 256;
/// How many operations one device says as a plain member.
pub const MEMBER_OPS: usize = 16;
/// How many operations one device says as a keeper.
pub const KEEPER_OPS: usize = 512;
/// How many operations the recovery key says.
pub const RECOVERY_OPS: usize = 128;
/// How many operations a copy of the log stores, whatever comes. The last [`RECOVERY_OPS`] are for the recovery key.
pub const MAX_STORED: usize = 2048;

/// Which limit was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quota {
    /// [`MAX_OPS`] came before it.
    Log,
    /// Its author said as many as it may.
    Author,
    /// The home has [`MAX_DEVICES`].
    Devices,
    /// Its author said more than it may, side by side, or the copy has [`MAX_STORED`]. The only one that depends on
    /// what else is in the log; see [`Log::insert_all`].
    Storage,
}

/// Who says an operation.
#[derive(Clone, Copy)]
pub(super) struct Speaker {
    /// As what. None is the recovery key.
    pub(super) said_as: Option<Role>,
    /// The first key of the device.
    pub(super) line: NodeId,
    /// Somebody within the own quota is known to follow the operation.
    pub(super) built_upon: bool,
}

impl Log {
    /// What counts at all: everything, unless a device said more than its quota side by side. Of such a device only
    /// what others built upon.
    pub(super) fn counted(&self) -> Bits {
        if self.said.iter().all(|((_, role), said)| said.len() <= quota(*role)) {
            return Bits::below(self.entries.len());
        }
        let mut counted = Bits::default();
        counted.insert(0);
        for (at, entry) in self.entries.iter().enumerate() {
            if entry.said_as.is_none_or(|role| self.said_by(entry.line, role) <= quota(role)) {
                counted.insert(at);
                counted.extend(&entry.past);
            }
        }
        counted
    }

    pub(super) fn check_quotas(
        &self,
        op: &Op,
        side: &Side<'_>,
        Speaker { said_as, line, built_upon }: Speaker,
    ) -> Result<(), Reject> {
        let urgent = said_as.is_none() || matches!(op.body(), Body::Remove { .. });
        if side.view.len() >= MAX_OPS + if urgent { URGENT_OPS } else { 0 } {
            return Err(Reject::TooMany(Quota::Log));
        }
        let before = match said_as {
            Some(role) => self.said.get(&(line, role)),
            None => self.devices.get(&line).map(|about| &about.said),
        };
        let before = before.map_or(0, |said| said.iter().filter(|at| side.view.has(*at)).count());
        if before >= said_as.map_or(RECOVERY_OPS, quota) {
            return Err(Reject::TooMany(Quota::Author));
        }
        let room = MAX_STORED - if said_as.is_none() { 0 } else { RECOVERY_OPS };
        // One more than the quota is the proof that there were too many.
        let flood = said_as.is_some_and(|role| self.said_by(line, role) > quota(role));
        // Whoever was put out dates back what it likes, and lets in whom it likes to do the same: not in this room.
        let crowded = self.entries.len() >= MAX_OPS + URGENT_OPS;
        let outsider = crowded && said_as.is_some() && !self.state().is_member(op.author());
        if self.entries.len() >= room || ((flood || outsider) && !built_upon) {
            return Err(Reject::TooMany(Quota::Storage));
        }
        match op.body() {
            Body::Add { device, .. }
                if side.role(*device).is_none() && side.members().count() >= MAX_DEVICES =>
            {
                Err(Reject::TooMany(Quota::Devices))
            }
            _ => Ok(()),
        }
    }

    fn said_by(&self, line: NodeId, role: Role) -> usize {
        self.said.get(&(line, role)).map_or(0, Bits::len)
    }
}

/// How many operations a device says in a role.
pub(super) fn quota(role: Role) -> usize {
    match role {
        Role::Member => MEMBER_OPS,
        Role::Keeper => KEEPER_OPS,
    }
}
