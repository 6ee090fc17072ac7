//! Jobs that are here and wait for the owner's word: each has a question on the owner's desk, and goes or ends with the
//! answer. After a restart the questions are asked anew.

use crate::{
    Core,
    asks::{self, Word},
};
use lanyard_print::offer::{Hold, IncomingJob, OfferError};
use lanyard_trust::Refusal;
use std::{collections::HashSet, sync::Arc, time::Duration};
use uuid::Uuid;

/// Between two looks while jobs wait: there may be room for another question, or the rules have changed.
const EVERY: Duration = Duration::from_secs(10);

/// Sees to such jobs until the node stops.
pub(super) async fn watch(core: Arc<Core>) {
    loop {
        let some_wait = look(&core).await;
        let pause = async {
            if some_wait {
                tokio::time::sleep(EVERY).await;
            } else {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = core.cancel.cancelled() => return,
            () = core.printing.unanswered.notified() => {}
            () = pause => {}
        }
    }
}

/// The owner has answered a job's question, or has not answered in time.
pub(crate) fn owner_has_said(core: &Core, job: Uuid, yes: bool) {
    let mut said = core.printing.said.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    said.push((job, yes));
    core.printing.unanswered.notify_one();
}

/// True when jobs still wait.
async fn look(core: &Core) -> bool {
    let said =
        std::mem::take(&mut *core.printing.said.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    for (job, yes) in said {
        settle(core, job, if yes { Word::Yes } else { Word::No(Refusal::NotAllowed) }).await;
    }
    let jobs = match core.printing.offer.jobs().await {
        Ok(jobs) => jobs,
        Err(error) => {
            tracing::error!(%error, "the jobs that wait for the owner cannot be read");
            return true;
        }
    };
    let mut waiting: Vec<IncomingJob> = jobs.into_iter().filter(waits).collect();
    // The first that came is asked about first.
    waiting.sort_by_key(|job| job.created_at);
    asks::only_about(core, &waiting.iter().map(|job| job.job).collect::<HashSet<_>>());
    let mut some_wait = false;
    for job in waiting {
        match asks::about_job(core, &job) {
            Word::Waits => some_wait = true,
            word => settle(core, job.job, word).await,
        }
    }
    some_wait
}

pub(super) fn waits(job: &IncomingJob) -> bool {
    job.journal.holds.has(Hold::MustAsk) && job.ended_at.is_none()
}

async fn settle(core: &Core, job: Uuid, word: Word) {
    let offer = &core.printing.offer;
    let settled = match word {
        Word::Waits => return,
        Word::No(why) => offer.deny(job, why).await,
        Word::Yes => match offer.allow(job).await {
            // Another job was quicker to use the permission: this one is asked about anew.
            Err(OfferError::Refused(Refusal::MustAsk)) => return core.printing.unanswered.notify_one(),
            Err(OfferError::Refused(why)) => offer.deny(job, why).await,
            allowed => allowed,
        },
    };
    match settled {
        Ok(_) => {}
        Err(OfferError::NotFound) => tracing::debug!(%job, "the job does not wait any more"),
        Err(error) => tracing::error!(%job, %error, "the owner's word on a job cannot be carried out"),
    }
}
