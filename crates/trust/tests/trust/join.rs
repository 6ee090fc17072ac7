//! Joining over real TLS connections in memory: what must work, and what every kind of attacker gets.

use crate::handshake::{connect, device};
use lanyard_trust::{
    Identity,
    join::{
        ASK_FOR, About, Code, Confirm, Ends, Established, Frame, FrameError, Invite, JoinError, Next,
        PATIENCE, Peer, Purpose, Random, SealError, Sealed, Secret, Shows, Side, Step, Types, WAIT_EVERY,
        Window,
    },
};
use std::time::{Duration, Instant};

const HOME: [u8; 32] = [7; 32];
const ADMIT: Purpose = Purpose::Admit { home: HOME };

/// The two ends of a new connection: who types, then who shows.
fn ends(types: &Identity, shows: &Identity) -> (Ends, Ends) {
    let (client, server) = connect(types.join_client_config(None), shows.join_server_config()).unwrap();
    (Ends::of(types.node_id(), &client).unwrap(), Ends::of(shows.node_id(), &server).unwrap())
}

fn window(purpose: Purpose) -> Window {
    Window::open(Invite::draw(purpose, getrandom::fill).unwrap(), Instant::now())
}

fn random() -> Random {
    Random::draw(getrandom::fill).unwrap()
}

fn shows(ends: Ends, ask: bool) -> Shows {
    Shows::new(ends, About::new("Desk", "linux"), ask, random(), Instant::now())
}

fn types(ends: Ends, side: Side, secret: Secret) -> (Types, Frame) {
    Types::new(ends, About::new("Kitchen-Pi", "linux"), side, secret, random(), Instant::now()).unwrap()
}

fn code_of(window: &Window) -> Secret {
    Secret::Code(window.invite().code())
}

/// A code with the same first two digits and another secret.
fn wrong_code(window: &Window) -> Secret {
    let right = window.invite().code().to_string();
    let last = if right.ends_with('1') { '2' } else { '1' };
    let wrong: Code = format!("{}{last}", &right[..9]).parse().unwrap();
    assert_ne!(wrong, window.invite().code());
    Secret::Code(wrong)
}

/// As it goes over the wire.
fn sent(frame: Frame) -> Result<Frame, FrameError> {
    Frame::decode(&frame.encode()[4..])
}

fn failed(step: Step) -> JoinError {
    match step.next {
        Next::Failed(reason) => reason,
        other => panic!("it went on: {other:?}"),
    }
}

fn done(step: Step) -> Established {
    match step.next {
        Next::Done(established) => *established,
        other => panic!("not done: {other:?}"),
    }
}

fn seal(from: &mut Established, payload: &[u8]) -> Sealed {
    match sent(from.channel.seal(payload).unwrap()) {
        Ok(Frame::Sealed(sealed)) => sealed,
        other => panic!("no sealed frame: {other:?}"),
    }
}

fn open(at: &mut Established, sealed: Sealed) -> Vec<u8> {
    at.channel.open(sealed).unwrap()
}

/// How it ended on the showing and on the typing side.
type Ended = Result<(Established, Established), (JoinError, JoinError)>;

/// Runs an exchange to its end. What the showing side sent is kept.
fn run(mut shows: Shows, (mut types, hello): (Types, Frame), window: &mut Window) -> (Ended, Vec<Frame>) {
    let now = Instant::now();
    let mut seen = Vec::new();
    let mut frame = hello;
    loop {
        let mut step = shows.on(sent(frame), window, now);
        if let Next::Ask(_) = step.next {
            seen.extend(step.send.take());
            step = shows.answer(true, window, now);
        }
        let answer = step.send.take();
        seen.extend(answer.clone());
        let there = types.on(sent(answer.unwrap()), now);
        match (step.next, there.next) {
            (Next::Done(shown), Next::Done(typed)) => return (Ok((*shown, *typed)), seen),
            (Next::Failed(shown), Next::Failed(typed)) => return (Err((shown, typed)), seen),
            (Next::Listen, Next::Failed(typed)) => {
                let shown = failed(shows.on(sent(there.send.unwrap()), window, now));
                return (Err((shown, typed)), seen);
            }
            (Next::Listen, Next::Listen) => frame = there.send.unwrap(),
            other => panic!("the two do not agree: {other:?}"),
        }
    }
}

