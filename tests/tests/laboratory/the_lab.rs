//! The laboratory itself: that what the other scenarios rely on is real.

use anyhow::{Context, Result, ensure};
use lanyard_tests::{
    DirectCable, Host, Lab, PaperPrinter, documents, impair, mdns, printer::QUEUE, runner::remark, scenarios,
};
use std::{
    fs,
    net::{IpAddr, Ipv4Addr},
    path::Path,
    process::Command,
    time::Duration,
};

scenarios![
    hosts_on_a_switch_reach_each_other_and_nobody_else,
    a_direct_cable_has_only_link_local_addresses,
    multicast_crosses_the_switch,
    an_unplugged_host_is_gone_until_it_is_plugged_in_again,
    a_changed_address_replaces_the_old_one,
    hosts_do_not_see_each_others_processes_and_runtime_directories,
    a_host_leaves_nothing_when_it_is_dropped,
    a_killed_run_leaves_no_processes,
    the_directories_of_a_dead_run_are_swept,
    a_small_disk_gets_full,
    the_documents_are_what_they_claim_to_be,
    the_paper_printer_counts_copies_and_pages,
    the_paper_printer_stops_without_paper,
    #[alone]
    loss_is_real,
    #[alone]
    a_limited_rate_is_real,
];

fn hosts_on_a_switch_reach_each_other_and_nobody_else() -> Result<()> {
    let lab = Lab::new()?;
    let (ada, ben) = (lab.host("ada")?, lab.host("ben")?);
    reach(&ada, &ben, ben.ipv4()?)?;
    reach(&ben, &ada, ada.ipv6()?)?;
    ensure!(ada.run(&["hostname"])?.trim() == "ada");
    let routes = ada.run(&["ip", "route"])?;
    ensure!(!routes.contains("default"), "a way out: {routes}");
    ensure!(!routes.contains("via"), "a way out: {routes}");
    // The machine's own namespace must not have got an interface of ours.
    let outside = String::from_utf8(Command::new("ip").args(["-o", "link"]).output()?.stdout)?;
    ensure!(!outside.contains("br0") && !outside.contains("p1@"), "on the machine itself: {outside}");
    Ok(())
}

fn a_direct_cable_has_only_link_local_addresses() -> Result<()> {
    let cable = DirectCable::new("ada", "ben")?;
    reach(&cable.left, &cable.right, cable.right.ipv4()?)?;
    let addresses = cable.left.run(&["ip", "-o", "addr", "show", "dev", "eth0"])?;
    for line in addresses.lines() {
        ensure!(line.contains("inet 169.254.") || line.contains("inet6 fe80:"), "not link-local: {line}");
    }
    ensure!(addresses.contains("inet6 fe80:"), "no IPv6 link-local address: {addresses}");
    let far = cable.right.run(&["ip", "-o", "-6", "addr", "show", "dev", "eth0"])?;
    let far = far.split_whitespace().find(|word| word.starts_with("fe80:")).context("no fe80 address")?;
    reach(&cable.left, &cable.right, far.trim_end_matches("/64").parse::<IpAddr>()?)
}

fn multicast_crosses_the_switch() -> Result<()> {
    let lab = Lab::new()?;
    let (ada, ben) = (lab.host("ada")?, lab.host("ben")?);
    let capture = ben.capture("udp port 5353")?;
    ada.run_inside(&["hostile-mdns", "10"])?;
    let (raw, lines) = capture.stop()?;
    let sent = mdns::hostile().len() + 10;
    let arrived = lines.iter().filter(|line| line.contains("224.0.0.251.5353")).count();
    ensure!(arrived == sent, "{arrived} of {sent} packets arrived");
    ensure!(raw.windows(8).any(|bytes| bytes == b"00000009"), "the last announcement is not in the capture");
    Ok(())
}

fn an_unplugged_host_is_gone_until_it_is_plugged_in_again() -> Result<()> {
    let lab = Lab::new()?;
    let (ada, ben) = (lab.host("ada")?, lab.host("ben")?);
    let address = ben.ipv4()?;
    reach(&ada, &ben, address)?;
    ben.unplug()?;
    ensure!(reach(&ada, &ben, address).is_err(), "an unplugged host answers");
    ben.plug()?;
    lanyard_tests::soon("it answers again", Duration::from_secs(5), || reach(&ada, &ben, address))
}

fn a_changed_address_replaces_the_old_one() -> Result<()> {
    let lab = Lab::new()?;
    let (ada, ben) = (lab.host("ada")?, lab.host("ben")?);
    let old = ben.ipv4()?;
    ben.change_address(Ipv4Addr::new(10, 77, 0, 99), "fd77::99".parse()?)?;
    reach(&ada, &ben, Ipv4Addr::new(10, 77, 0, 99))?;
    reach(&ada, &ben, "fd77::99".parse::<IpAddr>()?)?;
    ensure!(reach(&ada, &ben, old).is_err(), "the old address still answers");
    Ok(())
}

