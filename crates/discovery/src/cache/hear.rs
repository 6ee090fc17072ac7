//! What is heard: answers, which say what is there, and the questions of others, which need not be asked again.

use super::{
    Cache, FIRST_ASK, Instance, LONGEST_PAUSE, MAX_ADDRESSES, MAX_INSTANCES,
    good::{Good, LAST_WORDS},
};
use crate::{
    Kind,
    message::{Data, Message, Name, Question, Record, Type},
};
use std::{
    collections::HashSet,
    net::IpAddr,
    time::{Duration, Instant},
};

/// An instance heard within this time is not forgotten for a newcomer.
const FRESH: Duration = Duration::from_secs(10);
/// Rounds closer than this are for the answers that one's own question brings: they follow no other's question.
const OWN_ROUNDS: Duration = Duration::from_secs(4);
/// An instance that somebody vouched for within this time does not make room for others.
const VOUCHED_FOR: Duration = Duration::from_secs(120);

impl Cache {
    /// Takes what somebody sent; the names of the complete instances that are new, or otherwise than before.
    pub fn take(&mut self, message: &Message, now: Instant) -> Vec<Name> {
        if !message.response {
            self.overhear(message, now);
            return Vec::new();
        }
        let mut touched = HashSet::new();
        for record in &message.records {
            if let Data::Instance(name) = &record.data
                && let Some((kind, _)) = self.services.iter().find(|(_, service)| *service == record.name)
            {
                self.take_instance(*kind, name, record.ttl, now);
            }
        }
        for record in &message.records {
            if self.take_about(record, now) {
                touched.insert(record.name.clone());
            }
        }
        let hosts = self.take_addresses(message, now);
        touched.extend(self.on_hosts(&hosts));
        touched.retain(|name| self.complete(name, now));
        touched.into_iter().collect()
    }

    fn take_instance(&mut self, kind: Kind, name: &Name, ttl: u32, now: Instant) {
        if let Some(instance) = self.instances.get_mut(name) {
            instance.there = Good::new(now, ttl, &mut self.dice);
            instance.heard = now;
            return;
        }
        if ttl == 0 || (self.instances.len() >= MAX_INSTANCES && !self.make_room(now)) {
            return;
        }
        let instance = Instance {
            kind,
            heard: now,
            there: Good::new(now, ttl, &mut self.dice),
            service: None,
            text: None,
            vouched: None,
            ask: now + FIRST_ASK,
            asked: 0,
            complete: false,
            unspoken: false,
        };
        self.instances.insert(name.clone(), instance);
    }

    /// SRV and TXT: there is one of each, and the latest counts. True when it is news.
    fn take_about(&mut self, record: &Record, now: Instant) -> bool {
        let Some(instance) = self.instances.get_mut(&record.name) else { return false };
        match &record.data {
            Data::Service { host, port } => {
                let same = instance.service.as_ref().is_some_and(|(h, p, _)| (h, p) == (host, port));
                if record.ttl == 0 && !same {
                    return false;
                }
                let good = Good::new(now, record.ttl, &mut self.dice);
                instance.service = Some((host.clone(), *port, good));
                self.hosts.entry(host.clone()).or_default();
                !same || !instance.complete
            }
            Data::Text(text) => {
                let same = instance.text.as_ref().is_some_and(|(known, _)| known == text);
                if record.ttl == 0 && !same {
                    return false;
                }
                instance.text = Some((text.clone(), Good::new(now, record.ttl, &mut self.dice)));
                instance.unspoken = false;
                !same || !instance.complete
            }
            Data::Instance(_) | Data::Address(_) => false,
        }
    }

