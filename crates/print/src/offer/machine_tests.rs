//! The machine against a small world with a spooler that loses its memory, and a node that dies anywhere.

use super::{super::hold::Hold, *};
use proptest::prelude::*;

/// A spooler: jobs by number; it prints on its own account.
#[derive(Default)]
struct World {
    jobs: Vec<FakeJob>,
    next: i32,
    away: bool,
    /// The queue stands still.
    paused: bool,
    printed: u32,
    /// A job was lost by the spooler at some time.
    lost: bool,
    cancelled_by_us: bool,
    /// Somebody keeps the job back now.
    wanted_back: bool,
    /// It began to print although it was kept back in the queue.
    began_held: bool,
    /// How often the spooler was started.
    life: u64,
}

struct FakeJob {
    number: i32,
    documents: u32,
    stage: Stage,
    begun: bool,
    held: bool,
}

#[derive(Clone, Copy, Debug)]
enum Fate {
    /// The action is done and answered.
    Fine,
    /// The action is done, the answer is lost.
    AnswerLost,
    /// The node dies before acting.
    DiesBefore,
    /// The node dies after acting.
    DiesAfter,
    /// The spooler does not answer.
    Away,
    /// Half the document arrives, then the connection breaks.
    Cut,
    /// The spooler is killed and forgets everything it had not saved.
    Amnesia,
    /// The spooler is killed and back before anybody looks; what it was printing it shows as new.
    Restarts,
    /// The printer works a bit.
    Prints,
    /// Somebody cancels.
    Cancel,
    /// Somebody keeps it back.
    Hold,
    /// Somebody lets it go.
    Release,
}

impl World {
    fn sight(&self) -> Option<Sighting> {
        self.jobs.last().map(|job| Sighting {
            job: job.number,
            stage: if self.paused && job.stage == Stage::Waiting { Stage::Stopped } else { job.stage },
            begun: job.begun,
            documents: job.documents,
            reason: None,
            detail: None,
            pages_done: None,
            life: self.life,
        })
    }

    fn act(&mut self, action: Action, whole: bool) -> Event {
        if self.away {
            let error = SpoolError::Away(String::new());
            return match action {
                Action::Send(_) => Event::NotSent { error, whole: false },
                _ => Event::Failed(error),
            };
        }
        match action {
            Action::Create => {
                self.next += 1;
                self.jobs.push(FakeJob {
                    number: self.next,
                    documents: 0,
                    stage: Stage::Waiting,
                    begun: false,
                    held: false,
                });
                Event::Created(self.next)
            }
            Action::Send(number) => match self.jobs.iter_mut().find(|job| job.number == number) {
                None => Event::NotSent { error: SpoolError::NotFound, whole },
                Some(_) if !whole => Event::NotSent { error: SpoolError::Away(String::new()), whole: false },
                Some(job) => {
                    job.documents = 1;
                    Event::Sent
                }
            },
            Action::Abandon(number) | Action::Cancel(number) => {
                match self.jobs.iter_mut().find(|job| job.number == number) {
                    None => Event::Failed(SpoolError::NotFound),
                    Some(job) => {
                        if !matches!(job.stage, Stage::Done | Stage::Cancelled) {
                            job.stage = Stage::Cancelled;
                            self.cancelled_by_us |= job.documents > 0;
                        }
                        if matches!(action, Action::Abandon(_)) {
                            Event::Seen(self.sight())
                        } else {
                            Event::CancelTaken
                        }
                    }
                }
            }
            Action::Hold(number) | Action::Release(number) => {
                match self.jobs.iter_mut().find(|job| job.number == number) {
                    None => Event::Failed(SpoolError::NotFound),
                    // As CUPS does: only what waits is kept back, only what is kept back is let go.
                    Some(job) if job.begun || job.stage != Stage::Waiting => {
                        Event::Failed(SpoolError::Refused(String::new()))
                    }
                    Some(job) => {
                        job.held = matches!(action, Action::Hold(_));
                        if job.held { Event::HoldTaken } else { Event::ReleaseTaken }
                    }
                }
            }
            Action::Find | Action::Look(_) => Event::Seen(self.sight()),
            Action::Rest => unreachable!("resting is no action"),
        }
    }

