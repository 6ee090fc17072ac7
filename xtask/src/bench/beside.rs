//! Printing beside CUPS: the laboratory measures both in turns and says the ratio.

use super::Folder;
use crate::{packages, project, shell};
use anyhow::{Context as _, Result, ensure};
use std::time::Duration;

/// Everything together takes some two minutes; building the laboratory comes on top the first time.
const LIMIT: Duration = Duration::from_secs(30 * 60);

/// Runs the laboratory's measurements with the release build.
pub(super) fn print(_: &Folder) -> Result<()> {
    packages::install(packages::TEST)?;
    let mut measure = shell::cargo();
    measure.args(["test", "--locked", "--quiet", "-p", "lanyard-tests", "--test", "laboratory", "--"]);
    measure.arg("--measure").env("LANYARD_BIN", project::binary("lanyard", true));
    let said = shell::tee(&measure, LIMIT).context("running the laboratory")?;
    ensure!(said.ok, "the laboratory could not measure");
    ensure!(!said.text.contains("skipped:"), "the laboratory was skipped");
    Ok(())
}
