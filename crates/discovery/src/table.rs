//! What was heard by multicast DNS, bounded and cleaned: a pure table fed with adverts and the time.
//!
//! Anyone on the link can send anything. So: at most [`MAX_SERVICES`] services with at most [`MAX_ADDRESSES`]
//! addresses each, only addresses a neighbour can have, names without control characters and bidirectional
//! tricks, and a token bucket in front of it all. When it is full, what was never confirmed by a handshake
//! ([`Table::keep`]) makes room, the oldest first.

use crate::{Interface, Opening, Token};
use lanyard_trust::names::clean;
use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

/// The most services in the table.
pub const MAX_SERVICES: usize = 256;
/// The most addresses of one service.
pub const MAX_ADDRESSES: usize = 8;
/// The longest full name, in bytes (RFC 1035 §2.3.4).
const MAX_NAME: usize = 255;
/// Adverts taken at once, and per second in the long run.
const BURST: f64 = 400.0;
const PER_SECOND: f64 = 50.0;
/// A service heard within this time is not evicted for an unknown newcomer.
const FRESH: Duration = Duration::from_secs(10);

/// A kind of service that is browsed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Another Lanyard node.
    Lanyard,
    /// A printer that speaks IPP.
    Ipp,
    /// A printer that speaks IPP over TLS.
    Ipps,
    /// A WebDAV folder.
    WebDav,
    /// A WebDAV folder over TLS.
    WebDavs,
}

/// What one advert said, as it was heard.
#[derive(Clone, Debug)]
pub struct Advert {
    /// The kind of service.
    pub kind: Kind,
    /// The service's full name (`x._lanyard._tcp.local.`).
    pub fullname: String,
    /// The host it runs on (`x.local.`).
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Addresses, each with the number of the interface it was heard on; 0 when not told.
    pub addresses: Vec<(IpAddr, u32)>,
    /// The TXT record's `ty`: make and model.
    pub model: Option<String>,
    /// The TXT record's `note`: where it stands.
    pub location: Option<String>,
    /// The TXT record's `UUID` of a printer.
    pub uuid: Option<String>,
    /// The TXT record's `rp`: the path of a printer.
    pub resource: Option<String>,
    /// By which those who share a key with a node know it again.
    pub token: Option<Token>,
    /// A code for joining that a node shows.
    pub opening: Option<Opening>,
}

/// A service that may be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// The kind of service.
    pub kind: Kind,
    /// Its full name; identifies it together with the kind, not meant for people.
    pub fullname: String,
    /// Its name for people, cleaned.
    pub name: String,
    /// Its host's name without `.local`, cleaned.
    pub host: String,
    /// Where it may be reached, as heard on the interfaces where a neighbour can have that address.
    pub addresses: Vec<SocketAddr>,
    /// Make and model, cleaned.
    pub model: Option<String>,
    /// Where it stands, cleaned.
    pub location: Option<String>,
    /// The UUID that a printer says it has: 36 characters, in lower case. The same one on every way to it.
    pub uuid: Option<String>,
    /// The path of a printer's URI, without a slash in front; only characters of a path (RFC 3986 §3.3).
    pub resource: Option<String>,
    /// By which those who share a key with a node know it again.
    pub token: Option<Token>,
    /// A code for joining that a node shows.
    pub opening: Option<Opening>,
}

/// What became of an advert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// The table changed.
    Changed,
    /// Nothing new in it.
    Same,
    /// Too much at once, or nothing usable in it.
    Refused,
}

/// The table.
#[derive(Debug)]
pub struct Table {
    services: HashMap<(Kind, String), Row>,
    tokens: f64,
    filled: Instant,
}

#[derive(Debug)]
struct Row {
    service: Service,
    heard: Instant,
    kept: bool,
}

impl Kind {
    /// All that are browsed for.
    pub const ALL: [Self; 5] = [Self::Lanyard, Self::Ipp, Self::Ipps, Self::WebDav, Self::WebDavs];

    /// The DNS-SD name of the type.
    #[must_use]
    pub fn service_type(self) -> &'static str {
        match self {
            Self::Lanyard => "_lanyard._tcp.local.",
            Self::Ipp => "_ipp._tcp.local.",
            Self::Ipps => "_ipps._tcp.local.",
            Self::WebDav => "_webdav._tcp.local.",
            Self::WebDavs => "_webdavs._tcp.local.",
        }
    }
}

