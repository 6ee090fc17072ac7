//! Two devices that never met become sure of each other by a short code, or by a link with a long secret.
//!
//! One side **shows** a code, a person **types** it into the other. Which of the two already belongs to the home is
//! another question ([`Side`]): either may show. They are connected by TLS 1.3 with their raw keys, about which they
//! know nothing yet, and run SPAKE2 over that connection with the code as the password:
//!
//! ```text
//! types → shows   Hello     version, which invite, which side, name, system
//! shows → types   Share     home, invite, its half of the exchange      from here on a try is counted
//! types → shows   Confirm   its half, and a tag that only the right code can make
//! shows → types   Wait*     while a person is asked
//! shows → types   Confirmed a tag the other way, name, system
//! both            Sealed    what the two have to tell each other, under the new key
//! either          Fail      why not
//! ```
//!
//! The typing side proves the code first: whoever connects without knowing it sees no tag before the one guess of this
//! exchange is spent, and three guesses end the invite, whoever made them. Both halves are bound to the connection
//! (the TLS exporter), to both keys, to the invite, to both sides and to the home, so that a computer in between that
//! passes everything on between two connections of its own is noticed.
//!
//! *The home that is bound* is the one in `Share`: the home of the side that shows if that is a [`Side::Member`], and
//! 32 zero bytes if it is a [`Side::Joiner`] or a [`Side::Peer`]. A home that only the typing side knows travels sealed.
//!
//! `docs/joining.md` has it byte for byte. Everything here is pure: time, random bytes and frames go in, frames and decisions come out. Connections, asking
//! people, what is in the sealed payloads and what it means to be a member are somebody else's.

mod candidates;
mod channel;
mod code;
mod frame;
mod link;
mod pake;
mod shows;
mod types;
mod window;

pub use candidates::{Candidates, MOST_CANDIDATES};
pub use channel::{Channel, MOST_SEALED, SealError};
pub use code::{Code, ParseCodeError};
pub use frame::{
    Confirm, Confirmed, Frame, FrameError, Hello, LONGEST_FRAME, LONGEST_SEALED, Sealed, Share, VERSION,
};
pub use link::{Link, ParseLinkError};
pub use pake::{Pake, Random, Role, Spake};
pub use shows::Shows;
pub use types::{Secret, Types};
pub use window::{End, Invite, Purpose, Rate, Ticket, Window};

use crate::{NodeId, identity::peer_id, names};
use rustls::ConnectionCommon;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long an invite is open.
pub const OPEN_FOR: Duration = Duration::from_secs(10 * 60);
/// Failed tries that end an invite, all addresses and both kinds of secret together.
pub const TRIES: u8 = 3;
/// How long one side waits for the other's next frame.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// How long the owner of the showing device has to say yes.
pub const ASK_FOR: Duration = Duration::from_secs(2 * 60);
/// How often the showing side sends [`Frame::Wait`] while its owner is asked.
pub const WAIT_EVERY: Duration = Duration::from_secs(4);

/// RFC 5705 label of the secret of the connection that both halves are bound to.
const EXPORTER: &[u8] = b"EXPORTER-lanyard-join-v1";

/// What a device is in a join. A member and a joiner go together, and two peers do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Belongs to the home.
    Member,
    /// Wants to.
    Joiner,
    /// Two devices that get to know each other without a home.
    Peer,
}

impl Side {
    /// What the other one must be.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Member => Self::Joiner,
            Self::Joiner => Self::Member,
            Self::Peer => Self::Peer,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Joiner => "joiner",
            Self::Peer => "peer",
        }
    }
}

/// How a device presents itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// Clean (see [`names::clean`]), at most [`names::MAX_NAME`] bytes. Claimed, not proven.
    pub name: String,
    /// `linux`, `macos`, `windows` or another short word; chooses a picture and nothing else.
    pub os: String,
}

impl About {
    /// Makes both fit to be sent and shown. A name of which nothing is left becomes `?`.
    #[must_use]
    pub fn new(name: &str, os: &str) -> Self {
        let short = (1..=16).contains(&os.len())
            && os.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        Self {
            name: names::clean(name).unwrap_or_else(|| "?".to_owned()),
            os: if short { os.to_owned() } else { "unknown".to_owned() },
        }
    }
}

