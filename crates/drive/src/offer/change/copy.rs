//! A copy on the side of the owner: whole, or not at all. Blocks are shared where the file system can.

use super::{Expected, Taken, check_replaceable, check_way, is_one_name, parent};
use crate::{
    disk, naming,
    offer::{
        Refused,
        confine::{self, DEPTH, Facts},
    },
    path::{self, PART_SUFFIX, SharePath},
    wire::{Code, Kind},
};
use cap_fs_ext::{DirExt, FollowSymlinks, OpenOptionsFollowExt, OpenOptionsSyncExt};
use cap_std::fs::{Dir, OpenOptions};
use std::{collections::HashSet, fs::File, path::Path, time::Duration};

/// How the hidden names of copies begin; a random part and [`PART_SUFFIX`] follow.
pub(in crate::offer) const COPY_PREFIX: &str = ".lanyard-copy-";
/// How long one stays that a node left when it was killed: a large folder takes its time.
pub(in crate::offer) const COPY_STAYS: Duration = Duration::from_secs(3 * 24 * 3_600);
/// Bytes between two looks at whether it may still go on.
const STEP: usize = 8 << 20;

/// What was copied.
#[derive(Clone, Debug)]
pub(in crate::offer) struct Copied {
    /// What now has the name.
    pub(in crate::offer) facts: Facts,
    /// Links and special files, which are not copied.
    pub(in crate::offer) left_out: u64,
    /// The files, as they were when they were copied.
    pub(super) sources: HashSet<Facts>,
}

/// Copies a file or a whole folder under another name. `more` is told how many bytes are about to be written, before
/// they are, and may end it; nothing of it remains then.
pub(in crate::offer) fn copy(
    root: &Path,
    from: &SharePath,
    to: &SharePath,
    taken: Taken,
    expected: Expected<'_>,
    more: &mut dyn FnMut(u64) -> Result<(), Refused>,
) -> Result<Copied, Refused> {
    check_way(from, to)?;
    if is_one_name(root, from, to)? {
        return Err(Refused::new(Code::Exists, "that is where it is"));
    }
    let facts = look(root, from, expected)?;
    let (to_dir, to_name) = parent(root, to)?;
    let there = confine::look_in(&to_dir, to_name)?;
    match &there {
        Some(_) if taken == Taken::Refuse => return Err(Refused::new(Code::Exists, "the name is taken")),
        Some(there) => check_replaceable(&facts, there)?,
        None => {}
    }
    carry(root, from, to, &facts, more, &mut || Ok(there))
}

/// Copies to a name that may be taken: once the copy is whole, `make_way` frees the name. Until then, and when it
/// refuses, what has the name stays as it is.
pub(in crate::offer) fn copy_in_place(
    root: &Path,
    from: &SharePath,
    to: &SharePath,
    expected: Expected<'_>,
    more: &mut dyn FnMut(u64) -> Result<(), Refused>,
    make_way: &mut dyn FnMut() -> Result<(), Refused>,
) -> Result<Copied, Refused> {
    check_way(from, to)?;
    if is_one_name(root, from, to)? {
        return Err(Refused::new(Code::Exists, "that is where it is"));
    }
    let facts = look(root, from, expected)?;
    carry(root, from, to, &facts, more, &mut || make_way().map(|()| None))
}

fn look(root: &Path, from: &SharePath, expected: Expected<'_>) -> Result<Facts, Refused> {
    let (dir, name) = parent(root, from)?;
    let facts = confine::facts_in(&dir, name)?;
    expected.check(&facts)?;
    Ok(facts)
}

/// `replaces` is asked when the copy is whole: of what it takes the place.
fn carry(
    root: &Path,
    from: &SharePath,
    to: &SharePath,
    facts: &Facts,
    more: &mut dyn FnMut(u64) -> Result<(), Refused>,
    replaces: &mut dyn FnMut() -> Result<Option<Facts>, Refused>,
) -> Result<Copied, Refused> {
    let (from_dir, from_name) = parent(root, from)?;
    let (to_dir, to_name) = parent(root, to)?;
    let hidden = format!("{COPY_PREFIX}{}{PART_SUFFIX}", uuid::Uuid::new_v4().simple());
    let part = Part { dir: &to_dir, name: &hidden, placed: false };
    let mut work = Work { more, left_out: 0, sources: HashSet::new() };
    match facts.kind {
        Kind::File => work.file(&from_dir, from_name, &to_dir, &hidden)?,
        Kind::Folder => work.folder(&from_dir, from_name, &to_dir, &hidden, DEPTH)?,
        Kind::Other => return Err(Refused::new(Code::Special, "links and special files are not copied")),
    }
    let (left_out, sources) = (work.left_out, work.sources);
    part.place(to_name, replaces()?)?;
    Ok(Copied { facts: confine::facts_in(&to_dir, to_name)?, left_out, sources })
}

