//! One printer, one card: the same piece of hardware may be offered by several devices and be on the network besides.
//! Pure.
//!
//! That two offers are the same printer is a claim of those who make it. A device of this home is believed; a
//! stranger that claims to offer somebody else's printer gets a card of its own, so that no document goes to it by
//! mistake. A printer on the network proves nothing either: it is shown only once, but comes last.

use super::RemoteShare;
use lanyard_api::{Access, Printer, PrinterState};
use std::cmp::Reverse;

/// One way to a printer.
#[derive(Clone, Debug)]
pub(super) struct Way {
    /// Where it leads.
    pub(super) to: RemoteShare,
    /// As it would be shown alone.
    pub(super) printer: Printer,
    /// By which it is known again; none where nothing is known, or nothing is believed.
    pub(super) identities: Vec<String>,
    /// A device of the home or one that is connected directly offers it.
    pub(super) is_of_a_friend: bool,
}

/// The cards, each with all its ways.
pub(super) fn cards(ways: Vec<Way>) -> Vec<Printer> {
    printers(ways).into_iter().filter_map(card).collect()
}

/// The printers, each with all its ways, the best first.
pub(super) fn printers(ways: Vec<Way>) -> Vec<Vec<Way>> {
    let mut groups: Vec<Vec<Way>> = Vec::new();
    for way in ways {
        let same = |group: &&mut Vec<Way>| group.iter().any(|known| are_one(known, &way));
        match groups.iter_mut().find(same) {
            Some(group) => group.push(way),
            None => groups.push(vec![way]),
        }
    }
    groups.iter_mut().for_each(|group| group.sort_by_key(rank));
    groups
}

/// Other ways to a printer by devices that are believed and seem to be there, the best first.
pub(super) fn around(ways: Vec<Way>, to: &RemoteShare) -> Vec<RemoteShare> {
    let leads_there = |way: &Way| way.to.node == to.node && way.to.share == to.share;
    let group = printers(ways).into_iter().find(|group| group.iter().any(leads_there));
    let others = group.into_iter().flatten().filter(|way| {
        let is_there = way.printer.device.is_some() && way.printer.state != PrinterState::Unreachable;
        let may_try = matches!(way.printer.access, Access::Allowed | Access::Ask);
        is_there && may_try && way.is_of_a_friend && !leads_there(way)
    });
    others.map(|way| way.to).collect()
}

fn are_one(a: &Way, b: &Way) -> bool {
    let is_standard = |way: &Way| way.printer.device.is_none();
    let may = (a.is_of_a_friend || is_standard(a)) && (b.is_of_a_friend || is_standard(b));
    // Two devices' offers, or a device's and the printer's own; two printers on the network are told apart by name.
    let several = a.printer.device != b.printer.device;
    may && several && a.identities.iter().any(|one| b.identities.contains(one))
}

/// What is taken first.
fn rank(way: &Way) -> impl Ord + use<> {
    let printer = &way.printer;
    (
        Reverse(way.is_of_a_friend),
        !printer.usable,
        printer.state == PrinterState::Unreachable,
        printer.access != Access::Allowed,
        printer.state == PrinterState::Stopped,
        printer.id.clone(),
    )
}

/// The best way gives the card its name.
fn card(group: Vec<Way>) -> Option<Printer> {
    let routes = group.iter().map(|way| way.printer.id.clone()).collect();
    let added = group.iter().any(|way| way.printer.added);
    group.into_iter().next().map(|way| Printer { routes, added, ..way.printer })
}

#[cfg(test)]
mod tests {
    use super::*;
    use lanyard_trust::{NodeId, ShareId};

    fn node(name: &str) -> NodeId {
        let mut key = [0; 32];
        key.iter_mut().zip(name.bytes()).for_each(|(to, from)| *to = from);
        NodeId::from_bytes(key)
    }

