//! The table of documents taken from others: one row a job, written before every step.

mod shells;

use super::{
    hold::{By, Hold, Holds},
    machine::{Journal, Step},
    now,
};
use crate::{
    QueueId,
    document::Format,
    ticket::{JobStatus, Options, State, Ticket},
};
use lanyard_store::{
    Store, StoreError,
    rusqlite::{self, Connection, OptionalExtension, Row, Transaction, params},
};
use lanyard_trust::{NodeId, QuietHours, ShareId, Subject};
use uuid::Uuid;

pub(crate) use shells::AHEAD;
pub(super) use shells::Shell;
use shells::no_shell;

/// The table.
pub(crate) const TABLE: &str = "
CREATE TABLE print_received (
    job TEXT PRIMARY KEY,
    attempt INTEGER NOT NULL,
    sender TEXT NOT NULL,
    share TEXT NOT NULL,
    queue TEXT NOT NULL,
    printer TEXT NOT NULL,
    title TEXT NOT NULL,
    format TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    pages INTEGER,
    options TEXT NOT NULL,
    step TEXT NOT NULL,
    number INTEGER,
    begun INTEGER NOT NULL,
    cancel INTEGER NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    detail TEXT,
    pages_done INTEGER,
    rev INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    ended_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX print_received_open ON print_received (queue, created_at) WHERE step != 'ended';
";

/// Since jobs can be held.
pub(crate) const HOLDS: &str = "
ALTER TABLE print_received ADD COLUMN holds TEXT NOT NULL DEFAULT '';
ALTER TABLE print_received ADD COLUMN held_there INTEGER NOT NULL DEFAULT 0;
ALTER TABLE print_received ADD COLUMN unprinted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE print_received ADD COLUMN subject TEXT;
ALTER TABLE print_received ADD COLUMN user TEXT;
";

/// Since an owner may limit pages and hours.
pub(crate) const TERMS: &str = "
ALTER TABLE print_received ADD COLUMN quiet TEXT;
ALTER TABLE print_received ADD COLUMN sides INTEGER;
";

const COLUMNS: &str = "job, attempt, sender, share, queue, printer, title, format, bytes, pages, options, step, \
    number, begun, cancel, state, reason, detail, pages_done, rev, created_at, ended_at, holds, held_there, \
    unprinted, subject, user, quiet, sides";

/// Finished jobs that are remembered, and for how long.
const HISTORY: i64 = 1_000;
const HISTORY_AGE: i64 = 30 * 24 * 3600 * 1000;

/// Jobs of one sender, and of all, that are not over.
pub(super) const OPEN_PER_SENDER: i64 = 100;
const OPEN: i64 = 1_000;

/// Jobs of all that wait for the owner's word: their senders may be anybody.
const UNANSWERED: i64 = 50;

/// A job of somebody else's for a queue of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncomingJob {
    /// The sender's UUID.
    pub job: Uuid,
    /// The sender's attempt.
    pub attempt: u32,
    /// Whose it is.
    pub sender: NodeId,
    /// The share it came through.
    pub share: ShareId,
    /// The queue it goes to.
    pub queue: QueueId,
    /// The share's name when it came.
    pub printer: String,
    /// The document's name.
    pub title: String,
    /// What it is.
    pub format: Format,
    /// Its size.
    pub bytes: u64,
    /// Its pages, as the sender says.
    pub pages: Option<u32>,
    /// What was chosen.
    pub options: Options,
    /// Who sent it, as a program without Lanyard calls its user. A claim.
    pub user: Option<String>,
    /// Who asked, for a job that waits for the owner's word.
    pub subject: Option<Subject>,
    /// Hours in which nothing of it comes into the queue.
    pub quiet: Option<QuietHours>,
    /// Sides of paper that it counts for, where that is limited.
    pub sides: Option<u32>,
    /// How far it is.
    pub journal: Journal,
    /// Counts up with every change.
    pub rev: u64,
    /// Unix milliseconds.
    pub created_at: i64,
    /// Unix milliseconds.
    pub ended_at: Option<i64>,
}

