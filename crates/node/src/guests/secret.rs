//! What opens: the token of a link, the cookie of a session, the PIN of a pass. Only hashes of them are kept, and
//! hashes are compared in constant time over their whole length.

use blake3::Hash;
use data_encoding::BASE64URL_NOPAD;
use std::fmt;

/// 128 random bits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Secret([u8; 16]);

impl Secret {
    /// A new one.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// From 22 characters of base64url.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        BASE64URL_NOPAD.decode(text.as_bytes()).ok()?.try_into().ok().map(Self)
    }

    /// As 22 characters of base64url.
    #[must_use]
    pub fn text(&self) -> String {
        BASE64URL_NOPAD.encode(&self.0)
    }

    /// What is kept of it. It is random, so a fast hash is as good as a slow one.
    pub(super) fn hash(&self) -> Hash {
        Hash::from_bytes(blake3::derive_key("lanyard guest secret v1", &self.0))
    }

    pub(super) fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    pub(super) fn bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Eight random digits. They are few: what protects them is that five wrong ones end them.
pub(super) struct Pin(u32);

const PINS: u32 = 100_000_000;

impl Pin {
    pub(super) fn random() -> Result<Self, getrandom::Error> {
        loop {
            // Only numbers below a multiple of what is wanted, so that each is as likely as the others.
            let number = getrandom::u32()?;
            let pin = Self(number % PINS);
            if number < u32::MAX - u32::MAX % PINS && !pin.is_everybodys_guess() {
                return Ok(pin);
            }
        }
    }

    /// From eight digits, with or without what people put between them.
    pub(super) fn from_text(text: &str) -> Option<Self> {
        let digits: String = text.chars().filter(|c| !matches!(c, ' ' | '-' | '\u{a0}')).take(9).collect();
        let whole = digits.len() == 8 && digits.bytes().all(|digit| digit.is_ascii_digit());
        whole.then(|| digits.parse().ok().map(Self))?
    }

    pub(super) fn text(&self) -> String {
        format!("{:08}", self.0)
    }

    /// With a salt of its pass, so that equal PINs do not show.
    pub(super) fn hash(&self, salt: &Secret) -> Hash {
        let mut hasher = blake3::Hasher::new_derive_key("lanyard guest pin v1");
        hasher.update(&salt.0).update(&self.0.to_be_bytes());
        hasher.finalize()
    }

    fn is_everybodys_guess(&self) -> bool {
        let text = self.text();
        let digits = text.as_bytes();
        let steps = |by: i16| digits.windows(2).all(|pair| i16::from(pair[1]) - i16::from(pair[0]) == by);
        steps(0) || steps(1) || steps(-1)
    }
}

/// The number of a pass's page, short because people type it: no secret, and no other live pass has it.
pub(super) fn number(taken: &[u8]) -> Result<u8, getrandom::Error> {
    loop {
        let number = 10 + u8::try_from(getrandom::u32()? % 90).unwrap_or_default();
        if !taken.contains(&number) {
            return Ok(number);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_eight_digits_however_they_are_grouped() {
        let pin = Pin(1_234_567);
        assert_eq!(pin.text(), "01234567");
        for text in ["01234567", "0123 4567", " 01-23-45-67 ", "0123\u{a0}4567"] {
            assert_eq!(Pin::from_text(text).unwrap().0, 1_234_567, "{text:?}");
        }
        for text in ["", "1234567", "123456789", "1234567a", "+1234567", "١٢٣٤٥٦٧٨", "0123\n4567"] {
            assert!(Pin::from_text(text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn nobody_gets_a_pin_that_everybody_would_try_first() {
        for guess in [0, 11_111_111, 12_345_678, 1_234_567, 87_654_321, 99_999_999] {
            assert!(Pin(guess).is_everybodys_guess(), "{guess}");
        }
        assert!(!Pin(10_000_000).is_everybodys_guess());
        let first = Pin::random().unwrap().0;
        assert!((0..8).any(|_| Pin::random().unwrap().0 != first));
    }

    #[test]
    fn the_same_pin_of_two_passes_does_not_look_the_same() {
        let salts = [Secret([1; 16]), Secret([2; 16])];
        assert_ne!(Pin(5).hash(&salts[0]), Pin(5).hash(&salts[1]));
        assert_ne!(Pin(5).hash(&salts[0]), Pin(6).hash(&salts[0]));
    }

    #[test]
    fn a_secret_survives_its_text_and_is_never_printed() {
        let secret = Secret::random().unwrap();
        assert_eq!(secret.text().len(), 22);
        assert_eq!(Secret::from_text(&secret.text()), Some(secret));
        for wrong in ["", "a", &secret.text()[1..], "<script>", &format!("{}A", secret.text())] {
            assert_eq!(Secret::from_text(wrong), None, "{wrong}");
        }
        assert!(!format!("{secret:?}").contains(&secret.text()));
    }

    #[test]
    fn the_numbers_of_pages_differ() {
        let taken: Vec<u8> = (10..99).collect();
        assert_eq!(number(&taken).unwrap(), 99);
    }
}
