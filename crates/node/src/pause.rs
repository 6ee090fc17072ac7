//! Pausing: nothing is offered for a while, as if no network were the owner's.
//!
//! What runs on the networks follows in `networks`; this module only knows whether sharing is paused, and ends a
//! pause whose time has come. What others offer can still be used.

use crate::{Core, clock::Clock, networks, settings::Settings, status};
use lanyard_api::{ApiError, Change, ErrorCode, Millis, NodeStatus};
use lanyard_store::StoreError;
use lanyard_trust::{Now, Until};
use serde::{Deserialize, Serialize};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::Notify;

const KEPT: &str = "pause";

/// How long the end of a pause is slept for at most: a computer that slept itself looks at its clock soon after.
const LOOK: Duration = Duration::from_secs(15);

/// Whether sharing is paused, in memory and in the settings.
pub struct Pause {
    settings: Settings,
    clock: Clock,
    state: Mutex<Option<Paused>>,
    /// Rung when a pause begins or ends.
    changed: Notify,
}

/// A pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Paused {
    /// None means until a person ends it.
    until: Option<Until>,
}

impl Pause {
    /// Goes on with a pause of the last run.
    ///
    /// # Errors
    /// When the store cannot be read: a node that cannot tell whether it is paused must not begin to share.
    pub fn load(settings: Settings, clock: Clock) -> Result<Self, StoreError> {
        let kept = settings.text(KEPT)?.filter(|text| !text.is_empty());
        // What cannot be understood was written by a later version; it was a pause all the same.
        let state = kept.map(|text| serde_json::from_str(&text).unwrap_or(Paused { until: None }));
        Ok(Self { settings, clock, state: Mutex::new(state), changed: Notify::new() })
    }

    /// Whether nothing is to be offered now.
    #[must_use]
    pub fn is_on(&self) -> bool {
        let now = self.clock.now();
        let paused = *self.state();
        paused.is_some_and(|paused| !paused.is_over(&now))
    }

    fn set(&self, paused: Option<Paused>) -> Result<(), StoreError> {
        let text = paused.and_then(|paused| serde_json::to_string(&paused).ok()).unwrap_or_default();
        self.settings.set(KEPT, &text)?;
        *self.state() = paused;
        self.changed.notify_waiters();
        Ok(())
    }

    /// How long until something may have to be done; none means until somebody says so.
    fn rest(&self) -> Option<Duration> {
        let paused = *self.state();
        let until = paused?.until?;
        let now = self.clock.now();
        let rest = until.at.saturating_sub(now.wall).min(until.ran.saturating_sub(now.ran));
        Some(Duration::from_millis(u64::try_from(rest).unwrap_or(0)).min(LOOK))
    }

    fn state(&self) -> MutexGuard<'_, Option<Paused>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Paused {
    /// The end has come when the clock says so, or when this node has run for as long as the pause was to last: a
    /// clock that is set back prolongs nothing. Unlike a share, a pause does not end because the clock cannot be
    /// believed: that would begin to share by itself.
    fn is_over(&self, now: &Now) -> bool {
        self.until.is_some_and(|until| now.wall >= until.at || now.ran >= until.ran)
    }
}

/// Until when sharing is paused; [`Millis::MAX`] until a person ends it.
pub fn until(core: &Core) -> Option<Millis> {
    // Copied out: the lock must not be held while it is asked for again.
    let paused = *core.pause.state();
    let paused = paused.filter(|_| core.pause.is_on())?;
    Some(paused.until.map_or(Millis::MAX, |until| until.at))
}

/// Offers nothing until then.
///
/// # Errors
/// `invalid` when that time has passed, `internal` when the store does not take it.
pub async fn begin(core: &Arc<Core>, until: Option<Millis>) -> Result<NodeStatus, ApiError> {
    let now = core.clock.now();
    if until.is_some_and(|until| until <= now.wall) {
        return Err(ApiError::new(ErrorCode::Invalid, "That time has passed."));
    }
    // Longer than a life is for ever.
    let until = until.filter(|until| *until < Millis::MAX / 2).map(|until| Until::at(until, &now));
    keep(core, Some(Paused { until })).await?;
    tracing::info!("sharing is paused");
    follow(core).await
}

/// Shares again.
///
/// # Errors
/// `internal` when the store does not take it.
pub async fn end(core: &Arc<Core>) -> Result<NodeStatus, ApiError> {
    keep(core, None).await?;
    tracing::info!("sharing goes on");
    follow(core).await
}

/// Ends a pause when its time has come.
pub fn start(core: &Arc<Core>) {
    let core = Arc::clone(core);
    core.tasks.clone().spawn(async move {
        loop {
            let changed = core.pause.changed.notified();
            let rest = core.pause.rest();
            let rest = async {
                match rest {
                    Some(rest) => tokio::time::sleep(rest).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = core.cancel.cancelled() => return,
                () = changed => continue,
                () = rest => {}
            }
            if core.pause.is_on() {
                continue;
            }
            tracing::info!("the pause is over");
            if let Err(error) = end(&core).await {
                tracing::warn!(%error, "the end of the pause was not kept");
                tokio::time::sleep(LOOK).await;
            }
        }
    });
}

async fn keep(core: &Arc<Core>, paused: Option<Paused>) -> Result<(), ApiError> {
    let kept = Arc::clone(core);
    core.store
        .run(move |_| kept.pause.set(paused))
        .await
        .map_err(|error| ApiError::new(ErrorCode::Internal, format!("The pause was not kept: {error}.")))
}

/// Brings what runs in line, and tells.
async fn follow(core: &Arc<Core>) -> Result<NodeStatus, ApiError> {
    networks::follow(core).await;
    let status = status::status(core).await;
    core.events.emit(Change::Status(status.clone()));
    Ok(status)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use lanyard_store::Store;

    fn pause() -> Pause {
        let settings = Settings::new(Store::in_memory(&[crate::settings::MIGRATIONS]).unwrap());
        Pause::load(settings.clone(), Clock::load(settings)).unwrap()
    }

    #[test]
    fn a_pause_survives_a_restart_and_ends_only_once() {
        let pause = pause();
        assert!(!pause.is_on() && pause.rest().is_none());
        pause.set(Some(Paused { until: None })).unwrap();
        let again = Pause::load(pause.settings.clone(), pause.clock.clone()).unwrap();
        assert!(again.is_on() && again.rest().is_none(), "until a person ends it");
        again.set(None).unwrap();
        assert!(!Pause::load(pause.settings.clone(), pause.clock.clone()).unwrap().is_on());
    }

    #[test]
    fn a_clock_set_back_does_not_prolong_a_pause_and_does_not_end_it_either() {
        let began = Now { wall: 1_000_000, latest: 1_000_000, ran: 50 };
        let paused = Paused { until: Some(Until::at(1_060_000, &began)) };
        assert!(!paused.is_over(&Now { wall: 1_059_999, latest: 1_059_999, ran: 1 }));
        assert!(paused.is_over(&Now { wall: 1_060_000, latest: 1_060_000, ran: 1 }), "its time has come");
        let set_back = |ran| Now { wall: 0, latest: 1_000_000, ran };
        assert!(!paused.is_over(&set_back(60_049)), "nothing begins to share by itself");
        assert!(paused.is_over(&set_back(60_050)), "and nothing is prolonged");
    }

    #[test]
    fn what_cannot_be_understood_is_a_pause() {
        let pause = pause();
        pause.settings.set(KEPT, "{\"until\":{\"moon\":\"full\"}}").unwrap();
        assert!(Pause::load(pause.settings.clone(), pause.clock.clone()).unwrap().is_on());
    }
}
