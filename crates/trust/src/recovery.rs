//! The recovery code of a home: on paper, the last word about who belongs to it.
//!
//! A code is 128 random bits. A key pair is made of it; a home keeps the public half only. Nothing here stores a code.
//!
//! It is written in Crockford's base 32 (0-9 and A-Z without I, L, O and U): 26 characters and two that check them, in
//! seven groups of four. The two are a Reed-Solomon code over GF(32): any one or two wrong characters, and any two
//! that changed places, are noticed.

use crate::NodeId;
use ed25519_dalek::{Signer as _, SigningKey};
use std::{fmt, str::FromStr};
use zeroize::{Zeroize as _, Zeroizing};

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// 26 characters of five bits carry the 128.
const DATA: usize = 26;
const ALL: usize = DATA + 2;

/// A recovery code. It is wiped from memory when dropped, and shown by `Display` only.
#[derive(Clone, PartialEq, Eq)]
pub struct RecoveryCode(Zeroizing<[u8; 16]>);

/// The key pair that a recovery code stands for. Its secret half is wiped from memory when dropped.
#[derive(Clone)]
pub struct RecoveryKey(SigningKey);

/// Why a text is no recovery code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseRecoveryCodeError {
    /// Not 28 characters.
    #[error("a recovery code has {ALL} letters and digits, this has {0}: mistyped?")]
    Length(usize),
    /// A character that is in no code.
    #[error("mistyped: there is no {0:?} in a recovery code")]
    Character(char),
    /// The check characters do not fit.
    #[error("mistyped: at least one letter or digit of the recovery code is wrong")]
    Mistyped,
}

/// The system gives no random numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no random numbers")]
pub struct NoRandomness;

impl RecoveryCode {
    /// A new code.
    ///
    /// # Errors
    /// [`NoRandomness`].
    pub fn random() -> Result<Self, NoRandomness> {
        let mut bits = Zeroizing::new([0; 16]);
        getrandom::fill(&mut *bits).map_err(|_| NoRandomness)?;
        Ok(Self(bits))
    }

    /// The key pair it stands for.
    #[must_use]
    pub fn key(&self) -> RecoveryKey {
        let mut seed = blake3::derive_key("lanyard 2026 home recovery key from recovery code 1", &*self.0);
        let key = SigningKey::from_bytes(&seed);
        seed.zeroize();
        RecoveryKey(key)
    }

    /// Five bits a piece, and the two that check.
    fn symbols(&self) -> Zeroizing<[u8; ALL]> {
        let bits = u128::from_be_bytes(*self.0);
        let mut symbols = Zeroizing::new([0; ALL]);
        for (at, symbol) in symbols[..DATA].iter_mut().enumerate() {
            // 130 bits for 128: the last character ends in two zeros.
            let shift = 125 - 5 * i32::try_from(at).unwrap_or(0) - 2;
            let five = if shift >= 0 { bits >> shift } else { bits << -shift };
            *symbol = (five & 31) as u8;
        }
        let check = remainder(&symbols[..DATA]);
        symbols[DATA..].copy_from_slice(&check);
        symbols
    }
}

impl fmt::Display for RecoveryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, symbol) in self.symbols().iter().enumerate() {
            if at > 0 && at % 4 == 0 {
                f.write_str("-")?;
            }
            fmt::Write::write_char(f, char::from(ALPHABET[usize::from(*symbol)]))?;
        }
        Ok(())
    }
}

impl fmt::Debug for RecoveryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryCode(..)")
    }
}

impl FromStr for RecoveryCode {
    type Err = ParseRecoveryCodeError;

    /// Spaces, dashes and case do not matter; I and L are read as 1, O as 0.
    fn from_str(text: &str) -> Result<Self, ParseRecoveryCodeError> {
        let mut symbols = Zeroizing::new([0; ALL]);
        let mut count = 0;
        // A code with every character apart is 55 long; nobody's novel is read to its end.
        for char in text.chars().take(1024) {
            if char.is_whitespace() || matches!(char, '-' | '_' | '.' | '\u{2010}'..='\u{2015}' | '\u{2212}')
            {
                continue;
            }
            let symbol = symbol(char).ok_or(ParseRecoveryCodeError::Character(char))?;
            if let Some(place) = symbols.get_mut(count) {
                *place = symbol;
            }
            count += 1;
        }
        if count != ALL {
            return Err(ParseRecoveryCodeError::Length(count));
        }
        let mut bits = 0u128;
        for symbol in &symbols[..DATA - 1] {
            bits = bits << 5 | u128::from(*symbol);
        }
        let last = symbols[DATA - 1];
        bits = bits << 3 | u128::from(last >> 2);
        if remainder(&symbols[..DATA]) != symbols[DATA..] || last & 3 != 0 {
            bits.zeroize();
            return Err(ParseRecoveryCodeError::Mistyped);
        }
        Ok(Self(Zeroizing::new(bits.to_be_bytes())))
    }
}

