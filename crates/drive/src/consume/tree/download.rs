//! One try of a folder from another device to here.

mod root;

use super::{
    Count, Found, Item, KEPT, Names, Plan, What, batches, brought, refused,
    seen::{Seen, untouched},
    stops,
};
use crate::{
    consume::{
        browse::{Frames, Remote, RemoteError},
        download::{self, Shown, Wanted, blocking},
        journal::{Row, Told},
        transfer::{Conflict, Fate, Reason},
        transfers::Job,
        trouble::{self, Trouble},
        upload::interruptible,
    },
    content::FileId,
    disk,
    frames::{Frame, Replaces, SmallFile},
    landing::{self, Landing, Outcome, Taken},
    path::{self, SharePath},
    wire::{BATCH, Code, Kind, TREE, Want},
};
use cap_std::{ambient_authority, fs::Dir};
use root::root;
use std::{
    collections::HashMap,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};
use tokio::task::JoinHandle;
use uuid::Uuid;

/// A batch on its way to the disk.
type Landed = JoinHandle<Result<Vec<Outcome>, Trouble>>;

/// One copy of a tree while it is tried.
struct Try<'a> {
    job: &'a Job,
    remote: &'a Remote,
    device: &'a str,
    /// The folder there.
    top: SharePath,
    /// The folder here.
    root: PathBuf,
    conflict: Conflict,
    /// The beginning of hidden names of this copy.
    mark: String,
    /// The folder here may hold something already.
    may_hold: bool,
}

pub(in crate::consume) async fn run(job: &Job, remote: &Remote, row: Row) -> Result<(), Trouble> {
    let copy = &row.transfer;
    let top = SharePath::parse_remote(&copy.remote_path)
        .map_err(|error| Trouble::Final(Reason::Invalid, error.to_string()))?;
    let found = interruptible(job, look(remote, &top, &copy.device_name)).await??;
    let (root, may_hold) = root(job, &row).await?;
    let mark = mark(copy.id);
    let names = {
        let (root, mark) = (root.clone(), mark.clone());
        blocking(move || Ok(Names::of(&root, &mark))).await?
    };
    let this =
        Try { job, remote, device: &copy.device_name, top, root, conflict: copy.conflict, mark, may_hold };
    let folding = names.folding();
    let plan = Plan::new(found, names, path::local_name);
    let seen = Seen::before(job, &row, folding).await?;
    this.all(plan, &seen).await
}

/// What the hidden names of a copy have in them.
fn mark(copy: Uuid) -> String {
    copy.simple().to_string().chars().take(8).collect()
}

/// Removes what had come of large files of a folder: nobody goes on with it. Links are not followed.
pub(in crate::consume) async fn remove_halves(root: &Path, copy: Uuid) {
    let (mut folders, end) = (vec![root.to_owned()], format!(".{}{}", mark(copy), path::PART_SUFFIX));
    let removed = tokio::task::spawn_blocking(move || {
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let Ok(kind) = entry.file_type() else { continue };
                let is_half = entry
                    .file_name()
                    .to_str()
                    .is_some_and(|name| path::is_part(name) && name.ends_with(&end));
                if kind.is_dir() {
                    folders.push(entry.path());
                } else if kind.is_file()
                    && is_half
                    && let Err(error) = fs::remove_file(entry.path())
                {
                    tracing::warn!(%error, "an unfinished file could not be removed");
                }
            }
        }
    });
    if let Err(error) = removed.await {
        tracing::warn!(%error, "unfinished files could not be looked for");
    }
}

