//! A message of the Internet Printing Protocol, as it arrives and as it is written again.

use lanyard_ipp::{Limits, Message, Scanner};

/// So tight that small inputs reach them.
const TIGHT: Limits = Limits { bytes: 512, attributes: 8, values: 12, depth: 2 };

pub(crate) fn run(bytes: &[u8]) {
    for limits in [Limits::REQUEST, TIGHT] {
        let at_once = Scanner::new(limits).advance(bytes);
        let mut scanner = Scanner::new(limits);
        let mut in_pieces = Ok(None);
        for arrived in 0..=bytes.len() {
            in_pieces = scanner.advance(&bytes[..arrived]);
            if in_pieces != Ok(None) {
                break;
            }
        }
        assert_eq!(in_pieces, at_once, "where a message ends depends on how it arrives");
        let Ok((message, length)) = Message::decode(bytes, limits) else { continue };
        assert_eq!(at_once, Ok(Some(length)));
        let written = message.encode();
        let again = Message::decode(&written, Limits::ANSWER).map(|(again, length)| (again.encode(), length));
        assert_eq!(again, Ok((written.clone(), written.len())), "what was read is not what is written");
    }
}
