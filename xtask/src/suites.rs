//! Test suites for file systems that come as Rust programs: compiled once, kept in `.cache`, and started by the laboratory.
//!
//! They are instruments, like those that come from the system's packages: nothing of them is linked into anything, so their
//! licences (fsx: APSL-2.0; pjdfstest: BSD-2-Clause) do not touch what is shipped.

use crate::{project, shell};
use anyhow::{Context as _, Result};

/// Name and version; the sources are checked by cargo against the registry's digests, their dependencies by their own lock
/// files.
const SUITES: [(&str, &str); 2] = [("fsx", "0.3.2"), ("pjdfstest", "0.2.2")];

/// Compiles what is not there yet.
pub(crate) fn install() -> Result<()> {
    if !cfg!(target_os = "linux") {
        return Ok(()); // what they test is there on Linux alone
    }
    let root = project::cache()?.join("suites");
    for (name, version) in SUITES {
        let program = root.join("bin").join(name);
        let is_there = shell::read(shell::command(&program).arg("--version"))
            .is_ok_and(|told| told.split_whitespace().any(|word| word == version));
        if is_there {
            continue;
        }
        let mut cargo = shell::cargo();
        cargo.args(["install", name, "--locked", "--force", "--version", version, "--root"]).arg(&root);
        cargo.arg("--target-dir").arg(root.join("target"));
        shell::run(&mut cargo).with_context(|| format!("compiling {name}"))?;
    }
    Ok(())
}
