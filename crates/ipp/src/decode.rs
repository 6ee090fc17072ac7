//! Bytes as values, within limits (RFC 8010 §3.1).
//!
//! A crate that decoded these recursively was killed over the wire by one small request of nested collections; here
//! depth, counts and size are bounded while the message is still arriving, and nesting is a stack on the heap.

use crate::{Attribute, DateTime, Group, GroupTag, Message, Resolution, ResolutionUnit, Value, Version};

const END_OF_ATTRIBUTES: u8 = 0x03;
const FIRST_VALUE_TAG: u8 = 0x10;
const BEGIN_COLLECTION: u8 = 0x34;
const END_COLLECTION: u8 = 0x37;
const MEMBER_NAME: u8 = 0x4a;
const EXTENSION: u8 = 0x7f;

/// Version, code and request id.
const HEADER: usize = 8;

/// What a message may be.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes without the document.
    pub bytes: usize,
    /// Attributes and members of collections together.
    pub attributes: usize,
    /// Values of all attributes together.
    pub values: usize,
    /// Collections within each other.
    pub depth: usize,
}

impl Limits {
    /// For what clients send: 256 KiB.
    pub const REQUEST: Self = Self { bytes: 256 << 10, attributes: 2_000, values: 8_000, depth: 8 };
    /// For what printers and spoolers answer: 4 MiB, some 500 finished jobs or a very talkative printer.
    pub const ANSWER: Self = Self { bytes: 4 << 20, attributes: 60_000, values: 100_000, depth: 8 };
}

/// Why bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// They end too early.
    #[error("the message is cut off")]
    Cut,
    /// Longer than allowed.
    #[error("the message is longer than {0} bytes")]
    TooLong(usize),
    /// More attributes or values than allowed.
    #[error("the message has too many attributes or values")]
    TooMany,
    /// Collections within collections, further down than allowed.
    #[error("collections are nested too deeply")]
    TooDeep,
    /// Something stands where it may not.
    #[error("the message is malformed: {0}")]
    Malformed(&'static str),
}

/// The beginning of every message, which can be read however broken the rest is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Of the protocol.
    pub version: Version,
    /// Operation or status.
    pub code: u16,
    /// As the client chose it.
    pub request_id: i32,
}

impl Header {
    /// Reads the first eight bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Option<Self> {
        let header: &[u8; HEADER] = bytes.first_chunk()?;
        let [major, minor, c0, c1, i0, i1, i2, i3] = *header;
        Some(Self {
            version: Version { major, minor },
            code: u16::from_be_bytes([c0, c1]),
            request_id: i32::from_be_bytes([i0, i1, i2, i3]),
        })
    }
}

/// Finds the end of a message that arrives in pieces. It looks at each byte once, however small the pieces are.
#[derive(Clone, Debug)]
pub struct Scanner {
    limits: Limits,
    /// Everything before this is looked at.
    at: usize,
    depth: usize,
    attributes: usize,
    values: usize,
}

impl Scanner {
    /// At the beginning of a message.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, at: HEADER, depth: 0, attributes: 0, values: 0 }
    }

    /// Looks further into all bytes that have arrived so far. Returns the message's length once it is there.
    ///
    /// # Errors
    /// [`DecodeError`], never [`DecodeError::Cut`]; the rest need not be awaited.
    pub fn advance(&mut self, bytes: &[u8]) -> Result<Option<usize>, DecodeError> {
        loop {
            if self.at >= self.limits.bytes {
                return Err(DecodeError::TooLong(self.limits.bytes));
            }
            let Some(&tag) = bytes.get(self.at) else { return Ok(None) };
            if tag < FIRST_VALUE_TAG {
                if self.depth > 0 {
                    return Err(DecodeError::Malformed("a group begins inside a collection"));
                }
                self.at += 1;
                if tag == END_OF_ATTRIBUTES {
                    return Ok(Some(self.at));
                }
                continue;
            }
            let Some((name, after_name)) = octets(bytes, self.at + 1)? else { return Ok(None) };
            let Some((_, end)) = octets(bytes, after_name)? else { return Ok(None) };
            self.count(tag, !name.is_empty())?;
            self.at = end;
        }
    }

    fn count(&mut self, tag: u8, is_named: bool) -> Result<(), DecodeError> {
        if is_named || tag == MEMBER_NAME {
            self.attributes += 1;
        }
        if tag != MEMBER_NAME && tag != END_COLLECTION {
            self.values += 1;
        }
        if self.attributes > self.limits.attributes || self.values > self.limits.values {
            return Err(DecodeError::TooMany);
        }
        match tag {
            BEGIN_COLLECTION => self.depth += 1,
            END_COLLECTION => {
                let too_many = DecodeError::Malformed("a collection ends that did not begin");
                self.depth = self.depth.checked_sub(1).ok_or(too_many)?;
            }
            _ => {}
        }
        if self.depth > self.limits.depth { Err(DecodeError::TooDeep) } else { Ok(()) }
    }
}

