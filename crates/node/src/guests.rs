//! Passes for guests: a link or a PIN that opens one share for one thing, for a while.

use crate::Core;
use lanyard_api::{ApiError, Millis, NewPass, Pass, PassAction};
use std::sync::Arc;

/// All passes that have not ended, newest first.
pub async fn list(_core: &Core) -> Vec<Pass> {
    Vec::new()
}

/// Makes a pass.
///
/// # Errors
/// `not_found`, `ambiguous`, `invalid`, `network_public`.
pub async fn create(
    _core: &Arc<Core>,
    _share: &str,
    _action: PassAction,
    _until: Millis,
    _label: &str,
) -> Result<NewPass, ApiError> {
    Err(ApiError::not_available("A pass for guests"))
}

/// Ends a pass.
///
/// # Errors
/// `not_found`.
pub async fn end(_core: &Arc<Core>, _pass: &str) -> Result<Vec<Pass>, ApiError> {
    Err(ApiError::not_available("A pass for guests"))
}
