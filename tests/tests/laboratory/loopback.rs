//! Somebody else's folder under an address on loopback, for programs of this computer that speak WebDAV: through the node
//! here and the node there, it is what a shared folder is.

use crate::{
    folders::{GROUPS, summary_of},
    office::Pair,
};
use anyhow::{Context, Result, ensure};
use lanyard_tests::{Host, documents, runner::remark, scenarios, sessions, soon};
use serde::Deserialize;
use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

scenarios![
    litmus_passes_every_test_through_two_nodes,
    programs_copy_there_and_back_through_loopback,
    nobody_else_gets_in_on_loopback,
    the_address_of_a_drive_outlives_restarts_and_waits_for_nobody,
    a_lock_from_before_a_restart_overwrites_nothing,
    two_thousand_connections_keep_no_program_from_its_drive,
    a_request_of_a_byte_a_second_is_cut_off_in_each_of_its_parts,
];

/// How long a program may have to wait while two thousand connections are in its way.
const CROWDED: Duration = Duration::from_secs(20);
/// What an attack may add to a node's memory, in KiB.
const MOST_GROWTH: u64 = 40 * 1024;

#[derive(Deserialize)]
struct Address {
    address: String,
}

struct Opened {
    pair: Pair,
    folder: PathBuf,
    url: String,
}

impl Opened {
    fn new() -> Result<Self> {
        let pair = Pair::new()?;
        let folder = pair.share(true)?;
        let url = pair.sender.json::<Address>(&["mount", "Shared", "--webdav"])?.address;
        ensure!(url.starts_with("http://127.0.0.1:") && url.ends_with("/Shared/"), "{url}");
        Ok(Self { pair, folder, url })
    }

    fn host(&self) -> &Host {
        self.pair.sender.host()
    }

    /// The status with which it answers to curl.
    fn status(&self, arguments: &[&str]) -> Result<String> {
        crate::street::status_of(self.host(), arguments)
    }
}

fn litmus_passes_every_test_through_two_nodes() -> Result<()> {
    let opened = Opened::new()?;
    let line = format!("cd {} && litmus -k {}", opened.host().dir().display(), opened.url);
    let output = opened.host().output(&["sh", "-c", &line])?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    for group in GROUPS {
        let (run, passed, failed) = summary_of(&text, group)?;
        ensure!(run > 0 && passed == run && failed == 0, "{group}: {passed} of {run}\n{text}");
    }
    ensure!(!text.contains("FAIL"), "{text}");
    Ok(())
}

fn programs_copy_there_and_back_through_loopback() -> Result<()> {
    let opened = Opened::new()?;
    let here = opened.pair.folder("here")?;
    fs::create_dir_all(here.join("tree/Ünïcødé & more"))?;
    fs::write(here.join("tree/large.bin"), documents::noise(12_000_000, 5))?;
    for number in 0..40 {
        fs::write(here.join(format!("tree/Ünïcødé & more/{number}.txt")), format!("{number}"))?;
    }
    let (dir, url) = (here.to_string_lossy().into_owned(), &opened.url);
    opened.host().sh(&format!(
        "R='rclone --config /dev/null --retries 1'
         $R copy {dir}/tree \":webdav,url='{url}',vendor=owncloud:tree\"
         $R check --download {dir}/tree \":webdav,url='{url}',vendor=owncloud:tree\"
         $R copy \":webdav,url='{url}',vendor=owncloud:tree\" {dir}/back
         diff -r {dir}/tree {dir}/back"
    ))?;
    opened.host().run(&[
        "diff",
        "-r",
        &format!("{dir}/tree"),
        &opened.folder.join("tree").to_string_lossy(),
    ])?;
    // As a drive, as other systems have it.
    fs::create_dir(here.join("drive"))?;
    fs::write(here.join("davfs2.conf"), "ask_auth 0\nbuf_size 64\nuse_locks 1\ndelay_upload 0\n")?;
    opened.host().sh(&format!(
        "mkdir -p /var/cache/davfs2 /run/mount.davfs
         mount -t davfs -o conf={dir}/davfs2.conf,uid=0,gid=0 {url} {dir}/drive
         cd {dir}/drive && test -f tree/large.bin && mkdir box && cp -r {dir}/tree box/again && mv box/again box/moved
         echo more > box/note && rm tree/large.bin && cd / && umount -i {dir}/drive
         for _ in $(seq 300); do ps -C mount.davfs -o stat= | grep -qv Z || break; sleep 0.1; done"
    ))?;
    let moved = opened.folder.join("box/moved").to_string_lossy().into_owned();
    opened.host().run(&["diff", "-r", &format!("{dir}/tree"), &moved])?;
    ensure!(fs::read_to_string(opened.folder.join("box/note"))? == "more\n");
    ensure!(!opened.folder.join("tree/large.bin").exists());
    let what = "a tree there and back, `check --download`; mount, `cp -r`, move, remove, unmount";
    sessions::passed(&["rclone", "davfs2"], "a drive on loopback", what)
}

