//! The short code that a person reads on one device and types into the other: `42-493-117`.

use std::{fmt, str::FromStr};

/// Two digits that say which of several open invites is meant, and six that are the secret.
///
/// The first two are public: they are announced so that the typing side finds the device, and have nothing to do with
/// the secret. A program that made its "public" part from the secret gave a third of it away (CVE-2021-31603).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// 0 to 99.
    discriminator: u8,
    /// 0 to 999,999.
    secret: u32,
}

/// What was typed is no code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseCodeError {
    /// Digits are missing.
    #[error("the code has 8 digits; these are {digits}")]
    TooShort {
        /// How many there are.
        digits: usize,
    },
    /// There are too many digits.
    #[error("the code has 8 digits; these are {digits}")]
    TooLong {
        /// How many there are.
        digits: usize,
    },
    /// There are letters or other characters in it.
    #[error("the code has digits only")]
    NotDigits,
    /// That is the code that restores a home, which must never be typed where a join code belongs.
    #[error("this is a recovery code; keep it secret, and type the code that the other device shows")]
    RecoveryCode,
    /// That is a whole link.
    #[error("this is a link, not a code")]
    Link,
}

impl Code {
    /// Draws a code. Codes that people would guess first (one digit six times, 123456, 654321) are never drawn.
    ///
    /// # Errors
    /// The error of `random`, and [`getrandom::Error::UNEXPECTED`] if what it gives is not random at all.
    pub fn draw(
        mut random: impl FnMut(&mut [u8]) -> Result<(), getrandom::Error>,
    ) -> Result<Self, getrandom::Error> {
        // A remainder of a number that the modulus does not divide would prefer the small ones, so the last
        // incomplete round is thrown away. Good random numbers need more than three draws once in 10^20 codes.
        for _ in 0..64 {
            let mut bytes = [0; 5];
            random(&mut bytes)?;
            let [first, rest @ ..] = bytes;
            let rest = u32::from_be_bytes(rest);
            let secret = rest % 1_000_000;
            if first < 200 && rest < 4_294_000_000 && !is_guessed_first(secret) {
                return Ok(Self { discriminator: first % 100, secret });
            }
        }
        Err(getrandom::Error::UNEXPECTED)
    }

    /// The public part, 0 to 99.
    #[must_use]
    pub const fn discriminator(self) -> u8 {
        self.discriminator
    }

    /// What both sides put into the exchange: `code/` and six digits.
    pub(super) fn password(self) -> Vec<u8> {
        format!("code/{:06}", self.secret).into_bytes()
    }
}

fn is_guessed_first(secret: u32) -> bool {
    secret.is_multiple_of(111_111) || matches!(secret, 123_456 | 654_321)
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}-{:03}-{:03}", self.discriminator, self.secret / 1000, self.secret % 1000)
    }
}

/// The secret stays out of logs.
impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Code({:02}-…)", self.discriminator)
    }
}

impl FromStr for Code {
    type Err = ParseCodeError;

    /// Forgives spaces, and dashes in any place and of any kind.
    fn from_str(text: &str) -> Result<Self, ParseCodeError> {
        if text.trim_start().get(..8).is_some_and(|start| start.eq_ignore_ascii_case("lanyard:")) {
            return Err(ParseCodeError::Link);
        }
        // Longer than anything a person types for a code or a recovery code with its dashes.
        let typed: Vec<char> = text.chars().filter(|char| !is_between(*char)).take(200).collect();
        if !typed.iter().all(char::is_ascii_digit) {
            let like_recovery =
                (20..=40).contains(&typed.len()) && typed.iter().all(|char| char.is_ascii_alphanumeric());
            return Err(if like_recovery { ParseCodeError::RecoveryCode } else { ParseCodeError::NotDigits });
        }
        match typed.len() {
            8 => {
                let number = typed.iter().fold(0, |sum, char| sum * 10 + char.to_digit(10).unwrap_or(0));
                let discriminator =
                    u8::try_from(number / 1_000_000).map_err(|_| ParseCodeError::NotDigits)?;
                Ok(Self { discriminator, secret: number % 1_000_000 })
            }
            digits @ ..8 => Err(ParseCodeError::TooShort { digits }),
            digits => Err(ParseCodeError::TooLong { digits }),
        }
    }
}

fn is_between(char: char) -> bool {
    char.is_whitespace() || matches!(char, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '_' | '.')
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_code_is_read_however_it_is_typed() {
        let code: Code = "42-493-117".parse().unwrap();
        assert_eq!((code.discriminator, code.secret), (42, 493_117));
        for typed in ["42493117", " 42 493 117\n", "42–493—117", "4-2-4-9-3-1-1-7", "42.493.117"] {
            assert_eq!(typed.parse(), Ok(code), "{typed:?}");
        }
        assert_eq!("00-000-007".parse::<Code>().unwrap().to_string(), "00-000-007");
    }

    #[test]
    fn what_is_no_code_is_told_apart() {
        use ParseCodeError::{Link, NotDigits, RecoveryCode, TooLong, TooShort};
        for (typed, error) in [
            ("", TooShort { digits: 0 }),
            ("42-493-11", TooShort { digits: 7 }),
            ("42-493-1177", TooLong { digits: 9 }),
            ("42-493-11x", NotDigits),
            ("٤٢٤٩٣١١٧", NotDigits),
            ("MFRG-GZDF-MZTW-Q2LK-NNWG-23TP-OBYQ", RecoveryCode),
            ("lanyard:j?v=1", Link),
        ] {
            assert_eq!(typed.parse::<Code>(), Err(error), "{typed:?}");
        }
    }

    #[test]
    fn codes_that_people_would_guess_first_are_never_drawn() {
        let weak: Vec<u32> = (0..1_000_000).filter(|secret| is_guessed_first(*secret)).collect();
        assert_eq!(weak.len(), 12);
        assert!(weak.contains(&0) && weak.contains(&999_999) && weak.contains(&654_321));
        for secret in weak {
            let mut draws = [secret, 493_117].into_iter();
            let code = Code::draw(|bytes| {
                bytes[0] = 42;
                bytes[1..].copy_from_slice(&draws.next().unwrap().to_be_bytes());
                Ok(())
            });
            assert_eq!(code.unwrap().to_string(), "42-493-117");
        }
    }

    #[test]
    fn random_numbers_that_are_none_are_noticed() {
        assert!(Code::draw(|_| Ok(())).is_err(), "zeros");
        assert!(
            Code::draw(|bytes| {
                bytes.fill(255);
                Ok(())
            })
            .is_err(),
            "ones"
        );
    }

    #[test]
    fn every_digit_is_drawn_as_often_as_another() {
        let mut seen = [[0u32; 10]; 8];
        for _ in 0..20_000 {
            let text = Code::draw(getrandom::fill).unwrap().to_string().replace('-', "");
            for (place, digit) in text.bytes().enumerate() {
                seen[place][usize::from(digit - b'0')] += 1;
            }
        }
        // 2,000 of each are expected; seven standard deviations are 297.
        assert!(seen.iter().flatten().all(|count| (1700..2300).contains(count)), "{seen:?}");
    }

    #[test]
    fn the_secret_is_not_in_what_a_log_would_show() {
        let code: Code = "42-493-117".parse().unwrap();
        assert_eq!(format!("{code:?}"), "Code(42-…)");
    }

    proptest! {
        #[test]
        fn no_text_panics_and_a_code_survives_being_written(text in "\\PC{0,60}|[0-9 -]{0,14}") {
            if let Ok(code) = text.parse::<Code>() {
                prop_assert_eq!(code.to_string().parse::<Code>(), Ok(code));
            }
        }
    }
}
