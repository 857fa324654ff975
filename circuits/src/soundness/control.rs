//! The columns that no gate computes: tags, switches, constants and the weights of packed bytes, in every row of every
//! bank, against the model's definition and the placement alone; and which element each byte of the statement is.

use std::collections::{BTreeMap, BTreeSet};

use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};
use lemma_verifier::{
    columns::{LaneColumns, LaneWeights, RowWeights, StepColumns},
    index::{AdviceColumn, BankId, FixedColumn, GroupId, Lane, RowId, first},
    integers::integer,
    interface::{HEADER_INSTANCES, Interface, LANES_PER_INSTANCE},
    shape::BankKind,
};
use typed_index_collections::{TiVec, ti_vec};

use super::{case::Case, views, widths};
use crate::{
    equations::{Operand, Region},
    expanded::{Expanded, Node, Op},
    forms::{
        Form, centers,
        tables::{BYTE, PAIR, clamp_tag, function_tag, step_tag},
    },
    index::{BlockId, NodeId, PlaneId},
    ir::{Model, TensorId},
    layout::Layout,
    place::{Arrangement, Block, Content, Start},
    testing::spot::{Spot, reads, resolve},
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
    layout: &'a Layout,
    /// Per bank and row, the block that lies there.
    owners: BTreeMap<(BankId, RowId), BlockId>,
    /// Per bank and row, the power of s of its claims.
    powers: BTreeMap<(BankId, RowId), u64>,
    weights: LaneWeights,
    /// Per tensor, what its bytes are read less.
    centers: Vec<i32>,
    /// The elements of model inputs where rows of banks count them.
    inputs: BTreeMap<Place, (TensorId, usize)>,
    /// The cells of copied outputs where rows of flat banks count them.
    outputs: BTreeMap<Place, (AdviceColumn, RowId)>,
    checked: Checked,
}

/// Checks all control columns of a layout of a model.
pub(super) fn check(layout: &Layout, model: &Model) -> Checked {
    let mut control = Control::new(layout);
    control.switches();
    for bank in layout.columns.banks.keys() {
        for row in first(layout.rows + 1) {
            match control.owners.get(&(bank, row)).copied() {
                None => control.unused(bank, row),
                Some(block) => control.used(bank, row, block),
            }
        }
    }
    control.operands();
    control.statement(&layout.interface(model.interface()));
    control.checked
}

fn flag(is_on: bool) -> Fr {
    Fr::from(u64::from(is_on))
}

impl<'a> Control<'a> {
    fn new(layout: &'a Layout) -> Self {
        let mut owners = BTreeMap::new();
        for (index, block) in layout.placement.blocks.iter_enumerated() {
            for row in block.rows() {
                assert_eq!(owners.insert((block.bank, row), index), None, "two blocks in a row");
            }
        }
        let mut powers = BTreeMap::new();
        layout.for_each_power(|bank, row, _, claims| {
            powers.insert((bank, row), claims);
        });
        let (weights, centers) = (LaneWeights::of(&layout.shape), read_less(layout));
        let (inputs, outputs) = (BTreeMap::new(), BTreeMap::new());
        Self { layout, owners, powers, weights, centers, inputs, outputs, checked: Checked::default() }
    }

    fn at(&self, column: FixedColumn, row: RowId) -> Fr {
        self.layout.fixed()[column][row]
    }

    fn column(&self, column: Option<FixedColumn>, row: RowId) -> Fr {
        column.map_or(Fr::ZERO, |column| self.at(column, row))
    }

    fn tags(&self, bank: BankId, row: RowId) -> Vec<Fr> {
        let lanes = &self.layout.columns.banks[bank].lanes;
        lanes.iter().map(|lane| self.at(lane.cells.tag(), row)).collect()
    }

    fn constants(&self, bank: BankId, row: RowId) -> Vec<Fr> {
        let columns = &self.layout.columns.banks[bank].constants;
        columns.iter().map(|column| self.at(*column, row)).collect()
    }

