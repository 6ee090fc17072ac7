//! Cases of the owner's rule, and what holds for every rule.

use super::*;
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr};

const ANNA: NodeId = NodeId::from_bytes([1; 32]);
const BEN: NodeId = NodeId::from_bytes([2; 32]);
const PASS: PassId = PassId::from_bytes([3; 8]);
const AT_HOME: Subject = Subject { who: Who::Device(ANNA), on_own_network: true };
const ABROAD: Subject = Subject { who: Who::Device(ANNA), on_own_network: false };
const GUEST: Subject = Subject { who: Who::Guest(PASS), on_own_network: true };
const PHONE: Subject = Subject {
    who: Who::Plain(PlainId::of(IpAddr::V4(Ipv4Addr::new(192, 168, 1, 23)))),
    on_own_network: true,
};
const STRANGER: Standing = Standing { member: false, expelled: false };
const MEMBER: Standing = Standing { member: true, expelled: false };
const EXPELLED: Standing = Standing { member: false, expelled: true };
const NOW: Now = Now { wall: 1000, latest: 1000, ran: 50 };
const EVERY_ACTION: [Action; 6] =
    [Action::Print, Action::Manage, Action::List, Action::Read, Action::Add, Action::Write];

fn used(jobs: u32, bytes: u64) -> Used {
    Used { jobs, bytes, pages: 0 }
}

fn policy(grants: &[Grant]) -> Policy {
    Policy { grants: grants.to_vec(), ..Policy::default() }.sorted()
}

fn asked(policy: &Policy, subject: &Subject, standing: &Standing, action: Action) -> Decision {
    decide(policy, subject, standing, action, &Used::default(), &NOW)
}

