//! Files that others put here: under a hidden name until they are whole and proven, then in one step under their own.

use super::{
    Folder, Query, Refused, Slot, Visit, blocking,
    confine::{self, Facts},
    edit, read,
};
use crate::{
    content::FileId,
    disk, path,
    wire::{self, Code, ID_LEN, Stored},
};
use bytes::Bytes;
use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt};
use cap_std::fs::{Dir, OpenOptions};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::BodyExt;
use lanyard_link::Body;
use lanyard_link::Incoming;
use lanyard_trust::Action;
use std::{
    collections::HashSet,
    fs::File,
    io,
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime},
};

/// Bytes collected before they are hashed and written.
pub(super) const BLOCK: usize = 1 << 20;
/// Left behind by a node that was killed: nobody has written to it for this long.
const STALE: Duration = Duration::from_secs(600);
/// How our hidden names begin; the random part and [`path::PART_SUFFIX`] follow.
pub(super) const PREFIX: &str = ".lanyard-put-";

/// Folders in which leftovers were looked for since the node started.
#[derive(Default)]
pub(super) struct Receiving {
    swept: Mutex<HashSet<PathBuf>>,
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
    let claim = visit.claim(action, announced.size)?;
    let begun = {
        let (visit, folder, query_path) = (visit.clone(), folder.clone(), query.path.clone());
        let begin = if beside { Growing::open } else { Growing::begin };
        blocking(move || begin(&visit, &folder, &query_path, announced, slot)).await?
    };
    let (growing, announced_id) = receive(&visit, &folder, action, begun, body).await?;
    if !visit.still(action, &folder) {
        return Err(Refused::new(Code::NotAllowed, "the owner has taken the permission back"));
    }
    let finish = move || {
        let stored =
            if beside { growing.finish_proven_beside(announced_id) } else { growing.finish(announced_id) }?;
        claim.keep();
        visit.landed(&stored.path);
        Ok(stored)
    };
    blocking(finish).await
}

/// Takes the whole body: the content block by block into the file, then the 32 bytes of its FileId.
async fn receive(
    visit: &Visit,
    folder: &Folder,
    action: Action,
    mut growing: Growing,
    body: &mut Incoming,
) -> Result<(Growing, FileId), Refused> {
    let size = growing.announced.size;
    let (mut waiting, mut arrived, mut id) = (Vec::with_capacity(BLOCK), 0_u64, Vec::with_capacity(32));
    while arrived < size + ID_LEN {
        // The link gives up a sender that has gone silent.
        let mut data = match body.frame().await {
            None => return Err(Refused::new(Code::Mismatch, "less arrived than was announced")),
            Some(Err(_)) => return Err(Refused::new(Code::Mismatch, "the connection broke")),
            Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
        };
        if arrived + data.len() as u64 > size + ID_LEN {
            return Err(Refused::new(Code::Mismatch, "more arrived than was announced"));
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
                    return Err(Refused::new(Code::NotAllowed, "the owner has taken the permission back"));
                }
                (growing, waiting) = growing.write(waiting).await?;
                visit.moved(BLOCK as u64);
            }
        }
    }
    if !waiting.is_empty() {
        (growing, _) = growing.write(waiting).await?;
    }
    let id = id.try_into().map_err(|_| Refused::new(Code::Mismatch, "the FileId is missing"))?;
    Ok((growing, FileId(id)))
}

/// A file that is not whole yet. Dropped before it is, nothing of it remains.
pub(super) struct Growing {
    dir: Dir,
    hidden: String,
    placed: bool,
    file: File,
    hasher: Box<blake3::Hasher>,
    written: u64,
    path: path::SharePath,
    announced: Announced,
    /// What it is marked with.
    origin: Option<String>,
    _slot: Slot,
}

impl Growing {
    fn begin(
        visit: &Visit,
        folder: &Folder,
        path: &path::SharePath,
        announced: Announced,
        slot: Slot,
    ) -> Result<Self, Refused> {
        let (parents, name) = path.split_last().ok_or_else(|| Refused::new(Code::WrongKind, "a folder"))?;
        let dir = confine::open_dir(&folder.root, parents)?;
        check_target(&dir, name, &announced)?;
        Self::open(visit, folder, path, announced, slot)
    }

