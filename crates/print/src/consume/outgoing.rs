//! A job of ours on another node's printer, and what may happen to it, as pure functions.

use super::Target;
use crate::{
    document::{Format, Inspected},
    offer::now,
    spool::Kept,
    ticket::{CANCEL_UNCONFIRMED, JobStatus, MAYBE_PRINTED, MUST_ASK, Options, Refused, State, Ticket},
};
use lanyard_trust::{NodeId, ShareId};
use uuid::Uuid;

/// How far a hand-over has come; on disk before what it names is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Only here.
    Here,
    /// The owner may have it.
    Offered,
    /// The owner has it.
    There,
    /// Cancelled here; the owner, who may have it, does not know yet.
    Cancelling,
    /// Nothing more to do.
    Over,
}

/// What people are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutgoingState {
    /// Kept here, on its way.
    Sending,
    /// As the owner says.
    At(State),
}

/// A job of ours on another node's printer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutgoingJob {
    /// Its UUID, the same on both sides.
    pub job: Uuid,
    /// How often a person asked for it.
    pub attempt: u32,
    /// The printer's node.
    pub node: NodeId,
    /// The share there.
    pub share: ShareId,
    /// The printer's name.
    pub printer: String,
    /// The device's name, when the job was made.
    pub device_name: String,
    /// The document's name.
    pub title: String,
    /// What it is.
    pub format: Format,
    /// Its size.
    pub bytes: u64,
    /// Its hash.
    pub blake3: String,
    /// Its pages, when they can be counted.
    pub pages: Option<u32>,
    /// What was chosen.
    pub options: Options,
    /// How far the hand-over is.
    pub phase: Phase,
    /// What people are told.
    pub state: OutgoingState,
    /// Code behind the state.
    pub reason: Option<String>,
    /// Plain words behind it.
    pub detail: Option<String>,
    /// Pages that reached paper.
    pub pages_done: Option<u32>,
    /// The last news of the owner's that counted.
    pub heard_rev: u64,
    /// Unix milliseconds.
    pub created_at: i64,
    /// Unix milliseconds.
    pub ended_at: Option<i64>,
    /// The owner is asked before the document leaves.
    pub asks_first: bool,
}

impl OutgoingJob {
    /// A job whose document is on disk.
    pub(super) fn new(
        job: Uuid,
        target: Target,
        title: String,
        kept: &Kept,
        found: Inspected,
        options: Options,
    ) -> Self {
        Self {
            job,
            attempt: 1,
            node: target.node,
            share: target.share,
            printer: target.printer,
            device_name: target.device_name,
            title: crate::ticket::title(&title),
            format: found.format,
            bytes: kept.size,
            blake3: kept.blake3.clone(),
            pages: found.pages,
            options,
            phase: Phase::Here,
            state: OutgoingState::Sending,
            reason: None,
            detail: None,
            pages_done: None,
            heard_rev: 0,
            created_at: now(),
            ended_at: None,
            asks_first: target.ask,
        }
    }

    /// What goes with the document.
    #[must_use]
    pub fn ticket(&self) -> Ticket {
        Ticket {
            title: self.title.clone(),
            format: self.format,
            size: self.bytes,
            blake3: self.blake3.clone(),
            attempt: self.attempt,
            pages: self.pages,
            options: self.options.clone(),
        }
    }

    /// The name of our copy in the spool.
    #[must_use]
    pub fn document(&self) -> String {
        document_name(self.job)
    }

    /// True while our copy may be wanted again.
    #[must_use]
    pub fn keeps_document(&self) -> bool {
        !matches!(self.state, OutgoingState::At(State::Done | State::Cancelled))
    }

    /// A person cancels it.
    pub(super) fn cancel(&mut self) {
        match self.phase {
            Phase::Over if self.may_come_again() => self.end(State::Cancelled, None, None),
            Phase::Over | Phase::Cancelling => {}
            Phase::Here => self.end(State::Cancelled, None, None),
            Phase::Offered | Phase::There => {
                // It may be on paper before its owner hears of this; nobody is told otherwise.
                self.phase = Phase::Cancelling;
                let detail = "The printer's device has not confirmed it yet.".to_owned();
                self.tell(OutgoingState::At(State::Cancelled), Some(CANCEL_UNCONFIRMED), Some(detail));
            }
        }
    }

