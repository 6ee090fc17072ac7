//! Flaws that programs like this one had, and what keeps us from having them.
//!
//! One row for each: what went wrong, and the tests that would fail if it went wrong here. The rows are the page
//! `docs/security-lessons.md`; `LANYARD_WRITE_LESSONS=1` writes it. A row about a part that is not there yet says so,
//! and is not counted as proven.

use lanyard_trust::{
    Action, Audience, Decision, Grant, NodeId, Now, Policy, Standing, Subject, Used, Who, decide, join::Code,
    names,
};
use std::{collections::BTreeSet, fs, path::Path};

struct Lesson {
    /// The record.
    record: &'static str,
    /// What went wrong there, and what is done here.
    lesson: &'static str,
    /// What can be tried right here.
    case: Option<fn()>,
    /// Files, and tests in them.
    tests: &'static [(&'static str, &'static str)],
    /// The part with which the rest of it comes.
    later: Option<&'static str>,
}

const ATTACKS: &str = "tests/tests/laboratory/attacks.rs";
const PAGES: &str = "tests/tests/laboratory/foreign_pages.rs";
const SIEGE: &str = "tests/tests/laboratory/siege.rs";
const STRANGERS: &str = "tests/tests/laboratory/strangers.rs";
const NETWORKS: &str = "tests/tests/laboratory/networks.rs";
const SECOND_USER: &str = "tests/tests/laboratory/second_user.rs";
const HANDSHAKE: &str = "crates/trust/tests/trust/handshake.rs";
const JOIN: &str = "crates/trust/tests/trust/join.rs";
const MEMBERSHIP: &str = "crates/trust/tests/trust/membership.rs";
const TABLE: &str = "crates/discovery/src/table.rs";
const DAV_ATTACKS: &str = "crates/drive/tests/drive/dav/attacks.rs";
const DAV_CHANGES: &str = "crates/drive/tests/drive/dav/changing.rs";
const CONFINED: &str = "crates/drive/tests/drive/confined.rs";
const PATH: &str = "crates/drive/src/path.rs";
const TICKET: &str = "crates/print/src/ticket.rs";
const WORDS: &str = "crates/print/src/ticket/words.rs";
const CODEC: &str = "crates/print/src/client.rs";
const IPP: &str = "crates/ipp/tests/ipp/hostile.rs";
const STANDARD: &str = "crates/print/tests/print/standard.rs";
const STRAIGHT: &str = "crates/print/tests/print/straight.rs";
const REQUEST: &str = "crates/print/src/offer/ipp/call.rs";
const URI: &str = "crates/print/src/offer/ipp/place.rs";
const QUEUES: &str = "crates/print/src/client/attributes.rs";
const ANNOUNCED: &str = "tests/tests/laboratory/plain_announcing.rs";
const LINK: &str = "crates/link/tests/link/hostile.rs";
const DOOR: &str = "crates/node/src/doors/browser.rs";

