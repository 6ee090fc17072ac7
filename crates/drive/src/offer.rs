//! Folders of this computer, offered to others: the answering half.
//!
//! Every request is put to the gate, which knows the owner's rules and what folder stands behind a share; while
//! content moves it is asked again for every block, so that a share taken back is cut at once. What a path may reach
//! is decided in `confine`; nothing else opens a file. Routing to here, and who is calling, is the node's business.

mod add;
mod batch;
mod change;
mod confine;
mod crossing;
pub mod dav;
mod edit;
mod have;
mod listing;
mod manifests;
mod once;
mod read;
mod receive;
mod search;
mod tree;
mod verbs;

use crate::{
    path::{self, SharePath},
    wire::{Code, Problem},
};
use http::{Method, Request, Response};
use lanyard_link::Body;
use lanyard_link::Incoming;
use lanyard_trust::{Action, Claim, Gate, NodeId, Refusal, ShareId, Subject, Used};
use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::Semaphore;

/// Files one caller may have open at once, in both directions.
const FILES_PER_CALLER: usize = 24;
/// Batches of small files that are received at once, from all callers; the others wait.
const BATCHES: usize = 4;

/// What stands behind a drive share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// The absolute path of the folder.
    pub root: PathBuf,
    /// Whether this caller may write.
    pub writable: bool,
}

/// The answering half of drives.
pub struct Offer {
    gate: Arc<dyn Gate<Folder>>,
    manifests: manifests::Manifests,
    listings: listing::Listings,
    receiving: receive::Receiving,
    once: once::Once,
    slots: Arc<Slots>,
    /// Batches that are received at once: each is in memory until it is whole.
    batches: Semaphore,
}

impl Offer {
    /// Answers what this gate admits.
    #[must_use]
    pub fn new(gate: Arc<dyn Gate<Folder>>) -> Arc<Self> {
        Arc::new(Self {
            gate,
            manifests: manifests::Manifests::default(),
            listings: listing::Listings::default(),
            receiving: receive::Receiving::default(),
            once: once::Once::default(),
            slots: Arc::default(),
            batches: Semaphore::new(BATCHES),
        })
    }

    /// Answers one request below `/v1/drives/`.
    pub async fn serve(self: Arc<Self>, subject: Subject, request: Request<Incoming>) -> Response<Body> {
        let (method, uri) = (request.method().clone(), request.uri().clone());
        match self.answer(subject, request).await {
            Ok(response) => response,
            Err(refused) => {
                // Names of files stay out of the log.
                let share = share_of(uri.path()).map(|(share, _)| share.0).unwrap_or_default();
                let (device, code) = (subject.id(), refused.code);
                tracing::debug!(%device, %share, %method, ?code, why = refused.detail, "a request for a drive was refused");
                refused.into_response()
            }
        }
    }

    async fn answer(
        self: &Arc<Self>,
        subject: Subject,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Refused> {
        let (share, verb) =
            share_of(request.uri().path()).ok_or_else(|| Refused::new(Code::NotFound, "no such door"))?;
        let visit = Visit { offer: Arc::clone(self), subject, share };
        let query = Query::parse(request.uri().query())?;
        match (request.method(), verb.as_str()) {
            (&Method::GET, "list") => listing::list(visit, query).await,
            (&Method::GET, "stat") => read::stat(visit, query).await,
            (&Method::GET, "manifest") => manifests::manifest(visit, query).await,
            (&Method::GET, "file") => read::file(visit, query, request.headers()).await,
            (&Method::GET, "tree") => tree::tree(visit, query).await,
            (&Method::GET, "search") => search::search(visit, query).await,
            (&Method::POST, "batch") => batch::send(visit, request).await,
            (&Method::POST, "have") => have::have(visit, request).await,
            (&Method::PUT, "batch") => batch::receive(visit, query, request).await,
            (&Method::PUT, "file") => receive::put(visit, query, request).await,
            (&Method::GET, "upload") => receive::parts::held(visit, query).await,
            (&Method::DELETE, "upload") => receive::parts::discard(visit, query).await,
            _ => verbs::answer(visit, &verb, query, request).await,
        }
    }

    /// Removes for good what has been in the bin of a shared folder for longer than it is kept there. Blocks on the disk.
    pub fn sweep_bin(root: &Path) {
        match change::bin::sweep(root) {
            Ok(0) => {}
            Ok(gone) => tracing::info!(gone, "what was removed from a share a month ago is gone for good"),
            Err(refused) => tracing::debug!(why = refused.detail, "a bin could not be looked through"),
        }
    }
}

/// Whether a path is in a drive of another computer that is mounted on this one. Nothing of such a drive is ever offered.
#[must_use]
pub fn is_mounted_drive(path: &Path) -> bool {
    crossing::is_mounted_drive_at(path)
}

/// `/v1/drives/{share}/{verb}`.
fn share_of(path: &str) -> Option<(ShareId, String)> {
    let (share, verb) = path.strip_prefix("/v1/drives/")?.split_once('/')?;
    let share = path::decode(share).ok().filter(|share| !share.is_empty() && share.len() <= 128)?;
    Some((ShareId(share), verb.to_owned()))
}

/// One caller at one share.
#[derive(Clone)]
struct Visit {
    offer: Arc<Offer>,
    subject: Subject,
    share: ShareId,
}

impl Visit {
    fn admit(&self, action: Action) -> Result<Folder, Refused> {
        Ok(self.offer.gate.admit(&self.share, &self.subject, action)?)
    }

