//! Around the pure parts: reads a request, finds who does what it asks, writes the answer.

use super::{
    call::{Call, No},
    clock::Clock,
    describe::{self, Moment, Moments},
    incoming::{self, NoMessage},
    operations,
    place::Place,
    printer::{Facts, Printer, Refused},
    register::Register,
    select::Wanted,
};
use crate::offer::doors::drain;
use http::{HeaderValue, Request, Response, StatusCode, header};
use hyper::body::{Body as HttpBody, Bytes};
use lanyard_ipp::{Attribute, DecodeError, Group, GroupTag, Header, Message, Operation, Status};
use lanyard_link::{
    Body,
    body::{self, BodyError},
};
use lanyard_store::{Store, StoreError};
use lanyard_trust::NodeId;
use std::{
    collections::{HashMap, hash_map::DefaultHasher},
    hash::{Hash, Hasher},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

/// Answers standard clients for any number of printers. Clones share it.
#[derive(Clone)]
pub struct Server {
    inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) register: Register,
    pub(super) clock: Clock,
    /// Jobs whose document is arriving, and what stops it.
    pub(super) receiving: Mutex<HashMap<i32, CancellationToken>>,
    /// Jobs that were made just now and that their client has not asked for yet.
    pub(super) fresh: Mutex<HashMap<i32, Instant>>,
    changes: Mutex<HashMap<String, Changes>>,
}

/// What comes behind a message, until somebody takes it.
pub(super) struct Behind<B> {
    pub(super) begun: Bytes,
    pub(super) rest: Option<B>,
}

/// When a printer was last seen to change.
#[derive(Clone, Copy)]
struct Changes {
    state: u64,
    state_at: Moment,
    config: u64,
    config_at: Moment,
}

/// A request's surroundings.
pub(super) struct At<'a> {
    pub(super) inner: &'a Arc<Inner>,
    pub(super) printer: &'a dyn Printer,
    /// What jobs of the printer are kept under.
    pub(super) key: &'a str,
    pub(super) place: &'a Place,
    pub(super) client: NodeId,
}

impl Server {
    /// Opens the table of jobs.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn open(store: Store) -> Result<Self, StoreError> {
        let inner = Inner {
            register: Register::open(store)?,
            clock: Clock::start(),
            receiving: Mutex::default(),
            fresh: Mutex::default(),
            changes: Mutex::default(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Answers a POST of `application/ipp` at `place`.
    ///
    /// `key` names the printer for ever, whoever asks; `client` is who asks, as far as the connection tells: jobs are
    /// shown and given only to the client that made them, and of its users to the one whose name it gave.
    pub async fn serve<B>(
        &self,
        printer: &dyn Printer,
        key: &str,
        place: &Place,
        client: NodeId,
        request: Request<B>,
    ) -> Response<Body>
    where
        B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<BodyError>,
    {
        let mut body = request.into_body();
        let (message, begun) = match incoming::message(&mut body).await {
            Ok(read) => read,
            Err(no) => return unreadable(no),
        };
        let header = Header { version: message.version, code: message.code, request_id: message.request_id };
        let call = match Call::check(message, place) {
            Ok(call) => call,
            Err(no) => return ipp(&no.answer(header)),
        };
        let at = At { inner: &self.inner, printer, key, place, client };
        let operation = call.operation;
        let mut behind = Behind { begun, rest: Some(body) };
        let answered = operations::answer(&at, call, &mut behind).await;
        let answer = answered.unwrap_or_else(|no| {
            tracing::debug!(
                operation = operation.keyword(),
                status = no.status.keyword(),
                "a standard client was refused"
            );
            no.answer(header)
        });
        // A client that still talks when it is answered would see a broken connection, not the answer.
        if let Some(rest) = behind.rest {
            drain(rest).await;
        }
        ipp(&answer)
    }

    /// Answers `CUPS-Get-Printers` and `CUPS-Get-Default` at the server's own path: which printers there are for this
    /// client. GNOME asks this of a server that somebody typed in.
    pub async fn serve_list<B>(
        &self,
        printers: &[(&dyn Printer, &str, Place)],
        place: &Place,
        request: Request<B>,
    ) -> Response<Body>
    where
        B: HttpBody<Data = Bytes> + Send + Unpin,
    {
        let message = match incoming::message(&mut request.into_body()).await {
            Ok((message, _)) => message,
            Err(no) => return unreadable(no),
        };
        let header = Header { version: message.version, code: message.code, request_id: message.request_id };
        let listed = async {
            let call = Call::check(message, place)?;
            let most = match call.operation {
                Operation::CupsGetPrinters => {
                    usize::try_from(call.asked.int("limit").unwrap_or(500)).unwrap_or(0)
                }
                Operation::CupsGetDefault => 1,
                _ => return Err(No::from(Refused::NotFound)),
            };
            let wanted = Wanted::of(&call, &["all"]);
            let mut answer = call.answer(Status::Ok);
            for (printer, key, place) in printers.iter().take(most.clamp(1, 500)) {
                // One that does not answer now is left out.
                let Ok(facts) = printer.facts().await else { continue };
                let all = describe::printer(&facts, place, &self.inner.moments(key, &facts));
                let attributes = wanted.of_a_printer(all);
                answer.groups.push(Group { tag: GroupTag::Printer, attributes });
            }
            if answer.group(GroupTag::Printer).is_none() {
                return Err(Refused::NotFound.into());
            }
            Ok(answer)
        };
        ipp(&listed.await.unwrap_or_else(|no: No| no.answer(header)))
    }
}

impl Inner {
    /// The printer's times, with what has changed since it was last looked at.
    pub(super) fn moments(&self, key: &str, facts: &Facts) -> Moments {
        const MOST: usize = 1_000;
        let now = self.clock.now();
        let state = hash(&(facts.state as u8, &facts.reasons, facts.accepting));
        let config = hash(&format!("{:?}{:?}{:?}{:?}", facts.name, facts.location, facts.can, facts.more));
        let new = Changes { state, state_at: now, config, config_at: now };
        let mut changes = lock(&self.changes);
        if changes.len() >= MOST && !changes.contains_key(key) {
            changes.clear();
        }
        let known = changes.entry(key.to_owned()).or_insert(new);
        if known.state != state {
            (known.state, known.state_at) = (state, now);
        }
        if known.config != config {
            (known.config, known.config_at) = (config, now);
        }
        Moments { now, state_changed: known.state_at, config_changed: known.config_at }
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn hash(what: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}

fn unreadable(no: NoMessage) -> Response<Body> {
    match no {
        NoMessage::Nothing => body::status(StatusCode::BAD_REQUEST, "not an IPP message\n"),
        NoMessage::Bad(header, error) => {
            let status = match error {
                DecodeError::TooLong(_) => Status::RequestEntityTooLarge,
                _ => Status::BadRequest,
            };
            ipp(&No::new(status, format!("{error}.")).answer(header))
        }
    }
}

/// A message as an HTTP response (RFC 8010 §4).
fn ipp(message: &Message) -> Response<Body> {
    let mut response = Response::new(body::full(message.encode()));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/ipp"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Adds a job to an answer, in a group of its own.
pub(super) fn add_job(answer: &mut Message, attributes: Vec<Attribute>) {
    answer.groups.push(Group { tag: GroupTag::Job, attributes });
}
