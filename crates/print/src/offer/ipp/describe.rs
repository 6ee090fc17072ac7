//! A printer's description attributes (RFC 8011 §5.4, PWG 5100.13 §6, PWG 5100.14 §5). Pure.

use super::{
    media, offers,
    place::Place,
    printer::Facts,
    select::{All, Kind},
    template,
};
use crate::{document::Format, system::QueueState};
use lanyard_ipp::{Attribute, DateTime, Operation, Value};

/// What is done, whatever the printer; holding and releasing comes with [`Facts::holds`].
const OPERATIONS: [Operation; 12] = [
    Operation::PrintJob,
    Operation::ValidateJob,
    Operation::CreateJob,
    Operation::SendDocument,
    Operation::CancelJob,
    Operation::GetJobAttributes,
    Operation::GetJobs,
    Operation::GetPrinterAttributes,
    Operation::CancelJobs,
    Operation::CancelMyJobs,
    Operation::CloseJob,
    Operation::IdentifyPrinter,
];

/// How long a job that was made may wait for its document, in seconds; then it is aborted.
pub(super) const DOCUMENT_TIME_OUT: i32 = 120;

/// Sides in pixels of the icons that there are.
pub const ICONS: [u32; 3] = [48, 128, 512];

/// When things happened, in seconds of `printer-up-time` and of Unix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moments {
    pub(super) now: Moment,
    pub(super) state_changed: Moment,
    pub(super) config_changed: Moment,
}

/// One moment on both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) up: i32,
    pub(super) unix: i64,
}

impl Moment {
    pub(super) fn date(self) -> Value {
        Value::DateTime(DateTime::from_unix(self.unix))
    }
}

/// Whether a format is among those that the printer takes.
pub(super) fn takes(facts: &Facts, mime: &str) -> bool {
    facts.can.formats.iter().any(|format| format.mime() == mime)
}

/// Everything that can be said of a printer.
pub(super) fn printer(facts: &Facts, place: &Place, moments: &Moments) -> All {
    let mut all = All::new();
    identity(&mut all, facts, place);
    state(&mut all, facts, moments);
    protocol(&mut all, facts, place);
    formats(&mut all, facts);
    supplies(&mut all, facts, place);
    offers::template(&mut all, facts);
    all.push((Kind::ByName, Attribute::many("media-col-database", media::database(facts))));
    all
}

/// Adds description attributes.
struct Describe<'a>(&'a mut All);

impl Describe<'_> {
    fn one(&mut self, name: &str, value: Value) {
        self.0.push((Kind::Description, Attribute::one(name, value)));
    }

    fn many(&mut self, name: &str, values: impl IntoIterator<Item = Value>) {
        self.0.push((Kind::Description, Attribute::many(name, values)));
    }

    fn keywords<'k>(&mut self, name: &str, keywords: impl IntoIterator<Item = &'k str>) {
        self.0.push((Kind::Description, Attribute::keywords(name, keywords)));
    }
}

/// RFC 8011 §5.4: names and texts of a printer have at most 127 octets.
fn short(text: &str) -> String {
    text[..text.floor_char_boundary(127)].to_owned()
}

fn identity(all: &mut All, facts: &Facts, place: &Place) {
    let mut say = Describe(all);
    let text = |text: Option<&str>| Value::text(short(text.unwrap_or_default()));
    let model = model(facts);
    say.one("printer-name", Value::name(short(&facts.name)));
    say.one("printer-info", Value::text(short(&facts.name)));
    say.one("printer-dns-sd-name", Value::name(short(facts.dns_sd_name.as_deref().unwrap_or(&facts.name))));
    say.one("printer-location", text(facts.location.as_deref()));
    say.one("printer-make-and-model", Value::text(short(&model)));
    say.one("printer-device-id", Value::text(device_id(facts)));
    say.one("printer-uuid", Value::uri(format!("urn:uuid:{}", facts.uuid)));
    say.one("printer-more-info", Value::uri(place.web("")));
    let icon = |side: u32| Value::uri(place.web(&format!("/icon-{side}.png")));
    say.many("printer-icons", ICONS.map(icon));
    say.one("printer-geo-location", Value::Unknown);
    say.one("printer-organization", Value::text(""));
    say.one("printer-organizational-unit", Value::text(""));
    say.keywords("printer-kind", ["document", "photo"]);
    say.one("printer-firmware-name", Value::name("Lanyard"));
    say.one("printer-firmware-string-version", Value::text(env!("CARGO_PKG_VERSION")));
    say.one("mopria-certified", Value::text("1.3"));
    say.one("landscape-orientation-requested-preferred", Value::Enum(4));
}

