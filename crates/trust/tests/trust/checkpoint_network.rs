//! Homes whose devices each speak for themselves, hear of each other late or not at all for a while, come and go, are put
//! back from backups, and ask for checkpoints in between. Beside them a log that is never condensed says what is right.

use crate::{
    checkpoints::hear,
    membership::{PAPER, add, change, device, home, remove, rename, try_forge},
    membership_network::Dice,
};
use lanyard_trust::{
    Log, NodeId, Op, OpId, Role,
    membership::{Ack, Body, Reject},
};
use std::{
    collections::{BTreeMap, HashSet},
    time::Instant,
};

/// One device: its key, its copy of the log, and what it heard the others acknowledge.
#[derive(Clone)]
struct Peer {
    number: u16,
    log: Log,
    acks: BTreeMap<NodeId, Ack>,
    half: usize,
    /// It was put back from a backup, and does not know what it said since.
    restored: bool,
    /// It was told that it is out.
    out: bool,
}

impl Peer {
    fn is_in(&self) -> bool {
        !self.out && self.log.state().is_member(device(self.number).id())
    }

    /// What a device does after each change.
    fn settle(&mut self, ask: bool) {
        // A copy that was put back does not know what its device said since, and agrees to nothing.
        if self.is_in()
            && !self.restored
            && let Some(checkpoint) = self.log.agree(&device(self.number), &mut self.acks, ask)
        {
            self.log.condense(&checkpoint, device(self.number).id()).expect("it comes to it itself");
            self.acks.clear();
        }
    }
}

#[derive(Default)]
struct Tally {
    ops: usize,
    checkpoints: usize,
    removals: usize,
    restored: usize,
    rotated: usize,
    disputed: usize,
    forged: usize,
    kept: usize,
}

struct World {
    seed: u64,
    dice: Dice,
    peers: Vec<Peer>,
    /// Everything that was said, never condensed.
    all: Vec<Op>,
    backups: Vec<Peer>,
    /// What is in copies that a checkpoint stands for it in.
    dropped: HashSet<OpId>,
    /// Whether the recovery code is used now and then.
    paper: bool,
    tally: Tally,
}

impl World {
    fn new(seed: u64, paper: bool) -> Self {
        let mut log = home();
        let mut dice = Dice(seed);
        let size = 3 + u16::try_from(dice.roll(3)).unwrap();
        for number in 2..=size {
            let role = if dice.roll(2) == 0 { Role::Keeper } else { Role::Member };
            log.author(&device(1), add(number, role)).unwrap();
        }
        let all = log.ops().cloned().collect();
        let peer = |number| Peer {
            number,
            log: log.clone(),
            acks: BTreeMap::new(),
            half: 0,
            restored: false,
            out: false,
        };
        let peers = (1..=size).map(peer).collect();
        Self {
            seed,
            dice,
            peers,
            all,
            backups: Vec::new(),
            dropped: HashSet::new(),
            paper,
            tally: Tally::default(),
        }
    }

    /// As members do over a connection: the log, then what was acknowledged.
    fn meet(&mut self, one: usize, other: usize) {
        let before = [one, other].map(|at| self.peers[at].log.ids());
        self.talk(one, other);
        self.note_what_is_dropped(one, &before[0]);
        self.note_what_is_dropped(other, &before[1]);
    }

    fn talk(&mut self, one: usize, other: usize) {
        if one == other || self.peers[one].half != self.peers[other].half {
            return;
        }
        let [one, other] = self.peers.get_disjoint_mut([one, other]).unwrap();
        if !one.is_in() {
            return;
        }
        if !other.log.state().is_member(device(one.number).id()) {
            // It may not have heard of this one yet, and takes what is signed from anybody.
            if let Some(base) = one.log.base().cloned() {
                let _ = other.log.condense(&base, device(other.number).id());
            }
            other.log.insert_all(one.log.ops().cloned());
            other.settle(false);
        }
        if other.log.state().is_member(device(one.number).id()) {
            match hear(&mut one.log, one.number, &mut other.log, other.number) {
                Ok(put_out) => {
                    one.out |= put_out[0];
                    other.out |= put_out[1];
                }
                // Whoever is out, and knows none of the keepers that say so, goes on alone.
                Err(error) => {
                    let newer = [&*one, &*other].into_iter().max_by_key(|peer| peer.log.number()).unwrap();
                    let older = if newer.number == one.number { other.number } else { one.number };
                    let seated = newer.log.base().is_none_or(|base| base.seats(device(older).id()));
                    assert!(self.paper || !seated, "seed {}: {error}", self.seed);
                }
            }
            if one.log.digest() == other.log.digest() {
                let (told, heard) = (one.acks.clone(), other.acks.clone());
                one.log.merge_acks(&mut one.acks, heard.into_values());
                other.log.merge_acks(&mut other.acks, told.into_values());
            }
        } else if let Some(base) = other.log.base() {
            one.out |= one.log.is_put_out_by(base, device(one.number).id());
            one.log.insert_all(other.log.ops().cloned());
        } else {
            one.log.insert_all(other.log.ops().cloned());
        }
        one.settle(false);
        other.settle(false);
    }

