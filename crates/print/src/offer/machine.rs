//! The life of a job on its way into a queue, as a pure state machine.
//!
//! [`Journal`] is what is on disk, [`Machine`] adds what only this process knows. [`Machine::decide`] tells what to
//! do; the driver records the journal whenever it changed, *then* acts, then tells what happened with
//! [`Machine::happened`]. So after a crash at any point the journal says what may have been done, and the queue is
//! searched for the job's mark before anything is done again.
//!
//! The rule that matters: a document is sent again only when it is certain that it was not printed. Where that
//! cannot be known, the job stops as `maybe_printed` and a person decides.

use super::hold::Holds;
use crate::{
    system::{Sighting, SpoolError, Stage},
    ticket::{MAYBE_PRINTED, State},
};
use std::time::{Duration, Instant};

/// How far a job has come; every step is on disk before what it names is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The document is safe here.
    Received,
    /// An empty job may have been made in the queue.
    Creating,
    /// An empty job was made.
    Created,
    /// The document may have been given to it, whole or in part.
    Sending,
    /// The document is in the queue.
    Submitted,
    /// It may be on paper or not; nothing more is done by itself.
    Unknown,
    /// Over.
    Ended,
}

/// What is on disk about a job's way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Journal {
    /// How far it has come.
    pub step: Step,
    /// The system's number of the job, once known.
    pub number: Option<i32>,
    /// True once the queue was seen printing it.
    pub begun: bool,
    /// Somebody asked to cancel it.
    pub cancel: bool,
    /// What keeps it back.
    pub holds: Holds,
    /// The queue may keep it back because we asked it to.
    pub held_there: bool,
    /// It is over, and certainly nothing of it is on paper.
    pub unprinted: bool,
    /// What people are told.
    pub state: State,
    /// Code behind the state.
    pub reason: Option<String>,
    /// Plain words behind it.
    pub detail: Option<String>,
    /// Pages that reached paper.
    pub pages_done: Option<u32>,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Search the queue for the mark.
    Find,
    /// Make an empty job.
    Create,
    /// Give it the document.
    Send(i32),
    /// Cancel an empty job, and look what became of it.
    Abandon(i32),
    /// Cancel the job.
    Cancel(i32),
    /// Have the queue keep it back.
    Hold(i32),
    /// Have the queue let it go.
    Release(i32),
    /// Look at the job.
    Look(i32),
    /// Nothing, until somebody asks for something.
    Rest,
}

/// What happened when it was done.
#[derive(Debug)]
pub enum Event {
    /// A search or a look ended.
    Seen(Option<Sighting>),
    /// An empty job was made.
    Created(i32),
    /// The document was taken.
    Sent,
    /// A document was not, or not certainly, taken.
    NotSent {
        /// Why.
        error: SpoolError,
        /// True when its last byte had left.
        whole: bool,
    },
    /// The cancel was taken.
    CancelTaken,
    /// The queue keeps it back.
    HoldTaken,
    /// The queue has let it go.
    ReleaseTaken,
    /// Anything but sending failed.
    Failed(SpoolError),
    /// Somebody wants it cancelled.
    CancelAsked,
    /// This is what keeps it back from now on.
    HoldsAre(Holds),
}

/// How long before an outage a job must have been seen standing to be sure that it was not begun.
const FRESH: Duration = Duration::from_secs(4);

/// A job and what this process knows of it.
#[derive(Clone, Debug)]
pub struct Machine {
    journal: Journal,
    /// True for a queue where a job that is not found was certainly not printed.
    absence_is_proof: bool,
    /// The queue's state matches the journal: searched, or brought about, by this process.
    certain: bool,
    /// When the job was last seen untouched in a queue that stands still.
    standing_at: Option<Instant>,
    /// The spooler stopped answering so soon after that that nothing can have begun.
    safe_outage: bool,
    /// The spooler, or this process, was away while the job may have been begun and set back to the beginning: what it
    /// shows afterwards proves nothing about paper.
    shaken: bool,
    /// The life of the spooler that last told of it.
    life: Option<u64>,
    /// The document's last byte left, as this process knows; none after a restart.
    whole: Option<bool>,
    cancel_sent: bool,
    hold_sent: bool,
}

impl Journal {
    /// A document that was just accepted, and what keeps it back.
    #[must_use]
    pub fn received(holds: Holds) -> Self {
        let mut journal = Self {
            step: Step::Received,
            number: None,
            begun: false,
            cancel: false,
            holds,
            held_there: false,
            unprinted: false,
            state: State::Waiting,
            reason: None,
            detail: None,
            pages_done: None,
        };
        journal.keep_back();
        journal
    }

