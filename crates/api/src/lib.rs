//! The one list of what a front end can ask of the node on its own computer.
//!
//! The desktop shell, the command line and the browser page all carry these enums as JSON; the
//! TypeScript in `ui/src/api/` is generated from them. This is not the protocol between nodes:
//! that one lives in `link`, `print` and `drive` and may change at its own pace.

pub mod ask;
pub mod check;
pub mod device;
pub mod disc;
pub mod drive;
pub mod error;
pub mod event;
pub mod home;
pub mod look;
pub mod mount;
pub mod print;
pub mod request;
pub mod send;
pub mod share;
pub mod tree;

pub use ask::{Access, Answer, Ask, NewPass, Pass, PassAction};
pub use check::{Check, CheckKind, Finding, FixAction, Outcome, Remedy};
pub use device::{
    CheckSign, Device, DeviceState, Nearby, Network, NetworkProfile, NodeStatus, Os, Relation, SharingState,
};
pub use disc::{Medium, MediumKind, MediumNote};
pub use drive::{Conflict, Drive, Entry, EntryKind, Listing, Transfer, TransferDirection, TransferState};
pub use error::{ApiError, ErrorCode};
pub use event::{Change, Event, Snapshot};
pub use home::{
    Founded, Home, HomeState, Invite, InviteDevice, InviteState, Member, Paired, Purpose, Role, Window,
};
pub use look::{Hit, Look, NoLook, Playable, Search, Unseen};
pub use mount::{Binned, DriveAddress, Mount, MountNote};
pub use print::{
    ColorMode, Difference, Document, Job, JobAction, JobDirection, JobState, MOST_AT_ONCE, Orientation,
    Preview, PrintOptions, Printed, Printer, PrinterCapabilities, PrinterState, Quality, Queue, Scaling,
    Sides, Supply,
};
pub use request::{Request, Response};
pub use send::{Inbox, InboxSender, Sending, SendingState};
pub use share::{Audience, FolderAddress, Grant, QuietHours, Share, ShareKind, SharePolicy};
pub use tree::{TransferFate, TransferNote, TransferTree};

/// Milliseconds since the Unix epoch, as JavaScript's `Date` takes them.
pub type Millis = i64;
