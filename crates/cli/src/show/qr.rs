//! A QR code in a terminal.

/// The light modules around it that readers need (ISO/IEC 18004 §6.3.8).
const QUIET: usize = 4;

/// Two rows a line. Light modules are drawn, dark ones are left out: most terminals are dark, and readers know both.
pub(crate) fn picture(rows: &[String]) -> String {
    let width = rows.first().map_or(0, String::len) + 2 * QUIET;
    let height = rows.len() + 2 * QUIET;
    let light = |x: usize, y: usize| {
        let inside = x.checked_sub(QUIET).zip(y.checked_sub(QUIET));
        y < height && inside.and_then(|(x, y)| rows.get(y)?.as_bytes().get(x)) != Some(&b'1')
    };
    let mut text = String::new();
    for y in (0..height).step_by(2) {
        text.extend((0..width).map(|x| match (light(x, y), light(x, y + 1)) {
            (true, true) => '█',
            (true, false) => '▀',
            (false, true) => '▄',
            (false, false) => ' ',
        }));
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_has_a_quiet_zone_and_two_rows_in_each_line() {
        let rows = ["101", "010", "111"].map(str::to_owned);
        let picture = picture(&rows);
        let lines: Vec<Vec<char>> = picture.lines().map(|line| line.chars().collect()).collect();
        assert_eq!(lines.len(), 6);
        assert!(lines.iter().all(|line| line.len() == 11));
        assert!(lines[..2].iter().flatten().all(|c| *c == '█'), "{picture}");
        assert_eq!(lines[2][4..7], ['▄', '▀', '▄'], "{picture}");
        assert_eq!(lines[5][0], '▀', "an odd row stands alone: {picture}");
    }
}
