//! A disc as a stranger may have made it, beginning with discs that are ISO 9660.

pub(crate) fn run(bytes: &[u8]) {
    lanyard_drive::fuzzing::disc(bytes);
}
