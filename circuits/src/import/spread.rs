//! float32 numbers that are known up to an error.

/// Most numbers between the ends that a function is applied to one by one.
const MAX_NUMBERS: usize = 4096;

/// A float32 number from `lo` to `hi`, both included; both are NaN when it is no number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spread {
    pub(super) lo: f32,
    pub(super) hi: f32,
}

impl Spread {
    const UNKNOWN: Self = Self { lo: f32::NEG_INFINITY, hi: f32::INFINITY };

    /// A number that is known.
    pub(super) fn exact(value: f32) -> Self {
        Self { lo: value, hi: value }
    }

    /// A float32 number at most `error` away from `value`, or as far as it rounds.
    pub(super) fn around(value: f64, error: f64) -> Self {
        if value.is_nan() || value.is_infinite() {
            return Self::exact(value as f32);
        }
        Self { lo: ((value - error) as f32).next_down(), hi: ((value + error) as f32).next_up() }
    }

    pub(super) fn is_nan(self) -> bool {
        self.lo.is_nan()
    }

    /// All results of a function of the number; anything where there are too many.
    pub(super) fn through(self, function: impl Fn(f32) -> Self) -> Self {
        if self.is_nan() {
            return function(self.lo);
        }
        let mut result = function(self.lo);
        let mut value = self.lo;
        for _ in 0..MAX_NUMBERS {
            if value >= self.hi {
                return result;
            }
            value = value.next_up();
            let next = function(value);
            if next.is_nan() || result.is_nan() {
                return Self::exact(f32::NAN);
            }
            result = Self { lo: result.lo.min(next.lo), hi: result.hi.max(next.hi) };
        }
        Self::UNKNOWN
    }

    /// The numbers through a function that never falls.
    pub(super) fn monotone(self, function: impl Fn(f32) -> f32) -> Self {
        Self { lo: function(self.lo), hi: function(self.hi) }
    }
}

#[cfg(test)]
mod tests {
    use super::Spread;

    #[test]
    fn every_number_between_goes_through() {
        let spread = Spread::around(0.0, 1e-44);
        let square = spread.through(|x| Spread::exact(x.abs()));
        assert_eq!((square.lo, square.hi), (0.0, spread.hi));
        assert_eq!(Spread::exact(-0.0).through(|x| Spread::exact(1.0 / x)), Spread::exact(f32::NEG_INFINITY));
        assert!(Spread::around(0.0, 1e-44).through(|x| Spread::exact(x.sqrt())).is_nan());
    }

    #[test]
    fn too_many_numbers_are_anything() {
        let wide = Spread { lo: 1.0, hi: 2.0 }.through(Spread::exact);
        assert_eq!((wide.lo, wide.hi), (f32::NEG_INFINITY, f32::INFINITY));
        let clamped = wide.monotone(|x| x.clamp(-3.0, 4.0));
        assert_eq!((clamped.lo, clamped.hi), (-3.0, 4.0));
    }
}
