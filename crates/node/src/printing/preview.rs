//! What will be on paper, before it is.

use crate::Core;
use lanyard_api::{ApiError, Document, Preview, PrintOptions};
use std::sync::Arc;

/// One side of paper as the job would print it.
///
/// # Errors
/// `not_available`.
pub async fn preview(
    core: &Arc<Core>,
    printer: Option<String>,
    document: Document,
    options: PrintOptions,
    side: u32,
    size: u32,
) -> Result<Preview, ApiError> {
    let _ = (core, printer, document, options, side, size);
    Err(ApiError::not_available("The preview"))
}
