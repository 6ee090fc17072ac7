//! Somebody else's folder as a folder of this computer: what ordinary programs do in it, and what becomes of it when
//! the other computer, the cable or a node goes away.

pub(crate) mod speed;
pub(crate) mod suites;

use crate::office::Pair;
use anyhow::{Result, ensure};
use lanyard_api::{Binned, Mount};
use lanyard_tests::{Lab, Node, documents, node::Setup, scenarios, sessions, soon};
use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

/// As the table calls what programs are tried on.
const ON: &str = "a mounted drive";
/// An operation waits for the other computer, and not longer.
const IN_TIME: Duration = Duration::from_secs(20);

scenarios![
    programs_work_in_a_mounted_folder,
    what_fio_writes_in_a_mounted_folder_it_reads_again,
    a_pulled_cable_is_an_error_in_time_and_works_again_afterwards,
    a_killed_owner_is_an_error_in_time_and_works_again_afterwards,
    a_share_that_is_taken_back_is_gone_from_the_mount,
    a_mount_comes_back_after_its_node_was_killed,
    a_plain_user_mounts_a_drive_and_nobody_else_looks_into_it,
    what_a_killed_node_left_mounted_is_cleaned_away,
    without_fusermount_a_plain_user_is_told_what_to_install,
    a_full_disk_at_the_owners_is_told_and_damages_nothing,
    things_on_a_drive_are_made_moved_copied_removed_and_restored,
];

/// Mounts ben's folder at ada's, and gives ben's folder and ada's.
fn mounted(pair: &Pair) -> Result<(PathBuf, String)> {
    let folder = pair.share(true)?;
    let dir = pair.folder("mounted")?.to_string_lossy().into_owned();
    let mount: Mount = pair.sender.json(&["mount", "Shared", &dir])?;
    ensure!(mount.mounted && mount.drive == "Shared" && mount.device_name == "ben", "{mount:?}");
    Ok((folder, dir))
}

/// The mount is seen by the programs of that computer only.
fn sh(node: &Node, line: &str) -> Result<String> {
    node.host().sh(&format!("set -e\n{line}"))
}

fn programs_work_in_a_mounted_folder() -> Result<()> {
    let pair = Pair::new()?;
    let (folder, dir) = mounted(&pair)?;
    let here = pair.folder("here")?.to_string_lossy().into_owned();
    sh(
        &pair.sender,
        &format!(
            "export HOME={here} GIT_CONFIG_NOSYSTEM=1
             cd {here}
             git init -q project && cd project
             git config user.email a@example.org && git config user.name ada
             mkdir src
             printf 'int answer(void) {{ return 42; }}\\n' > src/answer.c
             printf '#include <stdio.h>\\nint answer(void);\\nint main(void) {{ printf(\"%%d\\\\n\", answer()); }}\\n' > src/main.c
             printf 'all: tool\\ntool: main.o answer.o\\n\\tcc -o tool main.o answer.o\\n%%.o: src/%%.c\\n\\tcc -c -o $@ $<\\n' > Makefile
             for n in $(seq 40); do echo $n > src/file$n; done
             git add . && git commit -qm first
             git clone -q --no-hardlinks {here}/project {dir}/clone
             cd {dir}/clone
             git fsck --full --strict
             git status --porcelain | (! grep .)
             echo more > src/more && git add . && git -c user.email=a@example.org -c user.name=ada commit -qm second
             git fsck --full --strict && git gc -q && git fsck --full
             cc -c -o main.o src/main.c && cc -c -o answer.o src/answer.c && cc -o tool main.o answer.o
             test \"$(./tool)\" = 42"
        ),
    )?;
    ensure!(folder.join("clone/src/more").exists() && folder.join("clone/tool").exists());
    fs::create_dir(PathBuf::from(&here).join("many"))?;
    for number in 0..60_u64 {
        let content = documents::noise(1 + 3_000 * usize::try_from(number)?, number);
        fs::write(PathBuf::from(&here).join(format!("many/{number}.bin")), content)?;
    }
    let copy = format!("rsync -rtc --out-format=%n {here}/many {dir}/");
    let first = sh(&pair.sender, &copy)?;
    ensure!(first.lines().filter(|line| line.ends_with(".bin")).count() == 60, "{first}");
    let second = sh(&pair.sender, &copy)?;
    ensure!(!second.contains(".bin"), "what is identical was copied again: {second}");
    for number in 0..60 {
        let name = format!("many/{number}.bin");
        ensure!(fs::read(folder.join(&name))? == fs::read(PathBuf::from(&here).join(&name))?, "{name}");
    }
    sh(
        &pair.sender,
        &format!("rm -r {dir}/clone && test ! -e {dir}/clone && df {dir} | grep -q Shared@ben"),
    )?;
    ensure!(pair.sender.run(&["unmount", &dir])?.contains("Unmounted"));
    sh(&pair.sender, &format!("test -z \"$(ls -A {dir})\""))?;
    let hidden: Vec<_> = fs::read_dir(&folder)?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(".lanyard-part"))
        .collect();
    ensure!(hidden.is_empty(), "left behind: {hidden:?}");
    let what = "`git init`, commit, `clone`, `fsck --strict`, `gc`; building and running a small program; `rsync -c` \
                twice, of which the second copies nothing";
    sessions::passed(&["git", "gcc", "rsync"], ON, what)
}

