//! What a sender wants done with a document: a header of a request.

use lanyard_print::ticket::Ticket;

pub(crate) fn run(bytes: &[u8]) {
    let Ok(ticket) = Ticket::from_header(bytes) else { return };
    let again = Ticket::from_header(ticket.to_header().as_bytes());
    assert!(again.is_ok_and(|again| again == ticket), "{ticket:?}");
}
