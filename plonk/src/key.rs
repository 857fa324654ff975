//! What proofs of one circuit have in common.

use std::collections::HashMap;

use ff::{Field, PrimeField};
use halo2_proofs::{
    halo2curves::bn256::{Fr, G1Affine},
    plonk::{Any, ConstraintSystem, ProvingKey},
};
use rayon::prelude::*;

use crate::{
    arithmetic::{Backend, Pack},
    fft::{Fft, powers},
    program::{Challenges, Column, Program, columns_per_product},
};

/// Columns of a permutation product, and the rows on which it can change.
#[derive(Debug)]
pub(crate) struct ProductSet {
    /// The columns, each with `delta^j` of its place j in the whole permutation.
    pub(crate) columns: Vec<(halo2_proofs::plonk::Column<Any>, Fr)>,
    /// Rows with a cell that is copied; on others numerator and denominator are equal.
    pub(crate) rows: Vec<u32>,
    /// Where the cells of these rows are sent, row by row.
    pub(crate) sigma: Vec<Fr>,
}

/// A circuit's fixed polynomials in a backend's form.
pub(crate) struct Key<B: Backend> {
    pub(crate) fft: Fft<B>,
    pub(crate) system: ConstraintSystem<Fr>,
    pub(crate) degree: usize,
    pub(crate) transcript_repr: Fr,
    /// Coefficients in reversed order.
    pub(crate) fixed: Vec<Vec<Pack<B>>>,
    pub(crate) sigma: Vec<Vec<Pack<B>>>,
    /// Of the first row, of the row behind the usable ones, and of all usable ones.
    switches: [Vec<Pack<B>>; 3],
    pub(crate) sets: Vec<ProductSet>,
    /// Values of fixed columns that take part in the permutation.
    pub(crate) fixed_values: HashMap<usize, Vec<Fr>>,
    /// `omega^i`, as scalars and as packs.
    pub(crate) omegas: Vec<Fr>,
    pub(crate) omega_packs: Vec<Pack<B>>,
    /// Per coset, values of the columns that no proof changes.
    kept: Option<Vec<HashMap<Column, Vec<Pack<B>>>>>,
}

/// The largest rotation at which anything is read, in rows.
pub(crate) fn largest_rotation(system: &ConstraintSystem<Fr>) -> usize {
    let advice = system.advice_queries().iter().map(|query| query.1.0);
    let fixed = system.fixed_queries().iter().map(|query| query.1.0);
    let instance = system.instance_queries().iter().map(|query| query.1.0);
    let queried = advice.chain(fixed).chain(instance).map(i32::unsigned_abs).max().unwrap_or(0) as usize;
    // The next row and the end of a product.
    queried.max(system.blinding_factors() + 1)
}

/// Cosets on which the quotient of a system of this degree is computed.
pub(crate) fn cosets(degree: usize) -> usize {
    (degree - 1).next_power_of_two()
}

impl<B: Backend> Key<B> {
    /// Prepares a circuit's key. The library's is gone before the values on cosets are made.
    pub(crate) fn new(backend: B, key: ProvingKey<G1Affine>, keep_cosets: bool) -> Self {
        let mut prepared = Self::without_cosets(backend, &key);
        drop(key);
        if keep_cosets {
            prepared.keep_cosets();
        }
        prepared
    }

    fn without_cosets(backend: B, key: &ProvingKey<G1Affine>) -> Self {
        let verifying = key.get_vk();
        let system = verifying.cs().clone();
        let k = verifying.get_domain().k();
        let degree = system.degree();
        let fft = Fft::new(backend, k, cosets(degree), largest_rotation(&system));
        let omegas = powers(fft.omega(), fft.n());
        let reversed = |polynomial: &[Fr]| fft.reverse(polynomial);
        Self {
            degree,
            transcript_repr: verifying.transcript_repr(),
            fixed: key.fixed_polys().par_iter().map(|polynomial| reversed(polynomial)).collect(),
            sigma: key.permutation().polys().par_iter().map(|polynomial| reversed(polynomial)).collect(),
            switches: [reversed(key.l0()), reversed(key.l_last()), reversed(key.l_active_row())],
            sets: product_sets(key, &omegas),
            fixed_values: fixed_in_permutation(key),
            omega_packs: fft.pack(&omegas),
            omegas,
            kept: None,
            system,
            fft,
        }
    }

    /// Extends everything that no proof changes to all cosets, once.
    fn keep_cosets(&mut self) {
        let program = Program::new(&self.system, &Challenges::placeholders(&self.system));
        let columns: Vec<Column> =
            program.columns().into_iter().filter(|column| self.coefficients(*column).is_some()).collect();
        let extended = |coset: usize, column: Column| {
            let mut out = Vec::new();
            self.fft.extend(self.coefficients(column).expect("filtered above"), coset, &mut out);
            (column, out)
        };
        let kept = (0..self.fft.shifts().len())
            .map(|coset| columns.par_iter().map(|column| extended(coset, *column)).collect())
            .collect();
        self.kept = Some(kept);
    }

    /// Coefficients of a column that no proof changes.
    pub(crate) fn coefficients(&self, column: Column) -> Option<&[Pack<B>]> {
        match column {
            Column::Fixed(i) => Some(&self.fixed[i]),
            Column::Sigma(i) => Some(&self.sigma[i]),
            Column::First => Some(&self.switches[0]),
            Column::Last => Some(&self.switches[1]),
            Column::Usable => Some(&self.switches[2]),
            _ => None,
        }
    }

    /// Values on a coset of a column that no proof changes, if they were kept.
    pub(crate) fn kept(&self, coset: usize, column: Column) -> Option<&[Pack<B>]> {
        self.kept.as_ref()?[coset].get(&column).map(|values| &values[..])
    }

    /// The first row of which blinding takes the place of values.
    pub(crate) fn usable_rows(&self) -> usize {
        self.fft.n() - (self.system.blinding_factors() + 1)
    }
}

fn product_sets(key: &ProvingKey<G1Affine>, omegas: &[Fr]) -> Vec<ProductSet> {
    let system = key.get_vk().cs();
    let per_product = columns_per_product(system);
    let columns = system.permutation().get_columns();
    let sigma = key.permutation().permutations();
    let mut delta = Fr::ONE;
    let with_delta: Vec<_> = columns
        .iter()
        .map(|column| {
            let own = delta;
            delta *= Fr::DELTA;
            (*column, own)
        })
        .collect();
    with_delta
        .par_chunks(per_product)
        .zip(sigma.par_chunks(per_product))
        .map(|(columns, sigma)| {
            let moved = |row: &u32| {
                let row = *row as usize;
                columns.iter().zip(sigma).any(|((_, delta), sigma)| sigma[row] != *delta * omegas[row])
            };
            let rows: Vec<u32> = (0..omegas.len() as u32).filter(moved).collect();
            let sigma = rows.iter().flat_map(|row| sigma.iter().map(|sigma| sigma[*row as usize])).collect();
            ProductSet { columns: columns.to_vec(), rows, sigma }
        })
        .collect()
}

fn fixed_in_permutation(key: &ProvingKey<G1Affine>) -> HashMap<usize, Vec<Fr>> {
    let columns = key.get_vk().cs().permutation().get_columns();
    columns
        .iter()
        .filter(|column| matches!(column.column_type(), Any::Fixed))
        .map(|column| (column.index(), key.fixed_values()[column.index()].to_vec()))
        .collect()
}
