//! float32 results of operators on integers that wait for their quantizer.

use std::rc::Rc;

use super::activation::{Function, Operand, Side, Truth};
use crate::ir::Window;

/// The float result of an operator on integers that still waits for its quantizer.
#[derive(Clone, Debug)]
pub(in crate::import) struct Waiting {
    /// Name of the node, for messages.
    pub(in crate::import) name: String,
    pub(in crate::import) form: WaitingForm,
    /// Shape of the result.
    pub(in crate::import) shape: Vec<usize>,
}

/// Which operator waits.
#[derive(Clone, Debug)]
pub(in crate::import) enum WaitingForm {
    /// Elementwise sum or product of two operands of the result's shape.
    Pair {
        operands: [Operand; 2],
        pair: Pair,
    },
    /// Elementwise difference, sum or mean that onnxruntime computes in float32.
    Float {
        operands: [Operand; 2],
        pair: FloatPair,
    },
    /// Matrix product of two factors.
    MatMul {
        factors: [Operand; 2],
        sizes: Sizes,
    },
    /// Parts one after the other along an axis.
    Concat {
        parts: Vec<Function>,
        axis: usize,
    },
    /// Elementwise the first side where the condition holds, else the second.
    Select {
        condition: Condition,
        sides: [Side; 2],
    },
    /// Elementwise the largest side, or the smallest.
    Extreme {
        sides: Vec<Side>,
        extreme: Extreme,
    },
    Average(Average),
}

/// What a choice depends on.
#[derive(Clone, Debug)]
pub(in crate::import) enum Condition {
    Truth(Truth),
    /// Of the given shape.
    Constant(Rc<[bool]>, Vec<usize>),
}

impl Condition {
    pub(in crate::import) fn shape(&self) -> &[usize] {
        match self {
            Self::Truth(truth) => &truth.activation.shape,
            Self::Constant(_, shape) => shape,
        }
    }
}

/// Which of several numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::import) enum Extreme {
    Largest,
    Smallest,
}

/// What an integer kernel of onnxruntime makes of two operands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::import) enum Pair {
    Sum(Order),
    Product,
}

/// The order in which onnxruntime's kernel adds the operands, which its roundings show.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::import) enum Order {
    Given,
    Exchanged,
    /// Either, as the layout goes that graph optimizations choose.
    Open,
}

/// Sizes of a product, those of a vector without the axis it lacks.
#[derive(Clone, Copy, Debug)]
pub(in crate::import) struct Sizes {
    pub(in crate::import) batch: usize,
    pub(in crate::import) rows: usize,
    pub(in crate::import) inner: usize,
    pub(in crate::import) columns: usize,
}

/// What is done with the dequantized operands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::import) enum FloatPair {
    Difference,
    Sum,
    Mean,
}

/// Average over the whole image of `[channels][positions]`, or over the windows.
#[derive(Clone, Debug)]
pub(in crate::import) struct Average {
    pub(in crate::import) operand: Operand,
    pub(in crate::import) channels: usize,
    pub(in crate::import) windows: Option<AverageWindow>,
}

/// How an average slides.
#[derive(Clone, Debug)]
pub(in crate::import) struct AverageWindow {
    pub(in crate::import) window: Window,
    /// Divides by the size of the kernel, not by the number of taps inside the image.
    pub(in crate::import) counts_padding: bool,
}
