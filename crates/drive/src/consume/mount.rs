//! A drive of another device as a folder of this computer, by FUSE (Linux).
//!
//! [`mount`] makes it appear; [`Mounted`] is one that is there. Inside, `fs` takes the kernel's questions and answers
//! them with what `Tree` finds and `attributes` makes of it; `handles` knows what is open, `table` what the kernel calls by
//! which number, `edit` what is being written; `names` makes, moves and removes; `blocks` reads ahead, `kernel`
//! tells what nobody asked for, and `peer` asks the other device and loses patience in time. What is mounted where, and again after a start, is the node's business.

mod attributes;
mod blocks;
mod edit;
mod fs;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
mod handles;
mod kernel;
mod names;
mod open;
mod peer;
mod session;
mod table;

pub use session::{MountError, Mounted, Wanted, clean_up, clean_up_all, mount};

use crate::{
    consume::{
        browse::Remote,
        remote::{Place, Terms},
    },
    disk,
    path::SharePath,
    wire::{Code, Item, Kind, Set, Space, Stat},
};
use edit::Edit;
use peer::{Failed, Peer};
use rustix::io::Errno;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicUsize},
    time::{Duration, Instant, SystemTime},
};
use table::Table;
use tokio::sync::OwnedMutexGuard;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

/// How old what was heard of a file may be when a program is told it.
const AGE: Duration = Duration::from_secs(2);
/// How old the word about free space may be.
const SPACE_AGE: Duration = Duration::from_secs(5);

/// What happened that a person should hear of.
pub type Tell = Arc<dyn Fn(Notice) + Send + Sync>;

/// Something that no program could be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A file was changed by somebody else while it was open here; both are there now.
    KeptBoth {
        /// The file that both wanted to change.
        path: String,
        /// What was written here.
        kept_as: String,
    },
    /// A program closed a file while the device was away, and what it wrote last is not there.
    Lost {
        /// The file.
        path: String,
    },
}

/// The drive as a tree of files, in the terms of POSIX and without the kernel's.
struct Tree {
    peer: Peer,
    table: Mutex<Table>,
    edits: Mutex<HashMap<u64, Arc<tokio::sync::Mutex<Edit>>>>,
    /// Bytes of new files that are held here.
    held: AtomicUsize,
    blocks: blocks::Blocks,
    space: Mutex<Option<(Instant, Space)>>,
    tell: Tell,
    kernel: kernel::Kernel,
}

