//! Operations that bring a job: at once, or in two steps (RFC 8011 §4.2.1, §4.2.4, §4.3.1; PWG 5100.11 §4.1).

use super::{
    super::{
        call::{Call, No},
        incoming,
        jobs::Job,
        printer::{NewJob, Refused},
        register::{Entry, Stage, Whose},
        server::{At, Behind, Inner, add_job, lock},
        wish::{Packing, Wish},
    },
    following, may_print,
};
use crate::{
    fault,
    offer::now,
    ticket::{self, Options},
};
use http_body_util::BodyExt;
use hyper::body::{Body, Bytes};
use lanyard_ipp::{Message, Status};
use lanyard_link::body::BodyError;
use std::{sync::Arc, time::Instant};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// RFC 8011 §4.2.1. The answer comes when the document is safe.
pub(super) async fn print_job<B>(at: &At<'_>, call: &Call, behind: &mut Behind<B>) -> Result<Message, No>
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BodyError>,
{
    let facts = at.printer.facts().await?;
    let wish = Wish::of(call, &facts)?;
    may_print(at, facts.accepting)?;
    let entry = entry(at, call, &wish);
    let number = enter(at, &entry).await?;
    let entry = Entry { number, ..entry };
    let taken = take(at, &entry, wish.chosen.options.clone(), wish.packing, behind).await;
    if let Err(refused) = taken {
        // A request that was refused has made no job.
        at.inner.register.run(move |register| register.forget(number)).await?;
        return Err(refused.into());
    }
    let mut answer = wish.answer(call);
    add_job(&mut answer, first_look(at, entry).await?.brief(at.place));
    Ok(answer)
}

/// RFC 8011 §4.2.4.
pub(super) async fn create_job(at: &At<'_>, call: &Call) -> Result<Message, No> {
    let facts = at.printer.facts().await?;
    let wish = Wish::of(call, &facts)?;
    may_print(at, facts.accepting)?;
    let entry = entry(at, call, &wish);
    let number = enter(at, &entry).await?;
    let mut answer = wish.answer(call);
    let job = Job::new(Entry { number, ..entry }, None).ok_or(Refused::NotFound)?;
    add_job(&mut answer, job.brief(at.place));
    Ok(answer)
}

/// RFC 8011 §4.3.1. One document for each job, as `multiple-document-jobs-supported` says.
pub(super) async fn send_document<B>(at: &At<'_>, call: &Call, behind: &mut Behind<B>) -> Result<Message, No>
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BodyError>,
{
    let facts = at.printer.facts().await?;
    let job = following::own(at, call).await?;
    let last = call.flag("last-document")?.ok_or_else(|| No::bad("last-document is missing."))?;
    let packing = Packing::of(call, &facts)?;
    while let Some(rest) = behind.rest.as_mut().filter(|_| behind.begun.is_empty()) {
        match rest.frame().await {
            Some(Ok(frame)) => behind.begun = frame.into_data().unwrap_or_default(),
            Some(Err(_)) => return Err(Refused::Cut.into()),
            None => break,
        }
    }
    let empty = behind.begun.is_empty();
    match (job.entry.stage, empty) {
        (Stage::Open, false) => {}
        (Stage::Open, true) if last => return close(at, call, &job).await,
        (Stage::Open | Stage::Taken, true) => return changed(at, call, job.entry.number).await,
        (Stage::Taken, false) => {
            let words = "A job has one document here.";
            return Err(No::new(Status::MultipleDocumentJobsNotSupported, words));
        }
        _ => return Err(Refused::NotPossible("This job is over.".to_owned()).into()),
    }
    may_print(at, facts.accepting)?;
    let number = job.entry.number;
    // What the client chose was checked when it made the job; what it may choose may have changed since.
    let chosen = super::super::template::choose(kept(&job.entry).as_ref(), &facts);
    let taken = take(at, &job.entry, chosen.options, packing, behind).await;
    if let Err(refused) = taken {
        // Half a document is no document, and the client may not know that it was half.
        at.inner.register.run(move |register| register.settle(number, Stage::Aborted)).await?;
        return Err(refused.into());
    }
    let mut answer = call.answer(Status::Ok);
    add_job(&mut answer, first_look(at, job.entry).await?.brief(at.place));
    Ok(answer)
}

/// PWG 5100.11 §4.1: nothing more will come. A job without a document is over.
pub(super) async fn close_job(at: &At<'_>, call: &Call) -> Result<Message, No> {
    let job = following::own(at, call).await?;
    match job.entry.stage {
        Stage::Open => close(at, call, &job).await,
        Stage::Taken => changed(at, call, job.entry.number).await,
        Stage::Canceled | Stage::Aborted => Err(Refused::NotPossible("This job is over.".to_owned()).into()),
    }
}

async fn close(at: &At<'_>, call: &Call, job: &Job) -> Result<Message, No> {
    let number = job.entry.number;
    if lock(&at.inner.receiving).contains_key(&number) {
        return Err(Refused::NotPossible("The document of this job is still arriving.".to_owned()).into());
    }
    at.inner.register.run(move |register| register.settle(number, Stage::Aborted)).await?;
    changed(at, call, number).await
}

/// The answer to what has changed a job, or not.
pub(super) async fn changed(at: &At<'_>, call: &Call, number: i32) -> Result<Message, No> {
    let job = following::find(at, call, number).await?;
    let mut answer = call.answer(Status::Ok);
    add_job(&mut answer, job.brief(at.place));
    Ok(answer)
}

fn entry(at: &At<'_>, call: &Call, wish: &Wish) -> Entry {
    let Whose { printer, client, user } = following::whose(at, call);
    Entry {
        number: 0,
        job: Uuid::new_v4(),
        printer,
        client,
        user,
        title: wish.title.clone(),
        copies: wish.chosen.options.copies.unwrap_or(1),
        kept: wish.chosen.kept.clone(),
        held: wish.chosen.held,
        stage: Stage::Open,
        created_at: now(),
        begun_at: None,
        ended_at: None,
    }
}

fn kept(entry: &Entry) -> Option<lanyard_ipp::Group> {
    (!entry.kept.is_empty())
        .then(|| lanyard_ipp::Group { tag: lanyard_ipp::GroupTag::Job, attributes: entry.kept.clone() })
}

async fn enter(at: &At<'_>, entry: &Entry) -> Result<i32, No> {
    let new = entry.clone();
    let number = at.inner.register.run(move |register| register.enter(&new)).await?;
    fault::point("ipp: a job has its number, and no document");
    number.ok_or_else(|| Refused::Busy.into())
}

/// Gives the document to the printer, and writes down that it has it.
async fn take<B>(
    at: &At<'_>,
    entry: &Entry,
    options: Options,
    packing: Packing,
    behind: &mut Behind<B>,
) -> Result<(), Refused>
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BodyError>,
{
    let number = entry.number;
    let arriving = Arriving::begin(at.inner, number)
        .ok_or_else(|| Refused::NotPossible("A document of this job is arriving already.".to_owned()))?;
    let coming =
        |rest: &B| rest.size_hint().exact().map(|more| more.saturating_add(behind.begun.len() as u64));
    let bytes = behind.rest.as_ref().filter(|_| packing.compression == incoming::Compression::None);
    let bytes = bytes.and_then(coming);
    if bytes.is_some_and(|bytes| bytes > ticket::MAX_DOCUMENT) {
        return Err(Refused::TooLarge);
    }
    let rest = behind.rest.take().ok_or(Refused::Cut)?;
    let begun = std::mem::take(&mut behind.begun);
    let document = incoming::document(begun, rest, packing.compression, arriving.stop.clone());
    let new = NewJob {
        job: entry.job,
        user: entry.user.clone(),
        title: entry.title.clone(),
        options,
        format: packing.format,
        held: entry.held,
        bytes,
    };
    at.printer.take(new, document).await?;
    fault::point("ipp: a document is taken, and that is not written down");
    lock(&at.inner.fresh).retain(|_, at| at.elapsed() < following::FRESH);
    lock(&at.inner.fresh).insert(number, Instant::now());
    // When this fails or is not reached, the printer still knows the job by its UUID, and so will whoever asks.
    match at.inner.register.run(move |register| register.settle(number, Stage::Taken)).await {
        Ok(true) => {}
        // Cancelled after its last byte had come.
        Ok(false) => at.printer.cancel(entry.job).await?,
        Err(error) => {
            tracing::error!(%error, job = %entry.job, "a job that was taken is not written down as such")
        }
    }
    fault::point("ipp: a document is taken, and the answer is about to leave");
    Ok(())
}

/// The job as the client that has just made it sees it.
async fn first_look(at: &At<'_>, entry: Entry) -> Result<Job, No> {
    let entry = Entry { stage: Stage::Taken, ..entry };
    let progress = at.printer.progress(vec![entry.job]).await?;
    let job = Job::new(entry, progress.first()).ok_or(Refused::NotFound)?;
    Ok(if job.state == super::super::jobs::JobState::Completed { job.shown_at_work() } else { job })
}

/// A document that is on its way in.
struct Arriving<'a> {
    inner: &'a Arc<Inner>,
    number: i32,
    stop: CancellationToken,
}

impl<'a> Arriving<'a> {
    fn begin(inner: &'a Arc<Inner>, number: i32) -> Option<Self> {
        let stop = CancellationToken::new();
        let mut receiving = lock(&inner.receiving);
        if receiving.contains_key(&number) {
            return None;
        }
        receiving.insert(number, stop.clone());
        Some(Self { inner, number, stop })
    }
}

impl Drop for Arriving<'_> {
    fn drop(&mut self) {
        lock(&self.inner.receiving).remove(&self.number);
    }
}
