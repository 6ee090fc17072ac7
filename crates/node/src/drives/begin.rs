//! Copies that begin: from a drive to here, from here to a drive or to a person's inbox.
//!
//! Where what is copied goes, and whether a name is taken there, is settled here; the copy itself is `lanyard-drive`'s.

use super::{api_transfer, convert, places, refused, remote, remote_path, shown, what_is};
use crate::{
    Core,
    presence::{self, RemoteShare},
};
use lanyard_api::{ApiError, Conflict, Document, Entry, ErrorCode, Transfer};
use lanyard_drive::{
    consume::{self, BeginError, NewDownload, NewUpload, RemoteError},
    path::{self, SharePath},
    wire::{Code, IMAGE, Kind, Stat},
};
use lanyard_trust::{NodeId, ShareId};
use std::{path::PathBuf, sync::Arc};

/// Begins a download.
///
/// # Errors
/// `not_found`, `ambiguous`, `peer_unreachable`, `not_allowed`, `invalid` for a folder or a special file, `exists`
/// when the name is taken here, `unreadable` when the place cannot be used.
pub async fn get(
    core: &Arc<Core>,
    drive: &str,
    path: String,
    dest: Option<String>,
    conflict: Conflict,
) -> Result<Transfer, ApiError> {
    let share = presence::find_drive(core, drive)?;
    let path = remote_path(&path)?;
    let there = what_is(core, &share, &path).await?;
    // All of a drive is called as the drive is.
    let name = path.name().unwrap_or(&share.name);
    let (folder, name) = places::destination(&core.downloads, dest, path::local_name(name)).await?;
    let tree = there.kind == Kind::Folder;
    let new = NewDownload {
        node: share.node,
        device_name: share.device_name,
        share: share.share,
        drive: share.name,
        tree,
        size: (!tree).then_some(there.size),
        path,
        folder,
        name,
        conflict: convert::conflict(conflict),
    };
    core.drives.transfers.download(new).await.map(|copy| api_transfer(&copy)).map_err(not_begun)
}

/// What has the name in the downloads folder that a download would get.
///
/// # Errors
/// `not_found` when the name is free or there is no such drive, `ambiguous`, `invalid`, `unreadable`.
pub async fn entry_here(core: &Arc<Core>, drive: &str, path: &str) -> Result<Entry, ApiError> {
    let share = presence::find_drive(core, drive)?;
    let path = remote_path(path)?;
    let name = path::local_name(path.name().unwrap_or(&share.name));
    let (folder, name) = places::destination(&core.downloads, None, name).await?;
    places::entry(&folder, name).await
}

/// Begins to copy a whole disc as it is.
///
/// # Errors
/// As [`get`]; `invalid` for what is no disc.
pub async fn save_image(
    core: &Arc<Core>,
    drive: &str,
    dest: Option<String>,
    conflict: Conflict,
) -> Result<Transfer, ApiError> {
    let share = presence::find_drive(core, drive)?;
    let words = || format!("“{}” is not a disc, so there is no image of it.", share.name);
    let path = SharePath::top().join(IMAGE).map_err(|_| ApiError::new(ErrorCode::Invalid, words()))?;
    let there = what_is(core, &share, &path).await.map_err(|error| match error.code {
        ErrorCode::NotFound => ApiError::new(ErrorCode::Invalid, words()),
        _ => error,
    })?;
    let name = path::local_name(&format!("{}.iso", share.name));
    let (folder, name) = places::destination(&core.downloads, dest, name).await?;
    let new = NewDownload {
        node: share.node,
        device_name: share.device_name,
        share: share.share,
        drive: share.name,
        tree: false,
        size: Some(there.size),
        path,
        folder,
        name,
        conflict: convert::conflict(conflict),
    };
    core.drives.transfers.download(new).await.map(|copy| api_transfer(&copy)).map_err(not_begun)
}

/// Begins an upload.
///
/// # Errors
/// `not_found`, `ambiguous`, `peer_unreachable`, `not_allowed`, `invalid` for a name that not every system can hold,
/// `exists` when the name is taken there, `unreadable` when the file cannot be read.
pub async fn put(
    core: &Arc<Core>,
    document: Document,
    drive: &str,
    path: String,
    conflict: Conflict,
    replaces: Option<String>,
) -> Result<Transfer, ApiError> {
    let places::Source { path: source, name, size } = places::source(core, &document).await?;
    let share = presence::find_drive(core, drive)?;
    let target = target(core, &share, &path, &name, (conflict, replaces.as_deref()), size.is_none()).await?;
    let owns_source = matches!(document, Document::Upload { .. });
    let source = if owns_source { places::take_over(source, &core.drives.outgoing).await? } else { source };
    let new = NewUpload {
        node: share.node,
        device_name: share.device_name,
        share: share.share,
        drive: share.name,
        source,
        tree: size.is_none(),
        size,
        path: target,
        conflict: convert::conflict(conflict),
        seen: replaces,
        owns_source,
    };
    core.drives.transfers.upload(new).await.map(|copy| api_transfer(&copy)).map_err(not_begun)
}

