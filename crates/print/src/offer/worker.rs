//! One worker for each queue: asks the machine what to do, records it, does it, tells what happened.

use super::{
    IncomingJob, Offer,
    ahead::Ahead,
    hold::Hold,
    machine::{Action, Event, Journal, Machine, Step},
};
use crate::{
    QueueId, fault,
    system::{Handover, SendError, SpoolError, Spooler},
    ticket::State,
};
use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::Notify;
use uuid::Uuid;

mod preparing;

/// Between two looks at jobs that move, and at jobs that do not: the first soon, as a page or two take no time, later
/// ones less often. CUPS has nothing that would tell us (its `ippget` subscriptions are asked, too). People are told
/// within 300 ms of what happens to a job soon after another change, and within a second of what happens in the end.
const BRISK: (Duration, Duration) = (Duration::from_millis(40), Duration::from_millis(200));
const CALM: (Duration, Duration) = (Duration::from_millis(200), Duration::from_millis(700));

/// So many jobs in the system's queue are looked at each time; those behind them wait their turn and are looked at less
/// often: a hundred waiting jobs must not keep the print service busy with questions.
const AHEAD: usize = 4;
const BEHIND: Duration = Duration::from_secs(2);

/// Between two looks at the clock while quiet hours keep jobs back.
const CLOCK: Duration = Duration::from_secs(15);

/// Between two tries while the print service is away; doubles up to the second.
const TROUBLE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(10));

pub(super) struct Worker {
    offer: Offer,
    queue: QueueId,
    bell: Arc<Notify>,
    machines: HashMap<(Uuid, u32), Machine>,
    looked: HashMap<Uuid, Instant>,
    preparing: preparing::Preparing,
    trouble: Duration,
    brisk: Duration,
    calm: Duration,
}

/// What one pass over a job found.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pace {
    Moving,
    Still,
    /// Nothing happens until a person decides.
    Asleep,
    Trouble,
    Over,
}

impl Worker {
    pub(super) fn new(offer: Offer, queue: QueueId, bell: Arc<Notify>) -> Self {
        Self {
            offer,
            queue,
            bell,
            machines: HashMap::new(),
            looked: HashMap::new(),
            preparing: preparing::Preparing::default(),
            trouble: TROUBLE.0,
            brisk: BRISK.0,
            calm: CALM.0,
        }
    }

    /// Works until it is dropped. Sleeps while there is nothing to do.
    pub(super) async fn run(mut self) {
        loop {
            let pause = self.pass().await;
            let bell = self.bell.notified();
            let rung = match pause {
                None => {
                    bell.await;
                    true
                }
                Some(pause) => tokio::time::timeout(pause, bell).await.is_ok(),
            };
            if rung {
                self.brisk = BRISK.0;
                self.calm = CALM.0;
            }
        }
    }

    /// Goes once over all jobs; returns how long to wait for the next time, none for until something new comes.
    async fn pass(&mut self) -> Option<Duration> {
        let (rows, queue) = (self.offer.inner.rows.clone(), self.queue.clone());
        let jobs = match rows.glance(move |rows| rows.open_jobs(Some(&queue))).await {
            Ok(jobs) => jobs,
            Err(error) => {
                tracing::error!(%error, "the print jobs cannot be read");
                return Some(TROUBLE.1);
            }
        };
        self.machines
            .retain(|(job, attempt), _| jobs.iter().any(|row| row.job == *job && row.attempt == *attempt));
        let mut paces = Vec::with_capacity(jobs.len());
        self.looked.retain(|job, _| jobs.iter().any(|row| row.job == *job));
        self.preparing.retain(&jobs);
        let (mut some_wait, mut ahead, mut queue_here) = (false, 0, false);
        for job in jobs {
            let Some(job) = self.look_at_the_clock(job).await else { return Some(TROUBLE.1) };
            some_wait |= job.journal.holds.has(Hold::Quiet);
            if job.journal.step == Step::Submitted {
                ahead += 1;
                if ahead > AHEAD && self.waits_its_turn(&job) {
                    paces.push(Pace::Moving);
                    continue;
                }
                self.looked.insert(job.job, Instant::now());
            }
            if job.journal.step == Step::Received && job.journal.holds.is_empty() && !job.journal.cancel {
                let turn = self.turn_of(&job, queue_here);
                queue_here |= turn == preparing::Turn::Soon;
                if turn != preparing::Turn::Now {
                    paces.push(Pace::Moving);
                    continue;
                }
            }
            paces.push(self.carry_on(job).await);
        }
        if paces.contains(&Pace::Trouble) {
            let pause = self.trouble;
            self.trouble = (self.trouble * 2).min(TROUBLE.1);
            return Some(pause);
        }
        self.trouble = TROUBLE.0;
        if paces.contains(&Pace::Moving) {
            let pause = self.brisk;
            self.brisk = (self.brisk * 3 / 2).min(BRISK.1);
            self.calm = CALM.0;
            Some(pause)
        } else if paces.contains(&Pace::Still) {
            let pause = self.calm;
            // Nobody minds when somebody has gone for paper.
            self.calm = (self.calm * 21 / 20).min(CALM.1);
            Some(pause)
        } else {
            // The clock is looked at again and again, so that it may be set and change to summer time as it likes.
            some_wait.then_some(CLOCK)
        }
    }

