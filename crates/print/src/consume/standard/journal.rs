//! What must survive about jobs on standard printers: how far each hand-over is, and the printers' keys.
//!
//! What people are told is in the outbox's own table; a row here without an open job there is rubbish.

use super::PrinterId;
use crate::{
    client::tls::Key,
    offer::{
        hold::Holds,
        journal::parsed,
        machine::{Journal, Step},
    },
};
use lanyard_store::{
    Store, StoreError,
    rusqlite::{OptionalExtension, Transaction, params},
};
use uuid::Uuid;

/// The tables.
pub(crate) const TABLE: &str = "
CREATE TABLE print_direct (
    job TEXT PRIMARY KEY,
    attempt INTEGER NOT NULL,
    step TEXT NOT NULL,
    number INTEGER,
    uuid TEXT,
    begun INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE print_keys (
    printer TEXT PRIMARY KEY,
    key BLOB NOT NULL,
    other_key BLOB,
    other_job TEXT,
    other_attempt INTEGER
) STRICT, WITHOUT ROWID;
";

/// How far a job is on a printer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) journal: Journal,
    /// `job-uuid`, by which the printer knows it (PWG 5100.13), where it tells.
    pub(super) uuid: Option<String>,
}

/// Another key that a printer showed, and the job that was stopped for that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Other {
    pub(super) key: Key,
    pub(super) job: Uuid,
    pub(super) attempt: u32,
}

/// The rows.
#[derive(Clone)]
pub(super) struct Rows {
    store: Store,
}

impl Rows {
    pub(super) fn new(store: Store) -> Self {
        Self { store }
    }

    /// Runs one of the others off the async threads.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let rows = self.clone();
        self.store.run(move |_| work(&rows)).await
    }

    pub(super) fn entry(&self, job: Uuid, attempt: u32) -> Result<Option<Entry>, StoreError> {
        let sql = "SELECT step, number, uuid, begun FROM print_direct WHERE job = ?1 AND attempt = ?2";
        self.store.read(|c| {
            c.query_row(sql, params![job.to_string(), attempt], |row| {
                let mut journal = Journal::received(Holds::default());
                journal.step = parsed(row, "step", step_of)?;
                journal.number = row.get("number")?;
                journal.begun = row.get("begun")?;
                Ok(Entry { journal, uuid: row.get("uuid")? })
            })
            .optional()
        })
    }

    /// On the disk when this returns, if it must last.
    pub(super) fn record(&self, job: Uuid, attempt: u32, entry: &Entry) -> Result<(), StoreError> {
        let sql = "INSERT OR REPLACE INTO print_direct (job, attempt, step, number, uuid, begun) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let Entry { journal, uuid } = entry;
        let write = |t: &Transaction<'_>| {
            let values = params![
                job.to_string(),
                attempt,
                step_name(journal.step),
                journal.number,
                uuid,
                journal.begun
            ];
            t.execute(sql, values).map(|_| ())
        };
        if journal.must_last() { self.store.write(write) } else { self.store.write_soon(write) }
    }

    pub(super) fn forget(&self, job: Uuid) -> Result<(), StoreError> {
        self.store
            .write(|t| t.execute("DELETE FROM print_direct WHERE job = ?1", [job.to_string()]).map(|_| ()))
    }

    /// The key that a printer is known by, and another that it showed since.
    pub(super) fn key(&self, printer: &PrinterId) -> Result<Option<(Key, Option<Other>)>, StoreError> {
        let sql = "SELECT key, other_key, other_job, other_attempt FROM print_keys WHERE printer = ?1";
        self.store.read(|c| {
            c.query_row(sql, [printer.as_str()], |row| {
                let other = match row.get("other_key")? {
                    Some(key) => Some(Other {
                        key: Key(key),
                        job: parsed(row, "other_job", |text| text.parse().ok())?,
                        attempt: row.get("other_attempt")?,
                    }),
                    None => None,
                };
                Ok((Key(row.get("key")?), other))
            })
            .optional()
        })
    }

    /// From now on the printer is known by this key.
    pub(super) fn learn(&self, printer: &PrinterId, key: Key) -> Result<(), StoreError> {
        let sql = "INSERT OR REPLACE INTO print_keys (printer, key) VALUES (?1, ?2)";
        self.store.write(|t| t.execute(sql, params![printer.as_str(), key.0]).map(|_| ()))
    }

    /// It showed another one when this job was to be sent.
    pub(super) fn showed(&self, printer: &PrinterId, other: &Other) -> Result<(), StoreError> {
        let sql =
            "UPDATE print_keys SET other_key = ?2, other_job = ?3, other_attempt = ?4 WHERE printer = ?1";
        self.store.write(|t| {
            let values = params![printer.as_str(), other.key.0, other.job.to_string(), other.attempt];
            t.execute(sql, values).map(|_| ())
        })
    }
}

const STEPS: [(Step, &str); 7] = [
    (Step::Received, "received"),
    (Step::Creating, "creating"),
    (Step::Created, "created"),
    (Step::Sending, "sending"),
    (Step::Submitted, "submitted"),
    (Step::Unknown, "unknown"),
    (Step::Ended, "ended"),
];

fn step_name(step: Step) -> &'static str {
    // A step that is not listed is one that nothing was sent in.
    STEPS.iter().find(|(known, _)| *known == step).map_or("received", |(_, name)| name)
}

fn step_of(name: &str) -> Option<Step> {
    STEPS.iter().find(|(_, known)| *known == name).map(|(step, _)| *step)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_what_was_written_and_only_of_that_attempt() {
        let rows = Rows::new(Store::in_memory(&[crate::MIGRATIONS]).unwrap());
        let job = Uuid::new_v4();
        for (step, _) in STEPS {
            let mut journal = Journal::received(Holds::default());
            (journal.step, journal.number, journal.begun) = (step, Some(7), true);
            let entry = Entry { journal, uuid: Some("urn:uuid:x".to_owned()) };
            rows.record(job, 2, &entry).unwrap();
            assert_eq!(rows.entry(job, 2).unwrap(), Some(entry));
        }
        assert_eq!(rows.entry(job, 3).unwrap(), None, "a person asked anew");
        rows.forget(job).unwrap();
        assert_eq!(rows.entry(job, 2).unwrap(), None);
    }

    #[test]
    fn a_printers_key_is_remembered_and_so_is_another_one() {
        let rows = Rows::new(Store::in_memory(&[crate::MIGRATIONS]).unwrap());
        let printer = PrinterId::of_service("x._ipp._tcp.local");
        assert_eq!(rows.key(&printer).unwrap(), None);
        rows.learn(&printer, Key([1; 32])).unwrap();
        let other = Other { key: Key([2; 32]), job: Uuid::new_v4(), attempt: 1 };
        rows.showed(&printer, &other).unwrap();
        assert_eq!(rows.key(&printer).unwrap(), Some((Key([1; 32]), Some(other))));
        rows.learn(&printer, Key([2; 32])).unwrap();
        assert_eq!(rows.key(&printer).unwrap(), Some((Key([2; 32]), None)));
    }
}
