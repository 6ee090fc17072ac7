//! Which firewall this computer has, and what opens it. Nothing is opened here.

use lanyard_api::Remedy;
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

    /// What lets other devices reach `port`, and multicast DNS in.
    pub(super) fn open(self, port: u16) -> Remedy {
        match self {
            Self::Ufw => Remedy::Ufw { port },
            Self::Firewalld => Remedy::Firewalld { port },
            Self::Nftables => Remedy::Nftables { port },
            Self::Windows => Remedy::WindowsFirewall { port },
            Self::Macos => Remedy::MacosFirewall,
            Self::Unknown => Remedy::OtherFirewall { port },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words;

    #[test]
    fn every_firewall_is_told_both_ports_or_where_to_click() {
        use Firewall::{Firewalld, Macos, Nftables, Ufw, Unknown, Windows};
        for firewall in [Ufw, Firewalld, Nftables, Windows, Unknown] {
            let words = words::english("remedy", &firewall.open(20_123));
            assert!(words.contains("20123"), "{words}");
            assert!(words.contains("5353") || words.contains("mdns"), "{words}");
        }
        assert!(words::english("remedy", &Macos.open(1)).contains("Firewall"));
    }
}
