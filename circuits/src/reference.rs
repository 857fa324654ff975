//! The integer interpreter: what every circuit, witness and proof is compared with.
//!
//! Written to be read beside the operators' definitions, one loop per sum, never optimized. It depends on
//! the intermediate representation and on [`requantize`] alone, so that a mistake in the circuit code cannot
//! repeat itself here.

mod operators;

use crate::{
    ir::{ChannelSteps, FullyConnected, Model, Node, Op, Requantize, TensorId},
    requantize::requantize,
};

/// Why inputs do not fit a model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// The model has another number of inputs.
    #[error("the model has {expected} inputs, got {got}; give one list of integers for each")]
    Count {
        /// Inputs of the model.
        expected: usize,
        /// Inputs given.
        got: usize,
    },
    /// An input has another number of elements.
    #[error("input '{input}' has {expected} elements, got {got}")]
    Length {
        /// Name of the input.
        input: String,
        /// Elements of the input.
        expected: usize,
        /// Elements given.
        got: usize,
    },
    /// A value is none of the input's element type.
    #[error(
        "input '{input}', element {index}: {got} is outside {min}..={max}, the range of its element type"
    )]
    Value {
        /// Name of the input.
        input: String,
        /// Position in the flattened input.
        index: usize,
        /// The value given.
        got: i32,
        /// Smallest value of the type.
        min: i32,
        /// Largest value of the type.
        max: i32,
    },
}

/// Every integer of one inference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// The elements of every tensor, indexed by [`TensorId`].
    pub tensors: Vec<Vec<i32>>,
    /// The int32 accumulators of every node, bias included, before requantization; indexed like
    /// [`Model::nodes`], in the order of the node's output elements. Empty for a node without accumulators.
    pub accumulators: Vec<Vec<i64>>,
    outputs: Vec<TensorId>,
}

impl Trace {
    /// The elements of the model's outputs, in graph order.
    pub fn outputs(&self) -> Vec<&[i32]> {
        self.outputs.iter().map(|id| self.tensors[id.0].as_slice()).collect()
    }
}

/// Runs the model on one list of integers per input, in graph order, each flattened in row-major order.
///
/// # Errors
/// [`InputError`] when the lists do not fit the model's inputs.
///
/// # Panics
/// If the model is inconsistent, or if an accumulator leaves int32, which [`Model::accumulator_ranges`]
/// excludes.
pub fn run(model: &Model, inputs: &[Vec<i32>]) -> Result<Trace, InputError> {
    check_inputs(model, inputs)?;
    let mut tensors = vec![Vec::new(); model.tensors.len()];
    for (input, values) in model.inputs.iter().zip(inputs) {
        tensors[input.tensor.0] = values.clone();
    }
    let mut accumulators = Vec::new();
    for node in &model.nodes {
        let inputs: Vec<&[i32]> = node.inputs.iter().map(|input| tensors[input.0].as_slice()).collect();
        let (sums, output) = apply(model, node, &inputs);
        accumulators.push(sums);
        tensors[node.output.0] = output;
    }
    let outputs = model.outputs.iter().map(|output| output.tensor).collect();
    Ok(Trace { tensors, accumulators, outputs })
}

/// The accumulators of a node, if it has any, and its output.
fn apply(model: &Model, node: &Node, inputs: &[&[i32]]) -> (Vec<i64>, Vec<i32>) {
    match (&node.op, inputs) {
        (Op::FullyConnected(layer), [x]) => {
            let sums = fully_connected(layer, x);
            let output = requantize_channels(&layer.requantize, &sums, 1);
            (sums, output)
        }
        (Op::Convolution(layer), [x]) => {
            let sums = operators::convolution(layer, x);
            let output = requantize_channels(&layer.requantize, &sums, layer.window.output_len());
            (sums, output)
        }
        (Op::MatMul(product), [a, b]) => {
            let sums = operators::mat_mul(product, a, b);
            let output = requantize_channels(&product.requantize, &sums, sums.len());
            (sums, output)
        }
        (Op::Add(add), [a, b]) => (Vec::new(), operators::add(add, a, b)),
        (Op::Multiply(multiply), [a, b]) => (Vec::new(), operators::multiply(multiply, a, b)),
        (Op::Table(table), [x]) => {
            (Vec::new(), operators::table(table, model.tensor(node.inputs[0]).elem, x))
        }
        (Op::MaxPool(pool), [x]) => (Vec::new(), operators::max_pool(pool, x)),
        (Op::Maximum, [a, b]) => (Vec::new(), a.iter().zip(*b).map(|(a, b)| *a.max(b)).collect()),
        (Op::Rearrange(rearrange), inputs) => (Vec::new(), operators::rearrange(rearrange, inputs)),
        (op, inputs) => panic!("node '{}', a {}, reads {} tensors", node.name, op.name(), inputs.len()),
    }
}

/// `sum_j W[i][j] (x[j] - input_zero_point) + bias[i]` for every output i.
fn fully_connected(layer: &FullyConnected, x: &[i32]) -> Vec<i64> {
    assert_eq!(x.len(), layer.inputs, "the layer reads {} elements", layer.inputs);
    let mut sums = Vec::new();
    for output in 0..layer.outputs {
        let mut sum = i64::from(layer.bias[output]);
        for (weight, value) in layer.row(output).iter().zip(x) {
            sum += i64::from(*weight) * i64::from(value - layer.input_zero_point);
        }
        sums.push(sum);
    }
    sums
}

/// One step function per output channel, `positions` consecutive accumulators each.
fn requantize_channels(to: &Requantize, sums: &[i64], positions: usize) -> Vec<i32> {
    let channels = sums.chunks(positions);
    let mut output = Vec::new();
    match &to.channels {
        ChannelSteps::Multipliers(multipliers) => {
            assert_eq!(sums.len(), multipliers.len() * positions, "one multiplier per output channel");
            for (sums, multiplier) in channels.zip(multipliers) {
                let requantized = |&sum| requantize(sum, *multiplier, to.zero_point, to.lo, to.hi);
                output.extend(sums.iter().map(requantized));
            }
        }
        ChannelSteps::Thresholds(lists) => {
            assert_eq!(sums.len(), lists.len() * positions, "one list of thresholds per output channel");
            for (sums, thresholds) in channels.zip(lists) {
                for sum in sums {
                    let passed = thresholds.iter().filter(|threshold| *threshold <= sum).count();
                    output.push(to.lo + i32::try_from(passed).expect("outputs are int32"));
                }
            }
        }
    }
    output
}

fn check_inputs(model: &Model, inputs: &[Vec<i32>]) -> Result<(), InputError> {
    if inputs.len() != model.inputs.len() {
        return Err(InputError::Count { expected: model.inputs.len(), got: inputs.len() });
    }
    for (input, values) in model.inputs.iter().zip(inputs) {
        let tensor = model.tensor(input.tensor);
        if values.len() != tensor.len {
            let (expected, got) = (tensor.len, values.len());
            return Err(InputError::Length { input: input.name.clone(), expected, got });
        }
        let elem = tensor.elem;
        if let Some(index) = values.iter().position(|&value| !elem.contains(value)) {
            let (min, max) = (elem.min(), elem.max());
            return Err(InputError::Value { input: input.name.clone(), index, got: values[index], min, max });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
