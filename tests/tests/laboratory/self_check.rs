//! The self-check finds what was broken on purpose; pausing, a copied disk, a confined node.

use anyhow::{Context, Result, ensure};
use lanyard_api::{Check, CheckKind, DeviceState, FixAction, NodeStatus, Outcome, SharingState};
use lanyard_tests::{
    Host, Lab, Node, PaperPrinter, Setup, documents, node, runner::remark, scenarios, soon, stays,
};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

scenarios![
    when_all_is_well_the_self_check_says_so,
    a_firewall_on_this_computer_is_found,
    filtered_multicast_is_found_while_known_devices_go_on,
    a_taken_multicast_port_is_not_called_visible,
    a_public_network_is_told_with_a_button,
    a_neighbour_cannot_send_us_knocking_around,
    a_pause_hides_the_node_and_ends_by_itself,
    a_pause_survives_a_power_cut,
    a_copied_disk_offers_nothing_until_a_person_has_spoken,
    tunnels_and_containers_are_left_alone,
    a_vpn_that_takes_the_neighbours_is_found,
    a_support_bundle_names_nobody,
    a_confined_node_serves_its_share_and_reads_nothing_else,
    a_confined_node_prints_on_paper,
    a_readable_data_directory_is_closed_and_a_read_only_one_refused,
    the_service_is_hardened,
];

fn checks(node: &Node) -> Result<Vec<Check>> {
    let output = node.output(&["doctor", "--json"])?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let checks: Vec<Check> = serde_json::from_str(&text)
        .with_context(|| format!("{text:?} {}", String::from_utf8_lossy(&output.stderr)))?;
    let failed = checks.iter().any(|check| check.outcome == Outcome::Failed);
    ensure!(output.status.code() == Some(i32::from(failed)), "{} with {checks:#?}", output.status);
    Ok(checks)
}

fn found(checks: &[Check], what: CheckKind, outcome: Outcome) -> Result<&Check> {
    let check = checks.iter().find(|check| check.what == what).context("the check is missing")?;
    ensure!(check.outcome == outcome, "{check:?}, not {outcome:?}");
    Ok(check)
}

fn two_at_home(lab: &Lab) -> Result<(Node, Node)> {
    let (ada, ben) = (Node::at_home(&lab.host("ada")?)?, Node::at_home(&lab.host("ben")?)?);
    ada.finds_device("ben", Duration::from_secs(5))?;
    ben.finds_device("ada", Duration::from_secs(5))?;
    Ok((ada, ben))
}

fn when_all_is_well_the_self_check_says_so() -> Result<()> {
    let lab = Lab::new()?;
    let (ada, _ben) = two_at_home(&lab)?;
    let begun = Instant::now();
    let checks = checks(&ada)?;
    remark(format!("the self-check took {:.1} s", begun.elapsed().as_secs_f64()));
    ensure!(begun.elapsed() < Duration::from_secs(12), "{:?}", begun.elapsed());
    ensure!(checks.len() == 11, "{checks:#?}");
    for what in [
        CheckKind::Network,
        CheckKind::Listening,
        CheckKind::Inbound,
        CheckKind::Outbound,
        CheckKind::Multicast,
        CheckKind::SameNetwork,
        CheckKind::Clock,
        CheckKind::Version,
        CheckKind::Data,
    ] {
        found(&checks, what, Outcome::Good)?;
    }
    let text = ada.run(&["doctor"])?;
    ensure!(text.contains('✓') && !text.contains('✗'), "{text}");
    Ok(())
}

/// `nft` rules on a host, and the proof that they drop something.
fn drop_packets(host: &Host, rules: &str) -> Result<()> {
    host.run(&[
        "nft",
        &format!(
            "add table inet lab; \
             add chain inet lab in {{ type filter hook input priority 0; }}; \
             add chain inet lab out {{ type filter hook output priority 0; }}; {rules}"
        ),
    ])
    .map(drop)
}

fn dropped(host: &Host) -> Result<bool> {
    let rules = host.run(&["nft", "list", "table", "inet", "lab"])?;
    let counts = rules.split("packets ").skip(1).filter_map(|rest| rest.split(' ').next());
    Ok(counts.filter_map(|count| count.parse::<u64>().ok()).sum::<u64>() > 0)
}

