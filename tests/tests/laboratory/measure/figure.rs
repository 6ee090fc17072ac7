//! One figure beside what it is measured against. `cargo xtask bench` reads the lines and lays them out.

use std::time::Duration;

/// What is promised.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Most {
    /// Our value is at most this.
    Value(f64),
    /// Ours is at most so many times the peer's.
    Times(f64),
    /// Ours is at least so many times the peer's.
    AtLeastTimes(f64),
    /// Our value is at least this.
    AtLeast(f64),
    /// Nothing: it explains another figure.
    Nothing,
}

/// A measurement.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figure {
    /// What was measured.
    pub(crate) what: &'static str,
    /// Of both values.
    pub(crate) unit: &'static str,
    /// Our value.
    pub(crate) ours: f64,
    /// Whose the other value is, and what it is.
    pub(crate) peer: Option<(&'static str, f64)>,
    /// What is promised.
    pub(crate) goal: Most,
}

impl Figure {
    /// Says it, as six fields behind a word.
    pub(crate) fn tell(&self) {
        let ratio = self.peer.map(|(_, peer)| self.ours / peer);
        let (goal, met) = match self.goal {
            Most::Value(most) => (format!("≤ {}", in_unit(most, self.unit)), self.ours <= most),
            Most::Times(most) => (format!("≤ {most} ×"), ratio.is_some_and(|ratio| ratio <= most)),
            Most::AtLeastTimes(least) => (format!("≥ {least} ×"), ratio.is_some_and(|ratio| ratio >= least)),
            Most::AtLeast(least) => (format!("≥ {}", in_unit(least, self.unit)), self.ours >= least),
            Most::Nothing => ("-".to_owned(), true),
        };
        let peer =
            self.peer.map_or("-".to_owned(), |(name, value)| format!("{name} {}", in_unit(value, self.unit)));
        let ratio = ratio.map_or("-".to_owned(), |ratio| format!("{ratio:.2} ×"));
        let met = match (self.goal, met) {
            (Most::Nothing, _) => "-",
            (_, true) => "met",
            (_, false) => "missed",
        };
        println!("figure\t{}\t{}\t{peer}\t{ratio}\t{goal}\t{met}", self.what, in_unit(self.ours, self.unit));
    }
}

fn in_unit(value: f64, unit: &str) -> String {
    let digits = if value < 10.0 {
        2
    } else if value < 100.0 {
        1
    } else {
        0
    };
    format!("{value:.digits$} {unit}")
}

/// The middle one, in milliseconds.
pub(crate) fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default().as_secs_f64() * 1000.0
}
