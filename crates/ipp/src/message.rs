//! A message: a header and groups of attributes (RFC 8010 §3.1). A document that follows it is none of its business.

use crate::{Operation, Status, Value};

/// Of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// Before the dot.
    pub major: u8,
    /// Behind it.
    pub minor: u8,
}

/// A request or an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Of the protocol.
    pub version: Version,
    /// Of a request the operation, of an answer the status.
    pub code: u16,
    /// Chosen by the client; 1 or more.
    pub request_id: i32,
    /// Groups, in their order.
    pub groups: Vec<Group>,
}

/// Attributes that belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// What they are about.
    pub tag: GroupTag,
    /// Attributes, in their order.
    pub attributes: Vec<Attribute>,
}

/// What a group is about (RFC 8010 §3.5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupTag {
    /// 1.
    Operation,
    /// 2.
    Job,
    /// 4.
    Printer,
    /// 5.
    Unsupported,
    /// 6.
    Subscription,
    /// 7.
    EventNotification,
    /// Any other delimiter below 16.
    Other(u8),
}

/// A name and its values, of which there is at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// Its name.
    pub name: String,
    /// Its values.
    pub values: Vec<Value>,
}

impl Version {
    /// IPP/1.1.
    pub const V1_1: Self = Self { major: 1, minor: 1 };
    /// IPP/2.0.
    pub const V2_0: Self = Self { major: 2, minor: 0 };
}

impl GroupTag {
    /// Its octet.
    #[must_use]
    pub fn octet(self) -> u8 {
        match self {
            Self::Operation => 1,
            Self::Job => 2,
            Self::Printer => 4,
            Self::Unsupported => 5,
            Self::Subscription => 6,
            Self::EventNotification => 7,
            Self::Other(octet) => octet,
        }
    }

    /// From its octet.
    #[must_use]
    pub fn from_octet(octet: u8) -> Self {
        match octet {
            1 => Self::Operation,
            2 => Self::Job,
            4 => Self::Printer,
            5 => Self::Unsupported,
            6 => Self::Subscription,
            7 => Self::EventNotification,
            octet => Self::Other(octet),
        }
    }
}

impl Message {
    /// An IPP/2.0 request with the two attributes that each begins with (RFC 8011 §4.1.4).
    #[must_use]
    pub fn request(operation: Operation, request_id: i32) -> Self {
        let mut request =
            Self { version: Version::V2_0, code: operation.code(), request_id, groups: Vec::new() };
        request.begin();
        request
    }

    /// An answer to what had this version and id, with the two attributes that each begins with.
    #[must_use]
    pub fn answer(version: Version, status: Status, request_id: i32) -> Self {
        let mut answer = Self { version, code: status.code(), request_id, groups: Vec::new() };
        answer.begin();
        answer
    }

    fn begin(&mut self) {
        self.add(
            GroupTag::Operation,
            Attribute::one("attributes-charset", Value::Charset("utf-8".to_owned())),
        );
        let language = Value::NaturalLanguage("en".to_owned());
        self.add(GroupTag::Operation, Attribute::one("attributes-natural-language", language));
    }

    /// Adds an attribute to the last group with that tag, or to a new one.
    pub fn add(&mut self, tag: GroupTag, attribute: Attribute) -> &mut Self {
        match self.groups.iter_mut().rev().find(|group| group.tag == tag) {
            Some(group) => group.attributes.push(attribute),
            None => self.groups.push(Group { tag, attributes: vec![attribute] }),
        }
        self
    }

    /// The same, in one line of a chain.
    #[must_use]
    pub fn with(mut self, tag: GroupTag, name: &str, value: Value) -> Self {
        self.add(tag, Attribute::one(name, value));
        self
    }

    /// The first group with that tag.
    #[must_use]
    pub fn group(&self, tag: GroupTag) -> Option<&Group> {
        self.groups.iter().find(|group| group.tag == tag)
    }

    /// All groups with that tag.
    pub fn groups(&self, tag: GroupTag) -> impl Iterator<Item = &Group> {
        self.groups.iter().filter(move |group| group.tag == tag)
    }

    /// An attribute of the first group with that tag.
    #[must_use]
    pub fn find(&self, tag: GroupTag, name: &str) -> Option<&Attribute> {
        self.group(tag)?.find(name)
    }
}

impl Group {
    /// An attribute by its name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|attribute| attribute.name == name)
    }

    /// The characters of an attribute's first value.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.find(name)?.first().as_str()
    }

    /// The characters of all values of an attribute that have any.
    pub fn texts<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        self.find(name).into_iter().flat_map(|attribute| &attribute.values).filter_map(Value::as_str)
    }

    /// The number of an attribute's first value.
    #[must_use]
    pub fn int(&self, name: &str) -> Option<i32> {
        self.find(name)?.first().as_int()
    }

    /// An attribute's first value, when it is a boolean.
    #[must_use]
    pub fn bool(&self, name: &str) -> Option<bool> {
        self.find(name)?.first().as_bool()
    }
}

impl Attribute {
    /// With one value.
    #[must_use]
    pub fn one(name: impl Into<String>, value: Value) -> Self {
        Self { name: name.into(), values: vec![value] }
    }

    /// With all of these values, or `no-value` when there are none.
    #[must_use]
    pub fn many(name: impl Into<String>, values: impl IntoIterator<Item = Value>) -> Self {
        let mut values: Vec<Value> = values.into_iter().collect();
        if values.is_empty() {
            values.push(Value::NoValue);
        }
        Self { name: name.into(), values }
    }

    /// With all of these keywords, or `no-value` when there are none.
    #[must_use]
    pub fn keywords<S: Into<String>>(name: impl Into<String>, keywords: impl IntoIterator<Item = S>) -> Self {
        Self::many(name, keywords.into_iter().map(|keyword| Value::Keyword(keyword.into())))
    }

    /// The first value. One that was made without any counts as `no-value`.
    #[must_use]
    pub fn first(&self) -> &Value {
        self.values.first().unwrap_or(&Value::NoValue)
    }
}
