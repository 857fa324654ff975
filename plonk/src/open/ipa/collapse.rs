//! Weighted sums of blocks of generators, all with the same weights.

use halo2_proofs::{
    arithmetic::best_multiexp,
    halo2curves::{
        bn256::{Fr, G1Affine},
        group::Curve,
    },
};
use rayon::prelude::*;

use super::endomorphism::{MULTIPLES, beta, digits, halves};
use crate::{
    arithmetic::{Backend, Point},
    msm::{AddAll, affine, prepared},
    watch::{Stop, Watch},
};

/// Sums that are computed together: their multiples of generators stay in the second cache.
const CHUNK: usize = 256;

/// Sums for which an inversion is still a small part of an addition.
const SMALLEST_CHUNK: usize = 64;

/// `out[i] = sum_b weights[b] generators[m b + i]` for blocks of m generators.
///
/// Digits are the same for all i, so every step is an addition or a doubling of whole lists: Straus' method, with
/// scalars halved by the endomorphism.
pub(super) fn collapse<B: Backend>(
    backend: B,
    generators: &[G1Affine],
    weights: &[Fr],
    watch: &dyn Watch,
) -> Result<Vec<G1Affine>, Stop> {
    let m = generators.len() / weights.len();
    // Two scalars a block: of the generators and of their images.
    let digits: Vec<Vec<i8>> = weights.iter().flat_map(halves).map(digits).collect();
    let mut out = vec![G1Affine::default(); m];
    let len = m.div_ceil(rayon::current_num_threads()).clamp(SMALLEST_CHUNK, CHUNK);
    out.par_chunks_mut(len).enumerate().try_for_each(|(chunk, out)| {
        watch.check()?;
        let from = chunk * len;
        let blocks: Vec<&[G1Affine]> =
            generators.chunks_exact(m).map(|block| &block[from..from + out.len()]).collect();
        match sums(backend, &blocks, &digits) {
            Some(sums) => out.iter_mut().zip(sums).for_each(|(out, sum)| *out = affine::<B>(&sum)),
            None => slow_sums(&blocks, weights, out),
        }
        Ok(())
    })?;
    Ok(out)
}

/// Nothing if an addition met two points of equal x, or if nothing was added.
fn sums<B: Backend>(backend: B, blocks: &[&[G1Affine]], digits: &[Vec<i8>]) -> Option<Vec<Point<B>>> {
    let len = blocks[0].len();
    let mut adder = AddAll::new(backend);
    let mut tables: Vec<Vec<Point<B>>> = Vec::with_capacity(2 * blocks.len());
    for block in blocks {
        let multiples = odd_multiples(&mut adder, block.iter().map(prepared::<B>).collect())?;
        let images = multiples.iter().map(|multiple| {
            let G1Affine { x, y } = affine::<B>(multiple);
            prepared::<B>(&G1Affine { x: x * beta(), y })
        });
        let images = images.collect();
        tables.extend([multiples, images]);
    }
    let mut sums: Option<Vec<Point<B>>> = None;
    let length = digits.iter().map(Vec::len).max().unwrap_or(0);
    for place in (0..length).rev() {
        if let Some(sums) = &mut sums {
            adder.double(sums);
        }
        for (table, digits) in tables.iter().zip(digits) {
            let digit = digits.get(place).copied().unwrap_or(0);
            if digit == 0 {
                continue;
            }
            let multiple = usize::from(digit.unsigned_abs() / 2);
            let terms = &table[multiple * len..(multiple + 1) * len];
            match &mut sums {
                None => sums = Some(adder.signed(terms, digit < 0)),
                Some(sums) => adder.add_to(sums, terms, digit < 0)?,
            }
        }
    }
    sums
}

/// 1, 3, 5, .. times every point.
fn odd_multiples<B: Backend>(adder: &mut AddAll<B>, points: Vec<Point<B>>) -> Option<Vec<Point<B>>> {
    let mut twice = points.clone();
    adder.double(&mut twice);
    let len = points.len();
    let mut multiples = points;
    for i in 1..MULTIPLES {
        let mut next = multiples[(i - 1) * len..].to_vec();
        adder.add_to(&mut next, &twice, false)?;
        multiples.append(&mut next);
    }
    Some(multiples)
}

fn slow_sums(blocks: &[&[G1Affine]], weights: &[Fr], out: &mut [G1Affine]) {
    for (i, out) in out.iter_mut().enumerate() {
        let terms: Vec<G1Affine> = blocks.iter().map(|block| block[i]).collect();
        *out = best_multiexp(weights, &terms).to_affine();
    }
}

#[cfg(test)]
mod tests {
    use ff::Field;
    use halo2_proofs::halo2curves::{bn256::G1, group::Group};
    use rand::SeedableRng;
    use rand_chacha::ChaCha20Rng;

    use super::*;
    use crate::{backends::on_all_backends, msm::normalized, watch::Unwatched};

    fn agree<B: Backend>(backend: B, m: usize, blocks: usize) {
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        let generators = normalized(&(0..m * blocks).map(|_| G1::random(&mut rng)).collect::<Vec<_>>());
        let weights: Vec<Fr> =
            (0..blocks).map(|b| if b == 1 { -Fr::ONE } else { Fr::random(&mut rng) }).collect();
        let digits: Vec<Vec<i8>> = weights.iter().flat_map(halves).map(digits).collect();
        let slices: Vec<&[G1Affine]> = generators.chunks_exact(m).collect();
        let got = sums(backend, &slices, &digits).expect("random generators do not meet");
        let mut want = vec![G1Affine::default(); m];
        slow_sums(&slices, &weights, &mut want);
        assert_eq!(got.iter().map(affine::<B>).collect::<Vec<_>>(), want);
        assert_eq!(collapse(backend, &generators, &weights, &Unwatched).unwrap(), want);
    }

    #[test]
    fn blocks_collapse_to_weighted_sums() {
        on_all_backends!(|backend| for (m, blocks) in [(1, 1), (5, 2), (8, 4), (19, 8)] {
            agree(backend, m, blocks);
        });
    }

    #[test]
    fn equal_generators_collapse_as_well() {
        let g = G1Affine::from(G1::generator());
        let weights = [Fr::ONE, Fr::ONE];
        let digits: Vec<Vec<i8>> = weights.iter().flat_map(halves).map(digits).collect();
        assert!(sums(crate::scalar::Scalar, &[&[g], &[g]], &digits).is_none());
        let sum = collapse(crate::scalar::Scalar, &[g, g], &weights, &Unwatched).unwrap();
        assert_eq!(sum, [G1::generator().double().to_affine()]);
    }
}
