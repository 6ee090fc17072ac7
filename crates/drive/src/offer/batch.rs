//! Many small files in one answer, and in one request.
//!
//! Each file is admitted, opened and read as if it were alone, and each that is brought is claimed and kept as if it
//! were alone; only the way is shared. What does not go is said in its place, and the rest goes on.

use super::{
    Folder, Query, Refused, Slot, Visit, blocking,
    confine::{self, Facts},
    made, once, receive,
    shown::{Listed, Shown},
};
use crate::{
    content::FileId,
    disk,
    frames::{Frame, Reader, Replaces, SMALL, SmallFile},
    landing::{Landing, Outcome, Taken},
    path::SharePath,
    wire::{self, BATCH, BATCH_BYTES, Code, Want},
};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt;
use hyper::body::Frame as BodyFrame;
use lanyard_link::{Body, BodyError, Incoming};
use lanyard_trust::{Action, Claim};
use std::time::Duration;
use tokio::sync::mpsc;

/// The longest list of wanted files.
const MAX_LIST: usize = 6 << 20;
/// How long that list may take to arrive.
const LIST_DEADLINE: Duration = Duration::from_secs(30);
/// Bytes in one piece of an answer, and collected before they are written.
const PORTION: usize = 512 * 1024;
/// A file that changes while it is read is read again so often.
const TRIES: usize = 3;

type Pieces = mpsc::Sender<Result<BodyFrame<Bytes>, BodyError>>;

pub(super) async fn send(visit: Visit, request: Request<Incoming>) -> Result<Response<Body>, Refused> {
    let folder = visit.admit(Action::Read)?;
    let slot = visit.slot()?;
    let wanted: Vec<Want> = lanyard_link::body::read_json(request.into_body(), MAX_LIST, LIST_DEADLINE)
        .await
        .map_err(|_| Refused::new(Code::Invalid, "a list of files is expected"))?;
    if wanted.len() > BATCH {
        return Err(Refused::new(Code::Invalid, "too many files at once"));
    }
    let wanted: Result<Vec<(SharePath, Want)>, Refused> =
        wanted.into_iter().map(|want| Ok((SharePath::parse(&want.path)?, want))).collect();
    let wanted = wanted?;
    let (sender, mut receiver) = mpsc::channel(2);
    tokio::task::spawn_blocking(move || {
        let _slot: Slot = slot;
        if let Err(why) = send_all(&visit, &folder, wanted, &sender) {
            let _ = sender.blocking_send(Err(why));
        }
    });
    let body =
        lanyard_link::body::stream(futures_util::stream::poll_fn(move |context| receiver.poll_recv(context)));
    Ok(Response::new(body))
}

fn send_all(
    visit: &Visit,
    folder: &Folder,
    wanted: Vec<(SharePath, Want)>,
    sender: &Pieces,
) -> Result<(), BodyError> {
    let (mut out, count) = (BytesMut::with_capacity(PORTION), wanted.len() as u64);
    let shown = visit.shown(folder).map_err(|refused| refused.detail)?;
    let mut last: Option<(Vec<String>, Listed)> = None;
    for (path, want) in wanted {
        if !visit.still(Action::Read, folder) {
            return Err("the share was taken back".into());
        }
        let frame = match read(&shown, &path, &want, &mut last) {
            Ok(frame) => frame,
            Err(refused) => Frame::Problem(path, refused.code),
        };
        frame.write(&mut out);
        if out.len() >= PORTION {
            let piece = std::mem::replace(&mut out, BytesMut::with_capacity(PORTION));
            sender.blocking_send(Ok(BodyFrame::data(piece.freeze())))?;
        }
    }
    Frame::End(count).write(&mut out);
    Ok(sender.blocking_send(Ok(BodyFrame::data(out.freeze())))?)
}

