//! Which page goes where: page ranges, several pages on one side, scaling, booklets.
//!
//! Pure: sizes of pages and what was chosen go in, sides of paper come out. Everything is in PDF points, the origin
//! at the lower left, and pages are upright: what a page's own rotation and boxes do has been done to its size.

use crate::{
    document::{DocumentError, MAX_PAGES, Paper},
    ticket::{Options, Scaling},
};

/// Kept free at the edges when a page is fitted to the paper, and between pages on one side: 1/6 inch, which nearly
/// every printer can do without.
const MARGIN: f32 = 12.0;

/// Sizes that differ by less are the same paper: 8.5 x 11 inches are written as 612 x 792 and as 215.9 x 279.4 mm.
const SAME: f32 = 2.0;

/// The largest sheet, in points; a PDF can claim anything (ISO 32000-1 annex C: 14,400 units).
const LARGEST: f32 = 14_400.0;

/// Size of an upright page.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Size {
    /// Across.
    pub width: f32,
    /// Up.
    pub height: f32,
}

/// One side of paper.
#[derive(Clone, Debug, PartialEq)]
pub struct Side {
    /// The paper, turned as it is to be looked at.
    pub size: Size,
    /// What is on it; nothing for a side that is left blank.
    pub pages: Vec<Placed>,
}

/// A page on a side.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Placed {
    /// Index of the page in the document, from 0.
    pub page: usize,
    /// How much larger it is than it was.
    pub scale: f32,
    /// Where its left edge is.
    pub x: f32,
    /// Where its lower edge is.
    pub y: f32,
}

/// All sides of a document, and whether that is anything but its pages as they are.
#[derive(Clone, Debug, PartialEq)]
pub struct Arranged {
    /// In the order in which they are printed.
    pub sides: Vec<Side>,
    /// False when each side is one page at its own size: then a PDF needs no change but to lose pages.
    pub changed: bool,
}

impl Size {
    /// From what a document says of a page; A4 where that is nonsense.
    #[must_use]
    pub fn new(width: f32, height: f32) -> Self {
        let good = |side: f32| (1.0..=LARGEST).contains(&side);
        if good(width) && good(height) { Self { width, height } } else { Paper::of(None).into() }
    }

    fn is_wide(self) -> bool {
        self.width > self.height
    }

    fn turned(self) -> Self {
        Self { width: self.height, height: self.width }
    }

    /// Turned to lie as `other` does.
    fn like(self, other: Self) -> Self {
        if self.is_wide() == other.is_wide() { self } else { self.turned() }
    }

    /// The same paper, whichever way it lies.
    #[must_use]
    pub fn is(self, other: Self) -> bool {
        let other = other.like(self);
        (self.width - other.width).abs() < SAME && (self.height - other.height).abs() < SAME
    }
}

impl From<Paper> for Size {
    fn from(paper: Paper) -> Self {
        Self { width: paper.width, height: paper.height }
    }
}

/// Whether a choice is carried out by laying the document out anew, whatever the document is: the queue must then
/// not do it a second time.
#[must_use]
pub fn is_laid_out(options: &Options) -> bool {
    options.booklet || options.number_up.is_some_and(|n| n > 1) || options.scaling.is_some()
}

/// Arranges pages on sides. `paper` is the sheet that will be used when none was chosen; none means that nobody
/// knows, and pages come on sheets of their own size.
///
/// # Errors
/// [`DocumentError::NoSuchPages`], [`DocumentError::TooMuch`].
pub fn arrange(pages: &[Size], options: &Options, paper: Option<Paper>) -> Result<Arranged, DocumentError> {
    let chosen: Vec<usize> = match &options.pages {
        None => (0..pages.len()).collect(),
        Some(ranges) => {
            let count = u32::try_from(pages.len()).unwrap_or(u32::MAX);
            ranges.within(count).map(|page| page as usize - 1).collect()
        }
    };
    if chosen.is_empty() {
        return Err(DocumentError::NoSuchPages);
    }
    if chosen.len() > MAX_PAGES {
        return Err(DocumentError::TooMuch(format!("more than {MAX_PAGES} pages")));
    }
    let paper = options.media.as_deref().map(|media| Paper::of(Some(media))).or(paper).map(Size::from);
    let first = pages.get(chosen[0]).copied().unwrap_or(Paper::of(None).into());
    let up = options.number_up.unwrap_or(1);
    let sides = if options.booklet {
        booklet(pages, &chosen, paper.unwrap_or(first))
    } else if up > 1 {
        several(pages, &chosen, up as usize, paper.unwrap_or(first))
    } else {
        let scaling = options.scaling.unwrap_or(Scaling::Auto);
        chosen.iter().map(|&page| single(page, pages[page], paper, scaling)).collect()
    };
    let changed = sides.iter().any(|side| !side.is_page(pages));
    Ok(Arranged { sides, changed })
}

impl Side {
    /// It is one page, nothing done to it.
    fn is_page(&self, pages: &[Size]) -> bool {
        let [placed] = self.pages[..] else { return false };
        placed.scale == 1.0 && pages.get(placed.page).is_some_and(|size| size.is(self.size))
    }
}

