//! Watching one device: a stream of lines, kept open, begun anew when it breaks or falls silent.

use super::{is_back, offers::cleaned};
use crate::{Core, asks, drives, home, printing, wire::WatchLine};
use http::Request;
use lanyard_api::Millis;
use lanyard_link::body::{self, Lines, ReadError};
use lanyard_trust::NodeId;
use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};

/// The longest line that is read.
const MAX_LINE: usize = 256 * 1024;
/// How long a device may take to begin its stream.
const BEGIN: Duration = Duration::from_secs(6);
/// A device that was there and takes longer than this to begin again counts as away until it does.
const GRACE: Duration = Duration::from_secs(1);
/// Longer silence means trouble, in halves of the time after which it says that it is alive.
const SILENCE: u32 = 5;
/// Whatever it says, it is heard within this time.
const LONGEST_SILENCE: Duration = Duration::from_secs(180);
/// Between two tries, doubled each time up to the second.
const RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_secs(30);
/// A stream that held this long was a good one.
const STEADY: Duration = Duration::from_secs(5);
/// Lines taken per second; a device that talks faster waits.
const LINES_PER_SECOND: u32 = 100;

/// How a stream ended.
#[derive(Debug)]
enum Ended {
    /// It said that it stops.
    Bye,
    /// It is somewhere else now.
    Moved,
    /// It broke off or fell silent after it had begun.
    Lost,
    /// It did not begin.
    NotReached,
}

/// Watches until the device says goodbye or is given up, or the node stops.
pub(super) async fn keep(core: Arc<Core>, node: NodeId, bell: Arc<Notify>) {
    tokio::select! {
        () = core.cancel.cancelled() => {}
        () = watch_on(&core, node, &bell) => {}
    }
    // All under one lock: whoever meets the device next finds nothing of it and begins anew.
    let mut watching = core.presence.watching();
    watching.remove(&node);
    core.peers.forget(&node);
    if core.presence.devices().remove(&node) {
        core.presence.dirty.notify_one();
    }
}

async fn watch_on(core: &Arc<Core>, node: NodeId, bell: &Notify) {
    let mut failures = 0_u32;
    loop {
        let begun = Instant::now();
        let ended = watch(core, node, bell).await;
        let now = Instant::now();
        tracing::debug!(%node, ?ended, "a watch ended");
        match ended {
            Ended::Bye => return,
            // At once and at all addresses; only if that fails, too, the device counts as away.
            Ended::Moved | Ended::Lost if now - begun >= STEADY => {
                failures = 0;
                continue;
            }
            // A device that begins and breaks off again and again is not allowed to keep us busy.
            Ended::Moved | Ended::Lost if failures == 0 => {
                failures = 1;
                continue;
            }
            Ended::Moved => {}
            // Nobody is there during the pause, and a greeting of the device itself may end it.
            Ended::Lost => away(core, &node),
            Ended::NotReached => {
                away(core, &node);
                if core.presence.devices().is_given_up(&node, now) {
                    return;
                }
            }
        }
        let pause = (RETRY * 2_u32.saturating_pow(failures.min(8))).min(LONGEST_RETRY);
        failures += 1;
        tokio::select! {
            () = sleep(pause) => {}
            () = bell.notified() => {}
        }
    }
}

