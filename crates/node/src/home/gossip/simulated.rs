//! A home of 64 devices in simulated time: the log and the rounds as they are, and between them a network that is slow
//! where real ones are. No sockets, no clock, no disk.

use super::{NOW_AND_THEN, rounds::Rounds};
use lanyard_trust::{
    Identity, Log, NodeId, Role,
    membership::{
        Body,
        gossip::{self, Message, Sync},
    },
};
use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
    time::Duration,
};

const DEVICES: usize = 64;
/// What HTTP, TLS and TCP add to a question and its answer, in bytes.
const OVERHEAD: usize = 700;
/// A line on a watch stream that is open anyway: the digest in JSON, a TLS record, a segment and its acknowledgement.
const LINE: usize = 110 + 29 + 2 * 52;
/// What a change takes until it is on the disk: nothing else is answered by that device meanwhile.
const DISK: u64 = 20_000;
/// Every so often something on the radio is lost, and TCP sends it again.
const LOST: u64 = 100;
const AGAIN: u64 = 250_000;

/// Microseconds since the beginning.
type Time = u64;

/// What happens at a device.
enum Event {
    /// A line on the watch stream: what another knows.
    Line { from: usize, digest: [u8; 32] },
    /// A question of another.
    Asked { from: usize, question: Message },
    /// The answer to its own.
    Answered { by: usize, answer: Message },
    /// It exchanges with somebody for no reason.
    NowAndThen,
}

struct Device {
    identity: Identity,
    log: Log,
    rounds: Rounds,
    /// Exchanges that it began.
    syncs: HashMap<usize, Sync>,
    /// Until when its disk is busy.
    busy: Time,
    sent: usize,
    /// When it knew what all are to know.
    knew: Option<Time>,
}

struct World {
    devices: Vec<Device>,
    numbers: HashMap<NodeId, usize>,
    events: BinaryHeap<Reverse<(Time, u64)>>,
    waiting: HashMap<u64, (usize, Event)>,
    count: u64,
    now: Time,
    dice: u64,
    exchanges: usize,
    _dir: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let identities: Vec<Identity> = (0..DEVICES)
            .map(|number| {
                let own = dir.path().join(number.to_string());
                std::fs::create_dir(&own).unwrap();
                Identity::load_or_create(&own).unwrap()
            })
            .collect();
        let mut log = Log::found(&identities[0], "Home", [9; 32], [0; 16]).unwrap();
        for (number, identity) in identities.iter().enumerate().skip(1) {
            let role = if number < 4 { Role::Keeper } else { Role::Member };
            let body = Body::Add { device: identity.node_id(), role, name: format!("device {number}") };
            log.author(&identities[0], body).unwrap();
        }
        let numbers = identities.iter().enumerate().map(|(at, identity)| (identity.node_id(), at)).collect();
        let devices = identities.into_iter().map(|identity| Device {
            identity,
            log: log.clone(),
            rounds: Rounds::default(),
            syncs: HashMap::new(),
            busy: 0,
            sent: 0,
            knew: None,
        });
        Self {
            devices: devices.collect(),
            numbers,
            events: BinaryHeap::new(),
            waiting: HashMap::new(),
            count: 0,
            now: 0,
            dice: 7,
            exchanges: 0,
            _dir: dir,
        }
    }

    fn roll(&mut self, sides: u64) -> u64 {
        self.dice = self.dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.dice >> 33) % sides
    }

    fn put(&mut self, at: Time, device: usize, event: Event) {
        self.count += 1;
        self.waiting.insert(self.count, (device, event));
        self.events.push(Reverse((at, self.count)));
    }

    /// From one device to another over a wireless network: 2 to 30 ms, and more when something is lost.
    fn send(&mut self, from: usize, at: Time, to: usize, bytes: usize, event: Event) {
        self.devices[from].sent += bytes;
        let mut way = 2_000 + self.roll(28_000);
        while self.roll(LOST) == 0 {
            way += AGAIN;
        }
        self.put(at + way, to, event);
    }

    /// It is written down first, then everybody is told.
    fn changed(&mut self, device: usize) {
        let one = &mut self.devices[device];
        one.busy = one.busy.max(self.now) + DISK;
        let (at, digest) = (one.busy, one.log.digest());
        for to in (0..DEVICES).filter(|to| *to != device) {
            self.send(device, at, to, LINE, Event::Line { from: device, digest });
        }
    }

    fn want(&mut self, device: usize, with: usize) {
        let node = self.devices[with].identity.node_id();
        let next = self.devices[device].rounds.want(node);
        self.begin(device, next);
    }

    fn begin(&mut self, device: usize, next: Option<NodeId>) {
        let Some(with) = next.map(|node| self.numbers[&node]) else { return };
        self.exchanges += 1;
        let one = &mut self.devices[device];
        let (sync, question) = Sync::begin(&one.log, one.identity.node_id());
        one.syncs.insert(with, sync);
        self.ask(device, with, question);
    }

    fn ask(&mut self, device: usize, with: usize, question: Message) {
        let bytes = length(&question) + OVERHEAD;
        let at = self.now.max(self.devices[device].busy);
        self.send(device, at, with, bytes, Event::Asked { from: device, question });
    }

    fn happen(&mut self, device: usize, event: Event) {
        match event {
            Event::Line { from, digest } => {
                if self.devices[device].log.digest() != digest {
                    self.want(device, from);
                }
            }
            Event::Asked { from, question } => {
                let one = &mut self.devices[device];
                let me = one.identity.node_id();
                let answer = gossip::answer(&mut one.log, me, question);
                if !answer.new.is_empty() {
                    self.changed(device);
                }
                let at = self.now.max(self.devices[device].busy) + 1_000;
                let bytes = length(&answer.message);
                let event = Event::Answered { by: device, answer: answer.message };
                self.send(device, at, from, bytes, event);
            }
            Event::Answered { by, answer } => {
                let one = &mut self.devices[device];
                let mut sync = one.syncs.remove(&by).unwrap();
                let next = sync.take(&mut one.log, answer).unwrap();
                if !next.new.is_empty() {
                    self.changed(device);
                }
                if let Some(question) = next.ask {
                    self.devices[device].syncs.insert(by, sync);
                    self.ask(device, by, question);
                } else {
                    let node = self.devices[by].identity.node_id();
                    let next = self.devices[device].rounds.over(node);
                    self.begin(device, next);
                }
            }
            Event::NowAndThen => {
                let with = self.roll(DEVICES as u64) as usize;
                if with != device {
                    self.want(device, with);
                }
                self.put(self.now + micros(NOW_AND_THEN), device, Event::NowAndThen);
            }
        }
    }

    /// Until nothing happens any more, or a time is over.
    fn run(&mut self, until: Time) {
        while let Some(Reverse((at, number))) = self.events.pop() {
            if at > until {
                self.events.push(Reverse((at, number)));
                self.now = until;
                return;
            }
            self.now = at;
            let (device, event) = self.waiting.remove(&number).unwrap();
            self.happen(device, event);
        }
    }

    /// A device says something; how long it takes until all 64 know.
    fn say(&mut self, device: usize, body: Body) -> Duration {
        let began = self.now;
        let one = &mut self.devices[device];
        let op = one.log.author(&one.identity, body).unwrap().id();
        self.devices.iter_mut().for_each(|device| device.knew = None);
        self.changed(device);
        loop {
            for device in &mut self.devices {
                if device.knew.is_none() && device.log.op(op).is_some() {
                    device.knew = Some(self.now);
                }
            }
            if let Some(last) = self.devices.iter().map(|device| device.knew).collect::<Option<Vec<_>>>() {
                return Duration::from_micros(last.into_iter().max().unwrap() - began);
            }
            assert!(self.now - began < 60_000_000, "within a minute at least");
            self.run(self.now + 5_000);
        }
    }

    fn sent(&self) -> usize {
        self.devices.iter().map(|device| device.sent).sum()
    }
}

