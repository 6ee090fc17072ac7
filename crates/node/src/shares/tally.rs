//! What others have brought to the shares today, and what the owner said yes to for a while. Pure: time goes in.
//!
//! Both stand in one table behind one lock, so that many requests at once bring no more than one after the other.
//! What was brought is written down elsewhere; a yes lives in memory only, because no answer is no.

use lanyard_trust::{Grant, NodeId, ShareId, Used};
use std::collections::{HashMap, HashSet};

/// A day is one of UTC: it needs no time zone, and everybody's begins at the same moment.
const DAY: i64 = 24 * 60 * 60 * 1000;

/// The most callers that are counted in a day.
const MAX_COUNTS: usize = 4096;

/// The most permissions at once.
const MAX_ALLOWED: usize = 256;

/// A share, and whoever uses it.
pub(super) type Key = (ShareId, NodeId);

/// Counts and permissions.
#[derive(Default)]
pub(super) struct Tally {
    counts: HashMap<Key, Count>,
    allowed: HashMap<Key, Allowed>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    day: i64,
    kept: Used,
    under_way: Used,
}

/// What the owner said yes to: what this grant asks for, for a while.
#[derive(Clone, Debug)]
struct Allowed {
    /// The grant that made the question necessary. One that was changed meanwhile asks anew.
    grant: Grant,
    /// Running time in milliseconds.
    ends: i64,
    /// Printers: so many jobs.
    jobs: Option<u32>,
}

/// The day of a time in Unix milliseconds.
pub(super) fn day(wall: i64) -> i64 {
    wall.div_euclid(DAY)
}

impl Tally {
    /// What was written down for this day.
    pub(super) fn load(rows: Vec<(Key, i64, Used)>) -> Self {
        let count = |day, kept| Count { day, kept, under_way: Used::default() };
        let counts = rows.into_iter().map(|(key, day, kept)| (key, count(day, kept)));
        Self { counts: counts.take(MAX_COUNTS).collect(), allowed: HashMap::new() }
    }

    /// What was brought on a day, with what is on its way.
    pub(super) fn used(&self, key: &Key, day: i64) -> Used {
        let Some(count) = self.counts.get(key) else { return Used::default() };
        if count.day == day { count.kept + count.under_way } else { count.under_way }
    }

    /// Something is on its way that counts against a limit. False when too many are counted already.
    #[must_use]
    pub(super) fn begin(&mut self, key: &Key, day: i64, bringing: Used) -> bool {
        if self.counts.len() >= MAX_COUNTS && !self.counts.contains_key(key) {
            self.counts.retain(|_, count| count.day == day || count.under_way != Used::default());
            if self.counts.len() >= MAX_COUNTS {
                return false;
            }
        }
        let count = self.counts.entry(key.clone()).or_default();
        if count.day != day {
            (count.day, count.kept) = (day, Used::default());
        }
        count.under_way = count.under_way + bringing;
        true
    }

    /// It did not come, or was not kept.
    pub(super) fn give_back(&mut self, key: &Key, bringing: Used) {
        if let Some(count) = self.counts.get_mut(key) {
            count.under_way = count.under_way - bringing;
        }
        if bringing.jobs > 0
            && let Some(jobs) = self.allowed.get_mut(key).and_then(|allowed| allowed.jobs.as_mut())
        {
            *jobs = 1;
        }
    }

    /// It was accepted. What to write down, if it is counted at all.
    pub(super) fn keep(&mut self, key: &Key, day: i64, brought: Used) -> Option<Used> {
        if self.allowed.get(key).is_some_and(|allowed| allowed.jobs == Some(0)) {
            self.allowed.remove(key);
        }
        let count = self.counts.get_mut(key)?;
        count.under_way = count.under_way - brought;
        if count.day != day {
            (count.day, count.kept) = (day, Used::default());
        }
        count.kept = count.kept + brought;
        Some(count.kept)
    }

    /// It was accepted that day and not used. What to write down, if it is counted at all.
    pub(super) fn take_back(&mut self, key: &Key, day: i64, unused: Used) -> Option<Used> {
        let count = self.counts.get_mut(key).filter(|count| count.day == day)?;
        count.kept = count.kept - unused;
        Some(count.kept)
    }

    /// The owner says yes until then, for one job if it is a printer.
    pub(super) fn allow(&mut self, key: Key, grant: Grant, ends: i64, jobs: Option<u32>, ran: i64) {
        self.allowed.retain(|_, allowed| allowed.ends > ran);
        if self.allowed.len() >= MAX_ALLOWED {
            let first = self.allowed.iter().min_by_key(|(_, allowed)| allowed.ends);
            if let Some(key) = first.map(|(key, _)| key.clone()) {
                self.allowed.remove(&key);
            }
        }
        self.allowed.insert(key, Allowed { grant, ends, jobs });
    }

    /// Whether the owner has said yes to what this grant asks for.
    pub(super) fn allows(&self, key: &Key, grant: &Grant, ran: i64) -> bool {
        self.allowed
            .get(key)
            .is_some_and(|allowed| allowed.grant == *grant && allowed.ends > ran && allowed.jobs != Some(0))
    }

    /// A job begins that the owner has said yes to.
    pub(super) fn take_allowed(&mut self, key: &Key) {
        if let Some(jobs) = self.allowed.get_mut(key).and_then(|allowed| allowed.jobs.as_mut()) {
            *jobs = jobs.saturating_sub(1);
        }
    }

