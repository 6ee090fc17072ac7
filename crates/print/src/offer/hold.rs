//! Why a job is kept back, and who may let it go. Pure.

use crate::ticket::{HELD_BY_SENDER, MUST_ASK};

/// One reason to keep a job back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hold {
    /// The owner has to say yes first.
    MustAsk,
    /// The owner, or whoever sees to the printer, keeps it back.
    Owner,
    /// Nothing is printed at this hour.
    Quiet,
    /// Its sender keeps it back (RFC 8011 §5.2.2 `job-hold-until`).
    Sender,
}

/// All reasons to keep one job back. It goes when none is left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holds(u8);

/// Who wants to let a job go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// Whoever sent it: only what they kept back themselves.
    Sender,
    /// Whoever sees to the printer: everything.
    Owner,
}

impl Hold {
    /// All, the one that people are told of first in front.
    const ALL: [Self; 4] = [Self::MustAsk, Self::Owner, Self::Quiet, Self::Sender];

    /// What people and other devices are told.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::MustAsk => MUST_ASK,
            Self::Owner => "owner",
            Self::Quiet => "quiet_hours",
            Self::Sender => HELD_BY_SENDER,
        }
    }

    fn bit(self) -> u8 {
        match self {
            Self::MustAsk => 1,
            Self::Owner => 2,
            Self::Quiet => 4,
            Self::Sender => 8,
        }
    }
}

impl Holds {
    /// The same and one more.
    #[must_use]
    pub fn with(self, hold: Hold) -> Self {
        Self(self.0 | hold.bit())
    }

    /// The same without that one.
    #[must_use]
    pub fn without(self, hold: Hold) -> Self {
        Self(self.0 & !hold.bit())
    }

    /// What is left when somebody lets the job go.
    #[must_use]
    pub fn released(self, by: By) -> Self {
        match by {
            By::Sender => self.without(Hold::Sender),
            By::Owner => Self::default(),
        }
    }

    /// Whether it is one of them.
    #[must_use]
    pub fn has(self, hold: Hold) -> bool {
        self.0 & hold.bit() != 0
    }

    /// True when nothing keeps the job back.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The one that people are told of.
    #[must_use]
    pub fn first(self) -> Option<Hold> {
        Hold::ALL.into_iter().find(|hold| self.has(*hold))
    }

    /// As it is stored.
    pub(super) fn words(self) -> String {
        let held: Vec<&str> =
            Hold::ALL.into_iter().filter(|hold| self.has(*hold)).map(Hold::reason).collect();
        held.join(" ")
    }

    /// From what was stored; none when there is a word in it that is no reason.
    pub(super) fn from_words(words: &str) -> Option<Self> {
        words.split_whitespace().try_fold(Self::default(), |holds, word| {
            Some(holds.with(Hold::ALL.into_iter().find(|hold| hold.reason() == word)?))
        })
    }
}

impl From<Hold> for Holds {
    fn from(hold: Hold) -> Self {
        Self::default().with(hold)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn a_job_goes_when_nothing_keeps_it_back_any_more() {
        let both = Holds::from(Hold::Sender).with(Hold::MustAsk);
        assert_eq!(both.first(), Some(Hold::MustAsk), "the owner's word is what it waits for");
        assert!(both.released(By::Sender).has(Hold::MustAsk), "a sender cannot answer for the owner");
        assert!(both.without(Hold::MustAsk).released(By::Sender).is_empty());
        assert!(both.with(Hold::Quiet).with(Hold::Owner).released(By::Owner).is_empty());
    }

    #[test]
    fn holds_survive_being_stored() {
        for bits in 0..16 {
            let holds = Holds(bits);
            assert_eq!(Holds::from_words(&holds.words()), Some(holds));
        }
        assert_eq!(Holds::from_words("owner somebody"), None);
    }
}
