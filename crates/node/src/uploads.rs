//! Files a browser has sent, until a request uses them.

use futures_util::{Stream, StreamExt};
use lanyard_api::{ApiError, ErrorCode};
use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};
use tokio::io::AsyncWriteExt;

/// An upload that nobody used within this time is removed.
const UNUSED: Duration = Duration::from_secs(60 * 60);

/// What stays free on the disk whatever a browser sends.
const RESERVE: u64 = 64 << 20;

/// How much is written between two looks at the free space.
const LOOK_EVERY: u64 = 16 << 20;

/// The uploads directory. An upload is a file named by a random id; unused ones are removed after an hour and at
/// every start.
pub struct Uploads {
    dir: PathBuf,
}

/// A whole upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Its id, for [`Uploads::path`].
    pub id: String,
    /// Its size in bytes.
    pub bytes: u64,
}

impl Uploads {
    /// In this directory.
    #[must_use]
    pub fn new(dir: PathBuf) -> Self {
        Self { dir }
    }

    /// The file behind an upload's id, or none. The id is checked to be one of ours before it touches a path.
    #[must_use]
    pub fn path(&self, id: &str) -> Option<PathBuf> {
        let id = uuid::Uuid::parse_str(id).ok()?;
        let path = self.dir.join(id.simple().to_string());
        path.is_file().then_some(path)
    }

    /// Writes an upload piece by piece; `announced` is the size that
    /// was told beforehand, if any. Nothing stays of an upload that does not end well.
    ///
    /// # Errors
    /// `disk_full`, `unreadable` when the disk refuses, `invalid` when it is not as long as announced, or what
    /// `pieces` says.
    pub async fn receive(
        &self,
        announced: Option<u64>,
        mut pieces: impl Stream<Item = Result<bytes::Bytes, ApiError>> + Send + Unpin,
    ) -> Result<Received, ApiError> {
        self.room_for(announced.unwrap_or(0))?;
        let id = uuid::Uuid::new_v4().simple().to_string();
        let part = Part(self.dir.join(format!("{id}.part")));
        let mut file = tokio::fs::File::create(&part.0).await.map_err(|e| unwritable(&e))?;
        let (mut bytes, mut looked_at) = (0_u64, 0_u64);
        while let Some(piece) = pieces.next().await {
            let piece = piece?;
            bytes += piece.len() as u64;
            if bytes - looked_at >= LOOK_EVERY {
                looked_at = bytes;
                self.room_for(0)?;
            }
            file.write_all(&piece).await.map_err(|e| unwritable(&e))?;
        }
        file.flush().await.map_err(|e| unwritable(&e))?;
        if announced.is_some_and(|announced| announced != bytes) {
            return Err(ApiError::new(ErrorCode::Invalid, "The upload ended early."));
        }
        tokio::fs::rename(&part.0, self.dir.join(&id)).await.map_err(|e| unwritable(&e))?;
        Ok(Received { id, bytes })
    }

    /// Removes uploads that nobody used for `age`; every one with a zero `age`.
    pub(crate) fn clean(&self, age: Duration) {
        let Ok(entries) = fs::read_dir(&self.dir) else { return };
        for entry in entries.flatten() {
            let modified = entry.metadata().and_then(|metadata| metadata.modified());
            let old = modified.is_ok_and(|modified| {
                SystemTime::now().duration_since(modified).is_ok_and(|passed| passed >= age)
            });
            if (old || age.is_zero())
                && let Err(error) = fs::remove_file(entry.path())
            {
                tracing::warn!(%error, "an old upload cannot be removed");
            }
        }
    }

    /// [`Uploads::clean`] for what is too old.
    pub(crate) fn clean_unused(&self) {
        self.clean(UNUSED);
    }

    fn room_for(&self, bytes: u64) -> Result<(), ApiError> {
        // A file system that does not tell its free space does not get a limit from here.
        let free = fs4::available_space(&self.dir).unwrap_or(u64::MAX);
        if bytes.saturating_add(RESERVE) > free {
            return Err(ApiError::new(
                ErrorCode::DiskFull,
                "There is not enough room on the disk for this file.",
            ));
        }
        Ok(())
    }
}

/// Removes what was begun unless it was renamed away.
struct Part(PathBuf);

impl Drop for Part {
    fn drop(&mut self) {
        remove_if_there(&self.0);
    }
}

fn remove_if_there(path: &Path) {
    if let Err(error) = fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(%error, "a broken upload cannot be removed");
    }
}

fn unwritable(error: &io::Error) -> ApiError {
    let code = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorCode::DiskFull,
        _ => ErrorCode::Unreadable,
    };
    ApiError::new(code, format!("The upload cannot be kept: {error}."))
}
