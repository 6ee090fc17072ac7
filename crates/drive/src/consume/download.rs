//! One try of a download: from a half-received hidden file, or none, to the whole file under its name.
//!
//! Content and manifest are asked for at the same time: on a fast network the other device would otherwise read the
//! file once before the first byte moves. A piece counts when its value is the manifest's, and the manifest proves
//! itself. What an earlier try left is read and verified like anything else.

mod connections;
mod peers;

use super::{
    browse::{self, Head, Remote, RemoteError},
    journal::Row,
    schedule::{Schedule, Width},
    transfer::{Conflict, Reason},
    transfers::Job,
    trouble::{self, Trouble},
};
use crate::{
    content::{self, FileId, Manifest},
    disk,
    path::{self, SharePath},
};
use connections::{Connections, Fetch, RunError, WRITES};
use peers::{Peer, Peers, Search};
use std::{
    fs::{self, File},
    io,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{sync::Semaphore, task::JoinHandle};

/// How often progress is shown.
const TICK: Duration = Duration::from_millis(200);
/// The disk is asked to write after so many bytes, so that the last sync is short.
const SYNC_EVERY: u64 = 64 << 20;
/// How often the original may change before we give up.
const CHANGES: u32 = 3;

pub(super) async fn run(job: &Job, remote: &Remote, row: Row) -> Result<(), Trouble> {
    let device = row.transfer.device_name.clone();
    let path = SharePath::parse_remote(&row.transfer.remote_path)
        .map_err(|error| Trouble::Final(Reason::Invalid, error.to_string()))?;
    let part = row
        .part
        .clone()
        .ok_or_else(|| Trouble::Final(Reason::Internal, "A copy without a place.".to_owned()))?;
    if row.placing && already_placed(&row, &part).await {
        return Ok(());
    }
    let wanted = Wanted { remote, path: &path, part: &part, device: &device };
    let id = fetch(job, &wanted, Shown::whole(job)).await?;
    name(job, &part, id, &row).await
}

/// A file and the hidden one here in which it grows.
pub(super) struct Wanted<'a> {
    pub(super) remote: &'a Remote,
    pub(super) path: &'a SharePath,
    pub(super) part: &'a Path,
    pub(super) device: &'a str,
}

/// Where a person sees how far a file is: as the whole of a copy, or as a part of a tree.
#[derive(Clone, Copy)]
pub(super) struct Shown<'a> {
    job: &'a Job,
    /// Bytes of the tree that are done; none when the file is the whole copy.
    before: Option<u64>,
}

impl<'a> Shown<'a> {
    pub(super) fn whole(job: &'a Job) -> Self {
        Self { job, before: None }
    }

    pub(super) fn part_of(job: &'a Job, before: u64) -> Self {
        Self { job, before: Some(before) }
    }

    pub(super) fn size(self, size: u64) {
        if self.before.is_none() {
            self.job.show(|copy| copy.size = Some(size));
        }
    }

    pub(super) fn sources(self, devices: usize) {
        let devices = u32::try_from(devices).unwrap_or(u32::MAX);
        self.job.show(|copy| copy.sources = devices);
    }

    pub(super) fn bytes(self, bytes: u64, rate: u64) {
        let before = self.before.unwrap_or(0);
        self.job.show(|copy| (copy.bytes_done, copy.rate) = (before + bytes, rate));
    }
}

/// Fetches a file into its hidden one: whole, verified and on the disk when this returns.
pub(super) async fn fetch(job: &Job, wanted: &Wanted<'_>, shown: Shown<'_>) -> Result<FileId, Trouble> {
    let (mut changes, mut anew) = (0, false);
    loop {
        match once(job, wanted, shown, anew).await {
            // The other device may remember something of the file that is not true any more: it is to look again, once.
            Err(Trouble::Final(Reason::Mismatch, _)) if !anew => {
                anew = true;
                tracing::info!("the original is not what it was when it was last hashed: it is hashed again");
                let words = format!(
                    "“{}” on {} has changed without a trace since it was last read. This is what is there now.",
                    wanted.path.name().unwrap_or_default(),
                    wanted.device
                );
                job.show(|copy| copy.detail = Some(words));
            }
            // What is already here and still right is kept: the next round verifies it against the new manifest.
            Err(Trouble::Changed) if changes < CHANGES => {
                changes += 1;
                tracing::info!("the original changed while it was copied: starting over");
            }
            Err(Trouble::Changed) => {
                let path = wanted.path.to_string();
                let (reason, detail) = trouble::refusal(crate::wire::Code::Changed, wanted.device, &path);
                return Err(Trouble::Final(reason, detail));
            }
            other => return other,
        }
    }
}