fn hosts_do_not_see_each_others_processes_and_runtime_directories() -> Result<()> {
    let lab = Lab::new()?;
    let (ada, ben) = (lab.host("ada")?, lab.host("ben")?);
    let _sleeper = ada.spawn(&["sleep", "4711"])?;
    ensure!(ada.sh("cat /proc/*/cmdline | tr '\\0' ' '")?.contains("sleep 4711"), "it does not see its own");
    ensure!(!ben.sh("cat /proc/*/cmdline | tr '\\0' ' '")?.contains("sleep 4711"), "it sees another host's");
    ada.run(&["touch", "/run/mine"])?;
    ensure!(ben.run(&["ls", "/run/mine"]).is_err() && !Path::new("/run/mine").exists(), "/run is shared");
    Ok(())
}

fn a_host_leaves_nothing_when_it_is_dropped() -> Result<()> {
    let host = Host::new("ada")?;
    let (pid, dir) = (host.pid(), host.dir().to_owned());
    let sleeper = host.spawn(&["sleep", "600"])?;
    let inside = sleeper.pid();
    ensure!(is_alive(pid) && is_alive(inside) && dir.exists(), "it is not there to begin with");
    drop(host);
    lanyard_tests::soon("everything is gone", Duration::from_secs(5), || {
        ensure!(!is_alive(pid), "the first process is left");
        ensure!(!is_alive(inside), "a process is left");
        ensure!(!dir.exists(), "a directory is left");
        Ok(())
    })
}

fn a_killed_run_leaves_no_processes() -> Result<()> {
    // A whole second runner, killed in the middle of a scenario.
    let mut runner = Command::new(std::env::current_exe()?)
        .arg(lanyard_tests::inside::MARK)
        .args(["hold-host"])
        .stdout(std::process::Stdio::piped())
        .spawn()?;
    let mut line = String::new();
    std::io::BufRead::read_line(
        &mut std::io::BufReader::new(runner.stdout.take().context("no output")?),
        &mut line,
    )?;
    let pids: Vec<u32> = line.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    ensure!(pids.len() == 2 && pids.iter().all(|pid| is_alive(*pid)), "it did not start: {line:?}");
    runner.kill()?;
    runner.wait()?;
    lanyard_tests::soon("its processes are gone", Duration::from_secs(5), || {
        ensure!(!pids.iter().any(|pid| is_alive(*pid)), "they are left");
        Ok(())
    })
}

fn the_directories_of_a_dead_run_are_swept() -> Result<()> {
    let mut dead = Command::new("true").spawn()?;
    let pid = dead.id();
    dead.wait()?;
    let left = std::env::temp_dir().join(format!("lanyard-lab-{pid}-0"));
    fs::create_dir_all(left.join("data"))?;
    let mine = Host::new("ada")?;
    lanyard_tests::scratch::sweep()?;
    ensure!(!left.exists(), "it was left");
    ensure!(mine.dir().exists(), "the directory of a living run was removed");
    Ok(())
}

fn a_small_disk_gets_full() -> Result<()> {
    let host = Host::new("ada")?;
    let disk = host.dir().join("disk");
    host.small_disk(&disk, 1 << 20)?;
    let big = disk.join("big").to_string_lossy().into_owned();
    let error = host.run(&["dd", "if=/dev/zero", &format!("of={big}"), "bs=64k", "count=64"]);
    ensure!(error.is_err_and(|error| error.to_string().contains("No space left")), "it took 4 MiB");
    ensure!(host.seen_from_here(&disk).join("big").exists(), "the test cannot look into it");
    Ok(())
}

fn the_documents_are_what_they_claim_to_be() -> Result<()> {
    let host = Host::new("ada")?;
    let dir = host.dir().to_string_lossy().into_owned();
    fs::write(format!("{dir}/a.pdf"), documents::pdf_with_ballast(&["Page (one)", "Page two"], 100_000))?;
    let text = host.run(&["pdftotext", &format!("{dir}/a.pdf"), "-"])?;
    ensure!(text.contains("Page (one)") && text.contains("Page two"), "{text:?}");
    ensure!(fs::metadata(format!("{dir}/a.pdf"))?.len() > 100_000);
    fs::write(format!("{dir}/a.png"), documents::png(256))?;
    fs::write(format!("{dir}/a.jpg"), documents::jpeg(256))?;
    let kinds =
        host.sh(&format!("gs -q -dBATCH -dNOPAUSE -sDEVICE=txtwrite -o /dev/null {dir}/a.pdf 2>&1"))?;
    ensure!(!kinds.contains("rror"), "Ghostscript has something to say about the PDF: {kinds}");
    let jpeg = host.sh(&format!(
        "gs -q -dNODISPLAY -dBATCH -dNOSAFER -c '({dir}/a.jpg) (r) file /DCTDecode filter 65536 string readstring \
         exch dup 0 get = dup 65535 get = dup 32 get = length = ='"
    ))?;
    // Top left is black, its neighbour field white, the bottom right black; 65,536 pixels and no more wanted.
    ensure!(jpeg.split_whitespace().eq(["0", "0", "255", "65536", "true"]), "{jpeg:?}");
    Ok(())
}

