//! Seals what two devices tell each other once they are sure of each other.

use super::{Frame, Role, Sealed};
use ring::aead::{Aad, LessSafeKey, Nonce, UnboundKey};
use std::fmt;

/// The longest payload in bytes; in base64 it fits a frame.
pub const MOST_SEALED: usize = 750 * 1024;

/// ChaCha20-Poly1305 under the key that came out of the exchange. The nonce is the direction (0 from the showing side,
/// 1 from the typing side), three zeros and the number of the payload as 64 bits, big end first: none repeats, and a
/// payload that is lost, repeated, moved or turned around does not open.
pub struct Channel {
    key: LessSafeKey,
    role: Role,
    sent: u64,
    opened: u64,
}

/// Why a payload cannot be sealed or opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// More than [`MOST_SEALED`] bytes.
    #[error("too much for one sealed payload")]
    TooLong,
    /// It is not the next payload of the other side, or not unchanged. The channel is of no use any more.
    #[error("what came is not what was sent")]
    Tampered,
}

impl Channel {
    pub(super) fn new(key: UnboundKey, role: Role) -> Self {
        Self { key: LessSafeKey::new(key), role, sent: 0, opened: 0 }
    }

    /// Seals the next payload for the other side.
    ///
    /// # Errors
    /// [`SealError::TooLong`].
    pub fn seal(&mut self, payload: &[u8]) -> Result<Frame, SealError> {
        if payload.len() > MOST_SEALED {
            return Err(SealError::TooLong);
        }
        let mut data = payload.to_vec();
        let nonce = nonce(self.role, self.sent);
        self.key.seal_in_place_append_tag(nonce, Aad::empty(), &mut data).map_err(|_| SealError::TooLong)?;
        self.sent += 1;
        Ok(Frame::Sealed(Sealed { data }))
    }

    /// Opens the next payload from the other side.
    ///
    /// # Errors
    /// [`SealError::Tampered`].
    pub fn open(&mut self, sealed: Sealed) -> Result<Vec<u8>, SealError> {
        let mut data = sealed.data;
        let nonce = nonce(self.role.other(), self.opened);
        let opened =
            self.key.open_in_place(nonce, Aad::empty(), &mut data).map_err(|_| SealError::Tampered)?.len();
        self.opened += 1;
        data.truncate(opened);
        Ok(data)
    }
}

fn nonce(from: Role, number: u64) -> Nonce {
    let mut bytes = [0; 12];
    bytes[0] = match from {
        Role::Shows => 0,
        Role::Types => 1,
    };
    bytes[4..].copy_from_slice(&number.to_be_bytes());
    Nonce::assume_unique_for_key(bytes)
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel").field("role", &self.role).finish_non_exhaustive()
    }
}
