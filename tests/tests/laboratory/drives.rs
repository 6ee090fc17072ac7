//! Somebody else's folder: looking into it, copying out of it and into it, and nothing beyond it.

use crate::office::Pair;
use anyhow::{Result, ensure};
use lanyard_api::{EntryKind, Listing, Request, Transfer, TransferState};
use lanyard_tests::{Lab, Node, Setup, documents, runner::remark, scenarios, soon};
use std::{fs, os::unix::fs::symlink, path::Path, time::Duration};

scenarios![
    a_folder_is_browsed_and_a_file_copied_identically,
    names_in_any_language_survive_the_way,
    a_folder_of_thousands_of_files_is_listed_whole,
    empty_and_large_files_are_copied_identically,
    a_file_is_put_into_a_folder_that_may_be_written,
    a_read_only_folder_refuses_a_file,
    nobody_gets_out_of_a_share,
    a_taken_name_is_not_overwritten,
    unknown_drives_and_paths_are_refused,
    an_unreadable_folder_is_refused_with_a_reason,
    a_folder_that_was_deleted_is_reported_as_away,
    a_full_disk_here_keeps_nothing_half,
    a_full_disk_there_keeps_nothing_half,
    one_of_several_that_fails_is_named_and_stops_none_of_the_others,
    an_interrupted_folder_leaves_each_file_there_once,
];

fn a_folder_is_browsed_and_a_file_copied_identically() -> Result<()> {
    let pair = Pair::new()?;
    let folder = pair.share(false)?;
    let content = documents::noise(2_500_000, 11);
    fs::create_dir_all(folder.join("2026/plans"))?;
    fs::write(folder.join("2026/plans/house.bin"), &content)?;
    fs::write(folder.join("readme.txt"), "hello")?;
    let top: Listing = pair.sender.json(&["ls", "Shared"])?;
    let names: Vec<_> =
        top.entries.iter().map(|entry| (entry.name.as_str(), entry.kind, entry.size)).collect();
    ensure!(names == [("2026", EntryKind::Folder, 0), ("readme.txt", EntryKind::File, 5)], "{names:?}");
    let plans: Listing = pair.sender.json(&["ls", "Shared:2026/plans"])?;
    ensure!(plans.path == "2026/plans" && plans.entries.len() == 1, "{plans:?}");
    ensure!(plans.entries[0].size == 2_500_000, "{plans:?}");

    let here = pair.folder("here")?;
    let copy: Transfer =
        pair.sender.json(&["get", "Shared:2026/plans/house.bin", &here.to_string_lossy()])?;
    ensure!(copy.state == TransferState::Done && copy.bytes_done == 2_500_000, "{copy:?}");
    ensure!(fs::read(here.join("house.bin"))? == content, "the copy is different");
    only(&here, &["house.bin"])?;
    // Without a place it goes to the downloads folder.
    let copy: Transfer = pair.sender.json(&["get", "Shared@ben:readme.txt"])?;
    ensure!(Path::new(&copy.local_path) == pair.sender.data().join("downloads/readme.txt"), "{copy:?}");
    ensure!(fs::read(&copy.local_path)? == b"hello");
    Ok(())
}

fn names_in_any_language_survive_the_way() -> Result<()> {
    let pair = Pair::new()?;
    let folder = pair.share(true)?;
    let here = pair.folder("here")?;
    let names = [
        "Grüße & Küsse.txt",
        "書類 📄.txt",
        "a: b.txt",
        "100% sure?.txt",
        "#1 + 1.txt",
        "-n.txt",
        "e\u{301}.txt",
    ];
    for name in names {
        fs::write(folder.join(name), name)?;
    }
    let listing: Listing = pair.sender.json(&["ls", "Shared"])?;
    for name in names {
        ensure!(listing.entries.iter().any(|entry| entry.name == name), "{name:?} is not in {listing:?}");
        pair.sender.run(&["get", &format!("Shared:{name}"), &here.to_string_lossy()])?;
        ensure!(fs::read_to_string(here.join(name))? == name, "{name:?} is different");
        let mine = pair.file(&format!("my {name}"), name.as_bytes())?;
        if name.contains([':', '?']) {
            // What not every system can hold may be taken out of a share but not put into one.
            let reason = pair.sender.refuses(&["put", &mine, "Shared:"])?;
            ensure!(reason.contains(name), "{reason}");
            continue;
        }
        pair.sender.run(&["put", &mine, "Shared:"])?;
        ensure!(
            fs::read_to_string(folder.join(format!("my {name}")))? == name,
            "{name:?} is different there"
        );
    }
    Ok(())
}

