//! Everything that cargo compiles for the tests, in one go, and where it put it.
//!
//! One command builds all programs and all tests of the workspace: building packages one by one would compile the
//! same dependencies again with other features.

use super::tally::Tally;
use crate::shell;
use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(600);

/// A compiled test.
struct Test {
    package: String,
    name: String,
    manifest: PathBuf,
    program: PathBuf,
}

/// The compiled workspace.
pub(crate) struct Programs {
    tests: Vec<Test>,
}

impl Programs {
    /// Compiles it.
    pub(crate) fn build() -> Result<Self> {
        let mut cargo = shell::cargo();
        cargo.args([
            "build",
            "--workspace",
            "--all-targets",
            "--locked",
            "--message-format=json-render-diagnostics",
        ]);
        eprintln!("$ cargo build --workspace --all-targets --locked");
        cargo.stderr(std::process::Stdio::inherit());
        let output = cargo.output().context("starting cargo")?;
        ensure!(output.status.success(), "the workspace does not compile");
        let text = String::from_utf8_lossy(&output.stdout);
        let mut tests: Vec<Test> =
            text.lines().filter_map(|line| Test::parse(&serde_json::from_str(line).ok()?)).collect();
        tests.sort_by(|a, b| (&a.package, &a.name).cmp(&(&b.package, &b.name)));
        Ok(Self { tests })
    }

    /// Runs the tests of the packages that `wanted` picks, each in its package's folder as cargo would.
    pub(crate) fn run(&self, wanted: impl Fn(&str) -> bool, limit: Duration) -> Result<Tally> {
        let mut sum = Tally::default();
        let mut count = 0;
        for test in self.tests.iter().filter(|test| wanted(&test.package)) {
            count += 1;
            let folder = test.manifest.parent().unwrap_or(Path::new("."));
            let mut command = shell::command(&test.program);
            command
                .current_dir(folder)
                .env("CARGO_MANIFEST_DIR", folder)
                .env("CARGO_PKG_NAME", &test.package);
            eprintln!("── {} ({})", test.package, test.name);
            let said = shell::tee(&command, limit)?;
            if said.ok && said.text.contains("\nrunning 0 tests\n") {
                continue;
            }
            let mut tally = Tally::of_rust(said.ok, &said.text);
            tally.notes.iter_mut().for_each(|note| *note = format!("{}: {note}", test.package));
            sum.add(&tally);
        }
        ensure!(count > 0, "there is nothing to run");
        Ok(sum)
    }

    /// The examples in the documentation.
    pub(crate) fn run_examples(&self) -> Result<Tally> {
        let mut cargo = shell::cargo();
        cargo.args(["test", "--workspace", "--doc", "--locked", "--quiet"]);
        let said = shell::tee(&cargo, LIMIT)?;
        if said.ok && Tally::of_rust(true, &said.text).passed == 0 {
            return Ok(Tally::default());
        }
        Ok(Tally::of_rust(said.ok, &said.text))
    }
}

impl Test {
    /// From one message of cargo; none when it tells of something else.
    fn parse(message: &Value) -> Option<Self> {
        if message["reason"] != "compiler-artifact" || message["profile"]["test"] != true {
            return None;
        }
        let manifest = PathBuf::from(message["manifest_path"].as_str()?);
        let package = message["package_id"].as_str()?;
        // `path+file:///…/crates/api#lanyard-api@0.1.0`, or `…/xtask#0.1.0` when the folder has the package's name.
        let (path, after) = package.rsplit_once('#')?;
        let package = match after.split_once('@') {
            Some((name, _)) => name,
            None => path.rsplit('/').next()?,
        };
        Some(Self {
            package: package.to_owned(),
            name: message["target"]["name"].as_str()?.to_owned(),
            manifest,
            program: PathBuf::from(message["executable"].as_str()?),
        })
    }
}
