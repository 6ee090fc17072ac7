use super::{ask::of, *};
use crate::message::{self, Data, Message, Record, Type};

const NODE: &str = "_lanyard._tcp.local.";

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn name(text: &str) -> Name {
    Name::of(text)
}

fn instance(text: &str) -> Name {
    name(&format!("{text}.{NODE}"))
}

fn record(name: Name, flush: bool, ttl: u32, data: Data) -> Record {
    Record { name, flush, ttl, data }
}

fn there(text: &str, ttl: u32) -> Record {
    record(name(NODE), false, ttl, Data::Instance(instance(text)))
}

fn service(text: &str) -> Record {
    let host = name(&format!("h-{text}.local."));
    record(instance(text), true, 120, Data::Service { host, port: 7717 })
}

fn text(of: &str) -> Record {
    record(instance(of), true, 4500, Data::Text(b"\x03v=1".to_vec()))
}

fn address(of: &str, ip: [u8; 4]) -> Record {
    record(name(&format!("h-{of}.local.")), true, 120, Data::Address(ip.into()))
}

fn response(records: Vec<Record>) -> Message {
    Message { response: true, questions: Vec::new(), records }
}

fn announcement(of: &str) -> Message {
    response(vec![there(of, 4500), service(of), text(of), address(of, [10, 0, 0, 1])])
}

/// Lets time pass, telling what was asked and what was gone; nobody answers.
fn pass(cache: &mut Cache, now: &mut Instant, time: Duration) -> (Vec<(Instant, Asking)>, Vec<Name>) {
    let (mut asked, mut gone) = (Vec::new(), Vec::new());
    let end = *now + time;
    while cache.next() < end {
        let next = cache.next().max(*now + Duration::from_millis(1));
        *now = next;
        let due = cache.due(*now);
        asked.extend(due.asking.map(|asking| (*now, asking)));
        gone.extend(due.gone.into_iter().map(|(_, name)| name));
    }
    *now = end;
    (asked, gone)
}

fn asks_for(asked: &[(Instant, Asking)], about: &Name, kind: Type) -> usize {
    let is = |question: &&Question| question.name == *about && question.kind == kind;
    asked.iter().flat_map(|(_, asking)| &asking.questions).filter(is).count()
}

#[test]
fn an_announcement_is_complete_at_once_and_told_once() {
    let now = Instant::now();
    let mut cache = Cache::new(now, 1);
    assert_eq!(cache.take(&announcement("a"), now), [instance("a")]);
    let expected = Resolved {
        kind: Kind::Lanyard,
        name: &instance("a"),
        host: &name("h-a.local"),
        port: 7717,
        addresses: vec![[10, 0, 0, 1].into()],
        text: b"\x03v=1",
    };
    assert_eq!(cache.resolved(&instance("A"), now), Some(expected));
    assert!(cache.take(&announcement("a"), now + seconds(1)).is_empty(), "nothing new in it");
    let strange = response(vec![
        record(name("_ssh._tcp.local."), false, 4500, Data::Instance(name("x._ssh._tcp.local."))),
        service("stranger"),
        address("stranger", [10, 0, 0, 9]),
    ]);
    assert!(cache.take(&strange, now).is_empty());
    assert_eq!((cache.instances.len(), cache.hosts.len()), (1, 1), "nothing is kept that was not asked for");
}

#[test]
fn what_is_missing_is_asked_for_less_and_less() {
    let mut now = Instant::now();
    let mut cache = Cache::new(now, 2);
    assert!(cache.take(&response(vec![there("a", 4500)]), now).is_empty());
    let (asked, _) = pass(&mut cache, &mut now, seconds(2));
    assert!(
        asks_for(&asked, &instance("a"), Type::SRV) >= 2 && asks_for(&asked, &instance("a"), Type::TXT) >= 2
    );
    assert!(cache.take(&response(vec![service("a"), text("a")]), now).is_empty(), "no address yet");
    let (asked, _) = pass(&mut cache, &mut now, seconds(600));
    let host = name("h-a.local.");
    let times = asks_for(&asked, &host, Type::A);
    assert!(
        (3..12).contains(&times) && asks_for(&asked, &host, Type::AAAA) == times,
        "{times} in ten minutes"
    );
    cache.take(&response(vec![service("a")]), now);
    assert_eq!(cache.take(&response(vec![address("a", [10, 0, 0, 1])]), now), [instance("a")]);
}

