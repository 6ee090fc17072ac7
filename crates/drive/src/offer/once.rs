//! Requests that must not be done twice: one whose answer was lost on the way is answered again when it is sent again, and
//! one that is still being done is waited for.
//!
//! The sender gives each a UUID ([`wire::ONCE`]). Answers are remembered for a while and in memory only: whoever asks
//! again after this node was started anew is told what is there now, like everybody else.

use super::{Refused, blocking};
use crate::wire::{self, Code, Problem};
use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, header};
use lanyard_link::Body;
use lanyard_trust::NodeId;
use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::watch;
use uuid::Uuid;

/// How long an answer is remembered: longer than anybody tries again.
const REMEMBERED: Duration = Duration::from_secs(120);
/// The most answers, of all callers together.
const MOST: usize = 4_096;

type Answer = (StatusCode, Bytes);
type Key = (NodeId, Uuid);

#[derive(Default)]
pub(super) struct Once {
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    answers: HashMap<Key, watch::Receiver<Option<Answer>>>,
    order: VecDeque<(Key, Instant)>,
}

impl Known {
    fn forget_old(&mut self) {
        for _ in 0..self.order.len() {
            let Some((key, since)) = self.order.front() else { return };
            if since.elapsed() < REMEMBERED && self.order.len() < MOST {
                return;
            }
            let key = *key;
            self.order.pop_front();
            if self.answers.get(&key).is_some_and(is_under_way) {
                // It has a thread; whoever asks again must not get another.
                self.order.push_back((key, Instant::now()));
            } else {
                self.answers.remove(&key);
            }
        }
    }
}

impl Once {
    /// Does the work, off the async threads and to its end whatever becomes of the connection, or tells how it ended
    /// when the same caller has asked for it before.
    pub(super) async fn run<T: serde::Serialize>(
        &self,
        caller: NodeId,
        headers: &HeaderMap,
        work: impl FnOnce() -> Result<T, Refused> + Send + 'static,
    ) -> Result<Response<Body>, Refused> {
        let Some(id) = id(headers)? else {
            return Ok(response(&written(blocking(move || work().map(|done| json(&done))).await)));
        };
        let key = (caller, id);
        let mut answer = {
            let mut known = self.lock();
            known.forget_old();
            match known.answers.get(&key) {
                Some(answer) => answer.clone(),
                None => {
                    let (done, answer) = watch::channel(None);
                    known.answers.insert(key, answer.clone());
                    known.order.push_back((key, Instant::now()));
                    tokio::task::spawn_blocking(move || {
                        done.send_replace(Some(written(work().map(|done| json(&done)))));
                    });
                    answer
                }
            }
        };
        let answered = answer.wait_for(Option::is_some).await;
        let answered = answered.map_err(|_| Refused::new(Code::Failed, "stopping"))?.clone();
        let answered = answered.unwrap_or_else(|| written(Err(Refused::new(Code::Failed, "no answer"))));
        if answered.0 == Code::Busy.status() {
            // Nothing was done, and the next try may be luckier.
            self.lock().answers.remove(&key);
        }
        Ok(response(&answered))
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_under_way(answer: &watch::Receiver<Option<Answer>>) -> bool {
    // A sender that is gone without an answer has met a panic.
    answer.borrow().is_none() && answer.has_changed().is_ok()
}

/// What a request carries.
pub(super) fn id(headers: &HeaderMap) -> Result<Option<Uuid>, Refused> {
    let Some(value) = headers.get(wire::ONCE) else { return Ok(None) };
    let id = value.to_str().ok().and_then(|text| Uuid::parse_str(text).ok());
    id.map(Some).ok_or_else(|| Refused::new(Code::Invalid, "not a UUID"))
}

fn json(value: &impl serde::Serialize) -> Bytes {
    serde_json::to_vec(value).unwrap_or_default().into()
}

fn written(done: Result<Bytes, Refused>) -> Answer {
    match done {
        Ok(body) => (StatusCode::OK, body),
        Err(Refused { code, detail }) => (code.status(), json(&Problem { code, detail })),
    }
}

fn response((status, body): &Answer) -> Response<Body> {
    let mut response = Response::new(lanyard_link::body::full(body.clone()));
    *response.status_mut() = *status;
    let kind = header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
