//! Checkpoints of a home's log: when there is one, what it drops, and what nobody gets past it.

use crate::membership::{PAPER, add, device, forge, home, members, remove, rename, say, try_forge};
use lanyard_trust::{
    Log, NodeId, Op, Role, Signer,
    membership::{
        Ack, Body, Checkpoint, Hold, Inserted, MAX_CHECKPOINT, Refusal, Reject,
        gossip::{self, Message, Sync, SyncError},
    },
};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

type Acks = BTreeMap<NodeId, Ack>;

/// The checkpoint that `by` asks for and everybody in the home acknowledges, all with this log.
fn agreed(log: &Log, by: u16) -> Checkpoint {
    let mut acks = Acks::new();
    assert_eq!(log.agree(&device(by), &mut acks, true), None, "unless it is alone");
    for number in members(log) {
        log.agree(&device(number), &mut acks, false);
    }
    log.agree(&device(by), &mut acks, false).expect("everybody has answered")
}

/// Three keepers and two members who said something.
fn five() -> Log {
    let mut log = home();
    for number in 2..=5 {
        say(&mut log, 1, add(number, if number < 4 { Role::Keeper } else { Role::Member }));
    }
    say(&mut log, 5, rename(5, "five"));
    log
}

#[test]
fn a_checkpoint_stands_for_all_that_came_before_it() {
    let mut log = five();
    say(&mut log, 2, remove(4));
    let full = log.clone();
    let checkpoint = agreed(&log, 1);
    assert_eq!(log.condense(&checkpoint, device(1).id()), Ok(Inserted::New));
    assert_eq!(log.condense(&checkpoint, device(1).id()), Ok(Inserted::Known));
    assert_eq!(log.ops().len(), 1, "the genesis is all there is");
    assert_eq!((log.state(), log.epochs(), log.number()), (full.state(), full.epochs(), 1));
    assert_ne!(log.digest(), full.digest());
    let later = say(&mut log, 3, rename(3, "three"));
    assert_eq!(log.heads(), [later]);
    // Whoever has not heard of the checkpoint yet understands what is said after it.
    let mut slow = full.clone();
    assert_eq!(slow.insert(log.op(later).unwrap().clone()), Ok(Inserted::New));
    assert_eq!(slow.state(), log.state());
    assert_eq!(slow.condense(&checkpoint, device(2).id()), Ok(Inserted::New));
    assert_eq!((slow.digest(), slow.heads()), (log.digest(), log.heads()), "what came after it stays");
}

#[test]
fn a_member_that_is_away_holds_it_up_until_it_is_back_or_put_out() {
    let mut log = five();
    let mut acks = Acks::new();
    for number in [1, 2, 3, 4] {
        log.agree(&device(number), &mut acks, number == 1);
    }
    assert_eq!(log.complete(device(1).id(), log.heads(), &acks), Err(Hold::Waiting(vec![device(5).id()])));
    let mut back = acks.clone();
    log.agree(&device(5), &mut back, false);
    assert!(log.complete(device(1).id(), log.heads(), &back).is_ok());
    // What follows the point that was asked about does not disturb it; the removal of who is away needs a new one.
    let at = log.heads().to_vec();
    say(&mut log, 1, remove(5));
    assert!(log.complete(device(1).id(), &at, &back).is_ok(), "it had said so before it went");
    log.agree(&device(1), &mut acks, true);
    assert_eq!(acks.len(), 1, "what waited for it in vain is forgotten");
    for number in [2, 3, 4] {
        log.agree(&device(number), &mut acks, false);
    }
    assert!(log.agree(&device(1), &mut acks, false).is_some());
}

#[test]
fn what_was_said_beside_the_point_holds_it_up() {
    let mut log = five();
    let mut apart = log.clone();
    say(&mut log, 1, rename(1, "one"));
    let at = log.heads().to_vec();
    assert!(log.acknowledge(&device(2), device(1).id(), &at).is_ok());
    let beside = say(&mut apart, 2, rename(2, "two"));
    log.insert(apart.op(beside).unwrap().clone()).unwrap();
    assert_eq!(log.acknowledge(&device(2), device(1).id(), &at), Err(Hold::Apart));
    let both = log.heads().to_vec();
    assert_eq!(both.len(), 2);
    assert!(log.acknowledge(&device(2), device(1).id(), &both).is_ok(), "but not at both");
}