    /// A person wants it again.
    pub(super) fn retry(&mut self, document_is_there: bool) -> Result<(), &'static str> {
        if !self.may_come_again() {
            return Err(match self.state {
                OutgoingState::At(State::Done) => {
                    "This job is printed. Print the document again to have it twice."
                }
                OutgoingState::At(State::Cancelled) => "This job was cancelled. Print the document again.",
                OutgoingState::At(State::Stopped) => {
                    "This job goes on by itself as soon as the printer is ready."
                }
                _ => "This job is still on its way.",
            });
        }
        if !document_is_there {
            return Err("The document of this job is not kept any more. Print it again.");
        }
        self.attempt += 1;
        self.phase = Phase::Here;
        self.heard_rev = 0;
        self.pages_done = None;
        self.ended_at = None;
        self.tell(OutgoingState::Sending, None, None);
        Ok(())
    }

    /// The owner says how it is.
    pub(super) fn hear(&mut self, status: &JobStatus) {
        let expected = matches!(self.phase, Phase::Offered | Phase::There | Phase::Cancelling);
        if !expected
            || status.job != self.job
            || status.attempt != self.attempt
            || status.rev <= self.heard_rev
        {
            return;
        }
        self.heard_rev = status.rev;
        self.pages_done = status.pages_done.or(self.pages_done);
        let (reason, detail) = (status.reason.as_deref(), status.detail.clone());
        if status.over {
            return self.end(status.state, reason, detail);
        }
        if self.phase == Phase::Cancelling && status.state != State::Cancelled {
            // What it was doing before it heard of the cancel.
            return;
        }
        self.phase = Phase::There;
        self.tell(OutgoingState::At(status.state), reason, detail);
    }

    /// The document is about to leave.
    pub(super) fn offered(&mut self) {
        if self.phase == Phase::Here {
            self.phase = Phase::Offered;
        }
    }

    /// The owner cannot be reached, or not now.
    pub(super) fn waits(&mut self, reason: &str, detail: &str) {
        if matches!(self.phase, Phase::Here | Phase::Offered) {
            self.tell(OutgoingState::Sending, Some(reason), Some(detail.to_owned()));
        }
    }

    /// Nothing stands in its way any more.
    pub(super) fn goes_on(&mut self) {
        if matches!(self.phase, Phase::Here | Phase::Offered) {
            self.tell(OutgoingState::Sending, None, None);
        }
    }

    /// It may be on paper or not, and nobody can tell but a person who looks.
    pub(super) fn unknown(&mut self, words: &str) {
        if self.phase == Phase::Over {
            return;
        }
        self.phase = Phase::Over;
        self.tell(OutgoingState::At(State::Stopped), Some(MAYBE_PRINTED), Some(words.to_owned()));
    }

    /// The owner wants to be asked before this document comes. It did not take it.
    pub(super) fn must_ask(&mut self) {
        if matches!(self.phase, Phase::Here | Phase::Offered) {
            self.asks_first = true;
            let detail = format!("Waiting for the owner of {} to allow this.", self.device_name);
            self.tell(OutgoingState::Sending, Some(MUST_ASK), Some(detail));
        }
    }

    /// The owner has said yes: nobody is told any longer that it waits for that.
    pub(super) fn allowed(&mut self) {
        if matches!(self.phase, Phase::Here | Phase::Offered) && self.reason.as_deref() == Some(MUST_ASK) {
            self.tell(OutgoingState::Sending, None, None);
        }
    }

    /// The owner does not want it, and will not.
    pub(super) fn refused(&mut self, refusal: &Refused) {
        match self.phase {
            Phase::Here | Phase::Offered => {
                self.end(State::Failed, Some(&refusal.reason), Some(refusal.detail.clone()));
            }
            Phase::Cancelling => self.end(State::Cancelled, None, None),
            Phase::There | Phase::Over => {}
        }
    }

    /// The owner has accepted it once and knows nothing of it now.
    pub(super) fn forgotten(&mut self) {
        match self.phase {
            Phase::There if self.state == OutgoingState::At(State::Cancelled) => {
                self.end(State::Cancelled, None, None);
            }
            Phase::There => {
                self.phase = Phase::Over;
                let detail = "The other device has lost this job. Look at the printer: if it is not on paper, try again.";
                self.tell(OutgoingState::At(State::Stopped), Some(MAYBE_PRINTED), Some(detail.to_owned()));
            }
            Phase::Cancelling => self.end(State::Cancelled, None, None),
            // It never got there whole: it goes out again.
            Phase::Offered => self.phase = Phase::Here,
            Phase::Here | Phase::Over => {}
        }
    }

    fn may_come_again(&self) -> bool {
        let lost =
            self.state == OutgoingState::At(State::Stopped) && self.reason.as_deref() == Some(MAYBE_PRINTED);
        lost || self.state == OutgoingState::At(State::Failed)
    }

    fn tell(&mut self, state: OutgoingState, reason: Option<&str>, detail: Option<String>) {
        self.state = state;
        self.reason = reason.map(str::to_owned);
        self.detail = detail;
    }

    fn end(&mut self, state: State, reason: Option<&str>, detail: Option<String>) {
        self.phase = Phase::Over;
        self.ended_at = Some(now());
        self.tell(OutgoingState::At(state), reason, detail);
    }
}

