//! Files that a program on another computer has open: written at any place, while it has them open.
//!
//! Nothing is kept here between two requests: the caller names the place each time, and says with `If-Match` what it
//! believes to be there. So a stop of this node in between costs nobody anything. A new version of a file grows under a
//! hidden name beside it (a *part*, named by the caller) and gets the name in one step; what is changed in the middle is
//! changed in place, as a program expects that does so (docs/adr/0019).

use super::{
    Refused,
    change::{self, Expected, bin},
    confine::{self, Facts},
};
use crate::{
    content::MAX_SIZE,
    disk, naming,
    path::{self, PART_SUFFIX, SharePath},
    wire::{Code, Set},
};
use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt};
use cap_std::fs::{Dir, OpenOptions};
use std::{fs::File, io, path::Path, time::Duration};
use uuid::Uuid;

/// How the hidden names of new versions begin; the caller's UUID and [`PART_SUFFIX`] follow.
pub(super) const PREFIX: &str = ".lanyard-edit-";
/// How long one stays that nobody writes to: a program may have a file open and do nothing with it for days.
pub(super) const STAYS: Duration = Duration::from_secs(7 * 24 * 3_600);

/// Where an open file is.
#[derive(Clone, Debug)]
pub(super) enum Place {
    /// Under its name.
    Named(SharePath),
    /// A version that grows beside the file with this path.
    Part(SharePath, Uuid),
    /// In the bin: it was removed while it was open.
    Removed(String),
}

impl Place {
    /// Opens it for reading.
    pub(super) fn open(&self, root: &Path) -> Result<(File, Facts), Refused> {
        match self {
            Self::Named(path) => confine::open_file(root, path),
            _ => self.open_to_change(root),
        }
    }

    fn open_to_change(&self, root: &Path) -> Result<(File, Facts), Refused> {
        let (dir, name) = self.find(root)?;
        confine::open_file_to_change(&dir, &name)
    }

    fn find(&self, root: &Path) -> Result<(Dir, String), Refused> {
        match self {
            Self::Named(path) => {
                let (dir, name) = change::parent(root, path)?;
                Ok((dir, name.to_owned()))
            }
            Self::Part(path, part) => {
                let (dir, _) = change::parent(root, path)?;
                Ok((dir, part_name(*part)))
            }
            Self::Removed(id) => {
                let (dir, name) = bin::place_of(root, id)?;
                Ok((dir, name.to_owned()))
            }
        }
    }
}

fn part_name(part: Uuid) -> String {
    format!("{PREFIX}{}{PART_SUFFIX}", part.simple())
}

/// Begins a new version of a file: empty, unseen.
pub(super) fn begin(root: &Path, path: &SharePath, part: Uuid) -> Result<Facts, Refused> {
    let (dir, _) = change::parent(root, path)?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).follow(FollowSymlinks::No);
    let file = dir.open_with(part_name(part), &options)?.into_std();
    confine::facts_of(&file)
}