/// One file. The folder of the one before is kept open, because most have it in common.
fn read(
    shown: &Shown,
    path: &SharePath,
    want: &Want,
    last: &mut Option<(Vec<String>, Listed)>,
) -> Result<Frame, Refused> {
    let (parents, name) =
        path.split_last().ok_or_else(|| Refused::new(Code::WrongKind, "a folder has no content"))?;
    if last.as_ref().is_none_or(|(open, _)| open != parents) {
        *last = Some((parents.to_vec(), shown.open_dir(parents)?));
    }
    let Some((_, dir)) = last else { return Err(Refused::new(Code::Failed, "no folder")) };
    for _ in 0..TRIES {
        let (file, facts) = dir.open_file(name)?;
        if facts.size > SMALL {
            return Err(Refused::new(Code::TooLarge, "too large for a frame"));
        }
        let mut content = Vec::new();
        // One byte more than there should be shows a file that grew.
        let most = usize::try_from(facts.size).unwrap_or(usize::MAX) + 1;
        file.read_at(&mut content, 0, most)?;
        if content.len() as u64 != facts.size || file.facts()? != facts {
            continue;
        }
        if want.have.is_some_and(|have| have == FileId::of(&content)) {
            return Ok(Frame::Same(path.clone()));
        }
        if want.only_compare {
            return Err(Refused::new(Code::Mismatch, "another content"));
        }
        return Ok(Frame::File(small(path, &facts, content)));
    }
    Err(Refused::new(Code::Changed, "the file changes all the time"))
}

fn small(path: &SharePath, facts: &Facts, content: Vec<u8>) -> SmallFile {
    SmallFile {
        path: path.clone(),
        modified: facts.modified,
        executable: facts.executable,
        content: content.into(),
        replaces: Replaces::Anything,
    }
}

pub(super) async fn receive(
    visit: Visit,
    query: Query,
    request: Request<Incoming>,
) -> Result<Response<Body>, Refused> {
    let taken = match query.conflict.as_deref() {
        None | Some("refuse") => Taken::Refuse,
        Some("keep_both") => Taken::KeepBoth,
        Some("replace") => Taken::Replace,
        Some(_) => return Err(Refused::new(Code::Invalid, "no such way to settle a conflict")),
    };
    // Whoever may only put things in must not learn what is there: there, everything gets a name of its own.
    let action = if taken == Taken::KeepBoth { Action::Add } else { Action::Write };
    let folder = visit.admit(action)?;
    let bytes = announced(request.headers())?;
    let copy = once::id(request.headers())?.map(|id| (visit.subject.id(), id));
    let slot = visit.slot()?;
    let claim = visit.claim(action, bytes)?;
    let _turn = visit.offer.batches.acquire().await.map_err(|_| Refused::new(Code::Failed, "stopping"))?;
    let root = folder.root.clone();
    if blocking(move || Ok(disk::space(&root))).await?.is_some_and(|(free, _)| free < bytes) {
        return Err(Refused::new(Code::DiskFull, "no room for it"));
    }
    let batch = Batch { visit: visit.clone(), folder, action, bytes, copy, slot, claim };
    let outcomes = Box::pin(batch.take(taken, request.into_body())).await?;
    let (mut out, count) = (BytesMut::new(), outcomes.len() as u64);
    for (path, outcome) in outcomes {
        let frame = match outcome {
            Outcome::Stored(path) => Frame::Stored(path),
            Outcome::Same => Frame::Same(path),
            Outcome::Refused(code) => Frame::Problem(path, code),
        };
        frame.write(&mut out);
    }
    Frame::End(count).write(&mut out);
    Ok(Response::new(lanyard_link::body::full(out.freeze())))
}

fn announced(headers: &HeaderMap) -> Result<u64, Refused> {
    let size = headers.get(wire::SIZE).and_then(|value| value.to_str().ok()?.parse().ok());
    size.filter(|size| *size <= BATCH_BYTES)
        .ok_or_else(|| Refused::new(Code::Invalid, "the size is not said"))
}

