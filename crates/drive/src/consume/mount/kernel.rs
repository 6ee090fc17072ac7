//! What the kernel is told without having asked: that something it remembers is not so any more.

use fuser::{INodeNo, Notifier};
use std::{
    sync::{Mutex, OnceLock, PoisonError},
    time::Duration,
};
use tokio::{task::spawn_blocking, time::timeout};

/// How long a program waits for the kernel to have forgotten a name; then it goes on, and the kernel is at it.
const SOON: Duration = Duration::from_secs(1);

#[derive(Default)]
pub(super) struct Kernel {
    notifier: OnceLock<Notifier>,
    /// Names of which it is still to be told, each with the number of its folder.
    names: Mutex<Vec<(u64, String)>>,
}

impl Kernel {
    /// From now on it can be told.
    pub(super) fn reach_by(&self, notifier: Notifier) {
        let _ = self.notifier.set(notifier);
    }

    /// Size and times of something may be other ones than it was told. Waits for nobody.
    pub(super) fn forget_attributes(&self, ino: u64) {
        /// No byte of the content: only what is known of it.
        const ATTRIBUTES: (i64, i64) = (-1, 0);
        let Some(notifier) = self.notifier.get() else { return };
        if let Err(error) = notifier.inval_inode(INodeNo(ino), ATTRIBUTES.0, ATTRIBUTES.1) {
            tracing::debug!(%error, "the kernel remembers what it was told of a file");
        }
    }

    /// A name leads to something else than before. The kernel is told by [`Self::tell`].
    pub(super) fn lost_name(&self, parent: u64, name: String) {
        self.names.lock().unwrap_or_else(PoisonError::into_inner).push((parent, name));
    }

    /// Tells it of the names. It waits for whoever is at work in their folders, and those may wait for an edit: to be called
    /// by one who holds none.
    pub(super) async fn tell(&self) {
        let names = std::mem::take(&mut *self.names.lock().unwrap_or_else(PoisonError::into_inner));
        let Some(notifier) = self.notifier.get().filter(|_| !names.is_empty()) else { return };
        let notifier = notifier.clone();
        let telling = spawn_blocking(move || {
            for (parent, name) in names {
                if let Err(error) = notifier.inval_entry(INodeNo(parent), name.as_ref()) {
                    tracing::debug!(%error, "the kernel remembers what a name led to");
                }
            }
        });
        let _ = timeout(SOON, telling).await;
    }
}