pub(super) fn document_name(job: Uuid) -> String {
    job.simple().to_string()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn job() -> OutgoingJob {
        let target = Target {
            node: NodeId::from_bytes([7; 32]),
            share: ShareId("laser".to_owned()),
            printer: "Laser".to_owned(),
            device_name: "Anna".to_owned(),
            ask: false,
        };
        let kept = Kept { size: 3, blake3: "0".repeat(64) };
        let found = Inspected { format: Format::Text, pages: None };
        OutgoingJob::new(Uuid::new_v4(), target, "x.txt".to_owned(), &kept, found, Options::default())
    }

    fn status(job: &OutgoingJob, rev: u64, state: State) -> JobStatus {
        let over = state.is_final();
        JobStatus {
            job: job.job,
            attempt: job.attempt,
            rev,
            state,
            over,
            reason: None,
            detail: None,
            pages_done: None,
            unprinted: false,
        }
    }

    #[test]
    fn old_news_does_not_undo_new_news() {
        let mut job = job();
        job.offered();
        job.hear(&status(&job, 3, State::Printing));
        job.hear(&status(&job, 2, State::Waiting));
        assert_eq!(job.state, OutgoingState::At(State::Printing));
        job.hear(&status(&job, 4, State::Done));
        job.hear(&status(&job, 5, State::Printing));
        assert_eq!((job.state, job.phase), (OutgoingState::At(State::Done), Phase::Over));
    }

    #[test]
    fn a_job_that_never_left_is_cancelled_here_and_now() {
        let mut job = job();
        job.cancel();
        assert_eq!((job.state, job.phase), (OutgoingState::At(State::Cancelled), Phase::Over));
    }

    #[test]
    fn a_cancel_is_shown_at_once_and_carried_over_later() {
        let mut job = job();
        job.offered();
        job.cancel();
        assert_eq!((job.state, job.phase), (OutgoingState::At(State::Cancelled), Phase::Cancelling));
        assert_eq!(job.reason.as_deref(), Some(CANCEL_UNCONFIRMED), "its owner may be printing it");
        job.hear(&status(&job, 2, State::Printing));
        assert_eq!(
            job.state,
            OutgoingState::At(State::Cancelled),
            "what it did before it heard of the cancel"
        );
        job.hear(&JobStatus { over: false, ..status(&job, 3, State::Cancelled) });
        assert_eq!(job.phase, Phase::There, "the owner knows, its printer does not yet");
        assert_eq!(job.reason, None, "the owner has confirmed it");
        job.hear(&status(&job, 4, State::Done));
        assert_eq!(job.state, OutgoingState::At(State::Done), "it was too late, and that is said");
    }

    #[test]
    fn a_job_that_its_owner_lost_may_be_on_paper_and_a_person_decides() {
        let mut job = job();
        job.offered();
        job.hear(&status(&job, 1, State::Waiting));
        assert!(job.retry(true).is_err(), "it is on its way");
        job.forgotten();
        assert_eq!(job.reason.as_deref(), Some(MAYBE_PRINTED));
        assert!(job.keeps_document());
        job.retry(true).unwrap();
        assert_eq!((job.attempt, job.phase), (2, Phase::Here));
        job.offered();
        let late = JobStatus { attempt: 1, ..status(&job, 9, State::Done) };
        job.hear(&late);
        assert_eq!(
            job.state,
            OutgoingState::Sending,
            "news of the first attempt do not count for the second"
        );
    }

    #[test]
    fn a_job_whose_owner_must_be_asked_waits_and_may_be_cancelled_meanwhile() {
        let mut job = job();
        job.offered();
        job.must_ask();
        assert_eq!((job.state, job.reason.as_deref()), (OutgoingState::Sending, Some(MUST_ASK)));
        assert_eq!(job.phase, Phase::Offered, "an earlier try may still be on its way: that is asked first");
        job.forgotten();
        assert!(job.asks_first && job.phase == Phase::Here, "it asks before it goes out again");
        let mut allowed = job.clone();
        allowed.allowed();
        assert_eq!((allowed.reason, allowed.phase), (None, Phase::Here));
        let mut cancelled = job.clone();
        cancelled.cancel();
        assert_eq!((cancelled.state, cancelled.phase), (OutgoingState::At(State::Cancelled), Phase::Over));
        cancelled.must_ask();
        assert_eq!(cancelled.state, OutgoingState::At(State::Cancelled), "late news change nothing");
        job.offered();
        job.hear(&status(&job, 1, State::Waiting));
        job.must_ask();
        assert_eq!(job.state, OutgoingState::At(State::Waiting), "it has it");
    }

    #[test]
    fn a_job_that_never_arrived_whole_goes_out_again_by_itself() {
        let mut job = job();
        job.offered();
        job.forgotten();
        assert_eq!((job.phase, job.attempt), (Phase::Here, 1));
    }
}
