//! One task for each standard printer that something was ever for: carries jobs there and follows them.
//!
//! What to do next is decided by [`Machine`]; this records it, does it, and tells the outbox what came of it.

use super::{
    PrinterId,
    journal::{Entry, Other, Rows},
    printer::{JobThere, NO_NUMBER, Standard},
};
use crate::{
    QueueId,
    consume::{Bell, Outbox, OutgoingJob, OutgoingState, lock, outgoing::Phase},
    fault,
    offer::{
        hold::Holds,
        machine::{Action, Event, Journal, Machine, Step},
    },
    system::{Handover, SpoolError, Spooler, Stage},
    ticket::{JobStatus, Refused, State},
};
use lanyard_trust::NodeId;
use std::{
    collections::{HashMap, HashSet},
    pin::pin,
    sync::{Arc, Mutex, atomic::Ordering},
    time::{Duration, Instant},
};
use uuid::Uuid;

/// Between two looks at jobs that move: soon while something changes, later while nothing does.
const BRISK: (Duration, Duration) = (Duration::from_millis(40), Duration::from_secs(1));
const CALM: Duration = Duration::from_secs(2);

/// Between two tries while the printer is busy with something else, and while it does not answer; doubles.
const BUSY: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(2));
const AWAY: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// A document that takes longer than this on its way is watched meanwhile, so often.
const WATCH: (Duration, Duration) = (Duration::from_millis(700), Duration::from_secs(2));

/// The reason of a job that was not sent because the printer shows another key than before.
const IDENTITY_CHANGED: &str = "identity_changed";

/// The standard printer that stands behind a node, if it is one: told by the jobs that wait for it.
pub(in crate::consume) async fn printer_of(outbox: &Outbox, node: NodeId) -> Option<PrinterId> {
    let jobs = outbox.inner.rows.run(move |rows| rows.open_jobs(Some(node))).await.ok()?;
    jobs.iter().find_map(|job| PrinterId::of_share(&job.share))
}

pub(in crate::consume) struct Carrier {
    outbox: Outbox,
    id: PrinterId,
    node: NodeId,
    bell: Arc<Bell>,
    printer: Standard,
    rows: Rows,
    machines: HashMap<(Uuid, u32), Machine>,
    /// Jobs whose document was cut short on its way: some of it may be on paper.
    cut: Mutex<HashSet<(Uuid, u32)>>,
    brisk: Duration,
    busy: Duration,
    away: Duration,
}

/// What one pass over a job found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    /// Something changed just now.
    Changed,
    Moving,
    Still,
    Over,
    /// The printer takes no job at the moment: those behind wait, too.
    Busy,
    /// It does not answer.
    Away,
}

impl Carrier {
    pub(in crate::consume) fn new(outbox: Outbox, id: PrinterId, bell: Arc<Bell>) -> Self {
        Self {
            printer: Standard::for_jobs(&outbox, id.clone()),
            rows: Rows::new(outbox.inner.rows.store().clone()),
            node: id.node(),
            outbox,
            id,
            bell,
            machines: HashMap::new(),
            cut: Mutex::default(),
            brisk: BRISK.0,
            busy: BUSY.0,
            away: AWAY.0,
        }
    }

    /// Works until it is dropped. Sleeps while there is nothing to do.
    pub(in crate::consume) async fn run(mut self) {
        loop {
            if self.bell.back.swap(false, Ordering::AcqRel) {
                self.away = AWAY.0;
            }
            let pause = self.pass().await;
            let ring = self.bell.ring.notified();
            match pause {
                None => ring.await,
                Some(pause) => {
                    if tokio::time::timeout(pause, ring).await.is_ok() {
                        self.brisk = BRISK.0;
                    }
                }
            }
        }
    }

