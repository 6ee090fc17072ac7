//! A folder's content in pages, in memory that does not grow with the folder.

use super::{
    Query, Refused, Visit, blocking,
    confine::Facts,
    shown::{Listed, Name, Shown},
};
use crate::{
    path::{self, SharePath},
    wire::{Code, Item, Kind, PAGE, Page},
};
use http::{Response, StatusCode};
use lanyard_link::Body;
use lanyard_trust::Action;
use std::collections::BinaryHeap;

pub(super) async fn list(visit: Visit, query: Query) -> Result<Response<Body>, Refused> {
    let folder = visit.admit(Action::List)?;
    let after = query.after.as_deref().map(parse_cursor).transpose()?;
    let page = blocking(move || page(&visit.shown(&folder)?, &query.path, after.as_ref())).await?;
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
    name: Name,
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

/// The folder is read once per page; only the page's own names are kept while it is. A name that comes or goes
/// meanwhile may be missed or seen, the others are not moved by it.
fn page(shown: &Shown, path: &SharePath, after: Option<&Rank>) -> Result<Page, Refused> {
    let dir = shown.open_dir(path.names())?;
    let mut first: BinaryHeap<Candidate> = BinaryHeap::with_capacity(PAGE + 2);
    for name in dir.names()? {
        let name = name?;
        let rank = Rank::new(!name.is_folder, name.name.as_encoded_bytes());
        if name.name.to_str().is_some_and(path::is_reserved) || after.is_some_and(|after| rank <= *after) {
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
fn item(dir: &Listed, candidate: &Candidate) -> Option<Item> {
    let name = candidate.name.name.to_string_lossy().into_owned();
    let facts = match dir.facts(&candidate.name) {
        Ok(facts) => facts?,
        Err(_) => return Some(Item::of(name, Kind::Other, None)),
    };
    // A name that does not survive the wire, or that this protocol refuses, cannot be opened later: say so now.
    let openable = candidate.name.name.to_str().is_some_and(|name| SharePath::top().join(name).is_ok());
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