/// A file or folder of this computer that is sent somewhere.
pub(crate) struct Outgoing {
    path: PathBuf,
    name: String,
    size: u64,
    tree: bool,
    /// A browser's upload.
    upload: bool,
}

impl Outgoing {
    /// Looks at it: what it is and how large.
    pub(crate) async fn look(core: &Core, document: &Document) -> Result<Self, ApiError> {
        let places::Source { path, name, size } = places::source(core, document).await?;
        let upload = matches!(document, Document::Upload { .. });
        let tree = size.is_none();
        let size = match size {
            Some(size) => size,
            None => places::size_of_tree(path.clone()).await?,
        };
        Ok(Self { path, name: path::portable_name(&name), size, tree, upload })
    }
}

/// Looks again at what was to be sent by a copy that has ended.
pub(crate) async fn look_again(core: &Core, copy: &consume::Transfer) -> Result<Outgoing, ApiError> {
    let path = copy.local_path.to_string_lossy().into_owned();
    let upload = copy.local_path.starts_with(&core.drives.outgoing);
    let name = copy.remote_path.clone();
    let found = Outgoing::look(core, &Document::Path { path }).await?;
    Ok(Outgoing { name, upload, ..found })
}

/// What the inbox is called in the history of copies.
const INBOX: &str = "Inbox";

/// Begins to send something to a person's inbox.
pub(crate) async fn hand_over(
    core: &Core,
    one: Outgoing,
    node: NodeId,
    device_name: &str,
    share: &ShareId,
) -> Result<Transfer, ApiError> {
    let invalid = |error: path::PathError| ApiError::new(ErrorCode::Invalid, format!("{error}."));
    let source = match one.upload {
        true => places::take_over(one.path, &core.drives.outgoing).await?,
        false => one.path,
    };
    let new = NewUpload {
        node,
        device_name: device_name.to_owned(),
        share: share.clone(),
        drive: INBOX.to_owned(),
        source,
        tree: one.tree,
        size: Some(one.size),
        path: SharePath::top().join(&one.name).map_err(invalid)?,
        conflict: consume::Conflict::KeepBoth,
        seen: None,
        owns_source: one.upload,
    };
    core.drives.transfers.upload(new).await.map(|copy| api_transfer(&copy)).map_err(not_begun)
}

/// Where a file goes: into a folder that is there, or to a name that is not.
async fn target(
    core: &Core,
    share: &RemoteShare,
    text: &str,
    name: &str,
    (conflict, replaces): (Conflict, Option<&str>),
    tree: bool,
) -> Result<SharePath, ApiError> {
    let invalid = |error: path::PathError| ApiError::new(ErrorCode::Invalid, format!("{error}."));
    let mut path = remote_path(text)?;
    let mut there = stat_if_there(core, share, &path).await?;
    let folder_meant = path.is_top() || text.ends_with('/');
    if there.as_ref().is_some_and(|stat| stat.kind == Kind::Folder) {
        path = path.join(name).map_err(invalid)?;
        there = stat_if_there(core, share, &path).await?;
    } else if folder_meant {
        let words = format!("There is no folder “{path}” in {}.", share.name);
        return Err(ApiError::new(ErrorCode::NotFound, words));
    }
    path.check_new_name().map_err(invalid)?;
    let seen = |stat: &Stat| replaces.is_none_or(|seen| stat.etag.as_deref() == Some(seen));
    let taken = match there.map(|stat| (seen(&stat), stat.kind)) {
        None => false,
        // It is another version by now: asked again.
        Some((false, _)) if conflict == Conflict::Replace => true,
        Some((_, Kind::File)) if !tree => matches!(conflict, Conflict::Refuse | Conflict::Skip),
        // What is in a folder is settled file by file.
        Some((_, Kind::Folder)) if tree => conflict == Conflict::Refuse,
        Some(_) => conflict != Conflict::KeepBoth,
    };
    if taken {
        let words = format!("“{path}” is there already on {}.", share.device_name);
        return Err(ApiError::new(ErrorCode::Exists, words));
    }
    Ok(path)
}

async fn stat_if_there(core: &Core, share: &RemoteShare, path: &SharePath) -> Result<Option<Stat>, ApiError> {
    match remote(core, share).stat(path).await {
        Ok(stat) if !stat.writable => {
            Err(refused(&RemoteError::Refused(Code::NotAllowed), &share.device_name, &shown(path, share)))
        }
        Ok(stat) => Ok(Some(stat)),
        Err(RemoteError::Refused(Code::NotFound)) if !path.is_top() => Ok(None),
        Err(error) => Err(refused(&error, &share.device_name, &shown(path, share))),
    }
}

fn not_begun(error: BeginError) -> ApiError {
    let code = match &error {
        BeginError::Exists(_) => ErrorCode::Exists,
        BeginError::BadPath(_) => ErrorCode::Invalid,
        BeginError::Store(lanyard_store::StoreError::Full) => ErrorCode::DiskFull,
        BeginError::Store(_) => ErrorCode::Internal,
    };
    ApiError::new(code, format!("{error}."))
}
