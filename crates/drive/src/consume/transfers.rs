//! All copies of this node: begun, gone on with, cancelled; a row in the store and a task each.
//!
//! A task tries, waits for the other device, and tries again until the copy is whole, a person stops it, or something
//! stands in the way that does not go away by itself. How bytes move is the business of `download` and
//! `upload`.

mod begin;
mod job;
mod places;
mod room;
mod run;

use super::{
    journal::{self, Row},
    limit::Limit,
    transfer::{Conflict, Direction, Note, Reason, State, Transfer},
    tree,
    upload::Sent,
};
use crate::disk;
use job::remove;
use lanyard_link::Peers;
use lanyard_store::{Store, StoreError};
use lanyard_trust::{NodeId, ShareId};
use places::Places;
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::sync::Notify;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

pub use super::journal::MIGRATIONS;
pub use begin::{BeginError, NewDownload, NewUpload};
pub(super) use job::{Job, Pace};

/// Large copies that move bytes at once with one device; the others wait.
const PER_DEVICE: usize = 2;
/// Small ones that may go beside them, so that a letter does not wait for a film.
const SMALL_PER_DEVICE: usize = 2;
/// What counts as small, in bytes.
const SMALL: u64 = 16 << 20;
/// The most notes on a tree that are told.
const NOTES: u32 = 1_000;
/// Ended copies that are remembered.
const HISTORY: usize = 200;
/// How long a cancelled copy may take to let go of its files.
const LET_GO: Duration = Duration::from_secs(10);

/// Told of every change of a copy, at most a few times a second for each.
pub type Changed = Arc<dyn Fn(&Transfer) + Send + Sync>;

/// The copies of this node. Clones share them.
#[derive(Clone)]
pub struct Transfers {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    peers: Peers,
    cancel: CancellationToken,
    tasks: TaskTracker,
    changed: Changed,
    copies: Mutex<HashMap<Uuid, Held>>,
    devices: Mutex<HashMap<NodeId, Lanes>>,
    /// For all copies together.
    limit: Arc<Limit>,
    sources: OnceLock<Sources>,
}

/// A drive of another device that may be read.
#[derive(Clone, Debug)]
pub struct Source {
    /// The device.
    pub node: NodeId,
    /// Its name, for people.
    pub device_name: String,
    /// The share.
    pub share: ShareId,
}

/// The drives that may hold what a drive holds: those of the home that can be read now.
pub type Sources = Box<dyn Fn() -> Vec<Source> + Send + Sync>;

/// The places for copies with one device.
struct Lanes {
    large: Places,
    small: Places,
}

/// A copy in memory.
struct Held {
    row: Row,
    limit: Arc<Limit>,
    task: Option<Task>,
    /// What is on its way to the other side, where a part of it may stay.
    sent: Option<Sent>,
}

impl Held {
    fn new(row: Row) -> Self {
        let limit = Limit::default();
        limit.set(row.transfer.limit);
        Self { row, limit: Arc::new(limit), task: None, sent: None }
    }
}

/// What moves a copy on.
#[derive(Clone)]
struct Task {
    stop: CancellationToken,
    cancelled: Arc<AtomicBool>,
    paused: Arc<AtomicBool>,
    /// Why it can never go on, once that is known.
    verdict: Arc<OnceLock<(Reason, String)>>,
    /// The device is back, or a person is impatient: do not wait for the next try.
    wake: Arc<Notify>,
    /// Cancelled when the task has let go of everything.
    ended: CancellationToken,
}

impl Transfers {
    /// Reads what there is; nothing runs yet.
    ///
    /// # Errors
    /// When the store does.
    pub fn open(
        store: Store,
        peers: Peers,
        cancel: CancellationToken,
        tasks: TaskTracker,
        changed: Changed,
    ) -> Result<Self, StoreError> {
        let mut copies = HashMap::new();
        for mut row in journal::load(&store)? {
            if row.transfer.state == State::Running {
                row.transfer.state = State::Waiting;
            }
            copies.insert(row.transfer.id, Held::new(row));
        }
        let (copies, devices, limit) = (Mutex::new(copies), Mutex::default(), Arc::default());
        Ok(Self {
            inner: Arc::new(Inner {
                store,
                peers,
                cancel,
                tasks,
                changed,
                copies,
                devices,
                limit,
                sources: OnceLock::new(),
            }),
        })
    }

