//! Drives as folders on macOS: the system's own client of WebDAV mounts the address that a drive has on loopback.
//!
//! Prepared and type-checked, and not yet seen on a Mac. What is sent to the system's programs and what they answer is put
//! together and read by pure functions, which are tested everywhere.
//!
//! The list of mounts and the list of processes show the address to every user of a Mac, so the gateway asks there for a
//! password as well. It is handed over in a file without a name (`mount_webdav -a`), never among the arguments.

use super::in_use;
use crate::{
    Core,
    gateway::drive::{self, Opened},
    presence::RemoteShare,
};
use lanyard_api::{ApiError, ErrorCode};
use lanyard_drive::wire::Stat;
use std::{
    ffi::OsString,
    fs::File,
    io::{self, Write},
    path::Path,
    process::{Output, Stdio},
    sync::Arc,
    time::Duration,
};
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

/// The client looks at the server before it mounts anything.
pub(super) const NEEDS_THE_DEVICE: bool = true;
/// What is said of one that went by itself: without windows of its own the client unmounts what does not answer.
pub(super) const GONE: &str =
    "It was unmounted, by another program or because the other computer did not answer.";

const MOUNT: &str = "/sbin/mount_webdav";
const UNMOUNT: &str = "/sbin/umount";
const LIST: &str = "/sbin/mount";

/// The system's client gives a server up after a hundred seconds.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often it is looked whether a drive is still there: the system tells nobody without a run loop.
const LOOK: Duration = Duration::from_secs(15);

/// A drive that Finder shows.
pub(super) struct Mounted {
    ended: CancellationToken,
    dir: std::path::PathBuf,
}

impl Mounted {
    /// Cancelled once it is there no longer.
    pub(super) fn ended(&self) -> CancellationToken {
        self.ended.clone()
    }

    /// Takes it away, whoever uses it.
    pub(super) async fn unmount(&self, patience: Duration) {
        self.ended.cancel();
        if run(UNMOUNT, &leaving(&self.dir, false), None, patience)
            .await
            .is_ok_and(|out| out.status.success())
        {
            return;
        }
        if let Err(error) = run(UNMOUNT, &leaving(&self.dir, true), None, patience).await {
            tracing::warn!(%error, "a mounted drive was not unmounted");
        }
    }
}

/// Makes it appear.
pub(super) async fn appear(
    core: &Arc<Core>,
    share: &RemoteShare,
    dir: &Path,
    _: Option<Stat>,
) -> Result<Mounted, ApiError> {
    let Opened { address, login } = drive::open_share(core, share.clone()).await?;
    let (user, password) = login.unwrap_or_default();
    let failed = |error: io::Error| ApiError::new(ErrorCode::NotAvailable, format!("{MOUNT}: {error}."));
    let data = core.data.root().to_owned();
    let handed = tokio::task::spawn_blocking(move || nameless(&data, &credentials(&user, &password)))
        .await
        .map_err(|_| ApiError::new(ErrorCode::Stopping, "Stopping."))?
        .map_err(failed)?;
    let arguments = mounting(&format!("{} – {}", share.name, share.device_name), &address, dir);
    let output = run(MOUNT, &arguments, Some(handed), PATIENCE).await.map_err(failed)?;
    if !output.status.success() {
        return Err(explain(output.status.code()));
    }
    let mounted = Mounted { ended: CancellationToken::new(), dir: dir.to_owned() };
    let (ended, place, cancel) = (mounted.ended(), dir.to_owned(), core.cancel.clone());
    core.tasks.spawn(async move {
        loop {
            tokio::select! {
                () = cancel.cancelled() => return,
                () = ended.cancelled() => return,
                () = tokio::time::sleep(LOOK) => {}
            }
            if let Ok(list) = run(LIST, &[], None, LOOK).await
                && list.status.success()
                && !is_listed(&String::from_utf8_lossy(&list.stdout), &place)
            {
                return ended.cancel();
            }
        }
    });
    Ok(mounted)
}

