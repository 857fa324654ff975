//! Collects the quantized operators and brings them into canonical order.

use std::mem;

use super::{
    affine::one_or_indexed,
    budget::Budget,
    error::{GraphError, ImportErrorKind, OperatorError, QuantizationError},
    limits,
    value::{Activation, Linear, Sliding},
};
use crate::{
    ir::{
        AccumulatorRange, Add, ChannelSteps, Convolution, Elem, FullyConnected, Input, MatMul, Model,
        Multiply, Node, Op, Output, Quantization, Requantize, Table, Tensor, TensorId,
    },
    requantize::Steps,
};

mod numbering;
mod rearrange;

use numbering::Numbering;

/// A model under construction.
#[derive(Debug)]
pub(super) struct Builder {
    tensors: Vec<Tensor>,
    /// The node that defines each tensor, `None` for inputs.
    producers: Vec<Option<usize>>,
    nodes: Vec<Node>,
    inputs: Vec<PendingInput>,
    pub(super) budget: Budget,
}

/// A graph input; a float32 one has its tensor only once it is quantized.
#[derive(Debug)]
struct PendingInput {
    name: String,
    shape: Vec<usize>,
    quantized: Option<(TensorId, Option<Quantization>)>,
}

impl Builder {
    pub(super) fn new(budget: Budget) -> Self {
        Self { tensors: Vec::new(), producers: Vec::new(), nodes: Vec::new(), inputs: Vec::new(), budget }
    }

    /// Whether any operator was added.
    pub(super) fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    fn add_tensor(&mut self, tensor: Tensor, producer: Option<usize>) -> TensorId {
        self.tensors.push(tensor);
        self.producers.push(producer);
        TensorId(self.tensors.len() - 1)
    }

    fn add_node(&mut self, name: String, op: Op, inputs: Vec<TensorId>, tensor: Tensor) -> TensorId {
        let output = self.add_tensor(tensor, Some(self.nodes.len()));
        self.nodes.push(Node { name, op, inputs, output });
        output
    }

    /// Declares a float32 graph input and returns its index.
    pub(super) fn float_input(&mut self, name: &str, shape: &[usize]) -> usize {
        self.inputs.push(PendingInput { name: name.to_owned(), shape: shape.to_vec(), quantized: None });
        self.inputs.len() - 1
    }

    /// Declares an 8-bit graph input.
    pub(super) fn quantized_input(
        &mut self,
        name: &str,
        elem: Elem,
        shape: &[usize],
    ) -> Result<Activation, ImportErrorKind> {
        let tensor = self.input_tensor(elem, shape)?;
        let quantized = Some((tensor, None));
        self.inputs.push(PendingInput { name: name.to_owned(), shape: shape.to_vec(), quantized });
        Ok(Activation { tensor, elem, shape: shape.to_vec() })
    }

    /// Integers of which nothing is known, in the place of what was refused.
    pub(super) fn stand_in(&mut self, elem: Elem, shape: &[usize]) -> Result<Activation, ImportErrorKind> {
        let tensor = self.input_tensor(elem, shape)?;
        Ok(Activation { tensor, elem, shape: shape.to_vec() })
    }

    fn input_tensor(&mut self, elem: Elem, shape: &[usize]) -> Result<TensorId, ImportErrorKind> {
        let len = limits::elements("a graph input", shape)?;
        Ok(self.add_tensor(Tensor { elem, len, range: (elem.min(), elem.max()) }, None))
    }

    /// Quantizes a float32 graph input, outside the circuit.
    pub(super) fn quantize_input(
        &mut self,
        input: usize,
        elem: Elem,
        by: Quantization,
        shape: &[usize],
    ) -> Result<Activation, ImportErrorKind> {
        let known = self.inputs.get(input).and_then(|input| input.quantized);
        let tensor = match known {
            None => self.input_tensor(elem, shape)?,
            Some((tensor, quantization)) => {
                let same_type = self.tensors.get(tensor.0).is_some_and(|tensor| tensor.elem == elem);
                if quantization != Some(by) || !same_type {
                    let input = self.inputs.get(input).map(|input| input.name.clone()).unwrap_or_default();
                    return Err(GraphError::InputQuantizedTwice { input }.into());
                }
                tensor
            }
        };
        if let Some(input) = self.inputs.get_mut(input) {
            input.quantized = Some((tensor, Some(by)));
        }
        Ok(Activation { tensor, elem, shape: shape.to_vec() })
    }

