//! The quantized intermediate representation: integers only, the hinge every later stage reads.
//!
//! A [`Model`] is a list of [`Node`]s in topological order over 8-bit activation [`Tensor`]s. Everything a
//! node needs to compute its output exactly is in the node: centered weights, biases, zero points and the
//! float32 requantization multipliers of onnxruntime's kernels. How the ONNX file spelled it (QOperator or
//! QDQ) is gone, so two files with the same arithmetic have the same [`ModelId`].

mod bounds;
mod canonical;
mod consistency;
mod operators;

pub(crate) use bounds::within_int32;
pub use bounds::{AccumulatorRange, BoundsError};
pub use consistency::InconsistentModel;
/// Parts of a model that statements and key files name too.
pub use lemma_verifier::{
    circuit_id::ModelId,
    interface::{Elem, Quantization, Tail},
};
pub use operators::{Add, Convolution, MatMul, MaxPool, Multiply, Rearrange, Source, Table, Window};

use lemma_verifier::interface::{Interface, LANES_PER_INSTANCE, Port};

/// Index of a tensor in [`Model::tensors`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TensorId(pub usize);

/// An 8-bit activation tensor, flattened in row-major order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor {
    /// Element type.
    pub elem: Elem,
    /// Number of elements, batch dimension 1 included.
    pub len: usize,
    /// Smallest and largest value an element can take: the whole type for a model input; otherwise the clamp of
    /// the producing node, the entries of its table that its input reaches, or what it copies from.
    pub range: (i32, i32),
}

/// A model input: its integers are in the statement.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// Name in the ONNX graph; callers address the input by it.
    pub name: String,
    /// Shape in the ONNX graph, a symbolic batch dimension replaced by 1.
    pub shape: Vec<usize>,
    /// The tensor it fills.
    pub tensor: TensorId,
    /// Present when the ONNX input is float32: the leading QuantizeLinear, done outside the circuit.
    pub quantize: Option<Quantization>,
}

/// A model output: its integers are in the statement.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// Name in the ONNX graph.
    pub name: String,
    /// Shape in the ONNX graph, a symbolic batch dimension replaced by 1.
    pub shape: Vec<usize>,
    /// The tensor whose integers are proven.
    pub tensor: TensorId,
    /// What the ONNX graph does with these integers after the last quantized operator, outside the circuit.
    pub tail: Vec<Tail>,
}

/// Requantization of an int32 accumulator: a monotone step function per output channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Requantize {
    /// The function of every output channel.
    pub channels: ChannelSteps,
    /// Zero point of the output tensor.
    pub zero_point: i32,
    /// Smallest output: the type's minimum or an absorbed Relu / Clip.
    pub lo: i32,
    /// Largest output.
    pub hi: i32,
}

impl Requantize {
    /// The multipliers, none where the channels have thresholds.
    pub fn multipliers(&self) -> &[f32] {
        match &self.channels {
            ChannelSteps::Multipliers(multipliers) => multipliers,
            ChannelSteps::Thresholds(_) => &[],
        }
    }
}

impl Requantize {
    /// Clamps the outputs to `lo..=hi` as well; beyond the present clamp they become its nearest end.
    pub(crate) fn narrow(&mut self, lo: i32, hi: i32) {
        let (old_lo, old_hi) = (self.lo, self.hi);
        self.lo = old_lo.clamp(lo, hi);
        self.hi = old_hi.clamp(lo, hi);
        if let ChannelSteps::Thresholds(channels) = &mut self.channels {
            // Steps up to the new lower end are below it, those beyond the new upper end above.
            let (below, count) = (self.lo.abs_diff(old_lo), self.hi.abs_diff(self.lo));
            for thresholds in channels {
                thresholds.drain(..thresholds.len().min(below as usize));
                thresholds.truncate(count as usize);
            }
        }
    }
}

/// The step functions of a layer's output channels.
#[derive(Clone, Debug, PartialEq)]
pub enum ChannelSteps {
    /// One float32 multiplier per output channel: `fl(fl(sx * sw) / sy)`, finite and positive.
    ///
    /// What onnxruntime's kernels compute: `y = clamp(rne(fl(float32(acc) * multiplier)) + zero_point, lo, hi)`,
    /// `fl` one float32 rounding, `rne` rounding half to even.
    Multipliers(Vec<f32>),
    /// Per output channel `hi - lo` accumulators from -2^31 to 2^31 in ascending order: `y` is `lo` plus the number
    /// of those that are at most `acc`.
    ///
    /// For sums that onnxruntime rounds in another way. Importers keep to the reachable accumulators: a threshold
    /// that all of them pass is the smallest, one that none passes is the largest plus 1.
    Thresholds(Vec<Vec<i64>>),
}

