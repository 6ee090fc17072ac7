//! A search by name below a folder: a walk with limits whose finds are sent as they come.
//!
//! Broad before deep, so that what lies near the folder comes first. Each folder is opened by its handle as for a list,
//! links are found but never followed, and the gate is asked again for each portion. The walk ends when the caller goes
//! away, because nobody takes the next portion then; a portion is sent at least every [`SIGN`], also when nothing was
//! found, so that this is noticed and the caller knows that the search goes on.

use super::{
    Folder, Query, Refused, Slot, Visit,
    confine::Facts,
    shown::{Listed, Name, Shown},
    walk::{self, Ground, Pieces},
};
use crate::{
    frames::{Entry, Frame},
    path::{self, SharePath},
    wire::{Code, Kind, SEARCH_FINDS, TREE},
    words::Words,
};
use bytes::BytesMut;
use http::Response;
use hyper::body::Frame as BodyFrame;
use lanyard_link::{Body, BodyError};
use lanyard_trust::Action;
use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// A portion is sent when it has so many bytes,
const PORTION: usize = 16 * 1024;
/// or so long after the one before: a person sees the first finds at once.
const SIGN: Duration = Duration::from_millis(250);
/// How long one walk may take.
const LONGEST: Duration = Duration::from_secs(60);
/// Folders that wait to be looked through; more are left out, and the caller is told.
const WAITING: usize = 50_000;

/// Why a walk ended before its end.
enum Stop {
    /// One of the limits.
    Limit,
    /// The caller went away, or may not any more.
    Ended(BodyError),
}

pub(super) async fn search(visit: Visit, query: Query) -> Result<Response<Body>, Refused> {
    // Whoever may not look is told that first.
    visit.admit(Action::List)?;
    let words = query.more.words.as_deref().and_then(Words::parse);
    let words = words.ok_or_else(|| Refused::new(Code::Invalid, "nothing to search for"))?;
    let Ground { folder, shown, slot } = walk::admit(&visit, &query).await?;
    Ok(walk::answer(1, move |sender| {
        let now = Instant::now();
        let mut walk = Walk {
            visit,
            folder,
            shown,
            words,
            waiting: VecDeque::new(),
            out: BytesMut::new(),
            frames: 0,
            names: 0,
            finds: 0,
            begun: now,
            sent: now,
            sender,
            _slot: slot,
        };
        walk.all(query.path)
    }))
}

struct Walk {
    visit: Visit,
    folder: Folder,
    shown: Shown,
    words: Words,
    waiting: VecDeque<SharePath>,
    out: BytesMut,
    frames: u64,
    names: usize,
    finds: usize,
    begun: Instant,
    sent: Instant,
    sender: Pieces,
    _slot: Slot,
}

impl Walk {
    fn all(&mut self, top: SharePath) -> Result<(), BodyError> {
        self.waiting.push_back(top.clone());
        while let Some(path) = self.waiting.pop_front() {
            match self.one(&path) {
                Ok(Ok(())) => {}
                // It went away, or its owner has no access either: the rest goes on.
                Ok(Err(refused)) => self.tell(&Frame::Problem(path, refused.code)),
                Err(Stop::Limit) => {
                    self.tell(&Frame::Problem(top, Code::TooLarge));
                    break;
                }
                Err(Stop::Ended(why)) => return Err(why),
            }
        }
        Frame::End(self.frames).write(&mut self.out);
        self.send()
    }

    /// One folder. The outer error ends the walk, the inner one only this folder.
    fn one(&mut self, path: &SharePath) -> Result<Result<(), Refused>, Stop> {
        let dir = match self.shown.open_dir(path.names()) {
            Ok(dir) => dir,
            Err(refused) => return Ok(Err(refused)),
        };
        let names = match dir.names() {
            Ok(names) => names,
            Err(refused) => return Ok(Err(refused)),
        };
        for one in names {
            match one {
                Ok(one) => self.name(path, &dir, &one)?,
                Err(refused) => return Ok(Err(refused)),
            }
        }
        Ok(Ok(()))
    }

    fn name(&mut self, folder: &SharePath, dir: &Listed, one: &Name) -> Result<(), Stop> {
        self.names += 1;
        if self.names > TREE || self.begun.elapsed() > LONGEST {
            return Err(Stop::Limit);
        }
        if self.out.len() >= PORTION || self.sent.elapsed() >= SIGN {
            self.tell(&Frame::Folder { path: folder.clone(), modified: None });
            self.send().map_err(Stop::Ended)?;
        }
        // A name that is not Unicode, or that this protocol refuses, could not be opened: it is not found either.
        let Some(name) = one.name.to_str().filter(|name| !path::is_reserved(name)) else { return Ok(()) };
        let Ok(below) = folder.join(name) else { return Ok(()) };
        if self.words.fit(name) {
            // It may have gone away meanwhile.
            if let Ok(Some(facts)) = dir.facts(one) {
                self.find(below.clone(), &facts)?;
            }
        }
        if one.is_folder {
            if self.waiting.len() >= WAITING {
                return Err(Stop::Limit);
            }
            self.waiting.push_back(below);
        }
        Ok(())
    }

    fn find(&mut self, path: SharePath, facts: &Facts) -> Result<(), Stop> {
        if self.finds >= SEARCH_FINDS {
            return Err(Stop::Limit);
        }
        self.finds += 1;
        let size = if facts.kind == Kind::File { facts.size } else { 0 };
        let (kind, executable, modified) = (facts.kind, facts.executable, facts.modified);
        let entry = Entry { path, kind, executable, modified, size, etag: None, misnamed: false };
        self.tell(&Frame::Entry(entry));
        Ok(())
    }

    fn tell(&mut self, frame: &Frame) {
        self.frames += 1;
        frame.write(&mut self.out);
    }

    fn send(&mut self) -> Result<(), BodyError> {
        if !self.visit.still(Action::List, &self.folder) {
            return Err("the share was taken back".into());
        }
        self.sent = Instant::now();
        let piece = BodyFrame::data(self.out.split().freeze());
        self.sender.blocking_send(Ok(piece)).map_err(|_| "nobody reads any more".into())
    }
}