/// There is nothing to know of it besides.
pub(super) fn advice(_: &Mounted) -> Option<String> {
    None
}

/// Takes it away; with care, only when the system finds that no program uses it.
pub(super) async fn leave(mounted: &Mounted, dir: &Path, careful: bool) -> Result<(), ApiError> {
    if !careful {
        mounted.unmount(LOOK).await;
        return Ok(());
    }
    let output = run(UNMOUNT, &leaving(dir, false), None, PATIENCE).await;
    let output =
        output.map_err(|error| ApiError::new(ErrorCode::Internal, format!("{UNMOUNT}: {error}.")))?;
    if !output.status.success() {
        return Err(in_use(dir));
    }
    mounted.ended.cancel();
    Ok(())
}

/// Takes away what a node that was killed has left behind. Blocks for a moment.
pub(super) fn clean_up(dir: &Path) {
    let listed = std::process::Command::new(LIST).stdin(Stdio::null()).output();
    let is_there = |list: &Output| is_listed(&String::from_utf8_lossy(&list.stdout), dir);
    if listed.is_ok_and(|list| is_there(&list)) {
        let _ = std::process::Command::new(UNMOUNT).args(leaving(dir, true)).stdin(Stdio::null()).status();
    }
}

/// Nothing more is known of what was left behind.
pub(super) fn clean_up_all() {}

async fn run(
    program: &str,
    arguments: &[OsString],
    input: Option<File>,
    patience: Duration,
) -> io::Result<Output> {
    let input = input.map_or_else(Stdio::null, Stdio::from);
    let running = Command::new(program).args(arguments).stdin(input).kill_on_drop(true).output();
    tokio::time::timeout(patience, running).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}

/// What `mount_webdav` is told: no windows, the login from its standard input, a name for Finder.
fn mounting(label: &str, address: &str, dir: &Path) -> Vec<OsString> {
    // `NAME_MAX` bytes at most; a slash would be a colon in Finder and a colon a slash elsewhere.
    let mut name = label.replace(['/', ':'], "-");
    name.retain(|c| !c.is_control());
    while name.len() > 255 {
        name.pop();
    }
    let words = ["-S", "-a", "0", "-v", &name, "-o", "nodev,nosuid", address];
    words.into_iter().map(OsString::from).chain([dir.as_os_str().to_owned()]).collect()
}

fn leaving(dir: &Path, force: bool) -> Vec<OsString> {
    let force = force.then(|| OsString::from("-f"));
    force.into_iter().chain([dir.as_os_str().to_owned()]).collect()
}

/// A name and a password as `mount_webdav` reads them: each after its length in four bytes, the highest first, and then the
/// same twice with nothing for a proxy.
fn credentials(user: &str, password: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for text in [user, password, "", ""] {
        bytes.extend(u32::try_from(text.len()).unwrap_or(0).to_be_bytes());
        bytes.extend(text.as_bytes());
    }
    bytes
}

/// An open file with this content, at its beginning, that has no name any more. It is seekable, as `mount_webdav` wants it.
fn nameless(dir: &Path, content: &[u8]) -> io::Result<File> {
    use std::io::Seek;
    let path = dir.join(format!("login-{}", uuid::Uuid::new_v4().simple()));
    let mut options = File::options();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&path)?;
    // Before anything is in it.
    std::fs::remove_file(&path)?;
    file.write_all(content)?;
    file.rewind()?;
    Ok(file)
}

/// Whether the list that `mount` prints has a drive of ours at this place:
/// `http://127.0.0.1:…/dav/… on /Users/ada/Music (webdav, …)`.
fn is_listed(list: &str, dir: &Path) -> bool {
    let there = format!(" on {} (webdav", dir.display());
    let is_ours = |line: &str| line.starts_with("http://127.0.0.1:") && line.contains("/dav/");
    list.lines().any(|line| is_ours(line) && line.contains(&there))
}