    /// The switches that all banks share. No row that is used is blinded, nor the one the lookup sum ends in.
    fn switches(&self) {
        let (layout, columns) = (self.layout, &self.layout.columns);
        assert!(layout.rows + 7 <= 1 << layout.shape.k);
        let (top, end) = (RowId::default(), RowId::from(layout.rows));
        for row in first(layout.rows + 1) {
            assert_eq!(self.at(columns.lookup.rows, row), flag(row < end));
            assert_eq!(self.at(columns.lookup.boundary, row), flag(row == top || row == end));
            let first = columns.positions.map(|positions| self.at(positions.first, row));
            assert!(first.is_none_or(|first| first == flag(row == top)));
            let stated = Region::row(0)..Region::row(layout.network.instances);
            assert_eq!(self.at(columns.statement, row), flag(stated.contains(&row)));
            assert_eq!(self.at(columns.zero, row), flag(row == top || layout.region.zeros.contains(&row)));
        }
    }

    /// Lookups force every cell of the row to 0, and nothing counts them.
    fn unused(&mut self, bank: BankId, row: RowId) {
        let columns = &self.layout.columns.banks[bank];
        let of_rows = match &columns.weights {
            RowWeights::Powers(powers) => {
                vec![powers.counts, powers.keep_slice, powers.keep_claims, powers.center]
            }
            RowWeights::Steps(steps) => vec![steps.step, steps.step_rho],
        };
        let switches = of_rows.into_iter().map(Some).chain([columns.channel, columns.byte]);
        let switches = switches.map(|column| self.column(column, row));
        let all = self.tags(bank, row).into_iter().chain(self.constants(bank, row)).chain(switches);
        assert!(all.into_iter().all(|cell| cell == Fr::ZERO), "{bank:?}, {row:?}");
        self.checked.unused += 1;
    }

    fn used(&mut self, bank: BankId, row: RowId, id: BlockId) {
        let columns = &self.layout.columns.banks[bank];
        let block = &self.layout.placement.blocks[id];
        assert_eq!(block.kind, columns.kind);
        let starts = row == block.first_row;
        match (&columns.weights, &block.arrangement) {
            (RowWeights::Powers(powers), Arrangement::Beside(order)) => {
                let starts_slice = starts || order.slice_ends.contains(&(row - 1 - block.first_row));
                assert_eq!(self.at(powers.keep_claims, row), flag(!starts));
                assert_eq!(self.at(powers.keep_slice, row), flag(!starts_slice));
                assert_eq!(self.at(powers.counts, row), flag(block.content.node().is_some()));
                assert_eq!(self.at(powers.center, row), integer(self.centers[block.tensor.0].into()));
                self.checked.idle += columns.lanes.len() - block.planes.len();
            }
            (RowWeights::Steps(steps), Arrangement::Below) if starts => {
                assert_eq!([steps.step, steps.step_rho].map(|column| self.at(column, row)), [Fr::ZERO; 2]);
                self.weights_below(steps, block);
            }
            (RowWeights::Steps(_), Arrangement::Below) => {}
            _ => panic!("planes lie below each other in flat banks, and only there"),
        }
        match block.content {
            Content::Node(node) => self.channels(bank, row, (id, node)),
            Content::Input | Content::Output if matches!(block.arrangement, Arrangement::Below) => {
                self.packed_byte(bank, row, id);
            }
            Content::Input | Content::Output => self.input(bank, row, id),
        }
    }

    /// What the steps of a block make of its rows: the evaluation at its end is the sum of the members' claims times
    /// `B^slot rho^group`, of bytes times `256^member`.
    fn weights_below(&self, steps: &StepColumns, block: &Block) {
        let packing = block.content.node().map(|node| self.layout.packings[node]);
        // The weight of the row, as a coefficient and the power of rho it is multiplied with.
        let (mut weight, mut group) = (Fr::ONE, GroupId::default());
        for row in block.rows().rev() {
            let member = block.member(row, Lane::default());
            let expected = match packing {
                Some(packing) => {
                    let Start { group, slot } = Start::default().of_member(member, packing.slots);
                    (packing.weight(slot), group)
                }
                None => (Fr::from(256).pow_vartime([usize::from(member) as u64]), GroupId::default()),
            };
            assert_eq!((weight, group), expected, "{row:?}");
            match [steps.step, steps.step_rho].map(|column| self.at(column, row)) {
                [step, Fr::ZERO] => weight *= step,
                [Fr::ZERO, step] => (weight, group) = (weight * step, group + 1),
                _ => panic!("{row:?}: a step has one part"),
            }
        }
    }

