//! Which folders may be shared, and whether one is there.

use lanyard_api::{ApiError, ErrorCode};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// A folder that may be shared.
#[derive(Debug)]
pub(super) struct Checked {
    /// Its canonical path.
    pub path: String,
    /// Its own name.
    pub name: String,
    /// Free and total bytes of its disk.
    pub disk: Option<(u64, u64)>,
}

/// Checks a folder that the owner wants to share. Blocks on the disk.
///
/// Folders that hold more than anyone means to give away are refused: the top of the file system, the home
/// directory (with its keys and mail) and what is above it, the system's device trees, and the node's own data.
pub(super) fn check(path: &str, data: &Path, write: bool) -> Result<Checked, ApiError> {
    let given = Path::new(path);
    if !given.is_absolute() {
        return Err(ApiError::new(ErrorCode::Invalid, format!("“{path}” is not an absolute path.")));
    }
    let root = canonical(given).map_err(|error| unreachable(path, &error))?;
    if !root.is_dir() {
        return Err(ApiError::new(ErrorCode::Invalid, format!("“{path}” is not a folder.")));
    }
    if let Some(reason) = refusal(&root, data) {
        return Err(ApiError::new(ErrorCode::Invalid, format!("“{path}” cannot be shared: {reason}.")));
    }
    fs::read_dir(&root).map_err(|error| unreachable(path, &error))?;
    if write && !is_writable(&root) {
        let detail = format!("You may not write to “{path}” yourself, so others cannot be allowed to.");
        return Err(ApiError::new(ErrorCode::Unreadable, detail));
    }
    let Some(text) = root.to_str() else {
        return Err(ApiError::new(ErrorCode::Invalid, "The folder's path is not valid Unicode."));
    };
    let name =
        root.file_name().map_or_else(|| "Drive".to_owned(), |name| name.to_string_lossy().into_owned());
    Ok(Checked { path: text.to_owned(), name, disk: disk(&root) })
}

/// Whether the folder is there and can be read. Blocks on the disk.
pub(super) fn is_there(root: &Path) -> bool {
    fs::read_dir(root).is_ok()
}

/// Free and total bytes of the disk behind a folder. Blocks on the disk.
pub(super) fn disk(root: &Path) -> Option<(u64, u64)> {
    let stats = fs4::statvfs(root).ok()?;
    Some((stats.available_space(), stats.total_space()))
}

fn refusal(root: &Path, data: &Path) -> Option<&'static str> {
    if root.parent().is_none() && cfg!(unix) {
        return Some("it is the whole computer");
    }
    let home = directories::BaseDirs::new().and_then(|dirs| canonical(dirs.home_dir()).ok());
    if home.is_some_and(|home| home.starts_with(root)) {
        return Some(
            "it holds your whole home directory, with passwords and keys; choose a folder inside it",
        );
    }
    let data = canonical(data).unwrap_or_else(|_| data.to_owned());
    if root.starts_with(&data) || data.starts_with(root) {
        return Some("it holds Lanyard's own data, with this device's key");
    }
    if root.ancestors().any(is_data) {
        return Some("it holds the data of another Lanyard on this computer, with its key");
    }
    if lanyard_drive::offer::is_mounted_drive(root) {
        return Some("it is a drive of another computer, and not yours to offer");
    }
    let system = ["/proc", "/sys", "/dev"];
    if cfg!(unix) && system.iter().any(|system| root.starts_with(system)) {
        return Some("it belongs to the system");
    }
    None
}

/// Whether a folder is the data directory of a node.
fn is_data(folder: &Path) -> bool {
    ["node.key", "lanyard.db"].iter().all(|name| folder.join(name).exists())
}

fn unreachable(path: &str, error: &io::Error) -> ApiError {
    match error.kind() {
        io::ErrorKind::NotFound => {
            ApiError::new(ErrorCode::NotFound, format!("There is no folder “{path}”."))
        }
        io::ErrorKind::NotADirectory => {
            ApiError::new(ErrorCode::Invalid, format!("“{path}” is not a folder."))
        }
        _ => ApiError::new(ErrorCode::Unreadable, format!("“{path}” cannot be read: {error}.")),
    }
}

/// Without the `\\?\` that Windows puts before canonical paths and nobody wants to see.
fn canonical(path: &Path) -> io::Result<PathBuf> {
    let path = path.canonicalize()?;
    #[cfg(windows)]
    if let Some(plain) = path.to_str().and_then(|text| text.strip_prefix(r"\\?\"))
        && !plain.starts_with("UNC")
    {
        return Ok(PathBuf::from(plain));
    }
    Ok(path)
}

#[cfg(unix)]
pub(super) fn is_writable(root: &Path) -> bool {
    rustix::fs::access(root, rustix::fs::Access::WRITE_OK).is_ok()
}

#[cfg(not(unix))]
pub(super) fn is_writable(_root: &Path) -> bool {
    true // an ACL is not told in advance; the first write tells
}
