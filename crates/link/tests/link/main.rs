//! Two real ends over the loopback interface.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod bodies;
mod calls;
mod hostile;
mod node;
mod stop;
