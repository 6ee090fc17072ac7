//! Bad networks. Each impairment is measured before it is handed out, because a kernel without the right module lets
//! some tools report success and changes nothing.

use crate::{
    host::{Host, Plug, Process, run_in_network},
    inside::ECHO_PORT,
    lab::Lab,
};
use anyhow::{Context, Result, ensure};
use std::{
    net::{IpAddr, SocketAddr, SocketAddrV6},
    time::{Duration, Instant},
};

/// Makes `host` lose `percent` of the packets that arrive, and proves it by an echo to `other`. Answers what was
/// measured, in percent.
///
/// # Errors
/// When the measured loss is far from what was asked for.
pub fn loss(host: &Host, percent: u32, other: &Host) -> Result<f64> {
    host.run(&[
        "nft",
        &format!(
            "add table inet lab; add chain inet lab in {{ type filter hook input priority 0; }}; \
             add rule inet lab in iif eth0 numgen random mod 100 < {percent} counter drop"
        ),
    ])?;
    let measured = measure_loss(other, host)?;
    let asked = f64::from(percent);
    // 1,000 datagrams at 5 %: one standard deviation is 0.7.
    ensure!(
        (measured - asked).abs() < 0.5 * asked + 0.5,
        "asked for {percent} % loss but measured {measured:.1} %: the impairment is not real"
    );
    Ok(measured)
}

/// Sends a thousand small datagrams from `from` to `to` and back and answers the loss in percent.
///
/// # Errors
/// When the measurement cannot be made.
pub fn measure_loss(from: &Host, to: &Host) -> Result<f64> {
    let address = to.ipv4()?.into();
    Ok(100.0 - f64::from(echoes(from, to, address, 1000)?) / 10.0)
}

/// Whether datagrams from `from` reach `to` at `address` and come back: how many of `count`.
///
/// # Errors
/// When the measurement cannot be made.
pub fn echoes(from: &Host, to: &Host, address: IpAddr, count: u32) -> Result<u32> {
    let target = match address {
        // A link-local address means something only together with an interface.
        IpAddr::V6(v6) if v6.is_unicast_link_local() => {
            SocketAddrV6::new(v6, ECHO_PORT, 0, interface_index(from)?).into()
        }
        other => SocketAddr::new(other, ECHO_PORT),
    };
    let echo = to.spawn_inside(&["echo"])?;
    crate::soon("the echo listens", Duration::from_secs(5), || {
        ensure!(echo.written().contains("listening"), "{}", echo.errors());
        Ok(())
    })?;
    let received = from.run_inside(&["probe", &target.to_string(), &count.to_string()])?;
    received.trim().parse().with_context(|| format!("the probe said {received:?}"))
}

/// Limits what `host` sends to `mbit` Mbit/s, and proves it by sending to `other`. Answers what was measured.
///
/// # Errors
/// When the measured rate is far from what was asked for.
pub fn rate(host: &Host, mbit: u32, other: &Host) -> Result<f64> {
    let rate = format!("{mbit}mbit");
    host.run(&[
        "tc", "qdisc", "replace", "dev", "eth0", "root", "tbf", "rate", &rate, "burst", "64kb", "latency",
        "100ms",
    ])?;
    let bytes = u64::from(mbit) * 1_000_000 / 8;
    let measured = measure_rate(host, other, bytes)?;
    let asked = f64::from(mbit);
    ensure!(
        // A busy machine may be slower than the limit; faster than the limit is no limit.
        measured > asked * 0.3 && measured < asked * 1.15,
        "asked for {mbit} Mbit/s but measured {measured:.1}: the impairment is not real"
    );
    Ok(measured)
}

/// What a long cable does to frames.
#[derive(Clone, Copy, Debug, Default)]
pub struct Way {
    /// Milliseconds each way.
    pub delay: u32,
    /// By how many milliseconds that differs from frame to frame: some overtake others.
    pub differs: u32,
    /// Percent that never arrive, each way.
    pub lost: u32,
}

