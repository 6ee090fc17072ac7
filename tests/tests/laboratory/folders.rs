//! Shared folders as programs that are not Lanyard see them: the test suite for WebDAV, and four clients as Debian has
//! them, from another computer, over TLS.
//!
//! What litmus passes is compared with the table in `docs/conformance.md`, as the suites of printing are.

use crate::street::HEARD;
use anyhow::{Context, Result, ensure};
use lanyard_api::{NewPass, Share};
use lanyard_tests::{Desktop, Host, Lab, Node, documents, runner::remark, scenarios, sessions, soon, stays};
use std::{
    env, fs,
    path::{Path, PathBuf},
    time::{Duration, UNIX_EPOCH},
};

scenarios![
    litmus_passes_every_test,
    cadaver_brings_fetches_moves_and_removes,
    rclone_copies_a_tree_there_and_back_with_its_times,
    davfs2_mounts_a_folder_like_any_other,
    gio_copies_as_the_file_manager_does,
    a_folder_for_everyone_is_announced_and_others_are_not,
    a_guest_reads_with_a_password_and_writes_nothing,
    a_guest_who_may_only_put_files_in_gets_nothing_by_webdav,
];

/// As the table calls what they are tried on.
const ON: &str = "a shared folder";

const TABLE: &str = include_str!("../../../docs/conformance.md");

/// The groups of litmus, in its order.
pub(crate) const GROUPS: [&str; 5] = ["basic", "copymove", "props", "locks", "http"];

/// `ben` shares a folder for everyone to write to; `cleo` has no Lanyard.
struct Shared {
    url: String,
    folder: PathBuf,
    client: Host,
    // Dropped in this order.
    owner: Node,
    lab: Lab,
}

impl Shared {
    fn new() -> Result<Self> {
        Self::with(&["--write", "--to", "network"])
    }

    fn with(rule: &[&str]) -> Result<Self> {
        let lab = Lab::new()?;
        let (ben, cleo) = (lab.host("ben")?, lab.host("cleo")?);
        let owner = Node::at_home(&ben)?;
        let folder = ben.dir().join("Photos");
        fs::create_dir(&folder)?;
        let path = folder.to_string_lossy();
        let share: Share = owner.json(&[&["share", "folder", &path, "--name", "Photos"], rule].concat())?;
        let url = format!("https://{}:{}/dav/{}/", ben.ipv4()?, owner.status()?.port, share.id);
        Ok(Self { url, folder, client: cleo, owner, lab })
    }

    /// Until the door is open.
    fn answers(&self) -> Result<()> {
        soon("the folder is there for everyone", Duration::from_secs(10), || {
            let status = self.status(&["-X", "OPTIONS", &self.url])?;
            ensure!(status == "200", "status {status}");
            Ok(())
        })
    }

    /// The status with which it answers to curl.
    fn status(&self, arguments: &[&str]) -> Result<String> {
        crate::street::status_of(&self.client, &[&["-k"], arguments].concat())
    }

    /// A tree as people have them: large and small, odd names, a time in the past.
    fn tree(&self) -> Result<PathBuf> {
        let tree = self.client.dir().join("tree");
        fs::create_dir_all(tree.join("Ünïcødé & more/deeper"))?;
        fs::write(tree.join("large.bin"), documents::noise(20_000_000, 7))?;
        fs::write(tree.join("empty"), "")?;
        for number in 0..60 {
            fs::write(tree.join(format!("Ünïcødé & more/deeper/number {number}.txt")), format!("{number}"))?;
        }
        let past = UNIX_EPOCH + Duration::from_secs(1_445_412_480);
        for name in ["large.bin", "Ünïcødé & more/deeper/number 7.txt"] {
            fs::File::options().write(true).open(tree.join(name))?.set_modified(past)?;
        }
        Ok(tree)
    }
}

/// Every file of `a` is in `b` and the same, and nothing else is.
fn same_trees(client: &Host, a: &Path, b: &Path) -> Result<()> {
    let (a, b) = (a.to_string_lossy(), b.to_string_lossy());
    client.run(&["diff", "-r", "--exclude=.lanyard-bin", "--exclude=lost+found", &a, &b]).map(|_| ())
}

