//! The printing client's part of what the fuzz targets call: all that is done with a request before anything is
//! written down.

use super::{
    call::{Call, No},
    describe::{self, Moment, Moments},
    facts_for_tests,
    place::Place,
    select::Wanted,
    wish::{self, Wish},
};
use crate::{fuzzing::is_fit, ticket::MAX_COPIES};
use lanyard_ipp::{Attribute, Group, GroupTag, Header, Limits, Message, Operation, Status};

/// A request of a printing client, up to the answer.
pub fn request(bytes: &[u8]) {
    let Ok((message, _)) = Message::decode(bytes, Limits::REQUEST) else { return };
    let place = Place {
        secure: false,
        authority: "192.168.1.7:7717".to_owned(),
        path: "/ipp/print/a".to_owned(),
        both: true,
    };
    let header = Header { version: message.version, code: message.code, request_id: message.request_id };
    let answer = answer(message, &place).unwrap_or_else(|no| no.answer(header));
    assert_eq!(answer.request_id, header.request_id);
    let again = Message::decode(&answer.encode(), Limits::ANSWER);
    assert!(again.is_ok_and(|(again, _)| again.code == answer.code), "no client can read {answer:?}");
}

fn answer(message: Message, place: &Place) -> Result<Message, No> {
    let call = Call::check(message, place)?;
    assert!(is_fit(&call.user) && !call.user.is_empty(), "{:?}", call.user);
    let facts = facts_for_tests();
    let _ = call.job_ids()?;
    if call.operation == Operation::GetPrinterAttributes {
        wish::format(&call, &facts)?;
        let moment = Moment { up: 1, unix: 1_700_000_000 };
        let moments = Moments { now: moment, state_changed: moment, config_changed: moment };
        let all = describe::printer(&facts, place, &moments);
        let mut answer = call.answer(Status::Ok);
        let attributes = Wanted::of(&call, &["all"]).of_a_printer(all);
        answer.groups.push(Group { tag: GroupTag::Printer, attributes });
        return Ok(answer);
    }
    let wish = Wish::of(&call, &facts)?;
    assert!(is_fit(&wish.title) && !wish.title.is_empty(), "{:?}", wish.title);
    let options = &wish.chosen.options;
    assert!(options.copies.is_none_or(|copies| (1..=MAX_COPIES.min(99)).contains(&copies)), "{options:?}");
    assert!(options.media.as_ref().is_none_or(|media| facts.can.media.contains(media)), "{options:?}");
    let all: usize = call.template.iter().map(|group| group.attributes.len()).sum();
    let told = wish.chosen.kept.len() + wish.chosen.unsupported.len();
    assert!(told >= all, "of {all} attributes of the job {told} were looked at");
    assert!(wish.chosen.kept.iter().all(|Attribute { values, .. }| !values.is_empty()));
    Ok(wish.answer(&call))
}