impl RecoveryKey {
    /// The public half, which a home keeps.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    /// The public half, as the author of an operation.
    #[must_use]
    pub fn node_id(&self) -> NodeId {
        NodeId::from_bytes(self.public())
    }

    /// Signs a message (RFC 8032).
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

impl fmt::Debug for RecoveryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RecoveryKey").field(&self.node_id()).finish()
    }
}

fn symbol(char: char) -> Option<u8> {
    let upper = match char.to_ascii_uppercase() {
        'I' | 'L' => '1',
        'O' => '0',
        other => other,
    };
    ALPHABET.iter().position(|known| char::from(*known) == upper).and_then(|at| u8::try_from(at).ok())
}

/// What is left of the symbols, as a polynomial over GF(32), times x², after division by (x - 1)(x - 2). Two being a
/// generator of the field and 28 < 31, the code has distance three.
fn remainder(symbols: &[u8]) -> [u8; 2] {
    symbols.iter().fold([0, 0], |[high, low], symbol| {
        let out = high ^ symbol;
        // (x - 1)(x - 2) = x² + 3x + 2, since addition is exclusive or.
        [low ^ double(out) ^ out, double(out)]
    })
}

/// Times two in GF(32), with x⁵ + x² + 1.
fn double(symbol: u8) -> u8 {
    let twice = symbol << 1;
    if twice & 32 != 0 { twice ^ 0b10_0101 } else { twice }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn code(bits: [u8; 16]) -> RecoveryCode {
        RecoveryCode(Zeroizing::new(bits))
    }

    #[test]
    fn a_code_is_seven_groups_of_four_and_different_each_time() {
        let text = RecoveryCode::random().unwrap().to_string();
        assert_eq!(text.len(), 34);
        assert!(text.split('-').all(|group| group.len() == 4), "{text}");
        assert_ne!(text, RecoveryCode::random().unwrap().to_string());
    }

    #[test]
    fn one_code_is_the_same_key_for_ever() {
        let text = code(*b"a code for ever!").to_string();
        assert_eq!(text, "C4G6-6VV4-CMG6-CVVJ-41JQ-CSBJ-44TT");
        let key = text.parse::<RecoveryCode>().unwrap().key();
        assert_eq!(key.node_id().to_string(), "fxkxoaowyhysj4ewxz57jvzyyfqeiohe6c657cvzo5n6tbnhfyga");
    }

    #[test]
    fn a_code_is_not_shown_by_accident() {
        let code = code([7; 16]);
        assert_eq!(format!("{code:?}"), "RecoveryCode(..)");
        assert!(!format!("{:?}", code.key()).contains(&code.to_string()[..4]));
    }

    #[test]
    fn what_is_no_code_says_why() {
        let good = code([9; 16]).to_string();
        for (text, error) in [
            (String::new(), ParseRecoveryCodeError::Length(0)),
            (good[..33].to_owned(), ParseRecoveryCodeError::Length(27)),
            (format!("{good}0"), ParseRecoveryCodeError::Length(29)),
            (good.replacen('1', "U", 1), ParseRecoveryCodeError::Character('U')),
            ("é".repeat(28), ParseRecoveryCodeError::Character('é')),
        ] {
            let refused = text.parse::<RecoveryCode>().unwrap_err();
            assert_eq!(refused, error, "{text}");
            assert!(refused.to_string().contains("mistyped"), "{refused}");
        }
    }

    proptest! {
        #[test]
        fn a_code_survives_paper(bits: [u8; 16], lower: bool, apart in "[ \\-_\t]{0,3}") {
            let code = code(bits);
            let mut text = code.to_string().replace('-', &apart);
            if lower {
                text = text.to_lowercase().replace('0', "o").replacen('1', "l", 1).replace('1', "i");
            }
            let read: RecoveryCode = text.parse().unwrap();
            prop_assert!(read == code);
            prop_assert_eq!(read.key().public(), code.key().public());
        }

        #[test]
        fn two_wrong_characters_are_always_noticed(
            bits: [u8; 16], first in 0..ALL, second in 0..ALL, add in 1..32u8, more in 0..32u8,
        ) {
            let mut symbols = *code(bits).symbols();
            symbols[first] ^= add;
            if first != second {
                symbols[second] ^= more;
            }
            let text: String = symbols.iter().map(|symbol| char::from(ALPHABET[usize::from(*symbol)])).collect();
            prop_assert_eq!(text.parse::<RecoveryCode>(), Err(ParseRecoveryCodeError::Mistyped));
        }

        #[test]
        fn two_characters_that_changed_places_are_noticed(bits: [u8; 16], at in 0..ALL - 1, with in 0..ALL - 1) {
            let good = code(bits).to_string().replace('-', "");
            let mut swapped: Vec<char> = good.chars().collect();
            swapped.swap(at, with);
            let swapped: String = swapped.into_iter().collect();
            prop_assert_eq!(swapped.parse::<RecoveryCode>().is_ok(), swapped == good);
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,60}") {
            let _ = text.parse::<RecoveryCode>();
        }
    }
}