fn what_fio_writes_in_a_mounted_folder_it_reads_again() -> Result<()> {
    let pair = Pair::new()?;
    let (folder, dir) = mounted(&pair)?;
    let report = sh(
        &pair.sender,
        &format!(
            "cd {dir}
             fio --name=random --size=12m --rw=randwrite --bsrange=1k-128k --ioengine=psync --verify=crc32c \
                 --do_verify=1 --fsync=64 --verify_fatal=1 --randseed=7
             fio --name=mixed --size=6m --rw=randrw --bs=4k --ioengine=mmap --verify=crc32c --do_verify=1 \
                 --verify_fatal=1 --randseed=8"
        ),
    )?;
    ensure!(report.contains("err= 0"), "{report}");
    ensure!(fs::metadata(folder.join("random.0.0"))?.len() == 12 << 20);
    sessions::passed(&["fio"], ON, "random writes and a mapped mixture, verified by checksums")
}

fn a_pulled_cable_is_an_error_in_time_and_works_again_afterwards() -> Result<()> {
    away_and_back(|pair| pair.owner.host().unplug(), |pair| pair.owner.host().plug())
}

fn a_killed_owner_is_an_error_in_time_and_works_again_afterwards() -> Result<()> {
    away_and_back(|pair| pair.owner.kill(), |pair| pair.owner.start_again())
}

fn away_and_back(
    away: impl Fn(&mut Pair) -> Result<()>,
    back: impl Fn(&mut Pair) -> Result<()>,
) -> Result<()> {
    let mut pair = Pair::new()?;
    let (folder, dir) = mounted(&pair)?;
    let content = documents::noise(5 << 20, 31);
    fs::write(folder.join("film"), &content)?;
    sh(&pair.sender, &format!("echo before > {dir}/note && cat {dir}/note"))?;
    away(&mut pair)?;
    let begun = Instant::now();
    let told = sh(&pair.sender, &format!("! cat {dir}/film > /dev/null 2> /tmp/why; cat /tmp/why"))?;
    ensure!(told.contains("Input/output error"), "{told}");
    ensure!(begun.elapsed() < IN_TIME, "it took {:?}", begun.elapsed());
    let told = sh(&pair.sender, &format!("! (echo lost > {dir}/new) 2> /tmp/why; cat /tmp/why"))?;
    ensure!(told.contains("Input/output error"), "{told}");
    back(&mut pair)?;
    soon("the mount works again", Duration::from_secs(60), || {
        sh(&pair.sender, &format!("grep -q before {dir}/note"))
    })?;
    sh(&pair.sender, &format!("cat {dir}/film | cmp - {}", folder.join("film").display()))?;
    sh(&pair.sender, &format!("echo after > {dir}/note"))?;
    ensure!(fs::read_to_string(folder.join("note"))? == "after\n");
    away(&mut pair)?;
    let begun = Instant::now();
    pair.sender.run(&["unmount", &dir])?;
    ensure!(begun.elapsed() < IN_TIME, "unmounting took {:?}", begun.elapsed());
    sh(&pair.sender, &format!("test -z \"$(ls -A {dir})\""))?;
    Ok(())
}

fn a_share_that_is_taken_back_is_gone_from_the_mount() -> Result<()> {
    let pair = Pair::new()?;
    let (folder, dir) = mounted(&pair)?;
    fs::write(folder.join("letter"), "dear")?;
    sh(&pair.sender, &format!("grep -q dear {dir}/letter"))?;
    pair.owner.run(&["unshare", "Shared"])?;
    soon("it cannot be read any more", Duration::from_secs(5), || {
        sh(&pair.sender, &format!("! cat {dir}/letter 2> /dev/null"))
    })?;
    sh(&pair.sender, &format!("! (echo x > {dir}/new) 2> /dev/null; ! rm {dir}/letter 2> /dev/null"))?;
    ensure!(fs::read(folder.join("letter"))? == b"dear");
    pair.sender.run(&["unmount", &dir])?;
    Ok(())
}

