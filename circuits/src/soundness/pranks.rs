//! Every lie is rejected by the constraints that it names and by no other; and a circuit with another layout rejects
//! the truth.

use std::{collections::BTreeSet, sync::Arc};

use halo2_proofs::{
    dev::{MockProver, VerifyFailure},
    halo2curves::{bn256::Fr, ff::Field},
    plonk::Circuit,
};
use lemma_verifier::index::{RowId, each};

use super::{
    case::{Case, Caught},
    lies,
};
use crate::{
    circuit::LemmaCircuit,
    equations::{Factor, Region},
    ir::TensorId,
    layout::Layout,
    roles::Role,
    witness::Witness,
};

/// What a broken copy is called.
const COPY: &str = "copy";

/// The names of the constraints that reject a circuit.
pub(super) fn constraints_against(circuit: &LemmaCircuit, public: Vec<Fr>) -> BTreeSet<String> {
    let prover = MockProver::run(circuit.params().k, circuit, vec![public]).unwrap();
    let failures = prover.verify().err().unwrap_or_default();
    failures
        .into_iter()
        .map(|failure| match failure {
            VerifyFailure::ConstraintNotSatisfied { constraint, .. } => {
                // "Constraint 0 ('name') in gate 3 ('name')"
                constraint.to_string().split('\'').nth(1).unwrap_or_default().to_owned()
            }
            VerifyFailure::Permutation { .. } => COPY.to_owned(),
            other => other.to_string(),
        })
        .collect()
}

#[test]
fn honest_inferences_are_accepted() {
    for case in Case::all() {
        let len = case.input.len();
        for input in [case.input.clone(), vec![-128; len], vec![127; len]] {
            let witness = case.of(&input);
            let public = case.public(&input, &witness.outputs);
            let circuit = LemmaCircuit::with_witness(case.layout.clone(), witness);
            assert_eq!(constraints_against(&circuit, public), BTreeSet::new(), "{}", case.name);
        }
    }
}

