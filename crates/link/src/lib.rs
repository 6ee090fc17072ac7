//! Authenticated connections between nodes: HTTP/1.1 over TLS 1.3 with raw public keys on both sides.
//!
//! [`Listener`] takes connections and hands each request with its proven [`Caller`] to a [`Serve`]; [`Peers`]
//! sends requests to a device wherever it can be reached. The same port lets in two more kinds of callers while its
//! [`Doors`] are open to them: devices that want to join, each to a [`Meeting`], and visitors without a key, whose
//! requests go to a [`Visit`]. [`Sessions`] cuts all connections of a device.
//!
//! Deadlines, connection limits, address racing, pools and retries live here. What a request means, whether the caller
//! may, who joins, and when a door is open, is decided by others.

pub mod body;
pub mod client;
mod meeting;
mod progress;
pub mod server;
mod wire;

pub use body::{Body, BodyError, Incoming};
pub use client::{Greeted, LinkError, Peers};
pub use meeting::{Duplex, Join, Meeting};
pub use server::{Caller, Doors, Limits, Listener, Serve, Sessions, Visit, Visitor, Web};
