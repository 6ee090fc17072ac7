//! LOCK and UNLOCK (RFC 4918 §9.10 and §9.11).

use super::{
    super::{Folder, blocking, change},
    body::{self, Wanted},
    call::{Call, Depth, need_parent, small_body},
    empty,
    failure::Failure,
    live,
    locks::{self, Asked, Lock, NoLock},
    set, xml_response,
};
use crate::wire::Kind;
use http::{HeaderName, Response, StatusCode};
use lanyard_link::{Body, Incoming, body as bodies};
use lanyard_trust::Action;
use std::time::{Duration, Instant};

const LOCK_TOKEN: HeaderName = HeaderName::from_static("lock-token");

pub(super) async fn lock(call: Call, incoming: Incoming) -> Result<Response<Body>, Failure> {
    let folder = call.visit.admit(Action::Write)?;
    let wanted = body::lock(&small_body(incoming).await?)?;
    let lasts = call.header(HeaderName::from_static("timeout"))?.and_then(locks::timeout);
    let is_new = wanted.is_some();
    let done = move || {
        Ok(match wanted {
            Some(wanted) => take(&call, &folder, wanted, lasts),
            None => refresh(&call, &folder, lasts),
        })
    };
    let (status, lock) = blocking(done).await??;
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<D:prop xmlns:D=\"DAV:\">");
    live::locks(&mut text, std::slice::from_ref(&lock), Instant::now());
    text.push_str("</D:prop>\n");
    let mut response = xml_response(status, bodies::full(text));
    if is_new {
        set(response.headers_mut(), LOCK_TOKEN, &format!("<{}>", lock.token));
    }
    Ok(response)
}

/// A new lock; where nothing is, an empty file comes to be (RFC 4918 §7.3).
fn take(
    call: &Call,
    folder: &Folder,
    wanted: Wanted,
    lasts: Option<Duration>,
) -> Result<(StatusCode, Lock), Failure> {
    let deep = match call.depth()?.unwrap_or(Depth::Infinity) {
        Depth::Zero => false,
        Depth::Infinity => true,
        Depth::One => return Err(Failure::bad("a lock is on one thing or on all below")),
    };
    let path = &call.target.path;
    let there = call.there(folder)?;
    let is_new = match there.facts.map(|facts| facts.kind) {
        None => true,
        Some(Kind::File | Kind::Folder) => false,
        Some(Kind::Other) => {
            return Err(Failure::new(StatusCode::FORBIDDEN, "links and special files are not locked"));
        }
    };
    let is_folder = there.facts.is_some_and(|facts| facts.kind == Kind::Folder);
    if is_new {
        if call.target.folder_meant {
            return Err(Failure::new(StatusCode::CONFLICT, "there is no such folder"));
        }
        path.check_new_name()?;
        need_parent(&folder.root, path)?;
        call.may_change_parent(path)?;
    }
    let asked = Asked {
        at: call.spot(path),
        root: call.href(path, is_folder),
        deep,
        exclusive: wanted.exclusive,
        owner: wanted.owner,
        who: call.who(),
        lasts,
    };
    let token = format!("urn:uuid:{}", uuid::Uuid::new_v4());
    let lock = call.dav.locks().take(asked, token, Instant::now()).cloned();
    let lock = lock.map_err(|refused| not_locked(call, refused))?;
    if !is_new {
        return Ok((StatusCode::OK, lock));
    }
    let made =
        change::make_file(&folder.root, path, false).and_then(|_| change::settle(&folder.root, &[path]));
    if let Err(refused) = made {
        // A lock on nothing would be in everybody's way.
        let _ = call.dav.locks().release(&lock.at, &lock.token, &lock.who, Instant::now());
        return Err(refused.into());
    }
    Ok((StatusCode::CREATED, lock))
}

/// The lock is named by the `If` header (RFC 4918 §9.10.2).
fn refresh(call: &Call, folder: &Folder, lasts: Option<Duration>) -> Result<(StatusCode, Lock), Failure> {
    call.there(folder)?;
    let tokens = call.tokens();
    let [token] = tokens.as_slice() else {
        return Err(Failure::bad("one lock is made to last longer at a time"));
    };
    let (spot, who) = (call.spot(&call.target.path), call.who());
    let refreshed = call.dav.locks().refresh(&spot, token, &who, lasts, Instant::now()).cloned();
    refreshed.map(|lock| (StatusCode::OK, lock)).map_err(|_| Failure::precondition())
}

fn not_locked(call: &Call, refused: NoLock) -> Failure {
    match refused {
        NoLock::Taken(spot) => call.locked("no-conflicting-lock", &spot),
        NoLock::TooMany => Failure::new(StatusCode::SERVICE_UNAVAILABLE, "too many locks"),
        NoLock::Unknown => Failure::precondition(),
    }
}

pub(super) fn unlock(call: &Call) -> Result<Response<Body>, Failure> {
    let text = call.header(LOCK_TOKEN)?.map(str::trim);
    let token = text.and_then(|text| text.strip_prefix('<')?.strip_suffix('>'));
    let token = token.ok_or_else(|| Failure::bad("it is not said which lock"))?;
    let (spot, who) = (call.spot(&call.target.path), call.who());
    match call.dav.locks().release(&spot, token, &who, Instant::now()) {
        Ok(()) => Ok(empty(StatusCode::NO_CONTENT)),
        Err(_) => Err(Failure::because(StatusCode::CONFLICT, "lock-token-matches-request-uri", "")),
    }
}
