//! An IPP Everywhere printer, for clients that are not Lanyard (RFC 8010, RFC 8011, PWG 5100.14).
//!
//! The server answers one HTTP request for one [`Printer`]. It reads the message within limits, checks it, and does
//! what it asks; who may ask at all is decided before it gets here, by a door.

mod printer;

pub use printer::{Document, Facts, More, NewJob, Printer, Progress, Refused};
