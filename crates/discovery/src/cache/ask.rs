//! What is asked, and when: rounds for all services, questions about single instances, and what has run out meanwhile.

use super::{
    Asking, Cache, Due, FIRST_ASK, Instance, LONGEST_PAUSE, PACKETS,
    good::{Good, roll},
    resolve,
};
use crate::message::{Known, Name, Question, Type};
use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

/// The longest between two questions about something missing.
const LONGEST_ASK: Duration = Duration::from_secs(256);
/// After so many bytes of names no further instance is asked about in the same packet.
const PARTS: usize = 700;

impl Cache {
    /// What is to be done now.
    pub fn due(&mut self, now: Instant) -> Due {
        let mut due = Due { gone: std::mem::take(&mut self.pushed_out), ..Due::default() };
        self.expire(&mut due, now);
        if self.sent.is_some_and(|sent| now < sent + PACKETS) {
            return due;
        }
        let mut asking = Asking::default();
        if now >= self.round || self.instances.values().any(|instance| instance.there.is_due(now)) {
            due.round = true;
            asking.questions.extend(self.services.iter().map(|(_, service)| of(service, Type::PTR)));
            asking.known = self.known(now);
            self.instances.values_mut().for_each(|instance| _ = instance.there.takes_its_turn(now));
            self.pass_round(now);
        }
        self.ask_for_parts(&mut asking, now);
        // An instance that says nothing of itself is complete once it was asked often enough.
        let waiting: Vec<Name> =
            self.instances.iter().filter(|(_, i)| !i.complete).map(|(name, _)| name.clone()).collect();
        due.changed.extend(waiting.into_iter().filter(|name| self.complete(name, now)));
        if !asking.questions.is_empty() {
            self.sent = Some(now);
            due.asking = Some(asking);
        }
        due
    }

    /// The next round is further away. It is spread so that of many listeners one asks first, and the others hear it.
    pub(super) fn pass_round(&mut self, now: Instant) {
        let part = 800 + roll(&mut self.dice, 400);
        self.round = now + self.pause * part / 1000;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
    }

    /// Answers that nobody needs to give: those that have more than half of their life before them.
    fn known(&self, now: Instant) -> Vec<Known> {
        let known = |(name, instance): (&Name, &Instance)| {
            let left = instance.there.left(now);
            let service = self.services.iter().find(|(kind, _)| *kind == instance.kind)?.1.clone();
            let ttl = u32::try_from(left.as_secs()).unwrap_or(u32::MAX);
            (left > instance.there.life / 2).then(|| Known { service, instance: name.clone(), ttl })
        };
        let mut known: Vec<Known> = self.instances.iter().filter_map(known).collect();
        // When not all fit, those are told again whose time comes first.
        known.sort_by_key(|known| std::cmp::Reverse(known.ttl));
        known
    }

    /// What is missing or runs out, of instances that are there.
    fn ask_for_parts(&mut self, asking: &mut Asking, now: Instant) {
        let mut hosts: HashSet<Name> = HashSet::new();
        let mut bytes = 0;
        for (name, instance) in &mut self.instances {
            // The rest is asked for in the next packet.
            if bytes > PARTS {
                break;
            }
            let before = asking.questions.len();
            let missing = !instance.complete && now >= instance.ask;
            if missing {
                let pause = FIRST_ASK * 4_u32.saturating_pow(instance.asked.min(8));
                instance.ask = now + pause.min(LONGEST_ASK);
                instance.asked += 1;
            }
            let is_due = |good: Option<&mut Good>| match good {
                None => missing,
                Some(good) => good.takes_its_turn(now),
            };
            if is_due(instance.service.as_mut().map(|(_, _, good)| good)) {
                asking.questions.push(of(name, Type::SRV));
            }
            if is_due(instance.text.as_mut().map(|(_, good)| good)) {
                asking.questions.push(of(name, Type::TXT));
            }
            if let Some(host) = instance.host()
                && !hosts.contains(host)
            {
                let addresses = self.hosts.get_mut(host).map(Vec::as_mut_slice).unwrap_or_default();
                let mut wanted = missing && addresses.is_empty();
                for (_, good) in addresses {
                    wanted |= good.takes_its_turn(now);
                }
                if wanted {
                    asking.questions.push(of(host, Type::A));
                    asking.questions.push(of(host, Type::AAAA));
                }
                hosts.insert(host.clone());
            }
            bytes += asking.questions[before..].iter().map(|question| question.name.length()).sum::<usize>();
        }
    }

    /// Forgets what has run out, and tells of which instances that is the end, or a change.
    fn expire(&mut self, due: &mut Due, now: Instant) {
        let mut hosts = HashSet::new();
        for (host, addresses) in &mut self.hosts {
            let before = addresses.len();
            addresses.retain(|(_, good)| !good.is_over(now));
            if addresses.len() < before {
                hosts.insert(host.clone());
            }
        }
        for (name, instance) in &mut self.instances {
            instance.service.take_if(|(_, _, good)| good.is_over(now));
            instance.text.take_if(|(_, good)| good.is_over(now));
            if !instance.complete {
                continue;
            }
            if resolve(name, instance, &self.hosts, now).is_none() {
                (instance.complete, instance.ask, instance.asked) = (false, now + FIRST_ASK, 0);
                due.gone.push((instance.kind, name.clone()));
            } else if instance.host().is_some_and(|host| hosts.contains(host)) {
                due.changed.push(name.clone());
            }
        }
        self.instances.retain(|_, instance| !instance.there.is_over(now));
        let used: HashSet<&Name> = self.instances.values().filter_map(Instance::host).collect();
        self.hosts.retain(|host, _| used.contains(host));
    }
}

pub(super) fn of(name: &Name, kind: Type) -> Question {
    Question { name: name.clone(), kind }
}
