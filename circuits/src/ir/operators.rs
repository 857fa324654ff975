//! The operators of convolutional networks. Images are `[channels][height][width]`, row-major.

use std::ops::Range;

use super::Requantize;

/// A window that slides over an image, per axis `[height, width]`.
///
/// Output position p and tap d read input position `p * stride + d * dilation - pad`, outside the image
/// nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// Size of the input image.
    pub input: [usize; 2],
    /// Size of the output image.
    pub output: [usize; 2],
    /// Taps.
    pub kernel: [usize; 2],
    /// Input positions between neighboring outputs.
    pub stride: [usize; 2],
    /// Input positions between neighboring taps.
    pub dilation: [usize; 2],
    /// Positions before the image that the first output reads.
    pub pad: [usize; 2],
}

impl Window {
    /// The row-major input position that an output position and tap read; `None` in the padding.
    pub fn source(&self, output: [usize; 2], tap: [usize; 2]) -> Option<usize> {
        let at = |axis: usize| {
            let position = output[axis] * self.stride[axis] + tap[axis] * self.dilation[axis];
            position.checked_sub(self.pad[axis]).filter(|position| *position < self.input[axis])
        };
        Some(at(0)? * self.input[1] + at(1)?)
    }

    /// The taps along an axis that an output position reads inside the image; the others lie in the padding.
    ///
    /// # Panics
    /// If the axis is neither 0 nor 1, or a position overflows.
    pub fn taps_inside(&self, axis: usize, output: usize) -> Range<usize> {
        let first = output * self.stride[axis];
        let tap_at = |position: usize| position.saturating_sub(first).div_ceil(self.dilation[axis]);
        let end = tap_at(self.pad[axis] + self.input[axis]).min(self.kernel[axis]);
        tap_at(self.pad[axis]).min(end)..end
    }

    /// Positions of the input image.
    pub fn input_len(&self) -> usize {
        self.input[0] * self.input[1]
    }

    /// Positions of the output image.
    pub fn output_len(&self) -> usize {
        self.output[0] * self.output[1]
    }

    /// Taps of the kernel.
    pub fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }
}

/// `y[o][p] = requantize(sum_{c, d} W[o][c][d] (x[g + c][p, d] - input_zero_point) + bias[o])`, padding
/// contributes 0; o reads the channels of its group from `g = o div (channels_out / groups) * channels_in / groups` on.
#[derive(Clone, Debug, PartialEq)]
pub struct Convolution {
    /// Channels of x.
    pub channels_in: usize,
    /// Channels of y.
    pub channels_out: usize,
    /// Divides both.
    pub groups: usize,
    /// Image sizes and how the kernel slides.
    pub window: Window,
    /// Weights with their zero point subtracted, `-255..=255`, `[channels_out][channels_in / groups][taps]`.
    pub weights: Vec<i16>,
    /// One int32 per output channel.
    pub bias: Vec<i32>,
    /// Zero point of x.
    pub input_zero_point: i32,
    /// From accumulators to outputs.
    pub requantize: Requantize,
}

impl Convolution {
    /// Input channels an output channel reads.
    pub fn group_inputs(&self) -> usize {
        self.channels_in / self.groups
    }

    /// First input channel an output channel reads.
    pub fn first_input(&self, output: usize) -> usize {
        output / (self.channels_out / self.groups) * self.group_inputs()
    }

    /// Multiply-accumulates, those in the padding included.
    pub fn macs(&self) -> u64 {
        self.weights.len() as u64 * self.window.output_len() as u64
    }
}

/// onnxruntime's QLinearAdd kernel:
/// `y = clamp(rne(fma(a, lhs_scale, fma(b, rhs_scale, offset))), lo, hi)`, a and b the stored integers.
#[derive(Clone, Debug, PartialEq)]
pub struct Add {
    /// `fl(sa / sy)`, finite and positive.
    pub lhs_scale: f32,
    /// `fl(sb / sy)`, finite and positive.
    pub rhs_scale: f32,
    /// `fl(zy - fma(lhs_scale, za, fl(rhs_scale * zb)))`.
    pub offset: f32,
    /// Smallest output.
    pub lo: i32,
    /// Largest output.
    pub hi: i32,
}

/// onnxruntime's QLinearMul kernel: `y = clamp(rne(fl(fl(p * multiplier) + zero_point)), lo, hi)` with the
/// exact product `p = (a - lhs_zero_point) (b - rhs_zero_point)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Multiply {
    /// Zero point of a.
    pub lhs_zero_point: i32,
    /// Zero point of b.
    pub rhs_zero_point: i32,
    /// `fl(fl(sa * sb) / sy)`, finite and positive.
    pub multiplier: f32,
    /// Zero point of y.
    pub zero_point: i32,
    /// Smallest output.
    pub lo: i32,
    /// Largest output.
    pub hi: i32,
}

/// onnxruntime's QLinearMatMul of two activations, batch by batch:
/// `y[b][i][j] = requantize(sum_k (lhs[b][i][k] - lhs_zero_point) (rhs[b][k][j] - rhs_zero_point))`.
#[derive(Clone, Debug, PartialEq)]
pub struct MatMul {
    /// Products of matrices.
    pub batch: usize,
    /// Rows of the left factor and of the product.
    pub rows: usize,
    /// Columns of the left factor, rows of the right one.
    pub inner: usize,
    /// Columns of the right factor and of the product.
    pub columns: usize,
    /// Zero point of the left factor.
    pub lhs_zero_point: i32,
    /// Zero point of the right factor.
    pub rhs_zero_point: i32,
    /// From accumulators to outputs; one multiplier.
    pub requantize: Requantize,
}

impl MatMul {
    /// Elements of the left factor.
    pub fn lhs_len(&self) -> usize {
        self.batch * self.rows * self.inner
    }

    /// Elements of the right factor.
    pub fn rhs_len(&self) -> usize {
        self.batch * self.inner * self.columns
    }

    /// Elements of the product.
    pub fn output_len(&self) -> usize {
        self.batch * self.rows * self.columns
    }

    /// Multiply-accumulates.
    pub fn macs(&self) -> u64 {
        self.output_len() as u64 * self.inner as u64
    }

    /// Flat indices of the factors' elements that make up an element of the product, pair by pair.
    pub fn pairs(&self, element: usize) -> impl Iterator<Item = (usize, usize)> + use<'_> {
        let (row, column) = (element / self.columns, element % self.columns);
        let batch = row / self.rows;
        (0..self.inner).map(move |k| (row * self.inner + k, (batch * self.inner + k) * self.columns + column))
    }
}

/// `y = entries[x - type minimum of x]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// 256 values of the output's type.
    pub entries: Vec<i32>,
}

/// `y[c][p] = max_d x[c][p, d]` over the taps inside the image; every window holds at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MaxPool {
    /// Channels of x and y.
    pub channels: usize,
    /// Image sizes and how the window slides.
    pub window: Window,
}

/// Where an element of a rearranged tensor comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// An element of one of the node's inputs.
    Element {
        /// Index into the node's inputs.
        input: usize,
        /// Flat index.
        element: usize,
    },
    /// The same integer always.
    Constant(i32),
}

/// Copies, in the order of the output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rearrange {
    /// Per output element.
    pub sources: Vec<Source>,
}