fn a_mount_comes_back_after_its_node_was_killed() -> Result<()> {
    let mut pair = Pair::new()?;
    let folder = pair.share(true)?;
    fs::write(folder.join("letter"), "dear")?;
    let dir = pair.folder("mounted")?.to_string_lossy().into_owned();
    pair.sender.run(&["mount", "Shared", &dir, "--at-start"])?;
    let again = pair.sender.refuses(&["mount", "Shared", &dir])?;
    ensure!(again.contains("mounted at"), "{again}");
    pair.sender.kill()?;
    pair.sender.start_again()?;
    soon("the mount is there again", Duration::from_secs(30), || {
        sh(&pair.sender, &format!("grep -q dear {dir}/letter"))
    })?;
    pair.sender.stop()?;
    sh(&pair.sender, &format!("test -z \"$(ls -A {dir})\""))?;
    Ok(())
}

/// A person as systems have them: no root, no rights over others.
const PLAIN: &str = "daemon";

/// `ben` shares a folder, and `ada` is a plain user of her computer.
struct Plain {
    node: Node,
    folder: PathBuf,
    dir: String,
    _owner: Node,
    _lab: Lab,
}

impl Plain {
    fn new(environment: &[(&str, &str)]) -> Result<Self> {
        let lab = Lab::new()?;
        let owner = Node::at_home(&lab.host("ben")?)?;
        let folder = owner.host().dir().join("shared");
        fs::create_dir(&folder)?;
        owner.run(&["share", "folder", &folder.to_string_lossy(), "--name", "Shared", "--write"])?;
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let host = lab.host("ada")?;
        let setup =
            Setup { user: Some(PLAIN.to_owned()), environment: environment.collect(), ..Setup::default() };
        let node = Node::at_home_with(&host, setup)?;
        node.finds_drive("Shared")?;
        let dir = host.dir().join("mounted").to_string_lossy().into_owned();
        host.run(&["install", "-d", "-m", "755", "-o", PLAIN, &dir])?;
        Ok(Self { node, folder, dir, _owner: owner, _lab: lab })
    }

    fn sh(&self, user: &str, line: &str) -> Result<String> {
        self.node.host().run(&["setpriv", "--reuid", user, "--clear-groups", "--", "sh", "-ec", line])
    }
}

fn a_plain_user_mounts_a_drive_and_nobody_else_looks_into_it() -> Result<()> {
    let plain = Plain::new(&[])?;
    fs::write(plain.folder.join("letter"), "dear")?;
    let dir = &plain.dir;
    plain.node.run(&["mount", "Shared", dir])?;
    plain.sh(
        PLAIN,
        &format!("grep -q dear {dir}/letter && echo mine > {dir}/note && mkdir {dir}/box && df {dir}"),
    )?;
    ensure!(fs::read_to_string(plain.folder.join("note"))? == "mine\n");
    for stranger in ["bin", "root"] {
        // Not even who rules the computer: FUSE asks for the same user.
        let told = plain.sh(stranger, &format!("! ls {dir} 2> /dev/null && ! cat {dir}/letter 2> /dev/null"));
        ensure!(told.is_ok(), "{stranger} looks into it");
    }
    plain.node.run(&["unmount", dir])?;
    plain.sh(PLAIN, &format!("test -z \"$(ls -A {dir})\""))?;
    Ok(())
}

fn what_a_killed_node_left_mounted_is_cleaned_away() -> Result<()> {
    let mut plain = Plain::new(&[])?;
    fs::write(plain.folder.join("letter"), "dear")?;
    let dir = plain.dir.clone();
    plain.node.run(&["mount", "Shared", &dir])?;
    plain.node.kill()?;
    let dead = plain.sh(PLAIN, &format!("! ls {dir} 2>&1"))?;
    ensure!(dead.contains("not connected"), "{dead}");
    plain.node.start_again()?;
    soon("the folder can be used again", Duration::from_secs(20), || {
        plain.sh(PLAIN, &format!("ls {dir} > /dev/null && test -z \"$(ls -A {dir})\"")).map(drop)
    })?;
    plain.node.finds_drive("Shared")?;
    plain.node.run(&["mount", "Shared", &dir])?;
    plain.sh(PLAIN, &format!("grep -q dear {dir}/letter"))?;
    // A folder that goes away below the mount, and comes back, is mounted as if nothing had been.
    plain.node.run(&["unmount", &dir])?;
    plain.sh(PLAIN, &format!("echo mine > {dir}/own"))?;
    let told = plain.node.refuses(&["mount", "Shared", &dir])?;
    ensure!(told.contains("not empty"), "{told}");
    plain.sh("root", &format!("rm {dir}/own && chown root {dir} && chmod 755 {dir}"))?;
    let told = plain.node.refuses(&["mount", "Shared", &dir])?;
    ensure!(told.contains("write") || told.contains("own"), "of a folder that is somebody else's: {told}");
    Ok(())
}

