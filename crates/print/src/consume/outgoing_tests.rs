//! The rules of a job of ours, and a small world of owners, bad connections and a person who cannot decide.

use super::*;
use proptest::prelude::*;

pub(crate) fn job() -> OutgoingJob {
    let target = Target {
        node: NodeId::from_bytes([7; 32]),
        share: ShareId("laser".to_owned()),
        printer: "Laser".to_owned(),
        device_name: "Anna".to_owned(),
        ask: false,
        identity: None,
    };
    let kept = Kept { size: 3, blake3: "0".repeat(64) };
    let found = Inspected { format: Format::Text, pages: None };
    OutgoingJob::new(Uuid::new_v4(), target, "x.txt".to_owned(), &kept, found, Options::default())
}

fn status(job: &OutgoingJob, rev: u64, state: State) -> JobStatus {
    let over = state.is_final();
    JobStatus {
        job: job.job,
        attempt: job.attempt,
        rev,
        state,
        over,
        reason: None,
        detail: None,
        pages_done: None,
        unprinted: false,
    }
}

#[test]
fn old_news_does_not_undo_new_news() {
    let mut job = job();
    job.offered();
    job.hear(&status(&job, 3, State::Printing));
    job.hear(&status(&job, 2, State::Waiting));
    assert_eq!(job.state, OutgoingState::At(State::Printing));
    job.hear(&status(&job, 4, State::Done));
    job.hear(&status(&job, 5, State::Printing));
    assert_eq!((job.state, job.phase), (OutgoingState::At(State::Done), Phase::Over));
}

#[test]
fn a_job_that_never_left_is_cancelled_here_and_now() {
    let mut job = job();
    job.cancel();
    assert_eq!((job.state, job.phase), (OutgoingState::At(State::Cancelled), Phase::Over));
}

#[test]
fn a_cancel_is_shown_at_once_and_carried_over_later() {
    let mut job = job();
    job.offered();
    job.cancel();
    assert_eq!((job.state, job.phase), (OutgoingState::At(State::Cancelled), Phase::Cancelling));
    assert_eq!(job.reason.as_deref(), Some(CANCEL_UNCONFIRMED), "its owner may be printing it");
    job.hear(&status(&job, 2, State::Printing));
    assert_eq!(job.state, OutgoingState::At(State::Cancelled), "what it did before it heard of the cancel");
    job.hear(&JobStatus { over: false, ..status(&job, 3, State::Cancelled) });
    assert_eq!(job.phase, Phase::There, "the owner knows, its printer does not yet");
    assert_eq!(job.reason, None, "the owner has confirmed it");
    job.hear(&status(&job, 4, State::Done));
    assert_eq!(job.state, OutgoingState::At(State::Done), "it was too late, and that is said");
}

#[test]
fn a_job_that_its_owner_lost_may_be_on_paper_and_a_person_decides() {
    let mut job = job();
    job.offered();
    job.hear(&status(&job, 1, State::Waiting));
    assert!(job.retry().is_err(), "it is on its way");
    job.forgotten();
    assert_eq!(job.reason.as_deref(), Some(MAYBE_PRINTED));
    job.retry().unwrap();
    assert_eq!((job.attempt, job.phase), (2, Phase::Here));
    job.offered();
    let late = JobStatus { attempt: 1, ..status(&job, 9, State::Done) };
    job.hear(&late);
    assert_eq!(job.state, OutgoingState::Sending, "news of the first attempt do not count for the second");
}

#[test]
fn a_job_whose_owner_must_be_asked_waits_and_may_be_cancelled_meanwhile() {
    let mut job = job();
    job.offered();
    job.must_ask();
    assert_eq!((job.state, job.reason.as_deref()), (OutgoingState::Sending, Some(MUST_ASK)));
    assert_eq!(job.phase, Phase::Offered, "an earlier try may still be on its way: that is asked first");
    job.forgotten();
    assert!(job.asks_first && job.phase == Phase::Here, "it asks before it goes out again");
    let mut allowed = job.clone();
    allowed.allowed();
    assert_eq!((allowed.reason, allowed.phase), (None, Phase::Here));
    let mut unsure = job.clone();
    unsure.cancel();
    assert_eq!(unsure.phase, Phase::Cancelling, "an earlier try may still arrive, so its owner is told");
    let mut cancelled = job.clone();
    cancelled.not_left(false);
    cancelled.cancel();
    assert_eq!((cancelled.state, cancelled.phase), (OutgoingState::At(State::Cancelled), Phase::Over));
    cancelled.must_ask();
    assert_eq!(cancelled.state, OutgoingState::At(State::Cancelled), "late news change nothing");
    job.offered();
    job.hear(&status(&job, 1, State::Waiting));
    job.must_ask();
    assert_eq!(job.state, OutgoingState::At(State::Waiting), "it has it");
}

