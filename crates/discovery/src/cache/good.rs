//! For how long a record is good, and when it is asked for again.

use std::time::{Duration, Instant};

/// What a goodbye or a replacement leaves is gone after this time (§10.1, §10.2).
pub(super) const LAST_WORDS: Duration = Duration::from_secs(1);
/// Parts of a record's life, in percent, after which it is asked for again, and up to how much later (§5.2).
const ASK_AGAIN: [u32; 4] = [80, 85, 90, 95];
const SPREAD: u32 = 4;
/// From what part of a record's life on another's question for it counts.
const NEARLY: u32 = 75;
/// The longest that a record is believed, whatever it says.
const MAX_TTL: u32 = 2 * 3600;

/// For how long a record is good.
#[derive(Clone, Copy, Debug)]
pub(super) struct Good {
    pub(super) until: Instant,
    pub(super) life: Duration,
    /// How often it was asked for since.
    asked: u8,
    /// It said goodbye, or was replaced: it is not asked for.
    ending: bool,
    /// When it is asked for again, in percent of its life after [`ASK_AGAIN`].
    later: u32,
}

impl Good {
    pub(super) fn new(now: Instant, ttl: u32, dice: &mut u64) -> Self {
        let life = if ttl == 0 { LAST_WORDS } else { Duration::from_secs(u64::from(ttl.clamp(1, MAX_TTL))) };
        Self { until: now + life, life, asked: 0, ending: ttl == 0, later: roll(dice, SPREAD * 100) }
    }

    pub(super) fn ends_soon(&mut self, now: Instant) {
        self.until = self.until.min(now + LAST_WORDS);
        self.ending = true;
    }

    pub(super) fn is_over(&self, now: Instant) -> bool {
        now >= self.until
    }

    pub(super) fn left(&self, now: Instant) -> Duration {
        self.until.saturating_duration_since(now)
    }

    /// When it has lived for so many hundredths of a percent of its life.
    fn part(&self, hundredths: u32) -> Instant {
        let left = self.life * 10_000_u32.saturating_sub(hundredths) / 10_000;
        self.until.checked_sub(left).unwrap_or(self.until)
    }

    /// When it is asked for again.
    fn ask(&self) -> Option<Instant> {
        let percent = ASK_AGAIN.get(usize::from(self.asked)).filter(|_| !self.ending)?;
        Some(self.part(percent * 100 + self.later))
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.ask().is_some_and(|at| now >= at)
    }

    /// Somebody else asked. The last question is always our own.
    pub(super) fn asked_by_another(&mut self, now: Instant) {
        if usize::from(self.asked) + 1 < ASK_AGAIN.len() && now >= self.part(NEARLY * 100) {
            self.asked += 1;
        }
    }

    pub(super) fn renew(&mut self, now: Instant) {
        if !self.ending {
            (self.until, self.asked) = (now + self.life, 0);
        }
    }

    pub(super) fn times(&self) -> impl Iterator<Item = Instant> + use<> {
        [Some(self.until), self.ask()].into_iter().flatten()
    }

    /// Whether it is to be asked for now; then that counts as done.
    pub(super) fn takes_its_turn(&mut self, now: Instant) -> bool {
        let due = self.is_due(now);
        self.asked += u8::from(due);
        due
    }
}

/// A number below `sides`, from xorshift64: enough for spreading packets over time, and no secret.
pub(super) fn roll(dice: &mut u64, sides: u32) -> u32 {
    *dice ^= *dice << 13;
    *dice ^= *dice >> 7;
    *dice ^= *dice << 17;
    ((*dice >> 32) % u64::from(sides.max(1))) as u32
}
