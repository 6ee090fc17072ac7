//! Multicast DNS messages (RFC 1035 §4, RFC 6762 §18): a bounded decoder of what anybody on the link may send, and
//! the one kind of message that is sent from here, a question with the answers that are known already.
//!
//! Pure: bytes go in and come out. What the records mean is for [`crate::cache`] to say.

use std::{
    fmt,
    hash::{Hash, Hasher},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// The longest message (RFC 6762 §17).
pub const MAX_MESSAGE: usize = 9000;
/// The longest message that is sent: what fits into one packet of any LAN.
pub const MAX_SENT: usize = 1400;
/// The longest name on the wire (RFC 1035 §2.3.4).
const MAX_NAME: usize = 255;
/// The longest label of a name.
const MAX_LABEL: usize = 63;
/// The most questions and records that are read of one message.
const MAX_READ: usize = 512;
/// The longest TXT record that is kept; longer ones are cut off.
const MAX_TEXT: usize = 2048;

/// The class of everything here (RFC 1035 §3.2.4).
const INTERNET: u16 = 1;
/// With it in the class, a record replaces what was said before (RFC 6762 §10.2).
const FLUSH: u16 = 0x8000;
/// A response rather than a query.
const RESPONSE: u16 = 0x8000;

/// A type of record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Type(pub u16);

impl Type {
    /// An IPv4 address.
    pub const A: Self = Self(1);
    /// The name of an instance of a service.
    pub const PTR: Self = Self(12);
    /// What an instance says about itself.
    pub const TXT: Self = Self(16);
    /// An IPv6 address.
    pub const AAAA: Self = Self(28);
    /// Host and port of an instance.
    pub const SRV: Self = Self(33);
    /// All of them, in a question.
    pub const ANY: Self = Self(255);
}

/// A name as it is on the wire, without compression; the same whatever its letters' case (RFC 6762 §16).
#[derive(Clone)]
pub struct Name {
    /// Each label with its length before it, without the empty one at the end.
    labels: Vec<u8>,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// About whom.
    pub name: Name,
    /// For what.
    pub kind: Type,
}

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Whose it is.
    pub name: Name,
    /// It replaces what was said before.
    pub flush: bool,
    /// For how many seconds it is good; none is a goodbye.
    pub ttl: u32,
    /// What it says.
    pub data: Data,
}

/// What a record says, as far as it is of interest here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// An instance of the service.
    Instance(Name),
    /// Where an instance runs.
    Service {
        /// The host.
        host: Name,
        /// Its port.
        port: u16,
    },
    /// What an instance says about itself: strings, each with its length before it.
    Text(Vec<u8>),
    /// An address of a host.
    Address(IpAddr),
}

/// What somebody sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// It answers; otherwise it asks, and its records are answers that it knows already.
    pub response: bool,
    /// What it asks.
    pub questions: Vec<Question>,
    /// Its answers and what goes with them.
    pub records: Vec<Record>,
}

/// An answer that needs not be given again (RFC 6762 §7.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The service.
    pub service: Name,
    /// The instance.
    pub instance: Name,
    /// For how many seconds it is still good.
    pub ttl: u32,
}

impl Name {
    /// The name of a service type or of a host: dots separate, nothing is escaped. Too long a label is cut off.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let mut labels = Vec::with_capacity(text.len() + 1);
        for label in text.split('.').filter(|label| !label.is_empty()) {
            let label = &label.as_bytes()[..label.len().min(MAX_LABEL)];
            if labels.len() + label.len() + 2 <= MAX_NAME {
                labels.push(label.len() as u8);
                labels.extend(label);
            }
        }
        Self { labels }
    }

    /// The name without its first label.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let first = usize::from(*self.labels.first()?);
        Some(Self { labels: self.labels.get(first + 1..)?.to_vec() })
    }

    /// How many bytes it takes on the wire.
    pub(crate) fn length(&self) -> usize {
        self.labels.len() + 1
    }

    /// The first label as it is on the wire, with its length.
    fn first(&self) -> &[u8] {
        let first = self.labels.first().map_or(0, |length| usize::from(*length) + 1);
        self.labels.get(..first).unwrap_or_default()
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.labels.eq_ignore_ascii_case(&other.labels)
    }
}

