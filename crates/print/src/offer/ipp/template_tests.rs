use super::{super::facts_for_tests as facts, *};
use lanyard_ipp::GroupTag;

fn group(attributes: Vec<Attribute>) -> Group {
    Group { tag: GroupTag::Job, attributes }
}

fn chosen(name: &str, value: Value) -> Chosen {
    choose(Some(&group(vec![Attribute::one(name, value)])), &facts())
}

#[test]
fn what_a_printer_can_do_is_followed_and_kept_as_it_came() {
    let told = choose(
        Some(&group(vec![
            Attribute::one("copies", Value::Integer(3)),
            Attribute::one("sides", Value::keyword("two-sided-long-edge")),
            Attribute::one("media", Value::keyword("na_letter_8.5x11in")),
            Attribute::one("print-color-mode", Value::keyword("monochrome")),
            Attribute::one("print-quality", Value::Enum(4)),
            Attribute::many("page-ranges", [Value::Range(1, 2), Value::Range(5, i32::MAX)]),
            Attribute::one("number-up", Value::Integer(2)),
            Attribute::one("orientation-requested", Value::Enum(4)),
            Attribute::one("print-scaling", Value::keyword("fit")),
        ])),
        &facts(),
    );
    assert_eq!(told.unsupported, []);
    assert_eq!(told.kept.len(), 9);
    let options = told.options;
    assert_eq!((options.copies, options.sides), (Some(3), Some(Sides::TwoSidedLongEdge)));
    assert_eq!(options.media.as_deref(), Some("na_letter_8.5x11in"));
    assert_eq!(options.color, Some(Color::Monochrome));
    assert_eq!(options.pages.unwrap().to_string(), "1-2,5-99999");
    assert_eq!((options.number_up, options.scaling), (Some(2), Some(Scaling::Fit)));
    assert_eq!(options.orientation, Some(Orientation::Landscape));
}

#[test]
fn what_it_cannot_do_comes_back_as_it_was_and_what_nobody_knows_as_unsupported() {
    for (name, value) in [
        ("copies", Value::Integer(0)),
        ("copies", Value::Integer(100_000)),
        ("copies", Value::keyword("two")),
        ("sides", Value::keyword("two-sided-short-edge")),
        ("media", Value::keyword("iso_a0_841x1189mm")),
        ("print-color-mode", Value::keyword("color")),
        ("print-quality", Value::Enum(5)),
        ("print-quality", Value::Integer(4)),
        ("page-ranges", Value::Range(5, 1)),
        ("page-ranges", Value::Range(0, 1)),
        ("number-up", Value::Integer(3)),
        ("orientation-requested", Value::Enum(9)),
        ("finishings", Value::Enum(4)),
        ("job-hold-until", Value::keyword("weekend")),
        ("printer-resolution", Value::dpi(1)),
        ("job-sheets", Value::keyword("confidential")),
        ("output-bin", Value::keyword("mailbox-1")),
    ] {
        let told = chosen(name, value.clone());
        assert_eq!(told.unsupported, [Attribute::one(name, value)]);
        assert_eq!((told.options, told.kept), (Options::default(), Vec::new()), "{name}");
    }
    let told = chosen("job-cover-front", Value::keyword("x"));
    assert_eq!(told.unsupported, [Attribute::one("job-cover-front", Value::Unsupported)]);
}

#[test]
fn paper_may_be_given_by_its_size_and_the_size_counts_more_than_a_name() {
    let size = |x, y| {
        Value::Collection(vec![
            Attribute::one("x-dimension", Value::Integer(x)),
            Attribute::one("y-dimension", Value::Integer(y)),
        ])
    };
    let col = |x, y| {
        Value::Collection(vec![
            Attribute::one("media-size", size(x, y)),
            Attribute::one("media-top-margin", Value::Integer(423)),
            Attribute::one("media-source", Value::keyword("auto")),
        ])
    };
    assert_eq!(chosen("media-col", col(21_590, 27_940)).options.media.as_deref(), Some("na_letter_8.5x11in"));
    assert_eq!(chosen("media-col", col(21_000, 29_695)).options.media.as_deref(), Some("iso_a4_210x297mm"));
    assert_eq!(chosen("media-col", col(10_000, 10_000)).unsupported.len(), 1);
    let both = choose(
        Some(&group(vec![
            Attribute::one("media-col", col(21_590, 27_940)),
            Attribute::one("media", Value::keyword("iso_a4_210x297mm")),
        ])),
        &facts(),
    );
    assert_eq!(both.options.media.as_deref(), Some("na_letter_8.5x11in"));
}

#[test]
fn a_choice_that_is_made_twice_is_made_once() {
    let told = choose(
        Some(&group(vec![
            Attribute::one("copies", Value::Integer(2)),
            Attribute::one("copies", Value::Integer(3)),
        ])),
        &facts(),
    );
    assert_eq!((told.options.copies, told.unsupported.len()), (Some(2), 1));
}

#[test]
fn a_cover_sheet_comes_before_a_job_and_not_behind_it() {
    let sheets = |before: &str, after: Option<&str>| {
        let values = [Some(before), after].into_iter().flatten().map(Value::keyword);
        choose(Some(&group(vec![Attribute::many("job-sheets", values)])), &facts())
    };
    assert!(sheets("standard", None).options.cover);
    assert!(sheets("standard", Some("none")).options.cover, "as CUPS says it");
    assert!(!sheets("none", Some("none")).options.cover);
    for (before, after) in [("standard", Some("standard")), ("none", Some("standard"))] {
        let told = sheets(before, after);
        assert_eq!((told.options.cover, told.unsupported.len()), (false, 1), "{before} {after:?}");
    }
    let grey = Facts { covers: false, ..facts() };
    let asked = group(vec![Attribute::one("job-sheets", Value::keyword("standard"))]);
    assert_eq!(choose(Some(&asked), &grey).unsupported.len(), 1, "a printer that makes none");
}

#[test]
fn a_resolution_goes_all_the_way_to_the_printer() {
    let mut printer = facts();
    printer.more.printed = vec![600, 1200];
    let asked = |dpi| group(vec![Attribute::one("printer-resolution", Value::dpi(dpi))]);
    let told = choose(Some(&asked(1200)), &printer);
    assert_eq!((told.options.dpi, told.unsupported.len()), (Some(1200), 0));
    let handed_on = crate::client::attributes::job_attributes(&told.options);
    assert_eq!(handed_on, [Attribute::one("printer-resolution", Value::dpi(1200))]);
    let told = choose(Some(&asked(300)), &printer);
    assert_eq!((told.options.dpi, told.unsupported.len()), (None, 1), "a raster's is not the printer's");
}
