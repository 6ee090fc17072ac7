//! CUPS, spoken to in IPP over its own socket.
//!
//! No libcups: it would find every printer on the network and every shared queue of other computers too (which we
//! would then offer again), waits for discovery while it lists, and reads its server from the environment once for
//! the whole process. One `CUPS-Get-Printers` says all that is needed, the kind of each queue included.
//!
//! A job is made empty, with our mark among its attributes; CUPS keeps the mark and returns it (RFC 8011 §5.3
//! allows attributes it does not know). Jobs and queues are looked at only when somebody asks.

pub mod added;
mod attributes;
mod handling;
mod life;
mod more;
mod transport;

use super::{Handover, QueueInfo, SendError, Sighting, SpoolError, Spooler};
use crate::{
    QueueId,
    client::{
        Adding, Document, Following,
        attributes::{self as told, CAPABILITIES, SUPPLIES, capabilities_of, documents, has_begun, sighting},
        status_message,
    },
    document::{Documents, Format, Laid, finish::Finish},
    render::sides::is_laid_out,
    ticket::{Capabilities, Options, Sides, is_media_name},
};
use attributes::{is_own, queue_info};
use futures_util::future::BoxFuture;
use lanyard_ipp::{Attribute, Group, GroupTag, Message, Operation, Status, Value, is_success};
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::OnceCell;

pub use transport::Address;

/// The attribute that carries our mark.
const MARK: &str = "lanyard-job-uuid";

const JOB_ATTRIBUTES: [&str; 10] = [
    "job-id",
    "job-state",
    "job-state-reasons",
    "job-printer-state-message",
    "job-impressions-completed",
    "job-media-sheets-completed",
    "number-of-documents",
    "job-k-octets",
    "time-at-processing",
    MARK,
];

/// The local CUPS.
pub struct Cups {
    line: transport::Line,
    documents: Documents,
    user: OnceCell<String>,
    /// What queues take, as they told a moment ago.
    takes: Mutex<HashMap<QueueId, (Instant, Arc<Group>)>>,
    life: life::Life,
    /// What was made of documents and is not sent yet, by their marks.
    prepared: Mutex<HashMap<String, Result<Ready, SpoolError>>>,
}

impl Cups {
    /// Where `CUPS_SERVER` points, else the system's own socket.
    #[must_use]
    pub fn from_environment(documents: Documents) -> Self {
        let told = std::env::var("CUPS_SERVER").ok();
        Self::at(told.as_deref().and_then(Address::parse).unwrap_or_else(Address::of_the_system), documents)
    }

    /// At a given address.
    #[must_use]
    pub fn at(address: Address, documents: Documents) -> Self {
        let (life, takes) = (life::Life::default(), Mutex::default());
        Self {
            line: transport::Line::to(address),
            documents,
            user: OnceCell::new(),
            takes,
            life,
            prepared: Mutex::default(),
        }
    }

    /// The name CUPS knows this process's user by. With it the socket's peer credentials prove who we are, so that
    /// our own jobs may be cancelled under CUPS's default policy.
    async fn user(&self) -> &str {
        let name = || async {
            let told = tokio::process::Command::new("id").arg("-un").kill_on_drop(true).output().await;
            let told = told.ok().and_then(|output| String::from_utf8(output.stdout).ok());
            told.map(|name| name.trim().to_owned())
                .filter(|name| !name.is_empty())
                .unwrap_or("anonymous".to_owned())
        };
        self.user.get_or_init(name).await
    }

    async fn ask(&self, path: &str, message: Message) -> Result<Message, SpoolError> {
        let user = self.user().await;
        // Where the standard wants it: among the operation attributes, behind the target (RFC 8011 §4.1.1).
        let message = message.operation("requesting-user-name", Value::name(user));
        let answer = self.line.call(user, path, &message, None).await;
        accepted(answer.map_err(|error| error.error)?)
    }

    fn to_queue(operation: Operation, queue: &QueueId) -> Message {
        Message::request(operation, 1).operation("printer-uri", Value::uri(queue_uri(queue)))
    }

    fn to_job(operation: Operation, number: i32) -> Message {
        Message::request(operation, 1)
            .operation("job-uri", Value::uri(format!("ipp://localhost/jobs/{number}")))
    }