/// The device at the other end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The key it proved in the handshake.
    pub node: NodeId,
    /// What it says of itself.
    pub about: About,
}

/// Who the two ends of a connection are, and the secret that only this connection has.
#[derive(Clone)]
pub struct Ends {
    /// This device.
    pub own: NodeId,
    /// The key that the other end proved.
    pub peer: NodeId,
    /// 32 bytes exported from the TLS connection.
    pub exporter: [u8; 32],
}

impl Ends {
    /// Reads them from a TLS connection whose handshake is done. None when it is not, when the other end showed no
    /// raw key, or when the connection is not for joining (ALPN [`crate::identity::JOIN_ALPN`]).
    #[must_use]
    pub fn of<Data>(own: NodeId, connection: &ConnectionCommon<Data>) -> Option<Self> {
        if connection.alpn_protocol() != Some(crate::identity::JOIN_ALPN) {
            return None;
        }
        let peer = peer_id(connection.peer_certificates())?;
        let exporter = connection.export_keying_material([0; 32], EXPORTER, None).ok()?;
        Some(Self { own, peer, exporter })
    }
}

impl std::fmt::Debug for Ends {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ends").field("own", &self.own).field("peer", &self.peer).finish_non_exhaustive()
    }
}

/// Why two devices did not come together. Travels in [`Frame::Fail`] as a word in snake case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum JoinError {
    /// The code typed is not the code shown, or somebody is in between.
    #[error("the code is not right")]
    WrongCode,
    /// Three tries failed; the code is good for nothing any more.
    #[error("someone tried a wrong code three times; make a new one")]
    Burned,
    /// The ten minutes are over.
    #[error("the code is too old; make a new one")]
    Expired,
    /// Another device is just joining with this code.
    #[error("another device is just joining; try again in a moment")]
    Busy,
    /// The two do not speak a common version.
    #[error("the other device has another version of Lanyard; bring both up to date")]
    Version,
    /// A person said no, or did not answer.
    #[error("it was refused on the other device")]
    Refused,
    /// The other side did not answer in time.
    #[error("the other device did not answer in time")]
    Timeout,
    /// What came does not fit the protocol, or a proof was wrong that only an attack makes wrong.
    #[error("the connection was disturbed; somebody may be in between")]
    Tampered,
    /// No such code or link is open there.
    #[error("no such code is shown there")]
    NoInvite,
    /// Both belong to a home, or neither does.
    #[error("these two cannot join: both are in a home already, or neither is")]
    SameSide,
    /// A reason that only a newer Lanyard knows.
    #[error("the other device could not go on")]
    #[serde(other)]
    Other,
}

/// What to do after a frame, an answer or a deadline.
#[derive(Debug)]
pub struct Step {
    /// Send this first, if anything.
    pub send: Option<Frame>,
    /// And then this.
    pub next: Next,
}

/// How it goes on.
#[derive(Debug)]
pub enum Next {
    /// Wait for a frame, until the deadline.
    Listen,
    /// Ask the owner about this device and tell the answer to [`Shows::answer`]; send [`Frame::Wait`] every
    /// [`WAIT_EVERY`] meanwhile.
    Ask(Peer),
    /// The two are sure of each other.
    Done(Box<Established>),
    /// It is over; close the connection once the frame is sent.
    Failed(JoinError),
}

/// Two devices that are sure of each other.
#[derive(Debug)]
pub struct Established {
    /// The other one.
    pub peer: Peer,
    /// What the other one is.
    pub side: Side,
    /// The home that was bound: the home of a showing member, none otherwise.
    pub home: Option<[u8; 32]>,
    /// Seals what they have to tell each other.
    pub channel: Channel,
}

impl Step {
    fn listen(send: Option<Frame>) -> Self {
        Self { send, next: Next::Listen }
    }

    fn failed(reason: JoinError) -> Self {
        Self { send: Some(Frame::Fail { reason }), next: Next::Failed(reason) }
    }

    /// The other side has said why, or is gone: there is nobody to tell.
    fn ended(reason: JoinError) -> Self {
        Self { send: None, next: Next::Failed(reason) }
    }
}
