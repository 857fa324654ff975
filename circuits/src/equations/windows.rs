//! Windows: sums of slices, each made from the one before by adding and removing slices.
//!
//! The taps of a kernel read nearly the same positions of a plane. Summing each tap's slices anew would take
//! one row per slice and tap, 49 for a 3 x 3 kernel; walking from one tap's window to the next takes 22.

use crate::{network::slices::Term, steps};

/// One row of a walk: a slice that enters (`+1`) or leaves (`-1`) the window.
pub(crate) type Move = (i8, usize);

/// A term with the moves that lead to its window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stop {
    pub(crate) term: Term,
    /// Whether the moves start at the window of the stop before, not at the empty one.
    pub(crate) continues: bool,
    pub(crate) moves: Vec<Move>,
}

impl Stop {
    /// A stop that starts from the empty window.
    pub(crate) fn alone(term: Term) -> Self {
        let moves = term.classes.iter().map(|class| (1, *class)).collect();
        Self { term, continues: false, moves }
    }
}

/// More terms than this are visited in their own order.
const MAX_ORDERED: usize = 256;

/// A walk through all terms of a plane, always to the nearest window not yet visited.
pub(crate) fn walk(mut terms: Vec<Term>) -> Vec<Stop> {
    let search = terms.len() <= MAX_ORDERED;
    let mut stops: Vec<Stop> = Vec::with_capacity(terms.len());
    terms.reverse();
    let mut window: Vec<usize> = Vec::new();
    while let Some(last) = terms.len().checked_sub(1) {
        let next = if search {
            let cost = |index: &usize| distance(&window, &terms[*index].classes);
            (0..terms.len()).rev().min_by_key(cost).unwrap_or(last)
        } else {
            last
        };
        let term = terms.remove(next);
        let moves = moves(&window, &term.classes);
        let continues = !stops.is_empty() && moves.len() < term.classes.len();
        let moves = if continues { moves } else { term.classes.iter().map(|class| (1, *class)).collect() };
        window.clone_from(&term.classes);
        stops.push(Stop { term, continues, moves });
    }
    stops
}

fn distance(from: &[usize], to: &[usize]) -> usize {
    moves(from, to).len().min(to.len())
}

/// The symmetric difference of two ascending lists, as moves.
fn moves(from: &[usize], to: &[usize]) -> Vec<Move> {
    steps::count(from.len() + to.len());
    let (mut from, mut to) = (from.iter().copied().peekable(), to.iter().copied().peekable());
    let mut out = Vec::new();
    loop {
        match (from.peek(), to.peek()) {
            (Some(left), Some(right)) if left == right => {
                from.next();
                to.next();
            }
            (Some(left), Some(right)) if left > right => out.extend(to.next().map(|class| (1, class))),
            (Some(_), _) => out.extend(from.next().map(|class| (-1, class))),
            (None, Some(_)) => out.extend(to.next().map(|class| (1, class))),
            (None, None) => return out,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        equations::windows::walk,
        index::{MapId, TapId},
        network::slices::{Reader, Term},
    };

    fn terms(windows: &[&[usize]]) -> Vec<Term> {
        let term = |(tap, classes): (usize, &&[usize])| Term {
            reader: Reader::Tap { map: MapId::default(), tap: TapId::from(tap) },
            shift: 0,
            classes: classes.to_vec(),
        };
        windows.iter().enumerate().map(term).collect()
    }

    /// Windows of a 3 x 3 kernel over the nine border classes of an image.
    fn kernel() -> Vec<Term> {
        let axis: [&[usize]; 3] = [&[0, 1], &[0, 1, 2], &[1, 2]];
        let window = |rows: &[usize], columns: &[usize]| -> Vec<usize> {
            rows.iter().flat_map(|row| columns.iter().map(move |column| row * 3 + column)).collect()
        };
        let windows: Vec<Vec<usize>> =
            axis.iter().flat_map(|rows| axis.iter().map(|columns| window(rows, columns))).collect();
        terms(&windows.iter().map(Vec::as_slice).collect::<Vec<_>>())
    }

    #[test]
    fn every_stop_holds_its_window() {
        let stops = walk(kernel());
        assert_eq!(stops.len(), 9);
        let mut window = std::collections::BTreeMap::new();
        for stop in &stops {
            if !stop.continues {
                window.clear();
            }
            for (sign, class) in &stop.moves {
                *window.entry(*class).or_insert(0) += i32::from(*sign);
            }
            let inside: Vec<usize> =
                window.iter().filter(|(_, count)| **count == 1).map(|(class, _)| *class).collect();
            assert_eq!(inside, stop.term.classes);
            assert!(window.values().all(|count| (0..=1).contains(count)));
        }
    }

    #[test]
    fn a_kernel_takes_21_rows() {
        assert_eq!(walk(kernel()).iter().map(|stop| stop.moves.len()).sum::<usize>(), 21);
    }
}
