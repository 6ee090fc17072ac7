//! One try of an upload. The other side keeps nothing of a broken one, so a try always begins at the first byte; it
//! may be repeated because a name that is taken by the very same content counts as success of an earlier try.

use super::{
    browse::{self, About, Remote, RemoteError},
    download::Shown,
    journal::Row,
    transfer::{Conflict, Reason},
    transfers::{Job, Pace},
    trouble::{self, Trouble},
};
use crate::{
    content::FileId,
    disk,
    path::{self, SharePath},
    wire::{self, Code, Kind, Stored},
};
use bytes::Bytes;
use hyper::body::Frame;
use lanyard_link::{Body, BodyError};
use std::{
    fs::File,
    io,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::mpsc;

/// Bytes per read and per frame.
const BLOCK: u64 = 512 * 1024;
/// How often progress is shown.
const TICK: Duration = Duration::from_millis(200);

pub(super) async fn run(job: &Job, remote: &Remote, row: Row) -> Result<(), Trouble> {
    let copy = &row.transfer;
    if wire::is_send(&copy.share) {
        return hand_over(job, remote, &row).await;
    }
    let invalid = |error: path::PathError| Trouble::Final(Reason::Invalid, error.to_string());
    let wanted =
        SharePath::parse(&copy.remote_path).and_then(|path| path.with_name(&row.wanted)).map_err(invalid)?;
    let mut target = SharePath::parse(&copy.remote_path).map_err(invalid)?;
    let mut sent_before = row.sent_before;
    let first =
        (1..1_000).find(|number| path::numbered(&row.wanted, *number) == target.name().unwrap_or_default());
    for number in first.unwrap_or(1)..1_000 {
        if number > 1 {
            target = wanted.with_name(&path::numbered(&row.wanted, number)).map_err(invalid)?;
        }
        match try_name(job, remote, &row, &target, sent_before).await? {
            Placed::Yes => return Ok(()),
            Placed::Taken if copy.conflict == Conflict::KeepBoth => sent_before = false,
            Placed::Taken => break,
        }
    }
    let (reason, detail) = trouble::refusal(Code::Exists, &copy.device_name, &copy.remote_path);
    Err(Trouble::Final(reason, detail))
}

/// To an inbox: nobody may look into it, and the receiver keeps everything beside what is there.
async fn hand_over(job: &Job, remote: &Remote, row: &Row) -> Result<(), Trouble> {
    let copy = &row.transfer;
    let target = SharePath::parse(&copy.remote_path)
        .map_err(|error| Trouble::Final(Reason::Invalid, error.to_string()))?;
    let shown = Shown::whole(job);
    match send(job, remote, &copy.local_path, &target, "keep_both", shown).await? {
        Ok(stored) => job.save(|row| row.transfer.remote_path = stored.path).await,
        Err(error) => Err(Trouble::sent(&error, &copy.device_name, &copy.remote_path)),
    }
}

enum Placed {
    Yes,
    Taken,
}

async fn try_name(
    job: &Job,
    remote: &Remote,
    row: &Row,
    target: &SharePath,
    sent_before: bool,
) -> Result<Placed, Trouble> {
    let copy = &row.transfer;
    let text = target.to_string();
    let explain = |error: RemoteError| Trouble::remote(&error, &copy.device_name, &text);
    // Asked first, so that a refusal does not cost the way of the whole file.
    let there = interruptible(job, remote.stat(target)).await?;
    let taken = match there {
        Ok(stat) if !stat.writable => return Err(explain(RemoteError::Refused(Code::NotAllowed))),
        Ok(stat) => Some(stat.kind),
        Err(RemoteError::Refused(Code::NotFound)) => None,
        Err(error) => return Err(explain(error)),
    };
    let replace = copy.conflict == Conflict::Replace;
    if taken.is_some_and(|kind| !replace || kind != Kind::File) {
        let same = sent_before && is_ours(job, remote, copy.local_path.as_path(), target).await?;
        return Ok(if same { Placed::Yes } else { Placed::Taken });
    }
    job.save(|row| {
        row.transfer.remote_path.clone_from(&text);
        row.sent_before = true;
    })
    .await?;
    let shown = Shown::whole(job);
    let conflict = if replace { "replace" } else { "refuse" };
    match send(job, remote, copy.local_path.as_path(), target, conflict, shown).await? {
        Ok(_) => Ok(Placed::Yes),
        Err(RemoteError::Refused(Code::Exists)) => Ok(Placed::Taken),
        Err(error) => Err(explain(error)),
    }
}

pub(super) async fn interruptible<T>(job: &Job, work: impl Future<Output = T>) -> Result<T, Trouble> {
    tokio::select! {
        () = job.stop.cancelled() => Err(Trouble::Interrupted),
        done = work => Ok(done),
    }
}

/// Whether what is there is what we sent.
pub(super) async fn is_ours(
    job: &Job,
    remote: &Remote,
    source: &Path,
    target: &SharePath,
) -> Result<bool, Trouble> {
    let Ok(manifest) = interruptible(job, remote.manifest(target)).await? else { return Ok(false) };
    let path = source.to_owned();
    let hashed = tokio::task::spawn_blocking(move || {
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(File::open(path)?)?;
        io::Result::Ok(FileId(*hasher.finalize().as_bytes()))
    });
    let hashed =
        hashed.await.map_err(|_| Trouble::Interrupted)?.map_err(|error| Trouble::local(&error, source))?;
    Ok(hashed == manifest.id())
}

/// What the reading thread and the watching task share.
#[derive(Default)]
struct Sending {
    bytes: AtomicU64,
    /// Why the source could not be read to its end.
    failed: Mutex<Option<io::Error>>,
}

/// Sends a file to a name. The outer error ends the try; the inner one is what the other side says.
pub(super) async fn send(
    job: &Job,
    remote: &Remote,
    source: &Path,
    target: &SharePath,
    conflict: &str,
    shown: Shown<'_>,
) -> Result<Result<Stored, RemoteError>, Trouble> {
    let path = source.to_owned();
    let opened = tokio::task::spawn_blocking(move || open(&path));
    let (file, about) =
        opened.await.map_err(|_| Trouble::Interrupted)?.map_err(|error| Trouble::local(&error, source))?;
    let size = about.size;
    shown.size(size);
    shown.bytes(0, 0);
    let sending = Arc::new(Sending::default());
    let body = pump(file, about, job.pace.clone(), Arc::clone(&sending));
    let request = remote.put(target, &about, conflict, body);
    tokio::pin!(request);
    let mut tick = tokio::time::interval(TICK);
    let mut watch = Watch::default();
    let answer = loop {
        tokio::select! {
            () = job.stop.cancelled() => return Err(Trouble::Interrupted),
            answer = &mut request => break answer,
            _ = tick.tick() => watch.look(shown, sending.bytes.load(Ordering::Relaxed)),
        }
    };
    let failed = sending.failed.lock().unwrap_or_else(PoisonError::into_inner).take();
    match (answer, failed) {
        (Ok(stored), _) if stored.size == size => Ok(Ok(stored)),
        (Ok(_), _) => Ok(Err(browse::broken("another size was stored"))),
        (Err(_), Some(error)) => Err(Trouble::local(&error, source)),
        (Err(error), None) => Ok(Err(error)),
    }
}

/// Opens an ordinary file, without waiting for the other end of a pipe.
pub(super) fn open(path: &Path) -> io::Result<(File, About)> {
    let mut options = File::options();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
    }
    let file = options.open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("not a file"));
    }
    #[cfg(unix)]
    let executable = {
        use std::os::unix::fs::PermissionsExt;
        metadata.permissions().mode() & 0o100 != 0
    };
    #[cfg(not(unix))]
    let executable = false;
    let modified = metadata.modified().ok().and_then(disk::nanos);
    Ok((file, About { size: metadata.len(), modified, executable }))
}