    /// Addresses of hosts of instances; the hosts of which something is new.
    fn take_addresses(&mut self, message: &Message, now: Instant) -> HashSet<Name> {
        let mut news = HashSet::new();
        let mut said: Vec<(&Name, IpAddr, bool)> = Vec::new();
        for record in &message.records {
            let Data::Address(ip) = record.data else { continue };
            let Some(addresses) = self.hosts.get_mut(&record.name) else { continue };
            let good = Good::new(now, record.ttl, &mut self.dice);
            let has_room = addresses.len() < MAX_ADDRESSES;
            match addresses.iter_mut().find(|(known, _)| *known == ip) {
                Some((_, known)) => *known = good,
                None if record.ttl > 0 && has_room => {
                    addresses.push((ip, good));
                    news.insert(record.name.clone());
                }
                None => {}
            }
            said.push((&record.name, ip, record.flush));
        }
        for (host, of, _) in said.iter().filter(|(_, _, flush)| *flush) {
            for (ip, good) in self.hosts.get_mut(host).into_iter().flatten() {
                // What was said less than a second ago may belong to the same announcement (§10.2).
                let said_at = good.until.checked_sub(good.life).unwrap_or(now);
                let said_now = said.iter().any(|(name, other, _)| name == host && other == ip);
                if ip.is_ipv4() == of.is_ipv4() && now >= said_at + LAST_WORDS && !said_now {
                    good.ends_soon(now);
                }
            }
        }
        news
    }

    /// Another asks: what it asks for needs not be asked again.
    fn overhear(&mut self, message: &Message, now: Instant) {
        let is_round =
            |question: &Question| question.kind == Type::PTR && question.name == self.services[0].1;
        if message.questions.iter().any(is_round) {
            let tracked = |record: &&Record| self.services.iter().any(|(_, service)| *service == record.name);
            let news = message.records.iter().filter(tracked).any(|record| match &record.data {
                Data::Instance(name) => !self.instances.contains_key(name),
                _ => false,
            });
            if news {
                // It knows somebody who is not known here, and who will not answer it: to be asked soon, but not with
                // every such question, which anybody can send.
                if self.pause >= LONGEST_PAUSE {
                    self.again(now);
                    self.pause = LONGEST_PAUSE / 4;
                }
            } else if self.pause > OWN_ROUNDS {
                self.instances.values_mut().for_each(|instance| instance.there.asked_by_another(now));
                self.pass_round(now);
            }
        }
        for Question { name, kind } in &message.questions {
            let is = |own: Type| *kind == own || *kind == Type::ANY;
            if let Some(instance) = self.instances.get_mut(name) {
                if let Some((_, _, good)) = instance.service.as_mut().filter(|_| is(Type::SRV)) {
                    good.asked_by_another(now);
                }
                if let Some((_, good)) = instance.text.as_mut().filter(|_| is(Type::TXT)) {
                    good.asked_by_another(now);
                }
            }
            for (ip, good) in self.hosts.get_mut(name).into_iter().flatten() {
                if is(family(*ip)) {
                    good.asked_by_another(now);
                }
            }
        }
    }

    fn on_hosts(&self, hosts: &HashSet<Name>) -> Vec<Name> {
        let on = |instance: &Instance| instance.host().is_some_and(|host| hosts.contains(host));
        self.instances
            .iter()
            .filter(|(_, i)| !hosts.is_empty() && on(i))
            .map(|(name, _)| name.clone())
            .collect()
    }

    fn make_room(&mut self, now: Instant) -> bool {
        let oldest = self
            .instances
            .iter()
            .filter(|(_, instance)| instance.vouched.is_none_or(|at| now >= at + VOUCHED_FOR))
            .filter(|(_, instance)| now >= instance.heard + FRESH)
            .min_by_key(|(_, instance)| (instance.complete, instance.heard))
            .map(|(name, _)| name.clone());
        let Some((name, instance)) = oldest.and_then(|name| self.instances.remove_entry(&name)) else {
            return false;
        };
        if instance.complete {
            self.pushed_out.push((instance.kind, name));
        }
        true
    }
}

fn family(ip: IpAddr) -> Type {
    if ip.is_ipv4() { Type::A } else { Type::AAAA }
}