#[test]
fn whoever_shows_the_code_the_right_one_brings_them_together() {
    let ((anna, _a), (ben, _b)) = (device(), device());
    for (purpose, home) in [(ADMIT, Some(HOME)), (Purpose::Join, None), (Purpose::Pair, None)] {
        let mut window = window(purpose);
        let (of_types, of_shows) = ends(&ben, &anna);
        let side = purpose.side().other();
        let (ended, _) = run(shows(of_shows, false), types(of_types, side, code_of(&window)), &mut window);
        let (mut shown, mut typed) = ended.unwrap();
        assert_eq!(shown.peer, Peer { node: ben.node_id(), about: About::new("Kitchen-Pi", "linux") });
        assert_eq!(typed.peer, Peer { node: anna.node_id(), about: About::new("Desk", "linux") });
        assert_eq!((shown.home, typed.home), (home, home));
        assert_eq!((shown.side, typed.side), (side, side.other()));
        for _ in 0..3 {
            assert_eq!(open(&mut typed, seal(&mut shown, b"welcome")), b"welcome");
            assert_eq!(open(&mut shown, seal(&mut typed, b"thank you")), b"thank you");
        }
    }
}

#[test]
fn a_link_brings_them_together_and_only_with_the_device_that_made_it() {
    let ((anna, _a), (ben, _b), (mallory, _m)) = (device(), device(), device());
    let mut window = window(ADMIT);
    let link = window.invite().link(anna.node_id(), ["192.168.1.7:7717".parse().unwrap()]);
    let link: lanyard_trust::join::Link = link.to_string().parse().unwrap();
    let secret = Secret::Link(Box::new(link.clone()));
    // The handshake refuses another device already; so does the exchange.
    connect(ben.join_client_config(Some(link.node)), mallory.join_server_config()).unwrap_err();
    let (of_types, _) = ends(&ben, &mallory);
    let about = About::new("Kitchen-Pi", "linux");
    let refused = Types::new(of_types, about, Side::Joiner, secret.clone(), random(), Instant::now());
    assert_eq!(refused.err(), Some(JoinError::Tampered));
    let (of_types, of_shows) = ends(&ben, &anna);
    run(shows(of_shows, false), types(of_types, Side::Joiner, secret), &mut window).0.unwrap();
}

#[test]
fn a_wrong_code_is_refused_and_shows_nothing_that_depends_on_the_code() {
    let ((anna, _a), (ben, _b)) = (device(), device());
    let mut window = window(ADMIT);
    let (of_types, of_shows) = ends(&ben, &anna);
    let wrong = wrong_code(&window);
    let (ended, seen) = run(shows(of_shows, true), types(of_types, Side::Joiner, wrong), &mut window);
    assert_eq!(ended.err(), Some((JoinError::WrongCode, JoinError::WrongCode)));
    assert!(
        matches!(&seen[..], [Frame::Share(_), Frame::Fail { reason: JoinError::WrongCode }]),
        "no tag, no name and no question before a right tag: {seen:?}"
    );
    assert_eq!(window.tries(), 1);
}

