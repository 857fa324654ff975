//! What is known of a value of the graph while it is read: constants, integers, and floats that stand for integers.

pub(super) mod arithmetic;

use std::borrow::Cow;
use std::rc::Rc;

use super::affine::{self, AxisQuantization, FloatClamp};
use super::constant::{Constant, Data};
use super::ops::{AverageWindow, FloatPair, Order, Sizes};
use super::proto::data_type;
use super::spread::Spread;
use crate::ir::{Elem, Quantization, Tail, TensorId, Window};
use arithmetic::Arithmetic;

/// An 8-bit activation.
#[derive(Clone, Debug)]
pub(super) struct Activation {
    /// Id within the [`super::builder::Builder`].
    pub(super) tensor: TensorId,
    pub(super) elem: Elem,
    pub(super) shape: Vec<usize>,
}

/// The float view of an activation, possibly clamped since.
#[derive(Clone, Debug)]
pub(super) struct Dequantized {
    pub(super) activation: Activation,
    pub(super) by: Quantization,
    pub(super) clamp: FloatClamp,
}

/// The float view of an activation through functions of one value.
#[derive(Clone, Debug)]
pub(super) struct Function {
    pub(super) activation: Activation,
    /// The result for each of the 256 integers, smallest first.
    pub(super) values: Rc<[Spread]>,
}

/// The float view of an integer constant: quantized weights or a bias.
#[derive(Clone, Debug)]
pub(super) struct DequantizedConstant {
    pub(super) constant: Constant,
    pub(super) by: AxisQuantization,
}

impl DequantizedConstant {
    /// `fl(float32(q - zero_point) * scale)` of every element, if they are 8-bit integers.
    fn numbers(&self) -> Option<Vec<f32>> {
        let Constant { shape, data } = &self.constant;
        data.elem()?;
        let number =
            |index| Some(affine::dequantize(data.integer(index)?, self.by.of_element(shape, index)?));
        (0..data.len()).map(number).collect()
    }
}

/// A quantized operand: an activation with its parameters.
#[derive(Clone, Debug)]
pub(super) struct Operand {
    pub(super) activation: Activation,
    pub(super) by: Quantization,
}

/// Centered weights of a layer, its part of the accumulator's scale.
#[derive(Debug)]
pub(super) struct Weights {
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    pub(super) elem: Elem,
    /// Shape in the file, for messages.
    pub(super) shape: Vec<usize>,
    /// Zero point subtracted, row-major `[outputs][inputs]`; the inputs of a convolution are those of its group times
    /// the taps.
    pub(super) centered: Vec<i16>,
    /// One, or one per output.
    pub(super) scales: Vec<f32>,
    /// The constant that they are made of, if they are.
    pub(super) source: Option<Rc<Data>>,
}

/// What makes a linear operator a convolution.
#[derive(Clone, Debug)]
pub(super) struct Sliding {
    pub(super) channels: usize,
    pub(super) groups: usize,
    pub(super) window: Window,
}

/// A linear operator whose int32 accumulators still wait for their requantization.
#[derive(Clone, Debug)]
pub(super) struct Linear {
    /// Name of the node, for messages.
    pub(super) name: String,
    pub(super) input: Activation,
    /// Rows of a fully connected layer, which is a convolution over them when there are several.
    pub(super) rows: usize,
    /// Present for a convolution.
    pub(super) sliding: Option<Sliding>,
    pub(super) input_zero_point: i32,
    pub(super) weights: Rc<Weights>,
    /// One per output, once a bias was added.
    pub(super) bias: Option<Vec<i32>>,
    /// `fl(sx * sw)`, the scale of the accumulators: one, or one per output.
    pub(super) accumulator_scales: Vec<f32>,
    /// Shape of the result.
    pub(super) shape: Vec<usize>,
}

impl Linear {
    /// Whether it is a fully connected layer, on one row or several.
    pub(super) fn is_dense(&self) -> bool {
        self.sliding.is_none() || self.rows > 1
    }

