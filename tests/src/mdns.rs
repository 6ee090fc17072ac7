//! Multicast DNS packets (RFC 6762) written by hand, because no honest library writes the ones we need.

use anyhow::{Result, ensure};
use std::net::Ipv4Addr;

/// The port.
pub const PORT: u16 = 5353;
/// The IPv4 group.
pub const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);
/// What Lanyard announces itself as.
pub const LANYARD: &[&[u8]] = &[b"_lanyard", b"_tcp", b"local"];
/// What printers announce themselves as; their names are shown to people without any handshake.
pub const PRINTER: &[&[u8]] = &[b"_ipp", b"_tcp", b"local"];

/// Addresses that are not on the link of any host in the laboratory; nobody may be sent there by an announcement.
pub const OFF_LINK: &[Ipv4Addr] =
    &[Ipv4Addr::new(203, 0, 113, 9), Ipv4Addr::new(198, 51, 100, 77), Ipv4Addr::new(192, 0, 2, 1)];

const PTR: u16 = 12;
const TXT: u16 = 16;
const SRV: u16 = 33;
const A: u16 = 1;

/// A whole announcement of one instance: PTR, SRV, TXT and A records.
#[must_use]
pub fn announcement(
    service: &[&[u8]],
    instance: &[u8],
    host: &[u8],
    port: u16,
    txt: &[&[u8]],
    addresses: &[Ipv4Addr],
) -> Vec<u8> {
    let mut name: Vec<&[u8]> = vec![instance];
    name.extend(service);
    let target: Vec<&[u8]> = vec![host, b"local"];
    let mut records = vec![record(service, PTR, &labels(&name))];
    let mut srv = vec![0, 0, 0, 0];
    srv.extend(port.to_be_bytes());
    srv.extend(labels(&target));
    records.push(record(&name, SRV, &srv));
    let strings: Vec<u8> = txt.iter().flat_map(|text| string(text)).collect();
    records.push(record(&name, TXT, if strings.is_empty() { &[0] } else { &strings }));
    for address in addresses {
        records.push(record(&target, A, &address.octets()));
    }
    packet(&records)
}

/// A goodbye in somebody's name (RFC 6762 §10.1): the same PTR record, good for no time at all.
#[must_use]
pub fn goodbye(service: &[&[u8]], instance: &[u8]) -> Vec<u8> {
    let mut name: Vec<&[u8]> = vec![instance];
    name.extend(service);
    packet(&[record_for(service, PTR, 0, &labels(&name))])
}

/// One of many announcements that look right, on addresses of the laboratory's LAN where nobody is.
#[must_use]
pub fn plausible(number: u32) -> Vec<u8> {
    let [_, _, high, low] = number.to_be_bytes();
    let instance = format!("{number:08x}");
    announcement(
        if number.is_multiple_of(4) { PRINTER } else { LANYARD },
        instance.as_bytes(),
        format!("h{number}").as_bytes(),
        7717,
        &[b"v=1"],
        &[Ipv4Addr::new(10, 77, 0, 200u8.saturating_add(low % 50)), Ipv4Addr::new(10, 77, high, low)],
    )
}

/// Announcements that break rules or lie.
#[must_use]
pub fn hostile() -> Vec<Vec<u8>> {
    [LANYARD, PRINTER].into_iter().flat_map(hostile_of).collect()
}