/// Removes a version that nobody wants any more; one that is not there is no error.
pub(super) fn discard(root: &Path, path: &SharePath, part: Uuid) -> Result<(), Refused> {
    let (dir, _) = change::parent(root, path)?;
    match dir.remove_file(part_name(part)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// Writes bytes at a place. All of them, or an error: then any number of them may be written.
pub(super) fn write(
    root: &Path,
    place: &Place,
    at: u64,
    bytes: &[u8],
    expected: Expected<'_>,
) -> Result<Facts, Refused> {
    let end = at.saturating_add(bytes.len() as u64);
    check_size(end)?;
    let (file, facts) = place.open_to_change(root)?;
    expected.check(&facts)?;
    // A write that ended half-way would leave another version than the caller knows of, and it could not go on.
    if disk::room(&file).is_some_and(|room| room < end.saturating_sub(facts.size.max(at))) {
        return Err(Refused::new(Code::DiskFull, "the disk is full"));
    }
    disk::write_at(&file, bytes, at)?;
    confine::facts_of(&file)
}

/// Sets size, time and the like.
pub(super) fn set(root: &Path, place: &Place, set: Set, expected: Expected<'_>) -> Result<Facts, Refused> {
    if let (Place::Named(path), None) = (place, set.size)
        && confine::look(root, path)?.kind == crate::wire::Kind::Folder
    {
        return set_folder(root, path, set);
    }
    let (file, facts) = place.open_to_change(root)?;
    expected.check(&facts)?;
    if let Some(size) = set.size.filter(|size| *size != facts.size) {
        check_size(size)?;
        file.set_len(size)?;
    }
    if let Some(executable) = set.executable {
        disk::set_executable(&file, executable)?;
    }
    if let Some(modified) = set.modified {
        disk::set_modified(&file, modified);
    }
    confine::facts_of(&file)
}

/// A folder has a time, and nothing else that is set from outside.
fn set_folder(root: &Path, path: &SharePath, set: Set) -> Result<Facts, Refused> {
    if let Some(modified) = set.modified {
        disk::set_folder_modified(&confine::open_dir(root, path.names())?, modified);
    }
    confine::look(root, path)
}

/// Gets all of it onto the disk; of a folder, the names in it.
pub(super) fn sync(root: &Path, place: &Place) -> Result<Facts, Refused> {
    if let Place::Named(path) = place
        && let facts = confine::look(root, path)?
        && facts.kind == crate::wire::Kind::Folder
    {
        disk::sync_confined(&confine::open_dir(root, path.names())?)?;
        return Ok(facts);
    }
    let (file, facts) = place.open(root)?;
    file.sync_all()?;
    Ok(facts)
}

/// Gives a new version the name of the file, in one step. When the file is not the one that was meant, and `keep_both`,
/// the new version gets the next number that is free. Returns the path it has.
pub(super) fn commit(
    root: &Path,
    path: &SharePath,
    part: Uuid,
    modified: Option<i64>,
    expected: Expected<'_>,
    keep_both: bool,
) -> Result<(SharePath, Facts), Refused> {
    /// More versions of one file than anybody makes.
    const MOST: u32 = 1_000;
    path.check_new_name()?;
    let (dir, name) = change::parent(root, path)?;
    let (parents, _) = path.split_last().unwrap_or_default();
    let hidden = part_name(part);
    let (file, _) = confine::open_file_to_change(&dir, &hidden)?;
    let before = confine::look_in(&dir, name)?;
    let meant = |there: &Option<Facts>| match there {
        None => expected.0.is_none(),
        Some(there) => there.kind == crate::wire::Kind::File && expected.check(there).is_ok(),
    };
    let other = || Refused::new(Code::Changed, "the file is not the one that was meant");
    if meant(&before) {
        keep_mode(&dir, name, &file)?;
    } else if !keep_both {
        return Err(other());
    }
    if let Some(modified) = modified {
        disk::set_modified(&file, modified);
    }
    file.sync_all()?;
    // Somebody may have saved the file, or moved its folder away, while the disk was waited for: what is there now counts.
    naming::alone(|| {
        confine::check_is_still_there(root, parents, &dir)?;
        let there = confine::look_in(&dir, name)?;
        // Who names no version means what is there when they ask.
        if meant(&there) && (expected.0.is_some() || there == before) {
            disk::place_in(&dir, &hidden, name, there.is_some())?;
            return Ok((path.clone(), confine::facts_of(&file)?));
        }
        if !keep_both {
            return Err(other());
        }
        for number in 1..MOST {
            let name = path::numbered(name, number);
            match disk::place_in(&dir, &hidden, &name, false) {
                Ok(()) => return Ok((path.with_name(&name)?, confine::facts_of(&file)?)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Refused::new(Code::Exists, "the name and all its numbers are taken"))
    })
}

/// A new version may be read and started by whom the old one might, if there is an old one.
#[cfg(unix)]
pub(super) fn keep_mode(dir: &Dir, name: &str, file: &File) -> Result<(), Refused> {
    use cap_std::fs::MetadataExt as _;
    use std::os::unix::fs::PermissionsExt;
    match dir.symlink_metadata(name) {
        Ok(old) if old.is_file() => {
            // Never more than the owner's own programs gave it; set-user-id and the like are not kept.
            Ok(file.set_permissions(std::fs::Permissions::from_mode(old.mode() & 0o777))?)
        }
        _ => Ok(()),
    }
}

#[cfg(not(unix))]
pub(super) fn keep_mode(_: &Dir, _: &str, _: &File) -> Result<(), Refused> {
    Ok(())
}

fn check_size(size: u64) -> Result<(), Refused> {
    if size <= MAX_SIZE { Ok(()) } else { Err(Refused::new(Code::DiskFull, "larger than any file may be")) }
}