fn seconds(path: &Path) -> Result<u64> {
    Ok(fs::metadata(path)?.modified()?.duration_since(UNIX_EPOCH)?.as_secs())
}

fn litmus_passes_every_test() -> Result<()> {
    let shared = Shared::new()?;
    shared.answers()?;
    let output = shared.client.output(&[
        "sh",
        "-c",
        &format!("cd {} && litmus -k {}", shared.client.dir().display(), shared.url),
    ])?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut missing = Vec::new();
    for group in GROUPS {
        let (run, passed, failed) = summary_of(&text, group)?;
        report(group, run, passed, failed)?;
        if failed > 0 || passed < run || run == 0 {
            missing.push(format!("{group}: {passed} of {run}"));
        }
        let told = promised(group).unwrap_or_default();
        ensure!(passed >= told, "{group}: {passed} passed, the table says {told}");
    }
    let failures: Vec<&str> = text.lines().filter(|line| line.contains("FAIL")).collect();
    ensure!(missing.is_empty() && failures.is_empty(), "{missing:?}\n{}", failures.join("\n"));
    Ok(())
}

/// Of what litmus says: how many tests of a group were run, passed and failed.
pub(crate) fn summary_of(text: &str, group: &str) -> Result<(usize, usize, usize)> {
    let begin = format!("<- summary for `{group}': of ");
    let summary = text.lines().find_map(|line| line.strip_prefix(&begin));
    let summary = summary.with_context(|| format!("{group} did not run:\n{text}"))?;
    let mut numbers =
        summary.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse::<usize>().ok());
    let mut next = || numbers.next().unwrap_or_default();
    Ok((next(), next(), next()))
}

fn report(group: &str, run: usize, passed: usize, failed: usize) -> Result<()> {
    let skipped = run.saturating_sub(passed + failed);
    remark(format!("litmus {group}: {passed} of {run} passed, {failed} failed"));
    if let Some(dir) = env::var_os("LANYARD_CONFORMANCE") {
        let line = format!("| litmus: {group} | a shared folder | {passed} | {failed} | {skipped} |\n");
        let file = PathBuf::from(dir).join(format!("litmus {group}"));
        fs::write(&file, line).with_context(|| file.display().to_string())?;
    }
    Ok(())
}

/// The number of passed tests in the table.
fn promised(group: &str) -> Option<usize> {
    let begin = format!("| litmus: {group} | a shared folder | ");
    let rest = TABLE.lines().find_map(|line| line.strip_prefix(&begin))?;
    rest.split('|').next()?.trim().parse().ok()
}

fn cadaver_brings_fetches_moves_and_removes() -> Result<()> {
    let shared = Shared::new()?;
    shared.answers()?;
    let dir = shared.client.dir();
    fs::write(dir.join("letter.txt"), "Dear reader")?;
    // The certificate is nobody's that cadaver knows: it asks.
    fs::write(
        dir.join("session"),
        "y\nput letter.txt\nmkcol box\ncopy letter.txt box/copy.txt\nmove letter.txt box/moved.txt\n\
         lock box/copy.txt\nget box/moved.txt back.txt\npropset box/copy.txt colour blue\n\
         propget box/copy.txt colour\nunlock box/copy.txt\nls box\ndelete box/moved.txt\nquit\n",
    )?;
    // It asks on a terminal alone.
    let line = format!("cd {} && script -qec 'cadaver {}' /dev/null < session", dir.display(), shared.url);
    let said = shared.client.sh(&line)?;
    ensure!(!said.contains("failed"), "{said}");
    ensure!(said.contains("Value of colour is: blue") || said.contains("blue"), "the property: {said}");
    ensure!(fs::read_to_string(dir.join("back.txt"))? == "Dear reader", "what came back: {said}");
    let there = fs::read_to_string(shared.folder.join("box/copy.txt"))?;
    ensure!(there == "Dear reader" && !shared.folder.join("letter.txt").exists(), "{said}");
    ensure!(!shared.folder.join("box/moved.txt").exists(), "{said}");
    sessions::passed(&["cadaver"], ON, "put, get, mkcol, copy, move, lock, properties, delete")
}

