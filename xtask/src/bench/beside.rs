//! Printing beside CUPS, drives beside others that share files: the laboratory measures all in turns and says one line
//! for each figure.

use super::{Folder, Row, table};
use crate::{from_source::Program, packages, project, shell};
use anyhow::{Context as _, Result, ensure};
use std::{path::Path, time::Duration};

/// Everything together takes some five to ten minutes; building the laboratory comes on top the first time.
const LIMIT: Duration = Duration::from_secs(45 * 60);

/// What moves large documents: the copies of nodes and the paper are some 500 MB each, and CUPS keeps each document.
const LARGE: (&str, u64) = ("measure::half_a_gigabyte", 10 * 1024 * 1024 * 1024);
/// A file server that Debian has no package of. MIT or Apache 2.0.
const DUFS: Program = Program { name: "dufs", version: "0.47.0" };

/// Runs the laboratory's measurements of printing with the release build. Large documents in memory: what a disk gives
/// for a gigabyte depends on what it wrote before, more than on who writes.
pub(super) fn print(_: &Folder) -> Result<()> {
    measure(&["measure::", "--skip", LARGE.0], &[])?;
    let memory = Folder::in_memory("large", LARGE.1)?.context("large documents are measured in memory")?;
    measure(&[LARGE.0], &[("TMPDIR", memory.path())])
}

/// The same of drives, which see to their memory themselves. Whatever keeps dufs from being compiled, a registry that is
/// out of reach above all, is no reason to measure nothing beside the others.
pub(super) fn drive(_: &Folder) -> Result<()> {
    match DUFS.install("beside") {
        Ok(dufs) => measure(&["drive_speed::"], &[("LANYARD_DUFS", &dufs)]),
        Err(error) => {
            eprintln!("xtask: {error:#}; dufs will not be among the others");
            measure(&["drive_speed::"], &[])
        }
    }
}

/// `places` are variables that name a folder or a program.
fn measure(which: &[&str], places: &[(&str, &Path)]) -> Result<()> {
    packages::install(packages::TEST)?;
    let mut measure = shell::cargo();
    measure.args(["test", "--locked", "--quiet", "-p", "lanyard-tests", "--test", "laboratory", "--"]);
    measure.arg("--measure").args(which).env("LANYARD_BIN", project::binary("lanyard", true));
    measure.envs(places.iter().map(|(name, place)| (name, place)));
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
