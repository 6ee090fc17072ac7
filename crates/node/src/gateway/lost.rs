//! Documents that the print system believes we have, and that we have not.
//!
//! CUPS takes a connection that breaks behind the last byte of a document for success (seen with 2.4.2: its `ipp` backend
//! reports the answer to the question before). When this node is killed just then, before the document is safe, nobody
//! has it any more but CUPS, which keeps what it has handed over for a day. So after a start its finished jobs are held
//! against ours: of one that was handed over while none came here, the document is asked for again. Where that cannot
//! be told for certain nothing is asked for: a document that comes twice is as bad.

use super::system;
use crate::{Core, printing};
use std::{sync::Arc, time::Duration};

/// When is looked after a start: CUPS may still wait for an answer that does not come.
const LOOKS: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(30)];

/// Older ones are a person's business.
const DAY: i64 = 24 * 3600;

/// So many jobs of ours are remembered at least; with more, the oldest may be forgotten.
const REMEMBERED: usize = 400;

/// Looks a few times after a start.
pub(super) async fn watch(core: &Arc<Core>) {
    for pause in LOOKS {
        tokio::time::sleep(pause).await;
        look(core).await;
    }
}

async fn look(core: &Core) {
    let ours = match printing::outbox(core).jobs().await {
        Ok(jobs) => jobs,
        Err(error) => return tracing::error!(%error, "our print jobs cannot be read"),
    };
    let taken: Vec<i64> = ours.iter().map(|job| job.created_at / 1000).collect();
    let now =
        std::time::UNIX_EPOCH.elapsed().map_or(0, |age| i64::try_from(age.as_secs()).unwrap_or(i64::MAX));
    let added = core.gateway.added().clone();
    for added in added {
        let there = match system::handed_over(core, &added.queue).await {
            Ok(there) => there,
            Err(error) => {
                tracing::debug!(%error, queue = added.queue, "what was handed over is not known");
                continue;
            }
        };
        for number in lost(&there, &taken, now) {
            match system::hand_over_again(core, number).await {
                Ok(()) => {
                    tracing::warn!(
                        queue = added.queue,
                        number,
                        "a document was lost on its way here and comes again"
                    );
                }
                Err(error) => tracing::error!(queue = added.queue, number, %error, "a document is lost"),
            }
        }
    }
}

/// Those of `there` (number, begun, ended) that certainly did not come here, when jobs of ours were `taken` at these
/// seconds. Pure.
fn lost(there: &[(i32, i64, i64)], taken: &[i64], now: i64) -> Vec<i32> {
    let known_since = match taken.len() {
        0..REMEMBERED => now - DAY,
        _ => taken.iter().copied().min().unwrap_or(now).max(now - DAY),
    };
    let did_not_come = |&&(_, begun, ended): &&(i32, i64, i64)| {
        // A clock that was set proves nothing.
        let sane = known_since < begun && begun <= ended && ended <= now;
        // Within a second more on both sides: their clock counts seconds.
        sane && !taken.iter().any(|at| (begun - 1..=ended + 1).contains(at))
    };
    there.iter().filter(did_not_come).map(|(number, ..)| *number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_000_000;

    #[test]
    fn what_came_here_is_not_asked_for_again_and_what_did_not_is() {
        let there = [(1, NOW - 100, NOW - 98), (2, NOW - 50, NOW - 50), (3, NOW - 10, NOW - 2)];
        assert_eq!(lost(&there, &[NOW - 99, NOW - 5], NOW), [2]);
        assert_eq!(lost(&there, &[], NOW), [1, 2, 3]);
        assert_eq!(lost(&there, &[NOW - 97, NOW - 49, NOW - 11], NOW), [0; 0], "clocks that count seconds");
    }

    #[test]
    fn what_cannot_be_told_for_certain_is_not_asked_for() {
        assert_eq!(lost(&[(1, NOW - 2 * DAY, NOW - 2 * DAY)], &[], NOW), [0; 0], "too old");
        assert_eq!(lost(&[(1, NOW - 5, NOW - 60)], &[], NOW), [0; 0], "the clock was set back");
        assert_eq!(lost(&[(1, NOW - 5, NOW + 60)], &[], NOW), [0; 0], "and again");
        let many: Vec<i64> = (0..500).map(|n| NOW - n).collect();
        assert_eq!(lost(&[(1, NOW - 600, NOW - 599)], &many, NOW), [0; 0], "what came then is forgotten");
    }
}
