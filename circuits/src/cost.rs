//! Predicted proving cost of a shape.
//!
//! The constants are properties of the plan version, not of a machine: the circuit id hashes the plan, so the
//! same model must get the same plan everywhere. They are CPU microseconds on one thread of the reference
//! machine per 2^16 rows with the stock prover; only their ratios decide. A multi-scalar multiplication
//! measured on the user's machine scales the prediction to seconds.

use lemma_verifier::{
    scheme::Scheme,
    shape::{MIN_K, Shape},
};

/// Multi-scalar multiplication of full-size scalars, per 2^16 rows, at k = 5, 6, ...: short columns cost more
/// per row, and the library changes its algorithm at k = 13.
const COMMIT_FULL: [u64; 14] = [
    1_100_000, 950_000, 850_000, 761_000, 656_000, 592_000, 515_000, 476_000, 330_000, 310_000, 274_000,
    228_000, 215_000, 205_000,
];

/// The same for integers below 2^14.
const COMMIT_SMALL: [u64; 14] = [
    80_000, 70_000, 60_000, 50_000, 39_000, 34_000, 33_000, 31_000, 81_000, 74_000, 52_000, 45_000, 43_000,
    42_000,
];

/// Inverse FFT to coefficients.
const TO_COEFFICIENTS: u64 = 20_500;

/// Four cosets of the quotient domain.
const COSETS: u64 = 4 * 21_500;

/// Gate evaluation on the quotient domain and the opening of an advice column.
const EVALUATE_ADVICE: u64 = 50_000;

/// The same for a fixed column, which occurs in fewer products.
const EVALUATE_FIXED: u64 = 28_000;

/// The multi-scalar multiplications every KZG proof has: one random polynomial, four quotient pieces, two
/// openings.
const KZG_FIXED_COMMITMENTS: u64 = 7;

/// IPA opens by folding the generators in k rounds, together about this many multi-scalar multiplications.
const IPA_FIXED_COMMITMENTS: u64 = 25;

/// CPU microseconds of one full-size 2^16 multi-scalar multiplication on the reference machine.
pub const MSM_MICROSECONDS: u64 = COMMIT_FULL[16 - MIN_K as usize];

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
            Scheme::Kzg => KZG_FIXED_COMMITMENTS,
            Scheme::Ipa => IPA_FIXED_COMMITMENTS,
        };
        let commitments =
            small * at(&COMMIT_SMALL, shape.k) + (full + fixed_commitments) * at(&COMMIT_FULL, shape.k);
        let transforms =
            (small + full) * (TO_COEFFICIENTS + COSETS + EVALUATE_ADVICE) + fixed * (COSETS + EVALUATE_FIXED);
        Self {
            microseconds: scale(commitments + transforms, shape.k),
            memory_bytes: memory(shape, small + full, fixed),
        }
    }
}

/// A cost per 2^16 rows at 2^k rows.
fn scale(cost: u64, k: u32) -> u64 {
    if k >= 16 { cost << (k - 16) } else { cost >> (16 - k) }
}

/// The entry of a table that starts at [`MIN_K`] and stays at its last value.
fn at(costs: &[u64], k: u32) -> u64 {
    let index = k.saturating_sub(MIN_K) as usize;
    costs[index.min(costs.len() - 1)]
}

/// The stock prover keeps every column as values and as coefficients and extends all of them to one coset at a
/// time; advice is also held as deferred fractions of 72 bytes.
fn memory(shape: &Shape, advice: u64, fixed: u64) -> u64 {
    let rows = 1u64 << shape.k;
    let field = 32;
    let columns = advice * (3 * field + 72) + fixed * 3 * field + 10 * field;
    rows * columns + (24 << 20)
}
