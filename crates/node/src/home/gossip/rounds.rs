//! Which exchanges with other members are under way, and which come next. Pure: whoever runs them says when one is over.

use lanyard_trust::NodeId;
use std::collections::{HashMap, VecDeque};

/// Exchanges at once.
pub(super) const EXCHANGES: usize = 4;

/// One exchange with a member at a time, a few at once, the others in the order in which they were wanted.
#[derive(Debug, Default)]
pub(super) struct Rounds {
    /// Members with which one is under way or to come, and whether another is to follow.
    wanted: HashMap<NodeId, bool>,
    /// Those that have to wait, first come first served.
    queue: VecDeque<NodeId>,
    running: usize,
}

impl Rounds {
    /// There is a reason to exchange with a member. The one to begin with now, if it is not to wait.
    pub(super) fn want(&mut self, node: NodeId) -> Option<NodeId> {
        if let Some(again) = self.wanted.get_mut(&node) {
            // One that waits has not asked yet, and will hear of it anyway.
            *again = !self.queue.contains(&node);
            return None;
        }
        self.wanted.insert(node, false);
        if self.running == EXCHANGES {
            self.queue.push_back(node);
            return None;
        }
        self.running += 1;
        Some(node)
    }

    /// One is over. The next to begin with, if there is one.
    pub(super) fn over(&mut self, node: NodeId) -> Option<NodeId> {
        match self.wanted.get_mut(&node) {
            // Behind those that waited before.
            Some(again) if *again => {
                *again = false;
                self.queue.push_back(node);
            }
            _ => drop(self.wanted.remove(&node)),
        }
        let next = self.queue.pop_front();
        self.running -= usize::from(next.is_none());
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(number: u8) -> NodeId {
        NodeId::from_bytes([number; 32])
    }

    #[test]
    fn a_few_run_at_once_and_nobody_is_forgotten() {
        let mut rounds = Rounds::default();
        let begun: Vec<_> = (1..=6).map(|number| rounds.want(node(number))).collect();
        let expected: Vec<_> =
            (1..=6).map(|number| (number <= EXCHANGES as u8).then(|| node(number))).collect();
        assert_eq!(begun, expected);
        assert_eq!(rounds.want(node(1)), None, "once more when it is over");
        assert_eq!(rounds.want(node(5)), None, "it has not begun: once is enough");
        assert_eq!(rounds.over(node(1)), Some(node(5)));
        assert_eq!(rounds.over(node(2)), Some(node(6)));
        assert_eq!(rounds.over(node(3)), Some(node(1)));
        for number in [4, 5, 6, 1] {
            assert_eq!(rounds.over(node(number)), None);
        }
        assert!(rounds.wanted.is_empty() && rounds.running == 0);
    }
}
