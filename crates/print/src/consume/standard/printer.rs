//! One standard printer, as something that takes jobs in two steps: the same trait that this computer's own spooler
//! is behind.
//!
//! A printer that knows no Create-Job gets its job with the document in one (Print-Job); until then its number is
//! [`NO_NUMBER`]. A printer need not keep our mark, so its own `job-uuid` and the job's name are compared as well.

mod line;

use super::{
    Find, PrinterId, Told,
    form::{self, How, Ready, how},
    journal::Rows,
};
use crate::{
    QueueId,
    client::{
        Adding, CallError, Reason,
        attributes::{
            self, CAPABILITIES, SUPPLIES, capabilities_of, documents, has_begun, is_open, job_attributes,
            sighting,
        },
        status_message,
        tls::Key,
    },
    consume::{Outbox, lock},
    document::{Documents, Format},
    system::{Handover, QueueInfo, SendError, Sighting, SpoolError, Spooler},
    ticket::{Capabilities, Options},
};
use futures_util::future::BoxFuture;
use lanyard_ipp::{Attribute, Group, GroupTag, Message, Operation, Status, Value, is_success};
use line::Open;
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// What stands for the number of a job that gets one with its document.
pub(super) const NO_NUMBER: i32 = 0;

/// Who prints, as far as the printer is concerned: it shows that to whoever passes.
const USER: &str = "Lanyard";

/// The attribute that carries our mark; printers may leave it out.
const MARK: &str = "lanyard-job-uuid";

const STATE: [&str; 3] = ["printer-state", "printer-state-reasons", "printer-state-message"];

const JOB_ATTRIBUTES: [&str; 13] = [
    "job-id",
    "job-uuid",
    "job-name",
    "job-state",
    "job-state-reasons",
    "job-printer-state-message",
    "job-originating-user-name",
    "job-impressions-completed",
    "job-media-sheets-completed",
    "number-of-documents",
    "job-k-octets",
    "time-at-processing",
    MARK,
];

/// What a printer can do is asked again after this long.
const FRESH: Duration = Duration::from_secs(30);

/// A printer.
pub(super) struct Standard {
    id: PrinterId,
    find: Option<Arc<dyn Find>>,
    rows: Rows,
    documents: Documents,
    /// Kept from one question to the next: a handshake is work for a small printer.
    line: tokio::sync::Mutex<Option<Open>>,
    /// It has hung up on a connection just after an answer: then only questions go over a kept one.
    hangs_up: AtomicBool,
    /// Jobs by their marks.
    jobs: Mutex<HashMap<String, JobThere>>,
    facts: Mutex<Option<(Instant, Arc<Group>)>>,
    key: Mutex<KeyCheck>,
    /// Answers so far.
    answers: AtomicU64,
}

/// What is known of a job on the printer.
#[derive(Clone, Debug, Default)]
pub(super) struct JobThere {
    pub(super) number: Option<i32>,
    pub(super) uuid: Option<String>,
    pub(super) title: String,
}

/// Whose key is expected, and what was shown instead.
#[derive(Clone, Copy, Debug, Default)]
struct KeyCheck {
    /// None: no document is sent, so whoever answers will do.
    checks: bool,
    other: Option<Key>,
}

impl Standard {
    pub(super) fn new(outbox: &Outbox, id: PrinterId) -> Self {
        Self {
            id,
            find: outbox.inner.find.get().cloned(),
            rows: Rows::new(outbox.inner.rows.store().clone()),
            documents: outbox.inner.documents.clone(),
            line: tokio::sync::Mutex::default(),
            hangs_up: AtomicBool::new(false),
            jobs: Mutex::default(),
            facts: Mutex::default(),
            key: Mutex::default(),
            answers: AtomicU64::new(0),
        }
    }

    /// The same, for jobs: only the printer that is known by its key will do, and one that is not known yet is known
    /// from now on.
    pub(super) fn for_jobs(outbox: &Outbox, id: PrinterId) -> Self {
        let printer = Self::new(outbox, id);
        lock(&printer.key).checks = true;
        printer
    }

    /// A job that is or may be on the printer.
    pub(super) fn remember(&self, mark: &str, job: JobThere) {
        lock(&self.jobs).insert(mark.to_owned(), job);
    }

    pub(super) fn job(&self, mark: &str) -> Option<JobThere> {
        lock(&self.jobs).get(mark).cloned()
    }

    /// The other key that was shown at the last try, if that is why there is no connection.
    pub(super) fn other_key(&self) -> Option<Key> {
        lock(&self.key).other
    }

