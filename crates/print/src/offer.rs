//! Queues of this computer, offered to other nodes.
//!
//! [`Offer::serve`] answers them: what a printer can do, take a document, what became of it, cancel it. A document
//! is accepted when it is on disk (file, directory, row), never before; then a worker for each queue carries it
//! over, as [`machine`] decides and the [`journal`] remembers. The gate is asked for every document and every look
//! at a printer; a job, once accepted, is followed and cancelled by the key that sent it, and by the owner.

mod ahead;
mod doors;
mod entering;
mod handling;
pub mod hold;
pub mod ipp;
pub mod journal;
pub mod machine;
mod managing;
mod terms;
mod walk_in;
mod worker;

use crate::{
    QueueId,
    document::{Documents, finish::Cover},
    fault,
    spool::Spool,
    system::{Handover, QueueInfo, SpoolError, Spoolers},
    ticket::Capabilities,
};
use ahead::Ahead;
use entering::{Arriving, Entering};
use journal::Rows;
use lanyard_store::{Store, StoreError};
use lanyard_trust::{Gate, NodeId, Refusal, ShareId};
use std::{
    collections::{HashMap, HashSet},
    io,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tokio::sync::{Notify, Semaphore, broadcast};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

pub use hold::{By, Hold, Holds};
pub use journal::IncomingJob;
pub(crate) use journal::{AHEAD, HOLDS, TABLE, TERMS};
pub use walk_in::{NotTaken, Unannounced};

/// The name an owner gave a share.
pub type NameOf = dyn Fn(&ShareId) -> Option<String> + Send + Sync;

/// What [`Offer`] is made from.
pub struct Parts {
    /// The node's store, with this room's tables.
    pub store: Store,
    /// Where documents wait; nobody else's.
    pub spool: PathBuf,
    /// This computer's queues.
    pub spoolers: Arc<Spoolers>,
    /// Who looks into documents.
    pub documents: Documents,
    /// Who may print on what.
    pub gate: Arc<dyn Gate<QueueId>>,
    /// What a share is called.
    pub name_of: Box<NameOf>,
    /// Cancelled when the node stops.
    pub cancel: CancellationToken,
    /// What the workers are counted by.
    pub tasks: TaskTracker,
}

/// This computer's printers, for others. Clones share it.
#[derive(Clone)]
pub struct Offer {
    inner: Arc<Inner>,
}

struct Inner {
    rows: Rows,
    spool: Spool,
    spoolers: Arc<Spoolers>,
    documents: Documents,
    gate: Arc<dyn Gate<QueueId>>,
    name_of: Box<NameOf>,
    cancel: CancellationToken,
    tasks: TaskTracker,
    changes: broadcast::Sender<IncomingJob>,
    /// Jobs whose document is arriving.
    receiving: Mutex<HashSet<Uuid>>,
    /// What of a document is in its queue already, by job and attempt, from when it is entered until its worker comes.
    ahead: Mutex<HashMap<(Uuid, u32), Ahead>>,
    ahead_places: Arc<Semaphore>,
    /// One worker for each queue that has had a job; woken when there is something to do.
    workers: Mutex<HashMap<QueueId, Arc<Notify>>>,
    abilities: Mutex<HashMap<QueueId, (Instant, Capabilities)>>,
}

/// Why an offer cannot be opened, or a job of it not changed.
#[derive(Debug, thiserror::Error)]
pub enum OfferError {
    /// The spool directory cannot be used.
    #[error("cannot use the spool directory: {0}")]
    Spool(#[from] io::Error),
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No such job.
    #[error("there is no such job")]
    NotFound,
    /// Not what can be done with the job as it is.
    #[error("{0}")]
    NotNow(&'static str),
    /// The gate says no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The system's print service says no.
    #[error(transparent)]
    Spooler(#[from] SpoolError),
}

impl Offer {
    /// Opens the spool and throws away what no row knows. Nothing runs yet.
    ///
    /// # Errors
    /// When the disk or the store refuses.
    pub fn open(parts: Parts) -> Result<Self, OfferError> {
        let spool = Spool::open(parts.spool)?;
        let rows = Rows::new(parts.store);
        let known = rows.open_jobs(None)?.iter().map(IncomingJob::document).collect();
        spool.sweep(&known)?;
        let inner = Inner {
            rows,
            spool,
            spoolers: parts.spoolers,
            documents: parts.documents,
            gate: parts.gate,
            name_of: parts.name_of,
            cancel: parts.cancel,
            tasks: parts.tasks,
            changes: broadcast::channel(256).0,
            receiving: Mutex::default(),
            ahead: Mutex::default(),
            ahead_places: Arc::new(Semaphore::new(ahead::AT_ONCE)),
            workers: Mutex::default(),
            abilities: Mutex::default(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Goes on with every job that is not over.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn start(&self) -> Result<(), OfferError> {
        for shell in self.inner.rows.shells()? {
            self.withdraw(shell);
        }
        for job in self.inner.rows.open_jobs(None)? {
            self.wake(&job.queue);
        }
        Ok(())
    }

    /// Every change of a job from now on. One that falls behind reads [`Offer::jobs`] again.
    #[must_use]
    pub fn changes(&self) -> broadcast::Receiver<IncomingJob> {
        self.inner.changes.subscribe()
    }

    /// All jobs that are remembered, newest first.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn jobs(&self) -> Result<Vec<IncomingJob>, OfferError> {
        let rows = self.inner.rows.clone();
        Ok(rows.run(Rows::jobs).await?)
    }

    /// The owner cancels a job.
    ///
    /// # Errors
    /// [`OfferError::NotFound`], or the store's.
    pub async fn cancel(&self, job: Uuid) -> Result<IncomingJob, OfferError> {
        let rows = self.inner.rows.clone();
        let job = rows.run(move |rows| rows.ask_cancel(job)).await?.ok_or(OfferError::NotFound)?;
        fault::point("offer: a wish is recorded, and the worker does not know");
        self.tell(&job);
        self.wake(&job.queue);
        Ok(job)
    }

    /// What one of this computer's queues can do, at most a minute old.
    ///
    /// # Errors
    /// The spooler's.
    pub async fn capabilities(&self, queue: &QueueId) -> Result<Capabilities, SpoolError> {
        const FRESH: Duration = Duration::from_secs(60);
        let known = lock(&self.inner.abilities).get(queue).cloned();
        if let Some((at, known)) = known
            && at.elapsed() < FRESH
        {
            return Ok(known);
        }
        let told = self.inner.spoolers.of(queue).capabilities(queue).await?;
        let mut abilities = lock(&self.inner.abilities);
        if abilities.len() > 500 {
            abilities.clear();
        }
        abilities.insert(queue.clone(), (Instant::now(), told.clone()));
        Ok(told)
    }

    /// This computer's queues, asked now.
    pub async fn queues(&self) -> Vec<QueueInfo> {
        self.inner.spoolers.queues().await
    }

    /// Whether anything is on its way into or through a queue of the system's: then it is worth a look.
    pub async fn is_under_way(&self) -> bool {
        self.inner.rows.run(Rows::is_any_under_way).await.unwrap_or(true)
    }

    /// Wakes the worker of a queue, starting it if needed.
    fn wake(&self, queue: &QueueId) {
        let mut workers = lock(&self.inner.workers);
        if let Some(worker) = workers.get(queue) {
            return worker.notify_one();
        }
        let bell = Arc::new(Notify::new());
        workers.insert(queue.clone(), bell.clone());
        let worker = worker::Worker::new(self.clone(), queue.clone(), bell);
        let cancel = self.inner.cancel.clone();
        self.inner.tasks.spawn(async move {
            // Every step is on disk before it is taken, so a worker may be dropped anywhere.
            let _ = cancel.run_until_cancelled(worker.run()).await;
        });
    }

    /// What a queue is given of a job.
    fn handover(&self, job: &IncomingJob) -> Handover {
        let cover = || Cover::new(&job.title, job.user.as_deref(), job.created_at / 1000, &job.options);
        Handover {
            queue: job.queue.clone(),
            mark: job.mark(),
            title: job.title.clone(),
            document: self.inner.spool.path(&job.document()),
            format: job.format,
            options: job.options.clone(),
            cover: job.options.cover.then(cover),
        }
    }

    fn is_arriving(&self, job: Uuid) -> bool {
        lock(&self.inner.receiving).contains(&job)
    }

    fn tell(&self, job: &IncomingJob) {
        // No listener is no error.
        let _ = self.inner.changes.send(job.clone());
    }
}

/// Unix milliseconds.
pub(crate) fn now() -> i64 {
    let age = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(age.as_millis()).unwrap_or(i64::MAX)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Who may follow a job.
fn is_of(job: &IncomingJob, device: NodeId) -> bool {
    job.sender == device
}
