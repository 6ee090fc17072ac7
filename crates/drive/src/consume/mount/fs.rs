//! The kernel's questions, each answered by a task of its own, so that none waits for another.

use super::{AGE, Tree, now, open::Handle};
use crate::{
    disk,
    wire::{Item, Kind, Set, Stat},
};
use fuser::{
    BsdFileFlags, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo,
    InitFlags, KernelConfig, LockOwner, OpenAccMode, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate,
    ReplyData, ReplyDirectory, ReplyDirectoryPlus, ReplyEmpty, ReplyEntry, ReplyOpen, ReplyStatfs,
    ReplyWrite, Request, TimeOrNow, WriteFlags,
};
use std::{
    collections::HashMap,
    ffi::OsStr,
    future::Future,
    io,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};
use tokio::runtime::Handle as Runtime;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// The most bytes that the kernel writes at once.
const WRITE: u32 = 1 << 20;
/// Blocks in which sizes are told.
const BLOCK: u32 = 4096;
/// `O_TRUNC` of this system's open flags.
const TRUNCATE: i32 = rustix::fs::OFlags::TRUNC.bits().cast_signed();

/// What answers the kernel.
pub(super) struct Fs {
    pub(super) tree: Arc<Tree>,
    pub(super) runtime: Runtime,
    pub(super) tasks: TaskTracker,
    pub(super) cancel: CancellationToken,
    handles: Arc<Handles>,
    owner: Owner,
}

/// Whose everything appears to be.
#[derive(Clone, Copy)]
struct Owner {
    uid: u32,
    gid: u32,
}

#[derive(Default)]
struct Handles {
    next: AtomicU64,
    files: Mutex<HashMap<u64, Arc<Handle>>>,
    folders: Mutex<HashMap<u64, Arc<tokio::sync::Mutex<Folder>>>>,
}

/// A folder that a program reads: what has come of it so far.
#[derive(Default)]
struct Folder {
    entries: Vec<Item>,
    next: Option<String>,
    begun: bool,
}

impl Handles {
    fn add_file(&self, handle: Handle) -> FileHandle {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.files.lock().unwrap_or_else(PoisonError::into_inner).insert(number, Arc::new(handle));
        FileHandle(number)
    }

    fn file(&self, handle: FileHandle) -> Result<Arc<Handle>, rustix::io::Errno> {
        let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        files.get(&handle.0).cloned().ok_or(rustix::io::Errno::BADF)
    }

    fn add_folder(&self) -> FileHandle {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.folders.lock().unwrap_or_else(PoisonError::into_inner).insert(number, Arc::default());
        FileHandle(number)
    }

    fn folder(&self, handle: FileHandle) -> Result<Arc<tokio::sync::Mutex<Folder>>, rustix::io::Errno> {
        let folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        folders.get(&handle.0).cloned().ok_or(rustix::io::Errno::BADF)
    }
}

fn errno(error: rustix::io::Errno) -> Errno {
    Errno::from_i32(error.raw_os_error())
}

impl Fs {
    pub(super) fn new(
        tree: Arc<Tree>,
        runtime: Runtime,
        tasks: TaskTracker,
        cancel: CancellationToken,
    ) -> Self {
        let owner =
            Owner { uid: rustix::process::getuid().as_raw(), gid: rustix::process::getgid().as_raw() };
        Self { tree, runtime, tasks, cancel, handles: Arc::default(), owner }
    }

    /// A reply that is dropped when the node stops tells the program of an I/O error by itself.
    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let cancel = self.cancel.clone();
        let work = async move {
            tokio::select! {
                () = cancel.cancelled() => {}
                () = work => {}
            }
        };
        self.tasks.spawn_on(work, &self.runtime);
    }

    fn done(
        &self,
        reply: ReplyEmpty,
        work: impl Future<Output = Result<(), rustix::io::Errno>> + Send + 'static,
    ) {
        self.spawn(async move {
            match work.await {
                Ok(()) => reply.ok(),
                Err(error) => reply.error(errno(error)),
            }
        });
    }

    fn entry(
        &self,
        reply: ReplyEntry,
        work: impl Future<Output = Result<(u64, Stat), rustix::io::Errno>> + Send + 'static,
    ) {
        let owner = self.owner;
        self.spawn(async move {
            match work.await {
                Ok((ino, stat)) => reply.entry(&AGE, &owner.attributes(ino, &stat), Generation(0)),
                Err(error) => reply.error(errno(error)),
            }
        });
    }
}

