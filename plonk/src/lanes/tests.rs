//! Lanes against the library's arithmetic, at the bounds of limbs.

use ff::Field;
use halo2_proofs::halo2curves::bn256::{Fq, Fr};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

use super::{Lanes, field::LaneField, portable::Portable, words::Words};
use crate::{
    arithmetic::{Arithmetic, Backend, Exchange, Kernel},
    limbs::{Limbs, MASK52},
};

/// Runs a check with the instructions in plain Rust, and with those of the processor where it has them.
macro_rules! on_all_words {
    ($check:ident) => {
        $check(Lanes(Portable));
        #[cfg(target_arch = "x86_64")]
        match super::Ifma::detect() {
            Some(ifma) => $check(Lanes(ifma)),
            None => println!("SKIPPED: this processor has no AVX-512 IFMA; lanes are tested in plain Rust"),
        }
    };
}

trait WithWords: Backend {
    type W: Words;
    fn words(self) -> Self::W;
}

impl WithWords for Lanes<Portable> {
    type W = Portable;
    fn words(self) -> Portable {
        self.0
    }
}

#[cfg(target_arch = "x86_64")]
impl WithWords for Lanes<super::Ifma> {
    type W = super::Ifma;
    fn words(self) -> super::Ifma {
        self.0
    }
}

fn elements<F: Limbs>() -> (Vec<F>, Vec<F>) {
    let mut rng = ChaCha20Rng::seed_from_u64(9);
    let special = [F::ZERO, F::ONE, -F::ONE, -F::from(2), F::from(u64::MAX), F::TWO_INV];
    let pairs = special.iter().flat_map(|a| special.iter().map(|b| (*a, *b)));
    let random = (0..28).map(|_| (F::random(&mut rng), F::random(&mut rng)));
    let mut pairs: Vec<(F, F)> = pairs.collect();
    pairs.extend(random);
    pairs.into_iter().unzip()
}

struct Operations<'a, W, F> {
    words: W,
    a: &'a [F],
    b: &'a [F],
}

impl<B: Backend, W: Words, F: Limbs> Kernel<B> for Operations<'_, W, F> {
    type Output = [Vec<F>; 5];

    #[inline(always)]
    fn run(self, _: B) -> [Vec<F>; 5] {
        let k = LaneField::<W, F>::new(self.words);
        let stride = self.a.len() / 8;
        let mut out = [(); 5].map(|()| vec![F::ZERO; self.a.len()]);
        for at in 0..stride {
            let (a, b) = (k.gather(self.a, stride, at), k.gather(self.b, stride, at));
            let high = k.add(&k.modulus(70), &a);
            let results = [
                k.mul(&a, &b),
                k.add(&a, &b),
                k.sub(&a, &b, &k.modulus(2)),
                k.reduce(&high),
                k.mul_add(&high, &b, &a),
            ];
            for (result, out) in results.iter().zip(&mut out) {
                k.scatter(result, out, stride, at);
            }
        }
        out
    }
}

fn operations_agree<F: Limbs>(backend: impl WithWords) {
    let (a, b) = elements::<F>();
    let out = backend.vectorize(Operations { words: backend.words(), a: &a, b: &b });
    for i in 0..a.len() {
        let want = [a[i] * b[i], a[i] + b[i], a[i] - b[i], a[i], a[i] * b[i] + a[i]];
        for (operation, want) in want.into_iter().enumerate() {
            assert_eq!(out[operation][i], want, "operation {operation} on {:?} and {:?}", a[i], b[i]);
        }
    }
}

#[test]
fn operations_are_the_librarys() {
    on_all_words!(operations_of_both_fields);
}

fn operations_of_both_fields(backend: impl WithWords) {
    operations_agree::<Fr>(backend);
    operations_agree::<Fq>(backend);
}

struct Bounds<W>(W);

impl<B: Backend, W: Words> Kernel<B> for Bounds<W> {
    type Output = Vec<([u64; 8], [u64; 8])>;

    /// Products and reductions of the largest normalised values: limbs of 2^52 - 1 throughout.
    #[inline(always)]
    fn run(self, _: B) -> Self::Output {
        let k = LaneField::<W, Fr>::new(self.0);
        let largest = [self.0.splat(MASK52); 5];
        let reduced = k.reduce(&largest);
        let mut product = k.mul(&reduced, &reduced);
        product = k.mul(&product, &largest);
        let mut pairs = Vec::new();
        for l in 0..5 {
            pairs.push((W::to_array(reduced[l]), W::to_array(product[l])));
        }
        pairs
    }
}

