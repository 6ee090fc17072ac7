//! Locks (RFC 4918 §6 and §7): who has said that nobody else shall write somewhere for a while.
//!
//! A pure table: time comes in, decisions go out. Locks end by themselves, and are forgotten with the node: a client
//! whose lock is gone gets 412 for its token and takes another one. They bind whoever comes by this door.

use lanyard_trust::NodeId;
use std::time::{Duration, Instant};

/// Locks at once, in all and of one client.
const MOST: (usize, usize) = (2_048, 512);
/// How long a lock lasts when nothing is said, and at most. Clients that are still there ask again.
const LASTS: (Duration, Duration) = (Duration::from_secs(10 * 60), Duration::from_secs(3_600));
/// Bytes of what a client says about its owner.
const OWNER: usize = 2 << 10;

/// What a lock is on: a share's id and the names down to it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Spot {
    pub(super) share: String,
    pub(super) names: Vec<String>,
}

impl Spot {
    fn is_above(&self, other: &Self) -> bool {
        self.share == other.share
            && self.names.len() < other.names.len()
            && other.names.starts_with(&self.names)
    }
}

/// One lock.
#[derive(Clone, Debug)]
pub(super) struct Lock {
    /// `urn:uuid:…`
    pub(super) token: String,
    pub(super) at: Spot,
    /// On everything below as well.
    pub(super) deep: bool,
    pub(super) exclusive: bool,
    /// The address it was taken under, as it is told.
    pub(super) root: String,
    /// What its client says about whoever has it, as XML.
    pub(super) owner: Option<String>,
    /// Who took it, and who alone may use it.
    pub(super) who: NodeId,
    pub(super) lasts: Duration,
    until: Instant,
}

impl Lock {
    /// Whether something may not be changed because of it.
    fn covers(&self, spot: &Spot) -> bool {
        self.at == *spot || (self.deep && self.at.is_above(spot))
    }

    /// Time left.
    pub(super) fn left(&self, now: Instant) -> Duration {
        self.until.saturating_duration_since(now)
    }
}

/// What somebody wants.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) at: Spot,
    pub(super) root: String,
    pub(super) deep: bool,
    pub(super) exclusive: bool,
    pub(super) owner: Option<String>,
    pub(super) who: NodeId,
    /// As the client wishes; no wish is the usual time.
    pub(super) lasts: Option<Duration>,
}

/// Why there is no lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NoLock {
    /// Another one is in the way, here.
    Taken(Spot),
    /// There are too many.
    TooMany,
    /// There is none with this token here, or it is somebody else's.
    Unknown,
}

/// All locks.
#[derive(Debug, Default)]
pub(super) struct Locks {
    locks: Vec<Lock>,
}

impl Locks {
    /// Takes a lock. `token` is new and cannot be guessed.
    pub(super) fn take(&mut self, asked: Asked, token: String, now: Instant) -> Result<&Lock, NoLock> {
        self.forget_ended(now);
        let in_the_way = |lock: &&Lock| {
            let meets = lock.covers(&asked.at) || (asked.deep && asked.at.is_above(&lock.at));
            meets && (lock.exclusive || asked.exclusive)
        };
        if let Some(lock) = self.locks.iter().find(in_the_way) {
            return Err(NoLock::Taken(lock.at.clone()));
        }
        let own = self.locks.iter().filter(|lock| lock.who == asked.who).count();
        if self.locks.len() >= MOST.0 || own >= MOST.1 {
            return Err(NoLock::TooMany);
        }
        let lasts = time(asked.lasts);
        let Asked { at, root, deep, exclusive, owner, who, .. } = asked;
        let owner = owner.filter(|owner| owner.len() <= OWNER);
        self.locks.push(Lock { token, at, root, deep, exclusive, owner, who, lasts, until: now + lasts });
        self.locks.last().ok_or(NoLock::TooMany)
    }

    /// Makes a lock that covers this last longer.
    pub(super) fn refresh(
        &mut self,
        spot: &Spot,
        token: &str,
        who: &NodeId,
        lasts: Option<Duration>,
        now: Instant,
    ) -> Result<&Lock, NoLock> {
        self.forget_ended(now);
        let found =
            self.locks.iter_mut().find(|lock| lock.token == token && lock.who == *who && lock.covers(spot));
        let lock = found.ok_or(NoLock::Unknown)?;
        lock.lasts = time(lasts);
        lock.until = now + lock.lasts;
        Ok(lock)
    }