#[test]
fn the_owners_rule_decides() {
    use Action::{Add, List, Manage, Print, Read, Write};
    use Decision::{Allow, Ask, Deny};
    let network = || Grant::to(Audience::Network);
    let home = || Grant::to(Audience::Home);
    let anna = || Grant::to(Audience::Device(ANNA));
    let ben = || Grant::to(Audience::Device(BEN));
    let pass = || Grant::to(Audience::Guest(PASS));
    type Case<'a> = (&'a str, Vec<Grant>, Subject, Standing, Action, Decision);
    let table: &[Case<'_>] = &[
        ("nobody is named", vec![], AT_HOME, MEMBER, Print, Deny),
        ("on the owner's network", vec![network()], AT_HOME, STRANGER, Print, Allow),
        ("on some other network", vec![network()], ABROAD, STRANGER, Print, Deny),
        ("a device, wherever it is", vec![anna()], ABROAD, STRANGER, Read, Allow),
        ("another device", vec![ben()], AT_HOME, STRANGER, Read, Deny),
        ("one of several", vec![ben(), anna()], ABROAD, STRANGER, List, Allow),
        ("a member, wherever it is", vec![home()], ABROAD, MEMBER, Read, Allow),
        ("a stranger at home", vec![home()], AT_HOME, STRANGER, Read, Deny),
        ("one that was put out", vec![home()], AT_HOME, EXPELLED, Read, Deny),
        ("one that was put out and is named", vec![anna()], AT_HOME, EXPELLED, Read, Deny),
        ("one that was put out is still somebody", vec![network()], AT_HOME, EXPELLED, Read, Allow),
        ("reading does not allow writing", vec![anna()], AT_HOME, STRANGER, Write, Deny),
        ("nor adding", vec![anna()], AT_HOME, STRANGER, Add, Deny),
        ("writing allowed", vec![Grant { write: true, ..anna() }], AT_HOME, STRANGER, Write, Allow),
        ("which includes adding", vec![Grant { write: true, ..anna() }], AT_HOME, STRANGER, Add, Allow),
        (
            "to one of those who read",
            vec![home(), Grant { write: true, ..anna() }],
            AT_HOME,
            MEMBER,
            Write,
            Allow,
        ),
        ("to another only", vec![home(), Grant { write: true, ..ben() }], AT_HOME, MEMBER, Write, Deny),
        ("a drop box", vec![Grant { add_only: true, ..home() }], AT_HOME, MEMBER, Add, Allow),
        (
            "which cannot be looked into",
            vec![Grant { add_only: true, ..home() }],
            AT_HOME,
            MEMBER,
            List,
            Deny,
        ),
        ("nor read", vec![Grant { add_only: true, write: true, ..home() }], AT_HOME, MEMBER, Read, Deny),
        (
            "nor written over",
            vec![Grant { add_only: true, write: true, ..home() }],
            AT_HOME,
            MEMBER,
            Write,
            Deny,
        ),
        ("who prints does not manage", vec![home()], AT_HOME, MEMBER, Manage, Deny),
        ("who manages", vec![Grant { manage: true, ..home() }], AT_HOME, MEMBER, Manage, Allow),
        ("strangers ask", vec![home(), Grant { ask: true, ..network() }], AT_HOME, STRANGER, Print, Ask),
        ("members do not", vec![Grant { ask: true, ..network() }, home()], AT_HOME, MEMBER, Print, Allow),
        (
            "but for the one who must",
            vec![home(), Grant { ask: true, ..anna() }],
            AT_HOME,
            MEMBER,
            Print,
            Ask,
        ),
        ("a guest with the pass", vec![pass()], GUEST, STRANGER, Print, Allow),
        ("elsewhere", vec![pass()], Subject { on_own_network: false, ..GUEST }, STRANGER, Print, Deny),
        ("a guest is not the network", vec![network(), home()], GUEST, MEMBER, Print, Deny),
        ("a device has no pass", vec![pass()], AT_HOME, MEMBER, Print, Deny),
        ("a plain client on the owner's network", vec![network()], PHONE, STRANGER, Print, Allow),
        ("on some other", vec![network()], Subject { on_own_network: false, ..PHONE }, STRANGER, Print, Deny),
        ("after a question", vec![Grant { ask: true, ..network() }], PHONE, STRANGER, Print, Ask),
        ("one that proves nothing is nobody's", vec![home(), anna(), pass()], PHONE, MEMBER, Print, Deny),
        (
            "nor sees to others' jobs",
            vec![Grant { manage: true, ..network() }],
            PHONE,
            STRANGER,
            Manage,
            Deny,
        ),
        ("as a device may", vec![Grant { manage: true, ..network() }], AT_HOME, STRANGER, Manage, Allow),
        (
            "another pass",
            vec![Grant::to(Audience::Guest(PassId::from_bytes([9; 8])))],
            GUEST,
            STRANGER,
            Print,
            Deny,
        ),
    ];
    for (case, grants, subject, standing, action, expected) in table {
        assert_eq!(asked(&policy(grants), subject, standing, *action), *expected, "{case}");
    }
    let writable = Policy { write: true, ..policy(&[home()]) };
    assert_eq!(asked(&writable, &AT_HOME, &MEMBER, Write), Allow, "everyone who reads may write");
    let for_reading = Policy { write: true, ..policy(&[home(), pass()]) };
    assert_eq!(asked(&for_reading, &GUEST, &STRANGER, Read), Allow, "a pass for reading");
    for action in [Write, Add] {
        assert_eq!(asked(&for_reading, &GUEST, &STRANGER, action), Deny, "is not one for {action:?}");
    }
}

#[test]
fn a_rule_ends_in_time_and_a_clock_set_back_wins_nothing() {
    let until = Until::at(2000, &NOW);
    for (case, now, over) in [
        ("still in time", NOW, false),
        ("just over", Now { wall: 2000, latest: 2000, ran: 60 }, true),
        ("the clock stands still, the node runs on", Now { ran: 1050, ..NOW }, true),
        ("the clock went back a little", Now { wall: 900, latest: 1000, ran: 60 }, false),
        ("the clock went back an hour", Now { wall: 1000, latest: 3_601_000, ran: 60 }, true),
    ] {
        assert_eq!(until.is_over(&now), over, "{case}");
        let grant = Grant { until: Some(until), ..Grant::to(Audience::Home) };
        let by_grant = decide(&policy(&[grant]), &AT_HOME, &MEMBER, Action::Read, &Used::default(), &now);
        let whole = Policy { until: Some(until), ..policy(&[Grant::to(Audience::Home)]) };
        let by_share = decide(&whole, &AT_HOME, &MEMBER, Action::Read, &Used::default(), &now);
        let expected = if over { Decision::Deny } else { Decision::Allow };
        assert_eq!((by_grant, by_share), (expected, expected), "{case}");
    }
    let ended =
        Grant { until: Some(Until { at: 1, ran: 1 }), ask: true, ..Grant::to(Audience::Device(ANNA)) };
    let both = policy(&[ended, Grant::to(Audience::Home)]);
    assert_eq!(asked(&both, &AT_HOME, &MEMBER, Action::Read), Decision::Allow, "the next rule counts");
}

