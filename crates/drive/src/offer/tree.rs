//! Everything below a folder in one answer, so that a copy of a tree knows what there is after one question.
//!
//! Entries come as they are found, parents before what is in them, in no other order. Memory holds one folder's handle
//! and the names of the folders that are still to be looked through.

use super::{
    Folder, Query, Refused, Slot, Visit,
    shown::Shown,
    walk::{self, Ground, Pieces},
};
use crate::{
    frames::{Entry, Frame},
    path::{self, SharePath},
    wire::{Code, Kind, TREE},
};
use bytes::BytesMut;
use http::Response;
use hyper::body::Frame as BodyFrame;
use lanyard_link::{Body, BodyError};
use lanyard_trust::Action;

/// Bytes of entries in one piece of the answer; the gate is asked once for each.
const PORTION: usize = 64 * 1024;

pub(super) async fn tree(visit: Visit, query: Query) -> Result<Response<Body>, Refused> {
    let Ground { folder, shown, slot } = walk::admit(&visit, &query).await?;
    Ok(walk::answer(2, move |sender| {
        let (versions, out) = (query.versions(), BytesMut::new());
        let mut walk = Walk { visit, folder, shown, versions, out, frames: 0, sender, _slot: slot };
        walk.all(query.path)
    }))
}

struct Walk {
    visit: Visit,
    folder: Folder,
    shown: Shown,
    /// The caller wants the files' entity tags, too.
    versions: bool,
    out: BytesMut,
    frames: u64,
    sender: Pieces,
    _slot: Slot,
}

impl Walk {
    fn all(&mut self, top: SharePath) -> Result<(), BodyError> {
        let mut folders = vec![top];
        while let Some(path) = folders.pop() {
            if let Err(refused) = self.one(&path, &mut folders)? {
                // It went away, or its owner has no access either: the rest goes on.
                self.tell(&Frame::Problem(path, refused.code))?;
            }
        }
        let count = self.frames;
        Frame::End(count).write(&mut self.out);
        self.send()
    }

    /// One folder. The outer error ends the answer, the inner one only this folder.
    fn one(
        &mut self,
        path: &SharePath,
        folders: &mut Vec<SharePath>,
    ) -> Result<Result<(), Refused>, BodyError> {
        let dir = match self.shown.open_dir(path.names()) {
            Ok(dir) => dir,
            Err(refused) => return Ok(Err(refused)),
        };
        let names = match dir.names() {
            Ok(names) => names,
            Err(refused) => return Ok(Err(refused)),
        };
        for found in names {
            let found = match found {
                Ok(found) => found,
                Err(refused) => return Ok(Err(refused)),
            };
            let name = &found.name;
            if name.to_str().is_some_and(path::is_reserved) {
                continue;
            }
            let Ok(below) = path.join(&name.to_string_lossy()) else {
                self.tell(&Frame::Problem(path.clone(), Code::Invalid))?;
                continue;
            };
            let facts = match dir.facts(&found) {
                Ok(Some(facts)) => facts,
                Ok(None) => continue,
                Err(refused) => {
                    self.tell(&Frame::Problem(below, refused.code))?;
                    continue;
                }
            };
            // A name that is not Unicode cannot be asked for.
            let misnamed = name.to_str().is_none() && facts.kind != Kind::Other;
            let kind = if misnamed { Kind::Other } else { facts.kind };
            if kind == Kind::Folder {
                folders.push(below.clone());
            }
            self.tell(&Frame::Entry(Entry {
                path: below,
                kind,
                executable: facts.executable,
                modified: facts.modified,
                size: facts.size,
                etag: (self.versions && kind == Kind::File).then(|| facts.etag()),
                misnamed,
            }))?;
        }
        Ok(Ok(()))
    }

    fn tell(&mut self, frame: &Frame) -> Result<(), BodyError> {
        self.frames += 1;
        if self.frames > TREE as u64 {
            return Err("more names than a tree may have".into());
        }
        frame.write(&mut self.out);
        if self.out.len() >= PORTION { self.send() } else { Ok(()) }
    }

    fn send(&mut self) -> Result<(), BodyError> {
        if !self.visit.still(Action::List, &self.folder) {
            return Err("the share was taken back".into());
        }
        let piece = BodyFrame::data(self.out.split().freeze());
        self.sender.blocking_send(Ok(piece)).map_err(|_| "nobody reads any more".into())
    }
}