#[test]
fn one_without_a_text_is_taken_as_it_is_after_a_while() {
    let mut now = Instant::now();
    let mut cache = Cache::new(now, 3);
    let bare = response(vec![there("a", 4500), service("a"), address("a", [10, 0, 0, 1])]);
    assert!(cache.take(&bare, now).is_empty());
    let mut changed = Vec::new();
    for _ in 0..100 {
        now += Duration::from_millis(50);
        changed.extend(cache.due(now).changed);
    }
    assert_eq!(changed, [instance("a")]);
    assert_eq!(
        cache.take(&response(vec![text("a")]), now),
        [instance("a")],
        "when it says something, that is news"
    );
}

#[test]
fn a_goodbye_counts_after_a_second_and_can_be_taken_back() {
    let mut now = Instant::now();
    let mut cache = Cache::new(now, 4);
    cache.take(&announcement("a"), now);
    cache.take(&response(vec![there("a", 0)]), now);
    cache.take(&announcement("a"), now + Duration::from_millis(300));
    assert!(pass(&mut cache, &mut now, seconds(5)).1.is_empty(), "it was still there");
    cache.take(&response(vec![there("a", 0)]), now);
    assert!(pass(&mut cache, &mut now, Duration::from_millis(900)).1.is_empty());
    assert_eq!(pass(&mut cache, &mut now, Duration::from_millis(200)).1, [instance("a")]);
    assert!(cache.instances.is_empty() && cache.hosts.is_empty());
    assert_eq!(cache.take(&announcement("a"), now), [instance("a")], "it is back");
}

#[test]
fn records_are_asked_for_before_they_run_out_and_gone_when_nobody_answers() {
    let mut now = Instant::now();
    let mut cache = Cache::new(now, 5);
    cache.take(&announcement("a"), now);
    let (asked, gone) = pass(&mut cache, &mut now, seconds(95));
    assert_eq!((asks_for(&asked, &instance("a"), Type::SRV), gone.len()), (0, 0));
    let (asked, gone) = pass(&mut cache, &mut now, seconds(24));
    assert_eq!((asks_for(&asked, &instance("a"), Type::SRV), gone.len()), (4, 0));
    assert!(asks_for(&asked, &name("h-a.local."), Type::AAAA) >= 4);
    assert_eq!(pass(&mut cache, &mut now, seconds(2)).1, [instance("a")]);
}

#[test]
fn what_another_asks_for_is_not_asked_again_but_the_last_time() {
    let mut now = Instant::now();
    let mut cache = Cache::new(now, 6);
    cache.take(&announcement("a"), now);
    pass(&mut cache, &mut now, seconds(95));
    let mut asked = Vec::new();
    for _ in 0..24 {
        let asks = [of(&instance("a"), Type::SRV), of(&name("h-a.local"), Type::A)];
        cache.take(&Message { response: false, questions: asks.to_vec(), records: Vec::new() }, now);
        asked.extend(pass(&mut cache, &mut now, seconds(1)).0);
    }
    assert_eq!(asks_for(&asked, &instance("a"), Type::SRV), 1, "{asked:?}");
    assert_eq!(asks_for(&asked, &name("h-a.local"), Type::A), 1, "{asked:?}");
}

#[test]
fn what_is_vouched_for_is_not_asked_for_until_nobody_does_any_more() {
    let mut now = Instant::now();
    let mut cache = Cache::new(now, 7);
    cache.take(&announcement("a"), now);
    for _ in 0..60 {
        cache.vouch(&instance("a"), now);
        let (asked, gone) = pass(&mut cache, &mut now, seconds(30));
        assert_eq!((asks_for(&asked, &instance("a"), Type::SRV), gone.len()), (0, 0));
    }
    let (asked, gone) = pass(&mut cache, &mut now, seconds(300));
    assert!(asks_for(&asked, &instance("a"), Type::SRV) >= 4);
    assert_eq!(gone, [instance("a")]);
}

