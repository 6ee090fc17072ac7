//! The table of jobs that standard clients made: the numbers by which they know them, whose they are, and what was
//! chosen.
//!
//! A number is never given twice, also after a restart and after its row is gone (`AUTOINCREMENT`). What becomes of a
//! job whose document was taken is not written here; the printer behind knows it by the job's UUID.

use crate::offer::{journal::parsed, now};
use lanyard_ipp::{Attribute, Group, GroupTag, Limits, Message, Operation};
use lanyard_store::{
    Store, StoreError,
    rusqlite::{self, OptionalExtension, Row, Transaction, params},
};
use lanyard_trust::NodeId;
use uuid::Uuid;

/// The table.
pub(crate) const TABLE: &str = "
CREATE TABLE print_ipp_jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    job TEXT NOT NULL,
    printer TEXT NOT NULL,
    client TEXT NOT NULL,
    user TEXT NOT NULL,
    title TEXT NOT NULL,
    copies INTEGER NOT NULL,
    chosen BLOB NOT NULL,
    held INTEGER NOT NULL,
    stage TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    begun_at INTEGER,
    ended_at INTEGER
) STRICT;
CREATE INDEX print_ipp_jobs_of ON print_ipp_jobs (printer, client, user, number);
";

const COLUMNS: &str =
    "number, job, printer, client, user, title, copies, chosen, held, stage, created_at, begun_at, ended_at";

/// Rows that are kept, and for how long.
const HISTORY: i64 = 2_000;
const HISTORY_AGE: i64 = 30 * 24 * 3600 * 1000;

/// Rows of one client's user that are shown.
const LISTED: i64 = 1_000;

/// Jobs of one client, and of all, that wait for their document.
const OPEN_PER_CLIENT: i64 = 20;
const OPEN: i64 = 200;

/// How far a job is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Made; its document has not come.
    Open,
    /// The printer has its document.
    Taken,
    /// Cancelled before a document came.
    Canceled,
    /// No document came, or none that could be taken.
    Aborted,
}

/// A row.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) number: i32,
    pub(super) job: Uuid,
    /// Which printer, by the key that its door gave.
    pub(super) printer: String,
    /// Whose: the client, and the user that it said it had. Both must be the same for a job to be seen again.
    pub(super) client: NodeId,
    pub(super) user: String,
    pub(super) title: String,
    pub(super) copies: u32,
    /// The job attributes that are followed, as the client sent them.
    pub(super) kept: Vec<Attribute>,
    pub(super) held: bool,
    pub(super) stage: Stage,
    pub(super) created_at: i64,
    pub(super) begun_at: Option<i64>,
    pub(super) ended_at: Option<i64>,
}

/// Whose jobs, on which printer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Whose {
    pub(super) printer: String,
    pub(super) client: NodeId,
    pub(super) user: String,
}

/// The rows. Clones share them.
#[derive(Clone)]
pub(super) struct Register {
    store: Store,
}

impl Register {
    /// Jobs that waited for a document when the node ended will not get one.
    pub(super) fn open(store: Store) -> Result<Self, StoreError> {
        store.write(|t| {
            let sql = "UPDATE print_ipp_jobs SET stage = 'aborted', ended_at = ?1 WHERE stage = 'open'";
            t.execute(sql, [now()]).map(|_| ())
        })?;
        Ok(Self { store })
    }

