//! For the fuzz targets, which cannot reach what is private; compiled for nothing else.

use crate::{Interface, Prefix, Service, Table, browse::advert, cache::Cache, message::Message};
use std::time::{Duration, Instant};

/// What is shown of a packet on a link 10.0.0.0/24, right away and after everything was asked and nobody answered.
pub fn heard(packet: &[u8]) -> Vec<Service> {
    let prefix = |address: &str, length| Some(Prefix { address: address.parse().ok()?, length });
    let addresses = [prefix("10.0.0.2", 24), prefix("fe80::2", 64)].into_iter().flatten().collect();
    let interfaces = [Interface { name: "eth0".to_owned(), index: 2, addresses }];
    let mut now = Instant::now();
    let (mut cache, mut table) = (Cache::new(now, 7), Table::new(now));
    let Some(message) = Message::read(packet) else { return Vec::new() };
    let mut changed = cache.take(&message, now);
    for _ in 0..20 {
        for name in changed.drain(..) {
            if let Some(advert) = cache.resolved(&name, now).and_then(|resolved| advert(&[(2, resolved)])) {
                table.heard(advert, &interfaces, now);
            }
        }
        now = cache.next().max(now + Duration::from_millis(1));
        changed = cache.due(now).changed;
    }
    table.services()
}
