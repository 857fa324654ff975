//! What planning a network may take, judged from its shapes alone: a small file can describe a huge network.

use crate::{
    error::PlanError,
    ir::{Convolution, FullyConnected, MatMul, MaxPool, Model, Op},
};

/// Most activations, copies of factors included: four times those of visual wake words.
const ACTIVATIONS: usize = 1 << 20;

/// Most elements of the outputs, each of which has a slice of its own.
const OUTPUTS: usize = 1 << 16;

/// Most pairs of a tap and an output position, which the planner lists.
const PAIRS: usize = 1 << 23;

/// Most operators: some steps of planning look at every pair.
const OPERATORS: usize = 1 << 11;

/// Most weights, zeros included.
const WEIGHTS: usize = 1 << 22;

/// Checks what can be told of a model's size without planning it; planning may still refuse it.
///
/// # Errors
/// [`PlanError::OverBudget`] names what there is too much of.
pub fn check_size(model: &Model) -> Result<(), PlanError> {
    // Fully connected layers alone take no search for slices, and no more memory than a few times their weights.
    if model.nodes.iter().all(|node| matches!(node.op, Op::FullyConnected(_))) {
        return Ok(());
    }
    let copies = sum(model.nodes.iter().map(|node| copies(&node.op)));
    let activations = sum(model.tensors.iter().map(|tensor| tensor.len)).saturating_add(copies);
    let outputs = sum(model.outputs.iter().map(|output| model.tensor(output.tensor).len));
    let pairs = sum(model.nodes.iter().map(|node| pairs(&node.op, model.tensor(node.output).len)));
    let weights = sum(model.nodes.iter().map(|node| weights(&node.op)));
    let amounts = [
        ("activations (intermediate copies included)", activations, ACTIVATIONS),
        ("operators", model.nodes.len(), OPERATORS),
        ("output integers", outputs, OUTPUTS),
        ("pairs of a kernel position and an output position", pairs, PAIRS),
        ("weights", weights, WEIGHTS),
    ];
    match amounts.into_iter().find(|(_, got, limit)| got > limit) {
        None => Ok(()),
        Some((what, got, limit)) => Err(PlanError::OverBudget { what, got, limit }),
    }
}

fn sum(parts: impl Iterator<Item = usize>) -> usize {
    parts.fold(0, usize::saturating_add)
}

fn product(factors: &[usize]) -> usize {
    factors.iter().copied().fold(1, usize::saturating_mul)
}

/// Elements that are stored beside the output: copied factors, the maxima along the first axis.
fn copies(op: &Op) -> usize {
    match op {
        Op::MatMul(MatMul { batch, rows, inner, columns, .. }) => {
            product(&[*batch, *rows, *inner]).saturating_add(product(&[*batch, *inner, *columns]))
        }
        Op::MaxPool(MaxPool { channels, window }) => {
            let [down, across] = window.kernel;
            let narrowed = product(&[*channels, window.input[0], window.output[1], across]);
            narrowed.saturating_add(product(&[*channels, window.output_len(), down]))
        }
        Op::Multiply(_)
        | Op::FullyConnected(_)
        | Op::Convolution(_)
        | Op::Add(_)
        | Op::Table(_)
        | Op::Maximum
        | Op::Product
        | Op::Rearrange(_) => 0,
    }
}

fn pairs(op: &Op, outputs: usize) -> usize {
    match op {
        Op::FullyConnected(FullyConnected { inputs, .. }) => *inputs,
        Op::Convolution(Convolution { channels_in, window, .. }) => {
            product(&[*channels_in, window.taps(), window.output_len()])
        }
        Op::MaxPool(_) => copies(op),
        Op::MatMul(MatMul { batch, rows, inner, columns, .. }) => {
            let of_chunks =
                product(&[*batch, *inner, *columns]).saturating_add(product(&[*batch, *inner, *rows]));
            of_chunks.saturating_add(outputs)
        }
        Op::Add(_) | Op::Table(_) | Op::Multiply(_) | Op::Maximum | Op::Product | Op::Rearrange(_) => {
            outputs.saturating_mul(2)
        }
    }
}

fn weights(op: &Op) -> usize {
    match op {
        Op::FullyConnected(layer) => layer.weights.len(),
        Op::Convolution(layer) => layer.weights.len(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use crate::layout::check_size;
    use crate::{
        error::PlanError, testing::networks::Builder, testing::networks::Scale, testing::networks::Slide,
    };

    fn checked(channels: usize, image: usize, slide: Slide) -> Result<(), PlanError> {
        let mut network = Builder::new(1, 3, channels, [image, image]);
        let scale = Scale { multipliers: vec![0.021], zero_point: 0, clamp: (-128, 127) };
        network.convolution(channels, 1, slide, &scale);
        network.pool(&scale);
        check_size(&network.finish())
    }

    #[test]
    fn ordinary_networks_fit_and_huge_ones_do_not() {
        assert_eq!(checked(16, 96, Slide::SAME), Ok(()));
        for (channels, image, slide, expected) in [
            (1, 800, Slide::SAME, "activations (intermediate copies included)"),
            (
                1,
                700,
                Slide { kernel: [5, 5], ..Slide::POINTWISE },
                "pairs of a kernel position and an output position",
            ),
            (2100, 1, Slide::POINTWISE, "weights"),
        ] {
            let refused = checked(channels, image, slide);
            assert!(
                matches!(refused, Err(PlanError::OverBudget { what, .. }) if what == expected),
                "{refused:?}"
            );
        }
    }
}
