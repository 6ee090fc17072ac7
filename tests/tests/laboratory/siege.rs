//! Everything at once: a flood of announcements, a crowd at the door, and devices that are slow in every way there is.

use crate::household;
use anyhow::{Context, Result, ensure};
use lanyard_api::{Job, JobState};
use lanyard_tests::{Lab, Node, documents, runner::remark, scenarios, soon};
use std::{
    fs,
    time::{Duration, Instant},
};

scenarios![
    #[alone]
    ten_thousand_announcements_cost_little_memory,
    #[alone]
    a_siege_keeps_nobody_from_printing,
    #[alone]
    readers_who_take_hours_hold_nobody_up,
];

/// What a flood may add to the node's memory, in KiB.
const MOST_GROWTH: u64 = 20 * 1024;

/// How long a document may take during a siege. Both sides of it share the cores of one machine, and with whatever else
/// runs there: where it takes long in peace already, eight times as long is what counts, and twice that for the slowest.
const PRINTED_WITHIN: Duration = Duration::from_secs(2);

fn ten_thousand_announcements_cost_little_memory() -> Result<()> {
    let lab = Lab::new()?;
    let mut ada = Node::at_home(&lab.host("ada")?)?;
    let ben = Node::at_home(&lab.host("ben")?)?;
    ada.finds_device("ben", Duration::from_secs(10))?;
    let mallory = lab.host("mallory")?;
    let arriving = ada.host().capture("udp port 5353 and src host 10.77.0.3")?;
    let before = ada.process()?.rss_kib()?;
    let begun = Instant::now();
    let mut flood = mallory.spawn_inside(&["hostile-mdns", "10000", "10"])?;
    let mut most = before;
    while flood.runs() {
        ensure!(begun.elapsed() < Duration::from_secs(60), "the flood does not end");
        most = most.max(ada.process()?.rss_kib()?);
        std::thread::sleep(Duration::from_millis(50));
    }
    ensure!(flood.wait(Duration::from_secs(1))? == Some(0), "{}", flood.errors());
    let length = begun.elapsed().as_secs_f64();
    let (_, packets) = arriving.stop()?;
    let arrived = packets.iter().filter(|line| line.contains(" > ")).count();
    ensure!(arrived >= 9_500, "only {arrived} of 10,000 announcements arrived");
    remark(format!(
        "{arrived} announcements in {length:.1} s: {} KiB more ({before} before, {most} at most)",
        most - before
    ));
    ensure!(most < before + MOST_GROWTH, "memory grew from {before} to {most} KiB");
    ensure!(ada.sees()? == ["ben"] && ben.sees()? == ["ada"], "{:?} {:?}", ada.sees()?, ben.sees()?);
    Ok(())
}

fn a_siege_keeps_nobody_from_printing() -> Result<()> {
    let lab = Lab::new()?;
    let mut owner = Node::at_home(&lab.host("ben")?)?;
    let sender = Node::at_home(&lab.host("ada")?)?;
    household::create(&owner, "Home")?;
    household::admit(&owner, &sender)?;
    owner.run(&["share", "printer", "save-as-pdf", "--name", "Archive", "--to", "home"])?;
    let printer = sender.finds_printer("Archive")?.id;
    let quiet = print_some(&sender, &printer)?;
    let peace = quiet[quiet.len() - 1];
    remark(format!("in peace {}", typical(&quiet)));

    let mallory = lab.host("mallory")?;
    let address = format!("{}:{}", owner.host().ipv4()?, owner.status()?.port);
    let before = owner.process()?.rss_kib()?;
    let mut times = Vec::new();
    let mut crowd = mallory.spawn_inside(&["besiege", &address, "2000", "25"])?;
    soon("the crowd is there", Duration::from_secs(15), || {
        ensure!(crowd.written().contains("besieged"), "{}", crowd.errors());
        Ok(())
    })?;
    remark(format!("with a crowd {}", typical(&print_some(&sender, &printer)?)));

    let folder = owner.host().dir().join("large");
    fs::create_dir(&folder)?;
    fs::write(folder.join("large.bin"), documents::noise(50_000_000, 11))?;
    owner.run(&["share", "folder", &folder.to_string_lossy(), "--name", "Large", "--to", "network"])?;
    let drive = sender.finds_drive("Large")?.id;
    let (share, _) = drive.split_once('@').context("a drive's id is share@device")?;
    let large = format!("/v1/drives/{share}/file?path=large.bin");
    let mut slow = Vec::new();
    // From an address of its own, so that the crowd does not keep them from being slow.
    let eve = lab.host("eve")?;
    for (kind, part) in ["header", "body", large.as_str()].into_iter().enumerate() {
        for number in 0..4 {
            let dir = eve.dir().join(format!("{kind}{number}")).to_string_lossy().into_owned();
            slow.push(eve.spawn_inside(&["slow-request", part, &address, "75", &dir])?);
        }
    }
    let mut flood = mallory.spawn_inside(&["hostile-mdns", "10000", "10"])?;
    let mut most = before;
    while flood.runs() && crowd.runs() {
        times.push(print(&sender, &printer, &format!("during {}", times.len()))?);
        most = most.max(owner.process()?.rss_kib()?);
        std::thread::sleep(Duration::from_millis(100));
    }
    ensure!(crowd.wait(Duration::from_secs(30))? == Some(0), "{}", crowd.errors());
    ensure!(flood.wait(Duration::from_secs(60))? == Some(0), "{}", flood.errors());
    times.sort();
    let prints = times.len();
    ensure!(prints >= 3, "only {prints} documents were printed: nothing was proved");
    let (median, slowest) = (times[prints / 2], times[prints - 1]);
    remark(format!("with everything {}", typical(&times)));
    remark(crowd.written().trim().replace('\n', ", "));
    remark(format!("memory {before} KiB before and {most} at most"));
    ensure!(median < PRINTED_WITHIN.max(peace * 8), "a document took {median:?}");
    ensure!(slowest < PRINTED_WITHIN.max(peace * 16), "one document took {slowest:?}");
    // 272 connections and their buffers, and the announcements.
    ensure!(most < before + 2 * MOST_GROWTH, "memory grew from {before} to {most} KiB");
    for one in &mut slow {
        ensure!(
            one.wait(Duration::from_secs(60))? == Some(0),
            "not cut: {} {}",
            one.written().trim(),
            one.errors().trim()
        );
    }
    let words: Vec<String> = slow.iter().step_by(4).map(|one| one.written().trim().to_owned()).collect();
    remark(format!("slow header, body, reading: {}", words.join("; ")));
    // A newcomer gets in again as soon as it is over.
    let carl = Node::at_home(&lab.host("carl")?)?;
    carl.finds_device("ben", Duration::from_secs(10)).map(drop)
}

