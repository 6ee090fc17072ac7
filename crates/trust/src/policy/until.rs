//! When a rule ends, by a clock that may be set back.

use serde::{Deserialize, Serialize};

/// When something ends by itself: at a time of day, or earlier if this node has run for as long as that was away.
/// Turning the clock back therefore wins nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Until {
    /// Unix milliseconds.
    pub at: i64,
    /// [`Now::ran`] at which it ends in any case.
    pub ran: i64,
}

/// The time, as far as it can be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Unix milliseconds, as the system's clock says.
    pub wall: i64,
    /// The latest that `wall` has ever been.
    pub latest: i64,
    /// Milliseconds this node has run since it was first started, over all its runs. Never goes back.
    pub ran: i64,
}

/// A clock may be set back by this much (it was a little fast) without ending what has an end.
const CLOCK_SLACK: i64 = 5 * 60 * 1000;

impl Until {
    /// From a time of day.
    #[must_use]
    pub fn at(at: i64, now: &Now) -> Self {
        Self { at, ran: now.ran.saturating_add(at.saturating_sub(now.wall).max(0)) }
    }

    /// Whether the end has come. A clock that stands before the latest time it has ever shown cannot be believed,
    /// so it has.
    #[must_use]
    pub fn is_over(&self, now: &Now) -> bool {
        now.wall >= self.at || now.ran >= self.ran || now.wall < now.latest.saturating_sub(CLOCK_SLACK)
    }
}
