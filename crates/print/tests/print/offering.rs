//! An owner's half over a store and a spool that survive it, and documents to print.

use super::cups::Cupsd;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use lanyard_link::Body;
use lanyard_print::{
    MIGRATIONS, QueueId,
    document::{ChildProgram, Documents, Format, text},
    offer::{Offer, Parts},
    system::{
        Spooler, Spoolers,
        cups::{Address, Cups},
    },
    ticket::{JobStatus, Options, State, TICKET_HEADER, Ticket},
};
use lanyard_store::Store;
use lanyard_trust::{Action, Gate, NodeId, QuietHours, Refusal, ShareId, Subject, Terms, Used, Who};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

/// Whether it is night for the share `night`.
pub(crate) static NIGHT: AtomicBool = AtomicBool::new(false);

/// A share's name is its queue's; `secret` is there for nobody, `closed` not for printing.
pub(crate) struct ByName;

impl Gate<QueueId> for ByName {
    fn admit(&self, share: &ShareId, subject: &Subject, action: Action) -> Result<QueueId, Refusal> {
        let manager = subject.id() == node(9);
        match share.0.as_str() {
            _ if action == Action::Manage && !manager => Err(Refusal::NotAllowed),
            _ if !matches!(action, Action::Print | Action::Manage) => {
                panic!("{action:?} is not for printers")
            }
            "night" | "grey" => Ok(QueueId("pages".to_owned())),
            "asks" | "waits" => Err(Refusal::MustAsk),
            "spent" => Err(Refusal::Spent),
            "secret" => Err(Refusal::Unknown),
            "closed" => Err(Refusal::NotAllowed),
            queue => Ok(QueueId(queue.to_owned())),
        }
    }

    /// Behind `waits` is the queue `pages`, for whoever has been allowed to print there.
    fn look(&self, share: &ShareId, subject: &Subject, action: Action) -> Result<QueueId, Refusal> {
        match share.0.as_str() {
            "waits" => Ok(QueueId("pages".to_owned())),
            _ => self.admit(share, subject, action),
        }
    }

    /// Behind `night` nothing is printed at night; behind `grey` three pages at once, without colour.
    fn terms(&self, share: &ShareId, _: &Subject) -> Terms {
        let quiet = (share.0 == "night").then_some(QuietHours { from: 0, to: 1 });
        Terms { quiet, grey: share.0 == "grey", counted: share.0 == "grey" }
    }

    fn is_quiet(&self, _: QuietHours) -> bool {
        NIGHT.load(Ordering::SeqCst)
    }

    fn claim_more(&self, _: &ShareId, _: &Subject, _: Action, more: Used) -> Result<(), Refusal> {
        if more.pages > 3 { Err(Refusal::Spent) } else { Ok(()) }
    }

    fn claim(&self, share: &ShareId, subject: &Subject, action: Action, _: Used) -> Result<(), Refusal> {
        self.look(share, subject, action).map(|_| ())
    }
}

/// An owner's computer.
pub(crate) struct Owner {
    pub(crate) dir: TempDir,
    pub(crate) store: Store,
    socket: PathBuf,
}

/// Its offer while it runs; dropping it leaves everything as a crash would.
pub(crate) struct Running {
    pub(crate) offer: Offer,
    cancel: CancellationToken,
    tasks: TaskTracker,
}

impl Owner {
    pub(crate) fn with(cupsd: &Cupsd) -> Self {
        Self::at(cupsd.socket())
    }

    /// One without a print service: only Save as PDF works.
    pub(crate) fn alone() -> Self {
        Self::at("/nonexistent/cups.sock".into())
    }

    fn at(socket: PathBuf) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("db"), &[MIGRATIONS]).unwrap().store;
        Self { dir, store, socket }
    }

    pub(crate) fn run(&self) -> Running {
        self.run_with_spool(self.dir.path().join("in"))
    }

    pub(crate) fn run_with_spool(&self, spool: PathBuf) -> Running {
        let socket = self.socket.clone();
        self.run_with(spool, |documents| Box::new(Cups::at(Address::Socket(socket), documents)))
    }

    /// With another print service than CUPS.
    pub(crate) fn run_with_spooler(&self, spooler: Box<dyn Spooler>) -> Running {
        self.run_with(self.dir.path().join("in"), |_| spooler)
    }

    fn run_with(&self, spool: PathBuf, spooler: impl FnOnce(Documents) -> Box<dyn Spooler>) -> Running {
        let (cancel, tasks) = (CancellationToken::new(), TaskTracker::new());
        let documents = documents(&[], &cancel);
        let spoolers = Spoolers::new(
            spooler(documents.clone()),
            documents.clone(),
            self.printed_folder(),
            &self.dir.path().join("notes"),
        );
        let offer = Offer::open(Parts {
            store: self.store.clone(),
            spool,
            spoolers: Arc::new(spoolers),
            documents,
            gate: Arc::new(ByName),
            name_of: Box::new(|share| Some(share.0.to_uppercase())),
            cancel: cancel.clone(),
            tasks: tasks.clone(),
        })
        .unwrap();
        offer.start().unwrap();
        Running { offer, cancel, tasks }
    }

    pub(crate) fn printed_folder(&self) -> PathBuf {
        self.dir.path().join("Printed")
    }

    /// Documents that wait in the spool.
    pub(crate) fn spooled(&self) -> usize {
        fs::read_dir(self.dir.path().join("in")).map_or(0, Iterator::count)
    }
}

