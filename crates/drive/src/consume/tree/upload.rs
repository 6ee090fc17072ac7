//! One try of a folder from here to another device.

mod small;

use super::{
    Count, Found, Item, KEPT, Names, Plan, What, batches, brought,
    seen::{Seen, Versions, untouched},
    stops,
};
use crate::{
    consume::{
        browse::{Remote, RemoteError},
        download::{Shown, blocking},
        journal::{Row, Told},
        transfer::{Conflict, Fate, Reason},
        transfers::Job,
        trouble::{self, Trouble},
        upload::{self, Settled, interruptible},
    },
    disk,
    frames::{Frame, Replaces, SMALL},
    path::{self, SharePath},
    wire::{self, BATCH, Code, Kind, TREE},
};
use futures_util::{StreamExt, stream};
use small::{Brought, bring, make_own};
use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};
use uuid::Uuid;

/// So many batches of small files are on their way: one is read here while another is written there.
const AT_ONCE: usize = 2;
/// Folders in folders that are looked through; a deeper path is too long for any system.
const DEEPEST: usize = 512;

/// One copy of a tree while it is tried.
struct Try<'a> {
    job: &'a Job,
    remote: &'a Remote,
    device: &'a str,
    copy: Uuid,
    /// The folder here.
    root: PathBuf,
    /// The folder there.
    top: SharePath,
    conflict: Conflict,
    /// What is there already; empty when the folder is this copy's own and new.
    there: HashMap<String, There>,
    fresh: bool,
    /// It goes to a person's inbox.
    is_send: bool,
}

/// A file that is there.
struct There {
    size: u64,
    modified: Option<i64>,
    /// Only of interest when it may be replaced.
    etag: Option<String>,
}

pub(in crate::consume) async fn run(job: &Job, remote: &Remote, row: Row) -> Result<(), Trouble> {
    let copy = &row.transfer;
    let root = copy.local_path.clone();
    let found = {
        let (root, stop) = (root.clone(), job.stop.clone());
        blocking(move || look(&root, &|| stop.is_cancelled())).await?
    };
    let (top, fresh) = top(job, remote, &row).await?;
    let mut this = Try {
        job,
        remote,
        device: &copy.device_name,
        copy: copy.id,
        root,
        top,
        conflict: copy.conflict,
        there: HashMap::new(),
        fresh,
        is_send: wire::is_send(&copy.share),
    };
    if !fresh {
        this.there = interruptible(job, this.what_is_there()).await??;
    }
    let plan = Plan::new(found, Names::exact(), path::portable_name);
    let of = |item: &Item| Some((item.copy.clone(), this.file_there(&item.copy)?.etag.clone()?));
    let now: Versions = plan.files.iter().filter_map(of).collect();
    let seen = Seen::first(job, &row, &plan.files, &now).await?;
    this.all(plan, &seen, &now).await
}

/// Everything below a folder here. Links are not followed.
fn look(root: &Path, stopped: &dyn Fn() -> bool) -> Result<Vec<Found>, Trouble> {
    let mut found = Vec::new();
    let mut folders = vec![(root.to_owned(), String::new())];
    while let Some((folder, above)) = folders.pop() {
        if stopped() {
            return Err(Trouble::Interrupted);
        }
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if above.is_empty() => return Err(Trouble::local(&error, &folder)),
            Err(_) => {
                found.push(unreadable(above));
                continue;
            }
        };
        for entry in entries {
            let Ok(entry) = entry else {
                found.push(unreadable(above.clone()));
                break;
            };
            let name = entry.file_name();
            if name.to_str().is_some_and(path::is_reserved) {
                continue;
            }
            let shown = name.to_string_lossy();
            let path = if above.is_empty() { shown.to_string() } else { format!("{above}/{shown}") };
            let Ok(metadata) = entry.metadata() else {
                found.push(unreadable(path));
                continue;
            };
            let what = match (name.to_str(), metadata.file_type()) {
                (Some(_), kind) if kind.is_file() => What::File,
                (Some(_), kind) if kind.is_dir() && path.split('/').count() < DEEPEST => What::Folder,
                (None, kind) if kind.is_file() || kind.is_dir() => What::Misnamed,
                _ => What::Other,
            };
            if what == What::Folder {
                folders.push((entry.path(), path.clone()));
            }
            let size = if what == What::File { metadata.len() } else { 0 };
            let modified = metadata.modified().ok().and_then(disk::nanos);
            found.push(Found { path, what, size, modified });
            if found.len() > TREE {
                let words =
                    format!("{} holds more than {TREE} files. Copy its folders one by one.", root.display());
                return Err(Trouble::Final(Reason::Invalid, words));
            }
        }
    }
    Ok(found)
}

