//! Somebody on the network is clever: in the middle of a conversation, in a browser, in a name.

use crate::household;
use anyhow::{Context, Result, ensure};
use lanyard_api::{Job, JobState, Transfer};
use lanyard_tests::{
    Lab, Node, documents, mdns,
    middle::{Middle, forget_ipv6},
    runner::remark,
    scenarios, soon, stays,
};
use std::{
    fs,
    net::Ipv4Addr,
    time::{Duration, Instant},
};

scenarios![
    a_computer_in_the_middle_gets_no_document_and_no_file,
    announcements_lead_nobody_to_another_door,
    names_run_nothing_and_are_shown_clean,
    a_false_goodbye_and_a_false_address_change_nothing_between_members,
];

const SECRET: &str = "for Ben's printer and nobody else";

fn a_computer_in_the_middle_gets_no_document_and_no_file() -> Result<()> {
    let lab = Lab::new()?;
    let (ada, ben, mallory) = (lab.host("ada")?, lab.host("ben")?, lab.host("mallory")?);
    for host in [&ada, &ben, &mallory] {
        forget_ipv6(host)?;
    }
    let owner = Node::at_home(&ben)?;
    let sender = Node::at_home(&ada)?;
    let folder = ben.dir().join("shared");
    fs::create_dir(&folder)?;
    fs::write(folder.join("diary.txt"), SECRET)?;
    owner.run(&["share", "folder", &folder.to_string_lossy(), "--name", "Shared"])?;
    owner.run(&["share", "printer", "save-as-pdf", "--name", "Archive"])?;
    let printer = sender.finds_printer("Archive")?.id;
    sender.finds_drive("Shared")?;
    let ports = (sender.status()?.port, owner.status()?.port);

    let middle = Middle::between(&mallory, (&ada, ports.0), (&ben, ports.1))?;
    let letter = ada.dir().join("letter.pdf");
    fs::write(&letter, documents::pdf(&[SECRET]))?;
    let job: Job = sender.json(&["print", &letter.to_string_lossy(), "--on", &printer])?;
    let copy = ada.dir().join("diary.txt");
    let reason = sender.refuses(&["get", "Shared:diary.txt", &copy.to_string_lossy()])?;
    remark(format!("the copy: {reason:?}"));
    soon("ada came to the relay and went away again", Duration::from_secs(15), || {
        ensure!(middle.steps().contains("does not shake hands"), "{}", middle.steps());
        Ok(())
    })?;
    // It does reach whoever does not mind who is there, so it is the key that keeps ada away.
    let dir = ada.dir().join("careless").to_string_lossy().into_owned();
    let hello = "POST /v1/hello\n{\"v\":1,\"name\":\"careless\",\"os\":\"linux\",\"port\":0}";
    let answer = ada.run_inside(&["ask", &format!("{}:{}", ben.ipv4()?, ports.1), &dir, hello])?;
    ensure!(answer.starts_with("HTTP/1.1 200") && middle.steps().contains("in between"), "{answer}");
    ensure!(contains(&middle.transcript()?, "careless"), "the middle cannot even read that");
    stays("the document waits", Duration::from_secs(5), || {
        let now = sender.job(&job.id)?;
        ensure!(matches!(now.state, JobState::Waiting | JobState::Sending | JobState::Failed), "{now:?}");
        Ok(())
    })?;
    let waiting = sender.job(&job.id)?;
    remark(format!("the job: {:?} {:?} {:?}", waiting.state, waiting.reason, waiting.detail));
    ensure!(!copy.exists(), "the file came through the middle");
    ensure!(owner.json::<Vec<Job>>(&["jobs"])?.is_empty(), "the job came through the middle");
    let heard = middle.transcript()?;
    remark(format!("{} bytes read in the middle", heard.len()));
    for text in [SECRET, "%PDF", "diary.txt", "letter.pdf"] {
        ensure!(!contains(&heard, text), "the middle read {text:?}");
    }
    remark(format!(
        "{} connections ended in the middle",
        middle.steps().lines().filter(|line| line.contains("a connection from")).count()
    ));

    middle.leave()?;
    let begun = Instant::now();
    sender.job_becomes(&job.id, JobState::Done, Duration::from_secs(60))?;
    remark(format!("printed {:.1} s after it had left", begun.elapsed().as_secs_f64()));
    let again: Transfer = soon("the copy works again", Duration::from_secs(30), || {
        sender.run(&["get", "Shared:diary.txt", &copy.to_string_lossy()])?;
        sender.transfers()?.into_iter().next().context("no copy")
    })?;
    ensure!(fs::read_to_string(&copy)? == SECRET, "{again:?}");
    Ok(())
}

