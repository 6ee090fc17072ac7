//! Feeding the decoders with what nobody would send: libFuzzer on the stable compiler.
//!
//! `cargo fuzz` wants a nightly compiler for its sanitizers. The counters by which libFuzzer sees where an input has
//! been are ordinary code generation options, and almost all of Lanyard is safe Rust, where a bug is a panic, a loop
//! without end or memory without end: those are found without sanitizers.

use crate::{packages, project, shell};
use anyhow::{Context as _, Result, anyhow, bail, ensure};
use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

const USAGE: &str = "usage: cargo xtask fuzz [TARGET]… [--seconds N]";

/// How long a target runs when nobody says otherwise.
const SECONDS: u64 = 4;
/// What every stranger on the network can send without being asked, and how long it runs in the step of the tests:
/// messages of IPP, rasters, documents as a child looks at them, and the records of announcements.
const EXPOSED: [&str; 4] = ["announcement", "document", "ipp", "raster"];
const EXPOSED_SECONDS: u64 = 60;
/// What counts as a loop without end, in seconds, and as memory without end, in MiB.
const ENDLESS: u64 = 10;
const MEMORY: u64 = 1024;
/// The longest input, in bytes.
const LONGEST: u64 = 8192;
const COMPILING: Duration = Duration::from_secs(20 * 60);

/// How libFuzzer sees what a run has reached: a counter on each edge, their addresses, and what was compared. And what
/// makes a wrong number a panic, quickly.
const COUNTERS: [&str; 9] = [
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=3",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Copt-level=1",
    "-Cdebug-assertions",
    "-Coverflow-checks",
];

/// What stands before the name of the file with the input, when something was found.
const WRITTEN: &str = "Test unit written to ";

/// Set while [`build`] runs cargo, which calls this program instead of the compiler then.
const COMPILING_FOR: &str = "LANYARD_XTASK_COUNTERS";

/// What a run begins with, and how far it goes.
#[derive(Clone, Copy)]
pub(crate) enum Luck {
    /// For so many seconds, and each time other inputs: to find something. What is learned is kept for the next time.
    New(u64),
    /// Not for long, and always the same inputs in the same order: a change that has nothing to do with it shall not
    /// fail because of somebody's luck.
    Same,
}

impl Luck {
    fn seconds(self, target: &str) -> u64 {
        match self {
            Self::New(seconds) => seconds,
            Self::Same if EXPOSED.contains(&target) => EXPOSED_SECONDS,
            Self::Same => SECONDS,
        }
    }
}

/// What became of a target: whether it went well, or else what was found.
pub(crate) type Outcome = (String, Result<(), String>);

/// Does what the words after `fuzz` say.
pub(crate) fn fuzz(words: &[String]) -> Result<()> {
    let mut seconds = SECONDS;
    let mut chosen = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--seconds" => seconds = words.next().and_then(|text| text.parse().ok()).context(USAGE)?,
            word if word.starts_with('-') => bail!(USAGE),
            word => chosen.push(word.to_owned()),
        }
    }
    let mut targets = targets()?;
    if let Some(unknown) = chosen.iter().find(|name| !targets.contains(name)) {
        bail!("there is no target {unknown:?}; there is {}", targets.join(", "));
    }
    targets.retain(|name| chosen.is_empty() || chosen.contains(name));
    packages::install(packages::FUZZ)?;
    let found: Vec<String> = run(&build()?, &targets, Luck::New(seconds))?
        .into_iter()
        .filter_map(|(_, found)| found.err())
        .collect();
    ensure!(found.is_empty(), "{}", found.join("\n"));
    Ok(())
}

/// The names of all targets: each has a folder of inputs to begin with.
pub(crate) fn targets() -> Result<Vec<String>> {
    let corpus = project::root().join("fuzz/corpus");
    let mut names = Vec::new();
    for entry in fs::read_dir(&corpus).with_context(|| format!("reading {}", corpus.display()))? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort_unstable();
    Ok(names)
}

/// Compiles the program of all targets, with counters in what is ours. All else is what any build makes of it: most of
/// it is there already, and where an input has been inside SQLite is not worth looking at.
pub(crate) fn build() -> Result<PathBuf> {
    ensure!(
        cfg!(target_os = "linux"),
        "the targets are built and run on Linux; their inputs are the same everywhere"
    );
    let mut cargo = shell::cargo();
    cargo.args(["build", "--locked", "--package", "lanyard-fuzz", "--features", "libfuzzer"]);
    cargo.env("RUSTC_WORKSPACE_WRAPPER", this_program()?);
    cargo.env(COMPILING_FOR, "1");
    let said = shell::tee(&cargo, COMPILING)?;
    ensure!(said.ok, "the fuzz targets do not compile");
    Ok(project::binary("lanyard-fuzz", false))
}

/// Where this program is. One that was built anew while it runs is the same program, but Linux calls its path deleted.
fn this_program() -> Result<PathBuf> {
    let path = std::env::current_exe().context("finding this program")?;
    let again = path.to_str().and_then(|path| path.strip_suffix(" (deleted)")).map(PathBuf::from);
    Ok(again.filter(|again| again.is_file()).unwrap_or(path))
}

