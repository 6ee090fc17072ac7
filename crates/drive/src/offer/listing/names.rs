//! The names of one folder, in the order in which they are told: all in one piece of memory, because there may be very
//! many. What they stand for is looked up by whoever tells them.

use super::Rank;
use crate::{
    offer::{Refused, confine::Facts, shown::Listed},
    path,
    wire::PAGE,
};
use std::{borrow::Cow, cmp::Ordering, ffi::OsStr};

/// The most names that are held of one folder. Of a larger one only its first are, and every page is looked for anew.
const MOST: usize = 200_000;
/// The most bytes of names, for the same purpose: those of the longest names that most systems have.
const MOST_BYTES: usize = MOST * 255;

/// A name, and what it is sorted by.
const LONGEST: usize = 4 * 1_024;

/// The names of a folder that were not told yet.
#[derive(Default)]
pub(super) struct Names {
    /// A name after the other, each followed by what it is sorted by where that is something else.
    text: Vec<u8>,
    places: Vec<Place>,
    /// What a disc tells together with its names.
    known: Vec<Facts>,
    /// How many bytes all of them begin with, as they are sorted; none while nothing says otherwise.
    common: Option<usize>,
    /// The last one first, so that a page is taken from the end.
    sorted: bool,
    /// There are more than are held.
    more: bool,
}

/// Where a name is.
#[derive(Clone, Copy)]
struct Place {
    /// The first bytes by which it can differ from others, so that nearly every comparison is one of numbers.
    key: u64,
    at: u32,
    name: u16,
    /// 0 when it is sorted by the name itself.
    folded: u16,
    /// Its place in `known`, or [`NOTHING`].
    known: u32,
    is_folder: bool,
}

/// Nothing is known of it.
const NOTHING: u32 = u32::MAX;

/// A name of the next page.
pub(super) struct Told<'a> {
    bytes: &'a [u8],
    is_folder: bool,
    /// What is known of it without another look.
    pub(super) known: Option<Facts>,
}

impl Told<'_> {
    /// As this system takes it; none when it cannot.
    pub(super) fn name(&self) -> Option<&OsStr> {
        #[cfg(unix)]
        let name = Some(std::os::unix::ffi::OsStrExt::from_bytes(self.bytes));
        #[cfg(not(unix))]
        let name = std::str::from_utf8(self.bytes).ok().map(OsStr::new);
        name
    }

    /// As it is written to others.
    pub(super) fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.bytes)
    }

    pub(super) fn cursor(&self) -> String {
        Rank::cursor_of(!self.is_folder, self.bytes)
    }
}

impl Names {
    /// All names behind `after`. `old` are names that nobody needs any more, for their memory: taken anew for each list,
    /// by another thread each time, it would add up.
    pub(super) fn read(dir: &Listed, after: Option<&Rank>, old: Self) -> Result<Self, Refused> {
        let mut names = old.emptied();
        dir.each_name(&mut |name, is_folder, known| {
            if !std::str::from_utf8(name).is_ok_and(path::is_reserved) {
                names.push(name, is_folder, known, after);
            }
        })?;
        names.number();
        Ok(names)
    }

    fn emptied(self) -> Self {
        let Self { mut text, mut places, mut known, .. } = self;
        text.clear();
        places.clear();
        known.clear();
        Self { text, places, known, ..Self::default() }
    }

    /// Their memory, unless it is more than is worth keeping.
    pub(super) fn into_spare(self) -> Option<Self> {
        /// Bytes of some 150,000 names.
        const WORTH: usize = 12 << 20;
        let held = self.text.len()
            + self.places.capacity() * size_of::<Place>()
            + self.known.capacity() * size_of::<Facts>();
        (held <= WORTH).then(|| self.emptied())
    }