impl Table {
    /// Nothing heard yet.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self { services: HashMap::new(), tokens: BURST, filled: now }
    }

    /// Takes one advert. `interfaces` are the ones that are up.
    pub fn heard(&mut self, advert: Advert, interfaces: &[Interface], now: Instant) -> Heard {
        if !self.has_token(now) {
            return Heard::Refused;
        }
        let Some(service) = service(advert, interfaces) else { return Heard::Refused };
        let key = (service.kind, service.fullname.clone());
        if let Some(row) = self.services.get_mut(&key) {
            row.heard = now;
            if row.service == service {
                return Heard::Same;
            }
            row.service = service;
            return Heard::Changed;
        }
        if self.services.len() >= MAX_SERVICES && !self.make_room(now) {
            return Heard::Refused;
        }
        self.services.insert(key, Row { service, heard: now, kept: false });
        Heard::Changed
    }

    /// A service said goodbye or its records ran out. True when it was in the table.
    pub fn gone(&mut self, kind: Kind, fullname: &str) -> bool {
        self.services.remove(&(kind, fullname.to_ascii_lowercase())).is_some()
    }

    /// Something real answered there: this row does not make room for others.
    pub fn keep(&mut self, kind: Kind, fullname: &str) {
        if let Some(row) = self.services.get_mut(&(kind, fullname.to_ascii_lowercase())) {
            row.kept = true;
        }
    }

    /// All services, sorted by kind and name.
    #[must_use]
    pub fn services(&self) -> Vec<Service> {
        let mut services: Vec<Service> = self.services.values().map(|row| row.service.clone()).collect();
        services.sort_by(|a, b| (a.kind, &a.fullname).cmp(&(b.kind, &b.fullname)));
        services
    }

    fn has_token(&mut self, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.filled).as_secs_f64();
        self.tokens = (self.tokens + passed * PER_SECOND).min(BURST);
        self.filled = self.filled.max(now);
        let has = self.tokens >= 1.0;
        if has {
            self.tokens -= 1.0;
        }
        has
    }

    fn make_room(&mut self, now: Instant) -> bool {
        let oldest = self
            .services
            .iter()
            .filter(|(_, row)| !row.kept && now.saturating_duration_since(row.heard) >= FRESH)
            .min_by_key(|(_, row)| row.heard)
            .map(|(key, _)| key.clone());
        oldest.is_some_and(|key| self.services.remove(&key).is_some())
    }
}