/// What is brought at once.
struct Batch {
    visit: Visit,
    folder: Folder,
    action: Action,
    /// Content that was announced and claimed; more does not get in.
    bytes: u64,
    /// A copy that makes a folder of its own.
    copy: Option<made::Copy>,
    slot: Slot,
    claim: Claim<Folder>,
}

impl Batch {
    async fn take(self, taken: Taken, mut body: Incoming) -> Result<Vec<(SharePath, Outcome)>, Refused> {
        let (mut reader, mut frames, mut waiting) = (Reader::default(), Vec::new(), 0);
        let mut left = self.bytes;
        while !reader.is_whole() {
            let data = match body.frame().await {
                None => return Err(Refused::new(Code::Mismatch, "less arrived than was announced")),
                Some(Err(_)) => return Err(Refused::new(Code::Mismatch, "the connection broke")),
                Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
            };
            reader.take(&data);
            let nonsense = |error: crate::frames::FrameError| Refused::new(Code::Mismatch, error.to_string());
            while let Some(frame) = reader.next_frame().map_err(nonsense)? {
                if let Frame::File(file) = &frame {
                    left = left
                        .checked_sub(file.content.len() as u64)
                        .ok_or_else(|| Refused::new(Code::Mismatch, "more arrived than was announced"))?;
                    waiting += file.content.len();
                }
                if frames.len() > BATCH {
                    return Err(Refused::new(Code::Invalid, "too many files at once"));
                }
                frames.push(frame);
            }
            if waiting >= PORTION {
                waiting = 0;
                if !self.visit.still(self.action, &self.folder) {
                    return Err(Refused::new(Code::NotAllowed, "the owner has taken the permission back"));
                }
            }
        }
        if !self.visit.still(self.action, &self.folder) {
            return Err(Refused::new(Code::NotAllowed, "the owner has taken the permission back"));
        }
        // All of it is in memory now, BATCH_BYTES at most, and was proven frame by frame.
        blocking(move || self.land(taken, frames)).await
    }

    fn land(self, taken: Taken, frames: Vec<Frame>) -> Result<Vec<(SharePath, Outcome)>, Refused> {
        let mut making = self.copy.map(|copy| self.visit.offer.made.begin(copy));
        let root = confine::open_top(&self.folder.root)?;
        let mut landing = Landing::new(root, receive::PREFIX.to_owned(), taken, false, confine::enter)
            .versioned(|metadata| Facts::of(metadata).etag())
            .marked(self.visit.origin());
        let mut paths = Vec::with_capacity(frames.len());
        for frame in frames {
            match frame {
                Frame::Folder { path, modified } => {
                    if path.is_top() || path.check_new_name().is_ok() {
                        landing.folder(&path, modified);
                        self.sweep(&path);
                    } else {
                        landing.refuse(Code::Invalid);
                    }
                    paths.push(path);
                }
                Frame::File(file) => {
                    match file.path.check_new_name() {
                        Ok(()) => landing.file(&file),
                        Err(_) => landing.refuse(Code::Invalid),
                    }
                    paths.push(file.path);
                }
                Frame::End(_) => {}
                _ => return Err(Refused::new(Code::Invalid, "only files and folders can be brought")),
            }
        }
        let mut outcomes = landing.settle()?;
        if let (Some(making), [path], [outcome]) = (&mut making, &paths[..], &mut outcomes[..]) {
            *outcome = making.told(&self.folder.root, path, outcome.clone());
        }
        drop(making);
        self.claim.keep();
        for (path, outcome) in paths.iter().zip(&outcomes) {
            let named = match outcome {
                Outcome::Stored(named) => named,
                Outcome::Same => path,
                Outcome::Refused(_) => continue,
            };
            self.visit.landed(&named.to_string());
        }
        drop(self.slot);
        Ok(paths.into_iter().zip(outcomes).collect())
    }

    fn sweep(&self, path: &SharePath) {
        let on_disk = self.folder.root.join(path.to_path());
        if let Ok(dir) = confine::open_dir(&self.folder.root, path.names()) {
            self.visit.offer.receiving.sweep(&dir, on_disk);
        }
    }
}
