//! The names of sizes of paper (PWG 5101.1).

/// The PWG name behind a short one (`A4`), a PWG name as it is, none for anything else.
#[must_use]
pub fn media_name(text: &str) -> Option<String> {
    const SHORT: [(&str, &str); 10] = [
        ("a3", "iso_a3_297x420mm"),
        ("a4", "iso_a4_210x297mm"),
        ("a5", "iso_a5_148x210mm"),
        ("a6", "iso_a6_105x148mm"),
        ("b5", "iso_b5_176x250mm"),
        ("letter", "na_letter_8.5x11in"),
        ("legal", "na_legal_8.5x14in"),
        ("executive", "na_executive_7.25x10.5in"),
        ("ledger", "na_ledger_11x17in"),
        ("tabloid", "na_ledger_11x17in"),
    ];
    let lower = text.trim().to_ascii_lowercase();
    let known = SHORT.iter().find(|(short, _)| *short == lower).map(|(_, name)| (*name).to_owned());
    known.or_else(|| is_media_name(&lower).then_some(lower))
}

/// PWG 5101.1 §5: `class_name_WIDTHxHEIGHTunit`.
#[must_use]
pub fn is_media_name(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b);
    if text.len() > 128 || !text.bytes().all(allowed) {
        return false;
    }
    let mut parts = text.rsplitn(2, '_');
    let (Some(size), Some(name)) = (parts.next(), parts.next()) else { return false };
    let Some(size) = size.strip_suffix("mm").or_else(|| size.strip_suffix("in")) else { return false };
    let number = |text: &str| text.parse::<f32>().is_ok_and(|n| n > 0.0 && n < 10_000.0);
    name.contains('_') && size.split_once('x').is_some_and(|(w, h)| number(w) && number(h))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn paper_has_short_names_and_pwg_names_only() {
        assert_eq!(media_name("A4").unwrap(), "iso_a4_210x297mm");
        assert_eq!(media_name("Letter").unwrap(), "na_letter_8.5x11in");
        assert_eq!(media_name("jpn_hagaki_100x148mm").unwrap(), "jpn_hagaki_100x148mm");
        for bad in
            ["", "A4x", "iso_a4", "iso_a4_210x297", "iso_a4_0x297mm", "iso a4_210x297mm", "a_b_nanx1mm"]
        {
            assert_eq!(media_name(bad), None, "{bad:?}");
        }
    }
}