    /// A question that changes nothing, over the connection that tells one life of CUPS from the next.
    async fn ask_in_this_life(&self, path: &str, message: Message) -> Result<Message, SpoolError> {
        let user = self.user().await;
        let message = message.operation("requesting-user-name", Value::name(user));
        accepted(self.life.ask(self.line.address(), user, path, &message).await?)
    }

    async fn default_queue(&self) -> Option<String> {
        let message = Message::request(Operation::CupsGetDefault, 1).requesting(&["printer-name"]);
        let answer = self.ask("/", message).await.ok()?;
        answer.group(GroupTag::Printer)?.text("printer-name").map(str::to_owned)
    }

    async fn queue_attributes(&self, queue: &QueueId, names: &[&str]) -> Result<Message, SpoolError> {
        self.ask("/", Self::to_queue(Operation::GetPrinterAttributes, queue).requesting(names)).await
    }

    async fn list(&self) -> Result<Vec<QueueInfo>, SpoolError> {
        let mut names = vec![
            "printer-name",
            "printer-info",
            "printer-make-and-model",
            "printer-location",
            "printer-state",
            "printer-state-reasons",
            "printer-type",
            "printer-is-temporary",
            "device-uri",
            "queued-job-count",
        ];
        names.extend(SUPPLIES);
        let message = Message::request(Operation::CupsGetPrinters, 1).requesting(&names);
        let answer = match self.ask("/", message).await {
            // What CUPS says when there is no queue at all.
            Err(SpoolError::NotFound) => return Ok(Vec::new()),
            answer => answer?,
        };
        let mut queues: Vec<QueueInfo> =
            answer.groups(GroupTag::Printer).filter(|group| is_own(group)).filter_map(queue_info).collect();
        queues.truncate(500);
        if let Some(default) = self.default_queue().await {
            for queue in &mut queues {
                queue.is_default = queue.id.0 == default;
            }
        }
        Ok(queues)
    }

    async fn what_it_can(&self, queue: &QueueId) -> Result<Capabilities, SpoolError> {
        let answer = self.queue_attributes(queue, &CAPABILITIES).await?;
        let group = answer.group(GroupTag::Printer).ok_or(SpoolError::NotFound)?;
        Ok(capabilities_of(group).bounded())
    }

    /// The kinds of documents that a queue takes, and its paper; at most a few seconds old, so that many jobs at once ask
    /// once.
    async fn what_it_takes(&self, queue: &QueueId) -> Result<Arc<Group>, SpoolError> {
        const FRESH: Duration = Duration::from_secs(3);
        const MOST: usize = 500;
        let known = self.takes.lock().unwrap_or_else(PoisonError::into_inner).get(queue).cloned();
        if let Some((_, known)) = known.filter(|(at, _)| at.elapsed() < FRESH) {
            return Ok(known);
        }
        let answer = self
            .queue_attributes(queue, &["document-format-supported", "media-default", "sides-default"])
            .await?;
        let told = Arc::new(answer.group(GroupTag::Printer).cloned().ok_or(SpoolError::NotFound)?);
        let mut takes = self.takes.lock().unwrap_or_else(PoisonError::into_inner);
        if takes.len() >= MOST {
            takes.clear();
        }
        takes.insert(queue.clone(), (Instant::now(), Arc::clone(&told)));
        Ok(told)
    }

    async fn create_job(&self, job: &Handover) -> Result<i32, SpoolError> {
        // What was laid out before has its pages, and must not be scaled a second time.
        let laid_out = is_laid_out(&job.options);
        let options = Options {
            pages: job.options.pages.clone().filter(|_| !cuts_pages(&job.options)),
            // A booklet is one only when its sheets have two sides.
            sides: job.options.sides.or(job.options.booklet.then_some(Sides::TwoSidedShortEdge)),
            ..job.options.clone()
        };
        let as_it_is = [
            Attribute::one("number-up", Value::Integer(1)),
            Attribute::one("print-scaling", Value::keyword("none")),
        ];
        let message = Self::to_queue(Operation::CreateJob, &job.queue)
            .operation("job-name", Value::name(job.title.as_str()))
            .job(told::job_attributes(&options))
            .job(as_it_is.into_iter().filter(|_| laid_out))
            .job([Attribute::one(MARK, Value::text(job.mark.as_str()))]);
        // What is asked before the document is sent is asked meanwhile; if that fails, it is asked again.
        let path = queue_path(&job.queue);
        let (answer, _) = tokio::join!(self.ask(&path, message), self.what_it_takes(&job.queue));
        answer?
            .group(GroupTag::Job)
            .and_then(|group| group.int("job-id"))
            .filter(|number| *number > 0)
            .ok_or_else(|| SpoolError::Away("it made a job without a number".to_owned()))
    }

