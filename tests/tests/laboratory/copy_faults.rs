//! Power cuts, broken cables and bad lines while a file is copied: the copy is whole and identical, or not there.

use crate::{household, office::Pair};
use anyhow::{Context, Result, ensure};
use lanyard_api::{Ask, Transfer, TransferState};
use lanyard_tests::{
    Host, Lab, Node, Process, documents,
    impair::{self, Way},
    runner::remark,
    scenarios, soon,
};
use std::{fs, io::Write, net::Ipv4Addr, path::Path, thread, time::Duration};

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
    either_end_is_killed_again_and_again_while_a_file_comes,
    either_end_is_killed_again_and_again_while_a_file_is_given,
    the_cable_is_pulled_and_put_back,
    the_cable_is_out_for_half_a_minute,
    the_address_changes_in_the_middle_of_a_copy,
    a_file_that_changes_meanwhile_is_never_mixed,
    a_share_taken_back_meanwhile_ends_the_copy,
    a_disk_that_fills_up_here_holds_the_copy_until_there_is_room,
    a_disk_that_fills_up_there_holds_the_copy_until_there_is_room,
    a_disk_that_cannot_be_written_says_so_at_either_end,
    nothing_leaves_the_local_network_while_files_move,
    a_line_on_which_packets_overtake_each_other_and_get_lost_copies_identically,
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

fn the_cable_is_out_for_half_a_minute() -> Result<()> {
    interrupted_get(|pair| {
        pair.owner.host().unplug()?;
        thread::sleep(Duration::from_secs(30));
        pair.owner.host().plug()
    })
}

/// How large and how often: `LANYARD_BLOWS=2048x20` is 2 GiB and twenty times.
pub(crate) fn blows() -> Result<(usize, u32)> {
    let Ok(text) = std::env::var("LANYARD_BLOWS") else { return Ok((24, 4)) };
    let (mib, count) = text.split_once('x').context("LANYARD_BLOWS is to be MIBxCOUNT")?;
    Ok((mib.parse()?, count.parse()?))
}

/// Another number each time, of the digits of which nobody has thought.
fn at_random(below: u64) -> Result<u64> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).context("random numbers")?;
    Ok(u64::from_le_bytes(bytes) % below.max(1))
}

/// Kills one end after the other at times that nobody chose, until that was often enough or the copy is done. `looked`
/// looks at what is there each time before the node is started again.
pub(crate) fn killed_in_turns(
    pair: &mut Pair,
    size: u64,
    count: u32,
    looked: impl Fn() -> Result<()>,
) -> Result<u32> {
    let mut killed = 0;
    for number in 0..count {
        let copy =
            soon("there is a copy", SOON, || pair.sender.transfers()?.into_iter().next().context("none"))?;
        if copy.state == TransferState::Done {
            break;
        }
        let left = size.saturating_sub(copy.bytes_done);
        let until = copy.bytes_done + at_random(left / u64::from(count - number) + 1)?;
        // It may be done, or be waiting for the other end, before it is so far: then the blow falls where it is.
        let _ = pair.sender.is_copying(until, Duration::from_secs(8));
        thread::sleep(Duration::from_millis(at_random(150)?));
        let end = if number % 2 == 0 { &mut pair.sender } else { &mut pair.owner };
        end.kill()?;
        looked().with_context(|| format!("after blow {}", number + 1))?;
        end.start_again()?;
        killed += 1;
    }
    Ok(killed)
}

