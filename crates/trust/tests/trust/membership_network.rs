//! A home whose devices hear of each other late, twice, out of order or not at all for a while.

use crate::membership::{PAPER, add, change, device, home, members, remove, rename, say};
use lanyard_trust::{
    Log, Op, Role, Signer,
    membership::{
        Body, KEEPER_OPS, MAX_DEVICES, Quota, Reject,
        gossip::{self, MAX_MESSAGE, Message, Sync, SyncError},
    },
};
use std::time::{Duration, Instant};

/// Numbers that follow from a seed.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// Below `sides` (splitmix64; the small bias does not matter here).
    pub(crate) fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % sides as u64).unwrap()
    }
}

/// Both exchange all they know, as over HTTP. Returns how many questions it took and the longest message.
fn exchange(asking: &mut Log, answering: &mut Log) -> Result<(usize, usize), SyncError> {
    exchange_as(asking, answering, |message| {
        let json = serde_json::to_string(message).unwrap();
        (serde_json::from_str(&json).unwrap(), json.len())
    })
}

/// The same, with `travel` for what a message goes through; it tells how long the message was.
fn exchange_as(
    asking: &mut Log,
    answering: &mut Log,
    travel: impl Fn(&Message) -> (Message, usize),
) -> Result<(usize, usize), SyncError> {
    let (mut sync, mut question) = Sync::begin(asking, device(1).id());
    let (mut count, mut longest) = (0, 0);
    loop {
        let (question_there, question_length) = travel(&question);
        let before = answering.ops().len();
        let answer = gossip::answer(answering, device(1).id(), question_there);
        assert_eq!(answering.ops().len() - before, answer.new.len(), "what is new is reported for storing");
        let (answer_here, answer_length) = travel(&answer.message);
        longest = longest.max(question_length).max(answer_length);
        count += 1;
        let before = asking.ops().len();
        let next = sync.take(asking, answer_here)?;
        assert_eq!(asking.ops().len() - before, next.new.len());
        match next.ask {
            Some(more) => question = more,
            None => return Ok((count, longest)),
        }
    }
}

/// An exchange within one process: thousands of them through JSON take longer than all the rest.
fn hear(one: &mut Log, other: &mut Log) {
    exchange_as(one, other, |message| (message.clone(), 0)).unwrap();
}

/// What is on its way from one device to another.
struct Packet {
    from: usize,
    to: usize,
    op: Op,
    due: usize,
}

/// One random history: partitions that come and go, packets lost, doubled and late, devices that join and leave.
fn simulate(seed: u64) -> (usize, usize) {
    let mut dice = Dice(seed);
    let copies = 3 + dice.roll(2);
    let founded = home();
    let mut logs = vec![founded; copies];
    let mut halves: Vec<usize> = vec![0; copies];
    let mut packets: Vec<Packet> = Vec::new();
    for now in 0..15 + dice.roll(30) {
        match dice.roll(10) {
            0 => halves.iter_mut().for_each(|half| *half = dice.roll(2)),
            1 => {
                let (one, other) = (dice.roll(copies), dice.roll(copies));
                if one != other && halves[one] == halves[other] {
                    let [one, other] = logs.get_disjoint_mut([one, other]).unwrap();
                    hear(one, other);
                }
            }
            _ => {
                let at = dice.roll(copies);
                let inside = members(&logs[at]);
                let by = match dice.roll(30) {
                    0 => PAPER,
                    1 => 1 + u16::try_from(dice.roll(6)).unwrap(),
                    _ => inside.get(dice.roll(inside.len().max(1))).copied().unwrap_or(PAPER),
                };
                let about = 1 + u16::try_from(dice.roll(7)).unwrap();
                let body = match dice.roll(9) {
                    0 | 1 => add(about, Role::Keeper),
                    2 | 3 => add(about, Role::Member),
                    4 | 5 => remove(about),
                    6 => rename(about, &format!("n{now}")),
                    7 => Body::RenameHome { name: format!("home {now}") },
                    _ => change(&logs[at], by, about + 10),
                };
                if let Ok(op) = logs[at].author(&device(by), body) {
                    for to in 0..copies {
                        for _ in 0..dice.roll(3) {
                            let due = now + dice.roll(8);
                            packets.push(Packet { from: at, to, op: op.clone(), due });
                        }
                    }
                }
            }
        }
        for at in (0..packets.len()).rev() {
            if packets[at].due <= now && dice.roll(3) > 0 {
                let Packet { from, to, op, .. } = packets.swap_remove(at);
                // Either half goes on by itself; what was on its way to the other one is lost.
                if halves[from] == halves[to] {
                    // A parent that has not come yet is the only thing that can be wrong between honest devices.
                    if let Err(reject) = logs[to].insert(op) {
                        assert_eq!(reject, Reject::UnknownParent, "seed {seed}");
                    }
                }
            }
        }
    }
    // Everybody meets somebody until all know the same: twice around a ring is enough.
    for _ in 0..2 {
        for at in 0..copies {
            let [one, other] = logs.get_disjoint_mut([at, (at + 1) % copies]).unwrap();
            hear(one, other);
        }
    }
    for log in &logs[1..] {
        assert_eq!(log.digest(), logs[0].digest(), "seed {seed}");
        assert_eq!(log.state(), logs[0].state(), "seed {seed}");
        assert_eq!(log.current_removal(), logs[0].current_removal(), "seed {seed}");
    }
    (logs[0].ops().len(), logs[0].epochs().len() - 1)
}

