//! The public tensors of a circuit: what a statement holds, and what becomes of its integers outside the proof.

use serde::{Deserialize, Serialize};

/// Longest caller context in bytes.
pub const MAX_CONTEXT: usize = 32;

/// Integers packed into one public input: `256^31 < p`.
pub const LANES_PER_INSTANCE: usize = 31;

/// Public inputs before the packed tensors: two halves of the circuit id, two of the context.
pub const HEADER_INSTANCES: usize = 4;

/// The 8-bit element type of an activation tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Elem {
    /// Signed, `-128..=127`.
    I8,
    /// Unsigned, `0..=255`.
    U8,
}

impl Elem {
    /// The smallest value of the type.
    pub const fn min(self) -> i32 {
        match self {
            Self::I8 => -128,
            Self::U8 => 0,
        }
    }

    /// The largest value of the type.
    pub const fn max(self) -> i32 {
        self.min().saturating_add(255)
    }

    /// The type's name in ONNX.
    pub const fn name(self) -> &'static str {
        match self {
            Self::I8 => "int8",
            Self::U8 => "uint8",
        }
    }

    /// Whether `value` is a value of the type.
    pub const fn contains(self, value: i32) -> bool {
        self.min() <= value && value <= self.max()
    }
}

/// Affine quantization `real = (q - zero_point) * scale` of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quantization {
    /// Finite and positive.
    pub scale: f32,
    /// A value of the tensor's element type.
    pub zero_point: i32,
}

/// A trailing operator that is applied to a proven output outside the circuit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Tail {
    /// DequantizeLinear: float32 from the proven integers.
    Dequantize(Quantization),
    /// onnxruntime's QLinearSoftmax over the innermost dimension: 8-bit integers again.
    QuantizedSoftmax {
        /// Of the proven integers.
        from: Quantization,
        /// Length of the normalized dimension.
        len: usize,
        /// Of the result.
        to: Quantization,
        /// Element type of the proven integers and of the result.
        elem: Elem,
    },
    /// float32 Softmax over the innermost dimension of this many elements.
    Softmax {
        /// Length of the normalized dimension.
        len: usize,
    },
    /// Nothing: the integers are indices, which ONNX holds as int64. The only operator of its output.
    Index,
    /// float32 LogSoftmax over the innermost dimension of this many elements.
    LogSoftmax {
        /// Length of the normalized dimension.
        len: usize,
    },
    /// A float32 function of every integer: DequantizeLinear and what follows it. The first operator of its output.
    Table {
        /// Element type of the proven integers.
        elem: Elem,
        /// The finite result for each of the 256 integers, smallest first.
        values: Vec<f32>,
        /// Names of the operators, for people.
        operators: Vec<String>,
    },
}

/// One tensor of the statement as the caller knows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Port {
    /// Name in the ONNX graph.
    pub name: String,
    /// Shape in the ONNX graph with batch 1.
    pub shape: Vec<usize>,
    /// Element type of the proven integers.
    pub elem: Elem,
    /// For an input that is float32 in the ONNX graph: its quantization.
    pub quantize: Option<Quantization>,
    /// For an output: the operators that follow outside the circuit.
    pub tail: Vec<Tail>,
    /// Elements packed into one public input, `1..=`[`LANES_PER_INSTANCE`]: as many as the layout of the circuit
    /// reads together.
    pub bytes_per_instance: u8,
}

impl Port {
    /// Number of elements; saturates instead of wrapping.
    pub fn len(&self) -> usize {
        self.shape.iter().fold(1, |len: usize, dim| len.saturating_mul(*dim))
    }

    /// Whether the tensor has no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Public inputs its integers are packed into.
    pub fn instances(&self) -> usize {
        self.len().div_ceil(usize::from(self.bytes_per_instance.max(1)))
    }
}

/// The public tensors of a circuit, in statement order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interface {
    /// Inputs.
    pub inputs: Vec<Port>,
    /// Outputs.
    pub outputs: Vec<Port>,
}

impl Interface {
    /// Inputs, then outputs.
    pub fn ports(&self) -> impl Iterator<Item = &Port> {
        self.inputs.iter().chain(&self.outputs)
    }

    /// Length of the public-input vector; saturates instead of wrapping.
    pub fn instances(&self) -> usize {
        self.ports().fold(HEADER_INSTANCES, |sum, port| sum.saturating_add(port.instances()))
    }

    /// Length of an encoded statement in bytes; saturates instead of wrapping.
    pub fn statement_bytes(&self) -> usize {
        self.ports().fold(32 + 1 + MAX_CONTEXT, |sum, port| sum.saturating_add(port.len()))
    }
}
