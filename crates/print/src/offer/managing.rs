//! Jobs of others, for whoever manages a printer of this computer's from their own: which there are. What they do with
//! them comes through the same doors as what senders do, and the gate is asked for each.

use super::{
    IncomingJob, Offer,
    doors::{Answer, gate_refusal, store_refusal},
    journal::Rows,
};
use crate::ticket::ManagedJob;
use http::StatusCode;
use lanyard_link::body;
use lanyard_trust::{Action, ShareId, Subject};

/// As much as is told at once: those who ask read no more.
const MOST_BYTES: usize = 48 * 1024;

impl Offer {
    /// The jobs that came through a share, newest first, as many as fit.
    pub(super) async fn tell_managed(&self, subject: &Subject, share: &str) -> Answer {
        let share = ShareId(share.to_owned());
        self.inner.gate.admit(&share, subject, Action::Manage).map_err(gate_refusal)?;
        let jobs = self.inner.rows.run(Rows::jobs).await.map_err(|error| store_refusal(&error))?;
        let (mut told, mut bytes) = (Vec::new(), 0);
        for job in jobs.iter().filter(|job| job.share == share).map(managed) {
            bytes += serde_json::to_vec(&job).map_or(0, |written| written.len() + 1);
            if bytes > MOST_BYTES {
                break;
            }
            told.push(job);
        }
        Ok(body::json(StatusCode::OK, &told))
    }
}

fn managed(job: &IncomingJob) -> ManagedJob {
    ManagedJob {
        status: job.status(),
        sender: job.sender,
        user: job.user.clone(),
        title: job.title.clone(),
        bytes: job.bytes,
        pages: job.pages,
        created_at: job.created_at,
        ended_at: job.ended_at,
    }
}