fn rclone_copies_a_tree_there_and_back_with_its_times() -> Result<()> {
    let shared = Shared::new()?;
    shared.answers()?;
    let (tree, back) = (shared.tree()?, shared.client.dir().join("back"));
    let remote = format!(":webdav,url='{}',vendor=owncloud:", shared.url);
    let (from, to) = (tree.to_string_lossy().into_owned(), back.to_string_lossy().into_owned());
    let rclone = |arguments: &[&str]| {
        let fixed = ["rclone", "--no-check-certificate", "--config", "/dev/null", "--retries", "1"];
        shared.client.run(&[&fixed[..], arguments].concat())
    };
    let into = format!("{remote}tree");
    rclone(&["copy", &from, &into])?;
    same_trees(&shared.client, &tree, &shared.folder.join("tree"))?;
    for name in ["large.bin", "Ünïcødé & more/deeper/number 7.txt"] {
        ensure!(
            seconds(&shared.folder.join("tree").join(name))? == 1_445_412_480,
            "the time of {name} is kept"
        );
    }
    rclone(&["check", "--download", &from, &into])?;
    let log = shared.client.dir().join("rclone.log");
    rclone(&["copy", "-v", "--log-file", &log.to_string_lossy(), &from, &into])?;
    let again = fs::read_to_string(&log)?;
    ensure!(
        !again.contains("Copied") && again.contains("Checks:"),
        "a second time nothing is copied: {again}"
    );
    rclone(&["copy", &into, &to])?;
    same_trees(&shared.client, &tree, &back)?;
    ensure!(seconds(&back.join("large.bin"))? == 1_445_412_480, "and it comes back with its time");
    rclone(&["moveto", &format!("{into}/large.bin"), &format!("{remote}moved.bin")])?;
    rclone(&["purge", &into])?;
    ensure!(
        !shared.folder.join("tree").exists() && shared.folder.join("moved.bin").exists(),
        "moved and purged"
    );

    // As a drive, too.
    let drive = shared.client.dir().join("drive");
    fs::create_dir(&drive)?;
    let at = drive.to_string_lossy().into_owned();
    rclone(&["mount", &remote, &at, "--daemon", "--vfs-cache-mode", "writes", "--vfs-write-back", "0s"])?;
    shared.client.sh(&format!("cp -r '{from}' '{at}/mounted' && ls -lR '{at}/mounted'"))?;
    soon("what was written into the drive is there", Duration::from_secs(60), || {
        same_trees(&shared.client, &tree, &shared.folder.join("mounted"))
    })?;
    shared.client.run(&["fusermount3", "-u", &at])?;
    let what = "a tree there and back (`vendor=owncloud`), times kept, `check --download`, a second copy that copies \
                nothing, move, purge, mount";
    sessions::passed(&["rclone"], ON, what)
}