    /// What it is, can do and is doing.
    pub(super) async fn told(&self) -> Result<Told, SpoolError> {
        let group = self.facts().await?;
        let text = |name| attributes::told(&group, name);
        let uuid = group.text("printer-uuid").and_then(|uuid| uuid.parse().ok());
        Ok(Told {
            can: self.capabilities_from(&group),
            state: attributes::queue_state(&group),
            reasons: attributes::reasons(&group),
            waiting: group.int("queued-job-count").and_then(|n| u32::try_from(n).ok()).unwrap_or(0),
            supplies: attributes::supplies(&group),
            model: text("printer-make-and-model"),
            location: text("printer-location"),
            uuid,
            accepting: group.bool("printer-is-accepting-jobs").unwrap_or(true),
        })
    }

    fn capabilities_from(&self, group: &Group) -> Capabilities {
        let mut can = capabilities_of(group).bounded();
        can.formats = Format::SENT
            .into_iter()
            .filter(|format| how(*format, &Options::default(), group).is_ok())
            .collect();
        can
    }

    /// Its attributes, fetched now.
    async fn facts(&self) -> Result<Arc<Group>, SpoolError> {
        let mut names: Vec<&str> = CAPABILITIES.to_vec();
        names.extend(SUPPLIES);
        names.extend(STATE);
        names.extend(form::ASKED);
        names.extend([
            "operations-supported",
            "printer-is-accepting-jobs",
            "printer-make-and-model",
            "printer-location",
            "printer-uuid",
            "queued-job-count",
        ]);
        let answer = self.ask(Operation::GetPrinterAttributes, |m| m.requesting(&names)).await?;
        let group = answer.group(GroupTag::Printer).cloned();
        let group = Arc::new(group.ok_or_else(|| SpoolError::Away("it says nothing of itself".to_owned()))?);
        *lock(&self.facts) = Some((Instant::now(), Arc::clone(&group)));
        Ok(group)
    }

    /// Its attributes, not older than [`FRESH`].
    async fn known_facts(&self) -> Result<Arc<Group>, SpoolError> {
        let known = lock(&self.facts).clone();
        match known {
            Some((at, group)) if at.elapsed() < FRESH => Ok(group),
            _ => self.facts().await,
        }
    }

    async fn create_job(&self, job: &Handover) -> Result<i32, SpoolError> {
        let facts = self.facts().await?;
        if facts.bool("printer-is-accepting-jobs") == Some(false) {
            return Err(SpoolError::NotAccepting);
        }
        let how = how(job.format, &job.options, &facts)?;
        let there = JobThere { number: None, uuid: None, title: job.title.clone() };
        if !can_create(&facts) {
            self.remember(&job.mark, there);
            return Ok(NO_NUMBER);
        }
        let mut answer = self.answer(Operation::CreateJob, |m| new_job(m, job, &how, true)).await?;
        if answer.code == Status::AttributesOrValuesNotSupported.code() {
            // Some refuse what they do not know even where they need not mind it.
            answer = self.answer(Operation::CreateJob, |m| new_job(m, job, &how, false)).await?;
        }
        let answer = accepted(answer)?;
        let there = there.told_by(&answer);
        let number =
            there.number.ok_or_else(|| SpoolError::Away("it made a job without a number".to_owned()))?;
        self.remember(&job.mark, there);
        Ok(number)
    }

    async fn send_document(&self, job: &Handover, number: i32) -> Result<(), SendError> {
        let not_begun = |error| SendError { error, whole: false };
        let facts = self.known_facts().await.map_err(not_begun)?;
        let how = how(job.format, &job.options, &facts).map_err(not_begun)?;
        let ready = Ready::make(&self.documents, job, &how).await.map_err(not_begun)?;
        // Whoever looks at the job meanwhile takes another one.
        let kept = self.line.lock().await.take();
        let (mut open, kept) = self.for_once(kept).await.map_err(not_begun)?;
        let operation = if number == NO_NUMBER { Operation::PrintJob } else { Operation::SendDocument };
        let add = |message: Message| {
            let format = Value::mime(ready.mime);
            if number == NO_NUMBER {
                return new_job(message.operation("document-format", format), job, &how, true);
            }
            message
                .operation("job-id", Value::Integer(number))
                .operation("requesting-user-name", Value::name(USER))
                .operation("document-name", Value::name(job.title.as_str()))
                .operation("document-format", format)
                .operation("last-document", Value::Boolean(true))
        };
        let sent = self.exchange(&mut open, operation, &add, Some(&ready.path)).await;
        if sent.is_ok() {
            self.line.lock().await.get_or_insert(open);
        } else if kept {
            self.hangs_up.store(true, Ordering::Release);
        }
        let answer = sent.map_err(|error| {
            // A printer may print what it has while it still receives.
            let perhaps = error.begun || error.whole;
            SendError { whole: perhaps, ..send_error(error) }
        })?;
        if number == NO_NUMBER && is_success(answer.code) {
            let there = JobThere { number: None, uuid: None, title: job.title.clone() }.told_by(&answer);
            self.remember(&job.mark, there);
        }
        accepted(answer).map(|_| ()).map_err(|error| match error {
            // It did not take it, and will later.
            error @ SpoolError::NotAccepting => {
                SendError { error: SpoolError::Away(error.to_string()), whole: false }
            }
            error => SendError { error, whole: true },
        })
    }

