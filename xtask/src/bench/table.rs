//! The figures as lines on the terminal and, when they are to be kept, as rows of `docs/benchmarks.md`.

use crate::{project, shell};
use anyhow::{Context as _, Result, ensure};
use std::fs;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// The line above the rows.
const HEAD: &str = "|---|---|---|---|---|---|---|\n";

/// What was told since this process began.
static TOLD: Mutex<Vec<Row>> = Mutex::new(Vec::new());

/// One figure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// What was measured.
    pub(super) what: String,
    /// Our value.
    pub(super) ours: String,
    /// Another program's, measured in the same run; empty when there is none.
    pub(super) peer: String,
    /// Ours by theirs.
    pub(super) ratio: String,
    /// What is promised; empty for a figure that only explains another.
    pub(super) goal: String,
    /// Whether it is kept.
    pub(super) met: Option<bool>,
}

/// What is promised of a value of ours.
#[derive(Clone, Copy)]
pub(super) enum Goal {
    Most(f64),
    Nothing,
}

impl Row {
    /// A value of ours by itself.
    pub(super) fn of(what: &str, value: f64, unit: &str, goal: Goal) -> Self {
        let (goal, met) = match goal {
            Goal::Most(most) => (format!("≤ {most} {unit}"), Some(value <= most)),
            Goal::Nothing => (String::new(), None),
        };
        let digits = match value {
            value if value < 10.0 => 2,
            value if value < 100.0 => 1,
            _ => 0,
        };
        Self {
            what: what.to_owned(),
            ours: format!("{value:.digits$} {unit}").trim_end().to_owned(),
            peer: String::new(),
            ratio: String::new(),
            goal: goal.trim_end().to_owned(),
            met,
        }
    }

    fn verdict(&self) -> &'static str {
        match self.met {
            Some(true) => "met",
            Some(false) => "MISSED",
            None => "",
        }
    }

    fn in_table(&self, date: &str) -> String {
        let met = self.verdict().to_lowercase();
        let Self { what, ours, peer, ratio, goal, .. } = self;
        format!("| {what} | {ours} | {peer} | {ratio} | {goal} | {met} | {date} |\n")
    }
}

/// Prints a figure and remembers it.
pub(super) fn tell(row: Row) {
    let Row { what, ours, peer, ratio, goal, .. } = &row;
    println!("{what:58} {ours:>10}   {peer:26} {ratio:>8}   {goal:12} {}", row.verdict());
    TOLD.lock().unwrap_or_else(PoisonError::into_inner).push(row);
}

/// Puts what was told into the table, in the place of what was measured earlier under the same name.
pub(super) fn record() -> Result<()> {
    let told = TOLD.lock().unwrap_or_else(PoisonError::into_inner).clone();
    ensure!(!told.is_empty(), "nothing was measured");
    let date = shell::read(Command::new("date").args(["-u", "+%F"]))?;
    let file = project::root().join("docs/benchmarks.md");
    let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    fs::write(&file, with_rows(&text, &told, date.trim())?)?;
    println!("wrote {}", file.display());
    Ok(())
}

fn with_rows(text: &str, told: &[Row], date: &str) -> Result<String> {
    let (before, after) = text.split_once(HEAD).context("docs/benchmarks.md has no table")?;
    let mut rows: Vec<String> =
        after.lines().take_while(|line| line.starts_with('|')).map(|line| format!("{line}\n")).collect();
    let rest: String = after.lines().skip(rows.len()).map(|line| format!("{line}\n")).collect();
    for row in told {
        let new = row.in_table(date);
        match rows.iter_mut().find(|old| old.starts_with(&format!("| {} |", row.what))) {
            Some(old) => *old = new,
            None => rows.push(new),
        }
    }
    Ok(format!("{before}{HEAD}{}{rest}", rows.concat()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_takes_the_place_of_its_own_and_the_others_stay() {
        let text = format!("Words.\n\n| what |\n{HEAD}| one | 1 s |\n| two | 2 s |\n\nMore words.\n");
        let row = |what, value| Row::of(what, value, "s", Goal::Most(3.0));
        let new = with_rows(&text, &[row("two", 2.5), row("three", 30.0)], "2026-01-02").unwrap_or_default();
        assert_eq!(
            new,
            format!(
                "Words.\n\n| what |\n{HEAD}| one | 1 s |\n\
                 | two | 2.50 s |  |  | ≤ 3 s | met | 2026-01-02 |\n\
                 | three | 30.0 s |  |  | ≤ 3 s | missed | 2026-01-02 |\n\nMore words.\n"
            )
        );
        assert!(with_rows("no table", &[], "").is_err());
    }
}
