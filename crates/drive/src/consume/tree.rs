//! Whole folders, in both directions: what is in them, what it is called at the other end, and what became of it.
//!
//! A try asks for everything below the folder, leaves away what an earlier try has brought (it is written down, and
//! compared with what is there), carries small files in batches and large ones by pieces. One file that does not come
//! stops nothing; it is written down with its reason. What stops the whole is what would stop every file: the device
//! is away, the permission is gone, the disk is full.

pub(super) mod download;
mod names;
mod seen;
pub(super) mod upload;

use super::{
    journal::Told,
    transfer::{Fate, Note, Reason, Tree},
    transfers::Job,
    trouble::{self, Trouble},
};
use crate::{
    frames::{Replaces, SMALL},
    wire::{BATCH, BATCH_BYTES, Code},
};
pub(super) use download::remove_halves;
use names::Names;
pub(super) use seen::look_here_first;
use std::{
    cmp::Ordering,
    collections::HashMap,
    time::{Duration, Instant},
};

/// Progress is shown this often at most.
const TICK: Duration = Duration::from_millis(200);
/// Names of what did not come that are told in one sentence.
const NAMED: usize = 3;

/// One file or folder that is copied.
#[derive(Clone, Debug)]
struct Item {
    /// Its path below the folder that is copied, `/`-separated.
    path: String,
    /// The same in the copy.
    copy: String,
    size: u64,
    modified: Option<i64>,
    /// What it may take the place of.
    replaces: Replaces,
}

impl Item {
    fn told(&self, fate: Fate, detail: Option<String>) -> Told {
        let reason = match fate {
            Fate::LeftOut if detail.as_deref() == Some(KEPT) => Some(Reason::Exists),
            Fate::LeftOut => Some(Reason::Invalid),
            Fate::Done | Fate::Failed => None,
        };
        let note = Note { path: self.path.clone(), copy: self.copy.clone(), fate, reason, detail };
        Told { note, size: self.size, modified: self.modified }
    }

    fn is_small(&self) -> bool {
        self.size <= SMALL
    }
}

/// What is to be done. Folders come before what is in them.
#[derive(Debug, Default)]
struct Plan {
    folders: Vec<Item>,
    files: Vec<Item>,
    left_out: Vec<Told>,
}

/// What was found under one name, before it has a name in the copy.
#[derive(Clone, Debug)]
struct Found {
    path: String,
    what: What,
    size: u64,
    modified: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    File,
    Folder,
    /// A link, a device.
    Other,
    /// A file or folder whose name cannot be carried over.
    Misnamed,
    /// The other side cannot read it.
    Unreadable(Code),
}

impl Plan {
    /// Gives everything its name in the copy. `map` makes a name that the other end can hold out of one that may not be.
    fn new(mut found: Vec<Found>, mut names: Names, map: impl Fn(&str) -> String) -> Self {
        found.sort_unstable_by(|a, b| by_folder(&a.path, &b.path));
        let mut plan = Self::default();
        let mut folders: HashMap<String, String> = HashMap::from([(String::new(), String::new())]);
        for one in found {
            let (parent, name) = one.path.rsplit_once('/').unwrap_or(("", &one.path));
            let mut item = Item {
                path: one.path.clone(),
                copy: one.path.clone(),
                size: one.size,
                modified: one.modified,
                replaces: Replaces::Anything,
            };
            let leave = match one.what {
                What::Other => Some((
                    Fate::LeftOut,
                    Reason::Invalid,
                    "Links and special files are not copied.".to_owned(),
                )),
                What::Misnamed => Some((Fate::LeftOut, Reason::Misnamed, MISNAMED.to_owned())),
                What::Unreadable(code) => Some((Fate::Failed, reason_of(code), unreadable(code))),
                What::File | What::Folder => None,
            };
            if let Some((fate, reason, why)) = leave {
                let mut told = item.told(fate, Some(why));
                told.note.reason = Some(reason);
                plan.left_out.push(told);
                continue;
            }
            // What is in a folder that was left out does not come either; nobody honest tells of it.
            let Some(parent) = folders.get(parent) else { continue };
            item.copy = names.give(parent, &map(name));
            if one.what == What::Folder {
                folders.insert(one.path, item.copy.clone());
                plan.folders.push(item);
            } else {
                plan.files.push(item);
            }
        }
        plan
    }
}

/// Parents before what is in them, siblings by name.
fn by_folder(a: &str, b: &str) -> Ordering {
    a.split('/').cmp(b.split('/'))
}

fn reason_of(code: Code) -> Reason {
    match code {
        Code::NotFound => Reason::NotFound,
        Code::Invalid => Reason::Invalid,
        _ => Reason::Unreadable,
    }
}