impl Owner {
    fn attributes(self, ino: u64, stat: &Stat) -> FileAttr {
        let time = time(stat.modified);
        let (kind, perm) = match stat.kind {
            Kind::Folder => (FileType::Directory, 0o755),
            Kind::File if stat.executable => (FileType::RegularFile, 0o755),
            Kind::File => (FileType::RegularFile, 0o644),
            // A link or a special file: it is there, and nobody gets to open it.
            Kind::Other => (FileType::RegularFile, 0),
        };
        FileAttr {
            ino: INodeNo(ino),
            size: stat.size,
            blocks: stat.size.div_ceil(512),
            atime: time,
            mtime: time,
            ctime: time,
            crtime: time,
            kind,
            perm: if stat.writable { perm } else { perm & 0o555 },
            nlink: if stat.kind == Kind::Folder { 2 } else { 1 },
            uid: self.uid,
            gid: self.gid,
            rdev: 0,
            blksize: BLOCK,
            flags: 0,
        }
    }
}

fn time(nanos: Option<i64>) -> SystemTime {
    let nanos = nanos.unwrap_or_default();
    let size = Duration::from_nanos(nanos.unsigned_abs());
    let epoch = SystemTime::UNIX_EPOCH;
    let time = if nanos < 0 { epoch.checked_sub(size) } else { epoch.checked_add(size) };
    time.unwrap_or(epoch)
}

/// A name as it goes over the wire; what is not Unicode cannot be there.
fn text(name: &OsStr) -> Result<String, rustix::io::Errno> {
    name.to_str().map(str::to_owned).ok_or(rustix::io::Errno::INVAL)
}

fn is_executable(mode: u32) -> bool {
    mode & 0o100 != 0
}

