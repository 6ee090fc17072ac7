//! Printing against a real CUPS: one test binary, one private cupsd for each test that needs one.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod print {
    pub(crate) mod cups;
    pub(crate) mod offering;
    mod owner;
    mod recovery;
    mod refusals;
    mod sender;
}
