//! A file that comes from somebody else, until it is whole.

use super::{
    super::{
        Folder, Refused, Slot, Visit,
        confine::{self, Facts},
        edit, read,
    },
    Announced, PREFIX,
    parts::{Kept, Parts, Turn},
};
use crate::{
    content::{self, FileId, PIECE, PieceValue},
    disk, naming, path,
    wire::{self, Code, Stored},
};
use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt};
use cap_std::fs::{Dir, OpenOptions};
use std::{fs::File, io, path::PathBuf, sync::Arc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A file that is not whole yet. Dropped before it is, nothing of it remains, unless its sender may come back for the
/// rest.
pub(in crate::offer) struct Growing {
    /// The top of the share.
    root: PathBuf,
    dir: Dir,
    hidden: String,
    placed: bool,
    /// Its sender may come back for the rest.
    stays: bool,
    file: File,
    /// Of the pieces that were there before, once [`Growing::prove_before`] has looked.
    before: Vec<PieceValue>,
    looking: Option<JoinHandle<io::Result<Vec<PieceValue>>>>,
    /// Of the pieces that came; all of them are full, except the last one of the file.
    values: Vec<PieceValue>,
    /// What the first piece is worth if it is the only one.
    alone: Option<PieceValue>,
    written: u64,
    path: path::SharePath,
    announced: Announced,
    returning: Option<Returning>,
    /// What it is marked with.
    origin: Option<String>,
    _slot: Slot,
}

/// What is needed when the sender may come back for the rest.
pub(super) struct Returning {
    pub(super) turn: Arc<Turn>,
    pub(super) parts: Arc<Parts>,
    /// Where the part is, to find it again without keeping its folder open.
    pub(super) place: Kept,
    /// Whether the sender still may; asked when the connection is gone.
    pub(super) may: Box<dyn Fn() -> bool + Send>,
}

impl Growing {
    /// Begins a new file, after a look whether its name can be had.
    pub(super) fn begin(
        visit: &Visit,
        folder: &Folder,
        path: &path::SharePath,
        announced: Announced,
        slot: Slot,
    ) -> Result<Self, Refused> {
        check_name(folder, path, &announced)?;
        Self::open(visit, folder, path, announced, slot)
    }

    /// Begins without a look at the name: whoever may not look must not learn from the answer what is there.
    pub(in crate::offer) fn open(
        visit: &Visit,
        folder: &Folder,
        path: &path::SharePath,
        announced: Announced,
        slot: Slot,
    ) -> Result<Self, Refused> {
        let dir = folder_for(visit, folder, path, announced.size)?;
        let hidden = format!("{PREFIX}{}{}", uuid::Uuid::new_v4().simple(), path::PART_SUFFIX);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).follow(FollowSymlinks::No);
        let file = dir.open_with(&hidden, &options)?.into_std();
        Ok(Self::new(folder, dir, hidden, file, path, announced, visit.origin(), slot))
    }

    /// Begins, or goes on at byte `at`, with what its sender may come back for.
    pub(super) fn arriving(
        visit: &Visit,
        folder: &Folder,
        path: &path::SharePath,
        announced: Announced,
        slot: Slot,
        at: u64,
        returning: Returning,
    ) -> Result<Self, Refused> {
        let dir = folder_for(visit, folder, path, announced.size.saturating_sub(at))?;
        let hidden = returning.place.name.clone();
        returning.parts.forget(&hidden);
        let file = if at == 0 {
            // What an earlier try left is of no use any more.
            match dir.remove_file(&hidden) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
                _ => {}
            }
            let mut options = OpenOptions::new();
            options.read(true).write(true).create_new(true).follow(FollowSymlinks::No);
            dir.open_with(&hidden, &options)?.into_std()
        } else {
            let (file, facts) = confine::open_file_to_change(&dir, &hidden)?;
            if facts.size < at || !at.is_multiple_of(PIECE) || at > announced.size {
                return Err(Refused::new(Code::Mismatch, "less is here than that"));
            }
            file.set_len(at)?;
            file
        };
        let mut growing = Self::new(folder, dir, hidden, file, path, announced, visit.origin(), slot);
        growing.written = at;
        (growing.stays, growing.returning) = (true, Some(returning));
        Ok(growing)
    }

    #[expect(clippy::too_many_arguments, reason = "each begins a part of it")]
    fn new(
        folder: &Folder,
        dir: Dir,
        hidden: String,
        file: File,
        path: &path::SharePath,
        announced: Announced,
        origin: Option<String>,
        slot: Slot,
    ) -> Self {
        Self {
            root: folder.root.clone(),
            dir,
            hidden,
            placed: false,
            stays: false,
            file,
            before: Vec::new(),
            looking: None,
            values: Vec::new(),
            alone: None,
            written: 0,
            path: path.clone(),
            announced,
            returning: None,
            origin,
            _slot: slot,
        }
    }

    /// The bytes that are to come in all.
    pub(super) fn announced_size(&self) -> u64 {
        self.announced.size
    }

    /// Cancelled when the sender is back on another connection.
    pub(super) fn end(&self) -> CancellationToken {
        self.returning.as_ref().map(|returning| returning.turn.end().clone()).unwrap_or_default()
    }

    /// Nobody comes back for the rest: nothing of it stays.
    pub(super) fn give_up(&mut self) {
        self.stays = false;
    }

    /// The bytes that are there.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// Begins to look at what was there before, while the rest arrives.
    pub(super) fn look_before(&mut self) -> Result<(), Refused> {
        let (Some(returning), true) = (&self.returning, self.written > 0) else { return Ok(()) };
        let (file, end, stop) = (self.file.try_clone()?, self.written, returning.turn.end().clone());
        self.looking = Some(tokio::task::spawn_blocking(move || {
            let (mut values, mut bytes) = (Vec::new(), Vec::new());
            for piece in 0..content::pieces(end) {
                if stop.is_cancelled() {
                    return Err(io::ErrorKind::Interrupted.into());
                }
                disk::read_at(&file, &mut bytes, piece as u64 * PIECE, PIECE as usize)?;
                values.push(content::piece_value(u64::MAX, piece, &bytes));
            }
            Ok(values)
        }));
        Ok(())
    }

    /// Waits for that look.
    pub(super) async fn prove_before(&mut self) -> Result<(), Refused> {
        if let Some(looking) = self.looking.take() {
            self.before = looking.await??;
        }
        Ok(())
    }

    /// Hashes and writes what comes next. Every block but the last one of a file is [`super::BLOCK`] bytes.
    pub(super) fn write(&mut self, block: &[u8]) -> Result<(), Refused> {
        let piece = usize::try_from(self.written / PIECE).unwrap_or(usize::MAX);
        // The size may not have been announced.
        if piece == 0 && self.announced.size <= PIECE {
            self.alone = Some(content::piece_value(0, 0, block));
        }
        if piece > 0 || block.len() as u64 == PIECE {
            self.values.push(content::piece_value(u64::MAX, piece, block));
        }
        if let Err(error) = disk::write_sparse_at(&self.file, block, self.written) {
            // Somebody else's full disk is not kept full.
            self.give_up();
            return Err(error.into());
        }
        self.written += block.len() as u64;
        Ok(())
    }

    /// What it is, of all that came.
    fn id(&self) -> Result<FileId, Refused> {
        if self.written == 0 {
            return Ok(FileId::of(&[]));
        }
        if let (Some(alone), true) = (self.alone, self.written <= PIECE) {
            return Ok(FileId(alone));
        }
        let values = [self.before.as_slice(), self.values.as_slice()].concat();
        content::merge(self.written, &values)
            .ok_or_else(|| Refused::new(Code::Failed, "pieces are missing of what arrived"))
    }

    /// Keeps it under its name once it is proven to be what was announced.
    pub(super) fn finish(mut self, announced_id: FileId) -> Result<Stored, Refused> {
        let id = self.id()?;
        if id != announced_id {
            self.give_up();
            return Err(Refused::new(Code::Mismatch, "what arrived does not match the original"));
        }
        let (path, size) = (self.path.to_string(), self.written);
        let stat = Some(read::described(&self.finish_unproven()?, true));
        Ok(Stored { path, id, size, stat })
    }

    /// A folder that was moved away or removed while its file arrived gets none.
    fn check_folder(&self) -> Result<(), Refused> {
        let (parents, _) = self.path.split_last().unwrap_or_default();
        confine::check_is_still_there(&self.root, parents, &self.dir)
    }

    /// Keeps what has arrived under its name, in one step, and tells what it is now.
    pub(in crate::offer) fn finish_unproven(mut self) -> Result<Facts, Refused> {
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
        naming::alone(|| {
            self.check_folder()?;
            check_target(&self.dir, name, &self.announced)?;
            Ok::<_, Refused>(disk::place_in(&self.dir, &self.hidden, name, self.announced.replace)?)
        })?;
        self.placed = true;
        disk::sync_confined(&self.dir)?;
        confine::facts_of(&self.file)
    }

    /// The same as [`Growing::finish`] beside whatever has the name. A file with this very content under it, or under one of
    /// its numbers, is taken for an earlier try whose answer was lost.
    pub(super) fn finish_proven_beside(mut self, announced_id: FileId) -> Result<Stored, Refused> {
        /// So many files are read to find out, at most: no sender keeps this computer reading.
        const READ: usize = 16;
        if self.id()? != announced_id {
            self.give_up();
            return Err(Refused::new(Code::Mismatch, "what arrived does not match the original"));
        }
        if let Some(modified) = self.announced.modified {
            disk::set_modified(&self.file, modified);
        }
        if self.announced.executable {
            disk::make_executable(&self.file);
        }
        let (size, mut read) = (self.written, 0);
        self.beside(|dir, name| {
            let alike = dir.symlink_metadata(name).is_ok_and(|there| there.is_file() && there.len() == size);
            read += usize::from(alike);
            alike && read <= READ && holds(dir, name).is_ok_and(|there| there == announced_id)
        })
    }

    /// Keeps what has arrived under its name, or under the next number that is free. Replaces nothing.
    pub(in crate::offer) fn finish_beside(self) -> Result<Stored, Refused> {
        self.beside(|_, _| false)
    }

    /// The same, unless one of the files that have these names `is_it` already: then what has arrived goes away unnamed.
    fn beside(mut self, mut is_it: impl FnMut(&Dir, &str) -> bool) -> Result<Stored, Refused> {
        /// More files of one name than anybody sends.
        const MOST: u32 = 1_000;
        let id = self.id()?;
        self.file.set_len(self.written)?;
        if let Some(origin) = &self.origin {
            disk::mark_received(&self.dir, &self.hidden, &self.file, origin);
        }
        self.file.sync_all()?;
        let name = self.path.name().unwrap_or_default().to_owned();
        for number in 1..=MOST {
            let name = path::numbered(&name, number);
            let placed = naming::alone(|| {
                self.check_folder()?;
                Ok::<_, Refused>(disk::place_in(&self.dir, &self.hidden, &name, false))
            })?;
            match placed {
                Ok(()) => {
                    self.placed = true;
                    disk::sync_confined(&self.dir)?;
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    if !is_it(&self.dir, &name) {
                        continue;
                    }
                    self.give_up();
                }
                Err(error) => return Err(error.into()),
            }
            let path = self.path.with_name(&name)?.to_string();
            return Ok(Stored { path, id, size: self.written, stat: None });
        }
        Err(Refused::new(Code::Exists, "the name and all its numbers are taken"))
    }
}