/// After a crash between giving the name and writing that down, the file has its name and the hidden one is gone.
async fn already_placed(row: &Row, part: &Path) -> bool {
    let (Some(id), Some(size)) = (row.file_id, row.transfer.size) else { return false };
    let (part, placed) = (part.to_owned(), row.transfer.local_path.clone());
    let check = move || -> io::Result<bool> {
        if fs::symlink_metadata(&part).is_ok() || fs::symlink_metadata(&placed)?.len() != size {
            return Ok(false);
        }
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(File::open(&placed)?)?;
        Ok(FileId(*hasher.finalize().as_bytes()) == id)
    };
    tokio::task::spawn_blocking(check).await.is_ok_and(|result| result.unwrap_or(false))
}

async fn once(job: &Job, wanted: &Wanted<'_>, shown: Shown<'_>, anew: bool) -> Result<FileId, Trouble> {
    let Wanted { remote, path, part, device } = *wanted;
    let remote_path = path.to_string();
    let explain = |error: RemoteError| Trouble::remote(&error, device, &remote_path);
    let (head, body) = tokio::select! {
        () = job.stop.cancelled() => return Err(Trouble::Interrupted),
        opened = remote.open_manifest(path, anew) => opened.map_err(explain)?,
    };
    shown.size(head.size);
    let (file, have) = open_part(part, head.size).await?;
    let fetch = Arc::new(Fetch {
        file: Arc::new(file),
        size: head.size,
        schedule: Mutex::new(Schedule::new(head.size)),
        peers: Peers::new(Peer::new(remote.clone(), path.clone(), head.etag.clone(), device.to_owned())),
        part: part.to_owned(),
        width: AtomicUsize::new(0),
        writes: Arc::new(Semaphore::new(WRITES as usize)),
        pace: job.pace.clone(),
    });
    let manifest = browse::read_manifest(head.size, body);
    let result = fetch_all(job, &fetch, manifest, have, &explain, shown).await;
    // Whatever happened, no write of this try may land after the next one has begun.
    let all_written = fetch.writes.acquire_many(WRITES).await;
    fetch.writes.close();
    drop(all_written);
    let bytes = fetch.schedule().bytes();
    shown.bytes(bytes, 0);
    result?;
    let id = fetch.schedule().proven().map(Manifest::id);
    let id = id.ok_or_else(|| Trouble::Final(Reason::Internal, "A copy without a proof.".to_owned()))?;
    to_disk(&fetch, &head).await?;
    Ok(id)
}

/// Opens the hidden file and tells how much of it may be good.
async fn open_part(part: &Path, size: u64) -> Result<(File, u64), Trouble> {
    let part = part.to_owned();
    blocking(move || {
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            // Never through a link that somebody put there meanwhile.
            options.custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed());
        }
        let open = || -> io::Result<(File, u64)> {
            let file = options.open(&part)?;
            let mut have = file.metadata()?.len();
            if have > size {
                file.set_len(size)?;
                have = size;
            }
            Ok((file, have))
        };
        let (file, have) = open().map_err(|error| Trouble::local(&error, &part))?;
        let folder = part.parent().unwrap_or(&part);
        if disk::space(folder).is_some_and(|(free, _)| free < size - have) {
            let words = format!("There is no room for {size} bytes in {}.", folder.display());
            return Err(Trouble::Final(Reason::DiskFull, words));
        }
        Ok((file, have))
    })
    .await
}

