//! Averages over windows smaller than the image, where onnxruntime adds float32 values one after the other.

use std::{ops::Range, rc::Rc};

use crate::{
    import::{
        affine::{FloatClamp, MAX_RESULT},
        builder::Builder,
        error::{ImportErrorKind, OperatorError, QuantizationError},
        float_sum::FloatSum,
        limits,
        ops::layer::arithmetic,
        value::{
            Activation, Arithmetic, AverageWindow, Linear, Operand, Origin, Sliding, Step, Weights, ZeroPoint,
        },
        views::{self, Coordinates},
    },
    ir::{Elem, Quantization, Source, Window},
};

/// Most differently sized pieces of an image.
const MAX_PIECES: usize = 64;

/// Output positions along an axis whose windows have the same taps inside the image.
struct Stretch {
    outputs: Range<usize>,
    taps: Range<usize>,
}

impl Stretch {
    /// The stretches of an axis; one of all positions where the padding counts.
    fn all(average: &AverageWindow, axis: usize) -> Vec<Self> {
        let window = &average.window;
        if average.counts_padding {
            return vec![Self { outputs: 0..window.output[axis], taps: 0..window.kernel[axis] }];
        }
        let mut stretches: Vec<Self> = Vec::new();
        for output in 0..window.output[axis] {
            let taps = window.taps_inside(axis, output);
            match stretches.last_mut().filter(|last| last.taps == taps) {
                Some(last) => last.outputs.end = output + 1,
                None => stretches.push(Self { outputs: output..output + 1, taps }),
            }
        }
        stretches
    }

    /// The positions of the image that the stretch reads, `None` in the padding.
    fn positions(&self, window: &Window, axis: usize) -> Coordinates {
        let first = self.outputs.start * window.stride[axis] + self.taps.start;
        let length = (self.outputs.len() - 1) * window.stride[axis] + self.taps.len();
        let inside = |position: usize| {
            position.checked_sub(window.pad[axis]).filter(|position| *position < window.input[axis])
        };
        (first..first + length).map(inside).collect()
    }
}

/// The average of every window, in the shape `[1, channels, output]`: a depthwise convolution with unit weights for each
/// number of taps that the windows have, joined.
///
/// # Errors
/// [`UncertainAnswer::Sum`](crate::import::error::UncertainAnswer::Sum) where the order of the additions could matter.
pub(in crate::import) fn averaged(
    (name, shape): (&str, &[usize]),
    Operand { activation: x, by }: &Operand,
    average: &AverageWindow,
    (elem, to, clamp): (Elem, Quantization, FloatClamp),
    builder: &mut Builder,
) -> Result<Activation, ImportErrorKind> {
    let window = &average.window;
    let channels = x.shape.get(1).copied().unwrap_or(1);
    let [rows, columns] = [0, 1].map(|axis| Stretch::all(average, axis));
    let count = rows.len() * columns.len();
    if count > MAX_PIECES {
        return Err(OperatorError::AveragePieces { count, limit: MAX_PIECES }.into());
    }
    limits::sources(shape)?;
    let image = Activation { shape: vec![channels, window.input[0], window.input[1]], ..x.clone() };
    let (lo, hi) = builder.range(x);
    let largest = (lo - by.zero_point).abs().max((hi - by.zero_point).abs());
    // Beyond it onnxruntime's conversion to int32 wraps before it saturates.
    let reach = largest as f32 * by.scale / to.scale;
    if !(reach.is_finite() && reach < MAX_RESULT) {
        return Err(QuantizationError::OperandScale { lhs: by.scale, rhs: by.scale, output: to.scale }.into());
    }
    let mut parts = Vec::with_capacity(count);
    for (row, column) in rows.iter().flat_map(|row| columns.iter().map(move |column| (row, column))) {
        let layer = piece(name, &image, by, [row, column], window, builder)?;
        let terms = layer.weights.inputs;
        let divisor = if average.counts_padding { window.taps() } else { terms };
        // The kernel adds the taps of a window one after the other; those in the padding add nothing.
        let (lo, hi) = builder.range(&layer.input);
        let range = (lo - by.zero_point, hi - by.zero_point);
        let sum = FloatSum::in_sequence(by.scale, terms, range, &mut builder.budget);
        let origin = Origin::Sum(Rc::new(sum));
        let sum = Arithmetic { layer: Rc::new(layer), origin, steps: Vec::new() };
        // Windows have at most 2^26 taps, and float32 rounds their number as onnxruntime does.
        let mean = sum.then(Step::Divide(vec![divisor as f32]))?;
        let part = arithmetic::quantize(&mean, (elem, to, ZeroPoint::BeforeRounding), builder)?;
        parts.push(builder.clamped(name, &part, clamp.quantized(to, elem))?);
    }
    if let [only] = parts.as_slice() {
        return Ok(Activation { shape: shape.to_vec(), ..only.clone() });
    }
    let [height, width] = window.output;
    let find = |stretches: &[Stretch], position: usize| {
        let index = stretches.partition_point(|stretch| stretch.outputs.end <= position);
        stretches.get(index).map(|stretch| (index, position - stretch.outputs.start, stretch.outputs.len()))
    };
    let sources = (0..channels * height * width).filter_map(|index| {
        let (row, row_offset, row_count) = find(&rows, index / width % height)?;
        let (column, column_offset, column_count) = find(&columns, index % width)?;
        let channel = index / (height * width);
        let element = (channel * row_count + row_offset) * column_count + column_offset;
        Some(Source::Element { input: row * columns.len() + column, element })
    });
    let inputs: Vec<&Activation> = parts.iter().collect();
    builder.rearrange(name, &inputs, (elem, shape.to_vec()), sources)
}

/// The sums of the windows of two stretches.
fn piece(
    name: &str,
    image: &Activation,
    by: &Quantization,
    stretches: [&Stretch; 2],
    window: &Window,
    builder: &mut Builder,
) -> Result<Linear, ImportErrorKind> {
    let channels = image.shape.first().copied().unwrap_or(1);
    let positions = [0, 1].map(|axis| stretches[axis].positions(window, axis));
    let input = [positions[0].len(), positions[1].len()];
    let axes: Vec<Coordinates> = [(0..channels).map(Some).collect()].into_iter().chain(positions).collect();
    let cropped = views::picked(name, image, &axes, by.zero_point, builder)?;
    let [output, kernel] =
        [stretches.map(|stretch| stretch.outputs.len()), stretches.map(|stretch| stretch.taps.len())];
    let taps = kernel[0] * kernel[1];
    builder.budget.spend(channels.saturating_mul(taps), size_of::<i16>())?;
    let window = Window { input, output, kernel, stride: window.stride, dilation: [1, 1], pad: [0, 0] };
    let weights = Weights {
        inputs: taps,
        outputs: channels,
        elem: Elem::I8,
        shape: vec![channels, 1, taps],
        centered: vec![1; channels * taps],
        scales: Vec::new(),
        source: None,
    };
    Ok(Linear {
        name: name.to_owned(),
        input: cropped,
        rows: 1,
        sliding: Some(Sliding { channels, groups: channels, window }),
        input_zero_point: by.zero_point,
        weights: Rc::new(weights),
        bias: None,
        accumulator_scales: Vec::new(),
        shape: vec![1, channels, output[0], output[1]],
    })
}