    /// Gives a lock back that covers this.
    pub(super) fn release(
        &mut self,
        spot: &Spot,
        token: &str,
        who: &NodeId,
        now: Instant,
    ) -> Result<(), NoLock> {
        self.forget_ended(now);
        let at = self
            .locks
            .iter()
            .position(|lock| lock.token == token && lock.who == *who && lock.covers(spot))
            .ok_or(NoLock::Unknown)?;
        self.locks.swap_remove(at);
        Ok(())
    }

    /// The locks on this, taken here or above.
    pub(super) fn on(&self, spot: &Spot, now: Instant) -> Vec<Lock> {
        self.live(now).filter(|lock| lock.covers(spot)).cloned().collect()
    }

    /// Whether there is any lock in a share.
    pub(super) fn any_in(&self, share: &str, now: Instant) -> bool {
        self.live(now).any(|lock| lock.at.share == share)
    }

    /// Whether a client that has these tokens may change this, or with `deep` also all that is below: where a lock is
    /// in the way if not. One token of those on it is enough (RFC 4918 §7.1: shared locks are for all who have one).
    pub(super) fn may_change(
        &self,
        spot: &Spot,
        deep: bool,
        tokens: &[&str],
        who: &NodeId,
        now: Instant,
    ) -> Result<(), Spot> {
        let has = |lock: &Lock| lock.who == *who && tokens.contains(&lock.token.as_str());
        let on: Vec<&Lock> = self.live(now).filter(|lock| lock.covers(spot)).collect();
        if let (Some(first), false) = (on.first(), on.iter().any(|lock| has(lock))) {
            return Err(first.at.clone());
        }
        if !deep {
            return Ok(());
        }
        let below: Vec<&Lock> = self.live(now).filter(|lock| spot.is_above(&lock.at)).collect();
        let kept_out = below
            .iter()
            .find(|lock| !below.iter().filter(|other| other.at == lock.at).any(|other| has(other)));
        match kept_out {
            Some(lock) => Err(lock.at.clone()),
            None => Ok(()),
        }
    }

    /// What is no longer there, or somewhere else now, takes no locks with it (RFC 4918 §7.5, §9.6).
    pub(super) fn gone(&mut self, spot: &Spot) {
        self.locks.retain(|lock| lock.at != *spot && !spot.is_above(&lock.at));
    }

    fn live(&self, now: Instant) -> impl Iterator<Item = &Lock> {
        self.locks.iter().filter(move |lock| lock.until > now)
    }

    fn forget_ended(&mut self, now: Instant) {
        self.locks.retain(|lock| lock.until > now);
    }
}

fn time(wish: Option<Duration>) -> Duration {
    wish.unwrap_or(LASTS.0).clamp(Duration::from_secs(1), LASTS.1)
}

