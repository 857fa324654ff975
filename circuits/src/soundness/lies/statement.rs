//! Lies about the statement's bytes.

use super::{Lie, OPERATOR, PUBLIC};
use crate::{
    index::{Member, Position},
    place::Content,
    roles::Role,
    soundness::case::{Case, Caught, Told},
};

/// The input with its first element changed.
fn other_input(case: &Case) -> Vec<i32> {
    let mut input = case.input.clone();
    input[0] = if input[0] == 127 { 126 } else { input[0] + 1 };
    input
}

/// Bytes 256 and k for the stated 0 and k + 1, in one row or in two: the same public input.
fn byte_beyond_the_type(case: &Case) -> Option<Told> {
    // Functions are of bytes: there is no coherent continuation.
    if !case.layout.forms.functions.is_empty() {
        return None;
    }
    let mut stated = case.input.clone();
    (stated[0], stated[1]) = (-128, -100);
    let honest = Case { input: stated, ..case.clone() };
    let witness = honest.lying(None, |_, tensors| (tensors[0][0], tensors[0][1]) = (128, -101));
    Some(Told::new(&honest, witness, Caught::Tables(vec![Role::Activation])))
}

/// An honest inference with another statement.
fn stated(case: &Case, input: &[i32], change: fn(&mut [i32])) -> Told {
    let witness = case.honest();
    let mut outputs = witness.outputs.clone();
    change(&mut outputs[0]);
    let public = case.public(input, &outputs);
    Told { public, ..Told::new(case, witness, PUBLIC) }
}

/// The copy of the first output's first element and the statement say one more than its home.
fn output_copy(case: &Case) -> Option<Told> {
    let tensor = case.expanded().outputs[0];
    let block = case.layout.placement.blocks.iter().find(|block| block.content == Content::Output)?;
    let (lane, row) = block.spot(Member::default(), Position::default());
    let mut witness = case.honest();
    let by = if witness.outputs[0][0] == case.expanded().tensor(tensor).elem.max() { -1 } else { 1 };
    let column = case.layout.columns.banks[block.bank].lanes[lane].cells.activation();
    witness.columns[column][row] += i64::from(by);
    witness.outputs[0][0] += by;
    Some(Told::new(case, witness, Caught::By(&["copy"])))
}

/// Everything of another inference but the first stated byte of the input.
fn other_operands(case: &Case) -> Option<Told> {
    let mut witness = case.of(&other_input(case));
    let (column, row) = case.layout.activation(case.input_tensor(), 0);
    witness.columns[column][row] = case.honest().columns[column][row];
    Some(Told::new(case, witness, OPERATOR))
}

pub(super) const LIES: &[Lie] = &[
    Lie {
        role: Role::Activation,
        what: "the input in the circuit is not the statement's",
        tell: |case| Some(Told::new(case, case.of(&other_input(case)), PUBLIC)),
    },
    Lie {
        role: Role::Activation,
        what: "the input in the statement is not the circuit's",
        tell: |case| Some(stated(case, &other_input(case), |_| {})),
    },
    Lie {
        role: Role::Activation,
        what: "the output in the statement is not the circuit's",
        tell: |case| Some(stated(case, &case.input, |outputs| outputs.rotate_left(1))),
    },
    Lie { role: Role::Activation, what: "a copied output is not its home", tell: output_copy },
    Lie { role: Role::Activation, what: "the operators read another input", tell: other_operands },
    Lie { role: Role::Activation, what: "an input byte of 256", tell: byte_beyond_the_type },
];
