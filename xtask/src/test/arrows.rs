//! The arrows of ARCHITECTURE.md: which room may know which, and what the `lanyard` command may never link.

use super::tally::Tally;
use crate::shell;
use anyhow::{Context as _, Result};
use serde_json::Value;

/// Every member of the workspace, and the members it may depend on.
const MAY_KNOW: &[(&str, &[&str])] = &[
    ("lanyard-api", &[]),
    ("lanyard-ipp", &[]),
    ("lanyard-store", &[]),
    ("lanyard-trust", &[]),
    ("lanyard-link", &["lanyard-trust"]),
    ("lanyard-discovery", &["lanyard-store", "lanyard-trust"]),
    ("lanyard-print", &["lanyard-ipp", "lanyard-link", "lanyard-store", "lanyard-trust"]),
    ("lanyard-drive", &["lanyard-link", "lanyard-store", "lanyard-trust"]),
    (
        "lanyard-node",
        &[
            "lanyard-api",
            "lanyard-discovery",
            "lanyard-drive",
            "lanyard-ipp",
            "lanyard-link",
            "lanyard-print",
            "lanyard-store",
            "lanyard-trust",
        ],
    ),
    ("lanyard-cli", &["lanyard-api", "lanyard-node", "lanyard-trust"]),
    ("lanyard-desktop", &["lanyard-api", "lanyard-node"]),
    (
        "lanyard-fuzz",
        &[
            "lanyard-discovery",
            "lanyard-drive",
            "lanyard-ipp",
            "lanyard-node",
            "lanyard-print",
            "lanyard-trust",
        ],
    ),
    ("lanyard-tests", &["lanyard-api", "lanyard-ipp", "lanyard-trust"]),
    ("xtask", &[]),
];

/// Beginnings of the names of crates that belong to a window.
const WINDOW: &[&str] =
    &["gtk", "gdk", "webkit2gtk", "soup", "tauri", "tao", "wry", "atk", "pango", "cairo-"];

/// Checks the arrows, one count a member.
pub(crate) fn check() -> Result<Tally> {
    let text = shell::read(shell::cargo().args(["metadata", "--no-deps", "--format-version=1", "--locked"]))?;
    let metadata: Value = serde_json::from_str(&text).context("reading cargo's metadata")?;
    let mut tally = Tally::default();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let name = package["name"].as_str().unwrap_or_default();
        let Some((_, may)) = MAY_KNOW.iter().find(|(member, _)| *member == name) else {
            tally.add(&Tally::broken(&format!(
                "{name} is a new room: say in xtask/src/test/arrows.rs what it may know"
            )));
            continue;
        };
        let wrong: Vec<&str> = package["dependencies"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|dependency| dependency["kind"].is_null() && dependency["path"].is_string())
            .filter_map(|dependency| dependency["name"].as_str())
            .filter(|other| !may.contains(other))
            .collect();
        if wrong.is_empty() {
            tally.passed += 1;
        } else {
            tally.add(&Tally::broken(&format!("{name} may not depend on {}", wrong.join(", "))));
        }
    }
    Ok(tally)
}

/// The command line must run on a computer without a desktop.
pub(crate) fn headless() -> Result<Tally> {
    let tree = [
        "tree",
        "--package=lanyard-cli",
        "--edges=normal,build",
        "--prefix=none",
        "--locked",
        "--format={p}",
    ];
    let tree = shell::read(shell::cargo().args(tree))?;
    let found: Vec<&str> = tree
        .lines()
        .filter_map(|line| line.split(' ').next())
        .filter(|name| WINDOW.iter().any(|window| name.starts_with(window)))
        .collect();
    if found.is_empty() {
        return Ok(Tally::check("headless", true));
    }
    Ok(Tally::broken(&format!("the command line links {}", found.join(", "))))
}
