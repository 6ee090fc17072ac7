//! CUPS, spoken to in IPP over its own socket.
//!
//! No libcups: it would find every printer on the network and every shared queue of other computers too (which we
//! would then offer again), waits for discovery while it lists, and reads its server from the environment once for
//! the whole process. One `CUPS-Get-Printers` says all that is needed, the kind of each queue included.
//!
//! A job is made empty, with our mark among its attributes; CUPS keeps the mark and returns it (RFC 8011 §5.3
//! allows attributes it does not know). Jobs and queues are looked at only when somebody asks.

mod transport;

use super::{
    Handover, QueueInfo, QueueState, SendError, Sighting, SpoolError, Spooler, Stage,
    ipp_codec::{Answer, Message, boolean, number, text, texts, values},
};
use crate::{
    QueueId,
    document::{self, Format, text as plain_text},
    ticket::{Capabilities, MAX_COPIES, Sides, is_media_name, keyword, words},
};
use futures_util::future::BoxFuture;
use ipp::{
    attribute::IppAttributeGroup,
    model::{DelimiterTag, Operation},
    value::IppValue,
};
use std::path::{Path, PathBuf};
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
    address: Address,
    user: OnceCell<String>,
}

impl Cups {
    /// Where `CUPS_SERVER` points, else the system's own socket.
    #[must_use]
    pub fn from_environment() -> Self {
        let told = std::env::var("CUPS_SERVER").ok();
        Self::at(told.as_deref().and_then(Address::parse).unwrap_or_else(Address::of_the_system))
    }

