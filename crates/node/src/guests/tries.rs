//! How fast somebody may guess. What ends a PIN is the count of its wrong tries; this keeps the noise down.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    time::{Duration, Instant},
};

const WINDOW: Duration = Duration::from_secs(60);

/// In one window from one address, and in all. The second also bounds what is remembered.
const FROM_ONE: u32 = 10;
const IN_ALL: u32 = 60;

/// Tries since the window began.
#[derive(Default)]
pub(super) struct Tries {
    began: Option<Instant>,
    all: u32,
    by: HashMap<IpAddr, u32>,
}

impl Tries {
    /// Counts a try, unless there were too many.
    pub(super) fn allow(&mut self, from: IpAddr, now: Instant) -> bool {
        if self.began.is_none_or(|began| now.saturating_duration_since(began) >= WINDOW) {
            *self = Self { began: Some(now), ..Self::default() };
        }
        if self.all >= IN_ALL {
            return false;
        }
        let here = self.by.entry(origin(from)).or_default();
        if *here >= FROM_ONE {
            return false;
        }
        *here += 1;
        self.all += 1;
        true
    }
}

/// One household has a whole /64.
fn origin(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V6(ip) if ip.to_ipv4_mapped().is_none() => {
            IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64))
        }
        other => other.to_canonical(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn one_address_may_try_ten_times_a_minute_and_all_together_sixty() {
        let (mut tries, now) = (Tries::default(), Instant::now());
        let ip = |n: u8| IpAddr::from([192, 168, 1, n]);
        assert_eq!((0..20).filter(|_| tries.allow(ip(1), now)).count(), 10);
        assert!(tries.allow(ip(2), now), "another address is not held back");
        assert_eq!((0..=255).filter(|n| tries.allow(ip(*n), now)).count(), 49, "sixty in all");
        assert!(tries.by.len() <= IN_ALL as usize);
        assert!(tries.allow(ip(1), now + WINDOW));
    }

    #[test]
    fn the_addresses_of_one_network_prefix_count_as_one() {
        let (mut tries, now) = (Tries::default(), Instant::now());
        let allowed = (0..20).filter(|n| tries.allow(format!("fd00::{n:x}").parse().unwrap(), now)).count();
        assert_eq!(allowed, 10);
    }
}
