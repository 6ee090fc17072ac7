//! From whom the pieces of one file come: the device that it is copied from, and others that hold the same content.

use super::connections::Fetch;
use crate::{
    consume::{
        browse::Remote,
        transfers::{Job, Source},
    },
    content::Manifest,
    path::SharePath,
    wire::Have,
};
use lanyard_trust::NodeId;
use std::{
    collections::HashSet,
    sync::{
        Arc, PoisonError, RwLock, RwLockReadGuard,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::task::JoinSet;

/// The most peers for one file, the first one included.
const MOST: usize = 8;
/// For fewer missing pieces nobody else is asked.
const WORTH_ASKING: usize = 8;
/// Drives of others that are asked at once.
const ASKED: usize = 16;

/// One of them.
pub(super) struct Peer {
    pub(super) remote: Remote,
    pub(super) path: SharePath,
    pub(super) etag: String,
    /// The device's name, for people.
    pub(super) name: String,
    /// Bytes a second of one connection, smoothed; 0 until known.
    rate: AtomicU64,
    out: AtomicBool,
}

impl Peer {
    pub(super) fn new(remote: Remote, path: SharePath, etag: String, name: String) -> Self {
        Self { remote, path, etag, name, rate: AtomicU64::new(0), out: AtomicBool::new(false) }
    }

    pub(super) fn is_out(&self) -> bool {
        self.out.load(Ordering::Relaxed)
    }

    pub(super) fn rate(&self) -> u64 {
        self.rate.load(Ordering::Relaxed)
    }

    /// So many bytes came in this time.
    pub(super) fn moved(&self, bytes: u64, took: Duration) {
        let now = (bytes as f64 / took.as_secs_f64().max(0.000_1)) as u64;
        let before = self.rate();
        let rate = if before == 0 { now } else { (before / 10) * 7 + (now / 10) * 3 };
        self.rate.store(rate.max(1), Ordering::Relaxed);
    }
}

/// All of them, in the order in which they joined: the schedule knows them by their number.
pub(super) struct Peers {
    all: RwLock<Vec<Arc<Peer>>>,
}

impl Peers {
    pub(super) fn new(first: Peer) -> Self {
        Self { all: RwLock::new(vec![Arc::new(first)]) }
    }

    fn all(&self) -> RwLockReadGuard<'_, Vec<Arc<Peer>>> {
        self.all.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the file is called on the device that it is copied from.
    pub(super) fn name_of_file(&self) -> String {
        self.all().first().and_then(|first| first.path.name().map(str::to_owned)).unwrap_or_default()
    }

    /// Those that are asked, with their numbers.
    pub(super) fn alive(&self) -> Vec<(usize, Arc<Peer>)> {
        self.all().iter().cloned().enumerate().filter(|(_, peer)| !peer.is_out()).collect()
    }

    /// How many devices are asked; one that holds the content in two places counts once.
    pub(super) fn devices(&self) -> usize {
        let all = self.all();
        let nodes: HashSet<NodeId> =
            all.iter().filter(|peer| !peer.is_out()).map(|peer| peer.remote.place().0).collect();
        nodes.len()
    }

    pub(super) fn are_several(&self) -> bool {
        self.all().iter().filter(|peer| !peer.is_out()).count() > 1
    }

    /// Bytes a second of each, by number.
    pub(super) fn rates(&self) -> Vec<u64> {
        self.all().iter().map(|peer| peer.rate()).collect()
    }

    /// One more; false when there are enough, or it is there already.
    pub(super) fn join(&self, peer: Peer) -> bool {
        let mut all = self.all.write().unwrap_or_else(PoisonError::into_inner);
        let known = all.iter().any(|other| other.remote.is_same(&peer.remote) && other.path == peer.path);
        if known || all.len() >= MOST {
            return false;
        }
        all.push(Arc::new(peer));
        true
    }

    /// One is not asked any more; its name, when it was asked until now.
    pub(super) fn drop_out(&self, number: usize) -> Option<String> {
        let all = self.all();
        let peer = all.get(number)?;
        (!peer.out.swap(true, Ordering::Relaxed)).then(|| peer.name.clone())
    }
}

/// Questions to others whether they hold the content, too. Dropped, they end.
pub(super) struct Search {
    asked: JoinSet<Option<Peer>>,
}

impl Search {
    /// Asks the drives that may be read, if there is enough to fetch.
    pub(super) fn begin(job: &Job, fetch: &Fetch, manifest: &Manifest) -> Self {
        let mut asked = JoinSet::new();
        let first = fetch.peers.alive().into_iter().next();
        let Some((_, first)) = first.filter(|_| fetch.schedule().missing() >= WORTH_ASKING) else {
            return Self { asked };
        };
        let question = Have {
            id: manifest.id(),
            size: manifest.size(),
            name: first.path.name().unwrap_or_default().to_owned(),
        };
        for Source { node, device_name, share } in job.others(&first.remote).into_iter().take(ASKED) {
            let (remote, question) = (first.remote.elsewhere(node, share), question.clone());
            asked.spawn(async move {
                let held = remote.have(&question).await.ok()?;
                let path = SharePath::parse_remote(&held.path).ok()?;
                Some(Peer::new(remote, path, held.etag, device_name))
            });
        }
        Self { asked }
    }

    /// The next one that holds it; none when all have answered, which `select!` takes as "not any more".
    pub(super) async fn next(&mut self) -> Option<Peer> {
        loop {
            if let Ok(Some(peer)) = self.asked.join_next().await? {
                return Some(peer);
            }
        }
    }
}
