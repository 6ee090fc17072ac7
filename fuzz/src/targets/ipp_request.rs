//! What a phone or another system's print dialog asks of a printer.

pub(crate) fn run(bytes: &[u8]) {
    lanyard_print::fuzzing::request(bytes);
}