/// Strangers who take next to nothing of what they asked for, with as many files open as each may have, and more of them
/// than a node has threads to wait for a disk.
fn readers_who_take_hours_hold_nobody_up() -> Result<()> {
    let lab = Lab::new()?;
    let mut owner = Node::at_home(&lab.host("ben")?)?;
    let sender = Node::at_home(&lab.host("ada")?)?;
    household::create(&owner, "Home")?;
    household::admit(&owner, &sender)?;
    owner.run(&["share", "printer", "save-as-pdf", "--name", "Archive", "--to", "home"])?;
    let printer = sender.finds_printer("Archive")?.id;
    let folder = owner.host().dir().join("films");
    fs::create_dir(&folder)?;
    fs::write(folder.join("film.bin"), documents::noise(50_000_000, 12))?;
    owner.run(&["share", "folder", &folder.to_string_lossy(), "--name", "Films", "--to", "network"])?;
    let drive = sender.finds_drive("Films")?.id;
    let (share, _) = drive.split_once('@').context("a drive's id is share@device")?;
    let film = format!("/v1/drives/{share}/file?path=film.bin");
    let quiet = print_some(&sender, &printer)?;
    let (peace, before) = (quiet[quiet.len() - 1], owner.process()?.rss_kib()?);

    let address = format!("{}:{}", owner.host().ipv4()?, owner.status()?.port);
    let mut strangers = Vec::new();
    for name in ["eve", "mallory", "trudy", "oscar"] {
        let host = lab.host(name)?;
        let dir = host.dir().join("key").to_string_lossy().into_owned();
        let reading = host.spawn_inside(&["slow-readers", &film, &address, "24", "20", &dir])?;
        // Kept, so that its computer is there as long as it reads.
        strangers.push((host, reading));
    }
    for (_, reading) in &mut strangers {
        soon("they have what they asked for", Duration::from_secs(20), || {
            ensure!(
                reading.written().contains("answered 24 of 24"),
                "{} {}",
                reading.written(),
                reading.errors()
            );
            Ok(())
        })?;
    }
    let times = print_some(&sender, &printer)?;
    let begun = Instant::now();
    let to = sender.host().dir().join("film.bin").to_string_lossy().into_owned();
    sender.run(&["get", "Films:film.bin", &to])?;
    let copied = begun.elapsed();
    let most = owner.process()?.rss_kib()?;
    remark(format!("in peace {}", typical(&quiet)));
    remark(format!("with 96 who read slowly {}; 50 MB copied in {copied:.1?}", typical(&times)));
    remark(format!("memory {before} KiB before and {most} with them"));
    ensure!(
        times[times.len() - 1] < PRINTED_WITHIN.max(peace * 8),
        "a document took {:?}",
        times[times.len() - 1]
    );
    ensure!(copied < Duration::from_secs(10), "a copy took {copied:?}");
    for (_, reading) in &mut strangers {
        ensure!(reading.wait(Duration::from_secs(60))? == Some(0), "{}", reading.errors());
        ensure!(reading.written().contains("24 left"), "nobody was slow: {}", reading.written());
    }
    Ok(())
}

/// Prints five pages and tells how long each took, the shortest first.
fn print_some(sender: &Node, printer: &str) -> Result<Vec<Duration>> {
    let mut times: Vec<Duration> =
        (0..5).map(|number| print(sender, printer, &format!("page {number}"))).collect::<Result<_>>()?;
    times.sort();
    Ok(times)
}

/// Sorted times in words.
fn typical(times: &[Duration]) -> String {
    let last = times.len() - 1;
    format!("{} ms, at most {} ms ({} pages)", times[last / 2].as_millis(), times[last].as_millis(), last + 1)
}

/// Prints one page and tells how long it took until it was done.
fn print(sender: &Node, printer: &str, text: &str) -> Result<Duration> {
    let file = sender.host().dir().join("page.pdf");
    fs::write(&file, documents::pdf(&[text]))?;
    let begun = Instant::now();
    let job: Job = sender.json(&["print", &file.to_string_lossy(), "--on", printer, "--wait"])?;
    let took = begun.elapsed();
    ensure!(job.state == JobState::Done, "{job:?}");
    Ok(took)
}
