//! Who proves what in a handshake and in a join, and what becomes of the key file.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod checkpoint_network;
mod checkpoints;
mod handshake;
mod join;
mod key_file;
mod lessons;
mod machine;
mod membership;
mod membership_network;
mod python;
mod web;