    /// Runs one of the others off the async threads.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let register = self.clone();
        self.store.run(move |_| work(&register)).await
    }

    /// Enters a job and gives it a number; none when too many wait for a document.
    pub(super) fn enter(&self, new: &Entry) -> Result<Option<i32>, StoreError> {
        self.store.write(|t| {
            let count = |sql: &str, of: &str| t.query_row(sql, [of], |row| row.get::<_, i64>(0));
            let all = "SELECT count(*) FROM print_ipp_jobs WHERE stage = 'open' AND ?1 = ''";
            let own = "SELECT count(*) FROM print_ipp_jobs WHERE stage = 'open' AND client = ?1";
            if count(all, "")? >= OPEN || count(own, &new.client.to_string())? >= OPEN_PER_CLIENT {
                return Ok(None);
            }
            let number = insert(t, new)?;
            prune(t)?;
            Ok(i32::try_from(number).ok())
        })
    }

    /// Jobs of one client's user, newest first.
    pub(super) fn of(&self, whose: &Whose) -> Result<Vec<Entry>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM print_ipp_jobs WHERE printer = ?1 AND client = ?2 AND user = ?3 \
             ORDER BY number DESC LIMIT {LISTED}"
        );
        let Whose { printer, client, user } = whose;
        self.store
            .read(|c| c.prepare(&sql)?.query_map(params![printer, client.to_string(), user], read)?.collect())
    }

    /// A job, if it is theirs.
    pub(super) fn find(&self, number: i32, whose: &Whose) -> Result<Option<Entry>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM print_ipp_jobs \
             WHERE number = ?1 AND printer = ?2 AND client = ?3 AND user = ?4"
        );
        let Whose { printer, client, user } = whose;
        self.store
            .read(|c| c.query_row(&sql, params![number, printer, client.to_string(), user], read).optional())
    }

    /// Moves a job on that waits for its document. False when it does not any more.
    pub(super) fn settle(&self, number: i32, stage: Stage) -> Result<bool, StoreError> {
        let ended_at = (stage != Stage::Taken).then(now);
        self.store.write(|t| {
            let sql =
                "UPDATE print_ipp_jobs SET stage = ?2, ended_at = ?3 WHERE number = ?1 AND stage = 'open'";
            Ok(t.execute(sql, params![number, stage_name(stage), ended_at])? > 0)
        })
    }

    /// Takes a job out again that was never made.
    pub(super) fn forget(&self, number: i32) -> Result<(), StoreError> {
        self.store.write(|t| {
            t.execute("DELETE FROM print_ipp_jobs WHERE number = ?1 AND stage != 'taken'", [number])
                .map(|_| ())
        })
    }

    /// Notes that the printer was seen to have begun with jobs.
    pub(super) fn begun(&self, numbers: &[i32]) -> Result<(), StoreError> {
        self.store.write(|t| {
            for number in numbers {
                let sql = "UPDATE print_ipp_jobs SET begun_at = ?2 WHERE number = ?1 AND begun_at IS NULL";
                t.execute(sql, params![number, now()])?;
            }
            Ok(())
        })
    }
}

fn insert(t: &Transaction<'_>, new: &Entry) -> rusqlite::Result<i64> {
    let sql = "INSERT INTO print_ipp_jobs \
        (job, printer, client, user, title, copies, chosen, held, stage, created_at) \
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    let columns = params![
        new.job.to_string(),
        new.printer,
        new.client.to_string(),
        new.user,
        new.title,
        new.copies,
        packed(&new.kept),
        new.held,
        stage_name(new.stage),
        new.created_at,
    ];
    t.execute(sql, columns)?;
    Ok(t.last_insert_rowid())
}

/// Forgets the oldest.
fn prune(t: &Transaction<'_>) -> rusqlite::Result<()> {
    let sql = "DELETE FROM print_ipp_jobs WHERE stage != 'open' AND (created_at < ?1 OR number <= \
               (SELECT number FROM print_ipp_jobs ORDER BY number DESC LIMIT 1 OFFSET ?2))";
    t.execute(sql, (now() - HISTORY_AGE, HISTORY)).map(|_| ())
}

/// Attributes as the bytes of a message: nothing else holds them without a loss.
fn packed(kept: &[Attribute]) -> Vec<u8> {
    let mut message = Message::request(Operation::CreateJob, 1);
    message.groups.push(Group { tag: GroupTag::Job, attributes: kept.to_vec() });
    message.encode()
}

fn unpacked(bytes: &[u8]) -> Vec<Attribute> {
    let message = Message::decode(bytes, Limits::ANSWER).ok();
    let group =
        message.and_then(|(message, _)| message.groups.into_iter().find(|group| group.tag == GroupTag::Job));
    group.map(|group| group.attributes).unwrap_or_default()
}