    /// At a given address.
    #[must_use]
    pub fn at(address: Address) -> Self {
        Self { address, user: OnceCell::new() }
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

    async fn ask(&self, path: &str, message: Message) -> Result<Answer, SpoolError> {
        let user = self.user().await;
        let message =
            message.operation("requesting-user-name", IppValue::new_name_without_language(user).ok());
        let answer = transport::call(&self.address, user, path, message.encode(), None).await;
        accepted(answer.map_err(|error| error.error)?)
    }

    fn to_queue(operation: Operation, queue: &QueueId) -> Message {
        Message::new(operation).operation("printer-uri", IppValue::new_uri(queue_uri(queue)).ok())
    }

    fn to_job(operation: Operation, number: i32) -> Message {
        Message::new(operation)
            .operation("job-uri", IppValue::new_uri(format!("ipp://localhost/jobs/{number}")).ok())
    }

    async fn default_queue(&self) -> Option<String> {
        let message = Message::new(Operation::CupsGetDefault).requesting(&["printer-name"]);
        let answer = self.ask("/", message).await.ok()?;
        answer.groups(DelimiterTag::PrinterAttributes).next().and_then(|group| text(group, "printer-name"))
    }

    async fn queue_attributes(&self, queue: &QueueId, names: &[&str]) -> Result<Answer, SpoolError> {
        self.ask("/", Self::to_queue(Operation::GetPrinterAttributes, queue).requesting(names)).await
    }

    async fn list(&self) -> Result<Vec<QueueInfo>, SpoolError> {
        let message = Message::new(Operation::CupsGetPrinters).requesting(&[
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
        ]);
        let answer = match self.ask("/", message).await {
            // What CUPS says when there is no queue at all.
            Err(SpoolError::NotFound) => return Ok(Vec::new()),
            answer => answer?,
        };
        let mut queues: Vec<QueueInfo> = answer
            .groups(DelimiterTag::PrinterAttributes)
            .filter(|group| is_own(group))
            .filter_map(queue_info)
            .collect();
        queues.truncate(500);
        if let Some(default) = self.default_queue().await {
            for queue in &mut queues {
                queue.is_default = queue.id.0 == default;
            }
        }
        Ok(queues)
    }

    async fn what_it_can(&self, queue: &QueueId) -> Result<Capabilities, SpoolError> {
        let names = [
            "document-format-supported",
            "color-supported",
            "print-color-mode-supported",
            "sides-supported",
            "sides-default",
            "media-supported",
            "media-default",
            "copies-supported",
        ];
        let answer = self.queue_attributes(queue, &names).await?;
        let group = answer.groups(DelimiterTag::PrinterAttributes).next().ok_or(SpoolError::NotFound)?;
        Ok(capabilities_of(group).bounded())
    }

    async fn create_job(&self, job: &Handover) -> Result<i32, SpoolError> {
        let options = &job.options;
        let keyword = |value: &'static str| IppValue::new_keyword(value).ok();
        let pages = options.pages.as_ref().map(|pages| {
            let range = |&(first, last): &(u32, u32)| {
                IppValue::new_range_of_integer(
                    i32::try_from(first).unwrap_or(1),
                    i32::try_from(last).unwrap_or(i32::MAX),
                )
            };
            IppValue::Array(pages.ranges().iter().map(range).collect())
        });
        let message = Self::to_queue(Operation::CreateJob, &job.queue)
            .operation("job-name", IppValue::new_name_without_language(job.title.as_str()).ok())
            .job("copies", options.copies.and_then(|n| i32::try_from(n).ok()).map(IppValue::Integer))
            .job("sides", options.sides.and_then(|sides| keyword(sides.keyword())))
            .job("print-color-mode", options.color.and_then(|color| keyword(color.keyword())))
            .job("media", options.media.as_deref().and_then(|media| IppValue::new_keyword(media).ok()))
            .job("page-ranges", pages)
            .job(MARK, IppValue::new_text_without_language(job.mark.as_str()).ok());
        let answer = self.ask(&queue_path(&job.queue), message).await?;
        let group = answer.groups(DelimiterTag::JobAttributes).next();
        group
            .and_then(|group| number(group, "job-id"))
            .filter(|number| *number > 0)
            .ok_or_else(|| SpoolError::Away("it made a job without a number".to_owned()))
    }

    async fn send_document(&self, job: &Handover, number: i32) -> Result<(), SendError> {
        let not_begun = |error| SendError { error, whole: false };
        let answer =
            self.queue_attributes(&job.queue, &["document-format-supported"]).await.map_err(not_begun)?;
        let takes = answer
            .groups(DelimiterTag::PrinterAttributes)
            .next()
            .map(|group| texts(group, "document-format-supported"))
            .unwrap_or_default();
        let ready = Ready::make(job, &takes).await.map_err(not_begun)?;
        let user = self.user().await;
        let message = Self::to_job(Operation::SendDocument, number)
            .operation("requesting-user-name", IppValue::new_name_without_language(user).ok())
            .operation("document-format", IppValue::new_mime_media_type(ready.format.mime()).ok())
            .operation("last-document", Some(IppValue::Boolean(true)));
        let path = queue_path(&job.queue);
        let answer = transport::call(&self.address, user, &path, message.encode(), Some(&ready.path)).await?;
        // An answer came: whatever it says, the outcome is known.
        accepted(answer).map(|_| ()).map_err(|error| SendError { error, whole: true })
    }

    async fn find_mark(&self, queue: &QueueId, mark: &str) -> Result<Option<Sighting>, SpoolError> {
        let message = Self::to_queue(Operation::GetJobs, queue)
            .operation("which-jobs", IppValue::new_keyword("all").ok())
            .requesting(&JOB_ATTRIBUTES);
        let answer = self.ask("/", message).await?;
        let marked = answer
            .groups(DelimiterTag::JobAttributes)
            .filter(|group| text(group, MARK).as_deref() == Some(mark))
            // Empty jobs that were abandoned keep the mark too: one with a document is the one that counts.
            .max_by_key(|group| (documents(group) > 0 || has_begun(group), number(group, "job-id")));
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
        let answer = match self.ask("/", message).await {
            Err(SpoolError::NotFound) => return self.find_mark(queue, mark).await,
            answer => answer?,
        };
        match answer.groups(DelimiterTag::JobAttributes).next() {
            Some(group) if text(group, MARK).as_deref() == Some(mark) => {
                self.sight(queue, group).await.map(Some)
            }
            // The number belongs to another job now.
            _ => self.find_mark(queue, mark).await,
        }
    }

    async fn sight(&self, queue: &QueueId, job: &IppAttributeGroup) -> Result<Sighting, SpoolError> {
        let state = number(job, "job-state").unwrap_or(3);
        let printer = match state {
            3..=6 => {
                self.queue_attributes(
                    queue,
                    &["printer-state", "printer-state-reasons", "printer-state-message"],
                )
                .await?
            }
            _ => return Ok(sighting(job, state, None)),
        };
        Ok(sighting(job, state, printer.groups(DelimiterTag::PrinterAttributes).next()))
    }

    async fn cancel_job(&self, number: i32) -> Result<(), SpoolError> {
        const NOT_POSSIBLE: u16 = 0x0404;
        let user = self.user().await;
        let message = Self::to_job(Operation::CancelJob, number)
            .operation("requesting-user-name", IppValue::new_name_without_language(user).ok());
        let answer = transport::call(&self.address, user, "/jobs/", message.encode(), None).await;
        let answer = answer.map_err(|error| error.error)?;
        if answer.status() == NOT_POSSIBLE { Ok(()) } else { accepted(answer).map(|_| ()) }
    }
}

impl Spooler for Cups {
    fn queues(&self) -> BoxFuture<'_, Result<Vec<QueueInfo>, SpoolError>> {
        Box::pin(self.list())
    }