/// What the exit status of `mount_webdav` says, which is a number of `errno` (intro(2) of macOS).
fn explain(status: Option<i32>) -> ApiError {
    let (code, words) = match status {
        Some(2) => (ErrorCode::Invalid, "The folder for it is gone.".to_owned()),
        Some(16) => (ErrorCode::Exists, "macOS has mounted this drive already.".to_owned()),
        Some(19) => (ErrorCode::PeerUnreachable, "The other computer did not answer.".to_owned()),
        Some(13 | 80 | 89) => (
            ErrorCode::NotAllowed,
            "macOS was not let in to this drive. Share it with this computer again.".to_owned(),
        ),
        Some(number) => {
            (ErrorCode::NotAvailable, format!("macOS did not mount it (mount_webdav says {number})."))
        }
        None => (ErrorCode::NotAvailable, "macOS ended mount_webdav before it was done.".to_owned()),
    };
    ApiError::new(code, words)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn the_client_is_asked_without_windows_and_without_a_password_among_its_arguments() {
        let address = "http://127.0.0.1:40123/dav/0123/My%20Music/";
        let told = mounting("My/Music – Ben\n", address, Path::new("/Users/ada/My Music on Ben"));
        let expected = [
            "-S",
            "-a",
            "0",
            "-v",
            "My-Music – Ben",
            "-o",
            "nodev,nosuid",
            address,
            "/Users/ada/My Music on Ben",
        ];
        assert_eq!(told, expected.map(OsString::from));
        let long = mounting(&"é".repeat(200), address, Path::new("/x"));
        assert!(long[4].len() <= 255 && long[4].to_str().is_some(), "cut between letters");
        assert_eq!(leaving(Path::new("/x"), true), ["-f", "/x"].map(OsString::from));
        assert_eq!(leaving(Path::new("/x"), false), ["/x"].map(OsString::from));
    }

    #[test]
    fn the_login_is_read_back_from_a_file_that_nobody_else_can_open() {
        let dir = tempfile::tempdir().unwrap();
        let content = credentials("lanyard", "geheim");
        let mut file = nameless(dir.path(), &content).unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "it has no name");
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        // As the client reads it: a length, that many bytes, four times.
        let (mut rest, mut texts) = (bytes.as_slice(), Vec::new());
        while let Some((length, after)) = rest.split_first_chunk::<4>() {
            let (text, after) = after.split_at(u32::from_be_bytes(*length) as usize);
            texts.push(std::str::from_utf8(text).unwrap());
            rest = after;
        }
        assert_eq!((texts.as_slice(), rest), (&["lanyard", "geheim", "", ""][..], &[][..]));
    }

    #[test]
    fn a_drive_is_found_in_the_list_of_mounts_by_its_place() {
        let list = "/dev/disk3s1s1 on / (apfs, sealed, local, read-only, journaled)\n\
            http://127.0.0.1:40123/dav/0123/Music/ on /Users/ada/Music on Ben (webdav, nodev, nosuid, mounted by ada)\n";
        assert!(is_listed(list, Path::new("/Users/ada/Music on Ben")));
        assert!(!is_listed(list, Path::new("/Users/ada/Music")));
        assert!(!is_listed(list, Path::new("/")), "another file system");
        let theirs = list.replace("127.0.0.1:40123", "nas.local");
        assert!(!is_listed(&theirs, Path::new("/Users/ada/Music on Ben")), "somebody else's");
        assert!(!is_listed("", Path::new("/")));
    }

    #[test]
    fn what_the_client_says_becomes_what_happened() {
        let code = |status| explain(status).code;
        assert_eq!(code(Some(19)), ErrorCode::PeerUnreachable);
        assert_eq!(code(Some(16)), ErrorCode::Exists);
        assert_eq!(code(Some(80)), ErrorCode::NotAllowed);
        assert!(explain(Some(22)).detail.contains("22"));
        assert_eq!(code(None), ErrorCode::NotAvailable);
    }
}