    async fn send_ready(&self, job: &Handover, number: i32) -> Result<(), SendError> {
        let not_begun = |error| SendError { error, whole: false };
        let prepared = self.prepared().remove(&job.mark);
        let ready = match prepared {
            Some(prepared) => prepared,
            None => self.make_ready(job).await,
        };
        let ready = ready.map_err(not_begun)?;
        self.send_document(job, number, ready.format, Document::Whole(&ready.path)).await
    }

    async fn send_document(
        &self,
        job: &Handover,
        number: i32,
        format: Format,
        document: Document<'_>,
    ) -> Result<(), SendError> {
        let user = self.user().await;
        let message = Self::to_job(Operation::SendDocument, number)
            .operation("requesting-user-name", Value::name(user))
            .operation("document-format", Value::mime(format.mime()))
            .operation("last-document", Value::Boolean(true));
        let answer = self.line.call(user, &queue_path(&job.queue), &message, Some(document)).await?;
        // An answer came: whatever it says, the outcome is known.
        accepted(answer).map(|_| ()).map_err(|error| SendError { error, whole: true })
    }

    /// Whether a queue takes a document as it is.
    async fn passes(&self, job: &Handover, bytes: u64) -> bool {
        let format = job.format;
        let untouched = job.cover.is_none()
            && Documents::stays_as_it_is(format, &to_be_laid_out(format, &job.options, None), bytes);
        untouched && self.what_it_takes(&job.queue).await.is_ok_and(|queue| told::takes(&queue, format))
    }

    async fn make_ready(&self, job: &Handover) -> Result<Ready, SpoolError> {
        let queue = self.what_it_takes(&job.queue).await?;
        Ready::make(&self.documents, job, &queue).await
    }

    fn prepared(&self) -> MutexGuard<'_, HashMap<String, Result<Ready, SpoolError>>> {
        self.prepared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn find_mark(&self, queue: &QueueId, mark: &str) -> Result<Option<Sighting>, SpoolError> {
        let message = Self::to_queue(Operation::GetJobs, queue)
            .operation("which-jobs", Value::keyword("all"))
            .requesting(&JOB_ATTRIBUTES);
        let answer = self.ask_in_this_life("/", message).await?;
        let marked = answer
            .groups(GroupTag::Job)
            .filter(|group| group.text(MARK) == Some(mark))
            // Empty jobs that were abandoned keep the mark too: one with a document is the one that counts.
            .max_by_key(|group| (documents(group) > 0 || has_begun(group), group.int("job-id")));
        match marked {
            Some(group) => self.sight(queue, group).await.map(Some),
            None => Ok(None),
        }
    }

    async fn look_at(
        &self,
        queue: &QueueId,
        mark: &str,
        number: i32,
    ) -> Result<Option<Sighting>, SpoolError> {
        let message = Self::to_job(Operation::GetJobAttributes, number).requesting(&JOB_ATTRIBUTES);
        let answer = match self.ask_in_this_life("/", message).await {
            Err(SpoolError::NotFound) => return self.find_mark(queue, mark).await,
            answer => answer?,
        };
        match answer.group(GroupTag::Job) {
            Some(group) if group.text(MARK) == Some(mark) => self.sight(queue, group).await.map(Some),
            // The number belongs to another job now.
            _ => self.find_mark(queue, mark).await,
        }
    }

    async fn sight(&self, queue: &QueueId, job: &Group) -> Result<Sighting, SpoolError> {
        let life = self.life.number();
        if !told::is_open(job) {
            return Ok(Sighting { life, ..sighting(job, None) });
        }
        let names = ["printer-state", "printer-state-reasons", "printer-state-message"];
        let printer = self.queue_attributes(queue, &names).await?;
        Ok(Sighting { life, ..sighting(job, printer.group(GroupTag::Printer)) })
    }

