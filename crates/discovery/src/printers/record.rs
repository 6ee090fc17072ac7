//! What is told of a printer: its name and its TXT record. Pure.

/// The longest name of an instance, in bytes (RFC 6763 §4.1.1).
const MAX_INSTANCE: usize = 63;

/// What keeps the name apart from the one under which the system's own spooler announces the same queue.
const MARK: &str = "Lanyard";

/// One printer. There is no word of where it stands and whose it is: whoever chose its name chose what is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrinterRecord {
    /// The name of the instance, for people: see [`settle_name`].
    pub instance: String,
    /// The path of its IPP URI, without a slash in front.
    pub resource: String,
    /// Make and model.
    pub model: String,
    /// MIME types it takes.
    pub formats: Vec<String>,
    /// RFC 9562, without `urn:uuid:`.
    pub uuid: String,
    /// Whether it prints colour.
    pub color: bool,
    /// Whether it prints on both sides.
    pub duplex: bool,
    /// The words of `urf-supported`; never empty, or iOS does not see the printer.
    pub urf: Vec<String>,
    /// The largest paper.
    pub paper_max: PaperMax,
    /// Whether TLS is spoken on the same port.
    pub tls: bool,
}

/// The sizes that Bonjour knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PaperMax {
    /// Smaller than A4.
    UnderLegal,
    /// A4 and Legal.
    Legal,
    /// A3 and Tabloid.
    Tabloid,
    /// A2.
    IsoC,
    /// Larger.
    Above,
}

impl PaperMax {
    /// The largest of these PWG 5101.1 media names.
    #[must_use]
    pub fn of<'a>(media: impl IntoIterator<Item = &'a str>) -> Self {
        // By the width, which is the shorter side, in millimetres.
        let widest = media.into_iter().filter_map(width).fold(0.0, f32::max);
        match widest {
            width if width >= 432.0 => Self::Above,
            width if width >= 400.0 => Self::IsoC,
            width if width >= 279.0 => Self::Tabloid,
            width if width >= 210.0 || width == 0.0 => Self::Legal,
            _ => Self::UnderLegal,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::UnderLegal => "<legal-A4",
            Self::Legal => "legal-A4",
            Self::Tabloid => "tabloid-A3",
            Self::IsoC => "isoC-A2",
            Self::Above => ">isoC-A2",
        }
    }
}

impl PrinterRecord {
    /// Where the printer's page is, exactly as `printer-more-info` tells it to whoever comes by the host's name.
    #[must_use]
    pub fn more_info(&self, host: &str, port: u16) -> String {
        format!("http://{host}.local:{port}/{}", self.resource)
    }

    /// The entries of the record, `txtvers` first. One longer than 255 bytes is cut or left out.
    pub(super) fn entries(&self, host: &str, port: u16) -> Vec<(&'static str, String)> {
        let yes = |is: bool| if is { "T" } else { "F" }.to_owned();
        let mut entries = vec![
            ("txtvers", "1".to_owned()),
            ("qtotal", "1".to_owned()),
            ("rp", self.resource.clone()),
            ("ty", cut(&self.model, 127)),
            ("product", format!("({})", cut(&self.model.replace(['(', ')'], ""), 125))),
            ("pdl", list("pdl", &self.formats)),
            ("adminurl", self.more_info(host, port)),
            ("UUID", self.uuid.clone()),
            ("Color", yes(self.color)),
            ("Duplex", yes(self.duplex)),
            ("Copies", yes(true)),
            ("Collate", yes(true)),
            ("Fax", yes(false)),
            ("Scan", yes(false)),
            ("PaperMax", self.paper_max.word().to_owned()),
            // As `printer-kind` says.
            ("kind", "document,photo".to_owned()),
            ("URF", if self.urf.is_empty() { "none".to_owned() } else { list("URF", &self.urf) }),
            ("air", "none".to_owned()),
            ("mopria-certified", "1.3".to_owned()),
            ("priority", "50".to_owned()),
        ];
        if self.tls {
            entries.push(("TLS", "1.3".to_owned()));
        }
        entries.retain(|(key, value)| key.len() + 1 + value.len() <= 255);
        entries
    }
}

/// The name of an instance for a printer called `wanted` on the host `own` (without `.local`). `heard` are the
/// instances of printers that are there, with their hosts.
///
/// Where another host has the name already, the one whose host comes later in the alphabet gets a longer one; both
/// come to the same answer without a word. A host that is not ours by its name does not make room, so we do.
#[must_use]
pub fn settle_name<'a>(
    wanted: &str,
    own: &str,
    heard: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> String {
    let marked = |mark: &str| {
        let mark = format!(" ({mark})");
        format!("{}{mark}", cut(wanted, MAX_INSTANCE - mark.len()))
    };
    let short = marked(MARK);
    let prefix = own.split_once('-').map_or(own, |(prefix, _)| prefix);
    let must_yield = heard.into_iter().any(|(name, host)| {
        let is_like_us = host.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('-'));
        name.eq_ignore_ascii_case(&short)
            && !host.eq_ignore_ascii_case(own)
            && (!is_like_us || host.to_ascii_lowercase().as_str() < own)
    });
    if !must_yield {
        return short;
    }
    let end = own.split_once('-').map_or(own, |(_, end)| end);
    marked(&format!("{MARK} {}", cut(end, 4)))
}

/// An instance as it stands in front of a full name (RFC 6763 §4.3).
pub(super) fn escaped(instance: &str) -> String {
    instance.replace('\\', "\\\\").replace('.', "\\.")
}