#[test]
fn what_comes_of_an_earlier_try_does_not_hide_that_a_job_is_held() {
    let mut job = job();
    job.keep_back().unwrap();
    job.waits("peer_unreachable", "It does not answer.");
    job.goes_on();
    assert_eq!(
        (job.state, job.reason.as_deref()),
        (OutgoingState::At(State::Held), Some(HELD_BY_SENDER)),
        "a person keeps it back, whoever answers"
    );
    job.let_go().unwrap();
    job.waits("peer_unreachable", "It does not answer.");
    assert_eq!(job.reason.as_deref(), Some("peer_unreachable"));
}

#[test]
fn a_job_that_never_arrived_whole_goes_out_again_by_itself() {
    let mut job = job();
    job.offered();
    job.forgotten();
    assert_eq!((job.phase, job.attempt), (Phase::Here, 1));
}

/// An owner of a printer, as far as a sender can tell.
#[derive(Default)]
struct Owner {
    known: Option<(u32, Known)>,
    rev: u64,
    printed: u32,
    /// Documents that were sent whole and have not been looked at yet.
    in_flight: Vec<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    Waiting,
    Printing,
    Done,
    /// And whether it had begun.
    Cancelled(bool),
}

impl Owner {
    /// What `Offer::take` does: the same attempt is the same job, a higher one comes only in place of one that was
    /// taken back unprinted.
    fn take(&mut self, attempt: u32) {
        let comes = match self.known {
            None => true,
            Some((known, state)) => attempt > known && state == Known::Cancelled(false),
        };
        if comes {
            self.known = Some((attempt, Known::Waiting));
            self.rev = 1;
        }
    }

    fn cancel(&mut self, attempt: u32, unbegun: bool) -> Result<(), ()> {
        match &mut self.known {
            None => self.known = Some((attempt, Known::Cancelled(false))),
            Some((_, state @ Known::Waiting)) => *state = Known::Cancelled(false),
            Some((_, Known::Printing)) if unbegun => return Err(()),
            Some((_, state @ Known::Printing)) => *state = Known::Cancelled(true),
            // A late cancel of an earlier life: it stands for what comes with that number or a lower one.
            Some((known, Known::Cancelled(false))) if *known < attempt => *known = attempt,
            Some(_) => {}
        }
        self.rev += 1;
        Ok(())
    }

    fn print(&mut self) {
        match &mut self.known {
            Some((_, state @ Known::Waiting)) => {
                *state = Known::Printing;
                self.printed += 1;
            }
            Some((_, state @ Known::Printing)) => *state = Known::Done,
            _ => return,
        }
        self.rev += 1;
    }

    fn status(&self, job: &OutgoingJob) -> Option<JobStatus> {
        let (attempt, known) = self.known?;
        let (state, over, unprinted) = match known {
            Known::Waiting => (State::Waiting, false, false),
            Known::Printing => (State::Printing, false, false),
            Known::Done => (State::Done, true, false),
            Known::Cancelled(begun) => (State::Cancelled, true, !begun),
        };
        let rev = self.rev;
        Some(JobStatus { attempt, rev, over, unprinted, ..status(job, rev, state) })
    }
}

#[derive(Clone, Copy, Debug)]
enum Stroke {
    /// The courier's turn, and everything goes well.
    Turn,
    /// The same, and nothing reaches the owner.
    Away,
    /// The same, and the answer is lost.
    AnswerLost,
    /// The same, and what was sent waits somewhere until [`Stroke::Arrives`].
    Late,
    /// What was late arrives now.
    Arrives(usize),
    /// The printer of an owner works a bit.
    Prints(usize),
    /// An old piece of news comes again.
    OldNews(usize),
    /// A person wants it there.
    Move(usize),
    /// The one that has it is away, and that one has the same printer.
    GoAround(usize),
    Hold,
    Release,
    Cancel,
}

