//! The few file system calls that differ between systems. No policy: what to write where is decided by others.

use std::{
    fs::{self, File},
    io,
    path::Path,
    time::{Duration, SystemTime},
};

/// Free and total bytes of the disk behind a path, as this user may use them; none when the system does not tell.
/// May block on a disk that is away: call it off the async threads.
pub(crate) fn space(path: &Path) -> Option<(u64, u64)> {
    let stats = fs4::statvfs(path).ok()?;
    Some((stats.available_space(), stats.total_space()))
}

/// Reads at most `limit` bytes at `offset` into `buffer`, which is emptied first. Fewer only at the end of the file.
pub(crate) fn read_at(file: &File, buffer: &mut Vec<u8>, offset: u64, limit: usize) -> io::Result<()> {
    buffer.clear();
    buffer.reserve(limit);
    while buffer.len() < limit {
        let got = read_some(file, buffer, offset + buffer.len() as u64, limit)?;
        if got == 0 {
            break;
        }
    }
    buffer.truncate(limit);
    Ok(())
}

#[cfg(unix)]
fn read_some(file: &File, buffer: &mut Vec<u8>, offset: u64, _limit: usize) -> io::Result<usize> {
    // Into the spare capacity: zeroing a megabyte before every read is measurable.
    loop {
        match rustix::io::pread(file, rustix::buffer::spare_capacity(buffer), offset) {
            Ok(got) => return Ok(got),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(windows)]
fn read_some(file: &File, buffer: &mut Vec<u8>, offset: u64, limit: usize) -> io::Result<usize> {
    use std::os::windows::fs::FileExt;
    let had = buffer.len();
    buffer.resize(limit, 0);
    let result = file.seek_read(&mut buffer[had..], offset);
    buffer.truncate(had + result.as_ref().copied().unwrap_or(0));
    result
}

/// Writes all of `bytes` at `offset`.
#[cfg(unix)]
pub(crate) fn write_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, offset)
}

/// Writes all of `bytes` at `offset`.
#[cfg(windows)]
pub(crate) fn write_at(file: &File, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
    use std::os::windows::fs::FileExt;
    while !bytes.is_empty() {
        let done = file.seek_write(bytes, offset)?;
        if done == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        bytes = &bytes[done..];
        offset += done as u64;
    }
    Ok(())
}

/// Gives `from` the name `to` in one step. Without `replace` a taken name is [`io::ErrorKind::AlreadyExists`].
pub(crate) fn place(from: &Path, to: &Path, replace: bool) -> io::Result<()> {
    if replace {
        return fs::rename(from, to);
    }
    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
    {
        use rustix::{
            fs::{CWD, RenameFlags, renameat_with},
            io::Errno,
        };
        match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            Ok(()) => return Ok(()),
            // A file system that cannot do it in one step (NFS, some FUSE): fall through.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
            Err(error) => return Err(error.into()),
        }
    }
    link_then_remove(|| fs::hard_link(from, to), || fs::remove_file(from), || rename_if_free(from, to))
}

/// The same inside a confined folder; both are single names in it.
pub(crate) fn place_in(dir: &cap_std::fs::Dir, from: &str, to: &str, replace: bool) -> io::Result<()> {
    if replace {
        return dir.rename(from, dir, to);
    }
    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
    {
        use rustix::{
            fs::{RenameFlags, renameat_with},
            io::Errno,
        };
        match renameat_with(dir, from, dir, to, RenameFlags::NOREPLACE) {
            Ok(()) => return Ok(()),
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
            Err(error) => return Err(error.into()),
        }
    }
    link_then_remove(
        || dir.hard_link(from, dir, to),
        || dir.remove_file(from),
        || match dir.symlink_metadata(to) {
            Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
            Err(_) => dir.rename(from, dir, to),
        },
    )
}

/// A hard link never replaces anything, so it is as good as a rename that refuses. Where there are no hard links
/// (FAT), the look before the rename leaves a moment in which another program's file could be replaced.
fn link_then_remove(
    link: impl FnOnce() -> io::Result<()>,
    remove: impl FnOnce() -> io::Result<()>,
    rename: impl FnOnce() -> io::Result<()>,
) -> io::Result<()> {
    match link() {
        Ok(()) => remove(),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
        Err(_) => rename(),
    }
}

fn rename_if_free(from: &Path, to: &Path) -> io::Result<()> {
    match fs::symlink_metadata(to) {
        Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
        Err(_) => fs::rename(from, to),
    }
}

/// Makes a rename in this folder survive a power cut. Windows journals it by itself and opens no folders.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    #[cfg(unix)]
    return tolerate(File::open(dir)?.sync_all());
    #[cfg(not(unix))]
    {
        let _ = dir;
        Ok(())
    }
}

/// The same for a confined folder.
pub(crate) fn sync_confined(dir: &cap_std::fs::Dir) -> io::Result<()> {
    #[cfg(unix)]
    {
        use rustix::fs::{Mode, OFlags, openat};
        // The handle itself may be one that only leads to names (`O_PATH`), which cannot be synced.
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        tolerate(File::from(openat(dir, ".", flags, Mode::empty())?).sync_all())
    }
    #[cfg(not(unix))]
    {
        let _ = dir;
        Ok(())
    }
}

/// Some file systems (FUSE, CIFS) cannot sync folders and say so; that is no reason to lose a whole file.
#[cfg(unix)]
fn tolerate(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => {
            Ok(())
        }
        other => other,
    }
}

/// Sets the time of the last change, in nanoseconds since the Unix epoch. A time the system cannot hold is left out.
pub(crate) fn set_modified(file: &File, nanos: i64) {
    let size = Duration::from_nanos(nanos.unsigned_abs());
    let epoch = SystemTime::UNIX_EPOCH;
    let time = if nanos < 0 { epoch.checked_sub(size) } else { epoch.checked_add(size) };
    if let Some(Err(error)) = time.map(|time| file.set_modified(time)) {
        tracing::debug!(%error, "the time of the last change could not be kept");
    }
}

/// Nanoseconds since the Unix epoch; none outside of the years 1677 to 2262.
pub(crate) fn nanos(time: SystemTime) -> Option<i64> {
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_nanos()).ok(),
        Err(before) => i64::try_from(before.duration().as_nanos()).ok().map(|nanos| -nanos),
    }
}

/// True when the disk, or this user's part of it, is full.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