/// What became of an attempt to enter a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entered {
    /// It is in.
    New(IncomingJob),
    /// It was in already, or was cancelled before it came.
    Known(IncomingJob),
    /// Somebody else's job has that UUID.
    Taken,
    /// Too many jobs that are not over.
    TooMany,
}

/// The rows.
#[derive(Clone)]
pub(super) struct Rows {
    store: Store,
}

impl IncomingJob {
    /// A job as it is when its document has arrived.
    pub(super) fn received(
        job: Uuid,
        sender: NodeId,
        share: ShareId,
        queue: QueueId,
        printer: String,
        ticket: Ticket,
    ) -> Self {
        Self {
            job,
            attempt: ticket.attempt,
            sender,
            share,
            queue,
            printer,
            title: ticket.title,
            format: ticket.format,
            bytes: ticket.size,
            pages: ticket.pages,
            options: ticket.options,
            user: None,
            subject: None,
            quiet: None,
            sides: None,
            journal: Journal::received(Holds::default()),
            rev: 1,
            created_at: now(),
            ended_at: None,
        }
    }

    /// What the sender is told.
    #[must_use]
    pub fn status(&self) -> JobStatus {
        JobStatus {
            job: self.job,
            attempt: self.attempt,
            rev: self.rev,
            state: self.journal.state,
            over: self.journal.step == Step::Ended,
            reason: self.journal.reason.clone(),
            detail: self.journal.detail.clone(),
            pages_done: self.journal.pages_done,
            unprinted: self.journal.unprinted,
        }
    }

    /// The same, kept back from the beginning.
    #[must_use]
    pub(super) fn held(mut self, holds: Holds) -> Self {
        self.journal = Journal::received(holds);
        self
    }

    /// True while nothing of it can be on paper, as far as is known here.
    #[must_use]
    pub fn is_unbegun(&self) -> bool {
        let journal = &self.journal;
        let early = !matches!(journal.step, Step::Unknown | Step::Ended);
        early && !journal.begun && !journal.cancel && journal.state != State::Printing
    }

    /// The name of its document in the spool.
    #[must_use]
    pub fn document(&self) -> String {
        document_name(self.job, self.attempt)
    }

    /// What it is found by in the system's queue: another one for each attempt.
    #[must_use]
    pub fn mark(&self) -> String {
        mark(self.job, self.attempt)
    }

    /// Whether a person may have it printed again: it certainly was not, or somebody looked.
    pub(super) fn may_come_again(&self) -> bool {
        let journal = &self.journal;
        let taken_back = journal.state == State::Cancelled && journal.unprinted;
        journal.step == Step::Unknown
            || (journal.step == Step::Ended && (journal.state == State::Failed || taken_back))
    }
}

fn mark(job: Uuid, attempt: u32) -> String {
    format!("{job}.{attempt}")
}

