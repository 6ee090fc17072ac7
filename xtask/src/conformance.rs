//! The tables of what passes which suite, in `docs/conformance.md`.
//!
//! The laboratory runs the suites and leaves one line for each; this puts the lines into the table. The scenarios
//! themselves hold what the table says: a later run may pass more, not less.

use crate::{project, shell, suites};
use anyhow::{Context as _, Result, ensure};
use std::fs;

/// The line above the rows.
const HEAD: &str = "|---|---|---|---|---|\n";
/// The same of the table about folders, whose rows begin with the other.
const FOLDERS: (&str, &str) = ("|:--|:--|---|---|---|\n", "| litmus: ");

/// The same of the table about mounted drives, with the beginnings of its rows.
const MOUNTED: (&str, [&str; 2]) = ("|:--|---|---|---|---|\n", ["| fsx, ", "| pjdfstest "]);

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
    run.args([
        "test",
        "-p",
        "lanyard-tests",
        "--test",
        "laboratory",
        "--",
        "conformance",
        "litmus",
        "suites",
    ]);
    shell::run(run.env("LANYARD_CONFORMANCE", &figures))?;
    let mut rows = Vec::new();
    for entry in fs::read_dir(&figures)? {
        rows.push(fs::read_to_string(entry?.path())?);
    }
    let file = project::root().join("docs/conformance.md");
    let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    let (folders, printers): (Vec<String>, Vec<String>) =
        rows.into_iter().partition(|row| row.starts_with(FOLDERS.1));
    let (mounted, printers): (Vec<String>, Vec<String>) =
        printers.into_iter().partition(|row| MOUNTED.1.iter().any(|begin| row.starts_with(begin)));
    let text = with_rows(&text, HEAD, printers)?;
    let text = with_rows(&text, FOLDERS.0, folders)?;
    fs::write(&file, with_rows(&text, MOUNTED.0, mounted)?)?;
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