fn without_fusermount_a_plain_user_is_told_what_to_install() -> Result<()> {
    // Where it is looked for.
    let plain = Plain::new(&[("FUSERMOUNT_PATH", "/nowhere/fusermount3")])?;
    let told = plain.node.refuses(&["mount", "Shared", &plain.dir])?;
    ensure!(told.contains("fusermount3") && told.contains("fuse3"), "{told}");
    Ok(())
}

fn a_full_disk_at_the_owners_is_told_and_damages_nothing() -> Result<()> {
    let pair = Pair::new()?;
    let disk = pair.owner.host().dir().join("disk");
    pair.owner.host().small_disk(&disk, 8 << 20)?;
    let folder = pair.owner.host().seen_from_here(&disk);
    let path = disk.to_string_lossy().into_owned();
    pair.owner.run(&["share", "folder", &path, "--name", "Shared", "--write"])?;
    pair.sender.finds_drive("Shared")?;
    let dir = pair.folder("mounted")?.to_string_lossy().into_owned();
    fs::write(folder.join("letter"), "dear")?;
    fs::write(folder.join("copy"), "dear")?;
    pair.sender.run(&["mount", "Shared", &dir])?;
    sh(&pair.sender, &format!("test $(df -k --output=avail {dir} | tail -1) -le 8192"))?;
    for line in [
        format!("head -c 12000000 /dev/zero > {dir}/large"),
        format!("head -c 12000000 /dev/zero > {dir}/copy"),
        format!("head -c 12000000 /dev/zero >> {dir}/letter"),
    ] {
        let told = sh(&pair.sender, &format!("! ({line}) 2> /tmp/why; cat /tmp/why"))?;
        ensure!(told.contains("No space left on device"), "{line}: {told}");
    }
    let copy = fs::read(folder.join("copy"))?;
    ensure!(copy == b"dear", "what could not be replaced does not stay: {} bytes", copy.len());
    ensure!(
        fs::read(folder.join("letter"))?.starts_with(b"dear"),
        "and what was added to keeps its beginning"
    );
    sh(
        &pair.sender,
        &format!("rm -f {dir}/large {dir}/letter && echo again > {dir}/note && grep -q again {dir}/note"),
    )?;
    Ok(())
}

fn things_on_a_drive_are_made_moved_copied_removed_and_restored() -> Result<()> {
    let pair = Pair::new()?;
    let folder = pair.share(true)?;
    fs::write(folder.join("a.txt"), "a")?;
    pair.sender.run(&["mkdir", "Shared:letters"])?;
    pair.sender.run(&["cp", "Shared:a.txt", "Shared:letters/"])?;
    pair.sender.run(&["mv", "Shared:a.txt", "Shared:b.txt"])?;
    ensure!(fs::read(folder.join("b.txt"))? == b"a" && !folder.join("a.txt").exists());
    fs::write(folder.join("c.txt"), "c")?;
    let taken = pair.sender.refuses(&["mv", "Shared:b.txt", "Shared:c.txt"])?;
    ensure!(taken.contains("c.txt"), "{taken}");
    pair.sender.run(&["mv", "Shared:b.txt", "Shared:c.txt", "--replace"])?;
    ensure!(fs::read(folder.join("c.txt"))? == b"a");
    pair.sender.run(&["rm", "Shared:letters"])?;
    ensure!(!folder.join("letters").exists());
    let things: Vec<Binned> = pair.sender.json(&["bin", "Shared"])?;
    let paths: Vec<_> = things.iter().map(|thing| thing.path.as_str()).collect();
    ensure!(paths == ["letters", "c.txt"], "{things:?}");
    ensure!(things[0].removed_by.as_deref() == Some("ada"), "{things:?}");
    pair.sender.run(&["restore", "Shared", &things[0].id])?;
    pair.sender.run(&["restore", "Shared", &things[1].id])?;
    ensure!(fs::read(folder.join("letters/a.txt"))? == b"a");
    ensure!(fs::read(folder.join("c (2).txt"))? == b"c", "what was replaced comes back beside the other");
    for place in ["Shared:.lanyard-bin", "Shared:../x", "Shared:"] {
        pair.sender.refuses(&["rm", place])?;
    }
    Ok(())
}
