//! Connections at the gateway's door: no more than so many, and whoever asks for nothing makes room for whoever comes.
//!
//! A program that opens thousands of connections and says nothing, or a letter a second, keeps nobody waiting: the one
//! that has been idle for longest is closed. One whose request is being answered stays, so what is under way is
//! finished.

use http::Response;
use http_body_util::BodyExt;
use lanyard_link::Body;
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

/// Connections at once.
pub(super) const PLACES: usize = 128;

/// How long one has from its first moment to its first request while others want its place.
const NEW: Duration = Duration::from_millis(250);

/// The same after an answer: the end of that may still be on its way to a program that reads slowly.
const ANSWERED: Duration = Duration::from_secs(2);

/// How often it is looked again whether somebody has to go.
const STEP: Duration = Duration::from_millis(20);

/// All of them.
pub(super) struct Crowd {
    places: Arc<Semaphore>,
    there: Arc<Mutex<Vec<Arc<One>>>>,
}

struct One {
    state: Mutex<State>,
    leave: CancellationToken,
}

struct State {
    /// Requests that are being answered.
    busy: usize,
    idle_since: Instant,
    patience: Duration,
}

/// A connection's place. Dropped, it is another one's.
pub(super) struct Place {
    one: Arc<One>,
    there: Arc<Mutex<Vec<Arc<One>>>>,
    _permit: OwnedSemaphorePermit,
}

/// Something is done for a connection: a request is answered, to the end of its answer.
pub(super) struct Busy {
    one: Arc<One>,
    /// How long it may be idle afterwards.
    then: Duration,
}

impl Crowd {
    pub(super) fn new(places: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(places)), there: Arc::default() }
    }

    /// A place for one more; waits while all that are there are busy.
    pub(super) async fn place(&self) -> Option<Place> {
        loop {
            if let Ok(permit) = Arc::clone(&self.places).try_acquire_owned() {
                return Some(self.taken(permit));
            }
            self.send_one_away();
            // Whoever goes by itself makes room as well.
            let permit = Arc::clone(&self.places).acquire_owned();
            match tokio::time::timeout(STEP, permit).await {
                Ok(permit) => return Some(self.taken(permit.ok()?)),
                Err(_) => continue,
            }
        }
    }

    fn taken(&self, permit: OwnedSemaphorePermit) -> Place {
        let state = State { busy: 0, idle_since: Instant::now(), patience: NEW };
        let one = Arc::new(One { state: Mutex::new(state), leave: CancellationToken::new() });
        lock(&self.there).push(Arc::clone(&one));
        Place { one, there: Arc::clone(&self.there), _permit: permit }
    }

    /// The one that has been idle for longest beyond its patience.
    fn send_one_away(&self) {
        let there = lock(&self.there);
        let longest = there
            .iter()
            .filter(|one| !one.leave.is_cancelled())
            .filter_map(|one| one.overdue().map(|overdue| (overdue, one)))
            .max_by_key(|(overdue, _)| *overdue);
        if let Some((_, one)) = longest {
            one.leave.cancel();
        }
    }
}

impl One {
    /// For how long it has been idle beyond its patience; none while it is busy or has time left.
    fn overdue(&self) -> Option<Duration> {
        let state = lock(&self.state);
        if state.busy > 0 {
            return None;
        }
        state.idle_since.elapsed().checked_sub(state.patience)
    }
}

impl Place {
    /// Ends when it has to go.
    pub(super) async fn must_leave(&self) {
        self.one.leave.cancelled().await;
    }

    /// What marks it as busy.
    pub(super) fn marks(&self) -> Marks {
        Marks(Arc::clone(&self.one))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        lock(&self.there).retain(|one| !Arc::ptr_eq(one, &self.one));
    }
}

/// Marks a connection as busy. Clones mark the same.
#[derive(Clone)]
pub(super) struct Marks(Arc<One>);

impl Marks {
    /// Busy with a request until this is dropped.
    pub(super) fn busy(&self) -> Busy {
        self.until_dropped(ANSWERED)
    }

    /// Busy with something before its first request.
    pub(super) fn looked_at(&self) -> Busy {
        self.until_dropped(NEW)
    }

    fn until_dropped(&self, then: Duration) -> Busy {
        lock(&self.0.state).busy += 1;
        Busy { one: Arc::clone(&self.0), then }
    }
}

impl Busy {
    /// The answer, with which this ends.
    pub(super) fn until_sent(self, answer: Response<Body>) -> Response<Body> {
        answer.map(|body| {
            body.map_err(move |error| {
                let _held = &self;
                error
            })
            .boxed()
        })
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let mut state = lock(&self.one.state);
        state.busy = state.busy.saturating_sub(1);
        (state.idle_since, state.patience) = (Instant::now(), self.then);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use tokio::time::timeout;

    /// Far more than any patience here, and only waited for in vain.
    const LONG: Duration = Duration::from_secs(30);

    #[tokio::test]
    async fn whoever_says_nothing_makes_room_and_whoever_is_answered_stays() {
        let crowd = Crowd::new(2);
        let (silent, asking) = (crowd.place().await.unwrap(), crowd.place().await.unwrap());
        let busy = asking.marks().busy();
        let leaving = async {
            silent.must_leave().await;
            drop(silent);
        };
        let (third, ()) = timeout(LONG, async { tokio::join!(crowd.place(), leaving) }).await.unwrap();
        assert!(!asking.one.leave.is_cancelled(), "it is being answered");
        let third = third.unwrap();
        let both_busy = third.marks().busy();
        assert!(timeout(NEW * 3, crowd.place()).await.is_err(), "nobody who is answered is sent away");
        drop((both_busy, third));
        assert!(timeout(LONG, crowd.place()).await.unwrap().is_some());
        drop(busy);
    }

    #[tokio::test]
    async fn an_answer_counts_until_its_last_byte_is_taken() {
        let crowd = Crowd::new(1);
        let place = crowd.place().await.unwrap();
        let answer = Response::new(lanyard_link::body::full("something"));
        let answer = place.marks().busy().until_sent(answer);
        assert_eq!(lock(&place.one.state).busy, 1);
        assert_eq!(hyper::body::Body::size_hint(answer.body()).exact(), Some(9), "its length is still known");
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "something");
        assert_eq!(lock(&place.one.state).busy, 0);
        assert_eq!(lock(&place.one.state).patience, ANSWERED);
    }
}