    fn push(&mut self, name: &[u8], is_folder: bool, known: Option<Facts>, after: Option<&Rank>) {
        /// From so many on there may be very many more.
        const MANY: usize = 2_000;
        if self.places.len() == MANY {
            // At once for all that are held: to grow by and by leaves holes of every size behind, and what is not used of a
            // large piece costs nothing.
            self.text.reserve(MOST_BYTES + LONGEST - self.text.len().min(MOST_BYTES));
            self.places.reserve(MOST - MANY);
        }
        let at = self.text.len();
        // No system and no disc has longer names.
        let (Ok(start), Ok(length)) = (u32::try_from(at), u16::try_from(name.len())) else { return };
        self.text.extend_from_slice(name);
        if !name.is_ascii() {
            self.text.extend_from_slice(String::from_utf8_lossy(name).to_lowercase().as_bytes());
        } else if name.iter().any(u8::is_ascii_uppercase) {
            self.text.extend(name.iter().map(u8::to_ascii_lowercase));
        }
        let Ok(folded) = u16::try_from(self.text.len() - at - name.len()) else {
            return self.text.truncate(at);
        };
        let mut place = Place { key: 0, at: start, name: length, folded, known: NOTHING, is_folder };
        if after.is_some_and(|after| self.rank(&place) <= after.key()) {
            return self.text.truncate(at);
        }
        let this = self.folded(&place);
        let first = self.places.first().map_or(this, |first| self.folded(first));
        let common = first.get(..self.common.unwrap_or(first.len())).unwrap_or(first);
        if !this.starts_with(common) {
            self.common = Some(common.iter().zip(this).take_while(|(a, b)| a == b).count());
        }
        if let Some(facts) = known {
            place.known = u32::try_from(self.known.len()).unwrap_or(NOTHING);
            self.known.push(facts);
        }
        self.places.push(place);
        if self.places.len() >= MOST || self.text.len() >= MOST_BYTES {
            self.keep_first();
        }
    }

    /// Of more names than can be held only those of the next page stay.
    fn keep_first(&mut self) {
        self.number();
        let first = self.take(PAGE + 1);
        let mut kept = Self { more: true, ..Self::default() };
        for place in first {
            let known = self.known.get(place.known as usize).copied();
            kept.push(self.bytes(&place), place.is_folder, known, None);
        }
        *self = kept;
    }

    /// Sets the keys, once it is known with what all names begin.
    fn number(&mut self) {
        let common = self.common.unwrap_or(0);
        let mut places = std::mem::take(&mut self.places);
        for place in &mut places {
            let mut key = [0; 8];
            let rest = self.folded(place).get(common..).unwrap_or_default();
            let length = rest.len().min(key.len());
            key[..length].copy_from_slice(&rest[..length]);
            place.key = u64::from_be_bytes(key);
        }
        self.places = places;
    }

    fn bytes(&self, place: &Place) -> &[u8] {
        let at = place.at as usize;
        self.text.get(at..at + usize::from(place.name)).unwrap_or_default()
    }

    /// By what it is sorted.
    fn folded(&self, place: &Place) -> &[u8] {
        if place.folded == 0 {
            return self.bytes(place);
        }
        let at = place.at as usize + usize::from(place.name);
        self.text.get(at..at + usize::from(place.folded)).unwrap_or_default()
    }

    /// As [`Rank::key`].
    fn rank(&self, place: &Place) -> (bool, &[u8], &[u8]) {
        (!place.is_folder, self.folded(place), self.bytes(place))
    }

    /// The order of [`Rank`].
    fn order(&self, a: &Place, b: &Place) -> Ordering {
        let quick = (!a.is_folder, a.key).cmp(&(!b.is_folder, b.key));
        quick.then_with(|| self.rank(a).cmp(&self.rank(b)))
    }

    /// The first `most`, in order; they are not in here any more.
    fn take(&mut self, most: usize) -> Vec<Place> {
        let mut places = std::mem::take(&mut self.places);
        let first = if self.sorted {
            let mut first = places.split_off(places.len().saturating_sub(most));
            first.reverse();
            first
        } else {
            if places.len() > most {
                // The others are brought into order when somebody asks for them: a first page is wanted at once.
                places.select_nth_unstable_by(most, |a, b| self.order(a, b));
            }
            // Out of the large piece, which stays.
            let mut first: Vec<Place> = places.drain(..most.min(places.len())).collect();
            first.sort_unstable_by(|a, b| self.order(a, b));
            first
        };
        self.places = places;
        first
    }

