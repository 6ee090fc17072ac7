//! Test suites for file systems, which the laboratory starts on a mounted drive.

use crate::from_source::Program;
use anyhow::Result;

/// Licences: APSL-2.0, BSD-2-Clause.
const SUITES: [Program; 2] =
    [Program { name: "fsx", version: "0.3.2" }, Program { name: "pjdfstest", version: "0.2.2" }];

/// Compiles what is not there yet.
pub(crate) fn install() -> Result<()> {
    if cfg!(target_os = "linux") {
        // What they test is there on Linux alone.
        SUITES.iter().try_for_each(|suite| suite.install("suites").map(drop))?;
    }
    Ok(())
}
