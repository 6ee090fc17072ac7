//! Decoders that are nobody else's business, for the fuzz targets (`docs/fuzzing.md`).

pub use crate::offer::dav::fuzzing::dav;
