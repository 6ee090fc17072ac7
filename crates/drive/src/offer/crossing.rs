//! Drives of other computers that are mounted somewhere in a shared folder: they are not passed on.
//!
//! What somebody offers to this computer is not this computer's to offer, and two computers that mount each other's folder
//! into the one they share would go round in circles. So nothing that is offered leads into such a mount, and nothing
//! that is removed takes a mounted drive's files with it. Other file systems in a share (a stick, a network drive of the
//! owner's) are the owner's to share.
//!
//! Which mounts are drives of ours stands in the system's list of mounts, by what they call their source. Where a name leads
//! is asked without a question to the mount itself, which would wait for the other computer.

#[cfg(target_os = "linux")]
pub(super) use linux::{is_any, is_mounted_drive, is_mounted_drive_at};

#[cfg(not(target_os = "linux"))]
pub(super) use elsewhere::{is_any, is_mounted_drive, is_mounted_drive_at};

#[cfg(target_os = "linux")]
mod linux {
    use crate::disk::MOUNT_SOURCE as SOURCE;
    use cap_std::fs::Dir;
    use rustix::{
        event::{PollFd, PollFlags, Timespec, poll},
        fd::AsFd,
        fs::{AtFlags, CWD, StatxFlags, statx},
        path::Arg,
    };
    use std::{
        fs::File,
        io::{Read, Seek},
        path::Path,
        sync::{Mutex, PoisonError},
    };

    const LIST: &str = "/proc/self/mountinfo";
    /// A list longer than this is not read to its end.
    const MOST: u64 = 4 << 20;

    /// Device numbers, major and minor.
    type Device = (u32, u32);

    /// The mounted drives of this computer, as the list last said. The kernel tells when the list has changed, so that a
    /// look costs nothing while it has not.
    struct Drives {
        list: Option<File>,
        devices: Vec<Device>,
    }

    static DRIVES: Mutex<Drives> = Mutex::new(Drives { list: None, devices: Vec::new() });

    impl Drives {
        fn refresh(&mut self) {
            let is_new = self.list.is_none();
            if is_new {
                self.list = File::open(LIST).ok();
            }
            let Some(list) = &mut self.list else { return };
            if !is_new && !has_changed(list) {
                return;
            }
            let mut text = String::new();
            let read = list.rewind().and_then(|()| list.take(MOST).read_to_string(&mut text));
            match read {
                Ok(_) => self.devices = devices_in(&text),
                // Looked at anew the next time.
                Err(_) => self.list = None,
            }
        }
    }

    /// proc_pid_mounts(5): a change shows as a priority event.
    fn has_changed(list: &File) -> bool {
        let mut asked = [PollFd::new(list, PollFlags::PRI)];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut asked, Some(&now)).is_ok() && asked[0].revents().intersects(PollFlags::PRI | PollFlags::ERR)
    }

    /// Fields of proc_pid_mountinfo(5): the third is `major:minor`, and the type and the source follow a lone `-`. The type
    /// is `fuse.lanyard` by way of the helper for ordinary users, and `fuse` alone otherwise.
    pub(super) fn devices_in(mounts: &str) -> Vec<Device> {
        let device = |line: &str| {
            let (before, after) = line.split_once(" - ")?;
            let (kind, source) = after.split_once(' ')?;
            if !kind.starts_with("fuse") || !source.starts_with(SOURCE) {
                return None;
            }
            let (major, minor) = before.split(' ').nth(2)?.split_once(':')?;
            Some((major.parse().ok()?, minor.parse().ok()?))
        };
        mounts.lines().filter_map(device).collect()
    }

    fn with_devices<T>(ask: impl FnOnce(&[Device]) -> T) -> T {
        let mut drives = DRIVES.lock().unwrap_or_else(PoisonError::into_inner);
        drives.refresh();
        ask(&drives.devices)
    }

    /// Whether any drive is mounted on this computer.
    pub(in crate::offer) fn is_any() -> bool {
        with_devices(|devices| !devices.is_empty())
    }

    /// Whether a name in a folder is where a drive is mounted.
    pub(in crate::offer) fn is_mounted_drive(dir: &Dir, name: impl Arg) -> bool {
        is_any() && leads_there(dir, name)
    }

    /// The same for a path.
    pub(in crate::offer) fn is_mounted_drive_at(path: &Path) -> bool {
        is_any() && leads_there(CWD, path)
    }

    fn leads_there(dir: impl AsFd, name: impl Arg) -> bool {
        let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT | AtFlags::STATX_DONT_SYNC;
        // What cannot be looked at cannot be opened either.
        let Ok(found) = statx(dir, name, flags, StatxFlags::empty()) else { return false };
        let device = (found.stx_dev_major, found.stx_dev_minor);
        with_devices(|devices| devices.contains(&device))
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn drives_are_told_from_other_mounts_by_their_type() {
            let mounts = "36 35 98:0 / /mnt1 rw,noatime shared:1 - ext3 /dev/root rw\n\
                99 35 0:41 / /home/a\\040b/Music rw,nosuid shared:9 - fuse.lanyard lanyard:Music@Anna rw\n\
                98 35 0:40 / /lanyard: rw - fuse.sshfs me@lanyard: rw\n\
                97 35 nonsense / /x rw - fuse lanyard:x rw\n\
                96 35 0:42 / /y rw - fuse lanyard:y rw\n\
                95 35 0:43 / /z rw - ext4 lanyard:z rw\n";
            assert_eq!(devices_in(mounts), [(0, 41), (0, 42)]);
        }

        #[test]
        fn an_ordinary_folder_is_none() {
            assert!(!is_mounted_drive_at(Path::new("/")));
            assert!(!is_mounted_drive_at(Path::new("/proc")));
        }
    }
}

/// Nothing is mounted by us there.
#[cfg(not(target_os = "linux"))]
mod elsewhere {
    use cap_std::fs::Dir;
    use std::path::Path;

    pub(in crate::offer) fn is_any() -> bool {
        false
    }

    pub(in crate::offer) fn is_mounted_drive(_: &Dir, _: impl AsRef<Path>) -> bool {
        false
    }

    pub(in crate::offer) fn is_mounted_drive_at(_: &Path) -> bool {
        false
    }
}