    /// Tells where else to ask for the content of a large file. Once, before anything runs; a second time does nothing.
    pub fn ask_also(&self, sources: Sources) {
        let _ = self.inner.sources.set(sources);
    }

    /// Goes on with everything that was under way when the node stopped or was killed.
    pub fn resume(&self) {
        self.remove_sources_of_the_done();
        let mut waiting: Vec<(i64, Uuid)> = {
            let copies = self.inner.copies();
            copies
                .values()
                .filter(|held| {
                    !held.row.transfer.state.is_ended() && held.row.transfer.state != State::Paused
                })
                .map(|held| (held.row.turn, held.row.transfer.id))
                .collect()
        };
        waiting.sort_unstable();
        for (_, id) in waiting {
            self.inner.spawn(id);
        }
    }

    /// A crash may have come between the last word on an upload and the end of its source.
    fn remove_sources_of_the_done(&self) {
        let is_left = |row: &Row| row.owns_source && row.transfer.state == State::Done;
        let copies = self.inner.copies();
        let left: Vec<Row> =
            copies.values().map(|held| &held.row).filter(|row| is_left(row)).cloned().collect();
        self.inner.tasks.spawn(async move {
            for row in left {
                row.remove_leftovers().await;
            }
        });
    }

    /// All copies, newest first.
    #[must_use]
    pub fn all(&self) -> Vec<Transfer> {
        let mut all: Vec<Transfer> =
            self.inner.copies().values().map(|held| held.row.transfer.clone()).collect();
        all.sort_by_key(|transfer| (std::cmp::Reverse(transfer.created_at), transfer.id));
        all
    }

    /// One copy.
    #[must_use]
    pub fn get(&self, id: Uuid) -> Option<Transfer> {
        self.inner.copies().get(&id).map(|held| held.row.transfer.clone())
    }

    /// Stops a copy and removes what was received. One that is done stays done.
    pub async fn cancel(&self, id: Uuid) -> Option<Transfer> {
        let task = {
            let copies = self.inner.copies();
            let held = copies.get(&id)?;
            if matches!(held.row.transfer.state, State::Done | State::Cancelled) {
                return Some(held.row.transfer.clone());
            }
            held.task.clone()
        };
        if let Some(task) = task {
            task.cancelled.store(true, Ordering::SeqCst);
            task.stop.cancel();
            let _ = tokio::time::timeout(LET_GO, task.ended.cancelled()).await;
        }
        let job = self.inner.job(id, self.inner.cancel.clone());
        if job.row().is_some_and(|row| !matches!(row.transfer.state, State::Done | State::Cancelled)) {
            job.end_cancelled().await;
        }
        self.get(id)
    }

    /// Holds a copy until it is tried again. What it has stays; one that is over stays as it is.
    pub async fn pause(&self, id: Uuid) -> Option<Transfer> {
        let task = {
            let copies = self.inner.copies();
            let held = copies.get(&id)?;
            if held.row.transfer.state.is_ended() {
                return Some(held.row.transfer.clone());
            }
            held.task.clone()
        };
        if let Some(task) = task {
            task.paused.store(true, Ordering::SeqCst);
            task.stop.cancel();
            let _ = tokio::time::timeout(LET_GO, task.ended.cancelled()).await;
        }
        self.get(id)
    }

    /// Ends a copy that can never go on, and says why. One that is over stays as it is.
    pub async fn give_up(&self, id: Uuid, reason: Reason, detail: String) {
        let task = {
            let copies = self.inner.copies();
            let Some(held) = copies.get(&id).filter(|held| !held.row.transfer.state.is_ended()) else {
                return;
            };
            held.task.clone()
        };
        if let Some(task) = task {
            let _ = task.verdict.set((reason, detail.clone()));
            task.stop.cancel();
            let _ = tokio::time::timeout(LET_GO, task.ended.cancelled()).await;
        }
        if self.get(id).is_some_and(|copy| !copy.state.is_ended()) {
            let job = self.inner.job(id, self.inner.cancel.clone());
            job.end(State::Failed, Some((reason, detail))).await;
        }
    }

