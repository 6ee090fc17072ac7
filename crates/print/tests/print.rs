//! Printing against a real CUPS: one test binary, one private cupsd for each test that needs one.
//!
//! Needs root (cupsd switches users, one test mounts a small disk) and Debian's cups, cups-client, cups-filters,
//! poppler-utils, python3, fonts-dejavu-core and fonts-droid-fallback; fails when they are missing.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod print {
    mod ahead;
    mod cancelling;
    mod children;
    mod converting;
    #[cfg(feature = "fault-points")]
    mod crashes;
    pub(crate) mod cups;
    pub(crate) mod fake_printer;
    mod formats;
    mod holding;
    mod hostile;
    mod moving;
    pub(crate) mod offering;
    mod owner;
    pub(crate) mod pages;
    mod recovery;
    mod refusals;
    mod rendering;
    mod sender;
    mod standard;
    mod straight;
}