    /// Gives every open job its turn; returns when to come again.
    async fn pass(&mut self) -> Option<Duration> {
        let node = self.node;
        let jobs = match self.outbox.inner.rows.run(move |rows| rows.open_jobs(Some(node))).await {
            Ok(jobs) => jobs,
            Err(error) => {
                tracing::error!(%error, "the outbox cannot be read");
                return Some(AWAY.1);
            }
        };
        self.machines
            .retain(|(job, attempt), _| jobs.iter().any(|row| row.job == *job && row.attempt == *attempt));
        let mut slowest = None;
        for job in jobs {
            let pace = self.carry_on(job).await;
            match pace {
                Pace::Away => {
                    let pause = self.away;
                    self.away = (self.away * 2).min(AWAY.1);
                    return Some(pause);
                }
                Pace::Busy => {
                    let pause = self.busy;
                    self.busy = (self.busy * 2).min(BUSY.1);
                    return Some(pause);
                }
                // What waits behind it may go now.
                Pace::Changed | Pace::Over => (self.brisk, self.busy) = (BRISK.0, BUSY.0),
                Pace::Moving | Pace::Still => {}
            }
            let pause = match pace {
                Pace::Over => continue,
                Pace::Still => CALM,
                _ => self.brisk,
            };
            slowest = Some(slowest.map_or(pause, |known: Duration| known.min(pause)));
        }
        self.away = AWAY.0;
        self.brisk = (self.brisk * 3 / 2).min(BRISK.1);
        slowest
    }

    /// Takes a job as far as it goes now.
    async fn carry_on(&mut self, job: OutgoingJob) -> Pace {
        // A job takes three actions to get to a printer and a few more to be cleared up.
        const ACTIONS: usize = 10;
        // On disk before anything is done: from here on a cancel has to go to the printer.
        let node = self.node;
        let offered = move |row: &mut OutgoingJob| {
            if row.node == node {
                row.offered();
            }
        };
        let Ok(job) = self.outbox.change(job.job, offered).await else { return Pace::Away };
        // Over, kept back by a person, or another printer's by now.
        if matches!(job.phase, Phase::Over | Phase::Here) || job.node != self.node {
            return Pace::Over;
        }
        let key = (job.job, job.attempt);
        let mut machine = match self.machines.remove(&key) {
            Some(machine) => machine,
            None => match self.load(&job).await {
                Some(machine) => machine,
                None => return Pace::Away,
            },
        };
        let handover = self.handover(&job);
        let mut recorded = None;
        let mut pace = Pace::Moving;
        for _ in 0..ACTIONS {
            let Some(row) = self.row(job.job).await else { return Pace::Away };
            if (row.moving.is_some() || row.hold) && self.gives_back(&job, machine.journal()).await {
                return Pace::Over;
            }
            if row.phase == Phase::Cancelling && row.moving.is_none() {
                machine.happened(Event::CancelAsked, Instant::now());
            }
            let before = machine.journal().clone();
            let action = machine.decide();
            fault::point("carrier: decided, not recorded");
            if !self.record(&job, &machine, &mut recorded).await {
                return Pace::Away;
            }
            if action == Action::Rest {
                break;
            }
            fault::point("carrier: about to act");
            let event = self.act(&job, &handover, action).await;
            fault::point("carrier: acted, not recorded");
            tracing::debug!(job = %job.job, ?action, ?event, "job on a standard printer");
            let failed = match &event {
                Event::Failed(SpoolError::NotAccepting) => Some(Pace::Busy),
                Event::Failed(_) | Event::NotSent { .. } => Some(Pace::Away),
                _ => None,
            };
            let nothing_left = match &event {
                Event::NotSent { whole, .. } => !whole,
                _ => matches!(before.step, Step::Received | Step::Creating | Step::Created),
            };
            machine.happened(event, Instant::now());
            if failed.is_some() && self.shows_another_key(&job, nothing_left).await {
                return Pace::Over;
            }
            if !self.record(&job, &machine, &mut recorded).await {
                return Pace::Away;
            }
            fault::point("carrier: recorded, and the outbox does not know");
            let journal = machine.journal();
            self.tell(&job, journal).await;
            if matches!(journal.step, Step::Ended | Step::Unknown) {
                break;
            }
            if let Some(failed) = failed {
                pace = failed;
                break;
            }
            if journal.step == Step::Submitted && matches!(action, Action::Look(_) | Action::Find) {
                pace = match journal.state {
                    _ if *journal != before => Pace::Changed,
                    State::Stopped => Pace::Still,
                    _ => Pace::Moving,
                };
                break;
            }
        }
        if matches!(machine.journal().step, Step::Ended | Step::Unknown) {
            self.tell(&job, machine.journal()).await;
            self.over(&job).await;
            return Pace::Over;
        }
        self.machines.insert(key, machine);
        pace
    }