const LESSONS: &[Lesson] = &[
    Lesson {
        record: "CUPS CVE-2024-47176",
        lesson: "a datagram from anybody made a daemon on every interface act: nothing listens on networks that are not the owner's, and an advert is a hint",
        case: None,
        tests: &[
            (NETWORKS, "a_new_network_is_public_until_it_is_trusted"),
            (TABLE, "adverts_that_point_elsewhere_are_refused"),
        ],
        later: None,
    },
    Lesson {
        record: "CUPS CVE-2024-47850",
        lesson: "one packet caused connections to a third party: only addresses of the own link are ever tried",
        case: None,
        tests: &[
            (ATTACKS, "announcements_lead_nobody_to_another_door"),
            (STRANGERS, "hostile_announcements_change_nothing"),
        ],
        later: None,
    },
    Lesson {
        record: "CUPS CVE-2024-47076, CVE-2024-47175, CVE-2024-47177",
        lesson: "a stranger's attributes reached a configuration file and a shell: text from outside is cleaned, and nothing is put together for a shell",
        case: Some(one_line_stays_one_line),
        tests: &[
            (ATTACKS, "names_run_nothing_and_are_shown_clean"),
            (WORDS, "what_strangers_write_is_cleaned_and_bounded"),
            (STANDARD, "what_cannot_be_done_is_told_or_refused_as_the_client_wishes"),
            (QUEUES, "only_what_a_queue_can_do_is_told"),
        ],
        later: None,
    },
    Lesson {
        record: "CUPS CVE-2026-34980",
        lesson: "a line break in an option of an anonymous job ran a program: options are typed values, not text",
        case: Some(one_line_stays_one_line),
        tests: &[
            (TICKET, "a_ticket_that_makes_no_sense_is_refused"),
            (STANDARD, "what_cannot_be_done_is_told_or_refused_as_the_client_wishes"),
        ],
        later: None,
    },
    Lesson {
        record: "CUPS CVE-2026-34990",
        lesson: "a credential was sent to whoever was named in an address: a request goes to a key, and another key at the address gets nothing",
        case: None,
        tests: &[
            ("crates/link/tests/link/calls.rs", "another_device_at_the_address_gets_nothing"),
            ("crates/print/src/system/cups.rs", "a_queues_name_cannot_leave_its_place_in_a_uri"),
            (STRAIGHT, "a_printer_with_another_key_gets_nothing_until_a_person_says_so"),
        ],
        later: None,
    },
    Lesson {
        record: "CUPS CVE-2026-34978",
        lesson: "an address to notify pointed into the spool: no request names an address or a path of ours",
        case: None,
        tests: &[
            (REQUEST, "versions_ids_operations_and_charsets_that_are_not_spoken_are_named"),
            (URI, "a_uri_names_the_printer_or_one_of_its_jobs_or_nothing"),
        ],
        later: None,
    },
    Lesson {
        record: "CUPS CVE-2026-27447",
        lesson: "users were told apart without regard to case: identities are keys, equal in every bit or not at all",
        case: Some(a_key_that_differs_in_one_bit_is_somebody_else),
        tests: &[],
        later: None,
    },
    Lesson {
        record: "CUPS CVE-2025-58436",
        lesson: "a client of one byte a second stopped everybody: each connection has its own task, deadlines, and a least rate",
        case: None,
        tests: &[
            (LINK, "a_header_that_comes_byte_by_byte_is_cut"),
            (LINK, "a_body_of_one_byte_a_moment_is_cut_and_the_handler_is_told"),
            (LINK, "who_asks_for_much_and_takes_nothing_or_next_to_nothing_is_cut"),
            (SIEGE, "a_siege_keeps_nobody_from_printing"),
        ],
        later: None,
    },
    Lesson {
        record: "CUPS CVE-2022-26691",
        lesson: "a secret was compared up to the shorter length: whole and in constant time",
        case: None,
        tests: &[
            (DOOR, "only_this_page_with_its_token_gets_in"),
            (SECOND_USER, "another_user_gets_nothing_from_the_browser_door"),
        ],
        later: None,
    },
    Lesson {
        record: "CUPS CVE-2026-39314",
        lesson: "a negative number was taken for a size: numbers have types and ranges",
        case: None,
        tests: &[
            ("tests/tests/laboratory/printing.rs", "impossible_options_are_refused"),
            (IPP, "what_stands_in_the_wrong_place_is_refused"),
        ],
        later: None,
    },
    Lesson {
        record: "CUPS CVE-2020-10001, CVE-2023-4504",
        lesson: "lengths inside a message were believed: a bounded decoder, no PostScript, no raster of strangers",
        case: None,
        tests: &[
            (CODEC, "a_text_with_language_that_is_too_short_is_refused"),
            (CODEC, "nested_collections_are_refused_before_they_are_decoded"),
            (IPP, "what_stands_in_the_wrong_place_is_refused"),
            (IPP, "nested_collections_are_refused_before_they_are_whole"),
            (STANDARD, "what_is_made_to_hurt_is_refused_and_the_printer_prints_on"),
        ],
        later: None,
    },
    Lesson {
        record: "Brother CVE-2024-51978",
        lesson: "the password of a printer could be computed from its serial number: no serial number, no owner and no host name leaves this computer",
        case: None,
        tests: &[
            (NETWORKS, "nothing_that_can_be_read_on_the_wire_names_anybody"),
            (ANNOUNCED, "a_printer_for_the_home_alone_is_announced_to_nobody"),
        ],
        later: None,
    },
    Lesson {
        record: "KDE Connect CVE-2020-26164",
        lesson: "packets of strangers took all memory: every table and every queue has a size",
        case: None,
        tests: &[
            (TABLE, "ten_thousand_adverts_leave_a_bounded_table_and_what_was_proven"),
            (SIEGE, "ten_thousand_announcements_cost_little_memory"),
            (
                "crates/link/tests/link/flood.rs",
                "of_two_thousand_connections_those_that_prove_nothing_keep_two_thirds_of_the_places",
            ),
        ],
        later: None,
    },
    Lesson {
        record: "KDE Connect CVE-2025-32898, Windows HomeGroup",
        lesson: "a short code that is hashed can be found out offline, or made to agree: codes are used inside a PAKE only",
        case: None,
        tests: &[
            (JOIN, "a_computer_in_between_that_passes_everything_on_is_noticed"),
            (JOIN, "a_wrong_code_is_refused_and_shows_nothing_that_depends_on_the_code"),
            (JOIN, "after_three_wrong_tries_from_three_devices_the_right_code_is_refused"),
        ],
        later: None,
    },
    Lesson {
        record: "KDE Connect CVE-2025-32899, CVE-2025-32900, CVE-2025-32901",
        lesson: "a datagram could disconnect, rename and crash: nothing that is proven changes by an advert",
        case: None,
        tests: &[
            (ATTACKS, "a_false_goodbye_and_a_false_address_change_nothing_between_members"),
            (STRANGERS, "hostile_announcements_change_nothing"),
            (TABLE, "ten_thousand_adverts_leave_a_bounded_table_and_what_was_proven"),
        ],
        later: None,
    },
    Lesson {
        record: "KDE Connect CVE-2025-66270",
        lesson: "who was said before the handshake and who was proven in it were not compared: nobody is anybody but the key of the handshake",
        case: None,
        tests: &[
            (HANDSHAKE, "a_key_that_the_server_does_not_hold_is_no_proof"),
            (HANDSHAKE, "another_device_at_the_address_is_refused_in_the_handshake"),
        ],
        later: None,
    },
    Lesson {
        record: "LocalSend CVE-2025-54792",
        lesson: "a certificate that nobody compares with anything protects from nobody in the middle: keys are pinned in the handshake",
        case: None,
        tests: &[
            (HANDSHAKE, "another_device_at_the_address_is_refused_in_the_handshake"),
            (ATTACKS, "a_computer_in_the_middle_gets_no_document_and_no_file"),
        ],
        later: None,
    },
    Lesson {
        record: "LocalSend CVE-2025-27142",
        lesson: "a received name led out of the folder: names are checked once, and opened beneath the folder only",
        case: None,
        tests: &[
            (CONFINED, "nothing_is_written_outside_of_the_share"),
            (PATH, "paths_that_lead_elsewhere_are_refused"),
            ("crates/drive/src/path/names.rs", "names_from_elsewhere_are_made_to_fit"),
        ],
        later: None,
    },
    Lesson {
        record: "Magic Wormhole CVE-2026-32116",
        lesson: "a sender that was let in overwrote files: nothing is replaced unless a person said so",
        case: None,
        tests: &[
            ("crates/drive/tests/drive/download.rs", "a_taken_name_is_refused_numbered_or_replaced_as_asked"),
            ("crates/drive/tests/drive/download.rs", "a_name_taken_while_the_copy_ran_is_not_overwritten"),
        ],
        later: None,
    },
    Lesson {
        record: "croc CVE-2021-31603",
        lesson: "a part of the secret was the name of the public room: what is announced of a code says nothing about the rest",
        case: Some(what_is_announced_of_a_code_says_nothing_about_the_rest),
        tests: &[("crates/trust/src/join/code.rs", "every_digit_is_drawn_as_often_as_another")],
        later: None,
    },
    Lesson {
        record: "Samba CVE-2025-10230",
        lesson: "a name of a computer reached a shell: programs are started with a list of arguments",
        case: None,
        tests: &[(ATTACKS, "names_run_nothing_and_are_shown_clean")],
        later: None,
    },
    Lesson {
        record: "Samba CVE-2017-7494, CVE-2019-10197, CVE-2022-3592; Syncthing CVE-2017-1000420",
        lesson: "links inside a share led out of it: the system itself resolves names beneath the folder",
        case: None,
        tests: &[
            (CONFINED, "no_path_leads_out_of_the_share"),
            (CONFINED, "a_link_swapped_in_while_we_look_leads_nowhere"),
        ],
        later: None,
    },
    Lesson {
        record: "dufs #93, #521, #619, #669, #670, #691",
        lesson: "the destination of a move was not checked, names were printed as they came: both ends of a move are names like any other, and all output is cleaned",
        case: None,
        tests: &[
            (CONFINED, "nothing_is_written_outside_of_the_share"),
            (ATTACKS, "names_run_nothing_and_are_shown_clean"),
            (DAV_ATTACKS, "no_address_leads_out_of_the_share"),
            (DAV_CHANGES, "folders_are_made_moved_copied_and_removed_into_the_bin"),
        ],
        later: None,
    },
    Lesson {
        record: "dav-server with its own file system (seen)",
        lesson: "encoded backslashes and links led out of the folder, a byte that is no text ended the program, a PUT that broke off destroyed the old file, one with `Content-Range` cut it short: names are decoded once and opened beneath the folder, and a file has its name when it is whole",
        case: None,
        tests: &[
            (DAV_ATTACKS, "no_address_leads_out_of_the_share"),
            (DAV_ATTACKS, "a_link_swapped_in_while_a_client_writes_leads_nowhere"),
            (DAV_CHANGES, "a_put_that_breaks_off_leaves_the_old_file_and_nothing_else"),
            (DAV_CHANGES, "a_file_is_put_whole_and_as_the_client_wants_it"),
        ],
        later: None,
    },
    Lesson {
        record: "copyparty CVE-2023-37474, CVE-2023-38501, CVE-2026-27948, GHSA-67rw-2x62-mqqm",
        lesson: "a path was decoded twice, and what one door refused another one gave: decoded once, decided in one function",
        case: None,
        tests: &[
            (PATH, "paths_are_decoded_exactly_once"),
            ("crates/node/src/shares/tests.rs", "the_gate_denies_by_default"),
            ("crates/node/src/doors/front.rs", "no_file_name_can_break_out_of_the_header"),
            ("crates/node/tests/node/doors.rs", "every_door_answers_every_case_as_the_rule_says"),
            (DAV_ATTACKS, "no_address_leads_out_of_the_share"),
        ],
        later: None,
    },
    Lesson {
        record: "Syncthing CVE-2021-21404, CVE-2022-46165",
        lesson: "a negative length stopped a server, a name from a peer ran in the page: bounded frames, text nodes, a content security policy",
        case: None,
        tests: &[
            ("crates/trust/src/join/frame.rs", "only_a_sealed_frame_may_be_long"),
            (ATTACKS, "names_run_nothing_and_are_shown_clean"),
            (PAGES, "a_name_with_markup_is_text_in_the_page"),
        ],
        later: None,
    },
    Lesson {
        record: "Syncthing introducers",
        lesson: "two devices that introduce others brought a removed one back for ever: a removal beats what did not know of it",
        case: None,
        tests: &[
            (MEMBERSHIP, "a_removal_beats_a_letting_in_that_did_not_know_of_it"),
            (MEMBERSHIP, "of_two_that_remove_each_other_the_senior_stays_everywhere"),
        ],
        later: None,
    },
    Lesson {
        record: "TLS 1.3 resumption (seen in rustls)",
        lesson: "a resumed connection does not prove the key again, so a removed device came back: no tickets",
        case: None,
        tests: &[
            (HANDSHAKE, "a_connection_cannot_be_resumed_without_proving_the_key_again"),
            (
                "crates/link/tests/link/doors.rs",
                "a_device_that_offers_an_old_session_has_to_prove_its_key_again",
            ),
        ],
        later: None,
    },
    Lesson {
        record: "DNS rebinding (seen in dav-server and dufs)",
        lesson: "a page whose name moved to a local address read the share: a list of names, and another one is not answered",
        case: None,
        tests: &[
            (PAGES, "a_page_whose_name_moves_to_this_computer_is_not_answered"),
            (PAGES, "a_foreign_page_changes_nothing_and_reads_nothing"),
            ("crates/trust/src/gate/tests.rs", "a_name_or_address_that_is_not_ours_is_misdirected"),
        ],
        later: None,
    },
    Lesson {
        record: "Tauri CVE-2026-42184",
        lesson: "an origin was compared by its beginning: a version with the mend, and nothing remote in the window",
        case: Some(the_window_has_the_mend),
        tests: &[],
        later: None,
    },
    Lesson {
        record: "xmltree-rs #58, quick-xml #978, ipp (nested collections)",
        lesson: "nesting in a small message overran the stack: depth is limited before anything is parsed, and what cannot do that is not used",
        case: Some(no_parser_without_a_depth_is_built_in),
        tests: &[
            (CODEC, "nested_collections_are_refused_before_they_are_decoded"),
            ("crates/trust/src/membership/tests.rs", "no_bytes_make_the_decoder_panic_or_dig_deep"),
            (DAV_ATTACKS, "bodies_that_overran_others_are_refused_and_nothing_ends"),
            ("crates/drive/src/offer/dav/xml.rs", "what_is_no_small_document_is_refused"),
        ],
        later: None,
    },
];