    async fn cancel_job(&self, number: i32) -> Result<(), SpoolError> {
        let user = self.user().await;
        let message =
            Self::to_job(Operation::CancelJob, number).operation("requesting-user-name", Value::name(user));
        let answer = self.line.call(user, "/jobs/", &message, None).await;
        let answer = answer.map_err(|error| error.error)?;
        if answer.code == Status::NotPossible.code() { Ok(()) } else { accepted(answer).map(|_| ()) }
    }
}

impl Spooler for Cups {
    fn queues(&self) -> BoxFuture<'_, Result<Vec<QueueInfo>, SpoolError>> {
        Box::pin(self.list())
    }

    fn capabilities<'a>(&'a self, queue: &'a QueueId) -> BoxFuture<'a, Result<Capabilities, SpoolError>> {
        Box::pin(self.what_it_can(queue))
    }

    fn more<'a>(&'a self, queue: &'a QueueId) -> BoxFuture<'a, Result<super::More, SpoolError>> {
        Box::pin(self.more_of(queue))
    }

    fn expect<'a>(&'a self, queue: &'a QueueId) -> BoxFuture<'a, ()> {
        // What fails is asked again when it is needed.
        Box::pin(async move {
            let _ = self.what_it_takes(queue).await;
            self.line.warm().await;
        })
    }

    fn must_prepare(&self, job: &Handover) -> bool {
        job.format != Format::Pdf || is_laid_out(&job.options)
    }

    fn prepare<'a>(&'a self, job: &'a Handover) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            match self.make_ready(job).await {
                // Tried again when it is sent.
                Err(SpoolError::Away(_)) => {}
                made => drop(self.prepared().insert(job.mark.clone(), made)),
            }
        })
    }

    fn forget(&self, mark: &str) {
        self.prepared().remove(mark);
    }

    fn create<'a>(&'a self, job: &'a Handover) -> BoxFuture<'a, Result<i32, SpoolError>> {
        Box::pin(self.create_job(job))
    }

    fn send<'a>(&'a self, job: &'a Handover, number: i32) -> BoxFuture<'a, Result<(), SendError>> {
        Box::pin(self.send_ready(job, number))
    }

    fn takes_as_it_is<'a>(&'a self, job: &'a Handover, bytes: u64) -> BoxFuture<'a, bool> {
        Box::pin(self.passes(job, bytes))
    }

    fn send_following<'a>(
        &'a self,
        job: &'a Handover,
        number: i32,
        document: Following,
    ) -> BoxFuture<'a, Result<(), SendError>> {
        Box::pin(self.send_document(job, number, job.format, Document::Growing(document)))
    }

    fn find<'a>(
        &'a self,
        queue: &'a QueueId,
        mark: &'a str,
    ) -> BoxFuture<'a, Result<Option<Sighting>, SpoolError>> {
        Box::pin(self.find_mark(queue, mark))
    }

    fn look<'a>(
        &'a self,
        queue: &'a QueueId,
        mark: &'a str,
        number: i32,
    ) -> BoxFuture<'a, Result<Option<Sighting>, SpoolError>> {
        Box::pin(self.look_at(queue, mark, number))
    }

    fn cancel<'a>(&'a self, _: &'a QueueId, number: i32) -> BoxFuture<'a, Result<(), SpoolError>> {
        Box::pin(self.cancel_job(number))
    }

    fn hold<'a>(&'a self, _: &'a QueueId, number: i32) -> BoxFuture<'a, Result<(), SpoolError>> {
        Box::pin(self.hold_job(number))
    }

    fn release<'a>(&'a self, _: &'a QueueId, number: i32) -> BoxFuture<'a, Result<(), SpoolError>> {
        Box::pin(self.release_job(number))
    }

    fn pause<'a>(&'a self, queue: &'a QueueId, pause: bool) -> BoxFuture<'a, Result<(), SpoolError>> {
        Box::pin(self.pause_queue(queue, pause))
    }
}

/// The file that is handed over: the document itself, or a PDF made of it that goes away afterwards.
struct Ready {
    path: PathBuf,
    format: Format,
    made: bool,
}

