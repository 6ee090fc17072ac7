//! This computer's own queues: listed when somebody asks, watched slowly while they are shared.

use super::convert::queue_of;
use crate::Core;
use lanyard_api::{Change, Queue};
use lanyard_print::{QueueId, system::QueueInfo};
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::Notify;

/// A list this young is not asked for again.
const FRESH: Duration = Duration::from_secs(2);

/// How long the system's spooler may take to list its queues before the last list is used.
const PATIENCE: Duration = Duration::from_millis(1500);

/// A list this young is not asked for again while somebody uses a queue, and how often it is looked at then: a change is
/// to be seen by a sender within 300 ms.
const FRESH_IN_USE: Duration = Duration::from_millis(75);
const IN_USE: Duration = Duration::from_millis(150);

/// How long after the last job, change or question a queue counts as used.
const USED: Duration = Duration::from_secs(60);

/// Between two looks while a queue is shared, and while none is.
const SHARED: Duration = Duration::from_secs(10);
const UNSHARED: Duration = Duration::from_secs(60);

/// The queues as last listed.
#[derive(Default)]
pub(super) struct Known {
    list: Mutex<Listed>,
    /// One listing at a time.
    listing: tokio::sync::Mutex<()>,
    look: Notify,
    /// Jobs are on their way through the system's queues, or were a moment ago, or somebody looks at one.
    in_use: AtomicBool,
}

#[derive(Default)]
struct Listed {
    at: Option<Instant>,
    queues: Vec<QueueInfo>,
    /// When something last happened to a queue, or somebody wanted to know of one.
    used_at: Option<Instant>,
}

impl Known {
    /// Something happened to a job: its queue may have changed.
    pub(super) fn look_soon(&self) {
        {
            let mut list = self.list();
            list.at = None;
            list.used_at = Some(Instant::now());
        }
        self.look.notify_one();
    }

    fn is_used(&self) -> bool {
        self.list().used_at.is_some_and(|at| at.elapsed() < USED)
    }

    fn list(&self) -> MutexGuard<'_, Listed> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fresh(&self) -> Option<Vec<QueueInfo>> {
        let list = self.list();
        let fresh = if self.in_use.load(Ordering::Relaxed) { FRESH_IN_USE } else { FRESH };
        list.at.is_some_and(|at| at.elapsed() < fresh).then(|| list.queues.clone())
    }
}

/// This computer's own queues, at most two seconds old.
pub async fn queues(core: &Core) -> Vec<Queue> {
    listed(core).await.into_iter().map(|queue| shown(core, queue)).collect()
}

/// The same, asked now, and everybody is told.
pub(super) async fn look_now(core: &Core) -> Vec<Queue> {
    core.printing.queues.look_soon();
    queues(core).await
}

/// What is known of one queue; none when the system does not list it.
pub async fn queue_state(core: &Core, queue: &QueueId) -> Option<QueueInfo> {
    listed(core).await.into_iter().find(|known| known.id == *queue)
}

/// Looks at the queues from time to time and tells front ends and neighbours of changes.
pub(super) async fn watch(core: Arc<Core>) {
    let mut last: Option<Vec<Queue>> = None;
    loop {
        let queues = queues(&core).await;
        let shared = queues.iter().any(|queue| queue.share.is_some() && !queue.built_in);
        if let Some(before) = &last
            && *before != queues
        {
            core.printing.queues.list().used_at = Some(Instant::now());
            let offered = |queues: &[Queue]| -> Vec<Queue> {
                queues.iter().filter(|queue| queue.share.is_some()).cloned().collect()
            };
            if offered(before) != offered(&queues) {
                core.presence.offers_changed();
            }
            core.events.emit(Change::Queues(queues.clone()));
        }
        last = Some(queues);
        let in_use = core.printing.queues.is_used() || core.printing.offer.is_under_way().await;
        core.printing.queues.in_use.store(in_use, Ordering::Relaxed);
        let pause = match (in_use, shared) {
            (true, _) => IN_USE,
            (false, true) => SHARED,
            (false, false) => UNSHARED,
        };
        let pause = tokio::time::sleep(pause);
        tokio::select! {
            () = core.cancel.cancelled() => return,
            () = pause => {}
            () = core.printing.queues.look.notified() => {
                // Jobs change in bursts.
                tokio::time::sleep(IN_USE).await;
            }
        }
    }
}

async fn listed(core: &Core) -> Vec<QueueInfo> {
    let known = &core.printing.queues;
    if let Some(queues) = known.fresh() {
        return queues;
    }
    let _listing = known.listing.lock().await;
    // Somebody else may have listed them while we waited.
    if let Some(queues) = known.fresh() {
        return queues;
    }
    let told = tokio::time::timeout(PATIENCE, core.printing.offer.queues()).await;
    let mut list = known.list();
    list.at = Some(Instant::now());
    if let Ok(told) = told {
        list.queues = told;
    }
    list.queues.clone()
}

fn shown(core: &Core, queue: QueueInfo) -> Queue {
    let share = core.shares.share_of_queue(&queue.id).map(|share| share.0);
    queue_of(queue, share)
}
