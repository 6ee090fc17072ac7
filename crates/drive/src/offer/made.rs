//! Folders that copies have made for themselves. A copy that did not hear the answer asks again, and must take neither the
//! folder that it has made for somebody else's nor somebody else's for its own: what it brings is mixed with nothing.
//!
//! The copy's UUID comes with the question ([`wire::ONCE`](crate::wire::ONCE)). What is remembered is in memory only: after
//! another start of this node the folder stays where it is, empty, and the copy makes one with the next number.

use super::confine;
use crate::{landing::Outcome, path::SharePath};
use lanyard_trust::NodeId;
use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use uuid::Uuid;

/// For so long a copy may ask again, as it may come back for half a file.
const REMEMBERED: Duration = Duration::from_secs(24 * 3_600);
/// The most folders, of all callers together.
const MOST: usize = 4_096;

/// Whose copy it is, and which.
pub(super) type Copy = (NodeId, Uuid);

#[derive(Default)]
pub(super) struct Made {
    folders: Mutex<VecDeque<One>>,
}

struct One {
    copy: Copy,
    folder: PathBuf,
    since: Instant,
}

/// Held while a folder is made: the same copy may be asking again on another connection.
pub(super) struct Making<'a> {
    folders: MutexGuard<'a, VecDeque<One>>,
    copy: Copy,
}

impl Made {
    /// A copy is about to make a folder for itself.
    pub(super) fn begin(&self, copy: Copy) -> Making<'_> {
        let mut folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        while folders.front().is_some_and(|one| one.since.elapsed() >= REMEMBERED) || folders.len() >= MOST {
            folders.pop_front();
        }
        Making { folders, copy }
    }
}

impl Making<'_> {
    /// What became of the folder. One that was there counts as made if this copy has made it and nothing is in it yet.
    pub(super) fn told(&mut self, root: &Path, path: &SharePath, outcome: Outcome) -> Outcome {
        let folder = root.join(path.to_path());
        match outcome {
            Outcome::Stored(_) => {
                self.folders.push_back(One { copy: self.copy, folder, since: Instant::now() });
                outcome
            }
            Outcome::Same if self.has_made(&folder) && is_empty(root, path) => Outcome::Stored(path.clone()),
            Outcome::Same | Outcome::Refused(_) => outcome,
        }
    }

    fn has_made(&self, folder: &Path) -> bool {
        self.folders.iter().any(|one| one.copy == self.copy && one.folder == folder)
    }
}

fn is_empty(root: &Path, path: &SharePath) -> bool {
    let entries = confine::open_dir(root, path.names()).and_then(|dir| Ok(dir.entries()?));
    entries.is_ok_and(|mut entries| entries.next().is_none())
}
