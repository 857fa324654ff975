//! The hints: every phase-0 cell of one inference, apart from the constraints that check them.
//!
//! The forward pass here goes through the circuit's own forms (quotient and clamp, or thresholds), not through
//! float32; `reference` computes the same outputs the other way, and tests compare the two.

use std::collections::{BTreeMap, BTreeSet};

use halo2_proofs::halo2curves::{bn256::Fr, ff::PrimeField};
use rayon::prelude::*;

use crate::{
    chip::{Slot, lookup::Positions},
    ir::{Model, TensorId},
    plan::{Entry, Interval, Plan, Spot, Use},
};

mod cells;
mod places;

use places::Places;

pub(crate) use cells::{Requantized, requantized, write_linear, write_threshold};

/// Why there is no witness.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WitnessError {
    /// Wrong number of input tensors.
    #[error("the model has {expected} inputs, got {got}")]
    InputCount {
        /// Inputs of the model.
        expected: usize,
        /// Inputs given.
        got: usize,
    },
    /// An input of the wrong length.
    #[error("input '{name}' has {got} elements, expected {expected}")]
    InputLength {
        /// Name of the input.
        name: String,
        /// Elements of the input.
        expected: usize,
        /// Elements given.
        got: usize,
    },
    /// An integer that is not a value of the input's type.
    #[error("input '{name}', element {index}: {value} is not in {lo}..={hi}")]
    InputRange {
        /// Name of the input.
        name: String,
        /// Flat index.
        index: usize,
        /// The value.
        value: i32,
        /// Type minimum.
        lo: i32,
        /// Type maximum.
        hi: i32,
    },
}

/// The hints of one inference: phase-0 advice columns by index, one value per used row.
///
/// Tests change values to lie coherently; everything derived in later phases follows the lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witness {
    /// Per phase-0 advice column, its values.
    pub columns: Vec<Vec<i64>>,
    /// Per model output, its integers.
    pub outputs: Vec<Vec<i32>>,
}

impl Witness {
    /// Runs the model on `inputs`, one vector of integers per model input.
    ///
    /// # Errors
    /// When the inputs are not integers of the model's inputs.
    pub fn new(model: &Model, plan: &Plan, inputs: &[Vec<i32>]) -> Result<Self, WitnessError> {
        Self::run(model, plan, inputs, |_, _, _| {})
    }

    /// [`Witness::new`] with a hook that lies: it is called before the first node with `None` and after each
    /// node with its index, and may change the cells and the tensors' integers that later nodes read.
    ///
    /// # Errors
    /// As [`Witness::new`].
    #[cfg(test)]
    pub(crate) fn with_lie(
        model: &Model,
        plan: &Plan,
        inputs: &[Vec<i32>],
        lie: impl FnMut(Option<usize>, &mut [Vec<i64>], &mut [Vec<i32>]),
    ) -> Result<Self, WitnessError> {
        Self::run(model, plan, inputs, lie)
    }

    fn run(
        model: &Model,
        plan: &Plan,
        inputs: &[Vec<i32>],
        mut after: impl FnMut(Option<usize>, &mut [Vec<i64>], &mut [Vec<i32>]),
    ) -> Result<Self, WitnessError> {
        check_inputs(model, inputs)?;
        let hint_columns = plan.columns.phases.iter().filter(|phase| **phase == 0).count();
        let mut builder = Builder {
            model,
            plan,
            columns: vec![vec![0; plan.rows]; hint_columns],
            tensors: vec![Vec::new(); model.tensors.len()],
        };
        for (input, values) in model.inputs.iter().zip(inputs) {
            builder.tensors[input.tensor.0].clone_from(values);
        }
        after(None, &mut builder.columns, &mut builder.tensors);
        for index in 0..model.nodes.len() {
            builder.node(index);
            after(Some(index), &mut builder.columns, &mut builder.tensors);
        }
        builder.statement_bytes();
        let outputs = model.outputs.iter().map(|output| builder.tensors[output.tensor.0].clone()).collect();
        Ok(Self { columns: builder.columns, outputs })
    }

    /// Counts the lookups of `slots` into the multiplicity columns, replacing what they held.
    ///
    /// A lookup that is in no table set, a lie, is counted nowhere.
    pub(crate) fn count_lookups(&mut self, tables: &LookupTables<'_>, slots: &[Slot]) -> Positions {
        let positions = self.locate_lookups(tables, slots);
        for (column, counts) in tables.multiplicities.iter().zip(positions.counts()) {
            self.columns[*column] = counts.to_vec();
        }
        positions
    }

    /// Where the tables hold the lookups of `slots`.
    pub(crate) fn locate_lookups(&self, tables: &LookupTables<'_>, slots: &[Slot]) -> Positions {
        let places = Places::of(tables.tables);
        let integers = |column: usize| (0..tables.rows).map(|row| tag(tables.fixed, column, row)).collect();
        let columns: BTreeSet<usize> = slots.iter().map(|slot| slot.tag).collect();
        let tags: BTreeMap<usize, Vec<i64>> =
            columns.into_iter().map(|column| (column, integers(column))).collect();
        let locate = |slot: &Slot| places.locate(&self.columns, slot, &tags[&slot.tag]);
        Positions::new(slots.par_iter().map(locate).collect(), tables.tables.len(), tables.rows)
    }
}

