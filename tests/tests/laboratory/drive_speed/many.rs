//! Many small things: a tree of small files, small ranges, a folder with very many names.

use super::{Beside, MIB, Most, Way, in_turns, millis, tell, write_large, write_small};
use anyhow::{Context, Result, ensure};
use lanyard_api::Listing;
use std::{fs, path::Path};

const ROUNDS: usize = 4;
const FILES: usize = 10_000;

pub(super) fn a_tree_of_small_files() -> Result<()> {
    let beside = Beside::new(512)?;
    write_small(&beside.there("many"), FILES)?;
    let (to, servers) = (beside.here("copy"), &beside.servers);
    let ways: [Way<'_>; 3] = [
        ("lanyard get", Box::new(|| beside.sender.time(&["get", "Drive:many", &to]))),
        (
            "smbclient, encrypted",
            Box::new(|| servers.samba(&format!("prompt off; recurse on; lcd {to}; mget many"))),
        ),
        ("rsync daemon", Box::new(|| servers.rsync(&servers.module("many/"), &format!("{to}/")))),
    ];
    let seen = beside.seen_here("copy");
    fs::create_dir(&seen)?;
    let down = in_turns(&beside, ROUNDS, &ways, |_| emptied(&seen))?;
    told("10,000 × 4 KiB down", "10,000 × 4 KiB down, beside rsync", &down);

    let from = beside.here("many");
    write_small(&beside.seen_here("many"), FILES)?;
    let above = beside.here("");
    let ways: [Way<'_>; 3] = [
        ("lanyard put", Box::new(|| beside.sender.time(&["put", &from, "Drive:box"]))),
        (
            "smbclient, encrypted",
            Box::new(|| {
                servers.samba(&format!("prompt off; recurse on; lcd {above}; mkdir box; cd box; mput many"))
            }),
        ),
        ("rsync daemon", Box::new(|| servers.rsync(&format!("{from}/"), &servers.module("box/")))),
    ];
    let there = beside.there("box");
    let up = in_turns(&beside, ROUNDS, &ways, |_| {
        ensure!(files(&there)? == FILES, "not everything is there");
        Ok(fs::remove_dir_all(&there)?)
    })?;
    told("10,000 × 4 KiB up", "10,000 × 4 KiB up, beside rsync", &up);
    Ok(())
}

fn told(what: &'static str, beside_rsync: &'static str, costs: &[super::Cost]) {
    let rate = |at: usize| FILES as f64 / costs[at].took.as_secs_f64();
    tell(what, "files/s", rate(0), Some(("smbclient, encrypted", rate(1))), Most::AtLeastTimes(6.0));
    tell(beside_rsync, "files/s", rate(0), Some(("rsync daemon", rate(2))), Most::AtLeastTimes(1.0));
}

/// Everything came; the folder is empty again.
fn emptied(folder: &Path) -> Result<()> {
    let there = files(folder)?;
    ensure!(there == FILES, "{there} of {FILES} files came");
    for entry in fs::read_dir(folder)? {
        fs::remove_dir_all(entry?.path())?;
    }
    Ok(())
}

fn files(root: &Path) -> Result<usize> {
    let (mut folders, mut count) = (vec![root.to_owned()], 0);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else {
                count += 1;
            }
        }
    }
    Ok(count)
}

pub(super) fn small_ranges() -> Result<()> {
    const SIZE: u64 = 512;
    let beside = Beside::new(SIZE + 16)?;
    write_large(&beside.there("large.bin"), SIZE)?;
    let address = format!("{}:{}", beside.owner.host().ipv4()?, beside.owner.status()?.port);
    let path = format!("/v1/drives/{}/file?path=large.bin", beside.share()?);
    // Without a node of its own: one address may have no more connections than these.
    let asker = beside.lab.host("cem")?;
    let key = asker.dir().join("key").to_string_lossy().into_owned();
    let asked = [&address, &key, &path, &(SIZE * MIB).to_string(), "32", "5"];
    let mut rates = Vec::new();
    for _ in 0..3 {
        let said = asker.run_inside(&[&["ranges"], &asked[..]].concat())?;
        rates.push(said.trim().parse::<f64>().with_context(|| said)?);
    }
    rates.sort_by(f64::total_cmp);
    tell("64 KiB ranges on 32 connections, TLS", "/s", rates[1], None, Most::AtLeast(10_000.0));
    Ok(())
}

pub(super) fn a_folder_of_a_hundred_thousand() -> Result<()> {
    const NAMES: usize = 100_000;
    let mut beside = Beside::new(600)?;
    let folder = beside.there("names");
    fs::create_dir(&folder)?;
    for number in 0..NAMES {
        fs::write(folder.join(format!("a name of usual length {number:06}.txt")), "")?;
    }
    let address = format!("{}:{}", beside.owner.host().ipv4()?, beside.owner.status()?.port);
    let path = format!("/v1/drives/{}/list?path=names", beside.share()?);
    let key = beside.here("key");
    let mut first = Vec::new();
    for _ in 0..9 {
        let said = beside.sender.host().run_inside(&["first-page", &address, &key, &path])?;
        first.push(said.trim().parse::<f64>().with_context(|| said)? / 1_000.0);
    }
    first.sort_by(f64::total_cmp);
    tell("100,000 names: the first thousand", "ms", first[first.len() / 2], None, Most::Value(50.0));
    let listing: Listing = beside.sender.json(&["ls", "Drive:names"])?;
    ensure!(listing.entries.len() == NAMES, "{} names", listing.entries.len());
    drop(listing);
    let servers = &beside.servers;
    let ways: [Way<'_>; 2] = [
        ("lanyard ls", Box::new(|| beside.sender.time(&["ls", "Drive:names"]))),
        ("smbclient, encrypted", Box::new(|| servers.samba("cd names; ls"))),
    ];
    let costs = in_turns(&beside, ROUNDS, &ways, |_| Ok(()))?;
    drop(ways);
    let rate = |at: usize| NAMES as f64 / costs[at].took.as_secs_f64();
    println!("ls: {:.0} ms, smbclient: {:.0} ms", millis(costs[0].took), millis(costs[1].took));
    tell(
        "100,000 names: all of them",
        "names/s",
        rate(0),
        Some(("smbclient, encrypted", rate(1))),
        Most::AtLeastTimes(4.0),
    );
    let most = beside.owner.process()?.most_kib()? as f64 * 1_024.0 / 1e6;
    tell("100,000 names: most memory of the owner's node", "MB", most, None, Most::Value(40.0));
    let most = beside.sender.process()?.most_kib()? as f64 * 1_024.0 / 1e6;
    tell("100,000 names: most memory of the asker's node", "MB", most, None, Most::Value(40.0));
    Ok(())
}
