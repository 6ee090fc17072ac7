//! Somebody on the network means harm: the node goes on, and nobody is led astray.

use anyhow::{Context, Result, ensure};
use lanyard_tests::{Lab, Node, Process, runner::remark, scenarios};
use std::time::Duration;

scenarios![
    hostile_announcements_change_nothing,
    a_client_that_drips_is_cut_off,
    a_header_of_one_byte_a_second_is_cut_off,
    a_body_of_one_byte_a_second_is_cut_off,
    a_client_that_says_nothing_is_cut_off,
    many_idle_connections_keep_nobody_out,
];

fn hostile_announcements_change_nothing() -> Result<()> {
    let lab = Lab::new()?;
    let mallory = lab.host("mallory")?;
    let host = lab.host("ada")?;
    // With a way out, an attempt to reach an address outside leaves the computer and is seen.
    host.run(&["ip", "route", "add", "default", "via", &mallory.ipv4()?.to_string()])?;
    let outside = host.capture("tcp and not dst net 10.77.0.0/24 and not ip6")?;
    // An address on the network where nobody is gets no further than the question who has it.
    let invented = host.capture("arp[6:2] = 1 and dst net 10.77.0.192/26")?;
    let trial = host.spawn_inside(&["blast", "203.0.113.9:9", "1"])?;
    let mut ada = Node::at_home(&host)?;
    let before = ada.process()?.rss_kib()?;

    let mut flood = mallory.spawn_inside(&["hostile-mdns", "10000"])?;
    ensure!(flood.wait(Duration::from_secs(60))? == Some(0), "{}", flood.errors());
    let after = ada.process()?.rss_kib()?;
    remark(format!("memory {before} KiB before and {after} after 10,000 announcements"));
    ensure!(after < before + 60_000, "memory grew from {before} to {after} KiB");

    let ben = Node::at_home(&lab.host("ben")?)?;
    ada.finds_device("ben", Duration::from_secs(10)).context("a real neighbour among 10,000 false ones")?;
    ben.finds_device("ada", Duration::from_secs(10))?;
    let near = ada.nearby()?;
    ensure!(near.devices.len() == 1, "announcements alone made devices: {:?}", near.devices);
    remark(format!("{} invented printers in the list", near.printers.len()));
    ensure!(near.printers.len() <= 256 && near.drives.is_empty(), "{} printers", near.printers.len());
    for printer in &near.printers {
        let shown = [
            Some(&printer.name),
            Some(&printer.device_name),
            printer.model.as_ref(),
            printer.location.as_ref(),
        ];
        for text in shown.into_iter().flatten() {
            ensure!(!text.chars().any(is_treacherous) && text.len() <= 256, "{text:?}");
        }
    }
    let words = ada.run(&["nearby"])?;
    ensure!(!words.chars().any(|c| c != '\n' && is_treacherous(c)), "on the terminal: {words:?}");

    drop(trial);
    let (_, left) = outside.stop()?;
    let (trials, led_astray): (Vec<_>, Vec<_>) =
        left.iter().filter(|line| line.contains(" > ")).partition(|line| line.contains("203.0.113.9.9:"));
    ensure!(!trials.is_empty(), "the capture does not show what is sent outside");
    ensure!(led_astray.is_empty(), "it was sent outside by an announcement: {led_astray:#?}");
    let (_, tried) = invented.stop()?;
    remark(format!("{} questions for invented neighbours", tried.len()));
    Ok(())
}

/// Control characters, and those that turn the reading direction around.
fn is_treacherous(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn a_client_that_drips_is_cut_off() -> Result<()> {
    bad_manners(&["drip"], 20)
}

fn a_client_that_says_nothing_is_cut_off() -> Result<()> {
    bad_manners(&["silent"], 20)
}

fn a_header_of_one_byte_a_second_is_cut_off() -> Result<()> {
    bad_manners(&["slow-request", "header"], 25)
}

fn a_body_of_one_byte_a_second_is_cut_off() -> Result<()> {
    bad_manners(&["slow-request", "body"], 50)
}

/// Behaves badly for at most `limit` seconds; meanwhile and afterwards the node has time for others.
fn bad_manners(manners: &[&str], limit: u32) -> Result<()> {
    let lab = Lab::new()?;
    let ada = Node::at_home(&lab.host("ada")?)?;
    let mallory = lab.host("mallory")?;
    let address = format!("{}:{}", ada.host().ipv4()?, ada.status()?.port);
    let limit = limit.to_string();
    let dir = mallory.dir().join("key").to_string_lossy().into_owned();
    let mut command = manners.to_vec();
    command.extend([address.as_str(), &limit]);
    if manners.len() > 1 {
        command.push(&dir);
    }
    let mut stranger = mallory.spawn_inside(&command)?;
    let mut ben = Node::at_home(&lab.host("ben")?)?;
    ben.finds_device("ada", Duration::from_secs(5)).context("during the attack")?;
    let status = stranger.wait(Duration::from_secs(60))?;
    ensure!(status == Some(0), "{}", stranger.errors().trim());
    remark(stranger.written().trim().to_owned());
    ben.stop()?;
    ben.start_again()?;
    ben.finds_device("ada", Duration::from_secs(5)).context("after the attack").map(drop)
}

fn many_idle_connections_keep_nobody_out() -> Result<()> {
    let lab = Lab::new()?;
    let ada = Node::at_home(&lab.host("ada")?)?;
    let mallory = lab.host("mallory")?;
    let address = format!("{}:{}", ada.host().ipv4()?, ada.status()?.port);
    let crowd = mallory.spawn_inside(&["crowd", &address, "500"])?;
    lanyard_tests::soon("the crowd is there", Duration::from_secs(10), || {
        ensure!(crowd.written().contains("crowded"), "{}", crowd.errors());
        Ok(())
    })?;
    let ben = Node::at_home(&lab.host("ben")?)?;
    ben.finds_device("ada", Duration::from_secs(10))?;
    ada.finds_device("ben", Duration::from_secs(10))?;
    remark(crowd_size(&crowd));
    Ok(())
}

fn crowd_size(crowd: &Process) -> String {
    crowd.written().trim().to_owned()
}