fn nobody_else_gets_in_on_loopback() -> Result<()> {
    let opened = Opened::new()?;
    fs::write(opened.folder.join("letter"), "Dear Ada")?;
    let letter = format!("{}letter", opened.url);
    ensure!(opened.host().run(&["curl", "-s", &letter])? == "Dear Ada");
    let secret = opened.url.split('/').nth(4).context("there is a secret")?.to_owned();
    ensure!(secret.len() == 32, "{secret}");
    let other = secret.chars().rev().collect::<String>();
    for (what, wrong, status) in [
        ("another secret", letter.replace(&secret, &other), "404"),
        ("half of it", letter.replace(&secret, &secret[..16]), "404"),
        ("none", letter.replace(&format!("{secret}/"), ""), "404"),
        ("another drive", letter.replace("/Shared/", "/Other/"), "404"),
        ("what stands for it", letter.replace(&secret, "0-your-drive-on-another-computer"), "404"),
    ] {
        let found = opened.status(&[&wrong])?;
        ensure!(found == status, "{what}: {found}");
    }
    for (what, header, method, status) in [
        ("another name that leads here", "Host: rebound.example", "GET", "421"),
        ("a page elsewhere", "Origin: http://evil.example", "PUT", "403"),
        ("a picture on a page elsewhere", "Sec-Fetch-Site: cross-site", "GET", "403"),
        ("a form", "Content-Type: text/plain", "POST", "403"),
    ] {
        let found = opened.status(&["-H", header, "-X", method, &letter])?;
        ensure!(found == status, "{what}: {found}");
    }
    let headers = opened.host().run(&["curl", "-sI", &letter])?.to_lowercase();
    ensure!(headers.contains("content-security-policy: sandbox") && headers.contains("nosniff"), "{headers}");
    // Another account of the computer, even with the address.
    let mut as_other = vec!["setpriv", "--reuid", "1234", "--regid", "1234", "--clear-groups", "--"];
    as_other.extend(["curl", "-s", "-m", "5", &letter]);
    let told = opened.host().output(&as_other)?;
    ensure!(!told.status.success() && told.stdout.is_empty(), "another user was answered: {told:?}");
    // The owner's rules hold here as everywhere.
    opened.pair.owner.run(&["unshare", "Shared"])?;
    soon("it is taken back", Duration::from_secs(5), || {
        let found = opened.status(&[&letter])?;
        ensure!(found.starts_with('4'), "{found}");
        Ok(())
    })
}

