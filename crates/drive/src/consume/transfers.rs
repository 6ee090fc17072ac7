//! All copies of this node: begun, gone on with, cancelled; a row in the store and a task each.
//!
//! A task tries, waits for the other device, and tries again until the copy is whole, a person stops it, or something
//! stands in the way that does not go away by itself. How bytes move is the business of `download` and
//! `upload`.

mod job;

use super::{
    browse::Remote,
    download,
    journal::{self, Row},
    transfer::{Conflict, Direction, Reason, State, Transfer},
    trouble::Trouble,
    upload,
};
use crate::path::{self, SharePath};
use job::remove;
use lanyard_link::Peers;
use lanyard_store::{Store, StoreError};
use lanyard_trust::{NodeId, ShareId};
use std::{
    collections::HashMap,
    fs,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::sync::{Notify, Semaphore};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

pub use super::journal::MIGRATIONS;
pub(super) use job::Job;

/// Copies that move bytes at once with one device; the others wait.
const PER_DEVICE: usize = 2;
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
    devices: Mutex<HashMap<NodeId, Arc<Semaphore>>>,
}

/// A copy in memory.
struct Held {
    row: Row,
    task: Option<Task>,
}

/// What moves a copy on.
#[derive(Clone)]
struct Task {
    stop: CancellationToken,
    cancelled: Arc<AtomicBool>,
    /// The device is back, or a person is impatient: do not wait for the next try.
    wake: Arc<Notify>,
    /// Cancelled when the task has let go of everything.
    ended: CancellationToken,
}

/// A file to copy to here.
#[derive(Clone, Debug)]
pub struct NewDownload {
    /// The device.
    pub node: NodeId,
    /// Its name, for people.
    pub device_name: String,
    /// The share.
    pub share: ShareId,
    /// Its name, for people.
    pub drive: String,
    /// The file.
    pub path: SharePath,
    /// The existing folder it goes to; absolute.
    pub folder: PathBuf,
    /// The name it gets there.
    pub name: String,
    /// When that is taken.
    pub conflict: Conflict,
}

/// A file to copy from here.
#[derive(Clone, Debug)]
pub struct NewUpload {
    /// The device.
    pub node: NodeId,
    /// Its name, for people.
    pub device_name: String,
    /// The share.
    pub share: ShareId,
    /// Its name, for people.
    pub drive: String,
    /// The file; absolute.
    pub source: PathBuf,
    /// The path it gets there.
    pub path: SharePath,
    /// When that is taken.
    pub conflict: Conflict,
    /// The source is a file of ours that is removed when the copy is done or cancelled.
    pub owns_source: bool,
}

