//! A request that has passed the checks which every operation begins with (RFC 8011 §4.1). Pure.

use super::{
    place::{Named, Place},
    printer::Refused,
};
use lanyard_ipp::{Attribute, Group, GroupTag, Header, Message, Operation, Status, Value, Version};
use lanyard_store::StoreError;

/// Whoever does not say who it is (RFC 8011 §9.3).
const ANONYMOUS: &str = "anonymous";

/// The longest name of a user that is kept.
const MAX_USER: usize = 127;

/// A request that makes sense so far.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) version: Version,
    pub(super) request_id: i32,
    pub(super) operation: Operation,
    /// Who the client says its user is.
    pub(super) user: String,
    /// The job it is about, if any.
    pub(super) job: Option<i32>,
    /// The operation attributes.
    pub(super) asked: Group,
    /// The job attributes, if there are any.
    pub(super) template: Option<Group>,
}

/// A refusal.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct No {
    pub(super) status: Status,
    pub(super) words: String,
    /// What of the request it is about.
    pub(super) unsupported: Vec<Attribute>,
}

impl No {
    pub(super) fn new(status: Status, words: impl Into<String>) -> Self {
        Self { status, words: words.into(), unsupported: Vec::new() }
    }

    pub(super) fn bad(words: &str) -> Self {
        Self::new(Status::BadRequest, words)
    }

    /// The answer to what began like that.
    pub(super) fn answer(self, header: Header) -> Message {
        let version = if is_spoken(header.version) { header.version } else { Version::V2_0 };
        let mut answer = Message::answer(version, self.status, header.request_id);
        // RFC 8011 §4.1.6.2: at most 255 octets.
        let words = &self.words[..self.words.floor_char_boundary(255)];
        if !words.is_empty() {
            answer.add(GroupTag::Operation, Attribute::one("status-message", Value::text(words)));
        }
        for attribute in self.unsupported {
            answer.add(GroupTag::Unsupported, attribute);
        }
        answer
    }
}

impl From<Refused> for No {
    fn from(refused: Refused) -> Self {
        Self::new(refused.status(), refused.to_string())
    }
}

impl From<StoreError> for No {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the print jobs of standard clients cannot be read or written");
        let refused = match error {
            StoreError::Full => Refused::Full,
            StoreError::Closing => Refused::Away("it is being stopped".to_owned()),
            StoreError::Sqlite(error) => Refused::Internal(error.to_string()),
        };
        refused.into()
    }
}

fn is_spoken(version: Version) -> bool {
    matches!(version.major, 1 | 2)
}

impl Call {
    /// Checks what came in at `place`.
    pub(super) fn check(message: Message, place: &Place) -> Result<Self, No> {
        let Message { version, code, request_id, groups } = message;
        if !is_spoken(version) {
            let words = format!("IPP/{}.{} is not spoken here.", version.major, version.minor);
            return Err(No::new(Status::VersionNotSupported, words));
        }
        if request_id < 1 {
            return Err(No::bad("The request-id must be 1 or more."));
        }
        let operation = Operation::from_code(code).ok_or_else(|| {
            No::new(Status::OperationNotSupported, format!("Operation 0x{code:04x} is not known here."))
        })?;
        let mut groups = groups.into_iter();
        let asked = groups.next().filter(|group| group.tag == GroupTag::Operation);
        let asked = asked.ok_or_else(|| No::bad("A request begins with operation attributes."))?;
        Self::begins_well(&asked)?;
        let (mut template, mut job) = (None, None);
        for group in groups {
            match group.tag {
                GroupTag::Operation => return Err(No::bad("There are two groups of operation attributes.")),
                GroupTag::Job if template.is_none() => template = Some(group),
                GroupTag::Job => return Err(No::bad("There are two groups of job attributes.")),
                _ => {}
            }
        }
        if !is_about_no_printer(operation) {
            job = Self::target(&asked, place, operation)?;
        }
        let user = asked.find("requesting-user-name").and_then(|attribute| match attribute.first() {
            Value::Name(name) | Value::NameWithLanguage { name, .. } => Some(crate::ticket::words(name)),
            _ => None,
        });
        let mut user = user.filter(|user| !user.is_empty()).unwrap_or_else(|| ANONYMOUS.to_owned());
        user.truncate(user.floor_char_boundary(MAX_USER));
        Ok(Self { version, request_id, operation, user, job, asked, template })
    }

