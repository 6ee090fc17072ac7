//! What a home's log comes to: who is in, as what, and under which names.

use super::{Body, OpId, Role, settle::Side};
use crate::NodeId;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A home as its log describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// What the home is called.
    pub name: String,
    /// The devices that belong to it.
    pub members: BTreeMap<NodeId, Member>,
    /// Devices that did once and do not now. Old keys of devices that changed theirs are among them.
    pub removed: BTreeSet<NodeId>,
}

/// A device that belongs to a home.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// What it may do to the home.
    pub role: Role,
    /// What it is called.
    pub name: String,
    /// Its place among the members, 0 for the most senior: of two that remove each other, the lower one stays.
    pub senior: usize,
}

impl State {
    /// Whether a device belongs to the home.
    #[must_use]
    pub fn is_member(&self, device: NodeId) -> bool {
        self.members.contains_key(&device)
    }

    /// The role of a device that belongs to the home.
    #[must_use]
    pub fn role(&self, device: NodeId) -> Option<Role> {
        self.members.get(&device).map(|member| member.role)
    }

    /// Whether a device is a keeper of the home.
    #[must_use]
    pub fn is_keeper(&self, device: NodeId) -> bool {
        self.role(device) == Some(Role::Keeper)
    }

    pub(super) fn of(side: &Side<'_>) -> Self {
        let mut name = String::new();
        let mut names: HashMap<NodeId, &str> = HashMap::new();
        let base = side.log.base.as_ref().map(|base| base.content());
        if let Some(base) = base {
            base.name.clone_into(&mut name);
            names.extend(base.members.iter().map(|seat| (seat.device, seat.name.as_str())));
        }
        for op in side.in_order() {
            match op.body() {
                Body::Genesis { .. } if base.is_some() => {}
                Body::Genesis { name: home, .. } => {
                    home.clone_into(&mut name);
                    names.insert(op.author(), home);
                }
                Body::Add { device, name, .. } | Body::Rename { device, name } => {
                    names.insert(*device, name);
                }
                Body::RenameHome { name: home } => home.clone_into(&mut name),
                Body::Rotate { new, .. } => {
                    let same = names.get(&op.author()).copied().unwrap_or_default();
                    names.insert(*new, same);
                }
                Body::Remove { .. } => {}
            }
        }
        let seniority = side.seniority();
        let mut members = BTreeMap::new();
        let mut removed = BTreeSet::new();
        let mut ranks = Vec::new();
        for device in side.log.devices.keys().copied() {
            if let Some((grant, role)) = side.grant(device) {
                let name = names.get(&device).copied().unwrap_or_default().to_owned();
                members.insert(device, Member { role, name, senior: 0 });
                let rank = seniority.get(&device).copied().unwrap_or((u32::MAX, OpId([255; 32])));
                let seat = base.and_then(|base| base.members.iter().position(|seat| seat.device == device));
                ranks.push((rank, side.log.rank(grant), seat, device));
            } else if side.was_granted(device) {
                removed.insert(device);
            }
        }
        ranks.sort_unstable();
        for (place, (.., device)) in ranks.into_iter().enumerate() {
            if let Some(member) = members.get_mut(&device) {
                member.senior = place;
            }
        }
        Self { name, members, removed }
    }
}
