//! What the two sides send: four bytes of length, big end first, and that much JSON.
//!
//! JSON, with bytes as unpadded base64url, because it happens once in the life of a device and another program should
//! be able to do it from a page of description. Fields that are not known are passed over.

use super::{About, JoinError, Pake, Side, Spake};
use serde::{Deserialize, Serialize};

/// The version of the frames and of the exchange inside them.
pub const VERSION: u8 = Spake::VERSION;
/// The longest frame in bytes of JSON, but for [`Frame::Sealed`].
pub const LONGEST_FRAME: usize = 8 * 1024;
/// The longest [`Frame::Sealed`].
pub const LONGEST_SEALED: usize = 1024 * 1024;

/// One message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Frame {
    /// The typing side begins.
    Hello(Hello),
    /// The showing side's half.
    Share(Share),
    /// The typing side's half and its proof.
    Confirm(Confirm),
    /// The showing side's proof.
    Confirmed(Confirmed),
    /// A person is being asked.
    Wait,
    /// A payload under the new key.
    Sealed(Sealed),
    /// It is over.
    Fail {
        /// Why.
        reason: JoinError,
    },
}

/// See [`Frame::Hello`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`VERSION`].
    pub v: u8,
    /// The invite of the link; with a link.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "base64_or_none")]
    pub invite: Option<[u8; 16]>,
    /// The first two digits; with a code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discriminator: Option<u8>,
    /// What the typing side is.
    pub side: Side,
    /// What it is called. Cleaned when it is read.
    pub name: String,
    /// What it runs on.
    pub os: String,
}

/// See [`Frame::Share`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// [`VERSION`].
    pub v: u8,
    /// The home of a showing member, or zeros.
    #[serde(with = "base64")]
    pub home: [u8; 32],
    /// Which invite.
    #[serde(with = "base64")]
    pub invite: [u8; 16],
    /// The showing side's half of the exchange.
    #[serde(with = "base64")]
    pub pa: Vec<u8>,
}

/// See [`Frame::Confirm`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirm {
    /// The typing side's half of the exchange.
    #[serde(with = "base64")]
    pub pb: Vec<u8>,
    /// Its proof.
    #[serde(with = "base64")]
    pub tag: [u8; 32],
}

/// See [`Frame::Confirmed`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmed {
    /// The showing side's proof.
    #[serde(with = "base64")]
    pub tag: [u8; 32],
    /// What it is called. Cleaned when it is read. Only who knew the code gets to see it.
    pub name: String,
    /// What it runs on.
    pub os: String,
}

/// See [`Frame::Sealed`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// Ciphertext and tag.
    #[serde(with = "base64")]
    pub data: Vec<u8>,
}

/// Bytes that are no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Longer than it may be.
    #[error("the frame is too long")]
    TooLong,
    /// Of a version that is not known.
    #[error("the frame has another version")]
    Version,
    /// Something else.
    #[error("this is no frame")]
    Malformed,
}

impl Frame {
    /// The length in the first four bytes of a frame. `sealed` when the two sides have confirmed each other and a long
    /// one may come.
    ///
    /// # Errors
    /// [`FrameError::TooLong`].
    pub fn length(head: [u8; 4], sealed: bool) -> Result<usize, FrameError> {
        let longest = if sealed { LONGEST_SEALED } else { LONGEST_FRAME };
        usize::try_from(u32::from_be_bytes(head))
            .ok()
            .filter(|length| *length <= longest)
            .ok_or(FrameError::TooLong)
    }

    /// Reads what follows the length.
    ///
    /// # Errors
    /// [`FrameError`]
    pub fn decode(json: &[u8]) -> Result<Self, FrameError> {
        /// What every version has. Read first: the rest of another version may look different.
        #[derive(Deserialize)]
        struct Head {
            v: Option<u64>,
        }
        if json.len() > LONGEST_SEALED {
            return Err(FrameError::TooLong);
        }
        let head: Head = serde_json::from_slice(json).map_err(|_| FrameError::Malformed)?;
        if head.v.is_some_and(|v| v != u64::from(VERSION)) {
            return Err(FrameError::Version);
        }
        let frame = serde_json::from_slice(json).map_err(|_| FrameError::Malformed)?;
        match frame {
            Self::Sealed(_) => Ok(frame),
            _ if json.len() > LONGEST_FRAME => Err(FrameError::TooLong),
            _ => Ok(frame),
        }
    }

    /// The whole frame, with its length.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![0; 4];
        // Writing these types into memory cannot fail: there is no map with keys that are no text, and no writer.
        if serde_json::to_writer(&mut bytes, self).is_err() {
            debug_assert!(false, "a frame that is no JSON");
        }
        let length = u32::try_from(bytes.len() - 4).unwrap_or(u32::MAX);
        bytes[..4].copy_from_slice(&length.to_be_bytes());
        bytes
    }
}

impl Hello {
    pub(super) fn about(&self) -> About {
        About::new(&self.name, &self.os)
    }
}

impl Confirmed {
    pub(super) fn about(&self) -> About {
        About::new(&self.name, &self.os)
    }
}

mod base64 {
    use data_encoding::BASE64URL_NOPAD;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(
        bytes: impl AsRef<[u8]>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64URL_NOPAD.encode(bytes.as_ref()))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>, T: TryFrom<Vec<u8>>>(
        deserializer: D,
    ) -> Result<T, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).map_err(Error::custom)?;
        T::try_from(bytes).map_err(|_| Error::custom("another length is expected"))
    }
}

