//! The figures the project promises, measured with release builds on this computer. They are printed, never asserted:
//! a busy machine is no bug.

mod copy;
mod start;
mod window;

use crate::{demo, node_js::NodeJs, packages, project, run, shell, ui};
use anyhow::{Context as _, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// One measurement and what it is measured against.
struct Bench {
    name: &'static str,
    run: fn(&Folder) -> Result<()>,
}

const ALL: &[Bench] = &[
    Bench { name: "start", run: start::ready },
    Bench { name: "idle", run: start::idle },
    Bench { name: "seen", run: start::seen },
    Bench { name: "print", run: copy::print },
    Bench { name: "get", run: copy::get },
    Bench { name: "window", run: window::window },
];

/// Runs what the words after `bench` name, or everything.
pub(crate) fn bench(words: &[String]) -> Result<()> {
    let names: Vec<&str> = match words.split_first() {
        None => Vec::new(),
        Some((flag, names)) if flag == "--only" => names.iter().map(String::as_str).collect(),
        Some((other, _)) => bail!("unexpected argument {other:?}; usage: cargo xtask bench [--only NAME…]"),
    };
    if let Some(unknown) = names.iter().find(|name| ALL.iter().all(|bench| bench.name != **name)) {
        let known: Vec<_> = ALL.iter().map(|bench| bench.name).collect();
        bail!("there is no measurement {unknown:?}; there are {}", known.join(", "));
    }
    packages::install(packages::BUILD)?;
    packages::install(packages::BENCH)?;
    ui::build(&NodeJs::find()?)?;
    run::build(true)?;
    println!();
    let mut failed = 0;
    for bench in ALL.iter().filter(|bench| names.is_empty() || names.contains(&bench.name)) {
        let folder = Folder::new(bench.name)?;
        if let Err(error) = (bench.run)(&folder) {
            failed += 1;
            println!("{:44} could not be measured: {error:#}", bench.name);
        }
    }
    anyhow::ensure!(failed == 0, "{failed} could not be measured");
    Ok(())
}

/// A folder for one measurement; removed when dropped.
pub(crate) struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Result<Self> {
        let path = project::target().join("bench").join(name);
        if path.exists() {
            fs::remove_dir_all(&path)?;
        }
        fs::create_dir_all(&path).with_context(|| format!("making {}", path.display()))?;
        Ok(Self(path))
    }

    /// Another one in memory, where there is room for it: a slow disk would be the same limit for everyone.
    fn in_memory(name: &str, bytes: u64) -> Option<Self> {
        let memory = Path::new("/dev/shm");
        let free =
            shell::read(Command::new("df").args(["--output=avail", "--block-size=1"]).arg(memory)).ok()?;
        let free: u64 = free.lines().last()?.trim().parse().ok()?;
        let path = memory.join(format!("lanyard-bench-{}-{name}", std::process::id()));
        (free > bytes && fs::create_dir(&path).is_ok()).then_some(Self(path))
    }

    fn path(&self) -> &Path {
        &self.0
    }

    /// A release node on the loopback interface with its data in here.
    fn node(&self, name: &str) -> Result<demo::Node> {
        demo::Node::start_quietly(Some(&self.0.join(name)), name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Prints one figure beside its goal.
fn tell(what: &str, figure: &str, goal: &str) {
    println!("{what:44} {figure:>32}   goal {goal}");
}

fn millis(time: Duration) -> String {
    format!("{:.0} ms", time.as_secs_f64() * 1000.0)
}

/// The middle one.
fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