    /// Puts a copy before all others that wait for a place, also after the next start. One that is under way or over
    /// stays as it is.
    ///
    /// # Errors
    /// When it cannot be written down.
    pub async fn next(&self, id: Uuid) -> Result<Option<Transfer>, StoreError> {
        let row = {
            let mut copies = self.inner.copies();
            let others = copies.values().filter(|held| held.row.transfer.id != id);
            let least =
                others.filter(|held| !held.row.transfer.state.is_ended()).map(|held| held.row.turn).min();
            let Some(held) = copies.get_mut(&id) else { return Ok(None) };
            if let Some(least) = least.filter(|least| *least <= held.row.turn) {
                held.row.turn = least.saturating_sub(1);
            }
            held.row.clone()
        };
        let turn = row.turn;
        self.inner.store.run(move |store| journal::save_turn(store, id, turn)).await?;
        self.inner.lane(&row.transfer).turn(id, turn);
        Ok(Some(row.transfer))
    }

    /// Sets how fast one copy may go, in bytes a second, or lifts that limit.
    ///
    /// # Errors
    /// When it cannot be written down.
    pub async fn limit_one(&self, id: Uuid, rate: Option<u64>) -> Result<Option<Transfer>, StoreError> {
        let transfer = {
            let mut copies = self.inner.copies();
            let Some(held) = copies.get_mut(&id) else { return Ok(None) };
            held.limit.set(rate);
            held.row.transfer.limit = held.limit.get();
            held.row.transfer.clone()
        };
        let limit = transfer.limit;
        self.inner.store.run(move |store| journal::save_limit(store, id, limit)).await?;
        (self.inner.changed)(&transfer);
        Ok(Some(transfer))
    }

    /// Sets how fast all copies together may go, in bytes a second, or lifts that limit.
    pub fn limit_all(&self, rate: Option<u64>) {
        self.inner.limit.set(rate);
    }

    /// How fast all copies together may go.
    #[must_use]
    pub fn limit(&self) -> Option<u64> {
        self.inner.limit.get()
    }

    /// What there is to tell of the files of a tree: what failed, what was left out, what has another name.
    ///
    /// # Errors
    /// The store's.
    pub async fn notes(&self, id: Uuid) -> Result<Vec<Note>, StoreError> {
        self.inner.store.run(move |store| journal::notes(store, id, NOTES)).await
    }

    /// Tries again: at once if it waits, from where it stopped if it failed, from the start if it was cancelled.
    pub async fn retry(&self, id: Uuid) -> Option<Transfer> {
        let task = {
            let copies = self.inner.copies();
            let held = copies.get(&id)?;
            if held.row.transfer.state == State::Done {
                return Some(held.row.transfer.clone());
            }
            held.task.clone()
        };
        let ended = self.get(id).is_some_and(|copy| copy.state.is_ended() || copy.state == State::Paused);
        match task {
            Some(task) if !ended && !task.stop.is_cancelled() => task.wake.notify_one(),
            task => {
                // Its last try, which ended or is being paused, may still be letting go of its files.
                if let Some(task) = task
                    && tokio::time::timeout(LET_GO, task.ended.cancelled()).await.is_err()
                {
                    return self.get(id);
                }
                let job = self.inner.job(id, self.inner.cancel.clone());
                let saved = job
                    .save(|row| {
                        let copy = &mut row.transfer;
                        (copy.state, copy.reason, copy.detail, copy.ended_at) =
                            (State::Waiting, None, None, None);
                    })
                    .await;
                if let Err(error) = saved {
                    tracing::warn!(?error, "a copy that is tried again could not be written down");
                }
                self.inner.spawn(id);
            }
        }
        self.get(id)
    }

    /// Goes on with a copy that failed because of the name that it was to get, now that a person has decided. `seen` is the
    /// version at the other side that is replaced. One that has not failed stays as it is.
    pub async fn settle(&self, id: Uuid, conflict: Conflict, seen: Option<String>) -> Option<Transfer> {
        let copy = self.get(id)?;
        if copy.state != State::Failed {
            return Some(copy);
        }
        let seen = match copy.direction {
            Direction::Upload => seen,
            Direction::Download => seen_here(conflict, &copy.local_path).await,
        };
        let job = self.inner.job(id, self.inner.cancel.clone());
        // What a folder replaces is looked at again, too.
        job.settle(|row| (row.transfer.conflict, row.seen, row.looked) = (conflict, seen, false)).await;
        self.retry(id).await
    }

    /// A device is back: what waits for it goes on.
    pub fn peer_is_back(&self, node: NodeId) {
        for held in self.inner.copies().values() {
            if let (Some(task), true) = (&held.task, held.row.transfer.node == node) {
                task.wake.notify_one();
            }
        }
    }
}

