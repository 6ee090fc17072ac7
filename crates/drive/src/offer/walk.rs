//! Walks through a shared folder whose finds leave as they come: how they begin, and the answer that they become.

use super::{Folder, Query, Refused, Slot, Visit, blocking, shown::Shown};
use bytes::Bytes;
use http::Response;
use hyper::body::Frame;
use lanyard_link::{Body, BodyError};
use lanyard_trust::Action;
use tokio::sync::mpsc;

/// Takes the pieces of an answer, and waits as long as nobody takes them from there.
pub(super) type Pieces = mpsc::Sender<Result<Frame<Bytes>, BodyError>>;

/// What a walk goes through, and its slot.
pub(super) struct Ground {
    pub(super) folder: Folder,
    pub(super) shown: Shown,
    pub(super) slot: Slot,
}

/// Admits the caller and looks whether there is such a folder: a refusal belongs into the head of the answer.
pub(super) async fn admit(visit: &Visit, query: &Query) -> Result<Ground, Refused> {
    let folder = visit.admit(Action::List)?;
    let slot = visit.slot()?;
    let (here, behind, top) = (visit.clone(), folder.clone(), query.path.clone());
    let look = move || {
        let shown = here.shown(&behind)?;
        shown.open_dir(top.names()).map(drop)?;
        Ok(shown)
    };
    Ok(Ground { folder, shown: blocking(look).await?, slot })
}

/// Walks off the async threads; what goes wrong on the way breaks the answer off. So many pieces are made ahead of the
/// caller.
pub(super) fn answer(
    ahead: usize,
    walk: impl FnOnce(Pieces) -> Result<(), BodyError> + Send + 'static,
) -> Response<Body> {
    let (sender, mut receiver) = mpsc::channel(ahead);
    tokio::task::spawn_blocking(move || {
        if let Err(why) = walk(sender.clone()) {
            let _ = sender.blocking_send(Err(why));
        }
    });
    let pieces = futures_util::stream::poll_fn(move |context| receiver.poll_recv(context));
    Response::new(lanyard_link::body::stream(pieces))
}
