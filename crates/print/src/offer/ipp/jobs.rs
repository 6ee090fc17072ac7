//! A job as clients see it: its state, its attributes, and which of them are asked for (RFC 8011 §5.3). Pure.

use super::{
    describe::Moment,
    place::Place,
    printer::Progress,
    register::{Entry, Stage},
    select::{All, Kind},
};
use crate::ticket::{MUST_ASK, State};
use lanyard_ipp::{Attribute, Value};

/// Values of `which-jobs` (RFC 8011 §4.2.6.1, PWG 5100.11 §10.1).
pub(super) const WHICH: [&str; 9] = [
    "completed",
    "not-completed",
    "aborted",
    "all",
    "canceled",
    "pending",
    "pending-held",
    "processing",
    "processing-stopped",
];

/// RFC 8011 §5.3.7.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum JobState {
    Pending = 3,
    Held = 4,
    Processing = 5,
    Stopped = 6,
    Canceled = 7,
    Aborted = 8,
    Completed = 9,
}

impl JobState {
    pub(super) fn is_over(self) -> bool {
        matches!(self, Self::Canceled | Self::Aborted | Self::Completed)
    }

    /// Whether `which-jobs` means it.
    pub(super) fn is_among(self, which: &str) -> bool {
        match which {
            "all" => true,
            "completed" => self.is_over(),
            "aborted" => self == Self::Aborted,
            "canceled" => self == Self::Canceled,
            "pending" => self == Self::Pending,
            "pending-held" => self == Self::Held,
            "processing" => self == Self::Processing,
            "processing-stopped" => self == Self::Stopped,
            _ => !self.is_over(),
        }
    }
}

/// A job with what became of it.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) entry: Entry,
    pub(super) state: JobState,
    reason: &'static str,
    message: String,
    bytes: u64,
    pages: Option<u32>,
    pages_done: Option<u32>,
    ended_at: Option<i64>,
}

impl Job {
    /// From what is written down here and what the printer tells; none for one that the printer has forgotten.
    pub(super) fn new(entry: Entry, progress: Option<&Progress>) -> Option<Self> {
        let own = |state, reason, message: &str| {
            let ended_at = entry.ended_at;
            let (bytes, pages, pages_done) = (0, None, None);
            Some(Self {
                entry: entry.clone(),
                state,
                reason,
                message: message.to_owned(),
                bytes,
                pages,
                pages_done,
                ended_at,
            })
        };
        match entry.stage {
            Stage::Open => own(JobState::Held, "job-incoming", "The document has not come yet."),
            Stage::Canceled => own(JobState::Canceled, "job-canceled-by-user", "Cancelled."),
            Stage::Aborted => own(JobState::Aborted, "aborted-by-system", "No whole document came."),
            Stage::Taken => {
                let told = progress?;
                let (state, reason) = state_of(told);
                let message = told.detail.clone().unwrap_or_else(|| words_for(state).to_owned());
                Some(Self {
                    entry,
                    state,
                    reason,
                    message,
                    bytes: told.bytes,
                    pages: told.pages,
                    pages_done: told.pages_done,
                    ended_at: told.ended_at.filter(|_| state.is_over()),
                })
            }
        }
    }

    /// A job that is over so soon that its client has not seen it yet is shown once as it was.
    pub(super) fn shown_at_work(mut self) -> Self {
        (self.state, self.reason) = (JobState::Processing, "job-printing");
        self.message = words_for(self.state).to_owned();
        self.ended_at = None;
        self
    }

    /// What the answer to a request that made or changed a job tells (RFC 8011 §4.2.1.2).
    pub(super) fn brief(&self, place: &Place) -> Vec<Attribute> {
        let number = self.entry.number;
        vec![
            Attribute::one("job-id", Value::Integer(number)),
            Attribute::one("job-uri", Value::uri(place.job_uri(number))),
            Attribute::one("job-state", Value::Enum(self.state as i32)),
            Attribute::one("job-state-reasons", Value::keyword(self.reason)),
            Attribute::one("job-state-message", Value::text(self.message.as_str())),
            Attribute::one("job-uuid", Value::uri(format!("urn:uuid:{}", self.entry.job))),
        ]
    }

