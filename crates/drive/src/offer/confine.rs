//! What a path may reach: the one place that opens anything inside a share.
//!
//! Each folder on the way is opened by its handle, one name at a time, and no symbolic link is followed, not even one
//! that stays inside: so nothing that is swapped while we look can lead outside.

use super::Refused;
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
use std::{fs::File, path::Path};

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

    /// When anything about it last changed, as far as the system tells.
    pub(super) fn last_change(&self) -> Option<i64> {
        self.changed.max(self.modified)
    }

    /// Differs whenever the content may differ, also when a program has set the time of the last change back. A hash,
    /// because inode numbers are nobody else's business.
    pub(super) fn etag(&self) -> String {
        let text = format!("{:?} {} {:?} {:?}", self.object, self.size, self.modified, self.changed);
        format!("\"{}\"", &blake3::hash(text.as_bytes()).to_hex()[..32])
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
    let mut dir = Dir::open_ambient_dir(root, ambient_authority())?;
    for name in names {
        dir = match dir.open_dir_nofollow(name) {
            Ok(next) => next,
            Err(error) => return Err(explain(&dir, name, error)),
        };
    }
    Ok(dir)
}

/// Systems answer differently to a link where a folder is wanted; we say the same everywhere.
fn explain(dir: &Dir, name: &str, error: std::io::Error) -> Refused {
    match dir.symlink_metadata(name) {
        Ok(metadata) if metadata.is_symlink() => Refused::new(Code::Special, "links are not followed"),
        Ok(metadata) if !metadata.is_dir() => Refused::new(Code::WrongKind, "not a folder"),
        _ => error.into(),
    }
}

/// What there is under a path, without opening or following it.
pub(super) fn look(root: &Path, path: &SharePath) -> Result<Facts, Refused> {
    match path.split_last() {
        None => Ok(Facts::of(&Dir::open_ambient_dir(root, ambient_authority())?.dir_metadata()?)),
        Some((folder, name)) => Ok(Facts::of(&open_dir(root, folder)?.symlink_metadata(name)?)),
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
    ordinary(Facts::of(&dir.symlink_metadata(name)?))?;
    let mut options = OpenOptions::new();
    options.read(true).follow(FollowSymlinks::No).nonblock(true);
    let file = dir.open_with(name, &options)?;
    let facts = ordinary(Facts::of(&file.metadata()?))?;
    Ok((file.into_std(), facts))
}

/// Opens a file that is there for reading and writing, with the same care.
pub(super) fn open_file_to_change(dir: &Dir, name: &str) -> Result<(File, Facts), Refused> {
    ordinary(Facts::of(&dir.symlink_metadata(name)?))?;
    let mut options = OpenOptions::new();
    options.read(true).write(true).follow(FollowSymlinks::No).nonblock(true);
    let file = dir.open_with(name, &options)?;
    let facts = ordinary(Facts::of(&file.metadata()?))?;
    Ok((file.into_std(), facts))
}

/// What there is under a name in a folder; none when there is nothing.
pub(super) fn look_in(dir: &Dir, name: &str) -> Result<Option<Facts>, Refused> {
    match dir.symlink_metadata(name) {
        Ok(metadata) => Ok(Some(Facts::of(&metadata))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
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
