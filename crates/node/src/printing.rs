//! Print jobs in both directions, for front ends; this computer's queues, for everybody who asks.
//!
//! The work is done in `lanyard-print`; this module finds printers by name, checks what a person chose, converts
//! types, and carries news: to front ends as events, to senders as lines of their watch streams.

mod added;
mod convert;
mod handling;
mod identify;
mod managing;
mod nearby;
mod preview;
mod queues;
mod unanswered;

pub use added::{add_printer, remove_printer};
pub(crate) use convert::{shown_queue_state, shown_supply};
pub use handling::{hold, move_job, pause_queue, release, reprint, resume_queue};
pub use managing::{manage, printer_jobs};
pub(crate) use nearby::told_by;
pub use preview::preview;
pub use queues::{queue_state, queues};
pub(crate) use unanswered::owner_has_said;

use crate::{
    Core, StartError, asks,
    core::Parts,
    home,
    presence::{self, RemoteShare},
    wire::WatchLine,
};
use convert::{ask_error, capabilities_of, incoming_job, options_of, outbox_error, outgoing_job};
use http::{Request, Response};
use lanyard_api::{
    ApiError, Change, Document, ErrorCode, Job, JobDirection, MOST_AT_ONCE, PrintOptions, Printed,
    PrinterCapabilities,
};
use lanyard_link::{Body, Caller, Incoming};
use lanyard_print::{
    consume::{self, Outbox, OutboxError, OutgoingState, Target, standard::PrinterId},
    document::{ChildProgram, Documents},
    offer::{self, Offer, ipp},
    system::Spoolers,
    ticket::{Capabilities, JobStatus, MUST_ASK, Options},
};
use lanyard_trust::{NodeId, ShareId, Subject};
use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::{Notify, broadcast::error::RecvError};
use uuid::Uuid;

/// How long an owner has to answer; then it is a no.
const ANSWER: Duration = Duration::from_secs(5 * 60);

/// The two halves of printing.
pub struct Printing {
    offer: Offer,
    outbox: Outbox,
    /// Answers standard clients, and what it speaks for.
    standard: (ipp::Server, ipp::SharedPrinters),
    /// Whether somebody is looking for one of the printers.
    shown: identify::Shown,
    queues: queues::Known,
    #[cfg(unix)]
    system_queues: lanyard_print::system::cups::Cups,
    /// Rung when a job waits for the owner's word, or does not any more.
    unanswered: Notify,
    /// What the owner has said about which job, until it is carried out.
    said: Mutex<Vec<(Uuid, bool)>>,
    previews: preview::Previews,
    /// Looks into documents of any room, in children.
    documents: Documents,
    /// What others' printers can do, as last told.
    abilities: Mutex<HashMap<(NodeId, ShareId), (Instant, Capabilities)>>,
    nearby: nearby::Asked,
}

impl Printing {
    /// Opens this part; nothing runs yet.
    ///
    /// # Errors
    /// When something it needs cannot be read.
    pub fn open(parts: &Parts) -> Result<Self, StartError> {
        let spool = parts.data.spool();
        let child = match &parts.config.document_child {
            Some(program) => Ok(ChildProgram::at(program.clone(), &[])),
            None => ChildProgram::this_one(),
        };
        let child = child.map_err(|error| StartError::failed("finding this program", error))?;
        let documents = Documents::new(child, parts.cancel.clone());
        let printed = parts.downloads.join("Printed");
        let spoolers = Spoolers::of_this_system(documents.clone(), printed, &spool.join("saved"));
        let shares = Arc::clone(&parts.shares);
        let offer = Offer::open(offer::Parts {
            store: parts.store.clone(),
            spool: spool.join("in"),
            spoolers: Arc::new(spoolers),
            documents: documents.clone(),
            gate: parts.shares.clone(),
            name_of: Box::new(move |share| shares.name_of(share)),
            cancel: parts.cancel.clone(),
            tasks: parts.tasks.clone(),
        });
        let outbox = Outbox::open(consume::Parts {
            store: parts.store.clone(),
            spool: spool.join("out"),
            documents: documents.clone(),
            peers: parts.peers.clone(),
            cancel: parts.cancel.clone(),
            tasks: parts.tasks.clone(),
        });
        let offer = offer.map_err(|error| StartError::failed("opening the print jobs of others", error))?;
        let server = ipp::Server::open(parts.store.clone())
            .map_err(|error| StartError::failed("opening the print jobs of standard clients", error))?;
        let shares = Arc::clone(&parts.shares);
        let (shown, identify) = identify::Shown::new(move |share| shares.name_of(share));
        let shared = ipp::SharedPrinters::new(offer.clone(), parts.identity.node_id(), identify);
        Ok(Self {
            offer,
            standard: (server, shared),
            shown,
            outbox: outbox.map_err(|error| StartError::failed("opening our print jobs", error))?,
            queues: queues::Known::default(),
            #[cfg(unix)]
            system_queues: lanyard_print::system::cups::Cups::from_environment(documents.clone()),
            unanswered: Notify::new(),
            said: Mutex::default(),
            previews: preview::Previews::open(documents.clone(), spool.join("preview"))?,
            documents,
            abilities: Mutex::default(),
            nearby: nearby::Asked::default(),
        })
    }
}

