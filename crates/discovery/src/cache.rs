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

mod ask;
mod good;
mod hear;

use crate::{
    Kind,
    message::{Known, Name, Question},
};
use good::{Good, roll};
use std::{
    collections::HashMap,
    net::IpAddr,
    time::{Duration, Instant},
};

/// The most instances.
pub const MAX_INSTANCES: usize = 512;
/// The most addresses of one host.
pub const MAX_ADDRESSES: usize = 16;
/// Before the first question, up to a hundred milliseconds more (RFC 6762 §5.2).
const BEFORE_FIRST: Duration = Duration::from_millis(20);
/// Between the first two rounds; doubled each time up to the second.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(256);
/// Before something missing is asked for; four times as long each time.
const FIRST_ASK: Duration = Duration::from_millis(50);
/// After so many questions an instance without a TXT record is taken as it is.
const WITHOUT_TEXT: u32 = 3;
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

    /// Whether an instance is complete; then it has been told of.
    fn complete(&mut self, name: &Name, now: Instant) -> bool {
        let is_complete = self.resolved(name, now).is_some();
        if is_complete && let Some(instance) = self.instances.get_mut(name) {
            instance.unspoken = instance.text.is_none();
            (instance.complete, instance.asked) = (true, 0);
        }
        is_complete
    }
}

impl Instance {
    fn host(&self) -> Option<&Name> {
        self.service.as_ref().map(|(host, _, _)| host)
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

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
