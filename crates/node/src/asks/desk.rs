//! Questions that wait for this computer's owner: how many, how long, and who may ask again when. Pure: time goes
//! in, as running time that no clock can turn back.

use crate::wire::Wish;
use lanyard_trust::{NodeId, ShareId, Subject};
use std::{
    collections::{HashMap, HashSet},
    net::SocketAddr,
};
use uuid::Uuid;

/// The most questions of one device.
const MAX_OF_ONE: usize = 3;

/// The most in all: more than an owner can keep apart.
const MAX: usize = 10;

/// The most of devices that are not known here, so that they cannot keep those away that are.
const MAX_OF_STRANGERS: usize = 7;

/// No answer within this is a no.
pub(super) const PATIENCE: i64 = 5 * 60 * 1000;

/// How long one that was refused must not ask for the same again.
const REST: i64 = 60 * 1000;

/// The most refusals that are remembered.
const MAX_REFUSED: usize = 1024;

/// The questions, oldest first.
#[derive(Default)]
pub(super) struct Desk {
    waiting: Vec<Question>,
    refused: HashMap<(NodeId, ShareId), i64>,
}

/// One question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) id: String,
    pub(super) subject: Subject,
    pub(super) known: bool,
    pub(super) address: SocketAddr,
    pub(super) share: ShareId,
    pub(super) wish: Wish,
    pub(super) title: Option<String>,
    pub(super) pages: Option<u32>,
    pub(super) bytes: Option<u64>,
    /// The job that is here already and waits for the answer.
    pub(super) job: Option<Uuid>,
    /// Unix milliseconds.
    pub(super) asked_at: i64,
    /// Running time at which no answer becomes a no.
    pub(super) ends: i64,
}

/// What becomes of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// It waits now.
    New(Question),
    /// It waits already.
    Again(Question),
    /// The answer was no just now.
    TooSoon,
    /// Too many wait.
    TooMany,
}

impl Desk {
    /// Takes a question. The same of the same device stays the one that it is.
    pub(super) fn ask(&mut self, question: Question, ran: i64) -> Heard {
        let (device, share) = (question.subject.id(), &question.share);
        let is_same =
            |one: &&Question| one.subject.id() == device && one.share == *share && one.job == question.job;
        if let Some(same) = self.waiting.iter().find(is_same) {
            return Heard::Again(same.clone());
        }
        if self.refused.get(&(device, share.clone())).is_some_and(|until| *until > ran) {
            return Heard::TooSoon;
        }
        let own = self.waiting.iter().filter(|one| one.subject.id() == device).count();
        let strangers = self.waiting.iter().filter(|one| !one.known).count();
        let crowded = !question.known && strangers >= MAX_OF_STRANGERS;
        if own >= MAX_OF_ONE || self.waiting.len() >= MAX || crowded {
            return Heard::TooMany;
        }
        self.waiting.push(question.clone());
        Heard::New(question)
    }

    /// The questions, oldest first.
    pub(super) fn waiting(&self) -> &[Question] {
        &self.waiting
    }

    /// The one whose id begins like this.
    pub(super) fn find(&self, beginning: &str) -> Option<Question> {
        let wanted = beginning.trim().to_ascii_lowercase();
        let mut fits = self.waiting.iter().filter(|one| !wanted.is_empty() && one.id.starts_with(&wanted));
        fits.next().filter(|_| fits.next().is_none()).cloned()
    }

    /// It is answered, or there is nothing to ask for any more. False when it was not there.
    pub(super) fn take(&mut self, id: &str) -> bool {
        let before = self.waiting.len();
        self.waiting.retain(|one| one.id != id);
        self.waiting.len() < before
    }

    /// Takes those out whose job is not among these any more. True when there were some.
    pub(super) fn keep_jobs(&mut self, jobs: &HashSet<Uuid>) -> bool {
        let before = self.waiting.len();
        self.waiting.retain(|one| one.job.is_none_or(|job| jobs.contains(&job)));
        self.waiting.len() < before
    }

    /// The answer was no.
    pub(super) fn refuse(&mut self, question: &Question, ran: i64) {
        self.refused.retain(|_, until| *until > ran);
        if self.refused.len() >= MAX_REFUSED {
            let first = self.refused.iter().min_by_key(|(_, until)| **until).map(|(key, _)| key.clone());
            self.refused.remove(&first.unwrap_or_else(|| (question.subject.id(), question.share.clone())));
        }
        self.refused.insert((question.subject.id(), question.share.clone()), ran.saturating_add(REST));
    }

