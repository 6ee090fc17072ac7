//! Print jobs and the queues of printers.

use super::{at, clean, near::queue_state, reasons, short, table::Table, when, with_reason};
use lanyard_api::{Job, JobDirection, JobState, Queue};

pub(crate) fn jobs(jobs: &[Job]) -> String {
    if jobs.is_empty() {
        return "There are no print jobs.\n".to_owned();
    }
    let mut table = Table::new(&["JOB", "DOCUMENT", "WHERE", "STATE", "WHEN"]);
    for job in jobs {
        table.row([
            short(&job.id),
            job.title.clone(),
            job_where(job),
            with_reason(job_state(job.state), job.detail.as_deref().or(job.reason.as_deref())),
            when(job.created_at),
        ]);
    }
    table.text()
}

pub(crate) fn queues(queues: &[Queue]) -> String {
    let mut table = Table::new(&["QUEUE", "NAME", "STATE"]);
    for queue in queues {
        let state = match queue.paused {
            true => "stopped by its owner".to_owned(),
            false => with_reason(queue_state(queue.state), queue.reasons.first().map(String::as_str)),
        };
        table.row([queue.id.clone(), queue.name.clone(), state]);
    }
    table.text()
}

pub(crate) fn job_line(job: &Job) -> String {
    format!("{}  {}", short(&job.id), self::job(job))
}

pub(crate) fn job(job: &Job) -> String {
    let reason = job.detail.as_deref().or(job.reason.as_deref());
    let pages = match (job.pages_done, job.pages) {
        (Some(done), Some(pages)) if job.state == JobState::Printing => format!(" (page {done} of {pages})"),
        _ => String::new(),
    };
    let state = clean(&with_reason(job_state(job.state), reason));
    format!("“{}” on {}: {state}{pages}\n", clean(&job.title), clean(&job_where(job)))
}

pub(crate) fn job_reason(job: &Job) -> String {
    let reason = job.detail.clone().or_else(|| Some(reasons::words(job.reason.as_deref()?).to_owned()));
    clean(&reason.unwrap_or_else(|| format!("“{}” was {}.", job.title, job_state(job.state))))
}

fn job_state(state: JobState) -> &'static str {
    match state {
        JobState::Sending => "sending",
        JobState::Waiting => "waiting",
        JobState::Held => "held",
        JobState::Printing => "printing",
        JobState::Stopped => "stopped",
        JobState::Done => "done",
        JobState::Cancelled => "cancelled",
        JobState::Failed => "failed",
    }
}

fn job_where(job: &Job) -> String {
    match job.direction {
        JobDirection::Outgoing => at(&job.printer, &job.device_name),
        JobDirection::Incoming => format!("{}, for {}", job.printer, job.device_name),
    }
}
