//! A folder's content in pages.
//!
//! The first page is found in one pass, in memory that does not grow with the folder. Whoever goes on is about to read all
//! of it: its names are put in order once and kept for a moment, so that a hundred pages do not cost a hundred passes. Only
//! names are kept; what stands behind each is looked at when its page is told, and a folder that changes is read again.

use super::{
    Offer, Query, Refused, Visit, blocking,
    confine::{self, Facts},
};
use crate::{
    path::{self, SharePath},
    wire::{Code, Item, Kind, PAGE, Page},
};
use cap_std::fs::Dir;
use http::{Response, StatusCode};
use lanyard_link::Body;
use lanyard_trust::Action;
use std::{
    collections::BinaryHeap,
    ffi::OsString,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Folders whose names are kept in order at one time, and how long at most without a question for them.
const KEPT: usize = 2;
const KEPT_FOR: Duration = Duration::from_secs(15);
/// The most names of one folder that are kept.
const MOST_NAMES: usize = 150_000;

/// Names of folders that are being read page by page.
#[derive(Default)]
pub(super) struct Ordered {
    kept: Mutex<Vec<Kept>>,
}

struct Kept {
    root: PathBuf,
    path: SharePath,
    /// The folder when it was read: names that come and go change it.
    folder: Facts,
    names: Arc<Vec<Candidate>>,
    asked: Instant,
}

impl Ordered {
    fn get(&self, root: &Path, path: &SharePath, folder: &Facts) -> Option<Arc<Vec<Candidate>>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|one| one.asked.elapsed() < KEPT_FOR);
        let known = |one: &&mut Kept| one.root == root && one.path == *path && one.folder == *folder;
        let one = kept.iter_mut().find(known)?;
        one.asked = Instant::now();
        Some(Arc::clone(&one.names))
    }

    fn keep(&self, root: &Path, path: &SharePath, folder: Facts, names: &Arc<Vec<Candidate>>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|one| one.root != root || one.path != *path);
        if kept.len() >= KEPT {
            kept.remove(0);
        }
        let (root, path, names) = (root.to_owned(), path.clone(), Arc::clone(names));
        kept.push(Kept { root, path, folder, names, asked: Instant::now() });
    }

    /// Its last page was told.
    fn forget(&self, root: &Path, path: &SharePath) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|one| one.root != root || one.path != *path);
    }
}

pub(super) async fn list(visit: Visit, query: Query) -> Result<Response<Body>, Refused> {
    let folder = visit.admit(Action::List)?;
    let after = query.after.as_deref().map(parse_cursor).transpose()?;
    let offer = Arc::clone(&visit.offer);
    let page = blocking(move || match after {
        None => first_page(&folder.root, &query.path, None),
        Some(after) => further_page(&offer, &folder.root, &query.path, &after),
    });
    let page = page.await?;
    Ok(lanyard_link::body::json(StatusCode::OK, &page))
}

/// Where a name stands in a folder: folders first, then by name as people sort, then by its exact bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    not_folder: bool,
    folded: String,
    bytes: Vec<u8>,
}

impl Rank {
    fn new(not_folder: bool, bytes: &[u8]) -> Self {
        let folded = String::from_utf8_lossy(bytes).to_lowercase();
        Self { not_folder, folded, bytes: bytes.to_vec() }
    }

    fn cursor(&self) -> String {
        let hex: String = self.bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{}{hex}", if self.not_folder { 'f' } else { 'd' })
    }
}

fn parse_cursor(text: &str) -> Result<Rank, Refused> {
    let bad = || Refused::new(Code::Invalid, "no such page");
    let not_folder = match text.as_bytes().first() {
        Some(b'd') => false,
        Some(b'f') => true,
        _ => return Err(bad()),
    };
    let digits =
        text.as_bytes().get(1..).filter(|hex| hex.len() % 2 == 0 && hex.len() <= 4_096).ok_or_else(bad)?;
    let bytes: Option<Vec<u8>> =
        digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect();
    Ok(Rank::new(not_folder, &bytes.ok_or_else(bad)?))
}

struct Candidate {
    rank: Rank,
    name: OsString,
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.rank.cmp(&other.rank)
    }
}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Candidate {
    fn eq(&self, other: &Self) -> bool {
        self.rank == other.rank
    }
}

impl Eq for Candidate {}