/// What is usable of an advert, if anything.
fn service(advert: Advert, interfaces: &[Interface]) -> Option<Service> {
    // Nodes never listen below 1024, so an advert cannot make us knock at a neighbour's SSH or mail server.
    let lowest = if advert.kind == Kind::Lanyard { 1024 } else { 1 };
    if advert.port < lowest || advert.fullname.len() > MAX_NAME || advert.host.len() > MAX_NAME {
        return None;
    }
    // DNS names are compared without case.
    let fullname = advert.fullname.to_ascii_lowercase();
    let instance = advert.fullname.get(..fullname.strip_suffix(advert.kind.service_type())?.len())?;
    let name = clean(&unescaped(instance.strip_suffix('.')?))?;
    let host = advert.host.trim_end_matches('.');
    let host = clean(host.strip_suffix(".local").unwrap_or(host))?;
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for (ip, heard_on) in advert.addresses {
        let heard_on = |interface: &&Interface| heard_on == 0 || interface.index == heard_on;
        for interface in interfaces.iter().filter(heard_on).filter(|i| i.is_on_link(ip)) {
            let address = interface.socket_address(ip, advert.port);
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
    }
    // Sorted before it is cut, so that the same advert gives the same row whatever order it came in.
    addresses.sort_unstable();
    addresses.truncate(MAX_ADDRESSES);
    if addresses.is_empty() {
        return None;
    }
    let text = |text: Option<String>| text.and_then(|text| clean(&text));
    let (model, location) = (text(advert.model), text(advert.location));
    let (uuid, resource) = (advert.uuid.and_then(|uuid| uuid_in(&uuid)), advert.resource.and_then(path_in));
    let (token, opening) = (advert.token, advert.opening);
    let kind = advert.kind;
    Some(Service { kind, fullname, name, host, addresses, model, location, uuid, resource, token, opening })
}

/// RFC 9562 §4, with or without the `urn:uuid:` in front that some printers write.
fn uuid_in(text: &str) -> Option<String> {
    let lower = text.trim().to_ascii_lowercase();
    let uuid = lower.strip_prefix("urn:uuid:").unwrap_or(&lower);
    let fits = |(at, byte): (usize, u8)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    (uuid.len() == 36 && uuid.bytes().enumerate().all(fits)).then(|| uuid.to_owned())
}

fn path_in(text: String) -> Option<String> {
    let path = text.trim_start_matches('/');
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@%".contains(&byte);
    (path.len() <= 200 && path.bytes().all(fits)).then(|| path.to_owned())
}

/// Undoes the escaping of dots and backslashes in an instance name (RFC 6763 §4.3).
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => plain.extend(characters.next()),
            other => plain.push(other),
        }
    }
    plain
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::Prefix;
    use proptest::prelude::*;

    fn interfaces() -> Vec<Interface> {
        let prefix = |address: &str, length| Prefix { address: address.parse().unwrap(), length };
        vec![
            Interface {
                name: "eth0".to_owned(),
                index: 2,
                addresses: vec![prefix("10.0.0.2", 24), prefix("fe80::2", 64)],
            },
            Interface { name: "eth1".to_owned(), index: 3, addresses: vec![prefix("192.168.5.2", 24)] },
        ]
    }

    fn advert(name: &str, addresses: &[(&str, u32)]) -> Advert {
        Advert {
            kind: Kind::Lanyard,
            fullname: format!("{name}._lanyard._tcp.local."),
            host: "abc.local.".to_owned(),
            port: 7717,
            addresses: addresses.iter().map(|(ip, index)| (ip.parse().unwrap(), *index)).collect(),
            model: None,
            location: None,
            uuid: None,
            resource: None,
            token: None,
            opening: None,
        }
    }

    #[test]
    fn an_advert_becomes_a_service_with_the_addresses_a_neighbour_can_have() {
        let now = Instant::now();
        let mut table = Table::new(now);
        let heard = advert(
            "k3j9x2aa",
            &[("10.0.0.9", 2), ("fe80::9", 2), ("192.168.5.9", 2), ("127.0.0.1", 2), ("8.8.8.8", 2)],
        );
        assert_eq!(table.heard(heard.clone(), &interfaces(), now), Heard::Changed);
        assert_eq!(table.heard(heard, &interfaces(), now), Heard::Same);
        let services = table.services();
        let addresses: Vec<String> = services[0].addresses.iter().map(ToString::to_string).collect();
        assert_eq!(addresses, ["10.0.0.9:7717", "[fe80::9%2]:7717"], "eth1's prefix does not count on eth0");
    }

    #[test]
    fn adverts_that_point_elsewhere_are_refused() {
        let now = Instant::now();
        let mut table = Table::new(now);
        for far in ["127.0.0.1", "169.254.169.254", "8.8.8.8", "224.0.0.1", "0.0.0.0", "10.0.0.255", "::1"] {
            let heard = table.heard(advert("x", &[(far, 2)]), &interfaces(), now);
            assert_eq!(heard, Heard::Refused, "{far}");
        }
        let mut ssh = advert("x", &[("10.0.0.9", 2)]);
        ssh.port = 22;
        assert_eq!(table.heard(ssh, &interfaces(), now), Heard::Refused);
        assert!(table.services().is_empty());
    }

    #[test]
    fn names_are_cleaned_of_control_and_bidirectional_characters() {
        let now = Instant::now();
        let mut table = Table::new(now);
        let mut hostile = advert("HP\u{202e}3\\.5\u{7}\n", &[("10.0.0.9", 2)]);
        hostile.model = Some("a\u{0}\u{2066}b".to_owned());
        table.heard(hostile, &interfaces(), now);
        let service = table.services().remove(0);
        assert_eq!(service.name, "HP3.5");
        assert_eq!(service.model.as_deref(), Some("ab"));
    }

    #[test]
    fn what_a_printer_says_of_itself_is_taken_only_in_its_form() {
        const UUID: &str = "01234567-89ab-4cde-8f01-23456789abcd";
        assert_eq!(uuid_in(&format!(" urn:uuid:{}", UUID.to_uppercase())).as_deref(), Some(UUID));
        for bad in ["", "urn:uuid:", &UUID[1..], &UUID.replace('-', "0"), &UUID.replace('0', "g")] {
            assert_eq!(uuid_in(bad), None, "{bad}");
        }
        assert_eq!(path_in("/ipp/print".to_owned()).as_deref(), Some("ipp/print"));
        assert_eq!(path_in(String::new()).as_deref(), Some(""));
        for bad in ["ipp/print x", "a\r\nHost: b", "a?b", "a#b", "\u{e4}", &"x".repeat(201)] {
            assert_eq!(path_in(bad.to_owned()), None, "{bad:?}");
        }
    }

    #[test]
    fn a_goodbye_removes_whatever_the_case() {
        let now = Instant::now();
        let mut table = Table::new(now);
        table.heard(advert("AbC", &[("10.0.0.9", 2)]), &interfaces(), now);
        assert!(table.gone(Kind::Lanyard, "aBc._lanyard._tcp.local."));
        assert!(table.services().is_empty());
    }

    #[test]
    fn ten_thousand_adverts_leave_a_bounded_table_and_what_was_proven() {
        let start = Instant::now();
        let mut table = Table::new(start);
        table.heard(advert("real", &[("10.0.0.9", 2)]), &interfaces(), start);
        table.keep(Kind::Lanyard, "real._lanyard._tcp.local.");
        let mut refused = 0;
        for number in 0..10_000_u32 {
            let now = start + Duration::from_millis(u64::from(number));
            let heard =
                table.heard(advert(&format!("flood{number}"), &[("10.0.0.8", 2)]), &interfaces(), now);
            refused += usize::from(heard == Heard::Refused);
            assert!(table.services.len() <= MAX_SERVICES);
        }
        assert!(refused > 9_000, "the bucket holds a flood back: {refused}");
        assert!(table.services().iter().any(|service| service.name == "real"), "the real one survived");
        let later = start + Duration::from_secs(30);
        let newcomer = table.heard(advert("newcomer", &[("10.0.0.7", 2)]), &interfaces(), later);
        assert_eq!(newcomer, Heard::Changed, "after the flood there is room for a newcomer");
    }

    fn any_advert() -> impl Strategy<Value = Advert> {
        let ip =
            prop_oneof![any::<[u8; 4]>().prop_map(IpAddr::from), any::<[u8; 16]>().prop_map(IpAddr::from)];
        let name = prop_oneof![
            any::<String>(),
            proptest::collection::vec(any::<char>(), 0..300).prop_map(String::from_iter),
            Just("x".repeat(255)),
        ];
        (name.clone(), name.clone(), any::<u16>(), proptest::collection::vec((ip, 0..5_u32), 0..40), name)
            .prop_map(|(instance, host, port, addresses, model)| Advert {
                kind: Kind::Ipp,
                fullname: format!("{instance}._ipp._tcp.local."),
                host,
                port,
                addresses,
                uuid: Some(model.clone()),
                resource: Some(model.clone()),
                model: Some(model),
                location: None,
                token: None,
                opening: None,
            })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn whatever_is_heard_stays_bounded_clean_and_on_link(adverts in proptest::collection::vec(any_advert(), 1..60)) {
            let now = Instant::now();
            let mut table = Table::new(now);
            let interfaces = interfaces();
            for advert in adverts {
                table.heard(advert, &interfaces, now);
            }
            for service in table.services() {
                prop_assert!(service.addresses.len() <= MAX_ADDRESSES && !service.addresses.is_empty());
                prop_assert!(service.name.len() <= 64 && service.host.len() <= 64);
                for text in [Some(&service.name), Some(&service.host), service.model.as_ref()].into_iter().flatten() {
                    prop_assert!(!text.chars().any(char::is_control));
                    let tricks = ['\u{202a}', '\u{202e}', '\u{2066}', '\u{2069}', '\u{200f}'];
                    prop_assert!(!text.contains(tricks), "{:?}", text);
                }
                prop_assert!(service.uuid.iter().all(|uuid| uuid.len() == 36));
                let is_path = |path: &String| !path.starts_with('/') && path.bytes().all(|b| b.is_ascii_graphic());
                prop_assert!(service.resource.iter().all(is_path), "{:?}", service.resource);
                for address in &service.addresses {
                    prop_assert!(interfaces.iter().any(|interface| interface.is_on_link(address.ip())));
                }
            }
        }
    }
}