/// Doors that are there, and that an announcement must open to nobody: those of this very computer, the address where
/// cloud computers keep their secrets, and somebody else's network.
fn announcements_lead_nobody_to_another_door() -> Result<()> {
    const DOORS: [(Ipv4Addr, u16); 6] = [
        (Ipv4Addr::LOCALHOST, 22),
        (Ipv4Addr::LOCALHOST, 5432),
        (Ipv4Addr::new(127, 0, 0, 53), 8631),
        (Ipv4Addr::new(169, 254, 169, 254), 80),
        (Ipv4Addr::new(169, 254, 169, 254), 8080),
        (Ipv4Addr::new(192, 168, 200, 1), 8443),
    ];
    let lab = Lab::new()?;
    let (host, mallory) = (lab.host("ada")?, lab.host("mallory")?);
    // With a way to each of them, a connection would be made, and seen.
    host.run(&["ip", "route", "add", "default", "via", &mallory.ipv4()?.to_string()])?;
    mallory.sh("ip addr add 169.254.169.254/32 dev lo; ip addr add 192.168.200.1/32 dev lo")?;
    let empty = host.dir().join("web").to_string_lossy().into_owned();
    let mut canaries = Vec::new();
    for (address, port) in DOORS {
        let at = if address.is_loopback() { &host } else { &mallory };
        canaries.push(at.spawn_inside(&["web", &format!("{address}:{port}"), &empty])?);
    }
    let ada = Node::at_home(&host)?;
    let filter =
        DOORS.map(|(address, port)| format!("(dst host {address} and dst port {port})")).join(" or ");
    let begun = host.capture_on("any", &format!("tcp[tcpflags] & tcp-syn != 0 and ({filter})"))?;
    // The canaries sing: each door can be reached from here.
    for (address, port) in DOORS {
        host.run_inside(&["blast", &format!("{address}:{port}"), "0"]).ok();
    }
    std::thread::sleep(Duration::from_millis(300));
    let (_, trials) = begun.stop()?;
    let trials = trials.iter().filter(|line| line.contains(" > ")).count();
    ensure!(trials >= DOORS.len(), "only {trials} connections of {} would be seen", DOORS.len());
    for canary in &canaries {
        soon("a canary heard the trial", Duration::from_secs(6), || {
            ensure!(canary.written().lines().count() >= 2, "{:?} {:?}", canary.written(), canary.errors());
            Ok(())
        })?;
    }
    let sung: Vec<usize> = canaries.iter().map(|canary| canary.written().lines().count()).collect();

    let capture = host.capture_on("any", &format!("tcp[tcpflags] & tcp-syn != 0 and ({filter})"))?;
    let knocked = host.capture("tcp[tcpflags] & tcp-syn != 0 and dst net 10.77.0.0/24")?;
    let near = mallory.ipv4()?;
    let mut packets = Vec::new();
    for (number, (address, port)) in DOORS.into_iter().enumerate() {
        for (kind, service) in [("dev", mdns::LANYARD), ("prn", mdns::PRINTER)] {
            for (way, addresses) in [("only", vec![address]), ("also", vec![near, address])] {
                let name = format!("{kind}{way}{number}");
                let txt: &[&[u8]] = &[
                    b"v=1",
                    b"j=1",
                    b"d=42",
                    b"l=Kitchen",
                    b"rp=ipp/print",
                    b"adminurl=http://169.254.169.254/",
                ];
                packets.push(mdns::to_hex(&mdns::announcement(
                    service,
                    name.as_bytes(),
                    name.as_bytes(),
                    port,
                    txt,
                    &addresses,
                )));
            }
        }
    }
    let mut command = vec!["announce"];
    command.extend(packets.iter().map(String::as_str));
    mallory.run_inside(&command)?;
    std::thread::sleep(Duration::from_secs(4));
    // It did listen: what is on its own network was tried.
    let (_, near_ones) = knocked.stop()?;
    let near_ones = near_ones.iter().filter(|line| line.contains(" > ")).count();
    ensure!(near_ones > 0, "the announcements were not heard at all");
    remark(format!("{near_ones} knocks on the network itself, none elsewhere"));
    let (_, led) = capture.stop()?;
    let led: Vec<&String> = led.iter().filter(|line| line.contains(" > ")).collect();
    ensure!(led.is_empty(), "an announcement led it to another door: {led:#?}");
    let after: Vec<usize> = canaries.iter().map(|canary| canary.written().lines().count()).collect();
    ensure!(after == sung, "a canary sang: {after:?} instead of {sung:?}");
    ensure!(ada.nearby()?.devices.is_empty(), "{:?}", ada.nearby()?.devices);
    Ok(())
}

