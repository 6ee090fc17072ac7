//! How many connections there may be, in all and from one place.
//!
//! Who is at the other end is not known before the handshake, and whoever floods the port does not even begin one. So
//! of 256 connections
//!
//! - 170, two thirds, are open to anybody: connections that have proven nothing yet, and strangers; 32 to an address;
//! - 86, the last third, are kept for known devices. One that proves its key leaves its open place and has up to 32
//!   of its own, wherever it calls from. Known devices may also have what strangers leave them of the 170;
//! - 64 of the open places at most hold visitors without a key (16 to an address), and 8 devices that want to join
//!   (2 to an address).
//!
//! When the open places are taken, or those of one address, 16 more connections may shake hands within 2 s, in order
//! that a known device can prove itself. A stranger who comes out of the handshake finds no place. When those 16 are
//! taken, too, a newcomer pushes out the oldest one of the address that holds the most of them: a flood from one
//! address pushes out itself. A handshake is left alone for 40 ms, and for 150 ms from the client's first message on,
//! unless its address holds more than 4 of the 16 and the newcomer is from elsewhere; a newcomer who finds only such is
//! turned away, and a node tries again (see `Peers`). So there are never more than 256 + 16 connections, and 16 that were
//! pushed out and are just being closed.

mod tally;

use super::Limits;
use lanyard_trust::NodeId;
use std::{
    cmp::Reverse,
    collections::VecDeque,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tally::Tally;
use tokio_util::sync::CancellationToken;

/// Visitors at once, in all and from one address.
const VISITS: (usize, usize) = (64, 16);

/// Devices at once that want to join, in all and from one address.
const MEETINGS: (usize, usize) = (8, 2);

/// Connections that shake hands although no open place is left.
const WAITING: usize = 16;

/// How long they may take for it.
const HASTE: Duration = Duration::from_secs(2);

/// How long one of them is left alone before it has said a word, and from then on.
const UNDISTURBED: (Duration, Duration) = (Duration::from_millis(40), Duration::from_millis(150));

/// How many of one address are left alone when somebody comes from elsewhere.
const FAIR: usize = WAITING / 4;

/// Counts connections. Clones share the count.
#[derive(Clone)]
pub(super) struct Admission {
    counts: Arc<Mutex<Counts>>,
}

struct Counts {
    most: usize,
    open: Tally<IpAddr>,
    known: Tally<NodeId>,
    visits: Tally<IpAddr>,
    meetings: Tally<IpAddr>,
    /// The oldest first.
    waiting: VecDeque<Waiting>,
    /// Told to go, but not gone yet.
    pushed_out: usize,
    next: u64,
}

struct Waiting {
    number: u64,
    origin: IpAddr,
    undisturbed_until: Instant,
    out: CancellationToken,
}

/// A connection's place; free again when dropped.
pub(super) struct Place {
    admission: Admission,
    origin: IpAddr,
    seat: Seat,
    guest: Option<Guest>,
    out: CancellationToken,
}

enum Seat {
    Open,
    Waiting(u64),
    Known(NodeId),
    /// Given up; the connection is about to end.
    None,
}

enum Guest {
    Visit,
    Meeting,
}

impl Admission {
    pub(super) fn new(limits: &Limits) -> Self {
        let counts = Counts {
            most: limits.connections,
            open: Tally::new(limits.connections * 2 / 3, limits.per_address),
            known: Tally::new(limits.connections, limits.per_address),
            visits: Tally::new(VISITS.0, VISITS.1),
            meetings: Tally::new(MEETINGS.0, MEETINGS.1),
            waiting: VecDeque::new(),
            pushed_out: 0,
            next: 0,
        };
        Self { counts: Arc::new(Mutex::new(counts)) }
    }

    /// A place for a connection from `remote` to `local` to shake hands in, if there is one.
    pub(super) fn admit(&self, remote: SocketAddr, local: Option<SocketAddr>, now: Instant) -> Option<Place> {
        let origin = origin(remote.ip(), local.map(|local| local.ip()));
        let out = CancellationToken::new();
        let mut counts = self.lock();
        let seat = if counts.take_open(origin) {
            Seat::Open
        } else {
            Seat::Waiting(counts.wait(origin, out.clone(), now)?)
        };
        drop(counts);
        Some(Place { admission: self.clone(), origin, seat, guest: None, out })
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn has_room(&self) -> bool {
        self.open.all() + self.known.all() < self.most
    }

    fn take_open(&mut self, origin: IpAddr) -> bool {
        self.has_room() && self.open.take(origin)
    }

    /// Lets one more wait, if need be by pushing another one out.
    fn wait(&mut self, origin: IpAddr, out: CancellationToken, now: Instant) -> Option<u64> {
        if self.waiting.len() >= WAITING {
            let oldest = self.least_deserving(origin, now)?;
            if self.pushed_out >= WAITING {
                return None;
            }
            self.waiting.remove(oldest)?.out.cancel();
            self.pushed_out += 1;
        }
        let number = self.next;
        self.next += 1;
        self.waiting.push_back(Waiting { number, origin, undisturbed_until: now + UNDISTURBED.0, out });
        Some(number)
    }

    /// Which one makes room for a newcomer: of those that need not be left alone, the oldest of the address with the
    /// most.
    fn least_deserving(&self, newcomer: IpAddr, now: Instant) -> Option<usize> {
        let from_there = |one: &Waiting| {
            let waiting = self.waiting.iter().filter(|other| other.origin == one.origin).count();
            waiting + usize::from(one.origin == newcomer)
        };
        let is_left_alone = |one: &Waiting| {
            now < one.undisturbed_until && (one.origin == newcomer || from_there(one) <= FAIR)
        };
        let may_go = self.waiting.iter().enumerate().filter(|(_, one)| !is_left_alone(one));
        // The first of those with the most is the oldest.
        may_go.min_by_key(|(_, one)| Reverse(from_there(one))).map(|(at, _)| at)
    }

    /// Whether it was still waiting.
    fn stop_waiting(&mut self, number: u64) -> bool {
        let at = self.waiting.iter().position(|waiting| waiting.number == number);
        at.and_then(|at| self.waiting.remove(at)).is_some()
    }
}

impl Place {
    /// Cancelled when this connection has to make room for another.
    pub(super) fn pushed_out(&self) -> CancellationToken {
        self.out.clone()
    }

    /// How long the handshake may take here, if it may take `usual` elsewhere.
    pub(super) fn handshake(&self, usual: Duration) -> Duration {
        match self.seat {
            Seat::Waiting(_) => usual.min(HASTE),
            _ => usual,
        }
    }

    /// Whoever is there has said what it wants.
    pub(super) fn heard(&self, now: Instant) {
        let Seat::Waiting(number) = self.seat else { return };
        let mut counts = self.admission.lock();
        if let Some(waiting) = counts.waiting.iter_mut().find(|waiting| waiting.number == number) {
            waiting.undisturbed_until = now + UNDISTURBED.1;
        }
    }

    /// Makes it the place of a known device. False when that has too many already.
    pub(super) fn take_known(&mut self, node: NodeId) -> bool {
        let admission = self.admission.clone();
        let mut counts = admission.lock();
        if !self.leave(&mut counts) {
            return false;
        }
        let taken = counts.has_room() && counts.known.take(node);
        if taken {
            self.seat = Seat::Known(node);
        }
        taken
    }

    /// Makes it the place of a stranger. False when there is none.
    pub(super) fn take_open(&mut self) -> bool {
        if matches!(self.seat, Seat::Open) {
            return true;
        }
        let admission = self.admission.clone();
        let mut counts = admission.lock();
        let taken = self.leave(&mut counts) && counts.take_open(self.origin);
        if taken {
            self.seat = Seat::Open;
        }
        taken
    }

    /// Makes it the place of a visitor. False when there are too many of them.
    pub(super) fn take_visit(&mut self) -> bool {
        let taken = self.take_open() && self.admission.lock().visits.take(self.origin);
        if taken {
            self.guest = Some(Guest::Visit);
        }
        taken
    }

    /// Makes it the place of a device that wants to join. False when there are too many of them.
    pub(super) fn take_meeting(&mut self) -> bool {
        let taken = self.take_open() && self.admission.lock().meetings.take(self.origin);
        if taken {
            self.guest = Some(Guest::Meeting);
        }
        taken
    }

    /// Gives the seat up. False when it was lost before.
    fn leave(&mut self, counts: &mut Counts) -> bool {
        match std::mem::replace(&mut self.seat, Seat::None) {
            Seat::Open => counts.open.give_back(&self.origin),
            Seat::Known(node) => counts.known.give_back(&node),
            Seat::Waiting(number) if counts.stop_waiting(number) => {}
            Seat::Waiting(_) => {
                counts.pushed_out -= 1;
                return false;
            }
            Seat::None => return false,
        }
        true
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let admission = self.admission.clone();
        let mut counts = admission.lock();
        self.leave(&mut counts);
        match self.guest {
            Some(Guest::Visit) => counts.visits.give_back(&self.origin),
            Some(Guest::Meeting) => counts.meetings.give_back(&self.origin),
            None => {}
        }
    }
}

/// What counts as one place. Beyond our link one household has a whole IPv6 /64; on the link everybody shares ours,
/// so there it is the single address.
fn origin(remote: IpAddr, local: Option<IpAddr>) -> IpAddr {
    match (remote, local) {
        (IpAddr::V6(remote), Some(IpAddr::V6(local))) if prefix(remote) != prefix(local) => {
            IpAddr::V6(prefix(remote))
        }
        _ => remote,
    }
}

fn prefix(address: Ipv6Addr) -> Ipv6Addr {
    Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)
}

#[cfg(test)]
mod tests;
