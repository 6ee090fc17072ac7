//! Documents as sides of paper, and sides as pictures.
//!
//! [`sides`] says which page of a document goes where on which side: one answer, from which the preview is drawn
//! ([`page`]), the printer's own raster is written ([`raster`]), and the PDF is laid out that a queue gets
//! ([`crate::document::impose`]). So what was shown is what is printed. The drawing is `hayro`'s, in bands, so that a
//! large side does not need the memory of its pixels.
//!
//! All of it reads strangers' documents and runs in the child that [`crate::document::inside`] describes.

pub mod page;
pub mod raster;
pub mod sides;