    /// Whether it waits behind others, as we know from a look not long ago, and nobody wants anything of it.
    fn waits_its_turn(&self, job: &IncomingJob) -> bool {
        let known = self.machines.get(&(job.job, job.attempt));
        let same = known.is_some_and(|machine| {
            machine.journal().holds == job.journal.holds && machine.journal().cancel == job.journal.cancel
        });
        let recent = self.looked.get(&job.job).is_some_and(|at| at.elapsed() < BEHIND);
        same && recent && matches!(job.journal.state, State::Waiting | State::Held)
    }

    /// Keeps a job back whose quiet hours have come, lets it go when they are over. None when the disk refuses.
    async fn look_at_the_clock(&self, job: IncomingJob) -> Option<IncomingJob> {
        let quiet = job.quiet.is_some_and(|hours| self.offer.inner.gate.is_quiet(hours));
        if quiet == job.journal.holds.has(Hold::Quiet) || (quiet && !job.journal.is_here()) {
            return Some(job);
        }
        let change = move |row: &IncomingJob| {
            let holds = row.journal.holds;
            Some(if quiet { holds.with(Hold::Quiet) } else { holds.without(Hold::Quiet) })
        };
        let id = job.job;
        match self.offer.inner.rows.run(move |rows| rows.hold(id, change)).await {
            Ok(Some(changed)) => {
                self.offer.tell(&changed);
                Some(changed)
            }
            Ok(None) => Some(job),
            Err(error) => {
                tracing::error!(job = %id, %error, "a print job cannot be kept back");
                None
            }
        }
    }

    /// Takes a job as far as it goes now.
    async fn carry_on(&mut self, job: IncomingJob) -> Pace {
        let offer = self.offer.clone();
        let spooler = offer.inner.spoolers.of(&self.queue);
        let key = (job.job, job.attempt);
        // A cancel that was recorded but not carried out before a crash is asked for again just below.
        let journal = || Journal { cancel: false, ..job.journal.clone() };
        let ahead = offer.gone_ahead(&job);
        let known = self.machines.remove(&key);
        let mut machine = match (&ahead, known) {
            (Some(_), _) => Machine::sending(journal(), spooler.absence_is_proof()),
            (None, Some(known)) => known,
            (None, None) => Machine::new(journal(), spooler.absence_is_proof()),
        };
        if job.journal.cancel {
            machine.happened(Event::CancelAsked, Instant::now());
        }
        if job.journal.holds != machine.journal().holds {
            machine.happened(Event::HoldsAre(job.journal.holds), Instant::now());
        }
        let handover = offer.handover(&job);
        let pace = walk(&offer, spooler, &handover, job, &mut machine, ahead).await;
        if pace != Pace::Over {
            self.machines.insert(key, machine);
        }
        pace
    }
}

/// What has gone ahead of the document was sent by the step that the journal tells of, which only needs to be ended.
async fn walk(
    offer: &Offer,
    spooler: &dyn Spooler,
    handover: &Handover,
    job: IncomingJob,
    machine: &mut Machine,
    ahead: Option<Ahead>,
) -> Pace {
    // A job takes three actions to get into a queue and a few more to be cleared up.
    const ACTIONS: usize = 10;
    let mut recorded = job.journal.clone();
    // Dropped when nobody wants it any more, which breaks the sending off.
    let mut ahead = ahead.filter(|_| machine.is_wanted());
    for _ in 0..ACTIONS {
        let going = ahead.take().and_then(|ahead| Some((ahead.number()?, ahead)));
        let action = match &going {
            Some((number, _)) => Action::Send(*number),
            None => match decided(offer, &job, machine, &mut recorded).await {
                Some(action) => action,
                None => return Pace::Trouble,
            },
        };
        if action == Action::Rest {
            return if machine.journal().step == Step::Ended { Pace::Over } else { Pace::Asleep };
        }
        fault::point(before(action));
        let event = match going {
            Some((_, ahead)) => sent(ahead.end().await),
            None => act(spooler, handover, action).await,
        };
        fault::point(after(action));
        let failed = matches!(event, Event::Failed(_) | Event::NotSent { .. });
        tracing::debug!(job = %job.job, ?action, ?event, "print job");
        machine.happened(event, Instant::now());
        // An empty job is recorded together with what is done next, which is to fill it.
        if machine.journal().step != Step::Created && !record(offer, &job, machine, &mut recorded).await {
            return Pace::Trouble;
        }
        fault::point("worker: what happened is recorded");
        match machine.journal() {
            journal if journal.step == Step::Ended => {
                offer.inner.spool.remove(&job.document());
                fault::point("worker: over, and the document is deleted");
                spooler.forget(&job.mark());
                if journal.unprinted && !journal.holds.has(Hold::MustAsk) {
                    offer.give_back_unprinted(&job).await;
                }
                tracing::info!(job = %job.job, state = journal.state.keyword(), reason = journal.reason.as_deref(), "print job ended");
                return Pace::Over;
            }
            _ if failed => return Pace::Trouble,
            journal
                if journal.step == Step::Submitted && matches!(action, Action::Look(_) | Action::Find) =>
            {
                let still = matches!(journal.state, State::Stopped | State::Held);
                return if still { Pace::Still } else { Pace::Moving };
            }
            _ => {}
        }
    }
    Pace::Moving
}

