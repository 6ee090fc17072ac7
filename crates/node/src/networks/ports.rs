//! Which TCP port other nodes reach this one on: the one that was asked for, else the one of last time, else the
//! usual one, else any.

use crate::settings::Settings;

/// The usual port; what the packages' firewall rules open.
pub(super) const USUAL: u16 = 7717;
/// Where another one is looked for: below the ports that systems hand out to outgoing connections.
const OTHERS: std::ops::Range<u16> = 20_000..30_000;
/// How many others are tried.
const TRIES: usize = 20;

const KEPT: &str = "lan_port";

/// The ports to try, best first, and the one whose loss the owner should hear of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ports {
    /// Asked for, or used before.
    pub(super) promised: Option<u16>,
    settings: Option<u16>,
}

impl Ports {
    pub(super) fn new(asked: Option<u16>, settings: &Settings) -> Self {
        let asked = asked.filter(|port| *port != 0);
        let kept =
            settings.text(KEPT).ok().flatten().and_then(|text| text.parse().ok()).filter(|port| *port != 0);
        Self { promised: asked.or(kept), settings: kept }
    }

    /// The ports to try, in this order.
    pub(super) fn candidates(&self) -> impl Iterator<Item = u16> {
        let random = std::iter::repeat_with(|| {
            let mut bytes = [0_u8; 2];
            // Without random numbers the same few ports are tried, which still finds a free one.
            let _ = getrandom::fill(&mut bytes);
            OTHERS.start + u16::from_le_bytes(bytes) % (OTHERS.end - OTHERS.start)
        });
        self.promised.into_iter().chain([USUAL]).chain(random.take(TRIES))
    }

    /// Remembers the port the first time one is used. A way out of a clash is not kept, so that the promised one
    /// comes back with the next start.
    pub(super) fn used(&mut self, port: u16, settings: &Settings) {
        if self.settings.is_some() || self.promised.is_some_and(|promised| promised != port) {
            return;
        }
        match settings.set(KEPT, &port.to_string()) {
            Ok(()) => self.settings = Some(port),
            Err(error) => tracing::warn!(%error, "the port cannot be remembered"),
        }
        self.promised = Some(port);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use lanyard_store::Store;

    fn settings() -> Settings {
        Settings::new(Store::in_memory(&[crate::settings::MIGRATIONS]).unwrap())
    }

    #[test]
    fn the_port_of_last_time_comes_first_and_one_that_was_asked_for_before_it() {
        let settings = settings();
        let mut ports = Ports::new(None, &settings);
        assert_eq!(ports.candidates().next(), Some(USUAL));
        ports.used(20_123, &settings);
        assert_eq!(Ports::new(None, &settings).candidates().next(), Some(20_123));
        let mut asked = Ports::new(Some(9_000), &settings);
        assert_eq!(asked.candidates().next(), Some(9_000));
        asked.used(20_500, &settings);
        assert_eq!(Ports::new(None, &settings).promised, Some(20_123), "a way out is not kept");
    }

    #[test]
    fn others_stay_clear_of_the_ports_for_outgoing_connections() {
        let ports = Ports::new(None, &settings());
        assert!(ports.candidates().skip(1).all(|port| OTHERS.contains(&port)));
        assert_eq!(ports.candidates().count(), 1 + TRIES);
    }
}