    /// RFC 8011 §4.1.4: the charset first, then the language.
    fn begins_well(asked: &Group) -> Result<(), No> {
        let [charset, language, ..] = asked.attributes.as_slice() else {
            return Err(No::bad("The charset and the language are missing."));
        };
        let is_language = matches!(language.values.as_slice(), [Value::NaturalLanguage(_)]);
        if charset.name != "attributes-charset"
            || language.name != "attributes-natural-language"
            || !is_language
        {
            return Err(No::bad("A request begins with attributes-charset and attributes-natural-language."));
        }
        match charset.values.as_slice() {
            [Value::Charset(name)] if ["utf-8", "us-ascii"].iter().any(|n| name.eq_ignore_ascii_case(n)) => {
                Ok(())
            }
            [Value::Charset(name)] => {
                let name = crate::ticket::words(name);
                Err(No::new(Status::CharsetNotSupported, format!("The charset {name} is not known here.")))
            }
            _ => Err(No::bad("A request begins with attributes-charset and attributes-natural-language.")),
        }
    }

    /// RFC 8011 §4.1.5: `printer-uri`, `printer-uri` and `job-id`, or `job-uri`.
    fn target(asked: &Group, place: &Place, operation: Operation) -> Result<Option<i32>, No> {
        let uri = |name| match asked.find(name).map(|attribute| attribute.values.as_slice()) {
            None => Ok(None),
            Some([Value::Uri(uri)]) => Ok(Some(uri.as_str())),
            Some(_) => Err(No::bad("A URI has another syntax.")),
        };
        let unknown = || No::new(Status::NotFound, "There is no such printer or job here.");
        let number = match asked.find("job-id").map(|attribute| attribute.values.as_slice()) {
            None => None,
            Some([Value::Integer(number)]) => Some(*number),
            Some(_) => return Err(No::bad("job-id is not a number.")),
        };
        let job = match (uri("printer-uri")?, uri("job-uri")?) {
            (Some(printer), _) => match place.names(printer).ok_or_else(unknown)? {
                Named::Printer => number,
                Named::Job(number) => Some(number),
            },
            (None, Some(job)) => match place.names(job).ok_or_else(unknown)? {
                Named::Printer => return Err(unknown()),
                Named::Job(number) => Some(number),
            },
            (None, None) => return Err(No::bad("printer-uri is missing.")),
        };
        match job {
            None if is_about_a_job(operation) => Err(No::bad("job-id is missing.")),
            Some(number) if number < 1 && is_about_a_job(operation) => Err(unknown()),
            job => Ok(job),
        }
    }

    /// An answer to it.
    pub(super) fn answer(&self, status: Status) -> Message {
        Message::answer(self.version, status, self.request_id)
    }

    /// An operation attribute that must be a boolean if it is there.
    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, No> {
        match self.asked.find(name).map(|attribute| attribute.values.as_slice()) {
            None => Ok(None),
            Some([Value::Boolean(is)]) => Ok(Some(*is)),
            Some(_) => Err(No::bad(&format!("{name} is not a boolean."))),
        }
    }

    /// An operation attribute that must be a keyword if it is there.
    pub(super) fn keyword(&self, name: &str) -> Result<Option<&str>, No> {
        match self.asked.find(name).map(|attribute| attribute.values.as_slice()) {
            None => Ok(None),
            Some([Value::Keyword(keyword)]) => Ok(Some(keyword)),
            Some(_) => Err(No::bad(&format!("{name} is not a keyword."))),
        }
    }

    /// Numbers of jobs (PWG 5100.11 §3.1), at most a thousand.
    pub(super) fn job_ids(&self) -> Result<Option<Vec<i32>>, No> {
        let Some(attribute) = self.asked.find("job-ids") else { return Ok(None) };
        let number = |value: &Value| match value {
            Value::Integer(number) => Ok(*number),
            _ => Err(No::bad("job-ids are not numbers.")),
        };
        attribute.values.iter().take(1000).map(number).collect::<Result<_, _>>().map(Some)
    }
}

fn is_about_no_printer(operation: Operation) -> bool {
    matches!(operation, Operation::CupsGetPrinters | Operation::CupsGetDefault)
}

