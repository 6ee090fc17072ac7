//! What multicast DNS said on one interface, for how long it is good, and what is to be asked when: pure, with
//! messages, the time and a seed going in.
//!
//! It is made to be quiet. One question for all services goes out in rounds that grow apart up to minutes (RFC 6762
//! §5.2), with what is known already, so that nobody answers it in vain (§7.1). Whoever hears another ask the same
//! keeps silent (§7.3): a link hears the question once, however many listen. Records that are good for two minutes
//! are asked for again shortly before they run out, unless something better than multicast vouches for them now and
//! then ([`Cache::vouch`]): between nodes that watch each other there is then nothing to ask at all. What changes is
//! announced (§8.3) and heard without any question.
//!
//! It is bounded: [`MAX_INSTANCES`] instances, [`MAX_ADDRESSES`] addresses for each of their hosts, and nothing about
//! anybody else.

use crate::{
    Kind,
    message::{Data, Known, Message, Name, Question, Record, Type},
};
use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
    time::{Duration, Instant},
};

/// The most instances.
pub const MAX_INSTANCES: usize = 512;
/// The most addresses of one host.
pub const MAX_ADDRESSES: usize = 16;
/// An instance heard within this time is not forgotten for a newcomer.
const FRESH: Duration = Duration::from_secs(10);
/// Before the first question, up to a hundred milliseconds more (RFC 6762 §5.2).
const BEFORE_FIRST: Duration = Duration::from_millis(20);
/// Between the first two rounds; doubled each time up to the second.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(256);
/// Rounds closer than this are for the answers that one's own question brings: they follow no other's question.
const OWN_ROUNDS: Duration = Duration::from_secs(4);
/// What a goodbye or a replacement leaves is gone after this time (§10.1, §10.2).
const LAST_WORDS: Duration = Duration::from_secs(1);
/// Parts of a record's life, in percent, after which it is asked for again, and up to how much later (§5.2).
const ASK_AGAIN: [u32; 4] = [80, 85, 90, 95];
const SPREAD: u32 = 4;
/// From what part of a record's life on another's question for it counts.
const NEARLY: u32 = 75;
/// Before something missing is asked for; doubled each time up to the second.
const FIRST_ASK: Duration = Duration::from_millis(50);
const LONGEST_ASK: Duration = Duration::from_secs(256);
/// After so many questions an instance without a TXT record is taken as it is.
const WITHOUT_TEXT: u32 = 3;
/// An instance that somebody vouched for within this time does not make room for others.
const VOUCHED_FOR: Duration = Duration::from_secs(120);
/// The longest that a record is believed, whatever it says.
const MAX_TTL: u32 = 2 * 3600;
/// After so many bytes of names no further instance is asked about in the same packet.
const PARTS: usize = 700;
/// Between two packets of questions.
const PACKETS: Duration = Duration::from_millis(50);

/// What was heard on one interface.
#[derive(Debug)]
pub struct Cache {
    services: Vec<(Kind, Name)>,
    instances: HashMap<Name, Instance>,
    hosts: HashMap<Name, Vec<(IpAddr, Good)>>,
    round: Instant,
    pause: Duration,
    /// When the last packet of questions was made.
    sent: Option<Instant>,
    /// What made room for others and was not told of yet.
    pushed_out: Vec<(Kind, Name)>,
    dice: u64,
}

/// An instance with all that is needed to use it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved<'a> {
    /// What it is.
    pub kind: Kind,
    /// Its name.
    pub name: &'a Name,
    /// Where it runs.
    pub host: &'a Name,
    /// Its port.
    pub port: u16,
    /// The host's addresses.
    pub addresses: Vec<IpAddr>,
    /// Its TXT record.
    pub text: &'a [u8],
}

/// A packet to send.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asking {
    /// What is asked.
    pub questions: Vec<Question>,
    /// What needs not be told.
    pub known: Vec<Known>,
}

/// What became due.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// To be asked now.
    pub asking: Option<Asking>,
    /// Instances that are there no longer, or not complete any more.
    pub gone: Vec<(Kind, Name)>,
    /// Instances that are otherwise than before, though nobody said anything.
    pub changed: Vec<Name>,
    /// Everybody was asked: a good moment to look at everything that is known.
    pub round: bool,
}

