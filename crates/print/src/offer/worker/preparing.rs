//! Documents that are made into what a queue takes, beside the queue's work.
//!
//! Jobs come into a queue in the order in which they were accepted. One whose document is still being made keeps those
//! behind it waiting for a moment, so that a picture of a second does not change the order; after that they go first.
//! A document that needs no making is never overtaken.

use super::{super::IncomingJob, Worker};
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

/// How long those behind wait.
const GRACE: Duration = Duration::from_secs(3);

/// As many documents of one queue as are made at once.
const AT_ONCE: usize = 2;

/// What is being made, or is ready, by job and attempt.
#[derive(Default)]
pub(super) struct Preparing(HashMap<(Uuid, u32), Making>);

struct Making {
    since: Instant,
    ready: Arc<AtomicBool>,
    _task: AbortOnDropHandle<()>,
}

/// When a job that is not in the queue yet comes there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    Now,
    /// In a moment, and nothing before it.
    Soon,
    /// When it is ready; others may go first.
    Later,
}

impl Preparing {
    pub(super) fn retain(&mut self, open: &[IncomingJob]) {
        self.0.retain(|(job, attempt), _| open.iter().any(|row| row.job == *job && row.attempt == *attempt));
    }
}

impl Worker {
    /// Whether a job may come into the queue. `some_are_first` when one before it comes in a moment.
    pub(super) fn turn_of(&mut self, job: &IncomingJob, some_are_first: bool) -> Turn {
        let in_turn = if some_are_first { Turn::Soon } else { Turn::Now };
        let handover = self.offer.handover(job);
        if !self.offer.inner.spoolers.of(&self.queue).must_prepare(&handover) {
            return in_turn;
        }
        let key = (job.job, job.attempt);
        if let Some(making) = self.preparing.0.get(&key) {
            return match making.ready.load(Ordering::Acquire) {
                true => in_turn,
                false if making.since.elapsed() < GRACE => Turn::Soon,
                false => Turn::Later,
            };
        }
        let unready = |making: &&Making| !making.ready.load(Ordering::Acquire);
        if self.preparing.0.values().filter(unready).count() >= AT_ONCE {
            return Turn::Later;
        }
        let ready = Arc::new(AtomicBool::new(false));
        let (offer, bell, told) = (self.offer.clone(), Arc::clone(&self.bell), Arc::clone(&ready));
        let task = tokio::spawn(async move {
            offer.inner.spoolers.of(&handover.queue).prepare(&handover).await;
            told.store(true, Ordering::Release);
            bell.notify_one();
        });
        let making = Making { since: Instant::now(), ready, _task: AbortOnDropHandle::new(task) };
        self.preparing.0.insert(key, making);
        Turn::Soon
    }
}
