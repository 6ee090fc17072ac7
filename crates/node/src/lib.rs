//! One running node: the rooms wired together, the store, the numbered events, the doors.
//!
//! [`Node::start`] brings everything up, [`Node::handle`] answers a front end, [`Node::subscribe`] streams what
//! changes, [`Node::stop`] says goodbye and leaves nothing in flight unsaved. Protocol details live in the rooms
//! below; this crate composes them and converts their types into `lanyard-api`'s.

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod arenas;
pub mod asks;
pub mod attach;
pub mod circle;
pub mod clock;
pub mod config;
pub mod confine;
pub mod core;
pub mod discs;
pub mod doctor;
pub mod doors;
pub mod drives;
pub mod events;
#[cfg(fuzzing)]
pub mod fuzzing;
pub mod gateway;
pub mod guests;
pub mod handle;
pub mod home;
pub mod inbox;
pub mod lock;
pub mod logs;
pub mod mounts;
pub mod moved;
pub mod names;
pub mod networks;
pub mod node;
#[cfg(target_os = "linux")]
mod pages;
pub mod pause;
pub mod plain;
pub mod presence;
pub mod printing;
mod qr;
mod secret;
pub mod sends;
pub mod settings;
pub mod shares;
pub mod status;
pub mod uploads;
pub mod web;
pub mod wire;
mod words;

pub use attach::Attached;
pub use config::{Config, DataDir};
pub use core::Core;
pub use lanyard_print::document::inside::answer_if_child;
pub use node::{Node, StartError};
