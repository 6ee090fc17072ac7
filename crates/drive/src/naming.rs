//! Names are given one at a time.
//!
//! Between the last look at what has a name and the rename that gives it to something else, no other request of this
//! node does the same: otherwise two who replace one version of a file could both be told that theirs is kept. What takes
//! long, above all bringing bytes to the disk, comes before; a look that was taken before that serves to say no early.

use std::sync::{Mutex, PoisonError};

static TURN: Mutex<()> = Mutex::new(());

/// Looks at a name for the last time and gives it, or takes it away. Must be quick, and not be called inside itself.
pub(crate) fn alone<T>(work: impl FnOnce() -> T) -> T {
    #[cfg(test)]
    meanwhile::happens();
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    work()
}

/// What somebody else does just before, in tests.
#[cfg(test)]
pub(crate) mod meanwhile {
    use std::cell::RefCell;

    type What = Box<dyn FnOnce()>;

    thread_local! {
        static NEXT: RefCell<Option<What>> = const { RefCell::new(None) };
    }

    /// Happens on this thread before it gives the next name.
    pub(crate) fn let_happen(what: impl FnOnce() + 'static) {
        NEXT.with_borrow_mut(|next| *next = Some(Box::new(what)));
    }

    pub(super) fn happens() {
        let next = NEXT.with_borrow_mut(Option::take);
        next.into_iter().for_each(|what| what());
    }
}
