//! The columns that no gate computes: tags, switches, constants and the weights of packed bytes, in every row of every
//! bank, against the model's definition and the placement alone; and which element each byte of the statement is.

use std::collections::{BTreeMap, BTreeSet};

use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};

use super::{case::Case, views, widths};
use crate::{
    banks::{BankKind, BankPlan, LaneColumns, LaneWeights},
    ir::{Model, Node, Op, TensorId},
    plan::{BYTE, Form, PAIR, centers, clamp_tag, function_tag, integer, step_tag},
    statement::{HEADER_INSTANCES, Interface, LANES_PER_INSTANCE},
    testing::bank_spot::{BankSpot, reads},
};

/// How much there was to check.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Checked {
    /// Bytes of statements.
    pub(super) bytes: usize,
    /// Lanes in rows of blocks that have fewer planes than the bank has lanes.
    pub(super) idle: usize,
    /// Rows of banks in which no block lies.
    pub(super) unused: usize,
}

/// Public input after the header, and the byte in it.
type Place = (usize, usize);

struct Control<'a> {
    plan: &'a BankPlan,
    /// Per bank and row, the block that lies there and the position of its planes.
    owners: BTreeMap<(usize, usize), (usize, usize)>,
    /// Per bank and row, the power of s of its claims.
    powers: BTreeMap<(usize, usize), u64>,
    weights: LaneWeights,
    /// The elements of model inputs where rows of banks count them.
    inputs: BTreeMap<Place, (TensorId, usize)>,
    checked: Checked,
}

/// Checks all control columns of a plan.
pub(super) fn check(plan: &BankPlan) -> Checked {
    let mut control = Control::new(plan);
    control.switches();
    for bank in 0..plan.columns.banks.len() {
        for row in 0..=plan.rows {
            match control.owners.get(&(bank, row)).copied() {
                None => control.unused(bank, row),
                Some((block, position)) => control.used(bank, row, block, position),
            }
        }
    }
    control.statement();
    control.checked
}

fn flag(is_on: bool) -> Fr {
    Fr::from(u64::from(is_on))
}

impl<'a> Control<'a> {
    fn new(plan: &'a BankPlan) -> Self {
        let mut owners = BTreeMap::new();
        for (index, block) in plan.placement.blocks.iter().enumerate() {
            for (row, position) in block.rows().zip(block.positions()) {
                assert_eq!(owners.insert((block.bank, row), (index, *position)), None, "two blocks in a row");
            }
        }
        let mut powers = BTreeMap::new();
        plan.for_each_power(|bank, row, _, claims| {
            powers.insert((bank, row), claims);
        });
        let weights = LaneWeights::of(&plan.shape);
        Self { plan, owners, powers, weights, inputs: BTreeMap::new(), checked: Checked::default() }
    }

    fn at(&self, column: usize, row: usize) -> Fr {
        self.plan.fixed[column][row]
    }

    fn column(&self, column: Option<usize>, row: usize) -> Fr {
        column.map_or(Fr::ZERO, |column| self.at(column, row))
    }

    fn tags(&self, bank: usize, row: usize) -> Vec<Fr> {
        let lanes = &self.plan.columns.banks[bank].lanes;
        lanes.iter().map(|lane| self.at(lane.cells.tag(), row)).collect()
    }

    fn constants(&self, bank: usize, row: usize) -> Vec<Fr> {
        let columns = &self.plan.columns.banks[bank].constants;
        columns.iter().map(|column| self.at(*column, row)).collect()
    }

    /// The switches that all banks share. No row that is used is blinded, nor the one the lookup sum ends in.
    fn switches(&self) {
        let (plan, columns) = (self.plan, &self.plan.columns);
        assert!(plan.rows + 7 <= 1 << plan.shape.k);
        for row in 0..=plan.rows {
            assert_eq!(self.at(columns.lookup.rows, row), flag(row < plan.rows));
            assert_eq!(self.at(columns.lookup.boundary, row), flag(row == 0 || row == plan.rows));
            assert_eq!(self.at(columns.first, row), flag(row == 0));
            let stated = HEADER_INSTANCES..HEADER_INSTANCES + plan.network.instances;
            assert_eq!(self.at(columns.statement, row), flag(stated.contains(&row)));
            assert_eq!(self.at(columns.zero, row), flag(row == 0 || plan.region.zeros.contains(&row)));
        }
    }

    /// Lookups force every cell of the row to 0, and nothing counts them.
    fn unused(&mut self, bank: usize, row: usize) {
        let columns = &self.plan.columns.banks[bank];
        let switches = [columns.claim, columns.keep_slice, columns.keep_claims].map(Some);
        let switches = switches.into_iter().chain([columns.channel, columns.byte]);
        let switches = switches.map(|column| self.column(column, row));
        let all = self.tags(bank, row).into_iter().chain(self.constants(bank, row)).chain(switches);
        assert!(all.into_iter().all(|cell| cell == Fr::ZERO), "bank {bank}, row {row}");
        self.checked.unused += 1;
    }