fn a_false_goodbye_and_a_false_address_change_nothing_between_members() -> Result<()> {
    let lab = Lab::new()?;
    let (host, mallory) = (lab.host("ada")?, lab.host("mallory")?);
    let heard = mallory.capture("udp port 5353")?;
    let ada = Node::at_home(&host)?;
    let ben = Node::at_home(&lab.host("ben")?)?;
    household::create(&ada, "Home")?;
    household::admit(&ada, &ben)?;
    let before = ada.finds_device("ben", Duration::from_secs(10))?;
    let (_, packets) = heard.stop()?;
    // What ben calls itself in its announcements, as anybody on the network can hear it.
    let told = ben.host().ipv4()?.to_string();
    let mut names: Vec<String> = packets
        .iter()
        .flat_map(|line| line.split_whitespace())
        .filter_map(|word| word.strip_suffix("._lanyard._tcp.local."))
        .filter(|name| name.len() == 8)
        .map(str::to_owned)
        .collect();
    names.sort();
    names.dedup();
    ensure!((1..=8).contains(&names.len()), "{names:?} were heard of {told}");
    let mut lies = Vec::new();
    for name in &names {
        lies.push(mdns::to_hex(&mdns::goodbye(mdns::LANYARD, name.as_bytes())));
        let txt: &[&[u8]] = &[b"v=1", b"l=Somebody else", b"n=AAAAAAAAAAA"];
        let at = [mallory.ipv4()?];
        lies.push(mdns::to_hex(&mdns::announcement(mdns::LANYARD, name.as_bytes(), b"liar", 7717, txt, &at)));
        lies.push(mdns::to_hex(&mdns::goodbye(mdns::LANYARD, name.as_bytes())));
    }
    let mut command = vec!["announce"];
    command.extend(lies.iter().map(String::as_str));
    for _ in 0..3 {
        mallory.run_inside(&command)?;
    }
    stays("they still see each other", Duration::from_secs(5), || {
        let now = ada.finds_device("ben", Duration::ZERO)?;
        ensure!(now.id == before.id && now.name == before.name, "{now:?}");
        ensure!(ben.sees()? == ["ada"], "{:?}", ben.sees()?);
        Ok(())
    })?;
    let members = household::state(&ada)?.home.context("no home")?.members;
    ensure!(members.len() == 2 && members.iter().any(|member| member.name == "ben"), "{members:?}");
    // And it can still be used.
    let folder = ben.host().dir().join("shared");
    fs::create_dir(&folder)?;
    fs::write(folder.join("a.txt"), "still here")?;
    ben.run(&["share", "folder", &folder.to_string_lossy(), "--name", "Shared"])?;
    ada.finds_drive("Shared")?;
    let copy = host.dir().join("a.txt");
    ada.run(&["get", "Shared:a.txt", &copy.to_string_lossy()])?;
    ensure!(fs::read_to_string(&copy)? == "still here");
    Ok(())
}