#[test]
fn a_voucher_does_not_outlive_what_multicast_says_of_all() {
    let mut now = Instant::now();
    let mut cache = Cache::new(now, 8);
    cache.take(&announcement("a"), now);
    let mut gone = Vec::new();
    for _ in 0..160 {
        cache.vouch(&instance("a"), now);
        gone.extend(pass(&mut cache, &mut now, seconds(30)).1);
    }
    assert_eq!(gone, [instance("a")], "nobody answered any question for 80 minutes");
}

#[test]
fn a_new_address_replaces_the_old_one_and_both_are_told_of() {
    let mut now = Instant::now();
    let mut cache = Cache::new(now, 9);
    cache.take(&announcement("a"), now);
    pass(&mut cache, &mut now, seconds(5));
    assert_eq!(cache.take(&response(vec![address("a", [10, 0, 0, 2])]), now), [instance("a")]);
    let addresses = |cache: &Cache, now| cache.resolved(&instance("a"), now).unwrap().addresses.len();
    assert_eq!(addresses(&cache, now), 2);
    now += Duration::from_millis(1100);
    assert_eq!(cache.due(now).changed, [instance("a")]);
    assert_eq!(addresses(&cache, now), 1);
}

#[test]
fn rounds_grow_apart_and_begin_anew_when_told_or_after_sleep() {
    let mut now = Instant::now();
    let mut cache = Cache::new(now, 10);
    let rounds = |asked: &[(Instant, Asking)]| asks_for(asked, &name(NODE), Type::PTR);
    let (asked, _) = pass(&mut cache, &mut now, seconds(10));
    assert!((3..=5).contains(&rounds(&asked)), "{}", rounds(&asked));
    let (asked, _) = pass(&mut cache, &mut now, seconds(3600));
    assert!((14..=25).contains(&rounds(&asked)), "{} in an hour", rounds(&asked));
    cache.take(&announcement("a"), now);
    cache.slept(seconds(3600), now);
    let (asked, gone) = pass(&mut cache, &mut now, seconds(2));
    assert!(rounds(&asked) >= 2, "it asks who is still there");
    assert_eq!(gone, [instance("a")], "what ran out meanwhile is gone");
}

#[test]
fn anothers_round_counts_unless_it_knows_more() {
    let mut now = Instant::now();
    let mut cache = Cache::new(now, 11);
    cache.take(&announcement("a"), now);
    pass(&mut cache, &mut now, seconds(1500));
    let ask = |known: &[&str]| Message {
        response: false,
        questions: vec![of(&name(NODE), Type::PTR)],
        records: known.iter().map(|of| there(of, 4000)).collect(),
    };
    let mut asked = Vec::new();
    for _ in 0..40 {
        cache.take(&ask(&["a"]), now);
        asked.extend(pass(&mut cache, &mut now, seconds(90)).0);
        cache.take(&announcement("a"), now);
    }
    assert_eq!(asks_for(&asked, &name(NODE), Type::PTR), 0, "in an hour in which another asks");
    cache.take(&ask(&["a", "b"]), now);
    let (asked, _) = pass(&mut cache, &mut now, seconds(1));
    assert_eq!(asks_for(&asked, &name(NODE), Type::PTR), 1, "there is one that was not heard");
    for _ in 0..100 {
        cache.take(&ask(&["c"]), now);
    }
    let (asked, _) = pass(&mut cache, &mut now, seconds(10));
    assert!(asks_for(&asked, &name(NODE), Type::PTR) <= 2, "which nobody can use to make us talk");
}

