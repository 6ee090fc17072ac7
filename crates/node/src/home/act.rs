//! What a person does to the home.

use super::{
    Ended, Kept, change, gossip, home_of, in_home, internal, need_keeper, refused, role_in_log, state,
};
use crate::{
    Core,
    names::{self, Named},
    status,
};
use lanyard_api::{ApiError, ErrorCode, Founded, HomeState, Role};
use lanyard_trust::{Log, NodeId, RecoveryCode, Signer, membership::Body, names::clean};
use std::sync::Arc;

/// Begins a home with this device in it.
///
/// # Errors
/// `in_home`, `invalid`.
pub async fn create(core: &Arc<Core>, name: &str) -> Result<Founded, ApiError> {
    let name = cleaned(name)?;
    let recovery = RecoveryCode::random().map_err(|error| internal(error.to_string()))?;
    let mut nonce = [0; 16];
    getrandom::fill(&mut nonce).map_err(|error| internal(error.to_string()))?;
    change(core, |kept| {
        if kept.home().is_some() {
            return Err(in_home(kept));
        }
        let mut log = Log::found(&core.identity, &name, recovery.key().public(), nonce).map_err(refused)?;
        let called = Body::Rename { device: core.identity.node_id(), name: status::name(&core.settings) };
        log.author(&core.identity, called).map_err(refused)?;
        adopt(kept, log);
        Ok(())
    })
    .await?;
    Ok(Founded { state: state(core).await, recovery: recovery.to_string() })
}

/// This device belongs to the home of this log from now on.
pub(super) fn adopt(kept: &mut Kept, log: Log) {
    kept.log = Some(log);
    kept.ended = None;
    kept.keys.clear();
    kept.places.clear();
    kept.acks.clear();
}

/// Puts a device out.
///
/// # Errors
/// `no_home`, `not_keeper`, `not_found`, `ambiguous`.
pub async fn remove(core: &Arc<Core>, device: &str) -> Result<HomeState, ApiError> {
    change(core, |kept| {
        let log = home_of(kept)?;
        let device = find(log, device)?;
        if device == core.identity.node_id() {
            return Err(ApiError::new(
                ErrorCode::Invalid,
                "That is this device. It leaves the home instead.",
            ));
        }
        need_keeper(core, log)?;
        log.author(&core.identity, Body::Remove { device }).map_err(refused)
    })
    .await?;
    Ok(state(core).await)
}

/// Changes what a device may do.
///
/// # Errors
/// `no_home`, `not_keeper`, `not_found`, `ambiguous`; `invalid` when nobody would keep the home.
pub async fn set_role(core: &Arc<Core>, device: &str, role: Role) -> Result<HomeState, ApiError> {
    change(core, |kept| {
        let log = home_of(kept)?;
        let device = find(log, device)?;
        need_keeper(core, log)?;
        let name = log.state().members.get(&device).map(|member| member.name.clone()).unwrap_or_default();
        if log.state().role(device) == Some(role_in_log(role)) {
            return Ok(());
        }
        let body = Body::Add { device, role: role_in_log(role), name };
        log.author(&core.identity, body).map(drop).map_err(refused)
    })
    .await?;
    Ok(state(core).await)
}

/// Renames the home.
///
/// # Errors
/// `no_home`, `not_keeper`, `invalid`.
pub async fn rename(core: &Arc<Core>, name: &str) -> Result<HomeState, ApiError> {
    let name = cleaned(name)?;
    change(core, |kept| {
        let log = home_of(kept)?;
        need_keeper(core, log)?;
        if log.state().name == name {
            return Ok(());
        }
        log.author(&core.identity, Body::RenameHome { name }).map(drop).map_err(refused)
    })
    .await?;
    Ok(state(core).await)
}

/// This device has another name: so it has in the home. A plain member can say that a few times only, and keeps its
/// old name there afterwards.
pub async fn renamed(core: &Arc<Core>) {
    let device = core.identity.node_id();
    let name = status::name(&core.settings);
    let is_called = |kept: &Kept| {
        let member = kept.state().and_then(|state| state.members.get(&device));
        member.is_none_or(|member| member.name == name)
    };
    if is_called(&core.home.kept()) {
        return;
    }
    let done = change(core, |kept| {
        let log = home_of(kept)?;
        log.author(&core.identity, Body::Rename { device, name: name.clone() }).map_err(refused)
    });
    if let Err(error) = done.await {
        tracing::warn!(%error, "this device keeps its old name in the home");
    }
}

