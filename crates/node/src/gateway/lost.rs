//! Documents that the print system believes we have, and that we have not.
//!
//! CUPS takes a connection that breaks behind the last byte of a document for success (seen with 2.4.2: its `ipp` backend
//! reports the answer to the question before). When this node is killed just then, before the document is safe, nobody
//! has it any more but CUPS, which keeps what it has handed over for a day. So after a start its finished jobs are held
//! against ours: of one that was handed over while none came here, the document is asked for again. Where that cannot
//! be told for certain nothing is asked for: a document that comes twice is as bad.
//!
//! And where it does see a fault, it stops the queue behind it, whatever the queue's policy says: that goes on again.

use super::system::{self, HandedOver};
use crate::{Core, printing};
use std::{sync::Arc, time::Duration};

/// When is looked after a start: CUPS may still wait for an answer that does not come.
const LOOKS: [Duration; 4] =
    [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(30), Duration::from_secs(90)];

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
    let taken: Vec<Taken> =
        ours.into_iter().map(|job| Taken { at: job.created_at / 1000, title: job.title }).collect();
    let now =
        std::time::UNIX_EPOCH.elapsed().map_or(0, |age| i64::try_from(age.as_secs()).unwrap_or(i64::MAX));
    let added = core.gateway.added().clone();
    for added in added {
        match system::go_on_after_fault(core, &added.queue).await {
            Ok(false) => {}
            Ok(true) => tracing::warn!(queue = added.queue, "a queue had stopped for a fault and goes on"),
            Err(error) => tracing::warn!(%error, queue = added.queue, "a queue may have stopped"),
        }
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

/// A job of ours: when it came, in seconds, and what it is called.
struct Taken {
    at: i64,
    title: String,
}

/// Those of `there` that certainly did not come here, when these jobs of ours were `taken`. Pure.
fn lost(there: &[HandedOver], taken: &[Taken], now: i64) -> Vec<i32> {
    let known_since = match taken.len() {
        0..REMEMBERED => now - DAY,
        _ => taken.iter().map(|job| job.at).min().unwrap_or(now).max(now - DAY),
    };
    // Within a second more on both sides: their clock counts seconds.
    let may_be = |job: &HandedOver, taken: &Taken| (job.begun - 1..=job.ended + 1).contains(&taken.at);
    // A job that came at that time is this one, unless it is just what another one is called that came then, too.
    let is_another = |job: &HandedOver, taken: &Taken| {
        let explains = |other: &HandedOver| other.title == taken.title && may_be(other, taken);
        job.title != taken.title && there.iter().any(explains)
    };
    let did_not_come = |job: &&HandedOver| {
        // A clock that was set proves nothing.
        let sane = known_since < job.begun && job.begun <= job.ended && job.ended <= now;
        sane && taken.iter().filter(|taken| may_be(job, taken)).all(|taken| is_another(job, taken))
    };
    there.iter().filter(did_not_come).map(|job| job.number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_000_000;

    /// Jobs of this number that began and ended so many seconds ago, all of one title.
    fn there(jobs: &[(i32, i64, i64)]) -> Vec<HandedOver> {
        let job = |&(number, begun, ended)| HandedOver {
            number,
            begun: NOW - begun,
            ended: NOW - ended,
            title: "letter".to_owned(),
        };
        jobs.iter().map(job).collect()
    }

    fn taken(ago: impl IntoIterator<Item = i64>) -> Vec<Taken> {
        ago.into_iter().map(|ago| Taken { at: NOW - ago, title: "letter".to_owned() }).collect()
    }

    #[test]
    fn what_came_here_is_not_asked_for_again_and_what_did_not_is() {
        let there = there(&[(1, 100, 98), (2, 50, 50), (3, 10, 2)]);
        assert_eq!(lost(&there, &taken([99, 5]), NOW), [2]);
        assert_eq!(lost(&there, &[], NOW), [1, 2, 3]);
        assert_eq!(lost(&there, &taken([97, 49, 11]), NOW), [0; 0], "clocks that count seconds");
    }

    #[test]
    fn of_two_that_were_handed_over_at_once_the_title_tells_which_one_came() {
        let called = |title: &str, number| HandedOver {
            title: title.to_owned(),
            ..there(&[(number, 10, 10)]).remove(0)
        };
        let came = |title: &str| Taken { title: title.to_owned(), ..taken([10]).remove(0) };
        let two = [called("first", 1), called("second", 2)];
        assert_eq!(lost(&two, &[came("first")], NOW), [2]);
        assert_eq!(lost(&two, &[came("second"), came("first")], NOW), [0; 0]);
        assert_eq!(lost(&two, &[came("something else")], NOW), [0; 0], "it may be either");
        let twins = [called("same", 1), called("same", 2)];
        assert_eq!(lost(&twins, &[came("same")], NOW), [0; 0], "it may be either");
    }

    #[test]
    fn what_cannot_be_told_for_certain_is_not_asked_for() {
        assert_eq!(lost(&there(&[(1, 2 * DAY, 2 * DAY)]), &[], NOW), [0; 0], "too old");
        assert_eq!(lost(&there(&[(1, 5, 60)]), &[], NOW), [0; 0], "the clock was set back");
        assert_eq!(lost(&there(&[(1, 5, -60)]), &[], NOW), [0; 0], "and again");
        assert_eq!(
            lost(&there(&[(1, 600, 599)]), &taken(0..500), NOW),
            [0; 0],
            "what came then is forgotten"
        );
    }
}
