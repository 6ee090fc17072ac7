//! Which piece is fetched next, by how many connections, and what counts as received.
//!
//! Pure: what happened and when goes in, decisions come out.

use crate::content::{self, Manifest, PieceValue};
use std::{collections::HashMap, ops::Range, time::Duration};

/// A piece that arrives wrong this often is not asked for again.
const STRIKES: u8 = 3;
/// The most connections to one device for one file.
pub(super) const MAX_WIDTH: usize = 4;
/// The most pieces in one request.
const MAX_RUN: usize = 32;

/// Where one piece is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece {
    Missing,
    /// Somebody fetches it.
    Claimed,
    /// On the disk, its value known, but no manifest to compare with yet.
    Held,
    /// On the disk and right.
    Verified,
}

/// A piece came wrong too often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OutOfStrikes;

/// The pieces of one file.
pub(super) struct Schedule {
    size: u64,
    pieces: Vec<Piece>,
    values: Vec<(usize, PieceValue)>,
    manifest: Option<Manifest>,
    strikes: HashMap<usize, u8>,
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
            first: 0,
            missing: count,
            bytes: 0,
            verified: 0,
        }
    }

    /// The next run of pieces to fetch, at most `most`; none while nothing is missing.
    pub(super) fn claim(&mut self, most: usize) -> Option<Range<usize>> {
        let start = (self.first..self.pieces.len()).find(|piece| self.pieces[*piece] == Piece::Missing)?;
        let most = most.clamp(1, MAX_RUN);
        let run =
            self.pieces[start..].iter().take(most).take_while(|piece| **piece == Piece::Missing).count();
        self.pieces[start..start + run].fill(Piece::Claimed);
        self.first = start + run;
        self.missing -= run;
        Some(start..start + run)
    }

    /// Pieces that were claimed and did not come.
    pub(super) fn give_back(&mut self, run: Range<usize>) {
        for piece in run {
            if self.pieces.get(piece) == Some(&Piece::Claimed) {
                self.lose(piece);
            }
        }
    }

    /// A piece is on the disk, and this is its value.
    ///
    /// # Errors
    /// [`OutOfStrikes`].
    pub(super) fn received(&mut self, piece: usize, value: PieceValue) -> Result<(), OutOfStrikes> {
        if !matches!(self.pieces.get(piece), Some(Piece::Claimed | Piece::Missing)) {
            return Ok(());
        }
        if self.pieces[piece] == Piece::Missing {
            self.missing -= 1;
        }
        let range = content::piece_range(self.size, piece);
        self.bytes += range.end - range.start;
        self.pieces[piece] = Piece::Held;
        match self.manifest.is_some() {
            true => self.judge(piece, value),
            false => {
                self.values.push((piece, value));
                Ok(())
            }
        }
    }

    /// The manifest is there: what is held is compared with it.
    ///
    /// # Errors
    /// [`OutOfStrikes`].
    pub(super) fn prove(&mut self, manifest: Manifest) -> Result<(), OutOfStrikes> {
        self.manifest = Some(manifest);
        for (piece, value) in std::mem::take(&mut self.values) {
            self.judge(piece, value)?;
        }
        Ok(())
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

    fn judge(&mut self, piece: usize, value: PieceValue) -> Result<(), OutOfStrikes> {
        let expected = self.manifest.as_ref().and_then(|manifest| manifest.values().get(piece));
        if expected == Some(&value) {
            self.pieces[piece] = Piece::Verified;
            self.verified += 1;
            return Ok(());
        }
        let range = content::piece_range(self.size, piece);
        self.bytes -= range.end - range.start;
        self.lose(piece);
        let strikes = self.strikes.entry(piece).or_default();
        *strikes += 1;
        if *strikes >= STRIKES { Err(OutOfStrikes) } else { Ok(()) }
    }

    fn lose(&mut self, piece: usize) {
        self.pieces[piece] = Piece::Missing;
        self.missing += 1;
        self.first = self.first.min(piece);
    }
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
        schedule.prove(manifest(2 * PIECE)).unwrap();
        for _ in 0..2 {
            assert_eq!(schedule.claim(1), Some(0..1));
            assert_eq!(schedule.received(0, [9; 32]), Ok(()), "it is fetched again");
        }
        assert_eq!(schedule.claim(1), Some(0..1));
        assert_eq!(schedule.received(0, [9; 32]), Err(OutOfStrikes));
        assert_eq!(schedule.bytes(), 0, "nothing wrong counts");
    }

    #[test]
    fn what_came_before_the_manifest_is_judged_by_it() {
        let size = 3 * PIECE;
        let mut schedule = Schedule::new(size);
        assert_eq!(schedule.claim(9), Some(0..3));
        schedule.received(0, right(0)).unwrap();
        schedule.received(1, [9; 32]).unwrap();
        schedule.received(2, right(2)).unwrap();
        assert!(!schedule.is_done(), "nothing is verified without a manifest");
        schedule.prove(manifest(size)).unwrap();
        assert_eq!(schedule.claim(9), Some(1..2), "only the wrong one is fetched again");
        schedule.received(1, right(1)).unwrap();
        assert!(schedule.is_done());
    }

    #[test]
    fn an_empty_file_needs_only_its_manifest() {
        let mut schedule = Schedule::new(0);
        assert_eq!(schedule.claim(1), None);
        schedule.prove(manifest(0)).unwrap();
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

    proptest! {
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
                    schedule.prove(manifest(size)).unwrap();
                }
                if let Some(run) = schedule.claim(*most) {
                    for other in &claimed {
                        prop_assert!(run.end <= other.start || other.end <= run.start, "no piece is fetched twice");
                    }
                    claimed.push(run);
                }
                if claimed.is_empty() { continue }
                let run = claimed.remove(usize::from(*what) % claimed.len());
                if *what < 3 {
                    schedule.give_back(run);
                    continue;
                }
                for piece in run {
                    let bad = *what == 9 && *wrong.entry(piece).or_default() < 2;
                    if bad { *wrong.entry(piece).or_default() += 1 }
                    let value = if bad { [9; 32] } else { right(piece) };
                    prop_assert_eq!(schedule.received(piece, value), Ok(()));
                }
            }
            if schedule.proven().is_none() {
                schedule.prove(manifest(size)).unwrap();
            }
            for run in claimed {
                schedule.give_back(run);
            }
            while let Some(run) = schedule.claim(4) {
                for piece in run {
                    schedule.received(piece, right(piece)).unwrap();
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
