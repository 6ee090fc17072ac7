//! Copies to and from disks that are not as others are.

use crate::office::Pair;
use anyhow::{Context, Result, ensure};
use lanyard_api::{TransferFate, TransferNote};
use lanyard_tests::{Host, Process, scenarios, soon};
use std::{collections::BTreeMap, fs, path::Path, time::Duration};

scenarios![names_that_are_one_on_the_disk_of_the_copy_both_arrive];

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
