//! Copies to and from disks that are not as others are.

use crate::office::Pair;
use anyhow::{Context, Result, ensure};
use lanyard_api::{TransferFate, TransferNote};
use lanyard_tests::{Host, Lab, Node, Process, documents, runner::remark, scenarios, soon};
use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    time::{Duration, Instant},
};

scenarios![
    names_that_are_one_on_the_disk_of_the_copy_both_arrive,
    a_name_of_which_only_letters_change_puts_nothing_away,
    what_a_disk_cannot_read_is_named_and_stops_nothing_else,
];

/// A disk to which `a` is `A`, as those of Windows and macOS are: rclone's, with a folder behind it. It ends with the
/// process.
fn a_disk_that_ignores_case(host: &Host, at: &Path) -> Result<Process> {
    let (dir, behind) = (at.to_string_lossy().into_owned(), host.dir().join("behind the disk"));
    fs::create_dir_all(at)?;
    fs::create_dir_all(&behind)?;
    let disk = host.spawn(&[
        "rclone",
        "mount",
        &behind.to_string_lossy(),
        &dir,
        "--vfs-case-insensitive",
        "--vfs-cache-mode",
        "full",
        "--vfs-write-back",
        "0",
        "--cache-dir",
        &host.dir().join("cache of the disk").to_string_lossy(),
        "--config",
        "/dev/null",
    ])?;
    soon("the disk is there", Duration::from_secs(20), || {
        host.run(&["mountpoint", "-q", &dir]).map(drop).with_context(|| disk.errors())
    })?;
    host.sh(&format!("set -e; cd '{dir}'; echo x > Probe; grep -q x pROBE; rm Probe"))
        .context("this disk does tell letters apart")?;
    Ok(disk)
}

fn names_that_are_one_on_the_disk_of_the_copy_both_arrive() -> Result<()> {
    let pair = Pair::new()?;
    let shared = pair.share(false)?;
    let photos = [("Photo.jpg", "one"), ("photo.JPG", "two"), ("PHOTO.jpg", "three"), ("else.jpg", "four")];
    fs::create_dir(shared.join("photos"))?;
    for (name, content) in photos {
        fs::write(shared.join("photos").join(name), content)?;
    }
    let host = pair.sender.host();
    let at = host.dir().join("disk");
    let disk = a_disk_that_ignores_case(host, &at)?;
    let into = at.to_string_lossy().into_owned();
    let came = |name: &str| host.sh(&format!("cd '{into}/photos' && cat '{name}'"));
    for round in ["the first time", "again, with what is there"] {
        pair.sender.run(&["get", "Shared:photos", &into, "--replace"])?;
        let names = host.sh(&format!("ls -A '{into}/photos'"))?;
        ensure!(names.lines().count() == photos.len(), "{round}: {names}");
        let mut contents = names.lines().map(came).collect::<Result<Vec<_>>>()?;
        contents.sort();
        ensure!(contents == ["four", "one", "three", "two"], "{round}: {names}: {contents:?}");
    }
    let copy = pair.sender.transfers()?.into_iter().next().context("no copy")?;
    let notes: Vec<TransferNote> = pair.sender.json(&["notes", &copy.id])?;
    let renamed: BTreeMap<_, _> = notes
        .iter()
        .filter(|note| note.fate != TransferFate::Failed)
        .map(|note| (note.path.as_str(), note.copy.as_str()))
        .collect();
    ensure!(renamed.len() == 2, "which two have another name is told: {notes:?}");
    for (path, copy) in renamed {
        ensure!(came(copy)? == fs::read_to_string(shared.join("photos").join(path))?, "{path} as {copy}");
    }
    drop(disk);
    Ok(())
}

/// NTFS, whose driver says of `a` and `A` that they are one file.
fn a_disk_of_windows(host: &Host, at: &Path) -> Result<Process> {
    let (dir, image) = (at.to_string_lossy(), host.dir().join("ntfs").to_string_lossy().into_owned());
    host.sh(&format!("mkdir -p '{dir}'; truncate -s 32M '{image}'; mkntfs -F -Q -q '{image}'"))?;
    let disk = host.spawn(&["lowntfs-3g", "-o", "ignore_case,no_detach", &image, &dir])?;
    soon("the disk is there", Duration::from_secs(20), || {
        host.run(&["mountpoint", "-q", &dir]).map(drop).with_context(|| disk.errors())
    })?;
    let same =
        host.sh(&format!("cd '{dir}'; echo > probe; stat -c %i probe PROBE | uniq | wc -l; rm probe"))?;
    ensure!(same.trim() == "1", "this disk does tell letters apart: {same}");
    Ok(disk)
}

