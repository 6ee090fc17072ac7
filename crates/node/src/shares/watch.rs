//! Keeps the table true: folders that come and go, queues that come and go, shares that end.

use super::{Entry, Shares, behind::Behind, changed, folder};
use crate::Core;
use lanyard_api::{Change, Queue, ShareKind};
use lanyard_drive::offer::Medium;
use lanyard_trust::{ShareId, Until};
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
    let mut circle = core.circle.changes();
    // Not a sleep, which every event would begin anew: a busy node would never look.
    let mut round = tokio::time::interval(EVERY);
    round.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let idle = core.shares.read().is_empty();
        tokio::select! {
            () = core.shares.changed.notified() => {}
            () = core.shares.retell.notified() => {
                core.presence.offers_changed();
                continue;
            }
            // Who belongs here decides who sees what; those who do not any more are told at once.
            Ok(()) = circle.changed() => {
                core.shares.tally().put_out(&core.circle.known().expelled);
                changed(core);
                core.presence.nearby_changed();
                continue;
            }
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
    let folders: Vec<(ShareId, Known)> = {
        let table = core.shares.read();
        let folders = table.iter().filter(|(_, entry)| entry.kind == ShareKind::Folder);
        folders.map(|(id, entry)| (id.clone(), Known::of(entry))).collect()
    };
    let looks = folders.into_iter().map(async |(id, known)| (id, look_at(&core.shares, known).await));
    let mut different = false;
    for (id, seen) in futures_util::future::join_all(looks).await {
        let mut table = core.shares.write();
        let Some((entry, seen)) = table.get_mut(&id).zip(seen) else { continue };
        let (medium, stamp) = seen.medium.unwrap_or_else(|| (entry.behind.unseen(), None));
        // What the owner wants to take out is not served again before it has been out.
        if entry.left == Some(medium) {
            continue;
        }
        entry.left = None;
        different |= entry.available != seen.there || entry.medium != medium;
        (entry.available, entry.medium, entry.stamp) = (seen.there, medium, stamp);
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
    /// What it is on, and by what that is known; none when that did not answer.
    medium: Option<(Medium, Option<String>)>,
}

/// What is known of a shared folder before the look.
struct Known {
    root: PathBuf,
    behind: Behind,
    last: (Medium, Option<String>),
}

impl Known {
    fn of(entry: &Entry) -> Self {
        let last = (entry.left.unwrap_or(entry.medium), entry.stamp.clone());
        Self { root: PathBuf::from(&entry.target), behind: entry.behind.clone(), last }
    }

    fn look(&self) -> Seen {
        let medium = self.behind.look(&self.root, &self.last);
        let there = match medium.0 {
            Medium::Fixed | Medium::Drive(Some(_)) => folder::is_there(&self.root),
            Medium::Disc(disc) => disc.is_some(),
            Medium::Drive(None) => false,
        };
        let is_folder = there && !matches!(medium.0, Medium::Disc(_));
        let disk = if is_folder { folder::disk(&self.root) } else { None };
        Seen { there, disk, medium: Some(medium) }
    }
}

/// A folder that does not answer in time counts as away. While a look at it is under way none other begins, and
/// nothing is known: each look at a dead mount holds a thread.
async fn look_at(shares: &Shares, known: Known) -> Option<Seen> {
    let look = Look::begin(&shares.looks, known.root.clone())?;
    let looking = tokio::task::spawn_blocking(move || {
        let _look = look;
        known.look()
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
        // Made only when it began: one that is dropped ends the look that is under way.
        begun.then(|| Self { root, under_way })
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

/// Takes back what has ended: whole shares, single rules, and what the owner said yes to for a while.
async fn end_expired(core: &Arc<Core>) {
    let now = core.clock.now();
    let is_over = |until: Option<Until>| until.is_some_and(|until| until.is_over(&now));
    let (mut expired, mut shorter) = (Vec::new(), Vec::new());
    for (id, entry) in core.shares.write().iter_mut() {
        let before = entry.policy.grants.len();
        if is_over(entry.policy.until) {
            expired.push(id.clone());
        } else {
            entry.policy.grants.retain(|grant| !is_over(grant.until));
            if entry.policy.grants.len() < before {
                shorter.push((id.clone(), entry.clone()));
            }
        }
    }
    if core.shares.tally().end_allowed(now.ran) {
        core.presence.offers_changed();
    }
    if expired.is_empty() && shorter.is_empty() {
        return;
    }
    tracing::info!(shares = expired.len(), rules = shorter.len(), "what was to end has ended");
    for (id, entry) in shorter {
        if let Err(error) = core.shares.save(&id, &entry).await {
            tracing::warn!(%error, "rules that have ended stay in the store until the next change");
        }
    }
    if let Err(error) = core.shares.remove(expired).await {
        tracing::warn!(%error, "ended shares stay in the store until the next try");
    }
    changed(core);
}