/// Everything that is below a folder there.
async fn look(remote: &Remote, top: &SharePath, device: &str) -> Result<Vec<Found>, Trouble> {
    let shown = top.to_string();
    let explain = |error: RemoteError| Trouble::remote(&error, device, &shown);
    let mut frames = remote.tree(top, false).await.map_err(explain)?;
    let mut found = Vec::new();
    let above = top.names().len();
    let below =
        |path: &SharePath| (path.names().starts_with(top.names())).then(|| path.names()[above..].join("/"));
    while let Some(frame) = frames.next().await.map_err(explain)? {
        let one = match frame {
            Frame::Entry(entry) => below(&entry.path).filter(|path| !path.is_empty()).map(|path| Found {
                path,
                what: match entry.kind {
                    Kind::File if entry.size <= crate::content::MAX_SIZE => What::File,
                    Kind::Folder => What::Folder,
                    Kind::Other if entry.misnamed => What::Misnamed,
                    _ => What::Other,
                },
                size: entry.size,
                modified: entry.modified,
            }),
            Frame::Problem(path, code) => {
                below(&path).map(|path| Found { path, what: What::Unreadable(code), size: 0, modified: None })
            }
            _ => None,
        };
        let Some(one) = one else {
            return Err(explain(RemoteError::Nonsense("a tree with something else in it")));
        };
        found.push(one);
        if found.len() > TREE {
            let words = format!("“{shown}” holds more than {TREE} files. Copy its folders one by one.");
            return Err(Trouble::Final(Reason::Invalid, words));
        }
    }
    Ok(found)
}

