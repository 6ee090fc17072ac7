//! Several devices may offer the same piece of hardware. While one of them is away, what waits for it goes by another.
//!
//! Only what has certainly not left: a document that the first device may have waits for that device, because it may be
//! on paper already. And only by a device that answers just now and can do what was chosen. A printer on the network
//! that no device offers is no way around: that it is the same is nobody's word but its own.

use super::{Outbox, OutgoingJob, Target, delivery::Courier};
use lanyard_trust::NodeId;
use std::sync::{Arc, atomic::Ordering};

/// Who knows the other ways to a printer.
pub trait Around: Send + Sync + 'static {
    /// Other devices that offer the same piece of hardware, are believed and seem to be there, the best first.
    fn around(&self, printer: &Target) -> Vec<Target>;
}

/// As many other ways as are tried for one job.
const TRIED: usize = 4;

impl Outbox {
    /// Says who knows other ways to a printer. Until then there are none. Counts once.
    pub fn find_other_ways_by(&self, around: Arc<dyn Around>) {
        if self.inner.around.set(around).is_err() {
            tracing::warn!("who knows other ways to printers was told already");
        }
    }

    /// A device has come: what waits for others may go by it.
    pub(super) fn another_way_is_there(&self, node: NodeId) {
        for (other, bell) in super::lock(&self.inner.couriers).iter() {
            if *other != node && bell.waits.load(Ordering::Acquire) {
                bell.ring.notify_one();
            }
        }
    }

    /// Another way for a job, one that answers and can do what was chosen.
    async fn way_around(&self, job: &OutgoingJob) -> Option<Target> {
        let ways = self.inner.around.get()?.around(&job.target());
        for way in ways.into_iter().filter(|way| way.node != job.node).take(TRIED) {
            match self.capabilities(way.node, &way.share).await {
                Ok(can) if job.options.fit(&can).is_ok() => return Some(way),
                Ok(_) => {
                    tracing::debug!(job = %job.job, by = ?way.node, "another way cannot do what was chosen")
                }
                Err(error) => tracing::debug!(job = %job.job, by = ?way.node, %error, "no way around"),
            }
        }
        None
    }
}

impl Courier {
    /// The device does not answer: its jobs go by another way where there is one.
    pub(super) async fn go_around(&self) {
        let node = self.node;
        let open = self.outbox.inner.rows.run(move |rows| rows.open_jobs(Some(node))).await;
        for job in open.unwrap_or_default().into_iter().filter(OutgoingJob::may_go_around) {
            let Some(way) = self.outbox.way_around(&job).await else { continue };
            let by = way.node;
            if let Ok(row) = self.change(&job, move |job| job.go_around(way)).await
                && row.node == by
            {
                tracing::info!(job = %job.job, from = ?node, ?by, "a print job goes by another device");
            }
        }
    }
}
