//! The fixed columns: everything about a circuit that is the same for every input.

use std::collections::BTreeMap;

use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};
use lemma_verifier::{
    columns::{BankColumns, Columns, LaneWeights, RowWeights},
    index::{FixedColumn, GroupId, Lane, LaneId, RowId},
    integers::{integer, natural},
    shape::Shape,
};
use typed_index_collections::{TiSlice, TiVec, ti_vec};

use crate::{
    cells::{ByRow, FixedCells},
    equations::{Operand, Region, Weights},
    expanded::Expanded,
    forms::{
        Form, Forms, Packing,
        tables::{BYTE, Entry, PAIR, clamp_tag, function_tag, step_tag},
    },
    index::{BlockId, MapId, Member, NodeId, PlaneId, SlotId},
    ir::TensorId,
    network::{
        Network,
        homes::Cell,
        maps::{Accumulators, Map, Tap},
    },
    place::{Arrangement, Block, Placement, Start},
};

/// What the fixed columns are made from.
pub(crate) struct Sources<'a> {
    pub(crate) expanded: &'a Expanded,
    pub(crate) network: &'a Network,
    pub(crate) forms: &'a Forms,
    pub(crate) shape: &'a Shape,
    pub(crate) columns: &'a Columns,
    pub(crate) placement: &'a Placement,
    pub(crate) region: &'a Region,
    pub(crate) packings: &'a TiSlice<NodeId, Packing>,
    pub(crate) tables: &'a [Vec<Entry>],
    pub(crate) rows: usize,
}