#[test]
fn only_a_keeper_asks_and_only_members_answer() {
    let log = five();
    let mut acks = Acks::new();
    assert_eq!(log.agree(&device(5), &mut acks, true), None);
    assert!(acks.is_empty());
    assert_eq!(log.acknowledge(&device(1), device(5).id(), log.heads()), Err(Hold::NotAllowed));
    assert_eq!(log.acknowledge(&device(9), device(1).id(), log.heads()), Err(Hold::NotAllowed));
    // An acknowledgement is for the keeper that asked and nobody else.
    let mut stolen: Acks = members(&log)
        .into_iter()
        .map(|n| (device(n).id(), log.acknowledge(&device(n), device(1).id(), log.heads()).unwrap()))
        .collect();
    stolen.values_mut().for_each(|ack| ack.to = device(2).id());
    assert!(matches!(log.complete(device(2).id(), log.heads(), &stolen), Err(Hold::Waiting(_))));
    log.merge_acks(&mut stolen, []);
    assert!(stolen.is_empty(), "none of them is signed");
}

#[test]
fn two_keepers_that_ask_at_once_come_to_one_checkpoint() {
    let log = five();
    let (mut one, mut other) = (Acks::new(), Acks::new());
    log.agree(&device(2), &mut one, true);
    log.agree(&device(3), &mut other, true);
    for acks in [&mut one, &mut other] {
        log.agree(&device(5), acks, false);
    }
    let (told, heard) = (one.clone(), other.clone());
    log.merge_acks(&mut one, heard.into_values());
    log.merge_acks(&mut other, told.into_values());
    assert_eq!(one, other, "everybody keeps the same: what was said to the more senior");
    for number in [1, 3, 4, 5] {
        log.agree(&device(number), &mut one, false);
    }
    assert!(one.values().all(|ack| ack.to == device(2).id()));
    let checkpoint = log.agree(&device(2), &mut one, false).unwrap();
    assert_eq!(checkpoint.id(), agreed(&log, 3).id(), "whoever asks, it is the same");
}

#[test]
fn checkpoints_at_two_points_end_in_the_later_one_whichever_comes_first() {
    let mut log = five();
    let first = agreed(&log, 1);
    say(&mut log, 4, rename(4, "four"));
    let second = agreed(&log, 2);
    let (mut one, mut other) = (log.clone(), log.clone());
    one.condense(&first, device(1).id()).unwrap();
    one.condense(&second, device(1).id()).unwrap();
    other.condense(&second, device(2).id()).unwrap();
    assert_eq!(other.condense(&first, device(2).id()), Err(Refusal::NotVerified));
    assert_eq!((one.digest(), one.state()), (other.digest(), log.state()));
    // The same by gossip, from either side.
    for asks_first in [true, false] {
        let (mut one, mut other) = (log.clone(), log.clone());
        one.condense(&first, device(1).id()).unwrap();
        other.condense(&second, device(2).id()).unwrap();
        if asks_first { hear(&mut one, 1, &mut other, 2) } else { hear(&mut other, 2, &mut one, 1) }.unwrap();
        assert_eq!(one.digest(), other.digest());
    }
}

#[test]
fn what_is_dated_back_behind_a_checkpoint_is_refused() {
    let old = five();
    let mut log = old.clone();
    let checkpoint = agreed(&log, 1);
    log.condense(&checkpoint, device(1).id()).unwrap();
    say(&mut log, 1, rename(1, "one"));
    let before = log.state().clone();
    let mut older = home();
    say(&mut older, 1, add(2, Role::Keeper));
    for (past, by, body) in
        [(&older, 2, remove(1)), (&older, 1, add(66, Role::Keeper)), (&home(), 1, add(67, Role::Keeper))]
    {
        let reject = log.insert(forge(past, by, body)).unwrap_err();
        assert!(matches!(reject, Reject::Late | Reject::UnknownParent), "{reject}");
    }
    let refused = log.insert_all(old.ops().cloned()).refused.len();
    assert_eq!((refused, log.state()), (old.ops().len() - 1, &before), "what was dropped does not come back");
    // One of two ends is less than all that everybody had agreed on.
    let mut two = five();
    let mut apart = two.clone();
    let left = say(&mut two, 1, rename(1, "left"));
    let right = say(&mut apart, 2, rename(2, "right"));
    let early = forge(&two, 1, add(66, Role::Keeper));
    two.insert(apart.op(right).unwrap().clone()).unwrap();
    assert_eq!(two.heads().len(), 2);
    let checkpoint = agreed(&two, 1);
    two.condense(&checkpoint, device(3).id()).unwrap();
    assert_eq!(early.parents(), [left]);
    assert_eq!(two.insert(early), Err(Reject::Late));
}

