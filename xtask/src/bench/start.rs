//! A node by itself, and how soon another one sees it.

use super::{Folder, Goal, Row, median, millis, tell};
use crate::{demo, shell};
use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use std::fs;
use std::process::{Command, Stdio};
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::{Duration, Instant};

/// From the start of the process to the line that says it is ready.
pub(super) fn ready(folder: &Folder) -> Result<()> {
    let mut first = Vec::new();
    for round in 0..5 {
        first.push(folder.node(&format!("first-{round}"))?.ready_after());
    }
    let mut later = Vec::new();
    for _ in 0..20 {
        later.push(folder.node("first-0")?.ready_after());
    }
    let (first, later) = (millis(median(&mut first)), millis(median(&mut later)));
    tell(Row::of("ready, first start (makes key and store)", first, "ms", Goal::Most(150.0)));
    tell(Row::of("ready, later starts (median of 20)", later, "ms", Goal::Most(150.0)));
    Ok(())
}

/// Memory and processor of a node that has a neighbour and nothing to do.
pub(super) fn idle(folder: &Folder) -> Result<()> {
    const WATCHED: Duration = Duration::from_secs(30);
    let node = folder.node("idle")?;
    let _neighbour = folder.node("neighbour")?;
    thread::sleep(Duration::from_secs(8));
    let before = processor_seconds(node.pid())?;
    thread::sleep(WATCHED);
    let used = processor_seconds(node.pid())? - before;
    let percent = used / WATCHED.as_secs_f64() * 100.0;
    tell(Row::of("idle memory (resident)", resident_megabytes(node.pid())?, "MB", Goal::Most(20.0)));
    tell(Row::of("idle processor over 30 s", percent, "%", Goal::Most(0.3)));
    Ok(())
}

/// From a node's "ready" to the moment at which a node that was there already lists it.
pub(super) fn seen(folder: &Folder) -> Result<()> {
    const ROUNDS: usize = 30;
    let watcher = folder.node("watcher")?;
    let mut watch = shell::tied(&watcher.command(&["nearby", "--watch", "--json"]))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("starting `lanyard nearby --watch`")?;
    let lines = demo::lines(watch.stdout.take());
    let result = rounds(folder, &lines, ROUNDS);
    let _ = watch.kill();
    let _ = watch.wait();
    let mut times = result?;
    let middle = millis(median(&mut times));
    // Of thirty, the slowest stands for the slowest in a hundred.
    let slowest = millis(times.last().copied().unwrap_or_default());
    tell(Row::of("seen by a peer after ready, middle of 30", middle, "ms", Goal::Most(500.0)));
    tell(Row::of("seen by a peer after ready, slowest", slowest, "ms", Goal::Most(1500.0)));
    Ok(())
}

fn rounds(folder: &Folder, lines: &Receiver<(String, Instant)>, rounds: usize) -> Result<Vec<Duration>> {
    let mut times = Vec::new();
    for _ in 0..rounds {
        let newcomer = folder.node("newcomer")?;
        let seen = until(lines, true).context("the newcomer was not seen")?;
        times.push(seen.saturating_duration_since(newcomer.ready()));
        drop(newcomer);
        until(lines, false).context("the newcomer's goodbye was not heard")?;
    }
    Ok(times)
}

/// The time of the first line that lists (or does not list) the newcomer as online.
fn until(lines: &Receiver<(String, Instant)>, there: bool) -> Result<Instant> {
    let end = Instant::now() + Duration::from_secs(40);
    loop {
        let left = end.saturating_duration_since(Instant::now());
        ensure!(!left.is_zero(), "waited 40 s");
        let (line, time) = lines.recv_timeout(left).context("`lanyard nearby --watch` said nothing")?;
        let nearby: Value = serde_json::from_str(&line).with_context(|| format!("reading {line:?}"))?;
        let online = nearby["devices"]
            .as_array()
            .into_iter()
            .flatten()
            .any(|device| device["name"] == "newcomer" && device["state"] == "online");
        if online == there {
            return Ok(time);
        }
    }
}

fn processor_seconds(pid: u32) -> Result<f64> {
    let ticks: f64 = shell::read(Command::new("getconf").arg("CLK_TCK"))?.trim().parse()?;
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let after_name = stat.rsplit_once(')').context("a strange /proc file")?.1;
    // Fields 14 and 15 of proc(5); the name was the second.
    let used: f64 =
        after_name.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<f64>().ok()).sum();
    Ok(used / ticks)
}

fn resident_megabytes(pid: u32) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("no VmRSS")?;
    let kilobytes: f64 = line.split_whitespace().nth(1).context("no number")?.parse()?;
    Ok(kilobytes * 1024.0 / 1e6)
}
