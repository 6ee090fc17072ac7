//! Printing beside CUPS, drives beside others that share files: the laboratory measures all in turns and says one line
//! for each figure.

use super::{Folder, Row, table};
use crate::{packages, project, shell};
use anyhow::{Context as _, Result, ensure};
use std::time::Duration;

/// Everything together takes some five to ten minutes; building the laboratory comes on top the first time.
const LIMIT: Duration = Duration::from_secs(45 * 60);

/// What moves large documents: the copies of nodes and of CUPS, and the paper, are five times 500 MB.
const LARGE: (&str, u64) = ("measure::half_a_gigabyte", 4 * 1024 * 1024 * 1024);

/// Runs the laboratory's measurements of printing with the release build. Large documents in memory: what a disk gives
/// for a gigabyte depends on what it wrote before, more than on who writes.
pub(super) fn print(_: &Folder) -> Result<()> {
    measure(&["measure::", "--skip", LARGE.0], None)?;
    let memory = Folder::in_memory("large", LARGE.1)?.context("large documents are measured in memory")?;
    measure(&[LARGE.0], Some(&memory))
}

/// The same of drives, which see to their memory themselves.
pub(super) fn drive(_: &Folder) -> Result<()> {
    measure(&["drive_speed::"], None)
}

fn measure(which: &[&str], memory: Option<&Folder>) -> Result<()> {
    packages::install(packages::TEST)?;
    let mut measure = shell::cargo();
    measure.args(["test", "--locked", "--quiet", "-p", "lanyard-tests", "--test", "laboratory", "--"]);
    measure.arg("--measure").args(which).env("LANYARD_BIN", project::binary("lanyard", true));
    if let Some(memory) = memory {
        measure.env("TMPDIR", memory.path());
    }
    let said = shell::tee(&measure, LIMIT).context("running the laboratory")?;
    ensure!(!said.text.contains("skipped:"), "the laboratory was skipped");
    let rows: Vec<Row> = said.text.lines().filter_map(row).collect();
    for row in rows {
        table::tell(row);
    }
    ensure!(said.ok, "the laboratory could not measure everything");
    Ok(())
}

/// Reads a line of the laboratory's.
fn row(line: &str) -> Option<Row> {
    let fields: Vec<&str> = line.strip_prefix("figure\t")?.split('\t').collect();
    let [what, ours, peer, ratio, goal, met] = fields[..] else { return None };
    let told = |text: &str| if text == "-" { String::new() } else { text.to_owned() };
    Some(Row {
        what: what.to_owned(),
        ours: ours.to_owned(),
        peer: told(peer),
        ratio: told(ratio),
        goal: told(goal),
        met: (met != "-").then(|| met == "met"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_laboratory_becomes_a_row_and_others_do_not() {
        let found = row("figure\ta page\t4.00 ms\t-\t-\t≤ 5 ms\tmissed");
        assert_eq!(
            found,
            Some(Row {
                what: "a page".to_owned(),
                ours: "4.00 ms".to_owned(),
                peer: String::new(),
                ratio: String::new(),
                goal: "≤ 5 ms".to_owned(),
                met: Some(false),
            })
        );
        assert_eq!(row("test measure::one_page ... ok (3.0 s)"), None);
    }
}
