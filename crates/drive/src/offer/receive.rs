//! Files that others put here: under a hidden name until they are whole and proven, then in one step under their own.
//! What has come of a large one stays for a while when its sender is interrupted (`parts`).

mod growing;
pub(super) mod parts;

pub(super) use growing::Growing;

use super::{Folder, Query, Refused, Visit, blocking};
use crate::{
    content::FileId,
    path,
    wire::{self, Code, ID_LEN, Stored},
};
use bytes::Bytes;
use cap_std::fs::Dir;
use growing::Returning;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::BodyExt;
use lanyard_link::Body;
use lanyard_link::Incoming;
use lanyard_trust::Action;
use parts::{Kept, Parts};
use std::{
    collections::HashSet,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};
use tokio::task::JoinHandle;
use uuid::Uuid;

/// Bytes collected before they are hashed and written: a piece, so that each block has a value of its own.
pub(super) const BLOCK: usize = 1 << 20;
/// Left behind by a node that was killed: nobody has written to it for this long.
const STALE: Duration = Duration::from_secs(600);
/// How our hidden names begin; the random part and [`path::PART_SUFFIX`] follow.
pub(super) const PREFIX: &str = ".lanyard-put-";

/// Folders in which leftovers were looked for since the node started.
#[derive(Default)]
pub(super) struct Receiving {
    swept: Mutex<HashSet<PathBuf>>,
    pub(super) parts: Arc<Parts>,
}

/// What the sender announced.
#[derive(Default)]
pub(super) struct Announced {
    size: u64,
    modified: Option<i64>,
    executable: bool,
    replace: bool,
    if_match: HeaderMap,
}

impl Announced {
    /// From a sender that announces no hash. `etag` is what may be replaced and nothing else.
    pub(super) fn unproven(size: u64, modified: Option<i64>, replace: bool, etag: Option<&str>) -> Self {
        let mut if_match = HeaderMap::new();
        if let Some(etag) = etag.and_then(|etag| HeaderValue::from_str(etag).ok()) {
            if_match.insert(http::header::IF_MATCH, etag);
        }
        Self { size, modified, executable: false, replace, if_match }
    }

    fn read(headers: &HeaderMap, query: &Query) -> Result<Self, Refused> {
        let number = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let size = number(wire::SIZE)
            .and_then(|text| text.parse().ok())
            .filter(|size| *size <= crate::content::MAX_SIZE)
            .ok_or_else(|| Refused::new(Code::Invalid, "the size is not said"))?;
        let replace = match query.conflict.as_deref() {
            None | Some("refuse") => false,
            Some("replace") => true,
            Some("keep_both") => false,
            Some(_) => return Err(Refused::new(Code::Invalid, "no such way to settle a conflict")),
        };
        let mut if_match = HeaderMap::new();
        if let Some(value) = headers.get(http::header::IF_MATCH) {
            if_match.insert(http::header::IF_MATCH, value.clone());
        }
        Ok(Self {
            size,
            modified: number(wire::MODIFIED).and_then(|text| text.parse().ok()),
            executable: headers.contains_key(wire::EXECUTABLE),
            replace,
            if_match,
        })
    }
}

pub(super) async fn put(
    visit: Visit,
    query: Query,
    request: Request<Incoming>,
) -> Result<Response<Body>, Refused> {
    let (head, mut body) = request.into_parts();
    let stored = store(visit, query, &head.headers, &mut body).await?;
    Ok(lanyard_link::body::json(StatusCode::CREATED, &stored))
}