fn unreadable(code: Code) -> String {
    match code {
        Code::NotFound => "It went away while the folder was copied.".to_owned(),
        Code::Invalid => "Its name cannot be sent.".to_owned(),
        _ => "The computer that holds it has no access to it itself.".to_owned(),
    }
}

/// Counts what became of a tree, shows it, and writes it down.
struct Count<'a> {
    job: &'a Job,
    tree: Tree,
    bytes: u64,
    /// The first few that failed, for the sentence at the end.
    failed: Vec<(String, Option<Reason>)>,
    /// A person can decide about some of them.
    taken: bool,
    shown_at: Instant,
    shown_bytes: u64,
    rate: f64,
}

impl<'a> Count<'a> {
    fn new(job: &'a Job, files: usize) -> Self {
        let tree = Tree { files: Some(files as u64), ..Tree::default() };
        Self {
            job,
            tree,
            bytes: 0,
            failed: Vec::new(),
            taken: false,
            shown_at: Instant::now(),
            shown_bytes: 0,
            rate: 0.0,
        }
    }

    /// A file that an earlier try brought.
    fn had(&mut self, item: &Item) {
        self.tree.files_done += 1;
        self.bytes += item.size;
        self.shown_bytes = self.bytes;
        self.renamed(item);
    }

    /// What became of some of it: counted, and written down before anything else happens.
    async fn tell(&mut self, told: Vec<Told>) -> Result<(), Trouble> {
        self.tell_why(told.into_iter().map(|told| (told, None)).collect()).await
    }

    /// The same with the reasons of what failed.
    async fn tell_why(&mut self, mut told: Vec<(Told, Option<Reason>)>) -> Result<(), Trouble> {
        for (told, reason) in &mut told {
            told.note.reason = reason.or(told.note.reason);
            match told.note.fate {
                Fate::Done => {
                    self.tree.files_done += 1;
                    self.bytes += told.size;
                    self.tree.renamed += u64::from(told.note.path != told.note.copy);
                }
                Fate::LeftOut => {
                    self.tree.left_out += 1;
                    self.tree.misnamed += u64::from(told.note.reason == Some(Reason::Misnamed));
                }
                Fate::Failed => {
                    self.tree.failed += 1;
                    self.taken |= *reason == Some(Reason::Exists);
                    if self.failed.len() < NAMED {
                        self.failed.push((told.note.path.clone(), *reason));
                    }
                }
            }
        }
        self.job.tell(told.into_iter().map(|(told, _)| told).collect()).await?;
        self.show(self.bytes);
        Ok(())
    }

    /// A folder, or a file that is there already, may have another name there.
    fn renamed(&mut self, item: &Item) {
        if item.path != item.copy {
            self.tree.renamed += 1;
        }
    }

    /// Shows progress; `bytes` may be ahead of what is done.
    fn show(&mut self, bytes: u64) {
        let passed = self.shown_at.elapsed();
        if passed >= TICK {
            let rate = bytes.saturating_sub(self.shown_bytes) as f64 / passed.as_secs_f64();
            self.rate = if self.rate == 0.0 { rate } else { self.rate * 0.7 + rate * 0.3 };
            (self.shown_at, self.shown_bytes) = (Instant::now(), bytes);
        } else if self.shown_bytes != 0 && bytes != self.bytes {
            return;
        }
        let (tree, rate) = (self.tree, self.rate as u64);
        self.job.show(|copy| (copy.bytes_done, copy.rate, copy.tree) = (bytes, rate, Some(tree)));
    }

    /// Everything was tried.
    async fn end(&self) -> Result<(), Trouble> {
        let (tree, bytes) = (self.tree, self.bytes);
        let whole = tree.failed == 0;
        self.job
            .save(|row| {
                let copy = &mut row.transfer;
                (copy.tree, copy.bytes_done) = (Some(tree), bytes);
                if whole {
                    // Files may have changed their size since they were counted.
                    copy.size = Some(bytes);
                }
            })
            .await?;
        let Some((_, reason)) = self.failed.first() else { return Ok(()) };
        let names: Vec<String> = self.failed.iter().map(|(path, _)| format!("“{path}”")).collect();
        let more = if tree.failed > names.len() as u64 { " and more" } else { "" };
        let words = format!(
            "{} of the folder could not be copied: {}{more}. The rest is there.",
            tree.failed,
            names.join(", ")
        );
        let reason = if self.taken { Reason::Exists } else { reason.unwrap_or(Reason::Unreadable) };
        Err(Trouble::Final(reason, words))
    }
}

/// Why something that was to stay was left out.
const KEPT: &str = "Another file of that name is there, and it was kept.";

