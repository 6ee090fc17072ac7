use super::*;
use crate::{document::pdf, render::page::Pages};
use std::io::Cursor;

/// Two pages: a red one with words, and one with a picture that fills it.
fn document() -> Document {
    let mut document = Document::with_version("1.4");
    let picture: Vec<u8> =
        (0..900u32 * 1200).flat_map(|n| [(n % 251) as u8, (n / 900 % 240) as u8, 90]).collect();
    let mut stream = Stream::new(
        dictionary! {
            "Type" => "XObject", "Subtype" => "Image", "Width" => 900, "Height" => 1200,
            "ColorSpace" => "DeviceRGB", "BitsPerComponent" => 8,
        },
        picture,
    );
    stream.compress().unwrap();
    let picture = document.add_object(stream);
    let root = document.new_object_id();
    let mut kids = Vec::new();
    for content in ["1 0 0 rg 20 20 100 150 re f", "q 200 0 0 280 0 0 cm /I Do Q"] {
        let content = document.add_object(Stream::new(dictionary! {}, content.as_bytes().to_vec()));
        let page = document.add_object(dictionary! {
            "Type" => "Page", "Parent" => root, "Contents" => content,
            "MediaBox" => vec![0.into(), 0.into(), 200.into(), 280.into()],
            "Resources" => dictionary! { "XObject" => dictionary! { "I" => picture } },
        });
        kids.push(Object::from(page));
    }
    document.set_object(root, dictionary! { "Type" => "Pages", "Kids" => kids, "Count" => 2 });
    let catalog = document.add_object(dictionary! { "Type" => "Catalog", "Pages" => root });
    document.trailer.set("Root", catalog);
    document
}

fn finished(wanted: &Finish) -> Vec<u8> {
    let mut document = document();
    finish(&mut document, wanted, &Fonts::default()).unwrap();
    let mut bytes = Vec::new();
    document.save_to(&mut bytes).unwrap();
    bytes
}

/// A page as a reader shows it: red, green and blue of each pixel.
fn pixels(bytes: &[u8], page: usize) -> Vec<[u8; 3]> {
    let pages = Pages::open(bytes.to_vec()).unwrap();
    let side = Side { size: pages.sizes()[page], pages: vec![Placed { page, scale: 1.0, x: 0.0, y: 0.0 }] };
    let mut png = Vec::new();
    let with_edge = crate::render::page::Pixels::with_edge(side.size, 200);
    crate::render::page::png(&pages.pen(), &side, with_edge, true, &mut png).unwrap();
    let mut decoder = png::Decoder::new(Cursor::new(png));
    decoder.set_transformations(png::Transformations::EXPAND);
    let mut reader = decoder.read_info().unwrap();
    let mut samples = vec![0; reader.output_buffer_size().unwrap()];
    let frame = reader.next_frame(&mut samples).unwrap();
    let size = frame.color_type.samples();
    let rgb = |pixel: &[u8]| if size < 3 { [pixel[0]; 3] } else { [pixel[0], pixel[1], pixel[2]] };
    samples[..frame.buffer_size()].chunks(size).map(rgb).collect()
}

fn is_coloured(pixel: &[u8; 3]) -> bool {
    pixel.iter().max().unwrap() - pixel.iter().min().unwrap() > 3
}

fn cover(two_sided: bool) -> Cover {
    let sides = two_sided.then_some(Sides::TwoSidedLongEdge);
    Cover::new("Letter", Some("ada"), 1_800_000_000, &Options { sides, ..Options::default() })
}

#[test]
fn a_wish_for_two_sides_is_in_the_file_and_changes_nothing_else() {
    for (sides, name) in [
        (Sides::TwoSidedLongEdge, &b"DuplexFlipLongEdge"[..]),
        (Sides::TwoSidedShortEdge, b"DuplexFlipShortEdge"),
    ] {
        let bytes = finished(&Finish { sides: Some(sides), ..Finish::default() });
        let document = pdf::open(&bytes).unwrap();
        let told = document.catalog().unwrap().get(b"ViewerPreferences").unwrap().as_dict().unwrap();
        assert_eq!(told.get(b"Duplex").unwrap().as_name().unwrap(), name);
        assert_eq!(document.version, "1.7");
        assert_eq!(pixels(&bytes, 0), pixels(&finished(&Finish::default()), 0));
    }
}