/// One page on one side (PWG 5100.13 §6.2.5, `print-scaling`).
fn single(page: usize, size: Size, paper: Option<Size>, scaling: Scaling) -> Side {
    let Some(paper) = paper.map(|paper| paper.like(size)) else {
        return Side { size, pages: vec![Placed { page, scale: 1.0, x: 0.0, y: 0.0 }] };
    };
    let fits = size.width < paper.width + SAME && size.height < paper.height + SAME;
    let scale = match scaling {
        Scaling::None => 1.0,
        Scaling::Auto if fits => 1.0,
        // A page that has the paper's size has margins of its own.
        Scaling::Fit if size.is(paper) => 1.0,
        Scaling::Auto | Scaling::Fit => within(size, paper, MARGIN),
        Scaling::Fill => (paper.width / size.width).max(paper.height / size.height),
    };
    Side { size: paper, pages: vec![centred(page, size, scale, (0.0, 0.0), paper)] }
}

/// Pages in rows from the top left, on a sheet that is turned so that they become largest.
fn several(pages: &[Size], chosen: &[usize], up: usize, paper: Size) -> Vec<Side> {
    let (many, few) = match up {
        2 => (2, 1),
        4 => (2, 2),
        6 => (3, 2),
        9 => (3, 3),
        _ => (4, 4),
    };
    let like = pages[chosen[0]];
    // Two upright pages lie side by side on a lying sheet; two lying ones above each other on an upright one.
    let (columns, rows) = if like.is_wide() { (few, many) } else { (many, few) };
    let upright = if paper.is_wide() { paper.turned() } else { paper };
    let paper =
        if columns > rows || (columns == rows && like.is_wide()) { upright.turned() } else { upright };
    let cell = Size {
        width: (paper.width - MARGIN * (columns as f32 + 1.0)) / columns as f32,
        height: (paper.height - MARGIN * (rows as f32 + 1.0)) / rows as f32,
    };
    let place = |(index, &page): (usize, &usize)| {
        let (column, row) = (index % columns, index / columns);
        let x = MARGIN + column as f32 * (cell.width + MARGIN);
        let y = paper.height - (row as f32 + 1.0) * (cell.height + MARGIN);
        centred(page, pages[page], within(pages[page], cell, 0.0), (x, y), cell)
    };
    let sheet = |pages: &[usize]| Side { size: paper, pages: pages.iter().enumerate().map(place).collect() };
    chosen.chunks(columns * rows).map(sheet).collect()
}

/// Two pages on a side, ordered so that the sheets, printed on both sides, turned on the short edge, laid on each
/// other and folded in the middle, are a booklet.
fn booklet(pages: &[Size], chosen: &[usize], paper: Size) -> Vec<Side> {
    let paper = if paper.is_wide() { paper } else { paper.turned() };
    let half = Size { width: paper.width / 2.0, height: paper.height };
    let count = chosen.len().div_ceil(4) * 4;
    let side = |left: usize, right: usize| {
        let halves = [(left, 0.0), (right, half.width)];
        let place = |(place, x): (usize, f32)| {
            let page = *chosen.get(place)?;
            Some(centred(page, pages[page], within(pages[page], half, MARGIN / 2.0), (x, 0.0), half))
        };
        Side { size: paper, pages: halves.into_iter().filter_map(place).collect() }
    };
    let sheet = |sheet: usize| {
        let (low, high) = (2 * sheet, count - 1 - 2 * sheet);
        [side(high, low), side(low + 1, high - 1)]
    };
    (0..count / 4).flat_map(sheet).collect()
}

/// The scale at which a page is as large as it can be within a place, with a margin around it.
fn within(page: Size, place: Size, margin: f32) -> f32 {
    let room = |side: f32| (side - 2.0 * margin).max(side / 2.0);
    (room(place.width) / page.width).min(room(place.height) / page.height)
}