async fn fetch_all(
    job: &Job,
    fetch: &Arc<Fetch>,
    manifest: impl Future<Output = Result<Manifest, RemoteError>>,
    have: u64,
    explain: &impl Fn(RemoteError) -> Trouble,
    shown: Shown<'_>,
) -> Result<(), Trouble> {
    tokio::pin!(manifest);
    if have > 0 {
        let manifest = tokio::select! {
            () = job.stop.cancelled() => return Err(Trouble::Interrupted),
            manifest = &mut manifest => manifest.map_err(explain)?,
        };
        verify_part(job, fetch, manifest, have).await?;
    }
    let mut search = None;
    let begun = Instant::now();
    let mut width = Width::new(fetch.schedule().missing());
    fetch.width.store(width.get(), Ordering::Relaxed);
    let mut progress = Progress::new(fetch.schedule().bytes());
    let mut connections = Connections::default();
    let mut tick = tokio::time::interval(TICK);
    loop {
        if fetch.schedule().is_done() {
            return Ok(());
        }
        connections.fill(fetch);
        if search.is_none() {
            // The lock is let go before others are asked.
            let proven = fetch.schedule().proven().cloned();
            search = proven.map(|manifest| Search::begin(job, fetch, &manifest));
        }
        let waits_for_manifest = fetch.schedule().proven().is_none();
        tokio::select! {
            () = job.stop.cancelled() => return Err(Trouble::Interrupted),
            proven = &mut manifest, if waits_for_manifest => {
                let proven = proven.map_err(explain)?;
                let out = fetch.schedule().prove(proven);
                for peer in out {
                    put_out(job, fetch, peer)?;
                }
            }
            Some(peer) = next_of(&mut search) => {
                tracing::info!(device = peer.name, "another device holds the same content");
                if fetch.peers.join(peer) {
                    fetch.schedule().share_among(fetch.peers.alive().len());
                }
            }
            Some((peer, ended)) = connections.next() => {
                match ended {
                    Ok(()) => {}
                    Err(RunError::Out) => put_out(job, fetch, peer)?,
                    Err(RunError::Local(error)) => return Err(Trouble::local(&error, &fetch.part)),
                    Err(RunError::Remote(error)) => {
                        tracing::debug!(peer, %error, "a connection of a copy ended early");
                        let trouble = explain(error);
                        let passing = matches!(trouble, Trouble::Passing(..));
                        if !passing || connections.failed(peer, fetch.schedule().bytes()) {
                            // The others go on without it; the last one decides what becomes of the copy. An original
                            // that has changed is another file.
                            if !fetch.peers.are_several() || (peer == 0 && matches!(trouble, Trouble::Changed)) {
                                return Err(trouble);
                            }
                            fetch.peers.drop_out(peer);
                            fetch.schedule().share_among(fetch.peers.alive().len());
                        }
                        if peer == 0 {
                            width.shrink(begun.elapsed());
                            fetch.width.store(width.get(), Ordering::Relaxed);
                        }
                    }
                }
            }
            _ = tick.tick() => {
                let bytes = fetch.schedule().bytes();
                fetch.width.store(width.observe(begun.elapsed(), bytes), Ordering::Relaxed);
                shown.sources(fetch.peers.devices());
                progress.show(shown, bytes);
                progress.write_out(fetch, bytes);
            }
        }
    }
}

async fn next_of(search: &mut Option<Search>) -> Option<Peer> {
    search.as_mut()?.next().await
}

/// A peer has sent too much that is wrong: it is named, and the others go on without it.
fn put_out(job: &Job, fetch: &Fetch, peer: usize) -> Result<(), Trouble> {
    if let Some(name) = fetch.peers.drop_out(peer) {
        tracing::warn!(
            device = name,
            "a device sent wrong pieces of a file and is not asked for it any more"
        );
        let words = format!("{name} sent wrong pieces of this file; the right ones came from elsewhere.");
        job.show(|copy| copy.detail = Some(words));
    }
    let left = fetch.peers.alive().len();
    fetch.schedule().share_among(left);
    if left == 0 { Err(mismatch(fetch)) } else { Ok(()) }
}

fn mismatch(fetch: &Fetch) -> Trouble {
    let name = fetch.peers.name_of_file();
    let words = format!("The copy of “{name}” does not match the original, so it was not kept.");
    Trouble::Final(Reason::Mismatch, words)
}

/// Reads what an earlier try left and counts what is right.
async fn verify_part(job: &Job, fetch: &Arc<Fetch>, manifest: Manifest, have: u64) -> Result<(), Trouble> {
    let (file, size, stop) = (Arc::clone(&fetch.file), fetch.size, job.stop.clone());
    let (good, manifest, part) = {
        let part = fetch.part.clone();
        blocking(move || {
            let (mut good, mut bytes) = (Vec::new(), Vec::new());
            for (piece, expected) in manifest.values().iter().enumerate() {
                let range = content::piece_range(size, piece);
                if range.end > have || stop.is_cancelled() {
                    break;
                }
                let length = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
                disk::read_at(&file, &mut bytes, range.start, length)
                    .map_err(|error| Trouble::local(&error, &part))?;
                if content::piece_value(size, piece, &bytes) == *expected {
                    good.push(piece);
                }
            }
            Ok((good, manifest, part))
        })
        .await?
    };
    if job.stop.is_cancelled() {
        return Err(Trouble::Interrupted);
    }
    tracing::info!(good = good.len(), of = manifest.values().len(), part = %part.display(), "going on with a copy");
    let values = manifest.values().to_vec();
    let mut schedule = fetch.schedule();
    schedule.prove(manifest);
    for piece in good {
        schedule.received(piece, values[piece], 0);
    }
    Ok(())
}

