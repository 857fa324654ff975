//! The unit of proving cost: one multi-scalar multiplication of 2^16 full-size scalars on BN254, by the library with the
//! field arithmetic it has on this architecture: assembly on x86-64, plain Rust elsewhere.

use halo2_proofs::{
    arithmetic::best_multiexp,
    halo2curves::{
        bn256::{Fr, G1, G1Affine},
        ff::Field,
        group::{Curve, Group},
    },
};
use lemma_prover::measure::Stopwatch;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

use super::failure::Failure;

const POINTS: usize = 1 << 16;

/// CPU seconds of one multiplication on one thread: the median of `repeats`.
///
/// # Errors
/// [`Failure::Internal`] when no thread can be started.
pub(crate) fn unit_seconds(repeats: usize) -> Result<f64, Failure> {
    // Two threads share the fixed costs differently; one thread is the same unit on every machine.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().map_err(Failure::internal)?;
    Ok(pool.install(|| {
        let (scalars, points) = operands();
        let once = |_| {
            let watch = Stopwatch::start();
            std::hint::black_box(best_multiexp(&scalars, &points));
            watch.read().cpu.as_secs_f64()
        };
        median((0..repeats.max(1)).map(once).collect())
    }))
}

/// The middle value, the mean of both when there are two; 0 of nothing.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.get(middle) {
        None => 0.0,
        Some(&upper) if values.len() % 2 == 1 => upper,
        Some(&upper) => (upper + values.get(middle - 1).copied().unwrap_or(upper)) / 2.0,
    }
}

/// Random scalars and distinct points, an arithmetic progression: its cost is that of random ones.
fn operands() -> (Vec<Fr>, Vec<G1Affine>) {
    let mut random = ChaCha8Rng::seed_from_u64(0);
    let scalars = (0..POINTS).map(|_| Fr::random(&mut random)).collect();
    let (first, step) = (G1::random(&mut random), G1::random(&mut random));
    let progression: Vec<G1> =
        std::iter::successors(Some(first), |point| Some(point + step)).take(POINTS).collect();
    let mut points = vec![G1Affine::default(); POINTS];
    G1::batch_normalize(&progression, &mut points);
    (scalars, points)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_of_odd_even_and_none() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0]), 2.5);
        assert_eq!(median(Vec::new()), 0.0);
    }

    #[test]
    fn operands_are_distinct_points_of_the_curve() {
        let (scalars, points) = operands();
        assert_eq!((scalars.len(), points.len()), (POINTS, POINTS));
        assert_ne!(points[0], points[1]);
        assert!(
            points.iter().all(|point| bool::from(halo2_proofs::halo2curves::CurveAffine::is_on_curve(point)))
        );
    }
}