#[test]
fn what_was_built_upon_something_dated_back_counts_without_it() {
    let mut log = five();
    let at = log.clone();
    let mut old = home();
    say(&mut old, 1, add(2, Role::Keeper));
    say(&mut log, 1, rename(1, "one"));
    let checkpoint = agreed(&log, 1);
    // 4 has not heard of the checkpoint, hears what 2 dates back, and says something after both.
    let mut slow = log.clone();
    let ghost = forge(&at, 2, add(66, Role::Keeper));
    slow.insert(ghost.clone()).unwrap();
    let upon = say(&mut slow, 4, rename(4, "four"));
    assert!(slow.op(upon).unwrap().parents().contains(&ghost.id()));
    let mut quick = log.clone();
    quick.condense(&checkpoint, device(1).id()).unwrap();
    let upon = slow.op(upon).unwrap().clone();
    assert_eq!(quick.insert(upon.clone()), Err(Reject::UnknownParent), "its past is asked for first");
    assert!(quick.insert_all([upon]).refused.is_empty(), "and then done without");
    slow.condense(&checkpoint, device(4).id()).unwrap();
    assert_eq!((slow.digest(), slow.state()), (quick.digest(), quick.state()));
    assert_eq!(members(&quick), [1, 2, 3, 4, 5]);
}

#[test]
fn something_given_up_that_comes_after_all_takes_its_place() {
    let mut log = five();
    let checkpoint = agreed(&log, 1);
    log.condense(&checkpoint, device(1).id()).unwrap();
    let mut ahead = log.clone();
    let mut beside = log.clone();
    let known = say(&mut ahead, 1, rename(1, "one"));
    let missed = say(&mut beside, 2, remove(5));
    ahead.insert(beside.op(missed).unwrap().clone()).unwrap();
    let last = say(&mut ahead, 3, rename(3, "three"));
    let op = |id| ahead.op(id).unwrap().clone();
    assert!(log.insert_all([op(known), op(last)]).refused.is_empty());
    assert_ne!(log.state(), ahead.state());
    log.insert(op(missed)).unwrap();
    assert_eq!((log.digest(), log.state(), log.heads()), (ahead.digest(), ahead.state(), ahead.heads()));
}

#[test]
fn the_recovery_key_is_heard_however_late_and_only_once() {
    let mut log = five();
    let old = log.clone();
    let used = say(&mut log, PAPER, add(7, Role::Keeper));
    say(&mut log, 1, remove(7));
    let checkpoint = agreed(&log, 1);
    log.condense(&checkpoint, device(1).id()).unwrap();
    let before = log.state().clone();
    // It said that before: whoever kept a copy does not get in by it again.
    let replayed = forge(&old, PAPER, add(7, Role::Keeper));
    assert_eq!(replayed.id(), used);
    let refused = log.insert_all([replayed]).refused;
    assert_eq!((refused.len(), log.state()), (1, &before));
    // It never said this, and whoever wrote it down had not heard of the checkpoint.
    let late = [forge(&old, PAPER, remove(1)), forge(&old, PAPER, add(9, Role::Keeper))];
    let mut slow = log.clone();
    assert!(log.insert_all(late.clone()).refused.is_empty());
    assert_eq!(members(&log), [2, 3, 4, 5, 9]);
    assert!(slow.insert_all(late.into_iter().rev()).refused.is_empty());
    assert_eq!(slow.digest(), log.digest());
    // And after the next checkpoint both are used up.
    let words: Vec<Op> = log.ops().skip(1).cloned().collect();
    let next = agreed(&log, 2);
    log.condense(&next, device(2).id()).unwrap();
    assert_eq!(log.insert_all(words).new, []);
    assert_eq!(members(&log), [2, 3, 4, 5, 9]);
}

#[test]
fn a_backup_from_before_the_checkpoint_is_brought_up_to_it_by_its_own_signature() {
    let mut log = five();
    let mut backup = log.clone();
    say(&mut log, 1, rename(4, "four"));
    let at = log.heads().to_vec();
    let checkpoint = agreed(&log, 1);
    log.condense(&checkpoint, device(1).id()).unwrap();
    say(&mut log, 1, remove(2));
    // What it says before it meets anybody is behind the point.
    let lost = say(&mut backup, 4, rename(4, "lost"));
    assert_eq!(backup.clone().condense(&checkpoint, device(9).id()), Err(Refusal::NotVerified));
    hear(&mut backup, 4, &mut log, 1).unwrap();
    assert_eq!((backup.digest(), backup.state()), (log.digest(), log.state()));
    assert!(backup.op(lost).is_none() && backup.op(at[0]).is_none());
    assert_eq!(backup.state().members[&device(4).id()].name, "four");
    // It is an old one now, and does not bring the home back to it.
    let mut later = log.clone();
    say(&mut later, 1, rename(1, "one"));
    let next = agreed(&later, 1);
    later.condense(&next, device(1).id()).unwrap();
    assert_eq!(later.condense(&checkpoint, device(1).id()), Err(Refusal::NotVerified));
}