#[test]
fn a_flood_leaves_a_bounded_cache_and_those_who_are_vouched_for() {
    let mut now = Instant::now();
    let mut cache = Cache::new(now, 12);
    cache.take(&announcement("real"), now);
    cache.vouch(&instance("real"), now);
    let mut sent = 0;
    for number in 0..10_000 {
        now += Duration::from_millis(5);
        cache.take(&announcement(&format!("flood{number}")), now);
        cache.take(&response(vec![there(&format!("bare{number}"), 4500)]), now);
        cache.take(&response((0..40).map(|n| address("real", [10, 1, n, 1])).collect()), now);
        sent += cache
            .due(now)
            .asking
            .map_or(0, |asking| message::question(&asking.questions, &asking.known).len());
        assert!(cache.instances.len() <= MAX_INSTANCES && cache.hosts.len() <= MAX_INSTANCES);
        assert!(cache.hosts.values().all(|addresses| addresses.len() <= MAX_ADDRESSES));
        assert!(cache.pushed_out.is_empty());
    }
    assert!(cache.resolved(&instance("real"), now).is_some());
    assert!(sent < 50 * 28_000, "{sent} bytes of questions in 50 s");
}

/// What all that happens on one link costs: each listener announces one node and hears everybody.
#[test]
fn sixty_four_listeners_are_quiet_together() {
    const LISTENERS: usize = 64;
    let mut now = Instant::now();
    let mut caches: Vec<Cache> = (0..LISTENERS).map(|n| Cache::new(now, 1 + n as u64 * 7919)).collect();
    let names: Vec<String> = (0..LISTENERS).map(|n| format!("node{n:04}")).collect();
    let announcements: Vec<Message> = names.iter().map(|name| announcement(name)).collect();
    for cache in &mut caches {
        announcements.iter().for_each(|announcement| drop(cache.take(announcement, now)));
    }
    let run = |caches: &mut Vec<Cache>, now: &mut Instant, time: Duration, vouch: bool| {
        let end = *now + time;
        let (mut bytes, mut vouched) = (0_usize, *now);
        while *now < end {
            if vouch && *now >= vouched {
                vouched = *now + seconds(30);
                for cache in caches.iter_mut() {
                    names.iter().for_each(|name| cache.vouch(&instance(name), *now));
                }
            }
            let next = caches.iter().map(Cache::next).min().unwrap();
            let next = if vouch { next.min(vouched) } else { next };
            *now = next.max(*now + Duration::from_millis(1));
            for asks in 0..LISTENERS {
                if caches[asks].next() > *now {
                    continue;
                }
                let due = caches[asks].due(*now);
                assert!(due.gone.is_empty(), "{:?}", due.gone);
                let Some(asking) = due.asking else { continue };
                let packet = message::question(&asking.questions, &asking.known);
                bytes += packet.len() + 48;
                let question = Message::read(&packet).unwrap();
                let answers: Vec<&Message> = announcements
                    .iter()
                    .filter(|answer| {
                        let asked = question
                            .questions
                            .iter()
                            .any(|q| answer.records.iter().any(|r| r.name == q.name));
                        asked && !question.records.iter().any(|known| known.data == answer.records[0].data)
                    })
                    .collect();
                for (hears, cache) in caches.iter_mut().enumerate() {
                    if hears != asks {
                        cache.take(&question, *now);
                    }
                    answers.iter().for_each(|answer| drop(cache.take(answer, *now)));
                }
                bytes += answers.len() * 250;
            }
        }
        bytes as f64 / time.as_secs_f64()
    };
    run(&mut caches, &mut now, seconds(300), true);
    let watched = run(&mut caches, &mut now, seconds(1800), true);
    run(&mut caches, &mut now, seconds(300), false);
    let unwatched = run(&mut caches, &mut now, seconds(600), false);
    println!("{watched:.0} bytes a second on the link when all are watched, {unwatched:.0} when none is");
    assert!(watched < 60.0, "{watched:.0} bytes a second for all of them, in one family of addresses");
    assert!(unwatched < 64.0 * 12.0, "{unwatched:.0} bytes a second: one asks and all hear it");
}
