//! The exchange itself: two devices that know the same short secret make a key that nobody learns who listens, and
//! whoever is in between gets one guess.

use super::{Channel, Side};
use crate::NodeId;
use rand_core::{CryptoRng, RngCore, impls};
use ring::{
    aead::{self, UnboundKey},
    hkdf, hmac,
};
use spake2::{Ed25519Group, Identity, Password, Spake2};
use std::fmt;

/// Who shows the code and who types it. Independent of who is the member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Shows the code and listens. `A` in SPAKE2.
    Shows,
    /// Types the code and connects. `B` in SPAKE2.
    Types,
}

impl Role {
    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Shows => Self::Types,
            Self::Types => Self::Shows,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Shows => "shows",
            Self::Types => "types",
        }
    }
}

/// 64 random bytes for one exchange. Used up by it: a second exchange with the same ones would give the secret away.
pub struct Random([u8; 64]);

impl Random {
    /// Draws them. `random` fills a buffer with random bytes (`getrandom::fill`).
    ///
    /// # Errors
    /// The error of `random`.
    pub fn draw(
        mut random: impl FnMut(&mut [u8]) -> Result<(), getrandom::Error>,
    ) -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 64];
        random(&mut bytes)?;
        Ok(Self(bytes))
    }
}

impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Random")
    }
}

/// A password-authenticated key exchange in two messages, either of which may come first.
pub trait Pake: Sized {
    /// Tells two of them apart on the wire.
    const VERSION: u8;

    /// Begins, and gives the message for the other side. `shows` and `types` are what each side is bound to.
    fn start(role: Role, password: &[u8], shows: &[u8], types: &[u8], random: Random) -> (Self, Vec<u8>);

    /// The key, if the other side's message is one at all. Whether both have the same is for the tags to say.
    fn finish(self, message: &[u8]) -> Option<Vec<u8>>;
}

/// SPAKE2 over Ed25519 as the crate `spake2` and its Python namesake do it (older than RFC 9382 and not the same).
///
/// Nobody has reviewed the crate formally, and it may not take the same time for every secret. That is enough for a
/// random secret that is used once, where three wrong guesses end it. CPace is to take its place as version 2.
pub struct Spake(Spake2<Ed25519Group>);

impl Pake for Spake {
    const VERSION: u8 = 1;

    fn start(role: Role, password: &[u8], shows: &[u8], types: &[u8], random: Random) -> (Self, Vec<u8>) {
        let (password, shows, types) = (Password::new(password), Identity::new(shows), Identity::new(types));
        let random = Drawn { bytes: random.0, used: 0 };
        let (state, message) = match role {
            Role::Shows => Spake2::start_a_with_rng(&password, &shows, &types, random),
            Role::Types => Spake2::start_b_with_rng(&password, &shows, &types, random),
        };
        (Self(state), message)
    }

    fn finish(self, message: &[u8]) -> Option<Vec<u8>> {
        self.0.finish(message).ok()
    }
}

impl fmt::Debug for Spake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Spake")
    }
}

/// Hands out the bytes that were drawn, to a library that wants to draw itself. It takes 64 for its one scalar.
struct Drawn {
    bytes: [u8; 64],
    used: usize,
}

impl RngCore for Drawn {
    fn next_u32(&mut self) -> u32 {
        impls::next_u32_via_fill(self)
    }

    fn next_u64(&mut self) -> u64 {
        impls::next_u64_via_fill(self)
    }

    fn fill_bytes(&mut self, wanted: &mut [u8]) {
        // More than was drawn would have to repeat something, and that is never right.
        assert!(self.used + wanted.len() <= self.bytes.len(), "the exchange draws one scalar");
        wanted.copy_from_slice(&self.bytes[self.used..self.used + wanted.len()]);
        self.used += wanted.len();
    }

    fn try_fill_bytes(&mut self, wanted: &mut [u8]) -> Result<(), rand_core::Error> {
        self.fill_bytes(wanted);
        Ok(())
    }
}

