//! One list of tricks, tried at every door that serves files to programs: the standard one on the network, the one on
//! loopback, and a mounted drive. The doors for nodes and for guests' browsers have the same list in their crates.

use crate::office::Pair;
use anyhow::{Result, ensure};
use lanyard_api::Share;
use lanyard_tests::{Host, runner::remark, scenarios};
use serde::Deserialize;
use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

scenarios![
    no_path_leads_out_of_a_share_by_any_door,
    a_link_that_is_swapped_in_for_ten_seconds_leads_nowhere_by_any_door,
];

const SECRET: &str = "the secret outside";

/// What leads out where somebody falls for it; below the address of a share.
const WAYS_OUT: [&str; 16] = [
    "../outside/secret",
    "in/../../outside/secret",
    "%2e%2e/outside/secret",
    "%2E%2E%2Foutside%2Fsecret",
    "..%5Coutside%5Csecret",
    "%252e%252e/outside/secret",
    "%c0%ae%c0%ae/outside/secret",
    "C%3A%5Coutside%5Csecret",
    "%5C%5C%3F%5Coutside",
    "/outside/secret",
    "way-out/secret",
    "direct",
    "in%00/secret",
    "%ff",
    ".lanyard-bin/secret",
    "pipe",
];

#[derive(Deserialize)]
struct Address {
    address: String,
}

/// `ben` shares a folder with traps in it; `ada` reaches it by three doors.
struct Doors {
    pair: Pair,
    folder: PathBuf,
    outside: PathBuf,
    mounted: PathBuf,
    /// What people call the door, and the address of the share there.
    web: Vec<(&'static str, String)>,
}

impl Doors {
    fn new() -> Result<Self> {
        let pair = Pair::new()?;
        let home = pair.owner.host().dir().to_owned();
        let (folder, outside) = (home.join("shared"), home.join("outside"));
        fs::create_dir_all(folder.join("in"))?;
        fs::create_dir(&outside)?;
        fs::write(outside.join("secret"), SECRET)?;
        fs::write(folder.join("in/file"), "fine")?;
        symlink("../outside", folder.join("way-out"))?;
        symlink("../outside/secret", folder.join("direct"))?;
        pair.owner.host().run(&["mkfifo", &folder.join("pipe").to_string_lossy()])?;
        let path = folder.to_string_lossy().into_owned();
        let rule =
            ["share", "folder", &path, "--name", "Shared", "--write", "--to", "home", "--to", "network"];
        let share: Share = pair.owner.json(&rule)?;
        pair.sender.finds_drive("Shared")?;
        let mounted = pair.folder("mounted")?;
        pair.sender.run(&["mount", "Shared", &mounted.to_string_lossy()])?;
        let loopback = pair.sender.json::<Address>(&["mount", "Shared", "--webdav"])?.address;
        let port = pair.owner.status()?.port;
        let network = format!("https://{}:{port}/dav/{}/", pair.owner.host().ipv4()?, share.id);
        let web = vec![("on the network", network), ("on loopback", loopback)];
        let doors = Self { pair, folder, outside, mounted, web };
        for (door, url) in &doors.web {
            let told = doors.curl(&[
                "--retry",
                "10",
                "--retry-all-errors",
                "--retry-delay",
                "1",
                &format!("{url}in/file"),
            ])?;
            ensure!(told == "fine", "{door}: {told}");
        }
        Ok(doors)
    }

    fn host(&self) -> &Host {
        self.pair.sender.host()
    }

    /// What comes back, whatever the status.
    fn curl(&self, arguments: &[&str]) -> Result<String> {
        let mut command = vec!["curl", "-sk", "-m", "20", "--path-as-is"];
        command.extend(arguments);
        Ok(String::from_utf8_lossy(&self.host().output(&command)?.stdout).into_owned())
    }