async fn store(
    visit: Visit,
    query: Query,
    headers: &HeaderMap,
    body: &mut Incoming,
) -> Result<Stored, Refused> {
    // What never takes another's place may be brought by one who may only add.
    let beside = query.conflict.as_deref() == Some("keep_both");
    let action = if beside { Action::Add } else { Action::Write };
    let folder = visit.admit(action)?;
    query.path.check_new_name()?;
    let announced = Announced::read(headers, &query)?;
    let slot = visit.slot()?;
    let at = query.at().unwrap_or(0);
    let returning = match query.part() {
        Ok(part) => Some(returning(&visit, &folder, action, &query, part).await?),
        Err(_) if at > 0 => return Err(Refused::new(Code::Invalid, "nothing to go on with is named")),
        Err(_) => None,
    };
    // Held until the claim below is given back: a sender that comes back must not be refused for what its own broken try
    // still counts.
    let _turn = returning.as_ref().map(|returning| Arc::clone(&returning.turn));
    let claim = visit.claim(action, announced.size)?;
    let begun = {
        let (visit, folder, query_path) = (visit.clone(), folder.clone(), query.path.clone());
        blocking(move || match returning {
            Some(returning) => {
                if !beside {
                    growing::check_name(&folder, &query_path, &announced)?;
                }
                Growing::arriving(&visit, &folder, &query_path, announced, slot, at, returning)
            }
            None if beside => Growing::open(&visit, &folder, &query_path, announced, slot),
            None => Growing::begin(&visit, &folder, &query_path, announced, slot),
        })
        .await?
    };
    let (growing, announced_id) = receive(&visit, &folder, action, begun, body).await?;
    let finish = move || {
        let mut growing = growing;
        if !visit.still(action, &folder) {
            growing.give_up();
            return Err(Refused::new(Code::NotAllowed, "the owner has taken the permission back"));
        }
        let stored =
            if beside { growing.finish_proven_beside(announced_id) } else { growing.finish(announced_id) }?;
        claim.keep();
        visit.landed(&stored.path);
        Ok(stored)
    };
    blocking(finish).await
}

/// For a sender that may come back for the rest.
async fn returning(
    visit: &Visit,
    folder: &Folder,
    action: Action,
    query: &Query,
    part: Uuid,
) -> Result<Returning, Refused> {
    let parts = Arc::clone(&visit.offer.receiving.parts);
    let (parents, _) = query.path.split_last().ok_or_else(|| Refused::new(Code::WrongKind, "a folder"))?;
    let place = Kept { root: folder.root.clone(), parents: parents.to_vec(), name: parts::name(part) };
    let may = {
        let (visit, folder) = (visit.clone(), folder.clone());
        Box::new(move || visit.still(action, &folder))
    };
    let turn = Arc::new(parts.turn(part).await?);
    Ok(Returning { turn, parts, place, may })
}

/// Takes the whole body: the content block by block into the file, then the 32 bytes of its FileId.
async fn receive(
    visit: &Visit,
    folder: &Folder,
    action: Action,
    mut growing: Growing,
    body: &mut Incoming,
) -> Result<(Growing, FileId), Refused> {
    growing.look_before()?;
    let mut hand = Hand::Free(Box::new(growing), Vec::with_capacity(BLOCK));
    let taken = take(visit, folder, action, &mut hand, body).await;
    // Nothing is on its way to the disk any more when it is decided what stays.
    let freed = hand.free().await;
    let ended = match taken {
        Ok(id) => {
            let (mut growing, _) = freed?;
            growing.prove_before().await?;
            return Ok((growing, id));
        }
        Err(ended) => ended,
    };
    let (refused, comes_back) = match ended {
        Ended::Broken(refused) => (refused, true),
        Ended::Refused(refused) => (refused, false),
    };
    // A block that could not be written has taken the file with it.
    if let Ok((mut growing, _)) = freed {
        if !comes_back {
            growing.give_up();
        }
        blocking(move || {
            drop(growing);
            Ok(())
        })
        .await?;
    }
    Err(refused)
}

/// Why nothing more comes.
enum Ended {
    /// The connection is gone; the sender may come back.
    Broken(Refused),
    /// It makes no sense, or is not allowed any more.
    Refused(Refused),
}

impl From<Refused> for Ended {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

/// Who has the file: while one block is hashed and written, the next one arrives.
enum Hand {
    Free(Box<Growing>, Vec<u8>),
    Writing(JoinHandle<Result<(Growing, Vec<u8>), Refused>>),
    /// Only while it changes hands.
    Empty,
}

impl Hand {
    async fn free(&mut self) -> Result<(Growing, Vec<u8>), Refused> {
        match std::mem::replace(self, Self::Empty) {
            Self::Free(growing, buffer) => Ok((*growing, buffer)),
            Self::Writing(task) => task.await?,
            Self::Empty => Err(Refused::new(Code::Failed, "an earlier block could not be written")),
        }
    }

