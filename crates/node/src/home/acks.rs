//! Towards a shorter log: this device acknowledges what it holds, asks the others to when the log has become long, and
//! makes the checkpoint once all have. The rules are `lanyard_trust`'s; here is when, and how it travels.

use super::{Kept, lock};
use crate::Core;
use lanyard_trust::{
    Log, NodeId, OpId,
    membership::{Ack, Hold, MAX_PARENTS, gossip::Bytes},
};
use serde::{Deserialize, Serialize};
use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

/// After a checkpoint a keeper asks for no other for this long, unless the log is nearly full.
const ASK_EVERY: Duration = Duration::from_secs(24 * 60 * 60);

/// When this device made a checkpoint last.
#[derive(Default)]
pub(super) struct Made(Mutex<Option<Instant>>);

/// An acknowledgement as it travels and is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Told {
    node: NodeId,
    to: NodeId,
    at: Vec<OpId>,
    signature: Bytes,
}

impl Told {
    pub(super) fn of(ack: &Ack) -> Self {
        let Ack { node, to, at, signature } = ack.clone();
        Self { node, to, at, signature: Bytes(signature.to_vec()) }
    }

    pub(super) fn read(self) -> Option<Ack> {
        let signature = self.signature.0.try_into().ok()?;
        let few = self.at.len() <= MAX_PARENTS;
        few.then_some(Ack { node: self.node, to: self.to, at: self.at, signature })
    }
}

/// One step: acknowledges, asks, or makes the checkpoint and drops what it stands for.
pub(super) fn settle(core: &Core, kept: &mut Kept) {
    let me = core.identity.node_id();
    let mut acks = std::mem::take(&mut kept.acks);
    let Some(log) = kept.log.as_mut().filter(|_| kept.ended.is_none()) else { return };
    let ask = log.state().is_keeper(me) && is_time(&core.home.made, log);
    if acks.is_empty() && !ask {
        return;
    }
    let was_asked = acks.values().any(|ack| ack.node == ack.to);
    let agreed = log.agree(&core.identity, &mut acks, ask);
    if !was_asked && acks.get(&me).is_some_and(|own| own.to == me) {
        tracing::info!(
            operations = log.ops().len(),
            "the home's log is long: its devices are asked to agree on it"
        );
    }
    if let Some(checkpoint) = agreed {
        match log.condense(&checkpoint, me) {
            Ok(_) => {
                acks.clear();
                *lock(&core.home.made.0) = Some(Instant::now());
                tracing::info!(
                    number = checkpoint.number(),
                    "all devices agreed: the home's log is short again"
                );
            }
            Err(error) => tracing::warn!(%error, "the home's log stays as it is"),
        }
    }
    kept.acks = acks;
}

fn is_time(made: &Made, log: &Log) -> bool {
    let last = *lock(&made.0);
    log.is_long() && (last.is_none_or(|at| at.elapsed() >= ASK_EVERY) || log.is_nearly_full())
}

/// What a person should know when the log gets full and cannot be made shorter.
pub(super) fn notice(kept: &Kept) -> Option<String> {
    let log = kept.home().filter(|log| log.is_nearly_full())?;
    let name = |node: &NodeId| {
        let name = log.state().members.get(node).map(|member| member.name.clone());
        name.unwrap_or_else(|| node.check_words())
    };
    match log.held_up_by(&kept.acks)? {
        Hold::Waiting(devices) => {
            let names: Vec<String> = devices.iter().take(8).map(|node| format!("“{}”", name(node))).collect();
            let more = if devices.len() > names.len() { " and others" } else { "" };
            Some(format!(
                "The home's list of changes is nearly full. It gets short again by itself as soon as these \
                 devices have been on: {}{more}. One that is gone for good can be removed from the home instead.",
                names.join(", ")
            ))
        }
        Hold::Disputed(_) => Some(
            "The home's list of changes is nearly full. It does not get short again, because a device was removed \
             by one that joined after it. Use the recovery code once to confirm that."
                .to_owned(),
        ),
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use lanyard_trust::{
        Identity, RecoveryCode, Role,
        membership::{Body, KEEPER_OPS},
    };

    #[test]
    fn a_nearly_full_log_says_what_it_waits_for() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let [anna, ben] = [&one, &other].map(|dir| Identity::load_or_create(dir.path()).unwrap());
        let paper = RecoveryCode::random().unwrap().key();
        let mut log = Log::found(&anna, "Home", paper.public(), [7; 16]).unwrap();
        let add = Body::Add { device: ben.node_id(), role: Role::Keeper, name: "Ben".to_owned() };
        log.author(&anna, add).unwrap();
        let short = Kept { log: Some(log.clone()), ..Kept::default() };
        assert_eq!(notice(&short), None);
        for turn in 0..KEEPER_OPS - 20 {
            log.author(&anna, Body::RenameHome { name: format!("Home {turn}") }).unwrap();
        }
        let mut kept = Kept { log: Some(log.clone()), ..Kept::default() };
        assert_eq!(notice(&kept), None, "nobody was asked yet");
        assert!(log.agree(&anna, &mut kept.acks, true).is_none());
        let words = notice(&kept).unwrap();
        assert!(words.contains("“Ben”") && !words.contains("Anna"), "{words}");
        log.author(&ben, Body::Remove { device: anna.node_id() }).unwrap();
        let kept = Kept { log: Some(log), ..Kept::default() };
        let words = notice(&kept).unwrap();
        assert!(words.contains("recovery code"), "{words}");
    }

    #[test]
    fn an_acknowledgement_survives_its_way() {
        let node = NodeId::from_bytes([7; 32]);
        let ack = Ack { node, to: node, at: vec![OpId::from_bytes([1; 32])], signature: [3; 64] };
        let text = serde_json::to_string(&Told::of(&ack)).unwrap();
        assert_eq!(serde_json::from_str::<Told>(&text).unwrap().read(), Some(ack.clone()));
        let long = Told { signature: Bytes(vec![3; 65]), ..Told::of(&ack) };
        assert_eq!(long.read(), None);
        let wide = Told { at: vec![OpId::from_bytes([1; 32]); MAX_PARENTS + 1], ..Told::of(&ack) };
        assert_eq!(wide.read(), None);
    }
}