#[test]
fn a_senior_device_that_was_put_out_by_a_junior_holds_it_up_until_the_paper_agrees() {
    let mut log = five();
    say(&mut log, 3, remove(1));
    assert_eq!(log.hold(), Hold::Disputed(device(1).id()));
    assert_eq!(log.disputed(), [device(1).id()]);
    let mut confirmed = log.clone();
    say(&mut confirmed, PAPER, remove(1));
    assert!(matches!(confirmed.hold(), Hold::Waiting(_)) && confirmed.disputed().is_empty());
    // The other way round nothing is in doubt, and neither if it left by itself.
    let mut log = five();
    say(&mut log, 2, remove(3));
    say(&mut log, 1, remove(1));
    assert!(matches!(log.hold(), Hold::Waiting(_)));
}

#[test]
fn a_thief_alone_does_not_condense_the_home_of_those_it_put_out() {
    let mut home = five();
    let mut stolen = home.clone();
    for number in 2..=5 {
        say(&mut stolen, 1, remove(number));
    }
    let mut acks = Acks::new();
    let checkpoint = stolen.agree(&device(1), &mut acks, true).expect("it is alone");
    say(&mut home, PAPER, remove(1));
    let before = home.state().clone();
    home.insert_all(stolen.ops().cloned());
    assert_eq!(home.condense(&checkpoint, device(2).id()), Err(Refusal::NotVerified));
    assert!(!home.is_put_out_by(&checkpoint, device(2).id()));
    assert_eq!(home.state(), &before);
    assert_eq!(members(&home), [2, 3, 4, 5]);
}

#[test]
fn a_device_that_was_put_out_before_the_checkpoint_hears_it_from_a_keeper() {
    let mut log = five();
    let mut away = log.clone();
    say(&mut log, 1, remove(5));
    let checkpoint = agreed(&log, 1);
    log.condense(&checkpoint, device(1).id()).unwrap();
    assert!(checkpoint.remembers_as_out(device(5).id()));
    let (mut sync, question) = Sync::begin(&away, device(5).id());
    let names = gossip::answer(&mut log, device(1).id(), question).message;
    let next = sync.take(&mut away, names).unwrap();
    let answer = gossip::answer(&mut log, device(1).id(), next.ask.unwrap()).message;
    assert!(sync.take(&mut away, answer).unwrap().put_out);
    assert!(away.is_put_out_by(&checkpoint, device(5).id()));
    assert!(!away.is_put_out_by(&checkpoint, device(4).id()), "4 is in it");
}

#[test]
fn a_device_that_was_put_out_comes_back_by_the_paper_after_a_checkpoint_too() {
    let mut log = five();
    let mut away = log.clone();
    say(&mut log, 1, remove(4));
    let checkpoint = agreed(&log, 2);
    log.condense(&checkpoint, device(2).id()).unwrap();
    say(&mut away, PAPER, remove(1));
    say(&mut away, PAPER, add(4, Role::Keeper));
    assert!(!away.is_put_out_by(&checkpoint, device(4).id()));
    log.insert_all(away.ops().cloned());
    assert_eq!(members(&log), [2, 3, 4, 5]);
    assert_eq!(hear(&mut away, 4, &mut log, 2), Ok([false; 2]));
    assert_eq!((away.digest(), away.state()), (log.digest(), log.state()));
    // A checkpoint by the thief whom the paper put out is none to come back to.
    let mut away = five();
    say(&mut away, PAPER, remove(2));
    say(&mut away, PAPER, add(4, Role::Keeper));
    assert_eq!(away.condense(&checkpoint, device(4).id()), Err(Refusal::NotVerified));
}