fn the_address_of_a_drive_outlives_restarts_and_waits_for_nobody() -> Result<()> {
    let mut opened = Opened::new()?;
    fs::write(opened.folder.join("letter"), "Dear Ada")?;
    let letter = format!("{}letter", opened.url);
    opened.pair.sender.kill()?;
    opened.pair.sender.start_again()?;
    soon("the address leads there again", Duration::from_secs(20), || {
        ensure!(opened.host().run(&["curl", "-s", &letter])? == "Dear Ada");
        Ok(())
    })?;
    let again = opened.pair.sender.json::<Address>(&["mount", "Shared", "--webdav"])?.address;
    ensure!(again == opened.url, "{again}");
    opened.pair.owner.host().unplug()?;
    let found = opened.status(&["-m", "20", &letter])?;
    ensure!(found == "504", "{found}");
    opened.pair.owner.host().plug()?;
    soon("it is there again", Duration::from_secs(60), || {
        ensure!(opened.status(&["-m", "20", &letter])? == "200");
        Ok(())
    })?;
    opened.pair.sender.run(&["unmount", &opened.url, "--webdav"])?;
    let found = opened.status(&[&letter])?;
    ensure!(found == "404", "{found}");
    Ok(())
}

fn a_lock_from_before_a_restart_overwrites_nothing() -> Result<()> {
    let mut opened = Opened::new()?;
    fs::write(opened.folder.join("letter"), "first")?;
    let letter = format!("{}letter", opened.url);
    let wish =
        "<lockinfo xmlns='DAV:'><lockscope><exclusive/></lockscope><locktype><write/></locktype></lockinfo>";
    let take = ["curl", "-s", "-D", "-", "-o", "/dev/null", "-X", "LOCK", "--data", wish, &letter];
    let headers = opened.host().run(&take)?;
    let token = headers.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("lock-token").then(|| value.trim().to_owned())
    });
    let token = token.with_context(|| format!("no lock: {headers}"))?;
    let with_it = format!("If: ({token})");
    let put = |content: &'static str| ["-X", "PUT", "--data", content];
    let status = |arguments: &[&str]| opened_status(&opened, arguments, &letter);
    ensure!(status(&put("theirs"))? == "423", "it is not locked");
    ensure!(
        status(&[&["-H", &with_it][..], &put("second")].concat())? == "204",
        "whoever has the lock may write"
    );

    opened.pair.owner.kill()?;
    opened.pair.owner.start_again()?;
    let again = || opened_status(&opened, &["-I"], &letter);
    soon("the drive is there again", Duration::from_secs(60), || {
        let found = again()?;
        ensure!(found == "200", "{found}");
        Ok(())
    })?;
    // The lock ended with the node that held it. Somebody else may write, and whoever believes to have it is told.
    let status = |arguments: &[&str]| opened_status(&opened, arguments, &letter);
    ensure!(status(&put("somebody else's"))? == "204", "a lock that nobody holds keeps somebody away");
    for (what, arguments, told) in [
        ("writing", [&["-H", &with_it][..], &put("overwritten")].concat(), "412"),
        ("removing", vec!["-H", &with_it, "-X", "DELETE"], "412"),
        ("making it last", vec!["-H", &with_it, "-X", "LOCK"], "412"),
        ("letting it go", vec!["-H", &*format!("Lock-Token: {token}"), "-X", "UNLOCK"], "409"),
    ] {
        let found = status(&arguments)?;
        ensure!(found == told, "{what} with a lock that is no more: {found}");
    }
    ensure!(fs::read_to_string(opened.folder.join("letter"))? == "somebody else's");
    ensure!(status(&["-X", "LOCK", "--data", wish])? == "200", "it cannot be locked anew");
    Ok(())
}

fn opened_status(opened: &Opened, arguments: &[&str], url: &str) -> Result<String> {
    opened.status(&[arguments, &["-m", "20", url]].concat())
}

/// `127.0.0.1:…` and the path of a drive's address.
fn parts(url: &str) -> Result<(String, String)> {
    let (address, path) =
        url.strip_prefix("http://").and_then(|rest| rest.split_once('/')).context("an address")?;
    Ok((address.to_owned(), format!("/{path}")))
}

