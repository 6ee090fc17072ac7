//! The headers by which a request is let in. A line each: method, authority, `Host`, `Origin`, `Sec-Fetch-Site`,
//! `Content-Type`; each header's values are separated by tabs.

use lanyard_trust::gate::{Asked, Own, Surface, admit};
use std::net::{IpAddr, Ipv4Addr};

pub(crate) fn run(bytes: &[u8]) {
    let Some((flags, rest)) = bytes.split_first() else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    let mut lines = text.split('\n');
    let method = lines.next().unwrap_or_default();
    let authority = lines.next().filter(|line| !line.is_empty());
    let mut values = || {
        lines
            .next()
            .filter(|line| !line.is_empty())
            .map(|line| line.split('\t').collect())
            .unwrap_or_default()
    };
    let (host, origin, fetch_site, content_type): (Vec<&str>, Vec<&str>, Vec<&str>, Vec<&str>) =
        (values(), values(), values(), values());
    let own = Own { addresses: &[IpAddr::V4(Ipv4Addr::new(192, 168, 1, 7))], names: &["lanyard-7f3a.local"] };
    for surface in [Surface::Ipp, Surface::Dav, Surface::Guest, Surface::Control] {
        let asked = Asked {
            surface,
            method,
            authority,
            host: &host,
            origin: &origin,
            fetch_site: &fetch_site,
            content_type: &content_type,
            from_loopback: flags & 1 != 0,
            tls: flags & 2 != 0,
        };
        let admitted = admit(&asked, &own).is_ok();
        // A page elsewhere cannot help saying where it is from.
        let elsewhere = fetch_site.contains(&"cross-site") || origin.contains(&"https://elsewhere.example");
        assert!(!(admitted && elsewhere), "{asked:?}");
        assert!(!admitted || host.len() == 1, "{asked:?}");
        assert!(!(admitted && surface == Surface::Control) || asked.from_loopback, "{asked:?}");
    }
}
