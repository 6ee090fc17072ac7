//! One copy from try to try: until it is whole, a person stops it, or something stands in the way that does not go away
//! by itself.

use super::{Job, Task, places::Asked, room};
use crate::consume::{
    browse::Remote,
    download,
    journal::Row,
    transfer::{Direction, Reason, State},
    tree,
    trouble::Trouble,
    upload,
};
use crate::wire;
use std::{sync::atomic::Ordering, time::Duration};

pub(super) async fn run(job: &Job, task: &Task, asked: Asked) {
    let (mut pause, mut asked) = (Pause::default(), Some(asked));
    loop {
        let Some(row) = job.row() else { return };
        let asked = asked.take().unwrap_or_else(|| job.inner.lane(&row.transfer).ask(job.id, row.turn));
        let before = row.transfer.bytes_done;
        let result = turn(job, asked).await;
        match result {
            Ok(()) => return job.end(State::Done, None).await,
            Err(Trouble::Interrupted) if task.cancelled.load(Ordering::SeqCst) => {
                return job.end_cancelled().await;
            }
            Err(Trouble::Interrupted) if task.verdict.get().is_some() => {
                return job.end(State::Failed, task.verdict.get().cloned()).await;
            }
            Err(Trouble::Interrupted) if task.paused.load(Ordering::SeqCst) => return job.pauses().await,
            // The node stops: the row stays as it is and the next start goes on.
            Err(Trouble::Interrupted) => return,
            Err(Trouble::Changed) => {
                let words = "The file changes on the other device while it is copied.".to_owned();
                return job.end(State::Failed, Some((Reason::Changed, words))).await;
            }
            Err(Trouble::Final(Reason::DiskFull, detail)) => {
                let Some(Row { transfer: copy, .. }) = job.row() else { return };
                if !room::may_come(job, &copy).await {
                    return job.end(State::Failed, Some((Reason::DiskFull, detail))).await;
                }
                if copy.bytes_done > before {
                    pause = Pause::default();
                }
                job.waits(Reason::DiskFull, format!("{detail} {}", room::GOES_ON)).await;
                tokio::select! {
                    () = job.stop.cancelled() => {}
                    () = task.wake.notified() => {}
                    () = room::comes(job, &copy, pause.next()) => {}
                }
            }
            Err(Trouble::Final(reason, detail)) => {
                return job.end(State::Failed, Some((reason, detail))).await;
            }
            Err(Trouble::Passing(reason, detail)) => {
                if job.row().is_some_and(|row| row.transfer.bytes_done > before) {
                    pause = Pause::default();
                }
                job.waits(reason, detail).await;
                tokio::select! {
                    () = job.stop.cancelled() => {}
                    () = task.wake.notified() => {}
                    () = tokio::time::sleep(pause.next()) => {}
                }
            }
        }
    }
}

/// Tries when it is this copy's turn.
async fn turn(job: &Job, asked: Asked) -> Result<(), Trouble> {
    tree::look_here_first(job).await?;
    let place = tokio::select! {
        () = job.stop.cancelled() => None,
        place = asked.place() => place,
    };
    match (place, job.row()) {
        (Some(_place), Some(row)) => attempt(job, row).await,
        _ => Err(Trouble::Interrupted),
    }
}

async fn attempt(job: &Job, row: Row) -> Result<(), Trouble> {
    let copy = &row.transfer;
    let remote = Remote::new(job.inner.peers.clone(), copy.node, copy.share.clone());
    if wire::is_send(&copy.share) && copy.bytes_done == 0 {
        upload::ask_first(job, &remote, copy).await?;
    }
    job.save(|row| {
        let copy = &mut row.transfer;
        (copy.state, copy.reason, copy.detail) = (State::Running, None, None);
    })
    .await?;
    tracing::info!(copy = %copy.id, device = %copy.node, direction = copy.direction.word(), "a copy moves");
    match (copy.direction, copy.tree.is_some()) {
        (Direction::Download, false) => Box::pin(download::run(job, &remote, row)).await,
        (Direction::Upload, false) => Box::pin(upload::run(job, &remote, row)).await,
        (Direction::Download, true) => Box::pin(tree::download::run(job, &remote, row)).await,
        (Direction::Upload, true) => Box::pin(tree::upload::run(job, &remote, row)).await,
    }
}

/// 1 s, 2 s, 4 s … 30 s. Presence wakes a waiting copy sooner; this is for when nothing else does.
#[derive(Default)]
struct Pause {
    tries: u32,
}

impl Pause {
    fn next(&mut self) -> Duration {
        let seconds = 1_u64 << self.tries.min(5);
        self.tries += 1;
        Duration::from_secs(seconds.min(30))
    }
}
