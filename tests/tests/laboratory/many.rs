//! As many devices in one home as fit into one machine.

use crate::household;
use anyhow::{Context, Result, ensure};
use lanyard_api::Request;
use lanyard_tests::{Host, Lab, Node, mdns::PORT, runner::remark, scenarios};
use std::{
    collections::BTreeMap,
    env,
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

scenarios![
    #[alone]
    a_large_home_is_quiet_and_hears_of_a_change_at_once,
];

/// Devices, unless `LANYARD_MANY` says another number; a home has room for 64. Two cores shake hands for all of them, so
/// for more than a dozen a release build of `lanyard` is worth it (`LANYARD_BIN` says where it is), and `LANYARD_PATIENCE`.
/// From 12 on, Linux's tables of neighbours are larger than what it keeps in peace, because all hosts here share them with
/// each other and with the machine: what nobody used for a minute is forgotten, asked for again by broadcast, and that is
/// measured; from 33 on they overflow. A network of as many real computers knows neither. So, for `ipv4` and `ipv6`:
/// `sysctl net.ipv4.neigh.default.gc_thresh{3,2,1}=32768`.
const DEVICES: usize = 8;

/// How long it takes until what the last ones brought has been talked about.
const SETTLED: Duration = Duration::from_secs(30);

/// How long the quiet is measured: records of multicast DNS that are good for two minutes are asked for again when four
/// fifths of that are over (RFC 6762 §5.2), all at about the same time, so less would measure the one or the other.
const QUIET: Duration = Duration::from_secs(100);

/// Bytes a second on the cable of an idle device, in both directions together, however many there are.
const MOST_IDLE: f64 = 1000.0;

/// A sign of life and its acknowledgement on a watch stream, with all headers, and the neighbour discovery that they
/// cause now and then; after a pause in which both systems have forgotten whether the other one is there (15 to 45 s in
/// Linux), each asks for the other once more; everything that does not grow with the number of devices.
const SIGN_OF_LIFE: f64 = 300.0;
const AFTER_A_LONG_PAUSE: f64 = 300.0;
const LONG_PAUSE: f64 = 15.0;
const WHATEVER_ELSE: f64 = 150.0;

/// How long a change may take to be known everywhere.
const KNOWN_WITHIN: Duration = Duration::from_secs(3);

fn a_large_home_is_quiet_and_hears_of_a_change_at_once() -> Result<()> {
    let count = match env::var("LANYARD_MANY") {
        Ok(text) => text.parse().context("LANYARD_MANY is a number")?,
        Err(_) => DEVICES,
    };
    let lab = Lab::new()?;
    let nodes: Vec<Node> =
        (1..=count).map(|number| Node::at_home(&lab.host(&format!("d{number}"))?)).collect::<Result<_>>()?;
    let (founder, others) = nodes.split_first().context("no devices")?;
    household::create(founder, "Many")?;
    let begun = Instant::now();
    let mut slowest = Duration::ZERO;
    for node in others {
        slowest = slowest.max(household::take_in(founder, node)?);
    }
    remark(format!(
        "{count} devices joined in {:.0} s, the slowest in {:.1} s",
        begun.elapsed().as_secs_f64(),
        slowest.as_secs_f64()
    ));
    everywhere(&nodes, Duration::from_secs(30), |home| {
        ensure!(home.members.len() == count, "{} members", home.members.len());
        Ok(())
    })?;
    // What the last ones brought has been talked about.
    thread::sleep(SETTLED);

    let capture = founder.host().capture("")?;
    let before = traffic(&nodes)?;
    let begun = Instant::now();
    thread::sleep(QUIET);
    let after = traffic(&nodes)?;
    let length = begun.elapsed().as_secs_f64();
    #[allow(clippy::cast_precision_loss, reason = "a measurement of a few kilobytes")]
    let mut rates: Vec<f64> =
        before.iter().zip(&after).map(|(before, after)| (after - before) as f64 / length).collect();
    rates.sort_by(f64::total_cmp);
    let mean = rates.iter().sum::<f64>() / rates.len() as f64;
    let (raw, _) = capture.stop()?;
    remark(format!("idle: {mean:.0} bytes a second and device, {:.0} at most", rates[rates.len() - 1]));
    for (kind, (packets, bytes)) in kinds(&raw) {
        #[allow(clippy::cast_precision_loss, reason = "a measurement of a few kilobytes")]
        remark(format!(
            "{kind}: {:.0} bytes in {:.2} packets",
            bytes as f64 / length,
            packets as f64 / length
        ));
    }
    let expected = expected(count);
    ensure!(mean < expected, "{mean:.0} bytes a second and device while nothing happens, not {expected:.0}");

    founder.ask(&Request::RenameHome { name: "Still many".into() })?;
    let known = everywhere(&nodes, KNOWN_WITHIN, |home| {
        ensure!(home.name == "Still many", "{:?}", home.name);
        Ok(())
    })?;
    remark(format!("another name known to all in {:.1} s", known.as_secs_f64()));

    let (gone, staying) = nodes.split_last().context("no devices")?;
    founder.ask(&Request::RemoveMember { device: gone.ready().id.clone() })?;
    let known = everywhere(staying, KNOWN_WITHIN, |home| {
        ensure!(home.members.len() == count - 1, "{} members", home.members.len());
        Ok(())
    })?;
    remark(format!("a removal in {:.1} s", known.as_secs_f64()));
    Ok(())
}

/// What an idle device may cost among so many. It tells each of the others that it is alive and hears it from each, the
/// less often the more there are.
fn expected(count: usize) -> f64 {
    let others = count.saturating_sub(1);
    #[allow(clippy::cast_precision_loss, reason = "a few dozens")]
    let (streams, pause) = (2.0 * others as f64, 10.0 * others.div_ceil(9).clamp(1, 7) as f64);
    let sign = if pause > LONG_PAUSE { SIGN_OF_LIFE + AFTER_A_LONG_PAUSE } else { SIGN_OF_LIFE };
    (WHATEVER_ELSE + streams / pause * sign).min(MOST_IDLE)
}

/// Waits until `check` is content with the home as every node sees it; the time that took.
fn everywhere(
    nodes: &[Node],
    limit: Duration,
    check: impl Fn(&lanyard_api::Home) -> Result<()> + Sync,
) -> Result<Duration> {
    let begun = Instant::now();
    let slowest = Mutex::new(Ok(Duration::ZERO));
    // Asking takes longer than telling: several ask at once.
    thread::scope(|scope| {
        for part in nodes.chunks(nodes.len().div_ceil(8)) {
            let (slowest, check) = (&slowest, &check);
            scope.spawn(move || {
                for node in part {
                    let seen = lanyard_tests::soon(
                        &format!("{} knows it", node.name()),
                        limit.saturating_sub(begun.elapsed()),
                        || check(&household::state(node)?.home.context("no home")?),
                    );
                    let mut slowest = slowest.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    match seen {
                        Ok(()) if slowest.is_ok() => *slowest = Ok(begun.elapsed()),
                        Ok(()) => {}
                        Err(error) => *slowest = Err(error),
                    }
                }
            });
        }
    });
    slowest.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// The bytes each has sent and received on its cable.
fn traffic(nodes: &[Node]) -> Result<Vec<u64>> {
    nodes.iter().map(|node| bytes(node.host())).collect()
}

fn bytes(host: &Host) -> Result<u64> {
    let table = host.run(&["cat", "/proc/self/net/dev"])?;
    let line = table.lines().find_map(|line| line.trim().strip_prefix("eth0:")).context("no eth0")?;
    let numbers: Vec<u64> = line.split_whitespace().filter_map(|number| number.parse().ok()).collect();
    // Received bytes are the first column, sent ones the ninth.
    Ok(numbers.first().context("no count")? + numbers.get(8).context("no count")?)
}

/// Packets and bytes of a recording (pcap with Ethernet headers) by what they are for.
fn kinds(raw: &[u8]) -> BTreeMap<&'static str, (u64, u64)> {
    let mut kinds = BTreeMap::new();
    let mut rest = raw.get(24..).unwrap_or_default();
    while let Some((head, after)) = rest.split_at_checked(16) {
        let number =
            |at: usize| head[at..at + 4].iter().rev().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
        let kept = usize::try_from(number(8)).unwrap_or(usize::MAX);
        let Some((packet, next)) = after.split_at_checked(kept) else { break };
        let (packets, bytes): &mut (u64, u64) = kinds.entry(kind(packet)).or_default();
        *packets += 1;
        *bytes += number(12);
        rest = next;
    }
    kinds
}

fn kind(packet: &[u8]) -> &'static str {
    let byte = |at: usize| packet.get(at).copied().unwrap_or_default();
    let word = |at: usize| u16::from_be_bytes([byte(at), byte(at + 1)]);
    // What is inside, and where it begins (RFC 791 §3.1, RFC 8200 §3).
    let (inside, begin) = match word(12) {
        0x0806 => return "neighbours' addresses",
        0x0800 => (byte(23), 14 + usize::from(byte(14) & 0xf) * 4),
        0x86dd => (byte(20), 14 + 40),
        _ => return "something else",
    };
    match inside {
        6 => "streams",
        17 if word(begin + 2) == PORT => "multicast DNS",
        58 if (135..=136).contains(&byte(begin)) => "neighbours' addresses",
        _ => "something else",
    }
}