fn unreadable(path: String) -> Found {
    Found { path, what: What::Unreadable(Code::Unreadable), size: 0, modified: None }
}

/// The folder there: made by this copy, or there already and asked for. True when it is new and empty.
async fn top(job: &Job, remote: &Remote, row: &Row) -> Result<(SharePath, bool), Trouble> {
    let copy = &row.transfer;
    let invalid = |error: path::PathError| Trouble::Final(Reason::Invalid, error.to_string());
    let path = SharePath::parse_remote(&copy.remote_path).map_err(invalid)?;
    let is_send = wire::is_send(&copy.share);
    let explain = |error: RemoteError| explain(is_send, &error, &copy.device_name, &copy.remote_path);
    for number in 1..1_000 {
        let path = if row.placing {
            path.clone()
        } else {
            path.with_name(&path::numbered(&row.wanted, number)).map_err(invalid)?
        };
        let made = interruptible(job, make_own(remote, copy.id, &path)).await?.map_err(explain)?;
        let fresh = match (made, copy.conflict) {
            (Frame::Stored(_), _) => !row.placing,
            (Frame::Same(_), _) if row.placing => false,
            (Frame::Same(_), Conflict::Replace | Conflict::Skip) => false,
            (Frame::Same(_) | Frame::Problem(_, Code::Exists), Conflict::KeepBoth) if !row.placing => {
                continue;
            }
            (Frame::Same(_), _) => break,
            (Frame::Problem(_, code), _) => {
                if row.placing && code == Code::Exists {
                    // Something else has its name by now.
                    job.save(|row| row.placing = false).await?;
                }
                return Err(explain(RemoteError::Refused(code)));
            }
            _ => return Err(explain(RemoteError::Nonsense("no word on the folder"))),
        };
        if !row.placing {
            // Not before the answer: until then it may be somebody else's.
            let text = path.to_string();
            job.save(|row| (row.placing, row.transfer.remote_path) = (true, text)).await?;
        }
        return Ok((path, fresh));
    }
    let (reason, detail) = trouble::refusal(Code::Exists, &copy.device_name, &copy.remote_path);
    Err(Trouble::Final(reason, detail))
}

/// Why it does not go on, in the words that fit a drive or a person.
fn explain(is_send: bool, error: &RemoteError, device: &str, path: &str) -> Trouble {
    if is_send { Trouble::sent(error, device, path) } else { Trouble::remote(error, device, path) }
}

