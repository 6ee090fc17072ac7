//! Manifests of offered files: hashed when first asked for, sent while they are hashed, remembered for a while.

use super::{Folder, Query, Refused, Slot, Visit, blocking, confine::Facts, read, shown::Opened};
use crate::{
    content::{self, FileId, Manifest, PieceValue},
    disk,
    path::SharePath,
    wire::ID_LEN,
};
use bytes::{BufMut, Bytes, BytesMut};
use http::{Response, header};
use hyper::body::Frame;
use lanyard_link::{Body, BodyError};
use lanyard_trust::{Action, ShareId};
use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};
use tokio::sync::mpsc;

/// Pieces whose values are remembered: 8 MiB of memory, 256 GiB of files.
const REMEMBERED: usize = 256 * 1024;
/// Values per frame.
const BATCH: usize = 16;
/// A file that changed this recently may change again within the same tick of the file system's clock, unseen.
const SETTLED: Duration = Duration::from_secs(2);

/// What a manifest belongs to: one state of one file.
type Key = (ShareId, Facts);

/// Recent manifests, least recently used first to go.
#[derive(Default)]
pub(super) struct Manifests {
    recent: Mutex<Recent>,
}

/// A manifest, when it was last used, and the path under which its file was.
struct Known {
    manifest: Arc<Manifest>,
    used: u64,
    path: SharePath,
}

#[derive(Default)]
struct Recent {
    held: HashMap<Key, Known>,
    pieces: usize,
    clock: u64,
}

impl Manifests {
    fn find(&self, key: &Key) -> Option<Arc<Manifest>> {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.clock += 1;
        let now = recent.clock;
        recent.held.get_mut(key).map(|known| {
            known.used = now;
            Arc::clone(&known.manifest)
        })
    }

    /// A file gave something else than its manifest says, although the system knows of no change: a program may write
    /// through a map of it, and disks rot.
    fn forget(&self, key: &Key) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(old) = recent.held.remove(key) {
            recent.pieces -= old.manifest.values().len() + 1;
        }
    }

    /// Where in a share a content was when it was hashed, and what the system said of it then.
    pub(super) fn with_id(&self, share: &ShareId, id: FileId) -> Option<(SharePath, Facts)> {
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let (key, known) =
            recent.held.iter().find(|(key, known)| key.0 == *share && known.manifest.id() == id)?;
        Some((known.path.clone(), key.1))
    }

    fn keep(&self, key: Key, path: SharePath, manifest: Manifest) {
        let weight = manifest.values().len() + 1;
        if weight > REMEMBERED {
            return;
        }
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.clock += 1;
        let now = recent.clock;
        let known = Known { manifest: Arc::new(manifest), used: now, path };
        if let Some(old) = recent.held.insert(key, known) {
            recent.pieces -= old.manifest.values().len() + 1;
        }
        recent.pieces += weight;
        while recent.pieces > REMEMBERED {
            let oldest = recent.held.iter().min_by_key(|(_, known)| known.used).map(|(key, _)| key.clone());
            let Some(old) = oldest.and_then(|key| recent.held.remove(&key)) else { return };
            recent.pieces -= old.manifest.values().len() + 1;
        }
    }
}

pub(super) async fn manifest(visit: Visit, query: Query) -> Result<Response<Body>, Refused> {
    let folder = visit.admit(Action::Read)?;
    let slot = visit.slot()?;
    let (path, anew) = (query.path.clone(), query.anew);
    let (here, behind) = (visit.clone(), folder.clone());
    let open = move || {
        let (file, facts) = here.shown(&behind)?.open_file(&query.path)?;
        file.try_first(0, facts.size)?;
        Ok((file, facts))
    };
    let (file, facts) = blocking(open).await?;
    let mut response = Response::new(lanyard_link::body::empty());
    read::describe(response.headers_mut(), &facts);
    let length = content::pieces(facts.size) as u64 * ID_LEN + ID_LEN;
    read::insert(response.headers_mut(), header::CONTENT_LENGTH, &length.to_string());
    let key = (visit.share.clone(), facts);
    if anew {
        visit.offer.manifests.forget(&key);
    }
    *response.body_mut() = match visit.offer.manifests.find(&key) {
        Some(known) => lanyard_link::body::full(encode(known.values(), Some(known.id()))),
        None => hash(visit, folder, file, facts, path, slot),
    };
    Ok(response)
}

fn encode(values: &[PieceValue], id: Option<FileId>) -> Bytes {
    let mut bytes = BytesMut::with_capacity((values.len() + 1) * 32);
    for value in values {
        bytes.put_slice(value);
    }
    if let Some(id) = id {
        bytes.put_slice(&id.0);
    }
    bytes.freeze()
}

/// Hashes on its own thread and sends values as they come, so that a large file answers at once and the caller can
/// begin with its content meanwhile.
fn hash(visit: Visit, folder: Folder, file: Opened, facts: Facts, path: SharePath, slot: Slot) -> Body {
    let (sender, mut receiver) = mpsc::channel::<Result<Frame<Bytes>, BodyError>>(4);
    tokio::task::spawn_blocking(move || {
        let _slot = slot;
        if let Err(error) = hash_all(&visit, &folder, &file, &facts, path, &sender) {
            let _ = sender.blocking_send(Err(error));
        }
    });
    lanyard_link::body::stream(futures_util::stream::poll_fn(move |context| receiver.poll_recv(context)))
}

fn hash_all(
    visit: &Visit,
    folder: &Folder,
    file: &Opened,
    facts: &Facts,
    path: SharePath,
    sender: &mpsc::Sender<Result<Frame<Bytes>, BodyError>>,
) -> Result<(), BodyError> {
    let gone = |_| BodyError::from("nobody reads any more");
    let (mut values, mut sent, mut bytes) = (Vec::new(), 0, Vec::new());
    for piece in 0..content::pieces(facts.size) {
        if !visit.still(Action::Read, folder) {
            return Err("the share was taken back".into());
        }
        let range = content::piece_range(facts.size, piece);
        let length = usize::try_from(range.end - range.start)?;
        file.read_at(&mut bytes, range.start, length).map_err(|refused| refused.detail)?;
        if (bytes.len() as u64) < range.end - range.start {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        values.push(content::piece_value(facts.size, piece, &bytes));
        if values.len() - sent == BATCH {
            sender.blocking_send(Ok(Frame::data(encode(&values[sent..], None)))).map_err(gone)?;
            sent = values.len();
        }
    }
    if file.facts().map_err(|refused| refused.detail)? != *facts {
        return Err("the file changed while it was read".into());
    }
    let manifest = Manifest::from_values(facts.size, values)?;
    let rest = encode(&manifest.values()[sent..], Some(manifest.id()));
    if settled(facts) {
        visit.offer.manifests.keep((visit.share.clone(), *facts), path, manifest);
    }
    sender.blocking_send(Ok(Frame::data(rest))).map_err(gone)
}

fn settled(facts: &Facts) -> bool {
    let Some(now) = disk::nanos(SystemTime::now()) else { return false };
    let settled = i64::try_from(SETTLED.as_nanos()).unwrap_or(i64::MAX);
    facts.last_change().is_some_and(|changed| now.saturating_sub(changed) > settled)
}
