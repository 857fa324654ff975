//! Random networks with every operator, for the properties of the equations.

use crate::{
    ir::{Model, Source},
    testing::networks::{Builder, Numbers, Scale, Slide},
};

/// Random choices.
struct Choices(Numbers);

impl Choices {
    fn upto(&mut self, least: usize, most: usize) -> usize {
        least + self.0.below((most - least + 1) as u64) as usize
    }

    fn coin(&mut self) -> bool {
        self.0.below(2) == 0
    }

    /// One time in four.
    fn rarely(&mut self) -> bool {
        self.0.below(4) == 0
    }
}

/// Nonnegative outputs leave half of the bytes of a factor unreachable.
const CLAMPS: [(i32, i32); 3] = [(-60, 70), (-128, 127), (0, 101)];

/// A network of random layers over a random image, with a view that repeats, drops and replaces elements, and operators
/// of bytes and products of activations between them.
pub(crate) fn random_network(seed: u64) -> Model {
    let mut choices = Choices(Numbers::new(seed));
    let channels = choices.upto(1, 4);
    let image = [choices.upto(2, 6), choices.upto(2, 6)];
    let mut network = Builder::new(seed, 7, channels, image);
    let multipliers = [vec![0.021, 0.034], vec![0.0625], vec![0.027, 0.0625]];
    let scale = Scale {
        multipliers: multipliers[choices.upto(0, 2)].clone(),
        zero_point: 1,
        clamp: CLAMPS[choices.upto(0, 2)],
    };
    if choices.coin() {
        network.transpose();
    }
    for layer in 0..2 {
        convolution(&mut network, &mut choices, &scale);
        if layer == 0 {
            view(&mut network, &mut choices);
            activations(&mut network, &mut choices);
        }
    }
    let branch = network.last();
    network.convolution(
        network.channels(),
        1,
        Slide::POINTWISE,
        &Scale { multipliers: vec![0.031], ..scale.clone() },
    );
    network.add(branch, (-128, 127));
    activations(&mut network, &mut choices);
    if choices.coin() {
        if choices.coin() {
            doubled(&mut network);
        }
        network.pool(&scale);
    }
    network.fully_connected(3, &Scale { multipliers: vec![0.013], ..scale });
    network.finish()
}

/// Random fully connected layers, with functions, sums, views and second outputs between them: a flat circuit.
pub(crate) fn random_layers(seed: u64) -> Model {
    let mut choices = Choices(Numbers::new(seed));
    let mut network = Builder::new(seed, 7, choices.upto(1, 3), [1, choices.upto(2, 20)]);
    let multipliers = [vec![0.021, 0.034], vec![0.0625], vec![0.027, 0.0625]];
    if choices.rarely() {
        network.output("input");
    }
    for _ in 0..choices.upto(1, 3) {
        let scale = Scale {
            multipliers: multipliers[choices.upto(0, 2)].clone(),
            zero_point: 1,
            clamp: CLAMPS[choices.upto(0, 2)],
        };
        network.fully_connected(choices.upto(1, 24), &scale);
        if choices.rarely() {
            view(&mut network, &mut choices);
        }
        let before = network.last();
        if choices.coin() {
            network.table();
        }
        match choices.upto(0, 3) {
            0 => network.add(before, (-128, 127)),
            1 => network.add_scaled(before, [0.25, 0.5], -1.0, (-100, 127)),
            _ => {}
        }
        if choices.rarely() {
            network.output("between");
        }
    }
    network.finish()
}

fn convolution(network: &mut Builder, choices: &mut Choices, scale: &Scale) {
    let image = network.image();
    let dilation = [choices.upto(1, 2), choices.upto(1, 2)];
    let pad = [choices.upto(0, 2), choices.upto(0, 2)];
    let fits = |axis: usize| (image[axis] + 2 * pad[axis] - 1) / dilation[axis] + 1;
    let kernel = [choices.upto(1, fits(0).min(3)), choices.upto(1, fits(1).min(3))];
    let stride = [choices.upto(1, 3), choices.upto(1, 3)];
    let groups = if choices.coin() { network.channels() } else { 1 };
    let outputs = groups * choices.upto(1, 3);
    network.convolution(outputs, groups, Slide { kernel, stride, pad, dilation }, scale);
}

/// The elements in reverse, or random ones and constants in their place.
fn view(network: &mut Builder, choices: &mut Choices) {
    let image = network.image();
    let len = network.channels() * image[0] * image[1];
    let picks: Vec<usize> = (0..len).map(|_| choices.upto(0, len * 5 / 4)).collect();
    let reversed = choices.coin();
    let pick = |index: usize| match picks[index] {
        _ if reversed => Source::Element { input: 0, element: len - 1 - index },
        element if element < len && index > 0 => Source::Element { input: 0, element },
        _ if index == 0 => Source::Element { input: 0, element: 0 },
        _ => Source::Constant(5),
    };
    network.rearrange(network.channels(), image, pick);
}