/// A page after another one. A name that comes or goes meanwhile may be missed or seen, the others are not moved by it.
fn further_page(offer: &Offer, root: &Path, path: &SharePath, after: &Rank) -> Result<Page, Refused> {
    let dir = confine::open_dir(root, path.names())?;
    let folder = Facts::of(&dir.dir_metadata()?);
    let names = match offer.ordered.get(root, path, &folder) {
        Some(names) => names,
        None => match all_names(&dir)? {
            Some(names) => {
                let names = Arc::new(names);
                offer.ordered.keep(root, path, folder, &names);
                names
            }
            None => return first_page(root, path, Some(after)),
        },
    };
    let from = names.partition_point(|candidate| candidate.rank <= *after);
    let to = (from + PAGE).min(names.len());
    let next = (to < names.len()).then(|| names[to - 1].rank.cursor());
    if next.is_none() {
        offer.ordered.forget(root, path);
    }
    Ok(Page { entries: names[from..to].iter().filter_map(|candidate| item(&dir, candidate)).collect(), next })
}

/// All names in order; none when there are too many to keep.
fn all_names(dir: &Dir) -> Result<Option<Vec<Candidate>>, Refused> {
    let mut names = Vec::new();
    for entry in dir.entries()? {
        let entry = entry?;
        let name = entry.file_name();
        if name.to_str().is_some_and(path::is_reserved) {
            continue;
        }
        if names.len() >= MOST_NAMES {
            return Ok(None);
        }
        let not_folder = !entry.file_type().is_ok_and(|kind| kind.is_dir());
        names.push(Candidate { rank: Rank::new(not_folder, name.as_encoded_bytes()), name });
    }
    names.sort_unstable();
    Ok(Some(names))
}

/// A page found in one pass; only its own names are kept while the folder is read.
fn first_page(root: &Path, path: &SharePath, after: Option<&Rank>) -> Result<Page, Refused> {
    let dir = confine::open_dir(root, path.names())?;
    let mut first: BinaryHeap<Candidate> = BinaryHeap::with_capacity(PAGE + 2);
    for entry in dir.entries()? {
        let entry = entry?;
        let name = entry.file_name();
        let not_folder = !entry.file_type().is_ok_and(|kind| kind.is_dir());
        let rank = Rank::new(not_folder, name.as_encoded_bytes());
        if name.to_str().is_some_and(path::is_reserved) || after.is_some_and(|after| rank <= *after) {
            continue;
        }
        if first.len() > PAGE && first.peek().is_some_and(|last| last.rank <= rank) {
            continue;
        }
        first.push(Candidate { rank, name });
        if first.len() > PAGE + 1 {
            first.pop();
        }
    }
    let mut first = first.into_sorted_vec();
    let more = first.len() > PAGE;
    first.truncate(PAGE);
    let next = if more { first.last().map(|last| last.rank.cursor()) } else { None };
    Ok(Page { entries: first.iter().filter_map(|candidate| item(&dir, candidate)).collect(), next })
}

/// None for a name that went away meanwhile.
fn item(dir: &Dir, candidate: &Candidate) -> Option<Item> {
    let name = candidate.name.to_string_lossy().into_owned();
    let facts = match confine::facts_in(dir, &candidate.name) {
        Ok(facts) => facts,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        Err(_) => return Some(Item::of(name, Kind::Other, None)),
    };
    // A name that does not survive the wire, or that this protocol refuses, cannot be opened later: say so now.
    let openable = candidate.name.to_str().is_some_and(|name| SharePath::top().join(name).is_ok());
    let kind = if openable { facts.kind } else { Kind::Other };
    Some(Item::of(name, kind, Some(&facts)))
}

impl Item {
    fn of(name: String, kind: Kind, facts: Option<&Facts>) -> Self {
        Self {
            name,
            kind,
            size: facts.map_or(0, |facts| facts.size),
            modified: facts.and_then(|facts| facts.modified),
            executable: facts.is_some_and(|facts| facts.executable),
            etag: facts.filter(|_| kind == Kind::File).map(Facts::etag),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn folders_come_first_and_names_as_people_sort_them() {
        let mut ranks = [
            Rank::new(true, b"beta"),
            Rank::new(true, b"Alpha"),
            Rank::new(false, b"zoo"),
            Rank::new(true, b"alpha"),
            Rank::new(false, b"Attic"),
        ];
        ranks.sort();
        let names: Vec<_> =
            ranks.iter().map(|rank| String::from_utf8_lossy(&rank.bytes).into_owned()).collect();
        assert_eq!(names, ["Attic", "zoo", "Alpha", "alpha", "beta"]);
    }

    proptest! {
        #[test]
        fn a_cursor_leads_back_to_its_place(not_folder: bool, bytes: Vec<u8>) {
            let rank = Rank::new(not_folder, &bytes);
            prop_assert_eq!(parse_cursor(&rank.cursor()).unwrap(), rank);
        }

        #[test]
        fn no_cursor_of_a_stranger_panics(text in "\\PC{0,12}") {
            let _ = parse_cursor(&text);
        }
    }
}
