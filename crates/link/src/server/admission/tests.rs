#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;

fn at(address: &str) -> SocketAddr {
    SocketAddr::new(address.parse().unwrap(), 1)
}

fn admission(connections: usize, per_address: usize) -> Admission {
    Admission::new(&Limits { connections, per_address, ..Limits::default() })
}

fn device(number: u8) -> NodeId {
    NodeId::from_bytes([number; 32])
}

/// A place at a time when nobody who waits is left alone any more.
fn admit(admission: &Admission, address: &str) -> Option<Place> {
    let mut counts = admission.lock();
    for waiting in &mut counts.waiting {
        waiting.undisturbed_until = waiting.undisturbed_until.checked_sub(UNDISTURBED.1).unwrap();
    }
    drop(counts);
    admission.admit(at(address), None, Instant::now())
}

/// A place that is not one of those that wait.
fn open(admission: &Admission, address: &str) -> Option<Place> {
    admit(admission, address).filter(|place| matches!(place.seat, Seat::Open))
}

#[test]
fn a_place_is_free_again_when_its_connection_ends() {
    // Five, of which three are open to anybody.
    let admission = admission(5, 2);
    let first = open(&admission, "10.0.0.1").unwrap();
    let _second = open(&admission, "10.0.0.1").unwrap();
    assert!(open(&admission, "10.0.0.1").is_none(), "two from one address");
    let _third = open(&admission, "10.0.0.2").unwrap();
    assert!(open(&admission, "10.0.0.3").is_none(), "three in all");
    drop(first);
    drop(open(&admission, "10.0.0.3").unwrap());
    assert!(open(&admission, "10.0.0.1").is_some());
}

#[test]
fn nothing_is_remembered_of_addresses_without_connections() {
    let admission = admission(10, 10);
    let mut places = Vec::new();
    for last in 0..200 {
        let place = admit(&admission, &format!("10.0.0.{last}"));
        places.extend(place.filter(|_| last % 3 == 0));
    }
    let pushed_out = admission.lock().pushed_out;
    assert!(pushed_out > 0, "some had to go");
    for place in &mut places {
        place.take_visit();
    }
    drop(places);
    let counts = admission.lock();
    assert!(counts.open.is_empty() && counts.visits.is_empty() && counts.waiting.is_empty());
    assert_eq!(counts.pushed_out, 0);
}

#[test]
fn a_foreign_household_counts_once_and_neighbours_count_each() {
    let admission = admission(15, 1);
    let local = Some(at("2001:db8:1:1::1"));
    let open = |address: &str, local| {
        admission.admit(at(address), local, Instant::now()).filter(|place| matches!(place.seat, Seat::Open))
    };
    let _neighbour = open("2001:db8:1:1::2", local).unwrap();
    let _other_neighbour = open("2001:db8:1:1::3", local).unwrap();
    let _foreign = open("2001:db8:2:2::1", local).unwrap();
    assert!(open("2001:db8:2:2::2", local).is_none());
    let link_local = Some(at("fe80::1"));
    let _a = open("fe80::a", link_local).unwrap();
    let _b = open("fe80::b", link_local).unwrap();
}

#[test]
fn strangers_have_two_thirds_and_known_devices_the_rest() {
    let admission = admission(256, 32);
    let strangers: Vec<Place> =
        (0..200).filter_map(|last| open(&admission, &format!("10.0.0.{last}"))).collect();
    assert_eq!(strangers.len(), 170);
    let mut known = Vec::new();
    for number in 0..100 {
        let mut place = admit(&admission, "10.0.1.1").unwrap();
        if place.take_known(device(number / 30)) {
            known.push(place);
        }
    }
    assert_eq!(known.len(), 86);
    drop(strangers);
    // What strangers leave is for known devices, too.
    let mut place = admit(&admission, "10.0.1.1").unwrap();
    assert!(place.take_known(device(9)));
}

