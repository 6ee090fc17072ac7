//! PROPFIND (RFC 4918 §9.1): what there is, written while the folder is read, in memory that does not grow with it.

use super::{
    super::{Folder, Refused, Slot, blocking, confine::Facts, shown::Listed},
    MACOS, body,
    call::{Call, Depth, found, is_noise, small_body},
    failure::Failure,
    live::{self, Resource, Wanted},
    locks::Lock,
    properties::Dead,
    xml_response,
};
use crate::{disk, path::SharePath, wire::Kind};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use hyper::body::Frame;
use lanyard_link::{Body, BodyError, Incoming};
use lanyard_trust::Action;
use std::{collections::HashMap, time::Instant};
use tokio::sync::mpsc;

/// Bytes collected before they are passed on; the gate is asked once for each such piece.
const PIECE: usize = 64 << 10;
/// Pieces that may wait for a slow client.
const AHEAD: usize = 2;

pub(super) async fn find(call: Call, incoming: Incoming) -> Result<Response<Body>, Failure> {
    let folder = call.visit.admit(Action::List)?;
    let wanted = Wanted::new(body::find(&small_body(incoming).await?)?);
    let depth = call.depth()?.unwrap_or(Depth::Infinity);
    let slot = call.visit.slot()?;
    let begun = blocking(move || Ok(Finding::begin(call, folder, wanted, depth, slot))).await??;
    let (sender, mut receiver) = mpsc::channel::<Result<Frame<Bytes>, BodyError>>(AHEAD);
    tokio::task::spawn_blocking(move || begun.run(&sender));
    let pieces = futures_util::stream::poll_fn(move |context| receiver.poll_recv(context));
    Ok(xml_response(StatusCode::MULTI_STATUS, lanyard_link::body::stream(pieces)))
}

/// Since macOS 15.4 the system's client asks itself for the room on a drive while it is still mounting it, and waits ninety
/// seconds for its own answer, once a server has said that it can tell (seen by the authors of Cryptomator and copyparty). Told
/// nothing, it shows no room and is there at once.
fn waits_for_space(headers: &HeaderMap) -> bool {
    let agent = headers.get(header::USER_AGENT).map(HeaderValue::as_bytes).unwrap_or_default();
    agent.starts_with(MACOS.as_bytes())
}

struct Finding {
    call: Call,
    folder: Folder,
    wanted: Wanted,
    facts: Facts,
    /// The folder, when what is in it was asked for.
    inside: Option<Listed>,
    /// Properties of what is asked for, and of what is in it.
    dead: Vec<Dead>,
    dead_inside: HashMap<String, Vec<Dead>>,
    /// Whether somebody has to look for locks at all.
    locks: bool,
    space: Option<(u64, u64)>,
    _slot: Slot,
}

impl Finding {
    /// All that can fail before the answer begins.
    fn begin(call: Call, folder: Folder, wanted: Wanted, depth: Depth, slot: Slot) -> Result<Self, Failure> {
        let path = &call.target.path;
        if call.target.is_noise() {
            return Err(Failure::not_found());
        }
        let shown = call.visit.shown(&folder)?;
        let facts = found(shown.look(path))?.filter(|facts| facts.kind != Kind::Other);
        let facts = facts.ok_or_else(Failure::not_found)?;
        let is_folder = facts.kind == Kind::Folder;
        if depth == Depth::Infinity && is_folder {
            return Err(Failure::because(StatusCode::FORBIDDEN, "propfind-finite-depth", ""));
        }
        let inside = match depth == Depth::One && is_folder {
            true => Some(shown.open_dir(path.names())?),
            false => None,
        };
        let (share, properties) = (&call.mounted.share.0, &call.dav.properties);
        let (mut dead, mut dead_inside) = (Vec::new(), HashMap::new());
        if properties.any_in(share)? {
            dead = properties.of(share, path.names())?;
            if inside.is_some() {
                dead_inside = properties.in_folder(share, path.names())?;
            }
        }
        let locks = wanted.wants_locks() && call.dav.locks().any_in(share, Instant::now());
        let space = if wanted.wants_space() && !waits_for_space(&call.head.headers) {
            disk::space(&folder.root)
        } else {
            None
        };
        Ok(Self { call, folder, wanted, facts, inside, dead, dead_inside, locks, space, _slot: slot })
    }

    fn run(self, sender: &mpsc::Sender<Result<Frame<Bytes>, BodyError>>) {
        // An error means that nobody reads any more, or that the connection is to be broken off, which is done by
        // sending one.
        if let Err(Some(error)) = self.write(sender) {
            let _ = sender.blocking_send(Err(error));
        }
    }

    fn write(&self, sender: &mpsc::Sender<Result<Frame<Bytes>, BodyError>>) -> Result<(), Option<BodyError>> {
        let mut out = String::with_capacity(PIECE + 4_096);
        out.push_str(live::BEGIN);
        let path = &self.call.target.path;
        let name = path.name().unwrap_or(&self.call.mounted.name);
        let href = self.call.href(path, self.facts.kind == Kind::Folder);
        self.respond(&mut out, path, &href, name, &self.facts, &self.dead);
        if let Some(dir) = &self.inside {
            let broken = |refused: Refused| Some(BodyError::from(refused.detail));
            let names = dir.names().map_err(broken)?;
            let base = self.call.href(path, true);
            for one in names {
                let one = one.map_err(broken)?;
                // What no address can name, and what this door does not give away, is not listed.
                let Some(name) = one.name.to_str().filter(|name| !is_noise(name)) else { continue };
                let Ok(below) = path.join(name) else { continue };
                // It went away meanwhile, or cannot be looked at.
                let Ok(Some(facts)) = dir.facts(&one) else { continue };
                if facts.kind == Kind::Other {
                    continue;
                }
                let slash = if facts.kind == Kind::Folder { "/" } else { "" };
                let href = format!("{base}{}{slash}", crate::path::encode(name));
                let dead = self.dead_inside.get(name).map_or(&[][..], Vec::as_slice);
                self.respond(&mut out, &below, &href, name, &facts, dead);
                if out.len() >= PIECE {
                    self.pass_on(&mut out, sender)?;
                }
            }
        }
        out.push_str(live::END);
        self.pass_on(&mut out, sender)
    }

    fn respond(
        &self,
        out: &mut String,
        path: &SharePath,
        href: &str,
        name: &str,
        facts: &Facts,
        dead: &[Dead],
    ) {
        let now = Instant::now();
        let locks: Vec<Lock> =
            if self.locks { self.call.dav.locks().on(&self.call.spot(path), now) } else { Vec::new() };
        let (writable, space) = (self.folder.writable, self.space);
        live::respond(
            out,
            &self.wanted,
            &Resource { href, name, facts, writable, locks: &locks, dead, space, now },
        );
    }

    fn pass_on(
        &self,
        out: &mut String,
        sender: &mpsc::Sender<Result<Frame<Bytes>, BodyError>>,
    ) -> Result<(), Option<BodyError>> {
        if !self.call.visit.still(Action::List, &self.folder) {
            return Err(Some("the share was taken back".into()));
        }
        let piece = std::mem::replace(out, String::with_capacity(PIECE + 4_096));
        sender.blocking_send(Ok(Frame::data(Bytes::from(piece)))).map_err(|_| None)
    }
}
