//! Eight 64-bit machine words and the instructions on them that lanes are made of.

use std::fmt::Debug;

/// The instructions, named after what AVX-512 calls them. Every method must be `#[inline(always)]`.
pub(crate) trait Words: Copy + Send + Sync + Debug + 'static {
    /// Eight words.
    type V: Copy + Send + Sync + Debug + 'static;

    /// The same word eight times.
    fn splat(self, word: u64) -> Self::V;
    /// Eight words.
    fn of_array(words: [u64; 8]) -> Self::V;
    /// The eight words.
    fn to_array(v: Self::V) -> [u64; 8];

    /// `a + b` modulo 2^64.
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a - b` modulo 2^64.
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
    /// `sum` plus the low 52 bits of the product of the low 52 bits of a and b.
    fn madd_low(self, sum: Self::V, a: Self::V, b: Self::V) -> Self::V;
    /// `sum` plus bits 52 to 103 of the product of the low 52 bits of a and b.
    fn madd_high(self, sum: Self::V, a: Self::V, b: Self::V) -> Self::V;
    /// Logical shift to the right.
    fn right<const N: u32>(self, a: Self::V) -> Self::V;
    /// Arithmetic shift to the right.
    fn right_signed<const N: u32>(self, a: Self::V) -> Self::V;
    /// Shift to the left.
    fn left<const N: u32>(self, a: Self::V) -> Self::V;
    /// Bitwise and.
    fn and(self, a: Self::V, b: Self::V) -> Self::V;
    /// Bitwise or.
    fn or(self, a: Self::V, b: Self::V) -> Self::V;
    /// Word i of b where bit i of the mask is set, else of a.
    fn blend(self, mask: u8, a: Self::V, b: Self::V) -> Self::V;

    /// Words 0, 2, 4, 6 of a, each followed by the same word of b.
    fn interleave_low(self, a: Self::V, b: Self::V) -> Self::V;
    /// Words 1, 3, 5, 7 of a, each followed by the same word of b.
    fn interleave_high(self, a: Self::V, b: Self::V) -> Self::V;
    /// Pairs of words 0 and 2 of a, then of b.
    fn even_pairs(self, a: Self::V, b: Self::V) -> Self::V;
    /// Pairs of words 1 and 3 of a, then of b.
    fn odd_pairs(self, a: Self::V, b: Self::V) -> Self::V;
    /// Word i becomes word i + 1, word 7 becomes word 0.
    fn rotate_up(self, a: Self::V) -> Self::V;
    /// Word i + 1 becomes word i, word 0 becomes word 7.
    fn rotate_down(self, a: Self::V) -> Self::V;
}
