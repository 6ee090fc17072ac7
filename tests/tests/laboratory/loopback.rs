//! Somebody else's folder under an address on loopback, for programs of this computer that speak WebDAV: through the node
//! here and the node there, it is what a shared folder is.

use crate::{
    folders::{GROUPS, summary_of},
    office::Pair,
};
use anyhow::{Context, Result, ensure};
use lanyard_tests::{Host, documents, scenarios, soon};
use serde::Deserialize;
use std::{fs, path::PathBuf, time::Duration};

scenarios![
    litmus_passes_every_test_through_two_nodes,
    programs_copy_there_and_back_through_loopback,
    nobody_else_gets_in_on_loopback,
    the_address_of_a_drive_outlives_restarts_and_waits_for_nobody,
];

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
    Ok(())
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
