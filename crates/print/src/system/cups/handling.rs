//! Jobs that wait in CUPS's own queue kept back and let go.

use super::{Cups, SpoolError, accepted, transport};
use ipp::{model::Operation, value::IppValue};

impl Cups {
    /// CUPS keeps it back until it is let go; it says no to a job that has begun.
    pub(super) async fn hold_job(&self, number: i32) -> Result<(), SpoolError> {
        self.tell_job(Operation::HoldJob, number).await
    }

    pub(super) async fn release_job(&self, number: i32) -> Result<(), SpoolError> {
        self.tell_job(Operation::ReleaseJob, number).await
    }

    async fn tell_job(&self, operation: Operation, number: i32) -> Result<(), SpoolError> {
        let user = self.user().await;
        let message = Self::to_job(operation, number)
            .operation("requesting-user-name", IppValue::new_name_without_language(user).ok());
        let answer = transport::call(&self.address, user, "/jobs/", message.encode(), None).await;
        accepted(answer.map_err(|error| error.error)?).map(|_| ())
    }
}
