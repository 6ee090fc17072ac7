//! An added printer as this computer's programs see it: always there, whatever its device is doing.
//!
//! What it tells is made here from what we know, never passed through; what is printed on it is safe in the outbox
//! before it is answered.

use super::kept::Added;
use crate::{
    Core,
    presence::{self, RemoteShare},
    printing,
};
use futures_util::future::BoxFuture;
use lanyard_print::{
    consume::{Arriving, AskError, OutboxError, OutgoingState, Target},
    document::DocumentError,
    offer::ipp::{Document, Facts, More, NewJob, Printer, Progress, Refused},
    spool::KeepError,
    system::QueueState,
    ticket::{Capabilities, State},
};
use lanyard_store::StoreError;
use std::{sync::Arc, time::Duration};
use uuid::Uuid;

/// How long the far printer may take to tell what it can do; then what it last told counts.
const PATIENCE: Duration = Duration::from_millis(1500);

pub(super) struct Remote {
    core: Arc<Core>,
    added: Added,
}

impl Remote {
    pub(super) fn new(core: Arc<Core>, added: Added) -> Self {
        Self { core, added }
    }

    fn share(&self) -> RemoteShare {
        RemoteShare {
            node: self.added.node,
            share: self.added.share.clone(),
            name: self.added.name.clone(),
            device_name: self.added.device_name.clone(),
            ask: false,
            identity: self.added.identity.clone(),
        }
    }

    /// What it can do, or could when it last told.
    async fn able(&self) -> Result<Capabilities, Refused> {
        let share = self.share();
        let asked = tokio::time::timeout(PATIENCE, printing::abilities(&self.core, &share)).await;
        let known = self.core.gateway.find(self.added.uuid).and_then(|added| added.able);
        let Ok(Ok(able)) = asked else {
            return known.ok_or_else(|| Refused::Away("it has never told what it can do".to_owned()));
        };
        if known.as_ref() != Some(&able) {
            let (uuid, told) = (self.added.uuid, able.clone());
            for added in self.core.gateway.added().iter_mut().filter(|added| added.uuid == uuid) {
                added.able = Some(told.clone());
            }
            if let Err(error) = self.core.gateway.rows.run(move |rows| rows.told(uuid, &told)).await {
                tracing::warn!(%error, "what an added printer can do is not remembered");
            }
        }
        Ok(able)
    }

    async fn tell(&self) -> Result<Facts, Refused> {
        let can = self.able().await?;
        let shown = presence::printer(&self.core, &self.added.node, &self.added.share);
        let (state, reasons, message, waiting) = match shown {
            // It takes jobs all the same: they wait here.
            None => {
                let words = format!("{} is not there. Jobs wait on this computer.", self.added.device_name);
                (QueueState::Idle, Vec::new(), Some(words), 0)
            }
            Some(shown) => {
                let state = match shown.state {
                    lanyard_api::PrinterState::Busy => QueueState::Processing,
                    lanyard_api::PrinterState::Stopped => QueueState::Stopped,
                    _ => QueueState::Idle,
                };
                (state, shown.reasons, None, shown.waiting)
            }
        };
        Ok(Facts {
            uuid: self.added.uuid,
            name: self.added.shown_name(),
            dns_sd_name: None,
            location: None,
            model: Some(format!("{} by way of Lanyard", self.added.name)),
            can,
            state,
            reasons,
            message,
            waiting,
            accepting: true,
            supplies: Vec::new(),
            holds: true,
            // Whose printer it is may not know how.
            covers: false,
            more: More::default(),
        })
    }