fn a_firewall_on_this_computer_is_found() -> Result<()> {
    let lab = Lab::new()?;
    let host = lab.host("ada")?;
    let ada = Node::at_home(&host)?;
    let port = ada.status()?.port;
    drop_packets(&host, &format!("add rule inet lab in iif eth0 tcp dport {port} counter drop;"))?;
    let _ben = Node::at_home(&lab.host("ben")?)?;
    // It reaches the other one, and so sees it; the other one cannot connect back.
    ada.finds_device("ben", Duration::from_secs(10))?;
    let checks = checks(&ada)?;
    ensure!(dropped(&host)?, "the firewall dropped nothing, so nothing was tested");
    let check = found(&checks, CheckKind::Inbound, Outcome::Failed)?;
    ensure!(check.fix.as_deref().unwrap_or_default().contains(&port.to_string()), "{check:?}");
    found(&checks, CheckKind::Outbound, Outcome::Good)?;
    found(&checks, CheckKind::Multicast, Outcome::Good)?;

    host.run(&["nft", "delete", "table", "inet", "lab"])?;
    std::thread::sleep(Duration::from_secs(1));
    found(&self::checks(&ada)?, CheckKind::Inbound, Outcome::Good).map(drop)
}

fn filtered_multicast_is_found_while_known_devices_go_on() -> Result<()> {
    let lab = Lab::new()?;
    let (ada, ben) = two_at_home(&lab)?;
    let rules = "add rule inet lab in udp dport 5353 counter drop; add rule inet lab out udp dport 5353 counter drop;";
    drop_packets(ada.host(), rules)?;
    let checks = checks(&ada)?;
    ensure!(dropped(ada.host())?, "nothing was dropped, so nothing was tested");
    let check = found(&checks, CheckKind::Multicast, Outcome::Failed)?;
    ensure!(check.fix.as_deref().unwrap_or_default().contains("5353"), "{check:?}");
    found(&checks, CheckKind::Inbound, Outcome::Good)?;
    let folder = ben.host().dir().join("music");
    fs::create_dir(&folder)?;
    ben.run(&["share", "folder", &folder.to_string_lossy(), "--name", "Music"])?;
    ada.finds_drive("Music").map(drop)
}

fn a_taken_multicast_port_is_not_called_visible() -> Result<()> {
    let lab = Lab::new()?;
    let host = lab.host("ada")?;
    // A program that does not share the port.
    let taken = host.spawn_inside(&["hold-udp-port", "5353"])?;
    soon("the port is taken", Duration::from_secs(5), || {
        ensure!(taken.written().contains("listening"), "{}", taken.errors());
        Ok(())
    })?;
    let ada = Node::at_home(&host)?;
    let status = ada.status()?;
    ensure!(status.sharing == SharingState::Failed, "{:?}", status.sharing);
    ensure!(status.notices.iter().any(|notice| notice.contains("5353")), "{:?}", status.notices);
    found(&checks(&ada)?, CheckKind::Listening, Outcome::Failed)?;
    drop(taken);
    soon("it is announced once the port is free", Duration::from_secs(10), || {
        let status = ada.status()?;
        ensure!(status.sharing == SharingState::Visible, "{:?} {:?}", status.sharing, status.notices);
        Ok(())
    })
}

fn a_public_network_is_told_with_a_button() -> Result<()> {
    let lab = Lab::new()?;
    let ada = Node::start(&lab.host("ada")?)?;
    let checks = checks(&ada)?;
    let check = found(&checks, CheckKind::Network, Outcome::Warning)?;
    ensure!(check.action == Some(FixAction::TrustNetwork), "{check:?}");
    found(&checks, CheckKind::Inbound, Outcome::Unknown).map(drop)
}