#[test]
fn without_colour_nothing_is_coloured_and_white_paper_stays_white() {
    let before = finished(&Finish::default());
    let after = finished(&Finish { grey: true, ..Finish::default() });
    for page in [0, 1] {
        assert!(pixels(&before, page).iter().any(is_coloured), "page {page} had colour");
        let after = pixels(&after, page);
        assert_eq!(after.iter().find(|pixel| is_coloured(pixel)), None, "page {page}");
        assert!(after.iter().any(|pixel| pixel[0] < 200), "page {page} is not blank");
    }
    assert!(pixels(&after, 0).iter().filter(|pixel| pixel[0] > 250).count() > 1000, "paper");
}

#[test]
fn a_small_file_is_less_than_half_as_large_and_looks_alike() {
    let (before, after) =
        (finished(&Finish::default()), finished(&Finish { small: true, ..Finish::default() }));
    assert!(after.len() * 2 < before.len(), "{} of {}", after.len(), before.len());
    let (before, after) = (pixels(&before, 1), pixels(&after, 1));
    let differ = |(a, b): (&[u8; 3], &[u8; 3])| u64::from(a.iter().zip(b).any(|(a, b)| a.abs_diff(*b) > 40));
    let many: u64 = before.iter().zip(&after).map(differ).sum();
    assert!(many * 20 < before.len() as u64, "{many} of {} pixels differ", before.len());
}

#[test]
fn a_small_picture_of_few_dots_is_left_as_it_is() {
    let mut document = document();
    let picture = document
        .objects
        .values_mut()
        .find_map(|object| object.as_stream_mut().ok().filter(|stream| is_picture(stream)));
    let picture = picture.unwrap();
    picture.dict.set("Width", 4);
    picture.dict.set("Height", 4);
    picture.set_plain_content(vec![7; 48]);
    make_small(&mut document);
    let kept = document
        .objects
        .values()
        .any(|object| object.as_stream().is_ok_and(|stream| is_picture(stream) && stream.content == [7; 48]));
    assert!(kept);
}

#[test]
fn a_cover_sheet_comes_first_and_has_a_back_of_its_own_when_paper_has_two_sides() {
    let plain = finished(&Finish::default());
    for two_sided in [false, true] {
        let bytes = finished(&Finish::covered(Some(cover(two_sided))));
        let first = 1 + usize::from(two_sided);
        assert_eq!(Pages::open(bytes.clone()).unwrap().sizes().len(), 2 + first);
        assert!(pixels(&bytes, 0).iter().any(|pixel| pixel[0] < 230), "there are words on it");
        if two_sided {
            assert!(pixels(&bytes, 1).iter().all(|pixel| *pixel == [255; 3]), "its back is blank");
        }
        assert_eq!(pixels(&bytes, first), pixels(&plain, 0), "the document begins behind it");
    }
}

#[test]
fn a_cover_sheet_says_whose_it_is_and_since_when() {
    let text = cover(false).text();
    for words in ["ada", "Letter", "2027-01-15 08:00 UTC"] {
        assert!(text.contains(words), "{text}");
    }
    assert!(!Cover { user: None, ..cover(false) }.text().contains("For"));
}

#[test]
fn everything_at_once_is_still_a_document() {
    let bytes = finished(&Finish {
        sides: Some(Sides::TwoSidedLongEdge),
        grey: true,
        small: true,
        cover: Some(cover(true)),
    });
    assert_eq!(Pages::open(bytes.clone()).unwrap().sizes().len(), 4);
    assert!(!pixels(&bytes, 2).iter().any(is_coloured));
}
