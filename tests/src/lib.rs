//! The LAN laboratory: computers, cables, printers and bad luck, inside one Linux machine.
//!
//! Every host is a set of namespaces (network, mounts, host name, processes) with its own node, its own data and,
//! where a scenario needs one, its own CUPS. Nothing here reaches the machine's real network: a switch is a bridge in
//! a namespace without any way out. Everything dies with the process that made it, also when that is killed: see
//! [`host`].
//!
//! The scenarios themselves are in `tests/laboratory/`. The laboratory holds no expectations about Lanyard.

#![cfg(target_os = "linux")]

pub mod conformance;
pub mod desktop;
pub mod documents;
pub mod host;
pub mod impair;
pub mod inside;
pub mod lab;
pub mod mdns;
pub mod middle;
pub mod node;
pub mod printer;
pub mod python;
pub mod runner;
pub mod scratch;
pub mod sessions;
pub mod standard;
pub mod wait;

pub use desktop::{Advert, Desktop};
pub use host::{Host, Process};
pub use lab::{DirectCable, Lab};
pub use node::{Node, Setup};
pub use printer::PaperPrinter;
pub use standard::StandardPrinter;
pub use wait::{Hopeless, soon, stays};
