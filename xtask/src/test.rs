//! `cargo xtask test`: installs what the tests need, runs every step even after one failed, and adds up.

mod arrows;
mod programs;
mod steps;
mod tally;

use crate::{node_js::NodeJs, packages, project, ui};
use anyhow::{Result, anyhow, bail};
use programs::Programs;
use std::cell::OnceCell;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use steps::{Need, STEPS, Step};
use tally::Tally;

/// What steps share: each prepared when the first step asks for it.
pub(crate) struct Prepared {
    node: OnceCell<NodeJs>,
    /// What went wrong is kept too: compiling a second time would only say it again.
    programs: OnceCell<Result<Programs, String>>,
}

impl Prepared {
    fn new() -> Self {
        Self { node: OnceCell::new(), programs: OnceCell::new() }
    }

    /// A Node.js with the UI's packages installed.
    fn node(&self) -> Result<&NodeJs> {
        if let Some(node) = self.node.get() {
            return Ok(node);
        }
        let node = NodeJs::find()?;
        ui::install(&node)?;
        Ok(self.node.get_or_init(|| node))
    }

    /// Every program of the workspace and every test, compiled.
    fn programs(&self) -> Result<&Programs> {
        let build = || {
            ui::build(self.node()?)?;
            Programs::build()
        };
        let programs = self.programs.get_or_init(|| build().map_err(|error| format!("{error:#}")));
        programs.as_ref().map_err(|reason| anyhow!("{reason}"))
    }
}

/// Runs the steps that were asked for; the exit status says whether all is well.
pub(crate) fn test(words: &[String]) -> Result<ExitCode> {
    let Some(chosen) = choose(words)? else { return Ok(ExitCode::SUCCESS) };
    let began = Instant::now();
    let mut results: Vec<(&Step, Tally, Duration)> = Vec::new();
    if let Err(error) = install(&chosen) {
        // The steps that need what is missing fail by themselves and say so.
        eprintln!("xtask: {error:#}");
    }
    let installed = began.elapsed();
    let prepared = Prepared::new();
    for step in chosen {
        eprintln!("\n━━ {} · {}", step.name, step.what);
        let began = Instant::now();
        let tally = (step.run)(&prepared).unwrap_or_else(|error| Tally::broken(&format!("{error:#}")));
        tally.notes.iter().for_each(|note| eprintln!("xtask: {}: {note}", step.name));
        results.push((step, tally, began.elapsed()));
    }
    Ok(report(&results, installed, began.elapsed()))
}

/// The steps by name; none means that only the list was wanted.
fn choose(words: &[String]) -> Result<Option<Vec<&'static Step>>> {
    let mut names: Vec<&str> = Vec::new();
    let mut words = words.iter().map(String::as_str);
    match words.next() {
        None => {}
        Some("--list") => {
            STEPS.iter().for_each(|step| println!("{:10} {}", step.name, step.what));
            return Ok(None);
        }
        Some("--only") => names.extend(words.filter(|word| *word != "--only")),
        Some(other) => {
            bail!("unexpected argument {other:?}; usage: cargo xtask test [--only STEP…] [--list]")
        }
    }
    if let Some(unknown) = names.iter().find(|name| STEPS.iter().all(|step| step.name != **name)) {
        let known: Vec<_> = STEPS.iter().map(|step| step.name).collect();
        bail!("there is no step {unknown:?}; the steps are {}", known.join(", "));
    }
    Ok(Some(STEPS.iter().filter(|step| names.is_empty() || names.contains(&step.name)).collect()))
}

fn install(steps: &[&Step]) -> Result<()> {
    let needs = |need| steps.iter().any(|step| step.needs.contains(&need));
    if needs(Need::Libraries) {
        packages::install(packages::BUILD)?;
    }
    if needs(Need::Instruments) {
        packages::install(packages::TEST)?;
    }
    Ok(())
}

fn report(results: &[(&Step, Tally, Duration)], installed: Duration, total: Duration) -> ExitCode {
    println!("\n{:10} {:>8} {:>7} {:>7} {:>8}", "step", "seconds", "passed", "failed", "skipped");
    println!("{:10} {:>8.1}", "install", installed.as_secs_f64());
    let mut sum = Tally::default();
    for (step, tally, time) in results {
        let (name, seconds) = (step.name, time.as_secs_f64());
        println!("{name:10} {seconds:>8.1} {:>7} {:>7} {:>8}", tally.passed, tally.failed, tally.skipped);
        sum.add(tally);
    }
    println!("{:10} {:>8.1}", "total", total.as_secs_f64());
    for (step, tally, _) in results {
        tally.notes.iter().for_each(|note| println!("  {}: {note}", step.name));
    }
    let skipped_in_ci = project::is_ci() && sum.skipped > 0;
    if skipped_in_ci {
        println!("\nSomething was skipped, and CI may not skip.");
    }
    println!("\n{} passed, {} failed, {} skipped", sum.passed, sum.failed, sum.skipped);
    if sum.failed > 0 || skipped_in_ci || sum.passed == 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
