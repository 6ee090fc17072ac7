//! A large document that goes into its queue while it arrives.
//!
//! All of it may go ahead but its last piece: without that the queue has an empty job, which prints nothing. The last piece
//! goes when the document is whole and on the disk, has been looked at, and its row says that it is being sent: so the worker
//! sends it as it sends any other, only that most of it is there. Whatever happens before breaks the sending off.
//!
//! Before the queue gets the empty job, that is written down. An empty job whose document does not come is withdrawn, after
//! a restart as well. When the document is entered, what was written down about the empty job becomes a step of its row, in
//! the same transaction: from then on [`super::machine`] decides (ADR 0026).

use super::{Arriving, IncomingJob, Inner, Offer, journal::Shell, lock};
use crate::{
    client::Following,
    fault,
    spool::Growing,
    system::{SendError, SpoolError, Stage},
};
use std::{
    sync::{Arc, OnceLock, Weak},
    time::Duration,
};
use tokio::sync::{oneshot, watch};
use tokio_util::task::AbortOnDropHandle;

/// A document of so many bytes is sent in an instant.
const LARGE: u64 = 8 * 1024 * 1024;

/// Documents that go ahead at once.
pub(super) const AT_ONCE: usize = 4;

/// How long a document waits for the system to say whether it takes it.
const ASKING: Duration = Duration::from_secs(1);

/// Between two tries to withdraw an empty job; doubles up to the second.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(30));

/// A document that goes ahead. Dropping it breaks the sending off, and the empty job is withdrawn if it is still nobody's.
pub(super) struct Ahead {
    number: Arc<OnceLock<i32>>,
    last: oneshot::Sender<()>,
    sending: AbortOnDropHandle<Result<(), SendError>>,
    /// Behind the sending, which ends before.
    _withdrawing: Withdrawing,
}

struct Withdrawing {
    /// The offer keeps documents that are ahead.
    offer: Weak<Inner>,
    shell: Shell,
}

impl Offer {
    /// Lets a document go into its queue that is about to arrive, if the queue takes it as it is. Whoever writes it tells
    /// what is returned how far it is.
    pub(super) async fn go_ahead(&self, job: &IncomingJob) -> Option<(watch::Sender<u64>, Ahead)> {
        let is_quiet = job.quiet.is_some_and(|hours| self.inner.gate.is_quiet(hours));
        if job.bytes <= LARGE || is_quiet {
            return None;
        }
        let place = Arc::clone(&self.inner.ahead_places).try_acquire_owned().ok()?;
        let handover = self.handover(job);
        let asking = self.inner.spoolers.of(&job.queue).takes_as_it_is(&handover, job.bytes);
        if !tokio::time::timeout(ASKING, asking).await.unwrap_or(false) {
            return None;
        }
        let shell = Shell { job: job.job, attempt: job.attempt, queue: job.queue.clone() };
        let written_down = shell.clone();
        let may = self.inner.rows.run(move |rows| rows.go_ahead(&written_down)).await;
        if !may.inspect_err(|error| tracing::error!(%error, "an empty job cannot be written down")).ok()? {
            return None;
        }
        let withdrawing = Withdrawing { offer: Arc::downgrade(&self.inner), shell };
        fault::point("ahead: an empty job is written down, and not made");
        let (written, document) = Growing::at(self.inner.spool.path(&job.document()), job.bytes);
        let (last, following) = Following::of(document);
        let number = Arc::new(OnceLock::new());
        let (spoolers, made) = (Arc::clone(&self.inner.spoolers), Arc::clone(&number));
        let sending = tokio::spawn(async move {
            let _place = place;
            let spooler = spoolers.of(&handover.queue);
            let not_made = |error| SendError { error, whole: false };
            let number = spooler.create(&handover).await.map_err(not_made)?;
            fault::point("ahead: an empty job is made, and nobody knows its number");
            let _ = made.set(number);
            spooler.send_following(&handover, number, following).await
        });
        let sending = AbortOnDropHandle::new(sending);
        Some((written, Ahead { number, last, sending, _withdrawing: withdrawing }))
    }

    /// What of a job's document has gone ahead.
    pub(super) fn gone_ahead(&self, job: &IncomingJob) -> Option<Ahead> {
        lock(&self.inner.ahead).remove(&(job.job, job.attempt))
    }

    /// Withdraws an empty job, as soon as that is possible.
    pub(super) fn withdraw(&self, shell: Shell) {
        let offer = self.clone();
        self.inner.tasks.spawn(async move {
            let cancel = offer.inner.cancel.clone();
            cancel.run_until_cancelled(offer.until_withdrawn(&shell)).await
        });
    }

    async fn until_withdrawn(&self, shell: &Shell) {
        let mut pause = PAUSE.0;
        loop {
            // Not while its document arrives, which may make it that job's.
            if let Some(_alone) = Arriving::begin(self, shell.job)
                && self.is_withdrawn(shell).await
            {
                return;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE.1);
        }
    }

    /// Tries it; true when there is nothing more to do.
    async fn is_withdrawn(&self, shell: &Shell) -> bool {
        let asked = shell.clone();
        match self.inner.rows.glance(move |rows| rows.is_shell(&asked)).await {
            Ok(true) => {}
            Ok(false) => return true,
            Err(error) => {
                tracing::error!(job = %shell.job, %error, "it cannot be read whether an empty job is nobody's");
                return false;
            }
        }
        let spooler = self.inner.spoolers.of(&shell.queue);
        match spooler.find(&shell.queue, &shell.mark()).await {
            Ok(Some(seen)) if seen.documents > 0 => {
                tracing::error!(job = %shell.job, number = seen.job, "a queue has a document that was not entered");
            }
            Ok(Some(seen)) if !matches!(seen.stage, Stage::Done | Stage::Cancelled | Stage::Aborted) => {
                let cancelled = spooler.cancel(&shell.queue, seen.job).await;
                if !matches!(cancelled, Ok(()) | Err(SpoolError::NotFound)) {
                    return false;
                }
                tracing::debug!(job = %shell.job, number = seen.job, "an empty print job was withdrawn");
            }
            Ok(_) | Err(SpoolError::NotFound) => {}
            Err(_) => return false,
        }
        fault::point("ahead: an empty job is withdrawn, and still written down");
        let shell = shell.clone();
        self.inner.rows.run(move |rows| rows.is_cleared_up(&shell)).await.is_ok()
    }
}

impl Ahead {
    /// The system's number of the empty job, once it is known.
    pub(super) fn number(&self) -> Option<i32> {
        self.number.get().copied()
    }

    /// Lets the last piece go, which is on the disk by now, and waits for what comes of it.
    pub(super) async fn end(self) -> Result<(), SendError> {
        // One that has failed already says so itself.
        let _ = self.last.send(());
        // What cannot be known counts as taken.
        let lost = |error: tokio::task::JoinError| SendError {
            error: SpoolError::Away(error.to_string()),
            whole: true,
        };
        self.sending.await.unwrap_or_else(|error| Err(lost(error)))
    }
}

impl Drop for Withdrawing {
    fn drop(&mut self) {
        if let Some(inner) = self.offer.upgrade() {
            Offer { inner }.withdraw(self.shell.clone());
        }
    }
}