fn hostile_of(service: &[&[u8]]) -> Vec<Vec<u8>> {
    let near = Ipv4Addr::new(10, 77, 0, 250);
    let mut packets = vec![
        // Control characters, a terminal escape, and letters that turn the reading direction around.
        announcement(
            service,
            b"evil\x1b[2J\x07\r\n\0name",
            b"evil",
            7717,
            &[b"v=1", b"ty=\x1b]0;owned\x07", b"note=\xe2\x80\xae\r\n"],
            &[near],
        ),
        announcement(
            service,
            "Pr\u{202e}retnirp\u{2066}\u{200f}".as_bytes(),
            b"bidi",
            7717,
            &[b"v=1"],
            &[near],
        ),
        // A label longer than the 63 bytes RFC 1035 §3.1 allows, where the two upper bits mean something else.
        announcement(service, &[b'a'; 255], &[b'b'; 255], 7717, &[b"v=1"], &[near]),
        announcement(service, &[b'a'; 63], &[b'b'; 63], 7717, &[&[b'x'; 255], &[b'='; 255]], &[near]),
        // Not UTF-8.
        announcement(service, b"\xff\xfe\xc0\xaf", b"\xff\xff", 7717, &[b"\xff=\xff"], &[near]),
        // Addresses outside the network: an attempt to make every node knock at somebody's door.
        announcement(service, b"offlink0", b"offlink0", 7717, &[b"v=1"], OFF_LINK),
        announcement(
            service,
            b"offlink1",
            b"offlink1",
            443,
            &[b"v=1"],
            &[Ipv4Addr::LOCALHOST, Ipv4Addr::BROADCAST],
        ),
        announcement(service, b"offlink2", b"offlink2", 0, &[b"v=1"], &[Ipv4Addr::UNSPECIFIED, GROUP]),
        // Too many addresses.
        announcement(service, b"many", b"many", 7717, &[b"v=1"], &[near; 200]),
        // Empty names.
        announcement(service, b"", b"", 7717, &[b""], &[near]),
        // Not a packet.
        Vec::new(),
        vec![0xff; 40],
        vec![0; 11],
    ];
    // A name that points at itself (RFC 1035 §4.1.4 compression).
    let mut looped = packet(&[]);
    looped[7] = 1;
    looped.extend([0xc0, 0x0c, 0, 12, 0, 1, 0, 0, 0, 120, 0, 2, 0xc0, 0x0c]);
    packets.push(looped);
    // Counts that promise more than there is, and a length that reaches behind the end.
    let mut greedy = announcement(service, b"greedy", b"greedy", 7717, &[b"v=1"], &[near]);
    greedy[6..8].copy_from_slice(&[0xff, 0xff]);
    packets.push(greedy);
    let mut cut = announcement(service, b"cut", b"cut", 7717, &[b"v=1"], &[near]);
    cut.truncate(cut.len() - 3);
    packets.push(cut);
    packets
}

/// A packet as hexadecimal digits, in order to hand it to a process.
#[must_use]
pub fn to_hex(packet: &[u8]) -> String {
    packet.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The other way round.
///
/// # Errors
/// When it is something else.
pub fn from_hex(text: &str) -> Result<Vec<u8>> {
    let digits = text.as_bytes();
    ensure!(digits.len().is_multiple_of(2) && text.is_ascii(), "half a byte in {text:?}");
    digits.chunks(2).map(|pair| Ok(u8::from_str_radix(std::str::from_utf8(pair)?, 16)?)).collect()
}

fn packet(records: &[Vec<u8>]) -> Vec<u8> {
    let count = u16::try_from(records.len()).unwrap_or(u16::MAX);
    // Id 0, an authoritative answer, no questions.
    let mut packet = vec![0, 0, 0x84, 0, 0, 0];
    packet.extend(count.to_be_bytes());
    packet.extend([0; 4]);
    packet.extend(records.iter().flatten());
    packet
}

fn record(name: &[&[u8]], kind: u16, data: &[u8]) -> Vec<u8> {
    record_for(name, kind, 120, data)
}

fn record_for(name: &[&[u8]], kind: u16, seconds: u32, data: &[u8]) -> Vec<u8> {
    let mut record = labels(name);
    record.extend(kind.to_be_bytes());
    record.extend([0, 1]);
    record.extend(seconds.to_be_bytes());
    record.extend(u16::try_from(data.len()).unwrap_or(u16::MAX).to_be_bytes());
    record.extend(data);
    record
}

fn labels(name: &[&[u8]]) -> Vec<u8> {
    let mut bytes: Vec<u8> = name.iter().flat_map(|label| string(label)).collect();
    bytes.push(0);
    bytes
}

fn string(text: &[u8]) -> Vec<u8> {
    let length = u8::try_from(text.len()).unwrap_or(u8::MAX);
    let mut bytes = vec![length];
    bytes.extend(&text[..usize::from(length)]);
    bytes
}