    /// The same, when a queue may have an empty job for it already, or has one that waits for the document's last piece.
    #[must_use]
    pub(super) fn ahead(self, job: Option<i32>) -> Self {
        let step = if job.is_some() { Step::Sending } else { Step::Creating };
        Self { step, number: job, ..self }
    }

    /// True while the document has certainly not left.
    pub(crate) fn is_here(&self) -> bool {
        matches!(self.step, Step::Received | Step::Creating | Step::Created)
    }

    /// Whether this must be on the disk before anything follows it. Otherwise a power cut may take it back to the step
    /// before: an empty job prints nothing, and is made anew; and what a queue has got is searched for either way, after
    /// which nothing counts that was seen before.
    pub(crate) fn must_last(&self) -> bool {
        !matches!(self.step, Step::Creating | Step::Submitted)
    }

    /// Says so when something keeps it back.
    pub(super) fn keep_back(&mut self) {
        if let Some(hold) = self.holds.first() {
            self.tell(State::Held, Some(hold.reason()), None);
        }
    }

    /// Says that nothing does any more.
    pub(super) fn let_go(&mut self) {
        if self.state == State::Held {
            self.tell(State::Waiting, None, None);
        }
    }

    /// Over, and nothing of it is on paper.
    pub(super) fn end_unprinted(&mut self, state: State, reason: Option<&str>, detail: Option<String>) {
        self.unprinted = true;
        self.end(state, reason, detail);
    }

    fn tell(&mut self, state: State, reason: Option<&str>, detail: Option<String>) {
        self.state = state;
        self.reason = reason.map(str::to_owned);
        self.detail = detail;
    }

    fn end(&mut self, state: State, reason: Option<&str>, detail: Option<String>) {
        self.step = Step::Ended;
        self.tell(state, reason, detail);
    }
}

impl Machine {
    /// Goes on from what is on disk.
    #[must_use]
    pub fn new(journal: Journal, absence_is_proof: bool) -> Self {
        // Nobody looked while this process was away.
        let shaken = matches!(journal.step, Step::Sending | Step::Submitted);
        Self {
            journal,
            absence_is_proof,
            certain: false,
            standing_at: None,
            safe_outage: false,
            shaken,
            life: None,
            whole: None,
            cancel_sent: false,
            hold_sent: false,
        }
    }

    /// Goes on while this process sends the document, and its last piece has certainly not left.
    #[must_use]
    pub fn sending(journal: Journal, absence_is_proof: bool) -> Self {
        Self { shaken: false, whole: Some(false), ..Self::new(journal, absence_is_proof) }
    }

    /// What must be on disk before the next action is taken.
    #[must_use]
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// What to do now. May move the journal on: record it before acting.
    pub fn decide(&mut self) -> Action {
        let number = self.journal.number;
        match (self.journal.step, number) {
            (Step::Ended | Step::Unknown, _) => Action::Rest,
            // Nothing of it is in the queue, and nothing comes there.
            (Step::Received, _) if self.is_held() => self.keep_back(),
            (Step::Creating, None) if self.certain && self.is_held() => self.keep_back(),
            (Step::Received, _) => {
                self.journal.step = Step::Creating;
                self.certain = true;
                Action::Create
            }
            (Step::Creating, None) if self.certain && self.journal.cancel => {
                self.journal.end_unprinted(State::Cancelled, None, None);
                Action::Rest
            }
            (Step::Creating, None) if self.certain => Action::Create,
            (Step::Created, Some(number)) if self.certain && !self.journal.cancel && !self.is_held() => {
                self.journal.step = Step::Sending;
                self.certain = false;
                // Until the sending has ended otherwise; it does not begin when a wish comes before it.
                self.whole = Some(false);
                Action::Send(number)
            }
            // Seen once before: of one that nobody has seen, its end would not say whether it is on paper.
            (Step::Submitted, Some(number))
                if self.journal.cancel && !self.cancel_sent && self.life.is_some() =>
            {
                Action::Cancel(number)
            }
            (Step::Submitted, Some(number)) if self.is_held() && !self.journal.begun && !self.hold_sent => {
                self.journal.held_there = true;
                Action::Hold(number)
            }
            (Step::Submitted, Some(number)) if self.journal.held_there && !self.is_held() => {
                // From here on it may begin, whatever was certain before.
                self.standing_at = None;
                self.safe_outage = false;
                Action::Release(number)
            }
            (Step::Submitted, Some(number)) => Action::Look(number),
            _ => match self.shell() {
                Some(number) => Action::Abandon(number),
                None => Action::Find,
            },
        }
    }