    fn print(&mut self) {
        if self.paused {
            return;
        }
        self.began_held |= self.jobs.iter().any(|job| job.held && job.begun);
        for job in &mut self.jobs {
            if job.documents > 0 && job.stage == Stage::Waiting && !job.held {
                job.begun = true;
                job.stage = Stage::Printing;
                self.printed += 1;
            } else if job.stage == Stage::Printing {
                job.stage = Stage::Done;
            }
        }
    }
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        6 => Just(Fate::Fine),
        2 => Just(Fate::AnswerLost),
        2 => Just(Fate::DiesBefore),
        2 => Just(Fate::DiesAfter),
        2 => Just(Fate::Away),
        1 => Just(Fate::Cut),
        1 => Just(Fate::Amnesia),
        2 => Just(Fate::Prints),
    ]
}

/// The same, with a spooler that comes back so quickly that nobody sees it gone.
fn fate_with_restarts() -> impl Strategy<Value = Fate> {
    prop_oneof![9 => fate(), 1 => Just(Fate::Restarts)]
}

fn answer_lost(action: Action, event: Event) -> Event {
    let error = SpoolError::Away("the answer was lost".to_owned());
    match (action, event) {
        (Action::Send(_), _) => Event::NotSent { error, whole: true },
        _ => Event::Failed(error),
    }
}

/// How far a document has gone ahead when its job is entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Begins {
    /// Not at all.
    Here,
    /// An empty job was asked for, and perhaps not made.
    Asked { made: bool },
    /// All of it is in an empty job but its last piece.
    Ahead,
}

/// Runs a life with these strokes of fate, then in peace to its end.
fn live(fates: &[Fate], paused: bool) -> (World, Journal) {
    live_from(Begins::Here, fates, paused)
}

fn live_from(begins: Begins, fates: &[Fate], paused: bool) -> (World, Journal) {
    let mut world = World { paused, ..World::default() };
    if matches!(begins, Begins::Ahead | Begins::Asked { made: true }) {
        world.act(Action::Create, true);
    }
    let received = Journal::received(Holds::default());
    let (mut disk, mut ahead) = match begins {
        Begins::Here => (received, None),
        Begins::Asked { .. } => (received.ahead(None), None),
        Begins::Ahead => (received.ahead(Some(world.next)), Some(Action::Send(world.next))),
    };
    let mut machine = match ahead {
        Some(_) => Machine::sending(disk.clone(), false),
        None => Machine::new(disk.clone(), false),
    };
    let start = Instant::now();
    let peace = std::iter::repeat_n(Fate::Fine, 40).chain([Fate::Prints; 3]).chain([Fate::Fine; 10]);
    for (tick, fate) in fates.iter().copied().chain(peace).enumerate() {
        let now = start + Duration::from_millis(500 * tick as u64);
        // The owner lets a queue that stood still go on when peace has come.
        world.paused &= tick < fates.len() + 40;
        world.away = matches!(fate, Fate::Away);
        match fate {
            Fate::Amnesia => {
                world.lost |= !world.jobs.is_empty();
                world.jobs.clear();
                continue;
            }
            Fate::Restarts => {
                world.life += 1;
                for job in world.jobs.iter_mut().filter(|job| job.stage == Stage::Printing) {
                    // It does not print it again on its own in this world: it is cancelled there, or lost.
                    (job.stage, job.begun) = (Stage::Cancelled, false);
                }
                continue;
            }
            Fate::Prints => {
                world.print();
                continue;
            }
            Fate::Hold | Fate::Release => {
                // What a person wants is refused once it prints, as `Offer::hold` does.
                world.wanted_back = matches!(fate, Fate::Hold) && !disk.begun;
                let holds = if world.wanted_back { Hold::Owner.into() } else { Holds::default() };
                machine.happened(Event::HoldsAre(holds), now);
                disk = machine.journal().clone();
                continue;
            }
            Fate::Cancel => {
                machine.happened(Event::CancelAsked, now);
                disk = machine.journal().clone();
                continue;
            }
            _ => {}
        }
        let action = match ahead.take().filter(|_| machine.is_wanted()) {
            Some(send) => send,
            None => machine.decide(),
        };
        disk = machine.journal().clone();
        if action == Action::Rest {
            continue;
        }
        let event = match fate {
            Fate::DiesBefore => None,
            Fate::DiesAfter => {
                world.act(action, true);
                None
            }
            Fate::AnswerLost => {
                let event = world.act(action, true);
                Some(answer_lost(action, event))
            }
            Fate::Cut => Some(world.act(action, false)),
            _ => Some(world.act(action, true)),
        };
        match event {
            Some(event) => {
                machine.happened(event, now);
                disk = machine.journal().clone();
            }
            None => machine = Machine::new(disk.clone(), false),
        }
    }
    (world, disk)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn no_crash_anywhere_prints_a_job_twice(fates in proptest::collection::vec(fate(), 0..40), paused: bool) {
        let (world, disk) = live(&fates, paused);
        prop_assert!(world.printed <= 1, "printed {} times, {disk:?}", world.printed);
    }

    #[test]
    fn a_job_whose_spooler_keeps_its_memory_is_printed_exactly_once(
        fates in proptest::collection::vec(fate().prop_filter("memory", |f| !matches!(f, Fate::Amnesia)), 0..40),
        paused: bool,
    ) {
        let (world, disk) = live(&fates, paused);
        prop_assert_eq!(world.printed, 1, "{:?}", disk);
        prop_assert_eq!(disk.state, State::Done);
    }

    #[test]
    fn a_job_is_never_lost_without_a_word(fates in proptest::collection::vec(fate(), 0..40), paused: bool) {
        let (world, disk) = live(&fates, paused);
        let asked = disk.step == Step::Unknown && disk.reason.as_deref() == Some(MAYBE_PRINTED);
        prop_assert!(disk.state == State::Done || asked, "{disk:?}");
        prop_assert!(!asked || world.lost, "a person is asked only when the spooler lost the job");
        prop_assert!(disk.state != State::Done || world.printed == 1);
    }

    #[test]
    fn a_cancelled_job_ends_cancelled_unless_it_was_printed(
        before in proptest::collection::vec(fate(), 0..12),
        after in proptest::collection::vec(fate(), 0..12),
        paused: bool,
    ) {
        let mut fates = before;
        fates.push(Fate::Cancel);
        fates.extend(after);
        let (world, disk) = live(&fates, paused);
        prop_assert!(world.printed <= 1);
        prop_assert_eq!(disk.step, Step::Ended, "{:?}", disk);
        prop_assert!(matches!(disk.state, State::Cancelled | State::Done), "{disk:?}");
        prop_assert!(disk.state != State::Done || world.printed == 1);
    }
}

