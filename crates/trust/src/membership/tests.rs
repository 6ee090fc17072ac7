//! Properties that hold for any history of a home.

use super::{Body, KEEPER_OPS, Log, MEMBER_OPS, Op, OpId, Quota, Reject, Role, Signer, bits::Bits, rotate};
use crate::{NodeId, names};
use ed25519_dalek::{Signer as _, SigningKey};
use proptest::prelude::*;

struct Device(SigningKey);

impl Signer for Device {
    fn public(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

const PAPER: u8 = 200;

fn device(number: u8) -> Device {
    Device(SigningKey::from_bytes(&[number; 32]))
}

fn id(number: u8) -> NodeId {
    NodeId::from_bytes(device(number).public())
}

fn home() -> Log {
    let mut log = Log::found(&device(1), "Home", device(PAPER).public(), [0; 16]).unwrap();
    log.author(&device(1), Body::Add { device: id(2), role: Role::Keeper, name: "two".to_owned() }).unwrap();
    log
}

/// One step of a history with four copies of the log.
#[derive(Clone, Debug)]
enum Act {
    /// At a copy, a device says something about another.
    Say { copy: usize, by: u8, about: u8, what: u8 },
    /// One copy learns all that another knows.
    Learn { copy: usize, from: usize },
}

fn history() -> impl Strategy<Value = Vec<Act>> {
    let say = (0..4usize, prop_oneof![9 => 1..8u8, 1 => Just(PAPER)], 1..8u8, 0..7u8)
        .prop_map(|(copy, by, about, what)| Act::Say { copy, by, about, what });
    let learn = (0..4usize, 0..4usize).prop_map(|(copy, from)| Act::Learn { copy, from });
    prop::collection::vec(prop_oneof![4 => say, 2 => learn], 1..45)
}

fn body(log: &Log, by: u8, about: u8, what: u8) -> Body {
    let device = id(about);
    let name = format!("n{about} {}", log.entries.len());
    match what {
        0 => Body::Add { device, role: Role::Member, name },
        1 => Body::Add { device, role: Role::Keeper, name },
        2 | 3 => Body::Remove { device },
        4 => Body::Rename { device, name },
        5 => Body::RenameHome { name },
        _ => rotate(log.home(), id(by), &self::device(about + 20)),
    }
}

fn learn(copies: &mut [Log], to: usize, from: usize) {
    let ops: Vec<Op> = copies[from].ops().cloned().collect();
    assert!(copies[to].insert_all(ops).refused.is_empty());
}

fn live(acts: &[Act]) -> Vec<Log> {
    let mut copies = vec![home(); 4];
    for act in acts {
        match *act {
            Act::Learn { copy, from } => learn(&mut copies, copy, from),
            Act::Say { copy, by, about, what } => {
                let log = &mut copies[copy];
                let by =
                    if by < 8 && what % 2 == 0 && log.state().is_member(id(by + 20)) { by + 20 } else { by };
                let body = body(log, by, about, what);
                let _ = log.author(&device(by), body);
            }
        }
    }
    copies
}

fn all_meet(copies: &mut [Log]) {
    for _ in 0..2 {
        for to in 0..copies.len() {
            for from in 0..copies.len() {
                learn(copies, to, from);
            }
        }
    }
}

/// Signed by a device after any two operations.
#[derive(Clone, Debug)]
struct Forgery {
    parents: [prop::sample::Index; 2],
    about: u8,
    what: u8,
}

fn forgeries() -> impl Strategy<Value = Vec<Forgery>> {
    let one = (any::<[prop::sample::Index; 2]>(), 1..8u8, 0..8u8);
    let one = one.prop_map(|(parents, about, what)| Forgery { parents, about, what });
    prop::collection::vec(one, 1..12)
}

/// Device 2, and a device it smuggles in, sign whatever they like after whatever they like.
fn attack(log: &mut Log, forgeries: &[Forgery]) {
    for Forgery { parents, about, what } in forgeries {
        let ids = log.ids();
        let parents: Vec<OpId> = parents.iter().map(|parent| *parent.get(&ids)).collect();
        let body = match what {
            7 => Body::Add { device: id(66), role: Role::Keeper, name: "smuggled".to_owned() },
            _ => body(log, 2, *about, *what),
        };
        let _ = log.insert(Op::sign(log.home(), parents, &device(2), body));
        let _ = log.author(&device(66), Body::Remove { device: id(1) });
        let _ =
            log.author(&device(*about + 20), Body::Rename { device: id(*about + 20), name: "x".to_owned() });
    }
}

fn check_powerless(log: &mut Log, remover: u8, forgeries: &[Forgery]) -> Result<(), TestCaseError> {
    if log.author(&device(remover), Body::Remove { device: id(2) }).is_err() {
        return Ok(()); // the remover is no keeper in this history
    }
    let (state, epochs) = (log.state().clone(), log.epochs().to_vec());
    attack(log, forgeries);
    // Devices it turned into before count as others.
    let heirs = (21..28).any(|number| state.is_member(id(number)));
    if !heirs {
        prop_assert_eq!(log.state(), &state);
        prop_assert_eq!(log.epochs(), &epochs);
    }
    prop_assert!(!log.state().is_member(id(2)) && !log.state().is_member(id(66)));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn copies_agree_whatever_happened_and_in_whatever_order_they_met(acts in history(), seed: u64) {
        let mut copies = live(&acts);
        all_meet(&mut copies);
        for copy in &copies[1..] {
            prop_assert_eq!(copy.digest(), copies[0].digest());
            prop_assert_eq!(copy.state(), copies[0].state());
            prop_assert_eq!(copy.epochs(), copies[0].epochs());
            prop_assert_eq!(copy.ids(), copies[0].ids());
        }
        let mut ops: Vec<Op> = copies[0].ops().cloned().collect();
        let mut rebuilt = Log::open(ops[0].clone()).unwrap();
        ops.sort_by_key(|op| *blake3::hash(&[&op.id().0[..], &seed.to_le_bytes()].concat()).as_bytes());
        rebuilt.insert_all(ops);
        prop_assert_eq!(rebuilt.digest(), copies[0].digest());
        prop_assert_eq!(rebuilt.state(), copies[0].state());
        prop_assert_eq!(rebuilt.heads(), copies[0].heads());
    }

    #[test]
    fn the_short_ways_come_to_the_same_as_settling_everything(acts in history()) {
        let mut copies = live(&acts);
        all_meet(&mut copies);
        let log = &copies[0];
        let everything = Bits::below(log.entries.len());
        prop_assert!(log.settle(&everything) == log.settled().valid);
        for entry in &log.entries {
            prop_assert!(log.settle(&entry.past) == entry.valid_past, "{:?}", entry.op);
        }
    }

    #[test]
    fn a_device_removed_by_the_paper_is_powerless_however_it_dates_back(
        acts in history(), forgeries in forgeries(),
    ) {
        let mut copies = live(&acts);
        all_meet(&mut copies);
        check_powerless(&mut copies[0], PAPER, &forgeries)?;
    }

    #[test]
    fn a_device_removed_by_a_more_senior_one_is_powerless_however_it_dates_back(
        acts in history(), forgeries in forgeries(),
    ) {
        let mut copies = live(&acts);
        all_meet(&mut copies);
        check_powerless(&mut copies[0], 1, &forgeries)?;
    }

    #[test]
    fn an_operation_survives_its_encoding(acts in history()) {
        for op in live(&acts)[0].ops() {
            let bytes = op.to_bytes();
            prop_assert_eq!(&Op::from_bytes(&bytes).unwrap(), op);
            prop_assert!(Op::from_bytes(&[&bytes[..], &[0]].concat()).is_err());
            prop_assert!(Op::from_bytes(&bytes[..bytes.len() - 1]).is_err());
        }
    }

    #[test]
    fn names_in_a_log_are_clean(text in "\\PC{0,70}|[ a-z\u{202e}\u{0}]{0,10}") {
        let mut log = home();
        let said = log.author(&device(1), Body::Rename { device: id(2), name: text.clone() });
        prop_assert_eq!(said.is_ok(), names::clean(&text) == Some(text));
    }
}

/// What a device says side by side, more than it may, reaches copies in different orders, and others build upon
/// different parts of it.
fn check_flood(role: Role, quota: usize, heard: [Vec<prop::sample::Index>; 3]) -> Result<(), TestCaseError> {
    let mut base = home();
    for number in 3..6 {
        base.author(&device(1), Body::Add { device: id(number), role: Role::Keeper, name: "k".to_owned() })
            .unwrap();
    }
    base.author(&device(1), Body::Add { device: id(9), role, name: "nine".to_owned() }).unwrap();
    let heads = base.heads().to_vec();
    let flood: Vec<Op> = (0..quota + 30)
        .map(|turn| {
            let body = Body::Rename { device: id(9), name: format!("n{turn}") };
            Op::sign(base.home(), heads.clone(), &device(9), body)
        })
        .collect();
    let mut copies = vec![base; 3];
    for (at, (copy, heard)) in copies.iter_mut().zip(&heard).enumerate() {
        let few = flood.iter().skip(at * 13).take(quota - 3).cloned();
        copy.insert_all(if quota > 100 && at == 2 { Vec::new() } else { few.collect() });
        for index in heard {
            let _ = copy.insert(index.get(&flood).clone());
        }
        let by = u8::try_from(at + 3).unwrap();
        copy.author(&device(by), Body::Rename { device: id(by), name: "built upon it".to_owned() }).unwrap();
        for index in heard.iter().rev() {
            let _ = copy.insert(index.get(&flood).clone());
        }
    }
    let most = copies.iter().map(|copy| copy.ops().len()).max().unwrap_or(0);
    for _ in 0..2 {
        for to in 0..3 {
            for from in 0..3 {
                let ops: Vec<Op> = copies[from].ops().cloned().collect();
                for (_, reject) in copies[to].insert_all(ops).refused {
                    prop_assert_eq!(reject, Reject::TooMany(Quota::Storage));
                }
            }
        }
    }
    for copy in &copies[1..] {
        prop_assert_eq!(copy.digest(), copies[0].digest());
        prop_assert_eq!(copy.state(), copies[0].state());
        prop_assert_eq!(copy.heads(), copies[0].heads());
    }
    for copy in &mut copies {
        prop_assert!(copy.ops().len() <= most * 3 + 3);
        let stored = copy.ops().len();
        for op in &flood {
            let _ = copy.insert(op.clone());
        }
        prop_assert_eq!(copy.ops().len(), stored, "a flood fills nothing once it is known for one");
        let removal = copy.author(&device(1), Body::Remove { device: id(9) });
        prop_assert!(removal.is_ok());
        prop_assert!(!copy.state().is_member(id(9)));
    }
    Ok(())
}

fn heard() -> impl Strategy<Value = [Vec<prop::sample::Index>; 3]> {
    let some = || prop::collection::vec(any::<prop::sample::Index>(), 0..30);
    [some(), some(), some()]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_member_that_floods_the_log_does_not_set_copies_apart(heard in heard()) {
        check_flood(Role::Member, MEMBER_OPS, heard)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn a_keeper_that_floods_the_log_does_not_set_copies_apart(heard in heard()) {
        check_flood(Role::Keeper, KEEPER_OPS, heard)?;
    }
}

/// Found by the property above: the removal of 2 follows a demotion of its author that was void already. While that was
/// not settled, the removal did not count, and what 2 dated back was settled first.
#[test]
fn a_removal_counts_although_its_author_was_demoted_in_vain_before() {
    let mut log = home();
    let founded = log.heads().to_vec();
    let keeper = |number, role| Body::Add { device: id(number), role, name: "k".to_owned() };
    log.author(&device(1), keeper(6, Role::Keeper)).unwrap();
    let demotion = log.clone().author(&device(6), keeper(1, Role::Member)).unwrap();
    let removal_of_6 = log.author(&device(2), Body::Remove { device: id(6) }).unwrap();
    log.insert(demotion.clone()).unwrap();
    assert_eq!(log.heads(), [removal_of_6.id()], "nobody builds upon what is void");
    let after_both = vec![demotion.id(), removal_of_6.id()];
    log.insert(Op::sign(log.home(), after_both, &device(1), Body::Remove { device: id(2) })).unwrap();
    let before = log.state().clone();
    log.insert(Op::sign(log.home(), founded, &device(2), Body::Remove { device: id(1) })).unwrap();
    assert_eq!(log.state(), &before);
    assert!(log.state().is_keeper(id(1)) && !log.state().is_member(id(2)));
}

#[test]
fn no_bytes_make_the_decoder_panic_or_dig_deep() {
    let mut log = home();
    let samples: Vec<Vec<u8>> = [1, 2, 4, 5, 6, 0]
        .iter()
        .map(|what| {
            let body = body(&log, 1, 4, *what);
            log.author(&device(1), body).map(|op| op.to_bytes()).unwrap_or_default()
        })
        .collect();
    let mangled = (
        prop::sample::select(samples),
        prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        prop::collection::vec(any::<u8>(), 0..40),
        any::<bool>(),
    );
    let mangled = mangled.prop_map(|(mut bytes, changes, tail, cut)| {
        for (at, byte) in changes {
            if !bytes.is_empty() {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
        }
        if cut {
            bytes.truncate(bytes.len().saturating_sub(tail.len()));
        } else {
            bytes.extend(tail);
        }
        bytes
    });
    let any_bytes = prop_oneof![mangled, prop::collection::vec(any::<u8>(), 0..5000)];
    let small = std::thread::Builder::new().stack_size(256 * 1024);
    let run = small.spawn(move || {
        let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(5000));
        runner.run(&any_bytes, |bytes| {
            if let Ok(op) = Op::from_bytes(&bytes) {
                prop_assert_eq!(op.to_bytes(), bytes, "one meaning has one encoding");
                let _ = log.clone().insert(op);
            }
            Ok(())
        })
    });
    run.unwrap().join().unwrap().unwrap();
}

#[test]
fn a_long_line_of_new_keys_needs_little_stack() {
    let small = std::thread::Builder::new().stack_size(512 * 1024);
    let run = small.spawn(|| {
        let key = |turn: u16| {
            let mut seed = [9; 32];
            seed[..2].copy_from_slice(&turn.to_be_bytes());
            Device(SigningKey::from_bytes(&seed))
        };
        let mut log = Log::found(&key(0), "Home", device(PAPER).public(), [0; 16]).unwrap();
        let last = (1..=600u16).find(|turn| {
            let old = NodeId::from_bytes(key(turn - 1).public());
            let body = rotate(log.home(), old, &key(*turn));
            log.author(&key(turn - 1), body).is_err()
        });
        let everything = Bits::below(log.entries.len());
        assert!(log.settle(&everything) == log.settled().valid);
        (log.entries.len(), last)
    });
    assert_eq!(run.unwrap().join().unwrap(), (KEEPER_OPS, Some(512)), "one line, one quota");
}
