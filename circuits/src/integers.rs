//! Integers as field elements.

use halo2_proofs::halo2curves::bn256::Fr;

/// A signed integer as a field element.
pub(crate) fn integer(value: i128) -> Fr {
    let magnitude = value.unsigned_abs();
    // The library's conversion from 128 bits doubles and adds bit by bit.
    let (high, low) = ((magnitude >> 64) as u64, magnitude as u64);
    let mut element = Fr::from(low);
    if high > 0 {
        element += Fr::from(high) * Fr::from_raw([0, 1, 0, 0]);
    }
    if value < 0 { -element } else { element }
}
