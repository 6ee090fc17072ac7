//! GET and HEAD: a file, whole or in parts.

use super::{
    super::{Folder, Slot, Visit, blocking, confine::Facts, read, shown::Opened},
    call::{Call, found, is_strong, seconds, tags},
    empty,
    failure::Failure,
    live,
    ranges::{self, Asked},
    set,
};
use crate::wire::Kind;
use bytes::Bytes;
use http::{HeaderMap, Method, Response, StatusCode, header};
use hyper::body::Frame;
use lanyard_link::{Body, BodyError};
use lanyard_trust::Action;
use std::ops::Range;
use tokio::sync::mpsc;

/// Frames that may wait for a slow client.
const AHEAD: usize = 2;

/// Whatever a file holds, no browser shall do anything with it but keep it.
const TYPE: &str = "application/octet-stream";

pub(super) async fn get(call: Call) -> Result<Response<Body>, Failure> {
    let folder = call.visit.admit(Action::Read)?;
    if call.target.is_noise() {
        return Err(Failure::not_found());
    }
    let is_head = call.head.method == Method::HEAD;
    let (here, behind, path) = (call.visit.clone(), folder.clone(), call.target.path.clone());
    let facts = blocking(move || Ok(found(here.shown(&behind)?.look(&path)))).await??;
    match facts.map(|facts| facts.kind) {
        None => return Err(Failure::not_found()),
        Some(Kind::Folder) => return Ok(of_folder()),
        Some(Kind::Other) => return Err(Failure::new(StatusCode::FORBIDDEN, "links are not followed")),
        Some(Kind::File) => {}
    }
    let slot = call.visit.slot()?;
    let (here, behind, path) = (call.visit.clone(), folder.clone(), call.target.path.clone());
    let (file, facts) = blocking(move || here.shown(&behind)?.open_file(&path)).await?;
    let headers = &call.head.headers;
    if let Some(answer) = check(headers, &facts)? {
        return Ok(answer);
    }
    let asked = match call.header(header::RANGE) {
        Ok(Some(text)) if is_same(headers, &facts) => ranges::parse(text, facts.size),
        _ => Asked::All,
    };
    let mut response = empty(StatusCode::OK);
    describe(response.headers_mut(), &facts);
    let parts = match asked {
        Asked::All => Parts::one(0..facts.size),
        Asked::Beyond => {
            *response.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
            set(response.headers_mut(), header::CONTENT_RANGE, &format!("bytes */{}", facts.size));
            set(response.headers_mut(), header::CONTENT_LENGTH, "0");
            return Ok(response);
        }
        Asked::Parts(parts) if parts.len() == 1 => {
            let part = parts.into_iter().next().unwrap_or(0..0);
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            set(response.headers_mut(), header::CONTENT_RANGE, &content_range(&part, facts.size));
            Parts::one(part)
        }
        Asked::Parts(parts) => {
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            let boundary = uuid::Uuid::new_v4().simple().to_string();
            let kind = format!("multipart/byteranges; boundary={boundary}");
            set(response.headers_mut(), header::CONTENT_TYPE, &kind);
            Parts::several(parts, facts.size, &boundary)
        }
    };
    set(response.headers_mut(), header::CONTENT_LENGTH, &parts.length().to_string());
    if !is_head {
        let ranges: Vec<Range<u64>> = parts.parts.iter().map(|(_, part)| part.clone()).collect();
        let tried = move || {
            ranges
                .iter()
                .try_for_each(|part| file.try_first(part.start, part.end - part.start))
                .map(|()| file)
        };
        let file = blocking(tried).await?;
        *response.body_mut() = pump(call.visit, folder, file, parts, slot);
    }
    Ok(response)
}

/// File managers ask in other ways what is in a folder; this is for whoever opened one in a browser.
fn of_folder() -> Response<Body> {
    let text = "This is a folder. Open its address in a file manager, as a network folder (WebDAV).\n";
    lanyard_link::body::status(StatusCode::OK, text)
}