fn either_end_is_killed_again_and_again_while_a_file_comes() -> Result<()> {
    let (mib, count) = blows()?;
    let mut pair = Pair::new()?;
    let folder = pair.share(false)?;
    write_noise(&folder.join("big.bin"), mib)?;
    impair::rate(pair.owner.host(), 40.max(u32::try_from(mib)? / 2), pair.sender.host())?;
    let here = pair.folder("here")?;
    let _command = pair.sender.spawn(&["get", "Shared:big.bin", &here.to_string_lossy()])?;
    let halves = || whole_or_not_there(&here.join("big.bin"), &folder.join("big.bin"));
    let killed = killed_in_turns(&mut pair, (mib as u64) << 20, count, halves)?;
    pair.sender.copy_becomes(TransferState::Done, LATE * 4)?;
    identical(&folder.join("big.bin"), &here.join("big.bin"))?;
    let left: Vec<_> = fs::read_dir(&here)?.collect::<Result<_, _>>()?;
    ensure!(left.len() == 1, "more than the copy is left: {left:?}");
    remark(format!("{mib} MiB, {killed} times"));
    Ok(())
}

fn either_end_is_killed_again_and_again_while_a_file_is_given() -> Result<()> {
    let (mib, count) = blows()?;
    let mut pair = Pair::new()?;
    let folder = pair.share(true)?;
    let file = pair.folder("mine")?.join("gift.bin");
    write_noise(&file, mib)?;
    impair::rate(pair.sender.host(), 40.max(u32::try_from(mib)? / 2), pair.owner.host())?;
    let _command = pair.sender.spawn(&["put", &file.to_string_lossy(), "Shared:"])?;
    let halves = || whole_or_not_there(&folder.join("gift.bin"), &file);
    let killed = killed_in_turns(&mut pair, (mib as u64) << 20, count, halves)?;
    pair.sender.copy_becomes(TransferState::Done, LATE * 4)?;
    identical(&file, &folder.join("gift.bin"))?;
    let left: Vec<_> = fs::read_dir(&folder)?.collect::<Result<_, _>>()?;
    ensure!(left.len() == 1, "more than the file is left: {left:?}");
    remark(format!("{mib} MiB, {killed} times"));
    Ok(())
}

pub(crate) fn write_noise(path: &Path, mib: usize) -> Result<()> {
    let mut file = fs::File::create(path)?;
    for number in 0..mib {
        file.write_all(&documents::noise(1 << 20, number as u64))?;
    }
    Ok(())
}

fn whole_or_not_there(copy: &Path, original: &Path) -> Result<()> {
    if copy.exists() { identical(copy, original).context("half a file under its final name") } else { Ok(()) }
}

