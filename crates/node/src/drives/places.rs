//! Where copies come from and go to on this computer.

use super::unreadable;
use crate::Core;
use lanyard_api::{ApiError, Document, Entry, EntryKind, ErrorCode};
use lanyard_drive::{consume::Transfer, wire::TREE};
use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

/// The folder and the name of a download, as `cp` would have it: into a folder that is there, or to a name in one.
/// Without `dest` it is the downloads folder, made if need be.
pub(super) async fn destination(
    downloads: &Path,
    dest: Option<String>,
    name: String,
) -> Result<(PathBuf, String), ApiError> {
    let Some(dest) = dest else {
        tokio::fs::create_dir_all(downloads).await.map_err(|error| unreadable(downloads, &error))?;
        return Ok((downloads.to_owned(), name));
    };
    let path = absolute(&dest)?;
    if is_dir(&path).await {
        return Ok((path, name));
    }
    let no_folder = |path: &Path| {
        ApiError::new(ErrorCode::NotFound, format!("There is no folder {} on this computer.", path.display()))
    };
    if dest.ends_with(std::path::is_separator) {
        return Err(no_folder(&path));
    }
    let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
        return Err(no_folder(&path));
    };
    if is_dir(folder).await { Ok((folder.to_owned(), name.to_owned())) } else { Err(no_folder(folder)) }
}

/// What has a name in a folder of this computer; a link is told as such, and leads nowhere.
pub(super) async fn entry(folder: &Path, name: String) -> Result<Entry, ApiError> {
    let path = folder.join(&name);
    let metadata = tokio::fs::symlink_metadata(&path).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            ApiError::new(ErrorCode::NotFound, format!("{} is free.", path.display()))
        }
        _ => unreadable(&path, &error),
    })?;
    let (kind, size) = match metadata.file_type() {
        kind if kind.is_file() => (EntryKind::File, metadata.len()),
        kind if kind.is_dir() => (EntryKind::Folder, 0),
        _ => (EntryKind::Other, 0),
    };
    let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let modified = modified.and_then(|age| i64::try_from(age.as_millis()).ok());
    Ok(Entry { name, kind, size, modified, etag: None, misnamed: None })
}

fn absolute(text: &str) -> Result<PathBuf, ApiError> {
    let path = PathBuf::from(text);
    if path.is_absolute() && !text.contains('\0') {
        return Ok(path);
    }
    Err(ApiError::new(ErrorCode::Invalid, format!("“{text}” is no absolute path.")))
}

async fn is_dir(path: &Path) -> bool {
    tokio::fs::metadata(path).await.is_ok_and(|metadata| metadata.is_dir())
}

/// What is sent.
pub(super) struct Source {
    pub(super) path: PathBuf,
    pub(super) name: String,
    /// Bytes of a file; none for a folder.
    pub(super) size: Option<u64>,
}

/// The file or folder to send; checked to be one that can be read.
pub(super) async fn source(core: &Core, document: &Document) -> Result<Source, ApiError> {
    let (path, name) = match document {
        Document::Path { path } => {
            let path = absolute(path)?;
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
            (path, name)
        }
        Document::Upload { id, name } => {
            let gone = || ApiError::new(ErrorCode::NotFound, "The file that was sent is not there any more.");
            (core.uploads.path(id).ok_or_else(gone)?, name.clone())
        }
    };
    let metadata = tokio::fs::metadata(&path).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => ApiError::new(
            ErrorCode::NotFound,
            format!("There is no file {} on this computer.", path.display()),
        ),
        _ => unreadable(&path, &error),
    })?;
    if metadata.is_dir() {
        let listed = tokio::fs::read_dir(&path).await;
        listed.map(drop).map_err(|error| unreadable(&path, &error))?;
        return Ok(Source { path, name, size: None });
    }
    // Opening anything else (a pipe) could wait for ever.
    if !metadata.is_file() {
        return Err(ApiError::new(ErrorCode::Invalid, format!("{} is no ordinary file.", path.display())));
    }
    tokio::fs::File::open(&path).await.map_err(|error| unreadable(&path, &error))?;
    Ok(Source { path, name, size: Some(metadata.len()) })
}

