//! What an owner says yes to when asked: for once, or from now on.

use super::{Entry, Shares, changed, gate, rules, tally::Key};
use crate::Core;
use lanyard_api::{ApiError, ErrorCode, ShareKind};
use lanyard_trust::{Action, Audience, Decision, Grant, ShareId, Subject, Who, grant_for};
use std::sync::Arc;

/// How long a yes for once is good: for a folder, or for the one job to come.
const ONCE: i64 = 60 * 60 * 1000;

/// How a subject stands with a share.
#[derive(Clone, Debug)]
pub struct Asked {
    /// What the gate says now.
    pub decision: Decision,
    /// What kind of thing it is.
    pub kind: ShareKind,
    /// The share's name.
    pub name: String,
}

/// What the gate says to the subject's wish; none when it may not even know of the share.
#[must_use]
pub fn standing(core: &Core, share: &ShareId, subject: &Subject, action: Action) -> Option<Asked> {
    let entry = core.shares.visible(share, subject)?;
    let decision = core.shares.decide(share, &entry, subject, action);
    Some(Asked { decision, kind: entry.kind, name: entry.name })
}

/// The owner says yes this once: one job for a printer, a folder for an hour. Forgotten when the node stops.
///
/// # Errors
/// `not_found` when there is nothing to say yes to any more.
pub fn once(core: &Core, share: &ShareId, subject: &Subject, action: Action) -> Result<(), ApiError> {
    let (key, entry, grant) = asking(core, share, subject, action)?;
    let ran = core.clock.now().ran;
    let jobs = (entry.kind == ShareKind::Printer).then_some(1);
    core.shares.tally().allow(key, grant, ran.saturating_add(ONCE), jobs, ran);
    tracing::info!(%share, device = %subject.id(), "the owner says yes, this once");
    core.presence.offers_changed();
    Ok(())
}

/// The owner says yes from now on: the device gets a rule of its own, with the rights it has asked for.
///
/// # Errors
/// `not_found` when there is nothing to say yes to any more, `invalid` for a device that was put out of the home,
/// the store's.
pub async fn always(
    core: &Arc<Core>,
    share: &ShareId,
    subject: &Subject,
    action: Action,
) -> Result<(), ApiError> {
    let (_, _, grant) = asking(core, share, subject, action)?;
    let Who::Device(device) = subject.who else {
        return Err(ApiError::new(ErrorCode::Invalid, "Only a device can be let in for good."));
    };
    if core.circle.standing(subject).expelled {
        let words =
            "This device was put out of your home. It can be let in once, or come back into the home.";
        return Err(ApiError::new(ErrorCode::Invalid, words));
    }
    let question = Grant { who: Audience::Device(device), ..grant };
    regrant(core, share, |grants| {
        // Its own question would stand before the new answer.
        grants.retain(|one| *one != question);
        grants.push(Grant { ask: false, ..question });
    })
    .await?;
    tracing::info!(%share, %device, "the owner says yes, from now on");
    Ok(())
}

/// Changes the rules of a share, on the disk before they count, and tells everybody.
///
/// # Errors
/// `not_found`, `invalid` when there are too many, the store's.
pub async fn regrant(
    core: &Arc<Core>,
    share: &ShareId,
    how: impl FnOnce(&mut Vec<Grant>),
) -> Result<(), ApiError> {
    let mut entry = core.shares.read().get(share).cloned().ok_or_else(gone)?;
    how(&mut entry.policy.grants);
    rules::are_few(&entry.policy.grants)?;
    entry.policy = entry.policy.sorted();
    core.shares.save(share, &entry).await?;
    {
        let mut table = core.shares.write();
        let kept = table.get_mut(share).ok_or_else(gone)?;
        kept.policy = entry.policy;
    }
    changed(core);
    Ok(())
}

/// What is asked for, and by which grant.
fn asking(
    core: &Core,
    share: &ShareId,
    subject: &Subject,
    action: Action,
) -> Result<(Key, Entry, Grant), ApiError> {
    let entry = core.shares.visible(share, subject).ok_or_else(gone)?;
    let standing = core.circle.standing(subject);
    let grant = grant_for(&entry.policy, subject, &standing, action, &core.clock.now());
    let grant = grant.filter(|grant| grant.ask).cloned().ok_or_else(gone)?;
    Ok((gate::key(share, subject), entry, grant))
}

impl Shares {
    fn visible(&self, share: &ShareId, subject: &Subject) -> Option<Entry> {
        let table = self.read();
        table.get(share).filter(|entry| self.is_known_to(entry, subject)).cloned()
    }
}

fn gone() -> ApiError {
    ApiError::new(ErrorCode::NotFound, "There is nothing to say yes to any more: the rule has changed.")
}
