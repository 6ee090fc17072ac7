//! A mounted drive beside a copy, and beside davfs2.

use super::{Beside, MIB, Most, Way, in_turns, same_size, tell, write_large, write_small};
use anyhow::{Context, Result, ensure};
use lanyard_tests::inside::Timed;
use std::fs;

pub(super) fn read_through_the_mount() -> Result<()> {
    const SIZE: u64 = 1_024;
    let beside = Beside::new(SIZE + 64)?;
    write_large(&beside.there("large.bin"), SIZE)?;
    let (to, at) = (beside.here("copy.bin"), beside.here("mounted"));
    fs::create_dir(beside.seen_here("mounted"))?;
    beside.sender.run(&["mount", "Drive", &at])?;
    let host = beside.sender.host();
    let read = || -> Result<Timed> {
        // Nothing of an earlier read is left in memory.
        host.sh("echo 1 > /proc/sys/vm/drop_caches")?;
        host.time(&["dd", &format!("if={at}/large.bin"), &format!("of={to}"), "bs=1M"])
    };
    let ways: [Way<'_>; 2] = [
        ("through the mount", Box::new(read)),
        ("lanyard get", Box::new(|| beside.sender.time(&["get", "Drive:large.bin", &to]))),
    ];
    let copy = beside.seen_here("copy.bin");
    let costs = in_turns(&beside, 3, &ways, |_| {
        same_size(&copy, SIZE * MIB)?;
        Ok(fs::remove_file(&copy)?)
    })?;
    beside.sender.run(&["unmount", &at])?;
    let rate = |at: usize| (SIZE * MIB) as f64 / 1e6 / costs[at].took.as_secs_f64();
    tell(
        "1 GiB read through the mount",
        "MB/s",
        rate(0),
        Some(("lanyard get", rate(1))),
        Most::AtLeastTimes(0.6),
    );
    Ok(())
}

pub(super) fn a_list_of_ten_thousand() -> Result<()> {
    const FILES: usize = 10_000;
    let beside = Beside::shared(256, &["--write", "--to", "network"])?;
    write_small(&beside.there("many"), FILES)?;
    let (host, dir) = (beside.sender.host(), beside.sender.host().dir().display().to_string());
    let address = beside.owner.host().ipv4()?;
    let port = beside.owner.status()?.port;
    let name = host.sh(&format!(
        "openssl s_client -connect {address}:{port} </dev/null 2>/dev/null | openssl x509 > {dir}/ben.pem
         openssl x509 -in {dir}/ben.pem -noout -ext subjectAltName"
    ))?;
    let name = name.split("DNS:").nth(1).context("the certificate has a name")?.trim();
    fs::write(
        host.dir().join("davfs2.conf"),
        format!("trust_server_cert {dir}/ben.pem\nask_auth 0\nbuf_size 64\n"),
    )?;
    let (ours, davfs) = (beside.here("ours"), beside.here("davfs"));
    let share = beside.share()?;
    host.sh(&format!(
        "mkdir -p /var/cache/davfs2 /run/mount.davfs {ours} {davfs}; echo '{address} {name}' >> /etc/hosts"
    ))?;
    // Each time freshly mounted, so that nobody knows the names already.
    let by_davfs = || {
        host.sh(&format!(
            "mount -t davfs -o conf={dir}/davfs2.conf,uid=0,gid=0 https://{name}:{port}/dav/{share}/ {davfs}"
        ))?;
        let timed = host.time(&["ls", "-lR", &format!("{davfs}/many")]);
        host.sh(&format!("umount -i {davfs}"))?;
        timed
    };
    let by_us = || {
        beside.sender.run(&["mount", "Drive", &ours])?;
        let timed = host.time(&["ls", "-lR", &format!("{ours}/many")]);
        beside.sender.run(&["unmount", &ours])?;
        timed
    };
    let ways: [Way<'_>; 2] = [("mounted", Box::new(by_us)), ("davfs2", Box::new(by_davfs))];
    let costs = in_turns(&beside, 3, &ways, |_| Ok(()))?;
    ensure!(costs.iter().all(|cost| !cost.took.is_zero()), "nothing was listed");
    let rate = |at: usize| FILES as f64 / costs[at].took.as_secs_f64();
    tell("ls -lR of 10,000 files", "names/s", rate(0), Some(("davfs2", rate(1))), Most::AtLeastTimes(3.0));
    Ok(())
}