    /// Goes on where the disk says that it was.
    async fn load(&self, job: &OutgoingJob) -> Option<Machine> {
        let (id, attempt, printer) = (job.job, job.attempt, self.id.clone());
        let read = self.rows.run(move |rows| Ok((rows.entry(id, attempt)?, rows.key(&printer)?))).await;
        let (entry, key) = read.inspect_err(|error| tracing::error!(%error, "a job cannot be read")).ok()?;
        if let Some((_, Some(other))) = key
            && other.job == job.job
            && other.attempt < job.attempt
        {
            // A person was told of the other key and wants this job printed all the same.
            let printer = self.id.clone();
            self.rows.run(move |rows| rows.learn(&printer, other.key)).await.ok()?;
        }
        let entry = entry.unwrap_or(Entry { journal: Journal::received(Holds::default()), uuid: None });
        let number = entry.journal.number.filter(|number| *number != NO_NUMBER);
        let there = JobThere { number, uuid: entry.uuid, title: job.title.clone() };
        self.printer.remember(&mark(job), there);
        // Numbers prove nothing: a job that is not found may be on paper.
        Some(Machine::new(entry.journal, false))
    }

    fn handover(&self, job: &OutgoingJob) -> Handover {
        Handover {
            queue: QueueId(self.id.as_str().to_owned()),
            mark: mark(job),
            title: job.title.clone(),
            document: self.outbox.inner.spool.path(&job.document()),
            format: job.format,
            options: job.options.clone(),
            cover: None,
        }
    }

    /// Puts the journal on disk if it changed. False when the disk refuses: then nothing may be done.
    async fn record(&self, job: &OutgoingJob, machine: &Machine, recorded: &mut Option<Entry>) -> bool {
        let uuid = self.printer.job(&mark(job)).and_then(|there| there.uuid);
        let entry = Entry { journal: machine.journal().clone(), uuid };
        if recorded.as_ref() == Some(&entry) {
            return true;
        }
        let (id, attempt, written) = (job.job, job.attempt, entry.clone());
        match self.rows.run(move |rows| rows.record(id, attempt, &written)).await {
            Ok(()) => {
                *recorded = Some(entry);
                true
            }
            Err(error) => {
                tracing::error!(job = %id, %error, "a print job's step cannot be recorded");
                false
            }
        }
    }

    async fn act(&self, job: &OutgoingJob, handover: &Handover, action: Action) -> Event {
        let printer = &self.printer;
        let answered = |result: Result<Event, SpoolError>| result.unwrap_or_else(Event::Failed);
        match action {
            Action::Create => answered(printer.create(handover).await.map(Event::Created)),
            Action::Send(number) => self.send(job, handover, number).await,
            Action::Find => answered(printer.find(&handover.queue, &handover.mark).await.map(Event::Seen)),
            Action::Look(number) => {
                answered(printer.look(&handover.queue, &handover.mark, number).await.map(Event::Seen))
            }
            Action::Cancel(_) => {
                // The machine's number may be from before the printer gave one.
                let number = printer.job(&handover.mark).and_then(|there| there.number).unwrap_or(NO_NUMBER);
                answered(printer.cancel(&handover.queue, number).await.map(|()| Event::CancelTaken))
            }
            Action::Abandon(number) => {
                if let Err(error) = printer.cancel(&handover.queue, number).await
                    && !matches!(error, SpoolError::NotFound)
                {
                    return Event::Failed(error);
                }
                answered(printer.find(&handover.queue, &handover.mark).await.map(Event::Seen))
            }
            // Jobs are kept back here, before they go.
            Action::Hold(_) | Action::Release(_) => Event::Failed(SpoolError::NotAvailable),
            // Never acted upon.
            Action::Rest => Event::CancelTaken,
        }
    }

