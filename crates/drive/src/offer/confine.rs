//! What a path may reach: the one place that opens anything inside a share.
//!
//! Each folder on the way is opened by its handle, one name at a time, and no symbolic link is followed, not even one
//! that stays inside: so nothing that is swapped while we look can lead outside. Nothing leads into a drive of another
//! computer that is mounted inside (`crossing`).

use super::{Refused, crossing};
use crate::{
    disk,
    path::SharePath,
    wire::{Code, Kind},
};
use cap_fs_ext::{DirExt, FollowSymlinks, OpenOptionsFollowExt, OpenOptionsSyncExt};
use cap_std::{
    ambient_authority,
    fs::{Dir, Metadata, OpenOptions},
};
use std::{ffi::OsString, fs::File, io, path::Path};

/// Folders in folders; deeper ones no system reaches by a path.
pub(super) const DEPTH: usize = 256;

/// What the system says of one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Facts {
    pub(super) kind: Kind,
    pub(super) size: u64,
    pub(super) modified: Option<i64>,
    /// A file that its owner may start as a program. Always false where there is no such thing.
    pub(super) executable: bool,
    object: (u64, u64),
    /// When the system last noted a change of anything about it; unlike `modified` no program can set it.
    changed: Option<i64>,
}

impl Facts {
    pub(super) fn of(metadata: &Metadata) -> Self {
        let kind = if metadata.is_file() {
            Kind::File
        } else if metadata.is_dir() {
            Kind::Folder
        } else {
            Kind::Other
        };
        Self {
            kind,
            size: if kind == Kind::File { metadata.len() } else { 0 },
            modified: metadata.modified().ok().and_then(|time| disk::nanos(time.into_std())),
            executable: kind == Kind::File && executable(metadata),
            object: object(metadata),
            changed: changed(metadata),
        }
    }

    /// What a disc says of something on it: on which one and where, and when the disc itself last changed.
    pub(super) fn on_disc(
        kind: Kind,
        size: u64,
        modified: Option<i64>,
        executable: bool,
        object: (u64, u64),
        changed: Option<i64>,
    ) -> Self {
        Self { kind, size, modified, executable, object, changed }
    }

    /// Of a name where a drive of another computer is mounted: it is there, and nobody gets to open it.
    fn of_mounted_drive() -> Self {
        Self { kind: Kind::Other, size: 0, modified: None, executable: false, object: (0, 0), changed: None }
    }

    /// When anything about it last changed, as far as the system tells.
    pub(super) fn last_change(&self) -> Option<i64> {
        self.changed.max(self.modified)
    }

    /// Differs whenever the content may differ, also when a program has set the time of the last change back. A hash,
    /// because inode numbers are nobody else's business.
    pub(super) fn etag(&self) -> String {
        // One short block for the hash, because a list has very many of them.
        let mut bytes = [0; 40];
        let time = |time: Option<i64>| time.unwrap_or(i64::MIN).cast_unsigned();
        let numbers = [self.object.0, self.object.1, self.size, time(self.modified), time(self.changed)];
        for (place, number) in bytes.chunks_exact_mut(8).zip(numbers) {
            place.copy_from_slice(&number.to_le_bytes());
        }
        let hex = blake3::hash(&bytes).to_hex();
        ["\"", hex.get(..32).unwrap_or_default(), "\""].concat()
    }

    /// Stays as long as it is the same file, whatever its name and content.
    pub(super) fn object(&self) -> String {
        let text = format!("{:?}", self.object);
        blake3::hash(text.as_bytes()).to_hex()[..32].to_owned()
    }

    /// Whether both are the same file, whatever their names and content.
    pub(super) fn is_same_object(&self, other: &Self) -> bool {
        self.object == other.object
    }
}

/// Which file it is, whatever its name: device and inode.
#[cfg(unix)]
fn object(metadata: &Metadata) -> (u64, u64) {
    use cap_std::fs::MetadataExt as _;
    (metadata.dev(), metadata.ino())
}

/// Windows tells the file's index only of some handles; the time of its making tells two files apart well enough.
#[cfg(not(unix))]
fn object(metadata: &Metadata) -> (u64, u64) {
    let created = metadata.created().ok().and_then(|time| disk::nanos(time.into_std()));
    (0, created.unwrap_or(0).cast_unsigned())
}

#[cfg(unix)]
fn executable(metadata: &Metadata) -> bool {
    use cap_std::fs::MetadataExt as _;
    metadata.mode() & 0o100 != 0
}

