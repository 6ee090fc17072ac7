//! The connections of one try: each fetches run after run of pieces from one peer, hashes them and brings them to the
//! disk.

use super::peers::{Peer, Peers};
use crate::{
    consume::{
        browse::{self, RemoteError},
        schedule::{self, MAX_WIDTH, Received, Schedule},
        transfers::Pace,
    },
    content::{self, PIECE, PieceValue},
    disk,
};
use bytes::Bytes;
use lanyard_link::Incoming;
use std::{
    collections::{HashMap, HashSet},
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
/// The same for a peer that joins in: it may be slow.
const FIRST_SHARED_RUN: usize = 2;
/// Connections to each peer that joins in: while one waits for its next run, the other one moves bytes.
const SHARED_WIDTH: usize = 2;
/// Pieces on their way to the disk at once, over all connections.
pub(super) const WRITES: u32 = 8;
/// Connections to a peer that broke without a piece in between, before it counts as away.
const FAILURES: u32 = 4;

/// What the connections of one try share.
pub(super) struct Fetch {
    pub(super) file: Arc<File>,
    pub(super) size: u64,
    pub(super) schedule: Mutex<Schedule>,
    pub(super) peers: Peers,
    pub(super) part: PathBuf,
    /// Connections to the first peer with a number at or above this end after their run.
    pub(super) width: AtomicUsize,
    pub(super) writes: Arc<Semaphore>,
    pub(super) pace: Pace,
}

impl Fetch {
    pub(super) fn schedule(&self) -> MutexGuard<'_, Schedule> {
        self.schedule.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn width_of(&self, peer: usize) -> usize {
        if peer == 0 { self.width.load(Ordering::Relaxed).min(MAX_WIDTH) } else { SHARED_WIDTH }
    }
}

/// Why a connection ended early.
pub(super) enum RunError {
    Remote(RemoteError),
    Local(io::Error),
    /// The peer has sent too much that is wrong.
    Out,
}

impl From<RemoteError> for RunError {
    fn from(error: RemoteError) -> Self {
        Self::Remote(error)
    }
}

/// A connection: to which peer, and its number.
type Place = (usize, usize);

/// The running connections.
#[derive(Default)]
pub(super) struct Connections {
    tasks: JoinSet<(Place, Result<(), RunError>)>,
    used: HashSet<Place>,
    failures: HashMap<usize, Failures>,
}

#[derive(Default)]
struct Failures {
    count: u32,
    bytes: u64,
    not_before: Option<Instant>,
}

impl Connections {
    /// As many to each peer as its width allows and there is work for. One without work would end at once and be begun
    /// again, all the time that the last pieces take; it is looked again when something has ended, and at every tick.
    pub(super) fn fill(&mut self, fetch: &Arc<Fetch>) {
        for (at, peer) in fetch.peers.alive() {
            let rests = |failures: &Failures| failures.not_before.is_some_and(|then| Instant::now() < then);
            if self.failures.get(&at).is_some_and(rests) {
                continue;
            }
            let work = fetch.schedule().work_for(at, &fetch.peers.rates());
            let idle: Vec<usize> = (0..fetch.width_of(at))
                .filter(|number| !self.used.contains(&(at, *number)))
                .take(work)
                .collect();
            for number in idle {
                self.used.insert((at, number));
                let (fetch, peer) = (Arc::clone(fetch), Arc::clone(&peer));
                self.tasks.spawn(async move {
                    let place = (at, number);
                    (place, connection(&fetch, &peer, place).await)
                });
            }
        }
    }

    /// The next one that ends; none at once while none runs, which `select!` takes as "not now".
    pub(super) async fn next(&mut self) -> Option<(usize, Result<(), RunError>)> {
        let (place, result) = match self.tasks.join_next().await? {
            Ok(ended) => ended,
            // A panic in a connection: its claim was given back on the way; its place stays used.
            Err(error) => return Some((0, Err(RunError::Remote(browse::broken(error))))),
        };
        self.used.remove(&place);
        Some((place.0, result))
    }

    /// Notes a broken connection; true when there were too many to that peer without a piece in between.
    pub(super) fn failed(&mut self, peer: usize, bytes: u64) -> bool {
        let failures = self.failures.entry(peer).or_default();
        if bytes > failures.bytes {
            failures.count = 0;
        }
        failures.count += 1;
        failures.bytes = bytes;
        failures.not_before = Some(Instant::now() + Duration::from_millis(50 << failures.count.min(4)));
        failures.count >= FAILURES
    }
}

/// One connection: run after run, until nothing is missing or it is one too many.
async fn connection(fetch: &Arc<Fetch>, peer: &Arc<Peer>, (at, number): Place) -> Result<(), RunError> {
    let mut length = if at == 0 { FIRST_RUN } else { FIRST_SHARED_RUN };
    let mut buffers = Vec::new();
    while number < fetch.width_of(at) && !peer.is_out() {
        let rates = fetch.peers.rates();
        let run = {
            let mut schedule = fetch.schedule();
            schedule.claim(at, length).or_else(|| schedule.claim_again(at, length, &rates))
        };
        let Some(run) = run else { return Ok(()) };
        let (pieces, begun) = (run.len(), Instant::now());
        fetch_run(fetch, peer, Claim { fetch, by: at, rest: run }, &mut buffers).await?;
        peer.moved(pieces as u64 * PIECE, begun.elapsed());
        length = schedule::run_length(pieces, begun.elapsed());
    }
    Ok(())
}

/// Pieces that are still to come on a connection; given back when they do not. One that came and was wrong is no
/// longer ours: somebody else may be fetching it again.
struct Claim<'a> {
    fetch: &'a Fetch,
    by: usize,
    rest: Range<usize>,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.fetch.schedule().give_back(self.by, self.rest.clone());
    }
}

