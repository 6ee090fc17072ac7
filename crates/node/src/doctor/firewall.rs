//! Which firewall this computer has, and the commands that open it. Nothing is opened here.

use std::path::Path;

/// A firewall that people meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Firewall {
    /// Ubuntu's.
    Ufw,
    /// Fedora's and SUSE's.
    Firewalld,
    /// Rules of the kernel's own, written by somebody.
    Nftables,
    /// Windows Defender's.
    Windows,
    /// macOS' application firewall.
    Macos,
    /// None that is known.
    Unknown,
}

impl Firewall {
    /// Looks for what is active. Blocks for a moment.
    pub(super) fn find() -> Self {
        if cfg!(windows) {
            return Self::Windows;
        }
        if cfg!(target_os = "macos") {
            return Self::Macos;
        }
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let is_there = |path: &str| Path::new(path).exists();
        if read("/etc/ufw/ufw.conf").lines().any(|line| line.trim().eq_ignore_ascii_case("ENABLED=yes")) {
            Self::Ufw
        } else if is_there("/run/firewalld.pid")
            || is_there("/var/run/firewalld.pid")
            || is_there("/run/firewalld")
        {
            Self::Firewalld
        } else if is_there("/etc/nftables.conf") {
            Self::Nftables
        } else {
            Self::Unknown
        }
    }

    /// What to type so that other devices reach `port`, and multicast DNS gets in.
    pub(super) fn open(self, port: u16) -> String {
        match self {
            Self::Ufw => format!("sudo ufw allow {port}/tcp && sudo ufw allow 5353/udp"),
            Self::Firewalld => format!(
                "sudo firewall-cmd --permanent --add-port={port}/tcp --add-service=mdns && sudo firewall-cmd --reload"
            ),
            Self::Nftables => format!(
                "Add these rules to the input chain in /etc/nftables.conf, then: sudo nft -f /etc/nftables.conf\n\
                 tcp dport {port} accept\nudp dport 5353 accept"
            ),
            Self::Windows => format!(
                "As administrator: netsh advfirewall firewall add rule name=Lanyard dir=in action=allow protocol=TCP \
                 localport={port} && netsh advfirewall firewall add rule name=\"Lanyard mDNS\" dir=in action=allow \
                 protocol=UDP localport=5353"
            ),
            Self::Macos => {
                "System Settings, Network, Firewall, Options: allow incoming connections for Lanyard."
                    .to_owned()
            }
            Self::Unknown => format!(
                "Let TCP port {port} and UDP port 5353 in. No firewall that Lanyard knows is active here; sudo nft \
                 list ruleset shows what filters."
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_firewall_is_told_both_ports_or_where_to_click() {
        use Firewall::{Firewalld, Macos, Nftables, Ufw, Unknown, Windows};
        for firewall in [Ufw, Firewalld, Nftables, Windows, Unknown] {
            let words = firewall.open(20_123);
            assert!(words.contains("20123"), "{words}");
            assert!(words.contains("5353") || words.contains("mdns"), "{words}");
        }
        assert!(Macos.open(1).contains("Firewall"));
    }
}
