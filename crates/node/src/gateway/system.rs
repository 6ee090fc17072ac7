//! The queues of this computer's own print system that lead to the gateway.

use crate::Core;

/// Whether queues can be made on this system.
pub(super) const CAN: bool = cfg!(unix);

/// Why the print system did not do it.
#[derive(Debug, thiserror::Error)]
pub(super) enum QueueError {
    /// This user may not change queues.
    #[error("this user may not change this computer's print queues")]
    #[cfg_attr(not(unix), allow(dead_code, reason = "CUPS alone says so"))]
    NotAllowed,
    /// It does not answer, or refused.
    #[error("{0}")]
    Failed(String),
}

/// A job that the print system believes we have.
#[derive(Clone, Debug)]
pub(super) struct HandedOver {
    /// Its number there.
    pub(super) number: i32,
    /// Between which seconds it gave it to us.
    pub(super) begun: i64,
    pub(super) ended: i64,
    /// What it is called, as our own jobs are.
    pub(super) title: String,
}

#[cfg(unix)]
mod cups {
    use super::{Core, HandedOver, QueueError};
    use crate::printing;
    use lanyard_print::{
        QueueId,
        system::cups::added::{self, Wanted},
    };

    impl From<added::QueueError> for QueueError {
        fn from(error: added::QueueError) -> Self {
            match error {
                added::QueueError::NotAllowed => Self::NotAllowed,
                error => Self::Failed(error.to_string()),
            }
        }
    }

    /// All queues, and where they lead as far as that is told.
    pub(in super::super) async fn queues(core: &Core) -> Result<Vec<(String, Option<String>)>, QueueError> {
        let found = printing::system_queues(core).all_queues().await;
        let found = found.map_err(|error| QueueError::Failed(error.to_string()))?;
        Ok(found.into_iter().map(|found| (found.queue.0, found.device_uri)).collect())
    }

    pub(in super::super) async fn add_queue(
        core: &Core,
        queue: &str,
        info: &str,
        device_uri: &str,
    ) -> Result<(), QueueError> {
        let wanted = Wanted {
            queue: QueueId(queue.to_owned()),
            info: info.to_owned(),
            device_uri: device_uri.to_owned(),
        };
        Ok(printing::system_queues(core).add_queue(&wanted).await?)
    }

    pub(in super::super) async fn move_queue(core: &Core, queue: &str, uri: &str) -> Result<(), QueueError> {
        Ok(printing::system_queues(core).move_queue(&QueueId(queue.to_owned()), uri).await?)
    }

    /// Jobs that the print system believes we have.
    pub(in super::super) async fn handed_over(
        core: &Core,
        queue: &str,
    ) -> Result<Vec<HandedOver>, QueueError> {
        let found = printing::system_queues(core).handed_over(&QueueId(queue.to_owned())).await;
        let found = found.map_err(|error| QueueError::Failed(error.to_string()))?;
        let jobs = found.into_iter().map(|job| HandedOver {
            number: job.number,
            begun: job.begun,
            ended: job.ended,
            title: job.title,
        });
        Ok(jobs.collect())
    }

    /// Lets a queue go on that the print system has stopped for a fault; true when it had.
    pub(in super::super) async fn go_on_after_fault(core: &Core, queue: &str) -> Result<bool, QueueError> {
        let gone_on = printing::system_queues(core).go_on_after_fault(&QueueId(queue.to_owned())).await;
        gone_on.map_err(|error| QueueError::Failed(error.to_string()))
    }

    pub(in super::super) async fn hand_over_again(core: &Core, number: i32) -> Result<(), QueueError> {
        let again = printing::system_queues(core).hand_over_again(number).await;
        again.map_err(|error| QueueError::Failed(error.to_string()))
    }

    pub(in super::super) async fn remove_queue(core: &Core, queue: &str) -> Result<(), QueueError> {
        Ok(printing::system_queues(core).remove_queue(&QueueId(queue.to_owned())).await?)
    }
}

#[cfg(unix)]
pub(super) use cups::{
    add_queue, go_on_after_fault, hand_over_again, handed_over, move_queue, queues, remove_queue,
};

#[cfg(not(unix))]
mod none {
    use super::{Core, HandedOver, QueueError};

    fn no<T>() -> Result<T, QueueError> {
        Err(QueueError::Failed("not available on this system in this version".to_owned()))
    }

    pub(in super::super) async fn queues(_: &Core) -> Result<Vec<(String, Option<String>)>, QueueError> {
        no()
    }

    pub(in super::super) async fn add_queue(_: &Core, _: &str, _: &str, _: &str) -> Result<(), QueueError> {
        no()
    }

    pub(in super::super) async fn move_queue(_: &Core, _: &str, _: &str) -> Result<(), QueueError> {
        no()
    }

    pub(in super::super) async fn handed_over(_: &Core, _: &str) -> Result<Vec<HandedOver>, QueueError> {
        no()
    }

    pub(in super::super) async fn go_on_after_fault(_: &Core, _: &str) -> Result<bool, QueueError> {
        no()
    }

    pub(in super::super) async fn hand_over_again(_: &Core, _: i32) -> Result<(), QueueError> {
        no()
    }

    pub(in super::super) async fn remove_queue(_: &Core, _: &str) -> Result<(), QueueError> {
        no()
    }
}

#[cfg(not(unix))]
pub(super) use none::{
    add_queue, go_on_after_fault, hand_over_again, handed_over, move_queue, queues, remove_queue,
};