fn two_thousand_connections_keep_no_program_from_its_drive() -> Result<()> {
    // curl(1).
    const NOTHING_SAID: i32 = 52;
    const CUT_OFF: i32 = 56;
    let mut opened = Opened::new()?;
    fs::write(opened.folder.join("letter"), "Dear Ada")?;
    let (letter, film) = (format!("{}letter", opened.url), format!("{}film", opened.url));
    let content = documents::noise(8_000_000, 9);
    fs::write(opened.folder.join("film"), &content)?;
    let here = opened.pair.folder("here")?.join("film");
    let (address, _) = parts(&opened.url)?;
    ensure!(opened.host().run(&["curl", "-s", &letter])? == "Dear Ada");
    let before = opened.pair.sender.process()?.most_kib()?;
    // One that was begun before the crowd came, and takes its time.
    let copy = here.to_string_lossy().into_owned();
    let mut slow = opened.host().spawn(&["curl", "-s", "-f", "--limit-rate", "1M", "-o", &copy, &film])?;
    let mut crowd = opened.host().spawn_inside(&["besiege", &address, "2000", "12"])?;
    soon("the crowd is there", Duration::from_secs(120), || {
        ensure!(crowd.written().contains("besieged"), "{}", crowd.errors());
        Ok(())
    })?;
    let (mut asked, mut again, mut longest) = (0, 0, Duration::ZERO);
    while crowd.runs() || asked < 3 {
        let begun = Instant::now();
        // Where so many want in, one that says nothing for 40 ms is pushed out: on a busy computer that is a program, too,
        // and programs ask again.
        for left in (0..3).rev() {
            let told = opened.host().output(&["curl", "-s", "-m", "60", &letter])?;
            if told.stdout == b"Dear Ada" {
                break;
            }
            let pushed_out = matches!(told.status.code(), Some(NOTHING_SAID | CUT_OFF));
            ensure!(pushed_out && left > 0, "in the crowd: {told:?}");
            again += 1;
        }
        longest = longest.max(begun.elapsed());
        ensure!(longest < CROWDED, "a program waited for {longest:?}");
        asked += 1;
    }
    ensure!(again <= 1 + asked / 4, "of {asked} that asked, {again} had to ask again");
    ensure!(crowd.wait(Duration::from_secs(30))? == Some(0), "{}", crowd.errors());
    ensure!(slow.wait(Duration::from_secs(30))? == Some(0), "what was under way was cut: {}", slow.errors());
    ensure!(fs::read(&here)? == content, "what was under way is different");
    let after = opened.pair.sender.process()?.most_kib()?;
    remark(format!(
        "{asked} times, {again} more, {longest:.1?} at most; {}; {before} KiB before, {after} KiB at most",
        crowd.written().lines().last().unwrap_or_default()
    ));
    ensure!(after < before + MOST_GROWTH, "memory grew from {before} to {after} KiB");
    Ok(())
}

fn a_request_of_a_byte_a_second_is_cut_off_in_each_of_its_parts() -> Result<()> {
    const LIMIT: &str = "80";
    let opened = Opened::new()?;
    fs::write(opened.folder.join("letter"), "Dear Ada")?;
    let (address, path) = parts(&opened.url)?;
    let (letter, slow, nothing) =
        (format!("{}letter", opened.url), format!("{path}slow"), opened.pair.file("nothing", b"")?);
    let header = opened.host().spawn_inside(&["slow-ipp", &address, &slow, "header", &nothing, LIMIT])?;
    let body = opened.host().spawn_inside(&["slow-put", &address, &slow, LIMIT])?;
    for (part, mut one) in [("header", header), ("body", body)] {
        while one.runs() {
            ensure!(opened.host().run(&["curl", "-s", "-m", "20", &letter])? == "Dear Ada");
            std::thread::sleep(Duration::from_millis(200));
        }
        ensure!(one.wait(Duration::from_secs(5))? == Some(0), "{part}: {}", one.errors());
        remark(format!("{part}: {}", one.written().lines().last().unwrap_or_default()));
    }
    let names: Vec<_> = fs::read_dir(&opened.folder)?.flatten().map(|entry| entry.file_name()).collect();
    ensure!(names == ["letter"], "something is left of it: {names:?}");
    Ok(())
}
