//! Every lie is rejected by the constraints that it names and by no other; and a circuit with another layout rejects
//! the truth.

use std::{collections::BTreeSet, sync::Arc};

use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};

use super::{
    case::{Case, Caught},
    lies,
};
use crate::{
    Role,
    banks::{BankPlan, Factor, Region},
    circuit::LemmaCircuit,
    soundness::pranks::constraints_against,
};

#[test]
fn honest_inferences_are_accepted() {
    for case in Case::all() {
        let len = case.input.len();
        for input in [case.input.clone(), vec![-128; len], vec![127; len]] {
            let witness = case.of(&input);
            let public = case.public(&input, &witness.outputs);
            let circuit = LemmaCircuit::with_witness(case.plan.clone(), witness);
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

#[test]
fn every_lie_is_told() {
    let cases = Case::all();
    for lie in lies::all() {
        assert!(cases.iter().any(|case| (lie.tell)(case).is_some()), "never told: {}", lie.what);
    }
}

/// One changed input element after another, so every byte of every public input.
#[test]
fn every_byte_of_the_statement_counts() {
    for case in Case::all() {
        let honest = case.honest();
        let circuit = LemmaCircuit::with_witness(case.plan.clone(), honest.clone());
        let by_public_input = BTreeSet::from(["public input".to_owned()]);
        let other = |value: i32| if value == 127 { 126 } else { value + 1 };
        let per_instance = usize::from(case.compiled.interface().inputs[0].bytes_per_instance);
        for element in 0..per_instance.min(case.input.len()) {
            let mut input = case.input.clone();
            input[element] = other(input[element]);
            let public = case.public(&input, &honest.outputs);
            let rejecting = constraints_against(&circuit, public);
            assert_eq!(rejecting, by_public_input, "{}: input {element}", case.name);
        }
        for element in 0..honest.outputs[0].len().min(31) {
            let mut outputs = honest.outputs.clone();
            outputs[0][element] = other(outputs[0][element]);
            let rejecting = constraints_against(&circuit, case.public(&case.input, &outputs));
            assert_eq!(rejecting, by_public_input, "{}: output {element}", case.name);
        }
    }
}

/// A change of the layout.
type Change = Box<dyn Fn(&mut BankPlan)>;

/// Changes after which the circuit says something else about the network.
fn changes(plan: &BankPlan) -> Vec<(String, Change)> {
    let mut out: Vec<(String, Change)> = Vec::new();
    for index in lies::slices(plan).into_iter().take(6) {
        if lies::other_slice(&mut plan.clone(), index) {
            out.push((
                format!("another slice in region row {index}"),
                Box::new(move |plan| assert!(lies::other_slice(plan, index))),
            ));
        }
    }
    if let Some((column, row)) = lies::restart(plan) {
        out.push((
            format!("no restart in row {row}"),
            Box::new(move |plan| plan.fixed[column][row] = Fr::ONE),
        ));
    }
    if let Some(row) = lies::window_start(plan) {
        out.push((
            format!("no new window in row {row}"),
            Box::new(move |plan| {
                plan.fixed[plan.columns.keep_window][row] = Fr::ONE;
                plan.region.rows[row - Region::FIRST_ROW].keep_window = true;
            }),
        ));
    }
    let after = plan.region.zeros[1] - Region::FIRST_ROW;
    let products = (after..plan.region.rows.len()).filter(|index| plan.region.rows[*index].factor.is_some());
    for index in products.take(4) {
        let more = move |plan: &mut BankPlan| {
            plan.region.rows[index].factor = plan.region.rows[index].factor.map(Factor::another);
        };
        out.push((format!("another power of s in region row {index}"), Box::new(more)));
    }
    for block in plan.placement.blocks.iter().filter(|block| block.node.is_some()) {
        let (column, row) = (plan.columns.banks[block.bank].constants[0], block.first_row);
        out.push((
            format!("another constant in row {row}"),
            Box::new(move |plan| plan.fixed[column][row] += Fr::ONE),
        ));
    }
    let weights = plan.columns.ways[0].weights[0];
    let weight = (Region::FIRST_ROW + after..plan.rows).find(|row| plan.fixed[weights][*row] != Fr::ZERO);
    out.extend(weight.map(|row| -> (String, Change) {
        (format!("another weight in row {row}"), Box::new(move |plan| plan.fixed[weights][row] += Fr::ONE))
    }));
    out
}

#[test]
fn another_layout_rejects_the_truth() {
    for case in Case::all() {
        let honest = case.honest();
        let public = case.public(&case.input, &honest.outputs);
        for (what, change) in changes(&case.plan) {
            let mut plan = (*case.plan).clone();
            change(&mut plan);
            let circuit = LemmaCircuit::with_witness(Arc::new(plan), honest.clone());
            let rejecting = constraints_against(&circuit, public.clone());
            let expected = BTreeSet::from(["operator equation".to_owned()]);
            assert_eq!(rejecting, expected, "{}: {what}", case.name);
        }
    }
}