impl Tree {
    fn new(remote: Remote, top: Stat, tell: Tell, tasks: TaskTracker, cancel: CancellationToken) -> Self {
        let peer = Peer::new(remote, tasks.clone(), cancel);
        Self {
            blocks: blocks::Blocks::new(peer.clone(), tasks),
            peer,
            table: Mutex::new(Table::new(top)),
            edits: Mutex::default(),
            held: AtomicUsize::new(0),
            space: Mutex::new(None),
            tell,
            kernel: kernel::Kernel::default(),
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn path(&self, ino: u64) -> Option<SharePath> {
        self.table().path(ino)
    }

    fn any_path(&self, ino: u64) -> Option<SharePath> {
        self.table().any_path(ino)
    }

    fn place(&self, ino: u64) -> Option<Place> {
        self.table().place(ino)
    }

    fn is_removed(&self, ino: u64) -> bool {
        self.table().get(ino).is_none_or(|node| node.removed.is_some())
    }

    fn object(&self, ino: u64) -> Option<String> {
        self.table().get(ino).and_then(|node| node.stat.object.clone())
    }

    /// What a change from here has made of something. Where the clock of the other device's disk is coarse, it may have the
    /// tag of the version before.
    fn changed(&self, ino: u64, stat: Stat) {
        let place = {
            let mut table = self.table();
            table.change(ino, stat);
            table.place(ino)
        };
        if let Some(place) = place {
            self.blocks.forget(&place);
        }
    }

    fn known(&self, ino: u64) -> Result<Stat, Errno> {
        self.table().get(ino).map(|node| node.stat.clone()).ok_or(Errno::STALE)
    }

    /// Somebody else has changed a file as well, and what was written here stands beside it under another name. Whoever
    /// has it open here goes on in what they wrote.
    fn kept_both(&self, ino: u64, path: &SharePath, kept_as: &str) -> Result<(), Errno> {
        tracing::warn!("a file of a mounted drive was changed by somebody else as well: both are kept");
        (self.tell)(Notice::KeptBoth { path: path.to_string(), kept_as: kept_as.to_owned() });
        let beside = SharePath::parse(kept_as).ok();
        let beside = beside.as_ref().and_then(SharePath::split_last);
        let Some(name) = beside.filter(|(folder, _)| path.split_last().is_some_and(|(of, _)| of == *folder))
        else {
            tracing::warn!("a mounted drive's device keeps a file where none can be");
            return Err(Errno::IO);
        };
        if let Some((parent, lost)) = self.table().stands_beside(ino, name.1) {
            self.kernel.lost_name(parent, lost);
        }
        Ok(())
    }

    /// What is being written into a file, once nobody else is at it; none when no program has it open to write.
    async fn edit(&self, ino: u64) -> Option<OwnedMutexGuard<Edit>> {
        let known = || self.edits().get(&ino).cloned();
        loop {
            let edit = known()?;
            let locked = Arc::clone(&edit).lock_owned().await;
            // While this waited, the last program may have closed it.
            if known().is_some_and(|now| Arc::ptr_eq(&now, &edit)) {
                return Some(locked);
            }
        }
    }

    fn edits(&self) -> MutexGuard<'_, HashMap<u64, Arc<tokio::sync::Mutex<Edit>>>> {
        self.edits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The path of a name in a folder that is known.
    fn child(&self, parent: u64, name: &str) -> Result<SharePath, Errno> {
        let folder = self.path(parent).ok_or(Errno::STALE)?;
        if name.len() > 255 {
            return Err(Errno::NAMETOOLONG);
        }
        folder.join(name).map_err(|_| Errno::INVAL)
    }

    /// What there is under a name; none when there is nothing. The kernel is told of it.
    async fn lookup(&self, parent: u64, name: &str) -> Result<Option<(u64, Stat)>, Errno> {
        let known = {
            let mut table = self.table();
            let ino = table.find(parent, name);
            let fresh = ino.and_then(|ino| table.get(ino)?.fresh(AGE).cloned());
            fresh.map(|stat| (table.hear_again(parent, name), stat))
        };
        if let Some((ino, stat)) = known {
            return Ok(Some((ino, self.overlaid(ino, stat).await)));
        }
        let path = match self.child(parent, name) {
            Ok(path) => path,
            // No such name can be there.
            Err(Errno::INVAL) => return Ok(None),
            Err(error) => return Err(error),
        };
        let asked = self.table().moment();
        match self.peer.ask(|| self.peer.remote.stat(&path)).await {
            Ok(stat) => {
                let ino = self.table().hear(parent, name, stat, true, asked);
                let stat = self.known(ino)?;
                Ok(Some((ino, self.overlaid(ino, stat).await)))
            }
            Err(Failed { code: Some(Code::NotFound | Code::WrongKind), .. }) => {
                self.table().lose_name(parent, name, None);
                Ok(None)
            }
            Err(failed) => Err(failed.errno()),
        }
    }

    /// What programs here see of something; `last` is what was known of it a moment ago.
    async fn overlaid(&self, ino: u64, last: Stat) -> Stat {
        let edit = self.edit(ino).await;
        // While this waited, what was written may have gone over: then the edit says nothing of it any more, and what was
        // known before knows nothing of it yet.
        let mut stat = self.known(ino).unwrap_or(last);
        if let Some(edit) = edit {
            edit.overlay(&mut stat);
        }
        stat
    }

    async fn stat(&self, ino: u64) -> Result<Stat, Errno> {
        self.stat_aged(ino, AGE).await
    }

    async fn stat_aged(&self, ino: u64, age: Duration) -> Result<Stat, Errno> {
        let stat = self.there(ino, age).await?;
        Ok(self.overlaid(ino, stat).await)
    }

    /// What it is over there, by a word that is no older than this.
    async fn there(&self, ino: u64, age: Duration) -> Result<Stat, Errno> {
        let (fresh, place, last, asked) = {
            let table = self.table();
            let node = table.get(ino).ok_or(Errno::STALE)?;
            (node.fresh(age).cloned(), table.place(ino), node.stat.clone(), table.moment())
        };
        match (fresh, place) {
            (Some(stat), _) => Ok(stat),
            (None, Some(Place::Named(path))) => {
                let stat = self.peer.ask(|| self.peer.remote.stat(&path)).await?;
                if stat.kind != last.kind {
                    return Err(Errno::STALE);
                }
                self.table().hear_of(ino, stat, asked);
                self.known(ino)
            }
            // What lost its name changes by what is written here only.
            (None, _) => Ok(last),
        }
    }

    /// A part of a folder, as it is over there.
    async fn page(&self, ino: u64, after: Option<&str>) -> Result<Part, Errno> {
        let path = self.path(ino).ok_or(Errno::NOENT)?;
        let asked = self.table().moment();
        let page = self.peer.ask(|| self.peer.remote.list(&path, after)).await?;
        let mut entries = page.entries;
        // For one name that none can be, the kernel would refuse the whole list.
        entries.retain(|item| SharePath::top().join(&item.name).is_ok());
        Ok(Part { entries, next: page.next, asked })
    }

    /// What a list, from that moment, says of one name. The kernel is told of it when `told`.
    async fn listed(&self, parent: u64, item: &Item, told: bool, asked: u64) -> (u64, Stat) {
        let (ino, stat) = {
            let mut table = self.table();
            let writable = table.get(table::ROOT).is_some_and(|top| top.stat.writable);
            let object = table.find(parent, &item.name).and_then(|ino| {
                let stat = &table.get(ino)?.stat;
                stat.object.clone().filter(|_| stat.etag.is_some() && stat.etag == item.etag)
            });
            let stat = Stat {
                kind: item.kind,
                size: item.size,
                modified: item.modified,
                etag: item.etag.clone(),
                writable,
                executable: item.executable,
                object,
            };
            let ino = table.hear(parent, &item.name, stat.clone(), told, asked);
            let stat = table.get(ino).map_or(stat, |node| node.stat.clone());
            if table.is_full() {
                table.drop_unused(ino);
            }
            (ino, stat)
        };
        (ino, self.overlaid(ino, stat).await)
    }

    /// Sets what was asked for and returns what it is then.
    async fn set_attributes(&self, ino: u64, wanted: Set) -> Result<Stat, Errno> {
        let Some(mut edit) = self.edit(ino).await else {
            let place = self.place(ino).ok_or(Errno::STALE)?;
            let stat = self.set(ino, &place, wanted, None).await?;
            self.changed(ino, stat.clone());
            if let Some(mut opened_meanwhile) = self.edit(ino).await {
                opened_meanwhile.heard(&stat);
            }
            return Ok(stat);
        };
        let mut stat = None;
        match wanted.size {
            Some(0) => edit.clear(self).await?,
            Some(size) => stat = edit.set_size(self, size).await?,
            None => {}
        }
        if wanted.executable.is_some() {
            let set = Set { executable: wanted.executable, ..Set::default() };
            stat = Some(edit.set_named(self, set).await?);
        }
        if let Some(modified) = wanted.modified {
            stat = edit.set_modified(self, modified).await?.or(stat);
        }
        if let Some(stat) = stat {
            self.changed(ino, stat);
        }
        let mut stat = self.table().get(ino).ok_or(Errno::STALE)?.stat.clone();
        edit.overlay(&mut stat);
        Ok(stat)
    }

    /// Asks for something to be set. After a try whose answer was lost, and which the other device does not remember, the
    /// version that is there may be the one that this try has made; anything else is somebody else's, and stays as it is.
    async fn set(&self, ino: u64, place: &Place, set: Set, if_match: Option<&str>) -> Result<Stat, Errno> {
        let terms = Terms { if_match, ..once() };
        match (self.peer.ask(|| self.peer.remote.set(place, set, terms)).await, place) {
            (Err(Failed { code: Some(Code::Changed), retried: true }), Place::Named(path)) => {
                let object = self.object(ino);
                let stat = self.peer.ask(|| self.peer.remote.stat(path)).await?;
                let is_set = stat.object.is_some()
                    && stat.object == object
                    && set.size.is_none_or(|size| stat.size == size)
                    && set.modified.is_none_or(|modified| stat.modified == Some(modified))
                    && set.executable.is_none_or(|executable| stat.executable == executable);
                if is_set { Ok(stat) } else { Err(Errno::STALE) }
            }
            (done, _) => Ok(done?),
        }
    }

    /// Free and total bytes; what was last heard when the device is away.
    async fn space(&self) -> Result<Space, Errno> {
        let lock = || self.space.lock().unwrap_or_else(PoisonError::into_inner);
        let last = *lock();
        if let Some((since, space)) = last
            && since.elapsed() < SPACE_AGE
        {
            return Ok(space);
        }
        let space = match (self.peer.ask(|| self.peer.remote.space()).await, last) {
            (Ok(space), _) | (Err(Failed { code: None, .. }), Some((_, space))) => space,
            (Err(failed), _) => return Err(failed.errno()),
        };
        *lock() = Some((Instant::now(), space));
        Ok(space)
    }
}

/// A part of a folder's list.
struct Part {
    entries: Vec<Item>,
    /// Where the next begins.
    next: Option<String>,
    /// When it was asked for.
    asked: u64,
}

fn once() -> Terms<'static> {
    Terms { once: Some(Uuid::new_v4()), ..Terms::default() }
}

/// Nanoseconds since the Unix epoch.
fn now() -> i64 {
    disk::nanos(SystemTime::now()).unwrap_or_default()
}

/// Whether there is content to read.
fn is_file(stat: &Stat) -> bool {
    stat.kind == Kind::File
}
