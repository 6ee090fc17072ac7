//! Which piece is fetched next, from whom, by how many connections, and what counts as received.
//!
//! Pure: what happened and when goes in, decisions come out. Peers are numbers; the first one is the device that the copy
//! is of, others hold the same content.

use crate::content::{self, Manifest, PieceValue};
use std::{collections::HashMap, ops::Range, time::Duration};

/// A piece that one peer sends wrong this often is not asked of it again.
const STRIKES: u8 = 3;
/// So many wrong pieces, and a peer is out as long as there is another.
const BAD: u8 = 3;
/// The most connections to one device for one file.
pub(super) const MAX_WIDTH: usize = 4;
/// The most pieces in one request.
const MAX_RUN: usize = 32;
/// The most pieces in one request while several peers share a file: a slow one must not sit on much.
const MAX_SHARED_RUN: usize = 16;

/// Where one piece is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece {
    Missing,
    /// `by` fetches it.
    Claimed {
        by: usize,
        /// Another peer fetches it, too, because `by` is slow.
        also: Option<usize>,
        /// It was asked for when its value was known, so nothing wrong is ever written where it goes.
        known: bool,
    },
    /// On the disk, its value known, but no manifest to compare with yet.
    Held,
    /// On the disk and right.
    Verified,
}

impl Piece {
    /// The peer that alone fetches it, where another one may fetch it, too.
    fn waits_for(&self) -> Option<usize> {
        match self {
            Self::Claimed { by, also: None, known: true } => Some(*by),
            _ => None,
        }
    }
}

/// What became of a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Received {
    /// It counts, or nothing speaks against it yet, or it was there already.
    Taken,
    /// It is wrong and will be fetched again.
    Wrong,
    /// It is wrong, and this peer is not asked any more.
    Out,
}

/// The pieces of one file.
pub(super) struct Schedule {
    size: u64,
    pieces: Vec<Piece>,
    values: Vec<(usize, PieceValue, usize)>,
    manifest: Option<Manifest>,
    strikes: HashMap<(usize, usize), u8>,
    bad: HashMap<usize, u8>,
    /// Peers that are asked.
    peers: usize,
    /// Nothing before it is missing.
    first: usize,
    missing: usize,
    bytes: u64,
    verified: usize,
}

impl Schedule {
    /// Nothing received yet.
    pub(super) fn new(size: u64) -> Self {
        let count = content::pieces(size);
        Self {
            size,
            pieces: vec![Piece::Missing; count],
            values: Vec::new(),
            manifest: None,
            strikes: HashMap::new(),
            bad: HashMap::new(),
            peers: 1,
            first: 0,
            missing: count,
            bytes: 0,
            verified: 0,
        }
    }

    /// How many peers are asked from now on.
    pub(super) fn share_among(&mut self, peers: usize) {
        self.peers = peers;
    }

    /// The next run of pieces for a peer to fetch, at most `most`; none while nothing is missing.
    pub(super) fn claim(&mut self, by: usize, most: usize) -> Option<Range<usize>> {
        let start = (self.first..self.pieces.len()).find(|piece| self.pieces[*piece] == Piece::Missing)?;
        let limit = if self.peers > 1 { MAX_SHARED_RUN } else { MAX_RUN };
        let most = most.clamp(1, limit);
        let run =
            self.pieces[start..].iter().take(most).take_while(|piece| **piece == Piece::Missing).count();
        self.pieces[start..start + run].fill(Piece::Claimed {
            by,
            also: None,
            known: self.manifest.is_some(),
        });
        self.first = start + run;
        self.missing -= run;
        Some(start..start + run)
    }