    fn nothing_got_out(&self, what: &str) -> Result<()> {
        ensure!(fs::read_to_string(self.outside.join("secret"))? == SECRET, "{what}");
        let names: Vec<_> = fs::read_dir(&self.outside)?.flatten().map(|entry| entry.file_name()).collect();
        ensure!(names == ["secret"], "{what}: {names:?}");
        Ok(())
    }
}

fn no_path_leads_out_of_a_share_by_any_door() -> Result<()> {
    let doors = Doors::new()?;
    let mut tried = 0;
    for (door, url) in &doors.web {
        for way in WAYS_OUT {
            let address = format!("{url}{way}");
            for method in ["GET", "PROPFIND", "PUT", "DELETE", "MKCOL", "LOCK", "PROPPATCH"] {
                let told = doors.curl(&["-X", method, "-H", "Depth: 0", &address])?;
                ensure!(!told.contains(SECRET), "{method} {way} {door}: {told}");
                tried += 1;
            }
            for (method, from, to) in [
                ("COPY", address.clone(), format!("{url}taken")),
                ("MOVE", address.clone(), format!("{url}taken")),
                ("COPY", format!("{url}in/file"), address.clone()),
            ] {
                let told = doors.curl(&["-X", method, "-H", &format!("Destination: {to}"), &from])?;
                ensure!(!told.contains(SECRET), "{method} {way} {door}: {told}");
                let taken = fs::read_to_string(doors.folder.join("taken")).unwrap_or_default();
                ensure!(!taken.contains(SECRET), "{method} {way} {door}");
                tried += 1;
            }
            doors.nothing_got_out(&format!("{way} {door}"))?;
        }
        ensure!(doors.curl(&[&format!("{url}in/file")])? == "fine", "{door} is shut");
    }
    // A mounted drive: the kernel takes the dots, so what is left are links, pipes and names of our own.
    let at = doors.mounted.to_string_lossy().into_owned();
    for way in ["way-out/secret", "direct", "pipe", ".lanyard-bin/secret", "..\\\\outside\\\\secret"] {
        let line = format!(
            "for what in 'cat' 'tail -c 5' 'stat -L' 'touch'; do timeout 15 $what '{at}/{way}'; done;
             cp {at}/in/file '{at}/{way}'; ln '{at}/{way}' {at}/taken; mv '{at}/{way}' {at}/moved && mv {at}/moved '{at}/{way}'; true"
        );
        let told = doors.host().sh(&format!("({line}) 2>&1 || true"))?;
        ensure!(!told.contains(SECRET), "{way} in a mounted drive: {told}");
        doors.nothing_got_out(&format!("{way} in a mounted drive"))?;
        tried += 1;
    }
    ensure!(doors.host().sh(&format!("cat {at}/in/file"))? == "fine");
    remark(format!("{tried} tries"));
    Ok(())
}

fn a_link_that_is_swapped_in_for_ten_seconds_leads_nowhere_by_any_door() -> Result<()> {
    let doors = Doors::new()?;
    let (real, link, door) =
        (doors.folder.join("real"), doors.folder.join("link"), doors.folder.join("swapped"));
    fs::create_dir(&real)?;
    fs::write(real.join("secret"), "inside")?;
    symlink("../outside", &link)?;
    let stop = AtomicBool::new(false);
    let at = doors.mounted.to_string_lossy().into_owned();
    let (swaps, tried) = std::thread::scope(|scope| {
        let swapping = scope.spawn(|| swap(&stop, &real, &link, &door));
        let racing: Vec<_> = doors.web.iter().map(|(_, url)| scope.spawn(|| race(&doors, url))).collect();
        let programs = scope.spawn(|| {
            // Reading, looking, and putting something in.
            let line = format!(
                "set +e; end=$(($(date +%s) + 10)); while [ $(date +%s) -lt $end ]; do cat {at}/swapped/secret; ls -l {at}/swapped;
                 echo planted > {at}/swapped/planted; mkdir {at}/swapped/made; done 2> /dev/null; true"
            );
            let told = doors.host().sh(&line)?;
            ensure!(!told.contains(SECRET), "in a mounted drive: {told}");
            Ok(told.matches("inside").count())
        });
        let tried: Result<Vec<usize>> = racing
            .into_iter()
            .chain([programs])
            .map(|race| race.join().unwrap_or_else(|_| anyhow::bail!("panicked")))
            .collect();
        stop.store(true, Ordering::SeqCst);
        (swapping.join().unwrap_or_default(), tried)
    });
    let tried = tried?;
    doors.nothing_got_out("while links were swapped")?;
    remark(format!("swapped {swaps} times; answered with what is inside {tried:?} times"));
    ensure!(swaps > 1_000 && tried.iter().any(|inside| *inside > 0), "the race was not real");
    Ok(())
}

/// The name is now a folder of the share, now a link out of it.
fn swap(stop: &AtomicBool, real: &Path, link: &Path, door: &Path) -> u64 {
    let mut swaps = 0;
    while !stop.load(Ordering::SeqCst) {
        for (from, to) in [(real, door), (door, real), (link, door), (door, link)] {
            // Whoever plays with the name meanwhile may have made this impossible for a moment.
            let _ = fs::rename(from, to);
        }
        swaps += 1;
    }
    swaps
}

/// Ten seconds of requests; how often what is inside came back.
fn race(doors: &Doors, url: &str) -> Result<usize> {
    let (begun, mut inside) = (Instant::now(), 0);
    while begun.elapsed() < Duration::from_secs(10) {
        let secret = format!("{url}swapped/secret");
        let told =
            doors.curl(&["-Z", &secret, &secret, &secret, &secret, &secret, &secret, &secret, &secret])?;
        ensure!(!told.contains(SECRET), "{told}");
        inside += told.matches("inside").count();
        let planted = format!("{url}swapped/planted");
        doors.curl(&["-X", "PUT", "--data", "planted", &planted])?;
        doors.curl(&["-X", "MKCOL", &format!("{url}swapped/made")])?;
        doors.curl(&["-X", "COPY", "-H", &format!("Destination: {planted}"), &format!("{url}in/file")])?;
        doors.curl(&["-X", "DELETE", &secret])?;
        fs::write(doors.folder.join("real/secret"), "inside").ok();
    }
    Ok(inside)
}
