//! Figures, not tests: drives beside what people use today, in the same run and in turns.
//!
//! They run when asked for by `--measure` (`cargo xtask bench drive` does, with a release build) and assert nothing
//! about time: a goal that is missed is shown as missed. Both ends are computers of the laboratory with their files in
//! memory, so that no disk is measured; every way begins as often first as the others, and the first round of all warms
//! up and does not count. Processor time is that of both ends, servers and clients together.
//!
//! `LANYARD_BENCH_MIB` says how large the large file is, in MiB.

mod household;
mod large;
mod many;
mod mounted;
mod servers;
mod shaped;

use crate::measure::figure::{Figure, Most};
use anyhow::{Context, Result, ensure};
use household::{a_slow_peer, ten_shares, three_peers};
use lanyard_tests::{
    Host, Lab, Node, documents,
    inside::{Timed, usage},
    scenarios,
};
use large::{a_large_file_down, a_large_file_up};
use many::{a_folder_of_a_hundred_thousand, a_tree_of_small_files, small_ranges};
use mounted::{a_list_of_ten_thousand, read_through_the_mount};
use servers::Servers;
use shaped::{a_gigabit_line, a_line_that_loses};
use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};

scenarios![
    #[alone]
    a_large_file_down,
    #[alone]
    a_large_file_up,
    #[alone]
    a_gigabit_line,
    #[alone]
    a_line_that_loses,
    #[alone]
    a_tree_of_small_files,
    #[alone]
    small_ranges,
    #[alone]
    a_folder_of_a_hundred_thousand,
    #[alone]
    read_through_the_mount,
    #[alone]
    a_list_of_ten_thousand,
    #[alone]
    ten_shares,
    #[alone]
    three_peers,
    #[alone]
    a_slow_peer,
];

const MIB: u64 = 1 << 20;

/// `ben` has files in memory, a node and other servers that offer them; `ada` has a node, other clients, and memory to
/// copy to.
struct Beside {
    // Dropped in this order.
    servers: Servers,
    sender: Node,
    owner: Node,
    lab: Lab,
}

impl Beside {
    /// `memory` MiB of files at each end.
    fn new(memory: u64) -> Result<Self> {
        Self::shared(memory, &["--write"])
    }

    /// The same under another rule.
    fn shared(memory: u64, rule: &[&str]) -> Result<Self> {
        Self::prepared(memory, rule, ":")
    }

    /// The same on computers on which these words ran in a shell first.
    fn prepared(memory: u64, rule: &[&str], words: &str) -> Result<Self> {
        let lab = Lab::new()?;
        let (ada, ben) = (lab.host("ada")?, lab.host("ben")?);
        ada.sh(words)?;
        ben.sh(words)?;
        ben.small_disk(&ben.dir().join("shared"), memory * MIB)?;
        ada.small_disk(&ada.dir().join("here"), memory * MIB)?;
        let owner = Node::at_home(&ben)?;
        let sender = Node::at_home(&ada)?;
        let shared = ben.dir().join("shared");
        owner.run(&[&["share", "folder", &shared.to_string_lossy(), "--name", "Drive"], rule].concat())?;
        sender.finds_drive("Drive")?;
        let servers = Servers::start(&ben, &ada, &shared)?;
        Ok(Self { servers, sender, owner, lab })
    }

    /// A file or folder that `ben` shares, as the test sees it.
    fn there(&self, name: &str) -> PathBuf {
        let host = self.owner.host();
        host.seen_from_here(&host.dir().join("shared").join(name))
    }

    /// A path in `ada`'s memory, as she sees it.
    fn here(&self, name: &str) -> String {
        self.sender.host().dir().join("here").join(name).to_string_lossy().into_owned()
    }

    /// The same, as the test sees it.
    fn seen_here(&self, name: &str) -> PathBuf {
        self.sender.host().seen_from_here(Path::new(&self.here(name)))
    }

    fn share(&self) -> Result<String> {
        let shares: Vec<lanyard_api::Share> = self.owner.json(&["shares"])?;
        Ok(shares.into_iter().next().context("nothing is shared")?.id)
    }

