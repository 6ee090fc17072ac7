//! Operations on jobs that are there: looking, cancelling, keeping back (RFC 8011 §4.2.6, §4.3; PWG 5100.11 §4).

use super::{
    super::{
        call::{Call, No},
        describe::DOCUMENT_TIME_OUT,
        jobs::{Job, JobState, WHICH},
        printer::Refused,
        register::{Entry, Stage, Whose},
        select::Wanted,
        server::{At, add_job, lock},
    },
    creation::changed,
};
use crate::offer::now;
use lanyard_ipp::{Attribute, Message, Status, Value};
use std::time::Duration;

/// A job that is done so soon after it was made is shown at work once: its client would not believe that it was.
pub(super) const FRESH: Duration = Duration::from_millis(500);

/// What Get-Jobs tells when nothing is asked for (RFC 8011 §4.2.6.1).
const BRIEF: [&str; 2] = ["job-uri", "job-id"];

pub(super) fn whose(at: &At<'_>, call: &Call) -> Whose {
    Whose { printer: at.key.to_owned(), client: at.client, user: call.user.clone() }
}

/// The job that the request is about.
pub(super) async fn own(at: &At<'_>, call: &Call) -> Result<Job, No> {
    find(at, call, call.job.ok_or_else(|| No::bad("job-id is missing."))?).await
}

/// A job by its number, if it is the caller's.
pub(super) async fn find(at: &At<'_>, call: &Call, number: i32) -> Result<Job, No> {
    let whose = whose(at, call);
    let entry = at.inner.register.run(move |register| register.find(number, &whose)).await?;
    let jobs = with_progress(at, entry.into_iter().collect()).await?;
    jobs.into_iter().next().ok_or_else(|| Refused::NotFound.into())
}

/// The caller's jobs, newest first.
async fn all(at: &At<'_>, call: &Call) -> Result<Vec<Job>, No> {
    let whose = whose(at, call);
    let entries = at.inner.register.run(move |register| register.of(&whose)).await?;
    with_progress(at, entries).await
}

/// Puts together what is written down here and what the printer tells.
async fn with_progress(at: &At<'_>, entries: Vec<Entry>) -> Result<Vec<Job>, No> {
    if entries.is_empty() {
        return Ok(Vec::new());
    }
    let told = at.printer.progress(entries.iter().map(|entry| entry.job).collect()).await?;
    let told: std::collections::HashMap<_, _> = told.iter().map(|one| (one.job, one)).collect();
    let (mut jobs, mut begun) = (Vec::with_capacity(entries.len()), Vec::new());
    for entry in entries {
        let progress = told.get(&entry.job).copied();
        let entry = settled(at, entry, progress.is_some()).await?;
        let Some(mut job) = Job::new(entry, progress) else { continue };
        if job.has_begun() && job.entry.begun_at.is_none() {
            job.entry.begun_at = Some(now());
            begun.push(job.entry.number);
        }
        jobs.push(job);
    }
    if !begun.is_empty() {
        at.inner.register.run(move |register| register.begun(&begun)).await?;
    }
    Ok(jobs)
}

/// The stage that a job is really in: one that the printer has is taken, whatever became of the note of it; one whose
/// document does not come is over.
async fn settled(at: &At<'_>, entry: Entry, is_known: bool) -> Result<Entry, No> {
    if is_known {
        return Ok(Entry { stage: Stage::Taken, ..entry });
    }
    let number = entry.number;
    let late = now() - entry.created_at > i64::from(DOCUMENT_TIME_OUT) * 1000;
    if entry.stage != Stage::Open || !late || lock(&at.inner.receiving).contains_key(&number) {
        return Ok(entry);
    }
    at.inner.register.run(move |register| register.settle(number, Stage::Aborted)).await?;
    Ok(Entry { stage: Stage::Aborted, ended_at: Some(now()), ..entry })
}

/// A job that has just been made and is done already: at work, the first time.
fn first_time(at: &At<'_>, job: Job) -> Job {
    let fresh = lock(&at.inner.fresh).remove(&job.entry.number);
    let is_fresh = fresh.is_some_and(|made| made.elapsed() < FRESH);
    if is_fresh && job.state == JobState::Completed { job.shown_at_work() } else { job }
}

/// RFC 8011 §4.3.4.
pub(super) async fn get_job_attributes(at: &At<'_>, call: &Call) -> Result<Message, No> {
    let job = first_time(at, own(at, call).await?);
    let mut answer = call.answer(Status::Ok);
    add_job(&mut answer, attributes(at, &job, &Wanted::of(call, &["all"])));
    Ok(answer)
}

fn attributes(at: &At<'_>, job: &Job, wanted: &Wanted) -> Vec<Attribute> {
    let clock = &at.inner.clock;
    wanted.of_a_job(job.attributes(at.place, clock.now(), |millis| clock.past(millis)))
}