    /// Hands a block over, and an empty buffer back.
    async fn write(&mut self, block: Vec<u8>) -> Result<Vec<u8>, Refused> {
        let (growing, empty) = self.free().await?;
        *self = Self::Writing(tokio::task::spawn_blocking(move || growing.write_now(block)));
        Ok(empty)
    }
}

async fn take(
    visit: &Visit,
    folder: &Folder,
    action: Action,
    hand: &mut Hand,
    body: &mut Incoming,
) -> Result<FileId, Ended> {
    let Hand::Free(growing, _) = hand else {
        return Err(Refused::new(Code::Failed, "nothing to write to").into());
    };
    let (size, end) = (growing.announced_size(), growing.end());
    let mut arrived = growing.written();
    let (mut waiting, mut id) = (Vec::with_capacity(BLOCK), Vec::with_capacity(32));
    while arrived < size + ID_LEN {
        // The link gives up a sender that has gone silent.
        let frame = tokio::select! {
            frame = body.frame() => frame,
            () = end.cancelled() => {
                return Err(Ended::Broken(Refused::new(Code::Busy, "the sender has come back on another connection")));
            }
        };
        let mut data = match frame {
            None => {
                return Err(Ended::Broken(Refused::new(Code::Mismatch, "less arrived than was announced")));
            }
            Some(Err(_)) => return Err(Ended::Broken(Refused::new(Code::Mismatch, "the connection broke"))),
            Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
        };
        if arrived + data.len() as u64 > size + ID_LEN {
            return Err(Refused::new(Code::Mismatch, "more arrived than was announced").into());
        }
        let content = usize::try_from(size.saturating_sub(arrived)).unwrap_or(usize::MAX).min(data.len());
        arrived += data.len() as u64;
        let mut content: Bytes = data.split_to(content);
        id.extend_from_slice(&data);
        while !content.is_empty() {
            let room = (BLOCK - waiting.len()).min(content.len());
            waiting.extend_from_slice(&content.split_to(room));
            if waiting.len() == BLOCK {
                if !visit.still(action, folder) {
                    return Err(
                        Refused::new(Code::NotAllowed, "the owner has taken the permission back").into()
                    );
                }
                waiting = hand.write(waiting).await?;
                visit.moved(BLOCK as u64);
            }
        }
    }
    if !waiting.is_empty() {
        hand.write(waiting).await?;
    }
    let id = id.try_into().map_err(|_| Refused::new(Code::Mismatch, "the FileId is missing"))?;
    Ok(FileId(id))
}

impl Receiving {
    /// Removes what killed nodes left in a folder, once per folder and start, and what waits too long for its sender.
    pub(super) fn sweep(&self, dir: &Dir, on_disk: PathBuf) {
        self.parts.expire();
        let mut swept = self.swept.lock().unwrap_or_else(PoisonError::into_inner);
        if swept.len() >= 4_096 {
            swept.clear();
        }
        if !swept.insert(on_disk) {
            return;
        }
        drop(swept);
        for entry in dir.entries().into_iter().flatten().flatten() {
            let name = entry.file_name();
            let Some(stays) = name.to_str().filter(|name| path::is_part(name)).and_then(stays) else {
                continue;
            };
            let old = || {
                let modified = entry.metadata().ok()?.modified().ok()?.into_std();
                SystemTime::now().duration_since(modified).ok().filter(|age| *age > stays)
            };
            if old().is_some() && dir.remove_file(&name).is_ok() {
                tracing::info!("a file that a stopped node left unfinished was removed");
            }
        }
    }
}

/// How long an unfinished file of ours stays untouched before it is taken for a leftover.
fn stays(name: &str) -> Option<Duration> {
    if name.starts_with(PREFIX) {
        Some(STALE)
    } else if name.starts_with(parts::PREFIX) {
        Some(parts::STAYS)
    } else {
        None
    }
}
