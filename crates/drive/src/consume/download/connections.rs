//! The connections of one try: each fetches run after run of pieces, hashes them and brings them to the disk.

use crate::{
    consume::{
        browse::{self, Remote, RemoteError},
        schedule::{self, MAX_WIDTH, Schedule},
        transfers::Pace,
    },
    content::{self, PIECE, PieceValue},
    disk,
    path::SharePath,
};
use bytes::Bytes;
use lanyard_link::Incoming;
use std::{
    fs::File,
    io,
    ops::Range,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::{JoinHandle, JoinSet},
};

/// Pieces in the first request of a connection, before its speed is known.
const FIRST_RUN: usize = 8;
/// Pieces on their way to the disk at once, over all connections.
pub(super) const WRITES: u32 = 8;
/// Connections that broke without a piece in between, before the device counts as away.
const FAILURES: u32 = 4;

/// What the connections of one try share.
pub(super) struct Fetch {
    pub(super) file: Arc<File>,
    pub(super) size: u64,
    pub(super) schedule: Mutex<Schedule>,
    pub(super) remote: Remote,
    pub(super) path: SharePath,
    pub(super) etag: String,
    pub(super) part: PathBuf,
    /// Connections with a number at or above this end after their run.
    pub(super) width: AtomicUsize,
    pub(super) writes: Arc<Semaphore>,
    pub(super) pace: Pace,
}

impl Fetch {
    pub(super) fn schedule(&self) -> MutexGuard<'_, Schedule> {
        self.schedule.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a connection ended early.
pub(super) enum RunError {
    Remote(RemoteError),
    Local(io::Error),
    OutOfStrikes,
}

impl From<RemoteError> for RunError {
    fn from(error: RemoteError) -> Self {
        Self::Remote(error)
    }
}

/// The running connections, by number.
#[derive(Default)]
pub(super) struct Connections {
    tasks: JoinSet<(usize, Result<(), RunError>)>,
    used: [bool; MAX_WIDTH],
    failures: u32,
    bytes_at_failure: u64,
    not_before: Option<Instant>,
}

impl Connections {
    /// As many as the width allows and there is work for.
    pub(super) fn fill(&mut self, fetch: &Arc<Fetch>) {
        let width = fetch.width.load(Ordering::Relaxed).min(MAX_WIDTH);
        let missing = fetch.schedule().missing();
        let idle: Vec<usize> = (0..width).filter(|number| !self.used[*number]).take(missing).collect();
        for number in idle {
            self.used[number] = true;
            let fetch = Arc::clone(fetch);
            self.tasks.spawn(async move { (number, connection(&fetch, number).await) });
        }
    }

    /// The next one that ends; none at once while none runs, which `select!` takes as "not now".
    pub(super) async fn next(&mut self) -> Option<(usize, Result<(), RunError>)> {
        let (number, result) = match self.tasks.join_next().await? {
            Ok(ended) => ended,
            // A panic in a connection: its claim was given back on the way; the number stays used.
            Err(error) => return Some((MAX_WIDTH, Err(RunError::Remote(browse::broken(error))))),
        };
        self.used[number] = false;
        Some((number, result))
    }

    /// Notes a broken connection; true when there were too many without a piece in between.
    pub(super) fn failed(&mut self, bytes: u64) -> bool {
        if bytes > self.bytes_at_failure {
            self.failures = 0;
        }
        self.failures += 1;
        self.bytes_at_failure = bytes;
        self.not_before = Some(Instant::now() + Duration::from_millis(50 << self.failures.min(4)));
        self.failures >= FAILURES
    }