fn a_folder_of_thousands_of_files_is_listed_whole() -> Result<()> {
    let pair = Pair::new()?;
    let folder = pair.share(false)?;
    let mut names: Vec<String> = (0..5000).map(|number| format!("file {number:05} of many.txt")).collect();
    for name in &names {
        fs::write(folder.join(name), "")?;
    }
    fs::create_dir(folder.join("zz"))?;
    let listing: Listing = pair.sender.json(&["ls", "Shared"])?;
    let listed: Vec<String> = listing.entries.into_iter().map(|entry| entry.name).collect();
    // Folders first, then by name.
    names.insert(0, "zz".into());
    ensure!(listed == names, "{} entries of {}", listed.len(), names.len());
    Ok(())
}

fn empty_and_large_files_are_copied_identically() -> Result<()> {
    let pair = Pair::new()?;
    let folder = pair.share(true)?;
    let here = pair.folder("here")?;
    for (number, size) in [0, 1, 65_536, 1 << 20, (1 << 20) + 1, 40_000_000].into_iter().enumerate() {
        let content = documents::noise(size, 100 + number as u64);
        let name = format!("{size}.bin");
        fs::write(folder.join(&name), &content)?;
        pair.sender.run(&["get", &format!("Shared:{name}"), &here.to_string_lossy()])?;
        ensure!(fs::read(here.join(&name))? == content, "{name} is different here");
        let back = here.join(&name).to_string_lossy().into_owned();
        pair.sender.run(&["put", &back, &format!("Shared:back-{name}")])?;
        ensure!(fs::read(folder.join(format!("back-{name}")))? == content, "{name} is different there");
    }
    Ok(())
}

fn a_file_is_put_into_a_folder_that_may_be_written() -> Result<()> {
    let pair = Pair::new()?;
    let folder = pair.share(true)?;
    fs::create_dir(folder.join("inbox"))?;
    let content = documents::noise(3_000_000, 12);
    let file = pair.file("gift.bin", &content)?;
    let copy: Transfer = pair.sender.json(&["put", &file, "Shared:inbox/"])?;
    ensure!(copy.state == TransferState::Done, "{copy:?}");
    ensure!(fs::read(folder.join("inbox/gift.bin"))? == content, "the copy is different");
    only(&folder.join("inbox"), &["gift.bin"])
}

fn a_read_only_folder_refuses_a_file() -> Result<()> {
    let pair = Pair::new()?;
    let folder = pair.share(false)?;
    let file = pair.file("unwanted.bin", &documents::noise(1000, 13))?;
    pair.sender.refuses(&["put", &file, "Shared:"])?;
    only(&folder, &[])
}

