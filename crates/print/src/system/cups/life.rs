//! Whether CUPS was away since it was last asked.
//!
//! It tells nobody: its `printer-up-time` is the time of day, and whatever else it tells of itself survives a restart. So
//! one connection is kept open, and a life of CUPS lasts as long as that. It also ends when CUPS hangs up for another
//! reason: then a job is believed to be on paper perhaps that is not, and never the other way round.

use super::{
    super::SpoolError,
    transport::{self, Address, PATIENCE, Question},
};
use crate::client::Connection;
use lanyard_ipp::Message;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Mutex;

/// The connection, and how many there were.
#[derive(Default)]
pub(super) struct Life {
    kept: Mutex<Option<Connection>>,
    number: AtomicU64,
}

impl Life {
    /// Another one after each time that CUPS may have been away.
    pub(super) fn number(&self) -> u64 {
        self.number.load(Ordering::Acquire)
    }

    /// Asks something that may be asked twice.
    pub(super) async fn ask(
        &self,
        address: &Address,
        user: &str,
        path: &str,
        message: &Message,
    ) -> Result<Message, SpoolError> {
        let mut kept = self.kept.lock().await;
        let question = || Question { path, message, document: None, patience: PATIENCE };
        // Taken out, so that one that is given up in the middle is not used again.
        if let Some(mut connection) = kept.take()
            && let Ok(answer) = transport::ask(&mut connection, address, user, question()).await
        {
            *kept = Some(connection);
            return Ok(answer);
        }
        let mut connection = transport::open(address).await?;
        self.number.fetch_add(1, Ordering::AcqRel);
        let answer = transport::ask(&mut connection, address, user, question()).await;
        let answer = answer.map_err(|error| error.error)?;
        *kept = Some(connection);
        Ok(answer)
    }
}
