//! Queues in this computer's CUPS that lead back to us: how they are recognised, made and removed.
//!
//! Such a queue is what other programs print to; its jobs come to our own door on loopback. It must never be offered
//! to others again: it would come round in a ring.

use super::{Cups, accepted, queue_uri};
use crate::{
    QueueId,
    client::{Adding, attributes::told},
    system::{SendError, SpoolError},
    ticket,
};
use lanyard_ipp::{Attribute, GroupTag, Message, Operation, Status, Value};
use std::time::{Duration, Instant};

/// The location of our queues, by which we know them even where CUPS does not tell the device.
pub const LOCATION: &str = "By way of Lanyard";

/// Where the paths of our door on loopback begin.
pub const PATH: &str = "/ipp/print/";

/// Whether a device is our own door on loopback: `ipp://localhost:PORT/ipp/print/` and 32 hexadecimal digits.
#[must_use]
pub fn leads_to_us(uri: &str) -> bool {
    let Some(rest) = uri.strip_prefix("ipp://") else { return false };
    let Some((authority, _)) = rest.split_once('/') else { return false };
    let Some(secret) = rest[authority.len()..].strip_prefix(PATH) else { return false };
    let secret = secret.split('?').next().unwrap_or_default();
    let local = ["localhost:", "127.0.0.1:", "[::1]:"].iter().any(|host| authority.starts_with(host));
    local && secret.len() == 32 && secret.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A queue that is to be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its name in CUPS.
    pub queue: QueueId,
    /// What programs show of it.
    pub info: String,
    /// Where its jobs go: our own door.
    pub device_uri: String,
}

/// A queue that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its name in CUPS.
    pub queue: QueueId,
    /// Where its jobs go, if CUPS tells.
    pub device_uri: Option<String>,
    /// True when it has our mark.
    pub ours: bool,
}

/// A job that CUPS has done with, as it believes. In seconds of this computer's clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandedOver {
    /// CUPS's number of it.
    pub number: i32,
    /// When CUPS began to hand it over.
    pub begun: i64,
    /// When it had done that.
    pub ended: i64,
    /// What it is called, as a job of ours would be.
    pub title: String,
}

/// Why CUPS did not make or remove a queue.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// This user may not administer CUPS.
    #[error("this user may not change this computer's print queues")]
    NotAllowed,
    /// CUPS.
    #[error(transparent)]
    Spool(#[from] SpoolError),
}

impl Cups {
    /// Makes a driverless queue, or changes the one of that name, and waits until documents may come. Our door must answer
    /// already: CUPS asks the device what it can do.
    ///
    /// # Errors
    /// [`QueueError`]; then there is no such queue.
    pub async fn add_queue(&self, wanted: &Wanted) -> Result<(), QueueError> {
        let user = self.user().await.to_owned();
        let mut message = Message::request(Operation::CupsAddModifyPrinter, 1)
            .operation("printer-uri", Value::uri(queue_uri(&wanted.queue)))
            .operation("requesting-user-name", Value::name(user.as_str()));
        let only =
            Attribute::many("requesting-user-name-allowed", [user, "root".to_owned()].map(Value::name));
        for attribute in [
            Attribute::one("device-uri", Value::uri(wanted.device_uri.as_str())),
            Attribute::one("ppd-name", Value::name("everywhere")),
            Attribute::one("printer-info", Value::text(wanted.info.as_str())),
            Attribute::one("printer-location", Value::text(LOCATION)),
            Attribute::one("printer-is-accepting-jobs", Value::Boolean(true)),
            Attribute::one("printer-is-shared", Value::Boolean(false)),
            Attribute::one("printer-state", Value::Enum(3)),
            // While Lanyard does not run, CUPS keeps the job and tries again.
            Attribute::one("printer-error-policy", Value::name("retry-job")),
            only,
        ] {
            message.add(GroupTag::Printer, attribute);
        }
        self.administer(&message).await?;
        let made = self.is_made(&wanted.queue).await;
        if made.is_err() {
            // It would throw away whatever is printed there.
            let _ = self.remove_queue(&wanted.queue).await;
        }
        made
    }

