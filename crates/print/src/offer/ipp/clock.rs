//! The printer's time: `printer-up-time`, which only ever grows, and the calendar beside it.

use super::describe::Moment;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// 2020-01-01. Up-time counts from there, as if the printer ran since, so that jobs of an earlier run have a time in
/// it too (RFC 8011 §5.3.14 wants none that is negative) and 32 bits last until 2088.
const BEGIN: i64 = 1_577_836_800;

/// Since when a server runs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    begun: Instant,
    unix: i64,
}

impl Clock {
    pub(super) fn start() -> Self {
        Self { begun: Instant::now(), unix: unix_now().max(BEGIN) }
    }

    /// Now. Setting the system's clock changes the calendar and not the up-time.
    pub(super) fn now(&self) -> Moment {
        let ran = i64::try_from(self.begun.elapsed().as_secs()).unwrap_or(i64::MAX);
        Moment { up: up(self.unix.saturating_add(ran)), unix: unix_now() }
    }

    /// A moment in the past, from Unix milliseconds.
    pub(super) fn past(&self, millis: i64) -> Moment {
        let unix = millis.div_euclid(1000);
        Moment { up: up(unix).min(self.now().up), unix }
    }
}

fn up(unix: i64) -> i32 {
    i32::try_from(unix.saturating_sub(BEGIN).max(1)).unwrap_or(i32::MAX)
}

fn unix_now() -> i64 {
    let age = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(age.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_was_before_the_beginning_or_is_after_now() {
        let clock = Clock::start();
        assert!(clock.now().up > 0);
        assert_eq!(clock.past(0).up, 1);
        assert_eq!(clock.past(i64::MAX).up, clock.now().up);
        assert!(clock.past(clock.now().unix * 1000).up <= clock.now().up);
    }
}
