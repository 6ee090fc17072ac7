//! Changes to what a share holds: make, move, copy, remove, restore.
//!
//! Pure of HTTP, so that every door that writes does the same. Nothing here asks whether the caller may, nor counts what
//! it brings: that is the door's. All of it blocks on the disk, and reaches names only through `confine`. What is
//! removed goes to the share's own [`bin`].

pub(super) mod bin;
mod copy;

#[cfg(all(test, unix))]
use copy::Copied;
pub(super) use copy::{COPY_PREFIX, COPY_STAYS, copy, copy_in_place};

use super::{
    Refused,
    confine::{self, Facts},
};
use crate::{
    disk, naming,
    path::{self, SharePath},
    wire::{Code, Kind},
};
use cap_std::fs::Dir;
use std::{collections::HashSet, io, path::Path};

/// When the name is taken that something is to get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// Say so and change nothing.
    Refuse,
    /// A file takes the place of a file, and a folder that of an empty one, in one step, as POSIX's `rename` has it.
    Replace,
}

/// What the caller believes to be there, as an entity tag (`If-Match`); `*` is anything.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Expected<'a>(pub(super) Option<&'a str>);

impl Expected<'_> {
    pub(super) fn check(self, facts: &Facts) -> Result<(), Refused> {
        match self.0.map(str::trim) {
            None | Some("*") => Ok(()),
            Some(etag) if etag == facts.etag() => Ok(()),
            Some(_) => Err(Refused::new(Code::Changed, "it is not what was meant")),
        }
    }
}

/// The folder that a path is in, open, and its name there.
pub(super) fn parent<'a>(root: &Path, path: &'a SharePath) -> Result<(Dir, &'a str), Refused> {
    let (folder, name) =
        path.split_last().ok_or_else(|| Refused::new(Code::WrongKind, "the share itself"))?;
    Ok((confine::open_dir(root, folder)?, name))
}

/// Makes a folder in one that is there. A name that is taken is refused, whatever has it.
pub(super) fn make_folder(root: &Path, path: &SharePath) -> Result<Facts, Refused> {
    path.check_new_name()?;
    let (dir, name) = parent(root, path)?;
    dir.create_dir(name)?;
    Ok(confine::facts_in(&dir, name)?)
}

/// Makes an empty file. A name that is taken is refused, so that of many who try one succeeds.
pub(super) fn make_file(root: &Path, path: &SharePath, executable: bool) -> Result<Facts, Refused> {
    path.check_new_name()?;
    let (dir, name) = parent(root, path)?;
    let mut options = cap_std::fs::OpenOptions::new();
    cap_fs_ext::OpenOptionsFollowExt::follow(&mut options, cap_fs_ext::FollowSymlinks::No);
    let file = dir.open_with(name, options.write(true).create_new(true))?.into_std();
    if executable {
        disk::set_executable(&file, true)?;
    }
    confine::facts_of(&file)
}

/// Gives something another name, in the same folder or in another one of the share. Links are moved, not followed.
pub(super) fn rename(
    root: &Path,
    from: &SharePath,
    to: &SharePath,
    taken: Taken,
    expected: Expected<'_>,
) -> Result<Facts, Refused> {
    check_way(from, to)?;
    let (from_dir, from_name) = parent(root, from)?;
    let (to_dir, to_name) = parent(root, to)?;
    confine::check_is_no_drive(&from_dir, from_name)?;
    let one_name = is_one_name(root, from, to)?;
    let renamed = naming::alone(|| {
        let facts = confine::facts_in(&from_dir, from_name)?;
        expected.check(&facts)?;
        if from == to {
            return Ok(Ok(()));
        }
        let there = confine::look_in(&to_dir, to_name)?.filter(|_| !one_name);
        match there {
            Some(_) if taken == Taken::Refuse => return Err(Refused::new(Code::Exists, "the name is taken")),
            Some(there) => check_replaceable(&facts, &there)?,
            None => {}
        }
        let replace = one_name || taken == Taken::Replace;
        Ok(disk::place_across(&from_dir, from_name, &to_dir, to_name, replace))
    })?;
    match renamed {
        Ok(()) => {}
        // Another file system is mounted inside the share.
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
            carry_over(root, from, to, taken, expected)?;
        }
        Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {
            return Err(Refused::new(Code::NotEmpty, "the folder that would be replaced is not empty"));
        }
        // By another name than its own, on a disk that knows both.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
            return Err(Refused::new(Code::Invalid, "a folder cannot be put into itself"));
        }
        Err(error) => return Err(error.into()),
    }
    Ok(confine::facts_in(&to_dir, to_name)?)
}

/// Moves to another file system. What somebody changed or put there while it was copied stays where it is.
fn carry_over(
    root: &Path,
    from: &SharePath,
    to: &SharePath,
    taken: Taken,
    expected: Expected<'_>,
) -> Result<(), Refused> {
    let copied = copy(root, from, to, taken, expected, &mut |_| Ok(()))?;
    if copied.left_out > 0 {
        return Err(Refused::new(
            Code::Special,
            "it holds links or special files, which stay where they are",
        ));
    }
    let (dir, name) = parent(root, from)?;
    if erase_copied(&dir, name, &copied.sources)? {
        Ok(())
    } else {
        Err(Refused::new(
            Code::Changed,
            "some of it was changed while it was moved, and is still where it was",
        ))
    }
}

