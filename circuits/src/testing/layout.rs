//! The layout of a circuit as text: everything that key generation sees.

use std::fmt::Write;

use halo2_proofs::halo2curves::ff::{Field, PrimeField};
use sha2::{Digest, Sha256};

use super::{
    grid::{Cell, Grid, Kind},
    subject::Subject,
};

/// Shape, rows, gates, a digest per fixed column, and every copy.
///
/// # Panics
/// Never: writing to a string does not fail.
pub fn text(subject: &Subject, grid: &Grid) -> String {
    let mut out = String::new();
    let mut line = |text: String| writeln!(out, "{text}").expect("a string takes any text");
    line(format!("{:#?}", subject.compiled.shape()));
    line(format!("rows {}", subject.compiled.layout().rows()));
    line(format!("constraints {}", hex::encode(constraints(subject))));
    for (column, role) in subject.roles.iter().enumerate() {
        line(format!("advice {column} {role:?} phase {}", subject.system.advice_phases[column]));
    }
    for column in 0..grid.columns(Kind::Fixed) {
        let mut hash = Sha256::new();
        let mut used = 0;
        for row in 0..grid.rows() {
            let value = grid.value(Cell::fixed(column, row));
            hash.update(value.to_repr());
            used += usize::from(!bool::from(value.is_zero()));
        }
        line(format!("fixed {column} nonzero {used} sha256 {}", hex::encode(hash.finalize())));
    }
    for [from, to] in &grid.copies {
        line(format!("copy {from} = {to}"));
    }
    out
}

/// sha256 of the names and expressions of all gates.
fn constraints(subject: &Subject) -> [u8; 32] {
    let mut hash = Sha256::new();
    for constraint in &subject.system.constraints {
        hash.update(&constraint.name);
        hash.update(format!("{:?}", constraint.expression));
    }
    hash.finalize().into()
}
