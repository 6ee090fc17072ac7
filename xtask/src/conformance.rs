//! The tables of what passes which suite, in `docs/conformance.md`.
//!
//! The laboratory runs the suites and leaves one line for each; this puts the lines into the table. The scenarios
//! themselves hold what the table says: a later run may pass more, not less.

use crate::{project, shell, suites};
use anyhow::{Context as _, Result, ensure};
use std::fs;

/// A table: the line above its rows, and the beginnings of the names under which the laboratory leaves them. What no
/// other table wants belongs to the first.
const TABLES: [(&str, &[&str]); 4] = [
    (HEAD, &[]),
    ("|:--|:--|---|---|---|\n", &["litmus "]),
    ("|:--|:--|:--|---|\n", &["session "]),
    ("|:--|---|---|---|---|\n", &["fsx", "pjdfstest"]),
];

/// The line above the rows about printers.
const HEAD: &str = "|---|---|---|---|---|\n";

/// Words in the names of the scenarios that leave rows.
const SCENARIOS: [&str; 9] = [
    "conformance",
    "litmus",
    "suites",
    "cadaver",
    "rclone_copies",
    "davfs2_mounts",
    "gio_copies",
    "a_guest_reads_with",
    "programs_copy_there",
];

/// The same of those on a mounted drive.
const ON_A_MOUNT: [&str; 2] = ["programs_work_in", "what_fio_writes"];

/// The order of the rows; what is not named here comes last.
const ORDER: [&str; 9] = [
    "ipp-1.1.test",
    "ipp-2.0.test",
    "ipp-everywhere.test",
    "answers.test",
    "documents.test",
    "single operations",
    "single operations, ipptool -E",
    "ipp-2.1.test",
    "ipp-2.2.test",
];

/// Runs the suites and writes the table.
pub(crate) fn write() -> Result<()> {
    let figures = project::root().join("target/conformance");
    let _ = fs::remove_dir_all(&figures);
    fs::create_dir_all(&figures)?;
    shell::run(shell::cargo().args(["build", "-p", "lanyard-cli"]))?;
    suites::install()?;
    let mut run = shell::cargo();
    run.args(["test", "-p", "lanyard-tests", "--test", "laboratory", "--"]).args(SCENARIOS).args(ON_A_MOUNT);
    shell::run(run.env("LANYARD_CONFORMANCE", &figures))?;
    let mut rows: Vec<Vec<String>> = TABLES.map(|_| Vec::new()).into();
    for entry in fs::read_dir(&figures)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let wants = |(_, begins): &(&str, &[&str])| begins.iter().any(|begin| name.starts_with(begin));
        rows[TABLES.iter().position(wants).unwrap_or(0)].push(fs::read_to_string(&path)?);
    }
    let file = project::root().join("docs/conformance.md");
    let mut text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    for ((head, _), rows) in TABLES.iter().zip(rows) {
        text = with_rows(&text, head, rows)?;
    }
    fs::write(&file, text)?;
    println!("wrote {}", file.display());
    Ok(())
}

/// The text with these rows instead of those that were in the table with this line above them.
fn with_rows(text: &str, head: &str, mut rows: Vec<String>) -> Result<String> {
    ensure!(!rows.is_empty(), "the laboratory left no figures");
    let suite = |row: &str| ORDER.iter().position(|suite| row.starts_with(&format!("| {suite} |")));
    rows.sort_by_key(|row| (suite(row).unwrap_or(ORDER.len()), row.clone()));
    let (before, after) = text.split_once(head).context("docs/conformance.md has no such table")?;
    let rest: Vec<&str> = after.lines().skip_while(|line| line.starts_with('|')).collect();
    let mut new = format!("{before}{head}{}", rows.concat());
    for line in rest {
        new.push_str(line);
        new.push('\n');
    }
    Ok(new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_take_the_place_of_the_old_ones_and_the_words_stay() {
        let text = format!("Words.\n\n| suite |\n{HEAD}| old | 1 |\n\nMore words.\n");
        let rows = vec!["| ipp-2.0.test | B |\n".to_owned(), "| ipp-1.1.test | A |\n".to_owned()];
        let new = with_rows(&text, HEAD, rows).unwrap_or_default();
        assert_eq!(
            new,
            format!("Words.\n\n| suite |\n{HEAD}| ipp-1.1.test | A |\n| ipp-2.0.test | B |\n\nMore words.\n")
        );
        assert!(with_rows(&text, HEAD, Vec::new()).is_err());
    }
}