    async fn take_in(&self, job: NewJob, document: Document) -> Result<(), Refused> {
        let (uuid, id) = (self.added.uuid, job.job);
        let entered = self.core.gateway.rows.run(move |rows| rows.enter(uuid, id)).await;
        entered.map_err(|error| Refused::Internal(error.to_string()))?;
        let share = self.share();
        let target = Target {
            node: share.node,
            share: share.share,
            printer: share.name,
            device_name: share.device_name,
            ask: false,
            identity: share.identity,
        };
        let arriving = Arriving {
            job: job.job,
            title: job.title,
            format: job.format,
            options: job.options,
            held: job.held,
            bytes: job.bytes,
        };
        let outbox = printing::outbox(&self.core);
        outbox.take_arriving(target, arriving, document).await.map(|_| ()).map_err(refused)
    }

    async fn what_became(&self, jobs: Vec<Uuid>) -> Result<Vec<Progress>, Refused> {
        let all = printing::outbox(&self.core).jobs().await;
        let all = all.map_err(|error| Refused::Internal(error.to_string()))?;
        let told = all.into_iter().filter(|job| jobs.contains(&job.job)).map(|job| Progress {
            job: job.job,
            state: match job.state {
                OutgoingState::Sending => State::Waiting,
                OutgoingState::At(state) => state,
            },
            reason: job.reason,
            detail: job.detail,
            bytes: job.bytes,
            pages: job.pages,
            pages_done: job.pages_done,
            ended_at: job.ended_at,
        });
        Ok(told.collect())
    }
}

impl Printer for Remote {
    fn facts(&self) -> BoxFuture<'_, Result<Facts, Refused>> {
        Box::pin(self.tell())
    }

    fn admit(&self) -> Result<(), Refused> {
        // Whoever knows the secret is this computer's user; the printer's owner decides when the job comes.
        Ok(())
    }

    fn take(&self, job: NewJob, document: Document) -> BoxFuture<'_, Result<(), Refused>> {
        Box::pin(self.take_in(job, document))
    }

    fn progress(&self, jobs: Vec<Uuid>) -> BoxFuture<'_, Result<Vec<Progress>, Refused>> {
        Box::pin(self.what_became(jobs))
    }

    fn cancel(&self, job: Uuid) -> BoxFuture<'_, Result<(), Refused>> {
        Box::pin(async move {
            let cancelled = printing::outbox(&self.core).cancel(job).await;
            cancelled.map(|_| ()).map_err(refused)
        })
    }

    fn hold(&self, job: Uuid) -> BoxFuture<'_, Result<(), Refused>> {
        Box::pin(async move {
            let held = printing::outbox(&self.core).hold(job).await;
            held.map(|_| ()).map_err(refused)
        })
    }

    fn release(&self, job: Uuid) -> BoxFuture<'_, Result<(), Refused>> {
        Box::pin(async move {
            let released = printing::outbox(&self.core).release(job).await;
            released.map(|_| ()).map_err(refused)
        })
    }
}

fn refused(error: OutboxError) -> Refused {
    let words = error.to_string();
    match error {
        OutboxError::NotFound => Refused::NotFound,
        OutboxError::Keep(KeepError::Full) | OutboxError::Store(StoreError::Full) => Refused::Full,
        OutboxError::Keep(KeepError::TooLarge) => Refused::TooLarge,
        OutboxError::Keep(KeepError::Cut) => Refused::Cut,
        OutboxError::Document(
            DocumentError::Unsupported | DocumentError::NoOffice | DocumentError::OfficeFromOthers,
        ) => Refused::FormatNotSupported(words),
        OutboxError::Document(DocumentError::Locked) => Refused::Locked(words),
        OutboxError::Document(DocumentError::NotNow(_)) => Refused::Busy,
        OutboxError::Document(_) => Refused::FormatError(words),
        OutboxError::NotNow(words) => Refused::NotPossible(words.to_owned()),
        OutboxError::Owner(AskError::Refused(told)) if told.reason == "not_now" => {
            Refused::NotPossible(told.detail)
        }
        OutboxError::Owner(_) => Refused::Away(words),
        OutboxError::Keep(_) | OutboxError::Spool(_) | OutboxError::Store(_) => Refused::Internal(words),
    }
}