/// Starts this part's tasks.
///
/// # Errors
/// When the system refuses something it cannot do without.
pub async fn start(core: &Arc<Core>) -> Result<(), StartError> {
    // Before anything moves, so that no change is missed.
    core.tasks.spawn(tell_incoming(Arc::clone(core), core.printing.offer.changes()));
    core.tasks.spawn(tell_outgoing(Arc::clone(core), core.printing.outbox.changes()));
    core.tasks.spawn(queues::watch(Arc::clone(core)));
    nearby::start(core);
    core.tasks.spawn(unanswered::watch(Arc::clone(core)));
    core.tasks.spawn(identify::show(Arc::clone(core)));
    core.printing.offer.start().map_err(|error| StartError::failed("going on with print jobs", error))?;
    core.printing.outbox.start().map_err(|error| StartError::failed("going on with our print jobs", error))
}

/// Answers other nodes: `/v1/printers/…` and `/v1/jobs/…`.
pub async fn serve(
    core: Arc<Core>,
    _caller: Caller,
    subject: Subject,
    request: Request<Incoming>,
) -> Response<Body> {
    if request.method() == http::Method::GET && request.uri().path().starts_with("/v1/printers/") {
        // Somebody is about to print, and wants to see how the printer is.
        core.printing.queues.look_soon();
    }
    core.printing.offer.serve(subject, request).await
}

/// What looks into documents.
pub(crate) fn documents(core: &Core) -> &Documents {
    &core.printing.documents
}

/// What answers printing clients that are not Lanyard, and the printers that it speaks for.
pub(crate) fn standard(core: &Core) -> (&ipp::Server, &ipp::SharedPrinters) {
    let (server, shared) = &core.printing.standard;
    (server, shared)
}

/// Where documents for other printers wait.
pub(crate) fn outbox(core: &Core) -> &Outbox {
    &core.printing.outbox
}

/// The system's own print queues, to be changed.
#[cfg(unix)]
pub(crate) fn system_queues(core: &Core) -> &lanyard_print::system::cups::Cups {
    &core.printing.system_queues
}

/// What somebody's printer can do.
///
/// # Errors
/// As [`capabilities`].
pub(crate) async fn abilities(core: &Core, printer: &RemoteShare) -> Result<Capabilities, ApiError> {
    ask_capabilities(core, printer).await.map_err(ask_error)
}

/// Cancels those of our jobs that are not over.
pub(crate) async fn cancel_all(core: &Core, jobs: &[Uuid]) {
    let open = core.printing.outbox.jobs().await.unwrap_or_default();
    for job in open.into_iter().filter(|job| job.ended_at.is_none() && jobs.contains(&job.job)) {
        if let Err(error) = core.printing.outbox.cancel(job.job).await {
            tracing::warn!(job = %job.job, %error, "a job was not cancelled");
        }
    }
}

/// What whoever sits here is told.
pub(crate) fn notices(core: &Core) -> Option<String> {
    core.printing.shown.words()
}

/// What takes documents from guests.
pub(crate) fn offer(core: &Core) -> &Offer {
    &core.printing.offer
}