#[derive(Debug)]
struct Instance {
    kind: Kind,
    heard: Instant,
    there: Good,
    service: Option<(Name, u16, Good)>,
    text: Option<(Vec<u8>, Good)>,
    vouched: Option<Instant>,
    /// When something that is missing is asked for, and how often it was.
    ask: Instant,
    asked: u32,
    /// It was complete and told of.
    complete: bool,
    /// It did not say anything about itself however often it was asked.
    unspoken: bool,
}

/// For how long a record is good.
#[derive(Clone, Copy, Debug)]
struct Good {
    until: Instant,
    life: Duration,
    /// How often it was asked for since.
    asked: u8,
    /// It said goodbye, or was replaced: it is not asked for.
    ending: bool,
    /// When it is asked for again, in percent of its life after [`ASK_AGAIN`].
    later: u32,
}

impl Good {
    fn new(now: Instant, ttl: u32, dice: &mut u64) -> Self {
        let life = if ttl == 0 { LAST_WORDS } else { Duration::from_secs(u64::from(ttl.clamp(1, MAX_TTL))) };
        Self { until: now + life, life, asked: 0, ending: ttl == 0, later: roll(dice, SPREAD * 100) }
    }

    fn ends_soon(&mut self, now: Instant) {
        self.until = self.until.min(now + LAST_WORDS);
        self.ending = true;
    }

    fn is_over(&self, now: Instant) -> bool {
        now >= self.until
    }

    fn left(&self, now: Instant) -> Duration {
        self.until.saturating_duration_since(now)
    }

    /// When it has lived for so many hundredths of a percent of its life.
    fn part(&self, hundredths: u32) -> Instant {
        let left = self.life * 10_000_u32.saturating_sub(hundredths) / 10_000;
        self.until.checked_sub(left).unwrap_or(self.until)
    }

    /// When it is asked for again.
    fn ask(&self) -> Option<Instant> {
        let percent = ASK_AGAIN.get(usize::from(self.asked)).filter(|_| !self.ending)?;
        Some(self.part(percent * 100 + self.later))
    }

    fn is_due(&self, now: Instant) -> bool {
        self.ask().is_some_and(|at| now >= at)
    }

    /// Somebody else asked. The last question is always our own.
    fn asked_by_another(&mut self, now: Instant) {
        if usize::from(self.asked) + 1 < ASK_AGAIN.len() && now >= self.part(NEARLY * 100) {
            self.asked += 1;
        }
    }

    fn renew(&mut self, now: Instant) {
        if !self.ending {
            (self.until, self.asked) = (now + self.life, 0);
        }
    }
}

impl Cache {
    /// Nothing heard yet; the first question is due at once. `seed` spreads questions of many listeners over time.
    #[must_use]
    pub fn new(now: Instant, seed: u64) -> Self {
        let services = Kind::ALL.into_iter().map(|kind| (kind, Name::of(kind.service_type()))).collect();
        let mut cache = Self {
            services,
            instances: HashMap::new(),
            hosts: HashMap::new(),
            round: now,
            pause: FIRST_PAUSE,
            sent: None,
            pushed_out: Vec::new(),
            dice: seed | 1,
        };
        cache.again(now);
        cache
    }

    /// Asks everybody anew, as at the beginning: the network may be another.
    pub fn again(&mut self, now: Instant) {
        self.round = now + BEFORE_FIRST + Duration::from_millis(roll(&mut self.dice, 100).into());
        self.pause = FIRST_PAUSE;
    }

    /// The computer slept, and no clock went on.
    pub fn slept(&mut self, time: Duration, now: Instant) {
        let goods = self.instances.values_mut().flat_map(|instance| {
            let service = instance.service.as_mut().map(|(_, _, good)| good);
            let text = instance.text.as_mut().map(|(_, good)| good);
            [Some(&mut instance.there), service, text].into_iter().flatten()
        });
        let addresses = self.hosts.values_mut().flatten().map(|(_, good)| good);
        for good in goods.chain(addresses) {
            good.until = good.until.checked_sub(time).unwrap_or(now);
        }
        self.again(now);
    }

    /// Something that knows better than multicast DNS says that this instance is there, and where it was: what belongs
    /// to its host is as good as new. What multicast DNS itself says of the instance is good for longer, and ends when it
    /// ends.
    pub fn vouch(&mut self, name: &Name, now: Instant) {
        let Some(instance) = self.instances.get_mut(name) else { return };
        instance.vouched = Some(now);
        if let Some((host, _, good)) = &mut instance.service {
            good.renew(now);
            for (_, good) in self.hosts.get_mut(host).into_iter().flatten() {
                good.renew(now);
            }
        }
    }

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
            self.instances.values_mut().for_each(|instance| _ = is_due_now(&mut instance.there, now));
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

