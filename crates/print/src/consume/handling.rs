//! What people do with jobs of ours besides cancelling: keep them back, let them go, send them to another printer,
//! print them once more. And how long documents stay here for that.

use super::{AskError, Outbox, OutboxError, OutgoingJob, Rows, Target, outgoing, outgoing::Where};
use crate::{
    fault,
    ticket::{JobStatus, ManagedJob, Refused},
};
use http::Method;
use lanyard_store::StoreError;
use lanyard_trust::{NodeId, ShareId};
use std::time::Duration;
use uuid::Uuid;

/// How long it is waited for an owner to give a job back; it goes on by itself after that.
const PATIENCE: Duration = Duration::from_secs(3);

/// Between two looks at the age of kept documents.
const EVERY: Duration = Duration::from_secs(3600);

/// What whoever manages a printer does with the jobs of others on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Managing {
    /// Cancel it.
    Cancel,
    /// Keep it back.
    Hold,
    /// Let it go, whoever keeps it back.
    Release,
}

impl Outbox {
    /// Keeps a job back: here while it is here, else its owner is asked to.
    ///
    /// # Errors
    /// [`OutboxError::NotFound`], [`OutboxError::NotNow`], [`OutboxError::Owner`], or the store's.
    pub async fn hold(&self, job: Uuid) -> Result<OutgoingJob, OutboxError> {
        let (row, done) = self.wish(job, OutgoingJob::keep_back).await?;
        match done {
            Where::Here => {
                // On its way just now: that is broken off.
                self.wake(row.node, false);
                Ok(row)
            }
            Where::Owner => self.ask_about(&row, "hold").await,
        }
    }

    /// Lets a job go that we have kept back.
    ///
    /// # Errors
    /// As [`Outbox::hold`].
    pub async fn release(&self, job: Uuid) -> Result<OutgoingJob, OutboxError> {
        let (row, done) = self.wish(job, OutgoingJob::let_go).await?;
        match done {
            Where::Here => {
                self.wake(row.node, false);
                Ok(row)
            }
            Where::Owner => self.ask_about(&row, "release").await,
        }
    }

    /// Prints a job on another printer. While its owner has it, that one gives it back first and says for certain that
    /// it is not printed; until then it waits, however long that takes.
    ///
    /// # Errors
    /// [`OutboxError::NotFound`], [`OutboxError::NotNow`] also when the owner has begun to print it, or the store's.
    pub async fn move_to(&self, job: Uuid, target: Target) -> Result<OutgoingJob, OutboxError> {
        let mut changes = self.changes();
        let (from, wanted) = (self.row(job).await?.node, target.clone());
        let (row, ()) = self.wish(job, move |row| row.move_to(target)).await?;
        tracing::info!(%job, from = ?from, to = ?wanted.node, "a print job goes to another printer");
        self.wake(row.node, false);
        if row.moving.is_none() {
            return Ok(row);
        }
        let settled = async {
            while let Ok(row) = changes.recv().await {
                if row.job == job && row.moving.is_none() {
                    return;
                }
            }
        };
        let _ = tokio::time::timeout(PATIENCE, settled).await;
        let row = self.row(job).await?;
        let arrived = (row.node == wanted.node && row.share == wanted.share) || row.moving.is_some();
        if arrived {
            Ok(row)
        } else {
            Err(OutboxError::NotNow("This job has begun to print, so it stays there."))
        }
    }

    /// Prints a document again whose job is over, as a new job.
    ///
    /// # Errors
    /// [`OutboxError::NotFound`], [`OutboxError::NotNow`], [`OutboxError::Keep`], or the store's.
    pub async fn reprint(&self, job: Uuid) -> Result<OutgoingJob, OutboxError> {
        let over = self.row(job).await?;
        if !over.may(outgoing::Deed::Reprint) {
            return Err(OutboxError::NotNow(match over.kept {
                true => "This job is not over yet.",
                false => "The document of this job is not kept any more. Print it again.",
            }));
        }
        let again = over.once_more(Uuid::new_v4());
        let (outbox, new, old) = (self.clone(), again.clone(), over.document());
        let put = move || -> Result<(), OutboxError> {
            let spool = &outbox.inner.spool;
            spool.copy(&new.document(), &spool.path(&old))?;
            fault::point("outbox: a copy for once more is kept, without a row");
            outbox.inner.rows.put(&new).inspect_err(|_| spool.remove(&new.document()))?;
            Ok(())
        };
        tokio::task::spawn_blocking(put).await.map_err(|_| StoreError::Closing)??;
        tracing::info!(job = %again.job, of = %job, "a document is printed once more");
        self.tell(&again);
        self.wake(again.node, false);
        Ok(again)
    }

