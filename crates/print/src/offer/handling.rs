//! What people do with jobs that are here: keep them back, let them go, say yes or no to them, take them back.
//!
//! Each writes the wish down and wakes the queue's worker, which carries it out.

use super::{
    IncomingJob, Offer, OfferError,
    hold::{By, Hold},
    journal::Rows,
    machine::Step,
};
use crate::{QueueId, fault, system::SpoolError, ticket::State};
use lanyard_trust::{Action, Claim, Refusal, Used};
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use uuid::Uuid;

/// How long it is waited for the system's queue to keep a job back.
const PATIENCE: Duration = Duration::from_secs(3);

/// What is told about a job that cannot be kept back or taken back any more.
const BEGUN: &str = "This job is being printed already.";

impl Offer {
    /// Keeps a job back that is not being printed yet. One that is in the system's queue already is only said to be
    /// held when the queue has said so; that is waited for a moment.
    ///
    /// # Errors
    /// [`OfferError::NotFound`], [`OfferError::NotNow`], or the store's.
    pub async fn hold(&self, job: Uuid, by: By) -> Result<IncomingJob, OfferError> {
        self.unbegun(job).await?;
        let hold = match by {
            By::Sender => Hold::Sender,
            By::Owner => Hold::Owner,
        };
        let keep =
            move |rows: &Rows| rows.hold(job, |row| row.is_unbegun().then(|| row.journal.holds.with(hold)));
        let mut changes = self.changes();
        let held = self.inner.rows.run(keep).await?.ok_or(OfferError::NotNow(BEGUN))?;
        self.changed(&held);
        if held.journal.state == State::Held {
            return Ok(held);
        }
        let settled = async {
            loop {
                // A change that is told now may be older than this wish: what is on the disk counts.
                let now = self.known(job).await?;
                if now.journal.holds.is_empty() || now.journal.state == State::Held {
                    return Ok::<_, OfferError>(now);
                }
                if let Err(RecvError::Closed) = changes.recv().await {
                    return Ok(now);
                }
            }
        };
        let now = match tokio::time::timeout(PATIENCE, settled).await {
            Ok(settled) => settled?,
            Err(_) => self.known(job).await?,
        };
        match now.journal.holds.is_empty() {
            true => Err(OfferError::NotNow(BEGUN)),
            false => Ok(now),
        }
    }

    /// Lets a held job go, as far as that is up to whoever wants it.
    ///
    /// # Errors
    /// [`OfferError::NotFound`], [`OfferError::NotNow`], the system's print service's, or the store's.
    pub async fn release(&self, job: Uuid, by: By) -> Result<IncomingJob, OfferError> {
        let known = self.known(job).await?;
        let held = known.journal.holds;
        if held.is_empty() {
            return self.release_in_the_queue(known).await;
        }
        if held.released(by) == held {
            return Err(OfferError::NotNow("Only the owner of the printer can let this job go."));
        }
        let let_go = move |rows: &Rows| rows.release(job, by);
        let released = self.inner.rows.run(let_go).await?.ok_or(OfferError::NotFound)?;
        self.changed(&released);
        Ok(released)
    }

    /// The owner says yes to a job that waits for that. It counts from now on against what its sender may bring a day,
    /// so the gate must let it in by now.
    ///
    /// # Errors
    /// [`OfferError::NotFound`] when it does not wait for that, [`OfferError::Refused`], or the store's.
    pub async fn allow(&self, job: Uuid) -> Result<IncomingJob, OfferError> {
        let known = self.known(job).await?;
        let subject = known.subject.filter(|_| known.journal.holds.has(Hold::MustAsk));
        let subject = subject.ok_or(OfferError::NotFound)?;
        let bringing = Used { jobs: 1, bytes: known.bytes, pages: known.sides.unwrap_or_default() };
        let claim = Claim::take(self.inner.gate.clone(), known.share, subject, Action::Print, bringing)?;
        let let_go = move |rows: &Rows| {
            let holds = |row: &IncomingJob| {
                let waits = row.journal.step == Step::Received && row.journal.holds.has(Hold::MustAsk);
                waits.then(|| row.journal.holds.without(Hold::MustAsk))
            };
            let allowed = rows.hold(job, holds)?;
            if allowed.is_some() {
                claim.keep();
            }
            Ok(allowed)
        };
        let allowed = self.inner.rows.run(let_go).await?.ok_or(OfferError::NotFound)?;
        tracing::info!(%job, "the owner says yes to a print job");
        self.changed(&allowed);
        Ok(allowed)
    }

    /// The owner says no to a job that waits for that, or there is a reason why it cannot be a yes.
    ///
    /// # Errors
    /// [`OfferError::NotFound`] when it does not wait for that, or the store's.
    pub async fn deny(&self, job: Uuid, why: Refusal) -> Result<IncomingJob, OfferError> {
        let (reason, words) = match why {
            Refusal::Spent => ("spent", "The owner allows so much a day, and that is used up."),
            _ => ("not_allowed", "The owner has not allowed this."),
        };
        let end = move |rows: &Rows| rows.deny(job, reason, words);
        let denied = self.inner.rows.run(end).await?.ok_or(OfferError::NotFound)?;
        self.inner.spool.remove(&denied.document());
        tracing::info!(%job, reason, "a print job was not allowed");
        self.changed(&denied);
        Ok(denied)
    }

    /// Cancels a job only if nothing of it can be on paper. The status says in the end whether that was so.
    ///
    /// # Errors
    /// [`OfferError::NotFound`], [`OfferError::NotNow`], or the store's.
    pub async fn take_back(&self, job: Uuid) -> Result<IncomingJob, OfferError> {
        let known = self.known(job).await?;
        let is_over = known.journal.step == Step::Ended || known.journal.cancel;
        if !is_over && !known.is_unbegun() {
            return Err(OfferError::NotNow(BEGUN));
        }
        self.cancel(job).await
    }

    /// Stops one of this computer's queues, or lets it go on; its jobs are looked at at once.
    ///
    /// # Errors
    /// The spooler's.
    pub async fn pause_queue(&self, queue: &QueueId, pause: bool) -> Result<(), SpoolError> {
        self.inner.spoolers.of(queue).pause(queue, pause).await?;
        if super::lock(&self.inner.workers).contains_key(queue) {
            self.wake(queue);
        }
        Ok(())
    }

    /// One that somebody keeps back with the system's own means.
    async fn release_in_the_queue(&self, job: IncomingJob) -> Result<IncomingJob, OfferError> {
        const NOT_HELD: OfferError = OfferError::NotNow("This job is not held.");
        let number = job.journal.number.filter(|_| job.journal.step == Step::Submitted).ok_or(NOT_HELD)?;
        if job.journal.state != State::Held {
            return Err(NOT_HELD);
        }
        self.inner.spoolers.of(&job.queue).release(&job.queue, number).await?;
        self.wake(&job.queue);
        Ok(job)
    }

    async fn unbegun(&self, job: Uuid) -> Result<IncomingJob, OfferError> {
        let known = self.known(job).await?;
        match known.journal.step {
            Step::Ended => Err(OfferError::NotNow("This job is over.")),
            _ if known.is_unbegun() => Ok(known),
            _ => Err(OfferError::NotNow(BEGUN)),
        }
    }

    async fn known(&self, job: Uuid) -> Result<IncomingJob, OfferError> {
        self.inner.rows.run(move |rows| rows.job(job)).await?.ok_or(OfferError::NotFound)
    }

    fn changed(&self, job: &IncomingJob) {
        fault::point("offer: a wish is recorded, and the worker does not know");
        self.tell(job);
        self.wake(&job.queue);
    }
}
