//! A job of ours on another node's printer, and what may happen to it, as pure functions.

use super::{Target, standard::PrinterId};
use crate::{
    document::{Format, Inspected},
    offer::now,
    spool::Kept,
    ticket::{
        CANCEL_UNCONFIRMED, HELD_BY_SENDER, JobStatus, MAYBE_PRINTED, MUST_ASK, Options, Refused, State,
        Ticket,
    },
};
use lanyard_trust::{NodeId, ShareId};
use uuid::Uuid;

/// What is told of a job that a printer without Lanyard has.
const NOT_BACK: &str =
    "The printer itself has this job already. Cancel it there, then print it again elsewhere.";

/// The reason of a job that goes to another printer as soon as its owner has given it back.
pub const MOVING: &str = "moving";

/// The reason of a job that goes by another device, because the first does not answer.
pub const ANOTHER_WAY: &str = "another_way";

/// What a person can do with a job of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Cancel it.
    Cancel,
    /// Keep it back.
    Hold,
    /// Let it go.
    Release,
    /// Print it on another printer.
    Move,
    /// Try it again.
    Retry,
    /// Print it once more, as another job.
    Reprint,
}

/// Where a wish about a job is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Where {
    /// It is done.
    Here,
    /// Its owner must be asked.
    Owner,
}

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
    /// This attempt may have left whole. As long as it has not, it is nowhere else.
    pub left: bool,
    /// A person keeps it back on this side.
    pub hold: bool,
    /// Where it goes once its owner has given it back.
    pub moving: Option<Target>,
    /// Our copy of the document is still here.
    pub kept: bool,
    /// The piece of hardware, as its device told it.
    pub identity: Option<String>,
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
            left: false,
            hold: false,
            moving: None,
            kept: true,
            identity: target.identity,
        }
    }

    /// Kept back from the beginning.
    pub(super) fn begin_held(&mut self) {
        self.hold = true;
        self.say_held();
    }

    /// Where it goes.
    pub(super) fn target(&self) -> Target {
        Target {
            node: self.node,
            share: self.share.clone(),
            printer: self.printer.clone(),
            device_name: self.device_name.clone(),
            ask: self.asks_first,
            identity: self.identity.clone(),
        }
    }

    /// The same document once more, as a job of its own.
    pub(super) fn once_more(&self, job: Uuid) -> Self {
        Self {
            job,
            attempt: 1,
            phase: Phase::Here,
            state: OutgoingState::Sending,
            reason: None,
            detail: None,
            pages_done: None,
            heard_rev: 0,
            created_at: now(),
            ended_at: None,
            left: false,
            hold: false,
            moving: None,
            ..self.clone()
        }
    }

    /// Whether a person can do that with it now.
    #[must_use]
    pub fn may(&self, deed: Deed) -> bool {
        let is_there = |state| self.phase == Phase::There && self.state == OutgoingState::At(state);
        match deed {
            Deed::Cancel => match self.phase {
                Phase::Here | Phase::Offered => true,
                Phase::There => self.state != OutgoingState::At(State::Cancelled),
                Phase::Cancelling => self.moving.is_some(),
                Phase::Over => self.may_come_again(),
            },
            Deed::Hold => {
                (!self.hold && matches!(self.phase, Phase::Here | Phase::Offered))
                    || (is_there(State::Waiting) && !self.is_direct())
            }
            Deed::Release => {
                let ours = self.reason.as_deref() == Some(HELD_BY_SENDER);
                (self.hold && self.phase != Phase::Over) || (is_there(State::Held) && ours)
            }
            Deed::Move => self.clone().leave(None).is_ok(),
            Deed::Retry => self.may_come_again() && self.kept,
            Deed::Reprint => self.phase == Phase::Over && self.kept && !self.is_lost(),
        }
    }

    /// What goes with the document.
    #[must_use]
    pub fn ticket(&self) -> Ticket {
        Ticket {
            title: self.title.clone(),
            format: self.format,
            size: self.bytes,
            blake3: Some(self.blake3.clone()),
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

    /// A person cancels it.
    pub(super) fn cancel(&mut self) {
        match self.phase {
            Phase::Over if self.may_come_again() => self.end(State::Cancelled, None, None),
            Phase::Cancelling if self.moving.is_some() => {
                self.moving = None;
                self.unconfirmed();
            }
            Phase::Over | Phase::Cancelling => {}
            Phase::Here if !self.left => self.end(State::Cancelled, None, None),
            Phase::Here | Phase::Offered | Phase::There => {
                // It may be on paper before its owner hears of this; nobody is told otherwise.
                self.phase = Phase::Cancelling;
                self.unconfirmed();
            }
        }
    }

    fn unconfirmed(&mut self) {
        let detail = "The printer's device has not confirmed it yet.".to_owned();
        self.tell(OutgoingState::At(State::Cancelled), Some(CANCEL_UNCONFIRMED), Some(detail));
    }

    /// A person keeps it back.
    pub(super) fn keep_back(&mut self) -> Result<Where, &'static str> {
        match self.phase {
            Phase::Here => {
                self.hold = true;
                self.say_held();
            }
            // The sending is broken off; if it has arrived all the same, its owner is asked to keep it back.
            Phase::Offered => self.hold = true,
            Phase::There if self.is_direct() => return Err(NOT_BACK),
            Phase::There if self.state != OutgoingState::At(State::Cancelled) => return Ok(Where::Owner),
            Phase::There | Phase::Cancelling => return Err("This job is being cancelled or moved."),
            Phase::Over => return Err("This job is over."),
        }
        Ok(Where::Here)
    }

    /// A person lets it go.
    pub(super) fn let_go(&mut self) -> Result<Where, &'static str> {
        match self.phase {
            Phase::Here | Phase::Offered if self.hold => {
                self.hold = false;
                self.tell(OutgoingState::Sending, None, None);
                Ok(Where::Here)
            }
            Phase::There if !self.is_direct() => {
                self.hold = false;
                Ok(Where::Owner)
            }
            _ => Err("This job is not held."),
        }
    }

    /// The owner keeps it back, or cannot any more; what it says counts.
    pub(super) fn held_there(&mut self) {
        if self.phase == Phase::There {
            self.hold = false;
        }
    }

    /// A person wants it on another printer.
    pub(super) fn move_to(&mut self, target: Target) -> Result<(), &'static str> {
        let is_over = self.phase == Phase::Over;
        let stays = self.node == target.node && self.share == target.share;
        if stays && !is_over && self.moving.is_none() {
            return Err("This job is on that printer already.");
        }
        self.leave(Some(target))
    }

    /// Leaves the printer that it is for. It goes on to `target` when it is certain that it is not printed there.
    fn leave(&mut self, target: Option<Target>) -> Result<(), &'static str> {
        const PRINTING: &str =
            "This job is being printed already. Cancel it there, then print it again elsewhere.";
        if !self.kept {
            return Err("The document of this job is not kept any more. Print it again.");
        }
        match (self.phase, self.state) {
            (Phase::Over, _) if self.is_lost() => {
                return Err(
                    "Nobody knows whether this job is printed. Look at the printer: if it is not on paper, try again.",
                );
            }
            (Phase::Here, _) if self.left => {}
            (Phase::Here, _) | (Phase::Over, OutgoingState::At(State::Failed)) => {
                if let Some(target) = target {
                    self.retarget(target);
                }
                return Ok(());
            }
            (Phase::Over, _) => return Err("This job is over. Print it again."),
            (Phase::There, OutgoingState::At(State::Printing)) => return Err(PRINTING),
            (Phase::There, _) if self.is_direct() => return Err(NOT_BACK),
            (Phase::There, OutgoingState::At(State::Cancelled)) => {
                return Err("This job is being cancelled.");
            }
            (Phase::Cancelling, _) if self.moving.is_none() => return Err("This job is being cancelled."),
            (Phase::Offered | Phase::There | Phase::Cancelling, _) => {}
        }
        if target.is_some() {
            self.phase = Phase::Cancelling;
            self.moving = target;
            let detail = format!("Waiting for {} to give it back.", self.device_name);
            self.tell(OutgoingState::Sending, Some(MOVING), Some(detail));
        }
        Ok(())
    }

    /// Another printer's from now on. What is said about it on the old one does not count any more.
    fn retarget(&mut self, target: Target) {
        self.node = target.node;
        self.share = target.share;
        self.printer = target.printer;
        self.device_name = target.device_name;
        self.asks_first = target.ask;
        self.identity = target.identity;
        self.attempt += 1;
        self.phase = Phase::Here;
        self.heard_rev = 0;
        self.pages_done = None;
        self.ended_at = None;
        self.left = false;
        self.moving = None;
        self.hold = false;
        self.tell(OutgoingState::Sending, None, None);
    }

    /// Whether it may go by another device while this one is away: it has certainly not left.
    pub(super) fn may_go_around(&self) -> bool {
        self.phase == Phase::Here && !self.left && !self.hold && !self.is_direct()
    }

    /// It goes by another device to the same piece of hardware, because this one is away.
    pub(super) fn go_around(&mut self, way: Target) {
        let is_another = way.node != self.node || way.share != self.share;
        if self.may_go_around() && is_another {
            let words =
                format!("{} does not answer. It goes by way of {}.", self.device_name, way.device_name);
            self.retarget(way);
            self.tell(OutgoingState::Sending, Some(ANOTHER_WAY), Some(words));
        }
    }

    /// The owner does not give it back: it has begun to print it.
    pub(super) fn not_given_back(&mut self) {
        if self.phase == Phase::Cancelling && self.moving.take().is_some() {
            self.phase = Phase::There;
            self.tell(OutgoingState::At(State::Printing), None, None);
        }
    }

    /// A person wants it again.
    pub(super) fn retry(&mut self) -> Result<(), &'static str> {
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
        if !self.kept {
            return Err("The document of this job is not kept any more. Print it again.");
        }
        self.attempt += 1;
        self.phase = Phase::Here;
        self.left = false;
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
        if status.over
            && let Some(target) = self.moving.take()
        {
            return self.given_back(status, target);
        }
        if status.over {
            return self.end(status.state, reason, detail);
        }
        if self.phase == Phase::Cancelling && (status.state != State::Cancelled || self.moving.is_some()) {
            // What it was doing before it heard of the cancel; or it has heard, and its printer has not.
            return;
        }
        self.phase = Phase::There;
        self.tell(OutgoingState::At(status.state), reason, detail);
    }

    /// The owner has done with it, and somebody wanted it elsewhere.
    fn given_back(&mut self, status: &JobStatus, target: Target) {
        if status.unprinted {
            return self.retarget(target);
        }
        let reason = status.reason.as_deref();
        let detail = match status.state {
            State::Done => "It was printed before it could be moved.",
            State::Cancelled => {
                "It had begun to print when it was taken back, so it was not sent to the other printer. \
                 Print it again if it is not on paper."
            }
            _ => return self.end(status.state, reason, status.detail.clone()),
        };
        self.end(status.state, reason, Some(detail.to_owned()));
    }

    /// The document is about to leave.
    pub(super) fn offered(&mut self) {
        if self.phase == Phase::Here && !self.hold {
            self.phase = Phase::Offered;
            self.left = true;
        }
    }

    /// It has certainly not left whole just now; whether it had `before` is as it was.
    pub(super) fn not_left(&mut self, before: bool) {
        self.left = before;
        match self.phase {
            Phase::Offered => self.stays_here(),
            Phase::Cancelling if !before => match self.moving.take() {
                Some(target) => self.retarget(target),
                None => self.end(State::Cancelled, None, None),
            },
            _ => {}
        }
    }

    fn stays_here(&mut self) {
        self.phase = Phase::Here;
        if self.hold {
            self.say_held();
        }
    }

    /// Whether it is as the way to its owner is. Not while a person keeps it back: what comes of a try that began before
    /// that is no news.
    fn is_leaving(&self) -> bool {
        match self.phase {
            Phase::Here => !self.hold,
            Phase::Offered => true,
            Phase::There | Phase::Cancelling | Phase::Over => false,
        }
    }

    /// The owner cannot be reached, or not now.
    pub(super) fn waits(&mut self, reason: &str, detail: &str) {
        if self.is_leaving() {
            self.tell(OutgoingState::Sending, Some(reason), Some(detail.to_owned()));
        }
    }

    /// Nothing stands in its way any more.
    pub(super) fn goes_on(&mut self) {
        if self.is_leaving() {
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
            Phase::Cancelling => self.forgotten(),
            Phase::There | Phase::Over => {}
        }
    }

    /// The owner has accepted it once and knows nothing of it now.
    pub(super) fn forgotten(&mut self) {
        match self.phase {
            Phase::There if self.state == OutgoingState::At(State::Cancelled) => {
                self.end(State::Cancelled, None, None);
            }
            Phase::There => self.lost(),
            Phase::Cancelling => match self.moving.take() {
                None => self.end(State::Cancelled, None, None),
                // It never got there.
                Some(target) if self.heard_rev == 0 => self.retarget(target),
                Some(_) => self.lost(),
            },
            // It never got there whole: it goes out again.
            Phase::Offered => self.stays_here(),
            Phase::Here | Phase::Over => {}
        }
    }

    fn lost(&mut self) {
        self.phase = Phase::Over;
        let detail =
            "The other device has lost this job. Look at the printer: if it is not on paper, try again.";
        self.tell(OutgoingState::At(State::Stopped), Some(MAYBE_PRINTED), Some(detail.to_owned()));
    }

    /// Nobody knows whether it is on paper.
    fn is_lost(&self) -> bool {
        self.state == OutgoingState::At(State::Stopped) && self.reason.as_deref() == Some(MAYBE_PRINTED)
    }

    fn may_come_again(&self) -> bool {
        self.is_lost() || self.state == OutgoingState::At(State::Failed)
    }

    /// It goes to a standard printer, which no node offers.
    fn is_direct(&self) -> bool {
        PrinterId::of_share(&self.share).is_some()
    }

    fn say_held(&mut self) {
        self.tell(OutgoingState::At(State::Held), Some(HELD_BY_SENDER), None);
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
#[path = "outgoing_tests.rs"]
pub(super) mod tests;