fn model(facts: &Facts) -> String {
    facts.model.clone().filter(|model| !model.is_empty()).unwrap_or_else(|| format!("Lanyard {}", facts.name))
}

/// IEEE 1284: `MFG`, `MDL` and the languages it speaks.
fn device_id(facts: &Facts) -> String {
    let clean = |text: &str| -> String {
        text.chars().filter(|c| c.is_ascii_graphic() || *c == ' ').filter(|c| !":;".contains(*c)).collect()
    };
    let model = clean(&model(facts));
    let (make, rest) = model.split_once(' ').unwrap_or(("Lanyard", &model));
    let languages: Vec<&str> = facts
        .can
        .formats
        .iter()
        .filter_map(|format| match format.mime() {
            "application/pdf" => Some("PDF"),
            "image/jpeg" => Some("JPEG"),
            "image/pwg-raster" => Some("PWGRaster"),
            "image/urf" => Some("URF"),
            _ => None,
        })
        .collect();
    let make = if make.is_empty() { "Lanyard" } else { make };
    let rest = if rest.trim().is_empty() { "Printer" } else { rest.trim() };
    short(&format!("MFG:{make};MDL:{rest};CMD:{};", languages.join(",")))
}

fn state(all: &mut All, facts: &Facts, moments: &Moments) {
    let mut say = Describe(all);
    let state = match facts.state {
        QueueState::Idle => 3,
        QueueState::Processing => 4,
        QueueState::Stopped => 5,
    };
    say.one("printer-state", Value::Enum(state));
    let reasons: Vec<&str> = facts.reasons.iter().map(String::as_str).collect();
    say.keywords("printer-state-reasons", if reasons.is_empty() { vec!["none"] } else { reasons });
    say.one("printer-state-message", Value::text(short(facts.message.as_deref().unwrap_or_default())));
    say.one("printer-is-accepting-jobs", Value::Boolean(facts.accepting));
    say.one("queued-job-count", Value::Integer(i32::try_from(facts.waiting).unwrap_or(i32::MAX)));
    say.one("printer-up-time", Value::Integer(moments.now.up));
    say.one("printer-current-time", moments.now.date());
    for (name, moment) in
        [("printer-state-change", moments.state_changed), ("printer-config-change", moments.config_changed)]
    {
        say.one(&format!("{name}-time"), Value::Integer(moment.up));
        say.one(&format!("{name}-date-time"), moment.date());
    }
}