    /// Waits until CUPS knows what the device behind a new queue can do. It answers before that (`create_local_bg_thread` of
    /// its scheduler), and gives up a document that comes meanwhile, because nothing converts it.
    async fn is_made(&self, queue: &QueueId) -> Result<(), QueueError> {
        const PATIENCE: Duration = Duration::from_secs(30);
        const PAUSE: Duration = Duration::from_millis(20);
        /// What CUPS calls one of which it knows nothing.
        const RAW: &str = "Local Raw Printer";
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            let answer = self.queue_attributes(queue, &["printer-make-and-model"]).await?;
            let model =
                answer.group(GroupTag::Printer).and_then(|group| told(group, "printer-make-and-model"));
            if model.is_some_and(|model| model != RAW) {
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(SpoolError::Away("it did not learn what the new printer can do".to_owned()).into())
    }

    /// What CUPS has handed over from a queue, the latest.
    ///
    /// # Errors
    /// [`SpoolError`]
    pub async fn handed_over(&self, queue: &QueueId) -> Result<Vec<HandedOver>, SpoolError> {
        const LATEST: i32 = 100;
        const COMPLETED: i32 = 9;
        let message = Self::to_queue(Operation::GetJobs, queue)
            .operation("which-jobs", Value::keyword("completed"))
            .operation("limit", Value::Integer(LATEST))
            .requesting(&["job-id", "job-state", "job-name", "time-at-processing", "time-at-completed"]);
        let answer = self.ask("/", message).await?;
        let done = answer.groups(GroupTag::Job).filter(|job| job.int("job-state") == Some(COMPLETED));
        let handed_over = done.filter_map(|job| {
            Some(HandedOver {
                number: job.int("job-id")?,
                begun: i64::from(job.int("time-at-processing")?),
                ended: i64::from(job.int("time-at-completed")?),
                title: ticket::title(job.text("job-name").unwrap_or_default()),
            })
        });
        Ok(handed_over.collect())
    }

    /// Has CUPS hand a job over again; it keeps documents for a day.
    ///
    /// # Errors
    /// [`SpoolError`]
    pub async fn hand_over_again(&self, number: i32) -> Result<(), SpoolError> {
        self.tell("/jobs/", Self::to_job(Operation::RestartJob, number)).await
    }

    /// Lets a queue go on that CUPS has stopped because handing over failed. One that a person has stopped stays so. True
    /// when it was stopped.
    ///
    /// # Errors
    /// [`SpoolError`]
    pub async fn go_on_after_fault(&self, queue: &QueueId) -> Result<bool, SpoolError> {
        const STOPPED: i32 = 5;
        let answer = self.queue_attributes(queue, &["printer-state", "printer-state-message"]).await?;
        let group = answer.group(GroupTag::Printer).ok_or(SpoolError::NotFound)?;
        // What CUPS writes there when somebody stops a queue and gives no reason. After a fault there is what the backend
        // said last, or nothing.
        let by_a_person = group.text("printer-state-message") == Some("Paused");
        if group.int("printer-state") != Some(STOPPED) || by_a_person {
            return Ok(false);
        }
        self.pause_queue(queue, false).await.map(|()| true)
    }

    /// Points a queue of ours at another address.
    ///
    /// # Errors
    /// [`QueueError`]
    pub async fn move_queue(&self, queue: &QueueId, device_uri: &str) -> Result<(), QueueError> {
        let user = self.user().await;
        let message = Message::request(Operation::CupsAddModifyPrinter, 1)
            .operation("printer-uri", Value::uri(queue_uri(queue)))
            .operation("requesting-user-name", Value::name(user))
            .with(GroupTag::Printer, "device-uri", Value::uri(device_uri));
        self.administer(&message).await
    }

    /// Removes a queue with its jobs. One that is not there is no error.
    ///
    /// # Errors
    /// [`QueueError`]
    pub async fn remove_queue(&self, queue: &QueueId) -> Result<(), QueueError> {
        let user = self.user().await;
        let message = Message::request(Operation::CupsDeletePrinter, 1)
            .operation("printer-uri", Value::uri(queue_uri(queue)))
            .operation("requesting-user-name", Value::name(user));
        match self.administer(&message).await {
            Err(QueueError::Spool(SpoolError::NotFound)) => Ok(()),
            ended => ended,
        }
    }

    /// Every queue of this CUPS, whosever.
    ///
    /// # Errors
    /// [`SpoolError`]
    pub async fn all_queues(&self) -> Result<Vec<Found>, SpoolError> {
        let message = Message::request(Operation::CupsGetPrinters, 1).requesting(&[
            "printer-name",
            "printer-location",
            "device-uri",
        ]);
        let answer = match self.ask("/", message).await {
            Err(SpoolError::NotFound) => return Ok(Vec::new()),
            answer => answer?,
        };
        let found = answer.groups(GroupTag::Printer).filter_map(|group| {
            let device_uri = group.text("device-uri").map(str::to_owned);
            Some(Found {
                queue: QueueId(group.text("printer-name")?.to_owned()),
                ours: told(group, "printer-location").as_deref() == Some(LOCATION)
                    || device_uri.as_deref().is_some_and(leads_to_us),
                device_uri,
            })
        });
        Ok(found.collect())
    }

    async fn administer(&self, message: &Message) -> Result<(), QueueError> {
        let user = self.user().await;
        let answer = self.line.call(user, "/admin/", message, None).await;
        let answer = answer.map_err(|SendError { error, .. }| match error {
            // What HTTP's 401 and 403 have become.
            SpoolError::Refused(_) => QueueError::NotAllowed,
            error => error.into(),
        })?;
        match Status::from_code(answer.code) {
            Some(Status::Forbidden | Status::NotAuthenticated | Status::NotAuthorized) => {
                Err(QueueError::NotAllowed)
            }
            _ => Ok(accepted(answer).map(|_| ())?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_door_counts_as_ours() {
        let secret = "0123456789abcdef0123456789abcdef";
        assert!(leads_to_us(&format!("ipp://localhost:40123/ipp/print/{secret}")));
        assert!(leads_to_us(&format!("ipp://127.0.0.1:40123/ipp/print/{secret}?waitjob=false")));
        for other in [
            "ipp://localhost:8631/ipp/print".to_owned(),
            format!("ipp://localhost:8631/ipp/print/{}", &secret[1..]),
            format!("ipp://printer.local:8631/ipp/print/{secret}"),
            format!("socket://localhost:8631/ipp/print/{secret}"),
            "usb://x".to_owned(),
        ] {
            assert!(!leads_to_us(&other), "{other}");
        }
    }
}
