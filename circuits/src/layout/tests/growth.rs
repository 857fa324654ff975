//! Planning takes steps as cells grow, whatever grows: depth, channels, images, or what is arranged anew.

use lemma_verifier::scheme::Scheme;

use crate::{
    compile,
    ir::{Model, Source},
    steps,
    testing::networks::{Builder, Scale, Slide},
};

/// How much faster than cells steps may grow, from each size to the next.
const MARGIN: f64 = 1.15;

/// Most shapes that equations are made for before one holds the network, whatever its size.
const MOST_ATTEMPTS: usize = 256;

fn scale() -> Scale {
    Scale { multipliers: vec![0.021], zero_point: 0, clamp: (-128, 127) }
}

/// Convolutions of each kind, some over what was dealt from channels to space, then a layer.
fn network(depth: usize, channels: usize, side: usize, rearranged: usize) -> Model {
    let scale = scale();
    let mut network = Builder::new(1, 3, 4 * channels, [side, side]);
    for _ in 0..depth {
        network.depthwise(Slide::SAME, &scale);
        network.convolution(4 * channels, channels, Slide::POINTWISE, &scale);
    }
    for _ in 0..rearranged {
        let width = 2 * side;
        network.rearrange(channels, [width, width], |index| {
            let (channel, y, x) = (index / width / width, index / width % width, index % width);
            let of = channel * 4 + y % 2 * 2 + x % 2;
            Source::Element { input: 0, element: (of * side + y / 2) * side + x / 2 }
        });
        network.depthwise(Slide::SAME, &scale);
        network.convolution(4 * channels, channels, Slide::STRIDED, &scale);
    }
    network.pool(&scale);
    network.finish()
}

/// The steps of a plan, of which one shape is tried, and its cells.
fn planned(model: Model) -> [f64; 2] {
    steps::taken();
    let circuit = compile(model, Scheme::Kzg).expect("the network has a circuit");
    let steps = steps::taken();
    assert!(steps.attempts <= MOST_ATTEMPTS, "{} shapes were tried", steps.attempts);
    [steps.of_one_attempt() as f64, circuit.layout().used_cells() as f64]
}

#[track_caller]
fn assert_linear(family: impl Fn(usize) -> Model) {
    let plans: Vec<[f64; 2]> = [1, 2, 4].map(|size| planned(family(size))).into();
    for pair in plans.windows(2) {
        let [steps, cells] = [0, 1].map(|index| pair[1][index] / pair[0][index]);
        assert!(steps <= MARGIN * cells, "{steps} times the steps for {cells} times the cells: {plans:?}");
    }
}

#[test]
fn steps_grow_as_depth() {
    assert_linear(|size| network(8 * size, 4, 12, 0));
}

#[test]
fn steps_grow_as_channels() {
    assert_linear(|size| network(2, 8 * size, 12, 0));
}

#[test]
fn steps_grow_as_images() {
    // Four times the area each time: sides of 16, 32 and 64.
    assert_linear(|size| network(2, 2, 16 * size, 0));
}

#[test]
fn steps_grow_as_what_is_arranged_anew() {
    assert_linear(|size| network(1, 2, 12, 2 * size));
}
