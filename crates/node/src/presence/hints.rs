//! Which of the things that multicast DNS heard are worth a greeting now: pure, time goes in.

use lanyard_discovery::{Kind, Service};
use lanyard_trust::NodeId;
use std::{
    collections::HashMap,
    net::SocketAddr,
    time::{Duration, Instant},
};

/// After a greeting that failed, doubled each time up to the second.
const RETRY: Duration = Duration::from_secs(2);
const LONGEST_RETRY: Duration = Duration::from_secs(60);
/// A device that answered here and is not watched any more is greeted again, in case its goodbye was a spoof or
/// it came back without a new advert.
const AGAIN: Duration = Duration::from_secs(30);

/// What is known of each advert, by its full name.
#[derive(Debug, Default)]
pub(super) struct Hints {
    hints: HashMap<String, Hint>,
    /// Counts adverts, so that the latest of several is known.
    count: u64,
}

#[derive(Debug)]
struct Hint {
    number: u64,
    addresses: Vec<SocketAddr>,
    node: Option<NodeId>,
    failures: u32,
    due: Instant,
    busy: bool,
}

impl Hints {
    /// The services to greet now. `ours` are the names under which we are announced ourselves.
    pub(super) fn due(
        &mut self,
        services: &[Service],
        ours: &[String],
        is_online: impl Fn(&NodeId) -> bool,
        now: Instant,
    ) -> Vec<Service> {
        let nodes: Vec<&Service> = services
            .iter()
            .filter(|service| service.kind == Kind::Lanyard && !ours.contains(&service.fullname))
            .collect();
        self.hints.retain(|name, _| nodes.iter().any(|service| service.fullname == *name));
        let mut due = Vec::new();
        for service in nodes {
            let count = &mut self.count;
            let hint = self.hints.entry(service.fullname.clone()).or_insert_with(|| Hint {
                number: {
                    *count += 1;
                    *count
                },
                addresses: Vec::new(),
                node: None,
                failures: 0,
                due: now,
                busy: false,
            });
            if hint.addresses != service.addresses {
                hint.addresses.clone_from(&service.addresses);
                (hint.failures, hint.due) = (0, now);
            } else if hint.node.as_ref().is_some_and(&is_online) {
                hint.due = hint.due.max(now + AGAIN);
            }
            if !hint.busy && now >= hint.due {
                hint.busy = true;
                due.push((hint.failures, service.clone()));
            }
        }
        // Whoever has not failed yet comes first: a flood of dead adverts must not hold up a real one.
        due.sort_by_key(|(failures, _)| *failures);
        due.into_iter().map(|(_, service)| service).collect()
    }