/// Leaves the home.
///
/// # Errors
/// `no_home`; `invalid` when this device is its only keeper and others stay.
pub async fn leave(core: &Arc<Core>) -> Result<HomeState, ApiError> {
    let device = core.identity.node_id();
    // Said to the others while they still listen to this device, and known here only afterwards: a device that did
    // both at once would have nobody to tell.
    let (mut log, others) = {
        let kept = core.home.kept();
        let log = kept.home().ok_or_else(super::no_home)?.clone();
        let others: Vec<NodeId> =
            log.state().members.keys().copied().filter(|node| *node != device).collect();
        (log, others)
    };
    let op = log.author(&core.identity, Body::Remove { device }).map_err(refused)?;
    gossip::hand_over(core, &log, std::slice::from_ref(&op), &others).await;
    change(core, |kept| {
        let log = home_of(kept)?;
        log.insert(op).map_err(refused)?;
        kept.ended = Some(Ended::Left);
        Ok(())
    })
    .await?;
    Ok(state(core).await)
}

/// Uses the recovery code.
///
/// # Errors
/// `no_home`, `wrong_code`, `not_found`.
pub async fn recover(core: &Arc<Core>, code: &str, remove: Option<String>) -> Result<HomeState, ApiError> {
    let wrong = |detail: String| ApiError::new(ErrorCode::WrongCode, detail);
    let code: RecoveryCode = code.parse().map_err(|error| wrong(format!("{error}.")))?;
    let key = code.key();
    change(core, |kept| {
        // A device that was put out by a thief has the log still, and comes back by the code.
        let log = kept.log.as_mut().ok_or_else(super::no_home)?;
        if key.public() != *log.recovery().as_bytes() {
            return Err(wrong("This is the recovery code of another home.".to_owned()));
        }
        let me = core.identity.node_id();
        if let Some(device) = &remove {
            let device = find(log, device)?;
            log.author(&key, Body::Remove { device }).map_err(refused)?;
        }
        // Whoever was put out by a device less senior than itself is out for good from now on.
        for device in log.disputed() {
            log.author(&key, Body::Remove { device }).map_err(refused)?;
        }
        // Also if this device is a keeper as far as it knows: others may know of its removal.
        let name = status::name(&core.settings);
        let body = Body::Add { device: me, role: lanyard_trust::Role::Keeper, name };
        log.author(&key as &dyn Signer, body).map_err(refused)?;
        kept.ended = None;
        kept.make_key();
        Ok(())
    })
    .await?;
    Ok(state(core).await)
}

/// Disconnects a paired device.
///
/// # Errors
/// `not_found`.
pub async fn forget_paired(core: &Arc<Core>, device: &str) -> Result<HomeState, ApiError> {
    change(core, |kept| {
        let named: Vec<Named<NodeId>> =
            kept.paired.iter().map(|(node, pair)| named(*node, &pair.name)).collect();
        let node = names::find("connected device", device, &named)?;
        kept.paired.remove(&node);
        Ok(())
    })
    .await?;
    Ok(state(core).await)
}

/// The device of the home that a person means, and not this one.
///
/// # Errors
/// `no_home`, `not_found`, `ambiguous`, `invalid` for this device itself.
pub fn member(core: &Core, device: &str) -> Result<NodeId, ApiError> {
    let node = {
        let kept = core.home.kept();
        find(kept.home().ok_or_else(super::no_home)?, device)?
    };
    if node == core.identity.node_id() {
        return Err(ApiError::new(ErrorCode::Invalid, "That is this computer itself."));
    }
    Ok(node)
}

/// The member that a person means.
pub(super) fn find(log: &Log, device: &str) -> Result<NodeId, ApiError> {
    let members: Vec<Named<NodeId>> =
        log.state().members.iter().map(|(node, member)| named(*node, &member.name)).collect();
    names::find("device of the home", device, &members)
}

fn named(node: NodeId, name: &str) -> Named<NodeId> {
    Named { id: node.to_string(), name: name.to_owned(), device: String::new(), value: node }
}

fn cleaned(name: &str) -> Result<String, ApiError> {
    clean(name)
        .ok_or_else(|| ApiError::new(ErrorCode::Invalid, "The name has no characters that can be shown."))
}
