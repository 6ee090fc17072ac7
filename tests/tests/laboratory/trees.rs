//! Whole folders over a network that breaks, several computers that serve one file, and sending to a person.

use crate::{
    copy_faults::{blows, identical, killed_in_turns, write_noise},
    household,
    office::Pair,
};
use anyhow::{Context, Result, ensure};
use lanyard_api::{Ask, Inbox, Transfer, TransferFate, TransferNote, TransferState};
use lanyard_tests::{Lab, Node, Setup, documents, impair, runner::remark, scenarios, soon};
use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

const SOON: Duration = Duration::from_secs(20);
const LATE: Duration = Duration::from_secs(90);

scenarios![
    a_folder_is_copied_there_and_back_and_is_the_same,
    the_receiver_is_killed_again_and_again_while_it_copies_a_folder,
    the_owner_is_killed_while_it_is_given_a_folder,
    either_end_is_killed_again_and_again_while_a_folder_comes,
    either_end_is_killed_again_and_again_while_a_folder_is_given,
    what_cannot_be_read_or_written_in_a_folder_is_named_and_the_rest_is_copied,
    a_folder_is_held_and_goes_on,
    a_copy_that_is_put_first_begins_before_the_others,
    somebody_is_sent_files_and_accepts_them,
    nothing_comes_before_the_yes_and_nothing_after_a_no,
    both_send_at_once_and_a_rule_accepts,
    #[alone]
    three_computers_serve_one_file,
    #[alone]
    a_slow_computer_beside_fast_ones_costs_little,
];

/// Many small files, one by pieces, an empty folder.
fn grow(root: &Path) -> Result<()> {
    for folder in ["letters/2025", "letters/2026", "empty"] {
        fs::create_dir_all(root.join(folder))?;
    }
    for n in 0..400_u16 {
        let folder = ["letters", "letters/2025", "letters/2026"][usize::from(n) % 3];
        fs::write(
            root.join(folder).join(format!("{n}.txt")),
            documents::noise(usize::from(n) * 7, n.into()),
        )?;
    }
    fs::write(root.join("film.bin"), documents::noise(6_000_000, 99))?;
    Ok(())
}

/// What a killed node has left unfinished is hidden, and is removed when it has been there for long.
fn same(one: &Path, other: &Path) -> Result<()> {
    let words = ["-r", "-q", "-x", ".lanyard-*.lanyard-part"];
    let output = std::process::Command::new("diff").args(words).args([one, other]).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    Ok(())
}

fn a_folder_is_copied_there_and_back_and_is_the_same() -> Result<()> {
    let pair = Pair::new()?;
    let shared = pair.share(true)?;
    grow(&shared.join("home"))?;
    let here = pair.folder("here")?;
    let copy: Transfer = pair.sender.json(&["get", "Shared:home", &here.to_string_lossy()])?;
    ensure!(copy.state == TransferState::Done, "{copy:?}");
    ensure!(copy.tree.is_some_and(|tree| tree.files_done == 401 && tree.failed == 0), "{copy:?}");
    same(&shared.join("home"), &here.join("home"))?;
    let back = here.join("home").to_string_lossy().into_owned();
    let refused = pair.sender.refuses(&["put", &back, "Shared:"])?;
    ensure!(refused.contains("is there already"), "{refused}");
    pair.sender.run(&["put", &back, "Shared:", "--keep-both"])?;
    same(&shared.join("home"), &shared.join("home (2)"))?;
    Ok(())
}

fn the_receiver_is_killed_again_and_again_while_it_copies_a_folder() -> Result<()> {
    let mut pair = Pair::new()?;
    let shared = pair.share(false)?;
    grow(&shared.join("home"))?;
    impair::rate(pair.owner.host(), 20, pair.sender.host())?;
    let here = pair.folder("here")?;
    let _command = pair.sender.spawn(&["get", "Shared:home", &here.to_string_lossy()])?;
    for bytes in [100_000, 1_000_000, 3_000_000] {
        pair.sender.is_copying(bytes, SOON)?;
        pair.sender.kill()?;
        for file in whole(&here.join("home"))? {
            let original = shared.join("home").join(&file);
            ensure!(fs::read(here.join("home").join(&file))? == fs::read(original)?, "{file} is not whole");
        }
        pair.sender.start_again()?;
    }
    let copy = pair.sender.copy_becomes(TransferState::Done, LATE)?;
    ensure!(copy.tree.is_some_and(|tree| tree.files_done == 401), "{copy:?}");
    same(&shared.join("home"), &here.join("home"))
}