#[test]
fn thousands_of_homes_on_a_bad_network_come_to_agree() {
    let start = Instant::now();
    let (mut homes, mut ops, mut removals, mut largest) = (0, 0, 0, 0);
    while homes < 2000 {
        let (said, removed) = simulate(homes);
        homes += 1;
        ops += said;
        removals += removed;
        largest = largest.max(said);
    }
    println!(
        "{homes} homes, {ops} operations (at most {largest} in one), {removals} removals that count: {:?}",
        start.elapsed()
    );
    assert!(ops > 10_000 && removals > 1_000, "something happened in those homes");
}

#[test]
fn copies_of_different_homes_exchange_nothing() {
    let mut one = home();
    let mut other = Log::found(&device(1), "Home", device(PAPER).public(), [1; 16]).unwrap();
    assert_eq!(exchange(&mut one, &mut other), Err(SyncError::OtherHome));
}

#[test]
fn an_answer_that_does_not_fit_ends_the_exchange() {
    let mut log = home();
    let mut other = home();
    say(&mut other, 1, add(2, Role::Member));
    let ids = |log: &mut Log, other: &mut Log| {
        let (sync, question) = Sync::begin(log, device(1).id());
        (sync, gossip::answer(other, device(1).id(), question).message)
    };
    for wrong in [Message::Taken, Message::Unexpected, Message::Ops { home: log.home(), ops: Vec::new() }] {
        let (mut sync, _) = Sync::begin(&log, device(1).id());
        assert_eq!(sync.take(&mut log, wrong).unwrap_err(), SyncError::Unexpected);
    }
    let (mut sync, names) = ids(&mut log, &mut other);
    let next = sync.take(&mut log, names.clone()).unwrap();
    assert!(matches!(next.ask, Some(Message::Want { .. })));
    assert_eq!(sync.take(&mut log, names).unwrap_err(), SyncError::Unexpected, "names are told once");
    let (mut sync, names) = ids(&mut log, &mut other);
    sync.take(&mut log, names).unwrap();
    let nothing = Message::Ops { home: log.home(), ops: Vec::new() };
    assert_eq!(
        sync.take(&mut log, nothing).unwrap_err(),
        SyncError::Unexpected,
        "an answer without what was asked"
    );
    assert_eq!(log.ops().len(), 1);
    assert_eq!(gossip::answer(&mut log, device(1).id(), Message::Taken).message, Message::Unexpected);
}

#[test]
fn a_flood_does_not_keep_copies_apart_that_gossip() {
    let mut one = home();
    say(&mut one, 1, add(2, Role::Keeper));
    say(&mut one, 1, add(3, Role::Member));
    let base = one.clone();
    let mut other = one.clone();
    let flood: Vec<Op> = (0..40)
        .map(|turn| base.clone().author(&device(3), rename(3, &format!("n{turn}"))).unwrap())
        .collect();
    one.insert_all(flood[..16].to_vec());
    other.insert_all(flood[20..36].to_vec());
    say(&mut one, 1, rename(1, "one"));
    say(&mut other, 2, rename(2, "two"));
    exchange(&mut one, &mut other).unwrap();
    exchange(&mut other, &mut one).unwrap();
    assert_eq!(one.digest(), other.digest());
    assert_eq!(one.state(), other.state());
    let (questions, _) = exchange(&mut one, &mut other).unwrap();
    assert_eq!(questions, 1, "and they know it");
    assert_eq!(one.insert(flood[38].clone()), Err(Reject::TooMany(Quota::Storage)));
}