    fn say(&mut self, at: usize) {
        let Self { dice, peers, all, tally, .. } = self;
        let peer = &mut peers[at];
        if !peer.is_in() || peer.restored {
            return;
        }
        let by = if self.paper && dice.roll(12) == 0 { PAPER } else { peer.number };
        let about = 1 + u16::try_from(dice.roll(8)).unwrap();
        let body = match dice.roll(12) {
            0 => add(about, Role::Keeper),
            1 | 2 => add(about, Role::Member),
            3 | 4 => remove(about),
            5 => remove(1 + u16::try_from(dice.roll(3)).unwrap()),
            6 => Body::RenameHome { name: format!("home {}", dice.roll(99)) },
            7 if by < 10 && dice.roll(3) == 0 => change(&peer.log, by, by + 10),
            _ => rename(about, &format!("n{}", dice.roll(99))),
        };
        let before = peer.log.state().clone();
        let Ok(op) = peer.log.author(&device(by), body.clone()) else { return };
        // What ties ends together was said too.
        all.extend(peer.log.ops().filter(|known| op.parents().contains(&known.id())).cloned());
        all.push(op);
        tally.ops += 1;
        let mut lost = None;
        match body {
            Body::Rotate { .. } => {
                peer.number += 10;
                tally.rotated += 1;
            }
            // The device of a newcomer is told all of it.
            Body::Add { device: new, .. } if !before.is_member(new) => {
                let (log, half) = (peer.log.clone(), peer.half);
                let number = (1..=8).find(|number| device(*number).id() == new).unwrap();
                match peers.iter_mut().find(|peer| peer.number == number) {
                    Some(back) => {
                        // What it said last may be news to whoever lets it in again; it forgets it, as from a backup.
                        let left = std::mem::replace(&mut back.log, log);
                        let forgets = left.ops().any(|op| back.log.op(op.id()).is_none());
                        (back.half, back.restored, back.out) = (half, forgets, false);
                        lost = Some(left);
                    }
                    None => peers.push(Peer {
                        number,
                        log,
                        acks: BTreeMap::new(),
                        half,
                        restored: false,
                        out: false,
                    }),
                }
            }
            _ => {}
        }
        peers[at].settle(false);
        if let Some(lost) = lost {
            self.forget(&lost);
        }
    }

    /// What nobody else had heard of when a device was put back was never said.
    fn forget(&mut self, lost: &Log) {
        let copies = || self.peers.iter().chain(&self.backups).map(|peer| &peer.log);
        let is_known = |id: &OpId| self.dropped.contains(id) || copies().any(|log| log.op(*id).is_some());
        let gone: HashSet<OpId> = lost.ids().into_iter().filter(|id| !is_known(id)).collect();
        self.all.retain(|op| !gone.contains(&op.id()));
    }

    /// Takes note of what a checkpoint stands for now.
    fn note_what_is_dropped(&mut self, at: usize, before: &[OpId]) {
        let log = &self.peers[at].log;
        self.dropped.extend(before.iter().filter(|id| log.op(**id).is_none()));
    }