#[test]
fn after_three_wrong_tries_from_three_devices_the_right_code_is_refused() {
    let (anna, _a) = device();
    let mut window = window(ADMIT);
    for _ in 0..3 {
        let (stranger, _s) = device();
        let (of_types, of_shows) = ends(&stranger, &anna);
        let wrong = wrong_code(&window);
        let (ended, _) = run(shows(of_shows, false), types(of_types, Side::Joiner, wrong), &mut window);
        assert_eq!(ended.err(), Some((JoinError::WrongCode, JoinError::WrongCode)));
    }
    let (ben, _b) = device();
    let link = window.invite().link(anna.node_id(), ["192.168.1.7:7717".parse().unwrap()]);
    for secret in [code_of(&window), Secret::Link(Box::new(link))] {
        let (of_types, of_shows) = ends(&ben, &anna);
        let (mut shows, (mut types, hello)) = (shows(of_shows, false), types(of_types, Side::Joiner, secret));
        let step = shows.on(sent(hello), &mut window, Instant::now());
        let told = sent(step.send.clone().unwrap());
        assert_eq!(failed(step), JoinError::Burned);
        assert_eq!(failed(types.on(told, Instant::now())), JoinError::Burned);
    }
}

#[test]
fn a_half_thrown_back_is_refused() {
    let ((anna, _a), (mallory, _m)) = (device(), device());
    // As it came, and dressed up as the half of the other side.
    for first in [b'A', b'B'] {
        let mut window = window(Purpose::Pair);
        let (of_types, of_shows) = ends(&mallory, &anna);
        let (_, hello) = types(of_types, Side::Peer, code_of(&window));
        let mut shows = shows(of_shows, false);
        let step = shows.on(sent(hello), &mut window, Instant::now());
        let Some(Frame::Share(share)) = step.send else { panic!("no share") };
        let mut pb = share.pa;
        pb[0] = first;
        let thrown = Frame::Confirm(Confirm { pb, tag: [0; 32] });
        assert_eq!(failed(shows.on(sent(thrown), &mut window, Instant::now())), JoinError::WrongCode);
    }
}

#[test]
fn a_half_that_is_no_point_or_a_weak_one_is_refused() {
    let ((anna, _a), (mallory, _m)) = (device(), device());
    let mut neutral = [0; 33];
    (neutral[0], neutral[1]) = (b'B', 1);
    let halves = [
        vec![],
        vec![b'B'],
        vec![b'B'; 33],
        [&b"B"[..], &[0; 32]].concat(),
        neutral.to_vec(),
        vec![66; 5000],
    ];
    for pb in halves {
        let mut window = window(Purpose::Pair);
        let (of_types, of_shows) = ends(&mallory, &anna);
        let (_, hello) = types(of_types, Side::Peer, code_of(&window));
        let mut shows = shows(of_shows, false);
        let _share = shows.on(sent(hello), &mut window, Instant::now());
        let step = shows.on(Ok(Frame::Confirm(Confirm { pb, tag: [0; 32] })), &mut window, Instant::now());
        assert_eq!(failed(step), JoinError::WrongCode);
    }
}

#[test]
fn a_computer_in_between_that_passes_everything_on_is_noticed() {
    let ((anna, _a), (ben, _b), (mallory, _m)) = (device(), device(), device());
    let mut window = window(ADMIT);
    // Ben is connected to Mallory and Mallory to Anna; the code is right, and every frame is passed on.
    let (of_ben, _) = ends(&ben, &mallory);
    let (_, of_anna) = ends(&mallory, &anna);
    let (ended, seen) =
        run(shows(of_anna, false), types(of_ben, Side::Joiner, code_of(&window)), &mut window);
    assert_eq!(ended.err(), Some((JoinError::WrongCode, JoinError::WrongCode)));
    assert!(!seen.iter().any(|frame| matches!(frame, Frame::Confirmed(_))), "{seen:?}");
}

