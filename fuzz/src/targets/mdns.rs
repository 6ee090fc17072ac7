//! A multicast DNS packet by itself: what is read of it can be asked for again.

use lanyard_discovery::message::{Data, Known, MAX_SENT, Message, entry, question};

pub(crate) fn run(bytes: &[u8]) {
    let Some(message) = Message::read(bytes) else { return };
    let mut known = Vec::new();
    for record in &message.records {
        match &record.data {
            Data::Instance(instance) => known.push(Known {
                service: record.name.clone(),
                instance: instance.clone(),
                ttl: record.ttl,
            }),
            Data::Text(text) => _ = (entry(text, "ty"), entry(text, "")),
            Data::Service { .. } | Data::Address(_) => {}
        }
    }
    let sent = question(&message.questions, &known);
    assert!(sent.len() <= MAX_SENT, "{} bytes", sent.len());
    let Some(again) = Message::read(&sent) else { panic!("what is asked cannot be read: {message:?}") };
    assert!(!again.response && message.questions.starts_with(&again.questions), "{message:?}");
    for record in &again.records {
        let Data::Instance(instance) = &record.data else { panic!("no instance: {record:?}") };
        let is_known = |known: &Known| known.service == record.name && known.instance == *instance;
        assert!(known.iter().any(is_known), "{record:?} was never heard");
    }
}