#[test]
fn every_lie_is_rejected_by_its_constraints() {
    let (mut wrong, mut told_lies) = (Vec::new(), 0);
    for case in Case::all() {
        for lie in lies::all() {
            let Some(told) = (lie.tell)(&case) else { continue };
            told_lies += 1;
            let missing = case.missing(&told.witness);
            let (names, tables): (Vec<&str>, BTreeSet<Role>) = match told.caught.clone() {
                Caught::By(names) => (names.to_vec(), BTreeSet::new()),
                Caught::Tables(roles) => (vec!["lookup sum boundary"], roles.into_iter().collect()),
                Caught::TablesAnd(roles, name) => {
                    (vec!["lookup sum boundary", name], roles.into_iter().collect())
                }
            };
            let names: BTreeSet<String> = names.into_iter().map(str::to_owned).collect();
            let public = told.public.clone();
            let rejecting = constraints_against(&told.circuit(&case), public);
            if (&missing, &rejecting) != (&tables, &names) {
                wrong.push(format!(
                    "{}, {}: {names:?} {tables:?}, but {rejecting:?} {missing:?}",
                    case.name, lie.what
                ));
            }
        }
    }
    println!("{told_lies} lies");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The manifest: a new kind of hint without lies fails here, in every circuit that has it, and so does a lie that no case
/// can tell.
#[test]
fn every_hint_of_every_case_is_lied_about() {
    let cases = Case::all();
    for case in &cases {
        let told = lies::all().into_iter().filter(|lie| (lie.tell)(case).is_some());
        let told: BTreeSet<Role> = told.map(|lie| lie.role).collect();
        let roles = LemmaCircuit::roles(&case.layout.shape).into_iter();
        let hints: BTreeSet<Role> = roles.filter(|role| role.is_hint()).collect();
        let missing: Vec<_> = hints.difference(&told).collect();
        assert!(missing.is_empty(), "{}: no lie about {missing:?}", case.name);
    }
    for lie in lies::all() {
        assert!(cases.iter().any(|case| (lie.tell)(case).is_some()), "never told: {}", lie.what);
    }
}

/// One changed input element after another, so every byte of every public input.
#[test]
fn every_byte_of_the_statement_counts() {
    for case in Case::all() {
        let honest = case.honest();
        let circuit = LemmaCircuit::with_witness(case.layout.clone(), honest.clone());
        let by_public_input = BTreeSet::from(["public input".to_owned()]);
        let expanded = case.expanded();
        let other = |tensor: TensorId, value: i32| {
            if value == expanded.tensor(tensor).elem.max() { value - 1 } else { value + 1 }
        };
        let per_instance = usize::from(case.compiled.interface().inputs[0].bytes_per_instance);
        for element in 0..per_instance.min(case.input.len()) {
            let mut input = case.input.clone();
            input[element] = other(expanded.inputs[0], input[element]);
            let public = case.public(&input, &honest.outputs);
            let rejecting = constraints_against(&circuit, public);
            assert_eq!(rejecting, by_public_input, "{}: input {element}", case.name);
        }
        for element in 0..honest.outputs[0].len().min(31) {
            let mut outputs = honest.outputs.clone();
            outputs[0][element] = other(expanded.outputs[0], outputs[0][element]);
            let rejecting = constraints_against(&circuit, case.public(&case.input, &outputs));
            assert_eq!(rejecting, by_public_input, "{}: output {element}", case.name);
        }
    }
}

/// A change of the layout.
type Change = Box<dyn Fn(&mut Layout)>;

/// Changes after which the circuit says something else about the network.
fn changes(layout: &Layout, honest: &Witness) -> Vec<(String, Change)> {
    let mut out: Vec<(String, Change)> = Vec::new();
    for index in lies::slices(layout).into_iter().take(6) {
        if lies::other_slice(&mut layout.clone(), honest, index) {
            let honest = honest.clone();
            out.push((
                format!("another slice in region row {index}"),
                Box::new(move |layout| assert!(lies::other_slice(layout, &honest, index))),
            ));
        }
    }
    if let Some((column, row)) = lies::restart(layout) {
        out.push((
            format!("no restart in {row:?}"),
            Box::new(move |layout| layout.fixed_mut()[column][row] = Fr::ONE),
        ));
    }
    if let Some((column, row)) = lies::claims_start(layout) {
        out.push((
            format!("claims go on in {row:?}"),
            Box::new(move |layout| layout.fixed_mut()[column][row] = Fr::ONE),
        ));
    }
    if let (Some(row), Some(positions)) = (lies::window_start(layout), layout.columns.positions) {
        out.push((
            format!("no new window in {row:?}"),
            Box::new(move |layout| {
                layout.fixed_mut()[positions.keep_window][row] = Fr::ONE;
                layout.region.rows[row - Region::row(0)].keep_window = true;
            }),
        ));
    }
    let after = lies::first_row(layout);
    let has_powers = layout.columns.positions.is_some();
    let products =
        (after..layout.region.rows.len()).filter(|index| layout.region.rows[*index].factor.is_some());
    for index in products.take(4).filter(|_| has_powers) {
        let more = move |layout: &mut Layout| {
            layout.region.rows[index].factor = layout.region.rows[index].factor.map(Factor::another);
        };
        out.push((format!("another power of s in region row {index}"), Box::new(more)));
    }
    for block in layout.placement.blocks.iter().filter(|block| block.content.node().is_some()) {
        let (column, row) = (layout.columns.banks[block.bank].constants.raw[0], block.first_row);
        out.push((
            format!("another constant in {row:?}"),
            Box::new(move |layout| layout.fixed_mut()[column][row] += Fr::ONE),
        ));
    }
    let weights = layout.columns.ways[0].weights[0];
    let weight = each(Region::row(after)..RowId::from(layout.rows))
        .find(|row| layout.fixed()[weights][*row] != Fr::ZERO);
    out.extend(weight.map(|row| -> (String, Change) {
        (
            format!("another weight in {row:?}"),
            Box::new(move |layout| layout.fixed_mut()[weights][row] += Fr::ONE),
        )
    }));
    out
}

#[test]
fn another_layout_rejects_the_truth() {
    for case in Case::all() {
        let honest = case.honest();
        let public = case.public(&case.input, &honest.outputs);
        for (what, change) in changes(&case.layout, &honest) {
            let mut layout = (*case.layout).clone();
            change(&mut layout);
            let circuit = LemmaCircuit::with_witness(Arc::new(layout), honest.clone());
            let rejecting = constraints_against(&circuit, public.clone());
            let expected = BTreeSet::from(["operator equation".to_owned()]);
            assert_eq!(rejecting, expected, "{}: {what}", case.name);
        }
    }
}
