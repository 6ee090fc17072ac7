//! The side that shows the code.

use super::{
    ASK_FOR, About, Confirm, Confirmed, Ends, Established, Frame, FrameError, Hello, JoinError, Next,
    PATIENCE, Peer, Random, Role, Share, Step, Ticket, VERSION, Window,
    pake::{Bound, Exchange, Keys, Spake},
};
use std::time::Instant;

/// One connection to a device that shows a code. The window is passed in every time: it outlives the connection and
/// is shared by all of them.
#[derive(Debug)]
pub struct Shows {
    ends: Ends,
    about: About,
    ask: bool,
    deadline: Instant,
    state: State,
}

#[derive(Debug)]
enum State {
    Hello { random: Random },
    Confirm { ticket: Ticket, exchange: Box<Exchange>, bound: Box<Bound>, peer: Peer },
    Asking { ticket: Ticket, keys: Box<Keys>, bound: Box<Bound>, peer: Peer },
    Over,
}

impl Shows {
    /// For a connection that just came in. With `ask` the owner is asked before anyone is let in, even with the right
    /// code.
    #[must_use]
    pub fn new(ends: Ends, about: About, ask: bool, random: Random, now: Instant) -> Self {
        Self { ends, about, ask, deadline: now + PATIENCE, state: State::Hello { random } }
    }

    /// When to call [`Self::late`] if nothing came.
    #[must_use]
    pub const fn deadline(&self) -> Instant {
        self.deadline
    }

    /// A frame came, or something that is none.
    pub fn on(&mut self, frame: Result<Frame, FrameError>, window: &mut Window, now: Instant) -> Step {
        if now > self.deadline {
            return self.late(window);
        }
        match (std::mem::replace(&mut self.state, State::Over), frame) {
            (State::Hello { random }, Ok(Frame::Hello(hello))) => self.hello(&hello, random, window, now),
            (State::Confirm { ticket, exchange, bound, peer }, Ok(Frame::Confirm(confirm))) => {
                self.confirm(ticket, *exchange, bound, peer, &confirm, window, now)
            }
            (state, Ok(Frame::Fail { reason })) => {
                state.give_up(window);
                Step::ended(reason)
            }
            (state, frame) => {
                state.give_up(window);
                Step::failed(match frame {
                    Err(FrameError::Version) => JoinError::Version,
                    _ => JoinError::Tampered,
                })
            }
        }
    }

    /// The owner's answer, after [`Next::Ask`].
    pub fn answer(&mut self, yes: bool, window: &mut Window, now: Instant) -> Step {
        if now > self.deadline {
            return self.late(window);
        }
        match std::mem::replace(&mut self.state, State::Over) {
            State::Asking { ticket, keys, bound, peer } if yes => {
                self.confirmed(ticket, *keys, &bound, peer, window)
            }
            state => {
                state.give_up(window);
                Step::failed(JoinError::Refused)
            }
        }
    }

    /// The deadline passed.
    pub fn late(&mut self, window: &mut Window) -> Step {
        let state = std::mem::replace(&mut self.state, State::Over);
        let reason = match state {
            State::Asking { .. } => JoinError::Refused,
            _ => JoinError::Timeout,
        };
        state.give_up(window);
        Step::failed(reason)
    }

    /// The connection is gone: the next one need not wait for the deadline of this.
    pub fn hung_up(&mut self, window: &mut Window) {
        std::mem::replace(&mut self.state, State::Over).give_up(window);
    }

    fn hello(&mut self, hello: &Hello, random: Random, window: &mut Window, now: Instant) -> Step {
        if hello.v != VERSION {
            return Step::failed(JoinError::Version);
        }
        let purpose = window.invite().purpose();
        let Some(password) = window.invite().password(hello.invite, hello.discriminator) else {
            return Step::failed(JoinError::NoInvite);
        };
        if hello.side != purpose.side().other() {
            return Step::failed(JoinError::SameSide);
        }
        self.deadline = now + PATIENCE;
        let ticket = match window.begin(now, self.deadline) {
            Ok(ticket) => ticket,
            Err(reason) => return Step::failed(reason),
        };
        let bound = Bound {
            home: purpose.home(),
            invite: window.invite().id(),
            side: purpose.side(),
            shows: self.ends.own,
            types: self.ends.peer,
            exporter: self.ends.exporter,
        };
        let (exchange, pa) = Exchange::<Spake>::start(Role::Shows, &password, bound.clone(), random);
        let share = Share { v: VERSION, home: bound.home, invite: bound.invite, pa };
        let peer = Peer { node: self.ends.peer, about: hello.about() };
        self.state = State::Confirm { ticket, exchange: Box::new(exchange), bound: Box::new(bound), peer };
        Step::listen(Some(Frame::Share(share)))
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of a state that is taken apart")]
    fn confirm(
        &mut self,
        ticket: Ticket,
        exchange: Exchange,
        bound: Box<Bound>,
        peer: Peer,
        confirm: &Confirm,
        window: &mut Window,
        now: Instant,
    ) -> Step {
        // Nothing that depends on the code leaves this device before this is true.
        let Some(keys) = exchange.finish(&confirm.pb).filter(|keys| keys.is_right(&confirm.tag)) else {
            window.fail(ticket);
            return Step::failed(JoinError::WrongCode);
        };
        let until = now + if self.ask { ASK_FOR } else { PATIENCE };
        if let Err(reason) = window.hold(ticket, now, until) {
            window.fail(ticket);
            return Step::failed(reason);
        }
        if !self.ask {
            return self.confirmed(ticket, keys, &bound, peer, window);
        }
        self.deadline = until;
        self.state = State::Asking { ticket, keys: Box::new(keys), bound, peer: peer.clone() };
        Step { send: Some(Frame::Wait), next: Next::Ask(peer) }
    }

    fn confirmed(
        &mut self,
        ticket: Ticket,
        keys: Keys,
        bound: &Bound,
        peer: Peer,
        window: &mut Window,
    ) -> Step {
        let Some(tag) = keys.tag() else {
            window.fail(ticket);
            return Step::failed(JoinError::Tampered);
        };
        if let Err(reason) = window.succeed(ticket) {
            return Step::failed(reason);
        }
        let About { name, os } = self.about.clone();
        let established = Established {
            peer,
            side: bound.side.other(),
            home: (bound.home != [0; 32]).then_some(bound.home),
            channel: keys.channel(),
        };
        Step {
            send: Some(Frame::Confirmed(Confirmed { tag, name, os })),
            next: Next::Done(Box::new(established)),
        }
    }
}

impl State {
    fn give_up(self, window: &mut Window) {
        match self {
            Self::Confirm { ticket, .. } | Self::Asking { ticket, .. } => window.fail(ticket),
            Self::Hello { .. } | Self::Over => {}
        }
    }
}
