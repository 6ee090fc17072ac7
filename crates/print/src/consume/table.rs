//! The table of documents on their way to others: one row a job.

use super::outgoing::{OutgoingJob, OutgoingState, Phase};
use crate::{
    document::Format,
    offer::{journal::parsed, now},
    ticket::State,
};
use lanyard_store::{
    Store, StoreError,
    rusqlite::{self, Connection, OptionalExtension, Row, Transaction, params},
};
use lanyard_trust::{NodeId, ShareId};
use uuid::Uuid;

/// The table.
pub(crate) const TABLE: &str = "
CREATE TABLE print_sent (
    job TEXT PRIMARY KEY,
    attempt INTEGER NOT NULL,
    node TEXT NOT NULL,
    share TEXT NOT NULL,
    printer TEXT NOT NULL,
    device_name TEXT NOT NULL,
    title TEXT NOT NULL,
    format TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    blake3 TEXT NOT NULL,
    pages INTEGER,
    options TEXT NOT NULL,
    phase TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    detail TEXT,
    pages_done INTEGER,
    heard_rev INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    ended_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX print_sent_open ON print_sent (node, created_at) WHERE phase != 'over';
";

/// Since an owner may want to be asked.
pub(crate) const ASKS_FIRST: &str =
    "ALTER TABLE print_sent ADD COLUMN asks_first INTEGER NOT NULL DEFAULT 0;";

/// Since jobs can be held and moved, and printed again.
pub(crate) const HANDLED: &str = "
ALTER TABLE print_sent ADD COLUMN left INTEGER NOT NULL DEFAULT 1;
ALTER TABLE print_sent ADD COLUMN hold INTEGER NOT NULL DEFAULT 0;
ALTER TABLE print_sent ADD COLUMN moving TEXT;
ALTER TABLE print_sent ADD COLUMN kept INTEGER NOT NULL DEFAULT 1;
UPDATE print_sent SET kept = 0 WHERE phase = 'over' AND state IN ('done', 'cancelled');
";

/// Since a job may go by another device to the same piece of hardware.
pub(crate) const IDENTITY: &str = "ALTER TABLE print_sent ADD COLUMN identity TEXT;";

const COLUMNS: &str = "job, attempt, node, share, printer, device_name, title, format, bytes, blake3, pages, options, \
    phase, state, reason, detail, pages_done, heard_rev, created_at, ended_at, asks_first, left, \
    hold, moving, kept, identity";

/// How long, and how many bytes of, documents are kept that are printed or cancelled, so that they can be printed again.
const KEPT_AGE: i64 = 24 * 3600 * 1000;
const KEPT_BYTES: i64 = 200 * 1000 * 1000;

const HISTORY: i64 = 1_000;
const HISTORY_AGE: i64 = 30 * 24 * 3600 * 1000;

/// The rows.
#[derive(Clone)]
pub(super) struct Rows {
    store: Store,
}

impl Rows {
    pub(super) fn new(store: Store) -> Self {
        Self { store }
    }

    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    /// Runs one of the others off the async threads.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let rows = self.clone();
        self.store.run(move |_| work(&rows)).await
    }

    /// The same for what only reads: see [`Store::glance`].
    pub(super) async fn glance<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let rows = self.clone();
        self.store.glance(move |_| work(&rows)).await
    }

    pub(super) fn jobs(&self) -> Result<Vec<OutgoingJob>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM print_sent ORDER BY created_at DESC LIMIT 2000");
        self.store.read(|c| list(c, &sql, ()))
    }

    /// Jobs that something is still to be done for, oldest first.
    pub(super) fn open_jobs(&self, node: Option<NodeId>) -> Result<Vec<OutgoingJob>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM print_sent WHERE phase != 'over' AND (?1 IS NULL OR node = ?1) ORDER BY created_at"
        );
        self.store.read(|c| list(c, &sql, [node.map(|node| node.to_string())]))
    }

    pub(super) fn with_document(&self) -> Result<Vec<OutgoingJob>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM print_sent WHERE kept = 1");
        self.store.read(|c| list(c, &sql, ()))
    }

    /// Gives up the documents of jobs that are printed or cancelled: those older than a day, and the oldest when they
    /// are too much together. Returns those jobs; their documents are to be deleted.
    pub(super) fn give_up_documents(&self) -> Result<Vec<OutgoingJob>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM (SELECT *, sum(bytes) OVER (ORDER BY ended_at DESC, job) AS together \
             FROM print_sent WHERE kept = 1 AND phase = 'over' AND state IN ('done', 'cancelled')) \
             WHERE ended_at < ?1 OR together > ?2"
        );
        self.store.write(|t| {
            let given_up = list(t, &sql, (now() - KEPT_AGE, KEPT_BYTES))?;
            for job in &given_up {
                t.execute("UPDATE print_sent SET kept = 0 WHERE job = ?1", [job.job.to_string()])?;
            }
            Ok(given_up)
        })
    }

    pub(super) fn job(&self, job: Uuid) -> Result<Option<OutgoingJob>, StoreError> {
        self.store.read(|c| find(c, job))
    }

    pub(super) fn put(&self, job: &OutgoingJob) -> Result<(), StoreError> {
        self.store.write(|t| put(t, job))
    }

    /// All of them or none.
    pub(super) fn put_all(&self, jobs: &[OutgoingJob]) -> Result<(), StoreError> {
        self.store.write(|t| jobs.iter().try_for_each(|job| put(t, job)))
    }

    /// Changes a row in one transaction; returns it as it is then.
    pub(super) fn change(
        &self,
        job: Uuid,
        how: impl FnOnce(&mut OutgoingJob),
    ) -> Result<Option<OutgoingJob>, StoreError> {
        self.store.write(|t| change(t, job, how))
    }

    /// The same, for news that would be asked for again after a power cut: it need not last.
    pub(super) fn change_soon(
        &self,
        job: Uuid,
        how: impl FnOnce(&mut OutgoingJob),
    ) -> Result<Option<OutgoingJob>, StoreError> {
        self.store.write_soon(|t| change(t, job, how))
    }
}