    fn capabilities<'a>(&'a self, queue: &'a QueueId) -> BoxFuture<'a, Result<Capabilities, SpoolError>> {
        Box::pin(self.what_it_can(queue))
    }

    fn create<'a>(&'a self, job: &'a Handover) -> BoxFuture<'a, Result<i32, SpoolError>> {
        Box::pin(self.create_job(job))
    }

    fn send<'a>(&'a self, job: &'a Handover, number: i32) -> BoxFuture<'a, Result<(), SendError>> {
        Box::pin(self.send_document(job, number))
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
}

/// The file that is handed over: the document itself, or a PDF made of it that goes away afterwards.
struct Ready {
    path: PathBuf,
    format: Format,
    made: bool,
}

impl Ready {
    async fn make(job: &Handover, takes: &[String]) -> Result<Self, SpoolError> {
        let takes = |format: Format| takes.iter().any(|mime| mime == format.mime());
        let (native, pdf) = (takes(job.format), takes(Format::Pdf));
        let (document, format) = (job.document.clone(), job.format);
        if format == Format::Pdf || (format != Format::Text && native) || !pdf {
            return if native {
                Ok(Self { path: document, format, made: false })
            } else {
                Err(unsupported(format))
            };
        }
        let mut made = job.document.clone().into_os_string();
        made.push(".pdf");
        let (path, media) = (PathBuf::from(made), job.options.media.clone());
        let work = move || make_pdf(document, format, native, media, path);
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|_| SpoolError::Away("the node is stopping".to_owned()))?
    }
}