impl CryptoRng for Drawn {}

/// All that a run is bound to. If the two sides disagree about any of it, they get different keys.
#[derive(Clone, Debug)]
pub(super) struct Bound {
    pub(super) home: [u8; 32],
    pub(super) invite: [u8; 16],
    /// What the showing side is; the typing side is the other.
    pub(super) side: Side,
    pub(super) shows: NodeId,
    pub(super) types: NodeId,
    pub(super) exporter: [u8; 32],
}

impl Bound {
    fn identity(&self, role: Role) -> Vec<u8> {
        let (side, node) = match role {
            Role::Shows => (self.side, self.shows),
            Role::Types => (self.side.other(), self.types),
        };
        let mut bytes = format!("lanyard-join-v1/{}/{}/", role.word(), side.word()).into_bytes();
        for part in [&self.home[..], &self.invite, node.as_bytes(), &self.exporter] {
            bytes.extend_from_slice(part);
        }
        bytes
    }
}

/// One side of an exchange that waits for the other's half.
#[derive(Debug)]
pub(super) struct Exchange<P = Spake> {
    state: P,
    role: Role,
    bound: Bound,
    own: Vec<u8>,
}

impl<P: Pake> Exchange<P> {
    /// Begins, and gives this side's half.
    pub(super) fn start(role: Role, password: &[u8], bound: Bound, random: Random) -> (Self, Vec<u8>) {
        let (shows, types) = (bound.identity(Role::Shows), bound.identity(Role::Types));
        let (state, own) = P::start(role, password, &shows, &types, random);
        (Self { state, role, bound, own: own.clone() }, own)
    }

    /// The keys, if the other half is one at all.
    pub(super) fn finish(self, half: &[u8]) -> Option<Keys> {
        let secret = self.state.finish(half)?;
        let secret = hkdf::Salt::new(hkdf::HKDF_SHA256, &self.bound.exporter).extract(&secret);
        let tag_key = |role: Role| -> Option<hmac::Key> {
            let info = [b"lanyard-join-v1/confirm/".as_slice(), role.word().as_bytes()];
            Some(secret.expand(&info, hmac::HMAC_SHA256).ok()?.into())
        };
        let channel = secret.expand(&[b"lanyard-join-v1/channel"], &aead::CHACHA20_POLY1305).ok()?;
        let (pa, pb) = match self.role {
            Role::Shows => (&self.own[..], half),
            Role::Types => (half, &self.own[..]),
        };
        let Bound { home, invite, shows, types, .. } = &self.bound;
        let mut transcript = Vec::new();
        for part in [pa, pb, home, invite, shows.as_bytes(), types.as_bytes()] {
            transcript.extend_from_slice(&u32::try_from(part.len()).ok()?.to_be_bytes());
            transcript.extend_from_slice(part);
        }
        Some(Keys {
            shows: tag_key(Role::Shows)?,
            types: tag_key(Role::Types)?,
            transcript,
            channel: channel.into(),
            role: self.role,
        })
    }
}

/// What comes out of an exchange: two proofs and a key for what follows.
pub(super) struct Keys {
    shows: hmac::Key,
    types: hmac::Key,
    transcript: Vec<u8>,
    channel: UnboundKey,
    role: Role,
}

impl Keys {
    /// This side's proof.
    pub(super) fn tag(&self) -> Option<[u8; 32]> {
        hmac::sign(self.key(self.role), &self.transcript).as_ref().try_into().ok()
    }

    /// Whether the other side's proof is right. Takes the same time whatever is wrong.
    pub(super) fn is_right(&self, tag: &[u8; 32]) -> bool {
        hmac::verify(self.key(self.role.other()), &self.transcript, tag).is_ok()
    }

    /// The channel, once both proofs are given.
    pub(super) fn channel(self) -> Channel {
        Channel::new(self.channel, self.role)
    }

    fn key(&self, role: Role) -> &hmac::Key {
        match role {
            Role::Shows => &self.shows,
            Role::Types => &self.types,
        }
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys")
    }
}
