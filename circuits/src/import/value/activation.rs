//! 8-bit activations and constants, and the float views of them.

use std::rc::Rc;

use crate::{
    import::{
        affine::{self, AxisQuantization, FloatClamp},
        constant::Constant,
        spread::{Course, Spread},
    },
    ir::{Elem, Quantization, TensorId},
};

/// An 8-bit activation.
#[derive(Clone, Debug)]
pub(in crate::import) struct Activation {
    /// Id within the [`super::builder::Builder`].
    pub(in crate::import) tensor: TensorId,
    pub(in crate::import) elem: Elem,
    pub(in crate::import) shape: Vec<usize>,
}

/// The float view of an activation, possibly clamped since.
#[derive(Clone, Debug)]
pub(in crate::import) struct Dequantized {
    pub(in crate::import) activation: Activation,
    pub(in crate::import) by: Quantization,
    pub(in crate::import) clamp: FloatClamp,
}

/// The float view of an activation through functions of one value.
#[derive(Clone, Debug)]
pub(in crate::import) struct Function {
    pub(in crate::import) activation: Activation,
    /// The result for each of the 256 integers, smallest first.
    pub(in crate::import) values: Rc<[Spread]>,
}

/// The float view of an integer constant: quantized weights or a bias.
#[derive(Clone, Debug)]
pub(in crate::import) struct DequantizedConstant {
    pub(in crate::import) constant: Constant,
    pub(in crate::import) by: AxisQuantization,
}

impl DequantizedConstant {
    /// `fl(float32(q - zero_point) * scale)` of every element, if they are 8-bit integers.
    pub(in crate::import) fn numbers(&self) -> Option<Vec<f32>> {
        let Constant { shape, data } = &self.constant;
        data.elem()?;
        let number =
            |index| Some(affine::dequantize(data.integer(index)?, self.by.of_element(shape, index)?));
        (0..data.len()).map(number).collect()
    }
}

/// A bool tensor: of which integers of an activation something holds.
#[derive(Clone, Debug)]
pub(in crate::import) struct Truth {
    pub(in crate::import) activation: Activation,
    /// For each of the 256 integers, smallest first.
    pub(in crate::import) holds: Rc<[bool]>,
}

/// A float32 operand that is quantized by itself: a function of an activation, or constant numbers.
#[derive(Clone, Debug)]
pub(in crate::import) enum Side {
    View(Function),
    Numbers { numbers: Rc<[f32]>, shape: Vec<usize> },
}

impl Side {
    pub(in crate::import) fn shape(&self) -> &[usize] {
        match self {
            Self::View(view) => &view.activation.shape,
            Self::Numbers { shape, .. } => shape,
        }
    }
}

/// A quantized operand: an activation with its parameters.
#[derive(Clone, Debug)]
pub(in crate::import) struct Operand {
    pub(in crate::import) activation: Activation,
    pub(in crate::import) by: Quantization,
}

impl Function {
    /// A function of every value that the dequantized activation can have.
    pub(in crate::import) fn of(dequantized: &Dequantized, function: impl Fn(f32) -> f32) -> Self {
        let Dequantized { activation, by, clamp } = dequantized;
        let integers = activation.elem.min()..=activation.elem.max();
        let exact = |q| Spread::exact(function(clamp.apply(affine::dequantize(q, *by))));
        // A dequantized zero is positive; one that was clamped may be either.
        let value = |q| if *clamp == FloatClamp::NONE { exact(q) } else { exact(q).with_both_zeros() };
        let values = integers.map(value).collect();
        Self { activation: activation.clone(), values }
    }

    /// The function with its values clamped.
    pub(in crate::import) fn clamped(&self, clamp: FloatClamp) -> Self {
        let values = self
            .values
            .iter()
            .map(|value| value.through(Course::Monotone, |value| Spread::exact(clamp.apply(value))))
            .collect();
        Self { activation: self.activation.clone(), values }
    }
}
