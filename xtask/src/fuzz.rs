//! Feeding the decoders with what nobody would send: libFuzzer on the stable compiler.
//!
//! `cargo fuzz` wants a nightly compiler for its sanitizers. The counters by which libFuzzer sees where an input has
//! been are ordinary code generation options, and almost all of Lanyard is safe Rust, where a bug is a panic, a loop
//! without end or memory without end: those are found without sanitizers.

use crate::{project, shell};
use anyhow::{Context as _, Result, bail, ensure};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

const USAGE: &str = "usage: cargo xtask fuzz [TARGET]… [--seconds N]";

/// How long a target runs when nobody says otherwise.
pub(crate) const SECONDS: u64 = 5;
/// What counts as a loop without end, in seconds, and as memory without end, in MiB.
const ENDLESS: u64 = 5;
const MEMORY: u64 = 1024;
/// The longest input, in bytes.
const LONGEST: u64 = 8192;
const COMPILING: Duration = Duration::from_secs(20 * 60);

/// How libFuzzer sees what a run has reached: a counter on each edge, their addresses, and what was compared.
const COUNTERS: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=3 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Cdebug-assertions -Coverflow-checks";

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
    let targets = targets()?;
    if let Some(unknown) = chosen.iter().find(|name| !targets.contains(name)) {
        bail!("there is no target {unknown:?}; there is {}", targets.join(", "));
    }
    let program = build()?;
    let failed: Vec<String> = targets
        .into_iter()
        .filter(|name| chosen.is_empty() || chosen.contains(name))
        .map(|name| Ok(run(&program, &name, seconds)?.err()))
        .filter_map(Result::transpose)
        .collect::<Result<_>>()?;
    ensure!(failed.is_empty(), "{}", failed.join("\n"));
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

/// Compiles the program of all targets, with counters.
pub(crate) fn build() -> Result<PathBuf> {
    ensure!(
        cfg!(target_os = "linux"),
        "the targets are built and run on Linux; their inputs are the same everywhere"
    );
    let triple = host()?;
    let folder = project::target().join("fuzz");
    let mut cargo = shell::cargo();
    cargo.args(["build", "--locked", "--manifest-path", "fuzz/Cargo.toml"]);
    // Naming the target keeps the counters out of build scripts and macros, which run while compiling.
    cargo.args(["--target", &triple]).arg("--target-dir").arg(&folder);
    cargo.env("RUSTFLAGS", COUNTERS).env_remove("CARGO_ENCODED_RUSTFLAGS");
    let said = shell::tee(&cargo, COMPILING)?;
    ensure!(said.ok, "the fuzz targets do not compile");
    Ok(folder.join(triple).join("debug/lanyard-fuzz"))
}

/// Runs one target for so many seconds; the inner error says what was found. What it learns on the way is kept in the
/// target directory; good inputs from there may be copied to `fuzz/corpus`.
pub(crate) fn run(program: &Path, target: &str, seconds: u64) -> Result<Result<(), String>> {
    let learned = project::target().join("fuzz/corpus").join(target);
    let found = project::target().join("fuzz/found");
    fs::create_dir_all(&learned)?;
    fs::create_dir_all(&found)?;
    let mut command = shell::command(program);
    command.env("LANYARD_FUZZ", target).env("RUST_BACKTRACE", "1");
    command.args(["-print_final_stats=1", "-verbosity=0", "-close_fd_mask=0"]);
    command.arg(format!("-max_total_time={seconds}")).arg(format!("-timeout={ENDLESS}"));
    command.arg(format!("-rss_limit_mb={MEMORY}")).arg(format!("-max_len={LONGEST}"));
    command.arg(format!("-artifact_prefix={}/{target}-", found.display()));
    command.arg(learned).arg(project::root().join("fuzz/corpus").join(target));
    let said = shell::tee(&command, Duration::from_secs(seconds + 60))?;
    if said.ok {
        return Ok(Ok(()));
    }
    let input =
        said.text.lines().find(|line| line.starts_with("Base64: ")).unwrap_or("the input is not known");
    Ok(Err(format!(
        "{target}: {input}; it is also in {}. To see it again: LANYARD_FUZZ={target} {} FILE",
        found.display(),
        program.display()
    )))
}

fn host() -> Result<String> {
    let version = shell::read(Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("rustc does not say what it compiles for")
}
