//! Power cuts, broken cables and bad lines while a file is copied: the copy is whole and identical, or not there.

use crate::office::Pair;
use anyhow::{Context, Result, ensure};
use lanyard_api::TransferState;
use lanyard_tests::{documents, impair, runner::remark, scenarios, soon};
use std::{fs, net::Ipv4Addr, thread, time::Duration};

/// Three seconds at 20 Mbit/s.
const SIZE: usize = 8_000_000;
/// By then a copy is really under way.
const UNDER_WAY: u64 = 1_000_000;
const SOON: Duration = Duration::from_secs(10);
/// Twenty-five seconds of silence count as gone; then it has to be found and the rest be copied.
const LATE: Duration = Duration::from_secs(75);

scenarios![
    the_owner_is_killed_in_the_middle_of_a_copy,
    the_receiver_is_killed_in_the_middle_of_a_copy,
    the_owner_is_killed_while_it_is_given_a_file,
    the_giver_is_killed_in_the_middle_of_a_copy,
    the_cable_is_pulled_and_put_back,
    the_address_changes_in_the_middle_of_a_copy,
    a_file_that_changes_meanwhile_is_never_mixed,
    a_share_taken_back_meanwhile_ends_the_copy,
    a_disk_that_fills_up_meanwhile_stops_the_copy_until_there_is_room,
    #[alone]
    a_lossy_slow_line_still_copies_identically,
];

fn the_owner_is_killed_in_the_middle_of_a_copy() -> Result<()> {
    interrupted_get(|pair| {
        pair.owner.kill()?;
        thread::sleep(Duration::from_secs(1));
        pair.owner.start_again()
    })
}

fn the_receiver_is_killed_in_the_middle_of_a_copy() -> Result<()> {
    interrupted_get(|pair| {
        pair.sender.kill()?;
        pair.sender.start_again()
    })
}

fn the_cable_is_pulled_and_put_back() -> Result<()> {
    interrupted_get(|pair| {
        pair.owner.host().unplug()?;
        thread::sleep(Duration::from_secs(5));
        pair.owner.host().plug()
    })
}

fn the_address_changes_in_the_middle_of_a_copy() -> Result<()> {
    interrupted_get(|pair| {
        pair.owner.host().change_address(Ipv4Addr::new(10, 77, 0, 88), "fd77::88".parse()?)
    })
}

fn interrupted_get(strike: impl Fn(&mut Pair) -> Result<()>) -> Result<()> {
    let mut pair = Pair::new()?;
    let folder = pair.share(false)?;
    let content = documents::noise(SIZE, 21);
    fs::write(folder.join("big.bin"), &content)?;
    impair::rate(pair.owner.host(), 20, pair.sender.host())?;
    let here = pair.folder("here")?;
    let _command = pair.sender.spawn(&["get", "Shared:big.bin", &here.to_string_lossy()])?;
    pair.sender.is_copying(UNDER_WAY, SOON)?;
    ensure!(!here.join("big.bin").exists(), "half a file under the final name");
    strike(&mut pair)?;
    ensure!(
        !here.join("big.bin").exists() || fs::read(here.join("big.bin"))? == content,
        "half a file under the final name"
    );
    let copy = pair.sender.copy_becomes(TransferState::Done, LATE)?;
    ensure!(copy.bytes_done == SIZE as u64, "{copy:?}");
    ensure!(fs::read(here.join("big.bin"))? == content, "the copy is different");
    let left: Vec<_> = fs::read_dir(&here)?.collect::<Result<_, _>>()?;
    ensure!(left.len() == 1, "more than the copy is left: {left:?}");
    Ok(())
}

fn the_owner_is_killed_while_it_is_given_a_file() -> Result<()> {
    interrupted_put(|pair| {
        pair.owner.kill()?;
        thread::sleep(Duration::from_secs(1));
        pair.owner.start_again()
    })
}

fn the_giver_is_killed_in_the_middle_of_a_copy() -> Result<()> {
    interrupted_put(|pair| {
        pair.sender.kill()?;
        pair.sender.start_again()
    })
}

fn interrupted_put(strike: impl Fn(&mut Pair) -> Result<()>) -> Result<()> {
    let mut pair = Pair::new()?;
    let folder = pair.share(true)?;
    let content = documents::noise(SIZE, 22);
    let file = pair.file("gift.bin", &content)?;
    impair::rate(pair.sender.host(), 20, pair.owner.host())?;
    let _command = pair.sender.spawn(&["put", &file, "Shared:"])?;
    pair.sender.is_copying(UNDER_WAY, SOON)?;
    strike(&mut pair)?;
    let there = folder.join("gift.bin");
    ensure!(!there.exists() || fs::read(&there)? == content, "half a file under the final name");
    pair.sender.copy_becomes(TransferState::Done, LATE)?;
    ensure!(fs::read(&there)? == content, "the copy is different");
    Ok(())
}

