//! Sets of operations, by their place in the log.

/// A set of small numbers. Sets of different lengths mix: what is beyond the end is not in.
#[derive(Clone, Debug, Default)]
pub(super) struct Bits(Vec<u64>);

impl Bits {
    /// All numbers below `count`.
    pub(super) fn below(count: usize) -> Self {
        let mut words = vec![u64::MAX; count / 64];
        if !count.is_multiple_of(64) {
            words.push((1 << (count % 64)) - 1);
        }
        Self(words)
    }

    pub(super) fn has(&self, at: usize) -> bool {
        self.0.get(at / 64).is_some_and(|word| word >> (at % 64) & 1 == 1)
    }

    pub(super) fn insert(&mut self, at: usize) {
        if self.0.len() <= at / 64 {
            self.0.resize(at / 64 + 1, 0);
        }
        self.0[at / 64] |= 1 << (at % 64);
    }

    pub(super) fn extend(&mut self, more: &Self) {
        if self.0.len() < more.0.len() {
            self.0.resize(more.0.len(), 0);
        }
        for (word, more) in self.0.iter_mut().zip(&more.0) {
            *word |= more;
        }
    }

    pub(super) fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether everything in `self` and `first` and `second` is in `within` too.
    pub(super) fn and_fits(&self, first: &Self, second: &Self, within: &Self) -> bool {
        let both = self.0.iter().zip(&first.0).zip(&second.0);
        both.enumerate().all(|(at, ((a, b), c))| a & b & c & !within.word(at) == 0)
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = usize> {
        let words = self.0.iter().enumerate().filter(|(_, word)| **word != 0);
        words.flat_map(|(at, &word)| {
            (0..64).filter(move |bit| word >> bit & 1 == 1).map(move |bit| at * 64 + bit)
        })
    }

    fn word(&self, at: usize) -> u64 {
        self.0.get(at).copied().unwrap_or(0)
    }
}

impl PartialEq for Bits {
    fn eq(&self, other: &Self) -> bool {
        (0..self.0.len().max(other.0.len())).all(|at| self.word(at) == other.word(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn bits(set: &BTreeSet<usize>) -> Bits {
        let mut bits = Bits::default();
        set.iter().for_each(|at| bits.insert(*at));
        bits
    }

    fn any_set() -> impl Strategy<Value = BTreeSet<usize>> {
        prop::collection::btree_set(0..200usize, 0..40)
    }

    proptest! {
        #[test]
        fn they_are_sets(a in any_set(), b in any_set(), c in any_set(), d in any_set(), count in 0..200usize) {
            prop_assert_eq!(bits(&a).iter().collect::<BTreeSet<_>>(), a.clone());
            prop_assert_eq!(bits(&a).len(), a.len());
            prop_assert_eq!(bits(&a) == bits(&b), a == b);
            prop_assert_eq!(Bits::below(count).iter().collect::<Vec<_>>(), (0..count).collect::<Vec<_>>());
            let in_three = a.iter().filter(|at| b.contains(at) && c.contains(at));
            let fits = in_three.clone().all(|at| d.contains(at));
            prop_assert_eq!(bits(&a).and_fits(&bits(&b), &bits(&c), &bits(&d)), fits);
            let mut both = bits(&a);
            both.extend(&bits(&b));
            prop_assert_eq!(both, bits(&a.union(&b).copied().collect()));
        }
    }
}