    /// Sends the document. A printer takes it as fast as it prints, so what it is doing is shown meanwhile.
    async fn send(&self, job: &OutgoingJob, handover: &Handover, number: i32) -> Event {
        let _ = self.outbox.change(job.job, OutgoingJob::goes_on).await;
        let mut sending = pin!(self.printer.send(handover, number));
        let mut cancelled = pin!(self.cancelled(job.job));
        let mut pause = WATCH.0;
        let perhaps = |words: &str| {
            lock(&self.cut).insert((job.job, job.attempt));
            Event::NotSent { error: SpoolError::Away(words.to_owned()), whole: true }
        };
        let told = |sent: Result<(), crate::system::SendError>| match sent {
            Ok(()) => Event::Sent,
            Err(failed) => Event::NotSent { error: failed.error, whole: failed.whole },
        };
        loop {
            tokio::select! {
                sent = sending.as_mut() => return told(sent),
                // Dropping the request cuts the document short; what there is of it is cancelled next.
                () = cancelled.as_mut() => return perhaps("it was cancelled on its way"),
                () = tokio::time::sleep(pause) => pause = WATCH.1,
            }
            let looked = tokio::select! {
                sent = sending.as_mut() => return told(sent),
                () = cancelled.as_mut() => return perhaps("it was cancelled on its way"),
                looked = self.printer.find(&handover.queue, &handover.mark) => looked,
            };
            let Ok(Some(seen)) = looked else { continue };
            if matches!(seen.stage, Stage::Aborted | Stage::Cancelled) {
                return perhaps("the printer has ended the job");
            }
            if seen.begun || seen.reason.is_some() {
                let state = match seen.stage {
                    Stage::Stopped => State::Stopped,
                    _ if seen.begun => State::Printing,
                    _ => State::Waiting,
                };
                let attempt = job.attempt;
                let change = move |row: &mut OutgoingJob| {
                    let news = status(row, state, seen.reason, seen.detail, seen.pages_done);
                    if row.attempt == attempt {
                        row.hear(&news);
                    }
                };
                let _ = self.outbox.change(job.job, change).await;
            }
        }
    }

    /// The printer shows another key than before: nothing is sent to it and nothing it says is believed until a person
    /// has judged that. `nothing_left` says that it has nothing of the document.
    async fn shows_another_key(&self, job: &OutgoingJob, nothing_left: bool) -> bool {
        let Some(key) = self.printer.other_key() else { return false };
        let (printer, other) = (self.id.clone(), Other { key, job: job.job, attempt: job.attempt });
        if self.rows.run(move |rows| rows.showed(&printer, &other)).await.is_err() {
            return false;
        }
        let changed = format!(
            "“{}” shows another identity than before: it was replaced or reset, or something else takes its place.",
            job.printer
        );
        let change = move |row: &mut OutgoingJob| {
            if row.phase == Phase::Cancelling {
                row.forgotten();
            } else if nothing_left {
                let detail = format!("{changed} Nothing was sent. Try again to trust it from now on.");
                row.refused(&Refused { reason: IDENTITY_CHANGED.to_owned(), detail });
            } else {
                let detail = "What became of this job cannot be asked. Look at the printer: if it is not on paper, try \
                              again, which trusts it from now on.";
                row.unknown(&format!("{changed} {detail}"));
            }
        };
        let judged = self.outbox.change(job.job, change).await.is_ok_and(|row| row.phase == Phase::Over);
        if judged {
            self.over(job).await;
        }
        judged
    }

    /// Tells the outbox how a job stands.
    async fn tell(&self, job: &OutgoingJob, journal: &Journal) {
        let (attempt, mut journal) = (job.attempt, journal.clone());
        journal.unprinted &= !lock(&self.cut).contains(&(job.job, job.attempt));
        let change = move |row: &mut OutgoingJob| {
            if row.attempt == attempt {
                apply(row, &journal);
            }
        };
        if let Err(error) = self.outbox.change(job.job, change).await {
            tracing::warn!(%error, "what became of a job was not recorded");
        }
    }

    /// Somebody wants the job on another printer, or kept back. While the document has not left, nothing of it can be on paper: at
    /// most an empty job stays behind, which the printer gives up by itself. After that it stays: a printer's word that
    /// nothing of a cancelled job is on paper is not good enough.
    async fn gives_back(&self, job: &OutgoingJob, journal: &Journal) -> bool {
        let (attempt, is_here) = (job.attempt, journal.is_here());
        let change = move |row: &mut OutgoingJob| {
            if row.attempt != attempt {
                return;
            }
            if is_here {
                row.not_left(false);
            } else {
                row.hold = false;
                row.not_given_back();
            }
        };
        if self.outbox.change(job.job, change).await.is_err() || !is_here {
            return false;
        }
        self.over(job).await;
        true
    }

    async fn row(&self, job: Uuid) -> Option<OutgoingJob> {
        self.outbox.inner.rows.run(move |rows| rows.job(job)).await.ok().flatten()
    }

    async fn over(&self, job: &OutgoingJob) {
        let id = job.job;
        self.printer.forget(&mark(job));
        lock(&self.cut).remove(&(job.job, job.attempt));
        if let Err(error) = self.rows.run(move |rows| rows.forget(id)).await {
            tracing::warn!(%error, "a finished job was not forgotten");
        }
    }