    fn used(&mut self, bank: usize, row: usize, index: usize, position: usize) {
        let columns = &self.plan.columns.banks[bank];
        let block = &self.plan.placement.blocks[index];
        assert_eq!(block.kind, columns.kind);
        let starts = row == block.first_row;
        let starts_slice = starts || block.rows.slice_ends.contains(&(row - 1 - block.first_row));
        assert_eq!(self.at(columns.keep_claims, row), flag(!starts));
        assert_eq!(self.at(columns.keep_slice, row), flag(!starts_slice));
        self.checked.idle += columns.lanes.len() - block.planes.len();
        match block.node {
            None => self.input(bank, row, index, position),
            Some(node) => self.channels(bank, row, (index, node), position),
        }
    }

    /// A row of a model input: bytes of one public input, which the powers of the claims say.
    fn input(&mut self, bank: usize, row: usize, index: usize, position: usize) {
        let columns = &self.plan.columns.banks[bank];
        assert_eq!(columns.kind, BankKind::Linear);
        assert!(self.tags(bank, row).iter().all(|tag| *tag == integer(BYTE.into())));
        let others = [self.at(columns.claim, row), self.column(columns.channel, row)];
        assert!(others.into_iter().chain(self.constants(bank, row)).all(|cell| cell == Fr::ZERO));
        let scale = Fr::from(1 << self.plan.shape.shift);
        let weight = |byte: usize| Fr::from(256).pow_vartime([byte as u64]) * scale;
        let counted = self.column(columns.byte, row);
        let first = (0..LANES_PER_INSTANCE).find(|byte| counted == weight(*byte));
        let first = first.expect("a byte of a public input");
        let block = &self.plan.placement.blocks[index];
        let planes = &self.plan.network.homes.home(block.tensor).planes;
        for (lane, plane) in block.planes.iter().enumerate() {
            assert!(first + lane < LANES_PER_INSTANCE, "a byte beyond its public input");
            let place = (self.powers[&(bank, row)] as usize, first + lane);
            let element = (block.tensor, planes[*plane].elements[position]);
            assert_eq!(self.inputs.insert(place, element), None, "two bytes in one place");
        }
    }

    /// A row of an operator's outputs: tags of their forms, and what is constant in their claims.
    fn channels(&self, bank: usize, row: usize, (index, node): (usize, usize), position: usize) {
        let (plan, columns) = (self.plan, &self.plan.columns.banks[bank]);
        let block = &plan.placement.blocks[index];
        let planes = &plan.network.homes.home(block.tensor).planes;
        let forms = &plan.forms.nodes[node];
        let form = |plane: usize| forms.form(planes[plane].channel);
        let tag = |plane: usize| match form(plane) {
            Form::Linear(_) => clamp_tag(forms.clamp),
            Form::Threshold(class) => step_tag(&plan.forms, *class),
            Form::Function(function) => function_tag(&plan.forms, *function),
            Form::Maximum | Form::Product => PAIR,
        };
        let of_first = form(block.planes[0]);
        // Only lanes of thresholds have a tag each.
        let shares_tag = !matches!(columns.lanes[0].cells, LaneColumns::Threshold(_));
        let mut constants = vec![Fr::ZERO; columns.constants.len()];
        for (lane, found) in self.tags(bank, row).into_iter().enumerate() {
            let (expected, constant) = match block.planes.get(lane) {
                Some(plane) => {
                    let (channel, element) = (planes[*plane].channel, planes[*plane].elements[position]);
                    let base = at_zero(plan, node, &plan.model.nodes[node], element);
                    (tag(*plane), widths::truth(plan, node, channel, base))
                }
                None => (if shares_tag { tag(block.planes[0]) } else { 0 }, self.idle(of_first, node)),
            };
            assert_eq!(found, integer(expected.into()), "bank {bank}, row {row}, lane {lane}");
            let (group, weight) = self.weights.lane(lane);
            constants[group] += weight * integer(constant);
        }
        assert_eq!(self.constants(bank, row), constants, "bank {bank}, row {row}");
        let others = [self.at(columns.claim, row), self.column(columns.byte, row)];
        assert_eq!(others, [Fr::ONE, Fr::ZERO]);
        let has_limbs = matches!(of_first, Form::Linear(_) | Form::Threshold(_)) && columns.channel.is_some();
        assert_eq!(self.column(columns.channel, row), flag(has_limbs));
    }