/// As many of the words as fit into one entry.
fn list(key: &str, words: &[String]) -> String {
    let room = 254 - key.len();
    let mut text = String::new();
    for word in words.iter().filter(|word| !word.contains(',')) {
        let comma = usize::from(!text.is_empty());
        if text.len() + comma + word.len() > room {
            break;
        }
        if comma > 0 {
            text.push(',');
        }
        text.push_str(word);
    }
    text
}

/// At most so many bytes, whole characters.
fn cut(text: &str, most: usize) -> String {
    let end = (0..=text.len().min(most)).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text[..end].trim_end().to_owned()
}

/// The shorter side of a medium in millimetres (`iso_a4_210x297mm`); the ends of a range of custom sizes do not count.
fn width(name: &str) -> Option<f32> {
    if name.starts_with("custom_m") || name.starts_with("roll_m") {
        return None;
    }
    let size = name.rsplit('_').next()?;
    let (size, unit) = match (size.strip_suffix("mm"), size.strip_suffix("in")) {
        (Some(size), _) => (size, 1.0),
        (None, Some(size)) => (size, 25.4),
        (None, None) => return None,
    };
    let (width, length) = size.split_once('x')?;
    let (width, length): (f32, f32) = (width.parse().ok()?, length.parse().ok()?);
    Some(width.min(length) * unit).filter(|width| width.is_finite())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn record() -> PrinterRecord {
        PrinterRecord {
            instance: "Windmill (Lanyard)".to_owned(),
            resource: "ipp/print/abc".to_owned(),
            model: "Maker (big) One".to_owned(),
            formats: ["application/pdf", "image/urf", "image/pwg-raster"].map(str::to_owned).into(),
            uuid: "01234567-89ab-4cde-8f01-23456789abcd".to_owned(),
            color: true,
            duplex: false,
            urf: ["V1.4", "W8"].map(str::to_owned).into(),
            paper_max: PaperMax::Legal,
            tls: true,
        }
    }

    #[test]
    fn a_record_says_what_the_clients_look_for_and_begins_with_its_version() {
        let entries = record().entries("lanyard-abc", 7717);
        let value =
            |key: &str| entries.iter().find(|(known, _)| *known == key).map(|(_, value)| value.as_str());
        assert_eq!(entries[0], ("txtvers", "1".to_owned()));
        assert_eq!(value("rp"), Some("ipp/print/abc"), "no slash in front: Android and macOS put one there");
        assert_eq!(value("adminurl"), Some("http://lanyard-abc.local:7717/ipp/print/abc"));
        assert_eq!(value("pdl"), Some("application/pdf,image/urf,image/pwg-raster"));
        assert_eq!(value("product"), Some("(Maker big One)"));
        assert_eq!((value("URF"), value("TLS")), (Some("V1.4,W8"), Some("1.3")));
        assert_eq!(value("note"), None, "where it stands is nobody's business");
        assert_eq!(value("print_wfds"), None, "Android drops a printer that has it");
        let bare = PrinterRecord { urf: Vec::new(), tls: false, ..record() };
        let entries = bare.entries("x", 1);
        assert!(entries.iter().any(|(key, value)| *key == "URF" && !value.is_empty()), "iOS wants one");
        assert!(entries.iter().all(|(key, _)| *key != "TLS"));
    }

    #[test]
    fn a_name_is_longer_where_another_computer_has_it_already() {
        let name = |heard: &[(&str, &str)]| settle_name("Laser", "lanyard-mmmm", heard.iter().copied());
        assert_eq!(name(&[]), "Laser (Lanyard)");
        assert_eq!(name(&[("Laser @ box", "box"), ("Laser", "printer")]), "Laser (Lanyard)");
        assert_eq!(name(&[("Laser (Lanyard)", "lanyard-mmmm")]), "Laser (Lanyard)", "that is our echo");
        assert_eq!(name(&[("laser (lanyard)", "lanyard-aaaa")]), "Laser (Lanyard mmmm)");
        assert_eq!(name(&[("Laser (Lanyard)", "lanyard-zzzz")]), "Laser (Lanyard)", "the other one goes");
        assert_eq!(name(&[("Laser (Lanyard)", "zzzz")]), "Laser (Lanyard mmmm)", "that one does not know");
    }

    #[test]
    fn the_largest_paper_is_told_in_the_words_of_bonjour() {
        for (media, expected) in [
            (&["na_index-4x6_4x6in"][..], "<legal-A4"),
            (&["iso_a4_210x297mm", "na_letter_8.5x11in"], "legal-A4"),
            (&["iso_a4_210x297mm", "iso_a3_297x420mm"], "tabloid-A3"),
            (&["iso_a2_420x594mm"], "isoC-A2"),
            (&["iso_a0_841x1189mm"], ">isoC-A2"),
            (&["custom_max_900x900mm", "iso_a4_210x297mm"], "legal-A4"),
            (&[], "legal-A4"),
        ] {
            assert_eq!(PaperMax::of(media.iter().copied()).word(), expected, "{media:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_an_owner_calls_a_printer_fits_into_a_name_and_a_record(
            name in ".{0,90}", host in "[a-z]{1,8}-[a-z2-7]{8}", taken: bool, model in ".{0,300}",
            formats in prop::collection::vec("[a-z/.+-]{1,60}", 0..20),
        ) {
            let short = settle_name(&name, &host, []);
            let heard = [(short.as_str(), "another")];
            let settled = settle_name(&name, &host, heard.into_iter().filter(|_| taken));
            prop_assert!((1..=MAX_INSTANCE).contains(&settled.len()) && settled.contains(MARK));
            prop_assert_eq!(settled == short, !taken);
            let record = PrinterRecord { model, formats, ..record() };
            for (key, value) in record.entries(&host, 7717) {
                prop_assert!(key.len() + 1 + value.len() <= 255, "{} is too long", key);
            }
        }
    }
}
