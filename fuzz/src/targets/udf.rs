//! A disc as a stranger may have made it, beginning with discs that are UDF, whose sums are not looked at here.

pub(crate) fn run(bytes: &[u8]) {
    lanyard_drive::fuzzing::disc(bytes);
}
