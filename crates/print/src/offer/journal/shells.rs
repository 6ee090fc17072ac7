//! The table of empty jobs: a row from before a queue may have one until its document is entered or it is withdrawn.

use super::{Rows, mark, parsed};
use crate::QueueId;
use lanyard_store::{
    StoreError,
    rusqlite::{self, Row, Transaction, params},
};
use uuid::Uuid;

/// The table.
pub(crate) const AHEAD: &str = "
CREATE TABLE print_ahead (
    job TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    queue TEXT NOT NULL,
    PRIMARY KEY (job, attempt)
) STRICT, WITHOUT ROWID;
";

/// A job for which a queue may have an empty job, and whose document is not here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::offer) struct Shell {
    pub(in crate::offer) job: Uuid,
    pub(in crate::offer) attempt: u32,
    pub(in crate::offer) queue: QueueId,
}

impl Shell {
    /// What it is found by in the system's queue: the same as its job.
    pub(in crate::offer) fn mark(&self) -> String {
        mark(self.job, self.attempt)
    }
}

impl Rows {
    /// Writes down that a queue may get an empty job for a document that is not here yet. False when it may have one
    /// already, or the job was entered meanwhile: then it may not.
    pub(in crate::offer) fn go_ahead(&self, shell: &Shell) -> Result<bool, StoreError> {
        let sql = "INSERT OR IGNORE INTO print_ahead (job, attempt, queue) SELECT ?1, ?2, ?3 \
                   WHERE NOT EXISTS (SELECT 1 FROM print_received WHERE job = ?1 AND attempt >= ?2)";
        self.store.write(|t| {
            t.execute(sql, params![shell.job.to_string(), shell.attempt, shell.queue.0]).map(|rows| rows > 0)
        })
    }

    /// The empty jobs that no document came for.
    pub(in crate::offer) fn shells(&self) -> Result<Vec<Shell>, StoreError> {
        let read = |row: &Row<'_>| {
            let job = parsed(row, "job", |text| text.parse().ok())?;
            Ok(Shell { job, attempt: row.get("attempt")?, queue: QueueId(row.get("queue")?) })
        };
        let sql = "SELECT job, attempt, queue FROM print_ahead";
        self.store.read(|c| c.prepare_cached(sql)?.query_map([], read)?.collect())
    }

    /// Whether an empty job is still nobody's: when its document is entered, it becomes that job's.
    pub(in crate::offer) fn is_shell(&self, shell: &Shell) -> Result<bool, StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM print_ahead WHERE job = ?1 AND attempt = ?2)";
        let key = params![shell.job.to_string(), shell.attempt];
        self.store.read(|c| c.query_row(sql, key, |row| row.get(0)))
    }

    /// The queue has no empty job any more.
    pub(in crate::offer) fn is_cleared_up(&self, shell: &Shell) -> Result<(), StoreError> {
        self.store.write(|t| no_shell(t, shell.job, shell.attempt).map(|_| ()))
    }
}

/// Forgets an empty job; whether there may have been one.
pub(super) fn no_shell(t: &Transaction<'_>, job: Uuid, attempt: u32) -> rusqlite::Result<bool> {
    let mut forget = t.prepare_cached("DELETE FROM print_ahead WHERE job = ?1 AND attempt = ?2")?;
    Ok(forget.execute(params![job.to_string(), attempt])? > 0)
}
