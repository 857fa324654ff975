//! The inner loops of a proof one by one, for benchmarks and for tests of their cost.

use std::{fmt, rc::Rc, sync::Arc};

use ff::Field;
use halo2_proofs::halo2curves::{
    bn256::{Fr, G1, G1Affine},
    group::Group,
};
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha20Rng;

#[cfg(target_arch = "x86_64")]
use crate::lanes::{Ifma, Lanes};
use crate::{
    arithmetic::{Arithmetic, Backend, Kernel, Pack},
    backends::Choice,
    fft::Fft,
    msm::{Spread, Table, Windows, normalized},
    scalar::Scalar,
    watch::Unwatched,
};

/// An inner loop with its operands.
pub struct Loop {
    /// What it does.
    pub name: &'static str,
    /// How many multiplications, butterflies or additions of points one run is.
    pub operations: usize,
    run: Box<dyn FnMut()>,
}

impl fmt::Debug for Loop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loop").field("name", &self.name).field("operations", &self.operations).finish()
    }
}

impl Loop {
    fn new(name: &'static str, operations: usize, run: impl FnMut() + 'static) -> Self {
        Self { name, operations, run: Box::new(run) }
    }

    /// Runs it once.
    pub fn run(&mut self) {
        (self.run)();
    }
}

/// The inner loops over `2^k` rows, or nothing where the processor has no such instructions.
pub fn loops(choice: Choice, k: u32) -> Option<Vec<Loop>> {
    match choice {
        Choice::Scalar => Some(loops_of(Scalar, k)),
        #[cfg(target_arch = "x86_64")]
        Choice::Fastest => Ifma::detect().map(|ifma| loops_of(Lanes(ifma), k)),
        #[cfg(not(target_arch = "x86_64"))]
        Choice::Fastest => None,
    }
}

/// Digits of a full scalar for the windows that fit so many bases.
fn additions(n: usize) -> usize {
    n * Windows::for_bases(n).count()
}

/// Points without relations of few terms, three random ones added up for each; among multiples of one point sums of
/// different terms would be equal.
fn bases(n: usize, rng: &mut ChaCha20Rng) -> Vec<G1Affine> {
    let parts: Vec<Vec<G1>> = (0..3).map(|_| (0..256).map(|_| G1::random(&mut *rng)).collect()).collect();
    let mut sum = || parts.iter().map(|part| part[rng.next_u32() as usize % part.len()]).sum();
    normalized(&(0..n).map(|_| sum()).collect::<Vec<G1>>())
}

fn loops_of<B: Backend>(backend: B, k: u32) -> Vec<Loop> {
    let n = 1usize << k;
    let mut rng = ChaCha20Rng::seed_from_u64(0);
    let values: Vec<Fr> = (0..n).map(|_| Fr::random(&mut rng)).collect();
    let bases = bases(n, &mut rng);
    let small: Vec<Fr> =
        (0..n).map(|i| if i + 6 < n { Fr::from(i as u64 % 251) } else { values[i] }).collect();
    let repeated: Vec<Fr> = (0..n).map(|i| values[i % 128]).collect();

    let mut products = Products::new(backend, &values);
    let inverse = Rc::new(Fft::new(backend, k, 4, 6));
    let extend = inverse.clone();
    let coefficients = inverse.interpolate(values.clone(), &Unwatched).expect("nobody stops it");
    let mut extended = Vec::new();
    let table = Rc::new(Table::new(backend, &bases, Windows::for_bases(n), &Arc::default()));
    let multiply = |name, operations, scalars: Vec<Fr>| {
        let table = table.clone();
        Loop::new(name, operations, move || {
            std::hint::black_box(table.multiply(&scalars, Spread::One, &Unwatched).is_ok());
        })
    };
    vec![
        Loop::new("field multiplication", n, move || products.run()),
        Loop::new("inverse transform", n / 2 * k as usize, {
            let values = values.clone();
            move || {
                std::hint::black_box(inverse.interpolate(values.clone(), &Unwatched).is_ok());
            }
        }),
        Loop::new("transform to a coset", n / 2 * k as usize, move || {
            std::hint::black_box(extend.extend(&coefficients, 1, &mut extended, &Unwatched).is_ok());
        }),
        multiply("sum over bases, full scalars", additions(n), values),
        multiply("sum over bases, bytes", n, small),
        multiply("sum over bases, 128 scalars", additions(n), repeated),
    ]
}

/// Independent multiplications.
struct Products<B: Backend> {
    backend: B,
    a: Vec<Pack<B>>,
    out: Vec<Pack<B>>,
}

impl<B: Backend> Products<B> {
    fn new(backend: B, values: &[Fr]) -> Self {
        let fft = Fft::new(backend, values.len().ilog2(), 1, 1);
        let a = fft.pack(values);
        Self { backend, out: a.clone(), a }
    }

    fn run(&mut self) {
        self.backend.vectorize(Multiply { a: &self.a, out: &mut self.out });
    }
}

struct Multiply<'a, B: Backend> {
    a: &'a [Pack<B>],
    out: &'a mut [Pack<B>],
}

impl<B: Backend> Kernel<B> for Multiply<'_, B> {
    type Output = ();

    #[inline(always)]
    fn run(self, backend: B) {
        let k = backend.scalars();
        for (out, a) in self.out.iter_mut().zip(self.a) {
            *out = k.mul(out, a);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn nanoseconds(of: &mut Loop) -> f64 {
        let mut times: Vec<f64> = (0..9)
            .map(|_| {
                let start = Instant::now();
                of.run();
                start.elapsed().as_secs_f64()
            })
            .collect();
        times.sort_by(f64::total_cmp);
        // The least disturbed run.
        times[0] * 1e9 / of.operations as f64
    }

    /// A butterfly is a multiplication, an addition and a subtraction; a sum of points six multiplications and what
    /// the memory costs. Code that is not inlined into what is vectorized is ten times slower than that.
    #[test]
    #[cfg_attr(debug_assertions, ignore = "means nothing without optimization")]
    fn inner_loops_cost_what_their_multiplications_cost() {
        for choice in [Choice::Scalar, Choice::Fastest] {
            let Some(mut loops) = loops(choice, 13) else {
                println!("SKIPPED: this processor has no AVX-512 IFMA; the cost of lanes is not tested");
                continue;
            };
            let product = nanoseconds(&mut loops[0]);
            for (index, limit) in [(1, 4.0), (2, 4.0), (3, 40.0)] {
                let cost = nanoseconds(&mut loops[index]) / product;
                println!("{choice:?}: {}: {cost:.1} multiplications of {product:.1} ns", loops[index].name);
                assert!(cost < limit, "{choice:?}: {}: {cost:.1} multiplications", loops[index].name);
            }
        }
    }
}