/// Each would make a file called `owned` if anything ran it.
const EVIL: &[&str] = &[
    "$(touch owned)",
    "`touch owned`",
    "; touch owned;",
    "| touch owned",
    "<img src=x onerror=alert(1)>",
    "%s%n%x {{7*7}} ${7*7}",
    "'\"\\ -- --help",
    "a\u{202e}fdp.exe\u{2066}",
    "two\nlines\r\x1b[2Jred",
    "\u{feff}\u{200b}\u{200e}x",
];

fn names_run_nothing_and_are_shown_clean() -> Result<()> {
    let lab = Lab::new()?;
    let (ben, ada) = (lab.host("ben")?, lab.host("ada")?);
    let mut owner = Node::at_home(&ben)?;
    let sender = Node::at_home(&ada)?;
    let root = ben.dir().join("evil");
    fs::create_dir(&root)?;
    let (mut taken, mut refused) = (0, 0);
    for (number, name) in EVIL.iter().enumerate() {
        let folder = root.join(number.to_string());
        fs::create_dir(&folder)?;
        fs::write(folder.join(name.replace('/', "_")), "content")?;
        let output = owner.output(&["share", "folder", &folder.to_string_lossy(), "--name", name])?;
        match output.status.code() {
            Some(0) => taken += 1,
            Some(1) => refused += 1,
            other => anyhow::bail!("{name:?}: {other:?} {}", String::from_utf8_lossy(&output.stderr)),
        }
    }
    remark(format!("{taken} names of shares taken, {refused} refused"));
    ensure!(taken >= 6, "too few of the names were tried");
    for name in EVIL {
        owner.stop()?;
        owner.set_name(name);
        if owner.start_again().is_err() {
            // Refusing a name at the start is fine as well; what counts is that nothing else happens.
            owner.set_name("ben");
            owner.start_again()?;
            continue;
        }
        soon("the device is there again", Duration::from_secs(10), || {
            ensure!(sender.nearby()?.drives.iter().filter(|drive| drive.available).count() >= taken);
            Ok(())
        })?;
        for words in [sender.run(&["nearby"])?, owner.run(&["status"])?, owner.run(&["shares"])?] {
            shown_clean(&words)?;
        }
        let near = sender.nearby()?;
        for text in near.devices.iter().map(|device| &device.name).chain(near.drives.iter().map(|d| &d.name))
        {
            ensure!(!text.chars().any(is_treacherous), "{text:?}");
        }
    }
    // File names keep their bytes where files are meant, and are shown clean where a person reads.
    for drive in sender.nearby()?.drives {
        let listing = sender.run(&["ls", &drive.id])?;
        shown_clean(&listing).with_context(|| format!("a folder of {:?}", drive.name))?;
    }
    for host in [&ben, &ada] {
        let dir = host.dir().to_string_lossy().into_owned();
        // Others on this computer have made folders in /tmp, which are none of ours to look into.
        for (top, deep) in [(dir.as_str(), "4"), ("/tmp", "1")] {
            let race = "-ignore_readdir_race";
            let made = host.run(&["find", top, race, "-maxdepth", deep, "-name", "owned"])?;
            ensure!(made.is_empty(), "a name was run: {made}");
        }
    }
    ensure!(!std::path::Path::new("owned").exists(), "a name was run here");
    Ok(())
}

fn shown_clean(words: &str) -> Result<()> {
    ensure!(!words.chars().any(|c| c != '\n' && is_treacherous(c)), "on the terminal: {words:?}");
    Ok(())
}

/// Control characters, and those that turn the reading direction around.
fn is_treacherous(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}