/// RFC 8011 §4.2.6. Whatever `my-jobs` says, nobody is shown the jobs of others.
pub(super) async fn get_jobs(at: &At<'_>, call: &Call) -> Result<Message, No> {
    let which = call.keyword("which-jobs")?.unwrap_or("not-completed");
    if !WHICH.contains(&which) {
        let unsupported = vec![Attribute::one("which-jobs", Value::keyword(which))];
        let no = No::new(Status::AttributesOrValuesNotSupported, "There are no such jobs.");
        return Err(No { unsupported, ..no });
    }
    let limit = match call.asked.find("limit").map(Attribute::first) {
        None => usize::MAX,
        Some(Value::Integer(limit)) if *limit > 0 => usize::try_from(*limit).unwrap_or(usize::MAX),
        Some(_) => return Err(No::bad("limit is not a number above 0.")),
    };
    at.printer.facts().await?;
    let ids = call.job_ids()?;
    let mut jobs: Vec<Job> = all(at, call).await?.into_iter().map(|job| first_time(at, job)).collect();
    jobs.retain(|job| match &ids {
        Some(ids) => ids.contains(&job.entry.number),
        None => job.state.is_among(which),
    });
    if which == "not-completed" {
        // RFC 8011 §4.2.6.2: in the order in which they will be done.
        jobs.reverse();
    }
    let wanted = Wanted::of(call, &BRIEF);
    let mut answer = call.answer(Status::Ok);
    for job in jobs.iter().take(limit) {
        add_job(&mut answer, attributes(at, job, &wanted));
    }
    Ok(answer)
}

/// RFC 8011 §4.3.3.
pub(super) async fn cancel_job(at: &At<'_>, call: &Call) -> Result<Message, No> {
    let job = own(at, call).await?;
    if job.state.is_over() {
        return Err(Refused::NotPossible("This job is over.".to_owned()).into());
    }
    cancel(at, &job).await?;
    Ok(call.answer(Status::Ok))
}

/// Cancel-My-Jobs and Cancel-Jobs (PWG 5100.11 §4.2, §4.3): for a client the same, as it may cancel its own only. All
/// of them or none.
pub(super) async fn cancel_jobs(at: &At<'_>, call: &Call) -> Result<Message, No> {
    at.printer.facts().await?;
    let jobs = all(at, call).await?;
    let Some(ids) = call.job_ids()? else {
        for job in jobs.iter().filter(|job| !job.state.is_over()) {
            cancel(at, job).await?;
        }
        return Ok(call.answer(Status::Ok));
    };
    let found = |number: &i32| jobs.iter().find(|job| job.entry.number == *number);
    let with = |numbers: Vec<i32>, status, words: &str| {
        let unsupported = vec![Attribute::many("job-ids", numbers.into_iter().map(Value::Integer))];
        Err(No { unsupported, ..No::new(status, words) })
    };
    let unknown: Vec<i32> = ids.iter().filter(|number| found(number).is_none()).copied().collect();
    if !unknown.is_empty() {
        return with(unknown, Status::NotFound, "There are no such jobs of yours.");
    }
    let is_over = |number: &&i32| found(number).is_some_and(|job| job.state.is_over());
    let over: Vec<i32> = ids.iter().filter(is_over).copied().collect();
    if !over.is_empty() {
        return with(over, Status::NotPossible, "These jobs are over.");
    }
    for job in ids.iter().filter_map(found) {
        cancel(at, job).await?;
    }
    Ok(call.answer(Status::Ok))
}

async fn cancel(at: &At<'_>, job: &Job) -> Result<(), No> {
    let number = job.entry.number;
    if job.entry.stage == Stage::Open {
        let settled = at.inner.register.run(move |register| register.settle(number, Stage::Canceled)).await?;
        if let Some(stop) = lock(&at.inner.receiving).get(&number) {
            stop.cancel();
        }
        if settled {
            return Ok(());
        }
        // Its document has come meanwhile.
    }
    at.printer.cancel(job.entry.job).await?;
    Ok(())
}

/// RFC 8011 §4.3.5.
pub(super) async fn hold_job(at: &At<'_>, call: &Call) -> Result<Message, No> {
    let job = own(at, call).await?;
    if job.state != JobState::Pending {
        return Err(Refused::NotPossible("This job cannot be kept back any more.".to_owned()).into());
    }
    at.printer.hold(job.entry.job).await?;
    changed(at, call, job.entry.number).await
}

/// RFC 8011 §4.3.6.
pub(super) async fn release_job(at: &At<'_>, call: &Call) -> Result<Message, No> {
    let job = own(at, call).await?;
    if job.state != JobState::Held || job.entry.stage != Stage::Taken {
        return Err(Refused::NotPossible("This job is not kept back.".to_owned()).into());
    }
    at.printer.release(job.entry.job).await?;
    changed(at, call, job.entry.number).await
}
