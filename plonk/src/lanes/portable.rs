//! The instructions in plain Rust: lanes on any processor, to test them.

use super::words::Words;
use crate::limbs::MASK52;

/// Eight words in an array.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Portable;

fn each(a: [u64; 8], b: [u64; 8], f: impl Fn(u64, u64) -> u64) -> [u64; 8] {
    std::array::from_fn(|i| f(a[i], b[i]))
}

fn product52(a: u64, b: u64) -> u128 {
    u128::from(a & MASK52) * u128::from(b & MASK52)
}

impl Words for Portable {
    type V = [u64; 8];

    fn splat(self, word: u64) -> [u64; 8] {
        [word; 8]
    }

    fn of_array(words: [u64; 8]) -> [u64; 8] {
        words
    }

    fn to_array(v: [u64; 8]) -> [u64; 8] {
        v
    }

    fn add(self, a: [u64; 8], b: [u64; 8]) -> [u64; 8] {
        each(a, b, u64::wrapping_add)
    }

    fn sub(self, a: [u64; 8], b: [u64; 8]) -> [u64; 8] {
        each(a, b, u64::wrapping_sub)
    }

    fn madd_low(self, sum: [u64; 8], a: [u64; 8], b: [u64; 8]) -> [u64; 8] {
        each(sum, each(a, b, |a, b| product52(a, b) as u64 & MASK52), u64::wrapping_add)
    }

    fn madd_high(self, sum: [u64; 8], a: [u64; 8], b: [u64; 8]) -> [u64; 8] {
        each(sum, each(a, b, |a, b| (product52(a, b) >> 52) as u64), u64::wrapping_add)
    }

    fn right<const N: u32>(self, a: [u64; 8]) -> [u64; 8] {
        a.map(|a| a >> N)
    }

    fn right_signed<const N: u32>(self, a: [u64; 8]) -> [u64; 8] {
        a.map(|a| ((a as i64) >> N) as u64)
    }

    fn left<const N: u32>(self, a: [u64; 8]) -> [u64; 8] {
        a.map(|a| a << N)
    }

    fn and(self, a: [u64; 8], b: [u64; 8]) -> [u64; 8] {
        each(a, b, |a, b| a & b)
    }

    fn or(self, a: [u64; 8], b: [u64; 8]) -> [u64; 8] {
        each(a, b, |a, b| a | b)
    }

    fn blend(self, mask: u8, a: [u64; 8], b: [u64; 8]) -> [u64; 8] {
        std::array::from_fn(|i| if mask >> i & 1 == 1 { b[i] } else { a[i] })
    }

    fn interleave_low(self, a: [u64; 8], b: [u64; 8]) -> [u64; 8] {
        std::array::from_fn(|i| if i % 2 == 0 { a[i] } else { b[i - 1] })
    }

    fn interleave_high(self, a: [u64; 8], b: [u64; 8]) -> [u64; 8] {
        std::array::from_fn(|i| if i % 2 == 0 { a[i + 1] } else { b[i] })
    }

    fn even_pairs(self, a: [u64; 8], b: [u64; 8]) -> [u64; 8] {
        [a[0], a[1], a[4], a[5], b[0], b[1], b[4], b[5]]
    }

    fn odd_pairs(self, a: [u64; 8], b: [u64; 8]) -> [u64; 8] {
        [a[2], a[3], a[6], a[7], b[2], b[3], b[6], b[7]]
    }

    fn rotate_up(self, a: [u64; 8]) -> [u64; 8] {
        std::array::from_fn(|i| a[(i + 7) % 8])
    }

    fn rotate_down(self, a: [u64; 8]) -> [u64; 8] {
        std::array::from_fn(|i| a[(i + 1) % 8])
    }
}