    /// What came of it, at `now`.
    pub fn happened(&mut self, event: Event, now: Instant) {
        match event {
            Event::CancelAsked => self.cancel_asked(),
            Event::Created(number) => {
                self.journal.step = Step::Created;
                self.journal.number = Some(number);
                self.certain = true;
            }
            Event::Sent => self.journal.step = Step::Submitted,
            Event::NotSent { error: error @ (SpoolError::Away(_) | SpoolError::NotFound), whole } => {
                self.whole = Some(whole);
                self.certain = false;
                self.trouble(&error, now);
            }
            Event::NotSent { error, .. } => self.refused(&error),
            Event::CancelTaken => self.cancel_sent = true,
            Event::HoldTaken => self.hold_sent = true,
            Event::ReleaseTaken => self.is_released(),
            Event::HoldsAre(holds) => self.holds_are(holds),
            Event::Failed(error) => self.failed(error, now),
            Event::Seen(sighting) => self.seen(sighting, now),
        }
    }

    /// True for a job whose empty shell is in the queue and whose document never got there.
    fn shell(&self) -> Option<i32> {
        self.journal.number.filter(|_| self.certain && self.journal.step != Step::Submitted)
    }

    /// Whether nobody has cancelled it and nothing keeps it back.
    pub(super) fn is_wanted(&self) -> bool {
        !self.journal.cancel && self.journal.holds.is_empty()
    }

    fn is_held(&self) -> bool {
        !self.journal.holds.is_empty() && !self.journal.cancel
    }

    fn keep_back(&mut self) -> Action {
        self.journal.step = Step::Received;
        self.journal.keep_back();
        Action::Rest
    }

    fn holds_are(&mut self, holds: Holds) {
        self.journal.holds = holds;
        if holds.is_empty() {
            self.journal.let_go();
        }
    }

    fn is_released(&mut self) {
        self.journal.held_there = false;
        self.hold_sent = false;
    }

    fn cancel_asked(&mut self) {
        if self.journal.cancel || self.journal.step == Step::Ended {
            return;
        }
        self.journal.cancel = true;
        match self.journal.step {
            Step::Received => self.journal.end_unprinted(State::Cancelled, None, None),
            Step::Unknown => self.journal.end(State::Cancelled, None, None),
            // Shown at once; the queue is told as soon as it answers.
            _ => self.journal.tell(State::Cancelled, None, None),
        }
    }

    fn failed(&mut self, error: SpoolError, now: Instant) {
        match (self.journal.step, error) {
            (_, error @ SpoolError::Away(_)) => {
                // Creating: a job may have been made although the answer is missing.
                self.certain = false;
                self.trouble(&error, now);
            }
            // The job was there and is not any more.
            (_, SpoolError::NotFound) if self.journal.number.is_some() => {
                self.certain = false;
                self.vanished();
            }
            (Step::Creating, error @ (SpoolError::NotAccepting | SpoolError::Full | SpoolError::Paused)) => {
                self.trouble(&error, now)
            }
            (Step::Creating, error) => self.refused(&error),
            (_, error) if self.journal.cancel && !self.cancel_sent => {
                // The owner's own system does not let us cancel: what happens to the job is followed all the same.
                self.cancel_sent = true;
                self.journal.detail = Some(error.to_string());
            }
            // The queue does not keep back what is being printed, or lets go what it does not keep back.
            (Step::Submitted, _) if self.journal.held_there => {
                self.journal.holds = Holds::default();
                self.journal.let_go();
                self.is_released();
            }
            (_, error) => self.trouble(&error, now),
        }
    }

    /// Will not get better by waiting.
    fn refused(&mut self, error: &SpoolError) {
        let reason = match error {
            SpoolError::Unsupported(_) => "unsupported_document",
            SpoolError::Full => "disk_full",
            SpoolError::NotAvailable => "not_available",
            _ => "printer_failed",
        };
        let detail = match error {
            SpoolError::Unsupported(detail) => detail.clone(),
            error => error.to_string(),
        };
        let state = if self.journal.cancel { State::Cancelled } else { State::Failed };
        self.journal.end_unprinted(state, Some(reason), Some(detail));
    }

    /// May get better by waiting.
    fn trouble(&mut self, error: &SpoolError, now: Instant) {
        if matches!(error, SpoolError::Away(_)) && !self.safe_outage {
            self.safe_outage = self.was_away(now);
            // The life that comes next is expected.
            self.life = None;
        }
        if self.journal.cancel {
            return;
        }
        if self.is_held() && self.journal.is_here() {
            return self.journal.keep_back();
        }
        let reason = match error {
            SpoolError::Full => "disk_full",
            SpoolError::NotAccepting => "not-accepting-jobs",
            SpoolError::Paused => "paused",
            _ => "print_service_away",
        };
        self.journal.tell(State::Stopped, Some(reason), Some(error.to_string()));
    }