pub(super) fn document_name(job: Uuid, attempt: u32) -> String {
    format!("{}-{attempt}", job.simple())
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

    /// The same for what only reads: see [`Store::glance`].
    pub(super) async fn glance<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let rows = self.clone();
        self.store.glance(move |_| work(&rows)).await
    }

    pub(super) fn jobs(&self) -> Result<Vec<IncomingJob>, StoreError> {
        // A cancel that came before its job has no title and is nobody's news.
        let sql = format!(
            "SELECT {COLUMNS} FROM print_received WHERE bytes > 0 ORDER BY created_at DESC LIMIT 2000"
        );
        self.store.read(|c| list(c, &sql, ()))
    }

    /// Jobs that are not over, oldest first.
    pub(super) fn open_jobs(&self, queue: Option<&QueueId>) -> Result<Vec<IncomingJob>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM print_received WHERE step != 'ended' AND (?1 IS NULL OR queue = ?1) \
             ORDER BY created_at"
        );
        self.store.read(|c| list(c, &sql, [queue.map(|queue| &queue.0)]))
    }

    /// Whether anything of anybody's is on its way into or through a queue of the system's.
    pub(super) fn is_any_under_way(&self) -> Result<bool, StoreError> {
        let sql =
            "SELECT EXISTS (SELECT 1 FROM print_received WHERE step NOT IN ('ended', 'received', 'unknown'))";
        self.store.read(|c| c.query_row(sql, [], |row| row.get(0)))
    }

    pub(super) fn job(&self, job: Uuid) -> Result<Option<IncomingJob>, StoreError> {
        self.store.read(|c| find(c, job))
    }

    /// Enters a job whose document is on disk. A higher attempt takes the place of one that may come again. If the queue
    /// may have an empty job for it, it is looked for there before another is made.
    pub(super) fn enter(&self, new: &IncomingJob) -> Result<Entered, StoreError> {
        self.store.write(|t| {
            if let Some(known) = find(t, new.job)? {
                if known.sender != new.sender {
                    return Ok(Entered::Taken);
                }
                if known.attempt >= new.attempt || !known.may_come_again() {
                    return Ok(Entered::Known(known));
                }
            }
            let count =
                |sql: &str, of: &str| t.prepare_cached(sql)?.query_row([of], |row| row.get::<_, i64>(0));
            let all = "SELECT count(*) FROM print_received WHERE step != 'ended' AND ?1 = ''";
            let own = "SELECT count(*) FROM print_received WHERE step != 'ended' AND sender = ?1";
            if count(all, "")? >= OPEN || count(own, &new.sender.to_string())? >= OPEN_PER_SENDER {
                return Ok(Entered::TooMany);
            }
            let unanswered = "SELECT count(*) FROM print_received WHERE step != 'ended' AND holds LIKE ?1";
            if new.journal.holds.has(Hold::MustAsk) && count(unanswered, "%must_ask%")? >= UNANSWERED {
                return Ok(Entered::TooMany);
            }
            let mut new = new.clone();
            if no_shell(t, new.job, new.attempt)? && new.journal.step == Step::Received {
                new.journal = new.journal.ahead(None);
            }
            put(t, &new)?;
            Ok(Entered::New(new))
        })
    }

    /// Remembers that a job was cancelled which has not come, or not as this attempt: it may still be on its way.
    pub(super) fn cancel_ahead(&self, mut job: IncomingJob) -> Result<IncomingJob, StoreError> {
        job.journal.step = Step::Ended;
        job.journal.state = State::Cancelled;
        job.journal.cancel = true;
        job.journal.unprinted = true;
        job.ended_at = Some(job.created_at);
        self.store.write(|t| {
            if let Some(known) = find(t, job.job)? {
                let earlier = known.sender == job.sender && known.attempt < job.attempt;
                if !earlier || !known.may_come_again() {
                    return Ok(known);
                }
                // What people see of it stays.
                job.title = known.title;
                job.printer = known.printer;
                job.format = known.format;
                job.bytes = known.bytes;
                job.pages = known.pages;
                job.options = known.options;
                job.rev = known.rev + 1;
                job.created_at = known.created_at;
            }
            put(t, &job)?;
            prune(t)?;
            Ok(job)
        })
    }

    /// Marks a job as to be cancelled. The worker carries it out; people see it at once.
    pub(super) fn ask_cancel(&self, job: Uuid) -> Result<Option<IncomingJob>, StoreError> {
        self.store.write(|t| {
            let sql = "UPDATE print_received SET cancel = 1, state = 'cancelled', reason = NULL, detail = NULL, \
                       rev = rev + 1 WHERE job = ?1 AND step != 'ended' AND cancel = 0";
            t.execute(sql, [job.to_string()])?;
            find(t, job)
        })
    }

    /// Changes what keeps a job back. None when there is no such job, or `how` wants nothing changed.
    pub(super) fn hold(
        &self,
        job: Uuid,
        how: impl FnOnce(&IncomingJob) -> Option<Holds>,
    ) -> Result<Option<IncomingJob>, StoreError> {
        self.store.write(|t| {
            let Some(mut row) = find(t, job)? else { return Ok(None) };
            let Some(holds) = how(&row) else { return Ok(None) };
            if holds == row.journal.holds {
                return Ok(Some(row));
            }
            row.journal.holds = holds;
            if holds.is_empty() {
                row.journal.let_go();
            } else if row.journal.is_here() {
                row.journal.keep_back();
            }
            row.rev += 1;
            put(t, &row)?;
            Ok(Some(row))
        })
    }

    /// Lets a job go as far as `by` may; the owner at any hour. None when there is no such job.
    pub(super) fn release(&self, job: Uuid, by: By) -> Result<Option<IncomingJob>, StoreError> {
        if by == By::Owner {
            let sql = "UPDATE print_received SET quiet = NULL WHERE job = ?1";
            self.store.write(|t| t.execute(sql, [job.to_string()]).map(|_| ()))?;
        }
        self.hold(job, |row| Some(row.journal.holds.released(by)))
    }

    /// Ends a job that waits for the owner's word. None when it does not.
    pub(super) fn deny(
        &self,
        job: Uuid,
        reason: &str,
        words: &str,
    ) -> Result<Option<IncomingJob>, StoreError> {
        self.store.write(|t| {
            let waits = |row: &IncomingJob| {
                row.journal.step == Step::Received && row.journal.holds.has(Hold::MustAsk)
            };
            let Some(mut row) = find(t, job)?.filter(waits) else { return Ok(None) };
            row.journal.end_unprinted(State::Failed, Some(reason), Some(words.to_owned()));
            row.rev += 1;
            row.ended_at = Some(now());
            put(t, &row)?;
            prune(t)?;
            Ok(Some(row))
        })
    }

    /// Writes a job's journal. Returns the row as it is now; its `cancel` may be newer than the journal's, and so may
    /// be what keeps it back if that is not `holds` any more. None when the job has ended otherwise, or another
    /// attempt has taken its place.
    pub(super) fn record(
        &self,
        job: Uuid,
        attempt: u32,
        journal: &Journal,
        holds: Holds,
    ) -> Result<Option<IncomingJob>, StoreError> {
        let write = |t: &Transaction<'_>| {
            let is_it = |row: &IncomingJob| row.attempt == attempt && row.journal.step != Step::Ended;
            let Some(mut row) = find(t, job)?.filter(is_it) else { return Ok(None) };
            let told = |row: &IncomingJob| {
                let j = &row.journal;
                (j.state, j.step == Step::Ended, j.reason.clone(), j.detail.clone(), j.pages_done)
            };
            let before = told(&row);
            let asked_meanwhile = row.journal.cancel && !journal.cancel;
            let shown = row.journal.clone();
            row.journal = journal.clone();
            if shown.holds != holds {
                row.journal.holds = shown.holds;
            }
            if asked_meanwhile {
                row.journal.cancel = true;
                if journal.step != Step::Ended {
                    (row.journal.state, row.journal.reason, row.journal.detail) =
                        (shown.state, shown.reason, shown.detail);
                }
            }
            if told(&row) != before {
                row.rev += 1;
            }
            if row.journal.step == Step::Ended && row.ended_at.is_none() {
                row.ended_at = Some(now());
            }
            put(t, &row)?;
            if row.ended_at.is_some() {
                prune(t)?;
            }
            Ok(Some(row))
        };
        if journal.must_last() { self.store.write(write) } else { self.store.write_soon(write) }
    }
}

