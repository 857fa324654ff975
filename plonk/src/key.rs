//! What proofs of one circuit have in common.

mod fixed;

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

pub(crate) use fixed::{FixedColumn, interpolated_sum};

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
    pub(crate) fixed: Vec<FixedColumn<B>>,
    pub(crate) sigma: Vec<FixedColumn<B>>,
    /// Of the first row, of the row behind the usable ones, and of all usable ones.
    switches: [FixedColumn<B>; 3],
    pub(crate) sets: Vec<ProductSet>,
    /// Values of fixed columns that take part in the permutation.
    pub(crate) fixed_values: HashMap<usize, Vec<Fr>>,
    /// `omega^i`, as scalars and as packs.
    pub(crate) omegas: Vec<Fr>,
    pub(crate) omega_packs: Vec<Pack<B>>,
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
        let reversed = |polynomial: &[Fr]| FixedColumn::Coefficients(fft.reverse(polynomial));
        Self {
            degree,
            transcript_repr: verifying.transcript_repr(),
            fixed: key.fixed_polys().iter().map(|polynomial| reversed(polynomial)).collect(),
            sigma: key.permutation().polys().iter().map(|polynomial| reversed(polynomial)).collect(),
            switches: [reversed(key.l0()), reversed(key.l_last()), reversed(key.l_active_row())],
            sets: product_sets(key, &omegas),
            fixed_values: fixed_in_permutation(key),
            omega_packs: fft.pack(&omegas),
            omegas,
            system,
            fft,
        }
    }

    /// Extends what constraints read of the columns that no proof changes to all cosets, once.
    fn keep_cosets(&mut self) {
        let read = Program::new(&self.system, &Challenges::placeholders(&self.system)).columns();
        let fft = &self.fft;
        let fixed = self.fixed.iter_mut().enumerate().map(|(i, column)| (Column::Fixed(i), column));
        let sigma = self.sigma.iter_mut().enumerate().map(|(i, column)| (Column::Sigma(i), column));
        let switches = [Column::First, Column::Last, Column::Usable].into_iter().zip(&mut self.switches);
        // Allocated by this thread: allocators give a thread back what it has freed, here the library's key.
        let room = || fft.shifts().iter().map(|_| fft.room()).collect::<Vec<_>>();
        let columns: Vec<_> = fixed
            .chain(sigma)
            .chain(switches)
            .filter(|(name, _)| read.contains(name))
            .map(|(_, column)| (column, room()))
            .collect();
        columns.into_par_iter().for_each(|(column, room)| column.keep_cosets(fft, room));
    }

    /// A column that no proof changes.
    pub(crate) fn unchanging(&self, column: Column) -> Option<&FixedColumn<B>> {
        match column {
            Column::Fixed(i) => Some(&self.fixed[i]),
            Column::Sigma(i) => Some(&self.sigma[i]),
            Column::First => Some(&self.switches[0]),
            Column::Last => Some(&self.switches[1]),
            Column::Usable => Some(&self.switches[2]),
            _ => None,
        }
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
