//! The codec from outside: against another implementation, against what hostile clients send.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "ipp/hostile.rs"]
mod hostile;
#[path = "ipp/oracle.rs"]
mod oracle;
#[path = "ipp/round_trip.rs"]
mod round_trip;
#[path = "ipp/values.rs"]
mod values;
