//! What is done for each operation: one small function each (RFC 8011 §4.2 and §4.3, PWG 5100.11, PWG 5100.13).

mod creation;
mod following;

use super::{
    call::{Call, No},
    describe,
    printer::Refused,
    select::Wanted,
    server::{At, Behind},
    wish::{self, Wish},
};
use hyper::body::{Body, Bytes};
use lanyard_ipp::{Group, GroupTag, Message, Operation, Status, Value};
use lanyard_link::body::BodyError;

/// Does what a request asks. What nobody takes of what comes behind it is still there afterwards.
pub(super) async fn answer<B>(at: &At<'_>, call: Call, behind: &mut Behind<B>) -> Result<Message, No>
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BodyError>,
{
    match call.operation {
        Operation::PrintJob => creation::print_job(at, &call, behind).await,
        Operation::ValidateJob => validate_job(at, &call).await,
        Operation::CreateJob => creation::create_job(at, &call).await,
        Operation::SendDocument => creation::send_document(at, &call, behind).await,
        Operation::CloseJob => creation::close_job(at, &call).await,
        Operation::CancelJob => following::cancel_job(at, &call).await,
        Operation::CancelJobs | Operation::CancelMyJobs => following::cancel_jobs(at, &call).await,
        Operation::GetJobAttributes => following::get_job_attributes(at, &call).await,
        Operation::GetJobs => following::get_jobs(at, &call).await,
        Operation::HoldJob => following::hold_job(at, &call).await,
        Operation::ReleaseJob => following::release_job(at, &call).await,
        Operation::GetPrinterAttributes => get_printer_attributes(at, &call).await,
        Operation::IdentifyPrinter => identify_printer(at, &call).await,
        _ => {
            let words = format!("{} is not done here.", call.operation.keyword());
            Err(No::new(Status::OperationNotSupported, words))
        }
    }
}

/// RFC 8011 §4.2.3: what Print-Job would say, and nothing else.
async fn validate_job(at: &At<'_>, call: &Call) -> Result<Message, No> {
    let facts = at.printer.facts().await?;
    let wish = Wish::of(call, &facts)?;
    may_print(at, facts.accepting)?;
    Ok(wish.answer(call))
}

fn may_print(at: &At<'_>, accepting: bool) -> Result<(), Refused> {
    at.printer.admit()?;
    if accepting { Ok(()) } else { Err(Refused::NotAccepting) }
}

/// RFC 8011 §4.2.5.
async fn get_printer_attributes(at: &At<'_>, call: &Call) -> Result<Message, No> {
    let facts = at.printer.facts().await?;
    wish::format(call, &facts)?;
    let all = describe::printer(&facts, at.place, &at.inner.moments(at.key, &facts));
    let mut answer = call.answer(Status::Ok);
    let attributes = Wanted::of(call, &["all"]).of_a_printer(all);
    answer.groups.push(Group { tag: GroupTag::Printer, attributes });
    Ok(answer)
}

/// PWG 5100.13 §5.3.
async fn identify_printer(at: &At<'_>, call: &Call) -> Result<Message, No> {
    at.printer.facts().await?;
    let known = |value: &Value| matches!(value.as_str(), Some("display" | "sound"));
    if let Some(actions) = call.asked.find("identify-actions")
        && !actions.values.iter().all(known)
    {
        let words = "The printer can show something and make a sound.";
        let unsupported = vec![actions.clone()];
        return Err(No { unsupported, ..No::new(Status::AttributesOrValuesNotSupported, words) });
    }
    at.printer.identify(call.asked.text("message").map(crate::ticket::words)).await?;
    Ok(call.answer(Status::Ok))
}
