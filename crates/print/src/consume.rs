//! Printers of others, and the outbox that documents for them wait in.
//!
//! A job is accepted from a person when our own copy of the document and its row are on disk. One task for each
//! device delivers what waits for it, however long the device is away, asks what became of it, and carries
//! cancels over. Every hand-over is idempotent on the job's UUID and its attempt. Where the owner wants to be asked,
//! that is done before a byte of the document leaves. Printers are found and named by others.

mod arriving;
mod delivery;
mod detour;
mod handling;
mod leaving;
pub mod outgoing;
pub mod standard;
mod table;
mod taking;

use crate::{
    document::{DocumentError, Documents},
    fault,
    spool::{KeepError, Spool},
    ticket::{Capabilities, JobStatus, Refused},
};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Limited};
use lanyard_link::{LinkError, Peers, body};
use lanyard_store::{Store, StoreError};
use lanyard_trust::{NodeId, ShareId};
use leaving::Leaving;
use outgoing::Phase;
use serde::{Deserialize, Serialize};
use std::{
    collections::HashMap,
    io,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use table::Rows;
use tokio::sync::{Notify, Semaphore, broadcast};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

pub use arriving::Arriving;
pub use detour::Around;
pub use handling::Managing;
pub use outgoing::{Deed, OutgoingJob, OutgoingState};
pub(crate) use standard::TABLE as DIRECT;
pub(crate) use table::{ASKS_FIRST, HANDLED, IDENTITY, TABLE};

/// What [`Outbox`] is made from.
pub struct Parts {
    /// The node's store, with this room's tables.
    pub store: Store,
    /// Where our copies wait; nobody else's.
    pub spool: PathBuf,
    /// Who looks into documents.
    pub documents: Documents,
    /// How other nodes are reached.
    pub peers: Peers,
    /// Cancelled when the node stops.
    pub cancel: CancellationToken,
    /// What the tasks are counted by.
    pub tasks: TaskTracker,
}

/// A printer of another node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// The node.
    pub node: NodeId,
    /// The share there.
    pub share: ShareId,
    /// The printer's name.
    pub printer: String,
    /// The device's name.
    pub device_name: String,
    /// Its owner must be asked first, as its device says. Where that is old news, the owner says so again.
    pub ask: bool,
    /// The piece of hardware, as its device tells it ([`crate::system::device::Device::identity`]): another device that
    /// tells the same is another way to it.
    #[serde(default)]
    pub identity: Option<String>,
}

/// Documents on their way to other nodes' printers. Clones share it.
#[derive(Clone)]
pub struct Outbox {
    inner: Arc<Inner>,
}

struct Inner {
    rows: Rows,
    spool: Spool,
    documents: Documents,
    peers: Peers,
    cancel: CancellationToken,
    tasks: TaskTracker,
    /// Who knows where standard printers are, once that is told.
    find: OnceLock<Arc<dyn standard::Find>>,
    /// Who knows other ways to a node's printer, once that is told.
    around: OnceLock<Arc<dyn Around>>,
    changes: broadcast::Sender<OutgoingJob>,
    /// One task for each device that something was ever for.
    couriers: Mutex<HashMap<NodeId, Arc<Bell>>>,
}

/// Wakes a device's task.
struct Bell {
    ring: Notify,
    /// The device is back: ask after everything it has.
    back: AtomicBool,
    /// The device does not answer, and something waits for it.
    waits: AtomicBool,
    /// Its task sleeps: what comes now is its next.
    sleeps: AtomicBool,
    /// Jobs that were entered as offered and have not left, with what of them is on its way already.
    fresh: Mutex<HashMap<Uuid, Option<Leaving>>>,
    /// Whose document leaves while it is copied.
    leaving: Arc<Semaphore>,
}

impl Default for Bell {
    fn default() -> Self {
        Self {
            ring: Notify::default(),
            back: AtomicBool::default(),
            waits: AtomicBool::default(),
            sleeps: AtomicBool::default(),
            fresh: Mutex::default(),
            leaving: Arc::new(Semaphore::new(1)),
        }
    }
}

impl Bell {
    /// Whether a job that is entered now leaves at once, as far as can be known.
    fn is_free(&self) -> bool {
        self.sleeps.load(Ordering::Acquire) && !self.waits.load(Ordering::Acquire)
    }
}