/// What to do now, put on disk. A wish that came meanwhile is heard before anything is done. None when the disk refuses:
/// then nothing may be done.
async fn decided(
    offer: &Offer,
    job: &IncomingJob,
    machine: &mut Machine,
    recorded: &mut Journal,
) -> Option<Action> {
    let wishes = |machine: &Machine| (machine.journal().cancel, machine.journal().holds);
    loop {
        let action = machine.decide();
        let known = wishes(machine);
        fault::point("worker: decided, not recorded");
        if !record(offer, job, machine, recorded).await {
            return None;
        }
        if wishes(machine) == known {
            return Some(action);
        }
    }
}

fn before(action: Action) -> &'static str {
    match action {
        Action::Find => "worker: about to search",
        Action::Create => "worker: about to make an empty job",
        Action::Send(_) => "worker: about to hand over",
        Action::Abandon(_) => "worker: about to abandon an empty job",
        Action::Cancel(_) => "worker: about to cancel",
        Action::Hold(_) => "worker: about to hold",
        Action::Release(_) => "worker: about to release",
        Action::Look(_) => "worker: about to look",
        // Never acted upon.
        Action::Rest => "worker: decided, not recorded",
    }
}

fn after(action: Action) -> &'static str {
    match action {
        Action::Find => "worker: searched, not recorded",
        Action::Create => "worker: an empty job is made, not recorded",
        Action::Send(_) => "worker: handed over, not recorded",
        Action::Abandon(_) => "worker: abandoned, not recorded",
        Action::Cancel(_) => "worker: cancelled, not recorded",
        Action::Hold(_) => "worker: held, not recorded",
        Action::Release(_) => "worker: released, not recorded",
        Action::Look(_) => "worker: looked, not recorded",
        // Never acted upon.
        Action::Rest => "worker: decided, not recorded",
    }
}

/// Puts the journal on disk if it changed, and learns of a cancel that came meanwhile. False when the disk refuses:
/// then nothing may be done.
async fn record(offer: &Offer, job: &IncomingJob, machine: &mut Machine, recorded: &mut Journal) -> bool {
    while machine.journal() != recorded {
        let (id, attempt, journal) = (job.job, job.attempt, machine.journal().clone());
        let (written, known) = (journal.clone(), recorded.holds);
        match offer.inner.rows.run(move |rows| rows.record(id, attempt, &written, known)).await {
            Ok(Some(row)) => {
                *recorded = Journal { holds: row.journal.holds, ..journal };
                if row.journal.holds != machine.journal().holds {
                    machine.happened(Event::HoldsAre(row.journal.holds), Instant::now());
                }
                if row.journal.cancel && !machine.journal().cancel {
                    machine.happened(Event::CancelAsked, Instant::now());
                }
                offer.tell(&row);
            }
            Ok(None) => return false,
            Err(error) => {
                tracing::error!(job = %id, %error, "a print job's step cannot be recorded");
                return false;
            }
        }
    }
    true
}

fn sent(result: Result<(), SendError>) -> Event {
    match result {
        Ok(()) => Event::Sent,
        Err(SendError { error, whole }) => Event::NotSent { error, whole },
    }
}

async fn act(spooler: &dyn Spooler, job: &Handover, action: Action) -> Event {
    let answered = |result: Result<Event, SpoolError>| result.unwrap_or_else(Event::Failed);
    match action {
        Action::Create => answered(spooler.create(job).await.map(Event::Created)),
        Action::Send(number) => sent(spooler.send(job, number).await),
        Action::Find => answered(spooler.find(&job.queue, &job.mark).await.map(Event::Seen)),
        Action::Look(number) => answered(spooler.look(&job.queue, &job.mark, number).await.map(Event::Seen)),
        Action::Cancel(number) => {
            answered(spooler.cancel(&job.queue, number).await.map(|()| Event::CancelTaken))
        }
        Action::Hold(number) => answered(spooler.hold(&job.queue, number).await.map(|()| Event::HoldTaken)),
        Action::Release(number) => {
            answered(spooler.release(&job.queue, number).await.map(|()| Event::ReleaseTaken))
        }
        Action::Abandon(number) => {
            if let Err(error) = spooler.cancel(&job.queue, number).await
                && !matches!(error, SpoolError::NotFound)
            {
                return Event::Failed(error);
            }
            answered(spooler.look(&job.queue, &job.mark, number).await.map(Event::Seen))
        }
        // Never acted upon.
        Action::Rest => Event::CancelTaken,
    }
}