/// By a hash that is not ours.
pub(crate) fn identical(one: &Path, other: &Path) -> Result<()> {
    let output = std::process::Command::new("sha256sum").args([one, other]).output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let sums: Vec<&str> = text.lines().filter_map(|line| line.split_whitespace().next()).collect();
    ensure!(
        matches!(sums[..], [one, other] if one == other),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

fn a_disk_that_cannot_be_written_says_so_at_either_end() -> Result<()> {
    let pair = Pair::new()?;
    let folder = pair.share(true)?;
    let content = documents::noise(300_000, 28);
    fs::write(folder.join("a.bin"), &content)?;
    let (here, ben) = (pair.sender.host(), pair.owner.host());
    let stick = here.dir().join("stick");
    here.small_disk(&stick, 10 << 20)?;
    let path = stick.to_string_lossy();
    here.run(&["mount", "-o", "remount,ro", &path])?;
    let words = pair.sender.refuses(&["get", "Shared:a.bin", &path])?;
    remark(format!("{:?}", words.lines().last()));
    ensure!(words.contains("Read-only") || words.contains("read-only"), "{words}");
    let there = folder.join("disk");
    ben.small_disk(&there, 10 << 20)?;
    ben.run(&["mount", "-o", "remount,ro", &there.to_string_lossy()])?;
    let file = pair.file("gift.bin", &content)?;
    let words = pair.sender.refuses(&["put", &file, "Shared:disk/gift.bin"])?;
    remark(format!("{:?}", words.lines().last()));
    ensure!(words.contains("ben"), "it is not said whose disk it is: {words}");
    ben.run(&["mount", "-o", "remount,rw", &there.to_string_lossy()])?;
    here.run(&["mount", "-o", "remount,rw", &path])?;
    pair.sender.run(&["put", &file, "Shared:disk/gift.bin"])?;
    pair.sender.run(&["get", "Shared:a.bin", &path])?;
    ensure!(fs::read(ben.seen_from_here(&there).join("gift.bin"))? == content, "the file is different");
    ensure!(fs::read(here.seen_from_here(&stick).join("a.bin"))? == content, "the copy is different");
    Ok(())
}

/// Every packet that is meant for anybody who is not on this network.
const OUTWARD: &str = "(ip and not dst net 10.77.0.0/24 and not dst net 224.0.0.0/4 and not dst host 255.255.255.255) or \
     (ip6 and not dst net fd77::/64 and not dst net fe80::/10 and not dst net ff00::/8)";

fn nothing_leaves_the_local_network_while_files_move() -> Result<()> {
    let lab = Lab::new()?;
    let gate = lab.host("gate")?;
    let (ben_host, ada_host) = (lab.host("ben")?, lab.host("ada")?);
    // A way out, as every router offers one; it leads nowhere.
    for host in [&ben_host, &ada_host] {
        host.run(&["ip", "route", "add", "default", "via", &gate.ipv4()?.to_string()])?;
        host.run(&["ip", "-6", "route", "add", "default", "via", &gate.ipv6()?.to_string(), "dev", "eth0"])?;
    }
    let witness = lab.switch().capture_on("any", OUTWARD)?;
    let _ = ada_host.output(&["curl", "-s", "--noproxy", "*", "--max-time", "2", "http://192.0.2.1/"])?;
    let (_, seen) = witness.stop()?;
    ensure!(seen.iter().any(|line| line.contains("192.0.2.1")), "what leaves would not be seen: {seen:?}");

    let outward = lab.switch().capture_on("any", OUTWARD)?;
    let (ben, ada) = (Node::at_home(&ben_host)?, Node::at_home(&ada_host)?);
    household::create(&ben, "Together")?;
    household::admit(&ben, &ada)?;
    let folder = ben_host.dir().join("shared");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("a.bin"), documents::noise(2_000_000, 29))?;
    ben.run(&["share", "folder", &folder.to_string_lossy(), "--name", "Shared", "--write"])?;
    ada.finds_drive("Shared")?;
    ada.run(&["ls", "Shared"])?;
    let here = ada_host.dir().join("a.bin").to_string_lossy().into_owned();
    ada.run(&["get", "Shared:a.bin", &here])?;
    ada.run(&["put", &here, "Shared:b.bin"])?;
    let mut sending = ada.spawn(&["send", &here, "--to", "ben"])?;
    let ask: Ask = soon("ben is asked", SOON, || {
        ben.json::<Vec<Ask>>(&["asks"])?.into_iter().next().context("no question")
    })?;
    ben.run(&["answer", &ask.id, "once"])?;
    ensure!(sending.wait(LATE)? == Some(0), "{}", sending.errors());
    let (_, seen) = outward.stop()?;
    ensure!(seen.is_empty(), "this left the local network: {seen:?}");
    Ok(())
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

fn a_disk_that_fills_up_here_holds_the_copy_until_there_is_room() -> Result<()> {
    let pair = Pair::new()?;
    let folder = pair.share(false)?;
    let content = documents::noise(SIZE, 26);
    fs::write(folder.join("big.bin"), &content)?;
    impair::rate(pair.owner.host(), 20, pair.sender.host())?;
    let stick = pair.folder("stick")?;
    pair.sender.host().small_disk(&stick, 10 << 20)?;
    let command = pair.sender.spawn(&["get", "Shared:big.bin", &stick.to_string_lossy()])?;
    let there = pair.sender.host().seen_from_here(&stick).join("big.bin");
    full_and_empty_again(&pair, command, pair.sender.host(), &stick, &there, &content)
}

fn a_disk_that_fills_up_there_holds_the_copy_until_there_is_room() -> Result<()> {
    let pair = Pair::new()?;
    let stick = pair.owner.host().dir().join("shared");
    pair.owner.host().small_disk(&stick, 24 << 20)?;
    pair.share(true)?;
    // Larger than what is sent again from its beginning.
    let content = documents::noise(2 * SIZE, 28);
    let file = pair.file("big.bin", &content)?;
    impair::rate(pair.sender.host(), 20, pair.owner.host())?;
    let command = pair.sender.spawn(&["put", &file, "Shared:"])?;
    let there = pair.owner.host().seen_from_here(&stick).join("big.bin");
    full_and_empty_again(&pair, command, pair.owner.host(), &stick, &there, &content)
}

/// While a copy is under way, the disk it goes to gets full, and later empty again.
fn full_and_empty_again(
    pair: &Pair,
    mut command: Process,
    host: &Host,
    stick: &Path,
    there: &Path,
    content: &[u8],
) -> Result<()> {
    let filler = format!("{}/filler", stick.to_string_lossy());
    pair.sender.is_copying(UNDER_WAY, SOON)?;
    let filled = host.output(&["dd", "if=/dev/zero", &format!("of={filler}"), "bs=64k"])?;
    ensure!(String::from_utf8_lossy(&filled.stderr).contains("No space left"), "the disk is not full");
    let waits =
        |copy: &Transfer| copy.state == TransferState::Waiting && copy.reason.as_deref() == Some("disk_full");
    let copy = soon("the copy waits for room", Duration::from_secs(30), || {
        pair.sender.transfers()?.into_iter().next().filter(waits).context("it does not wait")
    })?;
    remark(format!("{:?}", copy.detail));
    ensure!(copy.detail.is_some_and(|words| words.contains("when there is room")), "no word of what to do");
    ensure!(!there.exists(), "half a file under the final name");
    // What a person holds stays held, room or no room; let go, it waits again.
    pair.sender.run(&["pause", &copy.id])?;
    let held = pair.sender.copy_becomes(TransferState::Paused, SOON)?;
    ensure!(held.reason.is_none(), "{held:?}");
    ensure!(command.wait(SOON)? == Some(1), "a command waits for a copy that is held");
    let resume = pair.sender.spawn(&["resume", &copy.id])?;
    soon("it waits again", Duration::from_secs(30), || {
        ensure!(pair.sender.transfers()?.first().is_some_and(waits), "{:?}", pair.sender.transfers()?);
        Ok(())
    })?;
    host.run(&["rm", &filler])?;
    pair.sender.copy_becomes(TransferState::Done, LATE)?;
    ensure!({ resume }.wait(SOON)? == Some(0), "the command does not end with its copy");
    ensure!(fs::read(there)? == content, "the copy is different");
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

fn a_line_on_which_packets_overtake_each_other_and_get_lost_copies_identically() -> Result<()> {
    let lab = Lab::new()?;
    let (ben_host, ada_host) = (lab.host("ben")?, lab.host("ada")?);
    let way = Way { delay: 5, differs: 10, lost: 5 };
    let (_cable, round_trip) = impair::long_cable(&lab, &ben_host, &ada_host, way)?;
    let (ben, ada) = (Node::at_home(&ben_host)?, Node::at_home(&ada_host)?);
    let folder = ben_host.dir().join("shared");
    fs::create_dir_all(&folder)?;
    let content = documents::noise(SIZE / 4, 30);
    fs::write(folder.join("a.bin"), &content)?;
    ben.run(&["share", "folder", &folder.to_string_lossy(), "--name", "Shared", "--write"])?;
    ada.finds_drive("Shared")?;
    let here = ada_host.dir().join("a.bin");
    let begun = std::time::Instant::now();
    ada.run(&["get", "Shared:a.bin", &here.to_string_lossy()])?;
    ada.run(&["put", &here.to_string_lossy(), "Shared:b.bin"])?;
    remark(format!(
        "{round_trip:.0} ms there and back: 2 MB down and up in {:.1} s",
        begun.elapsed().as_secs_f64()
    ));
    ensure!(fs::read(&here)? == content && fs::read(folder.join("b.bin"))? == content, "a copy is different");
    Ok(())
}