impl Filesystem for Fs {
    fn init(&mut self, _: &Request, config: &mut KernelConfig) -> io::Result<()> {
        let wanted = [
            InitFlags::FUSE_DO_READDIRPLUS,
            InitFlags::FUSE_READDIRPLUS_AUTO,
            InitFlags::FUSE_PARALLEL_DIROPS,
            InitFlags::FUSE_AUTO_INVAL_DATA,
            InitFlags::FUSE_ATOMIC_O_TRUNC,
        ];
        for capability in wanted {
            // An older kernel does without.
            let _ = config.add_capabilities(capability);
        }
        let _ = config.set_max_write(WRITE);
        let _ = config.set_max_background(64);
        Ok(())
    }

    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let (tree, owner) = (Arc::clone(&self.tree), self.owner);
        let name = text(name);
        self.spawn(async move {
            let found = match name {
                Ok(name) => tree.lookup(parent.0, &name).await,
                Err(_) => Ok(None),
            };
            match found {
                Ok(Some((ino, stat))) => reply.entry(&AGE, &owner.attributes(ino, &stat), Generation(0)),
                Ok(None) => reply.error(Errno::ENOENT),
                Err(error) => reply.error(errno(error)),
            }
        });
    }

    fn forget(&self, _: &Request, ino: INodeNo, lookups: u64) {
        self.tree.table().forget(ino.0, lookups);
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        let (tree, owner) = (Arc::clone(&self.tree), self.owner);
        self.spawn(async move {
            match tree.stat(ino.0).await {
                Ok(stat) => reply.attr(&AGE, &owner.attributes(ino.0, &stat)),
                Err(error) => reply.error(errno(error)),
            }
        });
    }

    fn setattr(
        &self,
        _: &Request,
        ino: INodeNo,
        mode: Option<u32>,
        uid: Option<u32>,
        gid: Option<u32>,
        size: Option<u64>,
        _atime: Option<TimeOrNow>,
        mtime: Option<TimeOrNow>,
        _ctime: Option<SystemTime>,
        _fh: Option<FileHandle>,
        _crtime: Option<SystemTime>,
        _chgtime: Option<SystemTime>,
        _bkuptime: Option<SystemTime>,
        _flags: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let owner = self.owner;
        // Everything there belongs to one person here.
        if uid.is_some_and(|uid| uid != owner.uid) || gid.is_some_and(|gid| gid != owner.gid) {
            return reply.error(Errno::EPERM);
        }
        let modified = mtime.map(|time| match time {
            TimeOrNow::SpecificTime(time) => disk::nanos(time).unwrap_or_default(),
            TimeOrNow::Now => now(),
        });
        let tree = Arc::clone(&self.tree);
        self.spawn(async move {
            let stat = async {
                let before = tree.stat(ino.0).await?;
                let executable = mode.map(is_executable).filter(|wanted| *wanted != before.executable);
                let executable = executable.filter(|_| before.kind == Kind::File);
                let wanted = Set { size, modified, executable };
                if wanted == Set::default() {
                    return Ok(before);
                }
                tree.set_attributes(ino.0, wanted).await
            };
            match stat.await {
                Ok(stat) => reply.attr(&AGE, &owner.attributes(ino.0, &stat)),
                Err(error) => reply.error(errno(error)),
            }
        });
    }

    fn mknod(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _umask: u32,
        _rdev: u32,
        reply: ReplyEntry,
    ) {
        const KIND: u32 = 0o170_000;
        if !matches!(mode & KIND, 0 | 0o100_000) {
            return reply.error(Errno::EPERM);
        }
        let (tree, name) = (Arc::clone(&self.tree), text(name));
        self.entry(reply, async move { tree.make_file(parent.0, &name?, is_executable(mode)).await });
    }

    fn mkdir(&self, _: &Request, parent: INodeNo, name: &OsStr, _mode: u32, _umask: u32, reply: ReplyEntry) {
        let (tree, name) = (Arc::clone(&self.tree), text(name));
        self.entry(reply, async move { tree.make_folder(parent.0, &name?).await });
    }

    fn unlink(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let (tree, name) = (Arc::clone(&self.tree), text(name));
        self.done(reply, async move { tree.remove_file(parent.0, &name?).await });
    }

    fn rmdir(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let (tree, name) = (Arc::clone(&self.tree), text(name));
        self.done(reply, async move { tree.remove_folder(parent.0, &name?).await });
    }

    fn symlink(&self, _: &Request, _: INodeNo, _: &OsStr, _: &Path, reply: ReplyEntry) {
        reply.error(Errno::EPERM);
    }

    fn link(&self, _: &Request, _: INodeNo, _: INodeNo, _: &OsStr, reply: ReplyEntry) {
        reply.error(Errno::EPERM);
    }

    fn rename(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        new_parent: INodeNo,
        new_name: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        if flags.intersects(!RenameFlags::RENAME_NOREPLACE) {
            return reply.error(Errno::EINVAL);
        }
        let replace = !flags.contains(RenameFlags::RENAME_NOREPLACE);
        let (tree, name, new_name) = (Arc::clone(&self.tree), text(name), text(new_name));
        self.done(reply, async move {
            tree.rename((parent.0, &name?), (new_parent.0, &new_name?), replace).await
        });
    }

    fn open(&self, _: &Request, ino: INodeNo, flags: OpenFlags, reply: ReplyOpen) {
        let write = flags.acc_mode() != OpenAccMode::O_RDONLY;
        let truncate = write && flags.0 & TRUNCATE != 0;
        let (tree, handles) = (Arc::clone(&self.tree), Arc::clone(&self.handles));
        self.spawn(async move {
            match tree.open(ino.0, write, truncate).await {
                Ok(opened) => {
                    let keep = opened.keep_pages && !truncate;
                    let flags = if keep { FopenFlags::FOPEN_KEEP_CACHE } else { FopenFlags::empty() };
                    reply.opened(handles.add_file(opened.handle), flags);
                }
                Err(error) => reply.error(errno(error)),
            }
        });
    }

    fn create(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _umask: u32,
        _flags: i32,
        reply: ReplyCreate,
    ) {
        let (tree, handles, owner) = (Arc::clone(&self.tree), Arc::clone(&self.handles), self.owner);
        let name = text(name);
        self.spawn(async move {
            let created = async { tree.create(parent.0, &name?, is_executable(mode)).await };
            match created.await {
                Ok((handle, stat)) => {
                    let attributes = owner.attributes(handle.ino, &stat);
                    let handle = handles.add_file(handle);
                    reply.created(&AGE, &attributes, Generation(0), handle, FopenFlags::empty());
                }
                Err(error) => reply.error(errno(error)),
            }
        });
    }

    fn read(
        &self,
        _: &Request,
        _: INodeNo,
        fh: FileHandle,
        offset: u64,
        size: u32,
        _flags: OpenFlags,
        _owner: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let (tree, handle) = (Arc::clone(&self.tree), self.handles.file(fh));
        self.spawn(async move {
            let read = async { tree.read(&*handle?, offset, size).await };
            match read.await {
                Ok(bytes) => reply.data(&bytes),
                Err(error) => reply.error(errno(error)),
            }
        });
    }

    fn write(
        &self,
        _: &Request,
        _: INodeNo,
        fh: FileHandle,
        offset: u64,
        data: &[u8],
        _write_flags: WriteFlags,
        _flags: OpenFlags,
        _owner: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let (tree, handle, data) = (Arc::clone(&self.tree), self.handles.file(fh), data.to_vec());
        self.spawn(async move {
            let written = async { tree.write(&*handle?, offset, &data).await };
            match written.await {
                // One write is never larger than a `u32`: the kernel has said so itself.
                Ok(()) => reply.written(u32::try_from(data.len()).unwrap_or(u32::MAX)),
                Err(error) => reply.error(errno(error)),
            }
        });
    }

    fn flush(&self, _: &Request, ino: INodeNo, fh: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        // Whoever only read says nothing about whether somebody else has finished writing.
        if !self.handles.file(fh).is_ok_and(|handle| handle.write) {
            return reply.ok();
        }
        let tree = Arc::clone(&self.tree);
        self.done(reply, async move { tree.flush(ino.0, false).await });
    }

    fn fsync(&self, _: &Request, ino: INodeNo, _: FileHandle, _datasync: bool, reply: ReplyEmpty) {
        let tree = Arc::clone(&self.tree);
        self.done(reply, async move { tree.flush(ino.0, true).await });
    }

    fn release(
        &self,
        _: &Request,
        ino: INodeNo,
        fh: FileHandle,
        _flags: OpenFlags,
        _owner: Option<LockOwner>,
        _flush: bool,
        reply: ReplyEmpty,
    ) {
        self.handles.files.lock().unwrap_or_else(PoisonError::into_inner).remove(&fh.0);
        let tree = Arc::clone(&self.tree);
        self.done(reply, async move {
            tree.close(ino.0).await;
            Ok(())
        });
    }

    fn opendir(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        reply.opened(self.handles.add_folder(), FopenFlags::empty());
    }

    fn readdir(&self, _: &Request, ino: INodeNo, fh: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        let (tree, folder) = (Arc::clone(&self.tree), self.handles.folder(fh));
        self.spawn(async move {
            let filled = async {
                let folder = folder?;
                let mut folder = folder.lock().await;
                let mut at = offset;
                while let Some(entry) = folder.entry(&tree, ino.0, at).await? {
                    at += 1;
                    let full = match entry {
                        Entry::Itself(name) => reply.add(ino, at, FileType::Directory, name),
                        Entry::Item(item) => {
                            let (number, stat) = tree.listed(ino.0, &item, false).await;
                            let kind = if stat.kind == Kind::Folder {
                                FileType::Directory
                            } else {
                                FileType::RegularFile
                            };
                            reply.add(INodeNo(number), at, kind, &item.name)
                        }
                    };
                    if full {
                        break;
                    }
                }
                Ok::<_, rustix::io::Errno>(())
            };
            match filled.await {
                Ok(()) => reply.ok(),
                Err(error) => reply.error(errno(error)),
            }
        });
    }

    fn readdirplus(
        &self,
        _: &Request,
        ino: INodeNo,
        fh: FileHandle,
        offset: u64,
        mut reply: ReplyDirectoryPlus,
    ) {
        let (tree, folder, owner) = (Arc::clone(&self.tree), self.handles.folder(fh), self.owner);
        self.spawn(async move {
            let filled = async {
                let folder = folder?;
                let mut folder = folder.lock().await;
                let mut at = offset;
                while let Some(entry) = folder.entry(&tree, ino.0, at).await? {
                    at += 1;
                    let full = match entry {
                        Entry::Itself(name) => {
                            let stat = tree.table().get(ino.0).map(|node| node.stat.clone());
                            let stat = stat.ok_or(rustix::io::Errno::STALE)?;
                            reply.add(ino, at, name, &AGE, &owner.attributes(ino.0, &stat), Generation(0))
                        }
                        Entry::Item(item) => {
                            let (number, stat) = tree.listed(ino.0, &item, true).await;
                            let attributes = owner.attributes(number, &stat);
                            let full =
                                reply.add(INodeNo(number), at, &item.name, &AGE, &attributes, Generation(0));
                            if full {
                                // The kernel was not told of it after all.
                                tree.table().forget(number, 1);
                            }
                            full
                        }
                    };
                    if full {
                        break;
                    }
                }
                Ok::<_, rustix::io::Errno>(())
            };
            match filled.await {
                Ok(()) => reply.ok(),
                Err(error) => reply.error(errno(error)),
            }
        });
    }

    fn releasedir(&self, _: &Request, _: INodeNo, fh: FileHandle, _: OpenFlags, reply: ReplyEmpty) {
        self.handles.folders.lock().unwrap_or_else(PoisonError::into_inner).remove(&fh.0);
        reply.ok();
    }

    fn fsyncdir(&self, _: &Request, _: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        reply.ok();
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        let tree = Arc::clone(&self.tree);
        self.spawn(async move {
            match tree.space().await {
                Ok(space) => {
                    let block = u64::from(BLOCK);
                    let (free, total) = (space.free / block, space.total.max(space.free) / block);
                    reply.statfs(total, free, free, 0, 0, BLOCK, 255, BLOCK);
                }
                Err(error) => reply.error(errno(error)),
            }
        });
    }
}

/// What comes next in a folder.
enum Entry {
    /// `.` or `..`.
    Itself(&'static str),
    Item(Item),
}

impl Folder {
    /// The entry with this number. The folder is fetched as far as it is read.
    async fn entry(
        &mut self,
        tree: &Tree,
        ino: u64,
        number: u64,
    ) -> Result<Option<Entry>, rustix::io::Errno> {
        let number = match number {
            0 => {
                // Read from the start again: as it is now.
                *self = Self::default();
                return Ok(Some(Entry::Itself(".")));
            }
            1 => return Ok(Some(Entry::Itself(".."))),
            more => usize::try_from(more - 2).unwrap_or(usize::MAX),
        };
        while number >= self.entries.len() && (!self.begun || self.next.is_some()) {
            let (entries, next) = tree.page(ino, self.next.as_deref()).await?;
            self.begun = true;
            if entries.is_empty() && next == self.next {
                break; // a device that never comes to an end
            }
            self.entries.extend(entries);
            self.next = next;
        }
        Ok(self.entries.get(number).cloned().map(Entry::Item))
    }
}
