//! Small files that matter: a secret key as PKCS#8 (RFC 5958), and what belongs to it. Readable by their owner only,
//! and written whole or not at all.
//!
//! On Windows the file has the rights of the user's own data directory, which other users cannot read.

use ring::{error::Unspecified, pkcs8::Document};
use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

/// An Ed25519 key is 83 bytes of PKCS#8, one for P-256 138; a certificate with its dates less than a kilobyte.
const LONGEST: u64 = 4096;

/// The key in `path`, or a new one written there. [`io::ErrorKind::InvalidData`] when what is there cannot be a key.
pub(crate) fn load_or_create(
    path: &Path,
    generate: impl FnOnce() -> Result<Document, Unspecified>,
) -> io::Result<Vec<u8>> {
    match load(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let pkcs8 = generate().map_err(|_| io::Error::other("the system gives no random numbers"))?;
            write(path, pkcs8.as_ref())?;
            Ok(pkcs8.as_ref().to_vec())
        }
        loaded => loaded,
    }
}

/// The bytes in `path`. [`io::ErrorKind::InvalidData`] when it is no file or too long.
pub(crate) fn load(path: &Path) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let about = file.metadata()?;
    if !about.is_file() || about.len() > LONGEST {
        return Err(io::ErrorKind::InvalidData.into());
    }
    close_to_others(path, &file)?;
    let mut pkcs8 = Vec::new();
    file.take(LONGEST).read_to_end(&mut pkcs8)?;
    Ok(pkcs8)
}

#[cfg(unix)]
fn close_to_others(path: &Path, file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = file.metadata()?.permissions().mode();
    if mode & 0o077 != 0 {
        tracing::warn!(path = %path.display(), mode = format!("{:o}", mode & 0o777),
            "others could read the device's key; closing it to them");
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn close_to_others(_: &Path, _: &File) -> io::Result<()> {
    Ok(())
}

/// Puts `bytes` into `path`, under a temporary name first.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let dir = parent(path);
    create_dir(dir)?;
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    let unfinished = Unfinished(temporary.into());
    // What a crash left behind was never anyone's key.
    match fs::remove_file(&unfinished.0) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = owner_only().write(true).create_new(true).open(&unfinished.0)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    drop(file);
    fs::rename(&unfinished.0, path)?;
    std::mem::forget(unfinished);
    sync_dir(dir)
}

/// Gives a file another name.
pub(crate) fn set_aside(path: &Path, aside: &Path) -> io::Result<()> {
    fs::rename(path, aside)?;
    sync_dir(parent(aside))
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Removes a half-written key.
struct Unfinished(PathBuf);

impl Drop for Unfinished {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn create_dir(dir: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

fn owner_only() -> OpenOptions {
    #[allow(unused_mut)] // there are no modes on Windows
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Makes the new name survive a power cut. Other systems than Unix cannot open a directory and do not need it.
fn sync_dir(dir: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(dir)?.sync_all() } else { Ok(()) }
}
