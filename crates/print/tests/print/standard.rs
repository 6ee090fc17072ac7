//! Standard clients: an IPP server on a real socket, spoken to with `ipptool` and with requests of our own.

use super::offering::{Document, Owner, Running, files, node};
use hyper_util::rt::{TokioIo, TokioTimer};
use lanyard_ipp::{Attribute, Group, GroupTag, Limits, Message, Operation, Status, Value};
use lanyard_link::Incoming;
use lanyard_print::{
    QueueId,
    offer::ipp::{Place, Server, SharedPrinters},
};
use lanyard_store::Store;
use lanyard_trust::{PlainId, ShareId, Subject, Who};
use std::{
    convert::Infallible,
    net::{IpAddr, SocketAddr},
    path::Path,
    process::Command,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// The server of an owner's offer, on loopback. A client at 127.0.0.N is another one for each N.
struct Printers {
    address: SocketAddr,
    serving: tokio::task::JoinHandle<()>,
}

impl Printers {
    async fn of(running: &Running, store: &Store) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = Server::open(store.clone()).unwrap();
        let shared = SharedPrinters::new(running.offer.clone(), node(1), Box::new(|_, _| {}));
        let serving = tokio::spawn(async move {
            while let Ok((stream, remote)) = listener.accept().await {
                let (server, shared) = (server.clone(), shared.clone());
                tokio::spawn(async move {
                    let service =
                        hyper::service::service_fn(move |request: http::Request<hyper::body::Incoming>| {
                            let (server, shared) = (server.clone(), shared.clone());
                            async move {
                                let path = request.uri().path().to_owned();
                                let share = path.split('/').nth(3).unwrap_or_default().to_owned();
                                let subject = Subject {
                                    who: Who::Plain(PlainId::of(remote.ip())),
                                    on_own_network: true,
                                };
                                let place = Place {
                                    secure: false,
                                    authority: address.to_string(),
                                    path: format!("/ipp/print/{share}"),
                                    both: false,
                                };
                                let printer = shared.of(subject, ShareId(share.clone()));
                                let request = request.map(|body| {
                                    use http_body_util::BodyExt;
                                    Incoming::from(body.map_err(Into::into).boxed())
                                });
                                let answer =
                                    server.serve(&printer, &share, &place, subject.id(), request).await;
                                Ok::<_, Infallible>(answer)
                            }
                        });
                    let _ = hyper::server::conn::http1::Builder::new()
                        .timer(TokioTimer::new())
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self { address, serving }
    }

    fn uri(&self, share: &str) -> String {
        format!("ipp://{}/ipp/print/{share}", self.address)
    }

    fn request(&self, operation: Operation, share: &str) -> Message {
        Message::request(operation, 1)
            .with(GroupTag::Operation, "printer-uri", Value::uri(self.uri(share)))
            .with(GroupTag::Operation, "requesting-user-name", Value::name("ada"))
    }

    /// Sends a request with a document behind it.
    async fn ask(&self, from: &str, message: &Message, document: &[u8]) -> Message {
        let mut stream = self.connect(from, message, document.len()).await;
        stream.write_all(document).await.unwrap();
        answer(stream).await.expect("an answer")
    }

    /// Sends a request and says that so many bytes of a document will follow.
    async fn connect(&self, from: &str, message: &Message, document: usize) -> TcpStream {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(from.parse::<IpAddr>().unwrap(), 0)).unwrap();
        let mut stream = socket.connect(self.address).await.unwrap();
        let bytes = message.encode();
        let uri = message.groups[0].text("printer-uri").unwrap();
        let path = uri.splitn(4, '/').nth(3).unwrap();
        let head = format!(
            "POST /{path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/ipp\r\nConnection: close\r\n\
             Content-Length: {}\r\n\r\n",
            self.address,
            bytes.len() + document
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&bytes).await.unwrap();
        stream
    }

    /// A job's state, and the reason for it.
    async fn state(&self, from: &str, share: &str, job: i32) -> (i32, String) {
        let asked = about(&self.request(Operation::GetJobAttributes, share), job);
        let told = self.ask(from, &asked, b"").await;
        let group = told.group(GroupTag::Job).expect("the job");
        (group.int("job-state").unwrap(), group.text("job-state-reasons").unwrap().to_owned())
    }

    async fn until(&self, share: &str, job: i32, state: i32) {
        let begun = Instant::now();
        loop {
            let now = self.state("127.0.0.1", share, job).await;
            if now.0 == state {
                return;
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "job {job} is {now:?} and not {state}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Printers {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answer(mut stream: TcpStream) -> Option<Message> {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes).await;
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    Message::decode(&bytes[end..], Limits::ANSWER).ok().map(|(message, _)| message)
}

fn about(message: &Message, job: i32) -> Message {
    message.clone().with(GroupTag::Operation, "job-id", Value::Integer(job))
}

fn job_of(answer: &Message) -> i32 {
    assert!(lanyard_ipp::is_success(answer.code), "{answer:?}");
    answer.group(GroupTag::Job).and_then(|group| group.int("job-id")).expect("a job")
}

const SAVE: &str = QueueId::SAVE_AS_PDF;
const HERE: &str = "127.0.0.1";

struct Saving {
    owner: Owner,
    running: Running,
    printers: Printers,
}

impl Saving {
    async fn begin() -> Self {
        let owner = Owner::alone();
        let running = owner.run();
        let printers = Printers::of(&running, &owner.store).await;
        Self { owner, running, printers }
    }

    fn saved(&self) -> usize {
        files(&self.owner.printed_folder()).len()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_is_printed_once_and_its_client_can_follow_it() {
    let office = Saving::begin().await;
    let printers = &office.printers;
    let document = Document::pdf(2);
    let told = printers.ask(HERE, &printers.request(Operation::PrintJob, SAVE), &document.bytes).await;
    assert_eq!(told.code, Status::Ok.code());
    let job = job_of(&told);
    let first = told.group(GroupTag::Job).unwrap().int("job-state").unwrap();
    assert!((3..=5).contains(&first), "its client is told of a job at work, not of {first}");
    printers.until(SAVE, job, 9).await;
    assert_eq!(office.saved(), 1);
    let all =
        printers.ask(HERE, &about(&printers.request(Operation::GetJobAttributes, SAVE), job), b"").await;
    let group = all.group(GroupTag::Job).unwrap();
    assert_eq!(group.text("job-originating-user-name"), Some("ada"));
    assert_eq!(group.text("job-printer-uri"), Some(printers.uri(SAVE).as_str()));
    assert!(group.int("time-at-completed") >= group.int("time-at-creation"));
    office.running.crash().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_may_come_in_two_steps_and_its_document_only_once() {
    let office = Saving::begin().await;
    let printers = &office.printers;
    let job = job_of(&printers.ask(HERE, &printers.request(Operation::CreateJob, SAVE), b"").await);
    assert_eq!(printers.state(HERE, SAVE, job).await.1, "job-incoming");
    let send = about(&printers.request(Operation::SendDocument, SAVE), job);
    let document = Document::pdf(1).bytes;
    let without = printers.ask(HERE, &send, &document).await;
    assert_eq!(without.code, Status::BadRequest.code(), "last-document is missing");
    let send = send.with(GroupTag::Operation, "last-document", Value::Boolean(true));
    assert_eq!(job_of(&printers.ask(HERE, &send, &document).await), job);
    let again = printers.ask(HERE, &send, &document).await;
    assert_eq!(again.code, Status::MultipleDocumentJobsNotSupported.code());
    printers.until(SAVE, job, 9).await;
    assert_eq!(office.saved(), 1);
    office.running.crash().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_breaks_off_is_never_printed() {
    let office = Saving::begin().await;
    let printers = &office.printers;
    let document = Document::pdf(1).bytes;
    // Announced whole, sent half.
    let mut stream =
        printers.connect(HERE, &printers.request(Operation::PrintJob, SAVE), document.len()).await;
    stream.write_all(&document[..document.len() / 2]).await.unwrap();
    stream.shutdown().await.unwrap();
    drop(stream);
    // A job in two steps is aborted by it, and its client can see that.
    let job = job_of(&printers.ask(HERE, &printers.request(Operation::CreateJob, SAVE), b"").await);
    let send = about(&printers.request(Operation::SendDocument, SAVE), job).with(
        GroupTag::Operation,
        "last-document",
        Value::Boolean(true),
    );
    let mut stream = printers.connect(HERE, &send, document.len()).await;
    stream.write_all(&document[..document.len() - 1]).await.unwrap();
    stream.shutdown().await.unwrap();
    drop(stream);
    let packed = printers.request(Operation::PrintJob, SAVE).with(
        GroupTag::Operation,
        "compression",
        Value::keyword("gzip"),
    );
    let refused = printers.ask(HERE, &packed, b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x4b").await;
    assert_eq!(refused.code, Status::BadRequest.code());
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!([7, 8, 4].contains(&printers.state(HERE, SAVE, job).await.0));
    assert_eq!(office.saved(), 0);
    assert_eq!(office.owner.spooled(), 0, "nothing of it is left");
    office.running.crash().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_sees_or_cancels_the_jobs_of_others() {
    let office = Saving::begin().await;
    let printers = &office.printers;
    let held = Message {
        groups: {
            let mut groups = printers.request(Operation::PrintJob, SAVE).groups;
            let hold = Attribute::one("job-hold-until", Value::keyword("indefinite"));
            groups.push(Group { tag: GroupTag::Job, attributes: vec![hold] });
            groups
        },
        ..printers.request(Operation::PrintJob, SAVE)
    };
    let job = job_of(&printers.ask(HERE, &held, &Document::pdf(1).bytes).await);
    assert_eq!(printers.state(HERE, SAVE, job).await, (4, "job-hold-until-specified".to_owned()));
    let cancel = about(&printers.request(Operation::CancelJob, SAVE), job);
    let elsewhere = printers.ask("127.0.0.2", &cancel, b"").await;
    assert_eq!(elsewhere.code, Status::NotFound.code(), "the same name at another computer");
    let mut other = cancel.clone();
    other.groups[0].attributes[3] = Attribute::one("requesting-user-name", Value::name("ben"));
    assert_eq!(printers.ask(HERE, &other, b"").await.code, Status::NotFound.code(), "another name");
    for (from, which) in [("127.0.0.2", "all"), (HERE, "completed")] {
        let list = printers.request(Operation::GetJobs, SAVE).with(
            GroupTag::Operation,
            "which-jobs",
            Value::keyword(which),
        );
        assert_eq!(printers.ask(from, &list, b"").await.groups(GroupTag::Job).count(), 0);
    }
    assert_eq!(printers.ask(HERE, &cancel, b"").await.code, Status::Ok.code());
    assert_eq!(printers.state(HERE, SAVE, job).await.0, 7, "cancelled at once");
    assert_eq!(printers.ask(HERE, &cancel, b"").await.code, Status::NotPossible.code());
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(office.saved(), 0);
    office.running.crash().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_job_is_printed_when_it_is_released() {
    let office = Saving::begin().await;
    let printers = &office.printers;
    let mut held = printers.request(Operation::PrintJob, SAVE);
    let hold = Attribute::one("job-hold-until", Value::keyword("indefinite"));
    held.groups.push(Group { tag: GroupTag::Job, attributes: vec![hold] });
    let job = job_of(&printers.ask(HERE, &held, &Document::pdf(1).bytes).await);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(office.saved(), 0);
    let release = about(&printers.request(Operation::ReleaseJob, SAVE), job);
    assert_eq!(printers.ask(HERE, &release, b"").await.code, Status::Ok.code());
    printers.until(SAVE, job, 9).await;
    assert_eq!(office.saved(), 1);
    assert_eq!(printers.ask(HERE, &release, b"").await.code, Status::NotPossible.code());
    office.running.crash().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_and_their_numbers_survive_a_restart() {
    let owner = Owner::alone();
    let running = owner.run();
    let printers = Printers::of(&running, &owner.store).await;
    let done =
        printers.ask(HERE, &printers.request(Operation::PrintJob, SAVE), &Document::pdf(1).bytes).await;
    let done = job_of(&done);
    printers.until(SAVE, done, 9).await;
    let open = job_of(&printers.ask(HERE, &printers.request(Operation::CreateJob, SAVE), b"").await);
    drop(printers);
    running.crash().await;
    let running = owner.run();
    let printers = Printers::of(&running, &owner.store).await;
    assert_eq!(printers.state(HERE, SAVE, done).await.0, 9);
    assert_eq!(printers.state(HERE, SAVE, open).await.0, 8, "its document can come no more");
    let next = job_of(&printers.ask(HERE, &printers.request(Operation::CreateJob, SAVE), b"").await);
    assert!(next > open);
    running.crash().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_done_is_told_or_refused_as_the_client_wishes() {
    let office = Saving::begin().await;
    let printers = &office.printers;
    let wish = |strict: bool| {
        let mut wish = printers.request(Operation::PrintJob, SAVE).with(
            GroupTag::Operation,
            "ipp-attribute-fidelity",
            Value::Boolean(strict),
        );
        let staple = Attribute::one("finishings", Value::Enum(4));
        wish.groups.push(Group { tag: GroupTag::Job, attributes: vec![staple] });
        wish
    };
    let document = Document::pdf(1).bytes;
    let refused = printers.ask(HERE, &wish(true), &document).await;
    assert_eq!(refused.code, Status::AttributesOrValuesNotSupported.code());
    assert_eq!(refused.group(GroupTag::Unsupported).unwrap().int("finishings"), Some(4));
    assert!(refused.group(GroupTag::Job).is_none(), "no job was made");
    let told = printers.ask(HERE, &wish(false), &document).await;
    assert_eq!(told.code, Status::OkIgnoredOrSubstituted.code());
    assert_eq!(told.groups[1].tag, GroupTag::Unsupported, "before the job");
    printers.until(SAVE, job_of(&told), 9).await;
    let list = printers.request(Operation::GetJobs, SAVE).with(
        GroupTag::Operation,
        "which-jobs",
        Value::keyword("all"),
    );
    assert_eq!(printers.ask(HERE, &list, b"").await.groups(GroupTag::Job).count(), 1);
    for (name, value, status) in [
        ("document-format", Value::mime("application/postscript"), Status::DocumentFormatNotSupported),
        ("compression", Value::keyword("zip"), Status::CompressionNotSupported),
        ("document-format", Value::keyword("application/pdf"), Status::BadRequest),
    ] {
        let asked = printers.request(Operation::ValidateJob, SAVE).with(GroupTag::Operation, name, value);
        assert_eq!(printers.ask(HERE, &asked, b"").await.code, status.code(), "{name}");
    }
    let garbage = printers.request(Operation::PrintJob, SAVE).with(
        GroupTag::Operation,
        "document-format",
        Value::mime("application/pdf"),
    );
    let refused = printers.ask(HERE, &garbage, b"This looks like text and was said to be a PDF.").await;
    assert_eq!(refused.code, Status::DocumentFormatError.code());
    office.running.crash().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_must_ask_waits_and_who_may_not_is_told_nothing() {
    let office = Saving::begin().await;
    let printers = &office.printers;
    for (share, status) in [
        ("secret", Status::NotFound),
        ("closed", Status::NotAuthorized),
        ("spent", Status::AccountLimitReached),
    ] {
        for operation in [Operation::GetPrinterAttributes, Operation::ValidateJob, Operation::PrintJob] {
            let told = printers.ask(HERE, &printers.request(operation, share), b"").await;
            assert_eq!(told.code, status.code(), "{operation:?} of {share}");
            assert!(told.group(GroupTag::Printer).is_none());
        }
    }
    office.running.crash().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_jobs_without_documents_is_refused_and_does_no_harm() {
    let office = Saving::begin().await;
    let printers = &office.printers;
    let mut refused = 0;
    for _ in 0..60 {
        let told = printers.ask(HERE, &printers.request(Operation::CreateJob, SAVE), b"").await;
        refused += usize::from(told.code == Status::Busy.code());
    }
    assert_eq!(refused, 40, "each client may have twenty");
    let print = printers.request(Operation::PrintJob, SAVE);
    let other = printers.ask("127.0.0.3", &print, &Document::pdf(1).bytes).await;
    assert_eq!(other.code, Status::Ok.code(), "others print on");
    let cancel = printers.ask(HERE, &printers.request(Operation::CancelMyJobs, SAVE), b"").await;
    assert_eq!(cancel.code, Status::Ok.code());
    let told = printers.ask(HERE, &printers.request(Operation::CreateJob, SAVE), b"").await;
    assert_eq!(told.code, Status::Ok.code());
    office.running.crash().await;
}

/// One value of an attribute as bytes, of any kind.
fn octets(tag: u8, name: &str, value: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    for part in [name.as_bytes(), value] {
        bytes.extend(u16::try_from(part.len()).unwrap().to_be_bytes());
        bytes.extend(part);
    }
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_made_to_hurt_is_refused_and_the_printer_prints_on() {
    let office = Saving::begin().await;
    let printers = &office.printers;
    // Collections within collections: other servers have died of 320 KB of these.
    let mut bomb = printers.request(Operation::GetPrinterAttributes, SAVE).encode();
    bomb.pop();
    bomb.push(2);
    bomb.extend(octets(0x34, "media-col", b""));
    for _ in 0..20_000 {
        bomb.extend(octets(0x4a, "", b"m"));
        bomb.extend(octets(0x34, "", b""));
    }
    // A page of 3,600 million pixels, of which nothing comes.
    let mut page = b"RaS2".to_vec();
    page.extend([0; 1796]);
    page[4..14].copy_from_slice(b"PwgRaster\0");
    for (at, number) in [
        (276, 600u32),
        (280, 600),
        (372, 60_000),
        (376, 60_000),
        (384, 8),
        (388, 24),
        (392, 180_000),
        (400, 19),
        (420, 3),
        (452, 1),
    ] {
        page[4 + at..8 + at].copy_from_slice(&number.to_be_bytes());
    }
    for (what, bytes) in [("nested", bomb), ("nothing", Vec::new()), ("noise", vec![0xff; 300_000])] {
        let mut stream = TcpStream::connect(printers.address).await.unwrap();
        let head = format!(
            "POST /ipp/print/{SAVE} HTTP/1.1\r\nHost: x\r\nContent-Type: application/ipp\r\n\
             Connection: close\r\nContent-Length: {}\r\n\r\n",
            bytes.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&bytes).await.unwrap();
        let begun = Instant::now();
        let told = answer(stream).await;
        assert!(told.is_none_or(|told| !lanyard_ipp::is_success(told.code)), "{what}");
        assert!(begun.elapsed() < Duration::from_secs(5), "{what}: {:?}", begun.elapsed());
    }
    let print = printers.request(Operation::PrintJob, SAVE);
    let refused = printers.ask(HERE, &print, &page).await;
    assert!(!lanyard_ipp::is_success(refused.code), "{refused:?}");
    let told = printers.ask(HERE, &print, &Document::pdf(1).bytes).await;
    printers.until(SAVE, job_of(&told), 9).await;
    assert_eq!(office.saved(), 1);
    office.running.crash().await;
}

/// Lines of a conformance run.
#[derive(Debug, Default, PartialEq, Eq)]
struct Score {
    passed: usize,
    failed: Vec<String>,
    skipped: usize,
}

/// Runs a suite of Debian's in `dir`, with a document of ours wherever it wants one: it stops at the first file that is
/// not there, and still says "100 %".
fn conformance(uri: &str, suite: &str, dir: &Path) -> Score {
    let suites = Path::new("/usr/share/cups/ipptool");
    assert!(suites.join(suite).exists(), "{suite} is missing: install cups-ipp-utils");
    for name in ["ipp-1.1.test", "ipp-2.0.test"] {
        std::fs::copy(suites.join(name), dir.join(name)).unwrap();
    }
    for name in ["document-a4", "document-letter", "color", "gray"] {
        for extension in ["pdf", "ps", "jpg"] {
            std::fs::write(dir.join(name).with_extension(extension), Document::pdf(1).bytes).unwrap();
        }
    }
    let output = Command::new("ipptool")
        .args(["-tI", "-V", "2.0", "-R", "-T", "60", "-f"])
        .arg(dir.join("document-letter.pdf"))
        .arg(uri)
        .arg(dir.join(suite))
        .output()
        .expect("ipptool: install cups-ipp-utils");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut score = Score::default();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if line.ends_with("[PASS]") {
            score.passed += 1;
        } else if line.ends_with("[SKIP]") {
            score.skipped += 1;
        } else if line.ends_with("[FAIL]") {
            let mut why = line.trim().to_owned();
            while let Some(more) = lines.next_if(|line| line.starts_with("        ")) {
                why.push_str("\n  ");
                why.push_str(more.trim());
            }
            score.failed.push(why);
        }
    }
    score
}

#[tokio::test(flavor = "multi_thread")]
async fn the_printing_worlds_own_tests_of_ipp_pass() {
    let office = Saving::begin().await;
    let (uri, dir) = (office.printers.uri(SAVE), tempfile::tempdir().unwrap());
    let run = move || conformance(&uri, "ipp-2.0.test", dir.path());
    let score = tokio::task::spawn_blocking(run).await.unwrap();
    assert!(score.failed.is_empty(), "{}", score.failed.join("\n"));
    // ipptool says "100 %" of however few it came to.
    assert!(score.passed >= 51, "{score:?}");
    office.running.crash().await;
}