impl Sources<'_> {
    /// All fixed columns, `rows + 1` values each.
    pub(crate) fn build(&self) -> TiVec<FixedColumn, ByRow<Fr>> {
        let mut out: TiVec<FixedColumn, _> = ti_vec![ti_vec![Fr::ZERO; self.rows + 1]; self.columns.fixed];
        let lookup = &self.columns.lookup;
        let (first, end) = (RowId::default(), RowId::from(self.rows));
        out[lookup.rows][first..end].fill(Fr::ONE);
        out[lookup.boundary][first] = Fr::ONE;
        out[lookup.boundary][end] = Fr::ONE;
        if let Some(positions) = &self.columns.positions {
            out[positions.first][first] = Fr::ONE;
        }
        for (columns, entries) in lookup.tables.iter().zip(self.tables) {
            for (index, column) in columns.iter().enumerate() {
                for (cell, entry) in out[*column].iter_mut().zip(entries) {
                    *cell = integer(entry[index].into());
                }
            }
        }
        for block in self.placement.blocks.iter().filter(|block| block.content.node().is_none()) {
            self.bytes(block, &mut out);
        }
        for map in self.network.maps.iter() {
            let bases = self.bases(map);
            for block in &self.placement.blocks[self.placement.of_node(map.node)] {
                self.channels(block, map.node, &bases, &mut out);
            }
        }
        self.region(&mut out);
        out
    }

    /// How the evaluations of a block go from row to row.
    fn successions(&self, block: &Block, bank: &BankColumns, out: &mut FixedCells) {
        match (&bank.weights, &block.arrangement) {
            (RowWeights::Powers(columns), Arrangement::Beside(order)) => {
                for (index, row) in block.rows().enumerate() {
                    let starts = index == 0 || order.slice_ends.contains(&(index - 1));
                    out[columns.keep_slice][row] = natural(u64::from(!starts));
                    out[columns.keep_claims][row] = natural(u64::from(index > 0));
                    out[columns.center][row] = self.center(block.tensor);
                }
            }
            (RowWeights::Steps(columns), Arrangement::Below) => {
                // Horner's rule: the last plane comes first.
                for row in block.rows().skip(1) {
                    let (step, step_rho) = self.step(block, block.member(row, Lane::default()));
                    (out[columns.step][row], out[columns.step_rho][row]) = (step, step_rho);
                }
            }
            _ => unreachable!("flat banks hold planes below each other, others beside each other"),
        }
    }

    /// What the evaluation is multiplied with on its way to a member, in parts `step + step_rho rho`: by 256 to the next
    /// byte, by B to the next slot, by `rho / B^(G-1)` to the last slot of the group before.
    fn step(&self, block: &Block, member: Member) -> (Fr, Fr) {
        let Some(node) = block.content.node() else { return (natural(256), Fr::ZERO) };
        let packing = self.packings[node];
        if Start::default().of_member(member, packing.slots).slot == packing.last_slot() {
            (Fr::ZERO, packing.unwind())
        } else {
            (packing.weight(SlotId::default() + 1), Fr::ZERO)
        }
    }

    /// What the bytes of a tensor are read less.
    fn center(&self, tensor: TensorId) -> Fr {
        integer(self.network.centers[tensor.0].into())
    }

    /// Rows of the statement's bytes. They count what they are packed with, times `2^shift`; idle lanes, which hold the
    /// center, count for nothing.
    fn bytes(&self, block: &Block, out: &mut FixedCells) {
        let bank = &self.columns.banks[block.bank];
        self.successions(block, bank, out);
        let idle: Fr = block.idle_lanes(bank.lanes.len()).map(|lane| byte_weight(usize::from(lane))).sum();
        for row in block.rows() {
            out[bank.lanes[Lane::default()].cells.tag()][row] = integer(BYTE.into());
            if let (Some(byte), Some(weight)) = (bank.byte, self.byte_weight(block, row)) {
                out[byte][row] = weight;
                out[bank.constants.raw[0]][row] = weight * idle * self.center(block.tensor);
            }
        }
    }

    /// What a row of the statement's bytes counts; none in a flat bank whose claims are the bytes.
    fn byte_weight(&self, block: &Block, row: RowId) -> Option<Fr> {
        let scale = natural(1 << self.shape.shift);
        let Arrangement::Beside(_) = block.arrangement else { return Some(scale) };
        let (plane, position) = block.at(row, Lane::default())?;
        let element = self.network.homes.home(block.tensor).planes[plane].elements[position];
        let (_, byte) = self.network.instance_of(block.tensor, element);
        Some(byte_weight(byte) * scale)
    }

    fn channels(&self, block: &Block, node: NodeId, bases: &Accumulators, out: &mut FixedCells) {
        let bank = &self.columns.banks[block.bank];
        self.successions(block, bank, out);
        let forms = &self.forms.nodes[node];
        let home = self.network.homes.home(block.tensor);
        let tag = |plane: PlaneId| match forms.form(home.planes[plane].channel) {
            Form::Linear(_) => clamp_tag(forms.clamp),
            Form::Threshold(class) => step_tag(self.forms, *class),
            Form::Function(function) => function_tag(self.forms, *function),
            Form::Maximum | Form::Product => PAIR,
        };
        let form = forms.form(home.planes[block.first_plane()].channel);
        let looks_up_limbs = matches!(form, Form::Linear(_) | Form::Threshold(_));
        // An idle lane of the linear form claims the low end of its clamp, one of a function the byte 0, others
        // look up zeros.
        let idle = match form {
            Form::Linear(_) => i128::from(self.forms.clamps[forms.clamp].lo) << self.shape.shift,
            Form::Threshold(_) | Form::Function(_) | Form::Maximum | Form::Product => 0,
        };
        let weights = LaneWeights::of(self.shape);
        let weights: TiVec<Lane, _> = bank.lanes.keys().map(|lane| weights.lane(lane)).collect();
        for row in block.rows() {
            if let Some(channel) = bank.channel.filter(|_| looks_up_limbs) {
                out[channel][row] = Fr::ONE;
            }
            if let Some(powers) = bank.powers() {
                out[powers.counts][row] = Fr::ONE;
            }
            for (lane, columns) in bank.lanes.iter_enumerated() {
                let constant = match block.at(row, lane) {
                    Some((plane, position)) => {
                        out[columns.cells.tag()][row] = integer(tag(plane).into());
                        self.constant(node, home.planes[plane].channel, bases[plane][position])
                    }
                    None => idle,
                };
                let (group, weight) = weights[lane];
                out[bank.constants[group]][row] += weight * integer(constant);
            }
        }
    }

    /// What is subtracted from the claimed `2^shift q' + r` or `t + d` to leave `m sum W (x' - center)`; `base` is what the
    /// accumulator is when every stored byte is its center.
    fn constant(&self, node: NodeId, channel: usize, base: i64) -> i128 {
        match self.forms.nodes[node].form(channel) {
            Form::Linear(form) => {
                let output = self.expanded.nodes[node].output;
                let type_min = i128::from(self.expanded.tensor(output).elem.min());
                i128::from(form.m) * i128::from(base) + form.c - (type_min << self.shape.shift)
            }
            Form::Threshold(class) => i128::from(base) - i128::from(self.forms.steps[*class].steps.range.lo),
            Form::Function(_) => i128::from(base) << self.shape.shift,
            Form::Maximum | Form::Product => base.into(),
        }
    }

    /// Per output plane and position the accumulator when every stored byte is its center: the bias, and what constants add
    /// or readers with another zero point.
    fn bases(&self, map: &Map) -> Accumulators {
        let mut bases = map.biases(&self.network.homes);
        for tap in &map.taps {
            map.for_each_pair(&self.network.homes, tap, |cell, position| {
                let value = match cell {
                    Cell::Stored { tensor, .. } => {
                        self.expanded.tensor(tensor).elem.min() + self.network.centers[tensor.0] - tap.zero
                    }
                    Cell::Constant(value) => value - tap.zero,
                };
                if value == 0 {
                    return;
                }
                for (plane, weight) in tap.planes() {
                    bases[plane][position] += weight * i64::from(value);
                }
            });
        }
        bases
    }

    fn region(&self, out: &mut FixedCells) {
        let columns = self.columns;
        let vectors: TiVec<MapId, Vectors<'_>> =
            self.network.maps.iter().map(|map| Vectors::of(self, map)).collect();
        let width = self.shape.weight_columns as usize;
        let centers = columns.center.map(|_| self.centers_by_row());
        // The rows of a vector follow each other: it is made once.
        let mut vector: Vec<(Weights, TiVec<GroupId, Fr>)> =
            vec![(Weights::None, TiVec::new()); columns.ways.len()];
        for (row, content) in self.region.iter() {
            if let Some(positions) = &columns.positions {
                out[positions.keep_window][row] = natural(u64::from(content.keep_window));
                out[positions.sign][row] = integer(content.sign.into());
            }
            if let (Some(column), Some(centers)) = (columns.center, &centers)
                && let Some(Operand::Slice { lane, row: of }) = content.operands.first()
            {
                out[column][row] = centers[*lane][*of];
            }
            out[columns.keep_weight][row] = natural(u64::from(content.keep_weight));
            out[columns.end][row] = natural(u64::from(content.factor.is_some()));
            for ((way, weights), (of, vector)) in columns.ways.iter().zip(&content.weights).zip(&mut vector) {
                if of != weights {
                    (*of, *vector) = (*weights, self.vector(*weights, &vectors));
                }
                let part = vector.iter().skip(content.part * width);
                part.zip(&way.weights).for_each(|(weight, column)| out[*column][row] = *weight);
            }
        }
        for row in &self.region.zeros {
            out[columns.zero][*row] = Fr::ONE;
        }
        out[columns.statement][Region::row(0)..Region::row(self.network.instances)].fill(Fr::ONE);
    }

    /// Per lane and row of a flat circuit what the byte there is read less.
    fn centers_by_row(&self) -> TiVec<LaneId, ByRow<Fr>> {
        let mut centers: TiVec<LaneId, _> =
            ti_vec![ti_vec![Fr::ZERO; self.rows]; self.columns.lanes().count()];
        for block in &self.placement.blocks {
            centers[self.placement.first_lane(block.bank)][block.span()].fill(self.center(block.tensor));
        }
        centers
    }

    /// A vector of packed weights, group by group.
    fn vector(&self, weights: Weights, vectors: &TiSlice<MapId, Vectors<'_>>) -> TiVec<GroupId, Fr> {
        let unit = |group: GroupId, value: Fr| {
            let mut vector = ti_vec![Fr::ZERO; usize::from(group) + 1];
            vector[group] = value;
            vector
        };
        match weights {
            Weights::None => TiVec::new(),
            Weights::One { group } => unit(group, Fr::ONE),
            Weights::Minus { node, start } => {
                let weight = node.map_or(Fr::ONE, |node| self.packings[node].weight(start.slot));
                unit(start.group, -weight)
            }
            Weights::Byte { byte } => ti_vec![-(byte_weight(byte) * natural(1 << self.shape.shift))],
            Weights::Tap { map, tap, block } => {
                vectors[map].tap(&self.network.maps[map].taps[tap], block.is_none())
            }
        }
    }
}

