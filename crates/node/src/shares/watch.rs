//! Keeps the table true: folders that come and go, queues that come and go, shares that end.

use super::{Shares, changed, folder};
use crate::Core;
use lanyard_api::{Change, Queue, ShareKind};
use lanyard_trust::ShareId;
use std::{
    collections::HashSet,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{sync::broadcast::error::RecvError, time::MissedTickBehavior};

/// How often the folders are looked at. A stick that was pulled out is noticed by whoever reads from it at once.
const EVERY: Duration = Duration::from_secs(5);

/// A dead network mount can hold a look for minutes; nobody waits longer than this for it.
const PATIENCE: Duration = Duration::from_secs(1);

/// Starts watching. Costs nothing while nothing is shared.
pub fn start(core: &Arc<Core>) {
    let watched = Arc::clone(core);
    core.tasks.spawn(async move {
        let cancel = watched.cancel.clone();
        tokio::select! {
            () = cancel.cancelled() => {}
            () = watch(&watched) => {}
        }
    });
}

async fn watch(core: &Arc<Core>) {
    let mut events = core.events.listen();
    // Not a sleep, which every event would begin anew: a busy node would never look.
    let mut round = tokio::time::interval(EVERY);
    round.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let idle = core.shares.read().is_empty();
        tokio::select! {
            () = core.shares.changed.notified() => {}
            _ = round.tick(), if !idle => {}
            event = events.recv() => match event {
                Ok(event) => {
                    if let Change::Queues(queues) = event.change
                        && see_queues(core, &queues)
                    {
                        changed(core);
                    }
                    continue;
                }
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            }
        }
        look(core).await;
        end_expired(core).await;
    }
}

/// Looks at every shared folder, at all of them at once, and tells when one came or went.
pub(super) async fn look(core: &Core) {
    let folders: Vec<(ShareId, PathBuf)> = {
        let table = core.shares.read();
        let folders = table.iter().filter(|(_, entry)| entry.kind == ShareKind::Folder);
        folders.map(|(id, entry)| (id.clone(), PathBuf::from(&entry.target))).collect()
    };
    let looks = folders.into_iter().map(async |(id, root)| (id, look_at(&core.shares, root).await));
    let mut different = false;
    for (id, seen) in futures_util::future::join_all(looks).await {
        let mut table = core.shares.write();
        let Some((entry, seen)) = table.get_mut(&id).zip(seen) else { continue };
        different |= entry.available != seen.there;
        entry.available = seen.there;
        entry.disk = seen.disk.or(entry.disk);
    }
    if different {
        changed(core);
    }
}

#[derive(Default)]
struct Seen {
    there: bool,
    disk: Option<(u64, u64)>,
}

/// A folder that does not answer in time counts as away. While a look at it is under way none other begins, and
/// nothing is known: each look at a dead mount holds a thread.
async fn look_at(shares: &Shares, root: PathBuf) -> Option<Seen> {
    let look = Look::begin(&shares.looks, root)?;
    let looking = tokio::task::spawn_blocking(move || {
        let there = folder::is_there(&look.root);
        Seen { there, disk: if there { folder::disk(&look.root) } else { None } }
    });
    match tokio::time::timeout(PATIENCE, looking).await {
        Ok(Ok(seen)) => Some(seen),
        _ => Some(Seen::default()),
    }
}

/// The folders that are being looked at.
pub(super) type Looks = Arc<Mutex<HashSet<PathBuf>>>;

struct Look {
    root: PathBuf,
    under_way: Looks,
}

impl Look {
    fn begin(looks: &Looks, root: PathBuf) -> Option<Self> {
        let under_way = Arc::clone(looks);
        let begun = under_way.lock().unwrap_or_else(PoisonError::into_inner).insert(root.clone());
        begun.then_some(Self { root, under_way })
    }
}

impl Drop for Look {
    fn drop(&mut self) {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.root);
    }
}

/// True when a shared queue came or went.
fn see_queues(core: &Core, queues: &[Queue]) -> bool {
    let mut different = false;
    for entry in core.shares.write().values_mut().filter(|entry| entry.kind == ShareKind::Printer) {
        let there = queues.iter().any(|queue| queue.id == entry.target);
        different |= entry.available != there;
        entry.available = there;
    }
    different
}

async fn end_expired(core: &Arc<Core>) {
    let now = core.clock.now();
    let expired: Vec<ShareId> = {
        let table = core.shares.read();
        let over =
            table.iter().filter(|(_, entry)| entry.policy.until.is_some_and(|until| until.is_over(&now)));
        over.map(|(id, _)| id.clone()).collect()
    };
    if expired.is_empty() {
        return;
    }
    tracing::info!(count = expired.len(), "shares have ended, as their owner wanted");
    if let Err(error) = core.shares.remove(expired).await {
        tracing::warn!(%error, "ended shares stay in the store until the next try");
    }
    changed(core);
}