    /// Adds a layer whose output is clamped to `lo..=hi`, and returns the output in the shape of the layer.
    pub(super) fn linear(
        &mut self,
        layer: &Linear,
        elem: Elem,
        by: Quantization,
        (lo, hi): (i32, i32),
    ) -> Result<Activation, ImportErrorKind> {
        let multipliers = multipliers(&layer.accumulator_scales, by.scale, layer.weights.outputs)?;
        let channels = ChannelSteps::Multipliers(multipliers);
        let op = self.layer(layer, Requantize { channels, zero_point: by.zero_point, lo, hi })?;
        self.add_layer(layer, op, elem, (lo, hi))
    }

    /// Adds a layer whose outputs are steps of its own, given per channel over the reachable accumulators.
    pub(super) fn stepwise(
        &mut self,
        layer: &Linear,
        elem: Elem,
        zero_point: i32,
        mut steps: impl FnMut(usize, AccumulatorRange) -> Result<Steps, ImportErrorKind>,
    ) -> Result<Activation, ImportErrorKind> {
        let channels = ChannelSteps::Thresholds(Vec::new());
        let (lo, hi) = (elem.min(), elem.max());
        let mut op = self.layer(layer, Requantize { channels, zero_point, lo, hi })?;
        let x_range = self.range(&layer.input);
        let (ranges, requantize) = match &mut op {
            Op::FullyConnected(layer) => (layer.accumulator_ranges(x_range), &mut layer.requantize),
            Op::Convolution(layer) => (layer.accumulator_ranges(x_range), &mut layer.requantize),
            _ => return Err(OperatorError::MissingInput { index: 0, role: "input" }.into()),
        };
        self.budget.spend(ranges.len(), 256 * size_of::<i64>())?;
        let steps = ranges.into_iter().enumerate().map(|(channel, range)| steps(channel, range));
        let steps: Vec<Steps> = steps.collect::<Result<_, _>>()?;
        let lo = steps.iter().map(|steps| steps.first).min().unwrap_or(lo);
        let hi = steps.iter().map(Steps::last).max().unwrap_or(hi);
        let thresholds = |steps: &Steps| (lo + 1..=hi).map(|output| steps.threshold(output)).collect();
        let channels = ChannelSteps::Thresholds(steps.iter().map(thresholds).collect());
        *requantize = Requantize { channels, zero_point, lo, hi };
        self.add_layer(layer, op, elem, (lo, hi))
    }

    /// The operator of a layer.
    fn layer(&mut self, layer: &Linear, requantize: Requantize) -> Result<Op, ImportErrorKind> {
        let weights = &layer.weights;
        let outputs = weights.outputs;
        match &weights.source {
            Some(constant) => self.budget.spend_on_weights(constant)?,
            None => self.budget.spend(weights.centered.len(), size_of::<i16>())?,
        }
        self.budget.spend(outputs, size_of::<i32>() + size_of::<f32>())?;
        let bias = layer.bias.clone().unwrap_or_else(|| vec![0; outputs]);
        Ok(match &layer.sliding {
            None => Op::FullyConnected(FullyConnected {
                inputs: weights.inputs,
                outputs,
                weights: weights.centered.clone(),
                bias,
                input_zero_point: layer.input_zero_point,
                requantize,
            }),
            Some(Sliding { channels, groups, window }) => Op::Convolution(Convolution {
                channels_in: *channels,
                channels_out: outputs,
                groups: *groups,
                window: window.clone(),
                weights: weights.centered.clone(),
                bias,
                input_zero_point: layer.input_zero_point,
                requantize,
            }),
        })
    }

