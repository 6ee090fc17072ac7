//! What is shown before printing is what is printed: previews, arrangements, and what a second renderer sees of them.

use super::pages::{A4_NAME, Desk, Page, Picture, pdf, pdf_with, plain, words};
use lanyard_print::{
    document::{DocumentError, Format, Laid, Look},
    ticket::{Options, Orientation, Scaling},
};
use lopdf::{Dictionary, EncryptionState, EncryptionVersion, Object, Permissions, Stream, dictionary};
use std::{fs, time::Instant};

const RED: &str = "1 0 0";
const GREEN: &str = "0 1 0";
const BLUE: &str = "0 0 1";
const BLACK: &str = "0 0 0";

fn a4(change: impl FnOnce(&mut Options)) -> Options {
    let mut options = Options { media: Some(A4_NAME.to_owned()), ..Options::default() };
    change(&mut options);
    options
}

fn with(mut page: Page, key: &str, value: impl Into<Object>) -> Page {
    page.more.set(key, value);
    page
}

#[tokio::test(flavor = "multi_thread")]
async fn a_black_page_is_black_and_the_page_after_it_is_not() {
    let desk = Desk::new();
    let path = desk.put("two.pdf", &pdf(vec![plain(BLACK), plain(RED)]));
    let (shown, first) = desk.side(&path, &Options::default(), 1).await;
    assert_eq!((shown.sides, shown.pages, shown.width, shown.height), (2, 2, 283, 400));
    assert_eq!((first.at(0.0, 0.0), first.at(0.5, 0.5), first.at(1.0, 1.0)), ([0; 3], [0; 3], [0; 3]));
    let (_, second) = desk.side(&path, &Options::default(), 2).await;
    assert_eq!(second.at(0.5, 0.5), [255, 0, 0]);
    let (_, beyond) = desk.side(&path, &Options::default(), 7).await;
    assert_eq!(beyond.at(0.5, 0.5), [255, 0, 0], "one beyond the last is the last");
    let grey =
        Look { options: Options::default(), paper: None, side: 2, edge: 100, color: false, bare: false };
    desk.documents.show(&path, Format::Pdf, grey, &desk.out("grey.png")).await.unwrap();
    assert_eq!(Picture::open(&desk.out("grey.png")).at(0.5, 0.5), [76; 3], "grey where the printer is");
}

