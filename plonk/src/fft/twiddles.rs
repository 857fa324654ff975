//! Roots of unity, level by level.

use ff::Field;
use halo2_proofs::halo2curves::bn256::Fr;

use super::powers;
use crate::arithmetic::{Arithmetic, Backend, Constant, Kernel, Pack, constant, lanes};

/// The factors of one direction. Level l joins blocks of `2^l` positions; in blocks of m positions the i-th factor
/// is `(shift^(n/2m)) (root^(n/2m))^i`, so that a coset costs no scaling of its own.
pub(super) struct Twiddles<B: Backend> {
    /// Per level inside of lanes.
    pub(super) inner: Vec<Vec<Constant<B>>>,
    /// The three levels across eight lanes, for eight packs: one, two and four factors per lane.
    pub(super) top: Vec<[Pack<B>; 7]>,
}

impl<B: Backend> Twiddles<B> {
    /// Factors over `2^k` rows.
    pub(super) fn new(backend: B, k: u32, root: Fr, shift: Fr) -> Self {
        let n = 1usize << k;
        let packs = n / lanes::<B>();
        let level = |m: usize| -> Vec<Fr> {
            let exponent = [(n / (2 * m)) as u64];
            let first = shift.pow_vartime(exponent);
            powers(root.pow_vartime(exponent), m).into_iter().map(|power| power * first).collect()
        };
        let prepared = |m: usize| level(m).iter().map(|factor| constant::<B>(factor)).collect();
        let inner = (0..packs.ilog2()).map(|l| prepared(1 << l)).collect();
        let across = || top(backend, &[packs, 2 * packs, 4 * packs].map(level));
        let top = if lanes::<B>() == 8 { across() } else { Vec::new() };
        Self { inner, top }
    }
}

/// Eight consecutive factors are one pack, because the levels across lanes run on transposed packs.
fn top<B: Backend>(backend: B, levels: &[Vec<Fr>; 3]) -> Vec<[Pack<B>; 7]> {
    let packs = levels[0].len();
    let [one, two, four] = levels;
    (0..packs / 8)
        .map(|block| {
            let j = 8 * block;
            let pack = |level: &[Fr], lane: usize| {
                backend.vectorize(Eight(&level[lane * packs + j..lane * packs + j + 8]))
            };
            [
                pack(one, 0),
                pack(two, 0),
                pack(two, 1),
                pack(four, 0),
                pack(four, 1),
                pack(four, 2),
                pack(four, 3),
            ]
        })
        .collect()
}

/// Eight elements as a pack.
struct Eight<'a>(&'a [Fr]);

impl<B: Backend> Kernel<B> for Eight<'_> {
    type Output = Pack<B>;

    #[inline(always)]
    fn run(self, backend: B) -> Pack<B> {
        backend.scalars().gather(self.0, 1, 0)
    }
}
