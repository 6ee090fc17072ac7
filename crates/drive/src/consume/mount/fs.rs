//! The kernel's questions, each answered by a task of its own, so that none waits for another.

use super::{
    AGE, Tree,
    attributes::{self, BLOCK, Owner},
    handles::{Entry, Handles},
    now,
};
use crate::wire::{Kind, Set, Stat};
use fuser::{
    BsdFileFlags, Errno, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo, InitFlags,
    KernelConfig, LockOwner, OpenAccMode, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData,
    ReplyDirectory, ReplyDirectoryPlus, ReplyEmpty, ReplyEntry, ReplyOpen, ReplyStatfs, ReplyWrite, Request,
    TimeOrNow, WriteFlags,
};
use std::{ffi::OsStr, future::Future, io, path::Path, sync::Arc, time::SystemTime};
use tokio::runtime::Handle as Runtime;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// The most bytes that the kernel writes at once.
const WRITE: u32 = 1 << 20;
/// `O_TRUNC` of this system's open flags.
const TRUNCATE: i32 = rustix::fs::OFlags::TRUNC.bits().cast_signed();
/// `O_APPEND`.
const APPEND: i32 = rustix::fs::OFlags::APPEND.bits().cast_signed();

/// What answers the kernel.
pub(super) struct Fs {
    pub(super) tree: Arc<Tree>,
    pub(super) runtime: Runtime,
    pub(super) tasks: TaskTracker,
    pub(super) cancel: CancellationToken,
    handles: Arc<Handles>,
    owner: Owner,
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
        Self { tree, runtime, tasks, cancel, handles: Arc::default(), owner: Owner::this_user() }
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
                Ok(stat) => {
                    let mut attributes = owner.attributes(ino.0, &stat);
                    if tree.is_removed(ino.0) {
                        attributes.nlink = 0;
                    }
                    reply.attr(&AGE, &attributes);
                }
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
        let modified = mtime.and_then(|time| match time {
            TimeOrNow::SpecificTime(time) => attributes::meant(time),
            TimeOrNow::Now => Some(now()),
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
                    if !opened.keep_pages {
                        // A program may go to its end before it asks how long it is.
                        tree.kernel.forget_attributes(ino.0);
                    }
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
        write_flags: WriteFlags,
        flags: OpenFlags,
        _owner: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let (tree, handle, data) = (Arc::clone(&self.tree), self.handles.file(fh), data.to_vec());
        // A page of a mapping has its place, whatever the file was opened for.
        let append = flags.0 & APPEND != 0 && !write_flags.contains(WriteFlags::FUSE_WRITE_CACHE);
        self.spawn(async move {
            let written = async {
                let handle = handle?;
                if append {
                    tree.append(&handle, &data).await
                } else {
                    tree.write(&handle, offset, &data).await
                }
            };
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
        self.handles.close_file(fh);
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
                        Entry::Item(item, asked) => {
                            let (number, stat) = tree.listed(ino.0, &item, false, asked).await;
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
                        Entry::Item(item, asked) => {
                            let (number, stat) = tree.listed(ino.0, &item, true, asked).await;
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
        self.handles.close_folder(fh);
        reply.ok();
    }

    fn fsyncdir(&self, _: &Request, ino: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        let tree = Arc::clone(&self.tree);
        self.done(reply, async move { tree.settle(ino.0).await });
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
