//! Changes to drives of others, one at a time, for front ends.

use super::{refused, remote, remote_path, shown};
use crate::{
    Core,
    presence::{self, RemoteShare},
};
use lanyard_api::{ApiError, Binned, Conflict, EntryKind, ErrorCode, Response};
use lanyard_drive::{
    consume::{
        RemoteError,
        remote::{Taken, Terms, Which},
    },
    path::{self, SharePath},
    wire::{Code, Kind},
};
use std::sync::Arc;

/// More things of one name than anybody keeps.
const MOST: u32 = 1_000;

/// Makes a folder.
///
/// # Errors
/// `not_found`, `ambiguous`, `peer_unreachable`, `not_allowed`, `exists`, `invalid`.
pub async fn make_folder(core: &Core, drive: &str, path: &str) -> Result<(), ApiError> {
    let share = presence::find_drive(core, drive)?;
    let path = named(path)?;
    let made = remote(core, &share).make_folder(&path, Terms::settled()).await;
    match made.map(|_| ()).map_err(|error| explain(&error, &share, &path)) {
        Err(error) => Err(or_no_folder(core, &share, &path, error).await),
        made => made,
    }
}

/// The versions that a move is meant for, as entity tags; none means any.
#[derive(Clone, Copy)]
pub struct Only<'a> {
    /// Of what is moved.
    pub moved: Option<&'a str>,
    /// Of what it replaces.
    pub replaced: Option<&'a str>,
}

/// Moves or renames.
///
/// # Errors
/// As [`make_folder`].
pub async fn rename(
    core: &Core,
    drive: &str,
    path: &str,
    to: &str,
    conflict: Conflict,
    only: Only<'_>,
) -> Result<Response, ApiError> {
    let share = presence::find_drive(core, drive)?;
    let (path, remote) = (named(path)?, remote(core, &share));
    let to = target(core, &share, to, &path).await?;
    let terms = || Terms { if_match: only.moved, replaces: only.replaced, ..Terms::settled() };
    let remote = &remote;
    let place = |path, to, taken| async move { remote.rename(&path, &to, taken, terms()).await.map(|_| 0) };
    match placed(&share, &path, &to, conflict, place).await {
        Err(error) => Err(or_no_folder(core, &share, &to, error).await),
        placed => placed,
    }
}

/// Copies on the side of the owner.
///
/// # Errors
/// As [`make_folder`].
pub async fn copy(
    core: &Core,
    drive: &str,
    path: &str,
    to: &str,
    conflict: Conflict,
    replaces: Option<&str>,
) -> Result<Response, ApiError> {
    let share = presence::find_drive(core, drive)?;
    let (path, remote) = (named(path)?, remote(core, &share));
    let to = target(core, &share, to, &path).await?;
    let terms = || Terms { replaces, ..Terms::settled() };
    let remote = &remote;
    let place = |path, to, taken| async move {
        remote.copy(&path, &to, taken, terms()).await.map(|copied| copied.left_out)
    };
    match placed(&share, &path, &to, conflict, place).await {
        Err(error) => Err(or_no_folder(core, &share, &to, error).await),
        placed => placed,
    }
}

/// Why something did not get a path: the folder it was to be in may be what is not there.
async fn or_no_folder(core: &Core, share: &RemoteShare, to: &SharePath, error: ApiError) -> ApiError {
    let folder = to.split_last().and_then(|(folder, _)| SharePath::parse(&folder.join("/")).ok());
    let (Some(folder), ErrorCode::NotFound) = (folder.filter(|folder| !folder.is_top()), error.code) else {
        return error;
    };
    match remote(core, share).stat(&folder).await {
        Err(RemoteError::Refused(Code::NotFound)) => {
            let words = format!("There is no folder “{folder}” in {}.", share.name);
            ApiError::new(ErrorCode::NotFound, words)
        }
        _ => error,
    }
}

/// Places something under a name or, when that is taken and both are to be kept, under the first of its numbers that is
/// free. `place` gets what is placed, where to, and what becomes of what is there; it tells how much it left out.
async fn placed<F: Future<Output = Result<u64, RemoteError>>>(
    share: &RemoteShare,
    path: &SharePath,
    to: &SharePath,
    conflict: Conflict,
    place: impl Fn(SharePath, SharePath, Taken) -> F,
) -> Result<Response, ApiError> {
    let (taken, tries) = ways(conflict);
    for number in 1..=tries {
        let to = with_number(to, number)?;
        match place(path.clone(), to.clone(), taken).await {
            Ok(left_out) => return Ok(Response::Placed { path: to.to_string(), left_out }),
            Err(RemoteError::Refused(Code::Exists)) => {}
            Err(error) => return Err(explain(&error, share, path)),
        }
    }
    Err(explain(&RemoteError::Refused(Code::Exists), share, to))
}

/// Removes something, into the bin of the drive.
///
/// # Errors
/// As [`make_folder`].
pub async fn remove(
    core: &Core,
    drive: &str,
    path: &str,
    if_match: Option<&str>,
) -> Result<Response, ApiError> {
    let share = presence::find_drive(core, drive)?;
    let path = named(path)?;
    let terms = Terms { if_match, ..Terms::settled() };
    let removed = remote(core, &share).remove(&path, Which::Any, true, terms).await;
    removed
        .map(|removed| Response::Removed { bin: removed.id })
        .map_err(|error| explain(&error, &share, &path))
}

