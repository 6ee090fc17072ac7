//! PUT: a file under a hidden name until all of it has come, then in one step under its own.

use super::{
    super::{
        Folder, Refused, Slot, blocking,
        receive::{Announced, Growing, Hand},
    },
    call::{Call, need_parent},
    empty,
    failure::Failure,
    set,
};
use crate::{
    content::MAX_SIZE,
    wire::{Code, Kind},
};
use bytes::Bytes;
use http::{HeaderName, Response, StatusCode, header};
use http_body_util::BodyExt;
use hyper::body::Body as _;
use lanyard_link::{Body, Incoming};
use lanyard_trust::{Action, Claim, Used};

/// For a body without a length, room is looked for in steps of this many bytes.
const STEP: u64 = 8 << 20;

pub(super) async fn put(call: Call, body: Incoming) -> Result<Response<Body>, Failure> {
    let folder = call.visit.admit(Action::Write)?;
    if call.head.headers.contains_key(header::CONTENT_RANGE) {
        // Whoever takes the part for the whole cuts the file down to it (RFC 9110 §14.5).
        return Err(Failure::bad("a part of a file is not taken"));
    }
    if call.target.folder_meant {
        return Err(Failure::new(StatusCode::METHOD_NOT_ALLOWED, "a folder has no content"));
    }
    let size = size(&call, &body)?;
    let modified = modified(&call)?;
    let slot = call.visit.slot()?;
    let claim = call.visit.claim(Action::Write, size.unwrap_or(0))?;
    let (call, growing, is_new) = {
        let folder = folder.clone();
        blocking(move || Ok(begin(call, &folder, size, modified, slot))).await??
    };
    let received = receive(&call, &folder, growing, size, claim, body).await;
    let (growing, claim) = received?;
    if !call.visit.still(Action::Write, &folder) {
        return Err(Failure::new(StatusCode::FORBIDDEN, "the owner has taken the permission back"));
    }
    let etag = blocking(move || {
        let etag = finish(&call, growing);
        if etag.is_ok() {
            claim.keep();
        }
        Ok(etag)
    })
    .await??;
    let mut response = empty(if is_new { StatusCode::CREATED } else { StatusCode::NO_CONTENT });
    set(response.headers_mut(), header::ETAG, &etag);
    if modified.is_some() {
        set(response.headers_mut(), HeaderName::from_static("x-oc-mtime"), "accepted");
    }
    Ok(response)
}

/// How large it will be. Finder sends in pieces and says so in a header of its own.
fn size(call: &Call, body: &Incoming) -> Result<Option<u64>, Failure> {
    let expected = call.header(HeaderName::from_static("x-expected-entity-length"))?;
    let size = match (body.size_hint().exact(), expected) {
        (Some(size), _) => Some(size),
        (None, Some(text)) => {
            Some(text.trim().parse().map_err(|_| Failure::bad("the length makes no sense"))?)
        }
        (None, None) => None,
    };
    match size {
        Some(size) if size > MAX_SIZE => {
            Err(Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "no file is that large"))
        }
        size => Ok(size),
    }
}

/// `X-OC-Mtime`: the time of the last change in seconds since the Unix epoch, as Nextcloud's clients and rclone say it.
/// Given back in nanoseconds.
fn modified(call: &Call) -> Result<Option<i64>, Failure> {
    let Some(text) = call.header(HeaderName::from_static("x-oc-mtime"))? else { return Ok(None) };
    let (seconds, rest) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    let nanos: String = rest.chars().chain("000000000".chars()).take(9).collect();
    let Some((seconds, nanos)) = seconds.parse::<i64>().ok().zip(nanos.parse::<i64>().ok()) else {
        return Err(Failure::bad("the time of the last change makes no sense"));
    };
    // A file of another century arrives without its time: better than not at all.
    let nanos = if seconds < 0 { -nanos } else { nanos };
    Ok(seconds.checked_mul(1_000_000_000).and_then(|time| time.checked_add(nanos)))
}

