//! The directories a run writes to, and what an earlier run that was killed has left behind.
//!
//! Namespaces need no sweeping: they end with their processes, and those with the runner (see [`crate::host`]).
//! Directories do not, so their names carry the process id of their owner.

use anyhow::{Context, Result};
use std::{
    env, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU32, Ordering},
};

const PREFIX: &str = "lanyard-lab-";

/// A directory of this process's own, removed when dropped.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// Makes a new one.
    ///
    /// # Errors
    /// When the temporary directory cannot be written to.
    pub fn new() -> Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("{PREFIX}{}-{number}", process::id()));
        fs::create_dir(&path).with_context(|| format!("make {}", path.display()))?;
        // CUPS's filters run as another user and must be able to reach their files in here.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        Ok(Self(path))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Removes what killed runs have left.
///
/// # Errors
/// When the temporary directory cannot be read.
pub fn sweep() -> Result<usize> {
    let mut removed = 0;
    for entry in fs::read_dir(env::temp_dir()).context("read the temporary directory")? {
        let entry = entry?;
        let name = entry.file_name();
        let owner = name
            .to_str()
            .and_then(|name| name.strip_prefix(PREFIX))
            .and_then(|rest| rest.split('-').next())
            .and_then(|pid| pid.parse::<u32>().ok());
        let Some(owner) = owner else { continue };
        if !Path::new(&format!("/proc/{owner}")).exists() {
            fs::remove_dir_all(entry.path()).with_context(|| format!("remove {}", entry.path().display()))?;
            removed += 1;
        }
    }
    Ok(removed)
}
