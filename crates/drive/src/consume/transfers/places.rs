//! The places for copies with one device: who has one, who waits for one, and whose turn it is.
//!
//! Who asks is remembered at once, so that the order is that of the turns and not of the tasks that happen to run first.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;
use uuid::Uuid;

/// So many places. Clones share them.
#[derive(Clone)]
pub(super) struct Places {
    queue: Arc<Mutex<Queue>>,
}

struct Queue {
    free: usize,
    /// By turn, the next one first.
    waiting: Vec<Waiting>,
}

struct Waiting {
    turn: i64,
    id: Uuid,
    give: oneshot::Sender<Place>,
}

/// A place; dropped, it goes to whoever is next.
pub(super) struct Place {
    places: Places,
}

/// A place that was asked for; dropped, it is not wanted any more.
pub(super) struct Asked {
    place: oneshot::Receiver<Place>,
}

impl Places {
    pub(super) fn new(count: usize) -> Self {
        Self { queue: Arc::new(Mutex::new(Queue { free: count, waiting: Vec::new() })) }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for a place. A lower turn comes first.
    pub(super) fn ask(&self, id: Uuid, turn: i64) -> Asked {
        let (give, place) = oneshot::channel();
        let mut queue = self.queue();
        queue.waiting.retain(|waiting| !waiting.give.is_closed());
        if queue.free > 0 {
            queue.free -= 1;
            drop(queue);
            // Nobody can have dropped the other end yet.
            let _ = give.send(Place { places: self.clone() });
        } else {
            queue.waiting.push(Waiting { turn, id, give });
            queue.sort();
        }
        Asked { place }
    }

    /// Who waits for a place here gets another turn.
    pub(super) fn turn(&self, id: Uuid, turn: i64) {
        let mut queue = self.queue();
        queue.waiting.iter_mut().filter(|waiting| waiting.id == id).for_each(|waiting| waiting.turn = turn);
        queue.sort();
    }
}

impl Queue {
    fn sort(&mut self) {
        self.waiting.sort_by_key(|waiting| (waiting.turn, waiting.id));
    }

    /// Who is next and still there; a place is free when nobody is.
    fn next(&mut self) -> Option<Waiting> {
        while !self.waiting.is_empty() {
            let next = self.waiting.remove(0);
            if !next.give.is_closed() {
                return Some(next);
            }
        }
        self.free += 1;
        None
    }
}

impl Asked {
    /// Waits for it.
    pub(super) async fn place(self) -> Option<Place> {
        self.place.await.ok()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // The lock is let go before the place is handed over: who is gone just now drops it again.
        let next = self.places.queue().next();
        if let Some(next) = next {
            let _ = next.give.send(Place { places: self.places.clone() });
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    impl Asked {
        /// The place, if it is there.
        fn now(&mut self) -> Option<Place> {
            self.place.try_recv().ok()
        }
    }

    fn id(number: u128) -> Uuid {
        Uuid::from_u128(number)
    }

    #[test]
    fn whoever_asked_first_is_next_and_one_may_be_moved_to_the_front() {
        let places = Places::new(1);
        let first = places.ask(id(1), 1).now().unwrap();
        let mut second = places.ask(id(2), 2);
        let mut third = places.ask(id(3), 3);
        places.turn(id(3), 0);
        assert!(second.now().is_none() && third.now().is_none(), "there is one place");
        drop(first);
        assert!(second.now().is_none());
        let place = third.now().expect("it was moved to the front");
        drop(place);
        assert!(second.now().is_some());
    }

    #[test]
    fn who_goes_away_while_waiting_takes_no_place_along() {
        let places = Places::new(1);
        let first = places.ask(id(1), 1).now().unwrap();
        drop(places.ask(id(2), 2));
        let mut third = places.ask(id(3), 3);
        drop(first);
        assert!(third.now().is_some(), "the one that went away was passed over");
        // One that goes away when the place is already its own.
        let mut fourth = places.ask(id(4), 4);
        drop(fourth.now().expect("the third gave it back when it was dropped"));
        drop(places.ask(id(5), 5));
        assert!(places.ask(id(6), 6).now().is_some());
        assert_eq!(places.queue().free, 1, "all are back");
    }
}
