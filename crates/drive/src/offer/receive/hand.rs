//! A growing file in the hands of a thread that hashes and writes it, while more arrives.
//!
//! The thread stays with its file: waking one for each block would cost what the block costs.

use super::{BLOCK, Growing};
use crate::{
    offer::{Refused, blocking},
    wire::Code,
};
use bytes::Bytes;
use tokio::{sync::mpsc, task::JoinHandle};

/// Blocks that wait for the disk, beside the one that is being written.
const WAITING: usize = 1;

/// Who has the file, and what has arrived of the next block.
pub(in crate::offer) struct Hand {
    file: Held,
    arrived: Vec<u8>,
}

enum Held {
    Here(Box<Growing>),
    There(Writing),
    /// An earlier block could not be written, and has taken the file with it.
    Lost,
}

struct Writing {
    full: mpsc::Sender<Vec<u8>>,
    written: mpsc::Receiver<Vec<u8>>,
    thread: JoinHandle<Result<Growing, Refused>>,
}

impl Hand {
    /// For a file of which about `expected` bytes are to come.
    pub(in crate::offer) fn new(growing: Growing, expected: u64) -> Self {
        let room = usize::try_from(expected).unwrap_or(usize::MAX).min(BLOCK);
        Self { file: Held::Here(Box::new(growing)), arrived: Vec::with_capacity(room) }
    }

    /// Takes what fits into a block; true when that is full now and was handed over. Waits while the disk is behind.
    pub(in crate::offer) async fn bring(&mut self, content: &mut Bytes) -> Result<bool, Refused> {
        let room = (BLOCK - self.arrived.len()).min(content.len());
        self.arrived.extend_from_slice(&content.split_to(room));
        if self.arrived.len() < BLOCK {
            return Ok(false);
        }
        self.hand_over().await?;
        Ok(true)
    }

    /// Hands over what has arrived of the last block.
    pub(in crate::offer) async fn bring_rest(&mut self) -> Result<(), Refused> {
        if self.arrived.is_empty() { Ok(()) } else { self.hand_over().await }
    }

    async fn hand_over(&mut self) -> Result<(), Refused> {
        let mut writing = match std::mem::replace(&mut self.file, Held::Lost) {
            Held::Here(growing) => Writing::begin(*growing),
            Held::There(writing) => writing,
            Held::Lost => return Err(lost()),
        };
        if writing.full.send(std::mem::take(&mut self.arrived)).await.is_err() {
            // It has ended before its time, and says why.
            return Err(writing.thread.await?.err().unwrap_or_else(lost));
        }
        self.arrived = writing.written.try_recv().unwrap_or_else(|_| Vec::with_capacity(BLOCK));
        self.file = Held::There(writing);
        Ok(())
    }

    /// The file, once everything that was handed over is written.
    pub(in crate::offer) async fn back(self) -> Result<Growing, Refused> {
        match self.file {
            Held::Here(growing) => Ok(*growing),
            Held::There(Writing { full, thread, .. }) => {
                drop(full);
                thread.await?
            }
            Held::Lost => Err(lost()),
        }
    }

    /// Nothing more comes, and nothing is kept of it.
    pub(in crate::offer) async fn throw_away(self) {
        // What could not be written is gone already.
        if let Ok(mut growing) = self.back().await {
            growing.give_up();
            let_go(growing).await;
        }
    }
}

impl Writing {
    fn begin(mut growing: Growing) -> Self {
        let (full, mut blocks) = mpsc::channel::<Vec<u8>>(WAITING);
        let (used, written) = mpsc::channel(WAITING + 1);
        let thread = tokio::task::spawn_blocking(move || {
            while let Some(mut block) = blocks.blocking_recv() {
                growing.write(&block)?;
                block.clear();
                // Memory that nobody takes back at the moment is given up.
                let _ = used.try_send(block);
            }
            Ok(growing)
        });
        Self { full, written, thread }
    }
}

/// Ends a file that is not whole off the async threads.
pub(super) async fn let_go(growing: Growing) {
    let dropped = blocking(move || {
        drop(growing);
        Ok(())
    });
    // It is gone when its thread has ended, whatever that says.
    let _ = dropped.await;
}

fn lost() -> Refused {
    Refused::new(Code::Failed, "an earlier block could not be written")
}
