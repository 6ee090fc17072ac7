//! Passes for guests.

use super::{clean, qr, table::Table, when};
use lanyard_api::{NewPass, Pass, PassAction};

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
        qr::picture(&new.qr),
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
