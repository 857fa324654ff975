//! The rules of each operator: sizes of lists, windows, and the range of the output.

use super::{
    super::{
        Add, ChannelSteps, Convolution, FullyConnected, MatMul, MaxPool, Multiply, Rearrange, Requantize,
        Source, Table, Tensor, Window,
    },
    elements, holds,
};

/// Positions of a window, before the padding is subtracted, are below this bound.
const MAX_POSITION: usize = 1 << 31;

const SIZES: &str = "has other sizes than its tensors";
const LISTS: &str = "has lists of the wrong length";
/// The interval analysis subtracts zero points from 8-bit integers in 32 bits.
const INPUT_ZERO_POINT: &str = "has an input zero point outside the input's type";

type Check = Result<(), &'static str>;

impl FullyConnected {
    pub(super) fn check(&self, x: &Tensor, y: &Tensor) -> Check {
        let sizes = (x.len, y.len) == (self.inputs, self.outputs);
        holds(sizes && self.inputs > 0 && self.outputs > 0, SIZES)?;
        holds(self.inputs.checked_mul(self.outputs) == Some(self.weights.len()), LISTS)?;
        holds(self.bias.len() == self.outputs, LISTS)?;
        holds(x.elem.contains(self.input_zero_point), INPUT_ZERO_POINT)?;
        check_requantize(&self.requantize, self.outputs, y)
    }
}

impl Convolution {
    pub(super) fn check(&self, x: &Tensor, y: &Tensor) -> Check {
        let Self { channels_in, channels_out, groups, .. } = *self;
        let positive = channels_in > 0 && channels_out > 0 && groups > 0;
        holds(positive, "has no channels or no groups")?;
        let divides = channels_in.is_multiple_of(groups) && channels_out.is_multiple_of(groups);
        holds(divides, "has groups that do not divide its channels")?;
        self.window.check()?;
        holds(image_len(channels_in, self.window.input) == Some(x.len), SIZES)?;
        holds(image_len(channels_out, self.window.output) == Some(y.len), SIZES)?;
        let [height, width] = self.window.kernel;
        let weights = elements(&[channels_out, self.group_inputs(), height, width]);
        holds(weights == Some(self.weights.len()) && self.bias.len() == channels_out, LISTS)?;
        holds(x.elem.contains(self.input_zero_point), INPUT_ZERO_POINT)?;
        check_requantize(&self.requantize, channels_out, y)
    }
}

impl MatMul {
    pub(super) fn check(&self, lhs: &Tensor, rhs: &Tensor, y: &Tensor) -> Check {
        let Self { batch, rows, inner, columns, .. } = *self;
        let sizes = [[rows, inner], [inner, columns], [rows, columns]].map(|matrix| image_len(batch, matrix));
        holds(sizes == [lhs, rhs, y].map(|tensor| Some(tensor.len)), SIZES)?;
        // Bounds the accumulators' interval analysis, which multiplies by it, to 64 bits.
        holds(inner > 0 && inner < MAX_POSITION, SIZES)?;
        let inside = lhs.elem.contains(self.lhs_zero_point) && rhs.elem.contains(self.rhs_zero_point);
        holds(inside, "has a zero point outside its tensor's type")?;
        check_requantize(&self.requantize, 1, y)
    }
}

impl Add {
    pub(super) fn check(&self, lhs: &Tensor, rhs: &Tensor, y: &Tensor) -> Check {
        holds([lhs.len, rhs.len] == [y.len; 2], SIZES)?;
        let scales = is_positive(self.lhs_scale) && is_positive(self.rhs_scale);
        holds(scales && self.offset.is_finite(), "has a scale or an offset that is not finite and positive")?;
        check_clamp(self.lo, self.hi, y)
    }
}

impl Multiply {
    pub(super) fn check(&self, lhs: &Tensor, rhs: &Tensor, y: &Tensor) -> Check {
        holds([lhs.len, rhs.len] == [y.len; 2], SIZES)?;
        let inside = lhs.elem.contains(self.lhs_zero_point)
            && rhs.elem.contains(self.rhs_zero_point)
            && y.elem.contains(self.zero_point);
        holds(inside, "has a zero point outside its tensor's type")?;
        holds(is_positive(self.multiplier), "has a multiplier that is not finite and positive")?;
        check_clamp(self.lo, self.hi, y)
    }
}

impl Table {
    pub(super) fn check(&self, x: &Tensor, y: &Tensor) -> Check {
        holds(x.len == y.len, SIZES)?;
        holds(self.entries.len() == 256, LISTS)?;
        holds(self.entries.iter().all(|entry| y.elem.contains(*entry)), "has an entry outside its type")?;
        holds(self.range(x) == Some(y.range), "has another range than its reachable entries")
    }

    /// Smallest and largest entry that the values of x reach.
    pub(crate) fn range(&self, x: &Tensor) -> Option<(i32, i32)> {
        let index = |value: i32| usize::try_from(value.checked_sub(x.elem.min())?).ok();
        let reachable = self.entries.get(index(x.range.0)?..=index(x.range.1)?)?;
        Some((*reachable.iter().min()?, *reachable.iter().max()?))
    }
}