fn nobody_gets_out_of_a_share() -> Result<()> {
    let pair = Pair::new()?;
    let folder = pair.share(true)?;
    let outside = pair.owner.host().dir().join("outside");
    fs::create_dir(&outside)?;
    fs::write(outside.join("secret.txt"), "secret")?;
    fs::create_dir(folder.join("in"))?;
    fs::write(folder.join("in/fine.txt"), "fine")?;
    symlink(&outside, folder.join("way-out"))?;
    symlink(outside.join("secret.txt"), folder.join("secret-link"))?;
    symlink("../outside", folder.join("relative-way-out"))?;
    let here = pair.folder("here")?;
    let to = here.to_string_lossy();
    for path in [
        "../outside/secret.txt",
        "in/../../outside/secret.txt",
        "..",
        "../",
        "/etc/passwd",
        "//etc/passwd",
        "way-out/secret.txt",
        "relative-way-out/secret.txt",
        "secret-link",
        "in/..\\..\\outside\\secret.txt",
        "./../outside/secret.txt",
    ] {
        pair.sender.refuses(&["get", &format!("Shared:{path}"), &to])?;
    }
    for path in ["..", "../outside", "way-out", "relative-way-out", "in/../.."] {
        let output = pair.sender.output(&["ls", &format!("Shared:{path}")])?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        ensure!(!output.status.success() && !text.contains("secret"), "ls {path}: {text}");
    }
    let file = pair.file("planted.txt", b"planted")?;
    for path in ["../planted.txt", "way-out/planted.txt", "relative-way-out/", "in/../../outside/planted.txt"]
    {
        pair.sender.refuses(&["put", &file, &format!("Shared:{path}")])?;
    }
    only(&outside, &["secret.txt"])?;
    only(&here, &[])?;
    ensure!(!pair.owner.host().dir().join("planted.txt").exists(), "a file beside the share");
    // The links are listed, as what they are, and what is inside can be had.
    let listing: Listing = pair.sender.json(&["ls", "Shared"])?;
    ensure!(listing.entries.iter().any(|e| e.name == "way-out" && e.kind == EntryKind::Other), "{listing:?}");
    pair.sender.run(&["get", "Shared:in/fine.txt", &to]).map(drop)
}

fn a_taken_name_is_not_overwritten() -> Result<()> {
    let pair = Pair::new()?;
    let folder = pair.share(true)?;
    let here = pair.folder("here")?;
    fs::write(folder.join("note.txt"), "theirs")?;
    fs::write(here.join("note.txt"), "mine")?;
    pair.sender.refuses(&["get", "Shared:note.txt", &here.to_string_lossy()])?;
    ensure!(fs::read(here.join("note.txt"))? == b"mine", "it was overwritten here");
    pair.sender.refuses(&["put", &here.join("note.txt").to_string_lossy(), "Shared:"])?;
    ensure!(fs::read(folder.join("note.txt"))? == b"theirs", "it was overwritten there");
    Ok(())
}

fn unknown_drives_and_paths_are_refused() -> Result<()> {
    let pair = Pair::new()?;
    let folder = pair.share(true)?;
    fs::create_dir(folder.join("sub"))?;
    let here = pair.folder("here")?;
    let to = here.to_string_lossy();
    let reason = pair.sender.refuses(&["ls", "Nonesuch"])?;
    ensure!(reason.contains("Nonesuch"), "{reason}");
    pair.sender.refuses(&["get", "Nonesuch:a", &to])?;
    pair.sender.refuses(&["get", "Shared:missing.txt", &to])?;
    pair.sender.refuses(&["ls", "Shared:missing"])?;
    pair.sender.refuses(&["put", "/missing/file", "Shared:"])?;
    pair.sender.refuses(&["put", &to, "Shared:nowhere/below"])?;
    only(&here, &[])?;
    only(&folder, &["sub"])?;
    // A folder that does not exist cannot be shared either.
    pair.owner.refuses(&["share", "folder", "/missing/folder"]).map(drop)
}

fn an_unreadable_folder_is_refused_with_a_reason() -> Result<()> {
    let lab = Lab::new()?;
    let ben =
        Node::at_home_with(&lab.host("ben")?, Setup { user: Some("nobody".into()), ..Setup::default() })?;
    let ada = Node::at_home(&lab.host("ada")?)?;
    let dir = ben.host().dir().to_string_lossy().into_owned();
    ben.host().sh(&format!(
        "install -d -m 755 -o nobody {dir}/shared
         install -d -m 700 -o root {dir}/shared/private {dir}/rootonly
         echo secret > {dir}/shared/private/secret.txt
         echo secret > {dir}/shared/locked.txt
         chmod 600 {dir}/shared/locked.txt"
    ))?;
    ben.refuses(&["share", "folder", &format!("{dir}/rootonly")])?;
    ben.run(&["share", "folder", &format!("{dir}/shared"), "--name", "Shared"])?;
    ada.finds_drive("Shared")?;
    let listing: Listing = ada.json(&["ls", "Shared"])?;
    ensure!(listing.entries.iter().any(|entry| entry.name == "private"), "{listing:?}");
    ada.refuses(&["ls", "Shared:private"])?;
    let here = ada.host().dir().join("here");
    fs::create_dir(&here)?;
    let reason = ada.refuses(&["get", "Shared:locked.txt", &here.to_string_lossy()])?;
    remark(format!("a locked file: {reason:?}"));
    only(&here, &[])
}

