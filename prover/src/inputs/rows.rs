//! Rows: several inputs of a model in one file.

use std::ops::Range;

use lemma_verifier::interface::Interface;

use super::InputError;

/// Which rows of a file are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rows {
    /// One; `None` is the only one of arrays that have no others.
    One(Option<usize>),
    /// Those from the first number on, up to the second, which is left out.
    Range(Range<usize>),
    /// All.
    All,
}

/// Where one row of the model's shape lies in an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RowOf {
    /// Row-major index of the row's first element.
    pub(super) start: usize,
    /// Elements of the row.
    pub(super) len: usize,
}

impl Rows {
    /// Finds the rows, each of shape `expected`, in an array of shape `shape`.
    pub(super) fn find(
        &self,
        name: &str,
        shape: &[usize],
        expected: &[usize],
    ) -> Result<Vec<RowOf>, InputError> {
        let without_batch = expected.strip_prefix(&[1]);
        let rows = match shape {
            _ if shape == expected || Some(shape) == without_batch => 1,
            [rows, rest @ ..] if rest == expected || Some(rest) == without_batch => *rows,
            _ => {
                return Err(InputError::Shape {
                    name: name.to_owned(),
                    expected: expected.to_vec(),
                    got: shape.to_vec(),
                });
            }
        };
        let chosen = match self {
            Self::One(None) if rows > 1 => {
                return Err(InputError::RowNeeded { name: name.to_owned(), rows });
            }
            Self::One(row) => row.unwrap_or(0)..row.unwrap_or(0).saturating_add(1),
            Self::Range(range) => range.clone(),
            Self::All => 0..rows.max(1),
        };
        if chosen.end > rows {
            let row = chosen.start.max(rows);
            return Err(InputError::RowOutOfRange { name: name.to_owned(), rows, row });
        }
        let len = expected.iter().product();
        Ok(chosen.map(|row| RowOf { start: row * len, len }).collect())
    }
}

/// From rows by input to inputs by row.
pub(super) fn by_row(
    interface: &Interface,
    by_input: Vec<Vec<Vec<i32>>>,
) -> Result<Vec<Vec<Vec<i32>>>, InputError> {
    let count = by_input.first().map_or(1, Vec::len);
    let mut rows: Vec<Vec<Vec<i32>>> = (0..count).map(|_| Vec::with_capacity(by_input.len())).collect();
    for (port, of_input) in interface.inputs.iter().zip(by_input) {
        if of_input.len() != count {
            let (name, got) = (port.name.clone(), of_input.len());
            return Err(InputError::RowCounts { name, expected: count, got });
        }
        rows.iter_mut().zip(of_input).for_each(|(row, integers)| row.push(integers));
    }
    Ok(rows)
}
