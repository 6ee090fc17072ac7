//! What a file is, and its bytes.

use super::{Folder, Query, Refused, Slot, Visit, blocking, confine::Facts, edit::Place, shown::Opened};
use crate::{
    range::{Asked, requested},
    wire::{self, Code, Kind},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use hyper::body::Frame;
use lanyard_link::{Body, BodyError};
use lanyard_trust::Action;
use std::{io, ops::Range};
use tokio::sync::mpsc;

/// Bytes per read and per frame; the gate is asked once for each.
pub(super) const BLOCK: u64 = 512 * 1024;
/// Frames that may wait for a slow caller.
const READ_AHEAD: usize = 2;

pub(super) async fn stat(visit: Visit, query: Query) -> Result<Response<Body>, Refused> {
    let folder = visit.admit(Action::List)?;
    let writable = folder.writable;
    let facts = blocking(move || visit.shown(&folder)?.look(&query.path)).await?;
    Ok(lanyard_link::body::json(StatusCode::OK, &described(&facts, writable)))
}

/// What a caller is told of a file or folder.
pub(super) fn described(facts: &Facts, writable: bool) -> wire::Stat {
    wire::Stat {
        kind: facts.kind,
        size: facts.size,
        modified: facts.modified,
        etag: (facts.kind == Kind::File).then(|| facts.etag()),
        writable,
        executable: facts.executable,
        object: Some(facts.object()),
    }
}

pub(super) async fn file(visit: Visit, query: Query, headers: &HeaderMap) -> Result<Response<Body>, Refused> {
    let place = query.place()?;
    let folder = visit.admit(Action::Read)?;
    if !matches!(place, Place::Named(_)) {
        // What was removed, or is not whole, is only for those who could have done that.
        visit.admit(Action::Write)?;
    }
    let slot = visit.slot()?;
    let (here, behind, asked) = (visit.clone(), folder.clone(), headers.clone());
    let open = move || {
        let (file, facts) = match place {
            Place::Named(path) => here.shown(&behind)?.open_file(&path)?,
            place => place.open(&behind.root).map(|(file, facts)| (file.into(), facts))?,
        };
        if !matches(&asked, &facts) {
            return Err(Refused::new(Code::Changed, "the file is not the one that was meant"));
        }
        let asked = requested(&asked, facts.size);
        let range = match &asked {
            Asked::All => 0..facts.size,
            Asked::Part(range) => range.clone(),
            Asked::Beyond => 0..0,
        };
        file.try_first(range.start, range.end - range.start)?;
        // All of a small answer at once: each time that threads hand something over costs more than to read it.
        let length = range.end - range.start;
        let small = (1..=BLOCK).contains(&length).then(|| block(&here, &behind, &file, range.start, length));
        Ok((file, facts, asked, range, small))
    };
    let (file, facts, asked, range, small): (Opened, Facts, _, _, _) = blocking(open).await?;
    let mut response = Response::new(lanyard_link::body::empty());
    describe(response.headers_mut(), &facts);
    match asked {
        Asked::All => {}
        Asked::Part(range) => {
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            let text = format!("bytes {}-{}/{}", range.start, range.end - 1, facts.size);
            insert(response.headers_mut(), header::CONTENT_RANGE, &text);
        }
        Asked::Beyond => {
            *response.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
            insert(response.headers_mut(), header::CONTENT_RANGE, &format!("bytes */{}", facts.size));
            insert(response.headers_mut(), header::CONTENT_LENGTH, "0");
            return Ok(response);
        }
    }
    insert(response.headers_mut(), header::CONTENT_LENGTH, &(range.end - range.start).to_string());
    *response.body_mut() = match small {
        Some(Ok(bytes)) => lanyard_link::body::full(bytes),
        // The head of the answer is said as it would have been: it is broken off.
        Some(Err(error)) => lanyard_link::body::stream(futures_util::stream::iter([Err(error)])),
        None => pump(visit, folder, file, range, slot),
    };
    Ok(response)
}

/// Reads on its own thread, never more than [`READ_AHEAD`] blocks ahead of the network.
fn pump(visit: Visit, folder: Folder, file: Opened, range: Range<u64>, slot: Slot) -> Body {
    let (sender, mut receiver) = mpsc::channel::<Result<Frame<Bytes>, BodyError>>(READ_AHEAD);
    tokio::task::spawn_blocking(move || {
        let _slot = slot;
        let mut at = range.start;
        while at < range.end {
            let frame = block(&visit, &folder, &file, at, (range.end - at).min(BLOCK));
            let end = frame.is_err();
            at += frame.as_ref().map_or(0, |bytes| bytes.len() as u64);
            // An error here means that nobody reads any more.
            if sender.blocking_send(frame.map(Frame::data)).is_err() || end {
                return;
            }
        }
    });
    lanyard_link::body::stream(futures_util::stream::poll_fn(move |context| receiver.poll_recv(context)))
}

pub(super) fn block(
    visit: &Visit,
    folder: &Folder,
    file: &Opened,
    at: u64,
    length: u64,
) -> Result<Bytes, BodyError> {
    if !visit.still(Action::Read, folder) {
        return Err("the share was taken back".into());
    }
    let mut bytes = Vec::new();
    file.read_at(&mut bytes, at, usize::try_from(length)?).map_err(|refused| refused.detail)?;
    if (bytes.len() as u64) < length {
        // Never padded: a file that shrank breaks the answer, and its new etag tells the rest.
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
    }
    Ok(Bytes::from(bytes))
}

/// `If-Match` with one entity tag or `*` (RFC 9110 §13.1.1).
pub(super) fn matches(headers: &HeaderMap, facts: &Facts) -> bool {
    match headers.get(header::IF_MATCH).map(HeaderValue::to_str) {
        None => true,
        Some(Ok(wanted)) => wanted.trim() == "*" || wanted.trim() == facts.etag(),
        Some(Err(_)) => false,
    }
}

pub(super) fn describe(headers: &mut HeaderMap, facts: &Facts) {
    insert(headers, header::ETAG, &facts.etag());
    insert(headers, header::ACCEPT_RANGES, "bytes");
    insert(headers, header::CONTENT_TYPE, "application/octet-stream");
    insert(headers, header::HeaderName::from_static(wire::SIZE), &facts.size.to_string());
    if let Some(modified) = facts.modified {
        insert(headers, header::HeaderName::from_static(wire::MODIFIED), &modified.to_string());
    }
    if facts.executable {
        insert(headers, header::HeaderName::from_static(wire::EXECUTABLE), "1");
    }
}

pub(super) fn insert(headers: &mut HeaderMap, name: header::HeaderName, value: &str) {
    // Everything written here is ASCII of our own making.
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