/// By the command and by a client of WebDAV, both of which may replace what has the new name. The kernel takes both for
/// one and keeps the letters; what counts is that all of it stays where it is.
fn a_name_of_which_only_letters_change_puts_nothing_away() -> Result<()> {
    let lab = Lab::new()?;
    let owner = Node::at_home(&lab.host("ben")?)?;
    let other = Node::at_home(&lab.host("ada")?)?;
    let at = owner.host().dir().join("disk");
    let disk = a_disk_of_windows(owner.host(), &at)?;
    let shared = at.join("shared").to_string_lossy().into_owned();
    let make = "mkdir album; echo one > album/a.jpg; echo two > note";
    owner.host().sh(&format!("mkdir -p '{shared}'; cd '{shared}'; {make}"))?;
    owner.run(&["share", "folder", &shared, "--name", "Shared", "--write", "--to", "network"])?;
    other.finds_drive("Shared")?;
    let whole = |when: &str| -> Result<()> {
        let content = owner.host().sh(&format!("cat '{shared}/Album/a.jpg' '{shared}/Note'"))?;
        ensure!(content == "one\ntwo\n", "{when}: {content}");
        let bin: Vec<lanyard_api::Binned> = other.json(&["bin", "Shared"])?;
        ensure!(bin.is_empty(), "{when}: {bin:?}");
        Ok(())
    };
    for (from, to) in [("album", "Album"), ("note", "Note")] {
        other.run(&["mv", &format!("Shared:{from}"), &format!("Shared:{to}"), "--replace"])?;
        whole("by the command")?;
    }
    let shares: Vec<lanyard_api::Share> = owner.json(&["shares"])?;
    let id = &shares.first().context("nothing is shared")?.id;
    let address = format!("https://{}:{}/dav/{id}", owner.host().ipv4()?, owner.status()?.port);
    for (method, from, to, says) in [
        ("MOVE", "Album", "ALBUM", "204 201"),
        ("MOVE", "Note", "NOTE", "204 201"),
        ("COPY", "album", "ALBUM", "403"),
    ] {
        let (from, to) = (format!("{address}/{from}"), format!("Destination: {address}/{to}"));
        let curl = ["curl", "-sk", "-o", "/dev/null", "-w", "%{http_code}", "-X", method, "-H", &to, &from];
        let said = other.host().run(&curl)?;
        ensure!(says.contains(said.trim()), "{method} {from}: {said}");
        whole(method)?;
    }
    drop(disk);
    Ok(())
}

/// Files and their sizes.
const PHOTOS: [(&str, usize); 3] = [("good.bin", 3_000_000), ("bad.bin", 6_000_000), ("small.txt", 100)];

/// A disk that cannot read a place in the middle of `bad.bin`: rclone keeps its files encrypted, and a byte is changed.
fn a_disk_with_a_bad_place(host: &Host, at: &Path) -> Result<Process> {
    let (dir, behind) = (at.to_string_lossy().into_owned(), host.dir().join("encrypted"));
    let behind = behind.to_string_lossy();
    let password = host.run(&["rclone", "obscure", "secret"])?;
    let remote = format!(":crypt,remote='{behind}',filename_encryption=off,password={}:", password.trim());
    let quiet = ["--config", "/dev/null"];
    host.sh(&format!("mkdir -p '{behind}' '{dir}' '{dir}.plain/photos'"))?;
    let plain = host.seen_from_here(Path::new(&format!("{dir}.plain")));
    for (name, size) in PHOTOS {
        fs::write(plain.join("photos").join(name), documents::noise(size, size as u64))?;
    }
    host.run(&[&["rclone", "copy", &format!("{dir}.plain"), &remote], &quiet[..]].concat())?;
    let at = "dd if=/dev/zero bs=1 count=16 seek=3500000 conv=notrunc status=none";
    host.sh(&format!("{at} of='{behind}/photos/bad.bin.bin'"))?;
    let disk = host.spawn(&[&["rclone", "mount", &remote, &dir], &quiet[..]].concat())?;
    soon("the disk is there", Duration::from_secs(20), || {
        host.run(&["mountpoint", "-q", &dir]).map(drop).with_context(|| disk.errors())
    })?;
    let read = host.output(&["cat", &format!("{dir}/photos/bad.bin")])?;
    ensure!(!read.status.success(), "this disk reads everything");
    Ok(disk)
}

fn what_a_disk_cannot_read_is_named_and_stops_nothing_else() -> Result<()> {
    let lab = Lab::new()?;
    let owner = Node::at_home(&lab.host("ben")?)?;
    let reader = Node::at_home(&lab.host("ada")?)?;
    let at = owner.host().dir().join("disk");
    let disk = a_disk_with_a_bad_place(owner.host(), &at)?;
    owner.run(&["share", "folder", &at.to_string_lossy(), "--name", "Shared", "--to", "network"])?;
    reader.finds_drive("Shared")?;
    let into = reader.host().dir().to_string_lossy().into_owned();
    let begun = Instant::now();
    reader.refuses(&["get", "Shared:photos", &into])?;
    remark(format!("told after {:.0} s", begun.elapsed().as_secs_f64()));
    let copy = reader.transfers()?.into_iter().next().context("no copy")?;
    let tree = copy.tree.context("no folder")?;
    ensure!((tree.files, tree.files_done, tree.failed) == (Some(3), 2, 1), "{tree:?}");
    let notes: Vec<TransferNote> = reader.json(&["notes", &copy.id])?;
    let [note] = &notes[..] else { anyhow::bail!("{notes:?}") };
    ensure!(note.path == "bad.bin" && note.fate == TransferFate::Failed, "{note:?}");
    ensure!(note.detail.as_deref().is_some_and(|words| words.contains("cannot read")), "{note:?}");
    for (name, size) in PHOTOS.into_iter().filter(|(name, _)| *name != "bad.bin") {
        let came = fs::read(reader.host().seen_from_here(&Path::new(&into).join("photos").join(name)))?;
        ensure!(came == documents::noise(size, size as u64), "{name} is another one");
    }
    drop(disk);
    Ok(())
}