    /// Changes a row if that is possible as it is.
    async fn wish<T: Send + 'static>(
        &self,
        job: Uuid,
        how: impl FnOnce(&mut OutgoingJob) -> Result<T, &'static str> + Send + 'static,
    ) -> Result<(OutgoingJob, T), OutboxError> {
        let (answer, told) = std::sync::mpsc::sync_channel(1);
        let row = self
            .change(job, move |row| {
                let _ = answer.send(how(row));
            })
            .await?;
        match told.try_recv() {
            Ok(Ok(done)) => Ok((row, done)),
            Ok(Err(words)) => Err(OutboxError::NotNow(words)),
            Err(_) => Err(StoreError::Closing.into()),
        }
    }

    /// The jobs of all on a printer of another node that we may manage, newest first, as many as it tells.
    ///
    /// # Errors
    /// [`AskError`].
    pub async fn managed(&self, node: NodeId, share: &ShareId) -> Result<Vec<ManagedJob>, AskError> {
        let path = format!("/v1/printers/{share}/jobs");
        let (_, told) = self.ask(node, Method::GET, &path, Vec::new()).await?;
        let told: Vec<ManagedJob> = serde_json::from_slice(&told).map_err(|_| AskError::Unexpected)?;
        Ok(told.into_iter().map(ManagedJob::bounded).collect())
    }

    /// Does something with one of them.
    ///
    /// # Errors
    /// [`AskError`]: refused, if it is too late for that or the printer is not ours to manage any more.
    pub async fn manage(&self, node: NodeId, job: Uuid, what: Managing) -> Result<JobStatus, AskError> {
        let what = match what {
            Managing::Cancel => "cancel",
            Managing::Hold => "hold",
            Managing::Release => "release",
        };
        let path = format!("/v1/jobs/{job}/{what}");
        let (_, told) = self.ask(node, Method::POST, &path, Vec::new()).await?;
        let status: JobStatus = serde_json::from_slice(&told).map_err(|_| AskError::Unexpected)?;
        Ok(status.bounded())
    }

    /// Asks the owner of a job to do something with it.
    async fn ask_about(&self, job: &OutgoingJob, what: &str) -> Result<OutgoingJob, OutboxError> {
        let path = format!("/v1/jobs/{}/{what}", job.job);
        let (_, told) =
            self.ask(job.node, Method::POST, &path, Vec::new()).await.map_err(|error| match error {
                AskError::Refused(Refused { reason, .. }) if reason == "not_found" => OutboxError::NotFound,
                error => error.into(),
            })?;
        let status: JobStatus = serde_json::from_slice(&told).map_err(|_| AskError::Unexpected)?;
        self.heard(job.node, status).await;
        self.row(job.job).await
    }

    async fn row(&self, job: Uuid) -> Result<OutgoingJob, OutboxError> {
        self.inner.rows.run(move |rows| rows.job(job)).await?.ok_or(OutboxError::NotFound)
    }

    pub(super) async fn give_up_documents(&self) {
        match self.inner.rows.run(Rows::give_up_documents).await {
            Ok(given_up) => {
                for job in given_up {
                    self.inner.spool.remove(&job.document());
                    self.tell(&OutgoingJob { kept: false, ..job });
                }
            }
            Err(error) => tracing::warn!(%error, "kept documents stay until the next look"),
        }
    }

    pub(super) fn give_up_documents_in_time(&self) {
        let (outbox, cancel) = (self.clone(), self.inner.cancel.clone());
        self.inner.tasks.spawn(async move {
            let looking = async {
                loop {
                    tokio::time::sleep(EVERY).await;
                    outbox.give_up_documents().await;
                }
            };
            cancel.run_until_cancelled(looking).await;
        });
    }
}
