//! Our own questions at others: which of them wait, and which were answered with a no. Pure: time goes in.

use lanyard_api::Access;
use lanyard_trust::{NodeId, ShareId};
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

/// The most that are remembered.
const MAX: usize = 256;

/// The longest that a question is believed to wait, whatever its owner's device says.
const LONGEST: Duration = Duration::from_secs(10 * 60);

/// A share of another device.
pub(super) type Key = (NodeId, ShareId);

/// Our questions.
#[derive(Default)]
pub(super) struct Ours {
    asked: HashMap<Key, Asked>,
}

#[derive(Clone, Copy, Debug)]
struct Asked {
    ends: Instant,
    refused: bool,
}

impl Ours {
    /// Something was asked for. Returns how long it waits, if it did not wait already.
    pub(super) fn wait(&mut self, key: Key, ends_in: Duration, now: Instant) -> Option<Duration> {
        let ends_in = ends_in.min(LONGEST);
        let waits = |asked: &Asked| !asked.refused && asked.ends > now;
        if self.asked.get(&key).is_some_and(waits) {
            return None;
        }
        if self.asked.len() >= MAX {
            self.asked.retain(|_, asked| waits(asked));
        }
        if self.asked.len() >= MAX {
            return None;
        }
        self.asked.insert(key, Asked { ends: now + ends_in, refused: false });
        Some(ends_in)
    }

    /// The owner has answered. True when we had asked.
    pub(super) fn answered(&mut self, key: &Key, yes: bool) -> bool {
        if yes {
            return self.asked.remove(key).is_some();
        }
        match self.asked.get_mut(key) {
            Some(asked) => {
                asked.refused = true;
                true
            }
            None => false,
        }
    }

    /// What a person is shown of something whose owner wants to be asked.
    pub(super) fn access(&self, key: &Key, now: Instant) -> Access {
        match self.asked.get(key) {
            None => Access::Ask,
            Some(asked) if asked.refused || asked.ends <= now => Access::Refused,
            Some(_) => Access::Waiting,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn key(share: &str) -> Key {
        (NodeId::from_bytes([1; 32]), ShareId(share.to_owned()))
    }

    #[test]
    fn a_question_waits_until_it_is_answered_or_ends() {
        let (mut ours, now) = (Ours::default(), Instant::now());
        let minute = Duration::from_secs(60);
        assert_eq!(ours.access(&key("a"), now), Access::Ask);
        assert_eq!(ours.wait(key("a"), minute, now), Some(minute));
        assert_eq!(ours.wait(key("a"), minute, now), None, "it waits already");
        assert_eq!(ours.access(&key("a"), now), Access::Waiting);
        assert_eq!(ours.access(&key("a"), now + minute), Access::Refused, "no answer is a no");
        assert!(ours.wait(key("a"), minute, now + minute).is_some(), "it may be asked again");
        assert!(ours.answered(&key("a"), false) && !ours.answered(&key("b"), false));
        assert_eq!(ours.access(&key("a"), now), Access::Refused);
        assert!(ours.wait(key("a"), Duration::MAX, now).is_some_and(|ends| ends == LONGEST));
        assert!(ours.answered(&key("a"), true));
        assert_eq!(ours.access(&key("a"), now), Access::Ask, "what it asks next time is a new question");
    }

    #[test]
    fn questions_do_not_grow_without_end() {
        let (mut ours, now) = (Ours::default(), Instant::now());
        for n in 0..5_000 {
            ours.wait(key(&n.to_string()), Duration::from_secs(60), now);
        }
        assert_eq!(ours.asked.len(), MAX);
    }
}