impl Try<'_> {
    async fn all(&self, plan: Plan, seen: &Seen) -> Result<(), Trouble> {
        let Plan { folders, files, left_out } = plan;
        let bytes: u64 = files.iter().map(|item| item.size).sum();
        self.job.show(|copy| copy.size = Some(bytes));
        let mut count = Count::new(self.job, files.len());
        count.tell(left_out).await?;
        let (folders, files) =
            (self.holdable(folders, &mut count).await?, self.holdable(files, &mut count).await?);
        folders.iter().for_each(|item| count.renamed(item));
        let missing = self.missing(files, seen, &mut count).await?;
        let needed: u64 = missing.iter().map(|item| item.size).sum();
        self.room(needed).await?;
        self.make(&folders, &mut count).await?;
        let (small, mut large): (Vec<Item>, Vec<Item>) = missing.into_iter().partition(Item::is_small);
        self.small(small, &mut large, &mut count).await?;
        // The one of which something is here comes first, whatever has come into its folder since.
        let begun = self.job.row().and_then(|row| row.part);
        large.sort_by_key(|item| Some(self.part_of(item)) != begun);
        for item in large {
            self.large(&item, &mut count).await?;
        }
        self.times(folders).await?;
        count.end().await
    }

    /// Leaves away what this computer cannot hold under the path that it would get, before anything is looked for there.
    async fn holdable(&self, items: Vec<Item>, count: &mut Count<'_>) -> Result<Vec<Item>, Trouble> {
        let (holdable, odd): (Vec<Item>, Vec<Item>) =
            items.into_iter().partition(|item| SharePath::parse(&item.copy).is_ok());
        let mut told = Vec::with_capacity(odd.len());
        for item in &odd {
            let (reason, words) = self.not_here(Code::Invalid, item)?;
            told.push((item.told(Fate::Failed, Some(words)), Some(reason)));
        }
        count.tell_why(told).await?;
        Ok(holdable)
    }

    /// Leaves away what an earlier try brought and what is still as it was then; the rest learns what it may replace.
    async fn missing(
        &self,
        files: Vec<Item>,
        seen: &Seen,
        count: &mut Count<'_>,
    ) -> Result<Vec<Item>, Trouble> {
        let told = if self.may_hold { brought(self.job).await? } else { HashMap::new() };
        let root = self.root.clone();
        let (had, missing): (Vec<_>, Vec<_>) = blocking(move || {
            let look = |item: Item| {
                let told = told.get(&item.path);
                let here = told.and_then(|told| here(&root.join(&told.note.copy)));
                let had = told.zip(here).is_some_and(|(told, (size, modified))| {
                    let same = (told.size, told.modified) == (item.size, item.modified);
                    same && size == item.size && (item.modified.is_none() || modified == item.modified)
                });
                let ours = told.zip(here).is_some_and(|(told, here)| untouched(told, &item, here.0, here.1));
                let ours = ours.then(|| disk::version(&root.join(&item.copy))).flatten();
                (had, item, ours)
            };
            Ok(files.into_iter().map(look).partition(|(had, ..)| *had))
        })
        .await?;
        had.iter().for_each(|(_, item, _)| count.had(item));
        let replaces = |(_, item, ours): (bool, Item, Option<String>)| {
            let replaces = seen.replaces(&item, ours.as_ref());
            Item { replaces, ..item }
        };
        Ok(missing.into_iter().map(replaces).collect())
    }

    async fn room(&self, needed: u64) -> Result<(), Trouble> {
        let root = self.root.clone();
        blocking(move || match disk::space(&root) {
            Some((free, _)) if free < needed => {
                let words = format!("There is no room for {needed} bytes in {}.", root.display());
                Err(Trouble::Final(Reason::DiskFull, words))
            }
            _ => Ok(()),
        })
        .await
    }

    /// Makes the folders.
    async fn make(&self, folders: &[Item], count: &mut Count<'_>) -> Result<(), Trouble> {
        for part in folders.chunks(BATCH) {
            if self.job.stop.is_cancelled() {
                return Err(Trouble::Interrupted);
            }
            let (this, items) = (self.landed_by(), part.to_vec());
            let outcomes = blocking(move || {
                let mut landing = this.landing()?;
                for item in &items {
                    match SharePath::parse(&item.copy) {
                        Ok(path) => landing.folder(&path, None),
                        Err(_) => landing.refuse(Code::Invalid),
                    }
                }
                landing.settle().map_err(|error| Trouble::local(&error, &this.root))
            })
            .await?;
            let mut told = Vec::new();
            for (item, outcome) in part.iter().zip(outcomes) {
                if let Outcome::Refused(code) = outcome {
                    let (reason, words) = self.not_here(code, item)?;
                    told.push((item.told(Fate::Failed, Some(words)), Some(reason)));
                } else if item.copy != item.path {
                    // Told, but counted as no file.
                    self.job.tell(vec![item.told(Fate::Done, None)]).await?;
                }
            }
            count.tell_why(told).await?;
        }
        Ok(())
    }

    /// What a refusal of this computer's own disk means.
    fn not_here(&self, code: Code, item: &Item) -> Result<(Reason, String), Trouble> {
        let path = self.root.join(&item.copy);
        let path = path.display();
        Ok(match code {
            Code::DiskFull => {
                let words = format!("There is no room left on the disk for {path}.");
                return Err(Trouble::Final(Reason::DiskFull, words));
            }
            Code::Exists => (Reason::Exists, format!("Something else is at {path} already.")),
            Code::Changed => trouble::changed_here(&self.root.join(&item.copy)),
            Code::Invalid => (Reason::Invalid, format!("{path} is no path that this computer can hold.")),
            Code::NotFound | Code::WrongKind => {
                (Reason::Unreadable, format!("The folder of {path} is not there."))
            }
            _ => (Reason::Unreadable, format!("{path} cannot be written.")),
        })
    }

    /// What a thread that lands files needs to know.
    fn landed_by(&self) -> Lander {
        Lander {
            root: self.root.clone(),
            conflict: self.conflict,
            mark: self.mark.clone(),
            may_hold: self.may_hold,
        }
    }

    /// Small files, batch by batch: while one is brought to the disk, the next one arrives.
    async fn small(
        &self,
        items: Vec<Item>,
        large: &mut Vec<Item>,
        count: &mut Count<'_>,
    ) -> Result<(), Trouble> {
        let mut landing: Option<(Vec<Item>, Landed)> = None;
        let mut result = Ok(());
        for batch in batches(items, |item| item.size) {
            let fetched = self.fetch(batch, count).await;
            if let Some((items, landed)) = landing.take() {
                let outcomes = landed.await.map_err(|_| Trouble::Interrupted)?;
                self.landed(&items, outcomes?, count).await?;
            }
            let Fetched { items, files, told, too_large, .. } = match fetched {
                Ok(fetched) => fetched,
                Err(trouble) => {
                    result = Err(trouble);
                    break;
                }
            };
            large.extend(too_large);
            count.tell_why(told).await?;
            let this = self.landed_by();
            landing = Some((items, tokio::task::spawn_blocking(move || this.land(&files))));
        }
        if let Some((items, landed)) = landing.take() {
            let outcomes = landed.await.map_err(|_| Trouble::Interrupted)?;
            self.landed(&items, outcomes?, count).await?;
        }
        result
    }

    /// One batch from the other device.
    async fn fetch(&self, batch: Vec<Item>, count: &mut Count<'_>) -> Result<Fetched, Trouble> {
        let have = self.have(&batch).await?;
        let mut wanted = Vec::with_capacity(batch.len());
        for (item, have) in batch.iter().zip(have) {
            wanted.push(Want { path: self.there(item)?.to_string(), have, only_compare: false });
        }
        let top = self.top.to_string();
        let explain = |error: RemoteError| Trouble::remote(&error, self.device, &top);
        let mut frames = interruptible(self.job, self.remote.batch(&wanted)).await?.map_err(explain)?;
        let mut fetched = Fetched::default();
        let begun = count.bytes;
        for item in batch {
            let frame = interruptible(self.job, next(&mut frames)).await?.map_err(explain)?;
            let arrived = std::mem::take(&mut frames.arrived);
            self.job.pace(arrived).await;
            let there = self.there(&item)?;
            match frame {
                Frame::File(file) if file.path == there => {
                    let copy = SharePath::parse(&item.copy);
                    let Ok(path) = copy else {
                        let (reason, words) = self.not_here(Code::Invalid, &item)?;
                        fetched.told.push((item.told(Fate::Failed, Some(words)), Some(reason)));
                        continue;
                    };
                    // What arrived is what is kept, also when the file has changed since it was listed.
                    let item = Item { size: file.content.len() as u64, modified: file.modified, ..item };
                    fetched.bytes += item.size;
                    // What it replaces here is not for the other device to say.
                    let replaces = item.replaces.clone();
                    fetched.files.push(SmallFile { path, replaces, ..file });
                    fetched.items.push(item);
                }
                Frame::Same(path) if path == there => {
                    fetched.told.push((item.told(Fate::Done, None), None));
                }
                Frame::Problem(path, Code::TooLarge) if path == there => fetched.too_large.push(item),
                Frame::Problem(path, code) if path == there => {
                    let (reason, words) = refused(code, self.device, &path.to_string())?;
                    fetched.told.push((item.told(Fate::Failed, Some(words)), Some(reason)));
                }
                _ => return Err(explain(RemoteError::Nonsense("other files than were asked for"))),
            }
            count.show(begun + fetched.bytes);
        }
        if interruptible(self.job, frames.next()).await?.map_err(explain)?.is_some() {
            return Err(explain(RemoteError::Nonsense("more files than were asked for")));
        }
        Ok(fetched)
    }

    /// The identities of what is here already under these names.
    async fn have(&self, batch: &[Item]) -> Result<Vec<Option<FileId>>, Trouble> {
        if !self.may_hold {
            return Ok(vec![None; batch.len()]);
        }
        let (root, batch) = (self.root.clone(), batch.to_vec());
        blocking(move || {
            let dir = Dir::open_ambient_dir(&root, ambient_authority());
            let dir = dir.map_err(|error| Trouble::local(&error, &root))?;
            Ok(batch.iter().map(|item| landing::small_id(&dir, &item.copy, item.size)).collect())
        })
        .await
    }

    fn there(&self, item: &Item) -> Result<SharePath, Trouble> {
        let joined =
            if self.top.is_top() { item.path.clone() } else { format!("{}/{}", self.top, item.path) };
        SharePath::parse_remote(&joined).map_err(|error| Trouble::Final(Reason::Invalid, error.to_string()))
    }

    /// Writes down what became of the files of a batch.
    async fn landed(
        &self,
        items: &[Item],
        outcomes: Vec<Outcome>,
        count: &mut Count<'_>,
    ) -> Result<(), Trouble> {
        let mut told = Vec::with_capacity(items.len());
        for (item, outcome) in items.iter().zip(outcomes) {
            told.push(match outcome {
                Outcome::Same => (item.told(Fate::Done, None), None),
                Outcome::Stored(path) => {
                    let item = Item { copy: path.to_string(), ..item.clone() };
                    (item.told(Fate::Done, None), None)
                }
                Outcome::Refused(Code::Exists) if self.conflict == Conflict::Skip => {
                    (item.told(Fate::LeftOut, Some(KEPT.to_owned())), None)
                }
                Outcome::Refused(code) => {
                    let (reason, words) = self.not_here(code, item)?;
                    (item.told(Fate::Failed, Some(words)), Some(reason))
                }
            });
        }
        count.tell_why(told).await
    }

    /// One file by pieces.
    async fn large(&self, item: &Item, count: &mut Count<'_>) -> Result<(), Trouble> {
        let done = match self.piecewise(item, count.bytes).await {
            Ok(told) => (told, None),
            Err(trouble) => {
                let (reason, words) = stops(trouble)?;
                (item.told(Fate::Failed, Some(words)), Some(reason))
            }
        };
        count.tell_why(vec![done]).await
    }

    async fn piecewise(&self, item: &Item, before: u64) -> Result<Told, Trouble> {
        let (path, target) = (self.there(item)?, self.root.join(&item.copy));
        let explain = |error: RemoteError| Trouble::remote(&error, self.device, &item.path);
        if let Some(there) = self.holds(&target, item.size).await? {
            let manifest = interruptible(self.job, self.remote.manifest(&path)).await?.map_err(explain)?;
            if manifest.id() == there {
                return Ok(item.told(Fate::Done, None));
            }
        }
        let (folder, name) = (target.parent().unwrap_or(&self.root), target.file_name());
        let name = name.and_then(|name| name.to_str()).unwrap_or_default();
        if self.conflict == Conflict::Skip && fs::symlink_metadata(&target).is_ok() {
            return Ok(item.told(Fate::LeftOut, Some(KEPT.to_owned())));
        }
        // Looked at before it travels, and again before it gets its name.
        may_replace(&target, &item.replaces)?;
        let part = self.part_of(item);
        self.job.grows_in(&part).await;
        let wanted = Wanted { remote: self.remote, path: &path, part: &part, device: self.device };
        let fetched = download::fetch(self.job, &wanted, Shown::part_of(self.job, before)).await;
        if let Err(Trouble::Final(reason, _)) = &fetched
            && *reason != Reason::DiskFull
        {
            // It does not come: nothing of it stays. What only waits is kept for the next try.
            let _ = tokio::fs::remove_file(&part).await;
        }
        fetched?;
        let (folder, name) = (folder.to_owned(), name.to_owned());
        let (conflict, replaces, root) = (self.conflict, item.replaces.clone(), self.root.clone());
        let placed = blocking(move || place(&part, &folder, &name, conflict, &replaces)).await?;
        let Some(placed) = placed else { return Ok(item.told(Fate::LeftOut, Some(KEPT.to_owned()))) };
        let copy = placed.strip_prefix(&root).map_or_else(|_| item.copy.clone(), slashes);
        Ok(Item { copy, ..item.clone() }.told(Fate::Done, None))
    }

    /// The hidden file in which a large one grows.
    fn part_of(&self, item: &Item) -> PathBuf {
        let target = self.root.join(&item.copy);
        let name = target.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        target.with_file_name(path::part_name(name, &self.mark))
    }

    /// The identity of a file here of that size.
    async fn holds(&self, target: &Path, size: u64) -> Result<Option<FileId>, Trouble> {
        if !self.may_hold {
            return Ok(None);
        }
        let target = target.to_owned();
        blocking(move || {
            if !fs::symlink_metadata(&target).is_ok_and(|there| there.is_file() && there.len() == size) {
                return Ok(None);
            }
            let hash = || -> io::Result<FileId> {
                let mut hasher = blake3::Hasher::new();
                hasher.update_reader(File::open(&target)?)?;
                Ok(FileId(*hasher.finalize().as_bytes()))
            };
            Ok(hash().ok())
        })
        .await
    }

    /// Gives the folders their times, the innermost first: whatever comes into a folder changes its time.
    async fn times(&self, folders: Vec<Item>) -> Result<(), Trouble> {
        if self.may_hold && matches!(self.conflict, Conflict::Replace | Conflict::Skip) {
            return Ok(()); // folders that were there before keep their own
        }
        let root = self.root.clone();
        blocking(move || {
            let Ok(dir) = Dir::open_ambient_dir(&root, ambient_authority()) else { return Ok(()) };
            for item in folders.iter().rev() {
                if let (Some(modified), Ok(folder)) = (item.modified, dir.open_dir(&item.copy)) {
                    disk::set_folder_modified(&folder, modified);
                }
            }
            Ok(())
        })
        .await
    }
}

