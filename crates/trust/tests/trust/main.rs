//! Who proves what in a handshake, and what becomes of the key file.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod handshake;
mod key_file;
mod membership;
mod membership_network;
