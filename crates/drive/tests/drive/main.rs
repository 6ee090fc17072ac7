//! The two halves of drives over a real link on loopback: what is copied is whole and identical or not there, and
//! nobody leaves a share.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod changes;
mod confined;
mod dav;
#[cfg(unix)]
mod discs;
mod download;
mod faults;
mod listing;
#[cfg(target_os = "linux")]
mod mounted;
mod searching;
mod several;
mod tree;
mod turns;
mod upload;
mod versions;
mod world;