/// Removes the files that are as they were when they were copied, and the folders that are empty then. Whether all of it
/// has gone.
fn erase_copied(dir: &Dir, name: &str, copied: &HashSet<Facts>) -> Result<bool, Refused> {
    let facts = confine::facts_in(dir, name)?;
    if facts.kind != Kind::Folder {
        let gone = copied.contains(&facts);
        if gone {
            dir.remove_file(name)?;
        }
        return Ok(gone);
    }
    let folder = confine::step(dir, name)?;
    let names: Vec<_> = folder.entries()?.map(|entry| Ok(entry?.file_name())).collect::<io::Result<_>>()?;
    let mut all = true;
    for name in names {
        all &= match name.to_str() {
            // What is not whole was not copied; its sender is told that the folder is gone.
            Some(name) if path::is_part(name) => folder.remove_file(name).is_ok(),
            Some(name) => erase_copied(&folder, name, copied)?,
            None => false,
        };
    }
    if all {
        dir.remove_dir(name)?;
    }
    Ok(all)
}

/// Whether both are one thing under one name, as `a` and `A` are on many disks.
pub(super) fn is_one_name(root: &Path, one: &SharePath, other: &SharePath) -> Result<bool, Refused> {
    if one == other || one.folded() != other.folded() {
        return Ok(one == other);
    }
    let look = |path: &SharePath| {
        let (dir, name) = parent(root, path)?;
        confine::look_in(&dir, name)
    };
    Ok(match (look(one), look(other)) {
        (Ok(Some(one)), Ok(Some(other))) => one.is_same_object(&other),
        _ => false,
    })
}

fn check_way(from: &SharePath, to: &SharePath) -> Result<(), Refused> {
    // What has its name already may keep it in another folder.
    if from.name() != to.name() {
        to.check_new_name()?;
    }
    let inside = to.names().len() > from.names().len() && to.names().starts_with(from.names());
    if inside { Err(Refused::new(Code::Invalid, "a folder cannot be put into itself")) } else { Ok(()) }
}

fn check_replaceable(facts: &Facts, there: &Facts) -> Result<(), Refused> {
    match (facts.kind == Kind::Folder, there.kind == Kind::Folder) {
        (true, false) => Err(Refused::new(Code::WrongKind, "a folder does not replace a file")),
        (false, true) => Err(Refused::new(Code::WrongKind, "a file does not replace a folder")),
        _ => Ok(()),
    }
}

/// What is removed for good.
fn erase(dir: &Dir, name: &str, kind: Kind) -> io::Result<()> {
    match kind {
        Kind::Folder => dir.remove_dir_all(name),
        Kind::File | Kind::Other => dir.remove_file(name),
    }
}

/// Whether there is nothing in a folder that anybody can see.
fn is_empty(dir: &Dir, name: &str) -> Result<bool, Refused> {
    for entry in confine::step(dir, name)?.entries()? {
        if !entry?.file_name().to_str().is_some_and(path::is_reserved) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Which things may be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    /// Whatever has the name, a folder with all that is in it.
    Any,
    /// Only what is no folder (POSIX's `unlink`).
    NoFolder,
    /// Only a folder in which nothing is (POSIX's `rmdir`).
    EmptyFolder,
}

/// Removes something: into the bin of the share, from where it can be had back, or for good. An empty folder is
/// worth no place in the bin. Returns its id in the bin.
pub(super) fn remove(
    root: &Path,
    path: &SharePath,
    which: Which,
    expected: Expected<'_>,
    by: Option<&str>,
) -> Result<Option<String>, Refused> {
    let (dir, name) = parent(root, path)?;
    let facts = confine::facts_in(&dir, name)?;
    expected.check(&facts)?;
    confine::check_is_no_drive(&dir, name)?;
    if facts.kind == Kind::Folder {
        confine::check_holds_no_drive(&dir, name)?;
    }
    let empty = facts.kind == Kind::Folder && is_empty(&dir, name)?;
    match which {
        Which::NoFolder if facts.kind == Kind::Folder => {
            return Err(Refused::new(Code::WrongKind, "a folder"));
        }
        Which::EmptyFolder if facts.kind != Kind::Folder => {
            return Err(Refused::new(Code::WrongKind, "not a folder"));
        }
        Which::EmptyFolder if !empty => return Err(Refused::new(Code::NotEmpty, "the folder is not empty")),
        _ => {}
    }
    if empty {
        match dir.remove_dir(name) {
            // What is hidden in it, or came in this moment, is not thrown away with it.
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {
                let by = by.unwrap_or_default();
                return bin::put(root, (&dir, name), path, &facts, expected, by).map(Some);
            }
            done => return Ok(done.map(|()| None)?),
        }
    }
    match by {
        Some(by) => bin::put(root, (&dir, name), path, &facts, expected, by).map(Some),
        None if facts.kind == Kind::Folder => {
            erase(&dir, name, facts.kind)?;
            Ok(None)
        }
        None => naming::alone(|| {
            expected.check(&confine::facts_in(&dir, name)?)?;
            dir.remove_file(name)?;
            Ok(None)
        }),
    }
}

/// Makes what was changed in the folders of these paths survive a power cut.
pub(super) fn settle(root: &Path, paths: &[&SharePath]) -> Result<(), Refused> {
    for path in paths {
        if let Some((folder, _)) = path.split_last() {
            match confine::open_dir(root, folder) {
                Ok(dir) => disk::sync_confined(&dir)?,
                // It was moved or removed meanwhile, and with it what was to be made safe.
                Err(refused) if refused.code == Code::NotFound => {}
                Err(refused) => return Err(refused),
            }
        }
    }
    Ok(())
}

#[cfg(all(test, unix))]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
