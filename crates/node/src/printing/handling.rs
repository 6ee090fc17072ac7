//! What people do with jobs and queues besides printing and cancelling.

use super::{
    convert::{incoming_job, offer_error, outbox_error, outgoing_job},
    find_job, fits, id_of,
    queues::{self, queues},
    target_of,
};
use crate::{
    Core,
    names::{self, Named},
    presence,
};
use lanyard_api::{ApiError, ErrorCode, Job, JobDirection, Queue};
use lanyard_print::{QueueId, offer::By, system::SpoolError};
use std::sync::Arc;

/// Keeps a job back: ours anywhere, others' on our printers.
///
/// # Errors
/// `not_found`, `ambiguous`, `invalid` for one that is being printed or over, `peer_unreachable`.
pub async fn hold(core: &Arc<Core>, job: &str) -> Result<Job, ApiError> {
    let found = find_job(core, job).await?;
    let id = id_of(&found)?;
    match found.direction {
        JobDirection::Outgoing => {
            Ok(outgoing_job(core, core.printing.outbox.hold(id).await.map_err(outbox_error)?))
        }
        JobDirection::Incoming => {
            let held = core.printing.offer.hold(id, By::Owner).await;
            Ok(incoming_job(core, held.map_err(offer_error)?))
        }
    }
}

/// Lets a held job go. Of one that waits for this owner's word that is a yes, this once.
///
/// # Errors
/// As [`hold`]; `not_allowed` when somebody else keeps it back.
pub async fn release(core: &Arc<Core>, job: &str) -> Result<Job, ApiError> {
    let found = find_job(core, job).await?;
    let id = id_of(&found)?;
    match found.direction {
        JobDirection::Outgoing => {
            Ok(outgoing_job(core, core.printing.outbox.release(id).await.map_err(outbox_error)?))
        }
        JobDirection::Incoming => {
            let released = core.printing.offer.release(id, By::Owner).await;
            Ok(incoming_job(core, released.map_err(offer_error)?))
        }
    }
}

/// Prints a job of ours on another printer.
///
/// # Errors
/// `not_found`, `ambiguous`, `invalid` also when it may be on paper.
pub async fn move_job(core: &Arc<Core>, job: &str, printer: &str) -> Result<Job, ApiError> {
    let found = find_job(core, job).await?;
    if found.direction == JobDirection::Incoming {
        return Err(ApiError::new(ErrorCode::Invalid, "Only the sender of this job can move it."));
    }
    let printer = presence::find_printer(core, printer)?;
    let options = super::convert::options_of(found.options.clone())?;
    fits(core, &options, &printer).await?;
    let moved = core.printing.outbox.move_to(id_of(&found)?, target_of(printer)).await;
    Ok(outgoing_job(core, moved.map_err(outbox_error)?))
}

/// Prints a job of ours again, as a new one.
///
/// # Errors
/// `not_found`, `ambiguous`, `invalid` when it is not over or its document is not kept any more, `disk_full`.
pub async fn reprint(core: &Arc<Core>, job: &str) -> Result<Job, ApiError> {
    let found = find_job(core, job).await?;
    if found.direction == JobDirection::Incoming {
        return Err(ApiError::new(ErrorCode::Invalid, "Only the sender of this job can print it again."));
    }
    let again = core.printing.outbox.reprint(id_of(&found)?).await.map_err(outbox_error)?;
    Ok(outgoing_job(core, again))
}

/// Stops one of this computer's queues; its jobs wait.
///
/// # Errors
/// `not_found`, `ambiguous`, `not_allowed` when the system leaves that to its administrators, `printer_failed`.
pub async fn pause_queue(core: &Arc<Core>, queue: &str) -> Result<Vec<Queue>, ApiError> {
    set_paused(core, queue, true).await
}

/// Lets it print again.
///
/// # Errors
/// As [`pause_queue`].
pub async fn resume_queue(core: &Arc<Core>, queue: &str) -> Result<Vec<Queue>, ApiError> {
    set_paused(core, queue, false).await
}

async fn set_paused(core: &Arc<Core>, queue: &str, pause: bool) -> Result<Vec<Queue>, ApiError> {
    let named = |queue: Queue| Named {
        id: queue.id.clone(),
        name: queue.name.clone(),
        device: String::new(),
        value: QueueId(queue.id),
    };
    let all: Vec<Named<QueueId>> = queues(core).await.into_iter().map(named).collect();
    let queue = names::find("print queue", queue, &all)?;
    core.printing.offer.pause_queue(&queue, pause).await.map_err(|error| match error {
        SpoolError::NotFound => ApiError::new(ErrorCode::NotFound, "This print queue is gone."),
        SpoolError::NotAvailable => ApiError::not_available("Stopping a printer of this system"),
        SpoolError::Refused(_) => ApiError::new(
            ErrorCode::NotAllowed,
            "This computer's print service lets only its administrators do that.",
        ),
        error => ApiError::new(ErrorCode::PrinterFailed, format!("{error}.")),
    })?;
    tracing::info!(%queue, pause, "a queue is stopped or goes on");
    Ok(queues::look_now(core).await)
}
