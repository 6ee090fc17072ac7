//! `lanyard-print`'s types as `lanyard-api`'s, and back.

use crate::Core;
use lanyard_api::{
    ApiError, ColorMode, ErrorCode, Job, JobAction, JobDirection, JobState, Orientation, PrintOptions,
    PrinterCapabilities, PrinterState, Quality, Queue, Scaling, Sides, Supply,
};
use lanyard_print::{
    QueueId,
    consume::{AskError, Deed, OutboxError, OutgoingJob, OutgoingState, standard::PrinterId},
    document::DocumentError,
    offer::{IncomingJob, OfferError},
    spool::KeepError,
    system::{QueueInfo, QueueState},
    ticket::{self, Capabilities, Color, MAX_COPIES, Options, State, media_name},
};
use lanyard_store::StoreError;

/// Checks what a person chose, as far as that can be done without the printer.
pub(super) fn options_of(options: PrintOptions) -> Result<Options, ApiError> {
    let invalid = |words: String| ApiError::new(ErrorCode::Invalid, words);
    if options.copies.is_some_and(|copies| copies == 0 || copies > MAX_COPIES) {
        return Err(invalid(format!("Copies are 1 to {MAX_COPIES}.")));
    }
    let pages = match options.pages.as_deref().map(str::trim).filter(|pages| !pages.is_empty()) {
        Some(pages) => {
            let parsed = pages.parse();
            Some(parsed.map_err(|_| invalid(format!("“{pages}” names no pages; write them like 1-3,5.")))?)
        }
        None => None,
    };
    if options.number_up.is_some_and(|n| !ticket::NUMBER_UP.contains(&n)) {
        return Err(invalid("Pages on one side are 1, 2, 4, 6, 9 or 16.".to_owned()));
    }
    let media = match options.media.as_deref().filter(|media| !media.is_empty()) {
        Some(media) => {
            Some(media_name(media).ok_or_else(|| invalid(format!("“{media}” is no paper size I know.")))?)
        }
        None => None,
    };
    Ok(Options {
        copies: options.copies.filter(|copies| *copies != 1),
        pages,
        sides: options.sides.map(|sides| match sides {
            Sides::OneSided => ticket::Sides::OneSided,
            Sides::TwoSidedLongEdge => ticket::Sides::TwoSidedLongEdge,
            Sides::TwoSidedShortEdge => ticket::Sides::TwoSidedShortEdge,
        }),
        color: options.color.map(|color| match color {
            ColorMode::Color => Color::Color,
            ColorMode::Monochrome => Color::Monochrome,
        }),
        media,
        quality: options.quality.map(|quality| match quality {
            Quality::Draft => ticket::Quality::Draft,
            Quality::Normal => ticket::Quality::Normal,
            Quality::High => ticket::Quality::High,
        }),
        source: keyword_of(options.source)?,
        media_type: keyword_of(options.media_type)?,
        number_up: options.number_up.filter(|n| *n != 1),
        scaling: options.scaling.map(|scaling| match scaling {
            Scaling::Auto => ticket::Scaling::Auto,
            Scaling::Fit => ticket::Scaling::Fit,
            Scaling::Fill => ticket::Scaling::Fill,
            Scaling::None => ticket::Scaling::None,
        }),
        orientation: options.orientation.map(|orientation| match orientation {
            Orientation::Portrait => ticket::Orientation::Portrait,
            Orientation::Landscape => ticket::Orientation::Landscape,
        }),
        booklet: options.booklet,
        // Not in our own dialogs: other programs ask for them.
        cover: false,
        dpi: None,
    })
}

fn keyword_of(chosen: Option<String>) -> Result<Option<String>, ApiError> {
    let Some(chosen) = chosen.filter(|chosen| !chosen.is_empty()) else { return Ok(None) };
    let invalid =
        || ApiError::new(ErrorCode::Invalid, format!("“{chosen}” is nothing a printer can be told."));
    ticket::keyword(&chosen).map(Some).ok_or_else(invalid)
}

fn shown_quality(quality: ticket::Quality) -> Quality {
    match quality {
        ticket::Quality::Draft => Quality::Draft,
        ticket::Quality::Normal => Quality::Normal,
        ticket::Quality::High => Quality::High,
    }
}

pub(crate) fn shown_supply(supply: ticket::Supply) -> Supply {
    Supply { name: supply.name, color: supply.color, level: supply.level, low: supply.low }
}