#[cfg(not(unix))]
fn executable(_: &Metadata) -> bool {
    false
}

#[cfg(unix)]
fn changed(metadata: &Metadata) -> Option<i64> {
    use cap_std::fs::MetadataExt as _;
    metadata.ctime().checked_mul(1_000_000_000)?.checked_add(metadata.ctime_nsec())
}

#[cfg(not(unix))]
fn changed(_: &Metadata) -> Option<i64> {
    None
}

/// Opens a folder.
pub(super) fn open_dir(root: &Path, names: &[String]) -> Result<Dir, Refused> {
    let mut dir = open_top(root)?;
    for name in names {
        dir = step(&dir, name)?;
    }
    Ok(dir)
}

/// Opens the top of a share.
pub(super) fn open_top(root: &Path) -> Result<Dir, Refused> {
    if crossing::is_mounted_drive_at(root) {
        return Err(mounted_drive());
    }
    Ok(Dir::open_ambient_dir(root, ambient_authority())?)
}

/// Opens a folder in one that is open.
pub(super) fn step(dir: &Dir, name: &str) -> Result<Dir, Refused> {
    check_is_no_drive(dir, name)?;
    dir.open_dir_nofollow(name).map_err(|error| explain(dir, name, error))
}

/// The same in the system's words.
pub(super) fn enter(dir: &Dir, name: &str) -> io::Result<Dir> {
    if crossing::is_mounted_drive(dir, name) {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    dir.open_dir_nofollow(name)
}

fn mounted_drive() -> Refused {
    Refused::new(Code::Special, "a drive of another computer is mounted here, and not passed on")
}

/// What there is under a name in a folder.
pub(super) fn facts_in(dir: &Dir, name: impl AsRef<Path>) -> io::Result<Facts> {
    let name = name.as_ref();
    if crossing::is_mounted_drive(dir, name) {
        return Ok(Facts::of_mounted_drive());
    }
    Ok(Facts::of(&dir.symlink_metadata(name)?))
}

/// The same for one who has just found that no drive of another computer is mounted anywhere: asking that for each of
/// many names costs as much as looking at them.
pub(super) fn facts_without_drives(dir: &Dir, name: impl AsRef<Path>) -> io::Result<Facts> {
    Ok(Facts::of(&dir.symlink_metadata(name)?))
}

/// Calls `each` with every name in a folder and whether it is a folder, without a piece of memory for each.
#[cfg(target_os = "linux")]
pub(super) fn each_name(dir: &Dir, mut each: impl FnMut(&[u8], bool)) -> io::Result<()> {
    use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawDir, openat, statat};
    /// As much as the system tells at once.
    const BUFFER: usize = 64 * 1024;

    // Opened anew: the handle we have may be for finding names only, and its place in the folder is others' too.
    let own = openat(dir, c".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let mut buffer = Vec::with_capacity(BUFFER);
    let mut entries = RawDir::new(&own, buffer.spare_capacity_mut());
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let kind = match entry.file_type() {
            // Not every file system tells it here.
            FileType::Unknown => statat(&own, name, AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT)
                .map_or(FileType::Unknown, |stat| FileType::from_raw_mode(stat.st_mode)),
            kind => kind,
        };
        each(name.to_bytes(), kind == FileType::Directory);
    }
    Ok(())
}

/// Whether a drive of another computer is mounted at this name.
pub(super) fn check_is_no_drive(dir: &Dir, name: &str) -> Result<(), Refused> {
    if crossing::is_mounted_drive(dir, name) { Err(mounted_drive()) } else { Ok(()) }
}

/// Whether one is mounted at the name of this folder or anywhere below it. What is removed for good goes name by name, and
/// would take that drive's files with it.
pub(super) fn check_holds_no_drive(dir: &Dir, name: &str) -> Result<(), Refused> {
    if !crossing::is_any() {
        return Ok(());
    }
    each_folder_below(&step(dir, name)?, &mut |folder, names| {
        if names.iter().any(|name| crossing::is_mounted_drive(folder, name)) {
            return Err(mounted_drive());
        }
        Ok(())
    })
}

/// Sees a folder and the names in it.
type Each<'a> = dyn FnMut(&Dir, &[OsString]) -> Result<(), Refused> + 'a;

/// Calls `each` with a folder and the names in it, and with every folder below. Only those on the way are open at a
/// time: a wide one holds more than a process may open.
pub(super) fn each_folder_below(folder: &Dir, each: &mut Each<'_>) -> Result<(), Refused> {
    walk(folder, each, DEPTH)
}

