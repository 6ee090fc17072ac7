//! `lanyard find`: names on the drives of others.

use crate::{
    Failure,
    args::Place,
    ask::{self, Asked},
    show,
};
use lanyard_api::{EntryKind, Hit, Nearby, Request, Response, Search, Unseen};

/// Everything that one search finds, however many answers that takes.
pub(crate) async fn find(
    node: &Asked,
    words: Vec<String>,
    place: Option<String>,
    json: bool,
) -> Result<(), Failure> {
    let place = place
        .map(|place| place.parse().unwrap_or_else(|_| Place { drive: place.clone(), path: String::new() }));
    let (drive, path) = place.map_or((None, String::new()), |place| (Some(place.drive), place.path));
    let request = Request::Search { words: words.join(" "), drive, path, instead_of: None };
    let Response::Search(mut whole) = node.ask(request).await? else { return Err(ask::odd()) };
    while !whole.done {
        let request = Request::SearchMore { search: whole.id.clone(), after: whole.count };
        let Response::Search(more) = node.ask(request).await? else { return Err(ask::odd()) };
        let mut hits = whole.hits;
        hits.extend(more.hits);
        whole = Search { hits, ..more };
    }
    let Response::Nearby(nearby) = node.ask(Request::Nearby).await? else { return Err(ask::odd()) };
    show::show(json, &whole, |whole| text(whole, &nearby))
}

fn text(found: &Search, nearby: &Nearby) -> String {
    let mut text = if found.hits.is_empty() { "Nothing found.\n".to_owned() } else { table(found, nearby) };
    for unseen in &found.unseen {
        text += match unseen {
            Unseen::Limit => "There may be more than one search finds: say more words, or --in a folder.\n",
            Unseen::Folder => "Some folders could not be read by the computer that shares them.\n",
            Unseen::Drive => "",
        };
    }
    if !found.silent.is_empty() {
        text += &show::clean_line(&format!("Not searched: {}.", found.silent.join(", ")));
    }
    text
}

fn table(found: &Search, nearby: &Nearby) -> String {
    let mut table = show::table::Table::new(&[]);
    table.right(0);
    for Hit { drive, folder, entry } in &found.hits {
        let (amount, end) = match entry.kind {
            EntryKind::File => (show::size(entry.size), ""),
            EntryKind::Folder => (String::new(), "/"),
            EntryKind::Other => (String::new(), " (not a file)"),
        };
        let known = nearby.drives.iter().find(|known| known.id == *drive);
        let drive = known.map_or(drive.clone(), |known| format!("{}@{}", known.name, known.device_name));
        let folder = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let modified = entry.modified.map(show::when).unwrap_or_default();
        table.row([amount, modified, format!("{drive}:{folder}{}{end}", entry.name)]);
    }
    table.text()
}