#[test]
fn largest_values_stay_in_bounds() {
    on_all_words!(largest_values);
}

fn largest_values(backend: impl WithWords) {
    let pairs = backend.vectorize(Bounds(backend.words()));
    let value = |pick: fn(&([u64; 8], [u64; 8])) -> u64| {
        // The value modulo p by Horner, and whether the limbs are normalised.
        pairs.iter().rev().fold(Fr::ZERO, |value, pair| {
            assert!(pick(pair) <= MASK52);
            value * Fr::from(1 << 52) + Fr::from(pick(pair))
        })
    };
    let two_260 = Fr::from(2).pow_vartime([260]);
    let largest = two_260 - Fr::ONE;
    assert_eq!(value(|pair| pair.0[3]), largest);
    let inverse = two_260.invert().unwrap();
    assert_eq!(value(|pair| pair.1[3]), largest * largest * inverse * largest * inverse);
    // Below 2p in the highest limb.
    assert!(pairs[4].0[0] <= 2 * (Fr::P[3] >> 16) + 1);
}

struct Transposed<'a>(&'a [Fr]);

impl<B: Backend> Kernel<B> for Transposed<'_> {
    type Output = Vec<Fr>;

    #[inline(always)]
    fn run(self, backend: B) -> Vec<Fr> {
        let k = backend.scalars();
        let rows = k.rows(self.0, 8, 0);
        let transposed = k.transpose(&rows);
        let mut out = vec![Fr::ZERO; 8 * 10];
        for (j, pack) in transposed.iter().enumerate() {
            k.scatter(pack, &mut out, 1, 8 * j);
        }
        k.scatter(&k.up(&rows[0]), &mut out, 1, 64);
        k.scatter(&k.down(&rows[0]), &mut out, 1, 72);
        out
    }
}

#[test]
fn elements_change_lanes() {
    on_all_words!(exchange);
}

fn exchange<B: Backend>(backend: B) {
    let elements: Vec<Fr> = (0..64).map(Fr::from).collect();
    let out = backend.vectorize(Transposed(&elements));
    let factor = <B::R as Exchange>::rows_factor();
    let at = |i: usize| out[i] * factor;
    for i in 0..8 {
        for j in 0..8 {
            assert_eq!(at(8 * j + i), Fr::from((8 * i + j) as u64));
        }
        assert_eq!(at(64 + i), Fr::from(((i + 7) % 8) as u64), "up");
        assert_eq!(at(72 + i), Fr::from(((i + 1) % 8) as u64), "down");
    }
}

/// Every instruction against its description, on words that use all bits.
#[cfg(target_arch = "x86_64")]
#[test]
fn instructions_are_those_of_the_processor() {
    struct All<W>(W);
    impl<B: Backend, W: Words> Kernel<B> for All<W> {
        type Output = Vec<[u64; 8]>;

        #[inline(always)]
        fn run(self, _: B) -> Vec<[u64; 8]> {
            let w = self.0;
            let a = W::of_array(std::array::from_fn(|i| 0xfedc_ba98_7654_3210u64.rotate_left(7 * i as u32)));
            let b = W::of_array(std::array::from_fn(|i| 0x0f1e_2d3c_4b5a_6978u64.rotate_left(11 * i as u32)));
            let c = w.splat(0x8000_0000_0000_0001);
            vec![
                W::to_array(w.add(a, b)),
                W::to_array(w.sub(a, b)),
                W::to_array(w.madd_low(c, a, b)),
                W::to_array(w.madd_high(c, a, b)),
                W::to_array(w.right::<12>(a)),
                W::to_array(w.right_signed::<12>(a)),
                W::to_array(w.left::<12>(a)),
                W::to_array(w.and(a, b)),
                W::to_array(w.or(a, b)),
                W::to_array(w.blend(0b1010_0110, a, b)),
                W::to_array(w.interleave_low(a, b)),
                W::to_array(w.interleave_high(a, b)),
                W::to_array(w.even_pairs(a, b)),
                W::to_array(w.odd_pairs(a, b)),
                W::to_array(w.rotate_up(a)),
                W::to_array(w.rotate_down(a)),
            ]
        }
    }
    let Some(ifma) = super::Ifma::detect() else {
        println!("SKIPPED: this processor has no AVX-512 IFMA");
        return;
    };
    assert_eq!(Lanes(ifma).vectorize(All(ifma)), Lanes(Portable).vectorize(All(Portable)));
}
