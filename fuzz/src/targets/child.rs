//! What a child that read a hostile document writes back.

pub(crate) fn run(bytes: &[u8]) {
    lanyard_print::fuzzing::answer(bytes);
}