#[test]
fn who_has_had_enough_for_today_may_still_look() {
    let grant = Grant { max_jobs: Some(2), max_bytes: Some(100), write: true, ..Grant::to(Audience::Home) };
    let policy = policy(&[grant]);
    let decided = |action, used| decide(&policy, &AT_HOME, &MEMBER, action, &used, &NOW);
    assert_eq!(decided(Action::Print, used(1, 99)), Decision::Allow);
    assert_eq!(decided(Action::Print, used(2, 0)), Decision::Spent);
    assert_eq!(decided(Action::Write, used(0, 100)), Decision::Spent);
    assert_eq!(decided(Action::Read, used(9, 900)), Decision::Allow);
}

#[test]
fn the_last_page_of_the_day_still_fits_and_one_more_does_not() {
    let grant = Grant { max_pages: Some(10), ..Grant::to(Audience::Home) };
    let pages = |pages| Used { pages, ..Used::default() };
    assert!(grant.is_limited());
    assert!(grant.has_room(&pages(7), &pages(3)) && !grant.has_room(&pages(7), &pages(4)));
    let policy = policy(&[grant]);
    let decided = |used| decide(&policy, &AT_HOME, &MEMBER, Action::Print, &used, &NOW);
    assert_eq!((decided(pages(9)), decided(pages(10))), (Decision::Allow, Decision::Spent));
}

#[test]
fn the_last_byte_of_the_day_still_fits_and_one_more_does_not() {
    let grant = Grant { max_jobs: Some(2), max_bytes: Some(100), ..Grant::to(Audience::Home) };
    let today = used(1, 60);
    assert!(grant.has_room(&today, &used(1, 40)));
    assert!(!grant.has_room(&today, &used(1, 41)));
    assert!(!grant.has_room(&today, &used(2, 0)));
    assert!(!grant.has_room(&today, &used(u32::MAX, u64::MAX)), "no number wraps around");
    assert!(Grant::to(Audience::Home).has_room(&today, &used(9, u64::MAX)));
}

#[test]
fn a_rule_that_was_never_set_allows_nothing() {
    for action in EVERY_ACTION {
        for subject in [AT_HOME, ABROAD, GUEST, PHONE] {
            for standing in [STRANGER, MEMBER, EXPELLED] {
                assert_eq!(asked(&Policy::default(), &subject, &standing, action), Decision::Deny);
            }
        }
    }
}

