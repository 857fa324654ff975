//! What is known of a value of the graph while it is read: constants, integers, and floats that stand for integers.

mod activation;
mod arithmetic;
mod linear;
mod waiting;

use std::{borrow::Cow, rc::Rc};

pub(super) use activation::{Activation, Dequantized, DequantizedConstant, Function, Operand, Side, Truth};
pub(super) use arithmetic::{Arithmetic, Origin, Step, ZeroPoint};
pub(super) use linear::{Linear, Sliding, Weights};
pub(super) use waiting::{
    Average, AverageWindow, Condition, Extreme, FloatPair, Order, Pair, Sizes, Waiting, WaitingForm,
};

use super::{
    affine::FloatClamp,
    constant::{Constant, Data},
    proto::data_type,
};
use crate::ir::{Elem, Tail};

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
    /// The bool result of a comparison, or of several.
    Truth(Truth),
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
            | Self::Truth(Truth { activation, .. })
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
            Self::Truth(_) => data_type::BOOL,
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
                "the float32 result of a sum, product, average, concatenation, choice or operator beside a constant, not quantized"
            }
            Self::Truth(_) => "the bool result of a comparison",
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
            Self::Truth(_) => {
                "put Where with numbers and a QuantizeLinear behind it, or compare the proven output instead"
            }
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
            | Self::Truth(Truth { activation, .. })
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