fn stroke() -> impl Strategy<Value = Stroke> {
    prop_oneof![
        6 => Just(Stroke::Turn),
        2 => Just(Stroke::Away),
        2 => Just(Stroke::AnswerLost),
        1 => Just(Stroke::Late),
        1 => (0..3usize).prop_map(Stroke::Arrives),
        3 => (0..3usize).prop_map(Stroke::Prints),
        1 => (0..100usize).prop_map(Stroke::OldNews),
        3 => (0..3usize).prop_map(Stroke::Move),
        3 => (0..3usize).prop_map(Stroke::GoAround),
        1 => Just(Stroke::Hold),
        1 => Just(Stroke::Release),
    ]
}

fn place(number: usize) -> Target {
    Target {
        node: NodeId::from_bytes([number as u8; 32]),
        share: ShareId("laser".to_owned()),
        printer: "Laser".to_owned(),
        device_name: number.to_string(),
        ask: false,
        identity: None,
    }
}

struct Home {
    job: OutgoingJob,
    owners: [Owner; 3],
    news: Vec<(usize, JobStatus)>,
}

impl Home {
    fn at(&self) -> usize {
        usize::from(self.job.node.as_bytes()[0])
    }

    fn hear(&mut self, from: usize, status: &JobStatus) {
        // `Outbox::heard` knows who speaks.
        if from == self.at() {
            self.job.hear(status);
        }
    }

    /// What `Courier::turn` does.
    fn turn(&mut self, stroke: Stroke) {
        let at = self.at();
        let (reaches, answered) = match stroke {
            Stroke::Turn => (true, true),
            Stroke::AnswerLost => (true, false),
            _ => (false, false),
        };
        match self.job.phase {
            Phase::Here if self.job.hold => {}
            Phase::Here => {
                let before = self.job.left;
                self.job.offered();
                match stroke {
                    Stroke::Away => self.job.not_left(before),
                    Stroke::Late => self.owners[at].in_flight.push(self.job.attempt),
                    _ => self.owners[at].take(self.job.attempt),
                }
                if answered && let Some(status) = self.owners[at].status(&self.job) {
                    self.news.push((at, status.clone()));
                    self.job.hear(&status);
                }
            }
            Phase::Offered | Phase::There if answered => match self.owners[at].status(&self.job) {
                Some(status) => {
                    self.news.push((at, status.clone()));
                    self.job.hear(&status);
                }
                None => self.job.forgotten(),
            },
            Phase::Cancelling if reaches => {
                let cancelled = self.owners[at].cancel(self.job.attempt, self.job.moving.is_some());
                let told = self.owners[at].status(&self.job);
                if answered {
                    match (cancelled, told) {
                        (Err(()), _) => self.job.not_given_back(),
                        (Ok(()), Some(status)) => self.job.hear(&status),
                        (Ok(()), None) => {}
                    }
                }
            }
            _ => {}
        }
    }

    fn live(strokes: &[Stroke]) -> Self {
        let mut job = job();
        job.node = place(0).node;
        let mut home = Self { job, owners: <[Owner; 3]>::default(), news: Vec::new() };
        for stroke in strokes {
            match *stroke {
                Stroke::Arrives(owner) => {
                    for attempt in std::mem::take(&mut home.owners[owner].in_flight) {
                        home.owners[owner].take(attempt);
                    }
                }
                Stroke::Prints(owner) => home.owners[owner].print(),
                Stroke::OldNews(which) => {
                    let many = home.news.len().max(1);
                    if let Some((from, status)) = home.news.get(which % many).cloned() {
                        home.hear(from, &status);
                    }
                }
                // A person is told when it is not possible.
                Stroke::Move(owner) => drop(home.job.move_to(place(owner))),
                Stroke::GoAround(owner) => home.job.go_around(place(owner)),
                Stroke::Hold => drop(home.job.keep_back()),
                Stroke::Release => drop(home.job.let_go()),
                Stroke::Cancel => home.job.cancel(),
                turn => home.turn(turn),
            }
        }
        home
    }