/// Why a file or folder was left out that is no link and no special file.
const MISNAMED: &str = "Its name has characters in it that no other computer can read. It can be copied once it has \
                        another name where it is.";

/// What earlier tries have brought, by its path.
async fn brought(job: &Job) -> Result<HashMap<String, Told>, Trouble> {
    let told = job.told().await?.into_iter().filter(|told| told.note.fate == Fate::Done);
    Ok(told.map(|told| (told.note.path.clone(), told)).collect())
}

/// Never more than one request takes; the frames around the content are counted with it. `may_be` is how large a file
/// may have become until it is read.
fn batches(items: Vec<Item>, may_be: impl Fn(&Item) -> u64) -> Vec<Vec<Item>> {
    /// What even an empty file costs.
    const LEAST: u64 = 4_096;
    let (mut batches, mut batch, mut bytes) = (Vec::new(), Vec::new(), 0);
    for item in items {
        if batch.len() == BATCH || bytes + may_be(&item) > BATCH_BYTES {
            batches.push(std::mem::take(&mut batch));
            bytes = 0;
        }
        bytes += item.size.max(LEAST);
        batch.push(item);
    }
    if !batch.is_empty() {
        batches.push(batch);
    }
    batches
}

/// Whether a failure of one file is one of the whole tree.
fn stops(trouble: Trouble) -> Result<(Reason, String), Trouble> {
    match trouble {
        Trouble::Final(
            Reason::NotAllowed | Reason::MustAsk | Reason::Spent | Reason::DiskFull | Reason::Internal,
            _,
        )
        | Trouble::Interrupted
        | Trouble::Passing(..) => Err(trouble),
        Trouble::Changed => Ok((Reason::Changed, "It changes while it is copied.".to_owned())),
        Trouble::Final(reason, words) => Ok((reason, words)),
    }
}

/// The same for a refusal of one file in a batch.
fn refused(code: Code, device: &str, path: &str) -> Result<(Reason, String), Trouble> {
    let (reason, words) = trouble::refusal(code, device, path);
    stops(Trouble::Final(reason, words))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn found(path: &str, what: What) -> Found {
        Found { path: path.to_owned(), what, size: 1, modified: None }
    }

    #[test]
    fn folders_come_before_what_is_in_them_and_names_are_mapped_on_the_way() {
        let all = vec![
            found("b/x:y/deep", What::File),
            found("b/x:y", What::Folder),
            found("b-", What::File),
            found("b", What::Folder),
            found("link", What::Other),
            found("m\u{fffd}ller", What::Misnamed),
            found("b/secret", What::Unreadable(Code::Unreadable)),
            found("nobody/told/of/this", What::File),
        ];
        let plan = Plan::new(all, Names::exact(), |name| name.replace(':', "%3A"));
        let copies = |items: &[Item]| items.iter().map(|item| item.copy.clone()).collect::<Vec<_>>();
        assert_eq!(copies(&plan.folders), ["b", "b/x%3Ay"]);
        assert_eq!(copies(&plan.files), ["b/x%3Ay/deep", "b-"]);
        let left: Vec<_> = plan.left_out.iter().map(|told| (&*told.note.path, told.note.fate)).collect();
        let misnamed = ("m\u{fffd}ller", Fate::LeftOut);
        assert_eq!(left, [("b/secret", Fate::Failed), ("link", Fate::LeftOut), misnamed]);
        let why: Vec<_> = plan.left_out.iter().map(|told| told.note.reason).collect();
        assert_eq!(why[1..], [Some(Reason::Invalid), Some(Reason::Misnamed)], "an ordinary file is no link");
    }

    #[test]
    fn two_folders_that_are_one_to_the_disk_of_the_copy_keep_what_is_in_them_apart() {
        let all = vec![
            found("Photos", What::Folder),
            found("Photos/a.jpg", What::File),
            found("photos", What::Folder),
            found("photos/A.jpg", What::File),
            found("photos/a.jpg", What::File),
            found("caf\u{e9}", What::File),
            found("cafe\u{301}", What::Folder),
            found("cafe\u{301}/menu", What::File),
        ];
        let plan = Plan::new(all, Names::ignoring(true, true), str::to_owned);
        let copies = |items: &[Item]| items.iter().map(|item| item.copy.clone()).collect::<Vec<_>>();
        assert_eq!(copies(&plan.folders), ["Photos", "cafe\u{301}", "photos (2)"]);
        assert_eq!(
            copies(&plan.files),
            ["Photos/a.jpg", "cafe\u{301}/menu", "caf\u{e9} (2)", "photos (2)/A.jpg", "photos (2)/a (2).jpg"]
        );
    }
}
