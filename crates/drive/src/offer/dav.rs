//! The standard door to shared folders: WebDAV class 2 (RFC 4918), for file managers and programs that are not Lanyard.
//!
//! The protocol is spoken here and nothing else: every path is opened by `confine`, every change made by `change`,
//! every file received by `receive`, and the gate is asked for every request, as at the other doors. Who is calling,
//! over what, and under which address a share is reached is the node's business.
//!
//! What is left out on purpose: PROPFIND to any depth (RFC 4918 §9.1 allows to refuse it), POST, locks that outlive the
//! node, links and special files, and the files in which desktops note things for themselves (`.DS_Store` and the
//! like): they are not found, and not taken.

mod body;
mod call;
mod carry;
mod conditions;
mod failure;
mod find;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
mod get;
mod live;
mod locking;
mod locks;
mod patch;
mod properties;
mod put;
mod ranges;
mod remove;
mod top;
mod xml;

pub use properties::MIGRATIONS;
pub use top::top;

use super::{Offer, Visit};
use call::Call;
use failure::Failure;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};
use lanyard_link::{Body, Incoming};
use lanyard_store::Store;
use lanyard_trust::{Action, Refusal, ShareId, Subject};
use locks::Locks;
use properties::Properties;
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// How long a body that says what is wanted may take to come.
const BODY_DEADLINE: Duration = Duration::from_secs(10);

/// In a request that another node passes on for a program of its own computer: the path of the share's top as that program has
/// written it ([`Mounted::base`]), and the host ([`Mounted::authority`]).
pub const BASE: HeaderName = HeaderName::from_static("lanyard-base");
/// See [`BASE`].
pub const HOST: HeaderName = HeaderName::from_static("lanyard-host");

/// How macOS' own client begins its `User-Agent`. It is not told how much room there is on a drive, because it would wait for
/// itself.
pub const MACOS: &str = "WebDAVFS/";

/// The longest [`BASE`] or [`HOST`].
const LONGEST: usize = 4_096;

/// The door, with what clients leave at it: locks and properties.
pub struct Dav {
    offer: Arc<Offer>,
    locks: Mutex<Locks>,
    properties: Properties,
}

/// A share under an address.
#[derive(Clone, Debug)]
pub struct Mounted {
    /// Which one.
    pub share: ShareId,
    /// What people call it.
    pub name: String,
    /// The path of its top as the client has written it, without a slash at the end.
    pub base: String,
    /// Host and port as the client has written them, without which no address with a host is ours.
    pub authority: String,
}

impl Dav {
    /// The door to what this offers. Properties stand in `store`, whose [`MIGRATIONS`] have run.
    #[must_use]
    pub fn new(offer: Arc<Offer>, store: Store) -> Arc<Self> {
        Arc::new(Self { offer, locks: Mutex::default(), properties: Properties::new(store) })
    }

    /// Answers one request that another node passes on: for `/dav…` below a share. The share's `name` is what people call it.
    pub async fn serve_passed_on(
        self: Arc<Self>,
        subject: Subject,
        share: ShareId,
        name: String,
        inside: &str,
        mut request: Request<Incoming>,
    ) -> Response<Body> {
        let taken = |name: HeaderName| {
            let value = request.headers().get(name)?.to_str().ok()?;
            (value.len() <= LONGEST).then(|| value.to_owned())
        };
        let (Some(base), Some(authority)) = (taken(BASE), taken(HOST)) else {
            return Failure::bad("it is not said under which address").into_response();
        };
        let sensible = base.starts_with('/') && !base.ends_with('/');
        let Some(uri) = sensible.then(|| format!("{base}{inside}").parse().ok()).flatten() else {
            return Failure::bad("no such address").into_response();
        };
        *request.uri_mut() = uri;
        self.serve(subject, Mounted { share, name, base, authority }, request).await
    }

