//! What a device URI of CUPS tells about the printer behind a queue: whether others find it without us, and whether
//! two queues on two computers are the same piece of hardware. Pure.

/// The printer behind a queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Device {
    /// How it is reached.
    pub reach: Reach,
    /// The same for every queue of every computer that leads to this printer, as far as its URI tells; nobody can
    /// read a serial number out of it.
    pub identity: Option<String>,
}

/// How a printer is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// By this computer alone.
    #[default]
    Here,
    /// By everyone on the network, in IPP: standard clients find it by themselves.
    Ipp,
    /// By everyone on the network, in an older protocol. It may speak IPP as well.
    Network {
        /// Its name or address, in lower case.
        host: String,
    },
}

impl Device {
    /// Reads a URI.
    #[must_use]
    pub fn of(uri: &str) -> Self {
        let Some((scheme, rest)) = uri.split_once(':') else { return Self::default() };
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let parameter = |name: &str| {
            let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
        };
        let rest = rest.trim_start_matches('/');
        match scheme.to_ascii_lowercase().as_str() {
            "usb" => {
                // usb://Make/Model?serial=… ; without a serial number every printer of the model has the same.
                let identity = parameter("serial").map(|serial| hashed(&format!("{rest} {serial}")));
                Self { reach: Reach::Here, identity }
            }
            "hp" if rest.starts_with("net/") => {
                // hp:/net/Model?ip=… or ?hostname=…
                let host = parameter("ip").or(parameter("hostname")).or(parameter("zc"));
                network(host.unwrap_or_default())
            }
            "hp" => {
                let identity = parameter("serial").map(|serial| hashed(&format!("{rest} {serial}")));
                Self { reach: Reach::Here, identity }
            }
            "dnssd" | "mdns" => {
                let uuid = parameter("uuid").map(str::to_ascii_lowercase);
                Self { reach: Reach::Ipp, identity: uuid.map(|uuid| format!("uuid:{uuid}")) }
            }
            "ipp" | "ipps" | "http" | "https" => match host(rest) {
                // A printer on a cable that speaks IPP over USB, or one that this computer makes up.
                host if is_this_computer(&host) => Self::default(),
                host => Self { reach: Reach::Ipp, identity: at(&host) },
            },
            "socket" | "lpd" => match host(rest) {
                host if is_this_computer(&host) => Self::default(),
                host => network(&host),
            },
            _ => Self::default(),
        }
    }
}

fn network(host: &str) -> Device {
    let host = host.to_ascii_lowercase();
    Device { identity: at(&host), reach: Reach::Network { host } }
}

/// The host of what follows `scheme://`, without user, port and brackets.
fn host(rest: &str) -> String {
    let authority = rest.split(['/', '#']).next().unwrap_or_default();
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = match authority.strip_prefix('[') {
        Some(inner) => inner.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    // In a URI the scope of an address stands behind %25 (RFC 6874) or, with CUPS, behind a plus.
    let host = host.split(['%', '+']).next().unwrap_or_default();
    host.trim_end_matches('.').to_ascii_lowercase()
}

fn is_this_computer(host: &str) -> bool {
    host.is_empty()
        || host == "localhost"
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

fn at(host: &str) -> Option<String> {
    (!host.is_empty()).then(|| format!("at:{host}"))
}

fn hashed(text: &str) -> String {
    let hash = blake3::derive_key("lanyard printer identity v1", text.to_ascii_lowercase().as_bytes());
    format!("usb:{}", blake3::Hash::from(hash).to_hex().split_at(32).0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(uri: &str) -> Reach {
        Device::of(uri).reach
    }

    #[test]
    fn a_printer_that_everyone_finds_by_itself_is_told_from_one_on_a_cable() {
        for here in [
            "usb://HP/LaserJet%201020?serial=JL00123",
            "hp:/usb/OfficeJet?serial=CN1",
            "parallel:/dev/lp0",
            "file:///dev/null",
            "cups-pdf:/",
            "ipp://localhost:60000/ipp/print",
            "ipp://127.0.0.1:8631/ipp/print",
            "ipps://[::1]:8631/ipp/print",
            "smb://server/printer",
            "",
            "nonsense",
        ] {
            assert_eq!(reach(here), Reach::Here, "{here}");
        }
        for standard in [
            "ipp://192.168.1.20/ipp/print",
            "ipps://printer.local:631/ipp/print",
            "IPP://anna@printer/ipp",
            "http://192.168.1.20:631/ipp",
            "dnssd://Office%20Jet._ipps._tcp.local/?uuid=01234567-89AB-4cde-8f01-23456789abcd",
            "ipp://[fe80::1+eth0]/ipp/print",
        ] {
            assert_eq!(reach(standard), Reach::Ipp, "{standard}");
        }
        for (old, host) in [
            ("socket://192.168.1.20:9100", "192.168.1.20"),
            ("lpd://OLD.local/queue", "old.local"),
            ("hp:/net/LaserJet?ip=192.168.1.20", "192.168.1.20"),
        ] {
            assert_eq!(reach(old), Reach::Network { host: host.to_owned() }, "{old}");
        }
    }

    #[test]
    fn one_printer_has_one_identity_on_every_computer_and_hides_its_number() {
        let identity = |uri: &str| Device::of(uri).identity;
        let serial = identity("usb://HP/LaserJet?serial=JL00123");
        assert!(serial.is_some() && serial == identity("usb://hp/laserjet?interface=1&serial=JL00123"));
        assert!(!serial.as_deref().unwrap_or_default().to_lowercase().contains("jl00123"));
        assert_ne!(serial, identity("usb://HP/LaserJet?serial=JL00124"));
        assert_eq!(identity("usb://HP/LaserJet"), None, "there may be two of a model");
        assert_eq!(identity("socket://192.168.1.20:9100"), identity("ipp://192.168.1.20/ipp/print"));
        let uuid = identity("dnssd://X._ipp._tcp.local/?uuid=01234567-89AB-4cde-8f01-23456789abcd");
        assert_eq!(uuid.as_deref(), Some("uuid:01234567-89ab-4cde-8f01-23456789abcd"));
        assert_eq!(identity("ipp://localhost:60000/ipp/print"), None);
    }
}
