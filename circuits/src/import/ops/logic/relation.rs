//! How numbers are compared, and truths connected.

use crate::import::spread::Spread;

/// How two numbers are compared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Relation {
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    Equal,
}

impl Relation {
    pub(super) fn holds<T: PartialOrd>(self, left: T, right: T) -> bool {
        match self {
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Equal => left == right,
        }
    }

    /// Whether it holds for numbers that are known up to an error, `None` where the error decides.
    pub(super) fn decided(self, left: Spread, right: Spread) -> Option<bool> {
        let at = |left: f32, right: f32| self.holds(left, right);
        let answers =
            [at(left.lo, right.lo), at(left.lo, right.hi), at(left.hi, right.lo), at(left.hi, right.hi)];
        let overlap = left.lo <= right.hi && right.lo <= left.hi;
        let is_known = left.lo == left.hi && right.lo == right.hi;
        // Equality may hold between ends where it holds at none.
        let agree = answers.iter().all(|answer| *answer == answers[0])
            && (is_known || self != Self::Equal || !overlap);
        agree.then_some(answers[0])
    }
}

/// How two truths make one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Connective {
    And,
    Or,
}

impl Connective {
    pub(super) fn of(self, left: bool, right: bool) -> bool {
        match self {
            Self::And => left && right,
            Self::Or => left || right,
        }
    }
}