    /// Takes those out that nobody has answered in time.
    pub(super) fn expire(&mut self, ran: i64) -> Vec<Question> {
        let (over, waiting) = self.waiting.drain(..).partition(|one| one.ends <= ran);
        self.waiting = waiting;
        for question in &over {
            self.refuse(question, ran);
        }
        over
    }

    /// When the next one ends.
    pub(super) fn next_end(&self) -> Option<i64> {
        self.waiting.iter().map(|one| one.ends).min()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use lanyard_trust::Who;

    fn question(device: u8, share: &str, ran: i64) -> Question {
        Question {
            id: format!("{device}-{share}"),
            subject: Subject { who: Who::Device(NodeId::from_bytes([device; 32])), on_own_network: true },
            known: device == 0,
            address: "127.0.0.1:1".parse().unwrap(),
            share: ShareId(share.to_owned()),
            wish: Wish::Print,
            title: None,
            pages: None,
            bytes: None,
            job: None,
            asked_at: 0,
            ends: ran + PATIENCE,
        }
    }

    fn waits(heard: &Heard) -> bool {
        matches!(heard, Heard::New(_) | Heard::Again(_))
    }

    #[test]
    fn a_device_has_three_questions_and_all_have_ten_and_the_home_is_not_crowded_out() {
        let mut desk = Desk::default();
        for share in ["a", "b", "c"] {
            assert!(waits(&desk.ask(question(1, share, 0), 0)));
        }
        assert_eq!(desk.ask(question(1, "d", 0), 0), Heard::TooMany);
        assert!(matches!(desk.ask(question(1, "a", 9), 9), Heard::Again(q) if q.ends == PATIENCE));
        for device in 2..6 {
            assert!(waits(&desk.ask(question(device, "a", 0), 0)));
        }
        assert_eq!(desk.ask(question(6, "a", 0), 0), Heard::TooMany, "strangers have no more room");
        for share in ["a", "b", "c"] {
            assert!(waits(&desk.ask(question(0, share, 0), 0)), "those who are known here have");
        }
        assert_eq!(desk.waiting().len(), MAX);
        assert_eq!(desk.ask(question(0, "d", 0), 0), Heard::TooMany);
    }

    #[test]
    fn no_answer_is_a_no_and_who_was_refused_rests_a_minute() {
        let mut desk = Desk::default();
        desk.ask(question(1, "a", 0), 0);
        desk.ask(question(2, "a", 1000), 1000);
        assert!(desk.expire(PATIENCE - 1).is_empty());
        assert_eq!(desk.next_end(), Some(PATIENCE));
        assert_eq!(desk.expire(PATIENCE).len(), 1);
        let now = PATIENCE;
        assert_eq!(desk.ask(question(1, "a", now), now), Heard::TooSoon);
        assert!(waits(&desk.ask(question(1, "b", now), now)), "something else may be asked for");
        let later = now + REST;
        assert_eq!(desk.ask(question(1, "a", later), later - 1), Heard::TooSoon);
        assert!(waits(&desk.ask(question(1, "a", later), later)));
    }

    #[test]
    fn each_job_that_waits_has_a_question_of_its_own_and_takes_it_along() {
        let mut desk = Desk::default();
        let jobs = [Uuid::from_u128(1), Uuid::from_u128(2)];
        for job in jobs {
            let question = Question { job: Some(job), id: job.to_string(), ..question(1, "a", 0) };
            assert!(matches!(desk.ask(question.clone(), 0), Heard::New(_)));
            assert!(matches!(desk.ask(question, 0), Heard::Again(_)));
        }
        assert!(matches!(desk.ask(question(2, "a", 0), 0), Heard::New(_)));
        assert!(desk.keep_jobs(&HashSet::from([jobs[1]])) && !desk.keep_jobs(&HashSet::from([jobs[1]])));
        assert_eq!(desk.waiting().len(), 2, "the other job's, and the one without a job");
    }

    #[test]
    fn a_question_is_found_by_the_beginning_of_its_id() {
        let mut desk = Desk::default();
        desk.ask(question(1, "a", 0), 0);
        desk.ask(question(1, "b", 0), 0);
        assert_eq!(desk.find("1-"), None, "which one?");
        assert_eq!(desk.find(""), None);
        assert_eq!(desk.find("1-B").unwrap().id, "1-b");
        assert!(desk.take("1-b") && !desk.take("1-b"));
    }

    #[test]
    fn refusals_do_not_grow_without_end() {
        let mut desk = Desk::default();
        for n in 0..5_000 {
            desk.refuse(&question(1, &n.to_string(), 0), 0);
        }
        assert_eq!(desk.refused.len(), MAX_REFUSED);
    }
}
