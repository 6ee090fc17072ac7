//! A document, as a child looks at it first: PDF, pictures, drawings, text.

pub(crate) fn run(bytes: &[u8]) {
    lanyard_print::fuzzing::inspect(bytes);
}
