//! Reading: what is asked for in order is fetched ahead in large blocks, several at once; anything else as it is asked.

use super::peer::{Failed, Peer};
use crate::consume::remote::Place;
use bytes::{Bytes, BytesMut};
use std::{
    collections::{HashMap, VecDeque},
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::OnceCell;
use tokio_util::task::TaskTracker;

/// Bytes fetched at once.
const BLOCK: u64 = 1 << 20;
/// The most blocks fetched ahead of a reader.
const AHEAD: u64 = 4;
/// The most blocks kept, over all files of a mount.
const KEPT: usize = 24;
/// The kernel asks for what follows in several questions, which may overtake one another.
const SLACK: u64 = 1 << 20;

/// How a reader goes through a file.
#[derive(Debug, Default)]
pub(super) struct Pace {
    next: u64,
    /// How often it went on where it was.
    steps: u64,
}

impl Pace {
    /// How many blocks to have ready after this read; none for one who jumps about.
    fn step(&mut self, wanted: &Range<u64>) -> Option<u64> {
        let follows = wanted.start <= self.next + SLACK && wanted.start + SLACK >= self.next;
        self.next = if follows { self.next.max(wanted.end) } else { wanted.end };
        self.steps = if follows { self.steps + 1 } else { 0 };
        (self.steps > 0).then(|| self.steps.min(AHEAD))
    }
}

type Key = (Place, Option<String>, u64);
type Block = Arc<OnceCell<Bytes>>;

pub(super) struct Blocks {
    peer: Peer,
    kept: Arc<Mutex<Kept>>,
    tasks: TaskTracker,
}

#[derive(Default)]
struct Kept {
    blocks: HashMap<Key, Block>,
    order: VecDeque<Key>,
}

impl Kept {
    /// The block, and whether nobody has asked for it yet.
    fn get(&mut self, key: &Key) -> (Block, bool) {
        if let Some(block) = self.blocks.get(key) {
            return (Arc::clone(block), false);
        }
        while self.order.len() >= KEPT {
            let Some(oldest) = self.order.pop_front() else { break };
            self.blocks.remove(&oldest);
        }
        let block = Block::default();
        self.blocks.insert(key.clone(), Arc::clone(&block));
        self.order.push_back(key.clone());
        (block, true)
    }
}

impl Blocks {
    pub(super) fn new(peer: Peer, tasks: TaskTracker) -> Self {
        Self { peer, kept: Arc::default(), tasks }
    }

    /// These bytes of this version of a file that is `whole` bytes long.
    pub(super) async fn read(
        &self,
        pace: &Mutex<Pace>,
        place: &Place,
        etag: Option<&str>,
        wanted: Range<u64>,
        whole: u64,
    ) -> Result<Bytes, Failed> {
        let ahead = pace.lock().unwrap_or_else(PoisonError::into_inner).step(&wanted);
        let named = matches!(place, Place::Named(_));
        // What is in the bin may be written without a new tag.
        let (Some(ahead), true) = (ahead, named && etag.is_some()) else {
            let etag = etag.filter(|_| named);
            return self.peer.ask_long(|| self.peer.remote.read(place, wanted.clone(), etag)).await;
        };
        let (first, last) = (wanted.start / BLOCK, (wanted.end - 1) / BLOCK);
        for number in first..=(last + ahead).min(whole.saturating_sub(1) / BLOCK) {
            self.begin(place, etag, number, whole);
        }
        let mut all = BytesMut::new();
        for number in first..=last {
            let key = (place.clone(), etag.map(str::to_owned), number);
            let block = self.lock().get(&key).0;
            let bytes = fetch(&self.peer, &block, &key, whole).await?;
            let start = number * BLOCK;
            let from = usize::try_from(wanted.start.max(start) - start).unwrap_or(usize::MAX);
            let to = usize::try_from(wanted.end.min(start + BLOCK) - start).unwrap_or(usize::MAX);
            let part = bytes.slice(from.min(bytes.len())..to.min(bytes.len()));
            if first == last {
                return Ok(part);
            }
            all.extend_from_slice(&part);
        }
        Ok(all.freeze())
    }

    /// What was fetched of a place is not what is there any more.
    pub(super) fn forget(&self, place: &Place) {
        let mut kept = self.lock();
        kept.blocks.retain(|(of, ..), _| of != place);
        kept.order.retain(|(of, ..)| of != place);
    }

    /// Fetches a block in the background, if nobody does.
    fn begin(&self, place: &Place, etag: Option<&str>, number: u64, whole: u64) {
        let key = (place.clone(), etag.map(str::to_owned), number);
        let (block, new) = self.lock().get(&key);
        if new {
            let peer = self.peer.clone();
            self.tasks.spawn(async move {
                // Whoever needs it asks again, and is told why it cannot be had.
                let _ = fetch(&peer, &block, &key, whole).await;
            });
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn fetch(peer: &Peer, block: &Block, (place, etag, number): &Key, whole: u64) -> Result<Bytes, Failed> {
    let range = number * BLOCK..((number + 1) * BLOCK).min(whole);
    let bytes = block.get_or_try_init(|| async {
        peer.ask_long(|| peer.remote.read(place, range.clone(), etag.as_deref())).await
    });
    bytes.await.cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_reads_on_gets_more_and_more_ahead_and_who_jumps_gets_nothing() {
        let mut pace = Pace::default();
        let step = |pace: &mut Pace, at: u64| pace.step(&(at..at + 128 * 1024));
        let order: Vec<_> = (0..6).map(|n| step(&mut pace, n * 128 * 1024)).collect();
        assert_eq!(order, [Some(1), Some(2), Some(3), Some(4), Some(4), Some(4)]);
        assert_eq!(step(&mut pace, 50 << 20), None);
        assert_eq!(step(&mut pace, 90 << 20), None);
        assert_eq!(step(&mut pace, (90 << 20) + 128 * 1024), Some(1));
        assert_eq!(step(&mut pace, 90 << 20), Some(2), "a question that was overtaken");
    }
}