/// A two-octet length at `at` and what it announces; none while that has not arrived.
fn octets(bytes: &[u8], at: usize) -> Result<Option<(&[u8], usize)>, DecodeError> {
    let Some(length) = bytes.get(at..).and_then(|rest| rest.first_chunk::<2>()) else { return Ok(None) };
    // RFC 8010 §3.1: lengths are signed.
    let length = i16::from_be_bytes(*length);
    let length = usize::try_from(length).map_err(|_| DecodeError::Malformed("a length is negative"))?;
    let (begin, end) = (at + 2, at + 2 + length);
    Ok(bytes.get(begin..end).map(|octets| (octets, end)))
}

/// An attribute or a collection's members under construction.
struct Open {
    /// Where the collection will be a value.
    members: Vec<Attribute>,
}

impl Message {
    /// Reads a message from the beginning of `bytes` and tells how long it is; a document may follow.
    ///
    /// # Errors
    /// [`DecodeError`].
    pub fn decode(bytes: &[u8], limits: Limits) -> Result<(Self, usize), DecodeError> {
        let header = Header::of(bytes).ok_or(DecodeError::Cut)?;
        let length = Scanner::new(limits).advance(bytes)?.ok_or(DecodeError::Cut)?;
        let groups = groups(&bytes[..length])?;
        let Header { version, code, request_id } = header;
        Ok((Self { version, code, request_id, groups }, length))
    }
}

/// The groups of a whole message that a scanner has let through.
fn groups(bytes: &[u8]) -> Result<Vec<Group>, DecodeError> {
    let mut groups: Vec<Group> = Vec::new();
    let mut open: Vec<Open> = Vec::new();
    let mut at = HEADER;
    while let Some(&tag) = bytes.get(at) {
        if tag < FIRST_VALUE_TAG {
            at += 1;
            if tag == END_OF_ATTRIBUTES {
                break;
            }
            groups.push(Group { tag: GroupTag::from_octet(tag), attributes: Vec::new() });
            continue;
        }
        let (name, after_name) = octets(bytes, at + 1)?.ok_or(DecodeError::Cut)?;
        let (value, end) = octets(bytes, after_name)?.ok_or(DecodeError::Cut)?;
        at = end;
        let group =
            groups.last_mut().ok_or(DecodeError::Malformed("an attribute stands before any group"))?;
        if !name.is_empty() {
            if !open.is_empty() {
                return Err(DecodeError::Malformed("an attribute has a name inside a collection"));
            }
            group.attributes.push(Attribute { name: characters(name), values: Vec::new() });
        }
        match tag {
            MEMBER_NAME => {
                let inside = open.last_mut();
                let inside =
                    inside.ok_or(DecodeError::Malformed("a member stands outside of a collection"))?;
                inside.members.push(Attribute { name: characters(value), values: Vec::new() });
            }
            BEGIN_COLLECTION => {
                // Its value takes its place once it is whole; there must be something that it is a value of.
                current(&mut open, group)?;
                open.push(Open { members: Vec::new() });
            }
            END_COLLECTION => {
                let ended =
                    open.pop().ok_or(DecodeError::Malformed("a collection ends that did not begin"))?;
                if ended.members.iter().any(|member| member.values.is_empty()) {
                    return Err(DecodeError::Malformed("a member has no value"));
                }
                current(&mut open, group)?.values.push(Value::Collection(ended.members));
            }
            tag => current(&mut open, group)?.values.push(scalar(tag, value)?),
        }
    }
    if groups.iter().flat_map(|group| &group.attributes).any(|attribute| attribute.values.is_empty()) {
        return Err(DecodeError::Malformed("an attribute has no value"));
    }
    Ok(groups)
}

