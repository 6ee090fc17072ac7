//! The figures the project promises, measured with release builds on this computer. They are printed, never asserted:
//! a busy machine is no bug. With `--record` they are kept in `docs/benchmarks.md`.

mod beside;
mod copy;
mod start;
mod table;
mod window;

use crate::{demo, node_js::NodeJs, packages, project, run, shell, ui};
use anyhow::{Context as _, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use table::{Goal, Row, tell};

/// One measurement and what it is measured against.
struct Bench {
    name: &'static str,
    run: fn(&Folder) -> Result<()>,
    /// The app's window is part of it, whose building takes as long as everything else.
    window: bool,
}

const ALL: &[Bench] = &[
    Bench { name: "start", run: start::ready, window: false },
    Bench { name: "idle", run: start::idle, window: false },
    Bench { name: "seen", run: start::seen, window: false },
    Bench { name: "accepted", run: copy::print, window: false },
    Bench { name: "print", run: beside::print, window: false },
    Bench { name: "drive", run: beside::drive, window: false },
    Bench { name: "get", run: copy::get, window: false },
    Bench { name: "window", run: window::window, window: true },
];

/// Runs what the words after `bench` name, or everything.
pub(crate) fn bench(words: &[String]) -> Result<()> {
    let (flags, names): (Vec<&str>, Vec<&str>) =
        words.iter().map(String::as_str).partition(|word| word.starts_with('-'));
    if let Some(flag) = flags.iter().find(|flag| **flag != "--record") {
        bail!("unexpected argument {flag:?}; usage: cargo xtask bench [--record] [NAME…]");
    }
    if let Some(unknown) = names.iter().find(|name| ALL.iter().all(|bench| bench.name != **name)) {
        let known: Vec<_> = ALL.iter().map(|bench| bench.name).collect();
        bail!("there is no measurement {unknown:?}; there are {}", known.join(", "));
    }
    packages::install(packages::BUILD)?;
    packages::install(packages::BENCH)?;
    ui::build(&NodeJs::find()?)?;
    let wanted: Vec<_> = ALL.iter().filter(|bench| names.is_empty() || names.contains(&bench.name)).collect();
    if wanted.iter().any(|bench| bench.window) {
        run::build(true)?;
    } else {
        run::build_command()?;
    }
    println!();
    let mut failed = 0;
    for bench in wanted {
        let folder = Folder::new(bench.name)?;
        if let Err(error) = (bench.run)(&folder) {
            failed += 1;
            println!("{:44} could not be measured: {error:#}", bench.name);
        }
    }
    if !flags.is_empty() {
        table::record()?;
    }
    anyhow::ensure!(failed == 0, "{failed} could not be measured");
    Ok(())
}

/// A folder for one measurement; removed when dropped.
pub(crate) struct Folder {
    path: PathBuf,
    mounted: bool,
}

impl Folder {
    fn new(name: &str) -> Result<Self> {
        let path = project::target().join("bench").join(name);
        if path.exists() {
            fs::remove_dir_all(&path)?;
        }
        fs::create_dir_all(&path).with_context(|| format!("making {}", path.display()))?;
        Ok(Self { path, mounted: false })
    }

    /// Another one in memory: a slow disk would be the same limit for everyone. None without the right to mount
    /// one; `/dev/shm` will not do, because a node refuses to share what belongs to the system.
    fn in_memory(name: &str, bytes: u64) -> Result<Option<Self>> {
        let mut folder = Self::new(name)?;
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={bytes}"), "tmpfs"]).arg(&folder.path);
        folder.mounted = shell::read(&mut mount).is_ok();
        Ok(folder.mounted.then_some(folder))
    }

    fn path(&self) -> &Path {
        &self.path
    }

    /// A release node on the loopback interface with its data in here.
    fn node(&self, name: &str) -> Result<demo::Node> {
        demo::Node::start_quietly(Some(&self.path.join(name)), name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.mounted {
            let _ = Command::new("umount").arg(&self.path).status();
        }
        let _ = fs::remove_dir_all(&self.path);
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// The middle one.
fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