    /// Finds a job: by its number if that is known and still the same job's, else among all that the printer tells of.
    async fn find_job(&self, mark: &str) -> Result<Option<Sighting>, SpoolError> {
        let there = self.job(mark).unwrap_or_default();
        if let Some(number) = there.number.filter(|number| *number != NO_NUMBER) {
            let asked =
                self.ask(Operation::GetJobAttributes, |m| to_job(m, number).requesting(&JOB_ATTRIBUTES));
            match asked.await {
                Ok(answer) => {
                    if let Some(job) = answer.group(GroupTag::Job).filter(|job| there.is(job, mark)) {
                        return self.sight(job).await.map(Some);
                    }
                }
                Err(SpoolError::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        let mut found = Vec::new();
        for which in ["not-completed", "completed"] {
            let asked = self.ask(Operation::GetJobs, |message| {
                message
                    .operation("requesting-user-name", Value::name(USER))
                    .operation("which-jobs", Value::keyword(which))
                    .operation("limit", Value::Integer(200))
                    .requesting(&JOB_ATTRIBUTES)
            });
            match asked.await {
                Ok(answer) => found.extend(answer.groups(GroupTag::Job).cloned()),
                // What some say when there is none.
                Err(SpoolError::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        let marked = found
            .iter()
            .filter(|job| there.is_certainly(job, mark))
            // Empty jobs that were abandoned keep the mark too: one with a document is the one that counts.
            .max_by_key(|job| (documents(job) > 0 || has_begun(job), job.int("job-id")));
        let Some(job) = marked else { return Ok(None) };
        self.remember(mark, JobThere { number: job.int("job-id"), ..there });
        self.sight(job).await.map(Some)
    }

    async fn sight(&self, job: &Group) -> Result<Sighting, SpoolError> {
        if !is_open(job) {
            return Ok(sighting(job, None));
        }
        let answer = self.ask(Operation::GetPrinterAttributes, |m| m.requesting(&STATE)).await?;
        Ok(sighting(job, answer.group(GroupTag::Printer)))
    }

    async fn cancel_job(&self, number: i32) -> Result<(), SpoolError> {
        if number == NO_NUMBER {
            return Ok(());
        }
        let add = |m| to_job(m, number).operation("requesting-user-name", Value::name(USER));
        let answer = self.answer(Operation::CancelJob, add).await?;
        if answer.code == Status::NotPossible.code() { Ok(()) } else { accepted(answer).map(|_| ()) }
    }
}

impl JobThere {
    /// With what the printer answered to a new job.
    fn told_by(mut self, answer: &Message) -> Self {
        if let Some(job) = answer.group(GroupTag::Job) {
            self.number = job.int("job-id").filter(|number| *number > 0);
            self.uuid = job.text("job-uuid").map(crate::ticket::words);
        }
        self
    }

    /// Whether a job that has our number is ours. Numbers are used again after a printer was switched off.
    fn is(&self, job: &Group, mark: &str) -> bool {
        if job.find(MARK).is_some() || (self.uuid.is_some() && job.find("job-uuid").is_some()) {
            return self.is_certainly(job, mark);
        }
        job.text("job-name").is_none_or(|name| name == self.title)
    }

    fn is_certainly(&self, job: &Group, mark: &str) -> bool {
        let uuid = self.uuid.as_deref().filter(|uuid| !uuid.is_empty());
        job.text(MARK) == Some(mark) || (uuid.is_some() && job.text("job-uuid") == uuid)
    }
}

impl Spooler for Standard {
    fn queues(&self) -> BoxFuture<'_, Result<Vec<QueueInfo>, SpoolError>> {
        // It is one printer and no spooler with queues.
        Box::pin(async { Ok(Vec::new()) })
    }

    fn capabilities<'a>(&'a self, _: &'a QueueId) -> BoxFuture<'a, Result<Capabilities, SpoolError>> {
        Box::pin(async { Ok(self.told().await?.can) })
    }

    fn create<'a>(&'a self, job: &'a Handover) -> BoxFuture<'a, Result<i32, SpoolError>> {
        Box::pin(self.create_job(job))
    }

    fn send<'a>(&'a self, job: &'a Handover, number: i32) -> BoxFuture<'a, Result<(), SendError>> {
        Box::pin(self.send_document(job, number))
    }

    fn find<'a>(
        &'a self,
        _: &'a QueueId,
        mark: &'a str,
    ) -> BoxFuture<'a, Result<Option<Sighting>, SpoolError>> {
        Box::pin(self.find_job(mark))
    }

    fn look<'a>(
        &'a self,
        _: &'a QueueId,
        mark: &'a str,
        number: i32,
    ) -> BoxFuture<'a, Result<Option<Sighting>, SpoolError>> {
        if number != NO_NUMBER {
            lock(&self.jobs).entry(mark.to_owned()).or_default().number.get_or_insert(number);
        }
        Box::pin(self.find_job(mark))
    }

    fn cancel<'a>(&'a self, _: &'a QueueId, number: i32) -> BoxFuture<'a, Result<(), SpoolError>> {
        Box::pin(self.cancel_job(number))
    }

    fn forget(&self, mark: &str) {
        lock(&self.jobs).remove(mark);
    }
}

fn to_job(message: Message, number: i32) -> Message {
    message.operation("job-id", Value::Integer(number))
}

/// What Create-Job and Print-Job say of a job.
fn new_job(message: Message, job: &Handover, how: &How, marked: bool) -> Message {
    let mut options = job.options.clone();
    if how.cuts_pages() {
        // The pages are cut out here.
        options.pages = None;
    }
    let mark = marked.then(|| Attribute::one(MARK, Value::text(job.mark.as_str())));
    message
        .operation("requesting-user-name", Value::name(USER))
        .operation("job-name", Value::name(job.title.as_str()))
        .operation("ipp-attribute-fidelity", Value::Boolean(false))
        .job(job_attributes(&options))
        .job(mark)
}

fn can_create(facts: &Group) -> bool {
    let known = facts.find("operations-supported").map(|known| known.values.as_slice()).unwrap_or_default();
    let knows = |operation: Operation| {
        known.iter().filter_map(Value::as_int).any(|code| code == i32::from(operation.code()))
    };
    knows(Operation::CreateJob) && knows(Operation::SendDocument)
}

fn send_error(error: CallError) -> SendError {
    let whole = error.whole;
    let error = match error.reason {
        Reason::Forbidden => {
            SpoolError::Refused("it wants a name and a password, which is not possible yet".to_owned())
        }
        Reason::TooLarge => SpoolError::Refused("the document is too large for it".to_owned()),
        reason @ (Reason::Unreadable(_) | Reason::UpgradeRequired) => SpoolError::Refused(reason.to_string()),
        reason => SpoolError::Away(reason.to_string()),
    };
    SendError { error, whole }
}

fn accepted(answer: Message) -> Result<Message, SpoolError> {
    let words = || match status_message(&answer) {
        words if words.is_empty() => {
            let name = Status::from_code(answer.code).map(Status::keyword);
            name.map_or_else(|| format!("status 0x{:04x}", answer.code), str::to_owned)
        }
        words => words,
    };
    match (answer.code, Status::from_code(answer.code)) {
        (code, _) if is_success(code) => Ok(answer),
        (_, Some(Status::NotFound | Status::Gone)) => Err(SpoolError::NotFound),
        (_, Some(Status::DocumentFormatNotSupported | Status::DocumentFormatError)) => {
            Err(SpoolError::Unsupported(words()))
        }
        (_, Some(Status::NotAcceptingJobs | Status::Busy | Status::TemporaryError)) => {
            Err(SpoolError::NotAccepting)
        }
        (0x0500..=0x05ff, code) if code != Some(Status::OperationNotSupported) => {
            Err(SpoolError::Away(words()))
        }
        _ => Err(SpoolError::Refused(words())),
    }
}
