//! Files that are open here: from the first `open` to the last `close`.

use super::{Edit, Notice, Tree, blocks::Pace, edit::Found, is_file, once, peer::Failed};
use crate::{
    consume::remote::{Place, Terms},
    wire::{Code, Kind, Stat},
};
use bytes::Bytes;
use rustix::io::Errno;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

/// One open file of one program.
pub(super) struct Handle {
    pub(super) ino: u64,
    /// What it closes may be new content.
    pub(super) write: bool,
    /// How it reads.
    pace: Mutex<Pace>,
}

/// An open file, and whether the pages that the kernel has of it are still right.
pub(super) struct Opened {
    pub(super) handle: Handle,
    pub(super) keep_pages: bool,
}

impl Tree {
    /// Opens a file that is there. What another computer had written by then is seen.
    pub(super) async fn open(&self, ino: u64, write: bool, truncate: bool) -> Result<Opened, Errno> {
        let last = {
            let mut table = self.table();
            let node = table.get_mut(ino).ok_or(Errno::STALE)?;
            node.opens += 1;
            node.stat.clone()
        };
        let opened =
            if write { self.open_to_write(ino, &last, truncate).await } else { self.look_at(ino).await };
        match opened {
            Ok(keep_pages) => {
                Ok(Opened { handle: Handle { ino, write, pace: Mutex::default() }, keep_pages })
            }
            Err(error) => {
                self.close(ino).await;
                Err(error)
            }
        }
    }

    /// Looks what it is now, and whether the kernel may keep its pages.
    async fn look_at(&self, ino: u64) -> Result<bool, Errno> {
        let stat = self.stat_aged(ino, Duration::ZERO).await?;
        if is_file(&stat) { self.keeps_pages(ino, &stat) } else { Err(Errno::ACCESS) }
    }

    /// The same for one who will write. Nothing is written meanwhile, so that what is heard is not older than what this
    /// computer has made of the file.
    async fn open_to_write(&self, ino: u64, last: &Stat, truncate: bool) -> Result<bool, Errno> {
        let edit = self.edit_for(ino, last);
        let mut open = edit.lock().await;
        let stat = self.there(ino, Duration::ZERO).await?;
        if !is_file(&stat) {
            return Err(Errno::ACCESS);
        }
        if !stat.writable {
            return Err(Errno::ROFS);
        }
        if !open.is_dirty() {
            // Somebody over there may have changed it since another program here opened it.
            open.heard(&stat);
        }
        if truncate {
            open.clear(self).await?;
        }
        self.keeps_pages(ino, &stat)
    }

    fn keeps_pages(&self, ino: u64, stat: &Stat) -> Result<bool, Errno> {
        let mut table = self.table();
        let node = table.get_mut(ino).ok_or(Errno::STALE)?;
        let keep = node.cached.is_some() && node.cached == stat.etag;
        node.cached.clone_from(&stat.etag);
        Ok(keep)
    }

    /// Makes a file and opens it.
    pub(super) async fn create(
        &self,
        parent: u64,
        name: &str,
        executable: bool,
    ) -> Result<(Handle, Stat), Errno> {
        let (ino, stat) = self.make_file(parent, name, executable).await?;
        if let Some(node) = self.table().get_mut(ino) {
            node.opens += 1;
            node.cached.clone_from(&stat.etag);
        }
        self.edit_for(ino, &stat).lock().await.begin_new();
        Ok((Handle { ino, write: true, pace: Mutex::default() }, stat))
    }

    fn edit_for(&self, ino: u64, stat: &Stat) -> Arc<tokio::sync::Mutex<Edit>> {
        let mut edits = self.edits();
        let new = || Arc::new(tokio::sync::Mutex::new(Edit::new(ino, stat)));
        Arc::clone(edits.entry(ino).or_insert_with(new))
    }

    pub(super) async fn read(&self, handle: &Handle, at: u64, size: u32) -> Result<Bytes, Errno> {
        let ino = handle.ino;
        let found = match self.edit(ino).await {
            Some(mut edit) => edit.read(self, at, u64::from(size)).await?,
            None => {
                let table = self.table();
                let stat = &table.get(ino).ok_or(Errno::STALE)?.stat;
                Found::There { etag: stat.etag.clone(), size: stat.size }
            }
        };
        let (etag, whole) = match found {
            Found::Bytes(bytes) => return Ok(bytes),
            Found::There { etag, size } => (etag, size),
        };
        let place = self.place(ino).ok_or(Errno::STALE)?;
        let wanted = at..at.saturating_add(u64::from(size)).min(whole);
        if wanted.is_empty() {
            return Ok(Bytes::new());
        }
        match self.blocks.read(&handle.pace, &place, etag.as_deref(), wanted, whole).await {
            Err(failed) if failed.code == Some(Code::Changed) => {
                match self.read_while_written(handle, &place, at, size, etag).await? {
                    Some(bytes) => Ok(bytes),
                    None => self.read_changed(handle, &place, at, size).await,
                }
            }
            done => Ok(done?),
        }
    }

    /// The same when it may be that a program here made another version of the file between two of our questions: writers
    /// wait until this one is answered. None when it was not one of them; `before` is the version that is no more.
    async fn read_while_written(
        &self,
        handle: &Handle,
        place: &Place,
        at: u64,
        size: u32,
        before: Option<String>,
    ) -> Result<Option<Bytes>, Errno> {
        let Some(mut open) = self.edit(handle.ino).await else { return Ok(None) };
        let (etag, whole) = match open.read(self, at, u64::from(size)).await? {
            Found::Bytes(bytes) => return Ok(Some(bytes)),
            Found::There { etag, .. } if etag == before => return Ok(None),
            Found::There { etag, size } => (etag, size),
        };
        let wanted = at..at.saturating_add(u64::from(size)).min(whole);
        if wanted.is_empty() {
            return Ok(Some(Bytes::new()));
        }
        match self.blocks.read(&handle.pace, place, etag.as_deref(), wanted, whole).await {
            Err(failed) if failed.code == Some(Code::Changed) => Ok(None),
            done => Ok(Some(done?)),
        }
    }

