//! The circuits of every committed model that has banks, under both schemes, against the models' definitions.

use rayon::prelude::*;

use super::{algebra, control, views, widths};
use crate::{banks::BankPlan, ir::Model, plan::Scheme, soundness::fixtures};

/// SOUNDNESS.md, section *Error*: the degrees of the identities stay below this power of two.
const DEGREE_BITS: u32 = 23;

#[test]
fn the_circuits_of_every_fixture_are_their_models() {
    let models = fixtures::with_banks();
    let check = |(path, model): &(String, Model)| -> [usize; 3] {
        let of_scheme = |scheme| {
            let plan = BankPlan::of(model, scheme).unwrap_or_else(|error| panic!("{path}: {error}"));
            println!("{path}, {scheme:?}");
            assert!(widths::degrees(&plan) < 1 << DEGREE_BITS, "degrees sum to {}", widths::degrees(&plan));
            [algebra::check(&plan), control::check(&plan).bytes, views::check(&plan, model)]
        };
        let [kzg, ipa] = [Scheme::Kzg, Scheme::Ipa].map(of_scheme);
        [0, 1, 2].map(|count| kzg[count] + ipa[count])
    };
    let all: Vec<[usize; 3]> = models.par_iter().with_max_len(1).map(check).collect();
    let [coefficients, bytes, constants] =
        [0, 1, 2].map(|count| all.iter().map(|of| of[count]).sum::<usize>());
    println!("{} models, {coefficients} coefficients, {bytes} bytes, {constants} constants", models.len());
    assert!(models.len() > 300 && coefficients > 1_000_000 && bytes > 200_000 && constants > 0);
}
