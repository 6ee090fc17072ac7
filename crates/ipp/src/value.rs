//! One value of an attribute (RFC 8010 §3.5.2, §3.9).

use crate::Attribute;

/// A value, by its syntax.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Value {
    /// The attribute is not supported (an answer only).
    Unsupported,
    /// There is a value and nobody knows it.
    Unknown,
    /// There is no value.
    NoValue,
    /// `integer`.
    Integer(i32),
    /// `boolean`.
    Boolean(bool),
    /// `enum`.
    Enum(i32),
    /// `octetString`.
    OctetString(Vec<u8>),
    /// `dateTime`.
    DateTime(DateTime),
    /// `resolution`.
    Resolution(Resolution),
    /// `rangeOfInteger`, both ends included.
    Range(i32, i32),
    /// `collection`: its members.
    Collection(Vec<Attribute>),
    /// `textWithLanguage`.
    TextWithLanguage {
        /// RFC 5646.
        language: String,
        /// The text.
        text: String,
    },
    /// `nameWithLanguage`.
    NameWithLanguage {
        /// RFC 5646.
        language: String,
        /// The name.
        name: String,
    },
    /// `textWithoutLanguage`.
    Text(String),
    /// `nameWithoutLanguage`.
    Name(String),
    /// `keyword`.
    Keyword(String),
    /// `uri`.
    Uri(String),
    /// `uriScheme`.
    UriScheme(String),
    /// `charset`.
    Charset(String),
    /// `naturalLanguage`.
    NaturalLanguage(String),
    /// `mimeMediaType`.
    MimeMediaType(String),
    /// A syntax that is none of these.
    Other {
        /// Its tag.
        tag: u8,
        /// Its octets.
        octets: Vec<u8>,
    },
}

/// RFC 2579 `DateAndTime`, as eleven octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DateTime(pub [u8; 11]);

/// Dots in one direction and in the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resolution {
    /// Across the feed.
    pub x: i32,
    /// Along the feed.
    pub y: i32,
    /// Per what.
    pub unit: ResolutionUnit,
}

/// What dots are counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResolutionUnit {
    /// 3.
    PerInch,
    /// 4.
    PerCentimetre,
    /// Anything else, as it came.
    Other(u8),
}

impl Value {
    /// A keyword.
    #[must_use]
    pub fn keyword(keyword: impl Into<String>) -> Self {
        Self::Keyword(keyword.into())
    }

    /// A text without a language.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A name without a language.
    #[must_use]
    pub fn name(name: impl Into<String>) -> Self {
        Self::Name(name.into())
    }

    /// A URI.
    #[must_use]
    pub fn uri(uri: impl Into<String>) -> Self {
        Self::Uri(uri.into())
    }

    /// A MIME type.
    #[must_use]
    pub fn mime(mime: impl Into<String>) -> Self {
        Self::MimeMediaType(mime.into())
    }

    /// So many dots an inch in both directions.
    #[must_use]
    pub fn dpi(dpi: i32) -> Self {
        Self::Resolution(Resolution { x: dpi, y: dpi, unit: ResolutionUnit::PerInch })
    }

    /// The characters of anything that is written in characters, language or not.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::TextWithLanguage { text, .. } => Some(text),
            Self::NameWithLanguage { name, .. } => Some(name),
            Self::Text(text)
            | Self::Name(text)
            | Self::Keyword(text)
            | Self::Uri(text)
            | Self::UriScheme(text)
            | Self::Charset(text)
            | Self::NaturalLanguage(text)
            | Self::MimeMediaType(text) => Some(text),
            _ => None,
        }
    }

    /// The number of an integer or enum.
    #[must_use]
    pub fn as_int(&self) -> Option<i32> {
        match self {
            Self::Integer(number) | Self::Enum(number) => Some(*number),
            _ => None,
        }
    }

    /// A boolean.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Boolean(is) => Some(*is),
            _ => None,
        }
    }

    /// A collection's members.
    #[must_use]
    pub fn as_collection(&self) -> Option<&[Attribute]> {
        match self {
            Self::Collection(members) => Some(members),
            _ => None,
        }
    }

    /// True for `unsupported`, `unknown` and `no-value`.
    #[must_use]
    pub fn is_out_of_band(&self) -> bool {
        matches!(self, Self::Unsupported | Self::Unknown | Self::NoValue)
    }
}

impl DateTime {
    /// From Unix seconds, in UTC.
    #[must_use]
    pub fn from_unix(seconds: i64) -> Self {
        let days = seconds.div_euclid(86_400);
        let of_day = seconds.rem_euclid(86_400);
        // Days from civil, the other way round (Howard Hinnant's algorithm): years begin in March.
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        let byte = |number: i64| u8::try_from(number).unwrap_or(0);
        let year = u16::try_from(year).unwrap_or(u16::MAX).to_be_bytes();
        Self([
            year[0],
            year[1],
            byte(month),
            byte(day),
            byte(of_day / 3600),
            byte(of_day / 60 % 60),
            byte(of_day % 60),
            0,
            b'+',
            0,
            0,
        ])
    }
}

impl ResolutionUnit {
    /// The octet that says it.
    #[must_use]
    pub fn octet(self) -> u8 {
        match self {
            Self::PerInch => 3,
            Self::PerCentimetre => 4,
            Self::Other(octet) => octet,
        }
    }

    /// From its octet.
    #[must_use]
    pub fn from_octet(octet: u8) -> Self {
        match octet {
            3 => Self::PerInch,
            4 => Self::PerCentimetre,
            octet => Self::Other(octet),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_what_the_calendar_says() {
        let date = |seconds| DateTime::from_unix(seconds).0[..7].to_vec();
        assert_eq!(date(0), [7, 178, 1, 1, 0, 0, 0], "1970");
        assert_eq!(date(951_782_400), [7, 208, 2, 29, 0, 0, 0], "a leap day");
        assert_eq!(date(1_795_823_999), [7, 234, 11, 27, 23, 59, 59]);
        assert_eq!(date(-1), [7, 177, 12, 31, 23, 59, 59]);
    }
}
