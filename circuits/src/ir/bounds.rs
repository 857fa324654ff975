//! Interval analysis: which accumulators the actual weights can reach.

use std::{collections::BTreeSet, ops::Range};

use super::{Convolution, FullyConnected, MatMul, Model, Node, Op, Window};

/// The closed interval of values one output channel's accumulator can take, over every input the format allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AccumulatorRange {
    /// Smallest accumulator.
    pub lo: i64,
    /// Largest accumulator.
    pub hi: i64,
}

/// Why the integer function of a model is not onnxruntime's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BoundsError {
    /// onnxruntime accumulates in int32; beyond it, its answer wraps.
    #[error(
        "node '{node}', output channel {channel}: the accumulator reaches {lo}..={hi}, beyond int32 \
         (-2147483648..=2147483647), where onnxruntime's arithmetic wraps; use smaller weights or fewer inputs"
    )]
    AccumulatorOverflow {
        /// Name of the node.
        node: String,
        /// Output channel.
        channel: usize,
        /// Smallest reachable accumulator.
        lo: i64,
        /// Largest reachable accumulator.
        hi: i64,
    },
}

impl FullyConnected {
    /// Per output, the tight range of `sum_j W[i][j] (x_j - input_zero_point) + bias[i]` over all x with
    /// `x_range.0 <= x_j <= x_range.1`.
    ///
    /// Every partial sum in any order lies in the range extended to contain 0 and the bias, which
    /// [`Model::accumulator_ranges`] holds within int32.
    pub fn accumulator_ranges(&self, x_range: (i32, i32)) -> Vec<AccumulatorRange> {
        let low = i64::from(x_range.0 - self.input_zero_point);
        let high = i64::from(x_range.1 - self.input_zero_point);
        (0..self.outputs)
            .map(|output| {
                let bias = i64::from(self.bias[output]);
                self.row(output).iter().fold(AccumulatorRange { lo: bias, hi: bias }, |range, &weight| {
                    let (at_low, at_high) = (i64::from(weight) * low, i64::from(weight) * high);
                    AccumulatorRange {
                        lo: range.lo + at_low.min(at_high),
                        hi: range.hi + at_low.max(at_high),
                    }
                })
            })
            .collect()
    }
}

impl Convolution {
    /// Per output channel, the tight range of the accumulator over all positions and all x with
    /// `x_range.0 <= x <= x_range.1`.
    ///
    /// A position at the border sums fewer taps, so its range may reach beyond that of the others on either side.
    /// Every partial sum in any order lies in the range extended to contain 0 and the bias.
    pub fn accumulator_ranges(&self, x_range: (i32, i32)) -> Vec<AccumulatorRange> {
        let low = i64::from(x_range.0 - self.input_zero_point);
        let high = i64::from(x_range.1 - self.input_zero_point);
        let rectangles = tap_rectangles(&self.window);
        let taps = self.window.taps();
        self.weights
            .chunks(self.group_inputs() * taps)
            .zip(&self.bias)
            .map(|(weights, bias)| {
                let mut lowest = vec![0; taps];
                let mut highest = vec![0; taps];
                for (index, weight) in weights.iter().enumerate() {
                    let (at_low, at_high) = (i64::from(*weight) * low, i64::from(*weight) * high);
                    lowest[index % taps] += at_low.min(at_high);
                    highest[index % taps] += at_low.max(at_high);
                }
                let width = self.window.kernel[1];
                let (lowest, highest) =
                    (RectangleSums::of(&lowest, width), RectangleSums::of(&highest, width));
                let ranges = rectangles.iter().map(|(rows, columns)| AccumulatorRange {
                    lo: lowest.sum(rows, columns) + i64::from(*bias),
                    hi: highest.sum(rows, columns) + i64::from(*bias),
                });
                let union = ranges.reduce(|union, range| AccumulatorRange {
                    lo: union.lo.min(range.lo),
                    hi: union.hi.max(range.hi),
                });
                union.expect("the output image has a position")
            })
            .collect()
    }
}