    /// The end of a file: nothing is missing, but a slow peer still has pieces to bring. The last of those that the
    /// slowest peer has, so that the two meet; `rates` are bytes a second of each peer.
    pub(super) fn claim_again(&mut self, by: usize, most: usize, rates: &[u64]) -> Option<Range<usize>> {
        let slowest = self.behind(by, rates)?;
        let of_slowest = |piece: &Piece| piece.waits_for() == Some(slowest);
        let end = self.pieces.iter().rposition(of_slowest)? + 1;
        let most = most.clamp(1, MAX_SHARED_RUN);
        let run = self.pieces[..end].iter().rev().take(most).take_while(|piece| of_slowest(piece)).count();
        for piece in &mut self.pieces[end - run..end] {
            *piece = Piece::Claimed { by: slowest, also: Some(by), known: true };
        }
        Some(end - run..end)
    }

    /// How many pieces there may be for this peer to fetch.
    pub(super) fn work_for(&self, by: usize, rates: &[u64]) -> usize {
        let of = |slow: usize| self.pieces.iter().filter(|piece| piece.waits_for() == Some(slow)).count();
        if self.missing > 0 { self.missing } else { self.behind(by, rates).map_or(0, of) }
    }

    /// The slowest peer that another one can help out. Only whoever is clearly slower is helped: two equally fast ones
    /// would only double each other's work.
    fn behind(&self, by: usize, rates: &[u64]) -> Option<usize> {
        let rate = |peer: usize| rates.get(peer).copied().unwrap_or(0);
        if self.missing > 0 {
            return None;
        }
        let others = self.pieces.iter().filter_map(Piece::waits_for).filter(|slow| *slow != by);
        others.filter(|slow| rate(*slow) * 2 < rate(by)).min_by_key(|slow| rate(*slow))
    }

    /// Pieces that a peer had claimed and did not bring.
    pub(super) fn give_back(&mut self, from: usize, run: Range<usize>) {
        for piece in run {
            match self.pieces.get(piece) {
                Some(Piece::Claimed { by, also: None, .. }) if *by == from => self.lose(piece),
                Some(Piece::Claimed { by, also: Some(other), known }) if *by == from => {
                    self.pieces[piece] = Piece::Claimed { by: *other, also: None, known: *known };
                }
                Some(Piece::Claimed { by, also, known }) if *also == Some(from) => {
                    self.pieces[piece] = Piece::Claimed { by: *by, also: None, known: *known };
                }
                _ => {}
            }
        }
    }

    /// The value that a piece must have, once that is known. What differs is not even written.
    pub(super) fn expected(&self, piece: usize) -> Option<PieceValue> {
        self.manifest.as_ref().and_then(|manifest| manifest.values().get(piece)).copied()
    }

    /// A peer has brought a piece with this value; it is on the disk unless it differs from what was expected.
    pub(super) fn received(&mut self, piece: usize, value: PieceValue, from: usize) -> Received {
        match self.pieces.get(piece) {
            Some(Piece::Missing) => self.missing -= 1,
            Some(Piece::Claimed { also: Some(_), .. }) if self.expected(piece) != Some(value) => {
                self.give_back(from, piece..piece + 1);
                return self.strike(piece, from);
            }
            Some(Piece::Claimed { .. }) => {}
            _ => return Received::Taken,
        }
        let range = content::piece_range(self.size, piece);
        self.bytes += range.end - range.start;
        self.pieces[piece] = Piece::Held;
        if self.manifest.is_some() {
            return self.judge(piece, value, from);
        }
        self.values.push((piece, value, from));
        Received::Taken
    }

    /// The manifest is there: what is held is compared with it. Peers that are not asked any more are returned.
    pub(super) fn prove(&mut self, manifest: Manifest) -> Vec<usize> {
        self.manifest = Some(manifest);
        let mut out = Vec::new();
        for (piece, value, from) in std::mem::take(&mut self.values) {
            if self.judge(piece, value, from) == Received::Out {
                out.push(from);
            }
        }
        out
    }

    /// True when a manifest was given.
    pub(super) fn proven(&self) -> Option<&Manifest> {
        self.manifest.as_ref()
    }

    /// Every piece is on the disk and right.
    pub(super) fn is_done(&self) -> bool {
        self.manifest.is_some() && self.verified == self.pieces.len()
    }

    /// Pieces that nobody fetches.
    pub(super) fn missing(&self) -> usize {
        self.missing
    }

