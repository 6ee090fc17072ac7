//! Copies that have begun: shown, held, ended and gone on with.

use super::{api_transfer, convert};
use crate::{Core, sends};
use lanyard_api::{ApiError, Conflict, ErrorCode, Transfer, TransferNote};
use lanyard_drive::{consume, wire::is_send};
use lanyard_trust::NodeId;
use std::sync::Arc;
use uuid::Uuid;

/// Copies, newest first.
pub async fn transfers(core: &Core) -> Vec<Transfer> {
    core.drives.transfers.all().iter().map(api_transfer).collect()
}

/// All copies as this room knows them, newest first.
pub(crate) fn copies(core: &Core) -> Vec<consume::Transfer> {
    core.drives.transfers.all()
}

/// Stops a copy.
///
/// # Errors
/// `not_found`, `ambiguous`, `invalid` when it is finished.
pub async fn cancel(core: &Arc<Core>, transfer: &str) -> Result<Transfer, ApiError> {
    let copy = find(core, transfer)?;
    if copy.state == consume::State::Done {
        return Err(ApiError::new(ErrorCode::Invalid, "This copy is finished already."));
    }
    core.drives
        .transfers
        .cancel(copy.id)
        .await
        .map(|copy| api_transfer(&copy))
        .ok_or_else(|| no_copy(transfer))
}

/// Goes on with a copy. What was sent to a person and did not get there is sent as another copy.
///
/// # Errors
/// `not_found`, `ambiguous`, `invalid` when it is finished.
pub async fn retry(core: &Arc<Core>, transfer: &str) -> Result<Transfer, ApiError> {
    let copy = find(core, transfer)?;
    if copy.state == consume::State::Done {
        return Err(ApiError::new(ErrorCode::Invalid, "This copy is finished already."));
    }
    if is_send(&copy.share) && copy.state.is_ended() {
        // What was refused, or has ended there, is asked for anew.
        return sends::again(core, copy).await;
    }
    core.drives
        .transfers
        .retry(copy.id)
        .await
        .map(|copy| api_transfer(&copy))
        .ok_or_else(|| no_copy(transfer))
}

/// Goes on with a copy whose name was taken, now that a person has decided.
///
/// # Errors
/// `not_found`, `ambiguous`, `invalid` for one that has not failed or whose receiver keeps everything.
pub async fn settle(
    core: &Arc<Core>,
    transfer: &str,
    conflict: Conflict,
    replaces: Option<String>,
) -> Result<Transfer, ApiError> {
    let copy = find(core, transfer)?;
    if copy.state != consume::State::Failed || is_send(&copy.share) {
        return Err(ApiError::new(ErrorCode::Invalid, "Nothing is to be decided about this copy."));
    }
    let settled = core.drives.transfers.settle(copy.id, convert::conflict(conflict), replaces).await;
    settled.map(|copy| api_transfer(&copy)).ok_or_else(|| no_copy(transfer))
}

/// Holds a copy.
///
/// # Errors
/// `not_found`, `ambiguous`, `invalid` when it is over.
pub async fn pause(core: &Arc<Core>, transfer: &str) -> Result<Transfer, ApiError> {
    let copy = find(core, transfer)?;
    if copy.state.is_ended() {
        return Err(ApiError::new(ErrorCode::Invalid, "This copy is over already."));
    }
    let paused = core.drives.transfers.pause(copy.id).await;
    paused.map(|copy| api_transfer(&copy)).ok_or_else(|| no_copy(transfer))
}

/// Puts a copy before all others that wait.
///
/// # Errors
/// `not_found`, `ambiguous`, `invalid` when it is over, the store's.
pub async fn next(core: &Arc<Core>, transfer: &str) -> Result<Transfer, ApiError> {
    let copy = find(core, transfer)?;
    if copy.state.is_ended() {
        return Err(ApiError::new(ErrorCode::Invalid, "This copy is over already."));
    }
    let moved = core.drives.transfers.next(copy.id).await;
    let moved = moved.map_err(|error| ApiError::new(ErrorCode::Internal, error.to_string()))?;
    moved.map(|copy| api_transfer(&copy)).ok_or_else(|| no_copy(transfer))
}

/// Where the limit for all copies together is kept.
pub(super) const LIMIT: &str = "transfer_limit";

/// Sets how fast one copy or all together may go; tells the limit for all.
///
/// # Errors
/// `not_found`, `ambiguous`, the store's.
pub async fn limit(
    core: &Arc<Core>,
    transfer: Option<String>,
    rate: Option<u64>,
) -> Result<Option<u64>, ApiError> {
    let store = |error: lanyard_store::StoreError| ApiError::new(ErrorCode::Internal, error.to_string());
    match transfer {
        Some(transfer) => {
            let copy = find(core, &transfer)?;
            core.drives.transfers.limit_one(copy.id, rate).await.map_err(store)?;
        }
        None => {
            core.settings.set(LIMIT, &rate.unwrap_or(0).to_string()).map_err(store)?;
            core.drives.transfers.limit_all(rate);
        }
    }
    Ok(limit_of_all(core))
}

/// How fast all copies together may go.
pub fn limit_of_all(core: &Core) -> Option<u64> {
    core.drives.transfers.limit()
}

/// What there is to tell of a tree.
///
/// # Errors
/// `not_found`, `ambiguous`, the store's.
pub async fn notes(core: &Core, transfer: &str) -> Result<Vec<TransferNote>, ApiError> {
    let copy = find(core, transfer)?;
    let notes = core.drives.transfers.notes(copy.id).await;
    let notes = notes.map_err(|error| ApiError::new(ErrorCode::Internal, error.to_string()))?;
    Ok(notes.into_iter().map(convert::note).collect())
}

/// Ends a copy that can never go on.
pub(crate) async fn give_up(core: &Core, id: Uuid, reason: consume::Reason, words: String) {
    core.drives.transfers.give_up(id, reason, words).await;
}

/// A device is back: copies that wait for it go on.
pub async fn peer_is_back(core: &Arc<Core>, node: NodeId) {
    core.drives.transfers.peer_is_back(node);
}

/// The one copy whose id begins like this.
fn find(core: &Core, beginning: &str) -> Result<consume::Transfer, ApiError> {
    let wanted = beginning.trim().to_lowercase();
    let fits = |id: Uuid| !wanted.is_empty() && id.to_string().starts_with(&wanted);
    let mut hits: Vec<consume::Transfer> =
        core.drives.transfers.all().into_iter().filter(|copy| fits(copy.id)).collect();
    match (hits.pop(), hits.is_empty()) {
        (None, _) => Err(no_copy(beginning)),
        (Some(copy), true) => Ok(copy),
        (Some(copy), false) => {
            let words = format!("More than one copy begins with “{beginning}”.");
            let mut error = ApiError::new(ErrorCode::Ambiguous, words);
            error.candidates = hits.iter().chain([&copy]).take(20).map(|copy| copy.id.to_string()).collect();
            Err(error)
        }
    }
}

fn no_copy(beginning: &str) -> ApiError {
    ApiError::new(ErrorCode::NotFound, format!("There is no copy “{beginning}”."))
}
