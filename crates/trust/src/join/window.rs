//! What the showing side keeps: an invite, and how often it was tried.

use super::{Code, JoinError, Link, OPEN_FOR, Side, TRIES, link};
use crate::NodeId;
use std::{
    collections::VecDeque,
    fmt,
    net::SocketAddr,
    time::{Duration, Instant},
};

/// Windows that one device may open within an hour. Three tries each make a code be guessed once in 33,000 hours.
const WINDOWS_AN_HOUR: usize = 10;

/// What the showing side wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// It is a member and takes another device into this home.
    Admit {
        /// The id of the home.
        home: [u8; 32],
    },
    /// It wants to be taken into a home.
    Join,
    /// It gets to know another device without a home.
    Pair,
}

impl Purpose {
    /// What the showing side is.
    #[must_use]
    pub const fn side(self) -> Side {
        match self {
            Self::Admit { .. } => Side::Member,
            Self::Join => Side::Joiner,
            Self::Pair => Side::Peer,
        }
    }

    /// The home that both halves are bound to; zeros when the showing side has none.
    pub(super) const fn home(self) -> [u8; 32] {
        match self {
            Self::Admit { home } => home,
            Self::Join | Self::Pair => [0; 32],
        }
    }
}

/// A code and a link for the same thing; good once, for ten minutes.
#[derive(Clone)]
pub struct Invite {
    id: [u8; 16],
    code: Code,
    secret: [u8; 16],
    purpose: Purpose,
}

impl Invite {
    /// Draws an invite. `random` fills a buffer with random bytes (`getrandom::fill`).
    ///
    /// # Errors
    /// The error of `random`.
    pub fn draw(
        purpose: Purpose,
        mut random: impl FnMut(&mut [u8]) -> Result<(), getrandom::Error>,
    ) -> Result<Self, getrandom::Error> {
        let (mut id, mut secret) = ([0; 16], [0; 16]);
        random(&mut id)?;
        random(&mut secret)?;
        Ok(Self { id, code: Code::draw(random)?, secret, purpose })
    }

    /// Which invite; not secret.
    #[must_use]
    pub const fn id(&self) -> [u8; 16] {
        self.id
    }

    /// The code to show.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    /// What it is for.
    #[must_use]
    pub const fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// The link to show as a QR code. The first four addresses are used.
    #[must_use]
    pub fn link(&self, own: NodeId, addresses: impl IntoIterator<Item = SocketAddr>) -> Link {
        Link::new(own, self.id, self.secret, addresses)
    }

    /// The password that a caller means who names an invite, or a discriminator, but not both.
    pub(super) fn password(&self, invite: Option<[u8; 16]>, discriminator: Option<u8>) -> Option<Vec<u8>> {
        match (invite, discriminator) {
            (Some(id), None) if id == self.id => Some(link::password(&self.secret)),
            (None, Some(discriminator)) if discriminator == self.code.discriminator() => {
                Some(self.code.password())
            }
            _ => None,
        }
    }
}

/// The secrets stay out of logs.
impl fmt::Debug for Invite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invite")
            .field("code", &self.code)
            .field("purpose", &self.purpose)
            .finish_non_exhaustive()
    }
}

/// Why an invite is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The ten minutes passed.
    Expired,
    /// Three tries failed. A person must see this: somebody may be guessing. A new code is made by a person only.
    Burned,
    /// As many devices joined as were to.
    Used,
    /// A person closed it.
    Closed,
}

/// The right to run one exchange. Only the newest one of a window counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    invite: [u8; 16],
    number: u32,
}

/// An open invite: ten minutes, three failed tries in all, one exchange at a time.
///
/// A try is counted when it begins and given back only when it succeeds, so a caller who goes away, is cut off or
/// stays silent has had a try as well. It is never counted by address: an attacker on the network has many.
#[derive(Debug)]
pub struct Window {
    invite: Invite,
    opened: Instant,
    devices: u8,
    tries: u8,
    tickets: u32,
    /// The exchange that is going on, and until when it keeps others out.
    current: Option<(Ticket, Instant)>,
    end: Option<End>,
}

impl Window {
    /// Opens an invite for one device.
    #[must_use]
    pub fn open(invite: Invite, now: Instant) -> Self {
        Self::open_for(invite, 1, now)
    }

