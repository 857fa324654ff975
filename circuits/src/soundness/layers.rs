//! Layer equations as polynomials: read off the fixed columns and the copies, coefficient by coefficient, they are the
//! fully connected layers, and the constants are what the layers add.

use std::collections::{BTreeMap, BTreeSet};

use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};
use rayon::prelude::*;

use super::{case::Case, fixtures};
use crate::{
    ir::{Model, Node},
    plan::{Form, Operand, Plan, Scheme, Spot, Use, integer},
};

/// What an operand is multiplied with, by power of rho.
type Weights = Vec<Fr>;

/// A layer equation: its operands with their weights.
type Equation = Vec<(Operand, Weights)>;

/// The equations of a plan, in order.
fn equations(plan: &Plan) -> Vec<Equation> {
    let (columns, region) = (&plan.columns, &plan.contraction);
    let at = |column: usize, row: usize| plan.fixed[column][row];
    let mut equations = vec![Equation::new()];
    let mut evaluation = Weights::new();
    for row in 0..plan.rows {
        if row > 0 && at(columns.zero, row) == Fr::ONE {
            equations.push(Equation::new());
        }
        let mut weights: Weights = columns.weights.iter().map(|column| at(*column, row)).collect();
        if at(columns.keep, row) == Fr::ONE {
            weights.extend(&evaluation);
        }
        evaluation = weights;
        let index = row.checked_sub(region.first_row);
        let operand = index.and_then(|index| region.operands.get(index).copied().flatten());
        assert_eq!(at(columns.end, row) == Fr::ONE, operand.is_some(), "row {row}");
        if let Some(operand) = operand {
            let equation = equations.last_mut().expect("there is a first equation");
            equation.push((operand, trimmed(evaluation.clone())));
        }
    }
    assert!(equations.pop().is_some_and(|rest| rest.is_empty()), "no product after the last layer");
    equations
}

/// Without powers of rho at the end that have no weight.
fn trimmed(mut weights: Weights) -> Weights {
    while weights.last() == Some(&Fr::ZERO) {
        weights.pop();
    }
    weights
}

/// Reads one layer's equation.
struct Reader<'a> {
    model: &'a Model,
    plan: &'a Plan,
    index: usize,
    node: &'a Node,
}

