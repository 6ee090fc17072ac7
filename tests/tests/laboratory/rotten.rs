//! A computer whose disk gives back something else than was written: nothing of it reaches a copy, the rest comes from
//! elsewhere, and the computer is named.

use crate::household;
use anyhow::{Context, Result, ensure};
use lanyard_api::{Transfer, TransferState};
use lanyard_tests::{Host, Lab, Node, documents, impair, runner::remark, scenarios, soon};
use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

scenarios![a_computer_that_sends_something_else_is_named_and_the_copy_comes_from_the_other];

const ROT: &str = include_str!("clients/rot.py");
const SOON: Duration = Duration::from_secs(20);
/// A node remembers the hashes of a file whose last change is older than two seconds.
const SETTLED: Duration = Duration::from_millis(2_500);

/// The same file on two computers, of which one does not know yet that its own will rot.
struct Shelf {
    ada: Node,
    sound: Node,
    rotten: Node,
    original: PathBuf,
    _lab: Lab,
}

impl Shelf {
    fn new() -> Result<Self> {
        let lab = Lab::new()?;
        let ada = Node::at_home(&lab.host("ada")?)?;
        household::create(&ada, "Together")?;
        // Large enough that the first computer cannot be asked for all of it at once.
        let content = documents::noise(40_000_000, 77);
        let original = ada.host().dir().join("original.bin");
        fs::write(&original, &content)?;
        let owner = |name: &str| -> Result<Node> {
            let node = Node::at_home(&lab.host(name)?)?;
            household::admit(&ada, &node)?;
            let disk = node.host().dir().join("disk");
            node.host().small_disk(&disk, 48 << 20)?;
            fs::write(node.host().seen_from_here(&disk).join("film.bin"), &content)?;
            let share = format!("Films of {name}");
            node.run(&["share", "folder", &disk.to_string_lossy(), "--name", &share])?;
            ada.finds_drive(&share)?;
            Ok(node)
        };
        let (sound, rotten) = (owner("ben")?, owner("cem")?);
        Ok(Self { ada, sound, rotten, original, _lab: lab })
    }

    fn film(host: &Host) -> PathBuf {
        host.seen_from_here(&host.dir().join("disk")).join("film.bin")
    }

    /// Copies the film of `owner` into a folder of its own, which is to come out identical.
    fn copies_from(&self, owner: &Node) -> Result<Transfer> {
        let here = self.ada.host().dir().join(format!("from {}", owner.name()));
        fs::create_dir_all(&here)?;
        let from = format!("Films of {}:film.bin", owner.name());
        let copy: Transfer = self.ada.json(&["get", &from, &here.to_string_lossy()])?;
        ensure!(copy.state == TransferState::Done, "{copy:?}");
        ensure!(hash(&here.join("film.bin"))? == hash(&self.original)?, "the copy is different");
        fs::remove_dir_all(&here)?;
        Ok(copy)
    }
}

/// By a hash that is not ours.
fn hash(path: &Path) -> Result<String> {
    let output = Command::new("sha256sum").arg(path).output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split_whitespace()
        .next()
        .map(str::to_owned)
        .with_context(|| format!("no hash of {}", path.display()))
}

fn is_settled(path: &Path) -> Result<()> {
    let found = fs::metadata(path)?;
    let changed = Duration::new(found.ctime().try_into()?, found.ctime_nsec().try_into()?);
    let age = SystemTime::now().duration_since(UNIX_EPOCH)?.saturating_sub(changed);
    ensure!(age > SETTLED, "it changed {age:?} ago");
    Ok(())
}

fn a_computer_that_sends_something_else_is_named_and_the_copy_comes_from_the_other() -> Result<()> {
    let shelf = Shelf::new()?;
    let host = shelf.rotten.host();
    let (film, sign) = (host.dir().join("disk/film.bin"), host.dir().join("now"));
    let rot = host.spawn(&["python3", "-c", ROT, &film.to_string_lossy(), &sign.to_string_lossy()])?;
    soon("the file is touched", SOON, || {
        ensure!(rot.written().contains("touched"), "{}", rot.errors());
        Ok(())
    })?;
    for owner in [&shelf.sound, &shelf.rotten] {
        soon("nothing has changed for a while", SOON, || is_settled(&Shelf::film(owner.host())))?;
    }
    // Both are hashed, and remember it: whoever asks is told by either that it holds the film.
    shelf.copies_from(&shelf.sound)?;
    let copy = shelf.copies_from(&shelf.rotten)?;
    ensure!(copy.detail.is_none(), "somebody is named before anything is wrong: {copy:?}");
    fs::write(&sign, "")?;
    soon("the file is rotten", SOON, || {
        ensure!(rot.written().contains("rotten"), "{}{}", rot.written(), rot.errors());
        Ok(())
    })?;
    ensure!(hash(&Shelf::film(host))? != hash(&shelf.original)?, "nothing has rotted");
    for owner in [&shelf.sound, &shelf.rotten] {
        impair::rate(owner.host(), 100, shelf.ada.host())?;
    }
    // Beside the one that is copied from, and as the one that is copied from.
    for owner in [&shelf.sound, &shelf.rotten] {
        let copy = shelf.copies_from(owner)?;
        let words = copy.detail.clone().unwrap_or_default();
        ensure!(words.contains("cem") && words.contains("wrong"), "copied from {}: {copy:?}", owner.name());
        ensure!(!words.contains("ben"), "somebody else is named: {words}");
        remark(format!("from {}: {words:?}", owner.name()));
    }
    let history = shelf.ada.run(&["transfers"])?;
    ensure!(history.lines().filter(|line| line.contains("cem sent wrong")).count() == 2, "{history}");
    // Without the other one, what is there now is copied, and it is said that it is not what it was.
    shelf.sound.run(&["unshare", "Films of ben"])?;
    let here = shelf.ada.host().dir().join("alone");
    fs::create_dir(&here)?;
    let copy: Transfer = shelf.ada.json(&["get", "Films of cem:film.bin", &here.to_string_lossy()])?;
    let words = copy.detail.clone().unwrap_or_default();
    ensure!(copy.state == TransferState::Done && words.contains("without a trace"), "{copy:?}");
    ensure!(hash(&here.join("film.bin"))? == hash(&Shelf::film(host))?, "it is not what is there either");
    let names: Vec<_> = fs::read_dir(&here)?.flatten().map(|entry| entry.file_name()).collect();
    ensure!(names == ["film.bin"], "{names:?}");
    Ok(())
}