/// A batch as it arrived.
#[derive(Default)]
struct Fetched {
    items: Vec<Item>,
    files: Vec<SmallFile>,
    bytes: u64,
    told: Vec<(Told, Option<Reason>)>,
    /// It has grown since it was listed.
    too_large: Vec<Item>,
}

async fn next(frames: &mut Frames) -> Result<Frame, RemoteError> {
    frames.next().await?.ok_or(RemoteError::Nonsense("fewer files than were asked for"))
}

/// Brings files to the disk, away from the async threads.
struct Lander {
    root: PathBuf,
    conflict: Conflict,
    mark: String,
    may_hold: bool,
}

impl Lander {
    fn landing(&self) -> Result<Landing, Trouble> {
        let root = Dir::open_ambient_dir(&self.root, ambient_authority())
            .map_err(|error| Trouble::local(&error, &self.root))?;
        let taken = match self.conflict {
            Conflict::Skip => Taken::Refuse,
            Conflict::Replace => Taken::Replace,
            // The folder is this copy's own; whatever came into it meanwhile stays.
            Conflict::Refuse | Conflict::KeepBoth => Taken::KeepBoth,
        };
        Ok(Landing::new(root, format!(".lanyard-{}-", self.mark), taken, self.may_hold, landing::anywhere))
    }