async fn watch(core: &Arc<Core>, node: NodeId, bell: &Notify) -> Ended {
    let addresses = core.presence.devices().addresses(&node);
    core.peers.learn(node, addresses.clone());
    let mut request = Request::new(body::empty());
    *request.uri_mut() = http::Uri::from_static("/v1/watch");
    let answer = core.peers.request(node, request, BEGIN);
    tokio::pin!(answer);
    let answer = tokio::select! {
        answer = &mut answer => answer,
        // One address of several that swallows everything must not keep a device looking well.
        () = sleep(GRACE) => {
            away(core, &node);
            answer.await
        }
    };
    let response = match answer {
        Ok(response) if response.status().is_success() => response,
        Ok(response) => {
            tracing::debug!(%node, status = %response.status(), "a device does not let us watch it");
            return Ended::NotReached;
        }
        Err(error) => {
            tracing::debug!(%node, %error, "a device cannot be watched");
            return Ended::NotReached;
        }
    };
    // How long it may be silent is measured here, by what it says itself.
    let mut lines = Lines::new(response.into_body().quiet_for(2 * LONGEST_SILENCE), MAX_LINE);
    let mut pace = Pace::new();
    let mut spoken = false;
    let mut silence = silence(10);
    loop {
        let line = tokio::select! {
            () = bell.notified() => {
                if core.presence.devices().has_left(&node, &addresses) {
                    return Ended::Moved;
                }
                continue;
            }
            line = timeout(silence, lines.next_json::<WatchLine>()) => line,
        };
        match line {
            Ok(Ok(Some(WatchLine::Bye))) => return Ended::Bye,
            Ok(Ok(Some(line))) => {
                if let WatchLine::Hello(hello) = &line {
                    silence = self::silence(hello.alive);
                }
                take(core, node, line, &mut spoken).await;
            }
            // A later version may say things this one does not know.
            Ok(Err(ReadError::NotJson(error))) => tracing::debug!(%node, error, "a line was not understood"),
            Ok(Ok(None) | Err(_)) | Err(_) if spoken => return Ended::Lost,
            Ok(Ok(None) | Err(_)) | Err(_) => return Ended::NotReached,
        }
        pace.keep().await;
    }
}

/// How long a device may be silent that says after so many seconds that it is alive.
fn silence(alive: u16) -> Duration {
    (Duration::from_secs(alive.max(10).into()) * SILENCE / 2).min(LONGEST_SILENCE)
}

/// The device does not answer.
fn away(core: &Core, node: &NodeId) {
    if core.presence.devices().unreachable(node, Instant::now()) {
        tracing::info!(%node, "a device does not answer any more");
        core.presence.dirty.notify_one();
    }
}

async fn take(core: &Arc<Core>, node: NodeId, line: WatchLine, spoken: &mut bool) {
    let presence = &core.presence;
    let now = millis();
    match line {
        WatchLine::Hello(hello) => {
            let (changed, name, addresses) = {
                let mut devices = presence.devices();
                let changed = devices.hello(&node, &hello, now);
                (changed, devices.name(&node), devices.addresses(&node))
            };
            if changed {
                tracing::info!(%node, name, "a device is here");
                presence.dirty.notify_one();
            }
            presence.book.write(core, node, name, &hello.os, &addresses, now).await;
        }
        WatchLine::Offers(offers) => {
            if presence.devices().offers(&node, cleaned(offers), now) {
                presence.dirty.notify_one();
                // A disc may be back, for which a copy waits.
                drives::peer_is_back(core, node).await;
            }
            if !std::mem::replace(spoken, true) {
                is_back(core, node);
            }
        }
        WatchLine::Job(status) => printing::heard_job(core, node, status).await,
        WatchLine::Home { digest } => home::heard_digest(core, node, &digest),
        WatchLine::Asked { share, yes } => asks::heard_answer(core, node, share, yes),
        WatchLine::Alive => presence.devices().heard(&node, now),
        WatchLine::Bye => {}
    }
}

/// Holds back a device that talks too fast.
struct Pace {
    since: Instant,
    lines: u32,
}

impl Pace {
    fn new() -> Self {
        Self { since: Instant::now(), lines: 0 }
    }

    async fn keep(&mut self) {
        let passed = self.since.elapsed();
        if passed >= Duration::from_secs(1) {
            *self = Self::new();
        }
        self.lines += 1;
        if self.lines >= LINES_PER_SECOND {
            sleep(Duration::from_secs(1).saturating_sub(passed)).await;
            *self = Self::new();
        }
    }
}

fn millis() -> Millis {
    let age = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis::try_from(age.as_millis()).unwrap_or(Millis::MAX)
}
