//! Making a mount appear, and making it go away whatever programs do with it.

use super::{Tell, Tree, fs::Fs};
use crate::{consume::browse::Remote, disk, wire::Stat};
use fuser::{Config, MountOption, Session, SessionUnmounter};
use std::{
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::runtime::Handle;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long programs have to let go of it.
const LET_GO: Duration = Duration::from_secs(2);

/// Why a drive cannot be mounted.
#[derive(Debug, thiserror::Error)]
pub enum MountError {
    /// The program that mounts for ordinary users is missing.
    #[error("the program fusermount3 is missing; it is in the package fuse3")]
    NoFusermount,
    /// The system cannot do it at all.
    #[error("this system has no FUSE: {0}")]
    NoFuse(io::Error),
    /// The place cannot be used.
    #[error("{0}")]
    Place(String),
    /// The system refused.
    #[error("the system did not mount it: {0}")]
    System(io::Error),
}

/// What is to appear where.
pub struct Wanted {
    /// The drive.
    pub remote: Remote,
    /// An empty folder of this computer, by its absolute path.
    pub dir: PathBuf,
    /// What lists of mounts call it.
    pub name: String,
    /// What hears of things that no program can be told.
    pub tell: Tell,
}

/// A drive that is mounted. Dropping it does not unmount it: [`Mounted::unmount`] does.
pub struct Mounted {
    tree: Arc<Tree>,
    dir: PathBuf,
    unmounter: Arc<Mutex<SessionUnmounter>>,
    /// The connection's number, for `/sys/fs/fuse/connections`.
    connection: Option<u64>,
    ended: CancellationToken,
    cancel: CancellationToken,
}

/// Mounts a drive. `top` is what the other device said of the share's top just now; without it, the mount appears
/// nonetheless and its files once the device is there.
///
/// # Errors
/// [`MountError`]; nothing is mounted then.
pub async fn mount(
    wanted: Wanted,
    top: Option<Stat>,
    tasks: TaskTracker,
    cancel: CancellationToken,
) -> Result<Mounted, MountError> {
    let Wanted { remote, dir, name, tell } = wanted;
    let top = top.unwrap_or_else(unknown);
    let cancel = cancel.child_token();
    let tree = Arc::new(Tree::new(remote, top, tell, tasks.clone(), cancel.clone()));
    let fs = Fs::new(Arc::clone(&tree), Handle::current(), tasks, cancel.clone());
    let place = dir.clone();
    let opening = tokio::task::spawn_blocking(move || open(fs, &place, &name));
    let (mut session, connection) =
        opening.await.map_err(|_| MountError::System(io::Error::other("stopping")))??;
    tree.kernel.reach_by(session.notifier());
    let unmounter = Arc::new(Mutex::new(session.unmount_callable()));
    let ended = CancellationToken::new();
    let over = ended.clone().drop_guard();
    let running = std::thread::Builder::new().name("mounted drive".to_owned()).spawn(move || {
        let _over = over;
        if let Err(error) = session.run() {
            tracing::warn!(%error, "a mounted drive ended");
        }
    });
    running.map_err(MountError::System)?;
    Ok(Mounted { tree, dir, unmounter, connection, ended, cancel })
}

/// The top of a drive whose device has not been asked.
fn unknown() -> Stat {
    Stat {
        kind: crate::wire::Kind::Folder,
        size: 0,
        modified: None,
        etag: None,
        writable: true,
        executable: false,
        object: None,
    }
}

fn open(fs: Fs, dir: &Path, name: &str) -> Result<(Session<Fs>, Option<u64>), MountError> {
    check(dir)?;
    let dir = &dir.canonicalize().map_err(MountError::System)?;
    if let Err(error) = fs::File::options().read(true).write(true).open("/dev/fuse")
        && error.kind() == io::ErrorKind::NotFound
    {
        return Err(MountError::NoFuse(error));
    }
    let mut config = Config::default();
    // What comes after a comma would be an option of its own.
    let name: String = name.chars().filter(|c| !matches!(c, ',' | '\\') && !c.is_control()).collect();
    let name = format!("{}{name}", disk::MOUNT_SOURCE);
    config.mount_options = vec![
        MountOption::FSName(name),
        MountOption::Subtype("lanyard".to_owned()),
        MountOption::DefaultPermissions,
        MountOption::NoAtime,
        MountOption::NoDev,
        MountOption::NoSuid,
    ];
    config.n_threads = Some(2);
    let session = Session::new(fs, dir, &config).map_err(|error| match error.kind() {
        // Only the helper is looked for by name.
        io::ErrorKind::NotFound => MountError::NoFusermount,
        _ => MountError::System(error),
    })?;
    Ok((session, connection(dir)))
}

fn check(dir: &Path) -> Result<(), MountError> {
    let shown = dir.display();
    let is_empty = fs::read_dir(dir).map(|mut entries| entries.next().is_none());
    match is_empty {
        Ok(true) => Ok(()),
        Ok(false) => Err(MountError::Place(format!("{shown} is not empty; what is in it would be hidden"))),
        Err(error) => Err(MountError::Place(format!("{shown} cannot be used: {error}"))),
    }
}

impl Mounted {
    /// Where it is.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// How many of its files programs have open now.
    #[must_use]
    pub fn open_files(&self) -> usize {
        self.tree.table().open_files()
    }

    /// Is cancelled when it is not there any more, by whomever.
    #[must_use]
    pub fn ended(&self) -> CancellationToken {
        self.ended.clone()
    }

    /// Ends the mount. What programs have written goes over first, as far as it can within `patience`; a program that
    /// still has a file open gets errors from then on.
    pub async fn unmount(&self, patience: Duration) {
        if tokio::time::timeout(patience, self.tree.flush_all()).await.is_err() {
            tracing::warn!(
                "what was written last to a mounted drive did not all arrive before it was unmounted"
            );
        }
        let (unmounter, dir) = (Arc::clone(&self.unmounter), self.dir.clone());
        let off = tokio::task::spawn_blocking(move || {
            let gone = unmounter.lock().unwrap_or_else(PoisonError::into_inner).unmount();
            // In use: it goes from the tree of files at once, and for good when the last file is closed.
            if gone.is_err() { detach(&dir) } else { Ok(()) }
        });
        if let Ok(Err(error)) = off.await {
            tracing::debug!(%error, "a mounted drive was gone already, or stays until its files are closed");
        }
        let is_over = tokio::time::timeout(LET_GO, self.ended.cancelled()).await.is_ok();
        if !is_over && let Some(connection) = self.connection {
            let abort = format!("/sys/fs/fuse/connections/{connection}/abort");
            let _ = tokio::task::spawn_blocking(move || fs::write(abort, "1")).await;
        }
        if tokio::time::timeout(LET_GO, self.tree.close_all()).await.is_err() {
            tracing::debug!("files of a mounted drive were not all closed at the other device");
        }
        if !is_over {
            self.cancel.cancel();
        }
    }
}

/// The number of a mount's connection: the minor number of its device. Looked up in the list of mounts, because a look at
/// the folder itself would be a question to ourselves, which nobody answers yet.
fn connection(dir: &Path) -> Option<u64> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    connection_in(&mounts, dir.to_str()?)
}

