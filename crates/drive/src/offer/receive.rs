//! Files that others put here: under a hidden name until they are whole and proven, then in one step under their own.
//! What has come of a large one stays for a while when its sender is interrupted (`parts`).

mod growing;
mod hand;
pub(super) mod parts;

pub(super) use growing::Growing;
pub(super) use hand::Hand;

use super::{Folder, Query, Refused, Visit, blocking, change, edit};
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
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Bytes collected before they are hashed and written: a piece, so that each block has a value of its own.
const BLOCK: usize = 1 << 20;
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
    let coming = Coming { size: growing.announced_size(), at: growing.written(), end: growing.end() };
    let mut hand = Hand::new(growing, coming.size - coming.at);
    let taken = take(visit, folder, action, coming, &mut hand, body).await;
    match taken {
        Ok(id) => {
            let mut growing = hand.back().await?;
            growing.prove_before().await?;
            Ok((growing, id))
        }
        Err(Ended::Refused(refused)) => {
            hand.throw_away().await;
            Err(refused)
        }
        Err(Ended::Broken(refused)) => {
            // What stays is decided once nothing is on its way to the disk any more.
            if let Ok(growing) = hand.back().await {
                hand::let_go(growing).await;
            }
            Err(refused)
        }
    }
}

/// What a sender has announced.
struct Coming {
    size: u64,
    /// How much of it is there already.
    at: u64,
    /// The sender is back on another connection.
    end: CancellationToken,
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

async fn take(
    visit: &Visit,
    folder: &Folder,
    action: Action,
    Coming { size, at, end }: Coming,
    hand: &mut Hand,
    body: &mut Incoming,
) -> Result<FileId, Ended> {
    let mut arrived = at;
    let mut id = Vec::with_capacity(32);
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
            if hand.bring(&mut content).await? {
                if !visit.still(action, folder) {
                    return Err(
                        Refused::new(Code::NotAllowed, "the owner has taken the permission back").into()
                    );
                }
                visit.moved(BLOCK as u64);
            }
        }
    }
    hand.bring_rest().await?;
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
            // A folder that was being copied is one, too.
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            let gone = || if is_folder { dir.remove_dir_all(&name) } else { dir.remove_file(&name) };
            if old().is_some() && gone().is_ok() {
                tracing::info!("what a stopped node left unfinished was removed");
            }
        }
    }
}

/// How long an unfinished file of ours stays untouched before it is taken for a leftover.
fn stays(name: &str) -> Option<Duration> {
    let ours = [
        (PREFIX, STALE),
        (parts::PREFIX, parts::STAYS),
        (edit::PREFIX, edit::STAYS),
        (change::COPY_PREFIX, change::COPY_STAYS),
    ];
    ours.into_iter().find(|(prefix, _)| name.starts_with(prefix)).map(|(_, stays)| stays)
}
