//! How a node is started and where it keeps its things.

use crate::StartError;
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// How a node is started.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Where everything is kept; none means this user's data directory.
    pub data: Option<PathBuf>,
    /// The name others see; none means the stored one, else made from the computer's.
    pub name: Option<String>,
    /// The TCP port for other nodes; none means the stored one, else a free one.
    pub port: Option<u16>,
    /// Stay on this computer: treat the loopback interface as the only network, and as the owner's own. For the
    /// demonstration with a neighbour on the same machine.
    pub loopback: bool,
    /// The program that reads documents as a child; none means the one that runs. Whichever it is calls
    /// [`crate::answer_if_child`] first of all: otherwise no document can be read.
    pub document_child: Option<PathBuf>,
}

/// The layout of a node's data directory.
#[derive(Clone, Debug)]
pub struct DataDir {
    root: PathBuf,
}

impl DataDir {
    /// The layout below `root`.
    #[must_use]
    pub fn at(root: PathBuf) -> Self {
        Self { root }
    }

    /// The layout below `data`, or below this user's own data directory when none is given. Nothing is made yet.
    ///
    /// # Errors
    /// [`StartError::Failed`] when this user has no home directory, or the path cannot be made absolute.
    pub fn resolve(data: Option<&Path>) -> Result<Self, StartError> {
        let root = match data {
            Some(path) => std::path::absolute(path).map_err(|error| {
                StartError::failed(format!("the data directory {}", path.display()), error)
            })?,
            None => directories::ProjectDirs::from("", "", "Lanyard")
                .map(|dirs| dirs.data_local_dir().to_owned())
                .ok_or_else(|| {
                    StartError::failed("the data directory", "this user has no home directory; use --data")
                })?,
        };
        Ok(Self { root })
    }

    /// Makes the directories, for their owner only. One that others on this computer could look into is closed to
    /// them, with a warning in the log.
    ///
    /// # Errors
    /// [`StartError::Failed`] when the disk refuses.
    pub fn create(&self) -> Result<(), StartError> {
        if self.is_open_to_others() {
            tracing::warn!(
                "others on this computer could look into the data directory; it is closed to them now"
            );
        }
        for dir in [self.root.clone(), self.spool(), self.uploads(), self.logs()] {
            own_dir(&dir).map_err(|error| {
                StartError::failed(format!("cannot use the directory {}", dir.display()), error)
            })?;
        }
        Ok(())
    }

    /// Whether others on this computer may look into it.
    pub(crate) fn is_open_to_others(&self) -> bool {
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::metadata(&self.root).is_ok_and(|about| about.permissions().mode() & 0o077 != 0)
        }
        #[cfg(not(unix))]
        {
            // The user's own data directory is closed to others by what it inherits.
            false
        }
    }

    /// The directory itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The SQLite file.
    #[must_use]
    pub fn store(&self) -> PathBuf {
        self.root.join("lanyard.db")
    }

    /// Documents on their way to paper, in both directions.
    #[must_use]
    pub fn spool(&self) -> PathBuf {
        self.root.join("spool")
    }

    /// Files a browser has sent.
    #[must_use]
    pub fn uploads(&self) -> PathBuf {
        self.root.join("uploads")
    }

    /// Log files.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    /// The lock of the one node that may use this directory.
    #[must_use]
    pub fn lock(&self) -> PathBuf {
        self.root.join("node.lock")
    }

    /// The socket on which this computer's front ends reach the node (Unix).
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.root.join("node.sock")
    }
}

/// Where copied files go unless said otherwise: beside the other data when that has a place of its own, so that
/// two nodes of one user do not mix; else where this user's downloads go.
pub(crate) fn downloads(config: &Config, data: &DataDir) -> PathBuf {
    let beside = data.root().join("downloads");
    if config.data.is_some() {
        return beside;
    }
    let Some(dirs) = directories::UserDirs::new() else { return beside };
    dirs.download_dir().map_or_else(|| dirs.home_dir().join("Downloads"), Path::to_owned)
}

/// Makes a directory that only its owner may look into; takes others' rights away from one that is there.
pub(crate) fn own_dir(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

#[cfg(all(test, unix))]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_directory_that_others_could_look_into_is_closed_to_them() {
        let dir = tempfile::tempdir().unwrap();
        let data = DataDir::at(dir.path().join("data"));
        fs::create_dir(data.root()).unwrap();
        fs::set_permissions(data.root(), fs::Permissions::from_mode(0o755)).unwrap();
        assert!(data.is_open_to_others());
        data.create().unwrap();
        assert!(!data.is_open_to_others());
        assert_eq!(fs::metadata(data.root()).unwrap().permissions().mode() & 0o777, 0o700);
    }
}