    /// Opens an invite that ends after `devices` have joined with it (at least one). The ten minutes and the three
    /// tries are for all of them together.
    #[must_use]
    pub fn open_for(invite: Invite, devices: u8, now: Instant) -> Self {
        Self { invite, opened: now, devices: devices.max(1), tries: 0, tickets: 0, current: None, end: None }
    }

    /// What is shown.
    #[must_use]
    pub const fn invite(&self) -> &Invite {
        &self.invite
    }

    /// When it ends by itself.
    #[must_use]
    pub fn until(&self) -> Instant {
        self.opened + OPEN_FOR
    }

    /// Failed tries, and the one that is going on.
    #[must_use]
    pub const fn tries(&self) -> u8 {
        self.tries
    }

    /// Whether and why it is over.
    pub fn ended(&mut self, now: Instant) -> Option<End> {
        if self.current.is_some_and(|(_, until)| now > until) {
            self.current = None;
        }
        if self.end.is_none() {
            if self.tries >= TRIES && self.current.is_none() {
                self.end = Some(End::Burned);
            } else if now >= self.until() {
                self.end = Some(End::Expired);
            }
        }
        self.end
    }

    /// A person closes it; an exchange that is going on fails.
    pub fn close(&mut self) {
        self.end.get_or_insert(End::Closed);
    }

    /// Counts a try and keeps others out until `until`.
    pub(super) fn begin(&mut self, now: Instant, until: Instant) -> Result<Ticket, JoinError> {
        self.check(now)?;
        if self.current.is_some() {
            return Err(JoinError::Busy);
        }
        self.tries += 1;
        self.tickets += 1;
        let ticket = Ticket { invite: self.invite.id, number: self.tickets };
        self.current = Some((ticket, until));
        Ok(ticket)
    }

    /// Whether the exchange still counts; if so it keeps others out until `until`.
    pub(super) fn hold(&mut self, ticket: Ticket, now: Instant, until: Instant) -> Result<(), JoinError> {
        self.check(now)?;
        self.own(ticket)?;
        self.current = Some((ticket, until));
        Ok(())
    }

    /// The exchange proved the code and nobody objected: the try is given back. The ten minutes may have passed
    /// while a person was asked.
    pub(super) fn succeed(&mut self, ticket: Ticket) -> Result<(), JoinError> {
        match self.end {
            None | Some(End::Expired) => self.own(ticket)?,
            Some(end) => return Err(end.told()),
        }
        self.current = None;
        self.tries = self.tries.saturating_sub(1);
        self.devices = self.devices.saturating_sub(1);
        if self.devices == 0 {
            self.end = Some(End::Used);
        }
        Ok(())
    }

    /// The exchange failed; its try stays counted.
    pub(super) fn fail(&mut self, ticket: Ticket) {
        if self.own(ticket).is_ok() {
            self.current = None;
            if self.tries >= TRIES {
                self.end.get_or_insert(End::Burned);
            }
        }
    }

    fn check(&mut self, now: Instant) -> Result<(), JoinError> {
        self.ended(now).map_or(Ok(()), |end| Err(end.told()))
    }

    fn own(&self, ticket: Ticket) -> Result<(), JoinError> {
        let current = self.current.is_some_and(|(current, _)| current == ticket);
        if current { Ok(()) } else { Err(JoinError::Timeout) }
    }
}

impl End {
    /// What the typing side is told.
    const fn told(self) -> JoinError {
        match self {
            Self::Expired => JoinError::Expired,
            Self::Burned => JoinError::Burned,
            Self::Used | Self::Closed => JoinError::NoInvite,
        }
    }
}

/// At most ten windows an hour, so that asking a person for "a new code, please" does not become a way to guess.
#[derive(Debug, Default)]
pub struct Rate {
    opened: VecDeque<Instant>,
}

impl Rate {
    /// The window that opened last let somebody in: it was no guess, and does not count.
    pub fn give_back(&mut self) {
        self.opened.pop_back();
    }