/// The files under their final names.
fn whole(root: &Path) -> Result<Vec<String>> {
    let (mut folders, mut files) = (vec![root.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.')) {
                files.push(path.strip_prefix(root)?.to_string_lossy().into_owned());
            }
        }
    }
    Ok(files)
}

fn the_owner_is_killed_while_it_is_given_a_folder() -> Result<()> {
    let mut pair = Pair::new()?;
    let shared = pair.share(true)?;
    let source = pair.folder("home")?;
    grow(&source)?;
    impair::rate(pair.sender.host(), 20, pair.owner.host())?;
    let _command = pair.sender.spawn(&["put", &source.to_string_lossy(), "Shared:"])?;
    pair.sender.is_copying(1_000_000, SOON)?;
    pair.owner.kill()?;
    pair.owner.start_again()?;
    pair.sender.copy_becomes(TransferState::Done, LATE)?;
    same(&source, &shared.join("home"))
}

fn either_end_is_killed_again_and_again_while_a_folder_comes() -> Result<()> {
    let mut pair = Pair::new()?;
    let shared = pair.share(false)?;
    let here = pair.folder("here")?;
    let (mib, count) = blows()?;
    grow_large(&shared.join("home"), mib)?;
    impair::rate(pair.owner.host(), 40.max(u32::try_from(mib)? / 2), pair.sender.host())?;
    let _command = pair.sender.spawn(&["get", "Shared:home", &here.to_string_lossy()])?;
    killed_and_identical(&mut pair, &shared.join("home"), &here, (mib, count))
}

fn either_end_is_killed_again_and_again_while_a_folder_is_given() -> Result<()> {
    let mut pair = Pair::new()?;
    let shared = pair.share(true)?;
    let source = pair.folder("home")?;
    let (mib, count) = blows()?;
    grow_large(&source, mib)?;
    impair::rate(pair.sender.host(), 40.max(u32::try_from(mib)? / 2), pair.owner.host())?;
    let _command = pair.sender.spawn(&["put", &source.to_string_lossy(), "Shared:"])?;
    killed_and_identical(&mut pair, &source, &shared, (mib, count))
}

/// The same with a few large files that are so large together.
fn grow_large(root: &Path, mib: usize) -> Result<()> {
    grow(root)?;
    for number in 0..4 {
        write_noise(&root.join(format!("letters/{number}.film")), mib / 4)?;
    }
    Ok(())
}

fn killed_and_identical(
    pair: &mut Pair,
    original: &Path,
    into: &Path,
    (mib, count): (usize, u32),
) -> Result<()> {
    let copy = into.join("home");
    let halves = || {
        if !copy.exists() {
            return Ok(());
        }
        for file in whole(&copy)? {
            identical(&copy.join(&file), &original.join(&file))
                .with_context(|| format!("{file} is not whole"))?;
        }
        Ok(())
    };
    let killed = killed_in_turns(pair, (mib as u64) << 20, count, halves)?;
    let done = pair.sender.copy_becomes(TransferState::Done, LATE * 4)?;
    ensure!(done.tree.is_some_and(|tree| tree.failed == 0 && tree.left_out == 0), "{done:?}");
    halves()?;
    let (mut theirs, mut ours) = (whole(original)?, whole(&copy)?);
    theirs.sort();
    ours.sort();
    ensure!(theirs == ours, "{} files are {} in the copy", theirs.len(), ours.len());
    let tops: Vec<_> = whole(into)?.into_iter().filter(|file| !file.starts_with("home/")).collect();
    ensure!(tops.is_empty(), "more than the folder is there: {tops:?}");
    remark(format!("{} files, {mib} MiB, {killed} times", ours.len()));
    Ok(())
}