/// What somebody's printer can do.
///
/// # Errors
/// `not_found`, `ambiguous`, `peer_unreachable`, `not_allowed`.
pub async fn capabilities(core: &Arc<Core>, printer: &str) -> Result<PrinterCapabilities, ApiError> {
    let found = presence::find_printer(core, printer)?;
    // Somebody begins to choose, and there will be a document.
    core.printing.outbox.expect();
    // The owner's rules may be others than a minute ago, and the preview keeps to them.
    let told = match learn_capabilities(core, &found).await {
        Ok(told) => told,
        Err(error) => known_capabilities(core, &found).ok_or_else(|| ask_error(error))?,
    };
    Ok(capabilities_of(told))
}

/// Takes a document into the outbox. When this returns, it is safe on this computer's disk.
///
/// # Errors
/// `not_found`, `ambiguous`, `invalid`, `unsupported_document`, `unreadable`, `disk_full`.
pub async fn print(
    core: &Arc<Core>,
    printer: &str,
    document: Document,
    options: PrintOptions,
) -> Result<Job, ApiError> {
    let found = presence::find_printer(core, printer)?;
    let options = options_of(options)?;
    let source = Source::of(core, document)?;
    fits(core, &options, &found).await?;
    let target = target_of(found);
    let taken = core.printing.outbox.take(target, source.title.clone(), &source.path, options).await;
    let job = taken.map_err(outbox_error)?;
    source.used();
    Ok(outgoing_job(core, job))
}

/// Prints documents in their order.
///
/// # Errors
/// As [`print()`], before any document is looked at; what was wrong with one of them is in its place.
pub async fn print_all(
    core: &Arc<Core>,
    printer: &str,
    documents: Vec<Document>,
    options: PrintOptions,
) -> Result<Vec<Printed>, ApiError> {
    if documents.len() > MOST_AT_ONCE {
        return Err(ApiError::new(
            ErrorCode::Invalid,
            format!("More than {MOST_AT_ONCE} documents at once."),
        ));
    }
    let found = presence::find_printer(core, printer)?;
    let options = options_of(options)?;
    fits(core, &options, &found).await?;
    let sources: Vec<_> = documents.into_iter().map(|document| Source::of(core, document)).collect();
    let there = sources.iter().flatten().map(|source| (source.title.clone(), source.path.clone()));
    let taken = core.printing.outbox.take_all(&target_of(found), there.collect(), &options).await;
    let mut taken = taken.into_iter();
    let of_one = |source: Result<Source, ApiError>| {
        let source = source?;
        // There is one for each.
        let taken = taken.next().unwrap_or(Err(OutboxError::NotFound));
        let job = taken.map_err(outbox_error)?;
        source.used();
        Ok(Box::new(outgoing_job(core, job)))
    };
    Ok(sources.into_iter().map(of_one).map(|one| one.map_or_else(Printed::Refused, Printed::Job)).collect())
}

/// Whether the printer can do what was chosen. One whose device is away is believed to be able to; its owner looks
/// again.
async fn fits(core: &Core, options: &Options, printer: &RemoteShare) -> Result<(), ApiError> {
    const PATIENCE: Duration = Duration::from_secs(3);
    if options.is_default() {
        return Ok(());
    }
    match tokio::time::timeout(PATIENCE, ask_capabilities(core, printer)).await {
        Ok(Ok(abilities)) => {
            options.fit(&abilities).map_err(|words| ApiError::new(ErrorCode::Invalid, words))
        }
        _ => Ok(()),
    }
}

fn target_of(printer: RemoteShare) -> Target {
    Target {
        node: printer.node,
        share: printer.share,
        printer: printer.name,
        device_name: printer.device_name,
        ask: printer.ask,
        identity: printer.identity,
    }
}

/// Jobs in both directions, newest first.
pub async fn jobs(core: &Core) -> Vec<Job> {
    let outgoing = core.printing.outbox.jobs().await.unwrap_or_else(|error| {
        tracing::error!(%error, "our print jobs cannot be read");
        Vec::new()
    });
    let incoming = core.printing.offer.jobs().await.unwrap_or_else(|error| {
        tracing::error!(%error, "the print jobs of others cannot be read");
        Vec::new()
    });
    let mut jobs: Vec<Job> = outgoing.into_iter().map(|job| outgoing_job(core, job)).collect();
    jobs.extend(incoming.into_iter().map(|job| incoming_job(core, job)));
    jobs.sort_by_key(|job| std::cmp::Reverse(job.created_at));
    jobs
}

