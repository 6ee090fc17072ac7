//! Numbered changes for front ends.

use lanyard_api::{Change, Event};

/// Numbers changes and hands them to every front end that listens. A slow listener loses its place and gets the
/// snapshot again; it never slows the node down.
#[derive(Clone)]
pub struct Events {
    sender: tokio::sync::broadcast::Sender<Event>,
    seq: std::sync::Arc<std::sync::Mutex<u64>>,
}

impl Events {
    /// No event yet.
    #[must_use]
    pub fn new() -> Self {
        Self { sender: tokio::sync::broadcast::channel(1024).0, seq: std::sync::Arc::default() }
    }

    /// Tells every listener.
    pub fn emit(&self, change: Change) {
        // The lock spans the send, so that numbers reach listeners in order.
        let mut seq = self.seq.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *seq += 1;
        let _ = self.sender.send(Event { seq: *seq, change });
    }

    /// The number of the last event.
    #[must_use]
    pub fn last(&self) -> u64 {
        *self.seq.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Listens from now on.
    #[must_use]
    pub fn listen(&self) -> tokio::sync::broadcast::Receiver<Event> {
        self.sender.subscribe()
    }
}

impl Default for Events {
    fn default() -> Self {
        Self::new()
    }
}