fn put(t: &Transaction<'_>, job: &IncomingJob) -> rusqlite::Result<()> {
    let marks = vec!["?"; COLUMNS.split(',').count()].join(", ");
    let sql = format!("INSERT OR REPLACE INTO print_received ({COLUMNS}) VALUES ({marks})");
    let journal = &job.journal;
    t.prepare_cached(&sql)?.execute(params![
        job.job.to_string(),
        job.attempt,
        job.sender.to_string(),
        job.share.0,
        job.queue.0,
        job.printer,
        job.title,
        job.format.mime(),
        i64::try_from(job.bytes).unwrap_or(i64::MAX),
        job.pages,
        serde_json::to_string(&job.options).unwrap_or_default(),
        step_name(journal.step),
        journal.number,
        journal.begun,
        journal.cancel,
        journal.state.keyword(),
        journal.reason,
        journal.detail,
        journal.pages_done,
        i64::try_from(job.rev).unwrap_or(i64::MAX),
        job.created_at,
        job.ended_at,
        journal.holds.words(),
        journal.held_there,
        journal.unprinted,
        job.subject.and_then(|subject| serde_json::to_string(&subject).ok()),
        job.user,
        job.quiet.and_then(|quiet| serde_json::to_string(&quiet).ok()),
        job.sides,
    ])?;
    Ok(())
}

