//! Authenticated connections between nodes: HTTP/1.1 over TLS 1.3 with raw public keys on both sides.
//!
//! [`Listener`] takes connections and hands each request with its proven [`Caller`] to a [`Serve`]; [`Peers`]
//! sends requests to a device wherever it can be reached. Deadlines, connection limits, address racing, pools and
//! retries live here. What a request means, and whether the caller may, is decided by others.

pub mod body;
pub mod client;
mod progress;
pub mod server;
mod wire;

pub use body::{Body, BodyError, Incoming};
pub use client::{Greeted, LinkError, Peers};
pub use server::{Caller, Limits, Listener, Serve};