/// Where the weights of a map's taps go: per output plane its multiplier and its place in the equation.
struct Vectors<'a> {
    sources: &'a Sources<'a>,
    map: &'a Map,
    /// Where blocks begin in the equation they share.
    starts: BTreeMap<BlockId, Start>,
    /// `B^slot`.
    powers: TiVec<SlotId, Fr>,
}

impl<'a> Vectors<'a> {
    fn of(sources: &'a Sources<'a>, map: &'a Map) -> Self {
        let packing = sources.packings[map.node];
        let powers = (0..packing.slots).map(|slot| packing.weight(SlotId::from(slot))).collect();
        Self { sources, map, starts: sources.placement.starts(map.node, packing.slots), powers }
    }

    /// The packed weights of a tap, group by group.
    fn tap(&self, tap: &Tap, shares_equation: bool) -> TiVec<GroupId, Fr> {
        let (sources, map) = (self.sources, self.map);
        let forms = &sources.forms.nodes[map.node];
        let home = sources.network.homes.home(map.output);
        let mut vector = TiVec::new();
        for (plane, weight) in tap.planes() {
            let scale = match forms.form(home.planes[plane].channel) {
                Form::Linear(form) => i128::from(form.m),
                Form::Threshold(_) | Form::Maximum | Form::Product => 1,
                Form::Function(_) => 1 << sources.shape.shift,
            };
            let (block, member) = sources.placement.members[map.output.0][plane];
            let start = if shares_equation { self.starts[&block] } else { Start::default() };
            let Start { group, slot } = start.of_member(member, self.powers.len());
            if group >= vector.next_key() {
                vector.resize(usize::from(group) + 1, Fr::ZERO);
            }
            vector[group] += integer(i128::from(weight) * scale) * self.powers[slot];
        }
        vector
    }
}

/// `256^byte`.
fn byte_weight(byte: usize) -> Fr {
    natural(256).pow_vartime([byte as u64])
}