    /// Counts what is announced against what the caller may bring today.
    fn claim(&self, action: Action, bytes: u64) -> Result<Claim<Folder>, Refused> {
        let (gate, share) = (Arc::clone(&self.offer.gate), self.share.clone());
        Ok(Claim::take(gate, share, self.subject, action, Used { bytes, ..Used::default() })?)
    }

    /// Whether the gate would still let this go on to the same folder.
    fn still(&self, action: Action, folder: &Folder) -> bool {
        let (gate, share, subject) = (&self.offer.gate, &self.share, &self.subject);
        let now = match gate.admit(share, subject, action) {
            // What is under way is counted, and may be what uses the day up.
            Err(Refusal::Spent) => gate.look(share, subject, action),
            now => now,
        };
        now.is_ok_and(|now| now.root == folder.root)
    }

    /// So many bytes have come in.
    fn moved(&self, bytes: u64) {
        self.offer.gate.moved(&self.share, &self.subject, bytes);
    }

    /// Something has its name.
    fn landed(&self, path: &str) {
        self.offer.gate.landed(&self.share, &self.subject, path);
    }

    /// What the files that come are marked with.
    fn origin(&self) -> Option<String> {
        self.offer.gate.origin(&self.share, &self.subject)
    }

    fn slot(&self) -> Result<Slot, Refused> {
        let busy = || Refused::new(Code::Busy, "too many files at once");
        self.offer.slots.take(self.subject.id()).ok_or_else(busy)
    }
}

/// The parameters any of the requests takes.
#[derive(Default)]
struct Query {
    path: SharePath,
    after: Option<String>,
    conflict: Option<String>,
    /// What the verbs that change something take besides.
    more: verbs::More,
}

impl Query {
    fn parse(raw: Option<&str>) -> Result<Self, Refused> {
        let mut query = Self::default();
        for (name, value) in raw.unwrap_or_default().split('&').filter_map(|pair| pair.split_once('=')) {
            match name {
                "path" => query.path = SharePath::parse_encoded(value)?,
                "after" => query.after = Some(path::decode(value)?),
                "conflict" => query.conflict = Some(path::decode(value)?),
                _ => query.more.read(name, value)?,
            }
        }
        Ok(query)
    }
}

/// Why a request is not answered.
#[derive(Clone, Debug)]
struct Refused {
    code: Code,
    detail: String,
}

impl Refused {
    fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }

    fn into_response(self) -> Response<Body> {
        let status = self.code.status();
        let mut response =
            lanyard_link::body::json(status, &Problem { code: self.code, detail: self.detail });
        if self.code == Code::Busy {
            response.headers_mut().insert(http::header::RETRY_AFTER, http::HeaderValue::from_static("1"));
        }
        response
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Unknown => Self::new(Code::NotFound, "no such share"),
            Refusal::NotAllowed => Self::new(Code::NotAllowed, "the owner has not allowed this"),
            Refusal::MustAsk => Self::new(Code::MustAsk, "the owner must be asked first"),
            Refusal::Spent => Self::new(Code::Spent, "that is all for today"),
        }
    }
}

impl From<path::PathError> for Refused {
    fn from(error: path::PathError) -> Self {
        Self::new(Code::Invalid, error.to_string())
    }
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        use io::ErrorKind as Kind;
        #[cfg(unix)]
        if rustix::io::Errno::from_io_error(&error) == Some(rustix::io::Errno::LOOP) {
            return Self::new(Code::Special, "links are not followed");
        }
        #[cfg(unix)]
        if matches!(
            rustix::io::Errno::from_io_error(&error),
            Some(rustix::io::Errno::MFILE | rustix::io::Errno::NFILE)
        ) {
            return Self::new(Code::Busy, "too many files are open on this computer");
        }
        let code = match error.kind() {
            Kind::NotFound | Kind::NotADirectory => Code::NotFound,
            Kind::PermissionDenied | Kind::ReadOnlyFilesystem => Code::Unreadable,
            Kind::AlreadyExists => Code::Exists,
            Kind::IsADirectory => Code::WrongKind,
            Kind::InvalidFilename => Code::Invalid,
            _ if crate::disk::is_full(&error) => Code::DiskFull,
            _ => Code::Failed,
        };
        // The system's words hold no path, so they tell a caller nothing about this computer.
        Self::new(code, error.kind().to_string())
    }
}

impl From<tokio::task::JoinError> for Refused {
    fn from(_: tokio::task::JoinError) -> Self {
        Self::new(Code::Failed, "stopping")
    }
}

/// Runs file system work off the async threads.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Refused> + Send + 'static,
) -> Result<T, Refused> {
    tokio::task::spawn_blocking(work).await?
}

/// How many files each caller has open.
#[derive(Default)]
struct Slots {
    open: Mutex<HashMap<NodeId, usize>>,
}

impl Slots {
    fn take(self: &Arc<Self>, caller: NodeId) -> Option<Slot> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(caller).or_default();
        if *count >= FILES_PER_CALLER {
            return None;
        }
        *count += 1;
        Some(Slot { slots: Arc::clone(self), caller })
    }
}

/// The right to one open file; given back when dropped.
struct Slot {
    slots: Arc<Slots>,
    caller: NodeId,
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut open = self.slots.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.caller) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.caller);
            }
        }
    }
}
