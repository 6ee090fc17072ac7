//! The jobs of others on a printer that this device may manage, on the device that shares it.
//!
//! They are asked for each time somebody looks, and belong to no list here: their senders' and the owner's nodes tell
//! of them. What may be done is cancelling, holding and letting go; sending somebody else's document to another printer
//! is not (see `docs/adr`).

use super::convert::{ask_error, shown_state};
use crate::{Core, presence};
use lanyard_api::{ApiError, ErrorCode, Job, JobAction, JobDirection, PrintOptions};
use lanyard_print::{
    consume::{Managing, standard::PrinterId},
    ticket::{JobStatus, ManagedJob, State},
};
use std::sync::Arc;

/// The jobs of all on somebody's printer, newest first.
///
/// # Errors
/// `not_found`, `ambiguous`, `not_allowed` for a printer that this device does not manage, `peer_unreachable`.
pub async fn printer_jobs(core: &Arc<Core>, printer: &str) -> Result<Vec<Job>, ApiError> {
    let printer = managed_printer(core, printer)?;
    let jobs = core.printing.outbox.managed(printer.node, &printer.share).await.map_err(ask_error)?;
    Ok(jobs.into_iter().map(|job| shown(core, &printer.name, job)).collect())
}

/// Does something with one of them.
///
/// # Errors
/// As [`printer_jobs`], and `invalid` for what cannot be done with a job of somebody else's, or not any more.
pub async fn manage(core: &Arc<Core>, printer: &str, job: &str, action: JobAction) -> Result<Job, ApiError> {
    let what = match action {
        JobAction::Cancel => Managing::Cancel,
        JobAction::Hold => Managing::Hold,
        JobAction::Release => Managing::Release,
        JobAction::Move | JobAction::Retry | JobAction::Reprint => {
            let words = "Jobs of others can be cancelled, held and released. To print one elsewhere is up to its sender.";
            return Err(ApiError::new(ErrorCode::Invalid, words));
        }
    };
    let printer = managed_printer(core, printer)?;
    let jobs = core.printing.outbox.managed(printer.node, &printer.share).await.map_err(ask_error)?;
    let query = job.trim().to_ascii_lowercase();
    let mut hits = jobs.into_iter().filter(|job| job.status.job.to_string().starts_with(&query));
    let found = hits.next().filter(|_| !query.is_empty()).ok_or_else(|| {
        ApiError::new(ErrorCode::NotFound, format!("There is no print job “{query}” on {}.", printer.name))
    })?;
    if hits.next().is_some() {
        let words = format!("More than one print job there begins with “{query}”.");
        return Err(ApiError::new(ErrorCode::Ambiguous, words));
    }
    let status = core.printing.outbox.manage(printer.node, found.status.job, what).await;
    Ok(shown(core, &printer.name, ManagedJob { status: status.map_err(ask_error)?, ..found }))
}

fn managed_printer(core: &Core, printer: &str) -> Result<presence::RemoteShare, ApiError> {
    let found = presence::find_printer(core, printer)?;
    if PrinterId::of_share(&found.share).is_some() {
        let words =
            format!("No device shares {}, so there is nobody to tell of the jobs of others.", found.name);
        return Err(ApiError::new(ErrorCode::NotAllowed, words));
    }
    Ok(found)
}

fn shown(core: &Core, printer: &str, job: ManagedJob) -> Job {
    let actions = actions(&job.status);
    let ManagedJob { status, sender, user, title, bytes, pages, created_at, ended_at } = job;
    Job {
        id: status.job.to_string(),
        actions,
        title,
        direction: JobDirection::Incoming,
        printer: printer.to_owned(),
        device: sender.to_string(),
        user,
        device_name: core.presence.name_of(&sender),
        state: shown_state(status.state),
        reason: status.reason,
        detail: status.detail,
        bytes,
        pages,
        pages_done: status.pages_done,
        options: PrintOptions::default(),
        created_at,
        ended_at,
    }
}

/// What may be done with a job as it is, as far as that is known from here; its owner knows better.
fn actions(status: &JobStatus) -> Vec<JobAction> {
    match status.state {
        _ if status.over => Vec::new(),
        State::Held => vec![JobAction::Cancel, JobAction::Release],
        State::Waiting | State::Stopped => vec![JobAction::Cancel, JobAction::Hold],
        State::Printing => vec![JobAction::Cancel],
        State::Done | State::Cancelled | State::Failed => Vec::new(),
    }
}
