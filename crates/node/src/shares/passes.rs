//! Grants of guests' passes: put onto a share and taken off it by `guests`, never by hand.

use super::{Entry, Shares, changed, folder, from_store, internal, rules};
use crate::{Core, guests};
use lanyard_api::{ApiError, ErrorCode, PassAction, ShareKind};
use lanyard_store::Store;
use lanyard_trust::{Audience, Grant, PassId, ShareId};
use std::{collections::BTreeSet, path::PathBuf, sync::Arc};

impl Shares {
    /// The share that a person means, if a pass of this kind can open it.
    ///
    /// # Errors
    /// `not_found`, `ambiguous`, `invalid`, `unreadable`.
    pub(crate) async fn opened_by_pass(&self, share: &str, action: PassAction) -> Result<ShareId, ApiError> {
        let id = self.find(share)?;
        let (kind, target) = {
            let table = self.read();
            let entry = table.get(&id).ok_or_else(|| gone(&id))?;
            if action == PassAction::Add && entry.behind.kind() == ShareKind::Disc {
                return Err(ApiError::new(ErrorCode::Invalid, "Nobody puts files into a disc."));
            }
            (entry.kind, PathBuf::from(&entry.target))
        };
        if kind != guests::kind_for(action) {
            let words = match kind {
                ShareKind::Printer => {
                    "A guest can print on a printer; there is nothing to read or to put in."
                }
                ShareKind::Folder | ShareKind::Disc => "A guest cannot print on a folder.",
            };
            return Err(ApiError::new(ErrorCode::Invalid, words));
        }
        if action == PassAction::Add {
            let writable = tokio::task::spawn_blocking(move || folder::is_writable(&target)).await;
            if !writable.map_err(internal)? {
                let words = "You may not write to this folder yourself, so no guest can put files into it.";
                return Err(ApiError::new(ErrorCode::Unreadable, words));
            }
        }
        Ok(id)
    }

    /// Every pass that some share names.
    pub(crate) fn passes(&self) -> BTreeSet<(ShareId, PassId)> {
        let table = self.read();
        let passes = table.iter().flat_map(|(share, entry)| {
            let pass = |grant: &Grant| match grant.who {
                Audience::Guest(pass) => Some((share.clone(), pass)),
                _ => None,
            };
            entry.policy.grants.iter().filter_map(pass)
        });
        passes.collect()
    }
}

/// Puts a pass onto a share.
///
/// # Errors
/// `not_found`, `busy`, `disk_full`.
pub(crate) async fn grant_pass(core: &Arc<Core>, share: &ShareId, grant: Grant) -> Result<(), ApiError> {
    let entry = {
        let mut table = core.shares.write();
        let entry = table.get_mut(share).ok_or_else(|| gone(share))?;
        if entry.policy.grants.len() >= rules::MAX_RULES {
            return Err(ApiError::new(ErrorCode::Busy, "This share has too many rules already."));
        }
        entry.policy.grants.push(grant);
        entry.policy = std::mem::take(&mut entry.policy).sorted();
        entry.clone()
    };
    save(core, share, &entry).await?;
    changed(core);
    Ok(())
}

/// Takes passes off whatever share they are on: from memory first, so that nothing is served a moment longer.
///
/// # Errors
/// `disk_full`, `internal`.
pub(crate) async fn revoke_passes(core: &Arc<Core>, passes: &[PassId]) -> Result<(), ApiError> {
    let is_one = |grant: &Grant| matches!(grant.who, Audience::Guest(pass) if passes.contains(&pass));
    let entries: Vec<_> = {
        let mut table = core.shares.write();
        let named = table.iter_mut().filter(|(_, entry)| entry.policy.grants.iter().any(is_one));
        let taken = named.map(|(id, entry)| {
            entry.policy.grants.retain(|grant| !is_one(grant));
            (id.clone(), entry.clone())
        });
        taken.collect()
    };
    if entries.is_empty() {
        return Ok(());
    }
    let mut saved = Ok(());
    for (id, entry) in &entries {
        saved = save(core, id, entry).await.and(saved);
    }
    changed(core);
    saved
}

/// Writes the rule of a share that is still there: one that is taken back meanwhile stays away.
async fn save(core: &Core, share: &ShareId, entry: &Entry) -> Result<(), ApiError> {
    let (share, policy) = (share.clone(), serde_json::to_string(&entry.policy).map_err(internal)?);
    let work = move |store: &Store| {
        store.write(|t| t.execute("UPDATE share SET policy = ?2 WHERE id = ?1", (&share.0, &policy)))
    };
    core.store.run(work).await.map(|_| ()).map_err(from_store)
}

fn gone(share: &ShareId) -> ApiError {
    ApiError::new(ErrorCode::NotFound, format!("The share {share} has just been taken back."))
}
