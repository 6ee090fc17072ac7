//! A computer that puts itself between two others on the same switch, as anybody on a LAN can.
//!
//! It tells both that the other one's address is its own (ARP), passes on what is not for it, and takes the
//! connections to their nodes itself (see [`crate::inside`]). That the packets really come its way is measured before
//! it is handed out.

use crate::{Host, Process, impair::echoes, soon};
use anyhow::{Context, Result, ensure};
use std::{fs, path::PathBuf, time::Duration};

const SPOOF: &str = include_str!("spoof.py");

/// The ports on which it takes the connections that were meant for the one and for the other.
const TAKEN: [u16; 2] = [7001, 7002];

/// The computer in the middle, at work until it is dropped or leaves.
#[derive(Debug)]
pub struct Middle {
    host: Host,
    relay: Process,
    spoof: Process,
    ends: [Host; 2],
}

impl Middle {
    /// Between `one` and `other`, whose nodes listen on these ports. Neither may have IPv6 (see [`forget_ipv6`]).
    ///
    /// # Errors
    /// When the packets do not come its way.
    pub fn between(host: &Host, one: (&Host, u16), other: (&Host, u16)) -> Result<Self> {
        let ends = [one, other];
        host.sh("echo 1 > /proc/sys/net/ipv4/ip_forward
             echo 0 > /proc/sys/net/ipv4/conf/all/send_redirects
             echo 0 > /proc/sys/net/ipv4/conf/eth0/send_redirects")?;
        let mut rules = String::from(
            "add table ip middle; add chain ip middle take { type nat hook prerouting priority -100; }; \
             add chain ip middle pass { type filter hook forward priority 0; };",
        );
        let mut ways = Vec::new();
        for ((end, port), taken) in ends.iter().zip(TAKEN) {
            let address = end.ipv4()?;
            rules.push_str(&format!(
                "add rule ip middle take iif eth0 ip daddr {address} tcp dport {port} redirect to :{taken};"
            ));
            // Connections that were there before it came end, so that new ones are made through it.
            for way in ["d", "s"] {
                let rule = format!("ip {way}addr {address} tcp {way}port {port} reject with tcp reset");
                rules.push_str(&format!("add rule ip middle pass {rule};"));
            }
            ways.push(format!("{taken}={address}:{port}"));
        }
        host.run(&["nft", &rules])?;
        let dir = host.dir().join("middle");
        let dir_text = dir.to_string_lossy().into_owned();
        let relay = host.spawn_inside(&["middle", &dir_text, &ways[0], &ways[1]])?;
        soon("the relay listens", Duration::from_secs(5), || {
            ensure!(relay.written().contains("in the middle as"), "{}", relay.errors());
            Ok(())
        })?;

        let macs = [mac(one.0)?, mac(other.0)?];
        let addresses = [one.0.ipv4()?.to_string(), other.0.ipv4()?.to_string()];
        // Lies are believed about neighbours that are known already.
        ensure!(echoes(one.0, other.0, other.0.ipv4()?.into(), 10)? == 10, "the two do not reach each other");
        let spoof = host.spawn(&[
            "python3",
            "-u",
            "-c",
            SPOOF,
            "eth0",
            &addresses[0],
            &macs[0],
            &addresses[1],
            &macs[1],
        ])?;
        let new = Self { host: host.clone(), relay, spoof, ends: [one.0.clone(), other.0.clone()] };
        new.is_in_between()?;
        Ok(new)
    }

    /// Both believe the lie, and what one sends the other passes here.
    fn is_in_between(&self) -> Result<()> {
        let (own, [one, other]) = (mac(&self.host)?, &self.ends);
        soon("both believe the lie", Duration::from_secs(10), || {
            ensure!(self.spoof.written().contains("spoofing"), "{}", self.spoof.errors());
            for (believer, about) in [(one, other), (other, one)] {
                let line = believer.run(&["ip", "neigh", "show", &about.ipv4()?.to_string()])?;
                ensure!(line.contains(&own), "{} believes {:?}", believer.name(), line.trim());
            }
            Ok(())
        })?;
        let filter = format!("udp and src host {} and ether dst {own}", one.ipv4()?);
        let seen = self.host.capture(&filter)?;
        let arrived = echoes(one, other, other.ipv4()?.into(), 20)?;
        let (_, packets) = seen.stop()?;
        let passed = packets.iter().filter(|line| line.contains(" > ")).count();
        ensure!(passed >= 20 && arrived >= 20, "{arrived} of 20 arrived, {passed} of them by this way");
        Ok(())
    }

    /// What the relay did, a line a step.
    #[must_use]
    pub fn steps(&self) -> String {
        self.relay.written()
    }

    /// Everything it could read in the connections that it ended.
    ///
    /// # Errors
    /// When there is no such record.
    pub fn transcript(&self) -> Result<Vec<u8>> {
        fs::read(self.dir().join("transcript")).context("the middle keeps no record")
    }

    fn dir(&self) -> PathBuf {
        self.host.dir().join("middle")
    }

    /// Goes away; the two find each other's true addresses again.
    ///
    /// # Errors
    /// When they do not.
    pub fn leave(mut self) -> Result<()> {
        self.spoof.kill()?;
        let [one, other] = &self.ends;
        for end in [one, other] {
            end.run(&["ip", "neigh", "flush", "dev", "eth0"])?;
        }
        ensure!(echoes(one, other, other.ipv4()?.into(), 10)? == 10, "they do not reach each other any more");
        let own = mac(&self.host)?;
        let line = one.run(&["ip", "neigh", "show", &other.ipv4()?.to_string()])?;
        ensure!(!line.contains(&own), "{} still believes {:?}", one.name(), line.trim());
        Ok(())
    }
}

/// Takes IPv6 away from a host: the lie is told about IPv4 addresses, and two nodes take whatever way there is.
///
/// # Errors
/// When the system does not let us.
pub fn forget_ipv6(host: &Host) -> Result<()> {
    host.sh("echo 1 > /proc/sys/net/ipv6/conf/eth0/disable_ipv6").map(drop)
}

/// The hardware address of `eth0`.
fn mac(host: &Host) -> Result<String> {
    let line = host.run(&["ip", "-o", "link", "show", "dev", "eth0"])?;
    let mut words = line.split_whitespace().skip_while(|word| *word != "link/ether");
    Ok(words.nth(1).context("no hardware address")?.to_owned())
}
