//! The `Host` header: the name in it, and whether that is ours.

use super::Own;
use std::net::{IpAddr, Ipv6Addr};

/// Whether a name or address of a `Host` header is this node.
pub(super) fn is_own(name: &str, own: &Own<'_>, from_loopback: bool) -> bool {
    if let Ok(address) = name.parse::<IpAddr>() {
        return own.addresses.contains(&address) || (from_loopback && address.is_loopback());
    }
    (from_loopback && name == "localhost") || own.names.iter().any(|own| own.eq_ignore_ascii_case(name))
}

/// The name or address in a `Host` header, in lower case, without port and last dot. None when it is malformed (RFC
/// 9110 §7.2): user names, spaces, empty labels, zones of addresses and anything but ASCII are.
pub(super) fn name_of(host: &str) -> Option<String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
    if host.is_empty() || host.len() > 255 || !host.bytes().all(allowed) {
        return None;
    }
    let (name, port) = if let Some(rest) = host.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        address.parse::<Ipv6Addr>().ok()?;
        (address, port)
    } else {
        host.split_at(host.find(':').unwrap_or(host.len()))
    };
    if !port.is_empty() {
        let digits = port.strip_prefix(':')?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<u16>())?.ok()?;
    }
    let name = name.strip_suffix('.').unwrap_or(name);
    let whole =
        !name.is_empty() && !name.contains(['[', ']']) && name.split('.').all(|label| !label.is_empty());
    whole.then(|| name.to_ascii_lowercase())
}