fn change(
    t: &Transaction<'_>,
    job: Uuid,
    how: impl FnOnce(&mut OutgoingJob),
) -> rusqlite::Result<Option<OutgoingJob>> {
    let Some(mut row) = find(t, job)? else { return Ok(None) };
    let before = row.clone();
    how(&mut row);
    if row != before {
        put(t, &row)?;
        if row.phase == Phase::Over {
            prune(t)?;
        }
    }
    Ok(Some(row))
}

fn put(t: &Transaction<'_>, job: &OutgoingJob) -> rusqlite::Result<()> {
    let marks = vec!["?"; COLUMNS.split(',').count()].join(", ");
    let sql = format!("INSERT OR REPLACE INTO print_sent ({COLUMNS}) VALUES ({marks})");
    t.prepare_cached(&sql)?.execute(params![
        job.job.to_string(),
        job.attempt,
        job.node.to_string(),
        job.share.0,
        job.printer,
        job.device_name,
        job.title,
        job.format.mime(),
        i64::try_from(job.bytes).unwrap_or(i64::MAX),
        job.blake3,
        job.pages,
        serde_json::to_string(&job.options).unwrap_or_default(),
        phase_name(job.phase),
        state_name(job.state),
        job.reason,
        job.detail,
        job.pages_done,
        i64::try_from(job.heard_rev).unwrap_or(i64::MAX),
        job.created_at,
        job.ended_at,
        job.asks_first,
        job.left,
        job.hold,
        job.moving.as_ref().and_then(|target| serde_json::to_string(target).ok()),
        job.kept,
        job.identity,
    ])?;
    Ok(())
}

/// Forgets the oldest finished jobs. Their documents, if any, are swept at the next start.
fn prune(t: &Transaction<'_>) -> rusqlite::Result<()> {
    let sql = "DELETE FROM print_sent WHERE ended_at IS NOT NULL AND (ended_at < ?1 OR job IN \
               (SELECT job FROM print_sent WHERE ended_at IS NOT NULL ORDER BY ended_at DESC LIMIT -1 OFFSET ?2))";
    t.execute(sql, (now() - HISTORY_AGE, HISTORY)).map(|_| ())
}

fn find(c: &Connection, job: Uuid) -> rusqlite::Result<Option<OutgoingJob>> {
    let sql = format!("SELECT {COLUMNS} FROM print_sent WHERE job = ?1");
    c.prepare_cached(&sql)?.query_row([job.to_string()], read).optional()
}

fn list(c: &Connection, sql: &str, params: impl rusqlite::Params) -> rusqlite::Result<Vec<OutgoingJob>> {
    c.prepare_cached(sql)?.query_map(params, read)?.collect()
}