/// What has been copied so far; removed when it does not become whole.
struct Part<'a> {
    dir: &'a Dir,
    name: &'a str,
    placed: bool,
}

impl Part<'_> {
    /// Gives it the name, in the place of what had it when that was decided and of nothing else.
    fn place(mut self, name: &str, replaces: Option<Facts>) -> Result<(), Refused> {
        naming::alone(|| {
            if replaces.is_some() && confine::look_in(self.dir, name)? != replaces {
                return Err(Refused::new(Code::Changed, "what was to be replaced is another one by now"));
            }
            Ok(disk::place_in(self.dir, self.name, name, replaces.is_some())?)
        })?;
        self.placed = true;
        Ok(())
    }
}

impl Drop for Part<'_> {
    fn drop(&mut self) {
        if self.placed {
            return;
        }
        let kind = self.dir.symlink_metadata(self.name).map(|metadata| Facts::of(&metadata).kind);
        if let Ok(kind) = kind
            && let Err(error) = super::erase(self.dir, self.name, kind)
        {
            tracing::warn!(%error, "a copy that did not become whole could not be removed");
        }
    }
}

struct Work<'a> {
    more: &'a mut dyn FnMut(u64) -> Result<(), Refused>,
    left_out: u64,
    sources: HashSet<Facts>,
}

impl Work<'_> {
    fn folder(&mut self, from: &Dir, name: &str, to: &Dir, new: &str, depth: usize) -> Result<(), Refused> {
        if depth == 0 {
            return Err(Refused::new(Code::Invalid, "too many folders in one another"));
        }
        let from = confine::step(from, name)?;
        to.create_dir(new)?;
        let to = to.open_dir_nofollow(new)?;
        for entry in from.entries()? {
            let name = entry?.file_name();
            let Some(name) = name.to_str() else {
                self.left_out += 1;
                continue;
            };
            if path::is_reserved(name) {
                continue;
            }
            match confine::look_in(&from, name)?.map(|facts| facts.kind) {
                Some(Kind::File) => self.file(&from, name, &to, name)?,
                Some(Kind::Folder) => self.folder(&from, name, &to, name, depth - 1)?,
                Some(Kind::Other) => self.left_out += 1,
                None => {} // gone meanwhile
            }
        }
        disk::sync_confined(&to)?;
        Ok(())
    }

    fn file(&mut self, from: &Dir, name: &str, to: &Dir, new: &str) -> Result<(), Refused> {
        let mut options = OpenOptions::new();
        options.read(true).follow(FollowSymlinks::No).nonblock(true);
        let source = from.open_with(name, &options)?.into_std();
        let before = confine::facts_of(&source)?;
        if before.kind != Kind::File {
            return Err(Refused::new(Code::Changed, "it was replaced while it was copied"));
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true).follow(FollowSymlinks::No);
        let target = to.open_with(new, &options)?.into_std();
        self.content(&source, &target, before.size)?;
        if confine::facts_of(&source)? != before {
            return Err(Refused::new(Code::Changed, "it changed while it was copied"));
        }
        if before.executable {
            disk::set_executable(&target, true)?;
        }
        if let Some(modified) = before.modified {
            disk::set_modified(&target, modified);
        }
        target.sync_all()?;
        self.sources.insert(before);
        Ok(())
    }

    fn content(&mut self, source: &File, target: &File, size: u64) -> Result<(), Refused> {
        if disk::share_blocks(source, target) {
            return (self.more)(size);
        }
        let mut at = 0;
        while at < size {
            let step = STEP.min(usize::try_from(size - at).unwrap_or(STEP));
            (self.more)(step as u64)?;
            match disk::copy_some(source, target, at, step)? {
                0 => return Err(Refused::new(Code::Changed, "it became shorter while it was copied")),
                copied => at += copied,
            }
        }
        Ok(())
    }
}