fn what_cannot_be_read_or_written_in_a_folder_is_named_and_the_rest_is_copied() -> Result<()> {
    let lab = Lab::new()?;
    let setup = || Setup { user: Some("nobody".into()), ..Setup::default() };
    let ben = Node::at_home_with(&lab.host("ben")?, setup())?;
    let ada = Node::at_home_with(&lab.host("ada")?, setup())?;
    let shared = ben.host().dir().join("shared");
    let dir = shared.to_string_lossy().into_owned();
    ben.host().sh(&format!(
        "install -d -o nobody {dir} {dir}/home {dir}/home/open
         install -d -m 700 -o root {dir}/home/private
         for n in $(seq 30); do echo $n > {dir}/home/open/$n; done
         head -c 3000000 /dev/urandom > {dir}/home/film
         for n in locked private/secret; do echo secret > {dir}/home/$n; done
         head -c 3000000 /dev/urandom > {dir}/home/locked-film
         chmod 600 {dir}/home/locked {dir}/home/locked-film"
    ))?;
    ben.run(&["share", "folder", &dir, "--name", "Shared", "--write"])?;
    ada.finds_drive("Shared")?;
    let here = ada.host().dir().join("here");
    let into = here.to_string_lossy().into_owned();
    ada.host().run(&["install", "-d", "-o", "nobody", &into])?;
    // From there: a folder and two files that its owner's node itself may not read.
    let told = ada.refuses(&["get", "Shared:home", &into])?;
    remark(format!("{:?}", told.lines().last()));
    ensure!(told.contains("3 of the folder") && told.contains("The rest is there"), "{told}");
    let copy = ada.transfers()?.into_iter().next().context("no copy")?;
    ensure!(copy.tree.is_some_and(|tree| tree.failed == 3 && tree.files_done == 31), "{copy:?}");
    ensure!(failed(&ada, &copy.id)? == ["locked", "locked-film", "private"], "{copy:?}");
    identical(&here.join("home/film"), &shared.join("home/film"))?;
    ensure!(whole(&here.join("home"))?.len() == 31, "{:?}", whole(&here.join("home"))?);
    // To there: into a folder in which it may not write, and over a file that it may not read.
    let locked = here.join("home/private");
    ada.host().sh(&format!(
        "cd {into}/home && mkdir -p private && echo mine > private/mine && chown -R nobody ."
    ))?;
    let told = ada.refuses(&["put", &here.join("home").to_string_lossy(), "Shared:", "--replace"])?;
    remark(format!("{:?}", told.lines().last()));
    let copy = ada.transfers()?.into_iter().next().context("no copy")?;
    ensure!(copy.tree.is_some_and(|tree| tree.failed >= 1 && tree.files_done == 31), "{copy:?}");
    ensure!(failed(&ada, &copy.id)?.iter().any(|path| path.starts_with("private")), "{told}");
    ensure!(locked.join("mine").exists() && !shared.join("home/private/mine").exists());
    // With the permission, what is missing comes and nothing else.
    ben.host().sh(&format!("chown -R nobody {dir}/home"))?;
    ada.run(&["resume", &copy.id])?;
    ensure!(fs::read_to_string(shared.join("home/private/mine"))? == "mine\n");
    Ok(())
}

/// The paths of what could not be copied, in order.
fn failed(node: &Node, copy: &str) -> Result<Vec<String>> {
    let notes: Vec<TransferNote> = node.json(&["notes", copy])?;
    let failed = notes.into_iter().filter(|note| note.fate == TransferFate::Failed);
    Ok(failed.map(|note| note.path).collect())
}

fn a_folder_is_held_and_goes_on() -> Result<()> {
    let pair = Pair::new()?;
    let shared = pair.share(false)?;
    grow(&shared.join("home"))?;
    pair.sender.run(&["limit", "1M"])?;
    let here = pair.folder("here")?;
    let mut command = pair.sender.spawn(&["get", "Shared:home", &here.to_string_lossy()])?;
    let copy = pair.sender.is_copying(500_000, SOON)?;
    pair.sender.run(&["pause", &copy.id])?;
    ensure!(command.wait(SOON)? == Some(1), "the command waits for a copy that is held");
    let held = pair.sender.copy_becomes(TransferState::Paused, SOON)?;
    ensure!(!here.join("home/film.bin").exists(), "half a file under its name: {held:?}");
    pair.sender.run(&["limit", "none"])?;
    pair.sender.run(&["resume", &copy.id])?;
    pair.sender.copy_becomes(TransferState::Done, LATE)?;
    same(&shared.join("home"), &here.join("home"))
}

fn a_copy_that_is_put_first_begins_before_the_others() -> Result<()> {
    let pair = Pair::new()?;
    let shared = pair.share(false)?;
    let into = pair.folder("here")?.to_string_lossy().into_owned();
    pair.sender.run(&["limit", "64K"])?;
    let (names, mut commands) = (["a", "b", "c", "d"], Vec::new());
    let find = |name: &str| -> Result<Transfer> {
        let all = pair.sender.transfers()?;
        all.into_iter().find(|copy| copy.name == name).with_context(|| format!("no copy of {name}"))
    };
    let becomes = |name: &str, state: TransferState| {
        soon(&format!("{name} is {state:?}"), SOON, || {
            let copy = find(name)?;
            ensure!(copy.state == state, "{copy:?}");
            Ok(copy)
        })
    };
    for (at, name) in names.into_iter().enumerate() {
        fs::write(shared.join(name), documents::noise(2_000_000, at as u64))?;
        commands.push(pair.sender.spawn(&["get", &format!("Shared:{name}"), &into])?);
        // One after the other, so that it is known who waits.
        becomes(name, if at < 2 { TransferState::Running } else { TransferState::Waiting })?;
    }
    pair.sender.run(&["next", &find("d")?.id])?;
    pair.sender.run(&["pause", &find("a")?.id])?;
    becomes("d", TransferState::Running)?;
    becomes("c", TransferState::Waiting)?;
    pair.sender.run(&["limit", "none"])?;
    for name in ["b", "c", "d"] {
        becomes(name, TransferState::Done)?;
    }
    let told = pair.sender.refuses(&["next", &find("b")?.id])?;
    ensure!(told.contains("over already"), "{told}");
    becomes("a", TransferState::Paused)?;
    Ok(())
}