    fn run(&mut self) {
        for _ in 0..40 + self.dice.roll(120) {
            let at = self.dice.roll(self.peers.len());
            match self.dice.roll(20) {
                0 => {
                    for peer in 0..self.peers.len() {
                        self.peers[peer].half = self.dice.roll(2);
                    }
                }
                1 => self.peers.iter_mut().for_each(|peer| peer.half = 0),
                2..=4 => self.say(at),
                5 | 6 => {
                    let before = self.peers[at].log.ids();
                    self.peers[at].settle(true);
                    self.note_what_is_dropped(at, &before);
                }
                7 => {
                    let backup = self.peers[at].clone();
                    self.backups.push(backup);
                }
                8 if self.dice.roll(3) == 0 => {
                    let own = self.peers[at].number;
                    if let Some(backup) = self.backups.iter().find(|backup| backup.number == own) {
                        let half = self.peers[at].half;
                        let backup = Peer { half, restored: true, ..backup.clone() };
                        let lost = std::mem::replace(&mut self.peers[at], backup);
                        self.tally.restored += 1;
                        self.forget(&lost.log);
                    }
                }
                _ => {
                    let other = self.dice.roll(self.peers.len());
                    self.meet(at, other);
                }
            }
        }
        self.peers.iter_mut().for_each(|peer| peer.half = 0);
        for _ in 0..4 {
            for one in 0..self.peers.len() {
                for other in 0..self.peers.len() {
                    self.meet(one, other);
                }
            }
        }
    }

    /// The log that was never condensed; none if it refuses something as too much.
    fn uncondensed(&self) -> Option<Log> {
        let mut log = Log::open(self.all[0].clone()).unwrap();
        let refused = log.insert_all(self.all.iter().cloned()).refused;
        for (op, reject) in &refused {
            assert!(matches!(reject, Reject::TooMany(_)), "seed {}: {reject} {op:?}", self.seed);
        }
        refused.is_empty().then_some(log)
    }

    fn inside(&self) -> impl Iterator<Item = &Peer> {
        self.peers.iter().filter(|peer| peer.is_in())
    }

    /// All devices that are in agree about everything.
    fn check_agreement(&self) {
        let mut inside = self.inside();
        let Some(first) = inside.next() else { return };
        for peer in inside {
            let seed = self.seed;
            assert_eq!(
                peer.log.state(),
                first.log.state(),
                "seed {seed}: {} and {}",
                peer.number,
                first.number
            );
            assert_eq!(peer.log.digest(), first.log.digest(), "seed {seed}");
            assert_eq!(peer.log.current_removal(), first.log.current_removal(), "seed {seed}");
            assert_eq!(peer.log.heads(), first.log.heads(), "seed {seed}");
        }
    }
}

fn print(what: &str, homes: u64, tally: &Tally, start: Instant) {
    let Tally { ops, checkpoints, removals, restored, rotated, disputed, forged, kept } = tally;
    println!(
        "{what}: {homes} homes, {ops} operations, {checkpoints} checkpoints, {removals} removals, {restored} backups, \
         {rotated} new keys, {disputed} in dispute, {forged} forgeries, {kept} kept as they were: {:?}",
        start.elapsed()
    );
}

#[test]
fn hundreds_of_homes_with_checkpoints_come_to_what_the_whole_log_comes_to() {
    let start = Instant::now();
    let mut sum = Tally::default();
    let homes = 400;
    for seed in 0..homes {
        let mut world = World::new(seed, false);
        world.run();
        world.check_agreement();
        let Some(truth) = world.uncondensed() else { continue };
        for (node, member) in &truth.state().members {
            let peer = world.inside().find(|peer| device(peer.number).id() == *node);
            let peer = peer.unwrap_or_else(|| panic!("seed {seed}: {} is lost", member.name));
            assert_eq!(peer.log.state(), truth.state(), "seed {seed}: {}", peer.number);
            if peer.log.current_removal() != truth.current_removal() {
                for (w, l) in [("truth", &truth), ("peer", &peer.log)] {
                    println!(
                        "{w} number {} {:?}\nheads {:?}\nepochs {:?}",
                        l.number(),
                        l.base().map(|b| b.id()),
                        l.heads(),
                        l.epochs()
                    );
                    for op in l.ops() {
                        println!("  {:?} {:?} {:?} {:?}", op.id(), op.parents(), op.author(), op.body());
                    }
                }
            }
            assert_eq!(peer.log.current_removal(), truth.current_removal(), "seed {seed}");
        }
        sum.ops += world.tally.ops;
        sum.restored += world.tally.restored;
        sum.rotated += world.tally.rotated;
        sum.removals += truth.epochs().len() - 1;
        sum.disputed += usize::from(!truth.disputed().is_empty());
        sum.checkpoints += world.inside().next().map_or(0, |peer| peer.log.number() as usize);
    }
    print("against the whole log", homes, &sum, start);
    assert!(sum.checkpoints > 200 && sum.removals > 300 && sum.restored > 100 && sum.rotated > 20);
}

