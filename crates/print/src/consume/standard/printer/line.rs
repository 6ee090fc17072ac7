//! The connection to a standard printer: kept from one question to the next, as long as the printer is where it leads.

use super::{
    super::{
        Way,
        dial::{DialError, Known, dial},
    },
    Standard, accepted, send_error,
};
use crate::{
    client::{Adding, Call, CallError, Connection, Document, Reason},
    consume::lock,
    system::SpoolError,
};
use lanyard_ipp::{Message, Operation, Value};
use std::{
    net::SocketAddr,
    path::Path,
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

/// Without an answer to a question.
const PATIENCE: Duration = Duration::from_secs(15);

/// The same while a document is on its way: when the paper is out nothing moves for hours, so it is enough that the
/// printer answers other questions.
const DOCUMENT_PATIENCE: Duration = Duration::from_secs(10 * 60);

/// While an answer is awaited it is looked so often whether the printer is still where it was.
const LOOK: Duration = Duration::from_millis(500);

/// A connection that is open.
pub(super) struct Open {
    connection: Connection,
    way: Way,
    address: SocketAddr,
    /// When something was last answered on it, or since when it is there.
    answered: Instant,
}

impl Standard {
    /// A question without a document.
    pub(super) async fn ask(
        &self,
        operation: Operation,
        add: impl Fn(Message) -> Message,
    ) -> Result<Message, SpoolError> {
        accepted(self.answer(operation, add).await?)
    }

    /// The same, whatever the answer's status.
    pub(super) async fn answer(
        &self,
        operation: Operation,
        add: impl Fn(Message) -> Message,
    ) -> Result<Message, SpoolError> {
        let mut line = self.line.lock().await;
        let repeatable = matches!(
            operation,
            Operation::GetPrinterAttributes | Operation::GetJobAttributes | Operation::GetJobs
        );
        let (mut open, kept) = match line.take() {
            // A printer hangs up on a connection that is idle; that is seen only when it is used.
            Some(kept) if repeatable && self.is_at(kept.address) => (kept, true),
            kept => self.for_once(kept).await?,
        };
        let mut answer = self.exchange(&mut open, operation, &add, None).await;
        if kept && answer.is_err() {
            if !repeatable {
                self.hangs_up.store(true, Ordering::Release);
                return answer.map_err(|error| send_error(error).error);
            }
            open = self.connect().await?;
            answer = self.exchange(&mut open, operation, &add, None).await;
        }
        let answer = answer.map_err(|error| send_error(error).error)?;
        *line = Some(open);
        Ok(answer)
    }

    /// A connection for what must not be asked twice, and whether it was used before: by a question that was answered
    /// just now, or it is a new one.
    pub(super) async fn for_once(&self, kept: Option<Open>) -> Result<(Open, bool), SpoolError> {
        const JUST_NOW: Duration = Duration::from_secs(1);
        if let Some(mut kept) = kept
            && self.is_at(kept.address)
            && kept.answered.elapsed() < JUST_NOW
            && !self.hangs_up.load(Ordering::Acquire)
            && kept.connection.is_open().await
        {
            return Ok((kept, true));
        }
        Ok((self.connect().await?, false))
    }

    pub(super) async fn exchange(
        &self,
        open: &mut Open,
        operation: Operation,
        add: &impl Fn(Message) -> Message,
        document: Option<&Path>,
    ) -> Result<Message, CallError> {
        let way = &open.way;
        let port = way.addresses.first().map_or(631, SocketAddr::port);
        let host = format!("{}:{port}", way.host);
        let scheme = if way.tls { "ipps" } else { "ipp" };
        let uri = format!("{scheme}://{host}{}", way.path);
        let message = add(Message::request(operation, 1).operation("printer-uri", Value::uri(uri)));
        let call = Call {
            path: &way.path,
            host: &host,
            authorization: None,
            message: &message,
            document: document.map(Document::Whole),
            patience: if document.is_some() { DOCUMENT_PATIENCE } else { PATIENCE },
            alive: Some(&self.answers),
        };
        let address = open.address;
        let asking = open.connection.ask(call);
        let answer = match document {
            Some(_) => asking.await?,
            // An old address answers nothing any more, and does not say so.
            None => tokio::select! {
                answer = asking => answer?,
                () = self.leaves(address) => {
                    let reason = Reason::Away("it is at another address now".to_owned());
                    return Err(CallError { reason, begun: false, whole: false });
                }
            },
        };
        open.answered = Instant::now();
        self.answers.fetch_add(1, Ordering::AcqRel);
        Ok(answer)
    }

    /// A new connection to the printer, and to no other when it is for jobs.
    async fn connect(&self) -> Result<Open, SpoolError> {
        let checks = lock(&self.key).checks;
        let id = self.id.clone();
        let known = if checks {
            let known = self.rows.run(move |rows| rows.key(&id)).await;
            known.map_err(|error| SpoolError::Away(error.to_string()))?.map(|(key, _)| key)
        } else {
            None
        };
        let known_as = known.map_or(Known::Any, Known::Only);
        let mut ways = self.ways();
        let mut dialled = dial(&self.id, &ways, known_as).await;
        // It may have moved meanwhile.
        if matches!(dialled, Err(DialError::Away(_))) && self.ways() != ways {
            ways = self.ways();
            dialled = dial(&self.id, &ways, known_as).await;
        }
        lock(&self.key).other = match &dialled {
            Err(DialError::OtherKey(key)) => Some(*key),
            _ => None,
        };
        let dialled = dialled.map_err(|error| match error {
            DialError::Away(words) => SpoolError::Away(words),
            DialError::OtherKey(_) => SpoolError::Away("it shows another key than before".to_owned()),
        })?;
        if let (true, None, Some(key)) = (checks, known, dialled.key) {
            let id = self.id.clone();
            let learnt = self.rows.run(move |rows| rows.learn(&id, key)).await;
            learnt.map_err(|error| SpoolError::Away(error.to_string()))?;
        }
        let connection = Connection::over(dialled.stream).await;
        let connection = connection.map_err(|reason| SpoolError::Away(reason.to_string()))?;
        Ok(Open { connection, way: dialled.way, address: dialled.address, answered: Instant::now() })
    }

    fn ways(&self) -> Vec<Way> {
        self.find.as_ref().map(|find| find.ways(&self.id)).unwrap_or_default()
    }

    /// Whether this is one of its addresses, or none is known.
    fn is_at(&self, address: SocketAddr) -> bool {
        let ways = self.ways();
        ways.is_empty() || ways.iter().any(|way| way.addresses.contains(&address))
    }

    /// Ends when the printer is at other addresses than this one.
    async fn leaves(&self, address: SocketAddr) {
        while self.is_at(address) {
            tokio::time::sleep(LOOK).await;
        }
    }
}
