//! IPP messages to and from CUPS: the `ipp` crate encodes and decodes, this module bounds what it gets to see.
//!
//! `ipp` 8.0 overflows the stack on deeply nested collections and panics on a short text with language. An answer
//! of the local CUPS can carry what a printer on the network said, so [`decode`] walks over it first and refuses
//! what would hurt.

use super::SpoolError;
use ipp::{
    IppHeader,
    attribute::{IppAttribute, IppAttributeGroup, IppAttributes},
    model::{DelimiterTag, IppVersion, Operation},
    parser::IppParser,
    reader::IppReader,
    value::{IppName, IppValue},
};
use std::io::Cursor;

/// The largest answer without a document: some 500 finished jobs with a dozen attributes each.
pub(super) const MAX_ANSWER: usize = 4 * 1024 * 1024;

const MAX_DEPTH: usize = 8;
const MAX_VALUES: usize = 100_000;

/// A request under construction.
pub(super) struct Message {
    header: IppHeader,
    attributes: IppAttributes,
}

/// A decoded answer.
pub(super) struct Answer {
    status: u16,
    attributes: IppAttributes,
}

impl Message {
    /// A request with the two attributes that each needs first (RFC 8011 §4.1.4).
    pub(super) fn new(operation: Operation) -> Self {
        let header = IppHeader::new(IppVersion::v2_0(), operation as i16, 1);
        let message = Self { header, attributes: IppAttributes::new() };
        message
            .operation("attributes-charset", IppValue::new_charset("utf-8").ok())
            .operation("attributes-natural-language", IppValue::new_natural_language("en").ok())
    }

    /// Adds an operation attribute; a value that cannot be encoded is left out.
    pub(super) fn operation(self, name: &str, value: Option<IppValue>) -> Self {
        self.add(DelimiterTag::OperationAttributes, name, value)
    }

    /// Adds a job attribute.
    pub(super) fn job(self, name: &str, value: Option<IppValue>) -> Self {
        self.add(DelimiterTag::JobAttributes, name, value)
    }

    /// Says which attributes are wanted.
    pub(super) fn requesting(self, names: &[&str]) -> Self {
        let names = names.iter().filter_map(|name| IppValue::new_keyword(*name).ok()).collect();
        self.operation("requested-attributes", Some(IppValue::Array(names)))
    }

    fn add(mut self, group: DelimiterTag, name: &str, value: Option<IppValue>) -> Self {
        if let (Some(value), Ok(name)) = (value, IppName::new(name)) {
            self.attributes.add(group, IppAttribute::new(name, value));
        }
        self
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = self.header.to_bytes().to_vec();
        bytes.extend_from_slice(&self.attributes.to_bytes());
        bytes
    }
}

impl Answer {
    /// The status code (RFC 8011 appendix B).
    pub(super) fn status(&self) -> u16 {
        self.status
    }

    pub(super) fn message(&self) -> String {
        let group = self.attributes.first_of(DelimiterTag::OperationAttributes);
        group.and_then(|group| text(group, "status-message")).unwrap_or_default()
    }

    pub(super) fn groups(&self, tag: DelimiterTag) -> impl Iterator<Item = &IppAttributeGroup> {
        self.attributes.groups_of(tag)
    }
}

/// Decodes an answer of CUPS, of any size up to [`MAX_ANSWER`].
pub(super) fn decode(bytes: Vec<u8>) -> Result<Answer, SpoolError> {
    harmless(&bytes)
        .ok_or_else(|| SpoolError::Away("it answered with something that is no IPP".to_owned()))?;
    let status = u16::from_be_bytes([bytes[2], bytes[3]]);
    let parser = IppParser::new(IppReader::new(Cursor::new(bytes)));
    let (_, attributes, _) = parser.parse_parts().map_err(|error| SpoolError::Away(error.to_string()))?;
    Ok(Answer { status, attributes })
}

/// Every value of an attribute.
pub(super) fn values<'a>(group: &'a IppAttributeGroup, name: &str) -> Vec<&'a IppValue> {
    match group.get(name).map(IppAttribute::value) {
        Some(IppValue::Array(values)) => values.iter().collect(),
        Some(value) => vec![value],
        None => Vec::new(),
    }
}