    /// Everything that can be said of it. `moment` turns Unix milliseconds into the printer's time.
    pub(super) fn attributes(&self, place: &Place, now: Moment, moment: impl Fn(i64) -> Moment) -> All {
        let number = |number: Option<u32>| {
            number.map_or(Value::NoValue, |number| Value::Integer(i32::try_from(number).unwrap_or(i32::MAX)))
        };
        let k_octets = i32::try_from(self.bytes.div_ceil(1024)).unwrap_or(i32::MAX);
        let copies = self.entry.copies.max(1);
        // A document's pages times the copies: what will be on paper.
        let impressions = self.pages.map(|pages| pages.saturating_mul(copies));
        let entry = &self.entry;
        let mut told = self.brief(place);
        told.extend([
            Attribute::one("job-printer-uri", Value::uri(place.printer_uri())),
            Attribute::one("job-more-info", Value::uri(place.web(""))),
            Attribute::one("job-name", Value::name(entry.title.as_str())),
            Attribute::one("job-originating-user-name", Value::name(entry.user.as_str())),
            Attribute::one("number-of-documents", Value::Integer(i32::from(entry.stage == Stage::Taken))),
            Attribute::one("job-k-octets", Value::Integer(k_octets)),
            Attribute::one("job-impressions", number(impressions)),
            Attribute::one("job-impressions-completed", number(Some(self.pages_done.unwrap_or(0)))),
            Attribute::one("job-printer-up-time", Value::Integer(now.up)),
        ]);
        let times = [
            ("creation", Some(entry.created_at)),
            ("processing", entry.begun_at),
            ("completed", self.ended_at),
        ];
        for (name, at) in times {
            let at = at.map(&moment);
            let up = at.map_or(Value::NoValue, |at| Value::Integer(at.up));
            told.push(Attribute::one(format!("time-at-{name}"), up));
            told.push(Attribute::one(
                format!("date-time-at-{name}"),
                at.map_or(Value::NoValue, Moment::date),
            ));
        }
        let described = told.into_iter().map(|attribute| (Kind::Description, attribute));
        let chosen =
            entry.kept.iter().filter(|kept| kept.name != "job-name" && kept.name != "ipp-attribute-fidelity");
        described.chain(chosen.map(|kept| (Kind::Template, kept.clone()))).collect()
    }

    /// True once the printer has begun with it.
    pub(super) fn has_begun(&self) -> bool {
        matches!(self.state, JobState::Processing | JobState::Stopped | JobState::Completed)
    }
}

/// RFC 8011 §5.3.7.2: which state and reason one of ours is.
fn state_of(told: &Progress) -> (JobState, &'static str) {
    let reason = told.reason.as_deref();
    match told.state {
        State::Waiting => (JobState::Pending, "job-queued"),
        State::Held if reason == Some(MUST_ASK) => (JobState::Held, "job-held-for-authorization"),
        State::Held => (JobState::Held, "job-hold-until-specified"),
        State::Printing => (JobState::Processing, "job-printing"),
        State::Stopped => (JobState::Stopped, "printer-stopped"),
        State::Done => (JobState::Completed, "job-completed-successfully"),
        State::Cancelled => (JobState::Canceled, "job-canceled-by-user"),
        State::Failed if reason == Some("unsupported_document") => {
            (JobState::Aborted, "document-format-error")
        }
        State::Failed => (JobState::Aborted, "aborted-by-system"),
    }
}

fn words_for(state: JobState) -> &'static str {
    match state {
        JobState::Pending => "Waits for its turn.",
        JobState::Held => "Is kept back.",
        JobState::Processing => "Is being printed.",
        JobState::Stopped => "The printer needs somebody.",
        JobState::Canceled => "Cancelled.",
        JobState::Aborted => "Was not printed.",
        JobState::Completed => "Printed.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_is_among_what_its_name_says() {
        use JobState::{Aborted, Canceled, Completed, Held, Pending, Processing, Stopped};
        let among = |which: &str| {
            let all = [Pending, Held, Processing, Stopped, Canceled, Aborted, Completed];
            all.into_iter().filter(|state| state.is_among(which)).collect::<Vec<_>>()
        };
        assert_eq!(among("completed"), [Canceled, Aborted, Completed]);
        assert_eq!(among("not-completed"), [Pending, Held, Processing, Stopped]);
        assert_eq!(among("pending-held"), [Held]);
        assert_eq!(among("processing-stopped"), [Stopped]);
        assert_eq!(among("all").len(), 7);
    }
}
