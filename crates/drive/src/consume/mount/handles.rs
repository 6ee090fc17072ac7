//! What programs have open: files, and folders that they read, each under the number that the kernel knows it by.

use super::{Part, Tree, open::Handle};
use crate::wire::Item;
use fuser::FileHandle;
use rustix::io::Errno;
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

#[derive(Default)]
pub(super) struct Handles {
    next: AtomicU64,
    files: Mutex<HashMap<u64, Arc<Handle>>>,
    folders: Mutex<HashMap<u64, Arc<tokio::sync::Mutex<Folder>>>>,
}

/// A folder that a program reads: what has come of it so far.
#[derive(Default)]
pub(super) struct Folder {
    /// Each with the moment at which it was asked for.
    entries: Vec<(Item, u64)>,
    next: Option<String>,
    begun: bool,
}

impl Handles {
    fn files(&self) -> MutexGuard<'_, HashMap<u64, Arc<Handle>>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn folders(&self) -> MutexGuard<'_, HashMap<u64, Arc<tokio::sync::Mutex<Folder>>>> {
        self.folders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn close_file(&self, handle: FileHandle) {
        self.files().remove(&handle.0);
    }

    pub(super) fn close_folder(&self, handle: FileHandle) {
        self.folders().remove(&handle.0);
    }

    pub(super) fn add_file(&self, handle: Handle) -> FileHandle {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.files().insert(number, Arc::new(handle));
        FileHandle(number)
    }

    pub(super) fn file(&self, handle: FileHandle) -> Result<Arc<Handle>, Errno> {
        self.files().get(&handle.0).cloned().ok_or(Errno::BADF)
    }

    pub(super) fn add_folder(&self) -> FileHandle {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.folders().insert(number, Arc::default());
        FileHandle(number)
    }

    pub(super) fn folder(&self, handle: FileHandle) -> Result<Arc<tokio::sync::Mutex<Folder>>, Errno> {
        self.folders().get(&handle.0).cloned().ok_or(Errno::BADF)
    }
}

/// What comes next in a folder.
pub(super) enum Entry {
    /// `.` or `..`.
    Itself(&'static str),
    /// With the moment at which it was asked for.
    Item(Item, u64),
}

impl Folder {
    /// The entry with this number. The folder is fetched as far as it is read.
    pub(super) async fn entry(&mut self, tree: &Tree, ino: u64, number: u64) -> Result<Option<Entry>, Errno> {
        let number = match number {
            0 => {
                // Read from the start again: as it is now.
                *self = Self::default();
                return Ok(Some(Entry::Itself(".")));
            }
            1 => return Ok(Some(Entry::Itself(".."))),
            more => usize::try_from(more - 2).unwrap_or(usize::MAX),
        };
        while number >= self.entries.len() && (!self.begun || self.next.is_some()) {
            let Part { entries, next, asked } = tree.page(ino, self.next.as_deref()).await?;
            self.begun = true;
            if entries.is_empty() && next == self.next {
                break; // a device that never comes to an end
            }
            self.entries.extend(entries.into_iter().map(|item| (item, asked)));
            self.next = next;
        }
        Ok(self.entries.get(number).cloned().map(|(item, asked)| Entry::Item(item, asked)))
    }
}