    /// Bytes of pieces that are on the disk and not known to be wrong.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    fn judge(&mut self, piece: usize, value: PieceValue, from: usize) -> Received {
        if self.expected(piece) == Some(value) {
            self.pieces[piece] = Piece::Verified;
            self.verified += 1;
            return Received::Taken;
        }
        let range = content::piece_range(self.size, piece);
        self.bytes -= range.end - range.start;
        self.lose(piece);
        self.strike(piece, from)
    }

    fn strike(&mut self, piece: usize, from: usize) -> Received {
        let strikes = self.strikes.entry((from, piece)).or_default();
        *strikes = strikes.saturating_add(1);
        let bad = self.bad.entry(from).or_default();
        *bad = bad.saturating_add(1);
        let out = *strikes >= STRIKES || (self.peers > 1 && *bad >= BAD);
        if out { Received::Out } else { Received::Wrong }
    }

    fn lose(&mut self, piece: usize) {
        self.pieces[piece] = Piece::Missing;
        self.missing += 1;
        self.first = self.first.min(piece);
    }
}

/// How long a peer may be silent while it owes `bytes` at its usual rate, before others take over: never less than two
/// seconds, because a disk may have to wake up.
pub(super) fn patience(bytes: u64, rate: u64) -> Duration {
    const LEAST: Duration = Duration::from_secs(2);
    const MOST: Duration = Duration::from_secs(8);
    if rate == 0 {
        return MOST;
    }
    Duration::from_secs_f64(4.0 * bytes as f64 / rate as f64).clamp(LEAST, MOST)
}

/// How many pieces to ask for at once: what this connection moves in half a second.
pub(super) fn run_length(pieces: usize, took: Duration) -> usize {
    let seconds = took.as_secs_f64().max(0.000_1);
    let wanted = pieces as f64 / seconds * 0.5;
    // In range, so the cast is exact.
    wanted.clamp(1.0, MAX_RUN as f64) as usize
}

/// How many connections to use: one more as long as it helps. One TLS connection is bound by one core, and on a
/// lossy network by its congestion window; too many only get into each other's way.
#[derive(Debug)]
pub(super) struct Width {
    now: usize,
    /// The rate before the last connection was added, while that is still on trial.
    before: Option<f64>,
    window: Duration,
    bytes: u64,
    rest_until: Duration,
}

impl Width {
    const WINDOW: Duration = Duration::from_millis(500);
    const REST: Duration = Duration::from_secs(5);

    /// For a file with this many pieces to fetch, at time zero.
    pub(super) fn new(pieces: usize) -> Self {
        let now = if pieces < 4 { 1 } else { 2 };
        Self { now, before: None, window: Duration::ZERO, bytes: 0, rest_until: Duration::ZERO }
    }

    /// The number of connections to use now.
    pub(super) fn get(&self) -> usize {
        self.now
    }

    /// `bytes` have arrived since time zero.
    pub(super) fn observe(&mut self, at: Duration, bytes: u64) -> usize {
        let passed = at.saturating_sub(self.window);
        if passed < Self::WINDOW {
            return self.now;
        }
        let rate = bytes.saturating_sub(self.bytes) as f64 / passed.as_secs_f64();
        (self.window, self.bytes) = (at, bytes);
        match self.before.take() {
            Some(before) if rate < before * 1.1 => {
                self.now -= 1;
                self.rest_until = at + Self::REST;
            }
            _ if at >= self.rest_until && self.now < MAX_WIDTH => {
                self.before = Some(rate);
                self.now += 1;
            }
            _ => {}
        }
        self.now
    }

