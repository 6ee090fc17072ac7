//! What guests do: look, download, print, put in. The rooms that serve other nodes do the work and ask the gate.

use super::{
    Visited, form,
    form::{Form, Part},
    pages, see,
    words::Words,
};
use crate::{Core, doors::front, drives, guests::Guest, printing};
use bytes::Bytes;
use futures_util::TryStreamExt;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, SizeHint};
use lanyard_drive::{
    path::SharePath,
    wire::{Code, Page, Problem},
};
use lanyard_link::{Body, BodyError, Incoming, body};
use lanyard_print::{document::DocumentError, offer::NotTaken, spool::KeepError, ticket::Options};
use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// The largest document of a guest.
const DOCUMENT: u64 = 256 << 20;

/// The largest file a guest puts into a folder, and all files of one form together.
const FILE: u64 = 4 << 30;
const FILES: u64 = 8 << 30;

/// Copies a guest may ask for.
const COPIES: u32 = 20;

/// The longest answer of the room that lists folders: a page of names as long as names can be.
const LISTING: usize = 4 << 20;

/// How long an answer of a room in this very process may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// `GET /g/list?path=&after=`
pub(super) async fn list(visited: Visited, guest: Guest) -> Response<Body> {
    let Visited { core, words, request, .. } = visited;
    let trouble = |reason| pages::trouble(&core, &words, &guest, status_of(reason), &because(&words, reason));
    let Some(path) = path_of(&request) else { return trouble(Code::NotFound) };
    let after = parameter(&request, "after").map(|after| format!("&after={after}")).unwrap_or_default();
    let asked = format!("list?path={}{after}", path.encoded());
    let answer = ask_drives(&core, &guest, &asked, HeaderMap::new()).await;
    if !answer.status().is_success() {
        return trouble(problem(answer).await);
    }
    match body::read_json::<Page, _>(answer.into_body(), LISTING, PATIENCE).await {
        Ok(page) => pages::list(&core, &words, &guest, &path, &page),
        Err(_) => trouble(Code::Failed),
    }
}

