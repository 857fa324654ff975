//! Quantities and tables as a person reads them.

/// Seconds with a fitting unit: `70 us`, `3.2 ms`, `1.25 s`, `2 min 5 s`.
pub(crate) fn seconds(seconds: f64) -> String {
    match seconds {
        s if s < 0.0001 => format!("{:.0} us", s * 1e6),
        s if s < 0.0995 => format!("{:.1} ms", s * 1e3),
        s if s < 0.9995 => format!("{:.0} ms", s * 1e3),
        s if s < 99.5 => format!("{s:.2} s"),
        s => format!("{:.0} min {:.0} s", (s / 60.0).floor(), s % 60.0),
    }
}

/// Bytes with a fitting decimal unit: `3,104 B`, `2.4 MB`.
pub(crate) fn bytes(bytes: u64) -> String {
    match bytes {
        0..=99_999 => format!("{} B", count(bytes)),
        100_000..=999_999 => format!("{:.0} kB", bytes as f64 / 1e3),
        1_000_000..=999_999_999 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.2} GB", bytes as f64 / 1e9),
    }
}

/// An integer with its thousands separated by commas.
pub(crate) fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Rows of numbers: the first column aligned to the left, the others to the right.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    aligned(rows, |column| column > 0)
}

/// Rows of words, all columns aligned to the left.
pub(crate) fn columns(rows: &[Vec<String>]) -> String {
    aligned(rows, |_| false)
}

fn aligned(rows: &[Vec<String>], to_the_right: impl Fn(usize) -> bool) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width =
        |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let cell = |(column, (cell, &width)): (usize, (&String, &usize))| {
        if to_the_right(column) { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
    };
    let line = |row: &Vec<String>| {
        let cells: Vec<String> = row.iter().zip(&widths).enumerate().map(cell).collect();
        cells.join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Words in lines of at most `width` characters; a longer word has its own line.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Lines of at most `width` characters: what goes on in another line is indented. Lines that fit stay as they are.
pub(crate) fn fold(text: &str, width: usize) -> String {
    const DEEPER: usize = 2;
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        let indent = line.chars().take_while(|character| *character == ' ').count();
        if line.chars().count() <= width {
            lines.push(line.to_owned());
            continue;
        }
        let inner = width.saturating_sub(indent + DEEPER);
        // The first line has room for two more, so that it breaks early rather than late.
        for (index, part) in wrap(line, inner).into_iter().enumerate() {
            let margin = if index == 0 { indent } else { indent + DEEPER };
            lines.push(" ".repeat(margin) + &part);
        }
    }
    lines.join("\n")
}

/// Names and values, one per line, the values aligned.
pub(crate) fn fields(fields: &[(&str, String)]) -> String {
    let width = fields.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    fields.iter().map(|(name, value)| format!("{name:<width$}  {value}")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_have_fitting_units() {
        assert_eq!(seconds(0.00007), "70 us");
        assert_eq!(seconds(0.00321), "3.2 ms");
        assert_eq!(seconds(0.25), "250 ms");
        assert_eq!(seconds(1.254), "1.25 s");
        assert_eq!(seconds(125.2), "2 min 5 s");
        assert_eq!(bytes(3104), "3,104 B");
        assert_eq!(bytes(2_449_000), "2.4 MB");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(count(0), "0");
    }

    #[test]
    fn tables_align_numbers_to_the_right() {
        let rows = [vec!["model".to_owned(), "k".to_owned()], vec!["ad01".to_owned(), "13".to_owned()]];
        assert_eq!(table(&rows), "model   k\nad01   13");
        assert_eq!(columns(&rows), "model  k\nad01   13");
    }

    #[test]
    fn long_lines_go_on_indented() {
        assert_eq!(fold("a  b\n  one two three\n", 10), "a  b\n  one\n    two\n    three");
        assert_eq!(fold("one two three", 9), "one two\n  three");
        assert_eq!(fold("", 9), "");
    }

    #[test]
    fn wraps_between_words() {
        assert_eq!(
            wrap("one two three incomprehensibilities", 8),
            ["one two", "three", "incomprehensibilities"]
        );
        assert!(wrap("", 8).is_empty());
    }
}