fn protocol(all: &mut All, facts: &Facts, place: &Place) {
    let mut say = Describe(all);
    // The address that the client used comes first: many take the first one.
    let secure = if place.both { vec![place.secure, !place.secure] } else { vec![place.secure] };
    say.many("printer-uri-supported", secure.iter().map(|secure| Value::uri(place.uri(*secure))));
    let security = |secure: &bool| if *secure { "tls" } else { "none" };
    say.keywords("uri-security-supported", secure.iter().map(security));
    say.keywords("uri-authentication-supported", secure.iter().map(|_| "none"));
    say.one("charset-configured", Value::Charset("utf-8".to_owned()));
    say.one("charset-supported", Value::Charset("utf-8".to_owned()));
    say.one("natural-language-configured", Value::NaturalLanguage("en".to_owned()));
    say.one("generated-natural-language-supported", Value::NaturalLanguage("en".to_owned()));
    say.keywords("ipp-versions-supported", ["1.1", "2.0"]);
    // With the second one a test suite does not ask for a person who takes the paper out.
    say.keywords("ipp-features-supported", ["ipp-everywhere", "ipp-everywhere-server"]);
    let mut operations = OPERATIONS.to_vec();
    if facts.holds {
        operations.extend([Operation::HoldJob, Operation::ReleaseJob]);
    }
    operations.sort_unstable_by_key(|operation| operation.code());
    say.many(
        "operations-supported",
        operations.iter().map(|operation| Value::Enum(i32::from(operation.code()))),
    );
    say.keywords("which-jobs-supported", super::jobs::WHICH);
    say.keywords("job-creation-attributes-supported", template::RULES.iter().map(|(name, _)| *name));
    say.keywords("printer-get-attributes-supported", ["document-format"]);
    say.one("job-ids-supported", Value::Boolean(true));
    say.one("preferred-attributes-supported", Value::Boolean(false));
    say.keywords("pdl-override-supported", ["attempted"]);
    say.one("multiple-document-jobs-supported", Value::Boolean(false));
    say.one("multiple-operation-time-out", Value::Integer(DOCUMENT_TIME_OUT));
    say.keywords("multiple-operation-time-out-action", ["abort-job"]);
    say.keywords("identify-actions-default", ["display"]);
    say.keywords("identify-actions-supported", ["display", "sound"]);
    say.one("job-k-octets-supported", Value::Range(0, (crate::ticket::MAX_DOCUMENT / 1024) as i32));
}

fn formats(all: &mut All, facts: &Facts) {
    let mut say = Describe(all);
    let mut mimes: Vec<&str> = facts.can.formats.iter().map(|format| format.mime()).collect();
    mimes.push("application/octet-stream");
    say.many("document-format-supported", mimes.iter().map(|mime| Value::mime(*mime)));
    say.one("document-format-default", Value::mime("application/octet-stream"));
    let preferred = if takes(facts, Format::Pdf.mime()) { Format::Pdf.mime() } else { mimes[0] };
    say.one("document-format-preferred", Value::mime(preferred));
    say.keywords("compression-supported", ["none", "gzip", "deflate"]);
    // Nothing is unlocked here.
    say.one("document-password-supported", Value::Integer(0));
    say.one("color-supported", Value::Boolean(facts.can.color));
    say.one("pages-per-minute", Value::Integer(facts.more.pages_per_minute));
    if facts.can.color {
        say.one("pages-per-minute-color", Value::Integer(facts.more.pages_per_minute));
    }
    if takes(facts, "image/pwg-raster") {
        let resolutions = facts.more.resolutions.iter().map(|dpi| Value::dpi(*dpi));
        say.many("pwg-raster-document-resolution-supported", resolutions);
        say.keywords("pwg-raster-document-type-supported", raster_types(facts).iter().copied());
        // Pages are put into a PDF as they come, so nothing is to be turned.
        say.keywords("pwg-raster-document-sheet-back", ["normal"]);
    }
    if takes(facts, "image/urf") {
        let words = urf(facts);
        say.keywords("urf-supported", words.iter().map(String::as_str));
    }
}

fn raster_types(facts: &Facts) -> &'static [&'static str] {
    if facts.can.color { &["black_1", "sgray_8", "srgb_8"] } else { &["black_1", "sgray_8"] }
}

/// Apple's words for a raster printer; also the value of `URF` in DNS-SD.
#[must_use]
pub fn urf(facts: &Facts) -> Vec<String> {
    let mut words = vec!["V1.4".to_owned(), "CP1".to_owned(), "W8".to_owned()];
    if facts.can.color {
        words.push("SRGB24".to_owned());
    }
    let mut resolutions = facts.more.resolutions.clone();
    resolutions.sort_unstable();
    let resolutions: Vec<String> = resolutions.iter().map(i32::to_string).collect();
    words.push(format!("RS{}", resolutions.join("-")));
    if facts.can.sides.iter().any(|sides| *sides != crate::ticket::Sides::OneSided) {
        // As `pwg-raster-document-sheet-back` says.
        words.push("DM1".to_owned());
    }
    words.extend(["IS1", "MT1", "OB10", "PQ4"].map(str::to_owned));
    words
}