fn micros(duration: Duration) -> Time {
    u64::try_from(duration.as_micros()).unwrap()
}

fn length(message: &Message) -> usize {
    serde_json::to_vec(message).unwrap().len()
}

fn rename(world: &World, device: usize, name: &str) -> Body {
    Body::Rename { device: world.devices[device].identity.node_id(), name: name.to_owned() }
}

#[test]
fn all_64_devices_know_of_a_change_within_three_seconds() {
    let mut world = World::new();
    let mut slowest = Duration::ZERO;
    for (turn, device) in [0, 5, 63, 17].into_iter().enumerate() {
        let before = world.sent();
        let exchanges = world.exchanges;
        let body = rename(&world, device, &format!("turn {turn}"));
        let took = world.say(device, body);
        world.run(world.now + 20_000_000);
        println!(
            "all know after {took:?}; {} exchanges, {} kB in all, {} kB for each device",
            world.exchanges - exchanges,
            (world.sent() - before) / 1000,
            (world.sent() - before) / 1000 / DEVICES
        );
        slowest = slowest.max(took);
        let digest = world.devices[0].log.digest();
        assert!(world.devices.iter().all(|device| device.log.digest() == digest));
    }
    assert!(slowest < Duration::from_secs(3), "{slowest:?}");
}

#[test]
fn changes_at_many_devices_at_once_reach_all_64_too() {
    let mut world = World::new();
    let began = world.now;
    for device in 0..16 {
        let body = rename(&world, device, &format!("all at once {device}"));
        let one = &mut world.devices[device];
        one.log.author(&one.identity, body).unwrap();
        world.changed(device);
    }
    let all_agree =
        |world: &World| world.devices.iter().all(|one| one.log.digest() == world.devices[0].log.digest());
    while !all_agree(&world) {
        world.run(world.now + 20_000);
        assert!(world.now - began < 10_000_000, "within ten seconds");
    }
    println!("16 changes at once: all agree after {:?}", Duration::from_micros(world.now - began));
    assert_eq!(
        world.devices[0].log.state().members.values().filter(|m| m.name.starts_with("all at")).count(),
        16
    );
}

#[test]
fn a_home_of_64_devices_says_next_to_nothing_while_nothing_changes() {
    let mut world = World::new();
    for device in 0..DEVICES {
        let at = world.roll(micros(NOW_AND_THEN));
        world.put(at, device, Event::NowAndThen);
    }
    let hour = Duration::from_secs(3600);
    world.run(micros(hour));
    let each = world.sent() as u64 / DEVICES as u64;
    println!(
        "{} exchanges in an hour; each device sends {} bytes a second",
        world.exchanges,
        each / hour.as_secs()
    );
    assert!(each / hour.as_secs() < 100, "{each} bytes in an hour");
    assert!(world.exchanges > DEVICES * 10, "it did happen");
}
