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
pub mod disc;
mod edit;
mod have;
mod listing;
mod made;
mod manifests;
mod once;
mod read;
mod receive;
mod search;
mod shown;
mod spoilt;
mod tree;
mod verbs;
mod walk;

use crate::{
    path::{self, SharePath},
    wire::{self, Code, Problem},
};
use http::{Method, Request, Response};
use lanyard_link::Body;
use lanyard_link::Incoming;
use lanyard_trust::{Action, Claim, Gate, NodeId, Refusal, ShareId, Subject, Used};
use std::{
    collections::{HashMap, HashSet},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::Semaphore;

/// Files one caller may have open at once, in both directions.
const FILES_PER_CALLER: usize = 24;
/// Batches of small files that are received at once, from all callers; the others wait.
const BATCHES: usize = 4;

/// Callers and shares of which it is remembered that they have been used.
const USES: usize = 1_024;
/// For so long one that read from a share counts as still reading.
const A_MOMENT: Duration = Duration::from_secs(5);

/// What stands behind a drive share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// The absolute path of the folder.
    pub root: PathBuf,
    /// Whether this caller may write.
    pub writable: bool,
    /// What it is on.
    pub medium: Medium,
}

/// What a share is on, and whether that is here now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Medium {
    /// A disk that stays: the folder is there whenever its path is.
    #[default]
    Fixed,
    /// A drive that comes and goes. The folder is its only as long as its path leads to this mount; none while the
    /// drive is away. So nobody reads from another drive that took its place, or writes into an empty folder.
    Drive(Option<Mount>),
    /// A disc: [`Folder::root`] is the path of its image or of the drive it is in, and what can be seen is what is on
    /// it, as long as it is this one. None while it is away.
    Disc(Option<disc::DiscId>),
}

/// Which mount it is, as the system numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mount(pub u64);

impl Mount {
    /// The mount that a path is on; none where the system does not number them, or nothing is there.
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        #[cfg(target_os = "linux")]
        {
            use rustix::fs::{AtFlags, CWD, StatxFlags, statx};
            /// `STATX_MNT_ID_UNIQUE`: numbers that are never used again, from Linux 6.8 on.
            const UNIQUE: StatxFlags = StatxFlags::from_bits_retain(0x4000);
            let told = |mask| {
                let found = statx(CWD, path, AtFlags::NO_AUTOMOUNT, mask).ok()?;
                (found.stx_mask & mask.bits() != 0).then_some(Self(found.stx_mnt_id))
            };
            told(UNIQUE).or_else(|| told(StatxFlags::MNT_ID))
        }
        #[cfg(not(target_os = "linux"))]
        {
            let _ = path;
            None
        }
    }
}

/// The answering half of drives.
pub struct Offer {
    gate: Arc<dyn Gate<Folder>>,
    manifests: manifests::Manifests,
    listings: listing::Listings,
    receiving: receive::Receiving,
    made: made::Made,
    once: once::Once,
    /// The same of what programs write into open files: so much that it would crowd out the others.
    written: once::Once,
    discs: disc::Discs,
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
            made: made::Made::default(),
            once: once::Once::default(),
            written: once::Once::default(),
            discs: disc::Discs::default(),
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
            // The image of a disc under an address of its own, for programs that read discs.
            (&Method::GET, "raw") => {
                let path = SharePath::top().join(wire::IMAGE)?;
                read::file(visit, Query { path, ..query }, request.headers()).await
            }
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

    /// Lets go of discs that nobody reads from any more, so that they can be taken out.
    pub fn close_idle_discs(&self) {
        self.discs.close_idle();
    }

    /// Lets go of a disc at once.
    pub fn close_disc(&self, path: &Path) {
        self.discs.close(path);
    }

    /// How many devices read from one of these shares, now or a moment ago: a copy asks for one part after the other.
    #[must_use]
    pub fn readers(&self, shares: &[ShareId]) -> usize {
        self.slots.readers(shares)
    }

    /// Whether anything in one of these shares is open at this moment.
    #[must_use]
    pub fn is_open(&self, shares: &[ShareId]) -> bool {
        self.slots.is_open(shares)
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
        let folder = self.offer.gate.admit(&self.share, &self.subject, action)?;
        match folder.medium {
            Medium::Disc(_) if !matches!(action, Action::List | Action::Read) => {
                Err(Refused::new(Code::NotAllowed, "nobody writes to a disc"))
            }
            medium if !is_here(&folder.root, medium) => Err(disc::away()),
            _ => Ok(folder),
        }
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
        now.is_ok_and(|now| now.root == folder.root && now.medium == folder.medium)
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
        self.offer.slots.take(self.subject.id(), &self.share).ok_or_else(busy)
    }
}

fn is_here(root: &Path, medium: Medium) -> bool {
    match medium {
        Medium::Fixed | Medium::Disc(Some(_)) => true,
        Medium::Drive(mount) => mount.is_some_and(|mount| Mount::of(root) == Some(mount)),
        Medium::Disc(None) => false,
    }
}

/// The parameters any of the requests takes.
#[derive(Default)]
struct Query {
    path: SharePath,
    after: Option<String>,
    conflict: Option<String>,
    /// What is remembered of a file may be wrong: it is read again.
    anew: bool,
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
                "anew" => query.anew = value == "yes",
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
    uses: Mutex<HashMap<(ShareId, NodeId), Use>>,
}

/// What one caller has open in one share, and when it last began or ended something.
struct Use {
    open: usize,
    last: Instant,
}

impl Slots {
    fn take(self: &Arc<Self>, caller: NodeId, share: &ShareId) -> Option<Slot> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(caller).or_default();
        if *count >= FILES_PER_CALLER {
            return None;
        }
        *count += 1;
        drop(open);
        let mut uses = self.uses();
        if uses.len() >= USES {
            uses.retain(|_, used| used.open > 0 || used.last.elapsed() < A_MOMENT);
        }
        let used =
            uses.entry((share.clone(), caller)).or_insert_with(|| Use { open: 0, last: Instant::now() });
        (used.open, used.last) = (used.open + 1, Instant::now());
        Some(Slot { slots: Arc::clone(self), caller, share: share.clone() })
    }

    fn readers(&self, shares: &[ShareId]) -> usize {
        let uses = self.uses();
        let recent = uses.iter().filter(|((share, _), used)| {
            shares.contains(share) && (used.open > 0 || used.last.elapsed() < A_MOMENT)
        });
        recent.map(|((_, caller), _)| caller).collect::<HashSet<_>>().len()
    }

    fn is_open(&self, shares: &[ShareId]) -> bool {
        self.uses().iter().any(|((share, _), used)| shares.contains(share) && used.open > 0)
    }

    fn uses(&self) -> MutexGuard<'_, HashMap<(ShareId, NodeId), Use>> {
        self.uses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to one open file; given back when dropped.
struct Slot {
    slots: Arc<Slots>,
    caller: NodeId,
    share: ShareId,
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(used) = self.slots.uses().get_mut(&(self.share.clone(), self.caller)) {
            (used.open, used.last) = (used.open.saturating_sub(1), Instant::now());
        }
        let mut open = self.slots.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.caller) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.caller);
            }
        }
    }
}