    /// The next page in order, and how far it goes when there is more. Its names are not in here any more.
    pub(super) fn page<T>(
        &mut self,
        mut tell: impl FnMut(Told<'_>) -> Option<T>,
    ) -> (Vec<T>, Option<String>) {
        let first = self.take(PAGE);
        let told = |place: &Place| Told {
            bytes: self.bytes(place),
            is_folder: place.is_folder,
            known: self.known.get(place.known as usize).copied(),
        };
        let entries = first.iter().filter_map(|place| tell(told(place))).collect();
        let next = first.last().filter(|_| !self.places.is_empty()).map(|last| told(last).cursor());
        (entries, next)
    }

    /// Leaves away what comes before a page.
    pub(super) fn skip(&mut self, after: &Rank) {
        if !self.sorted {
            let mut places = std::mem::take(&mut self.places);
            places.sort_unstable_by(|a, b| self.order(b, a));
            self.places = places;
            self.sorted = true;
        }
        while self.places.last().is_some_and(|place| self.rank(place) <= after.key()) {
            self.places.pop();
        }
    }

    /// Whether the pages to come can be taken from here.
    pub(super) fn is_whole(&self) -> bool {
        !self.more
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn told(all: &[(bool, Vec<u8>)]) -> (Vec<Vec<u8>>, usize) {
        let (mut pages, mut told, mut after) = (0, Vec::new(), None);
        let mut names = Names::default();
        for (is_folder, name) in all {
            names.push(name, *is_folder, None, None);
        }
        names.number();
        loop {
            let (page, next) = names.page(|one| Some(one.bytes.to_vec()));
            pages += 1;
            told.extend(page);
            let Some(next) = next else { return (told, pages) };
            assert_ne!(after.as_ref(), Some(&next), "it goes on");
            names.skip(&super::super::parse_cursor(&next).unwrap());
            after = Some(next);
        }
    }

    #[test]
    fn a_folder_with_more_names_than_are_held_begins_with_its_first() {
        let mut names = Names::default();
        for number in (0..MOST + 5_000).rev() {
            names.push(format!("a name {number:07}").as_bytes(), false, None, None);
        }
        names.number();
        assert!(!names.is_whole(), "the next page is looked for anew");
        assert!(names.text.len() < MOST * 20, "what is not told is not held");
        let (page, next) = names.page(|one| Some(one.text().into_owned()));
        assert_eq!(page.len(), PAGE);
        assert_eq!(page.first().map(String::as_str), Some("a name 0000000"));
        assert_eq!(page.last().map(String::as_str), Some("a name 0000999"));
        assert!(next.is_some());
    }

    proptest! {
        #[test]
        fn names_are_told_as_they_rank(
            names in proptest::collection::hash_set("(Same|same|sAME beginning )?[a-cA-CÄäß\\x00]{0,12}", 1..40),
            folders in any::<u64>(),
        ) {
            let all: Vec<_> = names
                .into_iter()
                .enumerate()
                .map(|(at, name)| (folders >> (at % 64) & 1 == 1, name.into_bytes()))
                .collect();
            let mut ranks: Vec<_> = all.iter().map(|(folder, name)| Rank::new(!folder, name)).collect();
            ranks.sort();
            let expected: Vec<_> = ranks.into_iter().map(|rank| rank.bytes).collect();
            prop_assert_eq!(told(&all).0, expected);
        }
    }

    #[test]
    fn pages_follow_each_other_without_gaps() {
        let all: Vec<_> =
            (0..2_500).map(|number| (number % 7 == 0, format!("N{number}").into_bytes())).collect();
        let (names, pages) = told(&all);
        assert_eq!((names.len(), pages), (2_500, 3));
        let distinct: std::collections::HashSet<_> = names.into_iter().collect();
        assert_eq!(distinct.len(), 2_500, "none twice");
    }
}
