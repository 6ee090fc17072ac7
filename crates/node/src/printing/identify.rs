//! Somebody at another computer wants to know which printer this is (PWG 5100.13 `Identify-Printer`): whoever sits here
//! is told for a minute.

use crate::{Core, status};
use lanyard_api::Change;
use lanyard_print::offer::ipp::Identify;
use lanyard_trust::ShareId;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::mpsc;

/// How long it is shown.
const SHOWN: Duration = Duration::from_secs(60);

/// Between two changes of what is shown: a client can ask as fast as it likes.
const PAUSE: Duration = Duration::from_secs(1);

/// Asked for so often at once is asked for once.
const WAITING: usize = 4;

/// What is shown now.
pub(super) struct Shown {
    words: Mutex<Option<String>>,
    asked: Mutex<Option<mpsc::Receiver<String>>>,
}

impl Shown {
    /// Nothing, and what is called when somebody asks. `name_of` tells what a share is called.
    pub(super) fn new(
        name_of: impl Fn(&ShareId) -> Option<String> + Send + Sync + 'static,
    ) -> (Self, Box<Identify>) {
        let (ask, asked) = mpsc::channel(WAITING);
        let identify = move |share: &ShareId, words: Option<String>| {
            let name = name_of(share).unwrap_or_default();
            let words = words.filter(|words| !words.is_empty()).map(|words| format!(" It says: “{words}”"));
            let told = format!(
                "Somebody on this network wants to know which printer “{name}” is: this one.{}",
                words.unwrap_or_default()
            );
            // When nobody has been shown the last ones yet, one more says nothing new.
            let _ = ask.try_send(told);
        };
        (Self { words: Mutex::default(), asked: Mutex::new(Some(asked)) }, Box::new(identify))
    }

    fn set(&self, words: Option<String>) {
        *self.words.lock().unwrap_or_else(PoisonError::into_inner) = words;
    }

    pub(super) fn words(&self) -> Option<String> {
        self.words.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Shows what is asked for, until the node stops.
pub(super) async fn show(core: Arc<Core>) {
    let asked = core.printing.shown.asked.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(mut asked) = asked else { return };
    loop {
        let shown = core.printing.shown.words().is_some();
        let next = tokio::select! {
            () = core.cancel.cancelled() => return,
            next = asked.recv() => next,
            () = tokio::time::sleep(SHOWN), if shown => None,
        };
        core.printing.shown.set(next);
        core.events.emit(Change::Status(status::status(&core).await));
        tokio::time::sleep(PAUSE).await;
    }
}
