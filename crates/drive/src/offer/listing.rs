//! A folder's content in pages. Its names are remembered between two pages, within limits.

mod names;

use super::{Folder, Medium, Query, Refused, Visit, blocking, confine::Facts};
use crate::{
    path::SharePath,
    wire::{Code, Item, Kind, Page},
};
use http::{Response, StatusCode};
use lanyard_link::Body;
use lanyard_trust::Action;
use names::{Names, Told};
use std::{
    ffi::OsStr,
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

pub(super) async fn list(visit: Visit, query: Query) -> Result<Response<Body>, Refused> {
    let folder = visit.admit(Action::List)?;
    let after = query.after.as_deref().map(parse_cursor).transpose()?;
    let page = blocking(move || page(&visit, &folder, &query.path, after.as_ref())).await?;
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

    fn cursor_of(not_folder: bool, bytes: &[u8]) -> String {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{}{hex}", if not_folder { 'f' } else { 'd' })
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

/// The names of large folders between two pages, so that a folder is not read again for each.
#[derive(Default)]
pub(super) struct Listings {
    recent: Mutex<Vec<Rest>>,
    /// Memory of names that were told.
    spare: Mutex<Option<Names>>,
}

/// A folder: where its share is and on what, and its path in there.
type Of = (PathBuf, Medium, SharePath);

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

    /// Memory for the names of this folder, which is read anew.
    fn memory(&self, of: &Of) -> Names {
        let old = self.take(of).or_else(|| self.spare.lock().unwrap_or_else(PoisonError::into_inner).take());
        old.unwrap_or_default()
    }

    /// Nobody needs these any more.
    fn give_back(&self, names: Names) {
        *self.spare.lock().unwrap_or_else(PoisonError::into_inner) = names.into_spare();
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

/// A folder is read for its first page; the others come from what was found then. A name that comes meanwhile may be
/// missed, one that goes is left out, the others are not moved by it.
fn page(visit: &Visit, folder: &Folder, path: &SharePath, after: Option<&Rank>) -> Result<Page, Refused> {
    let listings = &visit.offer.listings;
    let dir = visit.shown(folder)?.open_dir(path.names())?;
    let of = (folder.root.clone(), folder.medium, path.clone());
    let mut names = match after.and_then(|after| Some((after, listings.take(&of)?))) {
        Some((after, mut names)) => {
            names.skip(after);
            names
        }
        None => Names::read(&dir, after, listings.memory(&of))?,
    };
    let look = dir.looks();
    let (entries, next) = names.page(|told| item(&look, &told));
    if next.is_some() && names.is_whole() {
        listings.keep(of, names);
    } else {
        listings.give_back(names);
    }
    Ok(Page { entries, next })
}

/// None for a name that went away meanwhile.
fn item(look: &impl Fn(&OsStr) -> Result<Option<Facts>, Refused>, told: &Told<'_>) -> Option<Item> {
    let facts = match (told.known, told.name()) {
        (Some(facts), _) => Some(facts),
        (None, Some(name)) => match look(name) {
            Ok(facts) => Some(facts?),
            Err(_) => None,
        },
        (None, None) => None,
    };
    // A name that does not survive the wire, or that this protocol refuses, cannot be opened later: say so now.
    let openable =
        told.name().and_then(OsStr::to_str).is_some_and(|name| SharePath::top().join(name).is_ok());
    let kind = facts.filter(|_| openable).map_or(Kind::Other, |facts| facts.kind);
    let misnamed = facts.map(|facts| facts.kind).filter(|kind| !openable && *kind != Kind::Other);
    Some(Item { misnamed, ..Item::of(told.text().into_owned(), kind, facts.as_ref()) })
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
            misnamed: None,
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
            prop_assert_eq!(parse_cursor(&Rank::cursor_of(not_folder, &rank.bytes)).unwrap(), rank);
        }

        #[test]
        fn no_cursor_of_a_stranger_panics(text in "\\PC{0,12}") {
            let _ = parse_cursor(&text);
        }
    }
}