fn a_folder_that_was_deleted_is_reported_as_away() -> Result<()> {
    let pair = Pair::new()?;
    let folder = pair.share(false)?;
    fs::write(folder.join("a.txt"), "a")?;
    fs::rename(&folder, folder.with_file_name("moved"))?;
    pair.sender.refuses(&["ls", "Shared"])?;
    soon("the owner is told", Duration::from_secs(10), || {
        let shares: Vec<lanyard_api::Share> = pair.owner.json(&["shares"])?;
        ensure!(shares.len() == 1 && !shares[0].available, "{shares:?}");
        Ok(())
    })?;
    fs::rename(folder.with_file_name("moved"), &folder)?;
    soon("it is back", Duration::from_secs(15), || {
        let listing: Listing = pair.sender.json(&["ls", "Shared"])?;
        ensure!(listing.entries.len() == 1, "{listing:?}");
        Ok(())
    })
}

fn a_full_disk_here_keeps_nothing_half() -> Result<()> {
    let pair = Pair::new()?;
    let folder = pair.share(false)?;
    fs::write(folder.join("big.bin"), documents::noise(6_000_000, 14))?;
    fs::write(folder.join("small.bin"), documents::noise(100_000, 15))?;
    let disk = pair.sender.host().dir().join("stick");
    pair.sender.host().small_disk(&disk, 2 << 20)?;
    let reason = pair.sender.refuses(&["get", "Shared:big.bin", &disk.to_string_lossy()])?;
    remark(format!("{reason:?}"));
    ensure!(says_full(&reason), "the reason does not name the disk: {reason}");
    let there = pair.sender.host().seen_from_here(&disk);
    ensure!(!there.join("big.bin").exists(), "half a file under the final name");
    // The room is free again, or was never taken.
    pair.sender.run(&["get", "Shared:small.bin", &disk.to_string_lossy()])?;
    ensure!(fs::read(there.join("small.bin"))? == documents::noise(100_000, 15));
    Ok(())
}

fn a_full_disk_there_keeps_nothing_half() -> Result<()> {
    let pair = Pair::new()?;
    let disk = pair.owner.host().dir().join("shared");
    pair.owner.host().small_disk(&disk, 2 << 20)?;
    pair.share(true)?;
    let there = pair.owner.host().seen_from_here(&disk);
    let big = pair.file("big.bin", &documents::noise(6_000_000, 16))?;
    let reason = pair.sender.refuses(&["put", &big, "Shared:"])?;
    remark(format!("{reason:?}"));
    ensure!(says_full(&reason), "the reason does not name the disk: {reason}");
    ensure!(!there.join("big.bin").exists(), "half a file under the final name");
    let small = pair.file("small.bin", &documents::noise(100_000, 17))?;
    pair.sender.run(&["put", &small, "Shared:"])?;
    ensure!(fs::read(there.join("small.bin"))? == documents::noise(100_000, 17));
    pair.sender.finds_device("ben", Duration::from_secs(2)).map(drop)
}

fn says_full(reason: &str) -> bool {
    let reason = reason.to_lowercase();
    ["disk", "space", "room"].iter().any(|word| reason.contains(word))
}

/// The folder holds exactly these names; hidden ones count.
fn only(folder: &Path, names: &[&str]) -> Result<()> {
    let mut found: Vec<String> = fs::read_dir(folder)?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_>>()?;
    found.sort();
    ensure!(found == names, "{} holds {found:?}", folder.display());
    Ok(())
}

