//! Who this device is and who may do what.
//!
//! The device's key, the homes it belongs to, the names people give things, and the one decision function that every
//! door asks. Keys never leave this crate: it hands out TLS configurations, not secrets. No sockets, no tables; time comes in as
//! an argument.

pub mod check;
pub mod gate;
pub mod identity;
pub mod join;
pub mod membership;
pub mod names;
pub mod node_id;
pub mod policy;
pub mod recovery;
pub mod web;

pub use identity::{Identity, IdentityError};
pub use membership::{HomeId, Log, Op, OpId, Role, Signer, State};
pub use node_id::NodeId;
pub use policy::{
    Action, Audience, Claim, Decision, Gate, Grant, Now, PassId, PlainId, Policy, QuietHours, Refusal,
    ShareId, Standing, Subject, Terms, Until, Used, Who, decide, grant_for,
};
pub use recovery::{RecoveryCode, RecoveryKey};
