//! The few file system calls that differ between systems. No policy: what to write where is decided by others.

use std::{
    fs::{self, File},
    io,
    path::Path,
    time::{Duration, SystemTime},
};

/// How what lists of mounts call a mounted drive begins: both halves know such a mount by it.
#[cfg(target_os = "linux")]
pub(crate) const MOUNT_SOURCE: &str = "lanyard:";

/// Free and total bytes of the disk behind a path, as this user may use them; none when the system does not tell.
/// May block on a disk that is away: call it off the async threads.
pub(crate) fn space(path: &Path) -> Option<(u64, u64)> {
    let stats = fs4::statvfs(path).ok()?;
    Some((stats.available_space(), stats.total_space()))
}

/// Free bytes of the disk that a file is on; none when the system does not tell.
#[cfg(unix)]
pub(crate) fn room(file: &File) -> Option<u64> {
    let stats = rustix::fs::fstatvfs(file).ok()?;
    Some(stats.f_bavail.saturating_mul(stats.f_frsize))
}

/// Free bytes of the disk that a file is on; none when the system does not tell.
#[cfg(not(unix))]
pub(crate) fn room(_: &File) -> Option<u64> {
    None
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
    place_across(dir, from, dir, to, replace)
}

/// The same from one confined folder into another.
pub(crate) fn place_across(
    from_dir: &cap_std::fs::Dir,
    from: &str,
    to_dir: &cap_std::fs::Dir,
    to: &str,
    replace: bool,
) -> io::Result<()> {
    if replace {
        return from_dir.rename(from, to_dir, to);
    }
    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
    {
        use rustix::{
            fs::{RenameFlags, renameat_with},
            io::Errno,
        };
        match renameat_with(from_dir, from, to_dir, to, RenameFlags::NOREPLACE) {
            Ok(()) => return Ok(()),
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let rename = || match to_dir.symlink_metadata(to) {
        Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
        Err(_) => from_dir.rename(from, to_dir, to),
    };
    // Folders have no hard links.
    if from_dir.symlink_metadata(from)?.is_dir() {
        return rename();
    }
    link_then_remove(|| from_dir.hard_link(from, to_dir, to), || from_dir.remove_file(from), rename)
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

/// Writes like [`write_at`], but leaves holes where there is nothing but zeros, so that a sparse file stays one. What
/// was there before is gone all the same.
pub(crate) fn write_sparse_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    /// The smallest hole that is worth a call.
    const HOLE: usize = 64 * 1024;
    let mut done = 0;
    while done < bytes.len() {
        let zeros =
            bytes[done..].chunks(HOLE).take_while(|block| block.len() == HOLE && is_zero(block)).count()
                * HOLE;
        if zeros > 0 && punch(file, offset + done as u64, zeros as u64) {
            done += zeros;
            continue;
        }
        let content =
            bytes[done + zeros..].chunks(HOLE).take_while(|block| !is_zero(block) || block.len() < HOLE);
        let end = (done + zeros + content.map(<[u8]>::len).sum::<usize>()).min(bytes.len());
        write_at(file, &bytes[done..end], offset + done as u64)?;
        done = end;
    }
    Ok(())
}

fn is_zero(block: &[u8]) -> bool {
    // Looked at from the front: a block with content is told apart by its first bytes.
    block.iter().all(|byte| *byte == 0)
}

/// Makes a hole; false where the file system knows none.
fn punch(file: &File, offset: u64, length: u64) -> bool {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        use rustix::fs::{FallocateFlags, fallocate};
        fallocate(file, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, offset, length).is_ok()
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        let _ = (file, offset, length);
        false
    }
}

/// Whether both handles are of one folder.
pub(crate) fn is_same_folder(one: &cap_std::fs::Dir, other: &cap_std::fs::Dir) -> io::Result<bool> {
    let (one, other) = (one.dir_metadata()?, other.dir_metadata()?);
    #[cfg(unix)]
    {
        use cap_std::fs::MetadataExt as _;
        Ok((one.dev(), one.ino()) == (other.dev(), other.ino()))
    }
    // Windows tells it only of some handles; the time of its making tells two folders apart well enough.
    #[cfg(not(unix))]
    Ok(one.created().ok() == other.created().ok())
}

/// Brings everything on the file system of this folder to the disk, which for many new files costs less than one after
/// the other; false where the system cannot.
pub(crate) fn sync_file_system(dir: &cap_std::fs::Dir) -> io::Result<bool> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        use rustix::fs::{Mode, OFlags, openat, syncfs};
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        match syncfs(openat(dir, ".", flags, Mode::empty())?) {
            Ok(()) => Ok(true),
            Err(rustix::io::Errno::NOSYS | rustix::io::Errno::INVAL) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        let _ = dir;
        Ok(false)
    }
}

/// Sets the time of a folder's last change. One that the system cannot hold is left out.
pub(crate) fn set_folder_modified(dir: &cap_std::fs::Dir, nanos: i64) {
    #[cfg(unix)]
    {
        use rustix::fs::{AtFlags, Timespec, Timestamps, UTIME_OMIT, utimensat};
        let at = |tv_sec, tv_nsec| Timespec { tv_sec, tv_nsec };
        let times = Timestamps {
            last_access: at(0, UTIME_OMIT),
            last_modification: at(nanos.div_euclid(1_000_000_000), nanos.rem_euclid(1_000_000_000)),
        };
        if let Err(error) = utimensat(dir, ".", &times, AtFlags::empty()) {
            tracing::debug!(%error, "the time of a folder could not be kept");
        }
    }
    #[cfg(not(unix))]
    let _ = (dir, nanos);
}

