//! Jobs that wait in CUPS's own queues kept back and let go, and the queues themselves.

use super::{Cups, SpoolError, accepted};
use crate::{QueueId, client::Adding};
use lanyard_ipp::{Message, Operation, Value};

impl Cups {
    /// CUPS keeps it back until it is let go.
    pub(super) async fn hold_job(&self, number: i32) -> Result<(), SpoolError> {
        self.tell("/jobs/", Self::to_job(Operation::HoldJob, number)).await
    }

    pub(super) async fn release_job(&self, number: i32) -> Result<(), SpoolError> {
        self.tell("/jobs/", Self::to_job(Operation::ReleaseJob, number)).await
    }

    /// Stops a queue behind the job that it is printing, or lets it go on. CUPS lets only those do so who see to
    /// printers on this computer.
    pub(super) async fn pause_queue(&self, queue: &QueueId, pause: bool) -> Result<(), SpoolError> {
        let operation = if pause { Operation::PausePrinter } else { Operation::ResumePrinter };
        self.tell("/admin/", Self::to_queue(operation, queue)).await
    }

    pub(super) async fn tell(&self, path: &str, message: Message) -> Result<(), SpoolError> {
        let user = self.user().await;
        let message = message.operation("requesting-user-name", Value::name(user));
        let answer = self.line.call(user, path, &message, None).await;
        accepted(answer.map_err(|error| error.error)?).map(|_| ())
    }
}