/// Fields of proc_pid_mountinfo(5): the third is `major:minor`, the fifth the place, with blanks as octal numbers.
fn connection_in(mounts: &str, dir: &str) -> Option<u64> {
    let escaped =
        dir.replace('\\', "\\134").replace(' ', "\\040").replace('\t', "\\011").replace('\n', "\\012");
    let place = |line: &str| line.split(' ').nth(4).is_some_and(|place| place == escaped);
    let line = mounts.lines().rev().find(|line| place(line))?;
    line.split(' ').nth(2)?.split_once(':')?.1.parse().ok()
}

/// Takes a mount out of the tree of files, whoever still uses it.
fn detach(dir: &Path) -> io::Result<()> {
    if rustix::mount::unmount(dir, rustix::mount::UnmountFlags::DETACH).is_ok() {
        return Ok(());
    }
    let mut helper = Command::new("fusermount3");
    helper
        .args(["-u", "-z", "-q", "--"])
        .arg(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if helper.status()?.success() { Ok(()) } else { Err(io::Error::other("fusermount3 did not unmount it")) }
}

/// Takes away everything that killed nodes of this user have left mounted. Blocks.
pub fn clean_up_all() {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    for dir in drives_in(&mounts) {
        clean_up(&dir);
    }
}

/// The places of mounted drives in the list of mounts (see [`connection_in`]).
fn drives_in(mounts: &str) -> Vec<PathBuf> {
    let place = |line: &str| {
        let (before, after) = line.split_once(" - ")?;
        let (kind, source) = after.split_once(' ')?;
        let is_drive = kind.starts_with("fuse") && source.starts_with(disk::MOUNT_SOURCE);
        let place = before.split(' ').nth(4).filter(|_| is_drive)?;
        let place =
            place.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\");
        Some(PathBuf::from(place))
    };
    mounts.lines().filter_map(place).collect()
}

/// Takes away what a node that was killed has left mounted: a folder in which nothing works any more. Blocks.
pub fn clean_up(dir: &Path) {
    let dead = matches!(fs::symlink_metadata(dir), Err(error)
        if error.raw_os_error() == Some(rustix::io::Errno::NOTCONN.raw_os_error()));
    if dead && let Err(error) = detach(dir) {
        tracing::warn!(%error, "what a stopped node had mounted could not be taken away");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_places_of_drives_are_found_in_the_list() {
        let mounts = "99 35 0:41 / /home/a\\040b/Music rw,nosuid - fuse.lanyard lanyard:Music@Anna rw\n\
            98 35 0:40 / /mnt rw - fuse.sshfs me@lanyard: rw\n97 35 0:42 / /x rw - fuse lanyard:x rw\nnonsense\n";
        assert_eq!(drives_in(mounts), [Path::new("/home/a b/Music"), Path::new("/x")]);
    }

    #[test]
    fn the_connection_of_a_mount_is_found_in_the_list() {
        let mounts = "36 35 98:0 / /mnt1 rw,noatime shared:1 - ext3 /dev/root rw\n\
            99 35 0:41 / /home/a\\040b/Music rw,nosuid shared:9 - fuse.lanyard Music@Anna rw\n\
            98 35 0:40 / /home rw - fuse x rw\n";
        assert_eq!(connection_in(mounts, "/home/a b/Music"), Some(41));
        assert_eq!(connection_in(mounts, "/home/a"), None);
    }
}