fn walk(folder: &Dir, each: &mut Each<'_>, depth: usize) -> Result<(), Refused> {
    if depth == 0 {
        return Err(Refused::new(Code::Invalid, "too many folders in one another"));
    }
    let entries: Vec<_> = folder.entries()?.collect::<io::Result<_>>()?;
    let names: Vec<OsString> = entries.iter().map(cap_std::fs::DirEntry::file_name).collect();
    each(folder, &names)?;
    let is_folder = |entry: &cap_std::fs::DirEntry| Ok(entry.file_type()?.is_dir());
    let folders: Vec<bool> = entries.iter().map(is_folder).collect::<io::Result<_>>()?;
    drop(entries);
    for (name, _) in names.iter().zip(folders).filter(|(_, is_folder)| *is_folder) {
        match folder.open_dir_nofollow(name) {
            Ok(folder) => walk(&folder, each, depth - 1)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {} // gone meanwhile
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Refuses to go on in a folder that is not at its path any more: it was moved, or lies in the bin.
pub(super) fn check_is_still_there(root: &Path, names: &[String], dir: &Dir) -> Result<(), Refused> {
    if disk::is_same_folder(&open_dir(root, names)?, dir)? {
        Ok(())
    } else {
        Err(Refused::new(Code::NotFound, "the folder was moved or removed meanwhile"))
    }
}

/// Systems answer differently to a link where a folder is wanted; we say the same everywhere.
fn explain(dir: &Dir, name: &str, error: io::Error) -> Refused {
    match dir.symlink_metadata(name) {
        Ok(metadata) if metadata.is_symlink() => Refused::new(Code::Special, "links are not followed"),
        Ok(metadata) if !metadata.is_dir() => Refused::new(Code::WrongKind, "not a folder"),
        _ => error.into(),
    }
}

/// What there is under a path, without opening or following it.
pub(super) fn look(root: &Path, path: &SharePath) -> Result<Facts, Refused> {
    match path.split_last() {
        None => Ok(Facts::of(&open_top(root)?.dir_metadata()?)),
        Some((folder, name)) => Ok(facts_in(&open_dir(root, folder)?, name)?),
    }
}

/// Opens a file for reading. Anything that is no ordinary file is refused before it is opened, and again afterwards
/// by its handle: a pipe that took the name in between does not block, a device is not read.
pub(super) fn open_file(root: &Path, path: &SharePath) -> Result<(File, Facts), Refused> {
    let Some((folder, name)) = path.split_last() else {
        return Err(Refused::new(Code::WrongKind, "a folder has no content"));
    };
    open_file_in(&open_dir(root, folder)?, name)
}

/// The same for a single name in a folder that is open.
pub(super) fn open_file_in(dir: &Dir, name: &str) -> Result<(File, Facts), Refused> {
    ordinary(facts_in(dir, name)?)?;
    let mut options = OpenOptions::new();
    options.read(true).follow(FollowSymlinks::No).nonblock(true);
    let file = dir.open_with(name, &options)?;
    let facts = ordinary(Facts::of(&file.metadata()?))?;
    Ok((file.into_std(), facts))
}

/// Opens a file that is there for reading and writing, with the same care.
pub(super) fn open_file_to_change(dir: &Dir, name: &str) -> Result<(File, Facts), Refused> {
    ordinary(facts_in(dir, name)?)?;
    let mut options = OpenOptions::new();
    options.read(true).write(true).follow(FollowSymlinks::No).nonblock(true);
    let file = dir.open_with(name, &options)?;
    let facts = ordinary(Facts::of(&file.metadata()?))?;
    Ok((file.into_std(), facts))
}

/// What there is under a name in a folder; none when there is nothing.
pub(super) fn look_in(dir: &Dir, name: &str) -> Result<Option<Facts>, Refused> {
    match facts_in(dir, name) {
        Ok(facts) => Ok(Some(facts)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Refuses what is not a file with content.
pub(super) fn ordinary(facts: Facts) -> Result<Facts, Refused> {
    match facts.kind {
        Kind::File => Ok(facts),
        Kind::Folder => Err(Refused::new(Code::WrongKind, "a folder has no content")),
        Kind::Other => Err(Refused::new(Code::Special, "links and special files are not opened")),
    }
}

/// The facts of a file that is open.
pub(super) fn facts_of(file: &File) -> Result<Facts, Refused> {
    Ok(Facts::of(&Metadata::from_file(file)?))
}