    /// Whether an axis of the result runs over the output channels, unlike in a sum over some axes of a tensor.
    pub(super) fn has_channels(&self) -> bool {
        let axis = if self.is_dense() { self.shape.len().saturating_sub(1) } else { 1 };
        self.shape.get(axis) == Some(&self.weights.outputs)
    }
}

/// The float result of an operator on integers that still waits for its quantizer.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    /// Name of the node, for messages.
    pub(super) name: String,
    pub(super) form: WaitingForm,
    /// Shape of the result.
    pub(super) shape: Vec<usize>,
}

/// Which operator waits.
#[derive(Clone, Debug)]
pub(super) enum WaitingForm {
    /// Elementwise sum of two operands of the result's shape.
    Add { operands: [Operand; 2], order: Order },
    /// Elementwise product of two operands of the result's shape.
    Multiply([Operand; 2]),
    /// Elementwise difference, sum or mean that onnxruntime computes in float32.
    Float { operands: [Operand; 2], pair: FloatPair },
    /// Matrix product of two factors.
    MatMul { factors: [Operand; 2], sizes: Sizes },
    /// Parts one after the other along an axis.
    Concat { parts: Vec<Function>, axis: usize },
    /// Average over the whole image of `[channels][positions]`, or over the windows.
    Average { operand: Operand, channels: usize, windows: Option<AverageWindow> },
}

/// A float input whose elements were moved before its quantizer.
#[derive(Clone, Debug)]
pub(super) struct Moved {
    /// Shape of the graph input.
    pub(super) from: Vec<usize>,
    /// Per element the flat index in the graph input.
    pub(super) elements: Vec<usize>,
}

/// A value of the graph.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Constant(Constant),
    DequantizedConstant(Rc<DequantizedConstant>),
    /// A float32 graph input before its quantizer; `input` is its index.
    FloatInput {
        input: usize,
        shape: Vec<usize>,
        /// Its elements in another order; quantizing them is done before moving them.
        moved: Option<Rc<Moved>>,
    },
    Quantized(Activation),
    Dequantized(Dequantized),
    Function(Function),
    /// The float result of a linear operator before its quantizer, possibly clamped since.
    Linear {
        layer: Rc<Linear>,
        clamp: FloatClamp,
    },
    /// The int32 accumulators of a layer.
    Accumulator(Rc<Linear>),
    /// What float32 operators make of integer sums, before its quantizer.
    Arithmetic(Arithmetic),
    /// The float result of another operator before its quantizer, possibly clamped since.
    Waiting {
        result: Rc<Waiting>,
        clamp: FloatClamp,
    },
    /// The int64 result of ArgMax, as uint8.
    Index(Activation),
    /// What follows the last quantized operator, outside the proof.
    Tail {
        activation: Activation,
        tail: Vec<Tail>,
    },
}

impl Value {
    pub(super) fn shape(&self) -> &[usize] {
        match self {
            Self::Constant(constant) => &constant.shape,
            Self::DequantizedConstant(dequantized) => &dequantized.constant.shape,
            Self::FloatInput { shape, .. } => shape,
            Self::Quantized(activation)
            | Self::Index(activation)
            | Self::Dequantized(Dequantized { activation, .. })
            | Self::Function(Function { activation, .. })
            | Self::Tail { activation, .. } => &activation.shape,
            Self::Linear { layer, .. }
            | Self::Accumulator(layer)
            | Self::Arithmetic(Arithmetic { layer, .. }) => &layer.shape,
            Self::Waiting { result, .. } => &result.shape,
        }
    }

    /// The ONNX code of the element type.
    pub(super) fn data_type(&self) -> i32 {
        let of = |elem: Elem| Constant::zero(elem).data.data_type();
        match self {
            Self::Constant(constant) => constant.data.data_type(),
            Self::Quantized(activation) => of(activation.elem),
            Self::Accumulator(_) => data_type::INT32,
            Self::Index(_) => data_type::INT64,
            Self::Tail { tail, .. } => match tail.as_slice() {
                &[Tail::QuantizedSoftmax { elem, .. }] => of(elem),
                _ => data_type::FLOAT,
            },
            Self::DequantizedConstant(_)
            | Self::FloatInput { .. }
            | Self::Dequantized(_)
            | Self::Function(_)
            | Self::Linear { .. }
            | Self::Arithmetic(_)
            | Self::Waiting { .. } => data_type::FLOAT,
        }
    }