    async fn is_cancelled(&self, job: Uuid) -> bool {
        let row = self.row(job).await;
        row.is_some_and(|row| row.phase == Phase::Cancelling && row.moving.is_none())
    }

    /// Ends when a person cancels the job.
    async fn cancelled(&self, job: Uuid) {
        let mut changes = self.outbox.changes();
        if self.is_cancelled(job).await {
            return;
        }
        loop {
            match changes.recv().await {
                Ok(row) if row.job == job && row.phase == Phase::Cancelling && row.moving.is_none() => return,
                Ok(_) | Err(tokio::sync::broadcast::error::RecvError::Lagged(_)) => {}
                Err(tokio::sync::broadcast::error::RecvError::Closed) => std::future::pending().await,
            }
        }
    }
}

impl Drop for Carrier {
    fn drop(&mut self) {
        lock(&self.outbox.inner.couriers).remove(&self.node);
    }
}

/// By what a job is found again; a second attempt is another job.
fn mark(job: &OutgoingJob) -> String {
    format!("{}/{}", job.job, job.attempt)
}

/// What the row says of a job that stands like this.
fn apply(row: &mut OutgoingJob, journal: &Journal) {
    let (reason, detail) = (reason_of(journal), detail_of(journal));
    match journal.step {
        Step::Ended => {
            let mut news = status(row, journal.state, reason, detail, journal.pages_done);
            // A printer that gave up what it was receiving may have begun with it; one that had all of it says so.
            let received = journal.number.is_none() || journal.state == State::Cancelled;
            (news.over, news.unprinted) = (true, journal.unprinted && received && row.pages_done.is_none());
            row.hear(&news.bounded());
        }
        Step::Unknown => row.unknown(
            "The printer has lost this job, or was cut off while it received it. Look at it: if it is not on paper, \
             try again.",
        ),
        // Shown as cancelled already, until the printer says how it ended.
        _ if journal.cancel => {}
        Step::Submitted => {
            let news = status(row, journal.state, reason, detail, journal.pages_done);
            row.hear(&news);
        }
        _ => match reason {
            Some(reason) => row.waits(&reason, &detail.unwrap_or_default()),
            None => row.goes_on(),
        },
    }
}

fn status(
    row: &OutgoingJob,
    state: State,
    reason: Option<String>,
    detail: Option<String>,
    pages_done: Option<u32>,
) -> JobStatus {
    // News that say nothing new are no news.
    let pages_done = pages_done.or(row.pages_done);
    let same = row.state == OutgoingState::At(state)
        && row.reason == reason
        && row.detail == detail
        && row.pages_done == pages_done
        && !state.is_final();
    let rev = if same { row.heard_rev } else { row.heard_rev + 1 };
    JobStatus {
        job: row.job,
        attempt: row.attempt,
        rev,
        state,
        over: false,
        reason,
        detail,
        pages_done,
        unprinted: false,
    }
    .bounded()
}

fn reason_of(journal: &Journal) -> Option<String> {
    match journal.reason.as_deref() {
        Some("print_service_away") => Some("peer_unreachable".to_owned()),
        reason => reason.map(str::to_owned),
    }
}

fn detail_of(journal: &Journal) -> Option<String> {
    match journal.reason.as_deref() {
        Some("print_service_away") if journal.step == Step::Submitted => Some(
            "The printer does not answer. What became of the job is asked as soon as it does.".to_owned(),
        ),
        Some("print_service_away") => {
            Some("The printer does not answer. The job goes out when it is back.".to_owned())
        }
        Some("not-accepting-jobs") => Some("The printer takes no other job at the moment.".to_owned()),
        _ => journal.detail.as_ref().map(|detail| about_a_printer(detail)),
    }
}

/// Errors of spoolers speak of this computer's system; here they are about a printer.
fn about_a_printer(words: &str) -> String {
    match words.strip_prefix("the system refused: ") {
        Some(rest) => format!("The printer refused: {rest}."),
        None => words.to_owned(),
    }
}

/// An error of a printer, for a person.
pub(super) fn words_of(error: &SpoolError) -> String {
    match error {
        SpoolError::Unsupported(words) => words.clone(),
        error => about_a_printer(&error.to_string()),
    }
}