impl Eq for Name {}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for byte in &self.labels {
            state.write_u8(byte.to_ascii_lowercase());
        }
    }
}

/// As people write it: a dot after each label, dots and backslashes in it escaped (RFC 6763 §4.3).
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.labels.as_slice();
        while let Some((length, after)) = rest.split_first() {
            let (label, after) = after.split_at(usize::from(*length).min(after.len()));
            for character in String::from_utf8_lossy(label).chars() {
                if matches!(character, '.' | '\\') {
                    f.write_str("\\")?;
                }
                fmt::Write::write_char(f, character)?;
            }
            f.write_str(".")?;
            rest = after;
        }
        Ok(())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

impl Message {
    /// Reads a message. None when it breaks the rules so badly that nobody can say where its parts begin; a record of
    /// another class or type is passed over, and so is one that makes no sense inside its own length.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        if bytes.len() > MAX_MESSAGE {
            return None;
        }
        let mut reader = Reader { bytes, at: 2 };
        let flags = reader.number()?;
        // An operation other than the ordinary query, or an error, is nothing that multicast DNS knows (§18.3, §18.11).
        if flags & 0x780f != 0 {
            return None;
        }
        let [questions, answers, authorities, additional] =
            [reader.number()?, reader.number()?, reader.number()?, reader.number()?].map(usize::from);
        if questions + answers + authorities + additional > MAX_READ {
            return None;
        }
        let mut message = Self { response: flags & RESPONSE != 0, ..Self::default() };
        for _ in 0..questions {
            let (name, kind) = (reader.name()?, Type(reader.number()?));
            reader.number()?; // the class; its upper bit asks for an answer to the asker alone
            message.questions.push(Question { name, kind });
        }
        for number in 0..answers + authorities + additional {
            let record = reader.record()?;
            // What a host claims that is still looking whether a name is free (§8.2) is no answer.
            let is_claim = (answers..answers + authorities).contains(&number);
            message.records.extend(record.filter(|_| !is_claim));
        }
        Some(message)
    }
}

/// Writes a question; what fits of `known` goes with it. Nothing is asked for that does not fit.
#[must_use]
pub fn question(questions: &[Question], known: &[Known]) -> Vec<u8> {
    let mut bytes = vec![0; 12];
    let mut asked = 0_u16;
    let mut services: Vec<(&Name, usize)> = Vec::new();
    for question in questions {
        let at = bytes.len();
        if at + question.name.labels.len() + 5 > MAX_SENT {
            break;
        }
        bytes.extend(&question.name.labels);
        bytes.push(0);
        bytes.extend(question.kind.0.to_be_bytes());
        bytes.extend(INTERNET.to_be_bytes());
        services.push((&question.name, at));
        asked += 1;
    }
    let mut answers = 0_u16;
    for known in known {
        // Every known answer is to one of the questions, and its name ends as that question's does: two pointers.
        let Some((_, at)) = services.iter().find(|(service, _)| **service == known.service) else { continue };
        let Ok(at) = u16::try_from(*at) else { continue };
        let pointer = (0xc000 | at).to_be_bytes();
        let under = known.instance.parent().is_some_and(|parent| parent == known.service);
        let first = known.instance.first();
        if !under || bytes.len() + first.len() + 14 > MAX_SENT {
            continue;
        }
        bytes.extend(pointer);
        bytes.extend(Type::PTR.0.to_be_bytes());
        bytes.extend(INTERNET.to_be_bytes());
        bytes.extend(known.ttl.to_be_bytes());
        bytes.extend((first.len() as u16 + 2).to_be_bytes());
        bytes.extend(first);
        bytes.extend(pointer);
        answers += 1;
    }
    bytes[4..6].copy_from_slice(&asked.to_be_bytes());
    bytes[6..8].copy_from_slice(&answers.to_be_bytes());
    bytes
}

