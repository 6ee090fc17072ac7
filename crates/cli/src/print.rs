//! `lanyard print` and `printer`, and what is done with print jobs and queues.

use crate::{
    Failure,
    args::{Print, PrinterAction},
    ask::{self, Asked, absolute},
    follow,
    preview::preview,
    show,
};
use lanyard_api::{
    ApiError, ColorMode, Document, ErrorCode, Job, JobAction, JobState, MOST_AT_ONCE, Orientation,
    PrintOptions, Printed, Request, Response, Transfer,
};

/// Puts a printer into this computer's own print dialog or takes it out, stops one of its queues or lets it go on; shows
/// what there is then.
pub(crate) async fn printer(node: &Asked, action: PrinterAction, json: bool) -> Result<(), Failure> {
    let request = match action {
        PrinterAction::Add { printer } => Request::AddPrinter { printer },
        PrinterAction::Remove { printer } => Request::RemovePrinter { printer },
        PrinterAction::Pause { queue } => Request::PauseQueue { queue },
        PrinterAction::Resume { queue } => Request::ResumeQueue { queue },
    };
    match node.ask(request).await? {
        Response::Nearby(nearby) => show::show(json, &nearby, show::nearby),
        Response::Queues(queues) => show::show(json, &queues, |queues| show::queues(queues)),
        _ => Err(ask::odd()),
    }
}

/// Takes every document, then follows each job to the end when that is wanted. The first that fails decides the
/// exit status; the others are taken all the same.
pub(crate) async fn print(node: &Asked, wanted: Print, json: bool) -> Result<(), Failure> {
    let options = PrintOptions {
        copies: wanted.copies,
        pages: wanted.pages,
        sides: wanted.sides.map(Into::into),
        color: match (wanted.color, wanted.mono) {
            (true, _) => Some(ColorMode::Color),
            (_, true) => Some(ColorMode::Monochrome),
            _ => None,
        },
        media: wanted.media,
        quality: wanted.quality.map(Into::into),
        source: wanted.tray,
        media_type: wanted.paper,
        number_up: wanted.per_side,
        scaling: wanted.scaling.map(Into::into),
        orientation: match (wanted.portrait, wanted.landscape) {
            (true, _) => Some(Orientation::Portrait),
            (_, true) => Some(Orientation::Landscape),
            _ => None,
        },
        booklet: wanted.booklet,
    };
    if let Some(picture) = &wanted.preview {
        let [file] = &wanted.files[..] else {
            return Err(Failure::said("A preview is of one document: name one file."));
        };
        let document = Document::Path { path: absolute(file)? };
        return preview(node, wanted.on, document, options, (wanted.side, picture), json).await;
    }
    // Those that are followed come one after the other.
    let together = if wanted.wait { 1 } else { MOST_AT_ONCE };
    let mut failed = None;
    for files in wanted.files.chunks(together) {
        let documents: Vec<Document> = files
            .iter()
            .map(|file| Ok(Document::Path { path: absolute(file)? }))
            .collect::<Result<_, Failure>>()?;
        for (file, done) in
            files.iter().zip(each(node, (&wanted.on, wanted.wait), documents, &options, json).await?)
        {
            match done {
                Ok(job) => {
                    show::show(json, &job, show::job)?;
                    if matches!(job.state, JobState::Failed | JobState::Cancelled) {
                        failed = failed.or(Some(Failure::said(show::job_reason(&job))));
                    }
                }
                Err(Failure::NobodyReads) => return Err(Failure::NobodyReads),
                Err(Failure::Api(error)) if wanted.files.len() == 1 => return Err(error.into()),
                Err(Failure::Api(error)) => {
                    let reason = format!("{}: {error}", show::clean(&file.to_string_lossy()));
                    failed = failed.or(Some(Failure::Said(reason)));
                }
                Err(said) => failed = failed.or(Some(said)),
            }
        }
    }
    failed.map_or(Ok(()), Err)
}

/// What became of each of these documents.
async fn each(
    node: &Asked,
    (printer, to_its_end): (&str, bool),
    mut documents: Vec<Document>,
    options: &PrintOptions,
    json: bool,
) -> Result<Vec<Result<Job, Failure>>, Failure> {
    let (printer, options) = (printer.to_owned(), options.clone());
    if documents.len() == 1
        && let Some(document) = documents.pop()
    {
        let request = Request::Print { printer, document, options };
        let done = if to_its_end { to_the_end(node, request, json).await } else { once(node, request).await };
        return Ok(vec![done]);
    }
    let of_one = |one| match one {
        Printed::Job(job) => Ok(*job),
        Printed::Refused(error) => Err(error.into()),
    };
    match node.ask(Request::PrintAll { printer, documents, options }).await? {
        Response::Printed(all) => Ok(all.into_iter().map(of_one).collect()),
        _ => Err(ask::odd()),
    }
}

/// Cancels a print job, or a copy when no job has that id.
pub(crate) async fn cancel(node: &Asked, id: String, json: bool) -> Result<(), Failure> {
    let job = node.ask(Request::CancelJob { job: id.clone() }).await;
    or_transfer(node, job, &id, Request::CancelTransfer { transfer: id.clone() }, json).await
}

/// Tries a print job again, or a copy when no job has that id.
pub(crate) async fn retry(node: &Asked, id: String, json: bool) -> Result<(), Failure> {
    let job = node.ask(Request::RetryJob { job: id.clone() }).await;
    or_transfer(node, job, &id, Request::RetryTransfer { transfer: id.clone() }, json).await
}

/// Does something with a print job.
pub(crate) async fn job(node: &Asked, request: Request, json: bool) -> Result<(), Failure> {
    let job = once(node, request).await?;
    show::show(json, &job, show::job)
}

/// Does something with a job of somebody else's on a printer that this device manages.
pub(crate) async fn manage(
    node: &Asked,
    printer: String,
    job: String,
    action: JobAction,
    json: bool,
) -> Result<(), Failure> {
    let job = once(node, Request::ManageJob { printer, job, action }).await?;
    show::show(json, &job, show::job)
}

async fn or_transfer(
    node: &Asked,
    job: Result<Response, Failure>,
    id: &str,
    otherwise: Request,
    json: bool,
) -> Result<(), Failure> {
    match job {
        Ok(Response::Job(job)) => show::show(json, &job, show::job),
        Ok(_) => Err(ask::odd()),
        Err(Failure::Api(error)) if error.code == ErrorCode::NotFound => match node.ask(otherwise).await {
            Ok(Response::Transfer(transfer)) => show::show::<Transfer>(json, &transfer, show::transfer),
            Ok(_) => Err(ask::odd()),
            Err(Failure::Api(error)) if error.code == ErrorCode::NotFound => Err(Failure::Api(
                ApiError::new(ErrorCode::NotFound, format!("There is no print job and no copy “{id}”.")),
            )),
            Err(other) => Err(other),
        },
        Err(other) => Err(other),
    }
}

async fn once(node: &Asked, request: Request) -> Result<Job, Failure> {
    match node.ask(request).await? {
        Response::Job(job) => Ok(job),
        _ => Err(ask::odd()),
    }
}

async fn to_the_end(node: &Asked, request: Request, json: bool) -> Result<Job, Failure> {
    // Listening before asking, so that no change is missed.
    let events = node.events().await?;
    let job = once(node, request).await?;
    let stop = Request::CancelJob { job: job.id.clone() };
    follow::follow(node, events, job, stop, follow::Line::new(json)).await
}
