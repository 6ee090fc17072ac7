//! Who is in: cookies, in memory only. Each is bound to one pass and worth two hours.

use super::Secret;
use blake3::Hash;
use lanyard_trust::PassId;
use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// How long a cookie is good for.
pub(crate) const LASTS: Duration = Duration::from_secs(2 * 3600);

/// Cookies of one pass; the oldest goes first. So a pass that was handed round does not fill memory.
const OF_ONE_PASS: usize = 16;

/// The oldest first.
#[derive(Default)]
pub(super) struct Sessions {
    list: Mutex<VecDeque<Session>>,
}

struct Session {
    hash: Hash,
    pass: PassId,
    ends: Instant,
}

impl Sessions {
    pub(super) fn begin(&self, pass: PassId, now: Instant) -> Result<Secret, getrandom::Error> {
        let cookie = Secret::random()?;
        let mut list = self.lock();
        list.retain(|session| session.ends > now);
        if list.iter().filter(|session| session.pass == pass).count() >= OF_ONE_PASS
            && let Some(oldest) = list.iter().position(|session| session.pass == pass)
        {
            list.remove(oldest);
        }
        list.push_back(Session { hash: cookie.hash(), pass, ends: now + LASTS });
        Ok(cookie)
    }

    pub(super) fn pass_of(&self, cookie: &Secret, now: Instant) -> Option<PassId> {
        let hash = cookie.hash();
        let list = self.lock();
        // Every one is compared, so that the time taken says nothing.
        let hit =
            list.iter().fold(None, |hit, session| if session.hash == hash { Some(session) } else { hit });
        hit.filter(|session| session.ends > now).map(|session| session.pass)
    }

    pub(super) fn end(&self, cookie: &Secret) {
        let hash = cookie.hash();
        self.lock().retain(|session| session.hash != hash);
    }

    pub(super) fn end_all(&self, pass: &PassId) {
        self.lock().retain(|session| session.pass != *pass);
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Session>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    const ONE: PassId = PassId::from_bytes([1; 8]);
    const TWO: PassId = PassId::from_bytes([2; 8]);

    #[test]
    fn a_cookie_opens_its_own_pass_for_two_hours() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        let (one, two) = (sessions.begin(ONE, now).unwrap(), sessions.begin(TWO, now).unwrap());
        assert_eq!(sessions.pass_of(&one, now), Some(ONE));
        assert_eq!(sessions.pass_of(&two, now + LASTS - Duration::from_secs(1)), Some(TWO));
        assert_eq!(sessions.pass_of(&two, now + LASTS), None);
        assert_eq!(sessions.pass_of(&Secret::random().unwrap(), now), None);
    }

    #[test]
    fn a_pass_that_ends_takes_its_cookies_with_it_and_no_others() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        let (one, two) = (sessions.begin(ONE, now).unwrap(), sessions.begin(TWO, now).unwrap());
        sessions.end_all(&ONE);
        assert_eq!((sessions.pass_of(&one, now), sessions.pass_of(&two, now)), (None, Some(TWO)));
        sessions.end(&two);
        assert_eq!(sessions.pass_of(&two, now), None);
    }

    #[test]
    fn a_pass_that_is_handed_round_does_not_fill_the_memory() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        let other = sessions.begin(TWO, now).unwrap();
        let first = sessions.begin(ONE, now).unwrap();
        for _ in 0..1000 {
            sessions.begin(ONE, now).unwrap();
        }
        assert_eq!(sessions.lock().len(), OF_ONE_PASS + 1);
        assert_eq!((sessions.pass_of(&first, now), sessions.pass_of(&other, now)), (None, Some(TWO)));
    }
}
