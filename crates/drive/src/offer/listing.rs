//! A folder's content in pages. Its names are remembered between two pages, within limits.

use super::{
    Query, Refused, Visit, blocking,
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
    ffi::OsString,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

pub(super) async fn list(visit: Visit, query: Query) -> Result<Response<Body>, Refused> {
    let folder = visit.admit(Action::List)?;
    let after = query.after.as_deref().map(parse_cursor).transpose()?;
    let offer = Arc::clone(&visit.offer);
    let page = blocking(move || page(&offer.listings, &folder.root, &query.path, after.as_ref())).await?;
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

    fn key(&self) -> (bool, &[u8], &[u8]) {
        (self.not_folder, self.folded.as_bytes(), &self.bytes)
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

/// How long the rest of a folder's names is remembered between two pages.
const REMEMBERED: Duration = Duration::from_secs(30);
/// Folders whose names are remembered.
const FOLDERS: usize = 4;
/// The most names that are remembered of one, and held while it is read. Of a larger folder every page is looked for
/// anew.
const NAMES: usize = 200_000;

/// The names of large folders between two pages, so that a folder is not read again for each.
#[derive(Default)]
pub(super) struct Listings {
    recent: Mutex<Vec<Rest>>,
}

/// A folder: where its share is, and its path in there.
type Of = (PathBuf, SharePath);

/// The names behind a page.
struct Rest {
    of: Of,
    names: Names,
    since: Instant,
}

impl Listings {
    fn take(&self, of: &Of) -> Option<Names> {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.retain(|rest| rest.since.elapsed() < REMEMBERED);
        let at = recent.iter().position(|rest| rest.of == *of)?;
        Some(recent.swap_remove(at).names)
    }

    fn keep(&self, of: Of, names: Names) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.retain(|rest| rest.of != of && rest.since.elapsed() < REMEMBERED);
        if recent.len() >= FOLDERS {
            recent.remove(0);
        }
        recent.push(Rest { of, names, since: Instant::now() });
    }
}

/// A name in a folder, as small as it can be: there may be very many.
struct Candidate {
    not_folder: bool,
    /// By what it is sorted; none when that is the name itself.
    folded: Option<Box<str>>,
    name: OsString,
}

impl Candidate {
    fn new(not_folder: bool, name: OsString) -> Self {
        let bytes = name.as_encoded_bytes();
        let plain = bytes.iter().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase());
        let folded = (!plain).then(|| String::from_utf8_lossy(bytes).to_lowercase().into_boxed_str());
        Self { not_folder, folded, name }
    }

    /// The order of [`Rank`].
    fn key(&self) -> (bool, &[u8], &[u8]) {
        let bytes = self.name.as_encoded_bytes();
        (self.not_folder, self.folded.as_deref().map_or(bytes, str::as_bytes), bytes)
    }

    fn cursor(&self) -> String {
        Rank::new(self.not_folder, self.name.as_encoded_bytes()).cursor()
    }
}

/// The names of a folder that were not told yet.
#[derive(Default)]
struct Names {
    all: Vec<Candidate>,
    /// The last one first, so that a page is taken from the end.
    sorted: bool,
    /// There are more than are held.
    more: bool,
}

impl Names {
    /// All names behind `after`.
    fn read(dir: &Dir, after: Option<&Rank>) -> Result<Self, Refused> {
        let mut names = Self::default();
        for entry in dir.entries()? {
            let entry = entry?;
            let name = entry.file_name();
            if name.to_str().is_some_and(path::is_reserved) {
                continue;
            }
            let candidate = Candidate::new(!entry.file_type().is_ok_and(|kind| kind.is_dir()), name);
            if after.is_none_or(|after| candidate.key() > after.key()) {
                names.all.push(candidate);
            }
            if names.all.len() >= NAMES {
                names.more = true;
                let rest = names.first(PAGE + 1);
                names.all = rest;
            }
        }
        Ok(names)
    }

    /// The first `most`, in order; they are not in here any more.
    fn first(&mut self, most: usize) -> Vec<Candidate> {
        if self.sorted {
            let mut first = self.all.split_off(self.all.len().saturating_sub(most));
            first.reverse();
            return first;
        }
        let mut first = std::mem::take(&mut self.all);
        if first.len() > most {
            // The others are brought into order when somebody asks for them: a first page is wanted at once.
            first.select_nth_unstable_by(most, |a, b| a.key().cmp(&b.key()));
            self.all = first.split_off(most);
        }
        first.sort_unstable_by(|a, b| a.key().cmp(&b.key()));
        first
    }

    /// Leaves away what comes before a page.
    fn skip(&mut self, after: &Rank) {
        if !self.sorted {
            self.all.sort_unstable_by(|a, b| b.key().cmp(&a.key()));
            self.sorted = true;
        }
        while self.all.last().is_some_and(|candidate| candidate.key() <= after.key()) {
            self.all.pop();
        }
    }
}

/// A folder is read for its first page; the others come from what was found then. A name that comes meanwhile may be
/// missed, one that goes is left out, the others are not moved by it.
fn page(listings: &Listings, root: &Path, path: &SharePath, after: Option<&Rank>) -> Result<Page, Refused> {
    let dir = confine::open_dir(root, path.names())?;
    let of = (root.to_owned(), path.clone());
    let mut names = match after.and_then(|after| Some((after, listings.take(&of)?))) {
        Some((after, mut names)) => {
            names.skip(after);
            names
        }
        None => Names::read(&dir, after)?,
    };
    let first = names.first(PAGE);
    let next = if names.all.is_empty() { None } else { first.last().map(Candidate::cursor) };
    let entries = first.iter().filter_map(|candidate| item(&dir, candidate)).collect();
    if next.is_some() && !names.more {
        listings.keep(of, names);
    }
    Ok(Page { entries, next })
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