#[test]
fn each_thing_that_the_halves_are_bound_to_counts() {
    let ((anna, _a), (ben, _b)) = (device(), device());
    let (of_types, of_shows) = ends(&ben, &anna);
    let other = lanyard_trust::NodeId::from_bytes([9; 32]);
    let bent = [
        ("exporter", Ends { exporter: [0; 32], ..of_types.clone() }),
        ("own key", Ends { own: other, ..of_types.clone() }),
        ("other key", Ends { peer: other, ..of_types.clone() }),
    ];
    for (what, bent) in bent {
        let mut window = window(ADMIT);
        let typed = types(bent, Side::Joiner, code_of(&window));
        let (ended, _) = run(shows(of_shows.clone(), false), typed, &mut window);
        assert_eq!(ended.err(), Some((JoinError::WrongCode, JoinError::WrongCode)), "{what}");
    }
    // Home and invite travel in the clear inside the connection; changed on the way, they do not fit.
    for (home, invite) in [(true, false), (false, true)] {
        let mut window = window(ADMIT);
        let mut shows = shows(of_shows.clone(), false);
        let (mut types, hello) = types(of_types.clone(), Side::Joiner, code_of(&window));
        let Some(Frame::Share(mut share)) = shows.on(sent(hello), &mut window, Instant::now()).send else {
            panic!("no share");
        };
        share.home[0] ^= u8::from(home);
        share.invite[0] ^= u8::from(invite);
        let confirm = types.on(Ok(Frame::Share(share)), Instant::now()).send.unwrap();
        assert_eq!(failed(shows.on(sent(confirm), &mut window, Instant::now())), JoinError::WrongCode);
    }
}

#[test]
fn a_recorded_exchange_is_worth_nothing_a_second_time() {
    let ((anna, _a), (ben, _b)) = (device(), device());
    let mut window = Window::open_for(Invite::draw(ADMIT, getrandom::fill).unwrap(), 2, Instant::now());
    let (of_types, of_shows) = ends(&ben, &anna);
    let now = Instant::now();
    let (mut typing, hello) = types(of_types, Side::Joiner, code_of(&window));
    let mut showing = shows(of_shows.clone(), false);
    let share = showing.on(sent(hello.clone()), &mut window, now).send.unwrap();
    let confirm = typing.on(sent(share), now).send.unwrap();
    done(showing.on(sent(confirm.clone()), &mut window, now));
    // The same frames again, even on a connection with the same secret.
    let mut showing = shows(of_shows, false);
    let _share = showing.on(sent(hello), &mut window, now);
    assert_eq!(failed(showing.on(sent(confirm.clone()), &mut window, now)), JoinError::WrongCode);
    assert_eq!(failed(showing.on(sent(confirm), &mut window, now)), JoinError::Tampered, "nor a third");
}

#[test]
fn a_false_device_that_does_not_know_the_code_gets_one_guess_and_is_found_out() {
    // Mallory announces the same two digits, guesses a code and confirms whatever comes.
    let ((ben, _b), (mallory, _m)) = (device(), device());
    let real = window(ADMIT);
    let (of_ben, of_mallory) = ends(&ben, &mallory);
    let (mut types, hello) = types(of_ben, Side::Joiner, code_of(&real));
    let mut guessed = window(ADMIT);
    let mut mallory = shows(of_mallory, false);
    let Frame::Hello(mut hello) = hello else { panic!("no hello") };
    hello.discriminator = Some(guessed.invite().code().discriminator());
    let share = mallory.on(Ok(Frame::Hello(hello)), &mut guessed, Instant::now()).send.unwrap();
    let _confirm = types.on(sent(share), Instant::now());
    let lie =
        lanyard_trust::join::Confirmed { tag: [1; 32], name: "Home".to_owned(), os: "linux".to_owned() };
    assert_eq!(failed(types.on(Ok(Frame::Confirmed(lie)), Instant::now())), JoinError::Tampered);
}