fn davfs2_mounts_a_folder_like_any_other() -> Result<()> {
    let shared = Shared::new()?;
    shared.answers()?;
    let tree = shared.tree()?;
    let dir = shared.client.dir();
    let (certificate, at) = (dir.join("ben.pem"), dir.join("drive"));
    fs::create_dir(&at)?;
    let host = shared.url.trim_start_matches("https://").split('/').next().unwrap_or_default().to_owned();
    let mut name = String::new();
    for line in [
        format!(
            "openssl s_client -connect {host} </dev/null 2>/dev/null | openssl x509 > {}",
            certificate.display()
        ),
        format!("openssl x509 -in {} -noout -ext subjectAltName", certificate.display()),
    ] {
        name = shared.client.sh(&line)?;
    }
    // davfs2 wants the name in the certificate, which a desktop learns from Avahi.
    let name = name.split("DNS:").nth(1).context("the certificate has a name")?.trim().to_owned();
    let port = shared.owner.status()?.port;
    let address = shared.owner.host().ipv4()?;
    let url = shared.url.replace(&host, &format!("{name}:{port}"));
    fs::write(
        dir.join("davfs2.conf"),
        format!(
            "trust_server_cert {}\nask_auth 0\nbuf_size 64\nuse_locks 1\ndelay_upload 0\n",
            certificate.display(),
        ),
    )?;
    let setup = format!(
        "mkdir -p /var/cache/davfs2 /run/mount.davfs && echo '{address} {name}' >> /etc/hosts &&
         mount -t davfs -o conf={dir}/davfs2.conf,uid=0,gid=0 {url} {at}",
        dir = dir.display(),
        at = at.display(),
    );
    shared.client.sh(&setup)?;
    // Inside of the host's own mounts. davfs2's own umount waits until its process is gone, but nobody here collects it.
    let line = format!(
        "cd {at} && mkdir box && cp -r '{tree}' box/tree && mv box/tree/empty box/named && echo more >> box/named &&
         rm box/tree/large.bin && mkdir box/gone && rmdir box/gone && ls -lR box && cd / && umount -i {at} &&
         for _ in $(seq 300); do ps -C mount.davfs -o stat= | grep -qv Z || break; sleep 0.1; done",
        at = at.display(),
        tree = tree.display(),
    );
    shared.client.sh(&line)?;
    fs::remove_file(tree.join("large.bin"))?;
    fs::remove_file(tree.join("empty"))?;
    same_trees(&shared.client, &tree, &shared.folder.join("box/tree"))?;
    ensure!(
        fs::read_to_string(shared.folder.join("box/named"))? == "more\n",
        "what was added to a moved file"
    );
    let what =
        "mount, `cp -r`, append, move, remove, unmount, with locks (`buf_size 64` on Linux 6.16 and later)";
    sessions::passed(&["davfs2"], ON, what)
}

fn gio_copies_as_the_file_manager_does() -> Result<()> {
    let shared = Shared::new()?;
    shared.answers()?;
    let dir = shared.client.dir();
    fs::write(dir.join("letter.txt"), "Dear reader")?;
    let url = shared.url.replace("https://", "davs://");
    // It asks whether to go on with a certificate that nobody vouches for: the first answer is yes.
    let session = format!(
        "export XDG_RUNTIME_DIR={dir}/run GIO_USE_VOLUME_MONITOR=unix; mkdir -p -m 700 {dir}/run
         printf '1\\n' | gio mount {url}
         gio copy {dir}/letter.txt {url}letter.txt
         gio mkdir {url}box
         gio move {url}letter.txt {url}box/moved.txt
         gio copy {url}box/moved.txt {dir}/back.txt
         gio list {url}box
         gio info -a standard::size {url}box/moved.txt
         gio remove {url}box/moved.txt
         gio mount -u {url}",
        dir = dir.display(),
    );
    fs::write(dir.join("session.sh"), session)?;
    let said = shared.client.run(&[
        "dbus-run-session",
        "--",
        "sh",
        "-ex",
        &dir.join("session.sh").to_string_lossy(),
    ])?;
    ensure!(said.contains("moved.txt") && said.contains("standard::size: 11"), "{said}");
    ensure!(fs::read_to_string(dir.join("back.txt"))? == "Dear reader", "{said}");
    ensure!(shared.folder.join("box").is_dir() && !shared.folder.join("box/moved.txt").exists(), "{said}");
    let what = "mount, copy, mkdir, move, list, info, remove, as a file manager does";
    sessions::passed(&["libglib2.0-bin"], ON, what)
}