/// Every text, name, keyword, URI or MIME type of an attribute.
pub(super) fn texts(group: &IppAttributeGroup, name: &str) -> Vec<String> {
    let text = |value: &IppValue| match value {
        IppValue::TextWithoutLanguage(_)
        | IppValue::NameWithoutLanguage(_)
        | IppValue::Uri(_)
        | IppValue::Keyword(_)
        | IppValue::MimeMediaType(_) => Some(value.to_string()),
        IppValue::TextWithLanguage { text, .. } => Some(text.to_string()),
        IppValue::NameWithLanguage { name, .. } => Some(name.to_string()),
        _ => None,
    };
    values(group, name).into_iter().filter_map(text).collect()
}

/// The first of them.
pub(super) fn text(group: &IppAttributeGroup, name: &str) -> Option<String> {
    texts(group, name).into_iter().next()
}

/// An integer or enum.
pub(super) fn number(group: &IppAttributeGroup, name: &str) -> Option<i32> {
    match values(group, name).first()? {
        IppValue::Integer(n) | IppValue::Enum(n) => Some(*n),
        _ => None,
    }
}

/// A boolean.
pub(super) fn boolean(group: &IppAttributeGroup, name: &str) -> Option<bool> {
    match values(group, name).first()? {
        IppValue::Boolean(value) => Some(*value),
        _ => None,
    }
}

/// Walks over a message (RFC 8010 §3.1) and returns nothing for one that nests too deep, holds too much, or has
/// lengths that do not add up.
fn harmless(bytes: &[u8]) -> Option<()> {
    let mut at = 8;
    let mut depth = 0usize;
    bytes.get(..at)?;
    let length = |at: usize| Some(usize::from(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?])));
    for _ in 0..MAX_VALUES {
        let tag = *bytes.get(at)?;
        at += 1;
        match tag {
            0x03 => return (depth == 0).then_some(()),
            0x00..=0x0f => continue,
            // begCollection, endCollection
            0x34 => depth += 1,
            0x37 => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if depth > MAX_DEPTH {
            return None;
        }
        at += 2 + length(at)?;
        let value_length = length(at)?;
        let value = bytes.get(at + 2..at + 2 + value_length)?;
        // textWithLanguage, nameWithLanguage: two strings with their lengths inside.
        if matches!(tag, 0x35 | 0x36) {
            let first = usize::from(u16::from_be_bytes([*value.first()?, *value.get(1)?]));
            let rest = value.get(2 + first..)?;
            let second = usize::from(u16::from_be_bytes([*rest.first()?, *rest.get(1)?]));
            rest.get(2..2 + second)?;
        }
        at += 2 + value_length;
    }
    None
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn nested_collections_are_refused_before_they_are_decoded() {
        let mut bytes = vec![2, 0, 0, 0, 0, 0, 0, 1, 0x04];
        for _ in 0..50_000 {
            bytes.extend_from_slice(&[0x34, 0, 1, b'a', 0, 0]);
        }
        assert!(decode(bytes).is_err());
    }

    #[test]
    fn a_text_with_language_that_is_too_short_is_refused() {
        let mut bytes = vec![2, 0, 0, 0, 0, 0, 0, 1, 0x04];
        bytes.extend_from_slice(&[0x35, 0, 1, b'a', 0, 1, 9, 0x03]);
        assert!(decode(bytes).is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_answer_makes_the_decoder_panic(tail in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
            let mut bytes = vec![2, 0, 0, 0, 0, 0, 0, 1];
            bytes.extend(tail);
            let _ = decode(bytes);
        }
    }

    #[test]
    fn what_is_encoded_can_be_decoded() {
        let message = Message::new(Operation::GetJobs).operation("limit", Some(IppValue::Integer(3)));
        let answer = decode(message.encode()).unwrap();
        let group = answer.groups(DelimiterTag::OperationAttributes).next().unwrap();
        assert_eq!(number(group, "limit"), Some(3));
        assert_eq!(text(group, "attributes-charset"), None, "a charset is no text");
    }
}
