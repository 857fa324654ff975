//! The layer equations as rows of the contraction region.
//!
//! A slice is a vector of packed weights with an operand; its rows evaluate the vector at rho, highest groups
//! first, and its last row multiplies the evaluation with the operand and adds it to the product sum. The
//! slices of one layer are its weight columns times its input activations, and for every block of its output
//! minus a unit vector times the block's running evaluation: their sum must be 0.

use std::collections::BTreeMap;

use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};

use crate::{ir::Model, statement::HEADER_INSTANCES};

use super::{
    forms::{Form, Forms},
    groups::Groups,
    place::{Placement, Spot},
    shape::Shape,
};

/// What a slice is multiplied with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operand {
    /// The activation at this spot.
    Activation(Spot),
    /// The running evaluation at this spot.
    Evaluation(Spot),
}

/// The contraction region, row by row from row [`Contraction::first_row`].
#[derive(Clone, Debug)]
pub(crate) struct Contraction {
    /// Rows before it mirror the public inputs.
    pub(crate) first_row: usize,
    /// Packed weights, `weight_columns` per row: the coefficients of `rho^0, rho^1, ...` within the row.
    pub(crate) weights: Vec<Fr>,
    /// Whether the row continues the evaluation of the row before.
    pub(crate) keep: Vec<bool>,
    /// The operand of a slice that ends in this row.
    pub(crate) operands: Vec<Option<Operand>>,
    /// Absolute rows on which the product sum must be 0: where it starts and after each layer.
    pub(crate) zeros: Vec<usize>,
}

/// Rows of a slice of `groups` groups.
fn slice_rows(groups: usize, columns: usize) -> usize {
    groups.div_ceil(columns)
}

/// The operand column mirrors the public inputs on the rows before the region.
fn first_row(placement: &Placement) -> usize {
    HEADER_INSTANCES + placement.instances.len()
}

/// Rows up to the end of the region with this many weight columns.
pub(crate) fn rows_needed(model: &Model, placement: &Placement, columns: usize) -> usize {
    let node_rows = model.nodes.iter().zip(&placement.nodes).map(|(node, (packing, blocks))| {
        let layer = node.dense();
        let groups = blocks.iter().map(|block| packing.groups(block.channels.len())).sum();
        let outputs: usize = blocks.iter().map(|block| slice_rows(block.first_group + 1, columns)).sum();
        layer.inputs * slice_rows(groups, columns) + outputs
    });
    first_row(placement) + node_rows.sum::<usize>()
}

impl Contraction {
    /// Lays the equations of all layers out.
    pub(crate) fn of(model: &Model, forms: &Forms, placement: &Placement, shape: &Shape) -> Self {
        let first_row = first_row(placement);
        let mut region = Builder {
            columns: shape.weight_columns as usize,
            contraction: Self {
                first_row,
                weights: Vec::new(),
                keep: Vec::new(),
                operands: Vec::new(),
                zeros: vec![0],
            },
        };
        for (index, node) in model.nodes.iter().enumerate() {
            let layer = node.dense();
            let (packing, blocks) = &placement.nodes[index];
            let scales = forms.nodes[index].channels.iter().map(scale).collect::<Vec<_>>();
            let powers: Vec<Fr> = (0..packing.slots).map(|slot| packing.weight(slot)).collect();
            for input in 0..layer.inputs {
                let groups = blocks.iter().flat_map(|block| block.channels.chunks(packing.slots));
                let packed = groups.map(|group| {
                    let terms = group.iter().zip(&powers).map(|(&channel, power)| {
                        let weight = i128::from(layer.row(channel)[input]) * scales[channel];
                        integer(weight) * power
                    });
                    terms.sum()
                });
                let home = placement.homes[node.inputs[0].0][input];
                region.slice(&packed.collect::<Vec<Fr>>(), Operand::Activation(home));
            }
            for block in blocks {
                let mut unit = vec![Fr::ZERO; block.first_group + 1];
                unit[block.first_group] = -Fr::ONE;
                region.slice(&unit, Operand::Evaluation(block.end));
            }
            region.close();
        }
        region.contraction
    }

    /// Which layers have claims in which groups: a block's are in the equation its evaluation is an operand of.
    pub(crate) fn groups(&self, placement: &Placement) -> Groups {
        let mut claims = BTreeMap::new();
        for (node, (packing, blocks)) in placement.nodes.iter().enumerate() {
            for block in blocks {
                let last = block.first_group + packing.groups(block.channels.len());
                claims.insert(block.end, (node, block.first_group..last));
            }
        }
        let mut groups = Groups::default();
        for (row, operand) in (self.first_row..).zip(&self.operands) {
            if let Some(Operand::Evaluation(end)) = operand {
                let (node, of_block) = &claims[end];
                let equation = self.zeros.partition_point(|zero| *zero <= row);
                groups.add(equation, of_block.clone(), *node);
            }
        }
        groups
    }

    /// Rows of the region and the row after it, which holds the last product sum.
    pub(crate) fn end_row(&self) -> usize {
        self.first_row + self.keep.len() + 1
    }
}

/// What the accumulator of a channel is multiplied with on the output side.
fn scale(form: &Form) -> i128 {
    match form {
        Form::Linear(form) => i128::from(form.m),
        Form::Threshold(_) | Form::Function(_) | Form::Maximum | Form::Product => 1,
    }
}

/// A signed integer as a field element.
pub(crate) fn integer(value: i128) -> Fr {
    let magnitude = value.unsigned_abs();
    // The library's conversion from 128 bits doubles and adds bit by bit.
    let (high, low) = ((magnitude >> 64) as u64, magnitude as u64);
    let mut element = Fr::from(low);
    if high > 0 {
        element += Fr::from(high) * Fr::from_raw([0, 1, 0, 0]);
    }
    if value < 0 { -element } else { element }
}

struct Builder {
    columns: usize,
    contraction: Contraction,
}

impl Builder {
    /// # Panics
    /// If there is no group: the operand would replace that of the slice before.
    fn slice(&mut self, groups: &[Fr], operand: Operand) {
        assert!(!groups.is_empty(), "a layer has at least one output");
        let rows = groups.chunks(self.columns).rev().enumerate();
        for (index, row) in rows {
            self.contraction.weights.extend(row);
            self.contraction.weights.resize((self.contraction.keep.len() + 1) * self.columns, Fr::ZERO);
            self.contraction.keep.push(index > 0);
            self.contraction.operands.push(None);
        }
        if let Some(last) = self.contraction.operands.last_mut() {
            *last = Some(operand);
        }
    }

    /// Ends a layer: its product sum is 0 on the next row.
    fn close(&mut self) {
        self.contraction.zeros.push(self.contraction.first_row + self.contraction.keep.len());
    }
}