#[test]
fn a_known_device_has_its_own_places_at_an_address_full_of_strangers() {
    let admission = admission(256, 32);
    let strangers: Vec<Place> = (0..32).filter_map(|_| open(&admission, "10.0.0.1")).collect();
    assert_eq!(strangers.len(), 32);
    let mut known = Vec::new();
    for _ in 0..32 {
        let mut place = admit(&admission, "10.0.0.1").unwrap();
        assert!(matches!(place.seat, Seat::Waiting(_)));
        assert!(place.take_known(device(1)));
        known.push(place);
    }
    let mut surplus = admit(&admission, "10.0.0.2").unwrap();
    assert!(!surplus.take_known(device(1)), "32 to a device, from wherever");
    drop(surplus);
    assert!(!admit(&admission, "10.0.0.1").unwrap().take_open(), "a stranger finds none there");
    drop(strangers);
    assert!(open(&admission, "10.0.0.1").is_some(), "known devices do not count against the strangers");
}

#[test]
fn a_flood_that_waits_pushes_out_itself() {
    let admission = admission(3, 32);
    let _taken = [open(&admission, "10.0.0.1").unwrap(), open(&admission, "10.0.0.1").unwrap()];
    let mut other = admit(&admission, "10.0.0.2").unwrap();
    let flood: Vec<Place> = (0..30).filter_map(|_| admit(&admission, "10.0.0.1")).collect();
    assert!(!other.pushed_out().is_cancelled());
    let gone = flood.iter().filter(|place| place.pushed_out().is_cancelled()).count();
    assert_eq!(flood.len() - gone, WAITING - 1);
    assert!(flood[..gone].iter().all(|place| place.pushed_out().is_cancelled()), "the oldest go first");
    assert!(other.take_known(device(1)));
    let mut late = flood.into_iter().next().unwrap();
    assert!(!late.take_known(device(2)), "who was pushed out does not come back");
}

#[test]
fn a_handshake_is_left_alone_for_a_moment() {
    let admission = admission(0, 32);
    let now = Instant::now();
    let from_many: Vec<Place> =
        (0..WAITING).filter_map(|last| admission.admit(at(&format!("10.0.0.{last}")), None, now)).collect();
    assert_eq!(from_many.len(), WAITING);
    assert!(admission.admit(at("10.0.1.1"), None, now).is_none());
    from_many[0].heard(now);
    let later = now + UNDISTURBED.0;
    let late = admission.admit(at("10.0.1.1"), None, later).unwrap();
    assert!(from_many[1].pushed_out().is_cancelled() && !from_many[2].pushed_out().is_cancelled());
    let much_later = now + UNDISTURBED.1;
    let _newest = admission.admit(at("10.0.1.2"), None, much_later).unwrap();
    assert!(from_many[0].pushed_out().is_cancelled() && !late.pushed_out().is_cancelled());
}

#[test]
fn one_address_cannot_take_the_moment_from_all_others() {
    let admission = admission(0, 32);
    let now = Instant::now();
    let flood: Vec<Place> = (0..WAITING).filter_map(|_| admission.admit(at("10.0.0.1"), None, now)).collect();
    assert!(admission.admit(at("10.0.0.1"), None, now).is_none(), "it cannot hurry itself");
    let others: Vec<Place> =
        (0..100).filter_map(|last| admission.admit(at(&format!("10.0.1.{last}")), None, now)).collect();
    assert_eq!(others.len(), WAITING - FAIR);
    assert!(others.iter().all(|place| !place.pushed_out().is_cancelled()));
    assert_eq!(flood.iter().filter(|place| !place.pushed_out().is_cancelled()).count(), FAIR);
}

#[test]
fn what_was_pushed_out_and_is_not_gone_yet_is_bounded() {
    let admission = admission(0, 32);
    let places: Vec<Place> = (0..100).filter_map(|_| admit(&admission, "10.0.0.1")).collect();
    assert_eq!(places.len(), 2 * WAITING);
    drop(places);
    assert!(admit(&admission, "10.0.0.1").is_some());
}

#[test]
fn visitors_and_devices_that_want_to_join_are_few() {
    let admission = admission(256, 32);
    let taken = |take: fn(&mut Place) -> bool| {
        let mut places = Vec::new();
        for at_once in 0..160 {
            let mut place = admit(&admission, &format!("10.0.0.{}", at_once / 20)).unwrap();
            if take(&mut place) {
                places.push(place);
            }
        }
        let from_first = places.iter().filter(|place| place.origin == at("10.0.0.0").ip()).count();
        (places.len(), from_first)
    };
    assert_eq!(taken(Place::take_visit), (64, 16));
    assert_eq!(taken(Place::take_meeting), (8, 2));
}
