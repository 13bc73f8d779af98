//! Aligned text for people: tables, and single things as one field a line.

use std::fmt::Write;

/// How a column is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// Rows under headings, two spaces between columns.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<(&'static str, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(columns: &[(&'static str, Align)]) -> Self {
        Self {
            columns: columns.to_vec(),
            rows: Vec::new(),
        }
    }

    /// Adds a row: one cell a column.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.map(|cell| printable(&cell)).to_vec());
    }

    /// The table, each line ended by a newline and without spaces before it.
    pub(crate) fn render(&self) -> String {
        let headings: Vec<_> = self.columns.iter().map(|(h, _)| (*h).to_owned()).collect();
        let widths: Vec<_> = (0..self.columns.len())
            .map(|i| self.width(&headings, i))
            .collect();
        let mut text = String::new();
        for row in std::iter::once(&headings).chain(&self.rows) {
            let mut line = String::new();
            for ((cell, width), (_, align)) in row.iter().zip(&widths).zip(&self.columns) {
                let gap = " ".repeat(width - cell.chars().count());
                match align {
                    Align::Left => line.extend([cell, gap.as_str(), "  "]),
                    Align::Right => line.extend([gap.as_str(), cell, "  "]),
                }
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }

    fn width(&self, headings: &[String], column: usize) -> usize {
        self.rows
            .iter()
            .map(Vec::as_slice)
            .chain([headings])
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or(0)
    }
}

/// One thing: a field a line, the values aligned.
pub(crate) fn record(fields: &[(&str, String)]) -> String {
    let width = fields.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for (name, value) in fields {
        writeln!(text, "{name:width$}  {}", printable(value)).expect("a String takes any text");
    }
    text
}

/// The text without control characters: a name must not steer the terminal.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '?' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_and_lines_end_without_spaces() {
        let mut table = Table::new(&[
            ("NAME", Align::Left),
            ("COUNT", Align::Right),
            ("NOTE", Align::Left),
        ]);
        table.row(["équipe bleue".into(), "1".into(), String::new()]);
        table.row(["a".into(), "1234567".into(), "x\u{1b}[31m".into()]);
        assert_eq!(
            table.render(),
            "NAME            COUNT  NOTE\n\
             équipe bleue        1\n\
             a             1234567  x?[31m\n"
        );
    }

    #[test]
    fn an_empty_table_is_its_headings() {
        assert_eq!(Table::new(&[("ID", Align::Right)]).render(), "ID\n");
    }

    #[test]
    fn the_fields_of_a_record_are_aligned() {
        let fields = [("id", "7".to_owned()), ("created", "a\nb".to_owned())];
        assert_eq!(record(&fields), "id       7\ncreated  a?b\n");
    }
}