/// Forgets the oldest finished jobs.
fn prune(t: &Transaction<'_>) -> rusqlite::Result<()> {
    let sql = "DELETE FROM print_received WHERE ended_at IS NOT NULL AND (ended_at < ?1 OR job IN \
               (SELECT job FROM print_received WHERE ended_at IS NOT NULL ORDER BY ended_at DESC LIMIT -1 OFFSET ?2))";
    t.execute(sql, (now() - HISTORY_AGE, HISTORY)).map(|_| ())
}

fn find(c: &Connection, job: Uuid) -> rusqlite::Result<Option<IncomingJob>> {
    let sql = format!("SELECT {COLUMNS} FROM print_received WHERE job = ?1");
    c.prepare_cached(&sql)?.query_row([job.to_string()], read).optional()
}

fn list(c: &Connection, sql: &str, params: impl rusqlite::Params) -> rusqlite::Result<Vec<IncomingJob>> {
    c.prepare_cached(sql)?.query_map(params, read)?.collect()
}

fn read(row: &Row<'_>) -> rusqlite::Result<IncomingJob> {
    let text = |column: &str| row.get::<_, String>(column);
    let journal = Journal {
        step: parsed(row, "step", step_of)?,
        number: row.get("number")?,
        begun: row.get("begun")?,
        cancel: row.get("cancel")?,
        holds: parsed(row, "holds", Holds::from_words)?,
        held_there: row.get("held_there")?,
        unprinted: row.get("unprinted")?,
        state: parsed(row, "state", State::from_keyword)?,
        reason: row.get("reason")?,
        detail: row.get("detail")?,
        pages_done: row.get("pages_done")?,
    };
    Ok(IncomingJob {
        job: parsed(row, "job", |text| text.parse().ok())?,
        attempt: row.get("attempt")?,
        sender: parsed(row, "sender", |text| text.parse().ok())?,
        share: ShareId(text("share")?),
        queue: QueueId(text("queue")?),
        printer: text("printer")?,
        title: text("title")?,
        format: parsed(row, "format", Format::from_mime)?,
        bytes: row.get::<_, i64>("bytes")?.unsigned_abs(),
        pages: row.get("pages")?,
        options: parsed(row, "options", |text| serde_json::from_str(text).ok())?,
        user: row.get("user")?,
        subject: row
            .get::<_, Option<String>>("subject")?
            .and_then(|subject| serde_json::from_str(&subject).ok()),
        quiet: match row.get::<_, Option<String>>("quiet")? {
            Some(_) => Some(parsed(row, "quiet", |text| serde_json::from_str(text).ok())?),
            None => None,
        },
        sides: row.get("sides")?,
        journal,
        rev: row.get::<_, i64>("rev")?.unsigned_abs(),
        created_at: row.get("created_at")?,
        ended_at: row.get("ended_at")?,
    })
}

/// A text column that holds something of ours.
pub(crate) fn parsed<T>(
    row: &Row<'_>,
    column: &str,
    parse: impl Fn(&str) -> Option<T>,
) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    parse(&text).ok_or_else(|| {
        let found = format!("{column}: {text:?}");
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, found.into())
    })
}

/// Steps as they are stored, also of jobs on standard printers.
pub(crate) const STEPS: [(Step, &str); 7] = [
    (Step::Received, "received"),
    (Step::Creating, "creating"),
    (Step::Created, "created"),
    (Step::Sending, "sending"),
    (Step::Submitted, "submitted"),
    (Step::Unknown, "unknown"),
    (Step::Ended, "ended"),
];

pub(crate) fn step_name(step: Step) -> &'static str {
    STEPS.iter().find(|(known, _)| *known == step).map_or("unknown", |(_, name)| name)
}

pub(crate) fn step_of(name: &str) -> Option<Step> {
    STEPS.iter().find(|(_, known)| *known == name).map(|(step, _)| *step)
}