    fn add_layer(
        &mut self,
        layer: &Linear,
        op: Op,
        elem: Elem,
        range: (i32, i32),
    ) -> Result<Activation, ImportErrorKind> {
        let tensor = Tensor { elem, len: limits::elements("the result", &layer.shape)?, range };
        let tensor = self.add_node(layer.name.clone(), op, vec![layer.input.tensor], tensor);
        Ok(Activation { tensor, elem, shape: layer.shape.clone() })
    }

    /// Adds another operator that is clamped to `lo..=hi`, its inputs having as many elements as it reads.
    pub(super) fn clamping(
        &mut self,
        name: &str,
        op: Op,
        inputs: &[&Activation],
        (elem, shape): (Elem, &[usize]),
        range: (i32, i32),
    ) -> Result<Activation, ImportErrorKind> {
        self.budget.spend_on(&op)?;
        let tensor = Tensor { elem, len: limits::elements("the result", shape)?, range };
        let inputs = inputs.iter().map(|input| input.tensor).collect();
        let tensor = self.add_node(name.to_owned(), op, inputs, tensor);
        Ok(Activation { tensor, elem, shape: shape.to_vec() })
    }

    /// The range of an activation.
    pub(super) fn range(&self, activation: &Activation) -> (i32, i32) {
        let tensor = self.tensors.get(activation.tensor.0);
        tensor.map_or((activation.elem.min(), activation.elem.max()), |tensor| tensor.range)
    }

    /// The node that defines a tensor, `None` for inputs.
    pub(super) fn producer(&self, TensorId(tensor): TensorId) -> Option<&Node> {
        self.nodes.get(self.producers.get(tensor).copied().flatten()?)
    }

    /// The zero point of a tensor, `None` for inputs.
    pub(super) fn zero_point(&self, tensor: TensorId) -> Option<i32> {
        match &self.producer(tensor)?.op {
            Op::FullyConnected(layer) => Some(layer.requantize.zero_point),
            Op::Convolution(layer) => Some(layer.requantize.zero_point),
            Op::MatMul(product) => Some(product.requantize.zero_point),
            Op::Multiply(multiply) => Some(multiply.zero_point),
            Op::Add(_) | Op::Table(_) | Op::MaxPool(_) | Op::Maximum | Op::Rearrange(_) => None,
        }
    }

    /// The activation clamped to `lo..=hi`: a copy of the node that defines it, with a tighter clamp, or a table.
    ///
    /// Other readers keep the node as it was; if there are none, it is left out of the model.
    pub(super) fn clamped(
        &mut self,
        name: &str,
        activation: &Activation,
        (lo, hi): (i32, i32),
    ) -> Result<Activation, ImportErrorKind> {
        let range = self.range(activation);
        if lo <= range.0 && range.1 <= hi {
            return Ok(activation.clone());
        }
        let mut copied = self.producer(activation.tensor).cloned();
        let clamp = match copied.as_mut().map(|node| &mut node.op) {
            Some(
                Op::FullyConnected(FullyConnected { requantize, .. })
                | Op::Convolution(Convolution { requantize, .. })
                | Op::MatMul(MatMul { requantize, .. }),
            ) => {
                requantize.narrow(lo, hi);
                (requantize.lo, requantize.hi)
            }
            Some(Op::Add(Add { lo: min, hi: max, .. }) | Op::Multiply(Multiply { lo: min, hi: max, .. })) => {
                *min = (*min).clamp(lo, hi);
                *max = (*max).clamp(lo, hi);
                (*min, *max)
            }
            _ => {
                let elem = activation.elem;
                let entries = (elem.min()..=elem.max()).map(|q| q.clamp(lo, hi)).collect();
                return self.table(name, activation, elem, entries);
            }
        };
        let Some(Node { name, op, inputs, .. }) = copied else { return Ok(activation.clone()) };
        self.budget.spend_on(&op)?;
        let len = limits::elements("the result", &activation.shape)?;
        let tensor = self.add_node(name, op, inputs, Tensor { elem: activation.elem, len, range: clamp });
        Ok(Activation { tensor, ..activation.clone() })
    }