fn a_file_that_changes_meanwhile_is_never_mixed() -> Result<()> {
    let pair = Pair::new()?;
    let folder = pair.share(false)?;
    let (old, new) = (documents::noise(SIZE, 23), documents::noise(SIZE, 24));
    fs::write(folder.join("big.bin"), &old)?;
    impair::rate(pair.owner.host(), 20, pair.sender.host())?;
    let here = pair.folder("here")?;
    let mut command = pair.sender.spawn(&["get", "Shared:big.bin", &here.to_string_lossy()])?;
    pair.sender.is_copying(UNDER_WAY, SOON)?;
    fs::write(folder.join("big.bin"), &new)?;
    let status = command.wait(Duration::from_secs(60))?.context("the command was killed")?;
    let copy = pair.sender.transfers()?.into_iter().next().context("no copy")?;
    remark(format!("exit status {status}, {:?}, {:?}", copy.state, copy.detail));
    if status == 0 {
        let got = fs::read(here.join("big.bin"))?;
        ensure!(got == old || got == new, "a mixture of two files was called done");
    } else {
        ensure!(!here.join("big.bin").exists(), "a failed copy under the final name");
        ensure!(!command.errors().trim().is_empty(), "no reason");
    }
    Ok(())
}

fn a_share_taken_back_meanwhile_ends_the_copy() -> Result<()> {
    let pair = Pair::new()?;
    let folder = pair.share(false)?;
    fs::write(folder.join("big.bin"), documents::noise(SIZE, 27))?;
    impair::rate(pair.owner.host(), 20, pair.sender.host())?;
    let here = pair.folder("here")?;
    let mut command = pair.sender.spawn(&["get", "Shared:big.bin", &here.to_string_lossy()])?;
    pair.sender.is_copying(UNDER_WAY, SOON)?;
    pair.owner.run(&["unshare", "Shared"])?;
    ensure!(command.wait(Duration::from_secs(30))? == Some(1), "the copy went on");
    remark(format!("{:?}", command.errors().trim().lines().last()));
    let failed = pair.sender.copy_becomes(TransferState::Failed, SOON)?;
    ensure!(failed.bytes_done < SIZE as u64, "everything was handed out: {failed:?}");
    ensure!(!here.join("big.bin").exists(), "half a file under the final name");
    Ok(())
}

fn a_disk_that_fills_up_meanwhile_stops_the_copy_until_there_is_room() -> Result<()> {
    let pair = Pair::new()?;
    let folder = pair.share(false)?;
    let content = documents::noise(SIZE, 26);
    fs::write(folder.join("big.bin"), &content)?;
    impair::rate(pair.owner.host(), 20, pair.sender.host())?;
    let host = pair.sender.host();
    let stick = host.dir().join("stick");
    host.small_disk(&stick, 10 << 20)?;
    let path = stick.to_string_lossy();
    let mut command = pair.sender.spawn(&["get", "Shared:big.bin", &path])?;
    pair.sender.is_copying(UNDER_WAY, SOON)?;
    let filler = host.output(&["dd", "if=/dev/zero", &format!("of={path}/filler"), "bs=64k"])?;
    ensure!(String::from_utf8_lossy(&filler.stderr).contains("No space left"), "the disk is not full");
    ensure!(command.wait(Duration::from_secs(30))? == Some(1), "the command did not fail");
    let reason = command.errors();
    remark(format!("{:?}", reason.trim().lines().last()));
    let failed = pair.sender.copy_becomes(TransferState::Failed, SOON)?;
    ensure!(failed.reason.as_deref() == Some("disk_full"), "{failed:?}");
    let there = host.seen_from_here(&stick);
    ensure!(!there.join("big.bin").exists(), "half a file under the final name");

    host.run(&["rm", &format!("{path}/filler")])?;
    pair.sender.run(&["resume", &failed.id])?;
    // `resume` answers once the copy is on its way again.
    soon("it goes on", SOON, || {
        ensure!(pair.sender.transfers()?.first().is_some_and(|copy| copy.state != TransferState::Failed));
        Ok(())
    })?;
    pair.sender.copy_becomes(TransferState::Done, LATE)?;
    ensure!(fs::read(there.join("big.bin"))? == content, "the copy is different");
    Ok(())
}

fn a_lossy_slow_line_still_copies_identically() -> Result<()> {
    let pair = Pair::new()?;
    let folder = pair.share(false)?;
    let content = documents::noise(SIZE / 2, 25);
    fs::write(folder.join("big.bin"), &content)?;
    let rate = impair::rate(pair.owner.host(), 20, pair.sender.host())?;
    let loss = impair::loss(pair.sender.host(), 5, pair.owner.host())?;
    let here = pair.folder("here")?;
    let begun = std::time::Instant::now();
    pair.sender.run(&["get", "Shared:big.bin", &here.to_string_lossy()])?;
    remark(format!("{rate:.1} Mbit/s and {loss:.1} % loss: 4 MB in {:.1} s", begun.elapsed().as_secs_f64()));
    ensure!(fs::read(here.join("big.bin"))? == content, "the copy is different");
    Ok(())
}