/// Fetches a run of pieces. While one is hashed and written, the next one arrives.
async fn fetch_run(
    fetch: &Arc<Fetch>,
    peer: &Peer,
    mut claim: Claim<'_>,
    buffers: &mut Vec<Vec<u8>>,
) -> Result<(), RunError> {
    let run = claim.rest.clone();
    let range =
        content::piece_range(fetch.size, run.start).start..content::piece_range(fetch.size, run.end - 1).end;
    let mut body = peer.remote.range(&peer.path, &peer.etag, &range).await?;
    let mut rest = Bytes::new();
    let mut writing: Option<Writing> = None;
    for piece in run {
        let mut buffer = buffers.pop().unwrap_or_else(|| Vec::with_capacity(PIECE as usize));
        let wanted = content::piece_range(fetch.size, piece);
        let wanted = usize::try_from(wanted.end - wanted.start).unwrap_or(usize::MAX);
        // Where nobody else could take over, a device that moves to another address gets its time.
        let patience = fetch.peers.are_several().then(|| schedule::patience(PIECE, peer.rate()));
        let arrived = fill(&fetch.pace, &mut body, &mut rest, &mut buffer, wanted, patience).await;
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
    patience: Option<Duration>,
) -> Result<(), RemoteError> {
    while buffer.len() < wanted {
        if rest.is_empty() {
            *rest = browse::next_content(body, patience).await?;
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
    let fetch = Arc::clone(fetch);
    let expected = fetch.schedule().expected(piece);
    tokio::task::spawn_blocking(move || {
        let _permit = permit;
        let value = content::piece_value(fetch.size, piece, &buffer);
        // Another peer may have brought the same piece already: nothing wrong is written over it.
        if expected.is_none_or(|expected| expected == value) {
            disk::write_sparse_at(&fetch.file, &buffer, content::piece_range(fetch.size, piece).start)?;
        }
        buffer.clear();
        Ok((value, buffer))
    })
}

async fn settle(claim: &mut Claim<'_>, writing: Writing) -> Result<Vec<u8>, RunError> {
    let written = writing.task.await.map_err(|error| RunError::Remote(browse::broken(error)))?;
    let (value, buffer) = written.map_err(RunError::Local)?;
    claim.rest.start = writing.piece + 1;
    match claim.fetch.schedule().received(writing.piece, value, claim.by) {
        Received::Taken | Received::Wrong => Ok(buffer),
        Received::Out => Err(RunError::Out),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::{consume::browse::Remote, content::Manifest, path::SharePath};
    use lanyard_trust::{Identity, ShareId};

    #[tokio::test]
    async fn while_the_last_pieces_come_nobody_without_work_asks_for_some() {
        let dir = tempfile::tempdir().unwrap();
        let identity = Identity::load_or_create(dir.path()).unwrap();
        let peer = |share: &str| {
            let peers = lanyard_link::Peers::new(identity.clone());
            let remote = Remote::new(peers, identity.node_id(), ShareId(share.to_owned()));
            Peer::new(remote, SharePath::parse("a").unwrap(), String::new(), String::new())
        };
        let peers = Peers::new(peer("one"));
        assert!(peers.join(peer("other")));
        let size = 20 * PIECE;
        let mut schedule = Schedule::new(size);
        schedule.share_among(2);
        schedule.prove(Manifest::from_values(size, vec![[1; 32]; 20]).unwrap());
        while schedule.claim(0, 9).is_some() {}
        let part = dir.path().join("part");
        let fetch = Arc::new(Fetch {
            file: Arc::new(File::create(&part).unwrap()),
            size,
            schedule: Mutex::new(schedule),
            peers,
            part,
            width: AtomicUsize::new(MAX_WIDTH),
            writes: Arc::new(Semaphore::new(WRITES as usize)),
            pace: Pace::default(),
        });
        let mut connections = Connections::default();
        connections.fill(&fetch);
        assert!(connections.used.is_empty(), "as fast as each other: {:?}", connections.used);
        assert!(connections.next().await.is_none(), "nothing to wait for but what is under way");

        for (_, peer) in fetch.peers.alive() {
            peer.moved(
                if peer.remote.place().1.0 == "other" { 1 << 30 } else { 1 << 20 },
                Duration::from_secs(1),
            );
        }
        connections.fill(&fetch);
        assert!(connections.used.iter().all(|(at, _)| *at == 1), "{:?}", connections.used);
        assert_eq!(connections.used.len(), SHARED_WIDTH, "the fast one helps the slow one out");
    }
}
