//! Messages of any shape.

use lanyard_ipp::{
    Attribute, DateTime, Group, GroupTag, Message, Resolution, ResolutionUnit, Value, Version,
};
use proptest::{collection::vec, prelude::*};

/// Words that every syntax for characters allows.
pub(crate) fn word() -> impl Strategy<Value = String> {
    "[a-z][a-z0-9-]{0,20}"
}

fn text() -> impl Strategy<Value = String> {
    "\\PC{0,40}"
}

pub(crate) fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Unsupported),
        Just(Value::Unknown),
        Just(Value::NoValue),
        any::<i32>().prop_map(Value::Integer),
        any::<bool>().prop_map(Value::Boolean),
        any::<i32>().prop_map(Value::Enum),
        vec(any::<u8>(), 0..40).prop_map(Value::OctetString),
        any::<[u8; 11]>().prop_map(|octets| Value::DateTime(DateTime(octets))),
        (any::<i32>(), any::<i32>(), any::<u8>()).prop_map(|(x, y, unit)| {
            Value::Resolution(Resolution { x, y, unit: ResolutionUnit::from_octet(unit) })
        }),
        any::<(i32, i32)>().prop_map(|(low, high)| Value::Range(low, high)),
        (word(), text()).prop_map(|(language, text)| Value::TextWithLanguage { language, text }),
        (word(), text()).prop_map(|(language, name)| Value::NameWithLanguage { language, name }),
        text().prop_map(Value::Text),
        text().prop_map(Value::Name),
        word().prop_map(Value::Keyword),
        word().prop_map(Value::Uri),
        word().prop_map(Value::UriScheme),
        word().prop_map(Value::Charset),
        word().prop_map(Value::NaturalLanguage),
        word().prop_map(Value::MimeMediaType),
        (0x60_u8..0x7f, vec(any::<u8>(), 0..40)).prop_map(|(tag, octets)| Value::Other { tag, octets }),
    ]
}

pub(crate) fn value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(5, 40, 4, |inner| {
        vec((word(), vec(inner, 1..4)), 0..4).prop_map(|members| {
            let member = |(name, values)| Attribute { name, values };
            Value::Collection(members.into_iter().map(member).collect())
        })
    })
}

pub(crate) fn message(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Message> {
    let attribute = (word(), vec(value, 1..4)).prop_map(|(name, values)| Attribute { name, values });
    let tag = prop_oneof![
        Just(GroupTag::Operation),
        Just(GroupTag::Job),
        Just(GroupTag::Printer),
        Just(GroupTag::Unsupported),
        Just(GroupTag::Other(9)),
    ];
    let group = (tag, vec(attribute, 0..6)).prop_map(|(tag, attributes)| Group { tag, attributes });
    (any::<[u8; 2]>(), any::<u16>(), any::<i32>(), vec(group, 0..5)).prop_map(
        |([major, minor], code, request_id, groups)| Message {
            version: Version { major, minor },
            code,
            request_id,
            groups,
        },
    )
}
