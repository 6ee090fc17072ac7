//! A small test runner: several scenarios at once, a reason for every skip, and one plain line at the end.
//!
//! The standard harness cannot say "skipped" while a test runs; a scenario that cannot have its namespaces must not
//! count as passed.

use anyhow::{Result, bail};
use std::{
    cell::RefCell,
    collections::VecDeque,
    env,
    panic::{self, AssertUnwindSafe},
    process::{self, Command, ExitCode, Stdio},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// No scenario takes this long; one that does hangs. `LANYARD_PATIENCE` says another number of seconds, for measurements
/// that are made larger than they are here.
const HANGS_AFTER: Duration = Duration::from_secs(400);

/// Scenarios wait more than they compute, so more of them than there are cores run at once.
const AT_ONCE: usize = 5;

/// One scenario.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// Its name, a sentence in `snake_case`, behind the name of its file.
    pub name: &'static str,
    /// What it does.
    pub run: fn() -> Result<()>,
    /// True when it measures time or rate and nothing else may run beside it.
    pub alone: bool,
}

/// Lists the scenarios of one file.
#[macro_export]
macro_rules! scenarios {
    ($($(#[$alone:ident])? $name:ident),* $(,)?) => {
        /// The scenarios of this file.
        pub(crate) const ALL: &[$crate::runner::Scenario] = &[$(
            $crate::runner::Scenario {
                name: concat!(module_path!(), "::", stringify!($name)),
                run: $name,
                alone: $crate::scenarios!(@alone $($alone)?),
            },
        )*];
    };
    (@alone) => { false };
    (@alone alone) => { true };
}

thread_local! {
    static EVIDENCE: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    static REMARKS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Keeps something that will help to understand a failure of the scenario that runs on this thread.
pub fn evidence(text: String) {
    EVIDENCE.with_borrow_mut(|list| list.push(text));
}

/// A measurement to print beside the scenario's result.
pub fn remark(text: impl Into<String>) {
    REMARKS.with_borrow_mut(|list| list.push(text.into()));
}

/// Runs what the command line asks for: words that names have to contain (any of them), `--skip` and one that they may not
/// contain, `--list`, `--jobs N`.
#[must_use]
pub fn main(scenarios: &[Scenario]) -> ExitCode {
    let (mut words, mut skipped) = (Vec::new(), Vec::new());
    let mut at_once = AT_ONCE;
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--list" => {
                for scenario in scenarios {
                    println!("{}", short(scenario.name));
                }
                return ExitCode::SUCCESS;
            }
            "--skip" => skipped.extend(arguments.next()),
            "--jobs" => at_once = arguments.next().and_then(|n| n.parse().ok()).unwrap_or(AT_ONCE).max(1),
            // Cargo hands these to every test binary.
            "--measure" | "--nocapture" | "--quiet" | "-q" | "--show-output" => {}
            word => words.push(word.to_owned()),
        }
    }
    let chosen: Vec<Scenario> = scenarios
        .iter()
        .filter(|scenario| {
            let is_one =
                |words: &[String]| words.iter().any(|word| short(scenario.name).contains(word.as_str()));
            (words.is_empty() || is_one(&words)) && !is_one(&skipped)
        })
        .copied()
        .collect();

    if let Err(reason) = rights() {
        for scenario in &chosen {
            println!("test {} ... skipped: {reason:#}", short(scenario.name));
        }
        println!("0 passed, 0 failed, {} skipped", chosen.len());
        return ExitCode::SUCCESS;
    }
    if let Err(error) = crate::scratch::sweep() {
        eprintln!("could not remove what an earlier run left: {error:#}");
    }

    let (passed, failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let failures = Mutex::new(Vec::new());
    let (alone, together): (Vec<_>, Vec<_>) = chosen.into_iter().partition(|scenario| scenario.alone);
    for (queue, at_once) in [(together, at_once), (alone, 1)] {
        let queue = Mutex::new(VecDeque::from(queue));
        thread::scope(|scope| {
            for _ in 0..at_once {
                scope.spawn(|| {
                    loop {
                        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                        let Some(scenario) = next else { break };
                        if let Some(report) = run_one(scenario) {
                            failed.fetch_add(1, Ordering::Relaxed);
                            failures.lock().unwrap_or_else(PoisonError::into_inner).push(report);
                        } else {
                            passed.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
        });
    }
    for report in failures.into_inner().unwrap_or_else(PoisonError::into_inner) {
        println!("{report}");
    }
    let failed = failed.into_inner();
    println!("{} passed, {failed} failed, 0 skipped", passed.into_inner());
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs one scenario; answers a report when it failed.
fn run_one(scenario: Scenario) -> Option<String> {
    let begun = Instant::now();
    let name = short(scenario.name);
    let (done, watched) = std::sync::mpsc::channel::<()>();
    // A thread cannot be ended from outside. The process can, and all hosts end with it.
    let patience = env::var("LANYARD_PATIENCE").ok().and_then(|seconds| seconds.parse().ok());
    let patience = patience.map_or(HANGS_AFTER, Duration::from_secs);
    thread::spawn(move || {
        if watched.recv_timeout(patience) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            println!("test {name} ... FAILED: no end after {} s", patience.as_secs());
            println!("0 passed, 1 failed, 0 skipped");
            process::exit(101);
        }
    });
    EVIDENCE.with_borrow_mut(Vec::clear);
    REMARKS.with_borrow_mut(Vec::clear);
    let result = panic::catch_unwind(AssertUnwindSafe(scenario.run));
    drop(done);
    let seconds = begun.elapsed().as_secs_f64();
    let remarks: String =
        REMARKS.with_borrow_mut(|list| list.drain(..).map(|text| format!("; {text}")).collect());
    let reason = match result {
        Ok(Ok(())) => {
            println!("test {name} ... ok ({seconds:.1} s{remarks})");
            return None;
        }
        Ok(Err(error)) => format!("{error:#}"),
        Err(payload) => payload
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| payload.downcast_ref::<&str>().map(|text| (*text).to_owned()))
            .unwrap_or_else(|| "it panicked".into()),
    };
    println!("test {name} ... FAILED ({seconds:.1} s{remarks}): {reason}");
    let mut report = format!("\n---- {name}\n{reason}\n");
    for text in EVIDENCE.with_borrow_mut(std::mem::take) {
        report.push_str(&text);
    }
    Some(report)
}

/// Whether this user may make the namespaces the laboratory consists of.
fn rights() -> Result<()> {
    let probe = Command::new("unshare")
        .args(["--net", "--mount", "--uts", "--pid", "--fork", "--", "mount", "-t", "tmpfs", "tmpfs", "/run"])
        .stdin(Stdio::null())
        .output();
    match probe {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => bail!(
            "this user may not make network namespaces (run as root): {}",
            String::from_utf8_lossy(&output.stderr).trim()
        ),
        Err(error) => bail!("unshare (util-linux) cannot be started: {error}"),
    }
}

fn short(name: &'static str) -> &'static str {
    name.split_once("::").map_or(name, |(_, rest)| rest)
}