    /// Every element replaced by its entry; `entries` has one for each of the 256 integers, smallest first.
    ///
    /// The table of a table is one, and one that changes nothing is left out.
    pub(super) fn table(
        &mut self,
        name: &str,
        x: &Activation,
        elem: Elem,
        entries: Vec<i32>,
    ) -> Result<Activation, ImportErrorKind> {
        let (lo, hi) = self.range(x);
        let reached = (x.elem.min()..).zip(&entries).filter(|(q, _)| lo <= *q && *q <= hi);
        if x.elem == elem && reached.clone().all(|(q, entry)| q == *entry) {
            return Ok(x.clone());
        }
        let mut source = x.tensor;
        let mut table = Table { entries };
        if let Some((Op::Table(first), &[original])) =
            self.producer(source).map(|node| (&node.op, node.inputs.as_slice()))
        {
            let entry = |between: &i32| {
                let index = usize::try_from(between - x.elem.min()).ok()?;
                table.entries.get(index).copied()
            };
            // Entries of a table are of its output's type.
            table = Table { entries: first.entries.iter().filter_map(entry).collect() };
            source = original;
        }
        let op = Op::Table(table);
        self.budget.spend_on(&op)?;
        let range = match (&op, self.tensors.get(source.0)) {
            (Op::Table(table), Some(tensor)) => table.range(tensor).unwrap_or((elem.min(), elem.max())),
            _ => (elem.min(), elem.max()),
        };
        let len = limits::elements("the result", &x.shape)?;
        let tensor = self.add_node(name.to_owned(), op, vec![source], Tensor { elem, len, range });
        Ok(Activation { tensor, elem, shape: x.shape.clone() })
    }

    /// The model: inputs in graph order, then nodes depth first from the outputs in graph order, so that the order
    /// does not depend on the file's.
    pub(super) fn finish(self, outputs: Vec<Output>) -> Result<Model, ImportErrorKind> {
        let mut numbering = Numbering::new(&self, &outputs);
        let mut inputs = Vec::with_capacity(self.inputs.len());
        for input in self.inputs {
            let quantized = input.quantized.filter(|(tensor, _)| numbering.reached(*tensor));
            let Some((tensor, quantize)) = quantized else {
                return Err(GraphError::UnreadInput { input: input.name }.into());
            };
            numbering.assign(tensor);
            inputs.push(Input { name: input.name, shape: input.shape, tensor, quantize });
        }
        let mut old_nodes: Vec<_> = self.nodes.into_iter().map(Some).collect();
        let mut nodes = Vec::with_capacity(numbering.order.len());
        for index in mem::take(&mut numbering.order) {
            let Some(node) = old_nodes.get_mut(index).and_then(Option::take) else { continue };
            numbering.assign(node.output);
            nodes.push(node);
        }
        let mut model = Model { tensors: numbering.tensors(&self.tensors), nodes, inputs, outputs };
        numbering.renumber(&mut model);
        Ok(model)
    }
}

/// `fl(accumulator_scale / sy)` for every output channel.
pub(super) fn multipliers(
    accumulator_scales: &[f32],
    output_scale: f32,
    outputs: usize,
) -> Result<Vec<f32>, ImportErrorKind> {
    (0..outputs)
        .map(|channel| {
            let scale = one_or_indexed(accumulator_scales, channel).copied().unwrap_or(f32::NAN);
            let multiplier = scale / output_scale;
            // Whether a subnormal number keeps its value depends on the processor's mode.
            if scale.is_normal() && multiplier.is_normal() && multiplier > 0.0 {
                Ok(multiplier)
            } else {
                Err(QuantizationError::Multiplier { channel, accumulator_scale: scale, multiplier }.into())
            }
        })
        .collect()
}