    /// What an idle lane claims: the low end of the clamp, the byte 0, or nothing.
    fn idle(&self, form: &Form, node: usize) -> i128 {
        let (forms, shape) = (&self.plan.forms, &self.plan.shape);
        match form {
            Form::Linear(_) => i128::from(forms.clamps[forms.nodes[node].clamp].lo) << shape.shift,
            Form::Threshold(_) | Form::Function(_) | Form::Maximum | Form::Product => 0,
        }
    }

    /// Every byte of the statement, as the verifier packs it, is the element it states, and no other byte is counted.
    fn statement(&mut self) {
        let plan = self.plan;
        let mut outputs: BTreeMap<Place, (usize, usize)> = BTreeMap::new();
        plan.for_each_output(|instance, byte, column, row| {
            assert_eq!(outputs.insert((instance, byte), (column, row)), None, "two bytes in one place");
        });
        let interface = plan.interface(Interface::of(&plan.model));
        let mut first = 0;
        for (input, port) in plan.model.inputs.iter().zip(&interface.inputs) {
            let bytes = usize::from(port.bytes_per_instance);
            for element in 0..port.len() {
                let place = (first + element / bytes, element % bytes);
                assert_eq!(self.inputs.remove(&place), Some((input.tensor, element)), "{place:?}");
            }
            self.checked.bytes += port.len();
            first += port.instances();
        }
        for (output, port) in plan.model.outputs.iter().zip(&interface.outputs) {
            let bytes = usize::from(port.bytes_per_instance);
            for element in 0..port.len() {
                let place = (first + element / bytes, element % bytes);
                let stored = views::source(&plan.model, output.tensor, element);
                let (tensor, of) =
                    stored.expect("an output is a cell, also where the model shows a constant");
                let spot = BankSpot::of(plan, tensor, of).expect("an output's channels are stored");
                let cell = spot.activation(plan);
                assert_eq!(outputs.remove(&place), Some((cell.column, cell.row)), "{place:?}");
            }
            self.checked.bytes += port.len();
            first += port.instances();
        }
        assert!(self.inputs.is_empty() && outputs.is_empty(), "a byte that the statement does not have");
        assert_eq!(first + HEADER_INSTANCES, interface.instances());
    }
}

/// The accumulator of an output element when every byte that is stored is 0, from the operator's definition.
fn at_zero(plan: &BankPlan, index: usize, node: &Node, element: usize) -> i64 {
    let model: &Model = &plan.model;
    let (bias, zero) = match &node.op {
        Op::FullyConnected(layer) => (i64::from(layer.bias[element]), Some(layer.input_zero_point)),
        Op::Convolution(layer) => {
            let channel = element / layer.window.output_len();
            (i64::from(layer.bias[channel]), Some(layer.input_zero_point))
        }
        // Sums are of integers; all others are of bytes.
        Op::Add(_) => (0, Some(0)),
        Op::MatMul(layer) => {
            let least = |side: usize| model.tensor(node.inputs[side]).elem.min();
            let [lhs, rhs] = [layer.lhs_zero_point - least(0), layer.rhs_zero_point - least(1)];
            (layer.inner as i64 * i64::from(lhs) * i64::from(rhs), None)
        }
        Op::Multiply(by) => (centers(model, node, by).iter().product(), None),
        _ => (0, None),
    };
    let part = |(input, element, weight): (usize, usize, i64)| {
        let tensor = node.inputs[input];
        let least = model.tensor(tensor).elem.min();
        let value = views::constant(plan, tensor, element).unwrap_or(least);
        weight * i64::from(value - zero.unwrap_or(least))
    };
    bias + reads(plan, index, node, element).into_iter().map(part).sum::<i64>()
}

#[test]
fn the_control_columns_of_the_cases_are_the_definitions() {
    let checked: Vec<Checked> = Case::all().iter().map(|case| check(&case.plan)).collect();
    let seen = |count: fn(&Checked) -> usize| checked.iter().map(count).sum::<usize>();
    assert!(seen(|checked| checked.bytes) > 100 && seen(|checked| checked.idle) > 50, "{checked:?}");
    assert!(seen(|checked| checked.unused) > 50, "{checked:?}");
}

/// The statement of a case leaves no public input without a byte.
#[test]
fn every_public_input_of_the_cases_holds_a_byte() {
    for case in Case::all() {
        let mut stated = BTreeSet::new();
        case.plan.for_each_output(|instance, _, _, _| {
            stated.insert(instance);
        });
        let mut control = Control::new(&case.plan);
        control.owners.clone().into_iter().for_each(|((bank, row), (block, position))| {
            if case.plan.placement.blocks[block].node.is_none() {
                control.input(bank, row, block, position);
            }
        });
        stated.extend(control.inputs.keys().map(|(instance, _)| *instance));
        assert_eq!(stated, (0..case.plan.network.instances).collect(), "{}", case.name);
    }
}
