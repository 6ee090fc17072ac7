//! Office documents, by way of LibreOffice where it is installed.
//!
//! LibreOffice needs far more of the system than a child that reads documents is left with (`limits`), so it reads
//! only what this computer's own person prints, never what somebody else sent. It runs without a screen, with a
//! profile of its own that is thrown away, one at a time, for a limited time, and, where the system lets an ordinary
//! process do that, without a network.

use super::DocumentError;
use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::Duration,
};
use tokio::{process::Command, sync::Semaphore};
use tokio_util::sync::CancellationToken;

/// How long one document may take: the first start after an installation takes half a minute on a slow computer.
const PATIENCE: Duration = Duration::from_secs(150);

/// The LibreOffice of this computer, if there is one.
#[derive(Clone, Debug)]
pub struct Office {
    places: Arc<Vec<PathBuf>>,
    one: Arc<Semaphore>,
}

/// Whether a file begins like an Office document: OpenDocument, Office Open XML, the binary files before it, RTF.
#[must_use]
pub fn is_office(head: &[u8]) -> bool {
    if head.starts_with(b"{\\rtf") || head.starts_with(&[0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1]) {
        return true;
    }
    // Local file header of the first file in an archive: its name begins at 30.
    let Some(name) = head.strip_prefix(b"PK\x03\x04").and_then(|rest| rest.get(26..)) else { return false };
    let open_xml = ["[Content_Types].xml", "_rels/", "docProps/", "word/", "xl/", "ppt/", "customXml/"];
    name.starts_with(b"mimetypeapplication/vnd.oasis.opendocument.")
        || open_xml.iter().any(|begin| name.starts_with(begin.as_bytes()))
}

impl Office {
    /// Looked for in the search path, and where installers put it.
    #[must_use]
    pub fn of_this_system() -> Self {
        let name = if cfg!(windows) { "soffice.com" } else { "soffice" };
        let path = env::var_os("PATH").unwrap_or_default();
        let mut places: Vec<PathBuf> = env::split_paths(&path).map(|dir| dir.join(name)).collect();
        let known: &[&str] = if cfg!(windows) {
            &[
                r"C:\Program Files\LibreOffice\program\soffice.com",
                r"C:\Program Files (x86)\LibreOffice\program\soffice.com",
            ]
        } else if cfg!(target_os = "macos") {
            &["/Applications/LibreOffice.app/Contents/MacOS/soffice"]
        } else {
            &["/usr/bin/soffice", "/usr/lib/libreoffice/program/soffice", "/snap/bin/libreoffice"]
        };
        places.extend(known.iter().map(PathBuf::from));
        Self::at(places)
    }

    /// Looked for at these places only.
    #[must_use]
    pub fn at(places: Vec<PathBuf>) -> Self {
        Self { places: Arc::new(places), one: Arc::new(Semaphore::new(1)) }
    }

    /// The program; none when it is not installed.
    #[must_use]
    pub fn program(&self) -> Option<&Path> {
        self.places.iter().map(PathBuf::as_path).find(|place| place.is_absolute() && place.is_file())
    }

    /// Makes a PDF of a document at `out`. Ended when dropped, or when `stop` says so.
    ///
    /// # Errors
    /// [`DocumentError::NoOffice`], [`DocumentError::OfficeFailed`], [`DocumentError::NotNow`].
    pub(super) async fn to_pdf(
        &self,
        document: &Path,
        out: &Path,
        stop: CancellationToken,
    ) -> Result<(), DocumentError> {
        let program = self.program().ok_or(DocumentError::NoOffice)?;
        let stopping = || DocumentError::NotNow("the node is stopping".to_owned());
        let _turn = self.one.acquire().await.map_err(|_| stopping())?;
        let room = Room::beside(out, document)?;
        let mut command = command(program, &room).await;
        let child = command.spawn().map_err(|error| DocumentError::NotNow(error.to_string()))?;
        let mut running = Running(child);
        let ended = tokio::select! {
            () = stop.cancelled() => return Err(stopping()),
            ended = tokio::time::timeout(PATIENCE, running.0.wait()) => ended,
        };
        match ended {
            Ok(Ok(status)) if status.success() => {}
            ended => {
                tracing::warn!(?ended, "LibreOffice did not convert a document");
                return Err(DocumentError::OfficeFailed);
            }
        }
        // It says that it did well when it could not read the document at all.
        match fs::rename(room.made(), out) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(DocumentError::OfficeFailed),
            renamed => Ok(renamed?),
        }
    }
}

