//! Browse and copy from and to other devices: the asking half.
//!
//! [`browse`] asks single questions, [`ahead`] the next one of a long folder, and [`remote`] has single things done; [`transfers`] keeps copies that survive
//! everything but their own cancellation; [`stream`] hands a verified file straight on, [`play`] some bytes of one to a player; [`search`] looks
//! for names; `mount` shows a drive as a folder
//! of this computer (Linux). Where a device is reached, and under which name a person knows a drive, is the node's
//! business.

pub mod ahead;
pub mod browse;
mod download;
mod journal;
mod limit;
#[cfg(target_os = "linux")]
pub mod mount;
pub mod play;
pub mod remote;
mod schedule;
pub mod search;
pub mod stream;
pub mod transfer;
pub mod transfers;
mod tree;
mod trouble;
mod upload;

pub use browse::{Remote, RemoteError};
pub use limit::SLOWEST;
pub use transfer::{Conflict, Direction, Fate, Note, Reason, State, Transfer, Tree};
pub use transfers::{BeginError, NewDownload, NewUpload, Source, Sources, Transfers};
pub use trouble::{local_words, remote_words};
