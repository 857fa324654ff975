//! The constraints of a proof, in the order in which the verifier joins them.

use ff::{Field, PrimeField};
use halo2_proofs::{
    halo2curves::bn256::Fr,
    plonk::{Any, ConstraintSystem, Expression},
};

use super::{
    Challenges,
    graph::{Cell, Column, Graph, NodeId},
    sums::Combinations,
};

/// A constraint: an expression, times a cell that switches it on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Constraint {
    /// The switch, where there is one; constraints with the same switch are multiplied with it once.
    pub(super) switch: Option<Cell>,
    /// What must be 0 there.
    pub(super) body: NodeId,
}

/// All constraints.
#[derive(Debug)]
pub(super) struct Constraints(pub(super) Vec<Constraint>);

impl Constraints {
    /// The gates, then the permutation argument.
    pub(super) fn new(
        system: &ConstraintSystem<Fr>,
        challenges: &Challenges,
        graph: &mut Graph,
        combinations: &Combinations,
    ) -> Self {
        let gates = system.gates().iter().flat_map(|gate| gate.polynomials());
        let mut constraints: Vec<Constraint> = gates
            .map(|polynomial| {
                let (switch, body) = match switch(polynomial) {
                    Some((cell, body)) if !combinations.contains(cell.column) => (Some(cell), body),
                    _ => (None, polynomial),
                };
                Constraint { switch, body: graph.expression(body, &challenges.circuit, combinations) }
            })
            .collect();
        constraints.extend(permutation(system, challenges, graph));
        Self(constraints)
    }
}

/// The fixed cell that a gate's polynomial is multiplied with.
fn switch(polynomial: &Expression<Fr>) -> Option<(Cell, &Expression<Fr>)> {
    let Expression::Product(switch, body) = polynomial else { return None };
    let Expression::Fixed(query) = &**switch else { return None };
    let cell = Cell { column: Column::Fixed(query.column_index()), rotation: query.rotation().0 };
    Some((cell, body))
}

/// How many columns share a permutation product: their factors, the product and a switch make up the degree.
pub(crate) fn columns_per_product(system: &ConstraintSystem<Fr>) -> usize {
    system.degree() - 2
}

/// The constraints of the permutation products `z_0, z_1, ..`, each of a few columns `v_j`:
///
/// * `z_0 = 1` on the first row, and `z_i` there is the end of `z_(i-1)`;
/// * the last product ends in 0 or 1;
/// * `z_i(next) prod_j (v_j + beta sigma_j + gamma) = z_i prod_j (v_j + beta delta^j X + gamma)` on usable rows.
fn permutation(system: &ConstraintSystem<Fr>, challenges: &Challenges, graph: &mut Graph) -> Vec<Constraint> {
    let columns = system.permutation().get_columns();
    let end = -(system.blinding_factors() as i32 + 1);
    let per_product = columns_per_product(system);
    let products = columns.len().div_ceil(per_product);
    let (first, last) = (Some(Cell::here(Column::First)), Some(Cell::here(Column::Last)));
    let mut constraints = Vec::new();
    if products == 0 {
        return constraints;
    }
    let one = graph.constant(Fr::ONE);
    let start = graph.cell(Cell::here(Column::Product(0)));
    constraints.push(Constraint { switch: first, body: graph.difference(one, start) });
    let close = graph.cell(Cell::here(Column::Product(products - 1)));
    let square = graph.product(close, close);
    constraints.push(Constraint { switch: last, body: graph.difference(square, close) });
    for i in 1..products {
        let start = graph.cell(Cell::here(Column::Product(i)));
        let before = graph.cell(Cell { column: Column::Product(i - 1), rotation: end });
        constraints.push(Constraint { switch: first, body: graph.difference(start, before) });
    }
    let (beta, gamma) = (graph.constant(challenges.beta), graph.constant(challenges.gamma));
    let point = graph.cell(Cell::here(Column::Point));
    for (i, set) in columns.chunks(per_product).enumerate() {
        let mut left = graph.cell(Cell { column: Column::Product(i), rotation: 1 });
        let mut right = graph.cell(Cell::here(Column::Product(i)));
        for (j, column) in set.iter().enumerate() {
            let index = i * per_product + j;
            let value = graph.cell(Cell::here(match column.column_type() {
                Any::Advice(_) => Column::Advice(column.index()),
                Any::Fixed => Column::Fixed(column.index()),
                Any::Instance => Column::Instance(column.index()),
            }));
            let shifted = graph.sum(value, gamma);
            let sigma = graph.cell(Cell::here(Column::Sigma(index)));
            let moved = graph.product(beta, sigma);
            let factor = graph.sum(shifted, moved);
            left = graph.product(left, factor);
            let own = graph.constant(challenges.beta * Fr::DELTA.pow_vartime([index as u64]));
            let stayed = graph.product(own, point);
            let factor = graph.sum(shifted, stayed);
            right = graph.product(right, factor);
        }
        let body = graph.difference(left, right);
        constraints.push(Constraint { switch: Some(Cell::here(Column::Usable)), body });
    }
    constraints
}