#[tokio::test(flavor = "multi_thread")]
async fn four_pages_on_a_side_are_where_a_person_looks_for_them_in_the_preview_and_in_the_pdf() {
    let desk = Desk::new();
    let pages = vec![plain(RED), plain(GREEN), plain(BLUE), plain(BLACK), plain(RED)];
    let path = desk.put("five.pdf", &pdf(pages));
    let options = a4(|o| o.number_up = Some(4));
    let (shown, preview) = desk.side(&path, &options, 1).await;
    assert_eq!((shown.sides, shown.pages), (2, 5));
    let printed = Picture::of_pdf(&desk.to_pdf(&path, &options).await, 1, 400);
    for picture in [&preview, &printed] {
        assert_eq!(picture.at(0.25, 0.25), [255, 0, 0]);
        assert_eq!(picture.at(0.75, 0.25), [0, 255, 0]);
        assert_eq!(picture.at(0.25, 0.75), [0, 0, 255]);
        assert_eq!(picture.at(0.75, 0.75), [0, 0, 0]);
        assert_eq!(picture.at(0.005, 0.5), [255; 3], "the edge of the paper stays free");
    }
    assert!(preview.difference(&printed) < 2.0, "{}", preview.difference(&printed));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_arrangement_is_printed_as_it_was_shown() {
    let desk = Desk::new();
    let corner = |turns: i64| {
        let page = Page {
            content: "1 0 0 rg 20 20 200 100 re f 0 0 1 rg 50 700 30 30 re f".to_owned(),
            more: Dictionary::new(),
        };
        with(page, "Rotate", turns)
    };
    let cropped = with(corner(90), "CropBox", vec![10.into(), 10.into(), 300.into(), 500.into()]);
    let large = with(corner(0), "UserUnit", Object::Real(1.5));
    let path =
        desk.put("mixed.pdf", &pdf(vec![corner(0), corner(90), corner(180), corner(270), cropped, large]));
    let choices = [
        a4(|o| o.number_up = Some(2)),
        a4(|o| o.number_up = Some(6)),
        a4(|o| o.number_up = Some(16)),
        a4(|o| o.booklet = true),
        a4(|o| o.scaling = Some(Scaling::Fit)),
        Options { media: Some("iso_a5_148x210mm".to_owned()), ..Options::default() },
        Options {
            media: Some("na_letter_8.5x11in".to_owned()),
            scaling: Some(Scaling::Fill),
            pages: Some("2-6".parse().unwrap()),
            ..Options::default()
        },
        Options {
            scaling: Some(Scaling::None),
            media: Some("iso_a5_148x210mm".to_owned()),
            ..Options::default()
        },
    ];
    for options in choices {
        let (shown, _) = desk.side(&path, &options, 1).await;
        let printed = desk.to_pdf(&path, &options).await;
        let found = desk.documents.inspect(&printed, true).await.unwrap();
        assert_eq!(found.pages, Some(shown.sides), "{options:?}");
        for side in 1..=shown.sides {
            let (_, preview) = desk.side(&path, &options, side).await;
            let difference = preview.difference(&Picture::of_pdf(&printed, side, 400));
            assert!(difference < 2.0, "side {side} differs by {difference} with {options:?}");
        }
    }
    // Letters are smoothed otherwise by each renderer.
    let (path, options) =
        (desk.put("words.pdf", &pdf(vec![words(1)])), a4(|o| o.scaling = Some(Scaling::Fill)));
    let (_, preview) = desk.side(&path, &options, 1).await;
    let difference = preview.difference(&Picture::of_pdf(&desk.to_pdf(&path, &options).await, 1, 400));
    assert!(difference < 16.0, "{difference}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_needs_no_change_keeps_every_byte() {
    let desk = Desk::new();
    let bytes = pdf(vec![words(1), with(plain(RED), "Rotate", 90)]);
    let path = desk.put("letter.pdf", &bytes);
    for options in [
        Options::default(),
        a4(|_| ()),
        a4(|o| o.scaling = Some(Scaling::Fit)),
        a4(|o| o.orientation = Some(Orientation::Landscape)),
    ] {
        let laid = desk.documents.lay_out(&path, Format::Pdf, &options, &desk.out("no.pdf")).await.unwrap();
        assert_eq!(laid, Laid::AsIs, "{options:?}");
        assert_eq!(fs::read(desk.to_pdf(&path, &options).await).unwrap(), bytes);
    }
    let smaller = Options { media: Some("iso_a5_148x210mm".to_owned()), ..Options::default() };
    let laid = desk.documents.lay_out(&path, Format::Pdf, &smaller, &desk.out("a5.pdf")).await.unwrap();
    assert_eq!(laid, Laid::Made, "another paper is a change");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_drawn_over_a_page_is_printed_and_what_is_hidden_is_not() {
    let desk = Desk::new();
    let bytes = pdf_with(vec![plain("1 1 1")], |document| {
        let look = |document: &mut lopdf::Document, color: &str| {
            let form = dictionary! {
                "Type" => "XObject", "Subtype" => "Form",
                "BBox" => vec![0.into(), 0.into(), 10.into(), 10.into()],
            };
            document.add_object(Stream::new(form, format!("{color} rg 0 0 10 10 re f").into_bytes()))
        };
        let (filled, secret) = (look(document, BLUE), look(document, RED));
        let states: Object = dictionary! { "Yes" => filled, "Off" => secret }.into();
        let note = |rect: [i64; 4], flags: i64, normal: Object| -> Object {
            dictionary! {
                "Type" => "Annot", "Subtype" => "Widget", "AS" => "Yes", "F" => flags,
                "Rect" => rect.map(Object::Integer).to_vec(), "AP" => dictionary! { "N" => normal },
            }
            .into()
        };
        let notes = vec![
            note([100, 600, 200, 700], 4, states),
            note([300, 600, 400, 700], 4 | 2, secret.into()),
            note([300, 200, 400, 300], 0, secret.into()),
        ];
        let page = *document.get_pages().get(&1).unwrap();
        document.get_dictionary_mut(page).unwrap().set("Annots", notes);
    });
    let path = desk.put("form.pdf", &bytes);
    let printed = desk.to_pdf(&path, &a4(|o| o.number_up = Some(2))).await;
    let picture = Picture::of_pdf(&printed, 1, 800);
    // The page is the left half of a lying sheet.
    assert_eq!(
        picture.at(0.5 * 150.0 / 595.0, 1.0 - 650.0 / 842.0),
        [0, 0, 255],
        "a field that is filled in"
    );
    assert_eq!(picture.at(0.5 * 350.0 / 595.0, 1.0 - 650.0 / 842.0), [255; 3], "hidden");
    assert_eq!(picture.at(0.5 * 350.0 / 595.0, 1.0 - 250.0 / 842.0), [255; 3], "only for the screen");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_text_of_pages_that_were_laid_out_is_still_text() {
    let desk = Desk::new();
    let path = desk.put("words.pdf", &pdf((1..=3).map(words).collect()));
    let options = a4(|o| {
        o.number_up = Some(2);
        o.pages = Some("2-3".parse().unwrap());
        o.copies = Some(2);
    });
    let text = super::pages::text_of(&desk.to_pdf(&path, &options).await);
    assert_eq!(text.matches("Page 2, line 49:").count(), 2, "both copies");
    assert_eq!(text.matches("Page 3, line 49:").count(), 2);
    assert!(!text.contains("Page 1,"), "it was not chosen");
}

fn locked(password: &str) -> Vec<u8> {
    pdf_with(vec![words(1), words(2)], |document| {
        let id = Object::string_literal("lanyard lanyard ");
        document.trailer.set("ID", vec![id.clone(), id]);
        let version = EncryptionVersion::V2 {
            document,
            owner_password: "owner",
            user_password: password,
            key_length: 128,
            permissions: Permissions::all(),
        };
        let state = EncryptionState::try_from(version).unwrap();
        document.encrypt(&state).unwrap();
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pdf_with_a_password_is_refused_in_words_and_one_without_is_printed() {
    let desk = Desk::new();
    let path = desk.put("secret.pdf", &locked("secret"));
    let told = desk.documents.inspect(&path, true).await;
    assert!(matches!(told, Err(DocumentError::Locked)), "{told:?}");
    let look =
        Look { options: Options::default(), paper: None, side: 1, edge: 100, color: true, bare: false };
    let told = desk.documents.show(&path, Format::Pdf, look, &desk.out("x")).await;
    assert!(matches!(told, Err(DocumentError::Locked)), "{told:?}");
    let two = a4(|o| o.number_up = Some(2));
    let told = desk.documents.to_pdf(&path, Format::Pdf, &two, &desk.out("x")).await;
    assert!(matches!(told, Err(DocumentError::Locked)), "{told:?}");
    // Only changing it needs a password.
    let path = desk.put("guarded.pdf", &locked(""));
    assert_eq!(desk.documents.inspect(&path, true).await.unwrap().pages, Some(2));
    let text = super::pages::text_of(&desk.to_pdf(&path, &two).await);
    assert!(text.contains("Page 1, line 3:") && text.contains("Page 2, line 3:"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_by_itself_has_no_paper_around_it() {
    let desk = Desk::new();
    let mut png = Vec::new();
    let mut encoder = png::Encoder::new(&mut png, 30, 20);
    encoder.set_color(png::ColorType::Rgb);
    encoder.write_header().unwrap().write_image_data(&[255, 0, 0].repeat(30 * 20)).unwrap();
    let path = desk.put("wide.png", &png);
    let look = Look { options: Options::default(), paper: None, side: 1, edge: 300, color: true, bare: true };
    let shown = desk.documents.show(&path, Format::Png, look, &desk.out("bare.png")).await.unwrap();
    assert_eq!((shown.sides, shown.width, shown.height), (1, 300, 200));
    let picture = Picture::open(&desk.out("bare.png"));
    for (x, y) in [(0.01, 0.01), (0.99, 0.01), (0.5, 0.5), (0.01, 0.99), (0.99, 0.99)] {
        assert_eq!(picture.at(x, y), [255, 0, 0], "at {x}, {y}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_that_are_not_there_and_documents_without_pages_are_refused() {
    let desk = Desk::new();
    let path = desk.put("one.pdf", &pdf(vec![plain(RED)]));
    let options = a4(|o| {
        o.number_up = Some(2);
        o.pages = Some("4-9".parse().unwrap());
    });
    let told = desk.documents.to_pdf(&path, Format::Pdf, &options, &desk.out("x")).await;
    assert!(matches!(told, Err(DocumentError::NoSuchPages)), "{told:?}");
    let empty = desk.put("none.pdf", &pdf(Vec::new()));
    let told = desk.documents.inspect(&empty, true).await;
    assert!(matches!(told, Err(DocumentError::Damaged { format: Format::Pdf })), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_page_of_a_long_document_is_shown_at_once() {
    let desk = Desk::new();
    let path = desk.put("long.pdf", &pdf((1..=100).map(words).collect()));
    for (name, options) in [("as it is", Options::default()), ("4 up", a4(|o| o.number_up = Some(4)))] {
        let look = Look { options, paper: None, side: 1, edge: 1000, color: true, bare: false };
        let mut best = std::time::Duration::MAX;
        for _ in 0..3 {
            let start = Instant::now();
            let shown =
                desk.documents.show(&path, Format::Pdf, look.clone(), &desk.out("x.png")).await.unwrap();
            best = best.min(start.elapsed());
            assert_eq!(shown.pages, 100);
        }
        println!("page 1 of 100, {name}: {best:?}");
        // A build for tests on a busy computer; the bench measures the real one.
        assert!(best.as_secs() < 5, "{best:?}");
    }
}