/// What a person sees of it.
#[derive(Default)]
struct Watch {
    shown: u64,
    rate: f64,
}

impl Watch {
    fn look(&mut self, shown: Shown<'_>, bytes: u64) {
        let rate = bytes.saturating_sub(self.shown) as f64 / TICK.as_secs_f64();
        self.rate = if self.rate == 0.0 { rate } else { self.rate * 0.7 + rate * 0.3 };
        self.shown = bytes;
        shown.bytes(bytes, self.rate as u64);
    }
}

/// Reads and hashes on its own thread; the FileId follows the content.
fn pump(file: File, about: About, pace: Pace, sending: Arc<Sending>) -> Body {
    let (sender, mut receiver) = mpsc::channel::<Result<Frame<Bytes>, BodyError>>(2);
    tokio::task::spawn_blocking(move || {
        if let Err(error) = pump_all(&file, about, &pace, &sending, &sender) {
            *sending.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            let _ = sender.blocking_send(Err("the file could not be read".into()));
        }
    });
    lanyard_link::body::stream(futures_util::stream::poll_fn(move |context| receiver.poll_recv(context)))
}

fn pump_all(
    file: &File,
    About { size, modified, .. }: About,
    pace: &Pace,
    sending: &Sending,
    sender: &mpsc::Sender<Result<Frame<Bytes>, BodyError>>,
) -> io::Result<()> {
    let mut hasher = blake3::Hasher::new();
    let mut at = 0;
    while at < size {
        let begun = at;
        let mut bytes = Vec::new();
        let length = usize::try_from((size - at).min(BLOCK)).unwrap_or(usize::MAX);
        disk::read_at(file, &mut bytes, at, length)?;
        if bytes.len() < length {
            return Err(io::Error::other("the file became shorter while it was copied"));
        }
        hasher.update(&bytes);
        at += bytes.len() as u64;
        if sender.blocking_send(Ok(Frame::data(bytes.into()))).is_err() {
            return Ok(()); // nobody sends any more; why is known there
        }
        sending.bytes.store(at, Ordering::Relaxed);
        std::thread::sleep(pace.spend(at - begun));
    }
    let now = file.metadata()?;
    if now.len() != size || now.modified().ok().and_then(disk::nanos) != modified {
        return Err(io::Error::other("the file changed while it was copied"));
    }
    let id = Bytes::copy_from_slice(hasher.finalize().as_bytes());
    let _ = sender.blocking_send(Ok(Frame::data(id)));
    Ok(())
}