#[test]
fn the_owner_may_say_no_or_nothing() {
    let ((anna, _a), (ben, _b)) = (device(), device());
    for answer in [Some(true), Some(false), None] {
        let mut window = window(ADMIT);
        let (of_types, of_shows) = ends(&ben, &anna);
        let mut now = Instant::now();
        let (mut types, hello) = types(of_types, Side::Joiner, code_of(&window));
        let mut shows = shows(of_shows, true);
        let share = shows.on(sent(hello), &mut window, now).send.unwrap();
        let confirm = types.on(sent(share), now).send.unwrap();
        let step = shows.on(sent(confirm), &mut window, now);
        let Next::Ask(peer) = step.next else { panic!("nobody is asked") };
        assert_eq!((peer.about.name.as_str(), peer.node), ("Kitchen-Pi", ben.node_id()));
        assert!(matches!(types.on(sent(step.send.unwrap()), now).next, Next::Listen));
        // The person takes a minute; the typing side is kept patient, and others are kept out.
        for _ in 0..15 {
            now += WAIT_EVERY;
            assert!(matches!(types.on(Ok(Frame::Wait), now).next, Next::Listen));
        }
        assert_eq!(window.ended(now), None);
        let step = match answer {
            Some(answer) => shows.answer(answer, &mut window, now),
            None => shows.late(&mut window),
        };
        if answer == Some(true) {
            let confirmed = step.send.clone().unwrap();
            done(step);
            done(types.on(sent(confirmed), now));
            assert_eq!(window.ended(now), Some(lanyard_trust::join::End::Used));
        } else {
            let told = step.send.clone().unwrap();
            assert_eq!(failed(step), JoinError::Refused);
            assert_eq!(failed(types.on(sent(told), now)), JoinError::Refused);
            assert_eq!(window.tries(), 1);
        }
    }
}

#[test]
fn an_answer_given_without_a_question_lets_nobody_in() {
    let ((anna, _a), (ben, _b)) = (device(), device());
    let mut window = window(ADMIT);
    let (of_types, of_shows) = ends(&ben, &anna);
    let (_, hello) = types(of_types, Side::Joiner, code_of(&window));
    let mut shows = shows(of_shows, true);
    let _share = shows.on(sent(hello), &mut window, Instant::now());
    assert_eq!(failed(shows.answer(true, &mut window, Instant::now())), JoinError::Refused);
}

#[test]
fn nobody_waits_for_ever() {
    let ((anna, _a), (ben, _b)) = (device(), device());
    let mut window = window(ADMIT);
    let second = Duration::from_secs(1);
    let (of_types, of_shows) = ends(&ben, &anna);
    let start = Instant::now();
    let (mut types, hello) = types(of_types, Side::Joiner, code_of(&window));
    let mut late = shows(of_shows.clone(), false);
    assert!(late.deadline() <= Instant::now() + PATIENCE);
    let step = late.on(sent(hello.clone()), &mut window, start + PATIENCE + second);
    assert_eq!(failed(step), JoinError::Timeout);
    assert_eq!(window.tries(), 0, "nothing of the code was at stake yet");

    let mut shows = shows(of_shows, false);
    let share = shows.on(sent(hello), &mut window, start).send.unwrap();
    let confirm = types.on(sent(share), start).send.unwrap();
    let step = shows.on(sent(confirm), &mut window, start + PATIENCE + second);
    assert_eq!(failed(step), JoinError::Timeout);
    assert_eq!(window.tries(), 1);
    // A showing side that says "wait" for ever.
    let mut now = start;
    let reason = loop {
        now += WAIT_EVERY;
        let step = types.on(Ok(Frame::Wait), now);
        if let Next::Failed(reason) = step.next {
            break reason;
        }
    };
    assert_eq!(reason, JoinError::Timeout);
    assert!(now - start <= ASK_FOR + PATIENCE + WAIT_EVERY, "{:?}", now - start);
}

