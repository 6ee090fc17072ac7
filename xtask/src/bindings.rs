//! The TypeScript of `crates/api`: written into `ui/src/api`, and checked in.

use crate::{project, shell};
use anyhow::{Context as _, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Writes the files.
pub(crate) fn write() -> Result<()> {
    shell::run(generator().arg(checked_in()))
}

/// Fails when a file would change.
pub(crate) fn check() -> Result<()> {
    check_with(&mut generator())
}

/// The same check with a generator that is compiled already.
pub(crate) fn check_with(generator: &mut Command) -> Result<()> {
    let fresh = project::target().join("bindings");
    if fresh.exists() {
        fs::remove_dir_all(&fresh)?;
    }
    shell::run(generator.arg(&fresh))?;
    let (now, before) = (files(&fresh)?, files(&checked_in())?);
    ensure!(!now.is_empty(), "the generator wrote nothing");
    ensure!(
        now == before,
        "ui/src/api is not what crates/api says; run `cargo xtask bindings` and commit the result"
    );
    Ok(())
}

/// `crates/api/examples/bindings.rs`, which takes the folder to write into.
fn generator() -> Command {
    let mut cargo = shell::cargo();
    cargo.args(["run", "--quiet", "--package", "lanyard-api", "--example", "bindings", "--"]);
    cargo
}

fn checked_in() -> PathBuf {
    project::ui().join("src").join("api")
}

fn files(folder: &Path) -> Result<Vec<(String, Vec<u8>)>> {
    let entries = fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry?;
        files.push((entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path())?));
    }
    files.sort();
    Ok(files)
}