/// `ada` and `ben` in one home.
fn household() -> Result<(Lab, Node, Node)> {
    let lab = Lab::new()?;
    let ben = Node::at_home(&lab.host("ben")?)?;
    let ada = Node::at_home(&lab.host("ada")?)?;
    household::create(&ben, "Together")?;
    household::admit(&ben, &ada)?;
    ada.finds_device("ben", SOON)?;
    ben.finds_device("ada", SOON)?;
    Ok((lab, ada, ben))
}

fn question(node: &Node) -> Result<Ask> {
    soon("somebody is asked", SOON, || {
        let asks: Vec<Ask> = node.json(&["asks"])?;
        asks.into_iter().next().context("no question")
    })
}

fn inbox(node: &Node) -> Result<Inbox> {
    node.json(&["inbox"])
}

fn somebody_is_sent_files_and_accepts_them() -> Result<()> {
    let (_lab, ada, ben) = household()?;
    let tree = ada.host().dir().join("home");
    grow(&tree)?;
    let letter = ada.host().dir().join("letter.txt");
    fs::write(&letter, "hello")?;
    let (tree_path, letter_path) = (tree.to_string_lossy(), letter.to_string_lossy());
    let mut command = ada.spawn(&["send", &tree_path, &letter_path, "--to", "ben"])?;
    let ask = question(&ben)?;
    ensure!(ask.device_name == "ada" && ask.title.as_deref() == Some("home + 1"), "{ask:?}");
    ensure!(ask.bytes.is_some_and(|bytes| bytes > 6_000_000), "{ask:?}");
    let folder = inbox(&ben)?.folder;
    let there: Vec<_> = fs::read_dir(&folder)?.collect();
    ensure!(there.is_empty(), "something came before the yes: {there:?}");
    ben.run(&["answer", &ask.id, "once"])?;
    ensure!(command.wait(LATE)? == Some(0), "{}", command.errors());
    same(&tree, &Path::new(&folder).join("home"))?;
    ensure!(fs::read(Path::new(&folder).join("letter.txt"))? == b"hello");
    // The next one asks again, and lands beside the first.
    fs::write(&letter, "hello again")?;
    let mut command = ada.spawn(&["send", &letter_path, "--to", "ben"])?;
    ben.run(&["answer", &question(&ben)?.id, "once"])?;
    ensure!(command.wait(LATE)? == Some(0), "{}", command.errors());
    ensure!(fs::read(Path::new(&folder).join("letter.txt"))? == b"hello", "the first letter was replaced");
    ensure!(fs::read(Path::new(&folder).join("letter (2).txt"))? == b"hello again");
    Ok(())
}

fn nothing_comes_before_the_yes_and_nothing_after_a_no() -> Result<()> {
    let (_lab, ada, ben) = household()?;
    let film = ada.host().dir().join("film.bin");
    fs::write(&film, documents::noise(8_000_000, 5))?;
    let film = film.to_string_lossy().into_owned();
    let mut command = ada.spawn(&["send", &film, "--to", "ben"])?;
    ben.run(&["answer", &question(&ben)?.id, "no"])?;
    ensure!(command.wait(SOON)? == Some(1), "it did not fail");
    ensure!(command.errors().contains("not accepted"), "{}", command.errors());
    // A yes that is taken back in the middle.
    impair::rate(ada.host(), 10, ben.host())?;
    let mut command = ada.spawn(&["send", &film, "--to", "ben"])?;
    let ask = question(&ben)?;
    ben.run(&["answer", &ask.id, "once"])?;
    ada.is_copying(500_000, SOON)?;
    ben.run(&["inbox", "--stop", &ask.id])?;
    ensure!(command.wait(SOON)? == Some(1), "it did not stop");
    let left: Vec<_> = fs::read_dir(inbox(&ben)?.folder)?.collect::<Result<_, _>>()?;
    ensure!(left.is_empty(), "something is left of what was not accepted: {left:?}");
    Ok(())
}