/// `y = requantize(W (x - input_zero_point) + bias)` for a vector x.
#[derive(Clone, Debug, PartialEq)]
pub struct FullyConnected {
    /// Length of x.
    pub inputs: usize,
    /// Length of y.
    pub outputs: usize,
    /// Weights with their zero point subtracted, `-255..=255`, row-major `[outputs][inputs]`.
    pub weights: Vec<i16>,
    /// One int32 per output.
    pub bias: Vec<i32>,
    /// Zero point of x.
    pub input_zero_point: i32,
    /// From accumulators to outputs.
    pub requantize: Requantize,
}

impl FullyConnected {
    /// The weights of one output, in input order.
    ///
    /// # Panics
    /// If `output >= self.outputs`.
    pub fn row(&self, output: usize) -> &[i16] {
        &self.weights[output * self.inputs..][..self.inputs]
    }
}

/// What a node computes.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// A fully connected layer with its requantization.
    FullyConnected(FullyConnected),
    /// A convolution with its requantization; average pooling over the whole image is one with unit weights.
    Convolution(Convolution),
    /// Matrix product of two activations with its requantization.
    MatMul(MatMul),
    /// Elementwise sum of two tensors with its requantization.
    Add(Add),
    /// Elementwise product of two tensors with its requantization.
    Multiply(Multiply),
    /// A function of one 8-bit value, applied to every element.
    Table(Table),
    /// Largest value of every window.
    MaxPool(MaxPool),
    /// Elementwise larger of two tensors.
    Maximum,
    /// Elements of the inputs in another order, repeated, left out, or constant.
    Rearrange(Rearrange),
}

impl Op {
    /// The operator in words, for messages.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::FullyConnected(_) => "fully connected",
            Self::Convolution(_) => "convolution",
            Self::MatMul(_) => "matrix product",
            Self::Add(_) => "add",
            Self::Multiply(_) => "multiply",
            Self::Table(_) => "table",
            Self::MaxPool(_) => "max pool",
            Self::Maximum => "maximum",
            Self::Rearrange(_) => "rearrange",
        }
    }
}

/// One operator application; circuits have operators of their own.
#[derive(Clone, Debug, PartialEq)]
pub struct Node<O = Op> {
    /// Name for messages; means nothing and is not part of the model id.
    pub name: String,
    /// What it computes.
    pub op: O,
    /// The tensors it reads.
    pub inputs: Vec<TensorId>,
    /// The tensor it defines.
    pub output: TensorId,
}

/// A quantized network: a named integer function.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// All activation tensors.
    pub tensors: Vec<Tensor>,
    /// Operators in an order where every tensor is defined before it is read.
    pub nodes: Vec<Node>,
    /// Inputs in graph order.
    pub inputs: Vec<Input>,
    /// Outputs in graph order.
    pub outputs: Vec<Output>,
}

impl Model {
    /// The public tensors, with as many integers in a public input as there is room for.
    pub fn interface(&self) -> Interface {
        let inputs = self.inputs.iter().map(|input| Port {
            name: input.name.clone(),
            shape: input.shape.clone(),
            elem: self.tensor(input.tensor).elem,
            quantize: input.quantize,
            tail: Vec::new(),
            bytes_per_instance: LANES_PER_INSTANCE as u8,
        });
        let outputs = self.outputs.iter().map(|output| Port {
            name: output.name.clone(),
            shape: output.shape.clone(),
            elem: self.tensor(output.tensor).elem,
            quantize: None,
            tail: output.tail.clone(),
            bytes_per_instance: LANES_PER_INSTANCE as u8,
        });
        Interface { inputs: inputs.collect(), outputs: outputs.collect() }
    }

    /// The tensor with this id.
    ///
    /// # Panics
    /// If the id is not of this model.
    pub fn tensor(&self, id: TensorId) -> &Tensor {
        &self.tensors[id.0]
    }

    /// Multiply-accumulates of one inference.
    pub fn macs(&self) -> u64 {
        self.nodes
            .iter()
            .map(|node| match &node.op {
                Op::FullyConnected(layer) => layer.inputs as u64 * layer.outputs as u64,
                Op::Convolution(layer) => layer.macs(),
                Op::MatMul(product) => product.macs(),
                Op::Add(_)
                | Op::Multiply(_)
                | Op::Table(_)
                | Op::MaxPool(_)
                | Op::Maximum
                | Op::Rearrange(_) => 0,
            })
            .sum()
    }

    /// Activations of one inference, inputs included.
    pub fn activations(&self) -> usize {
        self.tensors.iter().map(|tensor| tensor.len).sum()
    }
}
