//! Small files on their way: read here, compared with what is there, and brought a batch at a time.

use super::{
    super::{Item, KEPT, refused},
    Try,
};
use crate::{
    consume::{
        browse::{Frames, Remote, RemoteError},
        download::blocking,
        journal::Told,
        transfer::{Conflict, Fate, Reason},
        trouble::{self, Trouble},
        upload::{self, interruptible},
    },
    content::FileId,
    disk,
    frames::{Frame, Replaces, SMALL, SmallFile},
    path::SharePath,
    wire::{Code, Want},
};
use bytes::BytesMut;
use futures_util::stream;
use hyper::body::Frame as BodyFrame;
use lanyard_link::Body;
use std::path::Path;
use uuid::Uuid;

/// Bytes in one piece of a request.
const PORTION: usize = 256 * 1024;

/// What became of some small files.
pub(super) struct Brought {
    pub(super) told: Vec<(Told, Option<Reason>)>,
    /// Those that are not small any more.
    pub(super) grown: Vec<Item>,
    /// What has travelled.
    pub(super) bytes: u64,
}

enum Read {
    Whole(SmallFile),
    /// It has grown since it was listed.
    TooLarge,
}

/// Brings folders and small files and returns what became of each.
pub(super) async fn bring(
    remote: &Remote,
    conflict: &str,
    frames: Vec<Frame>,
) -> Result<Vec<Frame>, RemoteError> {
    let count = frames.len();
    let bytes = frames.iter().map(|frame| match frame {
        Frame::File(file) => file.content.len() as u64,
        _ => 0,
    });
    let bytes = bytes.sum();
    outcomes(remote.put_batch(conflict, None, bytes, body(frames)).await?, count).await
}

/// Makes the folder of a copy, which is known again as its own when it asks a second time.
pub(super) async fn make_own(remote: &Remote, copy: Uuid, path: &SharePath) -> Result<Frame, RemoteError> {
    let frame = Frame::Folder { path: path.clone(), modified: None };
    // Nothing is replaced by a folder, so whoever may add may make one.
    let answer = remote.put_batch("keep_both", Some(copy), 0, body(vec![frame])).await?;
    outcomes(answer, 1).await?.pop().ok_or(RemoteError::Nonsense("no word on the folder"))
}

/// What became of each.
async fn outcomes(mut answer: Frames, count: usize) -> Result<Vec<Frame>, RemoteError> {
    let mut outcomes = Vec::with_capacity(count);
    while let Some(outcome) = answer.next().await? {
        outcomes.push(outcome);
        if outcomes.len() > count {
            break;
        }
    }
    if outcomes.len() == count {
        Ok(outcomes)
    } else {
        Err(RemoteError::Nonsense("not a word on each of the files"))
    }
}