/// Why a document was not taken, or a job not changed.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// It cannot be printed.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// It cannot be kept.
    #[error(transparent)]
    Keep(#[from] KeepError),
    /// The spool directory cannot be used.
    #[error("cannot use the spool directory: {0}")]
    Spool(io::Error),
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No such job.
    #[error("there is no such job")]
    NotFound,
    /// Not what can be done with the job as it is.
    #[error("{0}")]
    NotNow(&'static str),
    /// Its owner cannot be asked, or says no.
    #[error(transparent)]
    Owner(#[from] AskError),
}

/// Why a printer of another node does not tell what it can do.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The node cannot be reached.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// It refused.
    #[error("{}", .0.detail)]
    Refused(Refused),
    /// It answered something else.
    #[error("the other device answered something unexpected")]
    Unexpected,
}

impl Outbox {
    /// Opens the outbox and throws away copies that no row knows. Nothing runs yet.
    ///
    /// # Errors
    /// When the disk or the store refuses.
    pub fn open(parts: Parts) -> Result<Self, OutboxError> {
        let spool = Spool::open(parts.spool).map_err(OutboxError::Spool)?;
        let rows = Rows::new(parts.store);
        rows.give_up_documents()?;
        let known = rows.with_document()?.iter().map(OutgoingJob::document).collect();
        spool.sweep(&known).map_err(OutboxError::Spool)?;
        let inner = Inner {
            rows,
            spool,
            documents: parts.documents,
            peers: parts.peers,
            cancel: parts.cancel,
            tasks: parts.tasks,
            find: OnceLock::new(),
            around: OnceLock::new(),
            changes: broadcast::channel(256).0,
            couriers: Mutex::default(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Goes on with everything that is not over.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn start(&self) -> Result<(), OutboxError> {
        self.give_up_documents_in_time();
        for job in self.inner.rows.open_jobs(None)? {
            self.wake(job.node, true);
        }
        Ok(())
    }

    /// Every change of a job from now on. One that falls behind reads [`Outbox::jobs`] again.
    #[must_use]
    pub fn changes(&self) -> broadcast::Receiver<OutgoingJob> {
        self.inner.changes.subscribe()
    }

    /// There will be a document soon.
    pub fn expect(&self) {
        self.inner.documents.expect();
    }

    /// All jobs that are remembered, newest first.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn jobs(&self) -> Result<Vec<OutgoingJob>, OutboxError> {
        Ok(self.inner.rows.run(Rows::jobs).await?)
    }

    /// Cancels a job: shown at once, carried over as soon as the owner can be reached.
    ///
    /// # Errors
    /// [`OutboxError::NotFound`], or the store's.
    pub async fn cancel(&self, job: Uuid) -> Result<OutgoingJob, OutboxError> {
        let job = self.change(job, OutgoingJob::cancel).await?;
        self.wake(job.node, false);
        Ok(job)
    }

    /// Prints a job again that failed, or of which nobody knows whether it was printed.
    ///
    /// # Errors
    /// [`OutboxError::NotFound`], [`OutboxError::NotNow`], or the store's.
    pub async fn retry(&self, job: Uuid) -> Result<OutgoingJob, OutboxError> {
        let mut refused = None;
        let id = job;
        let (job, no) = {
            let rows = self.inner.rows.clone();
            rows.run(move |rows| {
                let job = rows.change(id, |job| refused = job.retry().err())?;
                Ok((job, refused))
            })
            .await?
        };
        let job = job.ok_or(OutboxError::NotFound)?;
        if let Some(words) = no {
            return Err(OutboxError::NotNow(words));
        }
        self.tell(&job);
        self.wake(job.node, false);
        Ok(job)
    }

    /// An owner told what became of a job of ours on its printer.
    pub async fn heard(&self, from: NodeId, status: JobStatus) {
        let status = status.bounded();
        let known = self.inner.rows.run(move |rows| rows.job(status.job).map(|job| (job, status))).await;
        let Ok((Some(job), status)) = known else { return };
        if job.node != from {
            return tracing::warn!(job = %job.job, ?from, "a device told about a job that is not on its printer");
        }
        if let Err(error) = self.change_by_news(job.job, status, |_| true).await {
            tracing::warn!(%error, "what became of a job was not recorded");
        }
    }

    /// A device is back: what waits for it goes out now, what it has is asked after.
    pub fn is_back(&self, node: NodeId) {
        if lock(&self.inner.couriers).contains_key(&node) {
            self.wake(node, true);
        }
        self.another_way_is_there(node);
    }

    /// The owner of a device has answered a question of ours: jobs that wait for that go out, or fail.
    pub fn owner_has_answered(&self, node: NodeId) {
        if lock(&self.inner.couriers).contains_key(&node) {
            self.wake(node, false);
        }
    }

    /// What a printer of another node can do.
    ///
    /// # Errors
    /// [`AskError`].
    pub async fn capabilities(&self, node: NodeId, share: &ShareId) -> Result<Capabilities, AskError> {
        let path = format!("/v1/printers/{share}");
        let (_, told) = self.ask(node, Method::GET, &path, Vec::new()).await?;
        let told: Capabilities = serde_json::from_slice(&told).map_err(|_| AskError::Unexpected)?;
        Ok(told.bounded())
    }

    /// A request without a document; 2xx only.
    async fn ask(
        &self,
        node: NodeId,
        method: Method,
        path: &str,
        body: Vec<u8>,
    ) -> Result<(StatusCode, Vec<u8>), AskError> {
        let body = if body.is_empty() { body::empty() } else { body::full(body) };
        let request = Request::builder().method(method).uri(path).body(body);
        let request = request.map_err(|_| AskError::Unexpected)?;
        let response = self.inner.peers.request(node, request, Duration::from_secs(10)).await?;
        read_answer(response).await
    }

    /// Changes a row and tells of it if there is anything new.
    async fn change(
        &self,
        job: Uuid,
        how: impl FnOnce(&mut OutgoingJob) + Send + 'static,
    ) -> Result<OutgoingJob, OutboxError> {
        self.change_lastingly(job, true, how).await
    }

    /// The same with what its owner says. As long as it is not over, that would be asked for again after a power cut.
    async fn change_by_news(
        &self,
        job: Uuid,
        status: JobStatus,
        which: impl FnOnce(&OutgoingJob) -> bool + Send + 'static,
    ) -> Result<OutgoingJob, OutboxError> {
        let over = status.over;
        let how = move |job: &mut OutgoingJob| {
            if which(job) {
                job.hear(&status);
            }
        };
        self.change_lastingly(job, over, how).await
    }

    async fn change_lastingly(
        &self,
        job: Uuid,
        lasts: bool,
        how: impl FnOnce(&mut OutgoingJob) + Send + 'static,
    ) -> Result<OutgoingJob, OutboxError> {
        fault::point("outbox: a change is about to be recorded");
        let changed = self.inner.rows.run(move |rows| {
            let mut before = None;
            let how = |job: &mut OutgoingJob| {
                before = Some(job.clone());
                how(job);
            };
            let job = if lasts { rows.change(job, how) } else { rows.change_soon(job, how) }?;
            Ok((before, job))
        });
        let (before, job) = changed.await?;
        let job = job.ok_or(OutboxError::NotFound)?;
        fault::point("outbox: a change is recorded, and nothing is done about it");
        if before.as_ref() != Some(&job) {
            self.tell(&job);
            // Back here, or another device's from now on: its own task must hear of it.
            let moved = |before: OutgoingJob| before.node != job.node || before.phase != Phase::Here;
            if job.phase == Phase::Here && before.is_some_and(moved) {
                self.wake(job.node, false);
            }
            if job.phase == Phase::Over {
                self.give_up_documents().await;
            }
        }
        Ok(job)
    }

    fn tell(&self, job: &OutgoingJob) {
        // No listener is no error.
        let _ = self.inner.changes.send(job.clone());
    }

    /// Wakes a device's task, starting it if needed.
    fn wake(&self, node: NodeId, back: bool) {
        let mut couriers = lock(&self.inner.couriers);
        let bell = couriers.entry(node).or_insert_with(|| {
            let bell = Arc::new(Bell::default());
            let (outbox, rung) = (self.clone(), bell.clone());
            let cancel = self.inner.cancel.clone();
            let courier = async move {
                match standard::printer_of(&outbox, node).await {
                    Some(printer) => standard::Carrier::new(outbox, printer, rung).run().await,
                    None => delivery::Courier::new(outbox, node, rung).run().await,
                }
            };
            self.inner.tasks.spawn(async move {
                // What was handed over is on the other side's disk or not at all: dropping it anywhere is safe.
                let _ = cancel.run_until_cancelled(Box::pin(courier)).await;
            });
            bell
        });
        bell.back.fetch_or(back, Ordering::AcqRel);
        bell.ring.notify_one();
    }
}

/// Reads an answer of a node, which is a stranger's too.
async fn read_answer(
    response: http::Response<lanyard_link::Incoming>,
) -> Result<(StatusCode, Vec<u8>), AskError> {
    const MOST: usize = 64 * 1024;
    let status = response.status();
    let read = Limited::new(response.into_body(), MOST).collect();
    let body = tokio::time::timeout(Duration::from_secs(10), read).await.map_err(|_| LinkError::Timeout)?;
    let body = body.map_err(|error| LinkError::Broken(error.to_string()))?.to_bytes().to_vec();
    if status.is_success() {
        return Ok((status, body));
    }
    let code = match status {
        StatusCode::FORBIDDEN => "not_allowed",
        StatusCode::NOT_FOUND => "not_found",
        StatusCode::INSUFFICIENT_STORAGE => "disk_full",
        StatusCode::SERVICE_UNAVAILABLE => "busy",
        _ => "internal",
    };
    let told = serde_json::from_slice::<Refused>(&body).ok();
    let told = told.unwrap_or(Refused { reason: code.to_owned(), detail: format!("it answered {status}") });
    Err(AskError::Refused(Refused {
        reason: crate::ticket::keyword(&told.reason).unwrap_or_else(|| code.to_owned()),
        detail: crate::ticket::words(&told.detail),
    }))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
