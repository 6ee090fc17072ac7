//! A document that is here becomes a job.
//!
//! From when its row may be there, nothing stops halfway: whoever brought the document may be gone by then, and its job is
//! told of and carried out all the same.

use super::{
    Ahead, IncomingJob, Inner, Offer,
    journal::{Entered, Rows},
    lock,
};
use crate::{QueueId, fault};
use lanyard_store::StoreError;
use lanyard_trust::Claim;
use std::sync::Arc;
use uuid::Uuid;

/// A document that is arriving; the same one cannot arrive twice at once. Unless it is entered, it is thrown away.
pub(super) struct Arriving {
    inner: Arc<Inner>,
    job: Uuid,
    document: Option<String>,
}

/// All that is entered of a document.
pub(super) struct Entering {
    pub(super) job: IncomingJob,
    /// What its sender may print, if that is counted by now.
    pub(super) claim: Option<Claim<QueueId>>,
    /// What of it is in its queue already.
    pub(super) ahead: Option<Ahead>,
    /// The document whose place it takes.
    pub(super) earlier: Option<String>,
    pub(super) arriving: Arriving,
}

impl Arriving {
    pub(super) fn begin(offer: &Offer, job: Uuid) -> Option<Self> {
        let is_first = lock(&offer.inner.receiving).insert(job);
        // Made only when it is the first: one that is dropped takes the job out again, and the lock to do it.
        is_first.then(|| Self { inner: Arc::clone(&offer.inner), job, document: None })
    }

    /// Its document is whole.
    pub(super) fn has_come(&mut self, document: String) {
        self.document = Some(document);
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        if let Some(document) = &self.document {
            self.inner.spool.remove(document);
        }
        lock(&self.inner.receiving).remove(&self.job);
    }
}

impl Offer {
    /// Enters a job whose document is on the disk, tells of it and wakes its worker.
    pub(super) async fn enter(&self, entering: Entering) -> Result<Entered, StoreError> {
        let offer = self.clone();
        let entered = self.inner.tasks.spawn(async move { offer.enter_all(entering).await });
        entered.await.unwrap_or(Err(StoreError::Closing))
    }

    async fn enter_all(&self, entering: Entering) -> Result<Entered, StoreError> {
        let Entering { mut job, claim, ahead, earlier, mut arriving } = entering;
        let (key, document) = ((job.job, job.attempt), job.document());
        let number = ahead.as_ref().and_then(Ahead::number).filter(|_| job.journal.holds.is_empty());
        if let (Some(ahead), Some(_)) = (ahead, number) {
            job.journal = job.journal.ahead(number);
            // Before the row is there, so that its worker knows of it.
            lock(&self.inner.ahead).insert(key, ahead);
        }
        // When this is broken off, the row may be there.
        arriving.document = None;
        let enter = move |rows: &Rows| {
            let entered = rows.enter(&job)?;
            if let (Entered::New(_), Some(claim)) = (&entered, claim) {
                claim.keep();
            }
            Ok(entered)
        };
        let entered = self.inner.rows.run(enter).await;
        if let Ok(Entered::New(job)) = &entered {
            if let Some(earlier) = earlier {
                self.inner.spool.remove(&earlier);
            }
            tracing::info!(job = %job.job, from = ?job.sender, queue = %job.queue, bytes = job.bytes, held = ?job.journal.holds.first(), "print job accepted");
            fault::point("offer: a job is entered, and nobody knows");
            self.tell(job);
            self.wake(&job.queue);
        } else {
            let gone = lock(&self.inner.ahead).remove(&key);
            drop(gone);
            self.inner.spool.remove(&document);
        }
        entered
    }
}