#[test]
fn a_rule_survives_being_stored() {
    let policy = Policy {
        grants: vec![
            Grant { max_jobs: Some(3), max_pages: Some(9), ask: true, ..Grant::to(Audience::Network) },
            Grant { until: Some(Until { at: i64::MAX, ran: 5 }), ..Grant::to(Audience::Guest(PASS)) },
            Grant { no_color: true, quiet: QuietHours::new(1, 2), ..Grant::to(Audience::Device(BEN)) },
            Grant::to(Audience::Home),
        ],
        write: true,
        until: Some(Until { at: i64::MAX, ran: i64::MAX }),
    };
    let json = serde_json::to_string(&policy).unwrap();
    assert_eq!(serde_json::from_str::<Policy>(&json).unwrap(), policy);
    let least: Grant = serde_json::from_str(r#"{"who":"network"}"#).unwrap();
    assert_eq!(least, Grant::to(Audience::Network), "what is not said is not granted");
}

proptest! {
    #[test]
    fn a_plain_client_may_never_do_more_than_a_strange_device_on_the_same_network(
        grants in prop::collection::vec(any_grant(), 0..5),
        write: bool,
        action in prop::sample::select(EVERY_ACTION.to_vec()),
        standing in prop::sample::select(vec![STRANGER, MEMBER, EXPELLED]),
        on_own_network: bool,
    ) {
        // A device that no rule names.
        let strange = Subject { who: Who::Device(NodeId::from_bytes([99; 32])), on_own_network };
        let plain = Subject { on_own_network, ..PHONE };
        let policy = Policy { grants, write, until: None }.sorted();
        let used = Used::default();
        let may = |subject: &Subject, standing: &Standing| {
            rank(decide(&policy, subject, standing, action, &used, &NOW))
        };
        prop_assert!(may(&plain, &standing) <= may(&strange, &STRANGER));
        prop_assert_eq!(may(&plain, &standing), may(&plain, &STRANGER), "nothing is known of it");
    }
}

#[test]
fn a_decision_takes_less_than_five_microseconds() {
    let mut grants: Vec<Grant> =
        (0..64).map(|n| Grant::to(Audience::Device(NodeId::from_bytes([n + 100; 32])))).collect();
    grants.push(Grant::to(Audience::Network));
    let policy = policy(&grants);
    let begun = std::time::Instant::now();
    let mut allowed = 0;
    for _ in 0..1000 {
        let decided = asked(std::hint::black_box(&policy), &AT_HOME, &STRANGER, Action::Read);
        allowed += usize::from(decided == Decision::Allow);
    }
    // Printed, not judged: this machine may be busy.
    println!("a decision over 65 grants: {} ns", begun.elapsed().as_nanos() / 1000);
    assert_eq!(allowed, 1000);
}

fn any_grant() -> impl Strategy<Value = Grant> {
    let who = prop_oneof![
        Just(Audience::Network),
        Just(Audience::Home),
        Just(Audience::Device(ANNA)),
        Just(Audience::Device(BEN)),
        Just(Audience::Guest(PASS)),
    ];
    let until = prop::option::of((900i64..1100, 0i64..100).prop_map(|(at, ran)| Until { at, ran }));
    (who, any::<[bool; 4]>(), until, prop::option::of(0u32..3), prop::option::of(0u64..3)).prop_map(
        |(who, [write, add_only, manage, ask], until, max_jobs, max_bytes)| Grant {
            who,
            write,
            add_only,
            manage,
            ask,
            until,
            max_jobs,
            max_bytes,
            ..Grant::to(who)
        },
    )
}

/// How much a decision allows.
fn rank(decision: Decision) -> u8 {
    match decision {
        Decision::Deny => 0,
        Decision::Spent | Decision::Ask => 1,
        Decision::Allow => 2,
    }
}

proptest! {
    #[test]
    fn taking_a_right_away_never_allows_more(
        grants in prop::collection::vec(any_grant(), 0..5),
        write: bool,
        subject in prop::sample::select(vec![AT_HOME, ABROAD, GUEST, PHONE]),
        standing in prop::sample::select(vec![STRANGER, MEMBER, EXPELLED]),
        action in prop::sample::select(EVERY_ACTION.to_vec()),
        used in (0u32..3, 0u64..3).prop_map(|(jobs, bytes)| used(jobs, bytes)),
    ) {
        let policy = Policy { grants, write, until: None }.sorted();
        let decided = |policy: &Policy, standing: &Standing| {
            rank(decide(policy, &subject, standing, action, &used, &NOW))
        };
        let before = decided(&policy, &standing);
        let named = grant_for(&policy, &subject, &standing, action, &NOW);
        prop_assert_eq!(named.is_some(), before > 0, "the grant that decides is named");
        let expired = Policy { until: Some(Until { at: 0, ran: 0 }), ..policy.clone() };
        prop_assert_eq!(decided(&expired, &standing), 0);
        let read_only = Policy { write: false, ..policy.clone() };
        prop_assert!(decided(&read_only, &standing) <= before);
        prop_assert_eq!(decided(&Policy { grants: Vec::new(), ..policy.clone() }, &standing), 0);
        // Whoever needs the home for it loses it with the membership.
        if standing.member && !policy.grants.iter().any(|grant| grant.who != Audience::Home) {
            prop_assert_eq!(decided(&policy, &STRANGER), 0);
        }
    }

    #[test]
    fn the_order_in_which_an_owner_added_the_rules_of_different_classes_does_not_matter(
        mut grants in prop::collection::vec(any_grant(), 0..4),
        subject in prop::sample::select(vec![AT_HOME, ABROAD, GUEST, PHONE]),
        action in prop::sample::select(EVERY_ACTION.to_vec()),
    ) {
        let mut classes = Vec::new();
        grants.retain(|grant| !classes.contains(&grant.who) && { classes.push(grant.who); true });
        let forwards = policy(&grants);
        grants.reverse();
        let backwards = policy(&grants);
        prop_assert_eq!(asked(&forwards, &subject, &MEMBER, action), asked(&backwards, &subject, &MEMBER, action));
    }
}