impl Drop for Growing {
    fn drop(&mut self) {
        if self.placed {
            return;
        }
        if let Some(returning) = &self.returning {
            returning.turn.end().cancel();
            if self.stays && self.written >= PIECE && (returning.may)() {
                returning.parts.keep(returning.place.clone());
                return;
            }
        }
        if let Err(error) = self.dir.remove_file(&self.hidden) {
            tracing::warn!(%error, "an unfinished file could not be removed");
        }
    }
}

/// What a file is that is there.
fn holds(dir: &Dir, name: &str) -> Result<FileId, Refused> {
    let mut hasher = blake3::Hasher::new();
    let (file, _) = confine::open_file_in(dir, name)?;
    hasher.update_reader(file)?;
    Ok(FileId(*hasher.finalize().as_bytes()))
}

/// The folder to which a file comes, with room in it.
fn folder_for(visit: &Visit, folder: &Folder, path: &path::SharePath, bytes: u64) -> Result<Dir, Refused> {
    let (parents, _) = path.split_last().ok_or_else(|| Refused::new(Code::WrongKind, "a folder"))?;
    let dir = confine::open_dir(&folder.root, parents)?;
    let on_disk: PathBuf = folder.root.iter().chain(parents.iter().map(std::ffi::OsStr::new)).collect();
    if disk::space(&on_disk).is_some_and(|(free, _)| free < bytes) {
        return Err(Refused::new(Code::DiskFull, "no room for it"));
    }
    visit.offer.receiving.sweep(&dir, on_disk);
    Ok(dir)
}

/// Whether a name can be had, before anything of the file is taken.
pub(super) fn check_name(
    folder: &Folder,
    path: &path::SharePath,
    announced: &Announced,
) -> Result<(), Refused> {
    let (parents, name) = path.split_last().ok_or_else(|| Refused::new(Code::WrongKind, "a folder"))?;
    check_target(&confine::open_dir(&folder.root, parents)?, name, announced)
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