    fn printed(&self) -> u32 {
        self.owners.iter().map(|owner| owner.printed).sum()
    }
}

/// Everything arrives, everybody answers, all printers print.
fn peace() -> Vec<Stroke> {
    let round = [
        Stroke::Turn,
        Stroke::Turn,
        Stroke::Arrives(0),
        Stroke::Arrives(1),
        Stroke::Arrives(2),
        Stroke::Prints(0),
        Stroke::Prints(1),
        Stroke::Prints(2),
    ];
    [Stroke::Release].into_iter().chain(round.repeat(12)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn a_job_that_is_moved_about_is_printed_exactly_once(
        mut strokes in proptest::collection::vec(stroke(), 0..60),
    ) {
        strokes.extend(peace());
        let home = Home::live(&strokes);
        prop_assert_eq!(home.printed(), 1, "{:?}", home.job);
        prop_assert_eq!(home.job.state, OutgoingState::At(State::Done), "{:?}", home.job);
    }

    #[test]
    fn a_job_that_is_cancelled_while_it_is_moved_about_is_printed_at_most_once_and_never_afterwards(
        mut strokes in proptest::collection::vec(stroke(), 0..40),
        after in proptest::collection::vec(stroke(), 0..20),
    ) {
        strokes.push(Stroke::Cancel);
        strokes.extend(after);
        strokes.extend(peace());
        let home = Home::live(&strokes);
        prop_assert!(home.printed() <= 1);
        prop_assert_eq!(home.job.phase, Phase::Over, "{:?}", home.job);
        prop_assert!(home.printed() == 1 || home.job.state == OutgoingState::At(State::Cancelled));
    }
}

#[test]
fn a_job_that_waits_for_a_sleeping_device_goes_to_another_printer_at_once() {
    let strokes = [Stroke::Away, Stroke::Away, Stroke::Move(1)];
    let home = Home::live(&strokes);
    assert_eq!((home.at(), home.job.phase, home.job.attempt), (1, Phase::Here, 2));
}

#[test]
fn a_job_that_may_have_arrived_waits_for_its_owner_before_it_goes_elsewhere() {
    let home = Home::live(&[Stroke::AnswerLost, Stroke::Move(1)]);
    assert_eq!((home.at(), home.job.reason.as_deref()), (0, Some(MOVING)));
    assert!(home.job.may(Deed::Cancel) && !home.job.may(Deed::Retry));
    let home = Home::live(&[Stroke::AnswerLost, Stroke::Move(1), Stroke::Turn]);
    assert_eq!((home.at(), home.job.phase), (1, Phase::Here));
}

#[test]
fn a_job_for_a_sleeping_device_goes_by_another_one_to_the_same_printer() {
    let home = Home::live(&[Stroke::Away, Stroke::GoAround(1), Stroke::Turn]);
    assert_eq!((home.at(), home.job.attempt, home.job.state), (1, 2, OutgoingState::At(State::Waiting)));
    let waits = Home::live(&[Stroke::Away, Stroke::GoAround(1)]);
    assert_eq!(waits.job.reason.as_deref(), Some(ANOTHER_WAY), "a person sees which way");
    let detail = waits.job.detail.unwrap();
    assert!(detail.contains("Anna does not answer") && detail.ends_with("by way of 1."), "{detail}");
}

#[test]
fn a_job_that_may_have_arrived_goes_by_no_other_device() {
    for before in [Stroke::AnswerLost, Stroke::Late, Stroke::Turn] {
        let home = Home::live(&[before, Stroke::GoAround(1)]);
        assert_eq!((home.at(), home.job.attempt), (0, 1), "after {before:?}");
    }
    let held = Home::live(&[Stroke::Away, Stroke::Hold, Stroke::GoAround(1)]);
    assert_eq!(held.at(), 0, "and one that a person keeps back stays as well");
}

#[test]
fn what_has_begun_to_print_stays() {
    let home = Home::live(&[Stroke::Turn, Stroke::Prints(0), Stroke::Move(1), Stroke::Turn]);
    assert_eq!((home.at(), home.job.state), (0, OutgoingState::At(State::Printing)));
    let mut printing = home.job;
    assert!(printing.move_to(place(1)).is_err() && !printing.may(Deed::Move));
}