    /// The adverts of devices that are online. A device that starts again has a new one: what it was called at the same
    /// address before is not among them.
    pub(super) fn online<'a>(
        &self,
        services: &'a [Service],
        is_online: impl Fn(&NodeId) -> bool,
    ) -> Vec<&'a Service> {
        let hint = |service: &Service| self.hints.get(&service.fullname);
        let is_outdated = |hint: &Hint| {
            self.hints.values().any(|other| {
                let same_place = other.addresses.iter().any(|address| hint.addresses.contains(address));
                other.number > hint.number && other.node == hint.node && same_place
            })
        };
        let is_there = |service: &&Service| {
            hint(service).is_some_and(|hint| hint.node.as_ref().is_some_and(&is_online) && !is_outdated(hint))
        };
        services.iter().filter(is_there).collect()
    }

    /// A greeting has ended: with the key that answered, or without.
    pub(super) fn done(&mut self, fullname: &str, node: Option<NodeId>, now: Instant) {
        let Some(hint) = self.hints.get_mut(fullname) else { return };
        hint.busy = false;
        match node {
            Some(_) => {
                hint.node = node;
                hint.failures = 0;
                hint.due = now + AGAIN;
            }
            None => {
                hint.due = now + (RETRY * 2_u32.saturating_pow(hint.failures.min(8))).min(LONGEST_RETRY);
                hint.failures += 1;
            }
        }
    }

    /// When to ask again.
    pub(super) fn next(&self) -> Option<Instant> {
        self.hints.values().filter(|hint| !hint.busy).map(|hint| hint.due).min()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn service(name: &str, address: &str) -> Service {
        Service {
            kind: Kind::Lanyard,
            fullname: name.to_owned(),
            name: name.to_owned(),
            host: "h".to_owned(),
            addresses: vec![address.parse().unwrap()],
            model: None,
            location: None,
            uuid: None,
            resource: None,
            token: None,
            opening: None,
        }
    }

    fn names(services: &[Service]) -> Vec<&str> {
        services.iter().map(|service| service.fullname.as_str()).collect()
    }

    const HIM: NodeId = NodeId::from_bytes([7; 32]);

    #[test]
    fn a_new_advert_is_greeted_once_and_our_own_echo_never() {
        let now = Instant::now();
        let mut hints = Hints::default();
        let heard = [service("a", "10.0.0.1:7717"), service("me", "10.0.0.2:7717")];
        let ours = ["me".to_owned()];
        assert_eq!(names(&hints.due(&heard, &ours, |_| false, now)), ["a"]);
        assert!(hints.due(&heard, &ours, |_| false, now).is_empty(), "it is being greeted");
        hints.done("a", Some(HIM), now);
        let later = now + Duration::from_secs(300);
        assert!(hints.due(&heard, &ours, |node| *node == HIM, later).is_empty(), "it is watched");
    }

    #[test]
    fn only_the_latest_advert_of_a_device_at_an_address_is_online() {
        let now = Instant::now();
        let mut hints = Hints::default();
        let before = service("before", "10.0.0.1:7717");
        hints.due(std::slice::from_ref(&before), &[], |_| false, now);
        hints.done("before", Some(HIM), now);
        let online = |hints: &Hints, heard: &[Service]| {
            names(&hints.online(heard, |node| *node == HIM).into_iter().cloned().collect::<Vec<_>>())
                .join(" ")
        };
        assert_eq!(online(&hints, std::slice::from_ref(&before)), "before");
        let heard = [
            before,
            service("after", "10.0.0.1:7717"),
            service("wifi", "10.1.0.1:7717"),
            service("b", "10.0.0.2:1"),
        ];
        hints.due(&heard, &[], |_| true, now);
        hints.done("after", Some(HIM), now);
        hints.done("wifi", Some(HIM), now);
        assert_eq!(online(&hints, &heard), "after wifi", "the one before the start is not vouched for");
        assert!(hints.online(&heard, |_| false).is_empty());
    }

    #[test]
    fn a_changed_address_is_greeted_at_once() {
        let now = Instant::now();
        let mut hints = Hints::default();
        hints.due(&[service("a", "10.0.0.1:7717")], &[], |_| false, now);
        hints.done("a", Some(HIM), now);
        let moved = [service("a", "10.0.0.9:7717")];
        assert_eq!(names(&hints.due(&moved, &[], |_| true, now)), ["a"]);
    }

    #[test]
    fn what_does_not_answer_is_tried_less_and_less() {
        let mut now = Instant::now();
        let mut hints = Hints::default();
        let heard = [service("a", "10.0.0.1:7717")];
        let mut greetings = 0;
        for _ in 0..600 {
            if !hints.due(&heard, &[], |_| false, now).is_empty() {
                greetings += 1;
                hints.done("a", None, now);
            }
            now += Duration::from_secs(1);
        }
        assert!((10..=16).contains(&greetings), "{greetings} greetings in ten minutes");
    }

    #[test]
    fn a_newcomer_goes_before_what_has_failed() {
        let now = Instant::now();
        let mut hints = Hints::default();
        hints.due(&[service("a", "10.0.0.1:7717")], &[], |_| false, now);
        hints.done("a", None, now);
        let heard = [service("a", "10.0.0.1:7717"), service("b", "10.0.0.2:7717")];
        let later = now + Duration::from_secs(5);
        assert_eq!(names(&hints.due(&heard, &[], |_| false, later)), ["b", "a"]);
    }

    #[test]
    fn one_that_is_no_longer_watched_is_greeted_again_after_a_while() {
        let now = Instant::now();
        let mut hints = Hints::default();
        let heard = [service("a", "10.0.0.1:7717")];
        hints.due(&heard, &[], |_| false, now);
        hints.done("a", Some(HIM), now);
        assert!(hints.due(&heard, &[], |_| false, now + Duration::from_secs(5)).is_empty());
        assert_eq!(hints.due(&heard, &[], |_| false, now + AGAIN).len(), 1);
    }
}