    /// In a flat circuit, what operands are read less: activations their center, claims nothing.
    fn operands(&self) {
        let Some(column) = self.layout.columns.center else { return };
        let mut expected: TiVec<RowId, _> = ti_vec![0; self.layout.rows + 1];
        for (row, content) in self.layout.region.iter() {
            if let Some(Operand::Slice { lane, row: of }) = content.operands.first() {
                // A lane of a flat circuit is a bank.
                let block =
                    &self.layout.placement.blocks[self.owners[&(BankId::from(usize::from(*lane)), *of)]];
                expected[row] = self.centers[block.tensor.0];
            }
        }
        for (row, center) in expected.into_iter_enumerated() {
            assert_eq!(self.at(column, row), integer(center.into()), "{row:?}");
        }
    }

    /// A row of the statement's bytes in a flat circuit: the blocks of bytes are the public inputs, in order.
    fn packed_byte(&mut self, bank: BankId, row: RowId, id: BlockId) {
        let (layout, columns) = (self.layout, &self.layout.columns.banks[bank]);
        let block = &layout.placement.blocks[id];
        assert_eq!(self.tags(bank, row), [integer(BYTE.into())]);
        let others = self.constants(bank, row).into_iter().chain([self.column(columns.channel, row)]);
        assert!(others.into_iter().all(|cell| cell == Fr::ZERO));
        // The claim of a linear lane is the byte already.
        let counted = flag(columns.kind == BankKind::Threshold) * Fr::from(1 << layout.shape.shift);
        assert_eq!(self.column(columns.byte, row), counted);
        let before = layout.placement.blocks[..id].iter();
        let instance = before.filter(|block| block.content.node().is_none()).count();
        let member = block.member(row, Lane::default());
        let place = (instance, usize::from(member));
        // The planes of a flat circuit are elements.
        let element = (block.tensor, usize::from(block.planes[member]));
        let cell = (columns.lanes[Lane::default()].cells.activation(), row);
        let is_new = match block.content {
            Content::Output => self.outputs.insert(place, cell).is_none(),
            _ => self.inputs.insert(place, element).is_none(),
        };
        assert!(is_new, "two bytes in one place");
    }

    /// A row of a model input: bytes of one public input, which the powers of the claims say.
    fn input(&mut self, bank: BankId, row: RowId, id: BlockId) {
        let columns = &self.layout.columns.banks[bank];
        assert_eq!(columns.kind, BankKind::Linear);
        assert!(self.tags(bank, row).iter().all(|tag| *tag == integer(BYTE.into())));
        assert_eq!(self.column(columns.channel, row), Fr::ZERO);
        let scale = Fr::from(1 << self.layout.shape.shift);
        let weight = |byte: usize| Fr::from(256).pow_vartime([byte as u64]) * scale;
        let counted = self.column(columns.byte, row);
        let first = (0..LANES_PER_INSTANCE).find(|byte| counted == weight(*byte));
        let first = first.expect("a byte of a public input");
        let block = &self.layout.placement.blocks[id];
        let planes = &self.layout.network.homes.home(block.tensor).planes;
        // Idle lanes hold the center, and count for nothing.
        let idle: Fr = (first + block.planes.len()..first + columns.lanes.len()).map(weight).sum();
        let mut constants = vec![Fr::ZERO; columns.constants.len()];
        constants[0] = idle * integer(self.centers[block.tensor.0].into());
        assert_eq!(self.constants(bank, row), constants);
        for lane in columns.lanes.keys().take(block.planes.len()) {
            let (plane, position) = block.at(row, lane).expect("a plane");
            let byte = first + usize::from(lane);
            assert!(byte < LANES_PER_INSTANCE, "a byte beyond its public input");
            let place = (self.powers[&(bank, row)] as usize, byte);
            let element = (block.tensor, planes[plane].elements[position]);
            assert_eq!(self.inputs.insert(place, element), None, "two bytes in one place");
        }
    }

