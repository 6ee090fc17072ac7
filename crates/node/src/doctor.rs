//! The self-check: what could keep devices from each other, tried from both sides; and the support bundle.

use crate::Core;
use lanyard_api::{ApiError, Check};
use std::sync::Arc;

/// Looks at everything.
///
/// # Errors
/// None at the moment.
pub async fn check(_core: &Arc<Core>) -> Result<Vec<Check>, ApiError> {
    Err(ApiError::not_available("The self-check"))
}

/// Logs and state without secrets and without names of files.
///
/// # Errors
/// `internal` when the logs cannot be read.
pub async fn bundle(_core: &Arc<Core>) -> Result<String, ApiError> {
    Err(ApiError::not_available("The support bundle"))
}
