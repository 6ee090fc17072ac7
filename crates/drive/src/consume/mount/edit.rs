//! A file that programs here have open to write, until it is as they want it over there.
//!
//! New content (of a file that was made, or emptied) is held here while it is small, and otherwise grows beside the file
//! over there, unseen; it gets the name when a program closes the file or asks for it to be safe. What is changed in the
//! middle goes over in place, in large pieces (docs/adr/0019). One edit has all handles of a file, so every program here
//! sees what the others wrote.

use super::{Tree, now, once};
use crate::{
    consume::remote::{Place, Terms},
    content::FileId,
    wire::{Code, Set, Stat},
};
use bytes::Bytes;
use rustix::io::Errno;
use std::sync::atomic::Ordering;
use uuid::Uuid;

/// The largest new file that is held here, and sent whole in one request.
pub(super) const HELD: usize = 1 << 20;
/// Bytes collected before they are sent.
const PIECE: usize = 1 << 20;
/// What all edits of a mount may hold; above it new content goes over at once.
const HELD_BY_ALL: usize = 64 << 20;

/// Where the content is.
#[derive(Debug)]
enum Content {
    /// Over there, under its name or in the bin.
    There,
    /// New, and all of it here.
    Here(Vec<u8>),
    /// New, growing beside the file.
    Part(Uuid),
}

#[derive(Debug)]
pub(super) struct Edit {
    ino: u64,
    content: Content,
    size: u64,
    /// Of what has the name over there, as last heard: what is written is for that and for nothing else.
    etag: Option<String>,
    /// Written here and not sent, all in one piece.
    pending: Vec<u8>,
    pending_at: u64,
    /// It was emptied, and nothing was written since. A shell does that to what a command's output goes to, and closes one
    /// of its handles before the command has begun; that is no reason to take what is there away.
    emptied: bool,
    /// There is something that is not over there, or has not the name there.
    dirty: bool,
    /// When it was last written, or what a program has set instead.
    modified: Option<i64>,
    /// Nothing that is written can arrive any more.
    failed: Option<Errno>,
    /// Its name would survive a power cut over there, as far as is known.
    settled: bool,
}

impl Edit {
    pub(super) fn new(ino: u64, stat: &Stat) -> Self {
        Self {
            ino,
            content: Content::There,
            size: stat.size,
            etag: stat.etag.clone(),
            pending: Vec::new(),
            pending_at: 0,
            emptied: false,
            dirty: false,
            modified: None,
            failed: None,
            settled: false,
        }
    }