    /// Whether the value is the same for every input of the model.
    pub(super) fn is_constant(&self) -> bool {
        matches!(self, Self::Constant(_) | Self::DequantizedConstant(_))
    }

    /// The float32 numbers of a constant, dequantized if it is quantized; `None` for everything else.
    pub(super) fn numbers(&self) -> Option<Cow<'_, [f32]>> {
        match self {
            Self::Constant(constant) => match &*constant.data {
                Data::Float(numbers) => Some(Cow::Borrowed(numbers)),
                _ => None,
            },
            Self::DequantizedConstant(dequantized) => Some(Cow::Owned(dequantized.numbers()?)),
            _ => None,
        }
    }

    /// The only number of a constant of one element.
    pub(super) fn number(&self) -> Option<f32> {
        let elements: usize = self.shape().iter().product();
        if elements == 1 { self.numbers()?.first().copied() } else { None }
    }

    /// What the value is, for messages.
    pub(super) fn describe(&self) -> &'static str {
        match self {
            Self::Constant(constant) if matches!(&*constant.data, Data::Float(_)) => "a float32 constant",
            Self::Constant(_) => "a constant",
            Self::DequantizedConstant(_) => "a dequantized constant",
            Self::FloatInput { .. } => "a float32 graph input that is not quantized",
            Self::Quantized(_) => "an 8-bit activation",
            Self::Dequantized(Dequantized { clamp, .. }) if *clamp == FloatClamp::NONE => {
                "a dequantized activation"
            }
            Self::Dequantized(_) => "the float32 result of Relu or Clip",
            Self::Linear { .. } => "the float32 result of a layer, not quantized",
            Self::Accumulator(_) => "an int32 accumulator, not quantized",
            Self::Arithmetic(_) => "the float32 result of arithmetic on an integer sum, not quantized",
            Self::Function(_) => "the float32 result of a function, not quantized",
            Self::Waiting { .. } => {
                "the float32 result of a sum, product, average, concatenation or operator beside a constant, not quantized"
            }
            Self::Index(_) => "the int64 result of ArgMax",
            Self::Tail { .. } => "the result of Softmax or LogSoftmax",
        }
    }

    /// What makes the value a graph output that can be proven, for messages.
    pub(super) fn remedy_as_output(&self) -> &'static str {
        match self {
            Self::Constant(_) | Self::DequantizedConstant(_) | Self::FloatInput { .. } => {
                "remove it from the graph outputs"
            }
            Self::Accumulator(_) | Self::Arithmetic(_) => "put a QuantizeLinear behind it",
            _ => {
                "put QuantizeLinear and DequantizeLinear behind it, as onnxruntime.quantization.quantize_static does in QDQ \
                 format when op_types_to_quantize, which replaces the default list, names its operator and nodes_to_exclude \
                 does not name it; or leave the operator out and apply it to the proven output"
            }
        }
    }

    /// The same elements in another shape of as many elements, `None` for what only quantizers may follow.
    pub(super) fn reshaped(&self, shape: Vec<usize>) -> Option<Self> {
        let mut value = self.clone();
        match &mut value {
            Self::Constant(constant) => constant.shape = shape,
            Self::FloatInput { shape: old, .. } => *old = shape,
            Self::Quantized(activation)
            | Self::Index(activation)
            | Self::Dequantized(Dequantized { activation, .. })
            | Self::Function(Function { activation, .. })
            | Self::Tail { activation, .. } => activation.shape = shape,
            Self::DequantizedConstant(_)
            | Self::Linear { .. }
            | Self::Accumulator(_)
            | Self::Arithmetic(_)
            | Self::Waiting { .. } => return None,
        }
        Some(value)
    }
}