/// A directory for one conversion; gone afterwards.
struct Room {
    dir: PathBuf,
    document: PathBuf,
}

impl Room {
    fn beside(out: &Path, document: &Path) -> io::Result<Self> {
        let mut dir = out.to_owned().into_os_string();
        dir.push(".office");
        let dir = PathBuf::from(dir);
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir(&dir)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(&dir, fs::Permissions::from_mode(0o700))?;
        }
        let mut room = Self { dir, document: PathBuf::new() };
        // Tables in plain files are known by their ending alone.
        let ending = document.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        let plain = ending.len() <= 5 && ending.bytes().all(|byte| byte.is_ascii_alphanumeric());
        room.document = room.dir.join(if plain && !ending.is_empty() {
            format!("document.{ending}")
        } else {
            "document".to_owned()
        });
        // A copy: it writes lock files beside what it opens, and the person may go on working on the original.
        fs::copy(document, &room.document)?;
        Ok(room)
    }

    fn made(&self) -> PathBuf {
        self.dir.join("out").join("document.pdf")
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.dir) {
            tracing::debug!(%error, "what LibreOffice left was not removed");
        }
    }
}

async fn command(program: &Path, room: &Room) -> Command {
    let mut command = match without_network().await {
        Some(mut shield) => {
            shield.arg(program);
            shield
        }
        None => Command::new(program),
    };
    let profile = format!("-env:UserInstallation=file://{}", uri_path(&room.dir.join("profile")));
    command
        .args(["--headless", "--norestore", "--nolockcheck", "--nodefault", "--nologo"])
        .arg(profile)
        .args(["--convert-to", "pdf", "--outdir"])
        .arg(room.dir.join("out"))
        .arg(&room.document)
        .env_clear()
        .env("HOME", &room.dir)
        .env("LC_ALL", "C.UTF-8")
        .current_dir(&room.dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    for name in ["PATH", "SystemRoot", "TEMP"] {
        command.envs(env::var_os(name).map(|value| (name, value)));
    }
    #[cfg(unix)]
    command.process_group(0);
    command
}

/// `unshare`, where it can take the network away from a process of an ordinary user.
async fn without_network() -> Option<Command> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    let shield = || {
        let mut command = Command::new("unshare");
        command.args(["--map-current-user", "--net", "--"]);
        command
    };
    let mut probe = shield();
    probe.arg("true").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    probe.status().await.is_ok_and(|status| status.success()).then(shield)
}

/// A path in a URI.
fn uri_path(path: &Path) -> String {
    let path = path.to_string_lossy().replace('\\', "/");
    let lead = if path.starts_with('/') { "" } else { "/" };
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.~:".contains(&byte);
    let escaped: String = path
        .bytes()
        .map(|byte| if safe(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect();
    format!("{lead}{escaped}")
}

/// A program that runs, and everything that it started.
struct Running(tokio::process::Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Only one that was not waited for still has its number.
        #[cfg(unix)]
        if let Some(id) = self.0.id() {
            use rustix::process::{Pid, Signal, kill_process_group};
            let group = i32::try_from(id).ok().and_then(Pid::from_raw);
            let _ = group.map(|group| kill_process_group(group, Signal::KILL));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn office_documents_are_known_by_their_content() {
        let zip = |name: &str| [b"PK\x03\x04", &[0; 26][..], name.as_bytes()].concat();
        assert!(is_office(&zip("mimetypeapplication/vnd.oasis.opendocument.text")));
        assert!(is_office(&zip("[Content_Types].xml")) && is_office(&zip("word/document.xml")));
        assert!(is_office(b"{\\rtf1\\ansi") && is_office(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"));
        assert!(!is_office(&zip("photos/1.jpg")) && !is_office(b"PK\x03\x04") && !is_office(b"rtf"));
    }

    #[test]
    fn a_profile_may_lie_anywhere() {
        assert_eq!(uri_path(Path::new("/a b/ü")), "/a%20b/%C3%BC");
    }
}