fn a_neighbour_cannot_send_us_knocking_around() -> Result<()> {
    let lab = Lab::new()?;
    let ada = Node::at_home(&lab.host("ada")?)?;
    let (mallory, victim) = (lab.host("mallory")?, lab.host("victim")?);
    let status = ada.status()?;
    let capture = victim.capture("tcp")?;
    let here = mallory.capture(&format!("tcp[13] & 0x12 = 2 and src host {}", ada.host().ipv4()?))?;
    let target = format!("{}:{}", ada.host().ipv4()?, status.port);
    let dir = mallory.dir().join("key");
    let answers = mallory.run_inside(&[
        "ask-to-probe",
        &target,
        &victim.ipv4()?.to_string(),
        &dir.to_string_lossy(),
    ])?;
    remark(answers.trim().replace('\n', " "));
    let (_, reached) = capture.stop()?;
    ensure!(reached.is_empty(), "somebody else was knocked at: {reached:#?}");
    let (_, knocks) = here.stop()?;
    let knocks = knocks.iter().filter(|line| line.contains("Flags [S]")).count();
    ensure!(knocks == 1, "five probes at once brought {knocks} knocks");
    ensure!(answers.lines().filter(|line| line.contains(" 200")).count() == 1, "{answers}");
    ensure!(answers.lines().filter(|line| line.contains(" 429")).count() >= 3, "{answers}");
    Ok(())
}

fn is_hidden(node: &Node) -> Result<()> {
    let sockets = node.host().run(&["ss", "-Hltn"])?;
    let open = sockets.lines().filter_map(|line| line.split_whitespace().nth(3));
    let open: Vec<_> =
        open.filter(|local| !local.starts_with("127.") && !local.starts_with("[::1]")).collect();
    ensure!(open.is_empty(), "listening: {open:?}");
    ensure!(node.status()?.sharing == SharingState::Paused, "{:?}", node.status()?.sharing);
    Ok(())
}

fn a_pause_hides_the_node_and_ends_by_itself() -> Result<()> {
    let lab = Lab::new()?;
    let (ada, ben) = two_at_home(&lab)?;
    let folder = ben.host().dir().join("music");
    fs::create_dir(&folder)?;
    ben.run(&["share", "folder", &folder.to_string_lossy(), "--name", "Music"])?;
    ada.finds_drive("Music")?;
    let status: NodeStatus = ada.json(&["sharing", "pause", "--until", "6s"])?;
    let begun = Instant::now();
    ensure!(status.paused_until.is_some() && status.sharing == SharingState::Paused, "{status:?}");
    is_hidden(&ada)?;
    ben.sees_just(&[], Duration::from_secs(3))?;
    ada.finds_drive("Music").context("what others offer can still be used")?;
    ada.sees_just(&["ben"], Duration::from_secs(2))?;
    soon("the pause ends", Duration::from_secs(15), || {
        ensure!(ada.status()?.sharing == SharingState::Visible, "{:?}", ada.status()?.sharing);
        Ok(())
    })?;
    let took = begun.elapsed();
    ensure!(took > Duration::from_secs(4), "it ended after {took:?} already");
    remark(format!("ended {:.1} s after it began", took.as_secs_f64()));
    ben.finds_device("ada", Duration::from_secs(10)).map(drop)
}

fn a_pause_survives_a_power_cut() -> Result<()> {
    let lab = Lab::new()?;
    let (mut ada, ben) = two_at_home(&lab)?;
    ada.run(&["sharing", "pause"])?;
    ada.kill()?;
    ada.start_again()?;
    stays("it is still paused", Duration::from_secs(3), || is_hidden(&ada))?;
    let check = checks(&ada)?;
    let check = found(&check, CheckKind::Network, Outcome::Warning)?;
    ensure!(check.action == Some(FixAction::Resume), "{check:?}");
    ada.run(&["sharing", "resume"])?;
    ben.finds_device("ada", Duration::from_secs(10)).map(drop)
}