#[test]
fn what_is_not_about_the_code_costs_no_try() {
    let ((anna, _a), (ben, _b)) = (device(), device());
    let mut window = window(ADMIT);
    let hello = |side, secret| {
        let (of_types, of_shows) = ends(&ben, &anna);
        let (_, hello) = types(of_types, side, secret);
        (shows(of_shows, false), hello)
    };
    let stranger = loop {
        let other = self::window(ADMIT);
        if other.invite().code().discriminator() != window.invite().code().discriminator() {
            break other;
        }
    };
    let link = Secret::Link(Box::new(stranger.invite().link(anna.node_id(), [])));
    let (mut both, Frame::Hello(named_twice)) = hello(Side::Joiner, code_of(&window)) else { panic!() };
    let named_twice = lanyard_trust::join::Hello { invite: Some(window.invite().id()), ..named_twice };
    let step = both.on(Ok(Frame::Hello(named_twice)), &mut window, Instant::now());
    assert_eq!(failed(step), JoinError::NoInvite);
    for (side, secret, reason) in [
        (Side::Joiner, code_of(&stranger), JoinError::NoInvite),
        (Side::Joiner, link, JoinError::NoInvite),
        (Side::Member, code_of(&window), JoinError::SameSide),
        (Side::Peer, code_of(&window), JoinError::SameSide),
    ] {
        let (mut shows, hello) = hello(side, secret);
        assert_eq!(failed(shows.on(sent(hello), &mut window, Instant::now())), reason);
    }
    for (frame, reason) in [
        (Err(FrameError::Version), JoinError::Version),
        (Err(FrameError::Malformed), JoinError::Tampered),
        (Ok(Frame::Wait), JoinError::Tampered),
    ] {
        let (mut shows, _) = hello(Side::Joiner, code_of(&window));
        let step = shows.on(frame, &mut window, Instant::now());
        assert!(matches!(step.send, Some(Frame::Fail { reason: told }) if told == reason));
        assert_eq!(failed(step), reason);
    }
    assert_eq!(window.tries(), 0);
}

#[test]
fn a_showing_side_cannot_name_a_home_that_is_not_its_to_name() {
    let ((anna, _a), (ben, _b)) = (device(), device());
    for (purpose, home) in [(ADMIT, [0; 32]), (Purpose::Join, HOME), (Purpose::Pair, HOME)] {
        let mut window = window(purpose);
        let (of_types, of_shows) = ends(&ben, &anna);
        let (mut types, hello) = types(of_types, purpose.side().other(), code_of(&window));
        let Some(Frame::Share(mut share)) =
            shows(of_shows, false).on(sent(hello), &mut window, Instant::now()).send
        else {
            panic!("no share");
        };
        share.home = home;
        assert_eq!(failed(types.on(Ok(Frame::Share(share)), Instant::now())), JoinError::Tampered);
    }
}

#[test]
fn one_exchange_at_a_time_and_a_lost_connection_makes_room() {
    let ((anna, _a), (ben, _b)) = (device(), device());
    let mut window = window(ADMIT);
    let begin = |window: &mut Window| {
        let (of_types, of_shows) = ends(&ben, &anna);
        let (_, hello) = types(of_types, Side::Joiner, code_of(window));
        let mut shows = shows(of_shows, false);
        let step = shows.on(sent(hello), window, Instant::now());
        (shows, step)
    };
    let (mut first, _share) = begin(&mut window);
    assert_eq!(failed(begin(&mut window).1), JoinError::Busy);
    first.hung_up(&mut window);
    assert!(matches!(begin(&mut window).1.next, Next::Listen));
    assert_eq!(window.tries(), 2, "who hangs up has had a try");
}

#[test]
fn an_invite_that_is_closed_meanwhile_admits_nobody() {
    let ((anna, _a), (ben, _b)) = (device(), device());
    for while_asked in [false, true] {
        let mut window = window(ADMIT);
        let (of_types, of_shows) = ends(&ben, &anna);
        let now = Instant::now();
        let (mut types, hello) = types(of_types, Side::Joiner, code_of(&window));
        let mut shows = shows(of_shows, true);
        let share = shows.on(sent(hello), &mut window, now).send.unwrap();
        let confirm = types.on(sent(share), now).send.unwrap();
        let step = if while_asked {
            let _ask = shows.on(sent(confirm), &mut window, now);
            window.close();
            shows.answer(true, &mut window, now)
        } else {
            window.close();
            shows.on(sent(confirm), &mut window, now)
        };
        assert_eq!(failed(step), JoinError::NoInvite);
    }
}