fn one_of_several_that_fails_is_named_and_stops_none_of_the_others() -> Result<()> {
    let pair = Pair::new()?;
    let folder = pair.share(true)?;
    for name in ["a", "b", "c"] {
        fs::write(folder.join(name), name)?;
    }
    let here = pair.folder("here")?;
    let into = here.to_string_lossy().into_owned();
    let said = pair.sender.refuses(&["get", "Shared:a", "Shared:nope", "Shared:b", &into])?;
    ensure!(said.contains("nope: "), "{said}");
    only(&here, &["a", "b"])?;
    // What is there stays, and is no failure.
    fs::write(here.join("a"), "mine")?;
    pair.sender.run(&["get", "Shared:a", "Shared:c", &into, "--skip"])?;
    only(&here, &["a", "b", "c"])?;
    ensure!(fs::read(here.join("a"))? == b"mine", "it was replaced");
    let (mine, other) = (format!("{into}/a"), format!("{into}/b"));
    fs::write(here.join("d"), "new")?;
    pair.sender.run(&["put", &mine, &format!("{into}/d"), "Shared:", "--skip"])?;
    ensure!(fs::read(folder.join("a"))? == b"a" && fs::read(folder.join("d"))? == b"new");
    let said =
        pair.sender.refuses(&["put", &mine, &other, &format!("{into}/nothing"), "Shared:", "--keep-both"])?;
    ensure!(said.contains("nothing"), "{said}");
    ensure!(folder.join("a (2)").is_file() && folder.join("b (2)").is_file());
    let said = pair.sender.refuses(&["rm", "Shared:a", "Shared:nope", "Shared:b"])?;
    ensure!(said.contains("nope") && !folder.join("a").exists() && !folder.join("b").exists(), "{said}");
    let said = pair.sender.refuses(&["mv", "Shared:c", "Shared:missing/c"])?;
    ensure!(said.contains("There is no folder “missing”"), "{said}");
    // A device, a pipe or a link is no file that could be replaced.
    let host = pair.sender.host();
    host.sh(&format!("mkfifo '{into}/pipe'; ln -s /etc/hostname '{into}/link'"))?;
    for special in ["pipe", "link"] {
        let said = pair.sender.refuses(&["get", "Shared:c", &format!("{into}/{special}"), "--replace"])?;
        ensure!(said.contains("no ordinary file"), "{said}");
    }
    ensure!(fs::symlink_metadata(here.join("link"))?.is_symlink());
    let help = pair.sender.run(&["get", "--help"])?;
    ensure!(help.starts_with("Copy files from a drive to here"), "{help}");
    Ok(())
}

/// Paused and gone on with again and again while small files are on their way: what one try has begun the next one meets.
fn an_interrupted_folder_leaves_each_file_there_once() -> Result<()> {
    const FILES: usize = 6_000;
    let pair = Pair::new()?;
    let folder = pair.share(true)?;
    let many = pair.folder("many")?;
    for number in 0..FILES {
        fs::write(many.join(format!("{number:05}")), format!("file {number}"))?;
    }
    let from = many.to_string_lossy().into_owned();
    let _following = pair.sender.spawn(&["put", &from, "Shared:"])?;
    let mut pauses = 0;
    for pause in [150, 60, 90, 120, 200, 40, 250] {
        std::thread::sleep(Duration::from_millis(pause));
        let copies = pair.sender.transfers()?;
        let Some(copy) = copies.iter().find(|copy| copy.state == TransferState::Running) else { continue };
        pair.sender.run(&["pause", &copy.id])?;
        pair.sender.ask(&Request::RetryTransfer { transfer: copy.id.clone() })?;
        pauses += 1;
    }
    ensure!(pauses > 0, "nothing was interrupted");
    pair.sender.copy_becomes(TransferState::Done, Duration::from_secs(60))?;
    let copy = pair.sender.transfers()?.into_iter().next().ok_or_else(|| anyhow::anyhow!("no copy"))?;
    ensure!(copy.state == TransferState::Done, "{copy:?}");
    remark(format!("interrupted {pauses} times"));
    // What the last interrupted try has begun may come to its end only now.
    std::thread::sleep(Duration::from_secs(2));
    let there = fs::read_dir(folder.join("many"))?.count();
    ensure!(there == FILES, "{there} files of {FILES}");
    Ok(())
}
