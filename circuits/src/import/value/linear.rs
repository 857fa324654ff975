//! Linear operators whose accumulators wait for their requantization.

use std::rc::Rc;

use super::activation::Activation;
use crate::{
    import::constant::Data,
    ir::{Elem, Window},
};

/// Centered weights of a layer, its part of the accumulator's scale.
#[derive(Debug)]
pub(in crate::import) struct Weights {
    pub(in crate::import) inputs: usize,
    pub(in crate::import) outputs: usize,
    pub(in crate::import) elem: Elem,
    /// Shape in the file, for messages.
    pub(in crate::import) shape: Vec<usize>,
    /// Zero point subtracted, row-major `[outputs][inputs]`; the inputs of a convolution are those of its group times
    /// the taps.
    pub(in crate::import) centered: Vec<i16>,
    /// One, or one per output.
    pub(in crate::import) scales: Vec<f32>,
    /// The constant that they are made of, if they are.
    pub(in crate::import) source: Option<Rc<Data>>,
}

/// What makes a linear operator a convolution.
#[derive(Clone, Debug)]
pub(in crate::import) struct Sliding {
    pub(in crate::import) channels: usize,
    pub(in crate::import) groups: usize,
    pub(in crate::import) window: Window,
}

/// A linear operator whose int32 accumulators still wait for their requantization.
#[derive(Clone, Debug)]
pub(in crate::import) struct Linear {
    /// Name of the node, for messages.
    pub(in crate::import) name: String,
    pub(in crate::import) input: Activation,
    /// Rows of a fully connected layer, which is a convolution over them when there are several.
    pub(in crate::import) rows: usize,
    /// Present for a convolution.
    pub(in crate::import) sliding: Option<Sliding>,
    pub(in crate::import) input_zero_point: i32,
    pub(in crate::import) weights: Rc<Weights>,
    /// One per output, once a bias was added.
    pub(in crate::import) bias: Option<Vec<i32>>,
    /// `fl(sx * sw)`, the scale of the accumulators: one, or one per output.
    pub(in crate::import) accumulator_scales: Vec<f32>,
    /// Shape of the result.
    pub(in crate::import) shape: Vec<usize>,
}

impl Linear {
    /// Whether it is a fully connected layer, on one row or several.
    pub(in crate::import) fn is_dense(&self) -> bool {
        self.sliding.is_none() || self.rows > 1
    }

    /// Whether an axis of the result runs over the output channels, unlike in a sum over some axes of a tensor.
    pub(in crate::import) fn has_channels(&self) -> bool {
        let axis = if self.is_dense() { self.shape.len().saturating_sub(1) } else { 1 };
        self.shape.get(axis) == Some(&self.weights.outputs)
    }
}