fn begins() -> impl Strategy<Value = Begins> {
    let asked = any::<bool>().prop_map(|made| Begins::Asked { made });
    prop_oneof![2 => Just(Begins::Ahead), 1 => asked]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn a_document_that_goes_ahead_is_neither_doubled_nor_lost_without_a_word(
        begins in begins(),
        fates in proptest::collection::vec(fate_with_restarts(), 0..40),
        paused: bool,
    ) {
        let (world, disk) = live_from(begins, &fates, paused);
        prop_assert!(world.printed <= 1, "printed {} times, {disk:?}", world.printed);
        prop_assert!(disk.state != State::Done || world.printed == 1, "{disk:?}");
        let memory = !fates.iter().any(|fate| matches!(fate, Fate::Amnesia | Fate::Restarts));
        prop_assert!(!memory || (world.printed == 1 && disk.state == State::Done), "{disk:?}");
        prop_assert!(matches!(disk.step, Step::Ended | Step::Unknown), "{disk:?}");
    }

    #[test]
    fn a_document_that_goes_ahead_and_is_cancelled_or_kept_back_before_it_is_ended_is_not_printed(
        begins in begins(),
        wish in prop_oneof![Just(Fate::Cancel), Just(Fate::Hold)],
        fates in proptest::collection::vec(fate_with_restarts(), 0..40),
    ) {
        let life: Vec<Fate> = [wish].into_iter().chain(fates).collect();
        let (world, disk) = live_from(begins, &life, false);
        prop_assert_eq!(world.printed, 0, "{:?}", disk);
    }
}

/// A life with somebody in it who keeps the job back and lets it go, whom the end finds letting it go.
fn life_with_holds() -> impl Strategy<Value = Vec<Fate>> {
    let fate = prop_oneof![8 => fate(), 1 => Just(Fate::Hold), 1 => Just(Fate::Release)];
    proptest::collection::vec(fate, 0..40)
}

