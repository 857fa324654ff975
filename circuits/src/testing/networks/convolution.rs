//! Tiny convolutional networks, in the shapes the planner chooses.

use super::{Builder, Scale, Slide, Tiny};
use crate::{compile, ir::Model, plan::Scheme, testing::subject::Subject};

/// Outputs from `-5..=8`, so that tables are small.
fn scale(multipliers: &[f32]) -> Scale {
    Scale { multipliers: multipliers.to_vec(), zero_point: -2, clamp: CLAMP }
}

const CLAMP: (i32, i32) = (-5, 8);

/// Multipliers for which the linear form is exact.
const EXACT: [f32; 3] = [0.021, 0.034, 0.027];

/// Rounding ties keep the linear form from being exact.
const TIED: [f32; 1] = [0.0625];

fn tiny(name: &'static str, model: Model) -> Tiny {
    let inputs = model.tensor(model.inputs[0].tensor).len;
    let compiled = compile(model, Scheme::Kzg).expect("a tiny network has a circuit");
    Tiny { name, subject: Subject::new(compiled), inputs }
}

/// A padded 3 x 3 convolution.
pub fn padded() -> Tiny {
    let mut network = Builder::new(1, 3, 1, [3, 3]);
    network.convolution(2, 1, Slide::SAME, &scale(&EXACT));
    tiny("padded convolution", network.finish())
}

/// A strided depthwise convolution requantized by thresholds.
pub fn strided() -> Tiny {
    let mut network = Builder::new(2, 3, 2, [4, 3]);
    network.depthwise(Slide::STRIDED, &scale(&TIED));
    tiny("strided thresholds", network.finish())
}

/// A pointwise convolution and the sum with its input.
pub fn residual() -> Tiny {
    let mut network = Builder::new(3, 3, 2, [2, 3]);
    let input = network.last();
    network.convolution(2, 1, Slide::POINTWISE, &scale(&EXACT));
    network.add(input, CLAMP);
    tiny("residual sum", network.finish())
}

/// A global sum over the image and a fully connected layer.
pub fn pooled() -> Tiny {
    let mut network = Builder::new(4, 3, 2, [2, 3]);
    network.convolution(3, 1, Slide::POINTWISE, &scale(&EXACT));
    network.pool(&scale(&EXACT));
    network.fully_connected(2, &scale(&EXACT));
    tiny("pooled classifier", network.finish())
}

/// Three channels beside each other in the input: three bytes of a row, five idle lanes; both forms in one layer.
pub fn interleaved() -> Tiny {
    let mut network = Builder::new(5, 3, 3, [2, 3]);
    network.transpose();
    let mixed = Scale { multipliers: vec![0.021, 0.0625], ..scale(&EXACT) };
    network.convolution(3, 1, Slide { kernel: [2, 2], ..Slide::POINTWISE }, &mixed);
    tiny("interleaved input", network.finish())
}

/// Two outputs, one of which later layers read.
pub fn branches() -> Tiny {
    let mut network = Builder::new(6, 3, 1, [3, 4]);
    network.convolution(2, 1, Slide { kernel: [1, 2], ..Slide::POINTWISE }, &scale(&EXACT));
    network.output("branch");
    network.depthwise(Slide { kernel: [2, 1], pad: [1, 0], ..Slide::POINTWISE }, &scale(&EXACT));
    tiny("two outputs", network.finish())
}

/// All of them.
pub fn all() -> Vec<Tiny> {
    vec![padded(), strided(), residual(), pooled(), interleaved(), branches()]
}
