//! What was removed from a share, for as long as it can be had back.
//!
//! A bin is a hidden folder at the top of the share ([`path::BIN`]), which no path reaches. Each thing in it has a
//! folder of its own with a random name: `item` is what was removed, `about` says what it was, who removed it and when.
//! That record lies beside the thing and not in the store, so that the two cannot come apart: neither by a crash
//! between them, nor when a disk is carried to another computer.

use super::{Expected, parent};
use crate::{
    disk, naming,
    offer::{
        Refused,
        confine::{self, Facts},
    },
    path::{self, SharePath},
    wire::{Binned, Code},
};
use cap_fs_ext::{DirExt, FollowSymlinks, OpenOptionsFollowExt, OpenOptionsSyncExt};
use cap_std::fs::{Dir, OpenOptions};
use std::{
    io::{self, Read, Write},
    path::Path,
    time::{Duration, SystemTime},
};

/// How long something stays.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);
/// The most things in a bin; the oldest go first.
const MOST: usize = 5_000;
/// While less than this is free on the disk, or than a twentieth of it, the oldest things make room.
const SPARE: u64 = 1 << 30;
/// A record without its thing, left by a crash: not before it is this old.
const STRAY: Duration = Duration::from_secs(3_600);
const ITEM: &str = "item";
const ABOUT: &str = "about";
/// The longest record: a path with every byte escaped, and the rest.
const MAX_ABOUT: u64 = 64 * 1024;

/// Moves something into the bin and returns its id there. `by` is who did it.
pub(super) fn put(
    root: &Path,
    (dir, name): (&Dir, &str),
    path: &SharePath,
    facts: &Facts,
    expected: Expected<'_>,
    by: &str,
) -> Result<String, Refused> {
    let bin = open(root, true)?;
    make_room(root, &bin)?;
    let id = uuid::Uuid::new_v4().simple().to_string();
    bin.create_dir(&id)?;
    let place = bin.open_dir_nofollow(&id)?;
    let binned = Binned {
        id: id.clone(),
        path: path.to_string(),
        kind: facts.kind,
        size: facts.size,
        removed_at: now(),
        removed_by: by.to_owned(),
    };
    // The record first, and onto the disk: a thing without one could not be named.
    let recorded = write_about(&place, &binned).and_then(|()| Ok(disk::sync_confined(&bin)?));
    let moved = recorded.and_then(|()| {
        naming::alone(|| {
            expected.check(&confine::facts_in(dir, name)?)?;
            disk::place_across(dir, name, &place, ITEM, false).map_err(|error| match error.kind() {
                io::ErrorKind::CrossesDevices => Refused::new(
                    Code::Special,
                    "it lies on another disk than the share, so it cannot be kept; remove it where it is",
                ),
                _ => error.into(),
            })
        })
    });
    if let Err(refused) = moved {
        let _ = bin.remove_dir_all(&id);
        return Err(refused);
    }
    disk::sync_confined(&place)?;
    Ok(id)
}

/// What is in the bin, newest first; at most [`MOST`].
pub(in crate::offer) fn list(root: &Path) -> Result<Vec<Binned>, Refused> {
    let bin = match open(root, false) {
        Err(refused) if refused.code == Code::NotFound => return Ok(Vec::new()),
        bin => bin?,
    };
    let mut found: Vec<Binned> = ids(&bin)?.iter().filter_map(|id| about(&bin, id)).collect();
    found.retain(|binned| !is_over(binned));
    found.sort_by(|a, b| b.removed_at.cmp(&a.removed_at).then_with(|| a.id.cmp(&b.id)));
    Ok(found)
}

/// Puts something back: where it was, or elsewhere. A folder that it was in and that is gone is made again. When the
/// name is taken, the one that comes back gets a number. Returns its path.
pub(in crate::offer) fn restore(root: &Path, id: &str, to: Option<SharePath>) -> Result<SharePath, Refused> {
    /// More things of one name than anybody restores.
    const TRIES: u32 = 1_000;
    let (bin, binned) = find(root, id)?;
    let place = bin.open_dir_nofollow(&binned.id)?;
    let wanted = match to {
        Some(to) => {
            to.check_new_name()?;
            to
        }
        None => SharePath::parse(&binned.path)?,
    };
    make_parents(root, &wanted)?;
    let (dir, name) = parent(root, &wanted)?;
    for number in 1..TRIES {
        let name = path::numbered(name, number);
        match disk::place_across(&place, ITEM, &dir, &name, false) {
            Ok(()) => {
                disk::sync_confined(&dir)?;
                bin.remove_dir_all(&binned.id)?;
                return Ok(wanted.with_name(&name)?);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Refused::new(Code::Exists, "the name and all its numbers are taken"))
}

/// Removes something from the bin for good.
pub(in crate::offer) fn forget(root: &Path, id: &str) -> Result<(), Refused> {
    let (bin, binned) = find(root, id)?;
    Ok(bin.remove_dir_all(&binned.id)?)
}

/// The folder in which a removed thing lies, and its name there: a program may have a file open that was removed.
pub(in crate::offer) fn place_of(root: &Path, id: &str) -> Result<(Dir, &'static str), Refused> {
    let (bin, binned) = find(root, id)?;
    Ok((bin.open_dir_nofollow(&binned.id)?, ITEM))
}

/// Removes what is older than it may be. Returns how many things went.
pub(in crate::offer) fn sweep(root: &Path) -> Result<usize, Refused> {
    let bin = match open(root, false) {
        Err(refused) if refused.code == Code::NotFound => return Ok(0),
        bin => bin?,
    };
    let mut gone = 0;
    for id in ids(&bin)? {
        let over = match about(&bin, &id) {
            Some(binned) => is_over(&binned),
            None => is_stray(&bin, &id),
        };
        if over && bin.remove_dir_all(&id).is_ok() {
            gone += 1;
        }
    }
    Ok(gone)
}

fn make_room(root: &Path, bin: &Dir) -> Result<(), Refused> {
    let is_short = |(free, total): (u64, u64)| free < SPARE.min(total / 20);
    let full = |count: usize| count >= MOST || disk::space(root).is_some_and(is_short);
    // Most of the time there is room, and nobody waits for a look at every record.
    if !full(bin.entries()?.count()) {
        return Ok(());
    }
    sweep(root)?;
    let mut kept = list(root)?;
    while full(kept.len()) {
        let Some(oldest) = kept.pop() else { return Ok(()) };
        bin.remove_dir_all(&oldest.id)?;
    }
    Ok(())
}

fn open(root: &Path, make: bool) -> Result<Dir, Refused> {
    let top = confine::open_dir(root, &[])?;
    if make {
        match make_private(&top, path::BIN) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error.into()),
            _ => {}
        }
    }
    Ok(top.open_dir_nofollow(path::BIN)?)
}

