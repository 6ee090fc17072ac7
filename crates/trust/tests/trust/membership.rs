//! The rules of a home's log, one by one.

use ed25519_dalek::{Signer as _, SigningKey};
use lanyard_trust::{
    HomeId, Log, NodeId, Op, OpId, RecoveryCode, Role, Signer,
    membership::{
        Body, Inserted, KEEPER_OPS, MAX_DEVICES, MAX_OPS, MEMBER_OPS, Quota, RECOVERY_OPS, Reject,
        URGENT_OPS, rotate,
    },
};
use std::sync::LazyLock;

/// A device that a test signs for.
#[derive(Clone)]
pub(crate) struct Device(SigningKey);

impl Device {
    pub(crate) fn id(&self) -> NodeId {
        NodeId::from_bytes(self.public())
    }
}

impl Signer for Device {
    fn public(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

/// The device with this number, below 1,000.
pub(crate) fn device(number: u16) -> Device {
    // Thousands of homes with the same devices: their keys are made once.
    static KNOWN: LazyLock<Vec<Device>> = LazyLock::new(|| {
        let seed = |number: u16| {
            let [high, low] = number.to_be_bytes();
            [high, low].repeat(16).try_into().unwrap()
        };
        (0..1000).map(|number| Device(SigningKey::from_bytes(&seed(number)))).collect()
    });
    KNOWN[usize::from(number)].clone()
}

/// The recovery key of the homes in these tests.
pub(crate) const PAPER: u16 = 999;

/// Founded by device 1.
pub(crate) fn home() -> Log {
    Log::found(&device(1), "Home", device(PAPER).public(), [0; 16]).unwrap()
}

pub(crate) fn add(number: u16, role: Role) -> Body {
    Body::Add { device: device(number).id(), role, name: format!("device {number}") }
}

pub(crate) fn remove(number: u16) -> Body {
    Body::Remove { device: device(number).id() }
}

pub(crate) fn rename(number: u16, name: &str) -> Body {
    Body::Rename { device: device(number).id(), name: name.to_owned() }
}

pub(crate) fn change(log: &Log, from: u16, to: u16) -> Body {
    rotate(log.home(), device(from).id(), &device(to))
}

pub(crate) fn say(log: &mut Log, by: u16, body: Body) -> OpId {
    log.author(&device(by), body).unwrap().id()
}

/// The numbers of the members.
pub(crate) fn members(log: &Log) -> Vec<u16> {
    (1..200).filter(|number| log.state().is_member(device(*number).id())).collect()
}

/// What `by` would sign if it knew no more than `old`: how something is dated back.
pub(crate) fn forge(old: &Log, by: u16, body: Body) -> Op {
    try_forge(old, by, body).expect("it had the right then")
}

pub(crate) fn try_forge(old: &Log, by: u16, body: Body) -> Option<Op> {
    old.clone().author(&device(by), body).ok()
}

/// Everything that `from` has goes into `to`.
pub(crate) fn merge(to: &mut Log, from: &Log) {
    let refused = to.insert_all(from.ops().cloned()).refused;
    assert!(refused.is_empty(), "{refused:?}");
}

pub(crate) fn meet(one: &mut Log, other: &mut Log) {
    merge(one, other);
    merge(other, one);
    assert_eq!(one.digest(), other.digest());
    assert_eq!(one.state(), other.state());
}

#[test]
fn a_home_begins_with_its_founder() {
    let log = home();
    let founder = &log.state().members[&device(1).id()];
    assert_eq!((founder.role, founder.name.as_str(), founder.senior), (Role::Keeper, "Home", 0));
    assert_eq!(log.state().name, "Home");
    assert_eq!(members(&log), [1]);
    assert_eq!(log.current_removal().as_bytes(), log.home().as_bytes());
    let twin = Log::found(&device(1), "Home", device(PAPER).public(), [1; 16]).unwrap();
    assert_ne!(log.home(), twin.home(), "the nonce tells two homes of one name apart");
}

#[test]
fn a_home_has_a_clean_name_and_a_recovery_key_of_its_own() {
    for name in ["", " Home", "Ho\u{202e}me", "a\u{0}b", &"n".repeat(65)] {
        assert_eq!(
            Log::found(&device(1), name, device(PAPER).public(), [0; 16]).unwrap_err(),
            Reject::Malformed,
            "{name:?}"
        );
    }
    assert_eq!(Log::found(&device(1), "Home", device(1).public(), [0; 16]).unwrap_err(), Reject::Malformed);
}

#[test]
fn a_member_may_rename_itself_and_leave_and_nothing_else() {
    let mut log = home();
    say(&mut log, 1, add(2, Role::Member));
    let bodies = [
        add(3, Role::Member),
        add(2, Role::Keeper),
        remove(1),
        rename(1, "x"),
        Body::RenameHome { name: "Mine".to_owned() },
    ];
    for body in bodies {
        assert_eq!(log.author(&device(2), body).unwrap_err(), Reject::Unauthorised);
    }
    say(&mut log, 2, rename(2, "Kitchen"));
    assert_eq!(log.state().members[&device(2).id()].name, "Kitchen");
    say(&mut log, 2, remove(2));
    assert_eq!(members(&log), [1]);
    assert!(log.state().removed.contains(&device(2).id()));
    assert_eq!(log.author(&device(2), rename(2, "Ghost")).unwrap_err(), Reject::Unauthorised);
}

#[test]
fn a_keeper_names_the_home_and_everything_in_it() {
    let mut log = home();
    say(&mut log, 1, add(2, Role::Member));
    say(&mut log, 1, rename(2, "Attic"));
    say(&mut log, 1, Body::RenameHome { name: "Mill Lane".to_owned() });
    assert_eq!(log.state().members[&device(2).id()].name, "Attic");
    assert_eq!(log.state().name, "Mill Lane");
    assert_eq!(log.author(&device(1), rename(2, " Attic")).unwrap_err(), Reject::Malformed);
}

#[test]
fn a_keeper_changes_a_role_by_adding_again() {
    let mut log = home();
    say(&mut log, 1, add(2, Role::Member));
    say(&mut log, 1, add(2, Role::Keeper));
    assert_eq!(log.state().role(device(2).id()), Some(Role::Keeper));
    say(&mut log, 2, add(3, Role::Member));
    say(&mut log, 1, add(2, Role::Member));
    assert_eq!(log.state().role(device(2).id()), Some(Role::Member));
    assert_eq!(log.author(&device(2), add(4, Role::Member)).unwrap_err(), Reject::Unauthorised);
    assert_eq!(members(&log), [1, 2, 3], "what it did as a keeper stays");
}

#[test]
fn what_is_forged_foreign_or_out_of_order_is_refused() {
    let mut log = home();
    let base = log.clone();
    let good = forge(&base, 1, add(2, Role::Member));
    for at in [0, 1, 40, 100, 140] {
        let mut bytes = good.to_bytes();
        let place = bytes.len() - 1 - at;
        bytes[place] ^= 1;
        if let Ok(op) = Op::from_bytes(&bytes) {
            let reject = log.insert(op).unwrap_err();
            assert!(matches!(reject, Reject::BadSignature | Reject::UnknownParent), "byte {at}: {reject}");
        }
    }
    let mut abroad = Log::found(&device(1), "Home", device(PAPER).public(), [1; 16]).unwrap();
    let foreign = abroad.author(&device(1), add(2, Role::Member)).unwrap();
    assert_eq!(log.insert(foreign), Err(Reject::OtherHome));
    assert_eq!(log.insert(abroad.ops().next().unwrap().clone()), Err(Reject::OtherHome));
    let mut ahead = base.clone();
    say(&mut ahead, 1, add(2, Role::Member));
    let later = forge(&ahead, 1, add(3, Role::Member));
    assert_eq!(log.insert(later.clone()), Err(Reject::UnknownParent));
    assert_eq!(log.author(&device(99), add(99, Role::Keeper)).unwrap_err(), Reject::Unauthorised);
    assert_eq!(log.ops().len(), 1, "nothing refused is stored");
    merge(&mut log, &ahead);
    assert_eq!(log.insert(later.clone()), Ok(Inserted::New));
    assert_eq!(log.insert(later), Ok(Inserted::Known));
}

#[test]
fn halves_that_were_apart_meet_as_one() {
    let mut one = home();
    say(&mut one, 1, add(2, Role::Keeper));
    let mut other = one.clone();
    say(&mut one, 1, add(3, Role::Member));
    say(&mut other, 2, add(4, Role::Member));
    meet(&mut one, &mut other);
    assert_eq!(members(&one), [1, 2, 3, 4]);
    assert_eq!(one.heads().len(), 2);
    say(&mut one, 1, rename(4, "four"));
    assert_eq!(one.heads().len(), 1, "what is said next ties the ends together");
}

#[test]
fn a_removal_beats_a_letting_in_that_did_not_know_of_it() {
    let mut one = home();
    say(&mut one, 1, add(2, Role::Keeper));
    say(&mut one, 1, add(3, Role::Member));
    let mut other = one.clone();
    let removal = say(&mut one, 1, remove(3));
    say(&mut other, 2, add(3, Role::Member));
    meet(&mut one, &mut other);
    assert_eq!(members(&one), [1, 2]);
    assert_eq!(one.current_removal(), removal);
    say(&mut one, 2, add(3, Role::Member));
    assert_eq!(members(&one), [1, 2, 3], "a later one knows of it");
}

#[test]
fn of_two_that_remove_each_other_the_senior_stays_everywhere() {
    let mut one = home();
    say(&mut one, 1, add(2, Role::Keeper));
    say(&mut one, 2, add(3, Role::Keeper));
    let mut other = one.clone();
    let counts = say(&mut one, 2, remove(3));
    say(&mut other, 3, remove(2));
    meet(&mut one, &mut other);
    assert_eq!(members(&one), [1, 2]);
    assert_eq!(one.current_removal(), counts, "the other one does not count");
    assert_eq!(one.epochs().len(), 2);
}

#[test]
fn a_stolen_first_device_is_beaten_by_the_paper_however_it_dates_back() {
    let mut log = home();
    let oldest = log.clone();
    say(&mut log, 1, add(2, Role::Keeper));
    say(&mut log, 1, add(3, Role::Member));
    let old = log.clone();
    say(&mut log, PAPER, remove(1));
    let before = log.state().clone();
    assert_eq!(members(&log), [2, 3]);
    for (past, body) in [
        (&old, remove(2)),
        (&old, remove(3)),
        (&old, add(66, Role::Keeper)),
        (&oldest, add(66, Role::Keeper)),
        (&old, rename(2, "owned")),
        (&old, change(&old, 1, 66)),
        (&oldest, change(&old, 1, 67)),
        (&old, Body::RenameHome { name: "owned".to_owned() }),
        (&old, remove(1)),
    ] {
        log.insert(forge(past, 1, body)).unwrap();
        assert_eq!(log.state(), &before);
    }
    assert_eq!(try_forge(&log, 66, add(67, Role::Keeper)), None);
    say(&mut log, PAPER, add(9, Role::Keeper));
    assert_eq!(members(&log), [2, 3, 9]);
}

#[test]
fn nobody_speaks_of_the_recovery_key_as_of_a_device() {
    let mut log = home();
    for body in [remove(PAPER), add(PAPER, Role::Member), rename(PAPER, "paper"), change(&log, 1, PAPER)] {
        assert_eq!(log.author(&device(1), body).unwrap_err(), Reject::Malformed);
    }
    let to_device = change(&log, PAPER, 5);
    assert_eq!(log.author(&device(PAPER), to_device).unwrap_err(), Reject::Unauthorised);
}

#[test]
fn a_recovery_code_is_a_keeper_of_last_resort() {
    let code = RecoveryCode::random().unwrap();
    let mut log = Log::found(&device(1), "Home", code.key().public(), [0; 16]).unwrap();
    let typed: RecoveryCode = code.to_string().to_lowercase().parse().unwrap();
    log.author(&typed.key(), add(2, Role::Keeper)).unwrap();
    log.author(&typed.key(), remove(1)).unwrap();
    assert_eq!(members(&log), [2]);
    assert_eq!(log.state().members.len(), 1, "it is no member itself");
}

#[test]
fn a_new_key_has_the_role_name_and_rank_of_the_old_one() {
    let mut log = home();
    say(&mut log, 1, add(2, Role::Keeper));
    say(&mut log, 1, add(3, Role::Keeper));
    let body = change(&log, 2, 12);
    say(&mut log, 2, body);
    let new = &log.state().members[&device(12).id()];
    assert_eq!((new.role, new.name.as_str(), new.senior), (Role::Keeper, "device 2", 1));
    assert!(log.state().removed.contains(&device(2).id()));
    assert_eq!(log.author(&device(2), rename(2, "old")).unwrap_err(), Reject::Unauthorised);
    let mut other = log.clone();
    say(&mut log, 12, remove(3));
    say(&mut other, 3, remove(12));
    meet(&mut log, &mut other);
    assert_eq!(members(&log), [1, 12], "it is still the more senior");
}

#[test]
fn two_new_keys_of_one_device_are_both_out_until_a_keeper_lets_one_in() {
    let mut log = home();
    say(&mut log, 1, add(2, Role::Keeper));
    let old = log.clone();
    let body = change(&log, 2, 12);
    say(&mut log, 2, body);
    say(&mut log, 12, rename(12, "mine"));
    log.insert(forge(&old, 2, change(&old, 2, 66))).unwrap();
    assert_eq!(members(&log), [1]);
    assert_eq!(log.author(&device(12), rename(12, "x")).unwrap_err(), Reject::Unauthorised);
    assert_eq!(log.author(&device(66), rename(66, "x")).unwrap_err(), Reject::Unauthorised);
    say(&mut log, 1, add(12, Role::Keeper));
    assert_eq!(members(&log), [1, 12]);
}

#[test]
fn a_device_that_came_back_may_change_its_key_again() {
    let mut log = home();
    say(&mut log, 1, add(2, Role::Member));
    let body = change(&log, 2, 12);
    say(&mut log, 2, body);
    say(&mut log, 1, add(2, Role::Member));
    let body = change(&log, 2, 13);
    say(&mut log, 2, body);
    assert_eq!(members(&log), [1, 12, 13], "the second change knew of the first: they are no rivals");
}

#[test]
fn a_new_key_agrees_and_was_never_in_the_home() {
    let mut log = home();
    say(&mut log, 1, add(2, Role::Member));
    let Body::Rotate { new, .. } = change(&log, 2, 12) else { unreachable!() };
    let dragged = Body::Rotate { new, proof: [0; 64] };
    assert_eq!(log.author(&device(2), dragged).unwrap_err(), Reject::BadSignature);
    let of_other_home = rotate(HomeId::from_bytes([1; 32]), device(2).id(), &device(12));
    assert_eq!(log.author(&device(2), of_other_home).unwrap_err(), Reject::BadSignature);
    let known = change(&log, 2, 1);
    assert_eq!(log.author(&device(2), known).unwrap_err(), Reject::KeyInUse);
}

#[test]
fn a_removal_holds_against_a_new_key_it_did_not_know_of() {
    let mut log = home();
    say(&mut log, 1, add(2, Role::Keeper));
    let mut apart = log.clone();
    let body = change(&apart, 2, 12);
    say(&mut apart, 2, body);
    say(&mut apart, 12, add(13, Role::Keeper));
    say(&mut log, 1, remove(2));
    meet(&mut log, &mut apart);
    assert_eq!(members(&log), [1]);
}

#[test]
fn the_last_keeper_goes_last() {
    let mut log = home();
    assert_eq!(log.author(&device(1), add(1, Role::Member)).unwrap_err(), Reject::LastKeeper);
    say(&mut log, 1, add(2, Role::Member));
    assert_eq!(log.author(&device(1), remove(1)).unwrap_err(), Reject::LastKeeper);
    assert_eq!(log.author(&device(1), add(1, Role::Member)).unwrap_err(), Reject::LastKeeper);
    let mut handed_over = log.clone();
    say(&mut handed_over, 1, add(2, Role::Keeper));
    say(&mut handed_over, 1, remove(1));
    assert_eq!(members(&handed_over), [2]);
    say(&mut log, 1, remove(2));
    say(&mut log, 1, remove(1));
    assert_eq!(members(&log), [0u16; 0], "an empty home");
    say(&mut log, PAPER, add(3, Role::Keeper));
    assert_eq!(members(&log), [3], "and the paper opens it again");
}

#[test]
fn a_member_at_its_quota_is_refused_and_a_new_key_is_no_new_quota() {
    let mut log = home();
    say(&mut log, 1, add(2, Role::Member));
    for turn in 0..MEMBER_OPS - 2 {
        say(&mut log, 2, rename(2, &format!("n{turn}")));
    }
    let body = change(&log, 2, 12);
    say(&mut log, 2, body);
    say(&mut log, 12, rename(12, "last"));
    assert_eq!(log.author(&device(12), rename(12, "more")).unwrap_err(), Reject::TooMany(Quota::Author));
    say(&mut log, 1, rename(12, "a keeper still may"));
    say(&mut log, 1, add(12, Role::Keeper));
    say(&mut log, 12, rename(12, "and so may it, as a keeper"));
}

#[test]
fn a_keeper_and_the_paper_have_quotas_too() {
    let mut log = home();
    for turn in 1..KEEPER_OPS {
        say(&mut log, 1, Body::RenameHome { name: format!("n{turn}") });
    }
    let more = Body::RenameHome { name: "more".to_owned() };
    assert_eq!(log.author(&device(1), more.clone()).unwrap_err(), Reject::TooMany(Quota::Author));
    for _ in 0..RECOVERY_OPS {
        say(&mut log, PAPER, more.clone());
    }
    assert_eq!(log.author(&device(PAPER), more).unwrap_err(), Reject::TooMany(Quota::Author));
}

#[test]
fn a_home_has_room_for_64_devices_and_for_removals_when_the_log_is_full() {
    let mut log = home();
    for number in 2..=64 {
        say(&mut log, 1, add(number, if number < 5 { Role::Keeper } else { Role::Member }));
    }
    assert_eq!(log.state().members.len(), MAX_DEVICES);
    assert_eq!(log.author(&device(1), add(65, Role::Member)).unwrap_err(), Reject::TooMany(Quota::Devices));
    say(&mut log, 1, add(64, Role::Keeper));
    let mut turn = 0u16;
    let full = loop {
        turn += 1;
        let by = 1 + turn % 4;
        if let Err(reject) = log.author(&device(by), rename(5 + turn % 50, &format!("n{turn}"))) {
            break reject;
        }
    };
    assert_eq!(full, Reject::TooMany(Quota::Log));
    assert_eq!(log.ops().len(), 1024);
    say(&mut log, 1, remove(7));
    say(&mut log, PAPER, remove(1));
    say(&mut log, PAPER, add(70, Role::Keeper));
    assert!(log.state().is_member(device(70).id()));
}

#[test]
fn a_thief_that_was_put_out_cannot_fill_the_log_with_helpers_it_invents() {
    let mut log = home();
    say(&mut log, 1, add(2, Role::Keeper));
    let old = log.clone();
    say(&mut log, PAPER, remove(1));
    let mut stolen = old.clone();
    for helper in 100..106 {
        say(&mut stolen, 1, add(helper, Role::Keeper));
    }
    let base = stolen.clone();
    for helper in 100..106 {
        let mut alone = base.clone();
        for turn in 0..400 {
            say(&mut alone, helper, rename(helper, &format!("n{turn}")));
        }
        let refused = log.insert_all(alone.ops().cloned()).refused;
        assert!(refused.iter().all(|(_, reject)| {
            matches!(reject, Reject::TooMany(Quota::Storage) | Reject::UnknownParent)
        }));
    }
    assert_eq!(log.ops().len(), MAX_OPS + URGENT_OPS, "that much it can");
    assert_eq!(members(&log), [2]);
    assert_eq!(log.heads().len(), 1);
    say(&mut log, 2, rename(2, "two"));
    say(&mut log, 2, add(3, Role::Member));
    assert_eq!(members(&log), [2, 3], "nobody builds upon what does not count");
}

#[test]
fn a_log_in_many_pieces_is_tied_together_by_the_next_word() {
    let mut log = home();
    for number in 2..=41 {
        say(&mut log, 1, add(number, Role::Member));
    }
    let base = log.clone();
    for number in 2..=41 {
        log.insert(forge(&base, number, rename(number, &format!("mine {number}")))).unwrap();
    }
    assert_eq!(log.heads().len(), 40);
    let before = log.state().clone();
    let mut paper = log.clone();
    let mut by_member = log.clone();
    say(&mut log, 1, rename(2, "two"));
    assert_eq!(log.heads().len(), 1);
    let mut expected = before;
    "two".clone_into(&mut expected.members.get_mut(&device(2).id()).unwrap().name);
    assert_eq!(log.state(), &expected, "nothing else changed");
    say(&mut paper, PAPER, remove(3));
    assert_eq!(paper.heads().len(), 1);
    say(&mut by_member, 4, rename(4, "four"));
    assert_eq!(by_member.heads().len(), 1);
}

#[test]
fn who_has_what_is_answered_parents_first() {
    let mut log = home();
    let base = log.clone();
    say(&mut log, 1, add(2, Role::Member));
    say(&mut log, 2, rename(2, "two"));
    let missing: Vec<OpId> = log.missing(&base.ids()).iter().map(|op| op.id()).collect();
    assert_eq!(missing, log.ids()[1..]);
    assert_eq!(base.unknown(&log.ids()), missing);
    assert!(log.unknown(&base.ids()).is_empty());
    let mut copy = Log::open(log.ops().next().unwrap().clone()).unwrap();
    let ops: Vec<Op> = log.ops().cloned().collect();
    let batch = copy.insert_all(ops.into_iter().rev());
    assert_eq!(batch.new, missing, "in any order");
    assert_eq!(copy.digest(), log.digest());
}