    /// Answers one request for something at or below [`Mounted::base`].
    pub async fn serve(
        self: Arc<Self>,
        subject: Subject,
        mounted: Mounted,
        request: Request<Incoming>,
    ) -> Response<Body> {
        let (method, share) = (request.method().clone(), mounted.share.clone());
        let device = subject.id();
        match self.answer(subject, mounted, request).await {
            Ok(response) => response,
            Err(failure) => {
                // Names of files stay out of the log.
                let (status, why) = (failure.status.as_u16(), &failure.why);
                tracing::debug!(%device, %share, %method, status, why, "a WebDAV request was refused");
                failure.into_response()
            }
        }
    }

    async fn answer(
        self: Arc<Self>,
        subject: Subject,
        mounted: Mounted,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Failure> {
        let (head, body) = request.into_parts();
        let visit = Visit { offer: Arc::clone(&self.offer), subject, share: mounted.share.clone() };
        // Whoever may not even look learns nothing, not even from a path that makes no sense.
        let writable = match visit.admit(Action::List) {
            Ok(folder) => folder.writable,
            Err(refused) => return Err(refused.into()),
        };
        let method = head.method.clone();
        let call = Call::new(self, visit, mounted, head)?;
        match method.as_str() {
            "OPTIONS" => return Ok(options(writable)),
            "GET" | "HEAD" => return get::get(call).await,
            "PROPFIND" => return find::find(call, body).await,
            name if !CHANGES.contains(&name) => return Ok(not_done(writable)),
            _ => {}
        }
        match call.visit.offer.gate.admit(&call.visit.share, &call.visit.subject, Action::Write) {
            Ok(_) => {}
            Err(Refusal::NotAllowed) => return Ok(not_done(false)),
            Err(refusal) => return Err(refusal.into()),
        }
        if call.target.is_noise() {
            return Err(Failure::new(StatusCode::FORBIDDEN, "a desktop's notes to itself are not kept here"));
        }
        match method.as_str() {
            "PUT" => put::put(call, body).await,
            "MKCOL" => remove::make_folder(call, body).await,
            "DELETE" => remove::remove(call).await,
            "COPY" => carry::carry(call, carry::Way::Copy).await,
            "MOVE" => carry::carry(call, carry::Way::Move).await,
            "PROPPATCH" => patch::patch(call, body).await,
            "LOCK" => locking::lock(call, body).await,
            _ => locking::unlock(&call),
        }
    }

    fn locks(&self) -> MutexGuard<'_, Locks> {
        self.locks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const CHANGES: [&str; 8] = ["PUT", "MKCOL", "DELETE", "COPY", "MOVE", "PROPPATCH", "LOCK", "UNLOCK"];
const READ: &str = "OPTIONS, GET, HEAD, PROPFIND";
const WRITE: &str = "OPTIONS, GET, HEAD, PROPFIND, PUT, MKCOL, DELETE, COPY, MOVE, PROPPATCH, LOCK, UNLOCK";

/// What can be done. Finder mounts for writing only where there are locks; Explorer asks for the last header.
fn options(writable: bool) -> Response<Body> {
    let mut response = Response::new(lanyard_link::body::empty());
    let headers = response.headers_mut();
    set(headers, header::ALLOW, if writable { WRITE } else { READ });
    set(headers, HeaderName::from_static("dav"), if writable { "1, 2" } else { "1" });
    set(headers, HeaderName::from_static("ms-author-via"), "DAV");
    set(headers, header::ACCEPT_RANGES, "bytes");
    response
}

fn not_done(writable: bool) -> Response<Body> {
    let mut response = Failure::new(StatusCode::METHOD_NOT_ALLOWED, "not done here").into_response();
    set(response.headers_mut(), header::ALLOW, if writable { WRITE } else { READ });
    response
}

/// What a server says of itself where there is no share yet: Explorer asks above it before it goes on.
#[must_use]
pub fn options_above() -> Response<Body> {
    options(false)
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    // Everything written here is ASCII of our own making.
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// A status and nothing else.
fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(lanyard_link::body::empty());
    *response.status_mut() = status;
    response
}

/// Several answers in one (RFC 4918 §13), or another body of XML.
fn xml_response(status: StatusCode, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    set(response.headers_mut(), header::CONTENT_TYPE, "application/xml; charset=utf-8");
    response
}