impl MatMul {
    /// The tight range of the accumulators over all factors with elements in these ranges. Every partial sum lies in the
    /// range extended to contain 0.
    pub fn accumulator_range(&self, lhs_range: (i32, i32), rhs_range: (i32, i32)) -> AccumulatorRange {
        let ends = |(low, high): (i32, i32), zero: i32| [low - zero, high - zero].map(i64::from);
        let lhs = ends(lhs_range, self.lhs_zero_point);
        let rhs = ends(rhs_range, self.rhs_zero_point);
        let corners = lhs.map(|a| rhs.map(|b| a * b));
        let corners = || corners.iter().flatten().copied();
        let inner = self.inner as i64;
        AccumulatorRange {
            lo: inner * corners().min().unwrap_or(0),
            hi: inner * corners().max().unwrap_or(0),
        }
    }
}

/// The different sets of taps, rows times columns of the kernel, that output positions read inside the image.
fn tap_rectangles(window: &Window) -> Vec<(Range<usize>, Range<usize>)> {
    let along = |axis: usize| {
        let taps = (0..window.output[axis]).map(|output| window.taps_inside(axis, output));
        taps.map(|taps| (taps.start, taps.end)).collect::<BTreeSet<_>>()
    };
    let columns = along(1);
    let pairs = along(0).into_iter().flat_map(|rows| columns.iter().map(move |columns| (rows, *columns)));
    pairs.map(|(rows, columns)| (rows.0..rows.1, columns.0..columns.1)).collect()
}

/// Sums over rectangles of a row-major matrix.
struct RectangleSums {
    width: usize,
    /// `sums[y][x]` is the sum over rows below y and columns below x.
    sums: Vec<i64>,
}

impl RectangleSums {
    fn of(matrix: &[i64], width: usize) -> Self {
        let stride = width + 1;
        let mut sums = vec![0; (matrix.len() / width + 1) * stride];
        for (y, row) in matrix.chunks(width).enumerate() {
            let mut row_sum = 0;
            for (x, value) in row.iter().enumerate() {
                row_sum += value;
                sums[(y + 1) * stride + x + 1] = sums[y * stride + x + 1] + row_sum;
            }
        }
        Self { width, sums }
    }

    fn sum(&self, rows: &Range<usize>, columns: &Range<usize>) -> i64 {
        let at = |y: usize, x: usize| self.sums[y * (self.width + 1) + x];
        at(rows.end, columns.end) - at(rows.start, columns.end) - at(rows.end, columns.start)
            + at(rows.start, columns.start)
    }
}

impl Model {
    /// The accumulator ranges of one node, per output channel; none for a node without int32 accumulators.
    ///
    /// # Errors
    /// [`BoundsError::AccumulatorOverflow`] when a range leaves int32.
    ///
    /// # Panics
    /// If the model is inconsistent.
    pub fn accumulator_ranges(&self, node: &Node) -> Result<Vec<AccumulatorRange>, BoundsError> {
        let range = |input: usize| self.tensor(node.inputs[input]).range;
        let ranges = match &node.op {
            Op::FullyConnected(layer) => layer.accumulator_ranges(range(0)),
            Op::Convolution(layer) => layer.accumulator_ranges(range(0)),
            Op::MatMul(product) => vec![product.accumulator_range(range(0), range(1))],
            Op::Add(_) | Op::Multiply(_) | Op::Table(_) | Op::MaxPool(_) | Op::Maximum | Op::Rearrange(_) => {
                Vec::new()
            }
        };
        within_int32(&node.name, ranges)
    }
}

/// The ranges of a node, if none leaves int32.
pub(crate) fn within_int32(
    node: &str,
    ranges: Vec<AccumulatorRange>,
) -> Result<Vec<AccumulatorRange>, BoundsError> {
    let int32 = i64::from(i32::MIN)..=i64::from(i32::MAX);
    match ranges.iter().position(|range| !int32.contains(&range.lo) || !int32.contains(&range.hi)) {
        None => Ok(ranges),
        Some(channel) => Err(BoundsError::AccumulatorOverflow {
            node: node.to_owned(),
            channel,
            lo: ranges[channel].lo,
            hi: ranges[channel].hi,
        }),
    }
}

#[cfg(test)]
mod tests;
