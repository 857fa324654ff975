//! What a key commits to: the fixed cells and the copies of the layout, all of them and no others.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use halo2_proofs::{
    dev::MockProver,
    halo2curves::{
        bn256::{Fr, G1Affine},
        ff::Field,
        group::Curve,
    },
    plonk::{Any, keygen_vk},
    poly::{
        commitment::{Blind, Params, ParamsProver},
        ipa::commitment::ParamsIPA,
    },
};
use lemma_verifier::index::AdviceColumn;
use rayon::prelude::*;

use super::case::Case;
use crate::{cells::ByRow, circuit::LemmaCircuit, layout::Layout};

/// Column of the permutation argument, row.
type Cell = (usize, usize);

/// Cells that are equal to each other, each set once, without those that are equal to nothing.
type Classes = BTreeSet<BTreeSet<Cell>>;

/// The layouts of all cases.
fn layouts() -> impl Iterator<Item = Arc<Layout>> {
    Case::all().into_iter().map(|case| case.layout)
}

/// Padded to the rows of the domain.
fn columns(layout: &Layout) -> Vec<Vec<Fr>> {
    let rows = 1 << layout.shape().k;
    let padded = |column: &ByRow<Fr>| {
        let mut column = column.raw.clone();
        column.resize(rows, Fr::ZERO);
        column
    };
    layout.fixed().iter().map(padded).collect()
}

#[test]
fn a_key_commits_to_the_fixed_cells_of_the_plan() {
    let mut all: BTreeMap<u32, ParamsIPA<G1Affine>> = BTreeMap::new();
    for layout in layouts() {
        let k = layout.shape().k;
        let params = &*all.entry(k).or_insert_with(|| ParamsIPA::new(k));
        let key = keygen_vk(params, &LemmaCircuit::new(layout.clone())).unwrap();
        let domain = key.get_domain();
        let commit = |column: Vec<Fr>| {
            params.commit_lagrange(&domain.lagrange_from_vec(column), Blind::default()).to_affine()
        };
        let expected: Vec<G1Affine> = columns(&layout).into_iter().map(commit).collect();
        assert_eq!(key.fixed_commitments(), &expected);
    }
}

/// The classes of the copies that a layout lists, by the place of their columns in the permutation argument.
fn listed(layout: &Layout, places: &BTreeMap<AdviceColumn, usize>) -> Classes {
    let mut classes: BTreeMap<Cell, BTreeSet<Cell>> = BTreeMap::new();
    let mut heads: BTreeMap<Cell, Cell> = BTreeMap::new();
    layout.for_each_copy(|(from, from_row), (to, to_row)| {
        let [from, to] = [(places[&from], usize::from(from_row)), (places[&to], usize::from(to_row))];
        let [kept, merged] = [from, to].map(|cell| *heads.entry(cell).or_insert(cell));
        if kept != merged {
            let mut cells = classes.remove(&merged).unwrap_or_else(|| [merged].into());
            cells.iter().for_each(|cell| {
                heads.insert(*cell, kept);
            });
            classes.entry(kept).or_insert_with(|| [kept].into()).append(&mut cells);
        }
    });
    classes.into_values().collect()
}

/// The cycles of the library's permutation.
fn cycles(mapping: &[Vec<Cell>]) -> Classes {
    let mut classes = Classes::new();
    let mut seen: BTreeSet<Cell> = BTreeSet::new();
    for (column, cells) in mapping.iter().enumerate() {
        for row in 0..cells.len() {
            let mut cycle = BTreeSet::new();
            let mut cell = (column, row);
            while seen.insert(cell) {
                cycle.insert(cell);
                cell = mapping[cell.0][cell.1];
            }
            if cycle.len() > 1 {
                classes.insert(cycle);
            }
        }
    }
    classes
}

#[test]
fn a_key_permutes_the_copies_of_the_plan() {
    for layout in layouts() {
        let circuit = LemmaCircuit::new(layout.clone());
        let prover = MockProver::run(layout.shape().k, &circuit, vec![vec![]]).unwrap();
        let permutation = prover.permutation();
        let columns = permutation.columns().iter().enumerate();
        let places: BTreeMap<AdviceColumn, usize> = columns
            .map(|(place, column)| {
                assert!(matches!(column.column_type(), Any::Advice(_)), "only advice is copied");
                (AdviceColumn::from(column.index()), place)
            })
            .collect();
        let mapping: Vec<Vec<Cell>> = permutation.mapping().map(|column| column.collect()).collect();
        let listed = listed(&layout, &places);
        assert!(!listed.is_empty());
        assert_eq!(cycles(&mapping), listed);
    }
}