    /// The spooler was away, as is seen now. True when nothing can have begun between the last look and that.
    fn was_away(&mut self, now: Instant) -> bool {
        let safe = self.standing_at.is_some_and(|at| now.saturating_duration_since(at) <= FRESH);
        self.shaken |= !safe && matches!(self.journal.step, Step::Sending | Step::Submitted);
        safe
    }

    fn seen(&mut self, sighting: Option<Sighting>, now: Instant) {
        let Some(seen) = sighting else { return self.vanished() };
        let known = self.life.replace(seen.life);
        if known.is_some_and(|known| known != seen.life) {
            self.was_away(now);
        }
        self.journal.number = Some(seen.job);
        self.journal.begun |= seen.begun;
        self.safe_outage = false;
        // Only a queue that stands still is sure not to begin between this look and an outage.
        let kept_back = self.hold_sent && seen.stage == Stage::Waiting;
        let stands = (seen.stage == Stage::Stopped || kept_back) && !seen.begun;
        self.standing_at = stands.then_some(now);
        if seen.documents == 0 && !seen.begun && self.journal.step != Step::Submitted {
            return self.found_shell(&seen);
        }
        self.journal.step = Step::Submitted;
        self.journal.pages_done = seen.pages_done.or(self.journal.pages_done);
        if self.journal.begun {
            // Too late to keep it back; `decide` tells a queue that does.
            self.journal.holds = Holds::default();
        }
        let reason = seen.reason.as_deref();
        // One that is aborted may have been printed by a filter chain that outlived its print service.
        let untouched = known.is_some() && !self.journal.begun && !self.shaken;
        self.journal.unprinted = seen.stage == Stage::Cancelled && untouched;
        match seen.stage {
            Stage::Done => self.journal.end(State::Done, None, seen.detail.filter(|_| seen.reason.is_none())),
            Stage::Cancelled => {
                let detail = (!self.journal.cancel).then(|| "Cancelled at the printer.".to_owned());
                self.journal.end(State::Cancelled, None, detail);
            }
            Stage::Aborted if self.journal.cancel => self.journal.end(State::Cancelled, None, None),
            Stage::Aborted => self.journal.end(State::Failed, Some("printer_failed"), seen.detail),
            _ if self.journal.cancel => {}
            Stage::Waiting | Stage::Stopped if self.is_held() => self.journal.keep_back(),
            // Somebody keeps it back in the system's own queue.
            Stage::Waiting if reason.is_some_and(|reason| reason.starts_with("job-hold")) => {
                self.journal.tell(State::Held, reason, None);
            }
            Stage::Waiting => self.journal.tell(State::Waiting, reason, None),
            Stage::Printing => self.journal.tell(State::Printing, None, None),
            Stage::Stopped => self.journal.tell(State::Stopped, reason, seen.detail),
        }
    }

    /// A job without a document is in the queue: one of an earlier life, or one that was just abandoned.
    fn found_shell(&mut self, seen: &Sighting) {
        if matches!(seen.stage, Stage::Cancelled | Stage::Aborted | Stage::Done) {
            self.again();
        } else {
            // `decide` abandons it: a shell that is taken up again might be closed by the system meanwhile.
            if self.journal.step == Step::Created {
                self.journal.step = Step::Creating;
            }
            self.certain = true;
        }
    }

    /// The queue has no job with our mark.
    fn vanished(&mut self) {
        let never_whole = self.journal.step == Step::Sending && self.whole == Some(false);
        let never_sent = matches!(self.journal.step, Step::Received | Step::Creating | Step::Created);
        let lost_unbegun = self.journal.step == Step::Submitted && !self.journal.begun && self.safe_outage;
        if self.absence_is_proof || never_sent || never_whole || lost_unbegun {
            return self.again();
        }
        if self.journal.cancel {
            let detail = "It left the print queue before it was cancelled; it may be on paper.".to_owned();
            return self.journal.end(State::Cancelled, None, Some(detail));
        }
        self.journal.step = Step::Unknown;
        let detail =
            "The print queue has lost this job. Look at the printer: if it is not on paper, try again.";
        self.journal.tell(State::Stopped, Some(MAYBE_PRINTED), Some(detail.to_owned()));
    }

    /// Certainly not printed: from the beginning, or over if nobody wants it any more.
    fn again(&mut self) {
        if self.journal.cancel {
            return self.journal.end_unprinted(State::Cancelled, None, None);
        }
        self.journal.step = Step::Creating;
        self.journal.number = None;
        self.is_released();
        self.certain = true;
        self.standing_at = None;
        self.safe_outage = false;
        self.shaken = false;
        self.life = None;
        self.whole = None;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
#[path = "machine_tests.rs"]
mod tests;
