//! A network is public until its owner says otherwise, and nothing on the wire tells who is there.

use anyhow::{Context, Result, ensure};
use lanyard_api::SharingState;
use lanyard_tests::{Host, Lab, Node, Setup, documents, scenarios, soon, stays};
use std::{fs, time::Duration};

/// mDNS answers and announcements, as opposed to questions: the QR bit of the DNS header, over IPv4 and IPv6.
const MDNS_ANSWERS: &str = "(udp src port 5353 and udp[10] & 0x80 != 0) or (ip6 and ip6[6] = 17 and \
                            ip6[40:2] = 5353 and ip6[50] & 0x80 != 0)";

scenarios![
    a_new_network_is_public_until_it_is_trusted,
    a_network_made_public_again_hides_the_node,
    a_trusted_network_is_remembered,
    nothing_that_can_be_read_on_the_wire_names_anybody,
];

fn a_new_network_is_public_until_it_is_trusted() -> Result<()> {
    let lab = Lab::new()?;
    let ben = Node::at_home(&lab.host("ben")?)?;
    let host = lab.host("ada")?;
    let capture = host.capture(&format!("({MDNS_ANSWERS}) and ether src {}", mac(&host)?))?;
    let ada = Node::start(&host)?;
    // Long enough for the probing and announcing of RFC 6762 §8, which takes two seconds.
    stays("nobody can see the node", Duration::from_secs(4), || {
        hidden(&ada)?;
        ensure!(ben.sees()?.is_empty(), "it is seen");
        Ok(())
    })?;
    let (_, announced) = capture.stop()?;
    ensure!(announced.is_empty(), "announced on a public network: {announced:#?}");

    let capture = host.capture(&format!("({MDNS_ANSWERS}) and ether src {}", mac(&host)?))?;
    ada.trust_network()?;
    ensure!(ada.status()?.sharing == SharingState::Visible, "{:?}", ada.status()?.sharing);
    ensure!(!listening(&host)?.is_empty(), "no listener on the owner's own network");
    ben.finds_device("ada", Duration::from_secs(5))?;
    ada.finds_device("ben", Duration::from_secs(5))?;
    std::thread::sleep(Duration::from_secs(2));
    // This proves that the capture above would have seen an announcement.
    let (raw, announced) = capture.stop()?;
    ensure!(
        !announced.is_empty() && contains(&raw, "_lanyard"),
        "nothing announced on the owner's own network"
    );
    Ok(())
}

fn a_network_made_public_again_hides_the_node() -> Result<()> {
    let lab = Lab::new()?;
    let ben = Node::at_home(&lab.host("ben")?)?;
    let ada = Node::at_home(&lab.host("ada")?)?;
    ben.finds_device("ada", Duration::from_secs(5))?;
    ada.run(&["network", "public", "current"])?;
    ben.sees_just(&[], Duration::from_secs(5))?;
    soon("the listener closes", Duration::from_secs(2), || hidden(&ada))
}

fn a_trusted_network_is_remembered() -> Result<()> {
    let lab = Lab::new()?;
    let ben = Node::at_home(&lab.host("ben")?)?;
    let mut ada = Node::at_home(&lab.host("ada")?)?;
    ada.kill()?;
    ada.start_again()?;
    ben.finds_device("ada", Duration::from_secs(5))?;
    ensure!(ada.status()?.networks.iter().filter(|network| network.connected).count() == 1);
    Ok(())
}

fn nothing_that_can_be_read_on_the_wire_names_anybody() -> Result<()> {
    let lab = Lab::new()?;
    let all = lab.switch().capture_all()?;
    let ben = Node::at_home(&lab.host("zanzibar")?)?;
    let host = lab.host("rocinante")?;
    let setup = Setup {
        name: Some("Dulcinea's laptop".into()),
        environment: [("USER", "quixote"), ("LOGNAME", "quixote")].map(|(n, v)| (n.into(), v.into())).into(),
        ..Setup::default()
    };
    let ada = Node::at_home_with(&host, setup)?;
    let folder = host.dir().join("sancho");
    fs::create_dir(&folder)?;
    fs::write(folder.join("barataria.txt"), documents::noise(10_000, 1))?;
    ada.run(&["share", "folder", &folder.to_string_lossy(), "--name", "Sancho Panza"])?;
    // Whatever is for everyone on the network is announced by the name that its owner chose; this is for one device.
    ada.run(&["share", "printer", "save-as-pdf", "--name", "Windmill", "--to", &ben.ready().id])?;
    ben.finds_drive("Sancho Panza")?;
    ben.finds_printer("Windmill")?;
    let there = ben.host().dir().join("copy");
    fs::create_dir(&there)?;
    ben.run(&["get", "Sancho Panza:barataria.txt", &there.to_string_lossy()])?;
    ensure!(there.join("barataria.txt").exists(), "nothing was copied");
    std::thread::sleep(Duration::from_secs(2));

    let (raw, _) = all.stop()?;
    ensure!(contains(&raw, "_lanyard"), "the capture holds no announcement");
    ensure!(raw.len() > 10_000, "the capture does not hold the copy");
    for secret in [
        "dulcinea",
        "rocinante",
        "quixote",
        "sancho",
        "panza",
        "windmill",
        "barataria",
        "zanzibar",
        &ada.ready().id,
    ] {
        ensure!(!contains(&raw, secret), "{secret:?} can be read on the wire");
    }
    Ok(())
}

/// No socket that anybody outside could connect to.
fn hidden(node: &Node) -> Result<()> {
    let sockets = listening(node.host())?;
    ensure!(sockets.is_empty(), "listening on a public network: {sockets:?}");
    let status = node.status()?;
    ensure!(
        status.sharing == SharingState::Hidden && status.port == 0,
        "{:?} {}",
        status.sharing,
        status.port
    );
    Ok(())
}

/// Listening TCP sockets that are not on loopback.
fn listening(host: &Host) -> Result<Vec<String>> {
    let sockets = host.run(&["ss", "-Hltn"])?;
    Ok(sockets
        .lines()
        .filter_map(|line| line.split_whitespace().nth(3))
        .filter(|local| !local.starts_with("127.") && !local.starts_with("[::1]"))
        .map(str::to_owned)
        .collect())
}

fn mac(host: &Host) -> Result<String> {
    let line = host.run(&["ip", "-o", "link", "show", "dev", "eth0"])?;
    let mut words = line.split_whitespace().skip_while(|word| *word != "link/ether");
    Ok(words.nth(1).context("no MAC address")?.to_owned())
}

/// Whether `text` occurs in `bytes`, in capital letters or not.
fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window.eq_ignore_ascii_case(text.as_bytes()))
}