impl Drop for Ready {
    fn drop(&mut self) {
        if self.made {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Ranges and copies stay CUPS's business: the PDF has all pages, once.
fn make_pdf(
    document: PathBuf,
    format: Format,
    native: bool,
    media: Option<String>,
    path: PathBuf,
) -> Result<Ready, SpoolError> {
    let cannot = |error: document::DocumentError| SpoolError::Unsupported(error.to_string());
    if format == Format::Text && native && !plain_text::is_western(&document).map_err(cannot)? {
        // CUPS has fonts for other scripts where the system has.
        return Ok(Ready { path: document, format, made: false });
    }
    let options = crate::ticket::Options { media, ..Default::default() };
    let ready = Ready { path, format: Format::Pdf, made: true };
    document::to_pdf(&document, format, &options, &ready.path).map_err(cannot)?;
    Ok(ready)
}

fn unsupported(format: Format) -> SpoolError {
    SpoolError::Unsupported(format!("the queue does not take {}", format.mime()))
}

fn accepted(answer: Answer) -> Result<Answer, SpoolError> {
    let message = || match words(&answer.message()) {
        message if message.is_empty() => format!("status 0x{:04x}", answer.status()),
        message => message,
    };
    match answer.status() {
        0x0000..=0x00ff => Ok(answer),
        0x0406 | 0x0407 => Err(SpoolError::NotFound),
        0x0408 => Err(SpoolError::Full),
        0x040a | 0x0411 => Err(SpoolError::Unsupported(message())),
        0x0506 => Err(SpoolError::NotAccepting),
        0x0500..=0x05ff => Err(SpoolError::Away(message())),
        _ => Err(SpoolError::Refused(message())),
    }
}

fn queue_info(group: &IppAttributeGroup) -> Option<QueueInfo> {
    let id = text(group, "printer-name").filter(|name| !name.is_empty())?;
    let told = |name| text(group, name).map(|text| words(&text)).filter(|text| !text.is_empty());
    Some(QueueInfo {
        name: told("printer-info").unwrap_or_else(|| words(&id)),
        model: told("printer-make-and-model"),
        location: told("printer-location"),
        state: queue_state(group),
        reasons: reasons(group),
        waiting: number(group, "queued-job-count").and_then(|n| u32::try_from(n).ok()).unwrap_or(0),
        is_default: false,
        id: QueueId(id),
    })
}

fn queue_state(group: &IppAttributeGroup) -> QueueState {
    match number(group, "printer-state") {
        Some(4) => QueueState::Processing,
        Some(5) => QueueState::Stopped,
        _ => QueueState::Idle,
    }
}

fn reasons(group: &IppAttributeGroup) -> Vec<String> {
    let mut reasons: Vec<String> =
        texts(group, "printer-state-reasons").iter().filter_map(|reason| keyword(reason)).collect();
    reasons.truncate(16);
    reasons
}

/// Whether a queue's printer is this computer's to offer: not a class, not one that CUPS found on the network by
/// itself, not a mirror of another computer's queue. Offering those again would make rings.
fn is_own(group: &IppAttributeGroup) -> bool {
    // cups.h: CUPS_PRINTER_CLASS, _REMOTE, _IMPLICIT, _FAX, _DISCOVERED
    const NOT_OWN: i32 = 0x0001 | 0x0002 | 0x0001_0000 | 0x0004_0000 | 0x0100_0000;
    let kind = number(group, "printer-type").unwrap_or(0);
    let temporary = boolean(group, "printer-is-temporary").unwrap_or(false);
    kind & NOT_OWN == 0 && !temporary && !text(group, "device-uri").is_some_and(|uri| is_mirror(&uri))
}

/// Whether a device is another CUPS's queue (`/printers/…`, announced with the resource `/cups`).
fn is_mirror(uri: &str) -> bool {
    let Some((scheme, rest)) = uri.split_once("://") else { return uri.starts_with("implicitclass:") };
    let path = rest.split_once('/').map_or("", |(_, path)| path);
    let path = path.split(['?', '#']).next().unwrap_or_default();
    match scheme {
        "implicitclass" => true,
        "ipp" | "ipps" | "http" | "https" => path.starts_with("printers/") || path.starts_with("classes/"),
        "dnssd" => path == "cups",
        _ => false,
    }
}

fn capabilities_of(group: &IppAttributeGroup) -> Capabilities {
    let takes = texts(group, "document-format-supported");
    let takes = |format: Format| takes.iter().any(|mime| mime == format.mime());
    // What is no PDF becomes one where the queue does not take it.
    let formats = Format::ALL.into_iter().filter(|format| takes(*format) || takes(Format::Pdf)).collect();
    let mut sides: Vec<Sides> =
        texts(group, "sides-supported").iter().filter_map(|name| Sides::from_keyword(name)).collect();
    if let Some(default) = text(group, "sides-default").and_then(|name| Sides::from_keyword(&name)) {
        sides.sort_by_key(|sides| *sides != default);
    }
    let copies = match values(group, "copies-supported").first() {
        Some(IppValue::RangeOfInteger { max, .. }) => u32::try_from(*max).unwrap_or(1),
        _ => MAX_COPIES,
    };
    let modes = texts(group, "print-color-mode-supported");
    Capabilities {
        formats,
        color: boolean(group, "color-supported").unwrap_or(false) || modes.iter().any(|mode| mode == "color"),
        sides,
        media: texts(group, "media-supported").into_iter().filter(|name| is_sheet(name)).collect(),
        media_default: text(group, "media-default").filter(|name| is_sheet(name)),
        max_copies: copies,
    }
}

/// A real sheet: not the ends of a range of custom sizes.
fn is_sheet(name: &str) -> bool {
    is_media_name(name) && !name.starts_with("custom_min_") && !name.starts_with("custom_max_")
}

fn sighting(job: &IppAttributeGroup, state: i32, printer: Option<&IppAttributeGroup>) -> Sighting {
    let job_reasons = texts(job, "job-state-reasons");
    let raw_reasons = printer.map(|group| texts(group, "printer-state-reasons")).unwrap_or_default();
    let blocking = raw_reasons.iter().find(|reason| blocks(reason)).and_then(|reason| keyword(reason));
    let stopped = printer.is_some_and(|group| queue_state(group) == QueueState::Stopped);
    let held = || {
        job_reasons.iter().filter_map(|reason| keyword(reason)).find(|reason| reason.starts_with("job-hold"))
    };
    let (stage, reason) = match state {
        3 | 4 if stopped => (Stage::Stopped, blocking.or_else(|| Some("paused".to_owned()))),
        3 | 4 => (Stage::Waiting, held()),
        5 if blocking.is_some() => (Stage::Stopped, blocking),
        5 => (Stage::Printing, None),
        6 => (Stage::Stopped, blocking.or_else(|| Some("stopped".to_owned()))),
        7 => (Stage::Cancelled, None),
        8 => (Stage::Aborted, job_reasons.iter().find_map(|reason| keyword(reason))),
        9 => (Stage::Done, None),
        _ => (Stage::Waiting, None),
    };
    let count = |name| number(job, name).and_then(|n| u32::try_from(n).ok());
    let message = text(job, "job-printer-state-message").filter(|message| !message.is_empty());
    let message = message.or_else(|| printer.and_then(|group| text(group, "printer-state-message")));
    Sighting {
        job: number(job, "job-id").unwrap_or(0),
        stage,
        begun: has_begun(job),
        documents: documents(job),
        reason,
        detail: message.map(|message| words(&message)).filter(|message| !message.is_empty()),
        pages_done: count("job-impressions-completed")
            .filter(|n| *n > 0)
            .or_else(|| count("job-media-sheets-completed").filter(|n| *n > 0)),
    }
}

/// Whether CUPS has begun to print a job, whatever became of it.
fn has_begun(job: &IppAttributeGroup) -> bool {
    matches!(number(job, "job-state"), Some(5 | 6 | 9))
        || number(job, "time-at-processing").is_some_and(|at| at > 0)
}

/// Documents a job has or had: CUPS counts files, which go when a job is over, and keeps their size.
fn documents(job: &IppAttributeGroup) -> u32 {
    let count = |name| number(job, name).and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
    count("number-of-documents").max(u32::from(count("job-k-octets") > 0))
}

/// Whether a `printer-state-reasons` value means that nothing goes on without a person.
fn blocks(reason: &str) -> bool {
    const WHATEVER_THE_SEVERITY: [&str; 4] = ["offline", "paused", "media-empty", "media-needed"];
    const UNLESS_A_REMARK: [&str; 11] = [
        "media-jam",
        "cover-open",
        "door-open",
        "interlock-open",
        "toner-empty",
        "marker-supply-empty",
        "marker-waste-full",
        "output-area-full",
        "input-tray-missing",
        "output-tray-missing",
        "shutdown",
    ];
    let Some(name) = keyword(reason) else { return false };
    let remark = reason.ends_with("-report") || reason.ends_with("-warning");
    reason.ends_with("-error")
        || WHATEVER_THE_SEVERITY.contains(&name.as_str())
        || (UNLESS_A_REMARK.contains(&name.as_str()) && !remark)
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
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use ipp::{attribute::IppAttribute, value::IppName};

    fn group(values: &[(&str, IppValue)]) -> IppAttributeGroup {
        let mut group = IppAttributeGroup::new(DelimiterTag::PrinterAttributes);
        for (name, value) in values {
            group.attributes_mut().push(IppAttribute::new(IppName::new(*name).unwrap(), value.clone()));
        }
        group
    }

    fn word(text: &str) -> IppValue {
        IppValue::new_keyword(text).unwrap()
    }

    #[test]
    fn mirrors_of_other_computers_queues_are_not_ours_to_offer() {
        let own = |uri: &str, kind: i32| {
            is_own(&group(&[
                ("device-uri", IppValue::new_uri(uri).unwrap()),
                ("printer-type", IppValue::Integer(kind)),
            ]))
        };
        assert!(own("usb://Brother/HL-L2350", 0x4));
        assert!(own("socket://192.168.1.9", 0x4), "a network printer that its owner set up here");
        assert!(own("ipp://localhost:8631/ipp/print", 0x4));
        assert!(own("file:/tmp/x", 0));
        assert!(!own("ipp://laptop.local:631/printers/Laser", 0x4), "another CUPS's queue");
        assert!(!own("dnssd://Laser%20%40%20laptop._ipp._tcp.local/cups?uuid=1", 0x4));
        assert!(own("dnssd://Laser._ipp._tcp.local/?uuid=1", 0x4));
        assert!(!own("implicitclass://Laser/", 0x4));
        assert!(!own("usb://x", 0x0100_0004), "discovered");
        assert!(!own("usb://x", 0x6), "remote");
    }

    #[test]
    fn a_queue_that_stopped_stops_its_jobs_and_says_why() {
        let job = group(&[("job-id", IppValue::Integer(7))]);
        let printer = group(&[
            ("printer-state", IppValue::Enum(5)),
            (
                "printer-state-reasons",
                IppValue::Array(vec![word("cups-ipp-missing-cancel-job"), word("media-empty-error")]),
            ),
        ]);
        let seen = sighting(&job, 3, Some(&printer));
        assert_eq!((seen.stage, seen.reason.as_deref()), (Stage::Stopped, Some("media-empty")));
        let printer = group(&[
            ("printer-state", IppValue::Enum(4)),
            ("printer-state-reasons", word("toner-low-warning")),
        ]);
        assert_eq!(sighting(&job, 5, Some(&printer)).stage, Stage::Printing, "low toner stops nothing");
        let printer =
            group(&[("printer-state", IppValue::Enum(4)), ("printer-state-reasons", word("offline-report"))]);
        assert_eq!(sighting(&job, 5, Some(&printer)).stage, Stage::Stopped);
    }

    #[test]
    fn only_what_a_queue_can_do_is_told() {
        let told = capabilities_of(&group(&[
            (
                "document-format-supported",
                IppValue::Array(vec![IppValue::new_mime_media_type("application/pdf").unwrap()]),
            ),
            (
                "sides-supported",
                IppValue::Array(vec![word("one-sided"), word("two-sided-long-edge"), word("x")]),
            ),
            ("sides-default", word("two-sided-long-edge")),
            (
                "media-supported",
                IppValue::Array(vec![word("iso_a4_210x297mm"), word("custom_min_1x1mm"), word("<b>")]),
            ),
            ("copies-supported", IppValue::RangeOfInteger { min: 1, max: 9999 }),
        ]))
        .bounded();
        assert_eq!(told.formats, Format::ALL, "we make PDF of the others");
        assert_eq!(told.sides, [Sides::TwoSidedLongEdge, Sides::OneSided]);
        assert_eq!(told.media, ["iso_a4_210x297mm"]);
        assert_eq!(told.max_copies, MAX_COPIES);
        assert!(!told.color);
    }

    #[test]
    fn a_queues_name_cannot_leave_its_place_in_a_uri() {
        assert_eq!(queue_path(&QueueId("Büro 1/../x".to_owned())), "/printers/B%C3%BCro%201%2F..%2Fx");
    }
}