fn a_folder_for_everyone_is_announced_and_others_are_not() -> Result<()> {
    let shared = Shared::new()?;
    let desktop = Desktop::install(&shared.client)?;
    let private = shared.owner.host().dir().join("Diary");
    fs::create_dir(&private)?;
    shared.owner.run(&["share", "folder", &private.to_string_lossy(), "--name", "Diary", "--to", "home"])?;
    let advert = soon("the folders are announced", HEARD, || {
        let found = desktop.browse("_webdavs._tcp")?;
        found.into_iter().find(|advert| advert.address.contains('.')).context("nothing is heard")
    })?;
    // By no name that says anything.
    ensure!(advert.host == format!("{}.local", advert.name), "{advert:?}");
    ensure!(
        advert.txt.get("path").map(String::as_str) == Some("/dav/") && advert.txt.len() == 1,
        "{advert:?}"
    );
    let top = shared.url.split_once("/dav/").map(|(host, _)| format!("{host}/dav/")).unwrap_or_default();
    let list = shared.client.run(&["curl", "-sk", "-X", "PROPFIND", "-H", "Depth: 1", &top])?;
    ensure!(list.contains("Photos") && !list.contains("Diary"), "{list}");
    ensure!(advert.host.starts_with("lanyard-") && advert.port == shared.owner.status()?.port, "{advert:?}");
    ensure!(desktop.browse("_webdav._tcp")?.is_empty(), "nothing without encryption");
    let others = desktop.browse("_webdavs._tcp")?;
    ensure!(others.iter().all(|one| one.name == advert.name), "a folder for the home is told of: {others:?}");

    shared.owner.run(&["unshare", "Photos"])?;
    soon("the folder says goodbye", HEARD, || {
        let found = desktop.browse("_webdavs._tcp")?;
        ensure!(found.is_empty(), "{found:?}");
        Ok(())
    })?;
    stays("and stays away", Duration::from_secs(2), || {
        ensure!(desktop.browse("_webdavs._tcp")?.is_empty(), "it is told of again");
        Ok(())
    })
}

fn a_guest_reads_with_a_password_and_writes_nothing() -> Result<()> {
    let shared = Shared::with(&["--to", "home"])?;
    fs::write(shared.folder.join("letter.txt"), "Dear reader")?;
    let pass: NewPass = shared.owner.json(&["guest", "Photos"])?;
    let (letter, number) =
        (format!("{}letter.txt", shared.url), pass.page.rsplit('/').next().unwrap_or_default());
    ensure!(shared.status(&[&letter])? == "401", "without a password");
    let login = format!("{number}:{}", pass.pin);
    let text = shared.client.run(&["curl", "-sk", "-u", &login, &letter])?;
    ensure!(text == "Dear reader", "{text}");
    for (method, status) in [("PROPFIND", "207"), ("PUT", "405"), ("DELETE", "405"), ("MKCOL", "405")] {
        let found = shared.status(&["-u", &login, "-X", method, "-H", "Depth: 1", &letter])?;
        ensure!(found == status, "{method}: {found}");
    }
    let plain = letter.replace("https://", "http://");
    let found = shared.status(&["-u", &login, &plain])?;
    ensure!(found != "200", "a password is not asked for without encryption: {found}");
    drop(shared.lab);
    sessions::passed(&["curl"], ON, "a guest with a PIN as the password: reads, lists, writes nothing")
}

/// Such a pass is for the guest page: a program that speaks WebDAV looks before it writes, and whoever may not look
/// cannot be told that a name is taken.
fn a_guest_who_may_only_put_files_in_gets_nothing_by_webdav() -> Result<()> {
    let shared = Shared::with(&["--write", "--to", "home"])?;
    fs::write(shared.folder.join("letter.txt"), "Dear reader")?;
    let reader: NewPass = shared.owner.json(&["guest", "Photos", "--read"])?;
    let pass: NewPass = shared.owner.json(&["guest", "Photos", "--add"])?;
    let login = |pass: &NewPass| format!("{}:{}", pass.page.rsplit('/').next().unwrap_or_default(), pass.pin);
    let letter = format!("{}letter.txt", shared.url);
    soon("a reader gets in", Duration::from_secs(10), || {
        ensure!(shared.status(&["-u", &login(&reader), &letter])? == "200");
        Ok(())
    })?;
    for (method, path) in [
        ("GET", "letter.txt"),
        ("PROPFIND", ""),
        ("PUT", "new.txt"),
        ("PUT", "letter.txt"),
        ("MKCOL", "new"),
        ("DELETE", "letter.txt"),
        ("LOCK", "letter.txt"),
    ] {
        let address = format!("{}{path}", shared.url);
        let found = shared.status(&["-u", &login(&pass), "-X", method, "-H", "Depth: 0", &address])?;
        ensure!(found.starts_with('4'), "{method} {path}: {found}");
    }
    let names: Vec<_> = fs::read_dir(&shared.folder)?.flatten().map(|entry| entry.file_name()).collect();
    ensure!(names == ["letter.txt"], "{names:?}");
    ensure!(fs::read_to_string(shared.folder.join("letter.txt"))? == "Dear reader");
    Ok(())
}
