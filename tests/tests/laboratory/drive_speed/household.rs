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

/// Bytes of the file that several serve.
const SIZE: usize = 150_000_000;

/// The middle one of so many copies, in Mbit/s.
fn rate(served: &Served, to: &str, times: usize) -> Result<f64> {
    let mut times = (0..times).map(|_| served.get(to)).collect::<Result<Vec<f64>>>()?;
    times.sort_by(f64::total_cmp);
    Ok(SIZE as f64 * 8.0 / 1e6 / times[times.len() / 2])
}

pub(super) fn three_peers() -> Result<()> {
    let served = Served::new(SIZE, &[60, 60, 60])?;
    served.share(0)?;
    let one = rate(&served, "one.bin", 2)?;
    served.share(1)?;
    served.share(2)?;
    let three = rate(&served, "three.bin", 3)?;
    tell(
        "one file from three peers of 60 Mbit/s",
        "Mbit/s",
        three,
        Some(("from one", one)),
        Most::AtLeastTimes(2.6),
    );
    Ok(())
}

/// The third one holds pieces of the end, and is slow to bring them.
pub(super) fn a_slow_peer() -> Result<()> {
    let served = Served::new(SIZE, &[60, 60, 8])?;
    served.share(0)?;
    served.share(1)?;
    let without = rate(&served, "two.bin", 3)?;
    served.share(2)?;
    let with = rate(&served, "three.bin", 3)?;
    tell(
        "one file from two of 60 Mbit/s and one of 8",
        "Mbit/s",
        with,
        Some(("without the slow one", without)),
        Most::AtLeastTimes(0.87),
    );
    Ok(())
}
