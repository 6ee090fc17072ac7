//! Lines as people have them: a gigabit, and one that loses packets.

use super::{Beside, MIB, Most, in_turns, same_size, tell, write_large};
use anyhow::Result;
use lanyard_tests::{
    Host,
    impair::{self, Way},
    runner::remark,
};
use std::fs;

/// What `host` sends is limited to so much; a burst large enough for the timer of this kernel.
fn limit(host: &Host, mbit: u64) -> Result<()> {
    let rate = format!("{mbit}mbit");
    host.run(&[
        "tc", "qdisc", "replace", "dev", "eth0", "root", "tbf", "rate", &rate, "burst", "1mb", "latency",
        "50ms",
    ])
    .map(drop)
}

pub(super) fn a_gigabit_line() -> Result<()> {
    const SIZE: u64 = 1_024;
    let beside = Beside::new(SIZE + 64)?;
    write_large(&beside.there("large.bin"), SIZE)?;
    limit(beside.owner.host(), 1_000)?;
    let line = impair::measure_rate(beside.owner.host(), beside.sender.host(), SIZE * MIB / 2)?;
    let to = beside.here("copy.bin");
    let ways: [super::Way<'_>; 2] = [
        ("lanyard get", Box::new(|| beside.sender.time(&["get", "Drive:large.bin", &to]))),
        ("curl, nginx", Box::new(|| beside.servers.curl_get("large.bin", &to))),
    ];
    let copy = beside.seen_here("copy.bin");
    let costs = in_turns(&beside, 2, &ways, |_| {
        same_size(&copy, SIZE * MIB)?;
        Ok(fs::remove_file(&copy)?)
    })?;
    let rate = |at: usize| (SIZE * MIB) as f64 * 8.0 / 1e6 / costs[at].took.as_secs_f64();
    remark(format!("curl from nginx {:.0} Mbit/s", rate(1)));
    tell(
        "1 GiB down a gigabit line",
        "Mbit/s",
        rate(0),
        Some(("one TCP stream", line)),
        Most::AtLeastTimes(0.95),
    );
    Ok(())
}

pub(super) fn a_line_that_loses() -> Result<()> {
    const SIZE: u64 = 48;
    /// Cubic, which most computers have. Where a namespace may not have it, Reno, which at such a distance does the same.
    const CUBIC: &str = "cd /proc/sys/net/ipv4
        echo cubic > tcp_congestion_control 2>/dev/null || echo reno > tcp_congestion_control";
    let beside = Beside::prepared(SIZE + 64, &["--write"], CUBIC)?;
    write_large(&beside.there("large.bin"), SIZE)?;
    let (ada, ben) = (beside.sender.host(), beside.owner.host());
    let way = Way { delay: 2, differs: 1, lost: 0 };
    let (_cable, round_trip) = impair::long_cable(&beside.lab, ben, ada, way)?;
    beside.sender.finds_drive("Drive")?;
    limit(ben, 100)?;
    let loss = impair::loss(ada, 1, ben)?;
    let to = beside.here("copy.bin");
    let ways: [super::Way<'_>; 2] = [
        ("lanyard get", Box::new(|| beside.sender.time(&["get", "Drive:large.bin", &to]))),
        ("curl, one plain connection", Box::new(|| beside.servers.curl_get_plain("large.bin", &to))),
    ];
    let copy = beside.seen_here("copy.bin");
    let costs = in_turns(&beside, 2, &ways, |_| {
        same_size(&copy, SIZE * MIB)?;
        Ok(fs::remove_file(&copy)?)
    })?;
    let rate = |at: usize| (SIZE * MIB) as f64 * 8.0 / 1e6 / costs[at].took.as_secs_f64();
    remark(format!("{loss:.1} % loss, {round_trip:.1} ms there and back"));
    tell(
        "100 Mbit/s, 5 ms, 1 % loss",
        "Mbit/s",
        rate(0),
        Some(("curl, one plain connection", rate(1))),
        Most::AtLeastTimes(3.0),
    );
    Ok(())
}