#[test]
fn a_sealed_payload_opens_once_in_its_place_and_unchanged() {
    let ((anna, _a), (ben, _b)) = (device(), device());
    let mut window = window(Purpose::Pair);
    let (of_types, of_shows) = ends(&ben, &anna);
    let (ended, _) = run(shows(of_shows, false), types(of_types, Side::Peer, code_of(&window)), &mut window);
    let (mut shown, mut typed) = ended.unwrap();
    let (first, second) = (seal(&mut shown, b"one"), seal(&mut shown, b"two"));
    assert_eq!(typed.channel.open(second.clone()), Err(SealError::Tampered), "not before the first");
    assert_eq!(shown.channel.open(first.clone()), Err(SealError::Tampered), "not where it came from");
    for at in 0..first.data.len() {
        let mut bent = first.clone();
        bent.data[at] ^= 1;
        assert_eq!(typed.channel.open(bent), Err(SealError::Tampered));
    }
    assert_eq!(typed.channel.open(Sealed { data: vec![] }), Err(SealError::Tampered));
    assert_eq!(open(&mut typed, first.clone()), b"one");
    assert_eq!(typed.channel.open(first), Err(SealError::Tampered), "not twice");
    assert_eq!(open(&mut typed, second), b"two");
    let too_much = vec![0; lanyard_trust::join::MOST_SEALED + 1];
    assert!(matches!(shown.channel.seal(&too_much), Err(SealError::TooLong)));
}

#[test]
fn a_connection_that_is_not_for_joining_has_no_ends() {
    let ((anna, _a), (ben, _b)) = (device(), device());
    let (client, _) = connect(anna.client_config(None), ben.server_config()).unwrap();
    assert!(Ends::of(anna.node_id(), &client).is_none());
    connect(anna.client_config(None), ben.join_server_config()).unwrap_err();
    connect(anna.join_client_config(None), ben.server_config()).unwrap_err();
}

#[test]
fn a_name_from_the_other_side_is_cleaned() {
    let ((anna, _a), (ben, _b)) = (device(), device());
    let mut window = window(Purpose::Pair);
    let (of_types, of_shows) = ends(&ben, &anna);
    let (types, hello) = types(of_types, Side::Peer, code_of(&window));
    let Frame::Hello(mut hello) = hello else { panic!("no hello") };
    hello.name = format!("\u{202e}evil\n\u{0}{}", "x".repeat(500));
    hello.os = "<script>".to_owned();
    let (ended, _) = run(shows(of_shows, false), (types, Frame::Hello(hello)), &mut window);
    let about = ended.unwrap().0.peer.about;
    assert_eq!(about.name, format!("evil {}", "x".repeat(59)));
    assert_eq!(about.os, "unknown");
}

#[test]
fn an_exchange_takes_no_time_that_a_person_notices() {
    let ((anna, _a), (ben, _b)) = (device(), device());
    let (of_types, of_shows) = ends(&ben, &anna);
    let mut fastest = Duration::MAX;
    for _ in 0..10 {
        let mut window = window(ADMIT);
        let typed = types(of_types.clone(), Side::Joiner, code_of(&window));
        let showed = shows(of_shows.clone(), false);
        let start = Instant::now();
        run(showed, typed, &mut window).0.unwrap();
        fastest = fastest.min(start.elapsed());
    }
    println!("both sides of an exchange together: {fastest:?}");
    assert!(fastest < Duration::from_millis(500), "{fastest:?}");
}