impl Running {
    /// Every task ends where it is.
    pub(crate) async fn crash(self) {
        self.cancel.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    pub(crate) async fn put(
        &self,
        who: u8,
        share: &str,
        job: Uuid,
        ticket: &Ticket,
        body: &[u8],
    ) -> (StatusCode, Vec<u8>) {
        let request = put_request(share, job, ticket, Full::new(Bytes::copy_from_slice(body)));
        answer(self.offer.serve(subject(who), request).await).await
    }

    pub(crate) async fn ask(&self, who: u8, method: Method, path: &str) -> (StatusCode, Vec<u8>) {
        let request = Request::builder().method(method).uri(path).body(Full::new(Bytes::new())).unwrap();
        answer(self.offer.serve(subject(who), request).await).await
    }

    /// Puts a document that must be accepted.
    pub(crate) async fn accept(&self, queue: &str, document: &Document, options: Options) -> Uuid {
        let job = Uuid::new_v4();
        let (status, body) = self.put(1, queue, job, &document.ticket(options), &document.bytes).await;
        assert_eq!(status, StatusCode::CREATED, "{}", String::from_utf8_lossy(&body));
        job
    }

    pub(crate) async fn status(&self, job: Uuid) -> JobStatus {
        let (status, body) = self.ask(1, Method::GET, &format!("/v1/jobs/{job}")).await;
        assert_eq!(status, StatusCode::OK, "{}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).unwrap()
    }

    /// Waits until the job has a reason.
    pub(crate) async fn until_reason(&self, job: Uuid, reason: &str) -> JobStatus {
        let start = Instant::now();
        loop {
            let status = self.status(job).await;
            if status.reason.as_deref() == Some(reason) {
                return status;
            }
            assert!(start.elapsed() < Duration::from_secs(40), "not {reason} within 40 s: {status:?}");
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }

    /// Waits until the job is in a state.
    pub(crate) async fn until(&self, job: Uuid, state: State) -> JobStatus {
        let start = Instant::now();
        loop {
            let status = self.status(job).await;
            if status.state == state && (status.over || !state.is_final()) {
                return status;
            }
            assert!(start.elapsed() < Duration::from_secs(40), "not {state:?} within 40 s: {status:?}");
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }
}

/// Documents are read by the child program of the tests, started with these words.
pub(crate) fn documents(words: &[&str], cancel: &CancellationToken) -> Documents {
    let program = ChildProgram::at(env!("CARGO_BIN_EXE_lanyard-print-child").into(), words);
    Documents::new(program, cancel.clone())
}

pub(crate) fn node(who: u8) -> NodeId {
    NodeId::from_bytes([who; 32])
}

pub(crate) fn subject(who: u8) -> Subject {
    Subject { who: Who::Device(node(who)), on_own_network: true }
}

/// How a node brings a document.
pub(crate) fn put_request<B>(share: &str, job: Uuid, ticket: &Ticket, body: B) -> Request<B> {
    Request::builder()
        .method(Method::PUT)
        .uri(format!("/v1/printers/{share}/jobs/{job}"))
        .header(TICKET_HEADER, ticket.to_header())
        .body(body)
        .unwrap()
}

pub(crate) async fn answer(response: Response<Body>) -> (StatusCode, Vec<u8>) {
    let status = response.status();
    (status, response.into_body().collect().await.unwrap().to_bytes().to_vec())
}

/// Something to print.
pub(crate) struct Document {
    pub(crate) format: Format,
    pub(crate) title: String,
    pub(crate) bytes: Vec<u8>,
}

impl Document {
    /// A PDF whose pages say `Page 1`, `Page 2`, …
    pub(crate) fn pdf(pages: u32) -> Self {
        let pages: Vec<String> = (1..=pages).map(|n| format!("Page {n}")).collect();
        let (options, fonts) = (Options::default(), lanyard_print::document::fonts::Fonts::default());
        let mut bytes = Vec::new();
        match text::lay_out(pages.join("\u{c}").as_bytes(), &options, &fonts).unwrap() {
            text::LaidOut::Western(mut document) => document.save_to(&mut bytes).unwrap(),
            text::LaidOut::Shaped(_) => unreachable!("plain letters"),
        }
        Self { format: Format::Pdf, title: format!("{}.pdf", Uuid::new_v4()), bytes }
    }

    pub(crate) fn text(text: &str) -> Self {
        Self { format: Format::Text, title: "note.txt".to_owned(), bytes: text.as_bytes().to_vec() }
    }

    pub(crate) fn png() -> Self {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, 60, 40);
        encoder.set_color(png::ColorType::Rgb);
        encoder.write_header().unwrap().write_image_data(&[200; 60 * 40 * 3]).unwrap();
        Self { format: Format::Png, title: "picture.png".to_owned(), bytes }
    }

    pub(crate) fn ticket(&self, options: Options) -> Ticket {
        Ticket {
            title: self.title.clone(),
            format: self.format,
            size: self.bytes.len() as u64,
            blake3: Some(blake3::hash(&self.bytes).to_hex().to_string()),
            attempt: 1,
            pages: None,
            options,
        }
    }
}

pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder).map(|dir| dir.map(|entry| entry.unwrap().path()).collect()).unwrap_or_default();
    files.sort();
    files
}
