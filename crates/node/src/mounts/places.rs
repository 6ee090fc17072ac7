//! Where a drive may be mounted.

use super::kept::Place;
use crate::{Core, shares};
use lanyard_api::{ApiError, ErrorCode};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The place for a drive: the one that was asked for, or a folder in the home folder, where file managers show it.
pub(super) fn choose(
    home: Option<&Path>,
    asked: Option<String>,
    drive: &str,
    device: &str,
) -> Result<PathBuf, ApiError> {
    if let Some(asked) = asked {
        let dir = PathBuf::from(&asked);
        if dir.is_absolute() && !asked.contains('\0') {
            return Ok(dir);
        }
        return Err(ApiError::new(ErrorCode::Invalid, format!("“{asked}” is no absolute path.")));
    }
    let home = home.ok_or_else(|| {
        ApiError::new(ErrorCode::Invalid, "This user has no home folder; say where the drive is to appear.")
    })?;
    // A name that begins with a dot would be hidden there.
    let name = lanyard_drive::path::portable_name(&format!("{drive} on {device}"));
    Ok(home.join(name.trim_start_matches('.')))
}

/// Makes it if need be, and looks whether it can be used. Blocks on the disk.
pub(super) fn prepare(core: &Core, dir: &Path) -> Result<Place, ApiError> {
    let shown = dir.display();
    let made = match fs::create_dir(dir) {
        Ok(()) => true,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => false,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let words = format!("The folder that {shown} would be in does not exist.");
            return Err(ApiError::new(ErrorCode::NotFound, words));
        }
        Err(error) => return Err(ApiError::new(ErrorCode::Unreadable, format!("{shown}: {error}."))),
    };
    let checked = check(core, dir);
    if checked.is_err() && made {
        let _ = fs::remove_dir(dir);
    }
    checked.map(|dir| Place { dir, made })
}

/// Without links in the way to it, and without a look at the place itself, which could wait for the other device.
pub(super) fn real_place(dir: PathBuf) -> PathBuf {
    match (dir.parent().map(Path::canonicalize), dir.file_name()) {
        (Some(Ok(parent)), Some(name)) => parent.join(name),
        _ => dir,
    }
}

fn check(core: &Core, dir: &Path) -> Result<PathBuf, ApiError> {
    let shown = dir.display();
    let unreadable = |error: io::Error| ApiError::new(ErrorCode::Unreadable, format!("{shown}: {error}."));
    let real = dir.canonicalize().map_err(unreadable)?;
    let inside = |outer: &Path| outer.canonicalize().is_ok_and(|outer| real.starts_with(outer));
    // Others would reach through it what was offered to this computer.
    if shares::folders(core).iter().any(|share| inside(share)) {
        let words =
            format!("{shown} is in a folder that this computer shares. Choose a place outside of it.");
        return Err(ApiError::new(ErrorCode::Invalid, words));
    }
    if inside(core.data.root()) {
        return Err(ApiError::new(ErrorCode::Invalid, format!("{shown} is in Lanyard's own folder.")));
    }
    if fs::read_dir(&real).map_err(unreadable)?.next().is_some() {
        let words =
            format!("{shown} is not empty, and what is in it would be hidden. Choose an empty folder.");
        return Err(ApiError::new(ErrorCode::Invalid, words));
    }
    Ok(real)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn a_drive_appears_in_the_home_folder_under_a_name_that_is_not_hidden() {
        let home = Some(Path::new("/home/me"));
        let place = |drive: &str, device: &str| choose(home, None, drive, device).unwrap();
        assert_eq!(place("Music", "Anna"), Path::new("/home/me/Music on Anna"));
        assert_eq!(place("../x", "a/b"), Path::new("/home/me/%2Fx on a%2Fb"));
        assert!(choose(home, Some("relative".to_owned()), "Music", "Anna").is_err());
        assert!(choose(None, None, "Music", "Anna").is_err());
    }
}
