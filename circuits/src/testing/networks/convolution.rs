//! Tiny convolutional networks in shapes that between them have idle lanes, several groups and several ways.

use lemma_verifier::{scheme::Scheme, shape::Shape};

use super::{Builder, Scale, Slide, Tiny};
use crate::{
    compile_among,
    ir::{Model, Source},
    testing::subject::Subject,
};

/// Outputs from `-5..=8`, so that tables are small.
fn scale(multipliers: &[f32]) -> Scale {
    Scale { multipliers: multipliers.to_vec(), zero_point: -2, clamp: CLAMP }
}

const CLAMP: (i32, i32) = (-5, 8);

/// Multipliers for which the linear form is exact.
const EXACT: [f32; 3] = [0.021, 0.034, 0.027];

/// Rounding ties keep the linear form from being exact.
const TIED: [f32; 1] = [0.0625];

/// Lanes of a bank, lanes of a bank of thresholds, planes side by side, weight columns.
type Widths = [u32; 4];

fn tiny(name: &'static str, model: Model, [lanes, threshold_lanes, ways, weight_columns]: Widths) -> Tiny {
    let inputs = model.tensor(model.inputs[0].tensor).len;
    let admitted = |shape: &Shape| {
        let Some(banks) = &shape.banks else { return false };
        let thresholds = shape.threshold_lanes == 0 || banks.threshold_lanes == threshold_lanes;
        let widths = (banks.lanes, banks.ways, shape.weight_columns) == (lanes, ways, weight_columns);
        // Few rows, so that every cell can be examined.
        widths && thresholds && shape.k <= 9
    };
    let compiled = compile_among(model, Scheme::Kzg, admitted).expect("a tiny network has a circuit");
    Tiny { name, subject: Subject::new(compiled), inputs }
}

/// A padded 3 x 3 convolution.
pub fn padded() -> Tiny {
    let mut network = Builder::new(1, 3, 1, [3, 3]);
    network.convolution(2, 1, Slide::SAME, &scale(&EXACT));
    tiny("padded convolution", network.finish(), [4, 1, 2, 1])
}

/// A strided depthwise convolution requantized by thresholds, two of four lanes idle.
pub fn strided() -> Tiny {
    let mut network = Builder::new(2, 3, 2, [4, 3]);
    network.depthwise(Slide::STRIDED, &scale(&TIED));
    tiny("strided thresholds", network.finish(), [2, 4, 1, 2])
}

/// A pointwise convolution and the sum with its input.
pub fn residual() -> Tiny {
    let mut network = Builder::new(3, 3, 2, [2, 2]);
    let input = network.last();
    network.convolution(2, 1, Slide::POINTWISE, &scale(&EXACT));
    network.add(input, CLAMP);
    tiny("residual sum", network.finish(), [3, 1, 2, 1])
}

/// A global sum over the image and a fully connected layer; the lanes of a bank are two groups.
pub fn pooled() -> Tiny {
    let mut network = Builder::new(4, 3, 2, [2, 2]);
    network.convolution(16, 1, Slide::POINTWISE, &scale(&EXACT));
    network.pool(&scale(&EXACT));
    network.fully_connected(2, &scale(&EXACT));
    tiny("pooled classifier", network.finish(), [16, 1, 1, 1])
}

/// Three channels beside each other in the input: three bytes of a row, five idle lanes; both forms in one layer.
pub fn interleaved() -> Tiny {
    let mut network = Builder::new(5, 3, 3, [2, 3]);
    network.transpose();
    let mixed = Scale { multipliers: vec![0.021, 0.0625], ..scale(&EXACT) };
    network.convolution(3, 1, Slide { kernel: [2, 2], ..Slide::POINTWISE }, &mixed);
    tiny("interleaved input", network.finish(), [8, 2, 3, 1])
}

/// Two outputs, one of which later layers read.
pub fn branches() -> Tiny {
    let mut network = Builder::new(6, 3, 1, [2, 3]);
    network.convolution(2, 1, Slide { kernel: [1, 2], ..Slide::POINTWISE }, &scale(&EXACT));
    network.output("branch");
    network.depthwise(Slide { kernel: [2, 1], pad: [1, 0], ..Slide::POINTWISE }, &scale(&EXACT));
    tiny("two outputs", network.finish(), [2, 1, 1, 1])
}

/// A function of a byte, a max pooling and a product, with idle lanes.
pub fn bytes() -> Tiny {
    let mut network = Builder::new(7, 3, 1, [2, 3]);
    network.convolution(1, 1, Slide::POINTWISE, &scale(&EXACT));
    let branch = network.last();
    network.table();
    network.max_pool(Slide { kernel: [1, 2], pad: [0, 1], ..Slide::POINTWISE });
    network.rearrange(1, [2, 3], |index| Source::Element { input: 0, element: index });
    network.multiply(branch, CLAMP);
    tiny("functions of bytes", network.finish(), [2, 1, 1, 1])
}

/// A matrix product of two batches, columns in several planes, one lane idle.
pub fn product() -> Tiny {
    let mut network = Builder::new(8, 3, 2, [1, 2]);
    let rhs = network.last();
    network.convolution(2, 1, Slide::POINTWISE, &scale(&EXACT));
    network.mat_mul(rhs, [1, 2, 2, 2], &scale(&EXACT));
    tiny("matrix product", network.finish(), [3, 1, 2, 1])
}

/// All of them.
pub fn all() -> Vec<Tiny> {
    vec![padded(), strided(), residual(), pooled(), interleaved(), branches(), bytes(), product()]
}
