//! The instructions of AVX-512 with IFMA, where the processor has them.

use std::arch::x86_64::__m512i;

use super::words::Words;

pulp::simd_type! {
    /// Proof that the processor has the instructions.
    pub(crate) struct Features {
        pub(crate) avx512f: "avx512f",
        pub(crate) avx512dq: "avx512dq",
        pub(crate) avx512vl: "avx512vl",
        pub(crate) avx512ifma: "avx512ifma",
    }
}

/// Eight words in a vector register.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ifma(Features);

impl Ifma {
    /// The instructions, if this processor has them.
    pub(crate) fn detect() -> Option<Self> {
        Features::try_new().map(Self)
    }

    /// Runs code compiled for them.
    pub(super) fn vectorize<O, K: pulp::NullaryFnOnce<Output = O>>(self, kernel: K) -> O {
        self.0.vectorize(kernel)
    }
}

impl Words for Ifma {
    type V = __m512i;

    #[inline(always)]
    fn splat(self, word: u64) -> __m512i {
        self.0.avx512f._mm512_set1_epi64(word as i64)
    }

    #[inline(always)]
    fn of_array(words: [u64; 8]) -> __m512i {
        pulp::cast(words)
    }

    #[inline(always)]
    fn to_array(v: __m512i) -> [u64; 8] {
        pulp::cast(v)
    }

    #[inline(always)]
    fn add(self, a: __m512i, b: __m512i) -> __m512i {
        self.0.avx512f._mm512_add_epi64(a, b)
    }

    #[inline(always)]
    fn sub(self, a: __m512i, b: __m512i) -> __m512i {
        self.0.avx512f._mm512_sub_epi64(a, b)
    }

    #[inline(always)]
    fn madd_low(self, sum: __m512i, a: __m512i, b: __m512i) -> __m512i {
        self.0.avx512ifma._mm512_madd52lo_epu64(sum, a, b)
    }

    #[inline(always)]
    fn madd_high(self, sum: __m512i, a: __m512i, b: __m512i) -> __m512i {
        self.0.avx512ifma._mm512_madd52hi_epu64(sum, a, b)
    }

    #[inline(always)]
    fn right<const N: u32>(self, a: __m512i) -> __m512i {
        self.0.avx512f._mm512_srli_epi64::<N>(a)
    }

    #[inline(always)]
    fn right_signed<const N: u32>(self, a: __m512i) -> __m512i {
        self.0.avx512f._mm512_srai_epi64::<N>(a)
    }

    #[inline(always)]
    fn left<const N: u32>(self, a: __m512i) -> __m512i {
        self.0.avx512f._mm512_slli_epi64::<N>(a)
    }

    #[inline(always)]
    fn and(self, a: __m512i, b: __m512i) -> __m512i {
        self.0.avx512f._mm512_and_si512(a, b)
    }

    #[inline(always)]
    fn or(self, a: __m512i, b: __m512i) -> __m512i {
        self.0.avx512f._mm512_or_si512(a, b)
    }

    #[inline(always)]
    fn blend(self, mask: u8, a: __m512i, b: __m512i) -> __m512i {
        self.0.avx512f._mm512_mask_blend_epi64(mask, a, b)
    }

    #[inline(always)]
    fn interleave_low(self, a: __m512i, b: __m512i) -> __m512i {
        self.0.avx512f._mm512_unpacklo_epi64(a, b)
    }

    #[inline(always)]
    fn interleave_high(self, a: __m512i, b: __m512i) -> __m512i {
        self.0.avx512f._mm512_unpackhi_epi64(a, b)
    }

    #[inline(always)]
    fn even_pairs(self, a: __m512i, b: __m512i) -> __m512i {
        self.0.avx512f._mm512_shuffle_i64x2::<0x88>(a, b)
    }

    #[inline(always)]
    fn odd_pairs(self, a: __m512i, b: __m512i) -> __m512i {
        self.0.avx512f._mm512_shuffle_i64x2::<0xdd>(a, b)
    }

    #[inline(always)]
    fn rotate_up(self, a: __m512i) -> __m512i {
        self.0.avx512f._mm512_alignr_epi64::<7>(a, a)
    }

    #[inline(always)]
    fn rotate_down(self, a: __m512i) -> __m512i {
        self.0.avx512f._mm512_alignr_epi64::<1>(a, a)
    }
}
