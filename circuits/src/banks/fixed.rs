//! The fixed columns of a circuit with banks.

use std::collections::BTreeMap;

use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};

use crate::{
    ir::Model,
    plan::{BYTE, Entry, Form, Forms, PAIR, Shape, clamp_tag, function_tag, integer, step_tag},
};

use super::{
    Network,
    columns::{BankColumns, Columns, LaneWeights},
    equations::Weights,
    homes::Cell,
    maps::{Map, Tap},
    place::{Block, Placement, Start},
    region::{Region, Row},
};

/// What the fixed columns are made from.
pub(super) struct Sources<'a> {
    pub(super) model: &'a Model,
    pub(super) network: &'a Network,
    pub(super) forms: &'a Forms,
    pub(super) shape: &'a Shape,
    pub(super) columns: &'a Columns,
    pub(super) placement: &'a Placement,
    pub(super) region: &'a Region,
    pub(super) weights: LaneWeights,
    pub(super) tables: &'a [Vec<Entry>],
    pub(super) rows: usize,
}

impl Sources<'_> {
    /// All fixed columns, `rows + 1` values each.
    pub(super) fn build(&self) -> Vec<Vec<Fr>> {
        let mut out = vec![vec![Fr::ZERO; self.rows + 1]; self.columns.fixed];
        let lookup = &self.columns.lookup;
        out[lookup.rows][..self.rows].fill(Fr::ONE);
        out[lookup.boundary][0] = Fr::ONE;
        out[lookup.boundary][self.rows] = Fr::ONE;
        out[self.columns.first][0] = Fr::ONE;
        for (columns, entries) in lookup.tables.iter().zip(self.tables) {
            for (index, column) in columns.iter().enumerate() {
                for (cell, entry) in out[*column].iter_mut().zip(entries) {
                    *cell = integer(entry[index].into());
                }
            }
        }
        let bases = self.network.maps.iter().map(|map| self.bases(map)).collect::<Vec<_>>();
        for block in &self.placement.blocks {
            match block.node {
                None => self.input(block, &mut out),
                Some(node) => {
                    let map = self.network.maps.iter().position(|map| map.node == node);
                    self.channels(block, node, &bases[map.expect("a stored node has a map")], &mut out);
                }
            }
        }
        self.region(&mut out);
        out
    }

    fn restarts(&self, block: &Block, bank: &BankColumns, out: &mut [Vec<Fr>]) {
        for (index, row) in block.rows().enumerate() {
            let starts = index == 0 || block.rows.slice_ends.contains(&(index - 1));
            out[bank.keep_slice][row] = Fr::from(u64::from(!starts));
            out[bank.keep_claims][row] = Fr::from(u64::from(index > 0));
        }
    }

    /// Rows of a model input count their bytes where the statement packs them, times `2^shift`.
    fn input(&self, block: &Block, out: &mut [Vec<Fr>]) {
        let bank = &self.columns.banks[block.bank];
        self.restarts(block, bank, out);
        let home = self.network.homes.home(block.tensor);
        for (row, &position) in block.rows().zip(block.positions()) {
            let element = home.planes[block.planes[0]].elements[position];
            let (_, byte) = self.network.instance_of(block.tensor, element);
            out[bank.lanes[0].cells.tag()][row] = integer(BYTE.into());
            let column = bank.byte.expect("inputs are in linear banks");
            out[column][row] = byte_weight(byte) * Fr::from(1 << self.shape.shift);
        }
    }

    fn channels(&self, block: &Block, node: usize, bases: &[Vec<i64>], out: &mut [Vec<Fr>]) {
        let bank = &self.columns.banks[block.bank];
        self.restarts(block, bank, out);
        let forms = &self.forms.nodes[node];
        let home = self.network.homes.home(block.tensor);
        let tag = |plane: usize| match forms.form(home.planes[plane].channel) {
            Form::Linear(_) => clamp_tag(forms.clamp),
            Form::Threshold(class) => step_tag(self.forms, *class),
            Form::Function(function) => function_tag(self.forms, *function),
            Form::Maximum | Form::Product => PAIR,
        };
        let form = forms.form(home.planes[block.planes[0]].channel);
        let looks_up_limbs = matches!(form, Form::Linear(_) | Form::Threshold(_));
        // An idle lane of the linear form claims the low end of its clamp, one of a function the byte 0, others
        // look up zeros.
        let idle = match form {
            Form::Linear(_) => i128::from(self.forms.clamps[forms.clamp].lo) << self.shape.shift,
            Form::Threshold(_) | Form::Function(_) | Form::Maximum | Form::Product => 0,
        };
        for (row, &position) in block.rows().zip(block.positions()) {
            if let Some(channel) = bank.channel.filter(|_| looks_up_limbs) {
                out[channel][row] = Fr::ONE;
            }
            out[bank.claim][row] = Fr::ONE;
            for (lane, columns) in bank.lanes.iter().enumerate() {
                let constant = match block.planes.get(lane) {
                    Some(plane) => {
                        out[columns.cells.tag()][row] = integer(tag(*plane).into());
                        self.constant(node, home.planes[*plane].channel, bases[*plane][position])
                    }
                    None => {
                        // The lanes of a linear bank share the tag.
                        idle
                    }
                };
                let (group, weight) = self.weights.lane(lane);
                out[bank.constants[group]][row] += weight * integer(constant);
            }
        }
    }

    /// What is subtracted from the claimed `2^shift q' + r` or `t + d` to leave `m sum W x'`; `base` is what the
    /// accumulator is when every stored `x'` is 0.
    fn constant(&self, node: usize, channel: usize, base: i64) -> i128 {
        match self.forms.nodes[node].form(channel) {
            Form::Linear(form) => {
                let output = self.model.nodes[node].output;
                let type_min = i128::from(self.model.tensor(output).elem.min());
                i128::from(form.m) * i128::from(base) + form.c - (type_min << self.shape.shift)
            }
            Form::Threshold(class) => i128::from(base) - i128::from(self.forms.steps[*class].steps.range.lo),
            Form::Function(_) => i128::from(base) << self.shape.shift,
            Form::Maximum | Form::Product => base.into(),
        }
    }

    /// Per output plane and position the accumulator when every stored `x'` is 0.
    fn bases(&self, map: &Map) -> Vec<Vec<i64>> {
        let home = self.network.homes.home(map.output);
        let plane = |plane: &super::homes::Plane| vec![map.bias(plane.channel); plane.elements.len()];
        let mut bases: Vec<Vec<i64>> = home.planes.iter().map(plane).collect();
        for tap in &map.taps {
            for (cell, position) in &tap.pairs {
                let value = match cell {
                    Cell::Stored { tensor, .. } => self.model.tensor(*tensor).elem.min() - tap.zero,
                    Cell::Constant(value) => value - tap.zero,
                };
                for (plane, weight) in &tap.weights {
                    bases[*plane][*position] += weight * i64::from(value);
                }
            }
        }
        bases
    }

    fn region(&self, out: &mut [Vec<Fr>]) {
        let columns = self.columns;
        let slots = self.weights.slots();
        let starts: Vec<_> =
            self.network.maps.iter().map(|map| self.placement.starts(map.node, slots)).collect();
        for (row, content) in (Region::FIRST_ROW..).zip(&self.region.rows) {
            out[columns.keep_window][row] = Fr::from(u64::from(content.keep_window));
            out[columns.keep_weight][row] = Fr::from(u64::from(content.keep_weight));
            out[columns.sign][row] = integer(content.sign.into());
            out[columns.end][row] = Fr::from(u64::from(content.factor.is_some()));
            for (way, weights) in columns.ways.iter().zip(&content.weights) {
                self.weights(*weights, content, &starts, |column, value| {
                    out[way.weights[column]][row] += value
                });
            }
        }
        for row in &self.region.zeros {
            out[columns.zero][*row] = Fr::ONE;
        }
        out[columns.statement][Region::FIRST_ROW..Region::FIRST_ROW + self.network.instances].fill(Fr::ONE);
    }

    /// The part of a vector of packed weights that is in a row.
    fn weights(
        &self,
        weights: Weights,
        row: &Row,
        starts: &[BTreeMap<usize, Start>],
        mut add: impl FnMut(usize, Fr),
    ) {
        let width = self.shape.weight_columns as usize;
        let mut at = |group: usize, value: Fr| {
            if group / width == row.part {
                add(group % width, value);
            }
        };
        match weights {
            Weights::None => {}
            Weights::One { group } => at(group, Fr::ONE),
            Weights::Minus(Start { group, slot }) => at(group, -self.weights.slot(slot)),
            Weights::Byte { byte } => at(0, -(byte_weight(byte) * Fr::from(1 << self.shape.shift))),
            Weights::Tap { map: index, tap, block } => {
                let map = &self.network.maps[index];
                self.tap(map, &map.taps[tap], block.is_none().then_some(&starts[index]), at);
            }
        }
    }

    fn tap(
        &self,
        map: &Map,
        tap: &Tap,
        starts: Option<&BTreeMap<usize, Start>>,
        mut at: impl FnMut(usize, Fr),
    ) {
        let forms = &self.forms.nodes[map.node];
        let home = self.network.homes.home(map.output);
        for (plane, weight) in &tap.weights {
            let scale = match forms.form(home.planes[*plane].channel) {
                Form::Linear(form) => i128::from(form.m),
                Form::Threshold(_) | Form::Maximum | Form::Product => 1,
                Form::Function(_) => 1 << self.shape.shift,
            };
            let (block, lane) = self.placement.lanes[map.output.0][*plane];
            let (group, power) = self.weights.lane(lane);
            let start = starts.map_or(Start::default(), |starts| starts[&block]);
            let weight = integer(i128::from(*weight) * scale) * power * self.weights.slot(start.slot);
            at(start.group + group, weight);
        }
    }
}

/// `256^byte`.
fn byte_weight(byte: usize) -> Fr {
    Fr::from(256).pow_vartime([byte as u64])
}
