//! Values as bytes (RFC 8010 §3.1).

use crate::{Attribute, Message, Value};

/// The longest value that is written; longer text is cut between characters, longer octets are cut.
/// RFC 8011 §5.1 allows 1,023 for anything but octets.
const MAX_TEXT: usize = 1023;

/// The longest of anything that has a two-octet length.
const MAX_OCTETS: usize = 32_767;

const END_OF_ATTRIBUTES: u8 = 0x03;
const BEGIN_COLLECTION: u8 = 0x34;
const END_COLLECTION: u8 = 0x37;
const MEMBER_NAME: u8 = 0x4a;

impl Message {
    /// The message's bytes; a document may follow them.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(1024);
        out.extend([self.version.major, self.version.minor]);
        out.extend(self.code.to_be_bytes());
        out.extend(self.request_id.to_be_bytes());
        for group in &self.groups {
            out.push(group.tag.octet());
            for attribute in &group.attributes {
                put_attribute(&mut out, attribute);
            }
        }
        out.push(END_OF_ATTRIBUTES);
        out
    }
}

/// What remains to be written: a stack instead of recursion, like the other way round.
enum Todo<'a> {
    Values { name: &'a str, values: &'a [Value] },
    Members(&'a [Attribute]),
    End,
}

fn put_attribute(out: &mut Vec<u8>, attribute: &Attribute) {
    let mut todo = vec![Todo::Values { name: &attribute.name, values: &attribute.values }];
    while let Some(next) = todo.pop() {
        match next {
            Todo::End => put_value(out, END_COLLECTION, "", &[]),
            Todo::Members([]) => {}
            Todo::Members([member, rest @ ..]) => {
                todo.push(Todo::Members(rest));
                // A member without values is not written: its name alone would swallow the next one.
                if !member.values.is_empty() {
                    put_value(out, MEMBER_NAME, "", cut(&member.name, MAX_TEXT).as_bytes());
                    todo.push(Todo::Values { name: "", values: &member.values });
                }
            }
            Todo::Values { values: [], .. } => {}
            Todo::Values { name, values: [value, rest @ ..] } => {
                todo.push(Todo::Values { name: "", values: rest });
                match value {
                    Value::Collection(members) => {
                        put_value(out, BEGIN_COLLECTION, name, &[]);
                        todo.push(Todo::End);
                        todo.push(Todo::Members(members));
                    }
                    value => put_scalar(out, name, value),
                }
            }
        }
    }
}

fn put_scalar(out: &mut Vec<u8>, name: &str, value: &Value) {
    let mut put = |tag: u8, octets: &[u8]| put_value(out, tag, name, octets);
    match value {
        Value::Unsupported => put(0x10, &[]),
        Value::Unknown => put(0x12, &[]),
        Value::NoValue | Value::Collection(_) => put(0x13, &[]),
        Value::Integer(number) => put(0x21, &number.to_be_bytes()),
        Value::Boolean(is) => put(0x22, &[u8::from(*is)]),
        Value::Enum(number) => put(0x23, &number.to_be_bytes()),
        Value::OctetString(octets) => put(0x30, octets),
        Value::DateTime(date) => put(0x31, &date.0),
        Value::Resolution(resolution) => {
            let mut octets = [0; 9];
            octets[..4].copy_from_slice(&resolution.x.to_be_bytes());
            octets[4..8].copy_from_slice(&resolution.y.to_be_bytes());
            octets[8] = resolution.unit.octet();
            put(0x32, &octets);
        }
        Value::Range(low, high) => {
            let mut octets = [0; 8];
            octets[..4].copy_from_slice(&low.to_be_bytes());
            octets[4..].copy_from_slice(&high.to_be_bytes());
            put(0x33, &octets);
        }
        Value::TextWithLanguage { language, text } => put(0x35, &with_language(language, text)),
        Value::NameWithLanguage { language, name } => put(0x36, &with_language(language, name)),
        Value::Text(text) => put(0x41, cut(text, MAX_TEXT).as_bytes()),
        Value::Name(name) => put(0x42, cut(name, MAX_TEXT).as_bytes()),
        Value::Keyword(keyword) => put(0x44, cut(keyword, MAX_TEXT).as_bytes()),
        Value::Uri(uri) => put(0x45, cut(uri, MAX_TEXT).as_bytes()),
        Value::UriScheme(scheme) => put(0x46, cut(scheme, MAX_TEXT).as_bytes()),
        Value::Charset(charset) => put(0x47, cut(charset, MAX_TEXT).as_bytes()),
        Value::NaturalLanguage(language) => put(0x48, cut(language, MAX_TEXT).as_bytes()),
        Value::MimeMediaType(mime) => put(0x49, cut(mime, MAX_TEXT).as_bytes()),
        Value::Other { tag, octets } => put(*tag, octets),
    }
}

fn with_language(language: &str, text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(4 + language.len() + text.len());
    for part in [language, text] {
        put_octets(&mut out, cut(part, MAX_TEXT).as_bytes());
    }
    out
}

fn put_value(out: &mut Vec<u8>, tag: u8, name: &str, octets: &[u8]) {
    out.push(tag);
    put_octets(out, cut(name, MAX_TEXT).as_bytes());
    put_octets(out, octets);
}

fn put_octets(out: &mut Vec<u8>, octets: &[u8]) {
    let octets = &octets[..octets.len().min(MAX_OCTETS)];
    out.extend(u16::try_from(octets.len()).unwrap_or(0).to_be_bytes());
    out.extend(octets);
}

/// The text, cut between characters to at most `most` bytes.
fn cut(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}