/// All that can be refused before the first byte is taken.
fn begin(
    call: Call,
    folder: &Folder,
    size: Option<u64>,
    modified: Option<i64>,
    slot: Slot,
) -> Result<(Call, Growing, bool), Failure> {
    let there = call.there(folder)?;
    let path = &call.target.path;
    let is_new = match there.facts.map(|facts| facts.kind) {
        None => true,
        Some(Kind::File) => false,
        Some(Kind::Folder) => {
            return Err(Failure::new(StatusCode::METHOD_NOT_ALLOWED, "a folder has no content"));
        }
        Some(Kind::Other) => {
            return Err(Failure::new(StatusCode::FORBIDDEN, "links and special files are not written to"));
        }
    };
    call.may_change(path, false)?;
    if is_new {
        path.check_new_name()?;
        need_parent(&folder.root, path)?;
        call.may_change_parent(path)?;
    }
    let announced = Announced::unproven(size.unwrap_or(0), modified, !is_new, there.etag.as_deref());
    let growing = Growing::open(&call.visit, folder, path, announced, slot)?;
    Ok((call, growing, is_new))
}

/// Takes the whole body.
async fn receive(
    call: &Call,
    folder: &Folder,
    growing: Growing,
    size: Option<u64>,
    mut claim: Claim<Folder>,
    mut body: Incoming,
) -> Result<(Growing, Claim<Folder>), Failure> {
    let mut hand = Hand::new(growing, size.unwrap_or(u64::MAX));
    match take(call, folder, size, &mut claim, &mut body, &mut hand).await {
        Ok(()) => Ok((hand.back().await?, claim)),
        Err(failure) => {
            hand.throw_away().await;
            Err(failure)
        }
    }
}

async fn take(
    call: &Call,
    folder: &Folder,
    size: Option<u64>,
    claim: &mut Claim<Folder>,
    body: &mut Incoming,
    hand: &mut Hand,
) -> Result<(), Failure> {
    let mut arrived = 0_u64;
    // Of a body without a length nothing has been claimed yet, and no room looked for.
    let mut looked = 0;
    loop {
        // The link gives up a sender that has gone silent.
        let mut data: Bytes = match body.frame().await {
            None => break,
            Some(Err(_)) => return Err(Failure::bad("the connection broke")),
            Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
        };
        arrived += data.len() as u64;
        match size {
            Some(size) if arrived > size => return Err(Failure::bad("more arrived than was announced")),
            None if arrived > MAX_SIZE => {
                return Err(Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "no file is that large"));
            }
            _ => {}
        }
        if size.is_none() {
            if arrived >= looked {
                room(folder, STEP).await?;
                looked = arrived + STEP;
            }
            claim.add(Action::Write, Used { bytes: data.len() as u64, ..Used::default() })?;
        }
        while !data.is_empty() {
            if hand.bring(&mut data).await? && !call.visit.still(Action::Write, folder) {
                return Err(Failure::new(StatusCode::FORBIDDEN, "the owner has taken the permission back"));
            }
        }
    }
    if size.is_some_and(|size| size != arrived) {
        return Err(Failure::bad("less arrived than was announced"));
    }
    Ok(hand.bring_rest().await?)
}

async fn room(folder: &Folder, more: u64) -> Result<(), Refused> {
    let root = folder.root.clone();
    let free = blocking(move || Ok(crate::disk::space(&root))).await?;
    match free {
        Some((free, _)) if free < more => Err(Refused::new(Code::DiskFull, "no room for it")),
        _ => Ok(()),
    }
}

/// Gives it its name, unless a lock was taken meanwhile, and tells what it is now.
fn finish(call: &Call, growing: Growing) -> Result<String, Failure> {
    call.may_change(&call.target.path, false)?;
    Ok(growing.finish_unproven()?.etag())
}