impl Ready {
    /// Copies stay CUPS's business, and page ranges too unless the document is laid out anew: that is done with the
    /// pages that were chosen, on the paper that was, or on the queue's own.
    async fn make(documents: &Documents, job: &Handover, queue: &Group) -> Result<Self, SpoolError> {
        let takes = |format: Format| told::takes(queue, format);
        let paper = queue.text("media-default").filter(|name| is_media_name(name)).map(str::to_owned);
        let (native, pdf) = (takes(job.format), takes(Format::Pdf));
        let (document, format) = (job.document.clone(), job.format);
        let as_it_is = Self { path: document.clone(), format, made: false };
        if !pdf {
            return if native { Ok(as_it_is) } else { Err(unsupported(format)) };
        }
        if format == Format::Text && native && job.cover.is_none() && !documents.is_legible(&document).await?
        {
            // CUPS has fonts for other scripts where the system has.
            return Ok(as_it_is);
        }
        let mut made = document.clone().into_os_string();
        made.push(".pdf");
        let options = to_be_laid_out(format, &job.options, paper);
        // Away again whatever happens while it is made.
        let ready = Self { path: made.into(), format: Format::Pdf, made: true };
        let mut finish = Finish::covered(job.cover.clone());
        let two_sided = queue.text("sides-default").is_some_and(|sides| sides != Sides::OneSided.keyword());
        if let Some(cover) = finish.cover.as_mut().filter(|_| job.options.sides.is_none()) {
            cover.two_sided |= two_sided;
        }
        match documents.finish(&document, format, &options, &finish, &ready.path).await? {
            Laid::Made => Ok(ready),
            Laid::AsIs => Ok(as_it_is),
        }
    }
}

/// Whether the pages that were chosen are taken out of the document here: what is put on sheets anew, or gets one more,
/// has other numbers.
fn cuts_pages(options: &Options) -> bool {
    is_laid_out(options) || options.cover
}

/// What of a job's choices is carried out before CUPS gets it.
fn to_be_laid_out(format: Format, options: &Options, paper: Option<String>) -> Options {
    let laid_out = is_laid_out(options);
    // What has no paper of its own gets the queue's.
    let needs_paper = laid_out || format != Format::Pdf;
    Options {
        copies: None,
        sides: None,
        color: None,
        pages: options.pages.clone().filter(|_| cuts_pages(options)),
        media: options.media.clone().or(paper.filter(|_| needs_paper)),
        ..options.clone()
    }
}

impl Drop for Ready {
    fn drop(&mut self) {
        if self.made {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn unsupported(format: Format) -> SpoolError {
    SpoolError::Unsupported(format!("the queue does not take {}", format.mime()))
}

fn accepted(answer: Message) -> Result<Message, SpoolError> {
    let message = || match status_message(&answer) {
        message if message.is_empty() => format!("status 0x{:04x}", answer.code),
        message => message,
    };
    match (answer.code, Status::from_code(answer.code)) {
        (code, _) if is_success(code) => Ok(answer),
        (_, Some(Status::NotFound | Status::Gone)) => Err(SpoolError::NotFound),
        (_, Some(Status::RequestEntityTooLarge)) => Err(SpoolError::Full),
        (_, Some(Status::DocumentFormatNotSupported | Status::DocumentFormatError)) => {
            Err(SpoolError::Unsupported(message()))
        }
        (_, Some(Status::NotAcceptingJobs)) => Err(SpoolError::NotAccepting),
        (0x0500..=0x05ff, _) => Err(SpoolError::Away(message())),
        _ => Err(SpoolError::Refused(message())),
    }
}

fn queue_uri(queue: &QueueId) -> String {
    format!("ipp://localhost{}", queue_path(queue))
}

fn queue_path(queue: &QueueId) -> String {
    let mut path = "/printers/".to_owned();
    for byte in queue.0.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            path.push(char::from(byte));
        } else {
            path.push_str(&format!("%{byte:02X}"));
        }
    }
    path
}

/// Where a socket of the system's CUPS may be.
fn system_sockets() -> [&'static Path; 3] {
    ["/run/cups/cups.sock", "/var/run/cups/cups.sock", "/private/var/run/cupsd"].map(Path::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queues_name_cannot_leave_its_place_in_a_uri() {
        assert_eq!(queue_path(&QueueId("Büro 1/../x".to_owned())), "/printers/B%C3%BCro%201%2F..%2Fx");
    }
}
