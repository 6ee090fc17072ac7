//! What people do with jobs and queues besides printing and cancelling.

use crate::Core;
use lanyard_api::{ApiError, Job, Queue};
use std::sync::Arc;

/// Keeps a job back.
///
/// # Errors
/// `not_available`.
pub async fn hold(core: &Arc<Core>, job: &str) -> Result<Job, ApiError> {
    let _ = (core, job);
    Err(ApiError::not_available("Holding a job"))
}

/// Lets a held job go.
///
/// # Errors
/// `not_available`.
pub async fn release(core: &Arc<Core>, job: &str) -> Result<Job, ApiError> {
    let _ = (core, job);
    Err(ApiError::not_available("Releasing a job"))
}

/// Prints a job of ours on another printer.
///
/// # Errors
/// `not_available`.
pub async fn move_job(core: &Arc<Core>, job: &str, printer: &str) -> Result<Job, ApiError> {
    let _ = (core, job, printer);
    Err(ApiError::not_available("Moving a job"))
}

/// Prints a job of ours again.
///
/// # Errors
/// `not_available`.
pub async fn reprint(core: &Arc<Core>, job: &str) -> Result<Job, ApiError> {
    let _ = (core, job);
    Err(ApiError::not_available("Printing again"))
}

/// Stops one of this computer's queues.
///
/// # Errors
/// `not_available`.
pub async fn pause_queue(core: &Arc<Core>, queue: &str) -> Result<Vec<Queue>, ApiError> {
    let _ = (core, queue);
    Err(ApiError::not_available("Pausing a printer"))
}

/// Lets it print again.
///
/// # Errors
/// `not_available`.
pub async fn resume_queue(core: &Arc<Core>, queue: &str) -> Result<Vec<Queue>, ApiError> {
    let _ = (core, queue);
    Err(ApiError::not_available("Resuming a printer"))
}
