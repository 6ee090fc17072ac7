//! Pausing: nothing is offered for a while, as if no network were the owner's.

use crate::Core;
use lanyard_api::{ApiError, Millis, NodeStatus};
use std::sync::Arc;

/// Until when sharing is paused; [`Millis::MAX`] until a person ends it.
pub fn until(_core: &Core) -> Option<Millis> {
    None
}

/// Offers nothing until then.
///
/// # Errors
/// `invalid` when that time has passed.
pub async fn begin(_core: &Arc<Core>, _until: Option<Millis>) -> Result<NodeStatus, ApiError> {
    Err(ApiError::not_available("Pausing"))
}

/// Shares again.
///
/// # Errors
/// `internal` when the store does not take it.
pub async fn end(_core: &Arc<Core>) -> Result<NodeStatus, ApiError> {
    Err(ApiError::not_available("Pausing"))
}
