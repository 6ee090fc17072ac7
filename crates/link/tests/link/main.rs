//! Two real ends over the loopback interface.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod bodies;
mod calls;
mod doors;
mod flood;
mod hostile;
mod node;
mod plain;
mod sessions;
mod stop;
