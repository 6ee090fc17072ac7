//! How fast a mounted drive is, beside a copy by our own command and beside davfs2. No test: run with `--measure` and a
//! release build, on a quiet machine.

use super::{Pair, mounted, sh};
use anyhow::{Context, Result};
use lanyard_tests::{documents, runner::remark, scenarios};
use std::fs;

scenarios![
    #[alone]
    a_mounted_file_is_read_beside_get,
    #[alone]
    a_mounted_folder_is_listed_beside_davfs2,
];

const ROUNDS: usize = 3;
const FILES: usize = 10_000;

/// Seconds that a line of shell takes on the computer with the mount.
fn seconds(pair: &Pair, line: &str) -> Result<f64> {
    let timed =
        format!("begin=$(date +%s.%N); {line}; end=$(date +%s.%N); awk \"BEGIN {{ print $end - $begin }}\"");
    let told = sh(&pair.sender, &timed)?;
    told.trim().lines().last().and_then(|line| line.parse().ok()).with_context(|| told.clone())
}

fn best(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all.first().copied().unwrap_or_default()
}

fn a_mounted_file_is_read_beside_get() -> Result<()> {
    let pair = Pair::new()?;
    let (folder, dir) = mounted(&pair)?;
    let (mut got, mut read) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        // A new name each time: nothing of it is cached or known.
        let name = format!("film{round}");
        fs::write(folder.join(&name), documents::noise(512 << 20, round as u64))?;
        read.push(seconds(&pair, &format!("cat {dir}/{name} > /dev/null"))?);
        let copy = pair.folder("copies")?.join(&name).to_string_lossy().into_owned();
        let begun = std::time::Instant::now();
        pair.sender.run(&["get", &format!("Shared:{name}"), &copy])?;
        got.push(begun.elapsed().as_secs_f64());
        fs::remove_file(copy)?;
        fs::remove_file(folder.join(&name))?;
    }
    let (get, mount) = (512.0 / best(got), 512.0 / best(read));
    remark(format!("get {get:.0} MiB/s, read through the mount {mount:.0} MiB/s: {:.2} of it", mount / get));
    Ok(())
}

fn a_mounted_folder_is_listed_beside_davfs2() -> Result<()> {
    let pair = Pair::new()?;
    let (folder, dir) = mounted(&pair)?;
    for number in 0..FILES {
        let within = folder.join(format!("tree/{}", number % 10));
        if number < 10 {
            fs::create_dir_all(&within)?;
        }
        fs::write(within.join(format!("{number}.txt")), "x")?;
    }
    let told = pair.sender.run(&["mount", "Shared", "--webdav"])?;
    let here = pair.folder("here")?.to_string_lossy().into_owned();
    sh(
        &pair.sender,
        &format!(
            "mkdir -p {here}/drive /var/cache/davfs2 /run/mount.davfs
             printf 'ask_auth 0\\nbuf_size 64\\n' > {here}/davfs2.conf
             mount -t davfs -o conf={here}/davfs2.conf,uid=0,gid=0 {} {here}/drive",
            told.trim()
        ),
    )?;
    let ours = seconds(&pair, &format!("ls -lR {dir}/tree > /dev/null"))?;
    let davfs = seconds(&pair, &format!("ls -lR {here}/drive/tree > /dev/null"))?;
    sh(&pair.sender, &format!("umount -i {here}/drive"))?;
    remark(format!(
        "{FILES} files: ours {ours:.2} s, davfs2 {davfs:.2} s: {:.1} times as fast",
        davfs / ours
    ));
    Ok(())
}
