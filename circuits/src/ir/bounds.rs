//! Interval analysis: which accumulators the actual weights can reach.

use super::{FullyConnected, Model, Node, Op};

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

impl Model {
    /// The accumulator ranges of one node, per output channel.
    ///
    /// # Errors
    /// [`BoundsError::AccumulatorOverflow`] when a range leaves int32.
    pub fn accumulator_ranges(&self, node: &Node) -> Result<Vec<AccumulatorRange>, BoundsError> {
        let Op::FullyConnected(layer) = &node.op;
        let ranges = layer.accumulator_ranges(self.tensor(node.input).range);
        let int32 = i64::from(i32::MIN)..=i64::from(i32::MAX);
        match ranges.iter().position(|range| !int32.contains(&range.lo) || !int32.contains(&range.hi)) {
            None => Ok(ranges),
            Some(channel) => Err(BoundsError::AccumulatorOverflow {
                node: node.name.clone(),
                channel,
                lo: ranges[channel].lo,
                hi: ranges[channel].hi,
            }),
        }
    }
}