#[test]
fn hundreds_of_homes_with_checkpoints_agree_when_the_paper_is_used_too() {
    let start = Instant::now();
    let mut sum = Tally::default();
    let homes = 200;
    for seed in 100_000..100_000 + homes {
        let mut world = World::new(seed, true);
        world.run();
        // Whoever was put out and used the paper without hearing of it is not among those who agree.
        let settled = world.inside().map(|peer| peer.log.number()).max().unwrap_or(0);
        world.peers.retain(|peer| peer.log.number() == settled);
        let members: Vec<_> = world.inside().map(|peer| device(peer.number).id()).collect();
        let of_each_other =
            world.inside().all(|peer| members.iter().all(|node| peer.log.state().is_member(*node)));
        if of_each_other {
            world.check_agreement();
            sum.kept += 1;
        }
        sum.ops += world.tally.ops;
        sum.checkpoints += settled as usize;
    }
    print("with the paper", homes, &sum, start);
    assert!(sum.checkpoints > 100 && sum.kept > usize::try_from(homes).unwrap() * 95 / 100);
}

#[test]
fn a_device_that_was_put_out_is_powerless_across_checkpoints_however_it_dates_back() {
    let start = Instant::now();
    let mut sum = Tally::default();
    let homes = 200;
    for seed in 200_000..200_000 + homes {
        let mut world = World::new(seed, false);
        world.run();
        let Some(at) = (0..world.peers.len()).find(|at| {
            let peer = &world.peers[*at];
            peer.is_in()
                && peer.log.state().members[&device(peer.number).id()].senior == 0
                && peer.log.state().is_keeper(device(peer.number).id())
        }) else {
            continue;
        };
        let mut log = world.peers[at].log.clone();
        let own = world.peers[at].number;
        // An old key of the same device has the same rank, and would win by dating back.
        let is_junior = |n: &u16| *n != own && n + 10 != own && log.state().is_member(device(*n).id());
        let Some(thief) = (1..20).find(is_junior) else { continue };
        let mut acks = BTreeMap::new();
        // A checkpoint before the removal, after it, both, or none.
        let when = world.dice.roll(4);
        let mut condense = |log: &mut Log| {
            let members: Vec<u16> = (1..20).filter(|n| log.state().is_member(device(*n).id())).collect();
            acks.clear();
            log.agree(&device(own), &mut acks, true);
            for number in members {
                log.agree(&device(number), &mut acks, false);
            }
            if let Some(checkpoint) = log.agree(&device(own), &mut acks, false) {
                log.condense(&checkpoint, device(own).id()).unwrap();
                sum.checkpoints += 1;
            }
        };
        let mut pasts: Vec<Log> = world.backups.iter().map(|backup| backup.log.clone()).collect();
        pasts.push(log.clone());
        if when & 1 == 1 {
            condense(&mut log);
            pasts.push(log.clone());
        }
        log.author(&device(own), remove(thief)).unwrap();
        if when & 2 == 2 {
            condense(&mut log);
        }
        let (state, epochs) = (log.state().clone(), log.epochs().to_vec());
        // It signs whatever it had the right to in any past, and hands in whatever anybody ever said.
        for past in &pasts {
            for about in 1..9 {
                for body in
                    [remove(about), add(66, Role::Keeper), add(about, Role::Keeper), rename(about, "owned")]
                {
                    if let Some(op) = try_forge(past, thief, body) {
                        log.insert_all([op.clone()]);
                        let mut helped = past.clone();
                        if helped.insert(op).is_ok() {
                            helped.author(&device(66), remove(own)).ok();
                            log.insert_all(helped.ops().cloned());
                        }
                        sum.forged += 1;
                    }
                }
            }
        }
        log.insert_all(world.all.iter().cloned());
        assert_eq!(log.state(), &state, "seed {seed}: thief {thief}, {when}");
        assert_eq!(log.epochs(), epochs, "seed {seed}");
        sum.kept += 1;
    }
    print("with a thief", homes, &sum, start);
    assert!(sum.checkpoints > 100 && sum.forged > 5_000 && sum.kept > 100);
}