mod base64_or_none {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    struct Bytes(#[serde(with = "super::base64")] [u8; 16]);

    pub(super) fn serialize<S: Serializer>(
        bytes: &Option<[u8; 16]>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        bytes.map(Bytes).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<[u8; 16]>, D::Error> {
        Ok(Option::<Bytes>::deserialize(deserializer)?.map(|bytes| bytes.0))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hello() -> Hello {
        Hello {
            v: 1,
            invite: None,
            discriminator: Some(42),
            side: Side::Joiner,
            name: "Kitchen-Pi".to_owned(),
            os: "linux".to_owned(),
        }
    }

    fn every_kind() -> Vec<Frame> {
        vec![
            Frame::Hello(hello()),
            Frame::Hello(Hello { invite: Some([9; 16]), discriminator: None, ..hello() }),
            Frame::Share(Share { v: 1, home: [1; 32], invite: [2; 16], pa: vec![65; 33] }),
            Frame::Confirm(Confirm { pb: vec![66; 33], tag: [3; 32] }),
            Frame::Confirmed(Confirmed { tag: [4; 32], name: "Büro".to_owned(), os: "macos".to_owned() }),
            Frame::Wait,
            Frame::Sealed(Sealed { data: vec![5; 100] }),
            Frame::Fail { reason: JoinError::WrongCode },
        ]
    }

    #[test]
    fn every_frame_survives_being_sent() {
        for frame in every_kind() {
            let bytes = frame.encode();
            let length = Frame::length(bytes[..4].try_into().unwrap(), false).unwrap();
            assert_eq!(length, bytes.len() - 4);
            assert_eq!(Frame::decode(&bytes[4..]), Ok(frame));
        }
    }

    #[test]
    fn the_frames_look_as_they_are_described() {
        let json = |frame: Frame| String::from_utf8(frame.encode()[4..].to_vec()).unwrap();
        assert_eq!(
            json(Frame::Hello(hello())),
            r#"{"type":"hello","v":1,"discriminator":42,"side":"joiner","name":"Kitchen-Pi","os":"linux"}"#
        );
        assert_eq!(
            json(Frame::Fail { reason: JoinError::WrongCode }),
            r#"{"type":"fail","reason":"wrong_code"}"#
        );
        assert_eq!(json(Frame::Wait), r#"{"type":"wait"}"#);
        assert_eq!(json(Frame::Sealed(Sealed { data: vec![255, 254] })), r#"{"type":"sealed","data":"__4"}"#);
    }

    #[test]
    fn what_a_newer_lanyard_adds_is_passed_over_and_another_version_is_told() {
        let more = br#"{"type":"fail","reason":"from_the_future","why":[1]}"#;
        assert_eq!(Frame::decode(more), Ok(Frame::Fail { reason: JoinError::Other }));
        for v in ["0", "2", "4294967297"] {
            let json = format!(r#"{{"type":"hello","v":{v},"all":"new"}}"#);
            assert_eq!(Frame::decode(json.as_bytes()), Err(FrameError::Version), "{v}");
        }
    }

    #[test]
    fn what_is_almost_a_frame_is_none() {
        for bad in [
            "",
            "{}",
            "[]",
            "null",
            r#"{"type":"hello"}"#,
            r#"{"type":"nothing"}"#,
            r#"{"type":"sealed","data":"A"}"#,
            r#"{"type":"sealed","data":"AB"}"#,
            r#"{"type":"sealed","data":"A A="}"#,
            r#"{"type":"confirm","pb":"QQ","tag":"AAAA"}"#,
            r#"{"type":"hello","v":1,"discriminator":256,"side":"joiner","name":"a","os":"b"}"#,
            r#"{"type":"hello","v":1,"side":"owner","name":"a","os":"b"}"#,
            r#"{"type":"wait"} "#.trim_end_matches(' ').strip_suffix('}').unwrap(),
        ] {
            assert_eq!(Frame::decode(bad.as_bytes()), Err(FrameError::Malformed), "{bad}");
        }
        let deep = format!(r#"{{"type":"wait","x":{}1{}}}"#, "[".repeat(4000), "]".repeat(4000));
        assert_eq!(Frame::decode(deep.as_bytes()), Err(FrameError::Malformed));
    }

    #[test]
    fn only_a_sealed_frame_may_be_long() {
        let wide = format!(r#"{{"type":"wait","x":"{}"}}"#, "x".repeat(LONGEST_FRAME));
        assert_eq!(Frame::decode(wide.as_bytes()), Err(FrameError::TooLong));
        let sealed = Frame::Sealed(Sealed { data: vec![7; super::super::MOST_SEALED + 16] });
        let bytes = sealed.encode();
        assert!(Frame::length(bytes[..4].try_into().unwrap(), false).is_err());
        Frame::length(bytes[..4].try_into().unwrap(), true).unwrap();
        assert_eq!(Frame::decode(&bytes[4..]), Ok(sealed));
        assert_eq!(Frame::decode(&vec![b' '; LONGEST_SEALED + 1]), Err(FrameError::TooLong));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = Frame::decode(&bytes);
        }

        #[test]
        fn no_damage_to_a_frame_panics_and_a_frame_that_is_read_is_written_again(
            which in 0..8usize, at in 0..400usize, byte: u8, cut in 0..400usize,
        ) {
            let mut json = every_kind()[which].encode().split_off(4);
            let length = json.len();
            json[at % length] = byte;
            json.truncate(cut.max(1));
            if let Ok(frame) = Frame::decode(&json) {
                prop_assert_eq!(Frame::decode(&frame.encode()[4..]), Ok(frame));
            }
        }
    }
}
