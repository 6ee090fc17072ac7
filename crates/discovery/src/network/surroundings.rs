//! What the system knows around an interface: its gateway, and whether it is a radio.

#[cfg(target_os = "linux")]
mod linux;

use super::Seen;
use crate::Interface;

/// Where an interface leads, as far as this system tells.
pub trait Surroundings: Send + Sync {
    /// What is known around each interface, in the same order.
    fn look(&self, interfaces: Vec<Interface>) -> Vec<Seen>;

    /// Makes the system ask for the hardware address of a gateway it has not spoken with. One empty datagram to
    /// the gateway's discard port (RFC 863); the answer to the question is in the next [`Surroundings::look`].
    fn ask_for_gateway(&self, seen: &Seen);
}

/// For the system this runs on.
#[must_use]
pub fn of_this_system() -> Box<dyn Surroundings> {
    #[cfg(target_os = "linux")]
    return Box::new(linux::ProcNet);
    #[cfg(not(target_os = "linux"))]
    Box::new(Plain)
}

/// Knows nothing but the interface: networks are told apart by their prefixes. Windows and macOS use it until
/// their routing tables are read.
#[cfg(not(target_os = "linux"))]
struct Plain;

#[cfg(not(target_os = "linux"))]
impl Surroundings for Plain {
    fn look(&self, interfaces: Vec<Interface>) -> Vec<Seen> {
        let seen = |interface: Interface| {
            let wireless = interface.name.to_ascii_lowercase().starts_with("wi-fi");
            Seen { interface, gateway: None, wireless }
        };
        interfaces.into_iter().map(seen).collect()
    }

    fn ask_for_gateway(&self, _: &Seen) {}
}