/// What a download may replace: what is there now.
async fn seen_here(conflict: Conflict, path: &Path) -> Option<String> {
    let path = path.to_owned();
    let look = move || (conflict == Conflict::Replace).then(|| disk::version(&path)).flatten();
    tokio::task::spawn_blocking(look).await.unwrap_or_default()
}

impl Row {
    fn new(transfer: Transfer, wanted: String, part: Option<PathBuf>, owns_source: bool) -> Self {
        let turn = transfer.created_at;
        Self {
            transfer,
            wanted,
            part,
            file_id: None,
            placing: false,
            sent_before: false,
            owns_source,
            turn,
            seen: None,
            looked: false,
        }
    }

    /// Removes the hidden file of a download, those in a folder that is downloaded, and the source of an upload if that is
    /// ours.
    async fn remove_leftovers(&self) {
        if let Some(part) = &self.part {
            remove(part).await;
        }
        let copy = &self.transfer;
        if copy.direction == Direction::Download
            && copy.tree.is_some()
            && self.placing
            && copy.state != State::Done
        {
            tree::remove_halves(&copy.local_path, copy.id).await;
        }
        if self.owns_source && self.transfer.tree.is_none() {
            remove(&self.transfer.local_path).await;
        }
    }
}

impl Inner {
    fn copies(&self) -> MutexGuard<'_, HashMap<Uuid, Held>> {
        self.copies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The places that a copy waits for.
    fn lane(&self, copy: &Transfer) -> Places {
        let lanes = || Lanes { large: Places::new(PER_DEVICE), small: Places::new(SMALL_PER_DEVICE) };
        let mut devices = self.devices.lock().unwrap_or_else(PoisonError::into_inner);
        let lanes = devices.entry(copy.node).or_insert_with(lanes);
        let small = copy.tree.is_none() && copy.size.is_some_and(|size| size <= SMALL);
        if small { lanes.small.clone() } else { lanes.large.clone() }
    }

    fn job(self: &Arc<Self>, id: Uuid, stop: CancellationToken) -> Job {
        let own = self.copies().get(&id).map(|held| Arc::clone(&held.limit)).unwrap_or_default();
        Job { inner: Arc::clone(self), id, stop, pace: Pace { all: Arc::clone(&self.limit), own } }
    }

    /// Starts the task of a copy, unless it has one.
    fn spawn(self: &Arc<Self>, id: Uuid) {
        let (task, asked) = {
            let mut copies = self.copies();
            let Some(held) = copies.get_mut(&id).filter(|held| held.task.is_none()) else { return };
            let task = Task {
                stop: self.cancel.child_token(),
                cancelled: Arc::default(),
                paused: Arc::default(),
                verdict: Arc::default(),
                wake: Arc::default(),
                ended: CancellationToken::new(),
            };
            held.task = Some(task.clone());
            (task, self.lane(&held.row.transfer).ask(id, held.row.turn))
        };
        let job = self.job(id, task.stop.clone());
        self.tasks.spawn(async move {
            let ended = task.ended.clone().drop_guard();
            run::run(&job, &task, asked).await;
            if let Some(held) = job.inner.copies().get_mut(&job.id) {
                held.task = None;
            }
            drop(ended);
            job.inner.forget_old().await;
        });
    }

    /// Keeps the history bounded; what is forgotten leaves nothing behind.
    async fn forget_old(&self) {
        let old: Vec<Row> = {
            let mut copies = self.copies();
            let mut ended: Vec<(i64, Uuid)> = copies
                .values()
                .filter(|held| held.task.is_none() && held.row.transfer.state.is_ended())
                .map(|held| (held.row.transfer.created_at, held.row.transfer.id))
                .collect();
            ended.sort_unstable();
            let surplus = ended.len().saturating_sub(HISTORY);
            ended.iter().take(surplus).filter_map(|(_, id)| copies.remove(id)).map(|held| held.row).collect()
        };
        if old.is_empty() {
            return;
        }
        for row in &old {
            row.remove_leftovers().await;
        }
        let ids: Vec<Uuid> = old.iter().map(|row| row.transfer.id).collect();
        if let Err(error) = self.store.run(move |store| journal::remove(store, &ids)).await {
            tracing::warn!(%error, "old copies could not be removed from the store");
        }
    }
}

fn now() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |age| i64::try_from(age.as_millis()).unwrap_or(i64::MAX))
}
