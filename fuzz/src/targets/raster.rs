//! PWG raster and URF, as phones send them.

pub(crate) fn run(bytes: &[u8]) {
    lanyard_print::fuzzing::raster(bytes);
}