/// `GET /g/file?path=`, whole or a part of it, always as a download.
pub(super) async fn file(visited: Visited, guest: Guest) -> Response<Body> {
    let Visited { core, words, request, .. } = visited;
    let trouble = |reason| pages::trouble(&core, &words, &guest, status_of(reason), &because(&words, reason));
    let Some((path, name)) = path_of(&request).and_then(|path| {
        let name = path.name()?.to_owned();
        Some((path, name))
    }) else {
        return trouble(Code::NotFound);
    };
    let asked = format!("file?path={}", path.encoded());
    let mut headers = HeaderMap::new();
    if let Some(range) = request.headers().get(header::RANGE) {
        headers.insert(header::RANGE, range.clone());
        // `If-Range`: the part if it is still the same file, the whole if not (RFC 9110 §13.1.5).
        if let Some(tag) = request.headers().get(header::IF_RANGE) {
            headers.insert(header::IF_MATCH, tag.clone());
        }
    }
    let mut answer = ask_drives(&core, &guest, &asked, headers.clone()).await;
    if headers.contains_key(header::IF_MATCH) && answer.status() == Code::Changed.status() {
        answer = ask_drives(&core, &guest, &asked, HeaderMap::new()).await;
    }
    let status = answer.status();
    if !status.is_success() && status != StatusCode::RANGE_NOT_SATISFIABLE {
        return trouble(problem(answer).await);
    }
    let (head, content) = answer.into_parts();
    let mut response = Response::new(until_cut(content, guest.cut));
    *response.status_mut() = status;
    for name in [header::CONTENT_LENGTH, header::CONTENT_RANGE, header::ETAG, header::ACCEPT_RANGES] {
        if let Some(value) = head.headers.get(&name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    front::set(&mut response, header::CONTENT_TYPE, "application/octet-stream");
    front::set(&mut response, header::CONTENT_DISPOSITION, &front::attachment(&name));
    response
}

/// `POST /g/print`: copies, then one file.
pub(super) async fn print(visited: Visited, guest: Guest) -> Response<Body> {
    let Visited { core, words, request, .. } = visited;
    let printed = tokio::select! {
        printed = take_document(&core, &guest, request) => printed,
        () = guest.cut.cancelled() => Err(NotPrinted::Ended),
    };
    let key = match printed {
        Ok(job) => return see(&format!("/g/job/{job}")),
        Err(NotPrinted::Ended) => {
            return pages::door(&words, StatusCode::FORBIDDEN, Some("guest.door.ended"), "");
        }
        Err(NotPrinted::NoFile) => "guest.choose",
        Err(NotPrinted::Broken) => "guest.broken",
        Err(NotPrinted::NotTaken(NotTaken::Refused(_))) => "failure.not_allowed",
        Err(NotPrinted::NotTaken(NotTaken::NotKept(KeepError::TooLarge))) => "guest.too_large",
        Err(NotPrinted::NotTaken(NotTaken::NotKept(KeepError::Cut))) => "guest.broken",
        Err(NotPrinted::NotTaken(NotTaken::NotKept(KeepError::Full))) => "failure.disk_full",
        Err(NotPrinted::NotTaken(NotTaken::NotPrintable(DocumentError::Empty))) => "guest.choose",
        Err(NotPrinted::NotTaken(NotTaken::NotPrintable(
            DocumentError::Unsupported | DocumentError::Damaged { .. } | DocumentError::TooMuch(_),
        ))) => "failure.unsupported_document",
        Err(NotPrinted::NotTaken(NotTaken::NotAble(_))) => "failure.invalid",
        Err(NotPrinted::NotTaken(NotTaken::TooMany)) => "failure.busy",
        Err(NotPrinted::NotTaken(error)) => {
            tracing::warn!(%error, "a guest's document was not accepted");
            "failure.internal"
        }
    };
    let reason = words.text(key, &[]);
    let trouble =
        if key.starts_with("guest.") { reason } else { words.text("guest.trouble", &[("reason", &reason)]) };
    pages::print_again(&core, &words, &guest, StatusCode::UNPROCESSABLE_ENTITY, Some(trouble))
}

enum NotPrinted {
    Ended,
    NoFile,
    Broken,
    NotTaken(NotTaken),
}

impl From<form::Broken> for NotPrinted {
    fn from(_: form::Broken) -> Self {
        Self::Broken
    }
}

async fn take_document(
    core: &Core,
    guest: &Guest,
    request: Request<Incoming>,
) -> Result<uuid::Uuid, NotPrinted> {
    let mut form = Form::of(request, DOCUMENT + (1 << 20))?;
    let mut options = Options::default();
    while let Some(part) = form.next().await? {
        match part {
            Part::Field(name, value) if name == "copies" => {
                let copies = value.trim().parse().ok().filter(|copies| (1..=COPIES).contains(copies));
                options.copies = copies.filter(|copies| *copies > 1);
            }
            Part::Field(..) => {}
            // What a browser sends when no file was chosen (WHATWG HTML §4.10.21.4).
            Part::File(file) if file.name.is_empty() => return Err(NotPrinted::NoFile),
            Part::File(file) => {
                let title = front::file_name(&file.name).unwrap_or_default();
                let content = StreamBody::new(file.pieces().map_ok(Frame::data));
                let (offer, subject) = (printing::offer(core), guest.subject());
                let taken =
                    offer.take_unannounced(&subject, &guest.share, &title, options, DOCUMENT, content);
                return taken.await.map(|job| job.job).map_err(NotPrinted::NotTaken);
            }
        }
    }
    Err(NotPrinted::NoFile)
}

/// `GET /g/job/ID`
pub(super) async fn job(visited: &Visited, guest: &Guest, job: &str) -> Response<Body> {
    let Ok(job) = job.parse() else { return pages::nothing(&visited.words) };
    match printing::offer(&visited.core).job_of(&guest.subject(), job).await {
        Ok(Some(job)) => pages::job(&visited.core, &visited.words, guest, &job),
        _ => pages::nothing(&visited.words),
    }
}

/// `POST /g/upload`: files, each whole or not at all.
pub(super) async fn upload(visited: Visited, guest: Guest) -> Response<Body> {
    let Visited { core, words, request, .. } = visited;
    let added = tokio::select! {
        added = take_files(&core, &words, &guest, request) => added,
        () = guest.cut.cancelled() => {
            return pages::door(&words, StatusCode::FORBIDDEN, Some("guest.door.ended"), "");
        }
    };
    let code = match added.iter().all(|(_, stored)| stored.is_ok()) {
        true => StatusCode::OK,
        false => StatusCode::UNPROCESSABLE_ENTITY,
    };
    pages::added(&core, &words, &guest, code, &added)
}

type Added = Vec<(String, Result<u64, String>)>;

async fn take_files(core: &Core, words: &Words, guest: &Guest, request: Request<Incoming>) -> Added {
    let mut added = Added::new();
    let mut broken = false;
    match Form::of(request, FILES) {
        Ok(mut form) => loop {
            match form.next().await {
                Ok(None) => break,
                Ok(Some(Part::Field(..))) => {}
                Ok(Some(Part::File(file))) if file.name.is_empty() => {}
                Ok(Some(Part::File(file))) => {
                    let name = front::file_name(&file.name).unwrap_or_else(|| "?".to_owned());
                    let offer = drives::offer(core);
                    let stored = offer.add(guest.subject(), &guest.share, &name, FILE, file.pieces()).await;
                    // The rest of a file that is not wanted is not read: there may be gigabytes of it.
                    let goes_on = stored.is_ok();
                    added.push((name, stored.map(|stored| stored.size).map_err(|p| because(words, p.code))));
                    if !goes_on {
                        break;
                    }
                }
                Err(form::Broken) => {
                    broken = true;
                    break;
                }
            }
        },
        Err(form::Broken) => broken = true,
    }
    if broken || added.is_empty() {
        let key = if broken { "guest.broken" } else { "guest.choose" };
        added.push((words.text("guest.add.files", &[]), Err(words.text(key, &[]))));
    }
    added
}

/// Asks the room that serves folders to other nodes, as this guest.
async fn ask_drives(core: &Core, guest: &Guest, asked: &str, headers: HeaderMap) -> Response<Body> {
    let uri = format!("/v1/drives/{}/{asked}", guest.share);
    match Request::builder().method(Method::GET).uri(uri).body(Incoming::from(body::empty())) {
        Ok(mut request) => {
            *request.headers_mut() = headers;
            drives::serve_guest(core, guest.subject(), request).await
        }
        Err(_) => body::json(StatusCode::NOT_FOUND, &Problem { code: Code::NotFound, detail: String::new() }),
    }
}

async fn problem(answer: Response<Body>) -> Code {
    let read = body::read_json::<Problem, _>(answer.into_body(), 64 << 10, PATIENCE).await;
    read.map_or(Code::Failed, |problem| problem.code)
}

fn status_of(code: Code) -> StatusCode {
    match code {
        Code::NotFound | Code::Invalid | Code::Special | Code::WrongKind => StatusCode::NOT_FOUND,
        other => other.status(),
    }
}

/// A reason in words.
fn because(words: &Words, code: Code) -> String {
    let key = match code {
        Code::NotFound | Code::Special | Code::WrongKind => "failure.not_found",
        Code::NotAllowed | Code::MustAsk => "failure.not_allowed",
        Code::Spent => "guest.spent",
        Code::Unreadable => "failure.unreadable",
        Code::DiskFull => "failure.disk_full",
        Code::Busy => "failure.busy",
        Code::Exists => "failure.exists",
        Code::Invalid => "failure.invalid",
        Code::Mismatch => "guest.broken",
        _ => "failure.internal",
    };
    words.text(key, &[])
}

/// The path that a link of ours names; the top without one.
fn path_of(request: &Request<Incoming>) -> Option<SharePath> {
    parameter(request, "path").map_or(Some(SharePath::top()), |path| SharePath::parse_encoded(path).ok())
}

/// A parameter of the query as it stands there.
fn parameter<'a>(request: &'a Request<Incoming>, name: &str) -> Option<&'a str> {
    let pairs = request.uri().query()?.split('&').filter_map(|pair| pair.split_once('='));
    pairs.into_iter().find(|(key, _)| *key == name).map(|(_, value)| value)
}

/// A body that breaks off when the pass ends.
fn until_cut(content: Body, cut: CancellationToken) -> Body {
    Cut { content, cut: Box::pin(cut.cancelled_owned()) }.boxed()
}

struct Cut {
    content: Body,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl hyper::body::Body for Cut {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.cut.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Some(Err("the pass has ended".into())));
        }
        Pin::new(&mut self.content).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.content.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.content.size_hint()
    }
}
