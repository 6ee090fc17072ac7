//! A copy that waits for room on the disk that it goes to.

use super::Job;
use crate::{
    consume::{
        browse::Remote,
        transfer::{Direction, Transfer},
    },
    disk, wire,
};
use std::{path::Path, time::Duration};

/// How often a disk here is looked at.
const HERE: Duration = Duration::from_secs(2);
/// How often another device is asked about its disk.
const THERE: Duration = Duration::from_secs(5);

/// What is said behind the reason.
pub(super) const GOES_ON: &str = "The copy goes on by itself when there is room.";

/// Free bytes of the disk that the copy goes to, and all that it has.
async fn space(job: &Job, copy: &Transfer) -> Option<(u64, u64)> {
    match copy.direction {
        Direction::Download => {
            // A folder may not be there yet, or not any more; the one around it is on the same disk, or was.
            let folder = copy.local_path.parent().unwrap_or(Path::new("/")).to_owned();
            tokio::task::spawn_blocking(move || disk::space(&folder)).await.ok().flatten()
        }
        // Nobody looks into an inbox, nor at the disk behind it.
        Direction::Upload if wire::is_send(&copy.share) => None,
        Direction::Upload => {
            let remote = Remote::new(job.inner.peers.clone(), copy.node, copy.share.clone());
            remote.space().await.ok().map(|space| (space.free, space.total)).filter(|(_, total)| *total > 0)
        }
    }
}

/// Whether the disk could hold it if other things went away.
pub(super) async fn may_come(job: &Job, copy: &Transfer) -> bool {
    let Some((_, total)) = space(job, copy).await else { return false };
    copy.size.is_none_or(|size| size <= total)
}

/// Returns when there is room for what is missing, after `pause` at the soonest: what counts as free is not always there
/// for everybody.
pub(super) async fn comes(job: &Job, copy: &Transfer, pause: Duration) {
    let missing = copy.size.map_or(1, |size| size.saturating_sub(copy.bytes_done).max(1));
    let every = if copy.direction == Direction::Download { HERE } else { THERE };
    let mut rest = pause.max(every);
    loop {
        tokio::time::sleep(rest).await;
        if space(job, copy).await.is_some_and(|(free, _)| free >= missing) {
            return;
        }
        rest = every;
    }
}