fn read(row: &Row<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry {
        number: row.get("number")?,
        job: parsed(row, "job", |text| text.parse().ok())?,
        printer: row.get("printer")?,
        client: parsed(row, "client", |text| text.parse().ok())?,
        user: row.get("user")?,
        title: row.get("title")?,
        copies: row.get("copies")?,
        kept: unpacked(&row.get::<_, Vec<u8>>("chosen")?),
        held: row.get("held")?,
        stage: parsed(row, "stage", stage_of)?,
        created_at: row.get("created_at")?,
        begun_at: row.get("begun_at")?,
        ended_at: row.get("ended_at")?,
    })
}

const STAGES: [(Stage, &str); 4] = [
    (Stage::Open, "open"),
    (Stage::Taken, "taken"),
    (Stage::Canceled, "canceled"),
    (Stage::Aborted, "aborted"),
];

fn stage_name(stage: Stage) -> &'static str {
    STAGES.iter().find(|(known, _)| *known == stage).map_or("aborted", |(_, name)| name)
}

fn stage_of(name: &str) -> Option<Stage> {
    STAGES.iter().find(|(_, known)| *known == name).map(|(stage, _)| *stage)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use lanyard_ipp::Value;

    fn whose(user: &str) -> Whose {
        Whose { printer: "a".to_owned(), client: NodeId::from_bytes([1; 32]), user: user.to_owned() }
    }

    fn new(user: &str, stage: Stage) -> Entry {
        let Whose { printer, client, user } = whose(user);
        Entry {
            number: 0,
            job: Uuid::new_v4(),
            printer,
            client,
            user,
            title: "letter".to_owned(),
            copies: 2,
            kept: vec![Attribute::one("copies", Value::Integer(2))],
            held: false,
            stage,
            created_at: now(),
            begun_at: None,
            ended_at: None,
        }
    }

    fn store() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("db"), &[crate::MIGRATIONS]).unwrap().store;
        (dir, store)
    }

    #[test]
    fn a_number_is_never_given_twice_even_when_its_row_is_gone() {
        let (_dir, store) = store();
        let register = Register::open(store.clone()).unwrap();
        let first = register.enter(&new("ada", Stage::Open)).unwrap().unwrap();
        store.write(|t| t.execute("DELETE FROM print_ipp_jobs", ()).map(|_| ())).unwrap();
        let again = Register::open(store).unwrap();
        assert!(again.enter(&new("ada", Stage::Open)).unwrap().unwrap() > first);
    }

    #[test]
    fn a_job_is_found_by_its_client_and_user_only_and_comes_back_whole() {
        let (_dir, store) = store();
        let register = Register::open(store).unwrap();
        let entry = new("ada", Stage::Taken);
        let number = register.enter(&entry).unwrap().unwrap();
        let found = register.find(number, &whose("ada")).unwrap().unwrap();
        assert_eq!(found, Entry { number, ..entry });
        assert_eq!(register.find(number, &whose("ben")).unwrap(), None);
        let elsewhere = Whose { client: NodeId::from_bytes([2; 32]), ..whose("ada") };
        assert_eq!(register.find(number, &elsewhere).unwrap(), None);
        let other = Whose { printer: "b".to_owned(), ..whose("ada") };
        assert_eq!(register.find(number, &other).unwrap(), None);
    }

    #[test]
    fn jobs_that_waited_for_a_document_are_over_after_a_restart() {
        let (_dir, store) = store();
        let register = Register::open(store.clone()).unwrap();
        let number = register.enter(&new("ada", Stage::Open)).unwrap().unwrap();
        let again = Register::open(store).unwrap();
        let found = again.find(number, &whose("ada")).unwrap().unwrap();
        assert_eq!(found.stage, Stage::Aborted);
        assert!(found.ended_at.is_some());
        assert!(!again.settle(number, Stage::Taken).unwrap(), "nothing can be added to it");
    }

    #[test]
    fn nobody_can_keep_more_than_a_few_jobs_waiting_for_a_document() {
        let (_dir, store) = store();
        let register = Register::open(store).unwrap();
        for _ in 0..OPEN_PER_CLIENT {
            register.enter(&new("ada", Stage::Open)).unwrap().unwrap();
        }
        assert_eq!(register.enter(&new("ben", Stage::Open)).unwrap(), None, "another name, the same client");
        let mut other = new("ben", Stage::Open);
        other.client = NodeId::from_bytes([3; 32]);
        assert!(register.enter(&other).unwrap().is_some());
    }
}