    pub(super) fn is_dirty(&self) -> bool {
        self.dirty
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    pub(super) fn etag(&self) -> Option<String> {
        self.etag.clone()
    }

    /// What programs here see of it while it is not as they see it over there.
    pub(super) fn overlay(&self, stat: &mut Stat) {
        if self.dirty {
            stat.size = self.size;
            stat.modified = self.modified.or(stat.modified);
        }
    }

    /// It is another version over there, by a change of ours.
    pub(super) fn heard(&mut self, stat: &Stat) {
        self.etag.clone_from(&stat.etag);
        if matches!(self.content, Content::There) && self.pending.is_empty() {
            self.size = stat.size;
        }
    }

    /// It has another name, by a change of ours.
    pub(super) fn renamed(&mut self, stat: &Stat) {
        self.heard(stat);
        self.settled = false;
    }

    /// Empties it. What was there stays until the new content is whole.
    pub(super) async fn clear(&mut self, tree: &Tree) -> Result<(), Errno> {
        self.check()?;
        self.pending.clear();
        if let Content::Part(_) = self.content {
            return self.set_size(tree, 0).await.map(|_| ());
        }
        self.let_go(tree);
        self.content = Content::Here(Vec::new());
        self.size = 0;
        self.changed();
        self.emptied = true;
        Ok(())
    }

    /// Nobody is going to write any more: what was emptied is meant to be empty.
    pub(super) fn settle(&mut self) {
        self.emptied = false;
    }

    /// A file that was just made is empty over there as well: nothing is to be done until something is written.
    pub(super) fn begin_new(&mut self) {
        self.content = Content::Here(Vec::new());
        self.size = 0;
    }

    pub(super) async fn write(&mut self, tree: &Tree, at: u64, data: &[u8]) -> Result<(), Errno> {
        self.check()?;
        let end = at.checked_add(data.len() as u64).ok_or(Errno::FBIG)?;
        if let Content::Here(_) = self.content {
            if end <= HELD as u64 && tree.held.load(Ordering::Relaxed) <= HELD_BY_ALL {
                self.hold(tree, at, data);
                return Ok(());
            }
            self.spill(tree).await?;
        }
        self.collect(tree, at, data).await?;
        self.size = self.size.max(end);
        self.changed();
        Ok(())
    }

    pub(super) async fn set_size(&mut self, tree: &Tree, size: u64) -> Result<Option<Stat>, Errno> {
        self.check()?;
        if let Content::Here(held) = &mut self.content {
            if size <= HELD as u64 {
                let before = held.len();
                held.resize(usize::try_from(size).unwrap_or(HELD), 0);
                recount(tree, before, held.len());
                self.size = size;
                self.changed();
                return Ok(None);
            }
            self.spill(tree).await?;
        }
        self.send(tree).await?;
        let set = Set { size: Some(size), ..Set::default() };
        let stat = self.set(tree, set).await?;
        self.size = size;
        if matches!(self.content, Content::Part(_)) {
            self.changed();
            return Ok(None);
        }
        Ok(Some(stat))
    }

    /// Sets the time. Kept for when the new content has the name; at once if there is none.
    pub(super) async fn set_modified(&mut self, tree: &Tree, modified: i64) -> Result<Option<Stat>, Errno> {
        if matches!(self.content, Content::There) {
            self.send(tree).await?;
            let set = Set { modified: Some(modified), ..Set::default() };
            self.modified = None;
            return self.set(tree, set).await.map(Some);
        }
        if self.dirty {
            self.modified = Some(modified);
            return Ok(None);
        }
        self.set_named(tree, Set { modified: Some(modified), ..Set::default() }).await.map(Some)
    }

    /// Sets something of what has the name, whatever becomes of new content: of the version that this is for, so that it
    /// does not become one for somebody else's.
    pub(super) async fn set_named(&mut self, tree: &Tree, set: Set) -> Result<Stat, Errno> {
        let place = tree.place(self.ino).ok_or(Errno::STALE)?;
        let etag = self.if_match(&place);
        let stat = tree.set(self.ino, &place, set, etag.as_deref()).await?;
        self.heard(&stat);
        Ok(stat)
    }

    /// What programs read: bytes, or where to get them now.
    pub(super) async fn read(&mut self, tree: &Tree, at: u64, size: u64) -> Result<Found, Errno> {
        let end = at.saturating_add(size).min(self.size);
        if at >= end {
            return Ok(Found::Bytes(Bytes::new()));
        }
        if let Content::Here(held) = &self.content {
            let range = usize::try_from(at).unwrap_or(HELD)..usize::try_from(end).unwrap_or(HELD);
            let bytes = held.get(range).map(Bytes::copy_from_slice).unwrap_or_default();
            return Ok(Found::Bytes(bytes));
        }
        self.send(tree).await?;
        if let Content::Part(_) = self.content {
            let place = self.place(tree)?;
            let bytes = tree.peer.ask_long(|| tree.peer.remote.read(&place, at..end, None)).await?;
            return Ok(Found::Bytes(bytes));
        }
        Ok(Found::There { etag: self.etag.clone(), size: self.size })
    }

    /// Gets everything over there and under its name, and if `sync`, so that it would survive a power cut. Returns what it
    /// is then, if that is news.
    pub(super) async fn flush(&mut self, tree: &Tree, sync: bool) -> Result<Option<Stat>, Errno> {
        self.check()?;
        let stat = match &self.content {
            Content::Here(_) if self.emptied && !sync => None,
            Content::Here(_) if self.dirty && tree.is_removed(self.ino) => {
                self.write_removed(tree).await?;
                None
            }
            Content::Here(held) if self.dirty => {
                let bytes = Bytes::copy_from_slice(held);
                Some(self.put_whole(tree, bytes, sync).await?)
            }
            Content::Part(part) if self.dirty && !tree.is_removed(self.ino) => {
                let part = *part;
                self.send(tree).await?;
                Some(self.commit(tree, part, sync).await?)
            }
            _ => {
                self.send(tree).await?;
                None
            }
        };
        if sync && stat.is_none() {
            self.sync(tree).await?;
        }
        Ok(stat)
    }

    /// What is over there is safe, and so is its name unless it is known to be.
    async fn sync(&mut self, tree: &Tree) -> Result<(), Errno> {
        let place = self.place(tree)?;
        let terms = Terms { settled: !self.settled, ..Terms::default() };
        tree.peer.ask_long(|| tree.peer.remote.sync(&place, terms)).await?;
        self.settled = true;
        Ok(())
    }

    /// Nobody has it open any more, and what could not be sent is lost.
    pub(super) async fn close(&mut self, tree: &Tree) {
        self.let_go(tree);
        if let Content::Part(part) = std::mem::replace(&mut self.content, Content::There)
            && let Some(path) = tree.any_path(self.ino)
        {
            let _ = tree.peer.ask(|| tree.peer.remote.drop_part(&path, part)).await;
        }
    }

    fn check(&self) -> Result<(), Errno> {
        self.failed.map_or(Ok(()), Err)
    }

    fn changed(&mut self) {
        self.emptied = false;
        self.dirty = true;
        self.modified = Some(now());
    }

    fn hold(&mut self, tree: &Tree, at: u64, data: &[u8]) {
        let Content::Here(held) = &mut self.content else { return };
        let at = usize::try_from(at).unwrap_or(HELD);
        let before = held.len();
        if held.len() < at + data.len() {
            held.resize(at + data.len(), 0);
        }
        held[at..at + data.len()].copy_from_slice(data);
        self.size = held.len() as u64;
        recount(tree, before, held.len());
        self.changed();
    }

    /// What is held here is not counted any more.
    fn let_go(&mut self, tree: &Tree) {
        if let Content::Here(held) = &self.content {
            recount(tree, held.len(), 0);
        }
    }

    /// More than is held here: from now on it grows over there.
    async fn spill(&mut self, tree: &Tree) -> Result<(), Errno> {
        let Content::Here(held) = &self.content else { return Ok(()) };
        if tree.is_removed(self.ino) {
            return self.write_removed(tree).await;
        }
        let (path, part) = (tree.any_path(self.ino).ok_or(Errno::STALE)?, Uuid::new_v4());
        match tree.peer.ask(|| tree.peer.remote.begin_part(&path, part)).await {
            Ok(_) => {}
            // Only an earlier try of ours can have made it.
            Err(failed) if failed.retried && failed.code == Some(Code::Exists) => {}
            Err(failed) => return Err(failed.errno()),
        }
        let place = Place::Part(path, part);
        let held = Bytes::copy_from_slice(held);
        if !held.is_empty() {
            let terms = once();
            tree.peer.ask_long(|| tree.peer.remote.write(&place, 0, held.clone(), terms)).await?;
        }
        self.let_go(tree);
        self.content = Content::Part(part);
        Ok(())
    }

    /// A file that lost its name while its new content was held here: it goes to where the file is now.
    async fn write_removed(&mut self, tree: &Tree) -> Result<(), Errno> {
        let Content::Here(held) = &self.content else { return Ok(()) };
        let place = tree.place(self.ino).ok_or(Errno::STALE)?;
        let held = Bytes::copy_from_slice(held);
        tree.set(self.ino, &place, Set { size: Some(0), ..Set::default() }, None).await?;
        if !held.is_empty() {
            let terms = once();
            tree.peer.ask_long(|| tree.peer.remote.write(&place, 0, held.clone(), terms)).await?;
        }
        self.let_go(tree);
        self.content = Content::There;
        self.dirty = false;
        Ok(())
    }

    /// Adds to what is to be sent; what does not follow on it is sent first.
    async fn collect(&mut self, tree: &Tree, at: u64, data: &[u8]) -> Result<(), Errno> {
        let follows = self.pending_at + self.pending.len() as u64 == at;
        if !self.pending.is_empty() && (!follows || self.pending.len() + data.len() > PIECE) {
            self.send(tree).await?;
        }
        if self.pending.is_empty() {
            self.pending_at = at;
        }
        self.pending.extend_from_slice(data);
        if self.pending.len() >= PIECE { self.send(tree).await } else { Ok(()) }
    }

    async fn send(&mut self, tree: &Tree) -> Result<(), Errno> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let place = self.place(tree)?;
        let etag = self.if_match(&place);
        let (at, bytes) = (self.pending_at, Bytes::copy_from_slice(&self.pending));
        let terms = Terms { if_match: etag.as_deref(), ..once() };
        let written = tree.peer.ask_long(|| tree.peer.remote.write(&place, at, bytes.clone(), terms)).await;
        let stat = match written {
            Ok(stat) => stat,
            Err(failed) if failed.retried && failed.code == Some(Code::Changed) => {
                self.was_ours(tree, &place, at, &bytes).await?
            }
            Err(failed) => {
                // Somebody else has another version there: nothing of ours may get into it.
                if failed.code == Some(Code::Changed) {
                    self.failed = Some(Errno::STALE);
                }
                return Err(failed.errno());
            }
        };
        self.pending.clear();
        self.pending.shrink_to(PIECE);
        if matches!(self.content, Content::There) {
            self.dirty = false;
            self.etag.clone_from(&stat.etag);
            tree.changed(self.ino, stat);
        }
        Ok(())
    }