/// Half of the elements of every channel, each twice.
fn doubled(network: &mut Builder) {
    let (channels, image) = (network.channels(), network.image());
    let plane = image[0] * image[1];
    network.rearrange(channels, image, |index| Source::Element {
        input: 0,
        element: index - index % plane + index % plane / 2,
    });
}

/// As many elements as are asked for, some of them more than once.
fn repeated(network: &mut Builder, choices: &mut Choices, channels: usize, image: [usize; 2]) {
    let [height, width] = network.image();
    let len = network.channels() * height * width;
    let step = choices.upto(1, 3);
    network.rearrange(channels, image, |index| Source::Element { input: 0, element: index * step % len });
}

/// One of the operators whose circuits are not linear in the activations, or none.
fn activations(network: &mut Builder, choices: &mut Choices) {
    let (before, channels, image) = (network.last(), network.channels(), network.image());
    match choices.upto(0, 6) {
        0 => network.table(),
        1 => {
            let kernel = image.map(|size| choices.upto(1, size.min(3)));
            let stride = [choices.upto(1, 2), choices.upto(1, 2)];
            // A window of the padding alone has no maximum.
            let pad = kernel.map(|size| choices.upto(0, size / 2));
            network.max_pool(Slide { kernel, stride, pad, dilation: [1, 1] });
        }
        2 => {
            if choices.coin() {
                network.table();
            }
            network.multiply(before, (-90, 90));
        }
        3 => matrix_product(network, choices),
        4 => {
            // Its factors and the product are read once more.
            matrix_product(network, choices);
            repeated(network, choices, channels, image);
            network.add(before, (-128, 127));
        }
        5 => network.add_scaled(before, [0.25, 0.5], -1.0, (-100, 127)),
        _ => {}
    }
    if choices.rarely() {
        network.output("between");
    }
}

/// A matrix product per channel of the last layer: with itself, with a view of it, or with what it is a view of.
fn matrix_product(network: &mut Builder, choices: &mut Choices) {
    let multipliers = [vec![0.007_1], vec![0.007_812_5]];
    let scale = Scale {
        multipliers: multipliers[choices.upto(0, 1)].clone(),
        zero_point: -3,
        clamp: CLAMPS[choices.upto(0, 2)],
    };
    let (factor, batch, [rows, inner]) = (network.last(), network.channels(), network.image());
    if choices.rarely() {
        network.output("factor");
    }
    match choices.upto(0, 2) {
        0 => network.mat_mul(factor, [batch, rows, inner, rows], &scale),
        1 => {
            let columns = choices.upto(1, 10);
            repeated(network, choices, batch, [columns, rows]);
            network.mat_mul(factor, [batch, columns, rows, inner], &scale);
        }
        _ => {
            let columns = choices.upto(1, 10);
            repeated(network, choices, batch, [rows, columns]);
            let rhs = network.last();
            // The builder multiplies what came last from the left: a function of the first factor.
            repeated(network, choices, batch, [columns, rows]);
            network.table();
            network.mat_mul(rhs, [batch, columns, rows, columns], &scale);
        }
    }
}

#[test]
fn random_networks_have_every_operator() {
    use crate::ir::Op;

    let models: Vec<Model> = (0..128).map(random_network).collect();
    let nodes = || models.iter().flat_map(|model| model.nodes.iter().map(move |node| (model, node)));
    let with = |is: fn(&Op) -> bool| nodes().filter(|(_, node)| is(&node.op)).count();
    for (name, count) in [
        ("table", with(|op| matches!(op, Op::Table(_)))),
        ("max pool", with(|op| matches!(op, Op::MaxPool(_)))),
        ("multiply", with(|op| matches!(op, Op::Multiply(_)))),
        ("matrix product", with(|op| matches!(op, Op::MatMul(_)))),
        ("batches", with(|op| matches!(op, Op::MatMul(product) if product.batch > 1))),
        ("chunks of columns", with(|op| matches!(op, Op::MatMul(product) if product.columns > 8))),
        ("tied sum", with(|op| matches!(op, Op::Add(add) if add.lhs_scale == 0.25))),
        ("shown", models.iter().filter(|model| model.outputs.len() > 1).count()),
    ] {
        assert!(count >= 4, "{name}: {count}");
    }
    let products = || nodes().filter(|(_, node)| matches!(node.op, Op::MatMul(_)));
    let squares = products().filter(|(_, node)| node.inputs[0] == node.inputs[1]).count();
    let shown = |model: &Model, tensor| model.outputs.iter().any(|output| output.tensor == tensor);
    let factors = products().filter(|(model, node)| node.inputs.iter().any(|input| shown(model, *input)));
    let readers =
        |model: &Model, tensor| model.nodes.iter().filter(|node| node.inputs.contains(&tensor)).count();
    let read = products().filter(|(model, node)| node.inputs.iter().any(|input| readers(model, *input) > 1));
    let low = products().filter(|(model, node)| model.tensor(node.inputs[0]).range.0 == 0);
    let counts = [squares, factors.count(), read.count(), low.count()];
    assert!(counts.iter().all(|count| *count >= 2), "{counts:?}");
}
