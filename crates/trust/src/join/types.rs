//! The side that types the code, or reads the link.

use super::{
    ASK_FOR, About, Code, Confirm, Confirmed, Ends, Established, Frame, FrameError, Hello, JoinError, Link,
    Next, PATIENCE, Peer, Random, Role, Share, Side, Step, VERSION,
    pake::{Bound, Exchange, Keys, Spake},
};
use std::time::Instant;

/// What a person typed or scanned.
#[derive(Clone, Debug)]
pub enum Secret {
    /// The short code.
    Code(Code),
    /// The link.
    Link(Box<Link>),
}

/// One connection to a device that shows a code.
#[derive(Debug)]
pub struct Types {
    ends: Ends,
    side: Side,
    secret: Secret,
    deadline: Instant,
    state: State,
}

#[derive(Debug)]
enum State {
    Share { random: Random },
    Confirmed { keys: Box<Keys>, home: [u8; 32], asking_until: Instant },
    Over,
}

impl Types {
    /// Begins, and gives the first frame. `side` is what this device is.
    ///
    /// # Errors
    /// [`JoinError::Tampered`] when the connection is to another device than the one that made the link.
    pub fn new(
        ends: Ends,
        about: About,
        side: Side,
        secret: Secret,
        random: Random,
        now: Instant,
    ) -> Result<(Self, Frame), JoinError> {
        let (invite, discriminator) = match &secret {
            Secret::Code(code) => (None, Some(code.discriminator())),
            Secret::Link(link) if link.node == ends.peer => (Some(link.invite), None),
            Secret::Link(_) => return Err(JoinError::Tampered),
        };
        let About { name, os } = about;
        let hello = Hello { v: VERSION, invite, discriminator, side, name, os };
        let state = State::Share { random };
        Ok((Self { ends, side, secret, deadline: now + PATIENCE, state }, Frame::Hello(hello)))
    }

    /// When to call [`Self::late`] if nothing came.
    #[must_use]
    pub const fn deadline(&self) -> Instant {
        self.deadline
    }

    /// A frame came, or something that is none.
    pub fn on(&mut self, frame: Result<Frame, FrameError>, now: Instant) -> Step {
        if now > self.deadline {
            return self.late();
        }
        match (std::mem::replace(&mut self.state, State::Over), frame) {
            (State::Share { random }, Ok(Frame::Share(share))) => self.share(&share, random, now),
            (State::Confirmed { keys, home, .. }, Ok(Frame::Confirmed(confirmed))) => {
                self.confirmed(*keys, home, &confirmed)
            }
            (State::Confirmed { keys, home, asking_until }, Ok(Frame::Wait)) => {
                self.deadline = asking_until.min(now + PATIENCE);
                self.state = State::Confirmed { keys, home, asking_until };
                Step::listen(None)
            }
            (_, Ok(Frame::Fail { reason })) => Step::ended(reason),
            (_, Err(FrameError::Version)) => Step::failed(JoinError::Version),
            _ => Step::failed(JoinError::Tampered),
        }
    }

    /// The deadline passed.
    pub fn late(&mut self) -> Step {
        self.state = State::Over;
        Step::failed(JoinError::Timeout)
    }

    fn share(&mut self, share: &Share, random: Random, now: Instant) -> Step {
        if share.v != VERSION {
            return Step::failed(JoinError::Version);
        }
        // Only a showing member has a home to name, and then the typing side is a joiner.
        let named = share.home != [0; 32];
        if named != (self.side == Side::Joiner) {
            return Step::failed(JoinError::Tampered);
        }
        let password = match &self.secret {
            Secret::Code(code) => code.password(),
            Secret::Link(link) if link.invite == share.invite => link.password(),
            Secret::Link(_) => return Step::failed(JoinError::Tampered),
        };
        let bound = Bound {
            home: share.home,
            invite: share.invite,
            side: self.side.other(),
            shows: self.ends.peer,
            types: self.ends.own,
            exporter: self.ends.exporter,
        };
        let (exchange, pb) = Exchange::<Spake>::start(Role::Types, &password, bound, random);
        let Some((keys, tag)) = exchange.finish(&share.pa).and_then(|keys: Keys| {
            let tag = keys.tag()?;
            Some((keys, tag))
        }) else {
            return Step::failed(JoinError::Tampered);
        };
        self.deadline = now + PATIENCE;
        let asking_until = now + ASK_FOR + PATIENCE;
        self.state = State::Confirmed { keys: Box::new(keys), home: share.home, asking_until };
        Step::listen(Some(Frame::Confirm(Confirm { pb, tag })))
    }

    fn confirmed(&mut self, keys: Keys, home: [u8; 32], confirmed: &Confirmed) -> Step {
        if !keys.is_right(&confirmed.tag) {
            return Step::failed(JoinError::Tampered);
        }
        let peer = Peer { node: self.ends.peer, about: confirmed.about() };
        let home = (home != [0; 32]).then_some(home);
        let established = Established { peer, side: self.side.other(), home, channel: keys.channel() };
        Step { send: None, next: Next::Done(Box::new(established)) }
    }
}
