//! What a node's TXT record says: nothing about anybody to a stranger, and to those who share a key with it that it
//! is one of theirs.
//!
//! `v=1 n=<8 random bytes> t=<tags>`: each tag is the keyed hash of `n` under one secret that the node shares with
//! others, so that only they know it again, and nobody knows it again after the next start. While a code for joining
//! is shown there is also `j=1 d=<its first two digits> l=<label>`.

use data_encoding::BASE64URL_NOPAD;
use lanyard_trust::names::clean;

/// The most tags in a record: the home's and eight of devices that are connected directly.
pub const MAX_TAGS: usize = 9;
/// The longest label in bytes: the record stays below 200.
const MAX_LABEL: usize = 40;

/// A secret that tags are made with.
pub type Key = [u8; 32];
type Tag = [u8; 8];

/// By which those who share a key with a node know it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    nonce: [u8; 8],
    tags: Vec<Tag>,
}

/// A code for joining that a node shows right now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// The first two digits of the code, 0 to 99.
    pub discriminator: u8,
    /// What the node calls itself; whatever anybody wants it to be.
    pub label: String,
}

/// What a node says besides where it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Saying {
    /// The secrets that it shares with others; the first [`MAX_TAGS`] are used.
    pub keys: Vec<Key>,
    /// A code that it shows.
    pub opening: Option<Opening>,
}

impl Token {
    /// Whether it was made with this key, too.
    #[must_use]
    pub fn is_of(&self, key: &Key) -> bool {
        self.tags.contains(&tag(key, &self.nonce))
    }

    /// Reads the values of `n` and `t`.
    pub(crate) fn read(nonce: &str, tags: &str) -> Option<Self> {
        let nonce = BASE64URL_NOPAD.decode(nonce.as_bytes()).ok()?.try_into().ok()?;
        let tags = BASE64URL_NOPAD.decode(tags.as_bytes()).ok()?;
        let (tags, rest) = tags.as_chunks::<8>();
        (rest.is_empty() && tags.len() <= MAX_TAGS).then(|| Self { nonce, tags: tags.to_vec() })
    }
}

impl Opening {
    /// Reads the values of `d` and `l`.
    pub(crate) fn read(discriminator: &str, label: Option<&str>) -> Option<Self> {
        let digits = discriminator.len() == 2 && discriminator.bytes().all(|byte| byte.is_ascii_digit());
        let discriminator = digits.then(|| discriminator.parse().ok())??;
        Some(Self { discriminator, label: label.and_then(clean).unwrap_or_default() })
    }
}

/// The entries of the record.
pub(crate) fn entries(nonce: [u8; 8], saying: &Saying) -> Vec<(&'static str, String)> {
    let mut entries = vec![("v", "1".to_owned()), ("n", BASE64URL_NOPAD.encode(&nonce))];
    let tags: Vec<u8> = saying.keys.iter().take(MAX_TAGS).flat_map(|key| tag(key, &nonce)).collect();
    if !tags.is_empty() {
        entries.push(("t", BASE64URL_NOPAD.encode(&tags)));
    }
    if let Some(opening) = &saying.opening {
        entries.push(("j", "1".to_owned()));
        entries.push(("d", format!("{:02}", opening.discriminator)));
        let end = (0..=opening.label.len().min(MAX_LABEL))
            .rev()
            .find(|end| opening.label.is_char_boundary(*end))
            .unwrap_or(0);
        entries.push(("l", opening.label[..end].to_owned()));
    }
    entries
}

fn tag(key: &Key, nonce: &[u8; 8]) -> Tag {
    let mut tag = [0; 8];
    tag.copy_from_slice(&blake3::keyed_hash(key, nonce).as_bytes()[..8]);
    tag
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn read(entries: &[(&str, String)]) -> (Option<Token>, Option<Opening>) {
        let value = |key| entries.iter().find(|(known, _)| *known == key).map(|(_, value)| value.as_str());
        let token = Token::read(value("n").unwrap(), value("t").unwrap_or_default());
        (token, value("d").and_then(|digits| Opening::read(digits, value("l"))))
    }

    #[test]
    fn those_who_share_a_key_know_a_node_again_and_others_do_not() {
        let saying = Saying { keys: vec![[1; 32], [2; 32]], opening: None };
        let token = read(&entries([7; 8], &saying)).0.unwrap();
        assert!(token.is_of(&[1; 32]) && token.is_of(&[2; 32]) && !token.is_of(&[3; 32]));
        let again = read(&entries([8; 8], &saying)).0.unwrap();
        assert!(again.tags.iter().all(|tag| !token.tags.contains(tag)), "nothing in it comes back");
    }

    #[test]
    fn a_record_stays_short_and_holds_at_most_nine_tags() {
        let opening = Opening { discriminator: 7, label: "ä".repeat(60) };
        let saying = Saying { keys: vec![[1; 32]; 30], opening: Some(opening) };
        let entries = entries([7; 8], &saying);
        let bytes: usize = entries.iter().map(|(key, value)| key.len() + 2 + value.len()).sum();
        assert!(bytes <= 200, "{bytes}");
        let (token, opening) = read(&entries);
        assert_eq!(token.unwrap().tags.len(), MAX_TAGS);
        assert_eq!(opening.unwrap(), Opening { discriminator: 7, label: "ä".repeat(20) });
    }

    #[test]
    fn what_makes_no_sense_is_no_token_and_no_opening() {
        for (nonce, tags) in [("", ""), ("AAAA", ""), ("AAAAAAAAAAA", "AAAA"), ("!", "")] {
            assert_eq!(Token::read(nonce, tags), None, "{nonce} {tags}");
        }
        assert_eq!(Token::read("AAAAAAAAAAA", &"A".repeat(400)), None, "too many tags");
        for digits in ["", "1", "123", "+1", "ab"] {
            assert_eq!(Opening::read(digits, None), None, "{digits}");
        }
        assert_eq!(Opening::read("42", Some("a\u{202e}b")).unwrap().label, "ab");
    }
}