    /// A connection was refused or broke: fewer for a while.
    pub(super) fn shrink(&mut self, at: Duration) {
        self.now = (self.now - 1).max(1);
        self.before = None;
        self.rest_until = at + Self::REST;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::content::PIECE;
    use proptest::prelude::*;

    fn manifest(size: u64) -> Manifest {
        let values = (0..content::pieces(size)).map(right).collect();
        Manifest::from_values(size, values).unwrap()
    }

    fn right(piece: usize) -> PieceValue {
        let mut value = [1; 32];
        value[..8].copy_from_slice(&piece.to_le_bytes());
        value
    }

    #[test]
    fn a_piece_that_comes_wrong_three_times_is_given_up() {
        let mut schedule = Schedule::new(2 * PIECE);
        schedule.prove(manifest(2 * PIECE));
        for _ in 0..2 {
            assert_eq!(schedule.claim(0, 1), Some(0..1));
            assert_eq!(schedule.received(0, [9; 32], 0), Received::Wrong, "it is fetched again");
        }
        assert_eq!(schedule.claim(0, 1), Some(0..1));
        assert_eq!(schedule.received(0, [9; 32], 0), Received::Out);
        assert_eq!(schedule.bytes(), 0, "nothing wrong counts");
    }

    #[test]
    fn what_came_before_the_manifest_is_judged_by_it() {
        let size = 3 * PIECE;
        let mut schedule = Schedule::new(size);
        assert_eq!(schedule.claim(0, 9), Some(0..3));
        schedule.received(0, right(0), 0);
        schedule.received(1, [9; 32], 0);
        schedule.received(2, right(2), 0);
        assert!(!schedule.is_done(), "nothing is verified without a manifest");
        assert!(schedule.prove(manifest(size)).is_empty(), "one wrong piece is no reason");
        assert_eq!(schedule.claim(0, 9), Some(1..2), "only the wrong one is fetched again");
        schedule.received(1, right(1), 0);
        assert!(schedule.is_done());
    }

    #[test]
    fn an_empty_file_needs_only_its_manifest() {
        let mut schedule = Schedule::new(0);
        assert_eq!(schedule.claim(0, 1), None);
        schedule.prove(manifest(0));
        assert!(schedule.is_done());
    }

    #[test]
    fn connections_are_added_while_they_help_and_taken_away_when_not() {
        let mut width = Width::new(100);
        let mut bytes = 0;
        let mut step = |width: &mut Width, second: f64, rate: u64| {
            bytes += rate / 2;
            width.observe(Duration::from_secs_f64(second), bytes)
        };
        assert_eq!(step(&mut width, 0.5, 100), 3, "a third one is tried");
        assert_eq!(step(&mut width, 1.0, 150), 4, "it helped: a fourth");
        assert_eq!(step(&mut width, 1.5, 152), 3, "it did not help");
        assert_eq!(step(&mut width, 2.0, 150), 3, "and is not tried again at once");
        assert_eq!(step(&mut width, 7.0, 1_650), 4, "but later");
        width.shrink(Duration::from_secs(8));
        assert_eq!(width.get(), 3);
    }

    /// A peer of the simulation: what it brings in a thousandth of a second, and how it misbehaves.
    #[derive(Clone, Copy, Debug)]
    struct Peer {
        /// Bytes a millisecond.
        rate: u64,
        /// From here on nothing comes, and it is noticed when patience is over.
        dies_at: Option<u64>,
        /// Every piece is wrong.
        lies: bool,
    }

    /// One run on its way.
    struct Way {
        run: Range<usize>,
        /// Bytes of its first piece that have come.
        come: u64,
        silent_since: u64,
    }

    /// Runs a copy of `pieces` pieces from these peers, each with one run at a time; the milliseconds that it took, and
    /// who was put out. None when it did not end within an hour.
    fn simulate(pieces: usize, peers: &[Peer]) -> Option<(u64, Vec<usize>)> {
        let size = pieces as u64 * PIECE;
        let mut schedule = Schedule::new(size);
        schedule.prove(manifest(size));
        schedule.share_among(peers.len());
        let mut out = Vec::new();
        let mut gone = vec![false; peers.len()];
        let mut ways: Vec<Option<Way>> = peers.iter().map(|_| None).collect();
        let rates: Vec<u64> = peers.iter().map(|peer| peer.rate * 1_000).collect();
        for now in 0..3_600_000_u64 {
            if schedule.is_done() {
                return Some((now, out));
            }
            for (at, peer) in peers.iter().enumerate() {
                if gone[at] {
                    continue;
                }
                let most = (rates[at] / 2 / PIECE).clamp(1, 16) as usize;
                if ways[at].is_none() {
                    let run = schedule.claim(at, most).or_else(|| schedule.claim_again(at, most, &rates));
                    ways[at] = run.map(|run| Way { run, come: 0, silent_since: now });
                }
                let Some(way) = &mut ways[at] else { continue };
                if peer.dies_at.is_some_and(|dies| now >= dies) {
                    let patience = patience(PIECE, rates[at]).as_millis() as u64;
                    if now - way.silent_since > patience {
                        schedule.give_back(at, way.run.clone());
                        (ways[at], gone[at]) = (None, true);
                    }
                    continue;
                }
                way.silent_since = now;
                way.come += peer.rate;
                if way.come >= PIECE {
                    way.come = 0;
                    let piece = way.run.start;
                    way.run.start += 1;
                    let value = if peer.lies { [9; 32] } else { right(piece) };
                    let rest = way.run.clone();
                    if rest.is_empty() {
                        ways[at] = None;
                    }
                    if schedule.received(piece, value, at) == Received::Out {
                        schedule.give_back(at, rest);
                        (ways[at], gone[at]) = (None, true);
                        out.push(at);
                    }
                }
            }
        }
        None
    }

    const FAST: Peer = Peer { rate: 7_500, dies_at: None, lies: false };

    #[test]
    fn three_equal_peers_are_almost_three_times_as_fast_as_one() {
        let (one, _) = simulate(200, &[FAST]).unwrap();
        let (three, _) = simulate(200, &[FAST; 3]).unwrap();
        assert!(one as f64 / three as f64 >= 2.8, "{one} ms and {three} ms");
    }

    #[test]
    fn a_slow_peer_costs_little() {
        let (two, _) = simulate(200, &[FAST; 2]).unwrap();
        for rate in [10, 75, 750] {
            let (with_slow, _) = simulate(200, &[FAST, FAST, Peer { rate, ..FAST }]).unwrap();
            let costs = with_slow as f64 / two as f64;
            assert!(costs < 1.15, "a peer of {rate} bytes a millisecond: {two} ms became {with_slow} ms");
        }
    }

    #[test]
    fn a_peer_that_lies_is_out_after_three_pieces_and_one_that_dies_is_waited_for_briefly() {
        let liar = Peer { lies: true, ..FAST };
        let (took, out) = simulate(200, &[FAST, liar, FAST]).unwrap();
        assert_eq!(out, [1]);
        assert!(took < 15_000, "{took} ms");
        let dies = Peer { dies_at: Some(1_000), ..FAST };
        let (took, out) = simulate(200, &[FAST, dies, FAST]).unwrap();
        assert_eq!(out, Vec::<usize>::new());
        assert!(took < 18_000, "{took} ms");
        assert_eq!(simulate(50, &[liar, FAST]).unwrap().1, [0], "also when it is the first one");
    }

    #[test]
    fn there_is_work_at_the_end_only_for_who_can_help_a_slower_one() {
        let mut schedule = Schedule::new(6 * PIECE);
        schedule.share_among(2);
        schedule.prove(manifest(6 * PIECE));
        let (alike, slow) = ([100, 150], [100, 1_000]);
        assert_eq!(schedule.work_for(1, &alike), 6, "nobody fetches them");
        assert_eq!(schedule.claim(0, 4), Some(0..4));
        assert_eq!(schedule.work_for(1, &alike), 2);
        assert_eq!(schedule.claim(1, 4), Some(4..6));
        assert_eq!(
            (schedule.work_for(0, &alike), schedule.work_for(1, &alike)),
            (0, 0),
            "all wait for the last"
        );
        assert_eq!((schedule.work_for(0, &slow), schedule.work_for(1, &slow)), (0, 4), "the fast one helps");
        assert_eq!(schedule.claim_again(1, 9, &slow), Some(0..4));
        assert_eq!(schedule.work_for(1, &slow), 0, "and has it all");
    }

    #[test]
    fn patience_is_four_times_what_is_expected_within_bounds() {
        assert_eq!(patience(PIECE, 10 * PIECE), Duration::from_secs(2));
        assert_eq!(patience(PIECE, PIECE), Duration::from_secs(4));
        assert_eq!(patience(PIECE, 1), Duration::from_secs(8));
        assert_eq!(patience(PIECE, 0), Duration::from_secs(8));
    }

    proptest! {
        #[test]
        fn one_honest_peer_is_enough_whatever_the_others_do(
            pieces in 1_usize..40,
            others in prop::collection::vec((1_u64..20_000, prop::option::of(0_u64..5_000), any::<bool>()), 0..5),
            place in 0_usize..5,
        ) {
            let mut peers: Vec<Peer> =
                others.into_iter().map(|(rate, dies_at, lies)| Peer { rate, dies_at, lies }).collect();
            peers.insert(place.min(peers.len()), Peer { rate: 2_000, ..FAST });
            let (took, out) = simulate(pieces, &peers).expect("it ends");
            prop_assert!(took < 3_600_000);
            for one in out {
                prop_assert!(peers[one].lies, "only who lies is put out");
            }
        }

        #[test]
        fn every_file_is_completed_whatever_happens_on_the_way(
            pieces in 1_usize..60,
            manifest_after in 0_usize..40,
            events in prop::collection::vec((1_usize..9, 0_u8..10), 1..400),
        ) {
            let size = pieces as u64 * PIECE - 5;
            let mut schedule = Schedule::new(size);
            let mut claimed: Vec<Range<usize>> = Vec::new();
            let mut wrong: HashMap<usize, u8> = HashMap::new();
            for (step, (most, what)) in events.iter().enumerate() {
                if step == manifest_after {
                    schedule.prove(manifest(size));
                }
                if let Some(run) = schedule.claim(0, *most) {
                    for other in &claimed {
                        prop_assert!(run.end <= other.start || other.end <= run.start, "no piece is fetched twice");
                    }
                    claimed.push(run);
                }
                if claimed.is_empty() { continue }
                let run = claimed.remove(usize::from(*what) % claimed.len());
                if *what < 3 {
                    schedule.give_back(0, run);
                    continue;
                }
                for piece in run {
                    let bad = *what == 9 && *wrong.entry(piece).or_default() < 2;
                    if bad { *wrong.entry(piece).or_default() += 1 }
                    let value = if bad { [9; 32] } else { right(piece) };
                    prop_assert_ne!(schedule.received(piece, value, 0), Received::Out);
                }
            }
            if schedule.proven().is_none() {
                schedule.prove(manifest(size));
            }
            for run in claimed {
                schedule.give_back(0, run);
            }
            while let Some(run) = schedule.claim(0, 4) {
                for piece in run {
                    schedule.received(piece, right(piece), 0);
                }
            }
            prop_assert!(schedule.is_done());
            prop_assert_eq!(schedule.bytes(), size);
            prop_assert_eq!(schedule.missing(), 0);
        }

        #[test]
        fn the_width_stays_in_bounds(steps in prop::collection::vec((0_u64..3_000, 0_u64..1_000_000, any::<bool>()), 0..200)) {
            let (mut width, mut at, mut bytes) = (Width::new(9), 0, 0);
            for (passed, moved, broke) in steps {
                at += passed;
                bytes += moved;
                let now = width.observe(Duration::from_millis(at), bytes);
                prop_assert!((1..=MAX_WIDTH).contains(&now));
                if broke { width.shrink(Duration::from_millis(at)) }
                prop_assert!((1..=MAX_WIDTH).contains(&width.get()));
            }
        }

        #[test]
        fn a_run_is_never_empty_or_endless(pieces in 0_usize..1_000_000, micros: u64) {
            let run = run_length(pieces, Duration::from_micros(micros));
            prop_assert!((1..=MAX_RUN).contains(&run));
        }
    }
}
