//! Transforms against the library's, and their cost against a multiplication's.

use std::{
    iter::zip,
    sync::atomic::{AtomicUsize, Ordering},
};

use ff::Field;
use halo2_proofs::{halo2curves::bn256::Fr, poly::EvaluationDomain};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

use super::Fft;
use crate::{
    arithmetic::Backend,
    backends::on_all_backends,
    columns::inner_product,
    watch::{Stop, Unwatched, Watch},
};

fn columns(n: usize) -> Vec<Vec<Fr>> {
    let mut rng = ChaCha20Rng::seed_from_u64(4);
    let mut last = vec![Fr::ZERO; n];
    last[n - 1] = -Fr::ONE;
    vec![
        (0..n).map(|_| Fr::random(&mut rng)).collect(),
        vec![Fr::ZERO; n],
        vec![-Fr::ONE; n],
        last,
        (0..n).map(|i| Fr::from(i as u64)).collect(),
    ]
}

fn agree<B: Backend>(backend: B, k: u32, cosets: usize) {
    let n = 1usize << k;
    let rotation = 3.min(n / 16);
    let fft = Fft::new(backend, k, cosets, rotation);
    let domain = EvaluationDomain::<Fr>::new(cosets as u32 + 1, k);
    for column in columns(n) {
        let coefficients = fft.interpolate(column.clone(), &Unwatched).unwrap();
        let library = domain.lagrange_to_coeff(domain.lagrange_from_vec(column.clone()));
        assert_eq!(fft.natural(&coefficients), library[..], "inverse, k {k}");
        assert_eq!(fft.unpack(&fft.reverse(&library)), fft.unpack(&coefficients));
        for coset in 0..cosets {
            let mut extended = Vec::new();
            fft.extend(&coefficients, coset, &mut extended, &Unwatched).unwrap();
            let factor = domain.get_extended_omega().pow_vartime([coset as u64]);
            let part = domain.coeff_to_extended_part(library.clone(), factor);
            for rotation in -(rotation as i32)..=rotation as i32 {
                let at = (fft.padding() as i32 + rotation) as usize;
                let got = fft.unpack(&extended[at..at + fft.packs()]);
                for (i, got) in got.into_iter().enumerate() {
                    let row = (i as i32 + rotation).rem_euclid(n as i32) as usize;
                    assert_eq!(got, part[row], "coset {coset}, rotation {rotation}, k {k}");
                }
            }
            // f on the coset, divided by the vanishing polynomial and interpolated, times its value there.
            let mut back = fft.without_padding(&extended).to_vec();
            fft.quotient(&mut back, coset, &Unwatched).unwrap();
            let vanishing = fft.shifts()[coset].pow_vartime([n as u64]) - Fr::ONE;
            for (got, want) in zip(fft.unpack(&back), fft.unpack(&coefficients)) {
                assert_eq!(got * vanishing, want);
            }
        }
    }
    let x = Fr::from(3).pow_vartime([77]);
    for column in columns(n) {
        let coefficients = fft.interpolate(column.clone(), &Unwatched).unwrap();
        let mut extended = Vec::new();
        fft.extend(&coefficients, 0, &mut extended, &Unwatched).unwrap();
        let value = inner_product(backend, fft.without_padding(&extended), &fft.weights(x));
        assert_eq!(value, inner_product(backend, &coefficients, &fft.powers(x)), "k {k}");
    }
    assert_eq!(fft.natural(&fft.powers(x)), super::powers(x, n));
    assert_eq!(fft.rotate(x, -1) * fft.omega(), x);
}

#[test]
fn transforms_are_the_librarys() {
    for k in [4, 5, 6, 7, 9, 11] {
        agree(crate::scalar::Scalar, k, 4);
    }
    agree(crate::scalar::Scalar, 8, 2);
    agree(crate::scalar::Scalar, 8, 8);
    on_all_backends!(|backend| for k in [9, 10, 11, 12, 13] {
        agree(backend, k, 4);
    });
}

/// Allows so many questions.
struct Allows(AtomicUsize);

impl Watch for Allows {
    fn cancelled(&self) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_err()
    }
}

#[test]
fn transforms_ask_whether_to_go_on() {
    on_all_backends!(|backend| {
        let fft = Fft::new(backend, 13, 1, 1);
        let column = &columns(1 << 13)[0];
        let coefficients = fft.interpolate(column.clone(), &Unwatched).unwrap();
        let mut values = vec![coefficients[0]; fft.packs()];
        let mut extended = Vec::new();
        let never = Allows(AtomicUsize::new(0));
        assert_eq!(fft.interpolate(column.clone(), &never).map(drop), Err(Stop));
        assert_eq!(fft.extend(&coefficients, 0, &mut extended, &never), Err(Stop));
        assert_eq!(fft.quotient(&mut values, 0, &never), Err(Stop));
        let once = Allows(AtomicUsize::new(1));
        assert_eq!(fft.extend(&coefficients, 0, &mut extended, &once), Err(Stop));
    });
}