fn one_line_stays_one_line() {
    for end in ["\n", "\r\n", "\0", "\u{b}", "\u{85}", "\u{2028}", "\u{2029}", "\x1b"] {
        let text = format!("Office{end}*FoomaticRIPCommandLine: \"touch owned\"");
        let clean = names::clean(&text).unwrap();
        assert!(!clean.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')), "{clean:?}");
        assert_eq!(clean.lines().count(), 1, "{clean:?}");
    }
}

fn a_key_that_differs_in_one_bit_is_somebody_else() {
    let named = [0x41; 32];
    let grants = vec![Grant::to(Audience::Device(NodeId::from_bytes(named)))];
    let policy = Policy { grants, write: false, until: None };
    let now = Now { wall: 0, latest: 0, ran: 0 };
    let may = |key| {
        let subject = Subject { who: Who::Device(NodeId::from_bytes(key)), on_own_network: true };
        decide(&policy, &subject, &Standing::default(), Action::Print, &Used::default(), &now)
    };
    assert_eq!(may(named), Decision::Allow);
    for bit in 0..256 {
        let mut other = named;
        other[bit / 8] ^= 1 << (bit % 8);
        assert_ne!(may(other), Decision::Allow, "bit {bit}");
    }
}

fn what_is_announced_of_a_code_says_nothing_about_the_rest() {
    // All codes with one announced part, drawn until there are many: their secrets begin with every digit.
    let mut first = BTreeSet::new();
    for _ in 0..200_000 {
        let code = Code::draw(getrandom::fill).unwrap().to_string();
        let digits: String = code.chars().filter(char::is_ascii_digit).collect();
        if digits.starts_with("42") {
            first.insert(digits[2..4].to_owned());
        }
        if first.len() == 100 {
            return;
        }
    }
    panic!("only {} beginnings of the secret go with 42", first.len());
}

fn the_window_has_the_mend() {
    assert!(version_of("tauri").unwrap() >= [2, 11, 1]);
    let config = source("src-tauri/tauri.conf.json");
    assert!(!config.contains("\"withGlobalTauri\": true") && !config.contains("\"csp\": null"), "{config}");
}

fn no_parser_without_a_depth_is_built_in() {
    for name in ["dav-server", "xmltree", "serde-xml-rs"] {
        assert_eq!(version_of(name), None, "{name} has no limit of depth");
    }
    // It reads drawings, and nothing else does that but the limited child: a drawing that overruns its stack ends the
    // child.
    if version_of("roxmltree").is_some() {
        let child = source("crates/print/src/document/inside.rs");
        assert!(child.contains("svg::check") && child.contains("svg::page"));
        let hostile = source("crates/print/tests/print/hostile.rs");
        assert!(hostile.contains("(\"deep drawing\""), "and that is tried");
    }
    if let Some(version) = version_of("quick-xml") {
        assert!(version >= [0, 42, 0], "{version:?}");
    }
}

/// The version of a package that everything is built with.
fn version_of(name: &str) -> Option<[u64; 3]> {
    let lock = source("Cargo.lock");
    let (_, rest) = lock.split_once(&format!("name = \"{name}\"\nversion = \""))?;
    let (version, _) = rest.split_once('"')?;
    let mut numbers = version.split(['.', '-', '+']).map(|number| number.parse().unwrap_or(0));
    Some(std::array::from_fn(|_| numbers.next().unwrap_or(0)))
}

fn source(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn the_cases_that_can_be_tried_here_are_survived() {
    for lesson in LESSONS {
        if let Some(case) = lesson.case {
            println!("{}", lesson.record);
            case();
        }
    }
}

#[test]
fn every_lesson_is_proven_by_tests_that_are_there() {
    for Lesson { record, tests, case, later, .. } in LESSONS {
        for (file, name) in *tests {
            assert!(source(file).contains(&format!("fn {name}(")), "{record}: {file} has no test {name}");
        }
        assert!(!tests.is_empty() || case.is_some() || later.is_some(), "{record} is proven by nothing");
    }
}

#[test]
fn the_page_of_lessons_says_what_the_tests_say() {
    let mut page = String::from(
        "# Lessons from other programs\n\n\
         Flaws that programs like this one had. Each is a test here, or says with which part it becomes one. The table is\n\
         written from [`lessons.rs`](../crates/trust/tests/trust/lessons.rs) (`LANYARD_WRITE_LESSONS=1 cargo test -p\n\
         lanyard-trust lessons`), and a test fails when one of the tests it names is gone.\n\n\
         | record | lesson | proven by | still to come |\n|---|---|---|---|\n",
    );
    for Lesson { record, lesson, case, tests, later } in LESSONS {
        let mut proofs: Vec<String> =
            tests.iter().map(|(file, name)| format!("[`{name}`](../{file})")).collect();
        if case.is_some() {
            proofs.push("a case in the table itself".into());
        }
        let proofs = if proofs.is_empty() { "nothing yet".into() } else { proofs.join(", ") };
        let later = later.map_or_else(String::new, |part| format!("with {part}"));
        page.push_str(&format!("| {record} | {lesson} | {proofs} | {later} |\n"));
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/security-lessons.md");
    if std::env::var_os("LANYARD_WRITE_LESSONS").is_some() {
        fs::write(&path, &page).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page,
        "docs/security-lessons.md is out of date: set LANYARD_WRITE_LESSONS=1 to write it"
    );
}
