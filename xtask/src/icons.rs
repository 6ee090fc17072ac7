//! The icon files that are made from `icons/*.svg`. They are checked in, so only a change of the drawing needs this.

use crate::{node_js::NodeJs, shell, ui};
use anyhow::Result;

/// Writes them.
pub(crate) fn icons() -> Result<()> {
    let node = NodeJs::find()?;
    ui::install(&node)?;
    shell::run(node.npm().args(["run", "--silent", "icons"]))
}
