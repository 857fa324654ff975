//! float32 numbers that are known up to an error.

/// Most numbers between the ends that a function is applied to one by one.
const MAX_NUMBERS: usize = 4096;

/// An approximation is off by at most this part of the result, or of 1: the bound of `functions::bounded`.
const APPROXIMATION: f64 = 8.0 * f32::EPSILON as f64;

/// How a function goes between two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Course {
    /// It never rises or never falls, error bounds aside.
    Monotone,
    /// It approximates such a function to [`APPROXIMATION`], not itself monotone in the last bits.
    Approximated,
    /// Nothing is known.
    Any,
}

impl Course {
    pub(super) fn rising_if(rises: bool) -> Self {
        if rises { Self::Monotone } else { Self::Any }
    }
}

/// A float32 number from `lo` to `hi`, both included, or NaN where that is possible; both ends are NaN where nothing else is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spread {
    pub(super) lo: f32,
    pub(super) hi: f32,
    pub(super) may_be_nan: bool,
}

impl Spread {
    pub(super) const UNKNOWN: Self =
        Self { may_be_nan: true, ..Self::between(f32::NEG_INFINITY, f32::INFINITY) };

    /// A value that is known.
    pub(super) fn exact(value: f32) -> Self {
        Self { may_be_nan: value.is_nan(), ..Self::between(value, value) }
    }

    /// A number between two, which are numbers.
    pub(super) const fn between(lo: f32, hi: f32) -> Self {
        Self { lo, hi, may_be_nan: false }
    }

    /// A float32 number at most `error` away from `value`, or as far as it rounds.
    pub(super) fn around(value: f64, error: f64) -> Self {
        if value.is_nan() || value.is_infinite() {
            return Self::exact(value as f32);
        }
        Self::between(((value - error) as f32).next_down(), ((value + error) as f32).next_up())
    }

    /// All results of a function, NaN staying NaN; anything where there are too many numbers to try and no course tells.
    pub(super) fn through(self, course: Course, function: impl Fn(f32) -> Self) -> Self {
        if self.lo.is_nan() {
            return self;
        }
        let results = self.results(course, function).with_both_zeros();
        Self { may_be_nan: results.may_be_nan || self.may_be_nan, ..results }
    }

    fn results(self, course: Course, function: impl Fn(f32) -> Self) -> Self {
        if self.lo.to_bits() == self.hi.to_bits() {
            return function(self.lo);
        }
        let mut result = function(self.lo);
        if self.lo <= 0.0 && 0.0 <= self.hi {
            // Where monotone functions may still be NaN inside: 0 / 0, and 0 times infinity.
            result = result.or(function(0.0)).or(function(-0.0));
        }
        if course == Course::Monotone {
            return result.or(function(self.hi));
        }
        let mut value = self.lo;
        for _ in 0..MAX_NUMBERS {
            if value >= self.hi {
                return result;
            }
            value = value.next_up();
            result = result.or(function(value));
        }
        match course {
            Course::Approximated => result.or(function(self.hi)).widened(),
            Course::Monotone | Course::Any => Self::UNKNOWN,
        }
    }

    /// The sign of a zero is not followed: runtimes differ in it.
    pub(super) fn with_both_zeros(self) -> Self {
        Self {
            lo: if self.lo == 0.0 { -0.0 } else { self.lo },
            hi: if self.hi == 0.0 { 0.0 } else { self.hi },
            ..self
        }
    }

    /// One of two values.
    fn or(self, other: Self) -> Self {
        // The minimum and maximum of NaN and a number are the number.
        Self {
            lo: self.lo.min(other.lo),
            hi: self.hi.max(other.hi),
            may_be_nan: self.may_be_nan || other.may_be_nan,
        }
    }

    /// The number with another error of [`APPROXIMATION`].
    fn widened(self) -> Self {
        let error = |end: f32| APPROXIMATION * f64::from(end).abs().max(1.0);
        Self {
            lo: Self::around(self.lo.into(), error(self.lo)).lo,
            hi: Self::around(self.hi.into(), error(self.hi)).hi,
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Course, Spread};

    #[test]
    fn every_number_between_goes_through() {
        let spread = Spread::around(0.0, 1e-44);
        let square = spread.through(Course::Any, |x| Spread::exact(x.abs()));
        assert_eq!((square.lo, square.hi), (0.0, spread.hi));
        assert_eq!(
            Spread::exact(-0.0).through(Course::Any, |x| Spread::exact(1.0 / x)),
            Spread::exact(f32::NEG_INFINITY)
        );
        assert!(Spread::around(0.0, 1e-44).through(Course::Any, |x| Spread::exact(x.sqrt())).may_be_nan);
    }

    #[test]
    fn too_many_numbers_are_anything() {
        let wide = Spread::between(1.0, 2.0).through(Course::Any, Spread::exact);
        assert_eq!((wide.lo, wide.hi), (f32::NEG_INFINITY, f32::INFINITY));
        let clamped = wide.through(Course::Monotone, |x| Spread::exact(x.clamp(-3.0, 4.0)));
        assert_eq!((clamped.lo, clamped.hi), (-3.0, 4.0));
    }

    #[test]
    fn monotone_functions_are_known_between_far_ends() {
        let wide = Spread::between(-1e-6, 1e-6);
        let fallen = wide.through(Course::Monotone, |x| Spread::exact(1.0 - x));
        assert_eq!((fallen.lo, fallen.hi), (1.0 - 1e-6, 1.0 + 1e-6));
        let tanh = wide.through(Course::Approximated, |x| Spread::exact(x.tanh()));
        assert!(tanh.lo < -1e-6 && 1e-6 < tanh.hi && tanh.hi < 1e-5, "{tanh:?}");
    }

    #[test]
    fn what_is_no_number_stays_none_and_zeros_have_both_signs() {
        let nan = Spread::exact(f32::NAN).through(Course::Monotone, |x| Spread::exact(x.max(0.0)));
        assert!(nan.lo.is_nan() && nan.hi.is_nan() && nan.may_be_nan);
        let zero = Spread::exact(-1.0).through(Course::Monotone, |x| Spread::exact(x.max(0.0)));
        let inverse = zero.through(Course::Any, |x| Spread::exact(1.0 / x));
        assert_eq!((inverse.lo, inverse.hi), (f32::NEG_INFINITY, f32::INFINITY));
        let positive = Spread::exact(0.0).through(Course::Any, |x| Spread::exact(1.0 / x));
        assert_eq!((positive.lo, positive.hi), (f32::INFINITY, f32::INFINITY));
    }

    /// 0 / 0 and 0 times infinity lie inside, the infinite ends of a reciprocal have no sine, and of 4,097 numbers one may
    /// have had no root.
    #[test]
    fn what_may_be_no_number_inside_stays_so() {
        let around_zero = Spread::between(-1e-7, 1e-7);
        for value in [
            around_zero.through(Course::Monotone, |x| Spread::exact(x / 0.0)),
            around_zero.through(Course::Monotone, |x| Spread::exact(x * f32::INFINITY)),
            around_zero
                .through(Course::Any, |x| Spread::exact(1.0 / x))
                .through(Course::Any, |x| Spread::exact(x.sin())),
            around_zero.through(Course::Any, |x| Spread::exact(x.sqrt())),
        ] {
            let tanh = value.through(Course::Approximated, |x| Spread::exact(x.tanh()));
            assert!(tanh.may_be_nan && tanh.lo <= tanh.hi, "{tanh:?}");
        }
        assert!(!around_zero.through(Course::Monotone, |x| Spread::exact(x / 2.0)).may_be_nan);
    }
}