    /// When to look at [`Cache::due`] again.
    #[must_use]
    pub fn next(&self) -> Instant {
        let instances = self.instances.values().flat_map(|instance| {
            let service = instance.service.as_ref().map(|(_, _, good)| good);
            let text = instance.text.as_ref().map(|(_, good)| good);
            let goods = [Some(&instance.there), service, text];
            let times = goods.into_iter().flatten().flat_map(Good::times);
            times.chain((!instance.complete).then_some(instance.ask))
        });
        let hosts = self.hosts.values().flatten().flat_map(|(_, good)| good.times());
        let next = instances.chain(hosts).min().map_or(self.round, |first| first.min(self.round));
        self.sent.map_or(next, |sent| next.max(sent + PACKETS))
    }

    /// An instance with all that belongs to it.
    #[must_use]
    pub fn resolved(&self, name: &Name, now: Instant) -> Option<Resolved<'_>> {
        let (name, instance) = self.instances.get_key_value(name)?;
        resolve(name, instance, &self.hosts, now)
    }

    /// All instances that are complete.
    pub fn all(&self, now: Instant) -> impl Iterator<Item = Resolved<'_>> {
        self.instances.keys().filter_map(move |name| self.resolved(name, now))
    }

    /// The names of all instances, complete or not.
    pub fn names(&self) -> impl Iterator<Item = (Kind, &Name)> {
        self.instances.iter().map(|(name, instance)| (instance.kind, name))
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

    /// The next round is further away. It is spread so that of many listeners one asks first, and the others hear it.
    fn pass_round(&mut self, now: Instant) {
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
                Some(good) if good.is_due(now) => {
                    good.asked += 1;
                    true
                }
                Some(_) => false,
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
                    wanted |= is_due_now(good, now);
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

    /// Whether an instance is complete; then it has been told of.
    fn complete(&mut self, name: &Name, now: Instant) -> bool {
        let is_complete = self.resolved(name, now).is_some();
        if is_complete && let Some(instance) = self.instances.get_mut(name) {
            instance.unspoken = instance.text.is_none();
            (instance.complete, instance.asked) = (true, 0);
        }
        is_complete
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

impl Instance {
    fn host(&self) -> Option<&Name> {
        self.service.as_ref().map(|(host, _, _)| host)
    }
}

impl Good {
    fn times(&self) -> impl Iterator<Item = Instant> + use<> {
        [Some(self.until), self.ask()].into_iter().flatten()
    }
}

fn resolve<'a>(
    name: &'a Name,
    instance: &'a Instance,
    hosts: &HashMap<Name, Vec<(IpAddr, Good)>>,
    now: Instant,
) -> Option<Resolved<'a>> {
    let (host, port, good) = instance.service.as_ref()?;
    if good.is_over(now) || instance.there.is_over(now) {
        return None;
    }
    let text = match &instance.text {
        Some((text, _)) => text.as_slice(),
        None if instance.unspoken || instance.asked >= WITHOUT_TEXT => &[],
        None => return None,
    };
    let live = hosts.get(host)?.iter().filter(|(_, good)| !good.is_over(now));
    let addresses: Vec<IpAddr> = live.map(|(ip, _)| *ip).collect();
    let resolved = Resolved { kind: instance.kind, name, host, port: *port, addresses, text };
    (!resolved.addresses.is_empty()).then_some(resolved)
}

fn is_due_now(good: &mut Good, now: Instant) -> bool {
    let due = good.is_due(now);
    good.asked += u8::from(due);
    due
}

fn family(ip: IpAddr) -> Type {
    if ip.is_ipv4() { Type::A } else { Type::AAAA }
}

fn of(name: &Name, kind: Type) -> Question {
    Question { name: name.clone(), kind }
}

/// A number below `sides`, from xorshift64: enough for spreading packets over time, and no secret.
fn roll(dice: &mut u64, sides: u32) -> u32 {
    *dice ^= *dice << 13;
    *dice ^= *dice >> 7;
    *dice ^= *dice << 17;
    ((*dice >> 32) % u64::from(sides.max(1))) as u32
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
