//! The fixed columns: everything about a circuit that is the same for every input.

use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};

use crate::{
    ir::Model,
    plan::tables::{BYTE, Entry, clamp_tag, step_tag},
    statement::HEADER_INSTANCES,
};

use super::{
    columns::Columns,
    contraction::{Contraction, integer},
    forms::{Form, Forms},
    place::{LaneKind, Placement, Step, Use},
    shape::Shape,
};

/// What the fixed columns are made from.
pub(crate) struct Sources<'a> {
    pub(crate) model: &'a Model,
    pub(crate) forms: &'a Forms,
    pub(crate) shape: &'a Shape,
    pub(crate) columns: &'a Columns,
    pub(crate) placement: &'a Placement,
    pub(crate) contraction: &'a Contraction,
    pub(crate) tables: &'a [Vec<Entry>],
    pub(crate) rows: usize,
}

impl Sources<'_> {
    /// All fixed columns, `rows + 1` values each.
    pub(crate) fn build(&self) -> Vec<Vec<Fr>> {
        let mut out = vec![vec![Fr::ZERO; self.rows + 1]; self.columns.fixed];
        out[self.columns.lookup.rows][..self.rows].fill(Fr::ONE);
        out[self.columns.lookup.boundary][0] = Fr::ONE;
        out[self.columns.lookup.boundary][self.rows] = Fr::ONE;
        self.tables(&mut out);
        self.lanes(&mut out);
        self.contraction(&mut out);
        let statement = &mut out[self.columns.statement];
        statement[HEADER_INSTANCES..self.contraction.first_row].fill(Fr::ONE);
        out
    }

    fn tables(&self, out: &mut [Vec<Fr>]) {
        for (columns, entries) in self.columns.lookup.tables.iter().zip(self.tables) {
            for (index, column) in columns.iter().enumerate() {
                for (cell, entry) in out[*column].iter_mut().zip(entries) {
                    *cell = integer(entry[index].into());
                }
            }
        }
    }

    fn lanes(&self, out: &mut [Vec<Fr>]) {
        for (index, lane) in self.placement.lanes.iter().enumerate() {
            let (tag, channel, byte, step, step_rho, constant) = match lane.kind {
                LaneKind::Linear => {
                    let lane = &self.columns.linear[index];
                    (lane.cells.tag, lane.cells.channel, None, lane.step, lane.step_rho, lane.constant)
                }
                LaneKind::Threshold => {
                    let lane = &self.columns.threshold[index - self.columns.linear.len()];
                    (
                        lane.cells.tag,
                        lane.cells.channel,
                        Some(lane.byte),
                        lane.step,
                        lane.step_rho,
                        lane.constant,
                    )
                }
            };
            for (row, used) in lane.rows.iter().enumerate() {
                let (plain, rho) = step_values(used.step);
                out[step][row] = plain;
                out[step_rho][row] = rho;
                match used.content {
                    Use::Byte { .. } => {
                        out[tag][row] = integer(BYTE.into());
                        if let Some(byte) = byte {
                            out[byte][row] = Fr::ONE;
                        }
                    }
                    Use::Channel { node, channel: of } => {
                        out[tag][row] = integer(self.channel_tag(node, of).into());
                        out[channel][row] = Fr::ONE;
                        out[constant][row] = self.channel_constant(node, of);
                    }
                }
            }
        }
    }

    fn channel_tag(&self, node: usize, channel: usize) -> i64 {
        let forms = &self.forms.nodes[node];
        match &forms.channels[channel] {
            Form::Linear(_) => clamp_tag(forms.clamp),
            Form::Threshold(class) => step_tag(self.forms, *class),
            Form::Function(_) | Form::Maximum | Form::Product => {
                unreachable!("lanes hold fully connected layers")
            }
        }
    }

    /// What is subtracted from the claimed `2^shift q' + r` or `t + d` to leave `m sum_j W_j x'_j`, primes
    /// meaning that type or class minima are subtracted: with `acc = sum_j W_j x'_j + b + (min_x - z_x) sum_j
    /// W_j`, it is `m (acc - sum_j W_j x'_j) + c - 2^shift min_y`, or `acc - sum_j W_j x'_j - lo`.
    fn channel_constant(&self, node: usize, channel: usize) -> Fr {
        let forms = &self.forms.nodes[node].channels[channel];
        let node = &self.model.nodes[node];
        let layer = node.dense();
        let row_sum: i128 = layer.row(channel).iter().map(|weight| i128::from(*weight)).sum();
        let shifted = self.model.tensor(node.inputs[0]).elem.min() - layer.input_zero_point;
        let offset = i128::from(layer.bias[channel]) + i128::from(shifted) * row_sum;
        match forms {
            Form::Linear(form) => {
                let type_min = i128::from(self.model.tensor(node.output).elem.min());
                integer(i128::from(form.m) * offset + form.c - (type_min << self.shape.shift))
            }
            Form::Threshold(class) => integer(offset - i128::from(self.forms.steps[*class].steps.range.lo)),
            Form::Function(_) | Form::Maximum | Form::Product => {
                unreachable!("lanes hold fully connected layers")
            }
        }
    }

    fn contraction(&self, out: &mut [Vec<Fr>]) {
        let region = self.contraction;
        let rows = region.weights.chunks(self.columns.weights.len());
        for (row, ((weights, keep), operand)) in
            (region.first_row..).zip(rows.zip(&region.keep).zip(&region.operands))
        {
            for (column, weight) in self.columns.weights.iter().zip(weights) {
                out[*column][row] = *weight;
            }
            out[self.columns.keep][row] = Fr::from(u64::from(*keep));
            out[self.columns.end][row] = Fr::from(u64::from(operand.is_some()));
        }
        for row in &region.zeros {
            out[self.columns.zero][*row] = Fr::ONE;
        }
    }
}

/// The constant part of a step and its coefficient of rho.
fn step_values(step: Step) -> (Fr, Fr) {
    match step {
        Step::Start => (Fr::ZERO, Fr::ZERO),
        Step::Byte => (Fr::from(256), Fr::ZERO),
        Step::Slot(packing) => (packing.weight(1), Fr::ZERO),
        Step::Group(packing) => (Fr::ZERO, packing.unwind()),
    }
}
