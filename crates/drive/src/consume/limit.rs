//! How fast copies may go: a limit for all of them together, and one for each.
//!
//! Whoever has moved bytes is told how long to rest. Nothing is handed out in advance, so a limit that is changed holds
//! from the next bytes on.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// The slowest limit, in bytes a second: below it the other side would take us for stuck.
pub const SLOWEST: u64 = 64 * 1024;

/// One limit. Its default is none.
#[derive(Debug, Default)]
pub(crate) struct Limit {
    /// Bytes a second; 0 for none.
    rate: AtomicU64,
    /// Until then the bytes that have moved are paid for.
    paid: Mutex<Option<Instant>>,
}

impl Limit {
    /// Sets it, or lifts it.
    pub(crate) fn set(&self, rate: Option<u64>) {
        self.rate.store(rate.map_or(0, |rate| rate.max(SLOWEST)), Ordering::Relaxed);
        *self.paid.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// What it is, in bytes a second.
    pub(crate) fn get(&self) -> Option<u64> {
        Some(self.rate.load(Ordering::Relaxed)).filter(|rate| *rate > 0)
    }

    /// So many bytes have moved at this moment: how long to rest before more.
    pub(crate) fn spend(&self, bytes: u64, now: Instant) -> Duration {
        let Some(rate) = self.get() else { return Duration::ZERO };
        let costs = Duration::from_secs_f64(bytes as f64 / rate as f64);
        let mut paid = self.paid.lock().unwrap_or_else(PoisonError::into_inner);
        // What was not used before now is lost: no burst follows a pause.
        let until = paid.unwrap_or(now).max(now) + costs;
        *paid = Some(until);
        until - now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moves_is_paid_for_with_rest_and_a_pause_saves_nothing_up() {
        let (limit, begun) = (Limit::default(), Instant::now());
        assert_eq!(limit.spend(1 << 30, begun), Duration::ZERO, "no limit");
        limit.set(Some(1_000_000));
        assert_eq!(limit.spend(500_000, begun), Duration::from_millis(500));
        assert_eq!(limit.spend(500_000, begun), Duration::from_secs(1), "two share it");
        let later = begun + Duration::from_secs(60);
        assert_eq!(limit.spend(1_000_000, later), Duration::from_secs(1), "no burst after a pause");
        limit.set(None);
        assert_eq!(limit.spend(1 << 30, later), Duration::ZERO);
        limit.set(Some(1));
        assert_eq!(limit.get(), Some(SLOWEST));
    }
}
