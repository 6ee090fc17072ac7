//! What whoever manages a printer is told of the jobs of others on it.

use super::{JobStatus, title, words};
use lanyard_trust::NodeId;
use serde::{Deserialize, Serialize};

/// A job on a printer that the listener manages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManagedJob {
    /// Where it is, as its sender is told.
    pub status: JobStatus,
    /// Whose it is.
    pub sender: NodeId,
    /// Who sent it, as a program without Lanyard calls its user. A claim.
    #[serde(default)]
    pub user: Option<String>,
    /// The document's name.
    pub title: String,
    /// Its size.
    pub bytes: u64,
    /// Its pages, when they are known.
    #[serde(default)]
    pub pages: Option<u32>,
    /// Unix milliseconds.
    pub created_at: i64,
    /// Unix milliseconds.
    #[serde(default)]
    pub ended_at: Option<i64>,
}

impl ManagedJob {
    /// The same, fit to be shown: it comes from another node.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        self.status = self.status.bounded();
        self.title = title(&self.title);
        self.user = self.user.map(|user| words(&user)).filter(|user| !user.is_empty());
        self
    }
}
