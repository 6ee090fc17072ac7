//! Copies as they are asked for.

use super::{Held, Transfers, now, seen_here};
use crate::{
    consume::{
        journal::{self, Row},
        transfer::{Conflict, Direction, State, Transfer, Tree},
    },
    path::{self, SharePath},
};
use lanyard_store::StoreError;
use lanyard_trust::{NodeId, ShareId};
use std::{fs, path::PathBuf};
use uuid::Uuid;

/// A file or folder to copy to here.
#[derive(Clone, Debug)]
pub struct NewDownload {
    /// The device.
    pub node: NodeId,
    /// Its name, for people.
    pub device_name: String,
    /// The share.
    pub share: ShareId,
    /// Its name, for people.
    pub drive: String,
    /// The file or folder.
    pub path: SharePath,
    /// It is a folder.
    pub tree: bool,
    /// How large the file is, as far as known.
    pub size: Option<u64>,
    /// The existing folder it goes to; absolute.
    pub folder: PathBuf,
    /// The name it gets there.
    pub name: String,
    /// When that is taken.
    pub conflict: Conflict,
}

/// A file or folder to copy from here.
#[derive(Clone, Debug)]
pub struct NewUpload {
    /// The device.
    pub node: NodeId,
    /// Its name, for people.
    pub device_name: String,
    /// The share.
    pub share: ShareId,
    /// Its name, for people.
    pub drive: String,
    /// The file or folder; absolute.
    pub source: PathBuf,
    /// It is a folder.
    pub tree: bool,
    /// How large the file is, as far as known.
    pub size: Option<u64>,
    /// The path it gets there.
    pub path: SharePath,
    /// When that is taken.
    pub conflict: Conflict,
    /// The entity tag of what is replaced; none means what is there when the copy first looks.
    pub seen: Option<String>,
    /// The source is a file of ours that is removed when the copy is done or cancelled.
    pub owns_source: bool,
}

/// Why a copy does not begin.
#[derive(Debug, thiserror::Error)]
pub enum BeginError {
    /// The name is taken.
    #[error("{0} is there already")]
    Exists(PathBuf),
    /// A path that is not Unicode, or no path of a file that this system can hold.
    #[error("{0} is no path that can be used")]
    BadPath(PathBuf),
    /// It could not be written down.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Transfers {
    /// Begins a download: written down when this returns.
    ///
    /// # Errors
    /// [`BeginError`].
    pub async fn download(&self, new: NewDownload) -> Result<Transfer, BeginError> {
        let local_path = new.folder.join(&new.name);
        if SharePath::top().join(&new.name).is_err() {
            return Err(BeginError::BadPath(local_path));
        }
        // What is in a folder is settled file by file.
        let refuses = match new.conflict {
            Conflict::Refuse => true,
            Conflict::Skip => !new.tree,
            Conflict::KeepBoth | Conflict::Replace => false,
        };
        if refuses && fs::symlink_metadata(&local_path).is_ok() {
            return Err(BeginError::Exists(local_path));
        }
        let id = Uuid::new_v4();
        let mark: String = id.simple().to_string().chars().take(8).collect();
        let part = new.folder.join(path::part_name(&new.name, &mark));
        let transfer = Transfer {
            id,
            device_name: new.device_name,
            drive: new.drive,
            remote_path: new.path.to_string(),
            conflict: new.conflict,
            size: new.size,
            tree: new.tree.then(Tree::default),
            ..waiting(Direction::Download, new.node, new.share, local_path)
        };
        let part = (!new.tree).then_some(part);
        let seen = seen_here(transfer.conflict, &transfer.local_path).await;
        self.begin(Row { seen, ..Row::new(transfer, new.name, part, false) }).await
    }

    /// Begins an upload: written down when this returns.
    ///
    /// # Errors
    /// [`BeginError`].
    pub async fn upload(&self, new: NewUpload) -> Result<Transfer, BeginError> {
        let transfer = Transfer {
            device_name: new.device_name,
            drive: new.drive,
            remote_path: new.path.to_string(),
            conflict: new.conflict,
            size: new.size,
            tree: new.tree.then(Tree::default),
            ..waiting(Direction::Upload, new.node, new.share, new.source)
        };
        let wanted = new.path.name().unwrap_or_default().to_owned();
        self.begin(Row { seen: new.seen, ..Row::new(transfer, wanted, None, new.owns_source) }).await
    }

    async fn begin(&self, row: Row) -> Result<Transfer, BeginError> {
        let transfer = row.transfer.clone();
        if transfer.local_path.to_str().is_none() || !transfer.local_path.is_absolute() {
            return Err(BeginError::BadPath(transfer.local_path));
        }
        let saved = row.clone();
        self.inner.store.run(move |store| journal::save(store, &saved)).await?;
        self.inner.copies().insert(transfer.id, Held::new(row));
        (self.inner.changed)(&transfer);
        self.inner.spawn(transfer.id);
        Ok(transfer)
    }
}

/// A copy of which nothing has moved, and whose names are not said yet.
fn waiting(direction: Direction, node: NodeId, share: ShareId, local_path: PathBuf) -> Transfer {
    Transfer {
        id: Uuid::new_v4(),
        direction,
        node,
        device_name: String::new(),
        share,
        drive: String::new(),
        remote_path: String::new(),
        local_path,
        conflict: Conflict::Refuse,
        state: State::Waiting,
        reason: None,
        detail: None,
        size: None,
        bytes_done: 0,
        rate: 0,
        limit: None,
        sources: 0,
        tree: None,
        created_at: now(),
        ended_at: None,
    }
}
