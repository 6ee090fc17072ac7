//! What a scripted session with somebody else's program leaves for the table in `docs/conformance.md`, once it has come
//! to its end.

use anyhow::{Context, Result};
use std::{env, fs, path::PathBuf, process::Command};

/// The session with the program of these Debian packages on `on` did `what`. Leaves a row with their versions where a
/// table is being written, and does nothing otherwise.
///
/// # Errors
/// When a package is not there, or the row cannot be written.
pub fn passed(packages: &[&str], on: &str, what: &str) -> Result<()> {
    let Some(dir) = env::var_os("LANYARD_CONFORMANCE") else { return Ok(()) };
    let versions: Result<Vec<String>> = packages.iter().map(|package| version(package)).collect();
    let row = format!("| {} | {on} | {what} | passed |\n", versions?.join(", "));
    let file = PathBuf::from(dir).join(format!("session {} on {on}", packages.join(" ")));
    fs::write(&file, row).with_context(|| file.display().to_string())
}

/// The package and as much of its version as its authors gave it, without the distribution's part.
fn version(package: &str) -> Result<String> {
    let query = ["-W", "-f=${Version}", package];
    let output = Command::new("dpkg-query").args(query).output().context("start dpkg-query")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let upstream = text.split_once(':').map_or(&*text, |(_, version)| version);
    let digits: String = upstream.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
    anyhow::ensure!(!digits.is_empty(), "no version of {package} is known: is it installed?");
    Ok(format!("{package} {}", digits.trim_end_matches('.')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_told_without_the_distributions_part() -> Result<()> {
        let told = version("dpkg")?;
        assert!(told.starts_with("dpkg 1.") && !told.contains('+') && !told.contains('~'), "{told}");
        assert!(version("no-such-package-anywhere").is_err());
        Ok(())
    }
}