/// Why a copy does not begin.
#[derive(Debug, thiserror::Error)]
pub enum BeginError {
    /// The name is taken.
    #[error("{0} is there already")]
    Exists(PathBuf),
    /// A path that is not Unicode, or no path of a file.
    #[error("{0} is no path that can be used")]
    BadPath(PathBuf),
    /// It could not be written down.
    #[error(transparent)]
    Store(#[from] StoreError),
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
            copies.insert(row.transfer.id, Held { row, task: None });
        }
        let (copies, devices) = (Mutex::new(copies), Mutex::default());
        Ok(Self { inner: Arc::new(Inner { store, peers, cancel, tasks, changed, copies, devices }) })
    }

    /// Goes on with everything that was under way when the node stopped or was killed.
    pub fn resume(&self) {
        let waiting: Vec<Uuid> = {
            let copies = self.inner.copies();
            copies
                .values()
                .filter(|held| !held.row.transfer.state.is_ended())
                .map(|held| held.row.transfer.id)
                .collect()
        };
        for id in waiting {
            self.inner.spawn(id);
        }
    }

    /// Begins a download: written down when this returns.
    ///
    /// # Errors
    /// [`BeginError`].
    pub async fn download(&self, new: NewDownload) -> Result<Transfer, BeginError> {
        let local_path = new.folder.join(&new.name);
        if new.conflict == Conflict::Refuse && fs::symlink_metadata(&local_path).is_ok() {
            return Err(BeginError::Exists(local_path));
        }
        let id = Uuid::new_v4();
        let mark: String = id.simple().to_string().chars().take(8).collect();
        let part = new.folder.join(path::part_name(&new.name, &mark));
        let transfer = Transfer {
            id,
            direction: Direction::Download,
            node: new.node,
            device_name: new.device_name,
            share: new.share,
            drive: new.drive,
            remote_path: new.path.to_string(),
            local_path,
            conflict: new.conflict,
            state: State::Waiting,
            reason: None,
            detail: None,
            size: None,
            bytes_done: 0,
            rate: 0,
            created_at: now(),
            ended_at: None,
        };
        self.begin(Row::new(transfer, new.name, Some(part), false)).await
    }

    /// Begins an upload: written down when this returns.
    ///
    /// # Errors
    /// [`BeginError`].
    pub async fn upload(&self, new: NewUpload) -> Result<Transfer, BeginError> {
        let transfer = Transfer {
            id: Uuid::new_v4(),
            direction: Direction::Upload,
            node: new.node,
            device_name: new.device_name,
            share: new.share,
            drive: new.drive,
            remote_path: new.path.to_string(),
            local_path: new.source,
            conflict: new.conflict,
            state: State::Waiting,
            reason: None,
            detail: None,
            size: None,
            bytes_done: 0,
            rate: 0,
            created_at: now(),
            ended_at: None,
        };
        let wanted = new.path.name().unwrap_or_default().to_owned();
        self.begin(Row::new(transfer, wanted, None, new.owns_source)).await
    }

    async fn begin(&self, row: Row) -> Result<Transfer, BeginError> {
        let transfer = row.transfer.clone();
        if transfer.local_path.to_str().is_none() || !transfer.local_path.is_absolute() {
            return Err(BeginError::BadPath(transfer.local_path));
        }
        let saved = row.clone();
        self.inner.store.run(move |store| journal::save(store, &saved)).await?;
        self.inner.copies().insert(transfer.id, Held { row, task: None });
        (self.inner.changed)(&transfer);
        self.inner.spawn(transfer.id);
        Ok(transfer)
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
        let job = Job { inner: Arc::clone(&self.inner), id, stop: self.inner.cancel.clone() };
        if job.row().is_some_and(|row| !matches!(row.transfer.state, State::Done | State::Cancelled)) {
            job.end_cancelled().await;
        }
        self.get(id)
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
        let ended = self.get(id).is_some_and(|copy| copy.state.is_ended());
        match task {
            Some(task) if !ended => task.wake.notify_one(),
            task => {
                // Its last try may still be letting go of its files.
                if let Some(task) = task {
                    let _ = tokio::time::timeout(LET_GO, task.ended.cancelled()).await;
                }
                let job = Job { inner: Arc::clone(&self.inner), id, stop: self.inner.cancel.clone() };
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

    /// A device is back: what waits for it goes on.
    pub fn peer_is_back(&self, node: NodeId) {
        for held in self.inner.copies().values() {
            if let (Some(task), true) = (&held.task, held.row.transfer.node == node) {
                task.wake.notify_one();
            }
        }
    }
}

impl Row {
    fn new(transfer: Transfer, wanted: String, part: Option<PathBuf>, owns_source: bool) -> Self {
        Self { transfer, wanted, part, file_id: None, placing: false, sent_before: false, owns_source }
    }

    /// Removes the hidden file of a download, and the source of an upload if that is ours.
    async fn remove_leftovers(&self) {
        if let Some(part) = &self.part {
            remove(part).await;
        }
        if self.owns_source {
            remove(&self.transfer.local_path).await;
        }
    }
}

impl Inner {
    fn copies(&self) -> MutexGuard<'_, HashMap<Uuid, Held>> {
        self.copies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn device(&self, node: NodeId) -> Arc<Semaphore> {
        let mut devices = self.devices.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(devices.entry(node).or_insert_with(|| Arc::new(Semaphore::new(PER_DEVICE))))
    }

    /// Starts the task of a copy, unless it has one.
    fn spawn(self: &Arc<Self>, id: Uuid) {
        let task = {
            let mut copies = self.copies();
            let Some(held) = copies.get_mut(&id).filter(|held| held.task.is_none()) else { return };
            let task = Task {
                stop: self.cancel.child_token(),
                cancelled: Arc::default(),
                wake: Arc::default(),
                ended: CancellationToken::new(),
            };
            held.task = Some(task.clone());
            task
        };
        let job = Job { inner: Arc::clone(self), id, stop: task.stop.clone() };
        self.tasks.spawn(async move {
            let ended = task.ended.clone().drop_guard();
            run(&job, &task).await;
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

async fn run(job: &Job, task: &Task) {
    let mut pause = Pause::default();
    loop {
        let Some(row) = job.row() else { return };
        let device = job.inner.device(row.transfer.node);
        let permit = tokio::select! {
            () = job.stop.cancelled() => None,
            permit = device.acquire_owned() => permit.ok(),
        };
        let before = row.transfer.bytes_done;
        let result = match permit {
            None => Err(Trouble::Interrupted),
            Some(_permit) => attempt(job, row).await,
        };
        match result {
            Ok(()) => return job.end(State::Done, None).await,
            Err(Trouble::Interrupted) if task.cancelled.load(Ordering::SeqCst) => {
                return job.end_cancelled().await;
            }
            // The node stops: the row stays as it is and the next start goes on.
            Err(Trouble::Interrupted) => return,
            Err(Trouble::Changed) => {
                let words = "The file changes on the other device while it is copied.".to_owned();
                return job.end(State::Failed, Some((Reason::Changed, words))).await;
            }
            Err(Trouble::Final(reason, detail)) => {
                return job.end(State::Failed, Some((reason, detail))).await;
            }
            Err(Trouble::Passing(reason, detail)) => {
                if job.row().is_some_and(|row| row.transfer.bytes_done > before) {
                    pause = Pause::default();
                }
                job.waits(reason, detail).await;
                tokio::select! {
                    () = job.stop.cancelled() => {}
                    () = task.wake.notified() => {}
                    () = tokio::time::sleep(pause.next()) => {}
                }
            }
        }
    }
}

async fn attempt(job: &Job, row: Row) -> Result<(), Trouble> {
    job.save(|row| {
        let copy = &mut row.transfer;
        (copy.state, copy.reason, copy.detail) = (State::Running, None, None);
    })
    .await?;
    let copy = &row.transfer;
    let remote = Remote::new(job.inner.peers.clone(), copy.node, copy.share.clone());
    tracing::info!(copy = %copy.id, device = %copy.node, direction = copy.direction.word(), "a copy moves");
    match copy.direction {
        Direction::Download => Box::pin(download::run(job, &remote, row)).await,
        Direction::Upload => Box::pin(upload::run(job, &remote, row)).await,
    }
}

/// 1 s, 2 s, 4 s … 30 s. Presence wakes a waiting copy sooner; this is for when nothing else does.
#[derive(Default)]
struct Pause {
    tries: u32,
}

impl Pause {
    fn next(&mut self) -> Duration {
        let seconds = 1_u64 << self.tries.min(5);
        self.tries += 1;
        Duration::from_secs(seconds.min(30))
    }
}

fn now() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |age| i64::try_from(age.as_millis()).unwrap_or(i64::MAX))
}