/// A long cable between a host and the switch, until it is dropped.
#[derive(Debug)]
pub struct LongCable {
    _relay: Process,
}

/// Puts a long cable between `host` and the switch of the laboratory, and proves it by an echo to `other`. Impairments of
/// the old cable are gone with it. Answers the cable and the round trip that was measured, in milliseconds.
///
/// # Errors
/// When the measured round trip is far from what was asked for.
pub fn long_cable(lab: &Lab, host: &Host, other: &Host, way: Way) -> Result<(LongCable, f64)> {
    let switch = lab.switch();
    let (ours, theirs) = (format!("wire-{}", host.name()), format!("far-{}", host.name()));
    let [delay, differs, lost] = [way.delay, way.differs, way.lost].map(|number| number.to_string());
    let relay = switch.spawn(&[
        "python3",
        "-u",
        "-c",
        include_str!("wire.py"),
        &ours,
        &theirs,
        &delay,
        &differs,
        &lost,
    ])?;
    crate::soon("the cable is there", Duration::from_secs(5), || {
        ensure!(relay.written().contains("ready"), "{}", relay.errors());
        Ok(())
    })?;
    let (ipv4, ipv6) = (host.ipv4()?, host.ipv6()?);
    run_in_network(switch.pid(), &["ip", "link", "set", &ours, "master", "br0", "up"])?;
    run_in_network(switch.pid(), &["ip", "link", "set", &theirs, "netns", &host.pid().to_string()])?;
    host.sh(&format!(
        "ip link del eth0
         ip link set {theirs} name eth0
         ip link set eth0 up"
    ))?;
    host.set_cable(Plug { namespace: switch.pid(), interface: ours });
    host.change_address(ipv4, ipv6)?;
    let (address, mut measured) = (format!("{}:{ECHO_PORT}", other.ipv4()?), 0.0);
    let echo = other.spawn_inside(&["echo"])?;
    crate::soon("the round trip is as long as it should be", Duration::from_secs(10), || {
        ensure!(echo.written().contains("listening"), "{}", echo.errors());
        let said = host.run_inside(&["round-trip", &address])?;
        measured = said.trim().parse().with_context(|| format!("the probe said {said:?}"))?;
        let asked = f64::from(2 * way.delay + way.differs);
        ensure!(
            measured >= 0.9 * asked - 1.0 && measured < 2.0 * asked + 10.0,
            "asked for {asked} ms there and back but measured {measured:.1}: the impairment is not real"
        );
        Ok(())
    })?;
    Ok((LongCable { _relay: relay }, measured))
}

/// Takes the limit of [`rate`] away again.
///
/// # Errors
/// When there was none.
pub fn full_rate(host: &Host) -> Result<()> {
    host.run(&["tc", "qdisc", "del", "dev", "eth0", "root"]).map(drop)
}

/// Sends `bytes` from `host` to `other` over one TCP connection and answers Mbit/s.
///
/// # Errors
/// When the bytes do not arrive.
pub fn measure_rate(host: &Host, other: &Host, bytes: u64) -> Result<f64> {
    let sink = other.spawn_inside(&["sink", "9099"])?;
    crate::soon("the sink listens", Duration::from_secs(5), || {
        ensure!(sink.written().contains("listening"), "{}", sink.errors());
        Ok(())
    })?;
    let begun = Instant::now();
    host.run_inside(&["blast", &format!("{}:9099", other.ipv4()?), &bytes.to_string()])?;
    #[allow(clippy::cast_precision_loss, reason = "a measurement of a few megabytes")]
    Ok(bytes as f64 * 8.0 / 1e6 / begun.elapsed().as_secs_f64())
}

/// The number of `eth0`, as socket addresses carry it.
fn interface_index(host: &Host) -> Result<u32> {
    let line = host.run(&["ip", "-o", "link", "show", "dev", "eth0"])?;
    line.split(':')
        .next()
        .unwrap_or_default()
        .trim()
        .parse()
        .with_context(|| format!("no interface number in {line:?}"))
}