    fn way(id: &str, device: Option<&str>, identity: &[&str], is_of_a_friend: bool) -> Way {
        let printer = Printer {
            id: id.to_owned(),
            name: id.to_owned(),
            device: device.map(str::to_owned),
            device_name: String::new(),
            model: None,
            location: None,
            state: PrinterState::Ready,
            reasons: Vec::new(),
            waiting: 0,
            access: Access::Allowed,
            usable: device.is_some(),
            supplies: Vec::new(),
            routes: Vec::new(),
            added: false,
        };
        let to = RemoteShare {
            node: node(device.unwrap_or(id)),
            share: ShareId(id.to_owned()),
            name: id.to_owned(),
            device_name: String::new(),
            ask: false,
            identity: None,
        };
        Way { to, printer, identities: identity.iter().map(|&one| one.to_owned()).collect(), is_of_a_friend }
    }

    fn routes(ways: &[Way]) -> Vec<Vec<String>> {
        cards(ways.to_vec()).into_iter().map(|card| card.routes).collect()
    }

    #[test]
    fn one_printer_that_two_friends_offer_and_that_is_on_the_network_is_one_card() {
        let standard = way("dnssd:x", None, &["uuid:1", "at:10.0.0.5"], false);
        let (anna, ben) = (
            way("a@anna", Some("anna"), &["at:10.0.0.5"], true),
            way("b@ben", Some("ben"), &["uuid:1"], true),
        );
        let all = [standard, ben, anna];
        assert_eq!(routes(&all[..2]), [["b@ben", "dnssd:x"]]);
        assert_eq!(routes(&all), [["a@anna", "b@ben", "dnssd:x"]]);
    }

    #[test]
    fn a_way_that_works_now_is_taken_before_one_that_does_not() {
        let mut asleep = way("a@anna", Some("anna"), &["usb:1"], true);
        asleep.printer.state = PrinterState::Unreachable;
        let awake = way("b@ben", Some("ben"), &["usb:1"], true);
        let cards = cards(vec![asleep, awake]);
        assert_eq!(cards.len(), 1);
        assert_eq!((cards[0].id.as_str(), cards[0].routes.len()), ("b@ben", 2));
    }

    #[test]
    fn a_stranger_does_not_become_a_way_to_somebody_elses_printer() {
        let ours = way("a@anna", Some("anna"), &["usb:1"], true);
        let theirs = way("s@stranger", Some("stranger"), &["usb:1"], false);
        let standard = way("dnssd:x", None, &["usb:1"], false);
        assert_eq!(routes(&[theirs.clone(), ours]), [["s@stranger"], ["a@anna"]]);
        assert_eq!(routes(&[theirs, standard]), [["s@stranger"], ["dnssd:x"]]);
    }

    #[test]
    fn only_a_friend_that_is_there_is_a_way_around() {
        let at = |id, device: Option<&str>, friend| way(id, device, &["usb:1"], friend);
        let anna = at("a@anna", Some("anna"), true);
        let mut cleo = at("c@cleo", Some("cleo"), true);
        cleo.printer.state = PrinterState::Unreachable;
        let mut asks = at("d@dora", Some("dora"), true);
        asks.printer.access = Access::Ask;
        let all = vec![
            asks,
            at("dnssd:x", None, false),
            cleo,
            at("s@stranger", Some("stranger"), false),
            anna.clone(),
            at("b@ben", Some("ben"), true),
        ];
        let ids = |ways: Vec<RemoteShare>| ways.into_iter().map(|way| way.share.0).collect::<Vec<_>>();
        assert_eq!(ids(around(all.clone(), &anna.to)), ["b@ben", "d@dora"]);
        assert_eq!(ids(around(all[1..2].to_vec(), &anna.to)), [""; 0]);
        assert_eq!(ids(around(all, &at("s@stranger", Some("stranger"), false).to)), [""; 0]);
    }

    #[test]
    fn what_is_not_known_to_be_the_same_is_not() {
        let ways = [
            way("a@anna", Some("anna"), &[], true),
            way("b@ben", Some("ben"), &[], true),
            way("c@anna", Some("anna"), &["usb:1"], true),
            way("d@anna", Some("anna"), &["usb:1"], true),
        ];
        assert_eq!(routes(&ways).len(), 4, "two queues of one device are two choices");
    }
}