    pub(super) fn may_start(&self) -> bool {
        self.not_before.is_none_or(|at| Instant::now() >= at)
    }
}

/// One connection: run after run, until nothing is missing or it is one too many.
async fn connection(fetch: &Arc<Fetch>, number: usize) -> Result<(), RunError> {
    let mut length = FIRST_RUN;
    let mut buffers = Vec::new();
    while number < fetch.width.load(Ordering::Relaxed) {
        let Some(run) = fetch.schedule().claim(length) else { return Ok(()) };
        let (pieces, begun) = (run.len(), Instant::now());
        fetch_run(fetch, Claim { fetch, rest: run }, &mut buffers).await?;
        length = schedule::run_length(pieces, begun.elapsed());
    }
    Ok(())
}

/// Pieces that are still to come on a connection; given back when they do not. One that came and was wrong is no
/// longer ours: somebody else may be fetching it again.
struct Claim<'a> {
    fetch: &'a Fetch,
    rest: Range<usize>,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.fetch.schedule().give_back(self.rest.clone());
    }
}

/// Fetches a run of pieces. While one is hashed and written, the next one arrives.
async fn fetch_run(
    fetch: &Arc<Fetch>,
    mut claim: Claim<'_>,
    buffers: &mut Vec<Vec<u8>>,
) -> Result<(), RunError> {
    let run = claim.rest.clone();
    let range =
        content::piece_range(fetch.size, run.start).start..content::piece_range(fetch.size, run.end - 1).end;
    let mut body = fetch.remote.range(&fetch.path, &fetch.etag, &range).await?;
    let mut rest = Bytes::new();
    let mut writing: Option<Writing> = None;
    for piece in run {
        let mut buffer = buffers.pop().unwrap_or_else(|| Vec::with_capacity(PIECE as usize));
        let wanted = content::piece_range(fetch.size, piece);
        let wanted = usize::try_from(wanted.end - wanted.start).unwrap_or(usize::MAX);
        let arrived = fill(&fetch.pace, &mut body, &mut rest, &mut buffer, wanted).await;
        if let Some(done) = writing.take() {
            buffers.push(settle(&mut claim, done).await?);
        }
        arrived?;
        let permit = Arc::clone(&fetch.writes).acquire_owned().await;
        let permit = permit.map_err(|_| RunError::Remote(browse::broken("stopping")))?;
        writing = Some(Writing { piece, task: store(fetch, piece, buffer, permit) });
    }
    if let Some(done) = writing.take() {
        buffers.push(settle(&mut claim, done).await?);
    }
    Ok(())
}

async fn fill(
    pace: &Pace,
    body: &mut Incoming,
    rest: &mut Bytes,
    buffer: &mut Vec<u8>,
    wanted: usize,
) -> Result<(), RemoteError> {
    while buffer.len() < wanted {
        if rest.is_empty() {
            *rest = browse::next_content(body).await?;
            let pause = pace.spend(rest.len() as u64);
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
        }
        let take = rest.len().min(wanted - buffer.len());
        buffer.extend_from_slice(&rest.split_to(take));
    }
    Ok(())
}

/// A piece on its way to the disk.
struct Writing {
    piece: usize,
    task: JoinHandle<io::Result<(PieceValue, Vec<u8>)>>,
}

fn store(
    fetch: &Arc<Fetch>,
    piece: usize,
    mut buffer: Vec<u8>,
    permit: OwnedSemaphorePermit,
) -> JoinHandle<io::Result<(PieceValue, Vec<u8>)>> {
    let (file, size) = (Arc::clone(&fetch.file), fetch.size);
    tokio::task::spawn_blocking(move || {
        let _permit = permit;
        let value = content::piece_value(size, piece, &buffer);
        disk::write_sparse_at(&file, &buffer, content::piece_range(size, piece).start)?;
        buffer.clear();
        Ok((value, buffer))
    })
}

async fn settle(claim: &mut Claim<'_>, writing: Writing) -> Result<Vec<u8>, RunError> {
    let written = writing.task.await.map_err(|error| RunError::Remote(browse::broken(error)))?;
    let (value, buffer) = written.map_err(RunError::Local)?;
    claim.rest.start = writing.piece + 1;
    claim.fetch.schedule().received(writing.piece, value).map_err(|_| RunError::OutOfStrikes)?;
    Ok(buffer)
}
