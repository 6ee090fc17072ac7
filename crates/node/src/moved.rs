//! A device key that came here with a disk: is this the same device in a new place, or a copy of it?

use crate::Core;
use lanyard_api::{ApiError, NodeStatus};
use std::sync::Arc;

/// Whether a person must say first what happened. Nothing is offered until then.
pub fn is_open(_core: &Core) -> bool {
    false
}

/// Settles it.
///
/// # Errors
/// `invalid` when there is no question, `internal` when the key cannot be written.
pub async fn settle(_core: &Arc<Core>, _new_device: bool) -> Result<NodeStatus, ApiError> {
    Err(ApiError::not_available("Telling a moved disk from a copied one"))
}
