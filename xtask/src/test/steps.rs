//! The steps, in order: what is quick to fail comes first, what needs everything compiled last.

use super::{Prepared, arrows, tally::Tally};
use crate::{bindings, deny, fuzz, project, shell, suites, ui};
use anyhow::Result;
use std::time::Duration;

/// What a step needs installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// What compiling takes.
    Libraries,
    /// The programs the tests drive.
    Instruments,
}

/// One step.
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    pub(crate) needs: &'static [Need],
    pub(crate) run: fn(&Prepared) -> Result<Tally>,
}

const MINUTE: Duration = Duration::from_secs(60);
const COMPILING: Duration = Duration::from_secs(20 * 60);

/// All of them.
pub(crate) const STEPS: &[Step] = &[
    Step { name: "fmt", what: "every Rust file is formatted", needs: &[], run: fmt },
    Step { name: "arrows", what: "rooms know only the rooms below them", needs: &[], run: arrows },
    Step { name: "deny", what: "licences, bans and sources of every crate", needs: &[], run: deny },
    Step { name: "ui", what: "types, unit tests and build of the UI", needs: &[], run: ui },
    Step { name: "build", what: "all programs and tests compile", needs: &[Need::Libraries], run: build },
    Step {
        name: "bindings",
        what: "the UI's types are those of crates/api",
        needs: &[Need::Libraries],
        run: bindings,
    },
    Step { name: "clippy", what: "no warning anywhere", needs: &[Need::Libraries], run: clippy },
    Step {
        name: "docs",
        what: "the documentation builds without a warning",
        needs: &[Need::Libraries],
        run: docs,
    },
    Step {
        name: "unit",
        what: "tests of each crate",
        needs: &[Need::Libraries, Need::Instruments],
        run: unit,
    },
    Step {
        name: "crashes",
        what: "printing, with both sides and the print service killed at every step",
        needs: &[Need::Libraries, Need::Instruments],
        run: crashes,
    },
    Step {
        name: "fuzz",
        what: "the decoders, with what nobody would send",
        needs: &[Need::Libraries, Need::Instruments],
        run: fuzz,
    },
    Step {
        name: "lab",
        what: "several computers on networks inside this one",
        needs: &[Need::Libraries, Need::Instruments],
        run: lab,
    },
    Step {
        name: "e2e",
        what: "the screens, in Chromium and in the real window",
        needs: &[Need::Libraries, Need::Instruments],
        run: e2e,
    },
];

fn fmt(_: &Prepared) -> Result<Tally> {
    let said = shell::tee(shell::cargo().args(["fmt", "--all", "--check"]), 5 * MINUTE)?;
    Ok(Tally::check("cargo fmt --check", said.ok))
}

fn arrows(_: &Prepared) -> Result<Tally> {
    let mut tally = arrows::check()?;
    tally.add(&arrows::headless()?);
    Ok(tally)
}

fn deny(_: &Prepared) -> Result<Tally> {
    // All crates, those for other systems too: the check itself runs without a network.
    shell::run(shell::cargo().args(["fetch", "--locked", "--quiet"]))?;
    let said = shell::tee(&deny::check()?, 5 * MINUTE)?;
    Ok(Tally::check("cargo deny", said.ok))
}

fn ui(prepared: &Prepared) -> Result<Tally> {
    let node = prepared.node()?;
    let check = shell::tee(node.npm().args(["run", "--silent", "check"]), 5 * MINUTE)?;
    let mut tally = Tally::check("svelte-check", check.ok);
    let test = shell::tee(node.npm().args(["run", "--silent", "test"]).env("NO_COLOR", "1"), 5 * MINUTE)?;
    tally.add(&Tally::of_vitest(test.ok, &test.text));
    let built = ui::build(node);
    tally.add(
        &built.map_or_else(|error| Tally::broken(&format!("{error:#}")), |()| Tally::check("build", true)),
    );
    Ok(tally)
}

fn build(prepared: &Prepared) -> Result<Tally> {
    prepared.programs()?;
    Ok(Tally::check("cargo build", true))
}

fn bindings(prepared: &Prepared) -> Result<Tally> {
    prepared.programs()?;
    // Already compiled with everything else; `cargo xtask bindings` would compile it once more with fewer features.
    let generator = project::target().join("debug").join("examples").join("bindings");
    bindings::check_with(&mut shell::command(generator))?;
    Ok(Tally::check("bindings", true))
}

fn clippy(prepared: &Prepared) -> Result<Tally> {
    ui::build(prepared.node()?)?;
    let arguments = ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
    let said = shell::tee(shell::cargo().args(arguments), COMPILING)?;
    Ok(Tally::check("clippy", said.ok))
}

fn docs(prepared: &Prepared) -> Result<Tally> {
    ui::build(prepared.node()?)?;
    let mut cargo = shell::cargo();
    cargo.args(["doc", "--workspace", "--no-deps", "--locked", "--keep-going", "--document-private-items"]);
    cargo.env("RUSTDOCFLAGS", "-D warnings");
    let said = shell::tee(&cargo, COMPILING)?;
    Ok(Tally::check("cargo doc", said.ok))
}

fn unit(prepared: &Prepared) -> Result<Tally> {
    let programs = prepared.programs()?;
    let mut tally = programs.run(|package| package != LABORATORY, 10 * MINUTE)?;
    tally.add(&programs.run_examples()?);
    Ok(tally)
}

/// A program of its own, as the places to die at are compiled into no other; what it chooses by is printed.
fn crashes(_: &Prepared) -> Result<Tally> {
    let mut cargo = shell::cargo();
    cargo.args(["test", "--locked", "--package", "lanyard-print", "--features", "fault-points"]);
    cargo.args(["--test", "print"]);
    cargo.args(["--", "crashes", "--nocapture", "--test-threads=1"]);
    let said = shell::tee(&cargo, 15 * MINUTE)?;
    Ok(Tally::of_rust(said.ok, &said.text))
}

fn fuzz(_: &Prepared) -> Result<Tally> {
    let mut tally = Tally::default();
    for (target, found) in fuzz::run(&fuzz::build()?, &fuzz::targets()?, fuzz::Luck::Same)? {
        tally.add(&found.map_or_else(|input| Tally::broken(&input), |()| Tally::check(&target, true)));
    }
    Ok(tally)
}

fn lab(prepared: &Prepared) -> Result<Tally> {
    if let Err(error) = suites::install() {
        // The scenarios that start them fail and say so; all others run.
        eprintln!("xtask: {error:#}");
    }
    prepared.programs()?.run(|package| package == LABORATORY, 20 * MINUTE)
}

fn e2e(prepared: &Prepared) -> Result<Tally> {
    prepared.programs()?;
    let node = prepared.node()?;
    let mut npm = node.npm();
    npm.args(["run", "--silent", "e2e"]).env("NO_COLOR", "1");
    npm.env("LANYARD_BIN", project::binary("lanyard", false));
    npm.env("LANYARD_DESKTOP_BIN", project::binary("lanyard-desktop", false));
    let said = shell::tee(&npm, 15 * MINUTE)?;
    Ok(Tally::of_vitest(said.ok, &said.text))
}

const LABORATORY: &str = "lanyard-tests";