    /// Begins without a look at the name: whoever may not look must not learn from the answer what is there.
    pub(super) fn open(
        visit: &Visit,
        folder: &Folder,
        path: &path::SharePath,
        announced: Announced,
        slot: Slot,
    ) -> Result<Self, Refused> {
        let (parents, _) = path.split_last().ok_or_else(|| Refused::new(Code::WrongKind, "a folder"))?;
        let dir = confine::open_dir(&folder.root, parents)?;
        let on_disk: PathBuf = folder.root.iter().chain(parents.iter().map(std::ffi::OsStr::new)).collect();
        if disk::space(&on_disk).is_some_and(|(free, _)| free < announced.size) {
            return Err(Refused::new(Code::DiskFull, "no room for it"));
        }
        visit.offer.receiving.sweep(&dir, on_disk);
        let hidden = format!("{PREFIX}{}{}", uuid::Uuid::new_v4().simple(), path::PART_SUFFIX);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).follow(FollowSymlinks::No);
        let file = dir.open_with(&hidden, &options)?.into_std();
        Ok(Self {
            dir,
            hidden,
            placed: false,
            file,
            hasher: Box::default(),
            written: 0,
            path: path.clone(),
            announced,
            origin: visit.origin(),
            _slot: slot,
        })
    }

    /// Hashes and writes off the async threads; gives the buffer back, emptied.
    pub(super) async fn write(mut self, mut block: Vec<u8>) -> Result<(Self, Vec<u8>), Refused> {
        blocking(move || {
            self.hasher.update(&block);
            disk::write_sparse_at(&self.file, &block, self.written)?;
            self.written += block.len() as u64;
            block.clear();
            Ok((self, block))
        })
        .await
    }

    fn finish(self, announced_id: FileId) -> Result<Stored, Refused> {
        let id = FileId(*self.hasher.finalize().as_bytes());
        if id != announced_id {
            return Err(Refused::new(Code::Mismatch, "what arrived does not match the original"));
        }
        let (path, size) = (self.path.to_string(), self.written);
        let stat = Some(read::described(&self.finish_unproven()?, true));
        Ok(Stored { path, id, size, stat })
    }

    /// Keeps what has arrived under its name, in one step, and tells what it is now.
    pub(super) fn finish_unproven(mut self) -> Result<Facts, Refused> {
        // The last bytes may be a hole.
        self.file.set_len(self.written)?;
        let name = self.path.name().unwrap_or_default();
        if self.announced.replace {
            edit::keep_mode(&self.dir, name, &self.file)?;
        }
        if let Some(modified) = self.announced.modified {
            disk::set_modified(&self.file, modified);
        }
        if self.announced.executable {
            disk::make_executable(&self.file);
        }
        self.file.sync_all()?;
        check_target(&self.dir, name, &self.announced)?;
        disk::place_in(&self.dir, &self.hidden, name, self.announced.replace)?;
        self.placed = true;
        disk::sync_confined(&self.dir)?;
        confine::facts_of(&self.file)
    }

    /// The same as [`Growing::finish`] beside whatever has the name. A file with this very content under it is taken for
    /// an earlier try whose answer was lost.
    fn finish_proven_beside(self, announced_id: FileId) -> Result<Stored, Refused> {
        let id = FileId(*self.hasher.finalize().as_bytes());
        if id != announced_id {
            return Err(Refused::new(Code::Mismatch, "what arrived does not match the original"));
        }
        let name = self.path.name().unwrap_or_default();
        if self.dir.symlink_metadata(name).is_ok_and(|there| there.is_file() && there.len() == self.written) {
            let mut hasher = blake3::Hasher::new();
            let (file, _) = confine::open_file_in(&self.dir, name)?;
            hasher.update_reader(file)?;
            if FileId(*hasher.finalize().as_bytes()) == id {
                // What has just arrived goes away unnamed.
                return Ok(Stored { path: self.path.to_string(), id, size: self.written, stat: None });
            }
        }
        if let Some(modified) = self.announced.modified {
            disk::set_modified(&self.file, modified);
        }
        if self.announced.executable {
            disk::make_executable(&self.file);
        }
        self.finish_beside()
    }

    /// Keeps what has arrived under its name, or under the next number that is free. Replaces nothing.
    pub(super) fn finish_beside(mut self) -> Result<Stored, Refused> {
        /// More files of one name than anybody sends.
        const MOST: u32 = 1_000;
        let id = FileId(*self.hasher.finalize().as_bytes());
        self.file.set_len(self.written)?;
        if let Some(origin) = &self.origin {
            disk::mark_received(&self.dir, &self.hidden, &self.file, origin);
        }
        self.file.sync_all()?;
        let name = self.path.name().unwrap_or_default().to_owned();
        for number in 1..=MOST {
            let name = path::numbered(&name, number);
            match disk::place_in(&self.dir, &self.hidden, &name, false) {
                Ok(()) => {
                    self.placed = true;
                    disk::sync_confined(&self.dir)?;
                    let path = self.path.with_name(&name)?.to_string();
                    return Ok(Stored { path, id, size: self.written, stat: None });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Refused::new(Code::Exists, "the name and all its numbers are taken"))
    }
}

impl Drop for Growing {
    fn drop(&mut self) {
        if !self.placed
            && let Err(error) = self.dir.remove_file(&self.hidden)
        {
            tracing::warn!(%error, "an unfinished file could not be removed");
        }
    }
}

/// Asked before the first byte is taken, to say no early, and again before the name is given.
fn check_target(dir: &Dir, name: &str, announced: &Announced) -> Result<(), Refused> {
    let facts = match confine::facts_in(dir, name) {
        Ok(facts) => facts,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // `If-Match` on nothing fails (RFC 9110 §13.1.1): what was to be replaced is gone.
            return if announced.if_match.is_empty() {
                Ok(())
            } else {
                Err(Refused::new(Code::Changed, "there is no such file any more"))
            };
        }
        Err(error) => return Err(error.into()),
    };
    if !announced.replace {
        return Err(Refused::new(Code::Exists, "the name is taken"));
    }
    if facts.kind != wire::Kind::File {
        return Err(Refused::new(Code::Exists, "the name is taken by something that is no file"));
    }
    if !read::matches(&announced.if_match, &facts) {
        return Err(Refused::new(Code::Changed, "the file is not the one that was meant"));
    }
    Ok(())
}

impl Receiving {
    /// Removes what killed nodes left in a folder, once per folder and start.
    pub(super) fn sweep(&self, dir: &Dir, on_disk: PathBuf) {
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
            let ours = name.to_str().is_some_and(|name| name.starts_with(PREFIX) && path::is_part(name));
            let old = || {
                let modified = entry.metadata().ok()?.modified().ok()?.into_std();
                SystemTime::now().duration_since(modified).ok().filter(|age| *age > STALE)
            };
            if ours && old().is_some() && dir.remove_file(&name).is_ok() {
                tracing::info!("a file that a stopped node left unfinished was removed");
            }
        }
    }
}
