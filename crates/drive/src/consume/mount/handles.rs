//! What programs have open: files, and folders that they read, each under the number that the kernel knows it by.

use super::{Part, Tree, open::Handle};
use crate::wire::{self, Item};
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
    /// Names that were heard, and what stands for parts without one.
    heard: usize,
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
            self.take(tree.page(ino, self.next.as_deref()).await?)?;
        }
        Ok(self.entries.get(number).cloned().map(|(item, asked)| Entry::Item(item, asked)))
    }

    /// A device may be one that never comes to an end.
    fn take(&mut self, Part { entries, next, asked }: Part) -> Result<(), Errno> {
        self.heard += if entries.is_empty() { wire::PAGE } else { entries.len() };
        if self.heard > wire::TREE {
            tracing::warn!(most = wire::TREE, "a folder of a mounted drive has more names than can be shown");
            return Err(Errno::FBIG);
        }
        let goes_on = !entries.is_empty() || next != self.next;
        self.begun = true;
        self.entries.extend(entries.into_iter().map(|item| (item, asked)));
        self.next = next.filter(|_| goes_on);
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::wire::Kind;

    #[test]
    fn a_device_whose_list_never_ends_is_not_listened_to_for_ever() {
        let item = |number: usize| Item {
            name: number.to_string(),
            kind: Kind::File,
            size: 0,
            modified: None,
            executable: false,
            etag: None,
            misnamed: None,
        };
        let mut folder = Folder::default();
        let page = |folder: &mut Folder, begin: usize| {
            let entries = (begin..begin + wire::PAGE).map(item).collect();
            folder.take(Part { entries, next: Some(begin.to_string()), asked: 0 })
        };
        for begin in (0..wire::TREE).step_by(wire::PAGE) {
            page(&mut folder, begin).unwrap();
        }
        assert_eq!(page(&mut folder, wire::TREE), Err(Errno::FBIG));
        assert_eq!(folder.entries.len(), wire::TREE, "what is more than that is not kept");
    }

    #[test]
    fn a_device_that_has_nothing_to_say_again_and_again_is_not_asked_for_ever() {
        let mut folder = Folder::default();
        let nothing = |next: usize| Part { entries: Vec::new(), next: Some(next.to_string()), asked: 0 };
        folder.take(nothing(1)).unwrap();
        assert!(folder.next.is_some(), "all names of a part may be such as cannot be here");
        folder.take(nothing(1)).unwrap();
        assert_eq!(folder.next, None, "it is where it was");
        let endless = (2..).find(|next| folder.take(nothing(*next)).is_err());
        assert!(endless.is_some_and(|asked| asked <= wire::TREE / wire::PAGE), "{endless:?}");
    }
}