    /// After a try whose answer was lost: whether what changed there is that these bytes were written.
    async fn was_ours(&mut self, tree: &Tree, place: &Place, at: u64, bytes: &Bytes) -> Result<Stat, Errno> {
        let Place::Named(path) = place else { return Err(Errno::STALE) };
        let object = tree.object(self.ino);
        let stat = tree.peer.ask(|| tree.peer.remote.stat(path)).await?;
        let range = at..at + bytes.len() as u64;
        let same = stat.object.is_some() && stat.object == object && stat.size >= range.end && {
            let etag = stat.etag.as_deref();
            let there = tree.peer.ask_long(|| tree.peer.remote.read(place, range.clone(), etag)).await?;
            there == *bytes
        };
        if same {
            return Ok(stat);
        }
        self.failed = Some(Errno::STALE);
        Err(Errno::STALE)
    }

    async fn put_whole(&mut self, tree: &Tree, bytes: Bytes, sync: bool) -> Result<Stat, Errno> {
        let path = tree.path(self.ino).ok_or(Errno::STALE)?;
        let (modified, etag) = (self.modified, self.etag.clone());
        let put = || tree.peer.remote.put_whole(&path, &bytes, modified, etag.as_deref());
        let stat = match tree.peer.ask_long(put).await {
            Ok(stored) => match stored.stat {
                Some(stat) => stat,
                None => tree.peer.ask(|| tree.peer.remote.stat(&path)).await?,
            },
            Err(failed) if failed.code == Some(Code::Changed) => {
                let ours = failed.retried && {
                    let manifest = tree.peer.ask_long(|| tree.peer.remote.manifest(&path)).await;
                    manifest.is_ok_and(|manifest| manifest.id() == FileId::of(&bytes))
                };
                if !ours {
                    // Somebody has changed the file meanwhile: both are kept.
                    self.spill(tree).await?;
                    let Content::Part(part) = self.content else { return Err(Errno::STALE) };
                    return self.commit(tree, part, sync).await;
                }
                tree.peer.ask(|| tree.peer.remote.stat(&path)).await?
            }
            Err(failed) => return Err(failed.errno()),
        };
        self.let_go(tree);
        self.committed(tree, &stat);
        // Whatever is stored whole is safe before it is answered.
        self.settled = true;
        Ok(stat)
    }

