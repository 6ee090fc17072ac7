//! A count with a limit in all and one for each.

use std::{collections::HashMap, hash::Hash};

pub(super) struct Tally<K> {
    all: usize,
    each: HashMap<K, usize>,
    most: usize,
    most_each: usize,
}

impl<K: Copy + Eq + Hash> Tally<K> {
    pub(super) fn new(most: usize, most_each: usize) -> Self {
        Self { all: 0, each: HashMap::new(), most, most_each }
    }

    pub(super) fn all(&self) -> usize {
        self.all
    }

    /// One more, if both limits allow it.
    pub(super) fn take(&mut self, key: K) -> bool {
        let so_far = self.each.get(&key).copied().unwrap_or_default();
        let allowed = self.all < self.most && so_far < self.most_each;
        if allowed {
            self.all += 1;
            self.each.insert(key, so_far + 1);
        }
        allowed
    }

    /// One less of what was taken.
    pub(super) fn give_back(&mut self, key: &K) {
        self.all -= 1;
        if let Some(count) = self.each.get_mut(key) {
            *count -= 1;
            if *count == 0 {
                self.each.remove(key);
            }
        }
    }

    /// Whether nothing is remembered of anybody.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.all == 0 && self.each.is_empty()
    }
}