/// Bytes of all files below a folder, as far as they can be seen; links are not followed.
pub(super) async fn size_of_tree(root: PathBuf) -> Result<u64, ApiError> {
    let count = move || {
        let (mut folders, mut bytes, mut names) = (vec![root], 0_u64, 0);
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                names += 1;
                if names > TREE {
                    return None;
                }
                match entry.metadata() {
                    Ok(metadata) if metadata.is_dir() => folders.push(entry.path()),
                    Ok(metadata) if metadata.is_file() => bytes = bytes.saturating_add(metadata.len()),
                    _ => {}
                }
            }
        }
        Some(bytes)
    };
    let counted = tokio::task::spawn_blocking(count).await;
    let counted = counted.map_err(|_| ApiError::new(ErrorCode::Stopping, "Lanyard is stopping."))?;
    let words = || format!("More than {TREE} files in a folder are too many. Copy its folders one by one.");
    counted.ok_or_else(|| ApiError::new(ErrorCode::Invalid, words()))
}

/// Takes a browser's upload out of the uploads, which are emptied at every start, into the copies' own folder.
pub(super) async fn take_over(upload: PathBuf, outgoing: &Path) -> Result<PathBuf, ApiError> {
    let outgoing = outgoing.to_owned();
    let moved = tokio::task::spawn_blocking(move || {
        make_private(&outgoing).map_err(|error| unreadable(&outgoing, &error))?;
        let own = outgoing.join(uuid::Uuid::new_v4().simple().to_string());
        fs::rename(&upload, &own).map_err(|error| unreadable(&upload, &error))?;
        Ok(own)
    });
    moved.await.map_err(|_| ApiError::new(ErrorCode::Stopping, "Lanyard is stopping."))?
}

fn make_private(dir: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(dir)
}

/// Removes what no copy needs: a crash may have come between the move and the row.
pub(super) fn sweep(outgoing: &Path, copies: &[Transfer]) {
    let needed: HashSet<&Path> = copies.iter().map(|copy| copy.local_path.as_path()).collect();
    for entry in fs::read_dir(outgoing).into_iter().flatten().flatten() {
        if !needed.contains(entry.path().as_path())
            && let Err(error) = fs::remove_file(entry.path())
        {
            tracing::warn!(%error, "a file that is not needed any more could not be removed");
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    async fn place(dest: Option<&Path>, downloads: &Path) -> Result<(PathBuf, String), ErrorCode> {
        let dest = dest.map(|dest| dest.to_str().unwrap().to_owned());
        destination(downloads, dest, "a.pdf".to_owned()).await.map_err(|error| error.code)
    }

    #[tokio::test]
    async fn a_download_goes_where_cp_would_put_it() {
        let dir = tempfile::tempdir().unwrap();
        let (here, downloads) = (dir.path(), dir.path().join("made/on/demand"));
        let file = |name: &str| name.to_owned();
        assert_eq!(place(None, &downloads).await, Ok((downloads.clone(), file("a.pdf"))));
        assert!(downloads.is_dir());
        assert_eq!(
            place(Some(here), &downloads).await,
            Ok((here.to_owned(), file("a.pdf"))),
            "into a folder"
        );
        let named = here.join("b.pdf");
        assert_eq!(place(Some(&named), &downloads).await, Ok((here.to_owned(), file("b.pdf"))), "to a name");
        assert_eq!(place(Some(&here.join("missing/")), &downloads).await, Err(ErrorCode::NotFound));
        assert_eq!(place(Some(&here.join("missing/b.pdf")), &downloads).await, Err(ErrorCode::NotFound));
        assert_eq!(place(Some(Path::new("relative")), &downloads).await, Err(ErrorCode::Invalid));
    }

    #[tokio::test]
    async fn what_has_a_name_here_is_told_and_a_free_name_is_not_found() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a.txt"), "four").unwrap();
        fs::create_dir(dir.path().join("album")).unwrap();
        let look = async |name: &str| entry(dir.path(), name.to_owned()).await;
        let file = look("a.txt").await.unwrap();
        assert_eq!((file.kind, file.size, file.modified.is_some()), (EntryKind::File, 4, true));
        assert_eq!(look("album").await.unwrap().kind, EntryKind::Folder);
        assert_eq!(look("free").await.unwrap_err().code, ErrorCode::NotFound);
    }

    #[test]
    fn only_what_no_copy_needs_is_swept_away() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("orphan"), "x").unwrap();
        sweep(dir.path(), &[]);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        sweep(&dir.path().join("missing"), &[]);
    }
}