fn the_paper_printer_counts_copies_and_pages() -> Result<()> {
    let host = Host::new("ada")?;
    let printer = PaperPrinter::install(&host)?;
    let file = host.dir().join("a.pdf");
    fs::write(&file, documents::pdf(&["first page", "second page", "third page"]))?;
    let file = file.to_string_lossy();
    printer.admin(&["lp", "-d", QUEUE, "-n", "2", "-P", "2-3", "-o", "sides=two-sided-long-edge", &file])?;
    let tray = printer.tray_with(1, Duration::from_secs(20))?;
    ensure!(tray[0].pages == ["second page", "third page"], "{tray:?}");
    ensure!(tray[0].copies == 2 && tray[0].sheets() == 4, "{tray:?}");
    ensure!(tray[0].sides == "two-sided-long-edge", "{tray:?}");
    lanyard_tests::soon("CUPS has noticed", Duration::from_secs(10), || {
        ensure!(printer.waiting_in_cups()? == 0, "it is still printing");
        Ok(())
    })?;
    // A job that is cancelled is not counted.
    printer.set_busy(true)?;
    printer.admin(&["lp", "-d", QUEUE, &file])?;
    printer.admin(&["cancel", "-a", QUEUE])?;
    printer.set_busy(false)?;
    lanyard_tests::soon("CUPS counts one printed job of two", Duration::from_secs(10), || {
        let (ever, completed) = (printer.ever_in_cups()?, printer.completed_in_cups()?);
        ensure!(ever == 2 && completed == 1, "{completed} of {ever} printed");
        Ok(())
    })
}

fn the_paper_printer_stops_without_paper() -> Result<()> {
    let host = Host::new("ada")?;
    let printer = PaperPrinter::install(&host)?;
    let file = host.dir().join("a.pdf");
    fs::write(&file, documents::pdf(&["only page"]))?;
    printer.set_paper(false)?;
    printer.admin(&["lp", "-d", QUEUE, &file.to_string_lossy()])?;
    lanyard_tests::soon("CUPS knows about the paper", Duration::from_secs(20), || {
        let state = printer.admin(&["lpstat", "-l", "-p", QUEUE])?;
        ensure!(state.contains("media-empty"), "{state}");
        Ok(())
    })?;
    ensure!(printer.tray()?.is_empty(), "it printed without paper");
    printer.set_paper(true)?;
    let tray = printer.tray_with(1, Duration::from_secs(20))?;
    ensure!(tray[0].pages == ["only page"], "{tray:?}");
    Ok(())
}

fn loss_is_real() -> Result<()> {
    let lab = Lab::new()?;
    let (ada, ben) = (lab.host("ada")?, lab.host("ben")?);
    let before = impair::measure_loss(&ada, &ben)?;
    ensure!(before < 0.5, "the network loses {before} % by itself");
    let measured = impair::loss(&ben, 20, &ada)?;
    remark(format!("asked for 20 % loss, measured {measured:.1} %"));
    Ok(())
}

fn a_limited_rate_is_real() -> Result<()> {
    let lab = Lab::new()?;
    let (ada, ben) = (lab.host("ada")?, lab.host("ben")?);
    let before = impair::measure_rate(&ada, &ben, 20_000_000)?;
    ensure!(before > 200.0, "only {before:.0} Mbit/s without any limit");
    let measured = impair::rate(&ada, 20, &ben)?;
    remark(format!("{before:.0} Mbit/s without a limit, {measured:.1} with one of 20"));
    impair::full_rate(&ada)?;
    let after = impair::measure_rate(&ada, &ben, 20_000_000)?;
    ensure!(after > 200.0, "the limit did not go away: {after:.0} Mbit/s");
    Ok(())
}

/// One packet there and back.
fn reach(from: &Host, to: &Host, address: impl Into<IpAddr>) -> Result<()> {
    ensure!(
        impair::echoes(from, to, address.into(), 1)? == 1,
        "{} does not reach {}",
        from.name(),
        to.name()
    );
    Ok(())
}

/// A process that has ended but was not waited for does not count.
fn is_alive(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z')))
}