#[test]
fn a_new_device_begins_at_the_checkpoint() {
    let mut log = five();
    let checkpoint = agreed(&log, 1);
    log.condense(&checkpoint, device(1).id()).unwrap();
    say(&mut log, 2, add(6, Role::Member));
    let mut ops = log.ops().cloned();
    let read = Checkpoint::from_bytes(&checkpoint.to_bytes()).unwrap();
    assert_eq!(read, checkpoint);
    let mut copy = Log::open_at(ops.next().unwrap(), read).unwrap();
    assert!(copy.insert_all(ops).refused.is_empty());
    assert_eq!((copy.digest(), copy.state(), copy.heads()), (log.digest(), log.state(), log.heads()));
    say(&mut copy, 6, rename(6, "six"));
    let next = agreed(&copy, 3);
    assert_eq!(next.number(), 2);
    copy.condense(&next, device(6).id()).unwrap();
    assert_eq!(members(&copy), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn a_forged_checkpoint_is_none() {
    let mut log = five();
    let bytes = agreed(&log, 1).to_bytes();
    let mut twin = Log::found(&device(1), "Home", device(PAPER).public(), [1; 16]).unwrap();
    say(&mut twin, 1, add(2, Role::Keeper));
    assert_eq!(log.condense(&agreed(&twin, 1), device(1).id()), Err(Refusal::OtherHome));
    for at in 0..bytes.len() {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1;
        if let Ok(forged) = Checkpoint::from_bytes(&bytes) {
            assert_eq!(forged.to_bytes(), bytes, "one meaning has one encoding");
            // Checking so many signatures takes long: every seventh byte.
            if at % 7 == 0 {
                assert!(log.condense(&forged, device(1).id()).is_err(), "byte {at}");
            }
        }
        assert!(Checkpoint::from_bytes(&bytes[..at]).is_err());
    }
    assert!(Checkpoint::from_bytes(&vec![0; MAX_CHECKPOINT + 1]).is_err());
    assert_eq!(log.number(), 0);
}

/// Both exchange all they know. Says for each whether it learned that it is out.
pub(crate) fn hear(one: &mut Log, me: u16, other: &mut Log, you: u16) -> Result<[bool; 2], SyncError> {
    let (me, you) = (device(me).id(), device(you).id());
    let (mut sync, mut question) = Sync::begin(one, me);
    loop {
        let answer = gossip::answer(other, you, question);
        assert!(!matches!(answer.message, Message::Unexpected));
        let next = sync.take(one, answer.message)?;
        match next.ask {
            Some(more) if !answer.put_out => question = more,
            _ => return Ok([next.put_out, answer.put_out]),
        }
    }
}

#[test]
fn a_home_lives_through_ten_thousand_operations() {
    let mut log = home();
    for number in 2..=64 {
        say(&mut log, 1, add(number, if number < 5 { Role::Keeper } else { Role::Member }));
    }
    let (mut said, mut turn, mut longest, mut largest) = (64, 0u16, 0, 0);
    let (mut saying, mut agreeing, mut condensing) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    let mut checkpoints = 0;
    while said < 10_000 {
        turn += 1;
        let about = 5 + turn % 60;
        let body = match turn % 8 {
            0 => remove(about),
            1 => add(about - 1, Role::Member),
            _ => rename(about, &format!("device number {turn}")),
        };
        let start = Instant::now();
        if log.author(&device(1 + turn % 4), body).is_ok() {
            said += 1;
        }
        let _ = log.state();
        saying += start.elapsed();
        if log.ops().len() < 600 {
            continue;
        }
        let bytes: usize = log.ops().map(|op| op.to_bytes().len()).sum();
        longest = longest.max(bytes + log.base().map_or(0, |base| base.to_bytes().len()));
        let start = Instant::now();
        let checkpoint = agreed(&log, 1 + turn % 4);
        agreeing = agreeing.max(start.elapsed());
        largest = largest.max(checkpoint.to_bytes().len());
        let (state, epoch) = (log.state().clone(), log.current_removal());
        let start = Instant::now();
        log.condense(&checkpoint, device(1).id()).unwrap();
        condensing = condensing.max(start.elapsed());
        assert_eq!(log.current_removal(), epoch);
        assert_eq!(log.state(), &state);
        checkpoints += 1;
    }
    println!("{said} operations, {checkpoints} checkpoints, the last is number {}", log.number());
    println!("at most {longest} bytes, the largest checkpoint has {largest}");
    println!("say and state {:?}, all 64 agree {agreeing:?}, condense {condensing:?}", saying / 10_000);
    assert!(longest < 300_000 && largest < MAX_CHECKPOINT);
    // The mean: a busy machine may let one of ten thousand wait.
    assert!(saying / 10_000 < Duration::from_millis(20), "{saying:?}");
    assert!(members(&log).len() > 50);
    assert!(try_forge(&log, 99, add(99, Role::Keeper)).is_none());
    say(&mut log, 1, Body::RenameHome { name: "Still here".to_owned() });
}