fn read(row: &Row<'_>) -> rusqlite::Result<OutgoingJob> {
    let text = |column: &str| row.get::<_, String>(column);
    Ok(OutgoingJob {
        job: parsed(row, "job", |text| text.parse().ok())?,
        attempt: row.get("attempt")?,
        node: parsed(row, "node", |text| text.parse().ok())?,
        share: ShareId(text("share")?),
        printer: text("printer")?,
        device_name: text("device_name")?,
        title: text("title")?,
        format: parsed(row, "format", Format::from_mime)?,
        bytes: row.get::<_, i64>("bytes")?.unsigned_abs(),
        blake3: text("blake3")?,
        pages: row.get("pages")?,
        options: parsed(row, "options", |text| serde_json::from_str(text).ok())?,
        phase: parsed(row, "phase", phase_of)?,
        state: parsed(row, "state", state_of)?,
        reason: row.get("reason")?,
        detail: row.get("detail")?,
        pages_done: row.get("pages_done")?,
        heard_rev: row.get::<_, i64>("heard_rev")?.unsigned_abs(),
        created_at: row.get("created_at")?,
        ended_at: row.get("ended_at")?,
        asks_first: row.get("asks_first")?,
        left: row.get("left")?,
        hold: row.get("hold")?,
        moving: match row.get::<_, Option<String>>("moving")? {
            Some(_) => Some(parsed(row, "moving", |text| serde_json::from_str(text).ok())?),
            None => None,
        },
        kept: row.get("kept")?,
        identity: row.get("identity")?,
    })
}

const PHASES: [(Phase, &str); 5] = [
    (Phase::Here, "here"),
    (Phase::Offered, "offered"),
    (Phase::There, "there"),
    (Phase::Cancelling, "cancelling"),
    (Phase::Over, "over"),
];

fn phase_name(phase: Phase) -> &'static str {
    PHASES.iter().find(|(known, _)| *known == phase).map_or("here", |(_, name)| name)
}

fn phase_of(name: &str) -> Option<Phase> {
    PHASES.iter().find(|(_, known)| *known == name).map(|(phase, _)| *phase)
}

fn state_name(state: OutgoingState) -> &'static str {
    match state {
        OutgoingState::Sending => "sending",
        OutgoingState::At(state) => state.keyword(),
    }
}

fn state_of(name: &str) -> Option<OutgoingState> {
    if name == "sending" {
        Some(OutgoingState::Sending)
    } else {
        State::from_keyword(name).map(OutgoingState::At)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::consume::outgoing::tests::job;

    #[test]
    fn a_row_says_what_was_written() {
        let store = Store::in_memory(&[crate::MIGRATIONS]).unwrap();
        let rows = Rows::new(store);
        let mut job = job();
        job.options.pages = Some("1-3,5".parse().unwrap());
        job.asks_first = true;
        job.identity = Some("uuid:1".to_owned());
        rows.put(&job).unwrap();
        assert_eq!(rows.job(job.job).unwrap(), Some(job.clone()));
        assert_eq!(rows.open_jobs(Some(job.node)).unwrap().len(), 1);
        assert_eq!(rows.open_jobs(Some(NodeId::from_bytes([1; 32]))).unwrap().len(), 0);
        let job = rows.change(job.job, OutgoingJob::cancel).unwrap().unwrap();
        assert_eq!(job.phase, Phase::Over);
        assert!(rows.open_jobs(None).unwrap().is_empty());
        assert_eq!(rows.with_document().unwrap().len(), 1, "it may be printed again");
    }

    #[test]
    fn documents_that_are_printed_are_kept_for_a_day_and_within_bounds() {
        let store = Store::in_memory(&[crate::MIGRATIONS]).unwrap();
        let rows = Rows::new(store);
        let ended = |hours_ago: i64, bytes: u64, state| {
            let mut job = job();
            (job.phase, job.state, job.bytes) = (Phase::Over, OutgoingState::At(state), bytes);
            job.ended_at = Some(now() - hours_ago * 3600 * 1000);
            rows.put(&job).unwrap();
            job.job
        };
        let fresh = ended(1, 150_000_000, State::Done);
        let too_much = ended(2, 100_000_000, State::Cancelled);
        let old = ended(25, 10, State::Done);
        let failed = ended(90, 500_000_000, State::Failed);
        let mut given_up: Vec<_> = rows.give_up_documents().unwrap().iter().map(|job| job.job).collect();
        given_up.sort();
        let mut expected = [too_much, old];
        expected.sort();
        assert_eq!(given_up, expected);
        assert!(rows.give_up_documents().unwrap().is_empty(), "once");
        let mut kept: Vec<_> = rows.with_document().unwrap().iter().map(|job| job.job).collect();
        kept.sort();
        let mut expected = [fresh, failed];
        expected.sort();
        assert_eq!(kept, expected, "what failed may be tried again");
    }
}
