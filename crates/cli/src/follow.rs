//! Following one job or one copy to its end, with a line or a bar that moves on a terminal.

use crate::{Failure, ask::Asked, show};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use lanyard_api::{Change, Event, Job, JobState, Request, Response, Transfer, TransferState};
use std::time::Duration;
use tokio::sync::mpsc;

/// What can be followed by the node's events.
pub(crate) trait Followed: Sized {
    /// The newest state of this very thing in a change, if it is there.
    fn newer(&self, change: Change) -> Option<Self>;
    /// From the answer to a request.
    fn answered(response: Response) -> Option<Self>;
    /// Nothing more will happen to it.
    fn is_over(&self) -> bool;
    /// Shows where it is.
    fn draw(&self, line: &Line);
}

/// The moving line. It is drawn on stderr, and only when that is a terminal.
pub(crate) struct Line {
    bar: ProgressBar,
}

impl Line {
    pub(crate) fn new(json: bool) -> Self {
        let target = if json { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        Self { bar: ProgressBar::with_draw_target(None, target) }
    }

    fn sentence(&self, text: String) {
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
            self.bar.set_style(style);
        }
        self.bar.enable_steady_tick(Duration::from_millis(200));
        self.bar.set_message(text);
    }

    fn bytes(&self, text: String, done: u64, total: u64) {
        let template =
            "{msg}  {bar:24}  {binary_bytes} of {binary_total_bytes}  {binary_bytes_per_sec}  {eta}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style.progress_chars("━╸─"));
        }
        self.bar.disable_steady_tick();
        self.bar.set_message(text);
        self.bar.set_length(total);
        self.bar.set_position(done);
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Follows `thing` until it is over. Ctrl-C sends `stop` and then waits for the end that this brings; a second
/// one leaves at once.
pub(crate) async fn follow<T: Followed>(
    node: &Asked,
    mut events: mpsc::Receiver<Event>,
    mut thing: T,
    stop: Request,
    line: Line,
) -> Result<T, Failure> {
    let mut stop = Some(stop);
    thing.draw(&line);
    while !thing.is_over() {
        tokio::select! {
            event = events.recv() => {
                let Some(event) = event else {
                    return Err(Failure::said("Lanyard has stopped; what was begun goes on with its next start."));
                };
                if let Some(newer) = thing.newer(event.change) {
                    thing = newer;
                    thing.draw(&line);
                }
            }
            asked = tokio::signal::ctrl_c() => {
                asked?;
                let Some(stop) = stop.take() else {
                    return Err(Failure::said("Not waiting for the end; see lanyard jobs and lanyard transfers."));
                };
                if let Some(newer) = T::answered(node.ask(stop).await?) {
                    thing = newer;
                }
            }
        }
    }
    Ok(thing)
}

impl Followed for Job {
    fn newer(&self, change: Change) -> Option<Self> {
        match change {
            Change::Job(job) => Some(job).filter(|job| job.id == self.id),
            Change::Snapshot(snapshot) => snapshot.jobs.into_iter().find(|job| job.id == self.id),
            _ => None,
        }
    }

    fn answered(response: Response) -> Option<Self> {
        match response {
            Response::Job(job) => Some(job),
            _ => None,
        }
    }

    fn is_over(&self) -> bool {
        matches!(self.state, JobState::Done | JobState::Cancelled | JobState::Failed)
    }

    fn draw(&self, line: &Line) {
        line.sentence(show::job(self).trim_end().to_owned());
    }
}

impl Followed for Transfer {
    fn newer(&self, change: Change) -> Option<Self> {
        match change {
            Change::Transfer(transfer) => Some(transfer).filter(|transfer| transfer.id == self.id),
            Change::Snapshot(snapshot) => snapshot.transfers.into_iter().find(|one| one.id == self.id),
            _ => None,
        }
    }

    fn answered(response: Response) -> Option<Self> {
        match response {
            Response::Transfer(transfer) => Some(transfer),
            _ => None,
        }
    }

    fn is_over(&self) -> bool {
        // One that a person holds is not waited for.
        use TransferState::{Cancelled, Done, Failed, Paused};
        matches!(self.state, Done | Cancelled | Failed | Paused)
    }

    fn draw(&self, line: &Line) {
        match self.bytes.filter(|_| self.state == TransferState::Running) {
            Some(total) => line.bytes(show::clean(&self.name), self.bytes_done, total),
            None => line.sentence(show::transfer(self).trim_end().to_owned()),
        }
    }
}
