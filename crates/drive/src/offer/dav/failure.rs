//! Why a request is not answered, as WebDAV says it.

use super::super::Refused;
use crate::{path::PathError, wire::Code};
use http::{HeaderValue, Response, StatusCode, header};
use lanyard_link::{Body, body};
use lanyard_store::StoreError;
use lanyard_trust::Refusal;

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) status: StatusCode,
    /// What RFC 4918 §16 calls a precondition, with what is in it, as XML.
    condition: Option<String>,
    /// Words for a log.
    pub(super) why: String,
}

impl Failure {
    pub(super) fn new(status: StatusCode, why: impl Into<String>) -> Self {
        Self { status, condition: None, why: why.into() }
    }

    /// With the name of the precondition that did not hold, and what is in it.
    pub(super) fn because(status: StatusCode, condition: &str, inside: &str) -> Self {
        let xml = match inside {
            "" => format!("<D:{condition}/>"),
            inside => format!("<D:{condition}>{inside}</D:{condition}>"),
        };
        Self { status, condition: Some(xml), why: condition.to_owned() }
    }

    pub(super) fn bad(why: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, why)
    }

    pub(super) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "nothing has this name")
    }

    pub(super) fn precondition() -> Self {
        Self::new(StatusCode::PRECONDITION_FAILED, "what was to be true is not")
    }

    pub(super) fn into_response(self) -> Response<Body> {
        let mut response = match &self.condition {
            Some(condition) => {
                let text = format!(
                    "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<D:error xmlns:D=\"DAV:\">{condition}</D:error>\n"
                );
                let mut response = Response::new(body::full(text));
                let xml = HeaderValue::from_static("application/xml; charset=utf-8");
                response.headers_mut().insert(header::CONTENT_TYPE, xml);
                response
            }
            None => {
                let reason = self.status.canonical_reason().unwrap_or_default();
                body::status(self.status, &format!("{reason}\n"))
            }
        };
        *response.status_mut() = self.status;
        if matches!(self.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        let status = match refused.code {
            // RFC 4918 §9.3.1, §9.7.1: the folder above is what has to be made first.
            Code::WrongKind => StatusCode::CONFLICT,
            Code::Mismatch => StatusCode::BAD_REQUEST,
            code => code.status(),
        };
        Self::new(status, refused.detail)
    }
}

impl From<PathError> for Failure {
    fn from(error: PathError) -> Self {
        let status = match error {
            PathError::Reserved => StatusCode::FORBIDDEN,
            PathError::TooLong => StatusCode::URI_TOO_LONG,
            _ => StatusCode::BAD_REQUEST,
        };
        Self::new(status, error.to_string())
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Refused::from(refusal).into()
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let status = match error {
            StoreError::Full => StatusCode::INSUFFICIENT_STORAGE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::new(status, error.to_string())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Refused::from(error).into()
    }
}

impl From<tokio::task::JoinError> for Failure {
    fn from(error: tokio::task::JoinError) -> Self {
        Refused::from(error).into()
    }
}
