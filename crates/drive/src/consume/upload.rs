//! One try of an upload. What came of a large file stays at the other side for a while: the next try compares the pieces
//! that are there with its own and sends the rest. It may be repeated because a name that is taken by the very same
//! content counts as success of an earlier try.

mod part;
mod pump;

use super::{
    browse::{self, About, Remote, RemoteError},
    download::Shown,
    journal::Row,
    transfer::{Conflict, Reason, Transfer},
    transfers::Job,
    trouble::{self, Trouble},
};
use crate::{
    content::{FileId, PIECE},
    disk,
    path::{self, SharePath},
    wire::{self, Code, Kind, Stat, Stored},
};
use pump::Sending;
use std::{fs::File, io, path::Path, sync::Arc, time::Duration};
use uuid::Uuid;

pub(super) use part::{Sent, of_item};

/// How often progress is shown.
const TICK: Duration = Duration::from_millis(200);

pub(super) async fn run(job: &Job, remote: &Remote, row: Row) -> Result<(), Trouble> {
    let copy = &row.transfer;
    if wire::is_send(&copy.share) {
        return hand_over(job, remote, &row).await;
    }
    let invalid = |error: path::PathError| Trouble::Final(Reason::Invalid, error.to_string());
    let wanted = SharePath::parse_remote(&copy.remote_path)
        .and_then(|path| path.with_name(&row.wanted))
        .map_err(invalid)?;
    let mut target = SharePath::parse_remote(&copy.remote_path).map_err(invalid)?;
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

/// Asks whether a person has said yes to what is sent to them, before any of it is read or travels. Who may bring
/// something may ask how far it came; everything but a no and a "not yet" is for the try itself to find out.
pub(super) async fn ask_first(job: &Job, remote: &Remote, copy: &Transfer) -> Result<(), Trouble> {
    let target = SharePath::parse(&copy.remote_path)
        .map_err(|error| Trouble::Final(Reason::Invalid, error.to_string()))?;
    match interruptible(job, remote.arrived(&target, "keep_both", copy.id)).await? {
        Err(error @ RemoteError::Refused(Code::MustAsk | Code::NotAllowed)) => {
            Err(Trouble::sent(&error, &copy.device_name, &copy.remote_path))
        }
        _ => Ok(()),
    }
}

/// To an inbox: nobody may look into it, and the receiver keeps everything beside what is there.
async fn hand_over(job: &Job, remote: &Remote, row: &Row) -> Result<(), Trouble> {
    let copy = &row.transfer;
    let target = SharePath::parse_remote(&copy.remote_path)
        .map_err(|error| Trouble::Final(Reason::Invalid, error.to_string()))?;
    let shown = Shown::whole(job);
    let part = copy.id;
    match send(job, remote, &copy.local_path, &target, "keep_both", part, shown).await? {
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
    let asked = interruptible(job, remote.stat(target)).await?;
    let there = match asked {
        Ok(stat) if !stat.writable => return Err(explain(RemoteError::Refused(Code::NotAllowed))),
        Ok(stat) => Some(stat),
        Err(RemoteError::Refused(Code::NotFound)) => None,
        Err(error) => return Err(explain(error)),
    };
    let seen = seen(job, row, there.as_ref()).await?;
    let settled = match &there {
        // What gets the name while the file is on its way was seen by nobody.
        None => Settled::from("refuse"),
        Some(stat) if stat.kind == Kind::File && seen.is_some() && stat.etag == seen => {
            Settled { word: "replace", replaces: seen.as_deref() }
        }
        Some(stat) => {
            let same = sent_before && is_ours(job, remote, copy.local_path.as_path(), target).await?;
            return if same { Ok(Placed::Yes) } else { taken(copy, stat.kind) };
        }
    };
    job.save(|row| {
        row.transfer.remote_path.clone_from(&text);
        row.sent_before = true;
    })
    .await?;
    let shown = Shown::whole(job);
    match send(job, remote, copy.local_path.as_path(), target, settled, copy.id, shown).await? {
        Ok(_) => Ok(Placed::Yes),
        Err(RemoteError::Refused(Code::Exists | Code::Changed)) => {
            // An earlier try may have come to its end there while this one was on its way.
            let same = sent_before && is_ours(job, remote, copy.local_path.as_path(), target).await?;
            if same { Ok(Placed::Yes) } else { taken(copy, Kind::File) }
        }
        Err(error) => Err(explain(error)),
    }
}

/// The version that may be replaced: what a person saw, or else what is there when the copy first looks.
async fn seen(job: &Job, row: &Row, there: Option<&Stat>) -> Result<Option<String>, Trouble> {
    if row.transfer.conflict != Conflict::Replace {
        return Ok(None);
    }
    if row.looked || row.seen.is_some() {
        return Ok(row.seen.clone());
    }
    let now = there.and_then(|stat| stat.etag.clone());
    let found = now.clone();
    job.save(|row| (row.seen, row.looked) = (found, true)).await?;
    Ok(now)
}

/// Something that this copy may not replace has the name.
fn taken(copy: &Transfer, kind: Kind) -> Result<Placed, Trouble> {
    if copy.conflict == Conflict::Replace && kind == Kind::File {
        return Err(changed_there(copy));
    }
    Ok(Placed::Taken)
}

/// Asked again whether it may be replaced; nothing of it is lost.
fn changed_there(copy: &Transfer) -> Trouble {
    let (reason, words) = trouble::changed_there(&copy.device_name, &copy.remote_path);
    Trouble::Final(reason, words)
}

/// What becomes of a name that is taken.
#[derive(Clone, Copy)]
pub(super) struct Settled<'a> {
    pub(super) word: &'static str,
    /// Only this version is replaced.
    pub(super) replaces: Option<&'a str>,
}

impl From<&'static str> for Settled<'_> {
    fn from(word: &'static str) -> Self {
        Self { word, replaces: None }
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

/// Sends a file to a name. `part` is the same for every try of the same file. The outer error ends the try; the inner one
/// is what the other side says.
pub(super) async fn send(
    job: &Job,
    remote: &Remote,
    source: &Path,
    target: &SharePath,
    settled: impl Into<Settled<'_>>,
    part: Uuid,
    shown: Shown<'_>,
) -> Result<Result<Stored, RemoteError>, Trouble> {
    let Settled { word: conflict, replaces } = settled.into();
    let path = source.to_owned();
    let opened = tokio::task::spawn_blocking(move || open(&path));
    let (file, about) =
        opened.await.map_err(|_| Trouble::Interrupted)?.map_err(|error| Trouble::local(&error, source))?;
    let size = about.size;
    shown.size(size);
    let file = Arc::new(file);
    let mut there = Vec::new();
    if size >= part::WORTH {
        job.sends(Some(Sent { remote: remote.clone(), target: target.clone(), conflict, part }));
        there = part::there(job, remote, target, conflict, part, &file, size).await?;
    }
    let at = there.len() as u64 * PIECE;
    shown.bytes(at, 0);
    let sending = Arc::new(Sending::from(at));
    let body = pump::pump(file, about, there, job.pace.clone(), Arc::clone(&sending));
    let part = (size >= part::WORTH).then_some((part, at));
    let request = remote.put(target, &about, (conflict, replaces), part, body);
    tokio::pin!(request);
    let mut tick = tokio::time::interval(TICK);
    let mut watch = Watch { shown: at, rate: 0.0 };
    let answer = loop {
        tokio::select! {
            () = job.stop.cancelled() => return Err(Trouble::Interrupted),
            answer = &mut request => break answer,
            _ = tick.tick() => watch.look(shown, sending.bytes()),
        }
    };
    if answer.is_ok() {
        job.sends(None);
    }
    let failed = sending.failed();
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
