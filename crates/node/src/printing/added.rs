//! Printers of others in this computer's own print dialog.

use crate::Core;
use lanyard_api::{ApiError, Nearby};
use std::sync::Arc;

/// Puts a printer into this computer's own print dialog.
///
/// # Errors
/// `not_available`.
pub async fn add_printer(core: &Arc<Core>, printer: &str) -> Result<Nearby, ApiError> {
    let _ = (core, printer);
    Err(ApiError::not_available("Adding a printer to the print dialog"))
}

/// Takes it out again.
///
/// # Errors
/// `not_available`.
pub async fn remove_printer(core: &Arc<Core>, printer: &str) -> Result<Nearby, ApiError> {
    let _ = (core, printer);
    Err(ApiError::not_available("Removing a printer from the print dialog"))
}