/// The same, and the spooler may be gone and back in between.
fn life_with_restarts() -> impl Strategy<Value = Vec<Fate>> {
    let fate = prop_oneof![8 => fate_with_restarts(), 1 => Just(Fate::Hold), 1 => Just(Fate::Release)];
    proptest::collection::vec(fate, 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn keeping_a_job_back_and_letting_it_go_neither_doubles_nor_loses_it(
        mut fates in life_with_holds(),
        paused: bool,
    ) {
        fates.push(Fate::Release);
        let (world, disk) = live(&fates, paused);
        prop_assert!(world.printed <= 1, "printed {} times, {disk:?}", world.printed);
        prop_assert!(!world.began_held);
        let asked = disk.step == Step::Unknown && disk.reason.as_deref() == Some(MAYBE_PRINTED);
        prop_assert!(disk.state == State::Done || (asked && world.lost), "{disk:?}");
        prop_assert!(disk.state != State::Done || world.printed == 1);
        prop_assert!(!disk.unprinted);
    }

    #[test]
    fn a_job_that_is_kept_back_in_time_is_never_printed(
        fates in proptest::collection::vec(
            fate().prop_filter("nobody prints before", |f| !matches!(f, Fate::Prints)), 0..12),
        after in proptest::collection::vec(fate(), 0..20),
    ) {
        let mut all = fates;
        all.push(Fate::Hold);
        // Time to tell the queue.
        all.extend([Fate::Fine; 8]);
        all.extend(after);
        let (world, disk) = live(&all, false);
        prop_assert_eq!(world.printed, 0, "{:?}", disk);
        let asked = disk.step == Step::Unknown && world.lost;
        prop_assert!(disk.state == State::Held || asked, "{disk:?}");
    }

    #[test]
    fn what_is_said_to_be_unprinted_is(
        before in life_with_holds(),
        after in life_with_holds(),
        paused: bool,
    ) {
        let mut fates = before;
        fates.push(Fate::Cancel);
        fates.extend(after);
        let (world, disk) = live(&fates, paused);
        prop_assert!(!disk.unprinted || world.printed == 0, "{disk:?}");
        prop_assert!(!disk.unprinted || disk.step == Step::Ended);
        // And it is said wherever nobody was away in between.
        let is_away = |fate: &Fate| !matches!(fate, Fate::Fine | Fate::Prints | Fate::Cancel | Fate::Hold | Fate::Release);
        prop_assert!(disk.unprinted || world.printed == 1 || fates.iter().any(is_away), "{disk:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn what_is_said_to_be_unprinted_is_also_when_the_spooler_comes_back_unnoticed(
        before in life_with_restarts(),
        after in life_with_restarts(),
        paused: bool,
    ) {
        let mut fates = before;
        fates.push(Fate::Cancel);
        fates.extend(after);
        let (world, disk) = live(&fates, paused);
        prop_assert!(world.printed <= 1);
        prop_assert!(!disk.unprinted || world.printed == 0, "{disk:?}");
    }
}

#[test]
fn a_job_that_nobody_saw_before_the_spooler_came_back_is_not_said_to_be_unprinted() {
    let begins_and_is_set_back = [Fate::Fine, Fate::Fine, Fate::Prints, Fate::Restarts, Fate::Fine];
    for late in [Fate::Fine, Fate::Cancel] {
        let (world, disk) = live(&[&begins_and_is_set_back[..], &[late]].concat(), false);
        assert_eq!((world.printed, disk.step, disk.unprinted), (1, Step::Ended, false), "{late:?}: {disk:?}");
    }
}

#[test]
fn a_job_seen_standing_and_lost_in_a_crash_of_the_spooler_is_sent_again() {
    let fates = [Fate::Fine, Fate::Fine, Fate::Fine, Fate::Away, Fate::Amnesia];
    let (world, disk) = live(&fates, true);
    assert_eq!((world.printed, disk.state), (1, State::Done), "nobody has to be asked: {disk:?}");
}

#[test]
fn a_job_that_is_gone_after_it_was_seen_printing_is_not_sent_again() {
    let fates = [Fate::Fine, Fate::Fine, Fate::Prints, Fate::Fine, Fate::Away, Fate::Amnesia];
    let (world, disk) = live(&fates, false);
    assert_eq!(world.printed, 1);
    assert_eq!(disk.reason.as_deref(), Some(MAYBE_PRINTED), "a person is asked");
}

#[test]
fn a_person_is_told_that_it_was_too_late_to_cancel() {
    let fates = [Fate::Fine, Fate::Fine, Fate::Prints, Fate::Prints, Fate::Cancel];
    let (_, disk) = live(&fates, false);
    assert_eq!(disk.state, State::Done, "it is on paper, whatever was asked");
}

#[test]
fn a_job_for_a_queue_that_takes_none_is_cancelled_at_once() {
    let mut machine = Machine::new(Journal::received(Holds::default()), false);
    assert_eq!(machine.decide(), Action::Create);
    machine.happened(Event::Failed(SpoolError::Paused), Instant::now());
    assert_eq!(
        (machine.journal().state, machine.journal().reason.as_deref()),
        (State::Stopped, Some("paused"))
    );
    machine.happened(Event::CancelAsked, Instant::now());
    assert_eq!(machine.decide(), Action::Rest);
    assert_eq!((machine.journal().step, machine.journal().unprinted), (Step::Ended, true));
}

#[test]
fn a_queue_that_refuses_the_document_ends_the_job_with_the_reason() {
    let mut machine = Machine::new(Journal::received(Holds::default()), false);
    assert_eq!(machine.decide(), Action::Create);
    assert_eq!(machine.journal().step, Step::Creating, "the intent is recorded before it is carried out");
    machine.happened(Event::Created(5), Instant::now());
    assert_eq!(machine.decide(), Action::Send(5));
    assert_eq!(machine.journal().step, Step::Sending, "the intent is recorded before it is carried out");
    let error = SpoolError::Unsupported("no PNG".to_owned());
    machine.happened(Event::NotSent { error, whole: true }, Instant::now());
    assert_eq!(machine.journal().state, State::Failed);
    assert_eq!(machine.journal().reason.as_deref(), Some("unsupported_document"));
}

/// What an answer that was lost said about a job that stood still is worth nothing once it is let go.
#[test]
fn a_job_that_was_let_go_and_lost_while_it_was_printed_is_not_sent_again() {
    use Fate::{Amnesia, AnswerLost, Away, Fine, Hold, Prints, Release};
    let fates = [Away, Fine, Fine, Fine, Hold, Fine, Fine, AnswerLost, Release, Fine, Prints, Amnesia];
    let (world, disk) = live(&fates, false);
    assert_eq!(world.printed, 1);
    assert_eq!(disk.reason.as_deref(), Some(MAYBE_PRINTED), "a person is asked: {disk:?}");
}

/// One that dies and is back between two looks is noticed by the life that tells it.
#[test]
fn a_job_that_a_new_life_of_the_spooler_shows_as_new_is_not_said_to_be_unprinted() {
    use Fate::{Cancel, Fine, Prints, Restarts};
    let fates = [Fine, Fine, Fine, Prints, Restarts, Fine, Cancel];
    let (world, disk) = live(&fates, false);
    assert_eq!((world.printed, disk.state, disk.unprinted), (1, State::Cancelled, false), "{disk:?}");
    let calm = [Fine, Fine, Fine, Cancel];
    assert!(live(&calm, true).1.unprinted, "and without one it is");
}

/// A queue that stood still when its spooler was last seen has begun nothing before it died.
#[test]
fn a_job_that_stood_still_before_a_restart_is_still_known_to_be_unprinted() {
    use Fate::{Cancel, Fine, Restarts};
    let (_, disk) = live(&[Fine, Fine, Fine, Restarts, Fine, Cancel], true);
    assert!(disk.unprinted, "{disk:?}");
}

/// A spooler that dies while it prints may show the job as new when it is back.
#[test]
fn a_job_that_waits_again_after_an_outage_is_not_said_to_be_unprinted() {
    let now = Instant::now();
    let waiting = |stage| Sighting {
        job: 7,
        stage,
        begun: false,
        documents: 1,
        reason: None,
        detail: None,
        pages_done: None,
        life: 1,
    };
    let mut machine = Machine::new(Journal::received(Holds::default()), false);
    assert_eq!(machine.decide(), Action::Create);
    machine.happened(Event::Created(7), now);
    assert_eq!(machine.decide(), Action::Send(7));
    machine.happened(Event::Sent, now);
    machine.happened(Event::Failed(SpoolError::Away("killed".to_owned())), now);
    machine.happened(Event::Seen(Some(waiting(Stage::Waiting))), now);
    machine.happened(Event::CancelAsked, now);
    machine.happened(Event::CancelTaken, now);
    machine.happened(Event::Seen(Some(waiting(Stage::Cancelled))), now);
    assert_eq!((machine.journal().state, machine.journal().unprinted), (State::Cancelled, false));
}