fn shown_options(options: Options) -> PrintOptions {
    PrintOptions {
        copies: options.copies,
        pages: options.pages.map(|pages| pages.to_string()),
        sides: options.sides.map(shown_sides),
        color: options.color.map(|color| match color {
            Color::Color => ColorMode::Color,
            Color::Monochrome => ColorMode::Monochrome,
        }),
        media: options.media,
        quality: options.quality.map(shown_quality),
        source: options.source,
        media_type: options.media_type,
        number_up: options.number_up,
        scaling: options.scaling.map(|scaling| match scaling {
            ticket::Scaling::Auto => Scaling::Auto,
            ticket::Scaling::Fit => Scaling::Fit,
            ticket::Scaling::Fill => Scaling::Fill,
            ticket::Scaling::None => Scaling::None,
        }),
        orientation: options.orientation.map(|orientation| match orientation {
            ticket::Orientation::Portrait => Orientation::Portrait,
            ticket::Orientation::Landscape => Orientation::Landscape,
        }),
        booklet: options.booklet,
    }
}

fn shown_sides(sides: ticket::Sides) -> Sides {
    match sides {
        ticket::Sides::OneSided => Sides::OneSided,
        ticket::Sides::TwoSidedLongEdge => Sides::TwoSidedLongEdge,
        ticket::Sides::TwoSidedShortEdge => Sides::TwoSidedShortEdge,
    }
}

pub(super) fn capabilities_of(told: Capabilities) -> PrinterCapabilities {
    PrinterCapabilities {
        formats: told.formats.into_iter().map(|format| format.mime().to_owned()).collect(),
        color: told.color,
        sides: told.sides.into_iter().map(shown_sides).collect(),
        media: told.media,
        media_default: told.media_default,
        max_copies: told.max_copies,
        quality: told.quality.into_iter().map(shown_quality).collect(),
        sources: told.sources,
        media_types: told.media_types,
        number_up: ticket::NUMBER_UP.to_vec(),
    }
}

pub(crate) fn shown_queue_state(state: QueueState) -> PrinterState {
    match state {
        QueueState::Idle => PrinterState::Ready,
        QueueState::Processing => PrinterState::Busy,
        QueueState::Stopped => PrinterState::Stopped,
    }
}

pub(super) fn queue_of(queue: QueueInfo, share: Option<String>) -> Queue {
    Queue {
        built_in: queue.id.0 == QueueId::SAVE_AS_PDF,
        id: queue.id.0,
        name: queue.name,
        model: queue.model,
        state: shown_queue_state(queue.state),
        reasons: queue.reasons,
        is_default: queue.is_default,
        share,
        supplies: queue.supplies.into_iter().map(shown_supply).collect(),
        paused: queue.paused,
    }
}

pub(super) fn outgoing_job(core: &Core, job: OutgoingJob) -> Job {
    let (named, device) = (core.presence.name_of(&job.node), device_of(&job));
    Job {
        id: job.job.to_string(),
        actions: outgoing_actions(&job),
        title: job.title,
        direction: JobDirection::Outgoing,
        printer: job.printer,
        device,
        user: None,
        // One that is not near has no name but the one it had, a standard printer never another.
        device_name: if named == job.node.check_words() { job.device_name } else { named },
        state: match job.state {
            OutgoingState::Sending => JobState::Sending,
            OutgoingState::At(state) => shown_state(state),
        },
        reason: job.reason,
        detail: job.detail,
        bytes: job.bytes,
        pages: job.pages,
        pages_done: job.pages_done,
        options: shown_options(job.options),
        created_at: job.created_at,
        ended_at: job.ended_at,
    }
}

/// Where a job goes: a node, or a standard printer by its own id.
fn device_of(job: &OutgoingJob) -> String {
    match PrinterId::of_share(&job.share) {
        Some(printer) => printer.as_str().to_owned(),
        None => job.node.to_string(),
    }
}

pub(super) fn incoming_job(core: &Core, job: IncomingJob) -> Job {
    Job {
        id: job.job.to_string(),
        actions: incoming_actions(&job),
        title: job.title,
        direction: JobDirection::Incoming,
        printer: job.printer,
        device: job.sender.to_string(),
        user: job.user,
        device_name: core.guests.name_of(&job.sender).unwrap_or_else(|| core.presence.name_of(&job.sender)),
        state: shown_state(job.journal.state),
        reason: job.journal.reason,
        detail: job.journal.detail,
        bytes: job.bytes,
        pages: job.pages,
        pages_done: job.journal.pages_done,
        options: shown_options(job.options),
        created_at: job.created_at,
        ended_at: job.ended_at,
    }
}

fn outgoing_actions(job: &OutgoingJob) -> Vec<JobAction> {
    [
        (Deed::Cancel, JobAction::Cancel),
        (Deed::Hold, JobAction::Hold),
        (Deed::Release, JobAction::Release),
        (Deed::Move, JobAction::Move),
        (Deed::Retry, JobAction::Retry),
        (Deed::Reprint, JobAction::Reprint),
    ]
    .into_iter()
    .filter_map(|(deed, action)| job.may(deed).then_some(action))
    .collect()
}

