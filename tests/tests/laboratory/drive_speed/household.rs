//! A node that shares and has nothing to do, and several that serve one file.

use super::{Most, tell};
use crate::trees::Served;
use anyhow::Result;
use lanyard_tests::{Lab, Node};
use std::{fs, thread, time::Duration};

pub(super) fn ten_shares() -> Result<()> {
    let lab = Lab::new()?;
    let (mut owner, sender) = (Node::at_home(&lab.host("ben")?)?, Node::at_home(&lab.host("ada")?)?);
    for number in 0..10 {
        let folder = owner.host().dir().join(format!("folder {number}"));
        fs::create_dir(&folder)?;
        owner.run(&["share", "folder", &folder.to_string_lossy(), "--name", &format!("Folder {number}")])?;
    }
    sender.finds_drive("Folder 9")?;
    // Whatever a start needs is given back by then.
    thread::sleep(Duration::from_secs(20));
    let resident = owner.process()?.rss_kib()? as f64 * 1_024.0 / 1e6;
    tell("memory of an idle node with ten shares", "MB", resident, None, Most::Value(20.0));
    Ok(())
}

pub(super) fn three_peers() -> Result<()> {
    const SIZE: usize = 150_000_000;
    let served = Served::new(SIZE, &[60, 60, 60])?;
    served.share(0)?;
    let (mut one, mut three) = (Vec::new(), Vec::new());
    for _ in 0..2 {
        one.push(served.get("one.bin")?);
    }
    served.share(1)?;
    served.share(2)?;
    for _ in 0..3 {
        three.push(served.get("three.bin")?);
    }
    let rate = |mut times: Vec<f64>| {
        times.sort_by(f64::total_cmp);
        SIZE as f64 * 8.0 / 1e6 / times[times.len() / 2]
    };
    tell(
        "one file from three peers of 60 Mbit/s",
        "Mbit/s",
        rate(three),
        Some(("from one", rate(one))),
        Most::AtLeastTimes(2.6),
    );
    Ok(())
}
