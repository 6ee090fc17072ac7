//! 128 random bits that stand in a link and open what it leads to.

use lanyard_api::{ApiError, ErrorCode};

/// A secret. Whoever knows it may.
#[derive(Clone, Copy)]
pub(crate) struct Secret([u8; 16]);

impl Secret {
    /// A new one.
    ///
    /// # Errors
    /// `internal` when the system has no random bytes.
    pub(crate) fn random() -> Result<Self, ApiError> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)
            .map_err(|error| ApiError::new(ErrorCode::Internal, format!("No random bytes: {error}.")))?;
        Ok(Self(bytes))
    }

    /// As it stands in a link: 32 small hexadecimal digits.
    pub(crate) fn text(self) -> String {
        data_encoding::HEXLOWER.encode(&self.0)
    }

    /// The secret in such a text.
    pub(crate) fn from_text(text: &str) -> Option<Self> {
        let bytes = data_encoding::HEXLOWER.decode(text.as_bytes()).ok()?;
        bytes.try_into().ok().map(Self)
    }

    /// What among others has this secret. All are compared, each in constant time, so that the time taken says nothing.
    pub(crate) fn find<'a, T>(self, among: impl Iterator<Item = (Self, &'a T)>) -> Option<&'a T> {
        among.fold(None, |found, (secret, one)| if self.is(secret) { Some(one) } else { found })
    }

    fn is(self, other: Self) -> bool {
        std::hint::black_box(self.0.iter().zip(&other.0).fold(0, |differ, (a, b)| differ | (a ^ b))) == 0
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_by_its_whole_text_and_by_nothing_else() {
        let (one, other) = (Secret::random().unwrap(), Secret::random().unwrap());
        let all = [(one, "one"), (other, "other")];
        let find = |secret: Secret| secret.find(all.iter().map(|(secret, name)| (*secret, name))).copied();
        assert_eq!(find(Secret::from_text(&one.text()).unwrap()), Some("one"));
        assert_eq!(find(other), Some("other"));
        assert_eq!(find(Secret::random().unwrap()), None);
        for text in ["", "00", &one.text()[1..], "zz", &format!("{}0", one.text())] {
            assert!(Secret::from_text(text).is_none(), "{text}");
        }
    }
}
