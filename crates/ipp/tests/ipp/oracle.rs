//! The same bytes read by another implementation.
//!
//! It loses members whose values are several, and collections in collections; so it is asked about plain values only.

use crate::values;
use ipp::{parser::IppParser, reader::IppReader, value::IppValue};
use lanyard_ipp::{Group, GroupTag, Message, Value};
use proptest::prelude::*;
use std::io::Cursor;

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn another_implementation_reads_what_we_write(message in values::message(plain())) {
        let bytes = message.encode();
        let read = IppParser::new(IppReader::new(Cursor::new(bytes))).parse().unwrap();
        prop_assert_eq!(read.header().operation_or_status as u16, message.code);
        let groups = read.attributes().groups();
        prop_assert_eq!(groups.len(), message.groups.len());
        for (theirs, ours) in groups.iter().zip(&message.groups) {
            for attribute in distinct(ours) {
                let told = theirs.attributes().iter().find(|other| other.name().as_ref() == attribute.name.as_str()).unwrap().value().clone();
                let told: Vec<IppValue> = told.into_iter().cloned().collect();
                prop_assert_eq!(told.len(), attribute.values.len(), "{}", attribute.name);
                for (theirs, ours) in told.iter().zip(&attribute.values) {
                    prop_assert!(is_same(theirs, ours), "{theirs:?} is not {ours:?}");
                }
            }
        }
    }
}

/// What it can read without loss.
fn plain() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<i32>().prop_map(Value::Integer),
        any::<bool>().prop_map(Value::Boolean),
        any::<i32>().prop_map(Value::Enum),
        any::<(i32, i32)>().prop_map(|(low, high)| Value::Range(low, high)),
        values::word().prop_map(Value::Keyword),
        values::word().prop_map(Value::Text),
        values::word().prop_map(Value::Name),
        values::word().prop_map(Value::Uri),
        values::word().prop_map(Value::MimeMediaType),
    ]
}

/// Attributes whose name comes once: it keeps the last one.
fn distinct(group: &Group) -> impl Iterator<Item = &lanyard_ipp::Attribute> {
    group
        .attributes
        .iter()
        .filter(|one| group.attributes.iter().filter(|other| other.name == one.name).count() == 1)
}

fn is_same(theirs: &IppValue, ours: &Value) -> bool {
    match (theirs, ours) {
        (IppValue::Integer(a), Value::Integer(b)) | (IppValue::Enum(a), Value::Enum(b)) => a == b,
        (IppValue::Boolean(a), Value::Boolean(b)) => a == b,
        (IppValue::RangeOfInteger { min, max }, Value::Range(low, high)) => min == low && max == high,
        (theirs, ours) => ours.as_str().is_some_and(|ours| theirs.to_string() == ours),
    }
}

#[test]
fn what_another_implementation_writes_is_read() {
    use ipp::{operation::IppOperation as _, prelude::*};
    let operation =
        IppOperationBuilder::get_printer_attributes("ipp://localhost/ipp/print/x".parse().unwrap())
            .attributes(["printer-state", "media-col-database"])
            .build()
            .unwrap();
    let bytes = operation.into_ipp_request().to_bytes();
    let (read, _) = Message::decode(&bytes, lanyard_ipp::Limits::REQUEST).unwrap();
    assert_eq!(read.code, lanyard_ipp::Operation::GetPrinterAttributes.code());
    let operation = read.group(GroupTag::Operation).unwrap();
    assert_eq!(
        operation.texts("requested-attributes").collect::<Vec<_>>(),
        ["printer-state", "media-col-database"]
    );
    assert_eq!(operation.text("printer-uri"), Some("ipp://localhost/ipp/print/x"));
}
