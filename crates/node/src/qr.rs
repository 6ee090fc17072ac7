//! QR codes, as front ends draw them.

use lanyard_api::{ApiError, ErrorCode};
use qrcode::{Color, EcLevel, QrCode};

/// A text as a QR code: one text for each row, `1` is dark. Without a quiet zone, which is a matter of drawing.
///
/// # Errors
/// `internal` for a text that is too long (2,953 bytes fit).
pub(crate) fn rows(text: &str) -> Result<Vec<String>, ApiError> {
    let code = QrCode::with_error_correction_level(text, EcLevel::L)
        .map_err(|error| ApiError::new(ErrorCode::Internal, error.to_string()))?;
    let row = |row: &[Color]| row.iter().map(|color| color.select('1', '0')).collect();
    Ok(code.to_colors().chunks(code.width()).map(row).collect())
}