/// The tables of a plan and where their multiplicities go.
pub(crate) struct LookupTables<'a> {
    pub(crate) tables: &'a [Vec<Entry>],
    pub(crate) fixed: &'a [Vec<Fr>],
    pub(crate) multiplicities: &'a [usize],
    pub(crate) rows: usize,
}

/// The tuple a slot looks up in a row; `None` if a lie leaves 64 bits.
#[cfg(test)]
pub(crate) fn lookup(fixed: &[Vec<Fr>], columns: &[Vec<i64>], slot: &Slot, row: usize) -> Option<Entry> {
    let [first, second, third] = values(columns, slot, row)?;
    Some([tag(fixed, slot.tag, row) * slot.factor, first, second, third])
}

/// The values a slot looks up in a row; `None` if a lie leaves 64 bits.
fn values(columns: &[Vec<i64>], slot: &Slot, row: usize) -> Option<[i64; 3]> {
    let value = |index: usize| i64::try_from(slot.values[index].value(columns, row)).ok();
    Some([value(0)?, value(1)?, value(2)?])
}

pub(crate) fn check_inputs(model: &Model, inputs: &[Vec<i32>]) -> Result<(), WitnessError> {
    if inputs.len() != model.inputs.len() {
        return Err(WitnessError::InputCount { expected: model.inputs.len(), got: inputs.len() });
    }
    for (input, values) in model.inputs.iter().zip(inputs) {
        let tensor = model.tensor(input.tensor);
        if values.len() != tensor.len {
            return Err(WitnessError::InputLength {
                name: input.name.clone(),
                expected: tensor.len,
                got: values.len(),
            });
        }
        if let Some(index) = values.iter().position(|value| !tensor.elem.contains(*value)) {
            return Err(WitnessError::InputRange {
                name: input.name.clone(),
                index,
                value: values[index],
                lo: tensor.elem.min(),
                hi: tensor.elem.max(),
            });
        }
    }
    Ok(())
}

struct Builder<'a> {
    model: &'a Model,
    plan: &'a Plan,
    columns: Vec<Vec<i64>>,
    tensors: Vec<Vec<i32>>,
}

impl Builder<'_> {
    fn node(&mut self, index: usize) {
        let node = &self.model.nodes[index];
        let layer = node.dense();
        let centered: Vec<i64> = self.tensors[node.inputs[0].0]
            .iter()
            .map(|x| i64::from(*x) - i64::from(layer.input_zero_point))
            .collect();
        let outputs = (0..layer.outputs).map(|channel| {
            let products = layer.row(channel).iter().zip(&centered).map(|(w, x)| i64::from(*w) * x);
            self.channel(index, channel, i64::from(layer.bias[channel]) + products.sum::<i64>())
        });
        self.tensors[node.output.0] = outputs.collect::<Vec<_>>();
    }

    /// Writes the cells of a channel with this accumulator and returns its output.
    fn channel(&mut self, node: usize, channel: usize, acc: i64) -> i32 {
        let forms = &self.plan.forms.nodes[node];
        let output = self.model.nodes[node].output;
        let type_min = self.model.tensor(output).elem.min();
        let spot = self.plan.placement.homes[output.0][channel];
        let byte = match requantized(&self.plan.forms, forms, channel, self.plan.shape.shift, type_min, acc) {
            Requantized::Linear { byte, excess, remainder } => {
                self.linear_cells(spot, byte, excess, remainder);
                byte
            }
            Requantized::Threshold { step, distance } => {
                self.threshold_cells(spot, step, distance);
                step.byte
            }
            Requantized::Maximum { .. } | Requantized::Product { .. } => {
                unreachable!("lanes hold fully connected layers")
            }
        };
        type_min + i32::try_from(byte).expect("outputs are bytes")
    }

    fn linear_cells(&mut self, spot: Spot, byte: i64, excess: i64, remainder: i64) {
        let cells = &self.plan.columns.linear[spot.lane].cells;
        write_linear(&mut self.columns, cells, &self.plan.shape, spot.row, [byte, excess, remainder]);
    }

    fn threshold_cells(&mut self, spot: Spot, step: Interval, distance: i64) {
        let cells = &self.plan.columns.threshold[spot.lane - self.plan.columns.linear.len()].cells;
        write_threshold(&mut self.columns, cells, &self.plan.shape, spot.row, step, distance);
    }

    /// Input homes and output copies.
    fn statement_bytes(&mut self) {
        for (index, lane) in self.plan.placement.lanes.iter().enumerate() {
            let column = self.plan.columns.activation(index);
            for (row, used) in lane.rows.iter().enumerate() {
                if let Use::Byte { tensor, element, .. } = used.content {
                    self.columns[column][row] = self.byte(tensor, element);
                }
            }
        }
    }

    fn byte(&self, tensor: TensorId, element: usize) -> i64 {
        i64::from(self.tensors[tensor.0][element]) - i64::from(self.model.tensor(tensor).elem.min())
    }
}

/// What a tag column holds in a row: a small non-negative integer.
pub(crate) fn tag(fixed: &[Vec<Fr>], column: usize, row: usize) -> i64 {
    let repr = fixed[column][row].to_repr();
    let (low, _) = repr.split_first_chunk::<8>().expect("a field element has 32 bytes");
    i64::from_le_bytes(*low)
}