    /// Forgets permissions that have ended. True when there were some.
    pub(super) fn end_allowed(&mut self, ran: i64) -> bool {
        let before = self.allowed.len();
        self.allowed.retain(|_, allowed| allowed.ends > ran);
        self.allowed.len() < before
    }

    /// These have been put out: what was said yes to before ends with that.
    pub(super) fn put_out(&mut self, devices: &HashSet<NodeId>) {
        self.allowed.retain(|(_, device), _| !devices.contains(device));
    }

    /// A share is gone.
    pub(super) fn forget(&mut self, share: &ShareId) {
        self.counts.retain(|(of, _), _| of != share);
        self.allowed.retain(|(of, _), _| of != share);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lanyard_trust::Audience;

    const ONE: Used = Used { jobs: 1, bytes: 10, pages: 2 };

    fn key(who: u8) -> Key {
        (ShareId("laser".to_owned()), NodeId::from_bytes([who; 32]))
    }

    fn many(who: u32) -> Key {
        let mut bytes = [0; 32];
        bytes[..4].copy_from_slice(&who.to_le_bytes());
        (ShareId("laser".to_owned()), NodeId::from_bytes(bytes))
    }

    #[test]
    fn what_is_on_its_way_counts_until_it_is_given_back() {
        let mut tally = Tally::default();
        assert!(tally.begin(&key(1), 5, ONE) && tally.begin(&key(1), 5, ONE));
        assert_eq!(tally.used(&key(1), 5), Used { jobs: 2, bytes: 20, pages: 4 });
        tally.give_back(&key(1), ONE);
        assert_eq!(tally.keep(&key(1), 5, ONE), Some(ONE));
        assert_eq!(tally.used(&key(1), 5), ONE);
        assert_eq!(tally.used(&key(2), 5), Used::default(), "each is counted alone");
        let unprinted = Used { bytes: 0, ..ONE };
        assert_eq!(tally.take_back(&key(1), 5, unprinted), Some(Used { bytes: 10, ..Used::default() }));
        assert_eq!(tally.take_back(&key(1), 6, unprinted), None, "another day");
        assert_eq!(tally.take_back(&key(2), 5, unprinted), None, "nobody's");
    }

    #[test]
    fn a_new_day_begins_with_nothing_but_what_is_on_its_way() {
        let mut tally = Tally::load(vec![(key(1), 5, ONE)]);
        assert_eq!(tally.used(&key(1), 5), ONE, "a restart forgets nothing");
        assert!(tally.begin(&key(1), 5, ONE));
        assert_eq!(tally.used(&key(1), 6), ONE);
        assert_eq!(tally.keep(&key(1), 6, ONE), Some(ONE), "what arrives after midnight counts for that day");
        assert_eq!((day(-1), day(0), day(DAY - 1), day(DAY)), (-1, 0, 0, 1));
    }

    #[test]
    fn who_comes_when_the_table_is_full_brings_nothing_until_tomorrow() {
        let mut tally = Tally::default();
        let full = MAX_COUNTS as u32;
        for who in 0..full {
            assert!(tally.begin(&many(who), 1, ONE));
            tally.keep(&many(who), 1, ONE);
        }
        assert!(!tally.begin(&many(full), 1, ONE));
        assert!(tally.begin(&many(0), 1, ONE), "those that are in it go on");
        assert!(tally.begin(&many(full), 2, ONE));
        assert!(tally.counts.len() < 3, "the day before is forgotten");
    }

    #[test]
    fn once_is_one_job_however_many_come_at_the_same_time() {
        let grant = Grant { ask: true, ..Grant::to(Audience::Network) };
        let mut tally = Tally::default();
        tally.allow(key(1), grant.clone(), 100, Some(1), 0);
        assert!(tally.allows(&key(1), &grant, 99) && !tally.allows(&key(2), &grant, 99));
        assert!(!tally.allows(&key(1), &grant, 100), "it ends");
        assert!(!tally.allows(&key(1), &Grant::to(Audience::Network), 0), "another rule asks anew");
        tally.take_allowed(&key(1));
        assert!(!tally.allows(&key(1), &grant, 1), "a job is on its way with it");
        tally.give_back(&key(1), ONE);
        assert!(tally.allows(&key(1), &grant, 1), "which did not arrive");
        tally.take_allowed(&key(1));
        tally.keep(&key(1), 0, ONE);
        assert!(!tally.allows(&key(1), &grant, 1) && tally.allowed.is_empty(), "which did");
    }

    #[test]
    fn permissions_are_bounded_and_end() {
        let grant = Grant { ask: true, ..Grant::to(Audience::Network) };
        let mut tally = Tally::default();
        for who in 0..MAX_ALLOWED as u32 + 5 {
            tally.allow(many(who), grant.clone(), 100 + i64::from(who), None, 0);
        }
        assert_eq!(tally.allowed.len(), MAX_ALLOWED);
        assert!(tally.end_allowed(10_000) && tally.allowed.is_empty() && !tally.end_allowed(10_000));
        tally.allow(key(1), grant.clone(), 100, None, 0);
        tally.put_out(&HashSet::from([key(2).1]));
        assert!(tally.allows(&key(1), &grant, 1));
        tally.put_out(&HashSet::from([key(1).1]));
        assert!(!tally.allows(&key(1), &grant, 1), "who is put out has no permission any more");
        tally.allow(key(1), grant.clone(), 100, None, 0);
        tally.forget(&key(1).0);
        assert!(!tally.allows(&key(1), &grant, 1));
    }
}
