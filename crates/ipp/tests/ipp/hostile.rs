//! What a hostile client sends.

use crate::values;
use lanyard_ipp::{DecodeError, Limits, Message, Scanner};
use proptest::prelude::*;
use std::time::{Duration, Instant};

/// A request's header and the beginning of its first group.
fn begun() -> Vec<u8> {
    vec![2, 0, 0, 0x0b, 0, 0, 0, 1, 1]
}

fn put(bytes: &mut Vec<u8>, tag: u8, name: &[u8], value: &[u8]) {
    bytes.push(tag);
    for part in [name, value] {
        bytes.extend(u16::try_from(part.len()).unwrap().to_be_bytes());
        bytes.extend(part);
    }
}

#[test]
fn nested_collections_are_refused_before_they_are_whole() {
    let mut bytes = begun();
    put(&mut bytes, 0x34, b"media-col", b"");
    for _ in 0..40_000 {
        put(&mut bytes, 0x4a, b"", b"a");
        put(&mut bytes, 0x34, b"", b"");
    }
    let began = Instant::now();
    assert_eq!(Scanner::new(Limits::REQUEST).advance(&bytes), Err(DecodeError::TooDeep));
    assert_eq!(Message::decode(&bytes, Limits::REQUEST), Err(DecodeError::TooDeep));
    assert!(began.elapsed() < Duration::from_secs(1), "in time that does not grow with the nesting");
}

#[test]
fn too_many_values_and_too_many_bytes_are_refused() {
    let mut bytes = begun();
    put(&mut bytes, 0x21, b"copies", &[0, 0, 0, 1]);
    for _ in 0..9_000 {
        put(&mut bytes, 0x21, b"", &[0, 0, 0, 1]);
    }
    assert_eq!(Message::decode(&bytes, Limits::REQUEST), Err(DecodeError::TooMany));
    let mut bytes = begun();
    for _ in 0..10 {
        put(&mut bytes, 0x41, b"t", &[b'x'; 32_000]);
    }
    assert_eq!(Message::decode(&bytes, Limits::REQUEST), Err(DecodeError::TooLong(Limits::REQUEST.bytes)));
}

#[test]
fn what_stands_in_the_wrong_place_is_refused() {
    let refused = |parts: &[(u8, &[u8], &[u8])]| {
        let mut bytes = begun();
        for (tag, name, value) in parts {
            put(&mut bytes, *tag, name, value);
        }
        bytes.push(3);
        matches!(Message::decode(&bytes, Limits::REQUEST), Err(DecodeError::Malformed(_)))
    };
    assert!(refused(&[(0x44, b"", b"x")]), "a further value of nothing");
    assert!(refused(&[(0x4a, b"", b"x")]), "a member outside of a collection");
    assert!(refused(&[(0x37, b"", b"")]), "the end of no collection");
    assert!(refused(&[(0x34, b"c", b""), (0x44, b"", b"x")]), "a value without a member");
    assert!(refused(&[(0x34, b"c", b""), (0x4a, b"", b"m"), (0x37, b"", b"")]), "a member without a value");
    assert!(refused(&[(0x34, b"c", b"")]), "a collection without an end");
    assert!(refused(&[(0x21, b"n", &[0, 0, 1])]), "an integer of three octets");
    assert!(refused(&[(0x35, b"t", b"\0\x20en")]), "a language longer than its value");
    let mut bytes = begun();
    bytes.extend([0x44, 0xff, 0xff]);
    assert!(
        matches!(Message::decode(&bytes, Limits::REQUEST), Err(DecodeError::Malformed(_))),
        "a negative length"
    );
    let no_group = [&[2, 0, 0, 0x0b, 0, 0, 0, 1][..], &[0x44, 0, 1, b'n', 0, 1, b'v', 3][..]].concat();
    assert!(matches!(Message::decode(&no_group, Limits::REQUEST), Err(DecodeError::Malformed(_))));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_do_any_harm(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = Message::decode(&bytes, Limits::REQUEST);
    }

    #[test]
    fn a_changed_message_does_no_harm(
        message in values::message(values::value()),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = message.encode();
        for (at, to) in changes {
            let at = at.index(bytes.len());
            bytes[at] = to;
        }
        if let Ok((read, _)) = Message::decode(&bytes, Limits::ANSWER) {
            // What was accepted can be said again: it is read as the same, unless it was no UTF-8.
            let limits = Limits { bytes: 8 << 20, ..Limits::ANSWER };
            let again = Message::decode(&read.encode(), limits);
            prop_assert!(again.is_ok(), "{again:?}");
        }
    }
}
