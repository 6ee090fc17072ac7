//! What a printer in the network, or one that claims to be one, says of itself and its jobs.

pub(crate) fn run(bytes: &[u8]) {
    lanyard_print::fuzzing::answered(bytes);
}
