//! Columns of equal width, two blanks between them.

use super::clean;

pub(crate) struct Table {
    rows: Vec<Vec<String>>,
    right: Option<usize>,
}

impl Table {
    /// With a heading, unless it is empty.
    pub(crate) fn new(heading: &[&str]) -> Self {
        let heading: Vec<String> = heading.iter().map(|word| (*word).to_owned()).collect();
        Self { rows: if heading.is_empty() { Vec::new() } else { vec![heading] }, right: None }
    }

    /// This column is set to the right.
    pub(crate) fn right(&mut self, column: usize) {
        self.right = Some(column);
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
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                let width = widths[column];
                if self.right == Some(column) {
                    line.push_str(&format!("{cell:>width$}  "));
                } else {
                    line.push_str(&format!("{cell:<width$}  "));
                }
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}