/// What was removed from a drive, newest first.
///
/// # Errors
/// As [`make_folder`].
pub async fn bin(core: &Core, drive: &str) -> Result<Vec<Binned>, ApiError> {
    let share = presence::find_drive(core, drive)?;
    let bin = remote(core, &share).bin().await;
    let bin = bin.map_err(|error| explain(&error, &share, &SharePath::top()))?;
    let by = |node| match node == core.identity.node_id() {
        true => crate::status::name(&core.settings),
        false => core.presence.name_of(&node),
    };
    let shown = |thing: lanyard_drive::wire::Binned| Binned {
        kind: match thing.kind {
            Kind::File => EntryKind::File,
            Kind::Folder => EntryKind::Folder,
            Kind::Other => EntryKind::Other,
        },
        removed_by: thing.removed_by.parse().ok().map(by),
        id: thing.id,
        path: thing.path,
        size: thing.size,
        removed_at: thing.removed_at,
    };
    Ok(bin.things.into_iter().map(shown).collect())
}

/// Puts something back.
///
/// # Errors
/// As [`make_folder`].
pub async fn restore(core: &Core, drive: &str, id: &str, to: Option<String>) -> Result<Response, ApiError> {
    let share = presence::find_drive(core, drive)?;
    let to = to.as_deref().map(named).transpose()?;
    let restored = remote(core, &share).restore(id, to.as_ref(), Terms::settled()).await;
    let restored = restored.map_err(|error| binned(&error, &share, id))?;
    Ok(Response::Placed { path: restored.path, left_out: 0 })
}

/// Removes something from the bin for good.
///
/// # Errors
/// As [`make_folder`].
pub async fn forget(core: &Core, drive: &str, id: &str) -> Result<(), ApiError> {
    let share = presence::find_drive(core, drive)?;
    let gone = remote(core, &share).forget(id, Terms::settled()).await;
    gone.map(|_| ()).map_err(|error| binned(&error, &share, id))
}

/// A path below the top.
fn named(text: &str) -> Result<SharePath, ApiError> {
    let path = remote_path(text)?;
    if path.is_top() {
        return Err(ApiError::new(ErrorCode::Invalid, "That is the drive itself; name something in it."));
    }
    Ok(path)
}

/// Into a folder that is there, or to a name.
async fn target(core: &Core, share: &RemoteShare, to: &str, from: &SharePath) -> Result<SharePath, ApiError> {
    let path = remote_path(to)?;
    let folder_meant = path.is_top() || to.ends_with('/');
    let stat = async |path: &SharePath| match remote(core, share).stat(path).await {
        Ok(stat) => Ok(Some(stat)),
        Err(RemoteError::Refused(Code::NotFound)) => Ok(None),
        Err(error) => Err(explain(&error, share, path)),
    };
    if path.names().len() > from.names().len() && path.names().starts_with(from.names()) {
        return Err(ApiError::new(ErrorCode::Invalid, "A folder cannot be put into itself."));
    }
    let there = stat(&path).await?;
    // Its own name in other letters is no folder to go into, where both are one.
    let is_itself = path.folded() == from.folded()
        && there.is_some()
        && stat(from).await?.map(|stat| stat.object) == there.as_ref().map(|stat| stat.object.clone());
    match there.map(|stat| stat.kind) {
        Some(Kind::Folder) if !is_itself => path
            .join(from.name().unwrap_or_default())
            .map_err(|error| ApiError::new(ErrorCode::Invalid, format!("{error}."))),
        _ if folder_meant => {
            let words = format!("There is no folder “{path}” in {}.", share.name);
            Err(ApiError::new(ErrorCode::NotFound, words))
        }
        _ => Ok(path),
    }
}

/// How a taken name is dealt with, and how many names are tried.
fn ways(conflict: Conflict) -> (Taken, u32) {
    match conflict {
        // Of a single thing nothing is left to go on with when it is skipped.
        Conflict::Refuse | Conflict::Skip => (Taken::Refuse, 1),
        Conflict::KeepBoth => (Taken::Refuse, MOST),
        Conflict::Replace => (Taken::Bin, 1),
    }
}

fn with_number(path: &SharePath, number: u32) -> Result<SharePath, ApiError> {
    path.with_name(&path::numbered(path.name().unwrap_or_default(), number))
        .map_err(|error| ApiError::new(ErrorCode::Invalid, format!("{error}.")))
}

fn explain(error: &RemoteError, share: &RemoteShare, path: &SharePath) -> ApiError {
    refused(error, &share.device_name, &shown(path, share))
}

fn binned(error: &RemoteError, share: &RemoteShare, id: &str) -> ApiError {
    match error {
        RemoteError::Refused(Code::NotFound) => ApiError::new(
            ErrorCode::NotFound,
            format!(
                "There is no “{id}” in the bin of {}; it may have been put back, or was too old.",
                share.name
            ),
        ),
        error => refused(error, &share.device_name, id),
    }
}

/// Every now and then removes what has been in the bins of this computer's shares for long enough.
pub(super) fn start(core: &Arc<Core>) {
    const EVERY: std::time::Duration = std::time::Duration::from_secs(6 * 3_600);
    let swept = Arc::clone(core);
    core.tasks.spawn(async move {
        let mut round = tokio::time::interval(EVERY);
        loop {
            tokio::select! {
                () = swept.cancel.cancelled() => return,
                _ = round.tick() => {}
            }
            let folders = crate::shares::folders_that_are_in(&swept);
            let work = move || folders.iter().for_each(|root| lanyard_drive::offer::Offer::sweep_bin(root));
            if tokio::task::spawn_blocking(work).await.is_err() {
                return;
            }
        }
    });
}