    async fn commit(&mut self, tree: &Tree, part: Uuid, sync: bool) -> Result<Stat, Errno> {
        let path = tree.path(self.ino).ok_or(Errno::STALE)?;
        let (modified, etag) = (self.modified, self.etag.clone());
        let terms = Terms { if_match: etag.as_deref(), settled: sync, ..once() };
        let committed = tree.peer.ask_long(|| tree.peer.remote.commit(&path, part, modified, terms)).await?;
        self.committed(tree, &committed.stat);
        self.settled = sync;
        if committed.path != path.to_string() {
            // What has the name is not for what comes from here.
            tree.kept_both(self.ino, &path, &committed.path)
                .inspect_err(|error| self.failed = Some(*error))?;
        }
        Ok(committed.stat)
    }

    fn committed(&mut self, tree: &Tree, stat: &Stat) {
        self.content = Content::There;
        self.etag.clone_from(&stat.etag);
        self.size = stat.size;
        self.dirty = false;
        self.modified = None;
        tree.changed(self.ino, stat.clone());
    }

    async fn set(&mut self, tree: &Tree, set: Set) -> Result<Stat, Errno> {
        let place = self.place(tree)?;
        let etag = self.if_match(&place);
        let stat = tree.set(self.ino, &place, set, etag.as_deref()).await?;
        if matches!(self.content, Content::There) {
            self.heard(&stat);
        }
        Ok(stat)
    }

    fn place(&self, tree: &Tree) -> Result<Place, Errno> {
        match self.content {
            Content::Part(part) => tree.any_path(self.ino).map(|path| Place::Part(path, part)),
            _ => tree.place(self.ino),
        }
        .ok_or(Errno::STALE)
    }

    fn if_match(&self, place: &Place) -> Option<String> {
        self.etag.clone().filter(|_| matches!(place, Place::Named(_)))
    }
}

fn recount(tree: &Tree, before: usize, after: usize) {
    if after >= before {
        tree.held.fetch_add(after - before, Ordering::Relaxed);
    } else {
        tree.held.fetch_sub(before - after, Ordering::Relaxed);
    }
}

/// What a read finds.
pub(super) enum Found {
    /// The bytes.
    Bytes(Bytes),
    /// They are over there, in this version.
    There {
        /// Its tag.
        etag: Option<String>,
        /// Its size in bytes.
        size: u64,
    },
}