fn centred(page: usize, size: Size, scale: f32, corner: (f32, f32), place: Size) -> Placed {
    let x = corner.0 + (place.width - size.width * scale) / 2.0;
    let y = corner.1 + (place.height - size.height * scale) / 2.0;
    Placed { page, scale, x, y }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::ticket::NUMBER_UP;
    use proptest::prelude::*;

    const A4: Size = Size { width: 595.276, height: 841.89 };
    const LETTER: Size = Size { width: 612.0, height: 792.0 };

    fn options(change: impl FnOnce(&mut Options)) -> Options {
        let mut options = Options::default();
        change(&mut options);
        options
    }

    fn a4(change: impl FnOnce(&mut Options)) -> Options {
        let mut options = options(change);
        options.media = Some("iso_a4_210x297mm".to_owned());
        options
    }

    #[test]
    fn nothing_chosen_changes_nothing() {
        let arranged = arrange(&[A4, LETTER, A4.turned()], &Options::default(), None).unwrap();
        assert!(!arranged.changed);
        let sizes: Vec<Size> = arranged.sides.iter().map(|side| side.size).collect();
        assert_eq!(sizes, [A4, LETTER, A4.turned()], "each page on its own sheet");
    }

    #[test]
    fn a_page_that_has_the_papers_size_already_is_not_touched_whichever_way_it_lies() {
        let arranged = arrange(&[A4, A4.turned()], &a4(|_| ()), None).unwrap();
        assert!(!arranged.changed);
        assert!(arranged.sides[1].size.is_wide(), "the sheet lies as the page does");
        let arranged = arrange(&[A4], &a4(|o| o.scaling = Some(Scaling::Fit)), None).unwrap();
        assert!(!arranged.changed, "it fits as it is");
    }

    #[test]
    fn a_page_that_is_too_large_is_made_smaller_and_a_small_one_stays_as_it_is() {
        let a3 = Size { width: 841.89, height: 1190.55 };
        let arranged = arrange(&[a3, Size::new(200.0, 300.0)], &a4(|_| ()), None).unwrap();
        assert!(arranged.changed);
        let [large, small] = [arranged.sides[0].pages[0], arranged.sides[1].pages[0]];
        assert!(large.scale < 0.71 && large.x >= MARGIN - 0.1, "{large:?}");
        assert_eq!(small.scale, 1.0);
        assert!((small.x - 197.6).abs() < 0.1, "in the middle");
        let none = arrange(&[a3], &a4(|o| o.scaling = Some(Scaling::None)), None).unwrap();
        assert!(none.sides[0].pages[0].x < 0.0, "what is beyond the edge is cut");
        let fill = arrange(&[LETTER], &a4(|o| o.scaling = Some(Scaling::Fill)), None).unwrap();
        assert!(fill.sides[0].pages[0].scale > 1.06, "no edge stays free");
    }

    #[test]
    fn pages_go_in_rows_from_the_top_left() {
        let pages = [A4; 5];
        let four = arrange(&pages, &a4(|o| o.number_up = Some(4)), None).unwrap();
        assert_eq!(four.sides.len(), 2);
        let at: Vec<(bool, bool)> =
            four.sides[0].pages.iter().map(|p| (p.x < A4.width / 2.0, p.y > A4.height / 2.0)).collect();
        assert_eq!(at, [(true, true), (false, true), (true, false), (false, false)]);
        assert_eq!(four.sides[1].pages.len(), 1);
        let two = arrange(&pages, &a4(|o| o.number_up = Some(2)), None).unwrap();
        assert!(two.sides[0].size.is_wide(), "upright pages lie side by side");
        let two = arrange(&[A4.turned(); 2], &a4(|o| o.number_up = Some(2)), None).unwrap();
        assert!(!two.sides[0].size.is_wide() && two.sides[0].pages[0].y > two.sides[0].pages[1].y);
    }

    #[test]
    fn a_booklet_reads_in_order_when_it_is_folded() {
        let order = |count: usize| -> Vec<Vec<usize>> {
            let arranged = arrange(&vec![A4; count], &a4(|o| o.booklet = true), None).unwrap();
            arranged.sides.iter().map(|side| side.pages.iter().map(|p| p.page).collect()).collect()
        };
        assert_eq!(order(8), [vec![7, 0], vec![1, 6], vec![5, 2], vec![3, 4]]);
        assert_eq!(order(3), [vec![0], vec![1, 2]], "the last page stays blank");
    }

    #[test]
    fn page_ranges_come_first_and_one_outside_is_an_error() {
        let chosen = options(|o| {
            o.pages = Some("2,4-9".parse().unwrap());
            o.number_up = Some(2);
        });
        let arranged = arrange(&[A4; 5], &chosen, None).unwrap();
        let pages: Vec<usize> = arranged.sides.iter().flat_map(|s| s.pages.iter().map(|p| p.page)).collect();
        assert_eq!(pages, [1, 3, 4]);
        let outside = options(|o| o.pages = Some("7".parse().unwrap()));
        assert!(matches!(arrange(&[A4; 5], &outside, None), Err(DocumentError::NoSuchPages)));
        assert!(matches!(arrange(&[], &Options::default(), None), Err(DocumentError::NoSuchPages)));
    }

    proptest! {
        #[test]
        fn every_chosen_page_is_on_exactly_one_side_and_inside_it(
            sizes in prop::collection::vec((20.0f32..2000.0, 20.0f32..2000.0), 1..40),
            up in prop::sample::select(NUMBER_UP.to_vec()), booklet: bool,
        ) {
            let pages: Vec<Size> = sizes.into_iter().map(|(w, h)| Size::new(w, h)).collect();
            let chosen = a4(|o| { o.number_up = Some(up); o.booklet = booklet; });
            let arranged = arrange(&pages, &chosen, None).unwrap();
            let mut seen: Vec<usize> = Vec::new();
            for side in &arranged.sides {
                for placed in &side.pages {
                    let (w, h) = (pages[placed.page].width * placed.scale, pages[placed.page].height * placed.scale);
                    prop_assert!(placed.x > -SAME && placed.y > -SAME, "{:?}", placed);
                    prop_assert!(placed.x + w < side.size.width + SAME && placed.y + h < side.size.height + SAME);
                    seen.push(placed.page);
                }
            }
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..pages.len()).collect::<Vec<_>>());
        }
    }
}
