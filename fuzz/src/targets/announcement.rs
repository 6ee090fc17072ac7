//! A multicast DNS packet, from the wire to what a person is shown.

use lanyard_discovery::fuzzing;

pub(crate) fn run(bytes: &[u8]) {
    for service in fuzzing::heard(bytes) {
        assert!(!service.addresses.is_empty() && service.name.len() <= 64 && service.host.len() <= 64);
        assert!(!service.name.chars().any(char::is_control), "{:?}", service.name);
    }
}