impl MaxPool {
    pub(super) fn check(&self, x: &Tensor, y: &Tensor) -> Check {
        holds(self.channels > 0, "has no channels or no groups")?;
        self.window.check()?;
        holds(image_len(self.channels, self.window.input) == Some(x.len), SIZES)?;
        holds(image_len(self.channels, self.window.output) == Some(y.len), SIZES)?;
        holds(self.window.every_output_reads(), "has a window that lies in the padding")?;
        holds((x.elem, x.range) == (y.elem, y.range), "has another range than its input")
    }
}

/// Both inputs and the output have one size and type; the output reaches from the larger of the low ends to the larger
/// of the high ends.
pub(super) fn check_maximum(lhs: &Tensor, rhs: &Tensor, y: &Tensor) -> Check {
    holds(lhs.len == y.len && rhs.len == y.len, SIZES)?;
    holds(lhs.elem == y.elem && rhs.elem == y.elem, "compares tensors of different types")?;
    let range = (lhs.range.0.max(rhs.range.0), lhs.range.1.max(rhs.range.1));
    holds(range == y.range, "has another range than its inputs")
}

impl Rearrange {
    pub(super) fn check(&self, inputs: &[&Tensor], y: &Tensor) -> Check {
        holds(self.sources.len() == y.len, LISTS)?;
        holds(inputs.iter().all(|input| input.elem == y.elem), "copies from a tensor of another type")?;
        let mut read = vec![false; inputs.len()];
        for source in &self.sources {
            match *source {
                Source::Constant(value) => holds(y.elem.contains(value), "has a constant outside its type")?,
                Source::Element { input, element } => {
                    let exists = inputs.get(input).is_some_and(|tensor| element < tensor.len);
                    holds(exists, "copies an element that does not exist")?;
                    read[input] = true;
                }
            }
        }
        holds(read.iter().all(|read| *read), "reads a tensor that it copies nothing from")?;
        holds(self.range(inputs) == Some(y.range), "has another range than what it copies")
    }

    /// The smallest interval that holds the ranges of the inputs and the constants.
    pub(crate) fn range(&self, inputs: &[&Tensor]) -> Option<(i32, i32)> {
        let constants = self.sources.iter().filter_map(|source| match source {
            Source::Constant(value) => Some((*value, *value)),
            Source::Element { .. } => None,
        });
        let ranges = inputs.iter().map(|input| input.range).chain(constants);
        ranges.reduce(|union, range| (union.0.min(range.0), union.1.max(range.1)))
    }
}

impl Window {
    /// Sizes are positive, and no position or number of elements overflows.
    fn check(&self) -> Check {
        let sizes = [self.input, self.output, self.kernel, self.stride, self.dilation].concat();
        holds(sizes.iter().all(|size| *size > 0), "has a window without extent")?;
        for axis in 0..2 {
            let last_output = (self.output[axis] - 1).checked_mul(self.stride[axis]);
            let last_tap = (self.kernel[axis] - 1).checked_mul(self.dilation[axis]);
            let last = last_output.zip(last_tap).and_then(|(output, tap)| output.checked_add(tap));
            let inside = last.is_some_and(|last| last < MAX_POSITION) && self.pad[axis] < MAX_POSITION;
            holds(inside, "has a window that reaches beyond 2^31 positions")?;
        }
        Ok(())
    }

    /// Whether every output position has a tap inside the image.
    pub(crate) fn every_output_reads(&self) -> bool {
        (0..2).all(|axis| (0..self.output[axis]).all(|output| !self.taps_inside(axis, output).is_empty()))
    }
}

fn image_len(channels: usize, [height, width]: [usize; 2]) -> Option<usize> {
    elements(&[channels, height, width])
}

fn is_positive(scale: f32) -> bool {
    scale.is_finite() && scale > 0.0
}

fn check_requantize(by: &Requantize, channels: usize, y: &Tensor) -> Check {
    check_clamp(by.lo, by.hi, y)?;
    match &by.channels {
        ChannelSteps::Multipliers(multipliers) => {
            holds(multipliers.len() == channels, LISTS)?;
            let positive = multipliers.iter().all(|multiplier| is_positive(*multiplier));
            holds(positive, "has a multiplier that is not finite and positive")
        }
        ChannelSteps::Thresholds(lists) => {
            // A clamp of the output's type holds at most 256 values.
            let count = by.hi.abs_diff(by.lo) as usize;
            holds(lists.len() == channels && lists.iter().all(|list| list.len() == count), LISTS)?;
            let int32 = i64::from(i32::MIN)..=1 << 31;
            let inside = lists.iter().flatten().all(|threshold| int32.contains(threshold));
            holds(
                inside && lists.iter().all(|list| list.is_sorted()),
                "has thresholds that descend or leave int32",
            )
        }
    }
}

fn check_clamp(lo: i32, hi: i32, y: &Tensor) -> Check {
    let clamp = lo <= hi && y.elem.contains(lo) && y.elem.contains(hi);
    holds(clamp && y.range == (lo, hi), "has another range than its clamp")
}