/// Cancels a job: ours anywhere, others' on our printers.
///
/// # Errors
/// `not_found`, `ambiguous`, `invalid` for one that is over.
pub async fn cancel(core: &Arc<Core>, job: &str) -> Result<Job, ApiError> {
    use lanyard_api::JobState::{Cancelled, Done};
    let found = find_job(core, job).await?;
    if found.state == Done {
        return Err(ApiError::new(ErrorCode::Invalid, "This job is printed already."));
    }
    if found.state == Cancelled {
        return Ok(found);
    }
    let id = id_of(&found)?;
    match found.direction {
        JobDirection::Outgoing => {
            Ok(outgoing_job(core, core.printing.outbox.cancel(id).await.map_err(outbox_error)?))
        }
        JobDirection::Incoming => {
            let cancelled = core.printing.offer.cancel(id).await;
            let cancelled =
                cancelled.map_err(|error| ApiError::new(ErrorCode::Internal, error.to_string()))?;
            Ok(incoming_job(core, cancelled))
        }
    }
}

/// Prints a job of ours again that failed, or of which nobody knows whether it was printed.
///
/// # Errors
/// `not_found`, `ambiguous`, `invalid`.
pub async fn retry(core: &Arc<Core>, job: &str) -> Result<Job, ApiError> {
    let found = find_job(core, job).await?;
    if found.direction == JobDirection::Incoming {
        return Err(ApiError::new(ErrorCode::Invalid, "Only the sender of this job can try it again."));
    }
    let again = core.printing.outbox.retry(id_of(&found)?).await.map_err(outbox_error)?;
    Ok(outgoing_job(core, again))
}

/// A device told us what became of a job of ours on its printer (a `job` line of its watch stream).
pub async fn heard_job(core: &Arc<Core>, from: NodeId, status: serde_json::Value) {
    match serde_json::from_value::<JobStatus>(status) {
        Ok(status) => core.printing.outbox.heard(from, status).await,
        Err(error) => tracing::debug!(?from, %error, "a job line that makes no sense"),
    }
}

/// A device is back: jobs that wait for it go out, jobs it has are asked after.
pub async fn peer_is_back(core: &Arc<Core>, node: NodeId) {
    core.printing.outbox.is_back(node);
}

/// The owner of a device has answered a question of ours: jobs that wait for that go out, or fail.
pub fn owner_has_answered(core: &Core, node: NodeId) {
    core.printing.outbox.owner_has_answered(node);
}

/// The document of a request.
struct Source {
    path: PathBuf,
    title: String,
    uploaded: bool,
}

impl Source {
    fn of(core: &Core, document: Document) -> Result<Self, ApiError> {
        let source = match document {
            Document::Path { path } => {
                let path = PathBuf::from(path);
                if !path.is_absolute() {
                    return Err(ApiError::new(ErrorCode::Invalid, "The file's path must be absolute."));
                }
                let title = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                Self { path, title, uploaded: false }
            }
            Document::Upload { id, name } => {
                let gone = || ApiError::new(ErrorCode::NotFound, "This upload is not there any more.");
                Self { path: core.uploads.path(&id).ok_or_else(gone)?, title: name, uploaded: true }
            }
        };
        is_readable_file(&source.path)?;
        Ok(source)
    }

    /// The document is in the outbox.
    fn used(self) {
        if self.uploaded
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::debug!(%error, "a used upload was not removed");
        }
    }
}

/// Looks before anything is opened: opening a pipe would wait for ever.
fn is_readable_file(path: &Path) -> Result<(), ApiError> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => {
            Err(ApiError::new(ErrorCode::Invalid, format!("{} is a folder, not a file.", path.display())))
        }
        Ok(found) if !found.is_file() => {
            Err(ApiError::new(ErrorCode::Invalid, format!("{} is not a file.", path.display())))
        }
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(ApiError::new(ErrorCode::NotFound, format!("There is no file {}.", path.display())))
        }
        Err(error) => {
            Err(ApiError::new(ErrorCode::Unreadable, format!("Cannot read {}: {error}.", path.display())))
        }
    }
}

