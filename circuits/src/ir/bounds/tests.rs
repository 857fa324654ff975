use super::AccumulatorRange;
use crate::ir::{ChannelSteps, Convolution, Requantize, Window};

/// Every position is tried with the extreme of every tap it reads.
fn by_position(layer: &Convolution, (low, high): (i32, i32)) -> Vec<AccumulatorRange> {
    let window = &layer.window;
    let mut ranges = Vec::new();
    for channel in 0..layer.channels_out {
        let mut union: Option<AccumulatorRange> = None;
        for position in 0..window.output_len() {
            let position = [position / window.output[1], position % window.output[1]];
            let bias = i64::from(layer.bias[channel]);
            let mut range = AccumulatorRange { lo: bias, hi: bias };
            for input in 0..layer.group_inputs() {
                for tap in 0..window.taps() {
                    let at = [tap / window.kernel[1], tap % window.kernel[1]];
                    if window.source(position, at).is_none() {
                        continue;
                    }
                    let weight =
                        layer.weights[(channel * layer.group_inputs() + input) * window.taps() + tap];
                    let ends = [low, high].map(|x| i64::from(weight) * i64::from(x - layer.input_zero_point));
                    range.lo += ends[0].min(ends[1]);
                    range.hi += ends[0].max(ends[1]);
                }
            }
            union = Some(union.map_or(range, |union| AccumulatorRange {
                lo: union.lo.min(range.lo),
                hi: union.hi.max(range.hi),
            }));
        }
        ranges.extend(union);
    }
    ranges
}

fn layer(groups: usize, window: Window) -> Convolution {
    let (channels_in, channels_out) = (4, 6);
    let weights = channels_out * channels_in / groups * window.taps();
    Convolution {
        channels_in,
        channels_out,
        groups,
        weights: (0..weights).map(|index| ((index * 7919 + 13) % 401) as i16 - 200).collect(),
        bias: (0..6).map(|channel| channel * 1000 - 2500).collect(),
        input_zero_point: 3,
        requantize: Requantize {
            channels: ChannelSteps::Multipliers(vec![0.5; channels_out]),
            zero_point: 0,
            lo: -128,
            hi: 127,
        },
        window,
    }
}

#[test]
fn convolution_ranges_are_the_union_over_positions() {
    let window = |input, output, kernel, stride, dilation, pad| Window {
        input,
        output,
        kernel,
        stride,
        dilation,
        pad,
    };
    let windows = [
        window([5, 4], [5, 4], [3, 3], [1, 1], [1, 1], [1, 1]),
        window([7, 1], [3, 1], [4, 1], [2, 1], [1, 1], [1, 0]),
        window([6, 6], [4, 5], [2, 3], [3, 2], [4, 2], [4, 3]),
        window([2, 2], [6, 6], [2, 2], [1, 1], [1, 1], [3, 3]),
        window([3, 3], [1, 1], [3, 3], [1, 1], [1, 1], [0, 0]),
    ];
    for window in windows {
        for groups in [1, 2] {
            let layer = layer(groups, window.clone());
            for range in [(-128, 127), (3, 100), (5, 5)] {
                assert_eq!(layer.accumulator_ranges(range), by_position(&layer, range), "{window:?}");
            }
        }
    }
}

#[test]
fn a_border_position_may_reach_further_than_the_inner_ones() {
    // Inside, 1 - 1 cancels for a constant input of one value; at the border only the 1 is left.
    let window = Window {
        input: [1, 4],
        output: [1, 4],
        kernel: [1, 2],
        stride: [1, 1],
        dilation: [1, 1],
        pad: [0, 1],
    };
    let requantize =
        Requantize { channels: ChannelSteps::Multipliers(vec![1.0]), zero_point: 0, lo: -128, hi: 127 };
    let layer = Convolution {
        channels_in: 1,
        channels_out: 1,
        groups: 1,
        window,
        weights: vec![-1, 1],
        bias: vec![0],
        input_zero_point: 0,
        requantize,
    };
    assert_eq!(layer.accumulator_ranges((5, 5)), [AccumulatorRange { lo: 0, hi: 5 }]);
}
