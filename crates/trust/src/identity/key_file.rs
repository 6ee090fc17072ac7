//! The file that holds the device's secret key: PKCS#8 (RFC 8410), readable by its owner only.
//!
//! On Windows the file has the rights of the user's own data directory, which other users cannot read.

use ring::{rand::SystemRandom, signature::Ed25519KeyPair};
use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

/// An Ed25519 key is 83 bytes of PKCS#8.
const LONGEST: u64 = 1024;

/// The key in `path`, or a new one written there. [`io::ErrorKind::InvalidData`] when what is there cannot be a key.
pub(super) fn load_or_create(path: &Path) -> io::Result<Vec<u8>> {
    match load(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => create(path),
        loaded => loaded,
    }
}

fn load(path: &Path) -> io::Result<Vec<u8>> {
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

fn create(path: &Path) -> io::Result<Vec<u8>> {
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
        .map_err(|_| io::Error::other("the system gives no random numbers"))?;
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    create_dir(dir)?;
    let unfinished = Unfinished(path.with_extension("key.new"));
    // What a crash left behind was never anyone's key.
    match fs::remove_file(&unfinished.0) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = owner_only().write(true).create_new(true).open(&unfinished.0)?;
    file.write_all(pkcs8.as_ref())?;
    file.sync_all()?;
    drop(file);
    fs::rename(&unfinished.0, path)?;
    std::mem::forget(unfinished);
    sync_dir(dir)?;
    Ok(pkcs8.as_ref().to_vec())
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
