//! The operators of convolutional networks, one loop per sum.

use crate::ir::{Add, Convolution, Elem, MatMul, MaxPool, Multiply, Rearrange, Source, Table, Window};

/// `sum_{c, d} W[o][c][d] (x[g + c][p, d] - input_zero_point) + bias[o]` for every output channel o and position p.
pub(super) fn convolution(layer: &Convolution, x: &[i32]) -> Vec<i64> {
    let window = &layer.window;
    assert_eq!(x.len(), layer.channels_in * window.input_len(), "the layer's input size");
    let taps = window.taps();
    let mut sums = Vec::with_capacity(layer.channels_out * window.output_len());
    for output in 0..layer.channels_out {
        let first = layer.first_input(output);
        let weights = &layer.weights[output * layer.group_inputs() * taps..][..layer.group_inputs() * taps];
        for position in positions(window) {
            let mut sum = i64::from(layer.bias[output]);
            for (tap, source) in sources(window, position) {
                for channel in 0..layer.group_inputs() {
                    let value = x[(first + channel) * window.input_len() + source];
                    sum +=
                        i64::from(weights[channel * taps + tap]) * i64::from(value - layer.input_zero_point);
                }
            }
            sums.push(sum);
        }
    }
    sums
}

/// `sum_k (a[b][i][k] - lhs_zero_point) (b[b][k][j] - rhs_zero_point)` for every batch b, row i and column j.
pub(super) fn mat_mul(product: &MatMul, lhs: &[i32], rhs: &[i32]) -> Vec<i64> {
    let MatMul { batch, rows, inner, columns, lhs_zero_point, rhs_zero_point, .. } = *product;
    assert_eq!(lhs.len(), batch * rows * inner, "the size of the left factor");
    assert_eq!(rhs.len(), batch * inner * columns, "the size of the right factor");
    let mut sums = Vec::with_capacity(batch * rows * columns);
    for matrix in 0..batch {
        for row in 0..rows {
            for column in 0..columns {
                let mut sum = 0;
                for k in 0..inner {
                    let left = lhs[(matrix * rows + row) * inner + k] - lhs_zero_point;
                    let right = rhs[(matrix * inner + k) * columns + column] - rhs_zero_point;
                    sum += i64::from(left) * i64::from(right);
                }
                sums.push(sum);
            }
        }
    }
    sums
}

/// The largest value of every window.
pub(super) fn max_pool(pool: &MaxPool, x: &[i32]) -> Vec<i32> {
    let window = &pool.window;
    assert_eq!(x.len(), pool.channels * window.input_len(), "the operator's input size");
    let mut largest = Vec::with_capacity(pool.channels * window.output_len());
    for channel in x.chunks(window.input_len()) {
        for position in positions(window) {
            let values = sources(window, position).map(|(_, source)| channel[source]);
            largest.push(values.max().expect("every window holds an element"));
        }
    }
    largest
}

/// The output positions `[row, column]` in row-major order.
fn positions(window: &Window) -> impl Iterator<Item = [usize; 2]> {
    let [height, width] = window.output;
    (0..height).flat_map(move |y| (0..width).map(move |x| [y, x]))
}

/// The taps of a window that lie inside the image, each with the input position it reads.
fn sources(window: &Window, position: [usize; 2]) -> impl Iterator<Item = (usize, usize)> {
    let [height, width] = window.kernel;
    let taps = (0..height).flat_map(move |y| (0..width).map(move |x| [y, x]));
    taps.enumerate().filter_map(move |(index, tap)| Some((index, window.source(position, tap)?)))
}

/// `clamp(rne(fma(a, lhs_scale, fma(b, rhs_scale, offset))), lo, hi)`.
pub(super) fn add(add: &Add, a: &[i32], b: &[i32]) -> Vec<i32> {
    assert_eq!(a.len(), b.len(), "both addends have one length");
    let sum = |(a, b): (&i32, &i32)| {
        let sum = (*a as f32).mul_add(add.lhs_scale, (*b as f32).mul_add(add.rhs_scale, add.offset));
        // The cast saturates: an overflow lands beyond every clamp.
        (sum.round_ties_even() as i32).clamp(add.lo, add.hi)
    };
    a.iter().zip(b).map(sum).collect()
}

/// `clamp(rne(fl(fl(p * multiplier) + zero_point)), lo, hi)`, p the exact product of the centered factors.
pub(super) fn multiply(by: &Multiply, a: &[i32], b: &[i32]) -> Vec<i32> {
    assert_eq!(a.len(), b.len(), "both factors have one length");
    let product = |(a, b): (&i32, &i32)| {
        let exact = (a - by.lhs_zero_point) * (b - by.rhs_zero_point);
        let scaled = exact as f32 * by.multiplier + by.zero_point as f32;
        (scaled.round_ties_even() as i32).clamp(by.lo, by.hi)
    };
    a.iter().zip(b).map(product).collect()
}

/// The entry of every element.
pub(super) fn table(table: &Table, elem: Elem, x: &[i32]) -> Vec<i32> {
    let entry = |value: &i32| {
        let index = usize::try_from(value - elem.min()).expect("the value is of its type");
        table.entries[index]
    };
    x.iter().map(entry).collect()
}

/// The element or constant that every output names.
pub(super) fn rearrange(rearrange: &Rearrange, inputs: &[&[i32]]) -> Vec<i32> {
    let value = |source: &Source| match *source {
        Source::Element { input, element } => inputs[input][element],
        Source::Constant(value) => value,
    };
    rearrange.sources.iter().map(value).collect()
}
