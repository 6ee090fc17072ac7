//! The UI: its npm packages and its build, each only when something changed.

use crate::{node_js::NodeJs, project, shell};
use anyhow::{Context as _, Result};
use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash as _, Hasher as _};
use std::path::{Path, PathBuf};

/// What the build reads, relative to the repository; folders that are made by it are left out below.
const INPUTS: &[&str] = &["ui", "locales", "icons"];
const NOT_INPUTS: &[&str] = &["node_modules", "dist", "e2e", "test-results"];

/// Installs the npm packages that `package-lock.json` names, if they are not there already.
pub(crate) fn install(node: &NodeJs) -> Result<()> {
    let lock = fs::read(project::ui().join("package-lock.json")).context("reading ui/package-lock.json")?;
    let stamp = project::ui().join("node_modules/.lanyard-lock");
    if fs::read(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    eprintln!("xtask: installing the UI's npm packages into ui/node_modules");
    shell::run(node.npm().args(["ci", "--no-audit", "--no-fund"]))?;
    fs::write(&stamp, lock)?;
    Ok(())
}

/// Builds `ui/dist` unless it is up to date; the desktop app and the node embed or serve it.
pub(crate) fn build(node: &NodeJs) -> Result<()> {
    install(node)?;
    let stamp = project::cache()?.join("ui.stamp");
    let now = format!("{:016x}", digest()?);
    let built = project::ui().join("dist/index.html").is_file();
    if built && fs::read_to_string(&stamp).is_ok_and(|before| before == now) {
        return Ok(());
    }
    shell::run(node.npm().args(["run", "--silent", "build"]))?;
    fs::write(&stamp, now)?;
    Ok(())
}

fn digest() -> Result<u64> {
    let mut files = Vec::new();
    for input in INPUTS {
        collect(&project::root().join(input), &mut files)?;
    }
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in files {
        file.hash(&mut hasher);
        fs::read(&file).with_context(|| format!("reading {}", file.display()))?.hash(&mut hasher);
    }
    Ok(hasher.finish())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
    for entry in entries {
        let entry = entry?;
        if NOT_INPUTS.iter().any(|name| entry.file_name() == *name) {
            continue;
        }
        let kind = entry.file_type()?;
        if kind.is_dir() {
            collect(&entry.path(), files)?;
        } else if kind.is_file() {
            files.push(entry.path());
        }
    }
    Ok(())
}