    /// A row of an operator's outputs: tags of their forms, and what is constant in their claims.
    fn channels(&self, bank: BankId, row: RowId, (id, node): (BlockId, NodeId)) {
        let (layout, columns) = (self.layout, &self.layout.columns.banks[bank]);
        let block = &layout.placement.blocks[id];
        let planes = &layout.network.homes.home(block.tensor).planes;
        let forms = &layout.forms.nodes[node];
        let form = |plane: PlaneId| forms.form(planes[plane].channel);
        let tag = |plane: PlaneId| match form(plane) {
            Form::Linear(_) => clamp_tag(forms.clamp),
            Form::Threshold(class) => step_tag(&layout.forms, *class),
            Form::Function(function) => function_tag(&layout.forms, *function),
            Form::Maximum | Form::Product => PAIR,
        };
        let of_first = form(block.first_plane());
        // Only lanes of thresholds have a tag each.
        let shares_tag = !matches!(columns.lanes[Lane::default()].cells, LaneColumns::Threshold(_));
        let mut constants: TiVec<GroupId, Fr> = ti_vec![Fr::ZERO; columns.constants.len()];
        for (lane, found) in columns.lanes.keys().zip(self.tags(bank, row)) {
            let (expected, constant) = match block.at(row, lane) {
                Some((plane, position)) => {
                    let (channel, element) = (planes[plane].channel, planes[plane].elements[position]);
                    let base = self.at_centers(node, &layout.expanded.nodes[node], element);
                    (tag(plane), widths::truth(layout, node, channel, base))
                }
                None => (if shares_tag { tag(block.first_plane()) } else { 0 }, self.idle(of_first, node)),
            };
            assert_eq!(found, integer(expected.into()), "{bank:?}, {row:?}, {lane:?}");
            let (group, weight) = self.weights.lane(lane);
            constants[group] += weight * integer(constant);
        }
        assert_eq!(self.constants(bank, row), constants.raw, "{bank:?}, {row:?}");
        assert_eq!(self.column(columns.byte, row), Fr::ZERO);
        let has_limbs = matches!(of_first, Form::Linear(_) | Form::Threshold(_)) && columns.channel.is_some();
        assert_eq!(self.column(columns.channel, row), flag(has_limbs));
    }

    /// The accumulator of an output element when every byte that is stored is its center, from the operator's definition.
    fn at_centers(&self, id: NodeId, node: &Node, element: usize) -> i64 {
        let layout = self.layout;
        let expanded: &Expanded = &layout.expanded;
        let (bias, zero) = match &node.op {
            Op::FullyConnected(layer) => (i64::from(layer.bias[element]), Some(layer.input_zero_point)),
            Op::Convolution(layer) => {
                let channel = element / layer.window.output_len();
                (i64::from(layer.bias[channel]), Some(layer.input_zero_point))
            }
            // Sums are of integers; all others are of bytes.
            Op::Add(_) => (0, Some(0)),
            Op::MatMul(layer) => {
                let least = |side: usize| expanded.tensor(node.inputs[side]).elem.min();
                let [lhs, rhs] = [layer.lhs_zero_point - least(0), layer.rhs_zero_point - least(1)];
                (layer.inner as i64 * i64::from(lhs) * i64::from(rhs), None)
            }
            Op::Multiply(by) => (centers(expanded, node, by).iter().product(), None),
            _ => (0, None),
        };
        let part = |(input, element, weight): (usize, usize, i64)| {
            let tensor = node.inputs[input];
            let least = expanded.tensor(tensor).elem.min();
            let center =
                || resolve(expanded, tensor, element).map_or(0, |(stored, _)| self.centers[stored.0]);
            let value = views::constant(layout, tensor, element).unwrap_or_else(|| least + center());
            weight * i64::from(value - zero.unwrap_or(least))
        };
        bias + reads(layout, id, node, element).into_iter().map(part).sum::<i64>()
    }

    /// What an idle lane claims: the low end of the clamp, the byte 0, or nothing.
    fn idle(&self, form: &Form, node: NodeId) -> i128 {
        let (forms, shape) = (&self.layout.forms, &self.layout.shape);
        match form {
            Form::Linear(_) => i128::from(forms.clamps[forms.nodes[node].clamp].lo) << shape.shift,
            Form::Threshold(_) | Form::Function(_) | Form::Maximum | Form::Product => 0,
        }
    }

