//! What was written is what is read, however it arrives.

use crate::values;
use lanyard_ipp::{DecodeError, Limits, Message, Scanner};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_message_survives_its_way_and_the_document_behind_it_is_left_alone(
        message in values::message(values::value()),
        document in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let mut bytes = message.encode();
        let length = bytes.len();
        bytes.extend(&document);
        let (read, end) = Message::decode(&bytes, Limits::ANSWER).unwrap();
        prop_assert_eq!(read, message);
        prop_assert_eq!(end, length, "the document begins where the message ends");
    }

    #[test]
    fn a_message_that_comes_in_pieces_ends_where_it_ends(
        message in values::message(values::value()),
        step in 1_usize..50,
    ) {
        let mut bytes = message.encode();
        let length = bytes.len();
        bytes.extend(b"%PDF-1.7");
        let mut scanner = Scanner::new(Limits::ANSWER);
        let found = (0..=bytes.len()).step_by(step).chain([bytes.len()]).find_map(|end| {
            scanner.advance(&bytes[..end]).unwrap()
        });
        prop_assert_eq!(found, Some(length));
    }

    #[test]
    fn a_message_that_is_cut_off_is_no_message(message in values::message(values::value()), part in 0.0..1.0) {
        let bytes = message.encode();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let end = (part * (bytes.len() - 1) as f64) as usize;
        prop_assert_eq!(Message::decode(&bytes[..end], Limits::ANSWER), Err(DecodeError::Cut));
    }
}