fn both_send_at_once_and_a_rule_accepts() -> Result<()> {
    let (_lab, ada, ben) = household()?;
    let mut sent = Vec::new();
    for node in [&ada, &ben] {
        let file = node.host().dir().join(format!("from {}.bin", node.name()));
        fs::write(&file, documents::noise(3_000_000, 6))?;
        sent.push(file);
    }
    let mut commands = vec![
        ada.spawn(&["send", &sent[0].to_string_lossy(), "--to", "ben"])?,
        ben.spawn(&["send", &sent[1].to_string_lossy(), "--to", "ada"])?,
    ];
    for node in [&ada, &ben] {
        node.run(&["answer", &question(node)?.id, "always"])?;
    }
    for command in &mut commands {
        ensure!(command.wait(LATE)? == Some(0), "{}", command.errors());
    }
    for (node, file) in [(&ben, &sent[0]), (&ada, &sent[1])] {
        let name = file.file_name().context("a name")?;
        ensure!(fs::read(Path::new(&inbox(node)?.folder).join(name))? == fs::read(file)?, "it is different");
    }
    // Nobody is asked any more.
    let more = ada.host().dir().join("more.txt");
    fs::write(&more, "more")?;
    ada.run(&["send", &more.to_string_lossy(), "--to", "ben"])?;
    ensure!(fs::read(Path::new(&inbox(&ben)?.folder).join("more.txt"))? == b"more");
    Ok(())
}

/// `ada` in one home with others that all hold the same file, each behind a line of its own.
pub(crate) struct Served {
    ada: Node,
    owners: Vec<Node>,
    content: Vec<u8>,
    _lab: Lab,
}

impl Served {
    /// A file of `size` bytes on as many computers as there are rates, in Mbit/s.
    pub(crate) fn new(size: usize, rates: &[u32]) -> Result<Self> {
        let lab = Lab::new()?;
        let ada = Node::at_home(&lab.host("ada")?)?;
        household::create(&ada, "Together")?;
        let content = documents::noise(size, 31);
        let mut owners = Vec::new();
        for (name, rate) in ["ben", "cem", "dua", "eli"].into_iter().zip(rates) {
            let owner = Node::at_home(&lab.host(name)?)?;
            household::admit(&ada, &owner)?;
            let folder = owner.host().dir().join("shared");
            fs::create_dir_all(&folder)?;
            fs::write(folder.join("film.bin"), &content)?;
            impair::rate(owner.host(), *rate, ada.host())?;
            owners.push(owner);
        }
        Ok(Self { ada, owners, content, _lab: lab })
    }

    /// One of them shares its folder with the home.
    pub(crate) fn share(&self, at: usize) -> Result<()> {
        let owner = self.owners.get(at).context("nobody")?;
        let folder = owner.host().dir().join("shared");
        let name = format!("Films of {}", owner.name());
        owner.run(&["share", "folder", &folder.to_string_lossy(), "--name", &name])?;
        self.ada.finds_drive(&name).map(drop)
    }

    /// Copies the file from the first one and tells the seconds; the copy is identical and goes away again.
    pub(crate) fn get(&self, to: &str) -> Result<f64> {
        let to = self.ada.host().dir().join(to);
        let begun = Instant::now();
        self.ada.run(&["get", "Films of ben:film.bin", &to.to_string_lossy()])?;
        let took = begun.elapsed().as_secs_f64();
        ensure!(fs::read(&to)? == self.content, "the copy is different");
        fs::remove_file(&to)?;
        Ok(took)
    }
}

fn three_computers_serve_one_file() -> Result<()> {
    let served = Served::new(40_000_000, &[60, 60, 60])?;
    served.share(0)?;
    let one = served.get("one.bin")?;
    served.share(1)?;
    served.share(2)?;
    let three = served.get("three.bin")?;
    remark(format!("40 MB from one: {one:.1} s, from three: {three:.1} s, {:.2} times as fast", one / three));
    Ok(())
}

fn a_slow_computer_beside_fast_ones_costs_little() -> Result<()> {
    let served = Served::new(40_000_000, &[60, 60, 8])?;
    served.share(0)?;
    served.share(1)?;
    let two = served.get("two.bin")?;
    served.share(2)?;
    let three = served.get("three.bin")?;
    remark(format!(
        "40 MB from two: {two:.1} s, with a slow third one: {three:.1} s, {:+.0} %",
        (three / two - 1.0) * 100.0
    ));
    Ok(())
}