    /// Counts a window that opens now.
    ///
    /// # Errors
    /// How long to wait before the next one.
    pub fn admit(&mut self, now: Instant) -> Result<(), Duration> {
        const HOUR: Duration = Duration::from_secs(3600);
        while self.opened.front().is_some_and(|opened| now.duration_since(*opened) >= HOUR) {
            self.opened.pop_front();
        }
        match self.opened.front() {
            Some(oldest) if self.opened.len() >= WINDOWS_AN_HOUR => {
                Err(HOUR.saturating_sub(now.duration_since(*oldest)))
            }
            _ => {
                self.opened.push_back(now);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn window(devices: u8) -> (Window, Instant) {
        let now = Instant::now();
        (Window::open_for(Invite::draw(Purpose::Pair, getrandom::fill).unwrap(), devices, now), now)
    }

    #[test]
    fn three_failed_tries_burn_it() {
        let (mut window, now) = window(1);
        for _ in 0..3 {
            assert_eq!(window.ended(now), None);
            let ticket = window.begin(now, now + SECOND).unwrap();
            window.fail(ticket);
        }
        assert_eq!(window.ended(now), Some(End::Burned));
        assert_eq!(window.begin(now, now + SECOND), Err(JoinError::Burned));
    }

    #[test]
    fn a_caller_who_stays_silent_has_had_a_try() {
        let (mut window, mut now) = window(1);
        for _ in 0..3 {
            window.begin(now, now + SECOND).unwrap();
            assert_eq!(window.begin(now + SECOND, now + SECOND), Err(JoinError::Busy), "one at a time");
            now += 2 * SECOND;
        }
        assert_eq!(window.ended(now), Some(End::Burned));
    }

    #[test]
    fn the_third_try_may_be_the_right_one() {
        let (mut window, now) = window(1);
        for _ in 0..2 {
            let ticket = window.begin(now, now + SECOND).unwrap();
            window.fail(ticket);
        }
        let ticket = window.begin(now, now + SECOND).unwrap();
        assert_eq!(window.ended(now), None, "it is still running");
        window.succeed(ticket).unwrap();
        assert_eq!(window.ended(now), Some(End::Used));
        assert_eq!(window.begin(now, now + SECOND), Err(JoinError::NoInvite));
    }

    #[test]
    fn an_overtaken_exchange_counts_for_nothing() {
        let (mut window, now) = window(1);
        let first = window.begin(now, now + SECOND).unwrap();
        let later = now + 2 * SECOND;
        let second = window.begin(later, later + SECOND).unwrap();
        assert_eq!(window.hold(first, later, later + SECOND), Err(JoinError::Timeout));
        assert_eq!(window.succeed(first), Err(JoinError::Timeout));
        window.fail(first);
        assert_eq!(window.begin(later, later + SECOND), Err(JoinError::Busy), "the second still runs");
        window.succeed(second).unwrap();
    }

    #[test]
    fn it_ends_after_ten_minutes_or_when_a_person_closes_it() {
        let (mut open, now) = window(1);
        assert_eq!(open.ended(now + OPEN_FOR - SECOND), None);
        assert_eq!(open.ended(now + OPEN_FOR), Some(End::Expired));
        assert_eq!(open.begin(now + OPEN_FOR, now + OPEN_FOR), Err(JoinError::Expired));
        let (mut open, now) = window(1);
        let ticket = open.begin(now, now + SECOND).unwrap();
        open.close();
        assert_eq!(open.ended(now), Some(End::Closed));
        assert_eq!(open.succeed(ticket), Err(JoinError::NoInvite), "a closed one admits nobody");
    }

    #[test]
    fn an_invite_for_several_devices_still_has_three_tries_in_all() {
        let (mut window, now) = window(3);
        for _ in 0..2 {
            let ticket = window.begin(now, now + SECOND).unwrap();
            window.succeed(ticket).unwrap();
            let ticket = window.begin(now, now + SECOND).unwrap();
            window.fail(ticket);
        }
        assert_eq!(window.ended(now), None);
        let ticket = window.begin(now, now + SECOND).unwrap();
        window.fail(ticket);
        assert_eq!(window.ended(now), Some(End::Burned));
    }

    #[test]
    fn ten_windows_an_hour_and_no_more() {
        let (mut rate, now) = (Rate::default(), Instant::now());
        for window in 0..10 {
            rate.admit(now + window * SECOND).unwrap();
        }
        assert_eq!(rate.admit(now + 60 * SECOND), Err(3540 * SECOND));
        assert_eq!(rate.admit(now + 3600 * SECOND), Ok(()));
        assert!(rate.admit(now + 3600 * SECOND).is_err(), "only the first one is an hour old");
        rate.give_back();
        assert_eq!(rate.admit(now + 3600 * SECOND), Ok(()), "one that let somebody in is no guess");
    }
}