    /// Every byte of the statement, as the verifier packs it, is the element it states, and no other byte is counted.
    fn statement(&mut self, interface: &Interface) {
        let layout = self.layout;
        let mut outputs = std::mem::take(&mut self.outputs);
        let mut copied = BTreeMap::new();
        layout.for_each_copy(|from, to| {
            copied.insert(to, from);
        });
        layout.for_each_output(|instance, byte, column, row| {
            assert_eq!(outputs.insert((instance, byte), (column, row)), None, "two bytes in one place");
        });
        let mut first = 0;
        for (input, port) in layout.expanded.inputs.iter().zip(&interface.inputs) {
            let bytes = usize::from(port.bytes_per_instance);
            for element in 0..port.len() {
                let place = (first + element / bytes, element % bytes);
                assert_eq!(self.inputs.remove(&place), Some((*input, element)), "{place:?}");
            }
            self.checked.bytes += port.len();
            first += port.instances();
        }
        for (output, port) in layout.expanded.outputs.iter().zip(&interface.outputs) {
            let bytes = usize::from(port.bytes_per_instance);
            for element in 0..port.len() {
                let place = (first + element / bytes, element % bytes);
                let stored = views::source(&layout.expanded, *output, element);
                let (tensor, of) =
                    stored.expect("an output is a cell, also where the model shows a constant");
                let spot = Spot::of(layout, tensor, of).expect("an output's channels are stored");
                let found = outputs.remove(&place).map(|found| copied.get(&found).copied().unwrap_or(found));
                assert_eq!(found, Some(spot.cell(layout)), "{place:?}");
            }
            self.checked.bytes += port.len();
            first += port.instances();
        }
        assert!(self.inputs.is_empty() && outputs.is_empty(), "a byte that the statement does not have");
        assert_eq!(first + HEADER_INSTANCES, interface.instances());
    }
}

/// Per stored tensor the zero point of the first layer that reads a cell of it, as a byte; 0 without one, and with positions of the
/// outputs, whose bytes the statement reads.
fn read_less(layout: &Layout) -> Vec<i32> {
    let expanded: &Expanded = &layout.expanded;
    let stored = |tensor: TensorId| {
        let elements = 0..expanded.tensor(tensor).len;
        let resolved = elements.filter_map(move |element| resolve(expanded, tensor, element));
        // Channels that are constant have no cell.
        let has_cell = |(tensor, element): &(TensorId, usize)| Spot::of(layout, *tensor, *element).is_some();
        resolved.filter(has_cell).map(|(tensor, _)| tensor)
    };
    let mut centers = BTreeMap::new();
    for node in &expanded.nodes {
        let zero_point = match &node.op {
            Op::FullyConnected(layer) => layer.input_zero_point,
            Op::Convolution(layer) => layer.input_zero_point,
            _ => continue,
        };
        for tensor in stored(node.inputs[0]) {
            centers.entry(tensor.0).or_insert(zero_point - expanded.tensor(tensor).elem.min());
        }
    }
    if layout.columns.positions.is_some() {
        let shown = expanded.outputs.iter().flat_map(|output| stored(*output));
        shown.for_each(|tensor| {
            centers.remove(&tensor.0);
        });
    }
    (0..expanded.tensors.len()).map(|tensor| centers.get(&tensor).copied().unwrap_or(0)).collect()
}

#[test]
fn the_control_columns_of_the_cases_are_the_definitions() {
    let checked: Vec<Checked> =
        Case::all().iter().map(|case| check(&case.layout, case.compiled.model())).collect();
    let seen = |count: fn(&Checked) -> usize| checked.iter().map(count).sum::<usize>();
    assert!(seen(|checked| checked.bytes) > 100 && seen(|checked| checked.idle) > 50, "{checked:?}");
    assert!(seen(|checked| checked.unused) > 50, "{checked:?}");
}

/// The statement of a case leaves no public input without a byte.
#[test]
fn every_public_input_of_the_cases_holds_a_byte() {
    for case in Case::all() {
        let mut control = Control::new(&case.layout);
        for ((bank, row), block) in control.owners.clone() {
            if case.layout.placement.blocks[block].content.node().is_none() {
                control.used(bank, row, block);
            }
        }
        let mut stated: BTreeSet<usize> =
            control.inputs.keys().chain(control.outputs.keys()).map(|(instance, _)| *instance).collect();
        case.layout.for_each_output(|instance, _, _, _| {
            stated.insert(instance);
        });
        assert_eq!(stated, (0..case.layout.network.instances).collect(), "{}", case.name);
    }
}
