//! The time, as far as it can be believed: the system's clock, the latest it ever showed, and how long this node
//! has run in all. What ends by itself ends by these three, so that setting the clock back wins nothing.

use crate::{Core, settings::Settings};
use lanyard_trust::Now;
use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// How often the running time is written down. A crash gives at most this much back.
const EVERY: Duration = Duration::from_secs(60);

const LATEST: &str = "clock_latest";
const RAN: &str = "clock_ran";

/// A clock that remembers. Clones share it.
#[derive(Clone)]
pub struct Clock {
    settings: Settings,
    latest: Arc<AtomicI64>,
    ran_before: i64,
    began: Instant,
}

impl Clock {
    /// Goes on where the last run ended.
    #[must_use]
    pub fn load(settings: Settings) -> Self {
        let number = |key| settings.text(key).ok().flatten().and_then(|text| text.parse().ok()).unwrap_or(0);
        let (latest, ran_before) = (number(LATEST), number(RAN));
        Self { settings, latest: Arc::new(AtomicI64::new(latest)), ran_before, began: Instant::now() }
    }

    /// What time it is.
    #[must_use]
    pub fn now(&self) -> Now {
        let age = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let wall = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
        let latest = self.latest.fetch_max(wall, Ordering::Relaxed).max(wall);
        let ran = i64::try_from(self.began.elapsed().as_millis()).unwrap_or(i64::MAX);
        Now { wall, latest, ran: self.ran_before.saturating_add(ran) }
    }

    /// Minutes after midnight on this computer's wall: its time zone, summer time and all.
    #[must_use]
    pub fn minute_of_day(&self) -> u16 {
        let now = jiff::Zoned::now();
        u16::from(now.hour().unsigned_abs()) * 60 + u16::from(now.minute().unsigned_abs())
    }

    fn save(&self) {
        let now = self.now();
        let saved = self
            .settings
            .set(LATEST, &now.latest.to_string())
            .and_then(|()| self.settings.set(RAN, &now.ran.to_string()));
        if let Err(error) = saved {
            tracing::warn!(%error, "the running time cannot be written down");
        }
    }
}

/// Writes the running time down now and then, and at the end.
pub fn start(core: &Arc<Core>) {
    let core = Arc::clone(core);
    core.tasks.clone().spawn(async move {
        loop {
            let over = tokio::select! {
                () = core.cancel.cancelled() => true,
                () = tokio::time::sleep(EVERY) => false,
            };
            let clock = core.clock.clone();
            let _ = tokio::task::spawn_blocking(move || clock.save()).await; // fails only when it panicked
            if over {
                return;
            }
        }
    });
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use lanyard_store::Store;

    #[test]
    fn running_time_adds_up_over_restarts_and_the_latest_time_is_kept() {
        let settings = Settings::new(Store::in_memory(&[crate::settings::MIGRATIONS]).unwrap());
        settings.set(LATEST, "99999999999999").unwrap();
        settings.set(RAN, "5000").unwrap();
        let clock = Clock::load(settings.clone());
        let now = clock.now();
        assert_eq!(now.latest, 99_999_999_999_999, "a clock that stood there once");
        assert!(now.ran >= 5000 && now.wall < now.latest);
        std::thread::sleep(Duration::from_millis(5));
        clock.save();
        assert!(Clock::load(settings).now().ran > 5000);
    }
}
