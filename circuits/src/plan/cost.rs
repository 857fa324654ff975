//! Predicted proving cost of a shape.
//!
//! The constants are properties of the plan version, not of a machine: the circuit id hashes the plan, so the
//! same model must get the same plan everywhere. They are CPU microseconds on one thread of the reference
//! machine for a column of 2^16 rows with the stock prover; only their ratios decide. A measured
//! multi-scalar multiplication on the user's machine scales the prediction to seconds.

use super::shape::{Scheme, Shape};

/// Cost of a 2^16-row column, CPU microseconds.
mod unit {
    /// Multi-scalar multiplication of full-size scalars.
    pub(super) const COMMIT_FULL: u64 = 314_000;
    /// Multi-scalar multiplication of integers below 2^14.
    pub(super) const COMMIT_SMALL: u64 = 72_000;
    /// Inverse FFT to coefficients.
    pub(super) const TO_COEFFICIENTS: u64 = 30_000;
    /// Four cosets of the quotient domain.
    pub(super) const COSETS: u64 = 4 * 32_000;
    /// Gate evaluation on the quotient domain and the openings.
    pub(super) const EVALUATE: u64 = 50_000;
    /// The multi-scalar multiplications every KZG proof has: one random polynomial, four quotient pieces, two
    /// openings.
    pub(super) const KZG_FIXED_COMMITMENTS: u64 = 7;
    /// IPA opens with halving generator folds, about this many multi-scalar multiplications.
    pub(super) const IPA_FIXED_COMMITMENTS: u64 = 12;
}

/// CPU microseconds of one full-size 2^16 multi-scalar multiplication on the reference machine.
pub const MSM_MICROSECONDS: u64 = unit::COMMIT_FULL;

/// Predicted cost of one proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cost {
    /// CPU microseconds on the reference machine.
    pub microseconds: u64,
    /// Peak memory of the prover in bytes.
    pub memory_bytes: u64,
}

impl Cost {
    /// Proving cost in units of one full-size 2^16 multi-scalar multiplication.
    pub fn units(&self) -> f64 {
        self.microseconds as f64 / MSM_MICROSECONDS as f64
    }

    /// The prediction for a shape.
    pub fn of(shape: &Shape, scheme: Scheme) -> Self {
        let small = u64::from(shape.small_columns());
        let products = u64::from(shape.num_permutation().div_ceil(3));
        let full = u64::from(shape.full_columns()) + products;
        // l_0, l_last, l_active and the instance column are transformed like fixed columns.
        let fixed = u64::from(shape.num_fixed() + shape.num_permutation()) + 4;
        let fixed_commitments = match scheme {
            Scheme::Kzg => unit::KZG_FIXED_COMMITMENTS,
            Scheme::Ipa => unit::IPA_FIXED_COMMITMENTS,
        };
        let commitments = small * unit::COMMIT_SMALL + (full + fixed_commitments) * unit::COMMIT_FULL;
        let transforms = (small + full) * (unit::TO_COEFFICIENTS + unit::COSETS + unit::EVALUATE)
            + fixed * (unit::COSETS + unit::EVALUATE);
        Self {
            microseconds: scale(commitments * bucket_percent(shape.k) / 100 + transforms, shape.k),
            memory_bytes: memory(shape, small + full, fixed),
        }
    }
}

/// A cost per 2^16 rows at 2^k rows.
fn scale(cost: u64, k: u32) -> u64 {
    if k >= 16 { cost << (k - 16) } else { cost >> (16 - k) }
}

/// Pippenger's cost per scalar falls by about 5 % per doubling.
fn bucket_percent(k: u32) -> u64 {
    u64::from(180u32.saturating_sub(5 * k).max(60))
}

/// The stock prover keeps every column as values and as coefficients and extends all of them to one coset at a
/// time; advice is also held as deferred fractions of 72 bytes.
fn memory(shape: &Shape, advice: u64, fixed: u64) -> u64 {
    let rows = 1u64 << shape.k;
    let field = 32;
    let columns = advice * (3 * field + 72) + fixed * 3 * field + 10 * field;
    rows * columns + (24 << 20)
}