/// What the client knows already, or did not mean (RFC 9110 §13.2.2).
fn check(headers: &HeaderMap, facts: &Facts) -> Result<Option<Response<Body>>, Failure> {
    let etag = facts.etag();
    let date = |name: &header::HeaderName| {
        headers.get(name).and_then(|value| value.to_str().ok()).and_then(live::from_http_date)
    };
    let is_newer = |than: i64| facts.modified.is_some_and(|time| seconds(time) > seconds(than));
    if headers.contains_key(header::IF_MATCH) {
        if !tags(headers, &header::IF_MATCH).any(|tag| is_strong(tag, Some(&etag))) {
            return Err(Failure::precondition());
        }
    } else if date(&header::IF_UNMODIFIED_SINCE).is_some_and(is_newer) {
        return Err(Failure::precondition());
    }
    let is_known = if headers.contains_key(header::IF_NONE_MATCH) {
        let is_it = |tag: &str| tag == "*" || tag.trim_start_matches("W/") == etag;
        tags(headers, &header::IF_NONE_MATCH).any(is_it)
    } else {
        facts.modified.is_some() && date(&header::IF_MODIFIED_SINCE).is_some_and(|date| !is_newer(date))
    };
    if !is_known {
        return Ok(None);
    }
    let mut response = empty(StatusCode::NOT_MODIFIED);
    describe(response.headers_mut(), facts);
    Ok(Some(response))
}

/// `If-Range` (RFC 9110 §13.1.5): whether it still is the file of which the client has the rest.
fn is_same(headers: &HeaderMap, facts: &Facts) -> bool {
    let Some(wanted) = headers.get(header::IF_RANGE) else { return true };
    let Ok(wanted) = wanted.to_str() else { return false };
    match live::from_http_date(wanted) {
        // A date names a version only as well as a second does; that of a file just changed does not.
        Some(date) => facts.modified.is_some_and(|time| {
            let now = std::time::SystemTime::now();
            let is_settled = crate::disk::nanos(now).is_some_and(|now| now - time > 2_000_000_000);
            is_settled && seconds(time) == seconds(date)
        }),
        None => wanted.trim() == facts.etag(),
    }
}

fn describe(headers: &mut HeaderMap, facts: &Facts) {
    set(headers, header::ETAG, &facts.etag());
    set(headers, header::ACCEPT_RANGES, "bytes");
    set(headers, header::CONTENT_TYPE, TYPE);
    set(headers, header::CONTENT_DISPOSITION, "attachment");
    if let Some(date) = facts.modified.and_then(live::http_date) {
        set(headers, header::LAST_MODIFIED, &date);
    }
}

fn content_range(part: &Range<u64>, size: u64) -> String {
    format!("bytes {}-{}/{size}", part.start, part.end - 1)
}

/// Pieces of a file with what stands between them.
struct Parts {
    parts: Vec<(Bytes, Range<u64>)>,
    end: Bytes,
}

impl Parts {
    fn one(part: Range<u64>) -> Self {
        Self { parts: vec![(Bytes::new(), part)], end: Bytes::new() }
    }

    /// RFC 9110 §14.6.
    fn several(parts: Vec<Range<u64>>, size: u64, boundary: &str) -> Self {
        let with_head = |part: Range<u64>| {
            let range = content_range(&part, size);
            let head = format!("\r\n--{boundary}\r\nContent-Type: {TYPE}\r\nContent-Range: {range}\r\n\r\n");
            (Bytes::from(head), part)
        };
        let parts = parts.into_iter().map(with_head).collect();
        Self { parts, end: Bytes::from(format!("\r\n--{boundary}--\r\n")) }
    }

    fn length(&self) -> u64 {
        let parts = self.parts.iter().map(|(head, part)| head.len() as u64 + part.end - part.start);
        parts.sum::<u64>() + self.end.len() as u64
    }
}

/// Reads on its own thread, never more than [`AHEAD`] blocks ahead of the network.
fn pump(visit: Visit, folder: Folder, file: Opened, parts: Parts, slot: Slot) -> Body {
    let (sender, mut receiver) = mpsc::channel::<Result<Frame<Bytes>, BodyError>>(AHEAD);
    tokio::task::spawn_blocking(move || {
        let _slot = slot;
        // An error here means that nobody reads any more.
        let send = |bytes: Bytes| bytes.is_empty() || sender.blocking_send(Ok(Frame::data(bytes))).is_ok();
        for (head, part) in parts.parts {
            if !send(head) {
                return;
            }
            let mut at = part.start;
            while at < part.end {
                match read::block(&visit, &folder, &file, at, (part.end - at).min(read::BLOCK)) {
                    Ok(bytes) => {
                        at += bytes.len() as u64;
                        if !send(bytes) {
                            return;
                        }
                    }
                    Err(error) => {
                        let _ = sender.blocking_send(Err(error)); // nobody reads any more
                        return;
                    }
                }
            }
        }
        send(parts.end);
    });
    lanyard_link::body::stream(futures_util::stream::poll_fn(move |context| receiver.poll_recv(context)))
}