impl Reader<'_> {
    /// Checks the equation; returns how many coefficients it has.
    fn check(&self, equation: Equation) -> usize {
        let layer = self.node.dense();
        let mut inputs: BTreeMap<Spot, Weights> = BTreeMap::new();
        let mut slots: BTreeMap<(usize, usize), usize> = BTreeMap::new();
        for (operand, weights) in equation {
            match operand {
                Operand::Activation(spot) => {
                    assert_eq!(inputs.insert(spot, weights), None, "an input twice");
                }
                Operand::Evaluation(end) => self.claims(end, &weights, &mut slots),
            }
        }
        let claimed: BTreeSet<usize> = slots.values().copied().collect();
        assert_eq!(claimed, (0..layer.outputs).collect(), "every channel is claimed");
        assert_eq!(slots.len(), layer.outputs, "a channel is claimed once");
        let homes = &self.plan.placement.homes[self.node.inputs[0].0];
        assert_eq!(inputs.len(), homes.len());
        for (input, home) in homes.iter().enumerate() {
            assert_eq!(inputs[home], self.expected(input, &slots), "input {input}");
        }
        slots.len() * homes.len()
    }

    /// What an input is multiplied with: per group and slot the channel's weight, times the multiplier of its form.
    fn expected(&self, input: usize, slots: &BTreeMap<(usize, usize), usize>) -> Weights {
        let packing = self.plan.placement.nodes[self.index].0;
        let groups = slots.keys().map(|(group, _)| group + 1).max().unwrap_or(0);
        let mut expected = vec![Fr::ZERO; groups];
        for (&(group, slot), &channel) in slots {
            let scale = match &self.plan.forms.nodes[self.index].channels[channel] {
                Form::Linear(form) => i128::from(form.m),
                _ => 1,
            };
            let weight = i128::from(self.node.dense().row(channel)[input]);
            expected[group] += packing.weight(slot) * integer(weight * scale);
        }
        trimmed(expected)
    }

    /// Follows the running evaluation of a block back from its end: each row's channel with its group and slot, and the
    /// constant of its claim.
    fn claims(&self, end: Spot, weights: &Weights, slots: &mut BTreeMap<(usize, usize), usize>) {
        let plan = self.plan;
        let packing = plan.placement.nodes[self.index].0;
        let mut group = weights.len() - 1;
        assert!(
            weights[..group].iter().all(|weight| *weight == Fr::ZERO),
            "a block enters at one power of rho"
        );
        assert_eq!(weights[group], -Fr::ONE);
        let [step, step_rho, constant] = self.columns(end.lane);
        let mut coefficient = Fr::ONE;
        for row in (0..=end.row).rev() {
            let Use::Channel { node, channel } = plan.placement.lanes[end.lane].rows[row].content else {
                panic!("a byte of the statement in a block")
            };
            assert_eq!(node, self.index, "the claims of an equation are of its layer");
            let home = Spot { lane: end.lane, row };
            assert_eq!(plan.placement.homes[self.node.output.0][channel], home);
            let slot = (0..packing.slots).find(|slot| packing.weight(*slot) == coefficient);
            let slot = slot.expect("a power of the base");
            assert_eq!(slots.insert((group, slot), channel), None, "two channels in a slot");
            assert_eq!(plan.fixed[constant][row], integer(self.constant(channel)));
            let [plain, rho] = [step, step_rho].map(|column| plan.fixed[column][row]);
            assert!(plain == Fr::ZERO || rho == Fr::ZERO, "a step has one part");
            if plain == Fr::ZERO && rho == Fr::ZERO {
                return;
            }
            coefficient *= plain + rho;
            group += usize::from(rho != Fr::ZERO);
        }
        panic!("the evaluation of a block has no start");
    }

    /// The columns `step`, `step_rho` and `C` of a lane.
    fn columns(&self, lane: usize) -> [usize; 3] {
        let columns = &self.plan.columns;
        match lane.checked_sub(columns.linear.len()) {
            None => {
                let lane = &columns.linear[lane];
                [lane.step, lane.step_rho, lane.constant]
            }
            Some(lane) => {
                let lane = &columns.threshold[lane];
                [lane.step, lane.step_rho, lane.constant]
            }
        }
    }

    /// What a channel claims when every byte it reads is 0.
    fn constant(&self, channel: usize) -> i128 {
        let (layer, shape) = (self.node.dense(), &self.plan.shape);
        let least = |tensor| i128::from(self.model.tensor(tensor).elem.min());
        let sum: i128 = layer.row(channel).iter().map(|weight| i128::from(*weight)).sum();
        let zero = least(self.node.inputs[0]) - i128::from(layer.input_zero_point);
        let at_zero = i128::from(layer.bias[channel]) + zero * sum;
        match &self.plan.forms.nodes[self.index].channels[channel] {
            Form::Linear(form) => {
                i128::from(form.m) * at_zero + form.c - (least(self.node.output) << shape.shift)
            }
            Form::Threshold(class) => at_zero - i128::from(self.plan.forms.steps[*class].steps.range.lo),
            Form::Function(_) | Form::Maximum | Form::Product => unreachable!("layers have no such form"),
        }
    }
}

/// Checks every layer of a plan; returns how many coefficients there are.
fn check(model: &Model, plan: &Plan) -> usize {
    let equations = equations(plan);
    assert_eq!(equations.len(), model.nodes.len());
    let layers = model.nodes.iter().enumerate().zip(equations);
    layers.map(|((index, node), equation)| Reader { model, plan, index, node }.check(equation)).sum()
}

#[test]
fn the_layer_equations_of_the_cases_are_the_layers() {
    for case in Case::all() {
        assert_eq!(check(&case.model, &case.plan), 6 * 12 + 12 * 5, "{}", case.name);
    }
}

#[test]
fn the_layer_equations_of_every_fixture_are_the_layers() {
    let models = fixtures::fully_connected();
    let coefficients = |(path, model): &(String, Model)| -> usize {
        let of_scheme = |scheme| {
            let plan = Plan::of(model, scheme).unwrap_or_else(|error| panic!("{path}: {error}"));
            check(model, &plan)
        };
        [Scheme::Kzg, Scheme::Ipa].map(of_scheme).into_iter().sum()
    };
    let total: usize = models.par_iter().map(coefficients).sum();
    assert!(models.len() > 50 && total > 50_000, "{} models, {total} coefficients", models.len());
}