/// 64 devices and 1,024 operations, said by four keepers.
fn full_home() -> Log {
    let mut log = home();
    for number in 2..=64 {
        say(&mut log, 1, add(number, if number < 5 { Role::Keeper } else { Role::Member }));
    }
    let mut turn = 0u16;
    while log.ops().len() < 1024 {
        turn += 1;
        let about = 5 + turn % 60;
        let body = match turn % 8 {
            0 => remove(about),
            1 => add(about - 1, Role::Member),
            _ => rename(about, &format!("device number {turn}")),
        };
        let _ = log.author(&device(1 + turn % 4), body);
    }
    log
}

#[test]
fn a_full_home_costs_little() {
    let log = full_home();
    assert!(log.state().members.len() <= MAX_DEVICES && log.state().members.len() >= MAX_DEVICES - 2);
    let bytes: usize = log.ops().map(|op| op.to_bytes().len()).sum();
    let ops: Vec<Op> = log.ops().cloned().collect();
    let (last, all_but_last) = ops.split_last().unwrap();

    let start = Instant::now();
    let mut copy = Log::open(ops[0].clone()).unwrap();
    copy.insert_all(all_but_last[1..].to_vec());
    let loaded = start.elapsed();
    let _ = copy.state();
    let start = Instant::now();
    copy.insert(last.clone()).unwrap();
    let inserted = start.elapsed();
    let start = Instant::now();
    let members = copy.state().members.len();
    let stated = start.elapsed();

    // The dear case: the ends of two halves, so that everything is settled anew.
    let mut one = copy.clone();
    let mut apart = Log::open(ops[0].clone()).unwrap();
    apart.insert_all(ops[1..1000].to_vec());
    let stray = apart.author(&device(2), remove(60)).unwrap();
    let start = Instant::now();
    one.insert(stray).unwrap();
    let stray_inserted = start.elapsed();
    let start = Instant::now();
    let _ = one.state();
    let settled = start.elapsed();
    let start = Instant::now();
    one.author(&device(PAPER), remove(59)).unwrap();
    let joined = start.elapsed();

    println!("{} operations, {members} members, {bytes} bytes", copy.ops().len());
    println!("load, with every signature checked: {loaded:?}");
    println!("insert at the end {inserted:?}, then state {stated:?}");
    println!(
        "insert from another half {stray_inserted:?}, then state {settled:?}, then say the next {joined:?}"
    );
    assert!(bytes < 300_000, "{bytes} bytes");
    // The goal is 20 ms; a busy machine may take ten times as long without anything being wrong.
    for (what, took) in [
        ("insert", inserted),
        ("state", stated),
        ("insert from another half", stray_inserted),
        ("settle all", settled),
        ("say the next", joined),
    ] {
        assert!(took < Duration::from_millis(200), "{what} took {took:?}");
    }

    let mut empty = Log::open(ops[0].clone()).unwrap();
    let (questions, longest) = exchange(&mut empty, &mut copy).unwrap();
    println!("a copy that knows nothing asks {questions} times; the longest message has {longest} bytes");
    assert_eq!(empty.digest(), copy.digest());
    assert!(longest < MAX_MESSAGE);
    let (questions, _) = exchange(&mut empty, &mut copy).unwrap();
    assert_eq!(questions, 1);
    let mut empty = Log::open(ops[0].clone()).unwrap();
    exchange(&mut copy, &mut empty).unwrap();
    assert_eq!(empty.digest(), copy.digest(), "telling works like asking");
}

/// What a hostile keeper can make it cost: removals in pairs, side by side, each voiding something.
#[test]
fn a_hostile_history_is_settled_in_bounded_time() {
    let mut log = home();
    for number in 2..=60 {
        say(&mut log, 1, add(number, Role::Keeper));
    }
    let base = log.clone();
    for number in 2..=60u16 {
        for turn in 0..8 {
            let about = 2 + (number + turn * 7) % 59;
            let op = base.clone().author(&device(number), remove(about)).unwrap();
            log.insert(op).unwrap();
        }
    }
    let start = Instant::now();
    let members = members(&log);
    let took = start.elapsed();
    println!("{} operations, all against all: {took:?}, {} stay", log.ops().len(), members.len());
    assert!(members.contains(&1));
    assert!(log.ops().len() <= KEEPER_OPS + 20);
    assert!(took < Duration::from_secs(2), "{took:?}");
}