impl Try<'_> {
    /// Brings a batch and says what became of each.
    pub(super) async fn bring(
        &self,
        items: Vec<(&Item, Frame)>,
    ) -> Result<Vec<(Told, Option<Reason>)>, Trouble> {
        if items.is_empty() {
            return Ok(Vec::new());
        }
        let (items, frames): (Vec<&Item>, Vec<Frame>) = items.into_iter().unzip();
        let outcomes = interruptible(self.job, bring(self.remote, self.word(), frames)).await?;
        let outcomes = outcomes.map_err(|error| self.explain(&error))?;
        let mut told = Vec::with_capacity(items.len());
        let above = self.top.names().len();
        for (item, outcome) in items.into_iter().zip(outcomes) {
            told.push(match outcome {
                Frame::Same(_) => (item.told(Fate::Done, None), None),
                Frame::Stored(path) if path.names().starts_with(self.top.names()) => {
                    let copy = path.names()[above..].join("/");
                    (Item { copy, ..item.clone() }.told(Fate::Done, None), None)
                }
                Frame::Problem(_, Code::Exists) if self.conflict == Conflict::Skip => {
                    (item.told(Fate::LeftOut, Some(KEPT.to_owned())), None)
                }
                Frame::Problem(path, Code::Changed) => {
                    let (reason, words) = trouble::changed_there(self.device, &path.to_string());
                    (item.told(Fate::Failed, Some(words)), Some(reason))
                }
                Frame::Problem(path, code) => {
                    let (reason, words) = refused(code, self.device, &path.to_string())?;
                    (item.told(Fate::Failed, Some(words)), Some(reason))
                }
                _ => return Err(self.explain(&RemoteError::Nonsense("no word on a file"))),
            });
        }
        Ok(told)
    }

    pub(super) async fn small(&self, batch: Vec<Item>) -> Result<Brought, Trouble> {
        let root = self.root.clone();
        let read = blocking(move || {
            Ok(batch.into_iter().map(|item| (read(&root, &item), item)).collect::<Vec<_>>())
        })
        .await?;
        let mut grown = Vec::new();
        let (mut files, mut told) = (Vec::new(), Vec::new());
        for (content, mut item) in read {
            match (content, self.there(&item)) {
                (Ok(Read::Whole(file)), Ok(path)) => {
                    (item.size, item.modified) = (file.content.len() as u64, file.modified);
                    let replaces = item.replaces.clone();
                    files.push((item, SmallFile { path, replaces, ..file }));
                }
                (Ok(Read::TooLarge), Ok(_)) => grown.push(item),
                (Err((reason, words)), _) => {
                    told.push((item.told(Fate::Failed, Some(words)), Some(reason)));
                }
                (_, Err(error)) => {
                    told.push((item.told(Fate::Failed, Some(error.to_string())), Some(Reason::Invalid)));
                }
            }
        }
        let same = self.same(&files).await?;
        let (mut bytes, mut frames) = (0, Vec::with_capacity(files.len()));
        for ((item, file), same) in files.iter().zip(same) {
            if same {
                told.push((item.told(Fate::Done, None), None));
            } else {
                bytes += item.size;
                frames.push((item, Frame::File(file.clone())));
            }
        }
        told.extend(self.bring(frames).await?);
        Ok(Brought { told, grown, bytes })
    }

    /// Which of these are there already, so that they need not travel.
    async fn same(&self, files: &[(Item, SmallFile)]) -> Result<Vec<bool>, Trouble> {
        let mut same = vec![false; files.len()];
        let alike: Vec<usize> = (0..files.len())
            .filter(|at| {
                let (item, file) = &files[*at];
                self.size_there(&item.copy) == Some(file.content.len() as u64)
            })
            .collect();
        if alike.is_empty() {
            return Ok(same);
        }
        let want = |at: &usize| Want {
            path: files[*at].1.path.to_string(),
            have: Some(FileId::of(&files[*at].1.content)),
            only_compare: true,
        };
        let wanted: Vec<Want> = alike.iter().map(want).collect();
        let compared = async {
            let mut frames = self.remote.batch(&wanted).await?;
            for at in &alike {
                match frames.next().await? {
                    Some(Frame::Same(_)) => same[*at] = true,
                    Some(_) => {}
                    None => break,
                }
            }
            Ok(same)
        };
        interruptible(self.job, compared).await?.map_err(|error: RemoteError| self.explain(&error))
    }
}

/// The bytes of these frames, written a portion at a time as they are wanted.
fn body(frames: Vec<Frame>) -> Body {
    let end = Frame::End(frames.len() as u64);
    let mut frames = frames.into_iter().chain([end]).peekable();
    let portions = std::iter::from_fn(move || {
        frames.peek()?;
        let mut out = BytesMut::with_capacity(PORTION);
        while out.len() < PORTION
            && let Some(frame) = frames.next()
        {
            frame.write(&mut out);
        }
        Some(Ok(BodyFrame::data(out.freeze())))
    });
    lanyard_link::body::stream(stream::iter(portions))
}

/// All of a small file; its path is set by the caller.
fn read(root: &Path, item: &Item) -> Result<Read, (Reason, String)> {
    let source = root.join(&item.path);
    let local = |error: std::io::Error| trouble::local_words(&error, &source);
    for _ in 0..3 {
        let (file, about) = upload::open(&source).map_err(local)?;
        if about.size > SMALL {
            return Ok(Read::TooLarge);
        }
        let mut content = Vec::new();
        let most = usize::try_from(about.size).unwrap_or(usize::MAX) + 1;
        disk::read_at(&file, &mut content, 0, most).map_err(local)?;
        let now = file.metadata().map_err(local)?;
        let same = now.len() == about.size && now.modified().ok().and_then(disk::nanos) == about.modified;
        if content.len() as u64 == about.size && same {
            return Ok(Read::Whole(SmallFile {
                path: SharePath::top(),
                modified: about.modified,
                executable: about.executable,
                content: content.into(),
                replaces: Replaces::Anything,
            }));
        }
    }
    Err((Reason::Changed, format!("{} changes while it is copied.", source.display())))
}
