//! Rows: in columns for people, with tabs for programs.

use std::io::{self, IsTerminal};

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};

use crate::failure::Failure;
use crate::output::{escaped, print_text};

/// What a column is called, and whether numbers stand in it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Column {
    /// Texts, which begin on the left.
    Text(&'static str),
    /// Numbers, which end on the right.
    Number(&'static str),
}

/// Rows below their columns.
#[derive(Debug)]
pub(super) struct Rows {
    columns: &'static [Column],
    rows: Vec<Vec<String>>,
}

impl Rows {
    /// No rows yet.
    pub(super) fn new(columns: &'static [Column]) -> Rows {
        Rows { columns, rows: Vec::new() }
    }

    /// One row more. Control characters are escaped: texts come from strangers.
    pub(super) fn push<const N: usize>(&mut self, row: [&str; N]) {
        assert_eq!(N, self.columns.len(), "a row has a text for each column");
        self.rows.push(row.iter().map(|text| escaped(text.as_bytes())).collect());
    }

    /// Prints all of it: in columns where people read it.
    ///
    /// # Errors
    /// If standard output does not take it.
    pub(super) fn print(&self) -> Result<(), Failure> {
        print_text(&self.text(io::stdout().is_terminal()))
    }

    /// All of it: in columns below their names, or one line to a row with tabs and no names.
    pub(super) fn text(&self, is_for_people: bool) -> String {
        if is_for_people { self.columns_text() } else { self.tabs_text() }
    }

    fn tabs_text(&self) -> String {
        self.rows.iter().map(|row| row.join("\t") + "\n").collect()
    }

    fn columns_text(&self) -> String {
        let mut table = Table::new();
        table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(self.columns.iter().map(|column| column.name()));
        for row in &self.rows {
            let cells = row.iter().map(|text| if text.is_empty() { "-" } else { text });
            table.add_row(cells.map(Cell::new));
        }
        for (at, column) in self.columns.iter().enumerate() {
            if let Some(laid_out) = table.column_mut(at) {
                laid_out.set_padding((0, 2)).set_cell_alignment(column.alignment());
            }
        }
        table.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
    }
}

impl Column {
    fn name(self) -> &'static str {
        match self {
            Column::Text(name) | Column::Number(name) => name,
        }
    }

    fn alignment(self) -> CellAlignment {
        match self {
            Column::Text(_) => CellAlignment::Left,
            Column::Number(_) => CellAlignment::Right,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Rows {
        let mut rows = Rows::new(&[Column::Text("NAME"), Column::Number("COUNT")]);
        rows.push(["orders", "7"]);
        rows.push(["\u{6771}\u{4eac}", "12345"]);
        rows.push(["", "1"]);
        rows.push(["\u{1b}[2Ja\tb\n", "2"]);
        rows
    }

    #[test]
    fn people_get_columns_with_names() {
        let expected = "\
NAME             COUNT
orders               7
\u{6771}\u{4eac}             12345
-                    1
\\u{1b}[2Ja\\tb\\n      2
";
        assert_eq!(rows().text(true), expected);
    }

    #[test]
    fn programs_get_a_line_for_each_row_and_no_names() {
        let expected = "orders\t7\n\u{6771}\u{4eac}\t12345\n\t1\n\\u{1b}[2Ja\\tb\\n\t2\n";
        assert_eq!(rows().text(false), expected);
    }
}
