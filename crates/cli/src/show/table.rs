//! Columns of equal width, two blanks between them.

use super::clean;

pub(crate) struct Table {
    rows: Vec<Vec<String>>,
    right: Option<usize>,
    /// Of the first columns.
    least: Vec<usize>,
}

impl Table {
    /// With a heading, unless it is empty.
    pub(crate) fn new(heading: &[&str]) -> Self {
        let heading: Vec<String> = heading.iter().map(|word| (*word).to_owned()).collect();
        Self {
            rows: if heading.is_empty() { Vec::new() } else { vec![heading] },
            right: None,
            least: Vec::new(),
        }
    }

    /// This column is set to the right.
    pub(crate) fn right(&mut self, column: usize) {
        self.right = Some(column);
    }

    /// The first columns are at least so wide.
    pub(crate) fn at_least(&mut self, widths: &[usize]) {
        widths.clone_into(&mut self.least);
    }

    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.iter().map(|cell| clean(cell)).collect());
    }

    pub(crate) fn text(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            self.rows
                .iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count())
                .chain(self.least.get(column).copied())
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = String::new();
        for row in &self.rows {
            let begins = text.len();
            for (column, cell) in row.iter().enumerate() {
                let blanks = widths[column].saturating_sub(cell.chars().count());
                let (before, behind) = if self.right == Some(column) { (blanks, 2) } else { (0, blanks + 2) };
                text.extend(std::iter::repeat_n(' ', before));
                text.push_str(cell);
                text.extend(std::iter::repeat_n(' ', behind));
            }
            text.truncate(begins + text[begins..].trim_end().len());
            text.push('\n');
        }
        text
    }
}