/// Lets its owner start a file as a program, or not. Nobody else gets more by it than they may read.
#[cfg(unix)]
pub(crate) fn set_executable(file: &File, executable: bool) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = file.metadata()?.permissions().mode() & 0o777;
    // Whoever may read it may start it, as a system's own tools do it (`chmod +x` under an ordinary umask).
    let wanted = if executable { mode | 0o100 | ((mode & 0o044) >> 2) } else { mode & !0o111 };
    if wanted == mode { Ok(()) } else { file.set_permissions(fs::Permissions::from_mode(wanted)) }
}

/// There is no such thing here.
#[cfg(not(unix))]
pub(crate) fn set_executable(_: &File, _: bool) -> io::Result<()> {
    Ok(())
}

/// The same for a file that arrives: without it, it is a file all the same.
pub(crate) fn make_executable(file: &File) {
    if let Err(error) = set_executable(file, true) {
        tracing::debug!(%error, "a file could not be made executable");
    }
}

/// Marks a file as one that came from somebody else, before it has its name, so that nobody opens it thinking that it
/// was made here: `user.xdg.origin.url` on Linux (freedesktop.org's common extended attributes), the quarantine of macOS,
/// the zone of Windows. A file system that keeps no such marks gets none.
pub(crate) fn mark_received(dir: &cap_std::fs::Dir, hidden: &str, file: &File, origin: &str) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let marked = {
        let _ = (dir, hidden);
        let none = rustix::fs::XattrFlags::empty();
        rustix::fs::fsetxattr(file, "user.xdg.origin.url", origin.as_bytes(), none).map_err(io::Error::from)
    };
    #[cfg(target_vendor = "apple")]
    let marked = {
        let _ = (dir, hidden, origin);
        // Flags (downloaded, not yet looked at by a person), the time in hexadecimal seconds, the program.
        let seconds = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let value = format!("0081;{seconds:x};Lanyard;");
        let none = rustix::fs::XattrFlags::empty();
        rustix::fs::fsetxattr(file, "com.apple.quarantine", value.as_bytes(), none).map_err(io::Error::from)
    };
    #[cfg(windows)]
    let marked = {
        let _ = (file, origin);
        // A stream of the file goes with it when it gets its name. Zone 3 is the internet: Windows knows none for a home.
        dir.write(format!("{hidden}:Zone.Identifier"), "[ZoneTransfer]\r\nZoneId=3\r\n")
    };
    #[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple", windows)))]
    let marked = {
        let _ = (dir, hidden, file, origin);
        Ok::<(), io::Error>(())
    };
    if let Err(error) = marked {
        tracing::debug!(%error, "a received file could not be marked as one");
    }
}

/// Copies the next bytes of a file into another at the same place, by the system's own means where it has some (which
/// may share the blocks, or keep the bytes out of this process). Returns how many; 0 at the end.
pub(crate) fn copy_some(from: &File, to: &File, at: u64, most: usize) -> io::Result<u64> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        let (mut read_at, mut write_at) = (at, at);
        match rustix::fs::copy_file_range(from, Some(&mut read_at), to, Some(&mut write_at), most) {
            // At the end, or a file system that answers so for what it makes up as it is read.
            Ok(0) => {}
            Ok(copied) => return Ok(copied as u64),
            Err(error) if is_full(&error.into()) => return Err(error.into()),
            // Not between these two, or not on this system: as everywhere else.
            Err(_) => {}
        }
    }
    let mut block = Vec::new();
    read_at(from, &mut block, at, most.min(1 << 20))?;
    write_at(to, &block, at)?;
    Ok(block.len() as u64)
}

/// Makes an empty file one that shares all blocks with another, where the file system can; false where it cannot.
pub(crate) fn share_blocks(from: &File, to: &File) -> bool {
    #[cfg(target_os = "linux")]
    return rustix::fs::ioctl_ficlone(to, from).is_ok();
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (from, to);
        false
    }
}

/// Nanoseconds since the Unix epoch; none outside of the years 1677 to 2262.
pub(crate) fn nanos(time: SystemTime) -> Option<i64> {
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_nanos()).ok(),
        Err(before) => i64::try_from(before.duration().as_nanos()).ok().map(|nanos| -nanos),
    }
}

/// What tells a version of a file here from another one; none when there is nothing.
pub(crate) fn version(path: &Path) -> Option<String> {
    let metadata = fs::symlink_metadata(path).ok()?;
    #[cfg(unix)]
    let object = std::os::unix::fs::MetadataExt::ino(&metadata);
    #[cfg(not(unix))]
    let object = 0;
    Some(version_of(metadata.len(), metadata.modified().ok(), object))
}

/// The same of something in an open folder.
pub(crate) fn version_in(metadata: &cap_std::fs::Metadata) -> String {
    #[cfg(unix)]
    let object = cap_std::fs::MetadataExt::ino(metadata);
    #[cfg(not(unix))]
    let object = 0;
    version_of(metadata.len(), metadata.modified().ok().map(cap_std::time::SystemTime::into_std), object)
}

fn version_of(size: u64, modified: Option<SystemTime>, object: u64) -> String {
    format!("{size}-{}-{object}", modified.and_then(nanos).unwrap_or_default())
}

/// True when a disk cannot give back what is written on it.
pub(crate) fn is_unreadable(error: &io::Error) -> bool {
    #[cfg(unix)]
    {
        rustix::io::Errno::from_io_error(error) == Some(rustix::io::Errno::IO)
    }
    // ERROR_CRC, ERROR_SECTOR_NOT_FOUND, ERROR_READ_FAULT, ERROR_IO_DEVICE.
    #[cfg(windows)]
    {
        matches!(error.raw_os_error(), Some(23 | 27 | 30 | 1117))
    }
    #[cfg(not(any(unix, windows)))]
    {
        let _ = error;
        false
    }
}

/// True when the disk, or this user's part of it, is full.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