/// The value of an entry of a TXT record; keys are compared without case, and the first counts (RFC 6763 §6.4).
#[must_use]
pub fn entry<'a>(text: &'a [u8], key: &str) -> Option<&'a str> {
    let mut rest = text;
    while let Some((length, after)) = rest.split_first() {
        let string = after.get(..usize::from(*length))?;
        rest = &after[string.len()..];
        let Some(end) = string.iter().position(|byte| *byte == b'=') else { continue };
        if string[..end].eq_ignore_ascii_case(key.as_bytes()) {
            return str::from_utf8(&string[end + 1..]).ok();
        }
    }
    None
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn number(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes([self.byte()?, self.byte()?]))
    }

    fn long(&mut self) -> Option<u32> {
        Some(u32::from(self.number()?) << 16 | u32::from(self.number()?))
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let part = self.bytes.get(self.at..self.at.checked_add(length)?)?;
        self.at += length;
        Some(part)
    }

    /// A name, which may go on elsewhere (RFC 1035 §4.1.4): each time further to the front, so it comes to an end.
    fn name(&mut self) -> Option<Name> {
        let mut labels = Vec::new();
        let mut after = None;
        let mut front = self.at;
        loop {
            let length = self.byte()?;
            match length >> 6 {
                0 if length == 0 => break,
                0 => {
                    labels.push(length);
                    labels.extend(self.take(length.into())?);
                    if labels.len() >= MAX_NAME {
                        return None;
                    }
                }
                3 => {
                    let to = usize::from(u16::from_be_bytes([length & 0x3f, self.byte()?]));
                    after = after.or(Some(self.at));
                    if to >= front {
                        return None;
                    }
                    (front, self.at) = (to, to);
                }
                _ => return None,
            }
        }
        self.at = after.unwrap_or(self.at);
        Some(Name { labels })
    }

    /// One record; the inner none is one that is passed over.
    fn record(&mut self) -> Option<Option<Record>> {
        let name = self.name()?;
        let (kind, class) = (Type(self.number()?), self.number()?);
        let ttl = self.long()?;
        let length = usize::from(self.number()?);
        let begin = self.at;
        let data = self.take(length)?;
        let end = self.at;
        let mut inside = Self { bytes: &self.bytes[..end], at: begin };
        let data = match kind {
            _ if class & !FLUSH != INTERNET => None,
            Type::PTR => inside.name().map(Data::Instance),
            Type::SRV => inside.service(),
            Type::TXT => Some(Data::Text(data[..data.len().min(MAX_TEXT)].to_vec())),
            Type::A => <[u8; 4]>::try_from(data).ok().map(|ip| Data::Address(Ipv4Addr::from(ip).into())),
            Type::AAAA => <[u8; 16]>::try_from(data).ok().map(|ip| Data::Address(Ipv6Addr::from(ip).into())),
            _ => None,
        };
        Some(data.map(|data| Record { name, flush: class & FLUSH != 0, ttl, data }))
    }

    fn service(&mut self) -> Option<Data> {
        self.take(4)?; // priority and weight: on a link there is one of each
        let port = self.number()?;
        Some(Data::Service { host: self.name()?, port })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn name(text: &str) -> Name {
        Name::of(text)
    }

    /// A response with these records, names uncompressed: name, type, class, TTL, data.
    fn response(records: &[(&Name, u16, u16, u32, Vec<u8>)]) -> Vec<u8> {
        let mut bytes = vec![0, 0, 0x84, 0, 0, 0, 0, records.len() as u8, 0, 0, 0, 0];
        for (name, kind, class, ttl, data) in records {
            bytes.extend(&name.labels);
            bytes.push(0);
            bytes.extend(kind.to_be_bytes());
            bytes.extend(class.to_be_bytes());
            bytes.extend(ttl.to_be_bytes());
            bytes.extend((data.len() as u16).to_be_bytes());
            bytes.extend(data);
        }
        bytes
    }

    #[test]
    fn a_response_is_read_with_what_is_of_interest_and_without_the_rest() {
        let (service, host) = (name("_ipp._tcp.local."), name("h.local."));
        let wire = |name: &Name| [&name.labels[..], &[0]].concat();
        let srv = [&[0, 0, 0, 0, 0x02, 0x77][..], &wire(&host)].concat();
        let bytes = response(&[
            (&service, 12, 1, 4500, wire(&name("A.b._ipp._tcp.local"))),
            (&name("x._ipp._tcp.local"), 33, 0x8001, 120, srv),
            (&name("x._ipp._tcp.local"), 16, 0x8001, 4500, b"\x05ty=HP".to_vec()),
            (&host, 1, 0x8001, 120, vec![10, 0, 0, 1]),
            (&host, 28, 0x8001, 120, vec![1; 16]),
            (&host, 1, 0x8001, 120, vec![10, 0, 0]),
            (&host, 1, 3, 120, vec![10, 0, 0, 2]),
            (&host, 47, 0x8001, 120, vec![0]),
        ]);
        let message = Message::read(&bytes).unwrap();
        assert!(message.response && message.records.len() == 5, "{message:#?}");
        assert_eq!(message.records[1].data, Data::Service { host: name("H.LOCAL"), port: 631 });
        assert!(message.records[3].flush && !message.records[0].flush);
    }

    #[test]
    fn names_are_the_same_whatever_their_case_and_dots_in_them_are_no_separators() {
        let mut bytes = response(&[]);
        bytes[5] = 1;
        bytes.extend(b"\x04a.b\\\x05LoCal\0\x00\x0c\x00\x01");
        let message = Message::read(&bytes).unwrap();
        assert_eq!(message.questions[0].name.to_string(), "a\\.b\\\\.LoCal.");
        assert_eq!(message.questions[0].name.parent().unwrap(), name("local"));
    }

    #[test]
    fn a_name_that_points_at_itself_or_forward_is_refused() {
        for pointer in [[0xc0, 12], [0xc0, 13], [0xc0, 40], [0xff, 0xff]] {
            let mut bytes = response(&[]);
            bytes[5] = 1;
            bytes.extend(pointer);
            bytes.extend([0, 12, 0, 1]);
            bytes.extend([0; 40]);
            assert_eq!(Message::read(&bytes), None, "{pointer:?}");
        }
    }

    #[test]
    fn a_question_is_read_as_it_was_written_and_fits_into_a_packet() {
        let service = name("_lanyard._tcp.local.");
        let known: Vec<Known> = (0..100)
            .map(|number| Known {
                service: service.clone(),
                instance: name(&format!("{number:08}._lanyard._tcp.local.")),
                ttl: 4000,
            })
            .collect();
        let asked = vec![Question { name: service.clone(), kind: Type::PTR }];
        let bytes = question(&asked, &known);
        assert!(bytes.len() <= MAX_SENT && bytes.len() > MAX_SENT - 40, "{}", bytes.len());
        let message = Message::read(&bytes).unwrap();
        assert_eq!((message.response, &message.questions), (false, &asked));
        assert!(message.records.len() >= 58, "{} known answers", message.records.len());
        for (record, known) in message.records.iter().zip(&known) {
            assert_eq!((&record.name, record.ttl), (&service, 4000));
            assert_eq!(record.data, Data::Instance(known.instance.clone()));
        }
    }

    #[test]
    fn an_entry_is_found_without_case_and_the_first_counts() {
        let text = b"\x04flag\x05TY=HP\x05ty=no\x03x=\xff\x02n=";
        assert_eq!(entry(text, "ty"), Some("HP"));
        assert_eq!(entry(text, "n"), Some(""));
        assert_eq!((entry(text, "flag"), entry(text, "x"), entry(b"\xffshort", "short")), (None, None, None));
    }

    proptest! {
        #[test]
        fn whatever_is_sent_is_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let mut bytes = bytes;
            // Most of it would fail at the flags and the counts, and nothing else be looked at.
            if let Some(head) = bytes.get_mut(..12) {
                head.copy_from_slice(&[0, 0, 0x84, 0, 0, 1, 0, 4, 0, 1, 0, 1]);
            }
            if let Some(message) = Message::read(&bytes) {
                for record in message.records {
                    prop_assert!(record.name.to_string().len() <= 4 * MAX_NAME);
                }
            }
        }
    }
}
