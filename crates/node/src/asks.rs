//! Questions to the owner, in both directions: others' that wait here for an answer, and ours at others.

use crate::Core;
use lanyard_api::{Answer, ApiError, Ask};
use std::sync::Arc;

/// Questions that wait here.
pub async fn list(_core: &Core) -> Vec<Ask> {
    Vec::new()
}

/// Answers one.
///
/// # Errors
/// `not_found` when it has ended.
pub async fn answer(_core: &Arc<Core>, _ask: &str, _answer: Answer) -> Result<Vec<Ask>, ApiError> {
    Err(ApiError::not_available("Asking each time"))
}

/// Asks the owner of a printer or drive.
///
/// # Errors
/// `not_found`, `ambiguous`, `peer_unreachable`, `busy`.
pub async fn ask_owner(_core: &Arc<Core>, _what: &str) -> Result<(), ApiError> {
    Err(ApiError::not_available("Asking each time"))
}
