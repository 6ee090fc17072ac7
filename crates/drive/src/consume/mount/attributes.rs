//! Files and folders as the kernel shows them to programs: one owner, and no permission but the right to be started.

use crate::wire::{Kind, Stat};
use fuser::{FileAttr, FileType, INodeNo};
use std::time::{Duration, SystemTime};

/// Blocks in which sizes are told.
pub(super) const BLOCK: u32 = 4096;

/// Whose everything appears to be.
#[derive(Clone, Copy)]
pub(super) struct Owner {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

impl Owner {
    /// Whoever runs the node.
    pub(super) fn this_user() -> Self {
        Self { uid: rustix::process::getuid().as_raw(), gid: rustix::process::getgid().as_raw() }
    }

    pub(super) fn attributes(self, ino: u64, stat: &Stat) -> FileAttr {
        let time = time(stat.modified);
        let (kind, perm) = match stat.kind {
            Kind::Folder => (FileType::Directory, 0o755),
            Kind::File if stat.executable => (FileType::RegularFile, 0o755),
            Kind::File => (FileType::RegularFile, 0o644),
            // A link or a special file: it is there, and nobody gets to open it.
            Kind::Other => (FileType::RegularFile, 0),
        };
        FileAttr {
            ino: INodeNo(ino),
            size: stat.size,
            blocks: stat.size.div_ceil(512),
            atime: time,
            mtime: time,
            ctime: time,
            crtime: time,
            kind,
            perm: if stat.writable { perm } else { perm & 0o555 },
            // Of a folder it says that what is in it was not counted, as Btrfs does.
            nlink: 1,
            uid: self.uid,
            gid: self.gid,
            rdev: 0,
            blksize: BLOCK,
            flags: 0,
        }
    }
}

/// The time that a program has set, in nanoseconds; none when it is too far away to be told. The kernel counts whole
/// seconds down and their parts up, and `fuser` takes the parts of a time before 1970 for further away.
pub(super) fn meant(time: SystemTime) -> Option<i64> {
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_nanos()).ok(),
        Err(before) => {
            let before = before.duration();
            let seconds = i64::try_from(before.as_secs()).ok()?.checked_mul(-1_000_000_000)?;
            seconds.checked_add(i64::from(before.subsec_nanos()))
        }
    }
}

fn time(nanos: Option<i64>) -> SystemTime {
    let nanos = nanos.unwrap_or_default();
    let size = Duration::from_nanos(nanos.unsigned_abs());
    let epoch = SystemTime::UNIX_EPOCH;
    let time = if nanos < 0 { epoch.checked_sub(size) } else { epoch.checked_add(size) };
    time.unwrap_or(epoch)
}