fn incoming_actions(job: &IncomingJob) -> Vec<JobAction> {
    let (journal, mut actions) = (&job.journal, Vec::new());
    if job.ended_at.is_none() && !journal.cancel {
        actions.push(JobAction::Cancel);
        if journal.state == State::Held || !journal.holds.is_empty() {
            actions.push(JobAction::Release);
        } else if job.is_unbegun() {
            actions.push(JobAction::Hold);
        }
    }
    actions
}

pub(super) fn shown_state(state: State) -> JobState {
    match state {
        State::Waiting => JobState::Waiting,
        State::Held => JobState::Held,
        State::Printing => JobState::Printing,
        State::Stopped => JobState::Stopped,
        State::Done => JobState::Done,
        State::Cancelled => JobState::Cancelled,
        State::Failed => JobState::Failed,
    }
}

pub(super) fn offer_error(error: OfferError) -> ApiError {
    let code = match &error {
        OfferError::NotFound => ErrorCode::NotFound,
        OfferError::NotNow(_) => ErrorCode::Invalid,
        OfferError::Refused(_) => ErrorCode::NotAllowed,
        OfferError::Spooler(_) => ErrorCode::PrinterFailed,
        OfferError::Store(StoreError::Full) => ErrorCode::DiskFull,
        OfferError::Store(StoreError::Closing) => ErrorCode::Stopping,
        OfferError::Store(_) | OfferError::Spool(_) => ErrorCode::Internal,
    };
    ApiError::new(code, sentence(&error.to_string()))
}

pub(super) fn outbox_error(error: OutboxError) -> ApiError {
    let error = match error {
        OutboxError::Owner(error) => return ask_error(error),
        error => error,
    };
    let code = match &error {
        OutboxError::Document(DocumentError::Empty | DocumentError::NoSuchPages) => ErrorCode::Invalid,
        OutboxError::Document(DocumentError::Io(_)) | OutboxError::Keep(KeepError::Unreadable { .. }) => {
            ErrorCode::Unreadable
        }
        OutboxError::Document(DocumentError::NotNow(_)) => ErrorCode::Busy,
        OutboxError::Document(_) => ErrorCode::UnsupportedDocument,
        OutboxError::Keep(KeepError::Full) | OutboxError::Store(StoreError::Full) => ErrorCode::DiskFull,
        OutboxError::Keep(KeepError::TooLarge) | OutboxError::NotNow(_) => ErrorCode::Invalid,
        OutboxError::NotFound => ErrorCode::NotFound,
        OutboxError::Store(StoreError::Closing) => ErrorCode::Stopping,
        OutboxError::Keep(_) | OutboxError::Spool(_) | OutboxError::Store(_) | OutboxError::Owner(_) => {
            ErrorCode::Internal
        }
    };
    ApiError::new(code, sentence(&error.to_string()))
}

pub(super) fn ask_error(error: AskError) -> ApiError {
    match error {
        AskError::Link(error) => ApiError::new(ErrorCode::PeerUnreachable, sentence(&error.to_string())),
        AskError::Refused(refused) => {
            let code = match refused.reason.as_str() {
                "not_found" => ErrorCode::NotFound,
                "not_allowed" => ErrorCode::NotAllowed,
                "must_ask" => ErrorCode::MustAsk,
                "spent" => ErrorCode::Spent,
                "not_available" => ErrorCode::NotAvailable,
                "busy" => ErrorCode::Busy,
                "not_now" => ErrorCode::Invalid,
                _ => ErrorCode::PrinterFailed,
            };
            ApiError::new(code, sentence(&refused.detail))
        }
        AskError::Unexpected => ApiError::new(ErrorCode::Internal, sentence(&error.to_string())),
    }
}

/// Words of an error as a sentence for a person.
fn sentence(words: &str) -> String {
    let mut chars = words.chars();
    let first = chars.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    let end = if words.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{}{end}", chars.as_str())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn choices_that_make_no_sense_are_refused_with_words() {
        let refused = |options: PrintOptions| options_of(options).unwrap_err().code == ErrorCode::Invalid;
        assert!(refused(PrintOptions { copies: Some(0), ..Default::default() }));
        assert!(refused(PrintOptions { copies: Some(1000), ..Default::default() }));
        assert!(refused(PrintOptions { pages: Some("3-1".into()), ..Default::default() }));
        assert!(refused(PrintOptions { media: Some("A99".into()), ..Default::default() }));
        let good = PrintOptions {
            copies: Some(2),
            pages: Some("1-3,5".into()),
            media: Some("A4".into()),
            ..Default::default()
        };
        let options = options_of(good).unwrap();
        assert_eq!(options.media.as_deref(), Some("iso_a4_210x297mm"));
        assert_eq!(options.pages.unwrap().to_string(), "1-3,5");
    }

    #[test]
    fn nothing_chosen_stays_nothing_chosen() {
        let options = PrintOptions { copies: Some(1), pages: Some(" ".into()), ..Default::default() };
        assert!(options_of(options).unwrap().is_default());
    }
}
