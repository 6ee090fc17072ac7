//! Places of files that a disk does not give back.
//!
//! An answer that has begun can only break off there, and then whoever asked believes that this computer is away, and
//! asks again for ever. So once a place has failed twice, some seconds apart, who asks for it is told in words. Not
//! sooner: a stick that is being pulled out fails as well, and its files are all there when it is back.

use super::confine::Facts;
use std::{
    ops::Range,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Between the two failures.
const SURE: Duration = Duration::from_secs(5);
/// Then it is tried again.
const REMEMBERED: Duration = Duration::from_secs(60);
/// The most places; the one that failed longest ago makes room.
const MOST: usize = 64;

static KNOWN: Mutex<Places> = Mutex::new(Places { places: Vec::new() });

/// Notes that the byte at this place could not be read.
pub(super) fn failed(file: Facts, at: u64) {
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner).failed(file, at, Instant::now());
}

/// Whether nothing is known of a place of any file: asked before a file is looked at once more for it.
pub(super) fn is_none() -> bool {
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner).places.is_empty()
}

/// Whether one of these bytes is known to be unreadable.
pub(super) fn is_in(file: Facts, range: &Range<u64>) -> bool {
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner).is_in(file, range, Instant::now())
}

struct Places {
    places: Vec<Place>,
}

struct Place {
    file: Facts,
    at: u64,
    first: Instant,
    last: Instant,
}

impl Places {
    fn failed(&mut self, file: Facts, at: u64, now: Instant) {
        self.places.retain(|place| now.saturating_duration_since(place.last) < REMEMBERED);
        if let Some(place) = self.places.iter_mut().find(|place| (place.file, place.at) == (file, at)) {
            place.last = now;
            return;
        }
        if self.places.len() >= MOST
            && let Some(oldest) = (0..self.places.len()).min_by_key(|at| self.places[*at].last)
        {
            self.places.swap_remove(oldest);
        }
        self.places.push(Place { file, at, first: now, last: now });
    }

    fn is_in(&self, file: Facts, range: &Range<u64>, now: Instant) -> bool {
        self.places.iter().any(|place| {
            let sure = place.last.saturating_duration_since(place.first) >= SURE;
            let fresh = now.saturating_duration_since(place.last) < REMEMBERED;
            place.file == file && range.contains(&place.at) && sure && fresh
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Kind;

    #[test]
    fn a_place_is_spoilt_when_it_fails_again_seconds_later_and_for_a_minute() {
        let file = |number| Facts::on_disc(Kind::File, 100, None, false, (0, number), None);
        let (mut places, begun) = (Places { places: Vec::new() }, Instant::now());
        let after = |seconds| begun + Duration::from_secs(seconds);
        places.failed(file(1), 50, after(0));
        places.failed(file(1), 50, after(1));
        assert!(!places.is_in(file(1), &(0..100), after(1)), "a stick may just be pulled out");
        places.failed(file(1), 50, after(6));
        assert!(places.is_in(file(1), &(0..100), after(7)));
        assert!(!places.is_in(file(1), &(0..50), after(7)), "what is before it can be read");
        assert!(!places.is_in(file(2), &(0..100), after(7)), "another file");
        assert!(!places.is_in(file(1), &(0..100), after(70)), "it is tried again");
        for number in 0..1_000 {
            places.failed(file(number), 0, after(8));
        }
        assert_eq!(places.places.len(), MOST);
    }
}
