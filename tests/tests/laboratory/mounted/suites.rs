//! Test suites for file systems, on somebody else's folder as a folder of this computer: `fsx`, which does things to one
//! file at random and remembers what must come of them, and `pjdfstest`, which asks for POSIX call by call.
//!
//! `cargo xtask test` fetches and compiles them; they are started, and nothing of them is linked. What pjdfstest does not
//! pass is compared with the list in `docs/conformance.md`.

use super::{Pair, mounted};
use anyhow::{Context, Result, ensure};
use lanyard_tests::{runner::remark, scenarios};
use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::{Path, PathBuf},
    time::Duration,
};

scenarios![
    fsx_finds_what_it_wrote_after_twenty_thousand_operations,
    pjdfstest_passes_but_for_what_a_mounted_drive_does_not_promise,
];

const TABLE: &str = include_str!("../../../../docs/conformance.md");

/// How long a suite may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(400);

/// Where the numbers of the first round of fsx come from.
const SEED: u64 = 20_261_128;

/// How many rounds fsx makes, each with other numbers: `LANYARD_FSX=15` is fifteen.
fn rounds() -> Result<u64> {
    env::var("LANYARD_FSX").map_or(Ok(1), |text| text.parse().context("LANYARD_FSX is to be a number"))
}

/// Where the suites are.
fn suite(name: &str) -> Result<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.cache/suites/bin").join(name);
    let path = path.canonicalize().with_context(|| format!("no {name}; `cargo xtask suites` makes it"))?;
    Ok(path.to_string_lossy().into_owned())
}

/// Leaves a row for the table.
fn report(suite: &str, passed: usize, failed: usize, skipped: usize) -> Result<()> {
    if let Some(dir) = env::var_os("LANYARD_CONFORMANCE") {
        let line = format!("| {suite} | a mounted drive | {passed} | {failed} | {skipped} |\n");
        let file = PathBuf::from(dir).join(suite);
        fs::write(&file, line).with_context(|| file.display().to_string())?;
    }
    Ok(())
}

fn fsx_finds_what_it_wrote_after_twenty_thousand_operations() -> Result<()> {
    let pair = Pair::new()?;
    let (folder, dir) = mounted(&pair)?;
    let kept = pair.folder("artifacts")?.to_string_lossy().into_owned();
    let fsx = suite("fsx")?;
    for number in 0..rounds()? {
        let (name, seed) = (format!("exercised {number}"), (SEED + number).to_string());
        let file = format!("{dir}/{name}");
        let mut run =
            pair.sender.host().spawn(&[&fsx, "-q", "-N", "20000", "-S", &seed, "-P", &kept, &file])?;
        let ended = run.wait(LIMIT)?;
        ensure!(ended == Some(0), "seed {seed}: {ended:?}: {}{}", run.written(), run.errors());
        let size = fs::metadata(folder.join(&name))?.len();
        remark(format!("seed {seed}: 20,000 operations, and {size} bytes in the end"));
        fs::remove_file(folder.join(&name))?;
    }
    report("fsx, 20,000 operations", 1, 0, 0)
}

fn pjdfstest_passes_but_for_what_a_mounted_drive_does_not_promise() -> Result<()> {
    let pair = Pair::new()?;
    let (_, dir) = mounted(&pair)?;
    let configuration = pair.folder("here")?.join("pjdfstest.toml");
    fs::write(
        &configuration,
        "[features]\nposix_fallocate = {}\nutime_now = {}\nutimensat = {}\n[settings]\nnaptime = 0.02\n\
         [dummy_auth]\nentries = [[\"nobody\", \"nogroup\"], [\"daemon\", \"daemon\"]]\n",
    )?;
    let (program, configuration) = (suite("pjdfstest")?, configuration.to_string_lossy().into_owned());
    let mut run = pair.sender.host().spawn(&[&program, "-c", &configuration, "-p", &dir])?;
    run.wait(LIMIT)?;
    let found = Report::read(&run.written());
    ensure!(found.passed > 0, "nothing was tested: {}{}", run.written(), run.errors());
    let excepted = exceptions();
    let (mut unlisted, mut used) = (Vec::new(), BTreeSet::new());
    for (test, why) in &found.failed {
        let before = used.len();
        used.extend(excepted.iter().filter(|pattern| matches(pattern, test)).copied());
        if used.len() == before && !excepted.iter().any(|pattern| matches(pattern, test)) {
            unlisted.push(format!("{test}: {why}"));
        }
    }
    let (passed, failed) = (found.passed, found.failed.len());
    remark(format!("{passed} passed, {failed} failed as listed, {} skipped", found.skipped));
    ensure!(unlisted.is_empty(), "not among the exceptions:\n{}", unlisted.join("\n"));
    let needless: Vec<&&str> = excepted.iter().filter(|pattern| !used.contains(*pattern)).collect();
    ensure!(needless.is_empty(), "exceptions that are none any more: {needless:?}");
    report("pjdfstest", passed, failed, found.skipped)
}

/// What became of the tests.
#[derive(Default)]
struct Report {
    passed: usize,
    /// By the test's name, what it says.
    failed: BTreeMap<String, String>,
    skipped: usize,
}

impl Report {
    /// A line for each test: its name and what became of it; the reason follows with a tab before it.
    fn read(text: &str) -> Self {
        let (mut report, mut last) = (Self::default(), None);
        for line in text.lines() {
            if let (Some(name), Some(why)) = (&last, line.strip_prefix('\t')) {
                report.failed.insert(String::clone(name), why.to_owned());
                last = None;
                continue;
            }
            let mut words = line.split_whitespace();
            let (Some(name), Some(what), None) = (words.next(), words.next(), words.next()) else { continue };
            if !name.contains("::") || line.starts_with(' ') {
                continue;
            }
            last = None;
            match what {
                "ok" => report.passed += 1,
                "skipped" => report.skipped += 1,
                "FAILED" => {
                    report.failed.insert(name.to_owned(), String::new());
                    last = Some(name.to_owned());
                }
                _ => {}
            }
        }
        report
    }
}

/// The names of tests in the table of exceptions, in which a `*` stands for anything.
fn exceptions() -> Vec<&'static str> {
    let table = TABLE.split_once("| pjdfstest's test | why not |").map_or("", |(_, table)| table);
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    rows.filter_map(|row| row.split('|').nth(1)).flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect()
}

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((before, after)) => name.strip_prefix(before).is_some_and(|rest| {
            (0..=rest.len()).any(|at| rest.is_char_boundary(at) && matches(after, &rest[at..]))
        }),
    }
}
