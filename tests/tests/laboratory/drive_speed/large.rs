//! One large file in each direction, encrypted, by everybody who can.

use super::{Beside, Cost, MIB, Most, Way, in_turns, large, same_size, tell, write_large};
use anyhow::Result;
use std::fs;

const ROUNDS: usize = 4;

pub(super) fn a_large_file_down() -> Result<()> {
    let mib = large();
    let beside = Beside::new(mib + 64)?;
    write_large(&beside.there("large.bin"), mib)?;
    let to = beside.here("copy.bin");
    let servers = &beside.servers;
    let mut ways: Vec<Way<'_>> = vec![
        (
            "lanyard get, for the first time",
            Box::new(|| beside.sender.time(&["get", "Drive:large.bin", &to])),
        ),
        ("lanyard get, again", Box::new(|| beside.sender.time(&["get", "Drive:large.bin", &to]))),
        ("curl, nginx", Box::new(|| servers.curl_get("large.bin", &to))),
        ("smbclient, encrypted", Box::new(|| servers.samba(&format!("get large.bin {to}")))),
        ("rclone, WebDAV", Box::new(|| servers.rclone(":webdav:large.bin", &to))),
    ];
    if servers.with_dufs() {
        ways.push(("curl, dufs", Box::new(|| servers.dufs_get("large.bin", &to))));
    }
    let there = beside.there("large.bin");
    let copy = beside.seen_here("copy.bin");
    let costs = in_turns(&beside, ROUNDS, &ways, |name| {
        same_size(&copy, mib * MIB)?;
        fs::remove_file(&copy)?;
        if name == "lanyard get, again" {
            // Nothing is known any more of a file that has another time.
            let now = std::time::SystemTime::now() - std::time::Duration::from_secs(60);
            fs::File::options().write(true).open(&there)?.set_modified(now)?;
        }
        Ok(())
    })?;
    told("get", mib, &costs, &ways);
    Ok(())
}

pub(super) fn a_large_file_up() -> Result<()> {
    let mib = large();
    let beside = Beside::new(mib + 64)?;
    write_large(&beside.seen_here("large.bin"), mib)?;
    let from = beside.here("large.bin");
    let servers = &beside.servers;
    let mut ways: Vec<Way<'_>> = vec![
        ("lanyard put", Box::new(|| beside.sender.time(&["put", &from, "Drive:copy.bin"]))),
        ("curl, nginx", Box::new(|| servers.curl_put(&from, "copy.bin"))),
        ("smbclient, encrypted", Box::new(|| servers.samba(&format!("put {from} copy.bin")))),
        ("rclone, WebDAV", Box::new(|| servers.rclone(&from, ":webdav:copy.bin"))),
    ];
    if servers.with_dufs() {
        ways.push(("curl, dufs", Box::new(|| servers.dufs_put(&from, "copy.bin"))));
    }
    let copy = beside.there("copy.bin");
    let costs = in_turns(&beside, ROUNDS, &ways, |_| {
        same_size(&copy, mib * MIB)?;
        Ok(fs::remove_file(&copy)?)
    })?;
    told("put", mib, &costs, &ways);
    Ok(())
}

fn told(verb: &str, mib: u64, costs: &[Cost], ways: &[Way<'_>]) {
    let rate = |cost: &Cost| (mib * MIB) as f64 / 1e6 / cost.took.as_secs_f64();
    let each = |cost: &Cost| cost.used.as_secs_f64() / (mib as f64 / 1_024.0);
    for (cost, (name, _)) in costs.iter().zip(ways) {
        println!("{verb}: {name}: {:.0} MB/s, {:.2} CPU-s/GiB", rate(cost), each(cost));
    }
    let of = |wanted: &str| costs.iter().zip(ways).find(|(_, way)| way.0 == wanted).map(|(cost, _)| *cost);
    let (Some(ours), Some(curl)) = (costs.first(), of("curl, nginx")) else { return };
    let others = costs.iter().zip(ways).filter(|(_, way)| !way.0.starts_with("lanyard"));
    let Some((fastest, (who, _))) = others.min_by_key(|(cost, _)| cost.took) else { return };
    let (used, took) = if verb == "get" {
        ("a large file down, verified, both ends", "a large file down, verified")
    } else {
        ("a large file up, verified, both ends", "a large file up, verified")
    };
    tell(used, "CPU-s/GiB", each(ours), Some(("curl, nginx", each(&curl))), Most::Times(1.15));
    tell(took, "MB/s", rate(ours), Some((who, rate(fastest))), Most::AtLeastTimes(1.2));
    if let Some(again) = of("lanyard get, again") {
        tell("the same once its hash is known", "MB/s", rate(&again), None, Most::Nothing);
    }
}
