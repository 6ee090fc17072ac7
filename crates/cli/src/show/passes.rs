//! Passes for guests, and the squares that a phone scans.

use super::{clean, table::Table, when};
use lanyard_api::{NewPass, Pass, PassAction};

/// Light modules that a reader needs around a code (ISO/IEC 18004 asks for four; phones are content with two).
const QUIET: usize = 2;

pub(crate) fn new_pass(new: &NewPass) -> String {
    let what = match new.pass.action {
        PassAction::Print => "print on",
        PassAction::Read => "look into and download from",
        PassAction::Add => "put files into",
    };
    let (share, until) = (clean(&new.pass.share_name), when(new.pass.ends_at));
    let (first, second) = new.pin.split_at(new.pin.len() / 2);
    format!(
        "A guest may {what} “{share}” until {until}.\n\n{}\n\
         Link  {}\nPage  {}  PIN {first} {second}\n\n\
         The browser warns once, because nobody vouches for this computer. The certificate is\n{}\n\
         End it with: lanyard guest end {}\n",
        squares(&new.qr),
        new.link,
        new.page,
        new.fingerprint,
        new.pass.id
    )
}

pub(crate) fn passes(passes: &[Pass]) -> String {
    if passes.is_empty() {
        return "No guest has a pass. Make one with: lanyard guest SHARE\n".to_owned();
    }
    let mut table = Table::new(&["PASS", "FOR", "SHARE", "MAY", "UNTIL", "LAST USED"]);
    for pass in passes {
        let may = match pass.action {
            PassAction::Print => "print",
            PassAction::Read => "look",
            PassAction::Add => "put in",
        };
        let may = if pass.pin_burned { format!("{may} (PIN burned)") } else { may.to_owned() };
        let used = pass.last_used.map_or_else(|| "never".to_owned(), when);
        let (label, share) = (pass.label.clone(), pass.share_name.clone());
        table.row([pass.id.clone(), label, share, may, when(pass.ends_at), used]);
    }
    table.text()
}

/// Two rows a line. Light modules are drawn, dark ones are left out: most terminals are dark, and readers know both.
fn squares(rows: &[String]) -> String {
    let width = rows.first().map_or(0, String::len) + 2 * QUIET;
    let light = |x: usize, y: usize| {
        let inside = x.checked_sub(QUIET).zip(y.checked_sub(QUIET));
        inside.and_then(|(x, y)| rows.get(y)?.as_bytes().get(x)) != Some(&b'1')
    };
    let mut text = String::new();
    for y in (0..rows.len() + 2 * QUIET).step_by(2) {
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
    fn two_rows_of_squares_make_one_line_with_light_around_them() {
        let rows = ["101".to_owned(), "001".to_owned(), "111".to_owned()];
        assert_eq!(squares(&rows), "███████\n██▄█ ██\n██▄▄▄██\n███████\n");
    }
}
