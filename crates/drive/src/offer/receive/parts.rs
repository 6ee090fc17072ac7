//! What has come of large files whose senders were interrupted. It stays for a day under a hidden name that the sender
//! chose, so that only the rest has to come when it is back.
//!
//! Nothing of it is believed: the sender is told what each piece is worth and compares, and before the file gets its
//! name everything is proven as if it had come at once. Only one request at a time writes: a sender that comes back
//! ends what it left behind, because this side may not have noticed yet that the connection is gone.

use super::super::{Query, Refused, Visit, blocking, change, confine, read};
use crate::{
    content::{self, PIECE},
    disk, path,
    wire::{Code, ID_LEN, Removed},
};
use bytes::{BufMut, BytesMut};
use http::{Response, StatusCode, header};
use hyper::body::Frame;
use lanyard_link::{Body, BodyError};
use lanyard_trust::Action;
use std::{
    collections::{HashMap, VecDeque},
    io,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How the hidden names begin; the sender's UUID and [`path::PART_SUFFIX`] follow.
pub(super) const PREFIX: &str = ".lanyard-up-";
/// How long a sender may stay away.
pub(super) const STAYS: Duration = Duration::from_secs(24 * 3_600);
/// The most that wait for their senders; then the one that has waited longest goes.
const MOST: usize = 32;
/// How long a sender that is back waits until what it left behind has ended.
const LET_GO: Duration = Duration::from_secs(15);
/// Values per frame.
const BATCH: usize = 64;

/// The parts of one offer.
#[derive(Default)]
pub(in crate::offer) struct Parts {
    open: Mutex<HashMap<Uuid, Holder>>,
    kept: Mutex<VecDeque<(Instant, Kept)>>,
}

/// Who writes a part.
#[derive(Clone, Default)]
struct Holder {
    /// It is to end.
    end: CancellationToken,
    /// It has ended.
    gone: CancellationToken,
}

/// The right to write a part. Dropped, the next one may.
pub(super) struct Turn {
    parts: Arc<Parts>,
    part: Uuid,
    holder: Holder,
}

impl Turn {
    /// Cancelled when the sender is back on another connection.
    pub(super) fn end(&self) -> &CancellationToken {
        &self.holder.end
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.parts.open().remove(&self.part);
        self.holder.gone.cancel();
    }
}

/// A part on the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) root: PathBuf,
    pub(super) parents: Vec<String>,
    pub(super) name: String,
}

impl Kept {
    fn remove(&self) {
        let removed = confine::open_dir(&self.root, &self.parents).map(|dir| dir.remove_file(&self.name));
        if matches!(removed, Ok(Ok(()))) {
            tracing::info!("a part of a file whose sender did not come back was removed");
        }
    }
}

pub(super) fn name(part: Uuid) -> String {
    format!("{PREFIX}{}{}", part.simple(), path::PART_SUFFIX)
}

impl Parts {
    fn open(&self) -> MutexGuard<'_, HashMap<Uuid, Holder>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn kept(&self) -> MutexGuard<'_, VecDeque<(Instant, Kept)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The right to a part. Whoever has it is asked to end first.
    pub(super) async fn turn(self: &Arc<Self>, part: Uuid) -> Result<Turn, Refused> {
        let holder = Holder::default();
        loop {
            let before = {
                let mut open = self.open();
                match open.get(&part) {
                    Some(before) => before.clone(),
                    None => {
                        open.insert(part, holder.clone());
                        return Ok(Turn { parts: Arc::clone(self), part, holder });
                    }
                }
            };
            before.end.cancel();
            if tokio::time::timeout(LET_GO, before.gone.cancelled()).await.is_err() {
                return Err(Refused::new(Code::Busy, "an earlier try has not ended yet"));
            }
        }
    }

    /// A sender is gone and may come back.
    pub(super) fn keep(&self, part: Kept) {
        let old = {
            let mut kept = self.kept();
            kept.retain(|(_, other)| *other != part);
            kept.push_back((Instant::now(), part));
            if kept.len() > MOST { kept.pop_front() } else { None }
        };
        if let Some((_, old)) = old {
            old.remove();
        }
    }

    /// A part is being written again, or is gone.
    pub(super) fn forget(&self, name: &str) {
        self.kept().retain(|(_, part)| part.name != name);
    }

    /// Removes what nobody has come back for.
    pub(super) fn expire(&self) {
        loop {
            let old = {
                let mut kept = self.kept();
                let is_old = kept.front().is_some_and(|(since, _)| since.elapsed() > STAYS);
                if is_old { kept.pop_front() } else { None }
            };
            let Some((_, old)) = old else { return };
            old.remove();
        }
    }
}

/// Who may bring a file may ask how far it came.
fn action(query: &Query) -> Action {
    if query.conflict.as_deref() == Some("keep_both") { Action::Add } else { Action::Write }
}

/// What the whole pieces of a part are worth, in order.
pub(in crate::offer) async fn held(visit: Visit, query: Query) -> Result<Response<Body>, Refused> {
    let (part, action) = (query.part()?, action(&query));
    let folder = visit.admit(action)?;
    let slot = visit.slot()?;
    // Nobody else writes while it is read.
    let turn = visit.offer.receiving.parts.turn(part).await?;
    let (root, path) = (folder.root.clone(), query.path.clone());
    let (file, facts) = blocking(move || {
        let (dir, _) = change::parent(&root, &path)?;
        confine::open_file_to_change(&dir, &name(part))
    })
    .await?;
    let pieces = usize::try_from(facts.size.min(content::MAX_SIZE) / PIECE).unwrap_or(0);
    let (sender, mut receiver) = mpsc::channel::<Result<Frame<bytes::Bytes>, BodyError>>(2);
    tokio::task::spawn_blocking(move || {
        let (_slot, turn) = (slot, turn);
        let send = || -> Result<(), BodyError> {
            let (mut bytes, mut out) = (Vec::new(), BytesMut::new());
            for piece in 0..pieces {
                if turn.end().is_cancelled() || !visit.still(action, &folder) {
                    return Err("the share was taken back".into());
                }
                disk::read_at(&file, &mut bytes, piece as u64 * PIECE, PIECE as usize)?;
                out.put_slice(&content::piece_value(u64::MAX, piece, &bytes));
                if out.len() >= BATCH * 32 || piece + 1 == pieces {
                    sender.blocking_send(Ok(Frame::data(out.split().freeze())))?;
                }
            }
            Ok(())
        };
        if let Err(why) = send() {
            let _ = sender.blocking_send(Err(why));
        }
    });
    let mut response =
        Response::new(lanyard_link::body::stream(futures_util::stream::poll_fn(move |context| {
            receiver.poll_recv(context)
        })));
    let length = pieces as u64 * ID_LEN;
    read::insert(response.headers_mut(), header::CONTENT_LENGTH, &length.to_string());
    Ok(response)
}

/// The sender will not come back. A part that is not there is no error.
pub(in crate::offer) async fn discard(visit: Visit, query: Query) -> Result<Response<Body>, Refused> {
    let part = query.part()?;
    let folder = visit.admit(action(&query))?;
    let turn = visit.offer.receiving.parts.turn(part).await?;
    let path = query.path.clone();
    blocking(move || {
        let _turn = turn;
        let (dir, _) = change::parent(&folder.root, &path)?;
        match dir.remove_file(name(part)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    })
    .await?;
    visit.offer.receiving.parts.forget(&name(part));
    Ok(lanyard_link::body::json(StatusCode::OK, &Removed::default()))
}
