//! What becomes of several things that one command is about: each is tried, whatever becomes of the others.

use crate::{Failure, fail, show};

/// Of all of them so far.
pub(crate) struct Outcome {
    several: bool,
    failed: Option<String>,
}

impl Outcome {
    /// Of so many things nothing has been tried yet.
    pub(crate) fn of(things: usize) -> Self {
        Self { several: things > 1, failed: None }
    }

    /// One was not done. Of several it is said which, and the others are tried; alone it is the command's own failure.
    pub(crate) fn failed(&mut self, name: &str, failure: Failure) -> Result<(), Failure> {
        let reason = match failure {
            Failure::NobodyReads => return Err(failure),
            _ if !self.several => return Err(failure),
            Failure::Said(reason) => reason,
            Failure::Api(error) => show::clean(&error.to_string()),
        };
        if let Some(earlier) = self.failed.replace(format!("{name}: {reason}")) {
            fail(&earlier);
        }
        Ok(())
    }

    /// The last one that was not done is the command's failure.
    pub(crate) fn end(self) -> Result<(), Failure> {
        self.failed.map_or(Ok(()), |reason| Err(Failure::Said(reason)))
    }
}