/// What a printer can do for us, as it said in the last two minutes or says now.
async fn ask_capabilities(core: &Core, printer: &RemoteShare) -> Result<Capabilities, consume::AskError> {
    match known_capabilities(core, printer) {
        Some(known) => Ok(known),
        None => learn_capabilities(core, printer).await,
    }
}

fn known_capabilities(core: &Core, printer: &RemoteShare) -> Option<Capabilities> {
    const FRESH: Duration = Duration::from_secs(120);
    let abilities = core.printing.abilities.lock().unwrap_or_else(PoisonError::into_inner);
    let known = abilities.get(&(printer.node, printer.share.clone()));
    known.filter(|(at, _)| at.elapsed() < FRESH).map(|(_, told)| told.clone())
}

async fn learn_capabilities(core: &Core, printer: &RemoteShare) -> Result<Capabilities, consume::AskError> {
    const MOST: usize = 500;
    let told = match PrinterId::of_share(&printer.share) {
        Some(standard) => core.printing.outbox.ask_printer(&standard).await?.can,
        None => core.printing.outbox.capabilities(printer.node, &printer.share).await?,
    };
    let mut abilities = core.printing.abilities.lock().unwrap_or_else(PoisonError::into_inner);
    if abilities.len() >= MOST {
        abilities.clear();
    }
    abilities.insert((printer.node, printer.share.clone()), (Instant::now(), told.clone()));
    Ok(told)
}

/// The job that an id or a unique beginning of one means.
async fn find_job(core: &Core, query: &str) -> Result<Job, ApiError> {
    const LISTED: usize = 10;
    let query = query.trim().to_ascii_lowercase();
    let mut found: Vec<Job> = jobs(core).await;
    found.retain(|job| !query.is_empty() && job.id.starts_with(&query));
    match found.len() {
        0 => Err(ApiError::new(ErrorCode::NotFound, format!("There is no print job “{query}”."))),
        1 => Ok(found.remove(0)),
        _ => {
            let mut error = ApiError::new(
                ErrorCode::Ambiguous,
                format!("More than one print job begins with “{query}”."),
            );
            error.candidates = found.into_iter().take(LISTED).map(|job| job.id).collect();
            Err(error)
        }
    }
}

fn id_of(job: &Job) -> Result<Uuid, ApiError> {
    job.id.parse().map_err(|_| ApiError::new(ErrorCode::Internal, "a job without a UUID"))
}

/// Tells front ends and senders what becomes of others' jobs on our printers.
async fn tell_incoming(core: Arc<Core>, mut changes: tokio::sync::broadcast::Receiver<offer::IncomingJob>) {
    loop {
        let news = tokio::select! {
            () = core.cancel.cancelled() => return,
            news = changes.recv() => news,
        };
        let jobs = match news {
            Ok(job) => vec![job],
            Err(RecvError::Lagged(_)) => core.printing.offer.jobs().await.unwrap_or_default(),
            Err(RecvError::Closed) => return,
        };
        for job in jobs {
            if job.subject.is_some() {
                core.printing.unanswered.notify_one();
            }
            if let Ok(status) = serde_json::to_value(job.status()) {
                core.presence.push(&job.sender, WatchLine::Job(status));
            }
            core.events.emit(Change::Job(incoming_job(&core, job)));
        }
        core.printing.queues.look_soon();
    }
}

/// Tells front ends what becomes of our jobs.
async fn tell_outgoing(core: Arc<Core>, mut changes: tokio::sync::broadcast::Receiver<consume::OutgoingJob>) {
    loop {
        let news = tokio::select! {
            () = core.cancel.cancelled() => return,
            news = changes.recv() => news,
        };
        let jobs = match news {
            Ok(job) => vec![job],
            Err(RecvError::Lagged(_)) => core.printing.outbox.jobs().await.unwrap_or_default(),
            Err(RecvError::Closed) => return,
        };
        for job in jobs {
            if job.reason.as_deref() == Some(MUST_ASK) && job.state == OutgoingState::Sending {
                asks::waits_at(&core, job.node, job.share.clone(), ANSWER);
            }
            if job.reason.as_deref() == Some("peer_unreachable") && PrinterId::of_share(&job.share).is_none()
            {
                home::wake_for(&core, job.node);
            }
            core.events.emit(Change::Job(outgoing_job(&core, job)));
        }
    }
}