/// When cargo calls this program in place of the compiler: compiles, with counters where they belong.
pub(crate) fn compile_if_asked() -> Option<ExitCode> {
    std::env::var_os(COMPILING_FOR)?;
    let mut words = std::env::args_os().skip(1);
    let mut compiler = Command::new(words.next()?);
    let words: Vec<OsString> = words.collect();
    // What runs while compiling is not what is looked at, and cargo's own questions get the usual answers.
    let kinds = ["build_script_build", "___"];
    let is_other = words.iter().any(|word| kinds.iter().any(|kind| word == kind));
    if !is_other && words.iter().any(|word| word == "--crate-name") {
        compiler.args(&words).args(COUNTERS);
    } else {
        compiler.args(&words);
    }
    let ended = compiler.status().ok().and_then(|status| status.code());
    Some(ended.and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Runs these targets, as many at a time as there are processors.
pub(crate) fn run(program: &Path, targets: &[String], luck: Luck) -> Result<Vec<Outcome>> {
    // The long ones first: the short ones fill the gaps.
    let mut targets = targets.to_vec();
    targets.sort_by_key(|target| std::cmp::Reverse(luck.seconds(target)));
    let next = AtomicUsize::new(0);
    let lane = || -> Result<Vec<Outcome>> {
        let mut outcomes = Vec::new();
        while let Some(target) = targets.get(next.fetch_add(1, Ordering::Relaxed)) {
            outcomes.push((target.clone(), run_one(program, target, luck)?));
        }
        Ok(outcomes)
    };
    let lanes = thread::available_parallelism().map_or(1, usize::from).min(targets.len());
    let outcomes = thread::scope(|scope| {
        let lanes: Vec<_> = (0..lanes).map(|_| scope.spawn(lane)).collect();
        let ended = lanes.into_iter().map(|lane| lane.join().map_err(|_| anyhow!("a lane panicked"))?);
        ended.collect::<Result<Vec<_>>>()
    })?;
    let mut outcomes: Vec<Outcome> = outcomes.into_iter().flatten().collect();
    outcomes.sort();
    Ok(outcomes)
}

/// Runs one target; the inner error says what was found.
fn run_one(program: &Path, target: &str, luck: Luck) -> Result<Result<(), String>> {
    let folder = project::target().join("fuzz");
    let found = folder.join("found");
    let learned = folder.join(if matches!(luck, Luck::Same) { "same" } else { "corpus" }).join(target);
    if matches!(luck, Luck::Same) && learned.exists() {
        fs::remove_dir_all(&learned).with_context(|| format!("clearing {}", learned.display()))?;
    }
    fs::create_dir_all(&learned).with_context(|| format!("making {}", learned.display()))?;
    fs::create_dir_all(&found).with_context(|| format!("making {}", found.display()))?;
    let mut command = shell::command(program);
    command.env("LANYARD_FUZZ", target).env("RUST_BACKTRACE", "1");
    command.args(["-print_final_stats=1", "-verbosity=0"]);
    let seconds = luck.seconds(target);
    if matches!(luck, Luck::Same) {
        command.arg("-seed=1");
    }
    command.arg(format!("-max_total_time={seconds}")).arg(format!("-timeout={ENDLESS}"));
    command.arg(format!("-rss_limit_mb={MEMORY}")).arg(format!("-max_len={LONGEST}"));
    command.arg(format!("-artifact_prefix={}/{target}-", found.display()));
    command.arg(learned).arg(project::root().join("fuzz/corpus").join(target));
    let said = shell::quietly(&command, Duration::from_secs(seconds + 60))?;
    let after = |word: &str| said.text.lines().find_map(|line| line.strip_prefix(word)).map(str::trim);
    if said.ok {
        let inputs = after("stat::number_of_executed_units:").unwrap_or("no");
        eprintln!("{target:14} {inputs:>9} inputs in {seconds} s");
        // A program that ended well without having tried anything has shown nothing.
        return Ok(if inputs.parse::<u64>().is_ok_and(|count| count > 1) {
            Ok(())
        } else {
            Err(format!("{target}: no input was tried"))
        });
    }
    eprintln!("{target}:\n{}", said.text);
    let file = said.text.lines().find_map(|line| line.split_once(WRITTEN)).map(|(_, file)| file.trim());
    let Some(file) = file else { return Ok(Err(format!("{target}: it ended without saying why"))) };
    let input = fs::read(file).with_context(|| format!("reading {file}"))?;
    let program = program.display();
    // As a test would have it.
    Ok(Err(format!(
        "{target}: b\"{}\"; to see it again: LANYARD_FUZZ={target} {program} {file}",
        input.escape_ascii()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every run reads all of it first, and a person must be able to look through it.
    const MOST_FILES: usize = 24;
    const MOST_BYTES: u64 = 64 * 1024;

    #[test]
    fn the_corpus_has_a_few_small_inputs_for_each_target() -> Result<()> {
        let targets = targets()?;
        for exposed in EXPOSED {
            ensure!(targets.iter().any(|target| target == exposed), "there is no target {exposed}");
        }
        for target in targets {
            let (mut files, mut bytes) = (0, 0);
            for entry in fs::read_dir(project::root().join("fuzz/corpus").join(&target))? {
                let length = entry?.metadata()?.len();
                ensure!((1..=LONGEST).contains(&length), "{target}: an input of {length} bytes");
                (files, bytes) = (files + 1, bytes + length);
            }
            ensure!((1..=MOST_FILES).contains(&files), "{target}: {files} inputs");
            ensure!(bytes <= MOST_BYTES, "{target}: {bytes} bytes");
        }
        Ok(())
    }
}
