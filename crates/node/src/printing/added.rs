//! Printers of others in this computer's own print dialog.

use crate::{Core, gateway, presence};
use lanyard_api::{ApiError, Nearby};
use std::sync::Arc;

/// Puts a printer into this computer's own print dialog.
///
/// # Errors
/// `not_found`, `ambiguous`, `peer_unreachable` while nobody knows what it can do, `not_allowed` where this user may not
/// change the system's queues, `printer_failed` when the system refuses, `not_available` on this system.
pub async fn add_printer(core: &Arc<Core>, printer: &str) -> Result<Nearby, ApiError> {
    let found = presence::find_printer(core, printer)?;
    gateway::add(core, found).await?;
    Ok(presence::nearby(core).await)
}

/// Takes it out again, with what waits for it from there.
///
/// # Errors
/// `not_found`, `ambiguous`, `not_allowed`, `printer_failed`.
pub async fn remove_printer(core: &Arc<Core>, printer: &str) -> Result<Nearby, ApiError> {
    gateway::remove(core, printer).await?;
    Ok(presence::nearby(core).await)
}
