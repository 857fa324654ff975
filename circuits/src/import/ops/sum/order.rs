//! The order in which onnxruntime adds two operands.

use crate::import::value::Order;

impl Order {
    /// The kernel looks for the innermost axis, of those that both have, where an operand has more than one element, and at
    /// the outermost of them where there is none: a left operand with one element there comes second. Of one without axes
    /// the other decides.
    ///
    /// Where axes may be `moved`, any could be the innermost.
    pub(in crate::import) fn of(left: &[usize], right: &[usize], moved: bool) -> Self {
        let pairs = || left.iter().rev().zip(right.iter().rev());
        let deciding = pairs().find(|(left, right)| **left > 1 || **right > 1).or(pairs().next_back());
        let exchanged = match deciding {
            Some((left, _)) => *left == 1,
            None => left.last().is_none_or(|last| *last == 1),
        };
        let is_long = left.iter().any(|left| *left > 1);
        let longer = right.iter().rev().skip(left.len());
        let is_broadcast = longer
            .chain(pairs().filter(|(left, _)| **left == 1).map(|(_, right)| right))
            .any(|size| *size > 1);
        match exchanged {
            _ if moved && is_long && (exchanged || is_broadcast) => Self::Open,
            true => Self::Exchanged,
            false => Self::Given,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::import::value::Order::{self, Exchanged, Given, Open};

    #[test]
    fn the_innermost_common_axis_that_is_not_1_decides_the_order() {
        for (left, right) in [
            (&[1][..], &[256][..]),
            (&[4, 1], &[1, 64]),
            (&[3, 1, 1], &[64]),
            (&[2, 1, 1], &[2, 32, 1]),
            (&[], &[5]),
        ] {
            assert_eq!(Order::of(left, right, false), Exchanged, "{left:?} {right:?}");
            assert_eq!(Order::of(right, left, false), Given, "{right:?} {left:?}");
        }
        for (left, right) in [(&[1, 2, 1, 1][..], &[1, 1, 1, 1][..]), (&[3, 4], &[3, 4])] {
            assert_eq!(Order::of(left, right, false), Given, "{left:?} {right:?}");
        }
        for (left, right) in [
            (&[500, 1][..], &[1][..]),
            (&[500, 1, 1], &[1, 1]),
            (&[1, 3, 3, 1], &[]),
            (&[1, 1], &[1]),
            (&[], &[]),
        ] {
            assert_eq!(Order::of(left, right, false), Exchanged, "{left:?} {right:?}");
        }
    }

    #[test]
    fn where_axes_move_any_of_them_decides() {
        for (left, right) in [(&[1, 4, 1, 1][..], &[1, 4, 3, 3][..]), (&[5], &[2, 3, 5]), (&[5, 1], &[1])] {
            assert_eq!(Order::of(left, right, true), Open, "{left:?} {right:?}");
        }
        for (left, right, order) in [
            (&[1, 4, 3, 3][..], &[1, 4, 1, 1][..], Given),
            (&[1, 4, 3, 3], &[1, 4, 3, 3], Given),
            (&[1, 1, 1, 1], &[1, 4, 3, 3], Exchanged),
            (&[], &[4], Exchanged),
        ] {
            assert_eq!(Order::of(left, right, true), order, "{left:?} {right:?}");
        }
    }
}