/// PWG 5100.13 §6.4: one text of key and value for each, and a description of each. There must be one even where
/// nothing is known.
fn supplies(all: &mut All, facts: &Facts, place: &Place) {
    let mut say = Describe(all);
    let octets = |index: usize, kind: &str, level: i32, colorant: &str| {
        let text = format!(
            "index={index};class=supplyThatIsConsumed;type={kind};unit=percent;maxcapacity=100;level={level};\
             colorantname={colorant};"
        );
        Value::OctetString(text.into_bytes())
    };
    if facts.supplies.is_empty() {
        say.one("printer-supply", octets(1, "other", -2, "unknown"));
        say.one("printer-supply-description", Value::text("Not told by the printer"));
    } else {
        let supplies = facts.supplies.iter().take(32);
        say.many(
            "printer-supply",
            supplies.clone().enumerate().map(|(at, supply)| {
                // -3: some is left (RFC 3805, prtMarkerSuppliesLevel).
                octets(at + 1, "other", supply.level.map_or(-3, i32::from), &colorant(&supply.name))
            }),
        );
        let described = supplies.map(|supply| Value::text(short(&supply.name)));
        say.many("printer-supply-description", described);
    }
    say.one("printer-supply-info-uri", Value::uri(place.web("")));
}

fn colorant(name: &str) -> String {
    let lower = name.to_lowercase();
    let known = ["black", "cyan", "magenta", "yellow", "red", "green", "blue", "white"];
    known.into_iter().find(|color| lower.contains(color)).unwrap_or("unknown").to_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::{super::facts_for_tests as facts, *};

    fn all() -> All {
        let moment = Moment { up: 5, unix: 1_800_000_000 };
        let place = Place {
            secure: true,
            authority: "h.local:7717".to_owned(),
            path: "/ipp/print/a".to_owned(),
            both: true,
        };
        let moments = Moments { now: moment, state_changed: moment, config_changed: moment };
        printer(&facts(), &place, &moments)
    }

    fn attribute(name: &str) -> Attribute {
        let found: Vec<Attribute> =
            all().into_iter().map(|(_, attribute)| attribute).filter(|one| one.name == name).collect();
        assert_eq!(found.len(), 1, "{name}");
        found[0].clone()
    }

    #[test]
    fn no_attribute_is_said_twice_and_each_has_a_value() {
        let mut names: Vec<String> = all().into_iter().map(|(_, attribute)| attribute.name).collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
        assert!(all().iter().all(|(_, attribute)| !attribute.values.is_empty()));
    }

    #[test]
    fn addresses_are_those_that_the_client_used() {
        assert_eq!(
            attribute("printer-uri-supported").values,
            [Value::uri("ipps://h.local:7717/ipp/print/a"), Value::uri("ipp://h.local:7717/ipp/print/a")]
        );
        assert_eq!(attribute("uri-security-supported").values.len(), 2);
        assert_eq!(attribute("printer-more-info").values, [Value::uri("http://h.local:7717/ipp/print/a")]);
    }

    #[test]
    fn a_device_id_has_the_form_that_everybody_expects() {
        let told = attribute("printer-device-id");
        let id = told.first().as_str().unwrap();
        assert!(id.starts_with("MFG:Brother;MDL:HL-L2350;CMD:PDF"), "{id}");
        assert!(id.ends_with(';'), "{id}");
    }

    #[test]
    fn a_grey_printer_says_nothing_of_colour() {
        assert!(!all().iter().any(|(_, attribute)| attribute.name == "pages-per-minute-color"));
        assert_eq!(attribute("color-supported").values, [Value::Boolean(false)]);
        assert!(!urf(&facts()).contains(&"SRGB24".to_owned()));
    }
}
