//! What the kernel is told without having asked: that something it remembers is not so any more.

use fuser::{INodeNo, Notifier};
use std::sync::OnceLock;

#[derive(Default)]
pub(super) struct Kernel(OnceLock<Notifier>);

impl Kernel {
    /// From now on it can be told.
    pub(super) fn reach_by(&self, notifier: Notifier) {
        let _ = self.0.set(notifier);
    }

    /// Size and times of something may be other ones than it was told. Waits for nobody.
    pub(super) fn forget_attributes(&self, ino: u64) {
        /// No byte of the content: only what is known of it.
        const ATTRIBUTES: (i64, i64) = (-1, 0);
        let Some(notifier) = self.0.get() else { return };
        if let Err(error) = notifier.inval_inode(INodeNo(ino), ATTRIBUTES.0, ATTRIBUTES.1) {
            tracing::debug!(%error, "the kernel remembers what it was told of a file");
        }
    }
}