/// What a person sees of it.
struct Progress {
    shown_at: Instant,
    bytes: u64,
    rate: f64,
    written_out: u64,
    writing_out: Option<JoinHandle<()>>,
}

impl Progress {
    fn new(bytes: u64) -> Self {
        Self { shown_at: Instant::now(), bytes, rate: 0.0, written_out: bytes, writing_out: None }
    }

    fn show(&mut self, shown: Shown<'_>, bytes: u64) {
        let passed = self.shown_at.elapsed().as_secs_f64().max(0.001);
        let rate = bytes.saturating_sub(self.bytes) as f64 / passed;
        self.rate = if self.rate == 0.0 { rate } else { self.rate * 0.7 + rate * 0.3 };
        (self.shown_at, self.bytes) = (Instant::now(), bytes);
        shown.bytes(bytes, self.rate as u64);
    }

    /// Lets the disk work while the network does. Nothing depends on it but the length of the last sync.
    fn write_out(&mut self, fetch: &Fetch, bytes: u64) {
        let busy = self.writing_out.as_ref().is_some_and(|task| !task.is_finished());
        if busy || bytes.saturating_sub(self.written_out) < SYNC_EVERY {
            return;
        }
        self.written_out = bytes;
        let file = Arc::clone(&fetch.file);
        self.writing_out = Some(tokio::task::spawn_blocking(move || {
            // A disk that cannot says so again at the end, where it counts.
            let _ = file.sync_data();
        }));
    }
}

/// Everything is here and right: on the disk with it.
async fn to_disk(fetch: &Fetch, head: &Head) -> Result<(), Trouble> {
    let (file, part) = (Arc::clone(&fetch.file), fetch.part.clone());
    let Head { size, modified, executable, .. } = *head;
    blocking(move || {
        let sync = || {
            file.set_len(size)?;
            if let Some(modified) = modified {
                disk::set_modified(&file, modified);
            }
            if executable {
                disk::make_executable(&file);
            }
            file.sync_all()
        };
        sync().map_err(|error| Trouble::local(&error, &part))
    })
    .await
}

/// Gives a file that is whole its name.
async fn name(job: &Job, part: &Path, id: FileId, row: &Row) -> Result<(), Trouble> {
    let folder = part.parent().unwrap_or(Path::new("/")).to_owned();
    for number in 1..1_000 {
        let target = folder.join(path::numbered(&row.wanted, number));
        if job.stop.is_cancelled() {
            return Err(Trouble::Interrupted);
        }
        let local_path = target.clone();
        job.save(|row| (row.placing, row.file_id, row.transfer.local_path) = (true, Some(id), local_path))
            .await?;
        let (part, folder, replace) =
            (part.to_owned(), folder.clone(), row.transfer.conflict == Conflict::Replace);
        let seen = row.seen.clone();
        let placed = blocking(move || {
            // Never a device, a pipe or a link: a file in its place would break what uses it.
            if replace && fs::symlink_metadata(&target).is_ok_and(|there| !there.is_file()) {
                let words = format!("{} is no ordinary file, so it is not replaced.", target.display());
                return Err(Trouble::Final(Reason::Exists, words));
            }
            if replace && disk::version(&target).is_some_and(|there| Some(there) != seen) {
                let (reason, words) = trouble::changed_here(&target);
                return Err(Trouble::Final(reason, words));
            }
            let placed = disk::place(&part, &target, replace).and_then(|()| disk::sync_dir(&folder));
            match placed {
                Ok(()) => Ok(true),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
                Err(error) => Err(Trouble::local(&error, &target)),
            }
        })
        .await?;
        match (placed, row.transfer.conflict) {
            (true, _) => return Ok(()),
            (false, Conflict::KeepBoth) => {}
            (false, _) => break,
        }
    }
    job.save(|row| row.placing = false).await?;
    let taken = folder.join(&row.wanted);
    Err(Trouble::Final(Reason::Exists, format!("{} is there already.", taken.display())))
}

pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Trouble> + Send + 'static,
) -> Result<T, Trouble> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Trouble::Interrupted)?
}