    /// The file is another version than was known. If it is the same file, grown or changed, it is read as it is now;
    /// two files are never mixed.
    async fn read_changed(&self, handle: &Handle, place: &Place, at: u64, size: u32) -> Result<Bytes, Errno> {
        let Place::Named(path) = place else { return Err(Errno::STALE) };
        let before = self.object(handle.ino);
        let asked = self.table().moment();
        let stat = self.peer.ask(|| self.peer.remote.stat(path)).await?;
        if before.is_some() && before != stat.object {
            return Err(Errno::STALE);
        }
        self.table().hear_of(handle.ino, stat.clone(), asked);
        let wanted = at..at.saturating_add(u64::from(size)).min(stat.size);
        if wanted.is_empty() {
            return Ok(Bytes::new());
        }
        Ok(self.blocks.read(&handle.pace, place, stat.etag.as_deref(), wanted, stat.size).await?)
    }

    pub(super) async fn write(&self, handle: &Handle, at: u64, data: &[u8]) -> Result<(), Errno> {
        let mut edit = self.edit(handle.ino).await.ok_or(Errno::BADF)?;
        edit.write(self, at, data).await
    }

    /// Writes at the end, which is not always where the kernel takes it to be: it may not have heard yet that somebody
    /// else has written there.
    pub(super) async fn append(&self, handle: &Handle, data: &[u8]) -> Result<(), Errno> {
        let mut edit = self.edit(handle.ino).await.ok_or(Errno::BADF)?;
        let end = edit.size();
        edit.write(self, end, data).await
    }

    /// Everything that was written goes over, and gets its name.
    pub(super) async fn flush(&self, ino: u64, sync: bool) -> Result<(), Errno> {
        let Some(mut edit) = self.edit(ino).await else {
            return if sync { self.settle(ino).await } else { Ok(()) };
        };
        let stat = edit.flush(self, sync).await?;
        drop(edit);
        self.kernel.tell().await;
        if let Some(stat) = stat
            && let Some(node) = self.table().get_mut(ino)
        {
            // What the kernel has of it is what was just sent.
            node.cached = stat.etag;
        }
        Ok(())
    }

    /// What is over there of a file that nobody here writes, or of the names in a folder, would survive a power cut.
    pub(super) async fn settle(&self, ino: u64) -> Result<(), Errno> {
        let stat = self.known(ino)?;
        // What has lost its place has nothing to lose, and whoever only reads has changed nothing.
        let Some(place) = self.place(ino).filter(|_| stat.writable) else { return Ok(()) };
        let terms = Terms { settled: true, ..Terms::default() };
        match self.peer.ask_long(|| self.peer.remote.sync(&place, terms)).await {
            // An older device does not know this of folders.
            Err(Failed { code: Some(Code::WrongKind), .. }) if stat.kind == Kind::Folder => Ok(()),
            synced => Ok(synced.map(drop)?),
        }
    }

    /// One program less has it open.
    pub(super) async fn close(&self, ino: u64) {
        let last = {
            let mut table = self.table();
            let Some(node) = table.get_mut(ino) else { return };
            node.opens = node.opens.saturating_sub(1);
            node.opens == 0
        };
        if !last {
            return;
        }
        self.end(ino).await;
        self.kernel.tell().await;
        // What was made here, removed while open, and is closed now was never meant to stay.
        let to_forget = self.table().to_forget(ino);
        if let Some(id) = to_forget {
            let once = once();
            let _ = self.peer.ask(|| self.peer.remote.forget(&id, once)).await;
        }
        self.table().drop_unused(ino);
    }

    async fn end(&self, ino: u64) {
        let Some(mut open) = self.edit(ino).await else { return };
        open.settle();
        let flushed = open.flush(self, false).await;
        let lost = flushed.is_err() && open.is_dirty() && !self.is_removed(ino);
        if !self.drop_edit(ino) {
            return; // opened again meanwhile
        }
        if lost {
            tracing::warn!("what a program wrote into a file of a mounted drive did not arrive");
            let path = self.any_path(ino).map(|path| path.to_string()).unwrap_or_default();
            (self.tell)(Notice::Lost { path });
            self.table().expire(ino);
        }
        open.close(self).await;
    }

    /// Whether nobody has the file open, and its edit is in no table any more.
    fn drop_edit(&self, ino: u64) -> bool {
        // Whoever opens it is counted first and takes the edit then: with both locks, none takes one that is dropped.
        let table = self.table();
        let unused = table.get(ino).is_none_or(|node| node.opens == 0);
        if unused {
            self.edits().remove(&ino);
        }
        unused
    }

    /// Everything that is being written goes over, as far as it can.
    pub(super) async fn flush_all(&self) {
        let open: Vec<u64> = self.edits().keys().copied().collect();
        for ino in open {
            if let Some(mut edit) = self.edit(ino).await {
                edit.settle();
            }
            if let Err(error) = self.flush(ino, false).await {
                tracing::warn!(%error, "a file that is open on a mounted drive did not arrive whole");
            }
        }
    }

    /// Closes everything. For when the kernel asks nothing any more: what it had still to tell of files that programs have
    /// closed is lost with the mount.
    pub(super) async fn close_all(&self) {
        let unfinished = self.table().unfinished();
        for ino in unfinished {
            // However many had it open.
            if let Some(node) = self.table().get_mut(ino) {
                node.opens = 1;
            }
            self.close(ino).await;
        }
    }
}