/// `Timeout: Second-600, Infinite`: the first that is understood. For ever is as long as we let it be.
pub(super) fn timeout(header: &str) -> Option<Duration> {
    header.split(',').map(str::trim).find_map(|wish| {
        if wish.eq_ignore_ascii_case("infinite") {
            return Some(LASTS.1);
        }
        let digits = wish.get(..7).filter(|word| word.eq_ignore_ascii_case("second-")).map(|_| &wish[7..])?;
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| Duration::from_secs(digits.parse().unwrap_or(u64::MAX)))
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    const ANNA: NodeId = NodeId::from_bytes([1; 32]);
    const BEN: NodeId = NodeId::from_bytes([2; 32]);

    fn spot(path: &str) -> Spot {
        let names = path.split('/').filter(|name| !name.is_empty()).map(str::to_owned).collect();
        Spot { share: "s".to_owned(), names }
    }

    fn asked(path: &str, who: NodeId, deep: bool, exclusive: bool) -> Asked {
        Asked { at: spot(path), root: String::new(), deep, exclusive, owner: None, who, lasts: None }
    }

    fn take(locks: &mut Locks, asked: Asked, now: Instant) -> Result<String, NoLock> {
        let token = format!("t{}", locks.locks.len());
        locks.take(asked, token, now).map(|lock| lock.token.clone())
    }

    #[test]
    fn locks_exclude_each_other_above_and_below() {
        let now = Instant::now();
        let (deep, flat, exclusive, shared) = (true, false, true, false);
        for (first, second, fits) in [
            (("a", flat, exclusive), ("a", flat, exclusive), false),
            (("a", flat, exclusive), ("a", flat, shared), false),
            (("a", flat, shared), ("a", flat, shared), true),
            (("a", flat, shared), ("a", flat, exclusive), false),
            (("a", deep, exclusive), ("a/b/c", flat, shared), false),
            (("a", flat, exclusive), ("a/b", flat, exclusive), true),
            (("a/b", flat, exclusive), ("a", deep, exclusive), false),
            (("a/b", flat, exclusive), ("a", flat, exclusive), true),
            (("a/b", flat, exclusive), ("a/bc", flat, exclusive), true),
            (("", deep, exclusive), ("a", flat, exclusive), false),
        ] {
            let mut locks = Locks::default();
            take(&mut locks, asked(first.0, ANNA, first.1, first.2), now).unwrap();
            let second_taken = take(&mut locks, asked(second.0, BEN, second.1, second.2), now);
            assert_eq!(second_taken.is_ok(), fits, "{first:?}, then {second:?}");
        }
    }

    #[test]
    fn only_who_has_the_token_may_change_what_is_locked() {
        let now = Instant::now();
        let mut locks = Locks::default();
        let token = take(&mut locks, asked("a", ANNA, true, true), now).unwrap();
        let may = |locks: &Locks, path: &str, deep, tokens: &[&str], who| {
            locks.may_change(&spot(path), deep, tokens, &who, now)
        };
        assert!(may(&locks, "a/b", false, &[&token], ANNA).is_ok());
        assert_eq!(may(&locks, "a/b", false, &[], ANNA), Err(spot("a")), "without the token");
        assert_eq!(may(&locks, "a/b", false, &[&token], BEN), Err(spot("a")), "with somebody else's");
        assert!(may(&locks, "b", false, &[], BEN).is_ok());
        assert_eq!(may(&locks, "", true, &[], BEN), Err(spot("a")), "not with all that is in it");
        assert!(may(&locks, "", false, &[], BEN).is_ok());
        let shared = [asked("c", ANNA, false, false), asked("c", BEN, false, false)];
        let tokens = shared.map(|asked| take(&mut locks, asked, now).unwrap());
        assert!(may(&locks, "c", false, &[&tokens[0]], ANNA).is_ok(), "one of the shared ones is enough");
        locks.gone(&spot(""));
        assert!(may(&locks, "a/b", true, &[], BEN).is_ok());
    }

    #[test]
    fn a_lock_ends_by_itself_unless_it_is_asked_for_again() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut locks = Locks::default();
        let brief = Asked { lasts: Some(Duration::from_secs(60)), ..asked("a", ANNA, false, true) };
        let token = take(&mut locks, brief, start).unwrap();
        assert_eq!(locks.on(&spot("a"), at(59)).len(), 1);
        assert!(locks.refresh(&spot("a"), &token, &BEN, None, at(59)).is_err(), "by whoever took it");
        let again = locks.refresh(&spot("a"), &token, &ANNA, Some(Duration::from_secs(90)), at(59)).unwrap();
        assert_eq!(again.left(at(60)).as_secs(), 89);
        assert_eq!(locks.on(&spot("a"), at(149)).len(), 0);
        assert!(locks.refresh(&spot("a"), &token, &ANNA, None, at(150)).is_err());
        assert!(take(&mut locks, asked("a", BEN, false, true), at(150)).is_ok());
        let endless = Asked { lasts: Some(Duration::MAX), ..asked("b", ANNA, false, true) };
        take(&mut locks, endless, at(150)).unwrap();
        assert_eq!(locks.on(&spot("b"), at(150 + 3_600)).len(), 0);
    }

    #[test]
    fn nobody_holds_more_than_their_part() {
        let now = Instant::now();
        let mut locks = Locks::default();
        for number in 0..MOST.1 {
            take(&mut locks, asked(&format!("f{number}"), ANNA, false, true), now).unwrap();
        }
        assert_eq!(take(&mut locks, asked("more", ANNA, false, true), now), Err(NoLock::TooMany));
        assert!(take(&mut locks, asked("more", BEN, false, true), now).is_ok());
        let token = "t3".to_owned();
        assert_eq!(locks.release(&spot("f3"), &token, &BEN, now), Err(NoLock::Unknown));
        assert_eq!(locks.release(&spot("f4"), &token, &ANNA, now), Err(NoLock::Unknown));
        assert_eq!(locks.release(&spot("f3"), &token, &ANNA, now), Ok(()));
        assert!(take(&mut locks, asked("other", ANNA, false, true), now).is_ok());
    }

    #[test]
    fn how_long_a_lock_shall_last_is_read() {
        for (header, seconds) in [
            ("Second-60", Some(60)),
            ("second-5, Infinite", Some(5)),
            ("Infinite, Second-4100000000", Some(3_600)),
            ("Extend, Second-7", Some(7)),
            ("Second-99999999999999999999", Some(u64::MAX)),
            ("Second-", None),
            ("Second-+1", None),
            ("é", None),
            ("", None),
        ] {
            assert_eq!(timeout(header).map(|time| time.as_secs()), seconds, "{header}");
        }
    }
}