    /// Processor time that everything on both computers has used so far.
    fn used(&self) -> Result<Duration> {
        Ok(used_on(self.owner.host())? + used_on(self.sender.host())?)
    }

    /// Runs a command of `ada`'s and tells its time and what both ends used for it.
    fn cost(&self, command: impl FnOnce() -> Result<Timed>) -> Result<Cost> {
        let before = self.used()?;
        let timed = command()?;
        Ok(Cost { took: timed.took, used: self.used()?.saturating_sub(before) + timed.used })
    }
}

/// What a run of something took.
#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    took: Duration,
    /// Processor time of both ends.
    used: Duration,
}

/// One way to do something: its name, and how.
type Way<'a> = (&'static str, Box<dyn Fn() -> Result<Timed> + 'a>);

/// Does it in every way, in turns, `rounds` times and once before that; `between` tidies up after each. The medians, in
/// the order of the ways.
fn in_turns(
    beside: &Beside,
    rounds: usize,
    ways: &[Way<'_>],
    between: impl Fn(&str) -> Result<()>,
) -> Result<Vec<Cost>> {
    let mut costs = vec![Vec::new(); ways.len()];
    for round in 0..=rounds {
        for turn in 0..ways.len() {
            let at = (round + turn) % ways.len();
            let (name, way) = &ways[at];
            let cost = beside.cost(way).with_context(|| format!("by {name}"))?;
            between(name)?;
            if round > 0 {
                costs[at].push(cost);
            }
        }
    }
    let middle = |costs: &[Cost], of: fn(&Cost) -> Duration| {
        let mut times: Vec<Duration> = costs.iter().map(of).collect();
        times.sort_unstable();
        times.get(times.len() / 2).copied().unwrap_or_default()
    };
    Ok(costs
        .iter()
        .map(|costs| Cost { took: middle(costs, |cost| cost.took), used: middle(costs, |cost| cost.used) })
        .collect())
}

fn used_on(host: &Host) -> Result<Duration> {
    let namespace = fs::read_link(format!("/proc/{}/ns/pid", host.pid()))?;
    let mut used = Duration::ZERO;
    for entry in fs::read_dir("/proc")?.flatten() {
        // A process that ends meanwhile is counted with its parent's children.
        if fs::read_link(entry.path().join("ns/pid")).is_ok_and(|other| other == namespace)
            && let Ok(stat) = fs::read_to_string(entry.path().join("stat"))
        {
            let (own, children) = usage(&stat)?;
            used += own + children;
        }
    }
    Ok(used)
}

/// MiB of the large file.
fn large() -> u64 {
    std::env::var("LANYARD_BENCH_MIB").ok().and_then(|text| text.parse().ok()).unwrap_or(2_048)
}

/// Content that nothing can shorten.
fn write_large(path: &Path, mib: u64) -> Result<()> {
    const PORTION: u64 = 64;
    let noise = documents::noise(usize::try_from(PORTION * MIB)?, 71);
    let mut file = File::create(path).with_context(|| path.display().to_string())?;
    for written in (0..mib).step_by(usize::try_from(PORTION)?) {
        let length = usize::try_from(PORTION.min(mib - written) * MIB)?;
        file.write_all(&noise[..length])?;
    }
    Ok(())
}

/// That many files of 4 KiB, in folders of a thousand.
fn write_small(root: &Path, count: usize) -> Result<()> {
    const EACH: usize = 4_096;
    let noise = documents::noise(EACH * 2, 72);
    for number in 0..count {
        let folder = root.join(format!("{:03}", number / 1_000));
        if number % 1_000 == 0 {
            fs::create_dir_all(&folder)?;
        }
        let from = number % EACH;
        fs::write(folder.join(format!("file {number:06}.bin")), &noise[from..from + EACH])?;
    }
    Ok(())
}

fn same_size(path: &Path, bytes: u64) -> Result<()> {
    let there = fs::metadata(path).with_context(|| path.display().to_string())?.len();
    ensure!(there == bytes, "{} has {there} bytes", path.display());
    Ok(())
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

fn tell(what: &'static str, unit: &'static str, ours: f64, peer: Option<(&'static str, f64)>, goal: Most) {
    Figure { what, unit, ours, peer, goal }.tell();
}