/// Removed things are for those who may restore them, whatever the folder they were in allowed.
fn make_private(dir: &Dir, name: &str) -> io::Result<()> {
    #[cfg(unix)]
    {
        let mut builder = cap_std::fs::DirBuilder::new();
        cap_std::fs::DirBuilderExt::mode(&mut builder, 0o700);
        dir.create_dir_with(name, &builder)
    }
    #[cfg(not(unix))]
    dir.create_dir(name)
}

/// The names in the bin that are ours.
fn ids(bin: &Dir) -> Result<Vec<String>, Refused> {
    let mut ids = Vec::new();
    for entry in bin.entries()?.take(4 * MOST) {
        let name = entry?.file_name();
        if let Some(id) = name.to_str().filter(|name| is_id(name)) {
            ids.push(id.to_owned());
        }
    }
    Ok(ids)
}

fn is_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

fn find(root: &Path, id: &str) -> Result<(Dir, Binned), Refused> {
    let unknown = || Refused::new(Code::NotFound, "there is no such thing in the bin");
    if !is_id(id) {
        return Err(unknown());
    }
    let bin = open(root, false)?;
    let binned = about(&bin, id).ok_or_else(unknown)?;
    Ok((bin, binned))
}

/// What the record says, if it makes sense and the thing is there.
fn about(bin: &Dir, id: &str) -> Option<Binned> {
    let place = bin.open_dir_nofollow(id).ok()?;
    place.symlink_metadata(ITEM).ok()?;
    let mut options = OpenOptions::new();
    options.read(true).follow(FollowSymlinks::No).nonblock(true);
    let mut text = String::new();
    place.open_with(ABOUT, &options).ok()?.take(MAX_ABOUT).read_to_string(&mut text).ok()?;
    let binned: Binned = serde_json::from_str(&text).ok()?;
    (binned.id == id && SharePath::parse(&binned.path).is_ok_and(|path| !path.is_top())).then_some(binned)
}

fn write_about(place: &Dir, binned: &Binned) -> Result<(), Refused> {
    let text = serde_json::to_vec(binned).map_err(|_| Refused::new(Code::Failed, "no record"))?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).follow(FollowSymlinks::No);
    let mut file = place.open_with(ABOUT, &options)?;
    file.write_all(&text)?;
    Ok(file.sync_all()?)
}

fn make_parents(root: &Path, path: &SharePath) -> Result<(), Refused> {
    let (folder, _) = path.split_last().ok_or_else(|| Refused::new(Code::WrongKind, "the share itself"))?;
    for depth in 1..=folder.len() {
        let (above, name) = (&folder[..depth - 1], &folder[depth - 1]);
        let dir = confine::open_dir(root, above)?;
        match dir.create_dir(name) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}

fn is_over(binned: &Binned) -> bool {
    let kept = i64::try_from(KEPT.as_millis()).unwrap_or(i64::MAX);
    now().saturating_sub(binned.removed_at) > kept
}

/// Whether something whose record says nothing may go. A thing stays as long as any other, even so: a record may be
/// unreadable for a moment, and a person may know the thing when they see it.
fn is_stray(bin: &Dir, id: &str) -> bool {
    let thing = bin.open_dir_nofollow(id).and_then(|place| place.symlink_metadata(ITEM));
    let stays = match thing {
        Err(error) if error.kind() == io::ErrorKind::NotFound => STRAY,
        _ => KEPT,
    };
    let age =
        || SystemTime::now().duration_since(bin.symlink_metadata(id).ok()?.modified().ok()?.into_std()).ok();
    age().is_some_and(|age| age > stays)
}

/// Unix milliseconds.
fn now() -> i64 {
    disk::nanos(SystemTime::now()).map_or(0, |nanos| nanos / 1_000_000)
}
