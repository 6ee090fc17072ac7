//! What a shared folder is on: a disk that stays, a drive that comes and goes, or a disc. A drive and a disc are told
//! apart from others, so that only the one that was shared is served when it is in.

use super::{Entry, Shares, changed, internal};
use crate::{Core, confine, discs};
use lanyard_api::{ApiError, ErrorCode, Grant, Millis, Share, ShareKind};
use lanyard_drive::{
    disc::DiscError,
    offer::{Medium, Mount, disc},
};
use lanyard_trust::ShareId;
use serde::{Deserialize, Serialize};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// As it is written down.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "on", rename_all = "snake_case")]
pub(super) enum Behind {
    /// A disk that stays.
    #[default]
    Fixed,
    /// The drive with this id.
    Drive { id: String },
    /// The disc with this id.
    Disc { id: String },
}

impl Behind {
    /// What is known of it before anybody has looked.
    pub(super) fn unseen(&self) -> Medium {
        match self {
            Self::Fixed => Medium::Fixed,
            Self::Drive { .. } => Medium::Drive(None),
            Self::Disc { .. } => Medium::Disc(None),
        }
    }

    pub(super) fn kind(&self) -> ShareKind {
        if matches!(self, Self::Disc { .. }) { ShareKind::Disc } else { ShareKind::Folder }
    }

    /// Whether it is in now, and by what that is known from now on. `last` is what was found the last time and by what
    /// that was known: a disc is read only when something has changed. Blocks.
    pub(super) fn look(&self, target: &Path, last: &(Medium, Option<String>)) -> (Medium, Option<String>) {
        match self {
            Self::Fixed => (Medium::Fixed, None),
            Self::Drive { id } => {
                // The mount is asked for first: when another takes its place in between, what is told is the old one.
                let mount = Mount::of(target);
                let is_it = discs::medium_of(target).is_some_and(|found| found == *id);
                (Medium::Drive(mount.filter(|_| is_it)), None)
            }
            Self::Disc { id } => {
                let Some(stamp) = discs::stamp(target) else { return (Medium::Disc(None), None) };
                if last.1.as_deref() == Some(&stamp) {
                    return last.clone();
                }
                let found =
                    disc::look(target).ok().map(|found| found.id).filter(|found| found.to_string() == *id);
                (Medium::Disc(found), Some(stamp))
            }
        }
    }
}

/// What a folder that is to be shared is on. Blocks.
pub(super) fn of_folder(path: &Path) -> (Behind, Medium) {
    match discs::medium_of(path) {
        Some(id) => (Behind::Drive { id }, Medium::Drive(Mount::of(path))),
        None => (Behind::Fixed, Medium::Fixed),
    }
}

/// Offers a disc: an image, or what is in an optical drive.
///
/// # Errors
/// `not_found`, `unreadable`, `invalid`, `exists`, `not_available` for a confined node.
pub async fn share_disc(
    core: &Arc<Core>,
    source: String,
    name: Option<String>,
    audience: Vec<Grant>,
    until: Option<Millis>,
) -> Result<Share, ApiError> {
    if !confine::allows(Path::new(&source)) {
        let detail = "This node is confined to the folders it was started with. Start it again with --allow and the folder of this image.";
        return Err(ApiError::new(ErrorCode::NotAvailable, detail));
    }
    let checked = tokio::task::spawn_blocking(move || check(&source));
    let (path, found, own) = checked.await.map_err(internal)??;
    let name = name.unwrap_or(own);
    let mut entry = Entry::new(ShareKind::Folder, &name, path, audience, until, (&core.clock, &core.circle))?;
    entry.policy.write = false;
    entry.behind = Behind::Disc { id: found.id.to_string() };
    entry.medium = Medium::Disc(Some(found.id));
    let share = core.shares.add(entry).await?;
    tracing::info!(share = %share.id, scrambled = found.scrambled, "a disc is shared");
    changed(core);
    Ok(share)
}

fn check(source: &str) -> Result<(String, disc::Found, String), ApiError> {
    let given = Path::new(source);
    if !given.is_absolute() {
        return Err(ApiError::new(ErrorCode::Invalid, format!("“{source}” is not an absolute path.")));
    }
    let path = given.canonicalize().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            ApiError::new(ErrorCode::NotFound, format!("There is no “{source}”."))
        }
        _ => ApiError::new(ErrorCode::Unreadable, format!("“{source}” cannot be read: {error}.")),
    })?;
    let found = disc::look(&path).map_err(|error| words(source, &error))?;
    let text = path.to_str().map(str::to_owned);
    let text = text.ok_or_else(|| ApiError::new(ErrorCode::Invalid, "The path is not valid Unicode."))?;
    let stem = path.file_stem().map_or_else(|| "Disc".to_owned(), |stem| stem.to_string_lossy().into_owned());
    let name = lanyard_trust::names::clean(&found.label).unwrap_or(stem);
    Ok((text, found, name))
}

/// Why a disc cannot be shared, in words for people.
fn words(source: &str, error: &DiscError) -> ApiError {
    match error {
        DiscError::Io(error) if error.kind() == std::io::ErrorKind::InvalidInput => ApiError::new(
            ErrorCode::Invalid,
            format!(
                "“{source}” is neither the image of a disc nor an optical drive. A folder is shared as a folder."
            ),
        ),
        DiscError::Io(error) => ApiError::new(
            ErrorCode::Unreadable,
            format!(
                "The disc in “{source}” cannot be read ({error}). An audio CD has no files to share, and a film that is protected can only be played."
            ),
        ),
        DiscError::Unknown => ApiError::new(
            ErrorCode::Invalid,
            format!(
                "There is nothing in “{source}” that is a disc with files: it is neither ISO 9660 nor UDF."
            ),
        ),
        error => ApiError::new(ErrorCode::Invalid, format!("“{source}” cannot be shared: {error}.")),
    }
}

/// Where the shared folders and discs are.
pub(crate) fn targets(core: &Core) -> Vec<(ShareId, PathBuf)> {
    let table = core.shares.read();
    let folders = table.iter().filter(|(_, entry)| entry.kind == ShareKind::Folder);
    folders.map(|(id, entry)| (id.clone(), PathBuf::from(&entry.target))).collect()
}

/// Serves nothing from these any more, although what they are on is still in, until that has been out; or again.
pub(crate) fn let_go(core: &Core, shares: &[ShareId], let_go: bool) {
    {
        let mut table = core.shares.write();
        for id in shares {
            if let Some(entry) = table.get_mut(id) {
                entry.left = let_go.then_some(entry.medium);
                if let_go {
                    (entry.available, entry.medium) = (false, entry.behind.unseen());
                } else {
                    entry.stamp = None;
                }
            }
        }
    }
    changed(core);
}

impl Shares {
    /// Looks at what is shared at once.
    pub(crate) fn look_soon(&self) {
        self.changed.notify_one();
    }
}