    fn land(&self, files: &[SmallFile]) -> Result<Vec<Outcome>, Trouble> {
        let mut landing = self.landing()?;
        files.iter().for_each(|file| landing.file(file));
        landing.settle().map_err(|error| Trouble::local(&error, &self.root))
    }
}

/// Size and time of a file here.
fn here(path: &Path) -> Option<(u64, Option<i64>)> {
    let there = fs::symlink_metadata(path).ok().filter(fs::Metadata::is_file)?;
    Some((there.len(), there.modified().ok().and_then(disk::nanos)))
}

/// What somebody wrote here meanwhile stays; it is asked what becomes of it.
fn may_replace(target: &Path, replaces: &Replaces) -> Result<(), Trouble> {
    if here(target).is_none() || replaces.allows(|| disk::version(target)) {
        return Ok(());
    }
    let (reason, words) = trouble::changed_here(target);
    Err(Trouble::Final(reason, words))
}

/// Gives a whole file its name, or the next free number; none when it gives way to what is there.
fn place(
    part: &Path,
    folder: &Path,
    name: &str,
    conflict: Conflict,
    replaces: &Replaces,
) -> Result<Option<PathBuf>, Trouble> {
    let (replace, skip) = (conflict == Conflict::Replace, conflict == Conflict::Skip);
    for number in 1..1_000 {
        let target = folder.join(path::numbered(name, number));
        if let Err(changed) = may_replace(&target, replaces) {
            let _ = fs::remove_file(part);
            return Err(changed);
        }
        let is_file = fs::symlink_metadata(&target).is_ok_and(|there| there.is_file());
        match disk::place(part, &target, replace && is_file).and_then(|()| disk::sync_dir(folder)) {
            Ok(()) => return Ok(Some(target)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && skip => {
                let _ = fs::remove_file(part);
                return Ok(None);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && !replace => {}
            Err(error) => {
                let (reason, words) = trouble::local_words(&error, &target);
                return Err(Trouble::Final(reason, words));
            }
        }
    }
    Err(Trouble::Final(
        Reason::Exists,
        format!("{} and all its numbers are taken.", folder.join(name).display()),
    ))
}

fn slashes(path: &Path) -> String {
    path.iter().map(|name| name.to_string_lossy()).collect::<Vec<_>>().join("/")
}