impl Try<'_> {
    /// The files below the folder there.
    async fn what_is_there(&self) -> Result<HashMap<String, There>, Trouble> {
        let text = self.top.to_string();
        let explain = |error: RemoteError| Trouble::remote(&error, self.device, &text);
        let mut there = HashMap::new();
        if self.is_send {
            return Ok(there); // nobody looks into an inbox
        }
        let replaces = self.conflict == Conflict::Replace;
        let mut frames = self.remote.tree(&self.top, replaces).await.map_err(explain)?;
        while let Some(frame) = frames.next().await.map_err(explain)? {
            if let Frame::Entry(entry) = frame
                && entry.kind == Kind::File
                && there.len() < TREE
            {
                let file = There { size: entry.size, modified: entry.modified, etag: entry.etag };
                there.insert(entry.path.to_string(), file);
            }
        }
        Ok(there)
    }

    async fn all(&self, plan: Plan, seen: &Seen, now: &Versions) -> Result<(), Trouble> {
        let Plan { folders, files, left_out } = plan;
        let bytes: u64 = files.iter().map(|item| item.size).sum();
        self.job.show(|copy| copy.size = Some(bytes));
        let mut count = Count::new(self.job, files.len());
        folders.iter().for_each(|item| count.renamed(item));
        count.tell(left_out).await?;
        let missing = self.missing(files, seen, now, &mut count).await?;
        self.make(&folders, &mut count).await?;
        let (small, mut large): (Vec<Item>, Vec<Item>) = missing.into_iter().partition(Item::is_small);
        // A file may have grown to the largest small one by the time it is read.
        let batches = stream::iter(batches(small, |_| SMALL));
        let mut bringing = batches.map(|batch| self.small(batch)).buffered(AT_ONCE);
        while let Some(brought) = bringing.next().await {
            let Brought { told, grown, bytes } = brought?;
            large.extend(grown);
            count.tell_why(told).await?;
            self.job.pace(bytes).await;
        }
        drop(bringing);
        for item in large {
            self.large(&item, &mut count).await?;
        }
        if self.fresh || !matches!(self.conflict, Conflict::Replace | Conflict::Skip) {
            self.times(&folders).await?;
        }
        count.end().await
    }

    /// Leaves away what an earlier try brought and what is still there; the rest learns what it may replace.
    async fn missing(
        &self,
        files: Vec<Item>,
        seen: &Seen,
        now: &Versions,
        count: &mut Count<'_>,
    ) -> Result<Vec<Item>, Trouble> {
        let told = if self.fresh { HashMap::new() } else { brought(self.job).await? };
        let mut missing = Vec::new();
        for item in files {
            let told = told.get(&item.path);
            let is_there = told.is_some_and(|told| {
                (told.size, told.modified) == (item.size, item.modified)
                    && self.size_there(&told.note.copy) == Some(item.size)
            });
            if is_there {
                count.had(&item);
                continue;
            }
            let ours = told
                .zip(self.file_there(&item.copy))
                .is_some_and(|(told, there)| untouched(told, &item, there.size, there.modified));
            let ours = now.get(&item.copy).filter(|_| ours);
            missing.push(Item { replaces: seen.replaces(&item, ours), ..item });
        }
        Ok(missing)
    }

    fn file_there(&self, copy: &str) -> Option<&There> {
        self.there.get(&format!("{}/{copy}", self.top))
    }

    fn size_there(&self, copy: &str) -> Option<u64> {
        self.file_there(copy).map(|there| there.size)
    }

    fn there(&self, item: &Item) -> Result<SharePath, path::PathError> {
        SharePath::parse_remote(&format!("{}/{}", self.top, item.copy))
    }

    fn explain(&self, error: &RemoteError) -> Trouble {
        explain(self.is_send, error, self.device, &self.top.to_string())
    }

    /// How the other side is to settle a name that is taken by another file.
    fn word(&self) -> &'static str {
        match self.conflict {
            Conflict::Skip => "refuse",
            Conflict::Replace => "replace",
            // The folder is this copy's own; whatever came into it meanwhile stays.
            Conflict::Refuse | Conflict::KeepBoth => "keep_both",
        }
    }

    async fn make(&self, folders: &[Item], count: &mut Count<'_>) -> Result<(), Trouble> {
        for part in folders.chunks(BATCH) {
            let mut frames = Vec::with_capacity(part.len());
            let mut told = Vec::new();
            for item in part {
                match self.there(item) {
                    Ok(path) => frames.push((item, Frame::Folder { path, modified: None })),
                    Err(error) => {
                        told.push((item.told(Fate::Failed, Some(error.to_string())), Some(Reason::Invalid)))
                    }
                }
            }
            told.extend(self.bring(frames).await?);
            // Folders that are there are no news, unless they have another name there.
            let (news, rest): (Vec<_>, Vec<_>) =
                told.into_iter().partition(|(told, _)| told.note.fate != Fate::Done);
            count.tell_why(news).await?;
            let renamed = rest.into_iter().map(|(told, _)| told);
            self.job.tell(renamed.filter(|told| told.note.path != told.note.copy).collect()).await?;
        }
        Ok(())
    }

    async fn large(&self, item: &Item, count: &mut Count<'_>) -> Result<(), Trouble> {
        let told = match self.whole(item, count.bytes).await {
            Ok(told) => (told, None),
            Err(trouble) => {
                let (reason, words) = stops(trouble)?;
                (item.told(Fate::Failed, Some(words)), Some(reason))
            }
        };
        count.tell_why(vec![told]).await
    }

    async fn whole(&self, item: &Item, before: u64) -> Result<Told, Trouble> {
        let invalid = |error: path::PathError| Trouble::Final(Reason::Invalid, error.to_string());
        let (source, wanted) = (self.root.join(&item.path), self.there(item).map_err(invalid)?);
        if self.size_there(&item.copy) == Some(item.size)
            && upload::is_ours(self.job, self.remote, &source, &wanted).await?
        {
            return Ok(item.told(Fate::Done, None));
        }
        let over = self.may_replace(item, &wanted).await?;
        for number in 1..1_000 {
            let target = wanted
                .with_name(&path::numbered(wanted.name().unwrap_or_default(), number))
                .map_err(invalid)?;
            let shown = Shown::part_of(self.job, before);
            let settled = match &over {
                _ if self.is_send => "keep_both".into(),
                Replaces::Version(etag) => Settled { word: "replace", replaces: Some(etag) },
                Replaces::Nothing | Replaces::Anything => "refuse".into(),
            };
            let part = upload::of_item(self.copy, &item.path);
            match upload::send(self.job, self.remote, &source, &target, settled, part, shown).await? {
                Ok(stored) => {
                    let target = SharePath::parse_remote(&stored.path).unwrap_or(target);
                    let copy = target.names().get(self.top.names().len()..).unwrap_or_default().join("/");
                    return Ok(Item { copy, size: stored.size, ..item.clone() }.told(Fate::Done, None));
                }
                Err(RemoteError::Refused(Code::Exists)) => match self.conflict {
                    Conflict::Skip => return Ok(item.told(Fate::LeftOut, Some(KEPT.to_owned()))),
                    Conflict::Replace if over == Replaces::Nothing => return Err(self.changed(&target)),
                    Conflict::Replace => break,
                    // The answer to an earlier try may have been lost after the file was stored.
                    _ if upload::is_ours(self.job, self.remote, &source, &target).await? => {
                        return Ok(item.told(Fate::Done, None));
                    }
                    _ => {}
                },
                Err(RemoteError::Refused(Code::Changed)) if settled.replaces.is_some() => {
                    return Err(self.changed(&target));
                }
                Err(error) => return Err(Trouble::remote(&error, self.device, &target.to_string())),
            }
        }
        let (reason, words) = trouble::refusal(Code::Exists, self.device, &wanted.to_string());
        Err(Trouble::Final(reason, words))
    }

    /// What a file may take the place of, looked at before it travels: what is gone by now is not in its way, and what
    /// somebody changed meanwhile stays.
    async fn may_replace(&self, item: &Item, target: &SharePath) -> Result<Replaces, Trouble> {
        let Replaces::Version(seen) = &item.replaces else { return Ok(item.replaces.clone()) };
        match interruptible(self.job, self.remote.stat(target)).await? {
            Ok(there) if there.etag.as_ref() == Some(seen) => Ok(item.replaces.clone()),
            Ok(there) if there.kind == Kind::File => Err(self.changed(target)),
            Ok(_) => {
                Err(Trouble::remote(&RemoteError::Refused(Code::Exists), self.device, &target.to_string()))
            }
            Err(RemoteError::Refused(Code::NotFound)) => Ok(Replaces::Nothing),
            Err(error) => Err(Trouble::remote(&error, self.device, &target.to_string())),
        }
    }

    fn changed(&self, target: &SharePath) -> Trouble {
        let (reason, words) = trouble::changed_there(self.device, &target.to_string());
        Trouble::Final(reason, words)
    }

    /// Gives the folders there their times, the innermost first.
    async fn times(&self, folders: &[Item]) -> Result<(), Trouble> {
        for part in folders.rchunks(BATCH) {
            let timed = part.iter().rev().filter(|item| item.modified.is_some());
            let frames: Vec<Frame> = timed
                .filter_map(|item| {
                    Some(Frame::Folder { path: self.there(item).ok()?, modified: item.modified })
                })
                .collect();
            if !frames.is_empty() {
                let brought = interruptible(self.job, bring(self.remote, self.word(), frames)).await?;
                brought.map_err(|error| self.explain(&error))?;
            }
        }
        Ok(())
    }
}