fn a_copied_disk_offers_nothing_until_a_person_has_spoken() -> Result<()> {
    let lab = Lab::new()?;
    let (ada, ben) = two_at_home(&lab)?;
    let copy = lab.host("copy")?;
    copy.sh("echo 00112233445566778899aabbccddeeff > /tmp/machine-id
             mount --bind /tmp/machine-id /etc/machine-id")?;
    let data = copy.dir().join("data");
    ben.host().run(&["cp", "-a", &ada.data().to_string_lossy(), &data.to_string_lossy()])?;
    fs::remove_file(data.join("node.sock")).ok();
    let clone = Node::start(&copy)?;
    ensure!(clone.ready().id == ada.ready().id, "this is no copy");
    clone.trust_network()?;
    let begun = Instant::now();
    stays("nothing is offered, and the original is not pushed aside", Duration::from_secs(4), || {
        ensure!(clone.status()?.moved, "nobody is asked");
        is_hidden(&clone)?;
        ensure!(clone.sees()?.is_empty(), "it greets with a key that is another's");
        ensure!(ben.sees()? == ["ada"], "{:?}", ben.sees()?);
        Ok(())
    })?;
    remark(format!("hidden for {:.0} s", begun.elapsed().as_secs_f64()));
    found(&checks(&clone)?, CheckKind::Network, Outcome::Failed)?;
    clone.run(&["moved", "new"])?;
    soon("it is a device of its own", Duration::from_secs(15), || {
        let status = clone.status()?;
        ensure!(status.id != ada.ready().id && !status.moved, "{} {}", status.id, status.moved);
        Ok(())
    })?;
    ben.sees_just(&["ada", "copy"], Duration::from_secs(10))
}

fn tunnels_and_containers_are_left_alone() -> Result<()> {
    let lab = Lab::new()?;
    let host = lab.host("ada")?;
    let names = ["tun0", "docker0", "wg-home", "br-12ab", "virbr0", "tailscale0", "vpn0"];
    for (n, name) in names.iter().enumerate() {
        // A bridge stands for all of them: what counts is the name.
        host.sh(&format!(
            "ip link add {name} type bridge
             ip addr add 10.99.{n}.1/24 dev {name}
             ip link set {name} up"
        ))?;
    }
    let capture = host.capture("udp port 5353 and net 10.99.0.0/16")?;
    let ada = Node::at_home(&host)?;
    stays("nothing happens there", Duration::from_secs(4), || {
        let sockets = host.run(&["ss", "-Hltn"])?;
        ensure!(sockets.contains("10.77.0.1:"), "no listener on the LAN: {sockets}");
        ensure!(!sockets.contains("10.99."), "{sockets}");
        ensure!(!ada.status()?.networks.iter().any(|n| n.addresses.iter().any(|a| a.starts_with("10.99."))));
        Ok(())
    })?;
    let (_, packets) = capture.stop()?;
    ensure!(packets.is_empty(), "{packets:#?}");
    Ok(())
}

fn a_vpn_that_takes_the_neighbours_is_found() -> Result<()> {
    let lab = Lab::new()?;
    let (ada, mut ben) = two_at_home(&lab)?;
    found(&checks(&ada)?, CheckKind::SameNetwork, Outcome::Good)?;
    let there = ben.host().ipv4()?.to_string();
    ada.host().sh(&format!(
        "ip link add wg0 type bridge
         ip addr add 10.99.0.1/24 dev wg0
         ip link set wg0 up
         ip route add {there}/32 dev wg0 src 10.99.0.1"
    ))?;
    ensure!(ada.host().run(&["ip", "route", "get", &there])?.contains("wg0"), "the route is not real");
    let is_found = || -> Result<()> {
        let checks = checks(&ada)?;
        let check = found(&checks, CheckKind::SameNetwork, Outcome::Failed)?;
        ensure!(check.detail.contains("wg0") && check.detail.contains(&there), "{check:?}");
        Ok(())
    };
    is_found()?;
    // What a VPN takes is away before long, and that must not hide the reason.
    ben.kill()?;
    soon("ben is away", Duration::from_secs(10), || {
        let devices = ada.nearby()?.devices;
        ensure!(devices.iter().all(|device| device.state != DeviceState::Online), "{devices:?}");
        Ok(())
    })?;
    is_found()
}

fn a_support_bundle_names_nobody() -> Result<()> {
    let lab = Lab::new()?;
    let setup = Setup { name: Some("Dulcinea's laptop".into()), ..Setup::default() };
    let ada = Node::at_home_with(&lab.host("rocinante")?, setup)?;
    let ben = Node::at_home(&lab.host("zanzibar")?)?;
    ada.finds_device("zanzibar", Duration::from_secs(5))?;
    let folder = ada.host().dir().join("sancho panza");
    fs::create_dir(&folder)?;
    ada.run(&["share", "folder", &folder.to_string_lossy(), "--name", "Barataria"])?;
    ada.run(&["share", "printer", "save-as-pdf", "--name", "Windmill"])?;
    ben.finds_printer("Windmill")?;
    let letter = ben.host().dir().join("island.pdf");
    fs::write(&letter, documents::pdf(&["x"]))?;
    ben.run(&["print", &letter.to_string_lossy(), "--on", "Windmill", "--wait"])?;
    let link = ada.run(&["browser"])?;
    let file = ada.host().dir().join("bundle.txt");
    ada.run(&["support-bundle", &file.to_string_lossy()])?;
    let mode = fs::metadata(&file)?.permissions().mode() & 0o777;
    ensure!(mode == 0o600, "mode {mode:o}");
    let text = fs::read_to_string(&file)?;
    ensure!(text.contains("Inbound ok") && text.contains("is ready"), "nothing useful in it: {text}");
    let token = link.trim().rsplit('=').next().context("no token")?.to_owned();
    let home = ada.host().dir().to_string_lossy().into_owned();
    for secret in [
        "Dulcinea",
        "rocinante",
        "zanzibar",
        "sancho",
        "Barataria",
        "Windmill",
        "island",
        &token,
        &home,
        &ada.ready().id,
        &ben.ready().id,
    ] {
        ensure!(!text.to_lowercase().contains(&secret.to_lowercase()), "{secret:?} is in it:\n{text}");
    }
    let reason = ada.refuses(&["support-bundle", &file.to_string_lossy()])?;
    ensure!(reason.contains("already"), "{reason}");
    Ok(())
}

fn a_confined_node_serves_its_share_and_reads_nothing_else() -> Result<()> {
    let lab = Lab::new()?;
    let host = lab.host("ada")?;
    let folder = host.dir().join("music");
    fs::create_dir(&folder)?;
    fs::write(folder.join("song.ogg"), documents::noise(300_000, 4))?;
    let secret = host.dir().join("secret.txt");
    fs::write(&secret, "nobody's business")?;
    let mut ada = Node::at_home(&host)?;
    ada.run(&["share", "folder", &folder.to_string_lossy(), "--name", "Music"])?;
    ada.run(&["share", "printer", "save-as-pdf", "--name", "Paper"])?;
    let ben = Node::at_home(&lab.host("ben")?)?;
    ben.finds_printer("Paper")?;
    // Without confinement the node reads what its user may: so what follows proves something.
    let printing =
        |node: &Node, file: &Path| node.output(&["print", &file.to_string_lossy(), "--on", "Paper2"]);
    let own = ben.host().dir().join("x");
    fs::create_dir(&own)?;
    ben.run(&["share", "printer", "save-as-pdf", "--name", "Paper2"])?;
    ada.finds_printer("Paper2")?;
    ensure!(printing(&ada, &secret)?.status.success(), "an open node cannot read it either");
    ada.stop()?;

    let elsewhere = host.dir().join("elsewhere");
    let allowed = host.dir().join("allowed");
    fs::create_dir(&elsewhere)?;
    fs::create_dir(&allowed)?;
    drop(ada);
    let arguments = vec!["--confined".into(), "--allow".into(), allowed.to_string_lossy().into_owned()];
    let ada = Node::start_with(&host, Setup { arguments, ..Setup::default() })?;
    let checks = checks(&ada)?;
    let check = found(&checks, CheckKind::Sandbox, Outcome::Good)?;
    ensure!(
        check.detail.contains("Landlock"),
        "this kernel has no Landlock, so nothing is tested: {check:?}"
    );
    ben.finds_drive("Music")?;
    let copy = ben.host().dir().join("copy");
    fs::create_dir(&copy)?;
    ben.run(&["get", "Music:song.ogg", &copy.to_string_lossy()])?;
    ensure!(fs::read(copy.join("song.ogg"))? == documents::noise(300_000, 4));
    // It still prints for others.
    let letter = ben.host().dir().join("letter.pdf");
    fs::write(&letter, documents::pdf(&["x"]))?;
    ben.run(&["print", &letter.to_string_lossy(), "--on", "Paper", "--wait"])?;

    ada.finds_printer("Paper2")?;
    for file in [secret.as_path(), Path::new("/etc/shadow")] {
        let output = printing(&ada, file)?;
        ensure!(!output.status.success(), "{} was read", file.display());
    }
    // The shared folder is swapped for a way out.
    fs::rename(&folder, host.dir().join("music-before"))?;
    std::os::unix::fs::symlink("/etc", &folder)?;
    let listed = ben.output(&["ls", "Music"])?;
    let words = String::from_utf8_lossy(&listed.stdout).into_owned();
    ensure!(!words.contains("shadow") && !words.contains("passwd"), "{words}");
    let got = ben.output(&["get", "Music:shadow", &copy.to_string_lossy()])?;
    ensure!(!got.status.success() && !copy.join("shadow").exists(), "a swapped folder leads out");

    let reason = ada.refuses(&["share", "folder", &elsewhere.to_string_lossy()])?;
    ensure!(reason.contains("--allow"), "{reason}");
    ada.run(&["share", "folder", &allowed.to_string_lossy(), "--name", "Allowed"])?;
    ben.finds_drive("Allowed").map(drop)
}

fn a_confined_node_prints_on_paper() -> Result<()> {
    let lab = Lab::new()?;
    let host = lab.host("ada")?;
    let printer = PaperPrinter::install(&host)?;
    let setup = Setup {
        arguments: vec!["--confined".into()],
        environment: printer.environment(),
        ..Setup::default()
    };
    let ada = Node::at_home_with(&host, setup)?;
    ada.run(&["share", "printer", lanyard_tests::printer::QUEUE, "--name", "Laser"])?;
    let ben = Node::at_home(&lab.host("ben")?)?;
    ben.finds_printer("Laser")?;
    let letter = ben.host().dir().join("letter.pdf");
    fs::write(&letter, documents::pdf(&["confined"]))?;
    ben.run(&["print", &letter.to_string_lossy(), "--on", "Laser", "--wait"])?;
    printer.tray_with(1, Duration::from_secs(20)).map(drop)
}

fn a_readable_data_directory_is_closed_and_a_read_only_one_refused() -> Result<()> {
    let lab = Lab::new()?;
    let mut ada = Node::start(&lab.host("ada")?)?;
    ada.stop()?;
    for (path, mode) in [(ada.data().to_owned(), 0o755), (ada.data().join("lanyard.db"), 0o644)] {
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    }
    ada.start_again()?;
    ensure!(ada.words().contains("closed to them"), "no warning: {}", ada.words());
    for path in [ada.data().to_owned(), ada.data().join("lanyard.db")] {
        let mode = fs::metadata(&path)?.permissions().mode() & 0o777;
        ensure!(mode & 0o077 == 0, "{} still has mode {mode:o}", path.display());
    }
    ada.stop()?;
    let data = ada.data().to_string_lossy().into_owned();
    ada.host().sh(&format!("mount --bind '{data}' '{data}' && mount -o remount,ro,bind '{data}'"))?;
    let output = ada.host().output(&[&node::binary()?, "run", "--data", &data])?;
    let reason = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.code() == Some(1), "{}: {reason}", output.status);
    ensure!(reason.contains("data") && !reason.contains("panicked"), "{reason}");
    remark(reason.lines().last().unwrap_or_default().to_owned());
    Ok(())
}

/// `systemd-analyze` gives 10 points to a service without any protection; 2 is what it calls well confined.
fn the_service_is_hardened() -> Result<()> {
    let unit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/lanyard.service");
    let output = Command::new("systemd-analyze")
        .args(["security", "--offline=true", "--no-pager", "--threshold=20"])
        .arg(&unit)
        .output()
        .context("start systemd-analyze (Debian: systemd)")?;
    let words = String::from_utf8_lossy(&output.stdout).into_owned();
    let verdict = words.lines().find(|line| line.contains("Overall exposure")).context(words.clone())?;
    remark(verdict.trim_start_matches("→ ").to_owned());
    ensure!(output.status.success(), "{verdict}");
    let unit = fs::read_to_string(unit)?;
    ensure!(
        unit.contains("lanyard run") && unit.contains("--confined"),
        "the service does not confine itself"
    );
    Ok(())
}
