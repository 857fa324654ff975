//! Multiplications against the library's.

use std::sync::Arc;

use ff::Field;
use halo2_proofs::{
    arithmetic::best_multiexp,
    halo2curves::{
        bn256::{Fr, G1, G1Affine},
        group::{Curve, Group},
    },
};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

use super::{Spread, Table, Windows, normalized, prefix_sums, repeated::Repeated};
use crate::{
    arithmetic::Backend,
    backends::on_all_backends,
    watch::{Stop, Unwatched, Watch},
};

fn bases(n: usize) -> Vec<G1Affine> {
    let mut rng = ChaCha20Rng::seed_from_u64(5);
    normalized(&(0..n).map(|_| G1::random(&mut rng)).collect::<Vec<_>>())
}

fn scalars(n: usize) -> Vec<(&'static str, Vec<Fr>)> {
    let mut rng = ChaCha20Rng::seed_from_u64(6);
    let random: Vec<Fr> = (0..n).map(|_| Fr::random(&mut rng)).collect();
    let mut one_row = vec![Fr::ZERO; n];
    one_row[n - 1] = -Fr::ONE;
    let small = |modulus: u64, offset: u64| -> Vec<Fr> {
        let blinded = n - 6.min(n);
        let value = |i: usize| Fr::from(i as u64 * 7919 % modulus) - Fr::from(offset);
        (0..n).map(|i| if i < blinded { value(i) } else { random[i] }).collect()
    };
    let half = (-Fr::ONE) * Fr::from(2).invert().unwrap();
    vec![
        ("zero", vec![Fr::ZERO; n]),
        ("equal", vec![random[0]; n]),
        ("one row", one_row),
        ("p - 1", vec![-Fr::ONE; n]),
        ("(p - 1) / 2", vec![half; n]),
        ("(p + 1) / 2", vec![half + Fr::ONE; n]),
        ("8 bits", small(256, 128)),
        ("15 bits", small(32768, 0)),
        ("powers of two", (0..n).map(|i| Fr::from(2).pow_vartime([i as u64 % 254])).collect()),
        ("repeated", (0..n).map(|i| if i % 5 == 0 { random[i] } else { random[i % 9] }).collect()),
        ("random", random),
    ]
}

fn agree<B: Backend>(backend: B, n: usize, windows: Windows) {
    let bases = bases(n);
    let table = Table::new(backend, &bases, windows, &Arc::default());
    for (name, scalars) in scalars(n) {
        let want = best_multiexp(&scalars, &bases).to_affine();
        for spread in [Spread::One, Spread::All] {
            let got = table.multiply(&scalars, spread, &Unwatched).unwrap().to_affine();
            assert_eq!(got, want, "{name}, {n} bases, {windows:?}, {spread:?}");
        }
        let fewer = &scalars[..n / 2];
        let want = best_multiexp(fewer, &bases[..n / 2]).to_affine();
        assert_eq!(table.multiply(fewer, Spread::One, &Unwatched).unwrap().to_affine(), want, "{name}");
    }
}

#[test]
fn multiplications_are_the_librarys() {
    on_all_backends!(|backend| {
        agree(backend, 1 << 11, Windows::for_bases(1 << 11));
        agree(backend, 75, Windows { bits: 5, stride: 1 });
        agree(backend, 75, Windows { bits: 7, stride: 3 });
        agree(backend, 130, Windows::without_table(130));
    });
    agree(crate::scalar::Scalar, 1 << 12, Windows { bits: 16, stride: 1 });
    agree(crate::scalar::Scalar, 2, Windows::without_table(2));
    agree(crate::scalar::Scalar, 300, Windows { bits: 3, stride: 100 });
}

/// Bases that meet themselves and their negatives: P + P and P - P.
#[test]
fn equal_and_opposite_points_are_added() {
    let mut bases = bases(64);
    for i in 0..32 {
        bases[2 * i + 1] = if i % 2 == 0 { bases[2 * i] } else { -bases[2 * i] };
    }
    on_all_backends!(|backend| {
        let table = Table::new(backend, &bases, Windows { bits: 6, stride: 1 }, &Arc::default());
        for scalars in [vec![Fr::from(77); 64], vec![-Fr::ONE; 64]] {
            let want = best_multiexp(&scalars, &bases).to_affine();
            let got = table.multiply(&scalars, Spread::One, &Unwatched).unwrap().to_affine();
            assert_eq!(got, want);
            let got = table.multiply(&scalars, Spread::All, &Unwatched).unwrap().to_affine();
            assert_eq!(got, want);
        }
    });
}

#[test]
fn prefix_sums_sum_by_parts() {
    let bases = bases(100);
    let sums = prefix_sums(&bases).unwrap();
    let values: Vec<Fr> = (0..100).map(|i| Fr::from(i / 7)).collect();
    let differences: Vec<Fr> =
        (0..100).map(|i| values[i] - values.get(i + 1).copied().unwrap_or(Fr::ZERO)).collect();
    assert_eq!(best_multiexp(&differences, &sums).to_affine(), best_multiexp(&values, &bases).to_affine());
    let base = bases[0];
    assert!(prefix_sums(&[base, -base]).is_none());
}

#[test]
fn a_multiplication_stops_when_told_to() {
    struct Stopped;
    impl Watch for Stopped {
        fn cancelled(&self) -> bool {
            true
        }
    }
    let table = Table::new(crate::scalar::Scalar, &bases(8), Windows::for_bases(8), &Arc::default());
    assert_eq!(table.multiply(&[Fr::from(5); 8], Spread::One, &Stopped), Err(Stop));
    assert_eq!(table.multiply(&[Fr::from(5); 8], Spread::All, &Stopped), Err(Stop));
}

#[test]
fn repeated_scalars_are_found_where_most_are() {
    let [repeated, random, small] = ["repeated", "random", "8 bits"].map(|name| {
        let (_, scalars) = scalars(1 << 12).into_iter().find(|(of, _)| *of == name).unwrap();
        scalars
    });
    assert!(Repeated::find(&random).is_none() && Repeated::find(&small).is_none());
    let few = repeated[1..].iter().step_by(5);
    let found = Repeated::find(&repeated).unwrap();
    assert_eq!(found.scalars.len(), 9);
    assert_eq!(found.bases.len(), 9);
    assert!(few.clone().count() > 0 && few.clone().all(|scalar| found.scalars.contains(scalar)));
    let kept = found.others.iter().zip(&repeated).filter(|(kept, scalar)| kept == scalar).count();
    assert_eq!(kept + found.bases.entries.len(), repeated.len());
}
