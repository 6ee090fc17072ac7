//! Instruments that come as Rust programs: compiled once from their sources, kept in `.cache`, and started by the
//! laboratory. Nothing of them is linked into anything, so their licences do not touch what is shipped.

use crate::{project, shell};
use anyhow::{Context as _, Result};
use std::path::{Path, PathBuf};

/// Name and version; cargo checks the source against the registry's digest, its dependencies against its own lock file.
pub(crate) struct Program {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
}

impl Program {
    /// Compiles it into a folder of the cache if it is not there yet. Returns where it is.
    pub(crate) fn install(&self, kind: &str) -> Result<PathBuf> {
        let root = project::cache()?.join(kind);
        let program = root.join("bin").join(format!("{}{}", self.name, std::env::consts::EXE_SUFFIX));
        if !self.is_at(&program) {
            let mut cargo = shell::cargo();
            cargo.args(["install", self.name, "--locked", "--force", "--version", self.version, "--root"]);
            cargo.arg(&root).arg("--target-dir").arg(root.join("target"));
            shell::run(&mut cargo).with_context(|| format!("compiling {}", self.name))?;
        }
        Ok(program)
    }

    fn is_at(&self, program: &Path) -> bool {
        shell::read(shell::command(program).arg("--version"))
            .is_ok_and(|told| told.split_whitespace().any(|word| word == self.version))
    }
}