fn is_about_a_job(operation: Operation) -> bool {
    matches!(
        operation,
        Operation::SendDocument
            | Operation::CancelJob
            | Operation::GetJobAttributes
            | Operation::HoldJob
            | Operation::ReleaseJob
            | Operation::CloseJob
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn place() -> Place {
        Place { secure: false, authority: "h:1".to_owned(), path: "/ipp/print/a".to_owned(), both: false }
    }

    fn request(operation: Operation) -> Message {
        Message::request(operation, 1).with(
            GroupTag::Operation,
            "printer-uri",
            Value::Uri("ipp://h:1/ipp/print/a".to_owned()),
        )
    }

    fn status(message: Message) -> Status {
        match Call::check(message, &place()) {
            Ok(_) => Status::Ok,
            Err(no) => no.status,
        }
    }

    #[test]
    fn a_request_must_begin_as_the_standard_says() {
        assert_eq!(status(request(Operation::GetPrinterAttributes)), Status::Ok);
        let mut swapped = request(Operation::GetPrinterAttributes);
        swapped.groups[0].attributes.swap(0, 1);
        assert_eq!(status(swapped), Status::BadRequest);
        for missing in [0, 1, 2] {
            let mut message = request(Operation::GetPrinterAttributes);
            message.groups[0].attributes.remove(missing);
            assert_eq!(status(message), Status::BadRequest, "without attribute {missing}");
        }
        let none = Message { groups: Vec::new(), ..request(Operation::GetPrinterAttributes) };
        assert_eq!(status(none), Status::BadRequest);
        let job_first = Message {
            groups: vec![Group { tag: GroupTag::Job, attributes: Vec::new() }],
            ..request(Operation::GetPrinterAttributes)
        };
        assert_eq!(status(job_first), Status::BadRequest);
    }

    #[test]
    fn versions_ids_operations_and_charsets_that_are_not_spoken_are_named() {
        let ask = || request(Operation::GetPrinterAttributes);
        for (major, minor, wanted) in [
            (0, 0, Status::VersionNotSupported),
            (3, 0, Status::VersionNotSupported),
            (1, 0, Status::Ok),
            (1, 1, Status::Ok),
            (2, 2, Status::Ok),
        ] {
            assert_eq!(status(Message { version: Version { major, minor }, ..ask() }), wanted);
        }
        assert_eq!(status(Message { request_id: 0, ..ask() }), Status::BadRequest);
        assert_eq!(status(Message { request_id: -1, ..ask() }), Status::BadRequest);
        assert_eq!(status(Message { code: 0x3fff, ..ask() }), Status::OperationNotSupported);
        let mut latin = ask();
        latin.groups[0].attributes[0].values = vec![Value::Charset("iso-8859-1".to_owned())];
        assert_eq!(status(latin), Status::CharsetNotSupported);
    }

    #[test]
    fn a_job_is_named_by_its_number_or_by_its_uri() {
        let by_number = request(Operation::CancelJob).with(GroupTag::Operation, "job-id", Value::Integer(7));
        assert_eq!(Call::check(by_number, &place()).unwrap().job, Some(7));
        let by_uri = Message::request(Operation::CancelJob, 1).with(
            GroupTag::Operation,
            "job-uri",
            Value::Uri("ipp://h:1/ipp/print/a/jobs/8".to_owned()),
        );
        assert_eq!(Call::check(by_uri, &place()).unwrap().job, Some(8));
        assert_eq!(status(request(Operation::CancelJob)), Status::BadRequest);
        let elsewhere = Message::request(Operation::GetPrinterAttributes, 1).with(
            GroupTag::Operation,
            "printer-uri",
            Value::Uri("ipp://h:1/ipp/print/b".to_owned()),
        );
        assert_eq!(status(elsewhere), Status::NotFound);
    }

    #[test]
    fn who_the_user_is_is_cleaned_and_nobody_has_a_name() {
        let user = |value| {
            let message =
                request(Operation::GetJobs).with(GroupTag::Operation, "requesting-user-name", value);
            Call::check(message, &place()).unwrap().user
        };
        assert_eq!(user(Value::name("ada")), "ada");
        assert_eq!(user(Value::name("a\u{202e}\n\u{7}da")), "a da");
        assert_eq!(user(Value::name("")), "anonymous");
        assert_eq!(user(Value::Integer(1)), "anonymous");
        assert!(user(Value::name("ü".repeat(900))).len() <= MAX_USER);
    }
}
