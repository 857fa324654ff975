//! Elements that change lanes.

use halo2_proofs::halo2curves::bn256::Fr;

use super::{
    field::{LaneField, Limbs8},
    words::Words,
};
use crate::{arithmetic::Exchange, limbs::Limbs};

impl<W: Words, F: Limbs> LaneField<W, F> {
    /// Word i of vector j becomes word j of vector i.
    #[inline(always)]
    pub(super) fn transpose8(&self, v: &[W::V; 8]) -> [W::V; 8] {
        let w = self.words;
        let mut t = *v;
        for i in 0..4 {
            t[2 * i] = w.interleave_low(v[2 * i], v[2 * i + 1]);
            t[2 * i + 1] = w.interleave_high(v[2 * i], v[2 * i + 1]);
        }
        // Pair b of t[2i + e]: word 2b + e of vectors 2i and 2i + 1.
        let mut out = t;
        for e in 0..2 {
            let (even_low, odd_low) = (w.even_pairs(t[e], t[2 + e]), w.odd_pairs(t[e], t[2 + e]));
            let (even_high, odd_high) = (w.even_pairs(t[4 + e], t[6 + e]), w.odd_pairs(t[4 + e], t[6 + e]));
            out[e] = w.even_pairs(even_low, even_high);
            out[4 + e] = w.odd_pairs(even_low, even_high);
            out[2 + e] = w.even_pairs(odd_low, odd_high);
            out[6 + e] = w.odd_pairs(odd_low, odd_high);
        }
        out
    }
}

impl<W: Words> Exchange for LaneField<W, Fr> {
    fn rows_factor() -> Fr {
        Fr::from_raw([16, 0, 0, 0])
    }

    fn as_packs(elements: Vec<Fr>) -> Result<Vec<Limbs8<W>>, Vec<Fr>> {
        Err(elements)
    }

    #[inline(always)]
    fn rows(&self, elements: &[Fr], stride: usize, at: usize) -> [Limbs8<W>; 8] {
        let zero = [self.words.splat(0); 5];
        let mut out = [zero; 8];
        for (j, out) in out.iter_mut().enumerate() {
            let e = &elements[stride * j + at..stride * j + at + 8];
            *out = self.of_limbs([&e[0], &e[1], &e[2], &e[3], &e[4], &e[5], &e[6], &e[7]]);
        }
        out
    }

    #[inline(always)]
    fn transpose(&self, packs: &[Limbs8<W>; 8]) -> [Limbs8<W>; 8] {
        let mut out = *packs;
        for l in 0..5 {
            let p = packs;
            let t =
                self.transpose8(&[p[0][l], p[1][l], p[2][l], p[3][l], p[4][l], p[5][l], p[6][l], p[7][l]]);
            for i in 0..8 {
                out[i][l] = t[i];
            }
        }
        out
    }

    #[inline(always)]
    fn up(&self, pack: &Limbs8<W>) -> Limbs8<W> {
        let mut out = *pack;
        for l in 0..5 {
            out[l] = self.words.rotate_up(pack[l]);
        }
        out
    }

    #[inline(always)]
    fn down(&self, pack: &Limbs8<W>) -> Limbs8<W> {
        let mut out = *pack;
        for l in 0..5 {
            out[l] = self.words.rotate_down(pack[l]);
        }
        out
    }
}
