//! All constraints of a circuit as one straight-line program over blocks of rows.
//!
//! The numerator of the quotient is `sum_i y^(m-1-i) c_i` of the constraints `c_0, .., c_(m-1)`: the gates, then the
//! permutation argument. With the challenges known, it becomes a graph whose equal parts are one node
//! ([`graph`]), and the graph a sequence of operations on registers ([`schedule`]), each carried out for a block of
//! rows before the next ([`run`]). Columns that occur only in one weighted sum are summed beforehand ([`sums`]).

mod constraints;
mod graph;
pub(crate) mod run;
mod schedule;
pub(crate) mod sums;
#[cfg(test)]
mod tests;

use halo2_proofs::{halo2curves::bn256::Fr, plonk::ConstraintSystem};

use constraints::Constraints;
pub(crate) use constraints::columns_per_product;
use graph::Graph;
pub(crate) use graph::{Cell, Column};
use schedule::Schedule;
pub(crate) use schedule::{Instruction, Operand};
use sums::Combinations;

/// What the verifier has answered before the quotient is computed.
#[derive(Clone, Debug)]
pub(crate) struct Challenges {
    /// Those of the circuit.
    pub(crate) circuit: Vec<Fr>,
    /// Of the permutation argument.
    pub(crate) beta: Fr,
    /// Of the permutation argument.
    pub(crate) gamma: Fr,
    /// Joins the constraints.
    pub(crate) y: Fr,
}

impl Challenges {
    /// Numbers in the place of challenges, to learn what the program looks like.
    pub(crate) fn placeholders(system: &ConstraintSystem<Fr>) -> Self {
        // Powers of a generator: no sum of few products of them vanishes by accident of their size.
        let mut powers =
            std::iter::successors(Some(Fr::from(5)), |power| Some(power.square() + Fr::from(11)));
        let mut next = || powers.next().expect("the sequence does not end");
        let circuit = (0..system.num_challenges()).map(|_| next()).collect();
        Self { circuit, beta: next(), gamma: next(), y: next() }
    }
}

/// The numerator of the quotient as instructions.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    /// In order.
    pub(crate) instructions: Vec<Instruction>,
    /// How many registers they use.
    pub(crate) registers: usize,
    /// Where the result is, if there are constraints.
    pub(crate) result: Option<usize>,
    /// Weighted sums of columns that are read as one column, [`Column::Combined`].
    pub(crate) combinations: Combinations,
}

impl Program {
    /// The program of a constraint system with its permutation argument.
    pub(crate) fn new(system: &ConstraintSystem<Fr>, challenges: &Challenges) -> Self {
        let mut graph = Graph::default();
        let constraints = Constraints::new(system, challenges, &mut graph, &Combinations::default());
        let combinations = Combinations::find(system, &graph, &constraints);
        let mut graph = Graph::default();
        let constraints = Constraints::new(system, challenges, &mut graph, &combinations);
        let schedule = Schedule::new(&graph, &constraints, challenges.y);
        let Schedule { instructions, registers, result, .. } = schedule;
        Self { instructions, registers, result, combinations }
    }

    /// The columns it reads.
    pub(crate) fn columns(&self) -> Vec<Column> {
        let mut columns: Vec<Column> =
            self.instructions.iter().flat_map(Instruction::cells).map(|cell| cell.column).collect();
        columns.sort_unstable();
        columns.dedup();
        columns
    }
}
