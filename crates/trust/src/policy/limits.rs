//! What is counted, and what else is said about what somebody may print.

use serde::{Deserialize, Serialize};
use std::ops::{Add, Sub};

/// What one subject has brought to one share today.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// Jobs accepted.
    pub jobs: u32,
    /// Bytes accepted.
    pub bytes: u64,
    /// Sides of paper of jobs accepted, copies counted.
    pub pages: u32,
}

impl Add for Used {
    type Output = Self;

    fn add(self, more: Self) -> Self {
        Self {
            jobs: self.jobs.saturating_add(more.jobs),
            bytes: self.bytes.saturating_add(more.bytes),
            pages: self.pages.saturating_add(more.pages),
        }
    }
}

impl Sub for Used {
    type Output = Self;

    fn sub(self, less: Self) -> Self {
        Self {
            jobs: self.jobs.saturating_sub(less.jobs),
            bytes: self.bytes.saturating_sub(less.bytes),
            pages: self.pages.saturating_sub(less.pages),
        }
    }
}

/// Hours of the day in which nothing is printed, by the clock on the owner's wall.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuietHours {
    /// Minutes after midnight at which they begin.
    pub from: u16,
    /// Minutes after midnight at which they end; before `from` means the next day.
    pub to: u16,
}

/// Minutes of a day.
const DAY: u16 = 24 * 60;

impl QuietHours {
    /// Hours that make sense: both within a day, and not the same.
    #[must_use]
    pub fn new(from: u16, to: u16) -> Option<Self> {
        (from < DAY && to < DAY && from != to).then_some(Self { from, to })
    }

    /// Whether that minute of the day is among them. Only the hands of the clock count: an hour that comes twice when
    /// summer time ends is quiet twice, one that is left out is not missed, and whatever else a clock does, the next
    /// look at it decides.
    #[must_use]
    pub fn cover(&self, minute: u16) -> bool {
        if self.from < self.to {
            (self.from..self.to).contains(&minute)
        } else {
            minute >= self.from || minute < self.to
        }
    }
}

/// On which terms somebody prints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// In grey only.
    pub grey: bool,
    /// Not at these hours.
    pub quiet: Option<QuietHours>,
    /// So many sides of paper a day: they have to be counted.
    pub counted: bool,
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quiet_hours_may_go_over_midnight() {
        let night = QuietHours::new(22 * 60, 7 * 60).unwrap();
        for (minute, quiet) in
            [(22 * 60, true), (0, true), (7 * 60 - 1, true), (7 * 60, false), (22 * 60 - 1, false)]
        {
            assert_eq!(night.cover(minute), quiet, "{minute}");
        }
        let lunch = QuietHours::new(12 * 60, 13 * 60).unwrap();
        assert!(lunch.cover(12 * 60) && !lunch.cover(13 * 60) && !lunch.cover(0));
        assert_eq!(QuietHours::new(0, 0), None, "always or never?");
        assert_eq!(QuietHours::new(0, DAY), None);
    }

    proptest! {
        #[test]
        fn hours_and_the_rest_of_the_day_are_the_whole_day(from in 0..DAY, to in 0..DAY, minute in 0..DAY) {
            prop_assume!(from != to);
            let (quiet, rest) = (QuietHours::new(from, to).unwrap(), QuietHours::new(to, from).unwrap());
            prop_assert!(quiet.cover(minute) != rest.cover(minute));
            prop_assert!(quiet.cover(from) && !quiet.cover(to));
        }
    }
}