/// The attribute or member that the next value belongs to.
fn current<'a>(open: &'a mut [Open], group: &'a mut Group) -> Result<&'a mut Attribute, DecodeError> {
    let attributes = match open.last_mut() {
        Some(inside) => &mut inside.members,
        None => &mut group.attributes,
    };
    attributes.last_mut().ok_or(DecodeError::Malformed("a value belongs to no attribute"))
}

fn scalar(tag: u8, octets: &[u8]) -> Result<Value, DecodeError> {
    let number = |octets: &[u8]| octets.try_into().map(i32::from_be_bytes);
    let wrong = |_| DecodeError::Malformed("a value has the wrong length");
    Ok(match tag {
        0x10 => Value::Unsupported,
        0x12 => Value::Unknown,
        0x13 => Value::NoValue,
        0x21 => Value::Integer(number(octets).map_err(wrong)?),
        0x22 => match octets {
            [is] => Value::Boolean(*is != 0),
            _ => return Err(DecodeError::Malformed("a boolean is not one octet")),
        },
        0x23 => Value::Enum(number(octets).map_err(wrong)?),
        0x30 => Value::OctetString(octets.to_vec()),
        0x31 => Value::DateTime(DateTime(octets.try_into().map_err(wrong)?)),
        0x32 => match octets.split_at_checked(4) {
            Some((x, rest)) if rest.len() == 5 => Value::Resolution(Resolution {
                x: number(x).map_err(wrong)?,
                y: number(&rest[..4]).map_err(wrong)?,
                unit: ResolutionUnit::from_octet(rest[4]),
            }),
            _ => return Err(DecodeError::Malformed("a resolution is not nine octets")),
        },
        0x33 => match octets.split_at_checked(4) {
            Some((low, high)) => Value::Range(number(low).map_err(wrong)?, number(high).map_err(wrong)?),
            None => return Err(DecodeError::Malformed("a range is not eight octets")),
        },
        0x35 => {
            let (language, text) = with_language(octets)?;
            Value::TextWithLanguage { language, text }
        }
        0x36 => {
            let (language, name) = with_language(octets)?;
            Value::NameWithLanguage { language, name }
        }
        0x41 => Value::Text(characters(octets)),
        0x42 => Value::Name(characters(octets)),
        0x44 => Value::Keyword(characters(octets)),
        0x45 => Value::Uri(characters(octets)),
        0x46 => Value::UriScheme(characters(octets)),
        0x47 => Value::Charset(characters(octets)),
        0x48 => Value::NaturalLanguage(characters(octets)),
        0x49 => Value::MimeMediaType(characters(octets)),
        EXTENSION => return Err(DecodeError::Malformed("extended tags are not in use")),
        tag => Value::Other { tag, octets: octets.to_vec() },
    })
}

fn with_language(bytes: &[u8]) -> Result<(String, String), DecodeError> {
    let wrong = DecodeError::Malformed("a text with language is not made of two parts");
    let (language, after) = octets(bytes, 0)?.ok_or(wrong)?;
    let (text, end) = octets(bytes, after)?.ok_or(wrong)?;
    if end != bytes.len() {
        return Err(wrong);
    }
    Ok((characters(language), characters(text)))
}

/// What is no UTF-8 is replaced, not refused: old clients send other charsets in names of people and documents.
fn characters(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}
