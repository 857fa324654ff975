//! Integers as field elements, and counts as sizes.

use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};

/// A signed integer as a field element.
pub fn integer(value: i128) -> Fr {
    let magnitude = value.unsigned_abs();
    let low = u64::try_from(magnitude & u128::from(u64::MAX)).unwrap_or_default();
    let high = u64::try_from(magnitude >> 64).unwrap_or_default();
    let element = Fr::from_raw([low, high, 0, 0]);
    if value < 0 { Fr::ZERO - element } else { element }
}

/// A natural number as a field element.
///
/// The curve library's conversion looks values up in a table of 2 MiB, of which every unit of code generation that inlines it gets a copy.
/// This is the place that has one.
#[inline(never)]
pub fn natural(value: u64) -> Fr {
    Fr::from(value)
}

/// A count as a size in memory.
pub fn size(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_sums_of_halves() {
        for value in
            [0, 1, -1, i128::from(u64::MAX), 1 << 64, -(1 << 64), (1 << 100) + 7, i128::MAX, i128::MIN]
        {
            let magnitude = value.unsigned_abs();
            let [low, high] = [magnitude as u64, (magnitude >> 64) as u64].map(Fr::from);
            let element = low + high * Fr::from(2).pow_vartime([64]);
            assert_eq!(integer(value), if value < 0 { -element } else { element }, "{value}");
        }
    }
}
