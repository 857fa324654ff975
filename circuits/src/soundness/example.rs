//! The worked example of SOUNDNESS.md: a 2 x 2 convolution, number by number.

use std::fmt::Display;

use halo2_proofs::halo2curves::bn256::Fr;
use lemma_verifier::{
    index::{AdviceColumn, GroupId, RowId},
    integers::integer,
    shape::BankShape,
};

use super::{
    algebra::Reader,
    case::{Case, scale},
    widths::truth,
};
use crate::{
    expanded::Op,
    forms::Form,
    index::NodeId,
    ir::{Convolution, Model},
    reference,
    soundness::document::page,
    testing::{
        networks::{Builder, Slide},
        spot::Spot,
    },
};

/// Two channels over an image of two rows and four columns. With these multipliers no accumulator in reach is half way
/// between two outputs, so the linear form is exact.
fn network() -> Model {
    let mut network = Builder::new(7, 3, 1, [2, 4]);
    network.convolution(2, 1, Slide { kernel: [2, 2], ..Slide::POINTWISE }, &scale(&[0.0703, 0.0841]));
    network.finish()
}

fn case() -> Case {
    let lanes = |banks: &BankShape| (banks.lanes, banks.ways) == (2, 1);
    Case::new("example", network(), |shape| shape.banks.as_ref().is_some_and(lanes))
}

fn layer(case: &Case) -> &Convolution {
    match &case.expanded().nodes[NodeId::from(0)].op {
        Op::Convolution(layer) => layer,
        _ => panic!("the network is a convolution"),
    }
}

/// The zero point of the image as a byte.
fn center(layer: &Convolution) -> i64 {
    i64::from(layer.input_zero_point) + 128
}

fn list<T: Display>(numbers: impl IntoIterator<Item = T>) -> String {
    numbers.into_iter().map(|number| number.to_string()).collect::<Vec<_>>().join(" ")
}

/// The lines of the input: bytes, exponents, slices.
fn image(case: &Case) -> Vec<String> {
    let tensor = case.input_tensor();
    let plane = &case.layout.network.homes.home(tensor).planes.raw[0];
    let slices = &case.layout.network.slices[tensor.0];
    let classes = &slices.classes.raw[0];
    let exponents = &slices.exponents.raw[0];
    let members = |class: usize| {
        let positions = classes.keys().filter(|position| classes[*position] == class);
        format!("{{{}}}", list(positions.map(|position| exponents[position])))
    };
    vec![
        format!(
            "input z {}, bytes x'   {}",
            layer(case).input_zero_point,
            list(case.input.iter().map(|x| x + 128))
        ),
        format!("their exponents      {}", list(plane.exponents.iter())),
        format!("slices, by exponent  {}", list((0..slices.uses.raw[0].len()).map(members))),
    ]
}

/// The lines of the taps: weights of both channels, and how far they move exponents.
fn taps(case: &Case) -> Vec<String> {
    let (layer, homes) = (layer(case), &case.layout.network.homes);
    let read = &homes.home(case.input_tensor()).planes.raw[0].exponents;
    let made = &homes.home(case.expanded().nodes[NodeId::from(0)].output).planes.raw[0].exponents;
    let line = |tap: usize| {
        let [dy, dx] = [tap / 2, tap % 2];
        let sources = (0..3).map(|x| layer.window.source([0, x], [dy, dx]).expect("no border"));
        let exponents: Vec<u64> = sources.map(|source| read.raw[source]).collect();
        let moves: Vec<i64> = (0..3).map(|x| made.raw[x] as i64 - exponents[x] as i64).collect();
        assert!(moves.iter().all(|by| *by == moves[0]), "a tap moves all exponents by the same amount");
        let weights = [layer.weights[tap], layer.weights[4 + tap]];
        format!(
            "tap ({dy},{dx})  W {:>2} {:>2}  reads {}  moves by {}",
            weights[0],
            weights[1],
            list(exponents),
            moves[0]
        )
    };
    let exponents = format!("output exponents     {}", list(made.iter()));
    [exponents].into_iter().chain((0..4).map(line)).collect()
}

/// A channel's claim at a position, and the true value.
fn claim(case: &Case, channel: usize, position: usize) -> (i128, i128) {
    let output = case.expanded().nodes[NodeId::from(0)].output;
    let element = channel * 3 + position;
    let spot = Spot::of(&case.layout, output, element).expect("no channel is constant");
    let claimed = crate::cells::integer_of(&spot.claim(&case.layout), &case.honest().columns, spot.row);
    let trace =
        reference::run(case.compiled.model(), std::slice::from_ref(&case.input)).expect("the input fits");
    (claimed, truth(&case.layout, NodeId::from(0), channel, trace.accumulators[0][element]))
}

/// The lines of the channels: accumulators, forms, outputs, claims.
fn channels(case: &Case) -> Vec<String> {
    let trace =
        reference::run(case.compiled.model(), std::slice::from_ref(&case.input)).expect("the input fits");
    let shift = case.layout.shape.shift;
    let of_channel = |channel: usize| {
        let Form::Linear(form) = case.layout.forms.nodes[NodeId::from(0)].form(channel) else {
            panic!("the form is linear")
        };
        let claims: Vec<i128> = (0..3).map(|position| claim(case, channel, position).0).collect();
        let bytes: Vec<i128> =
            trace.tensors[1][3 * channel..][..3].iter().map(|y| i128::from(y + 128)).collect();
        // No output is at an end of the clamp: there is no excess.
        assert!(claims.iter().map(|claim| claim >> shift).eq(bytes.iter().copied()));
        let accumulators = &trace.accumulators[0][3 * channel..][..3];
        let remainders = claims.iter().map(|claim| claim.rem_euclid(1 << shift));
        [
            format!(
                "channel {channel}  bias {}, acc {}, m {}, c {}",
                layer(case).bias[channel],
                list(accumulators),
                form.m,
                form.c
            ),
            format!("           y' {}, E 0 0 0, r {}", list(bytes), list(remainders)),
            format!("           v = T = {}", list(claims)),
        ]
    };
    let base = case.layout.shape.banks.as_ref().expect("the layout has banks").base_bits;
    let shape = format!("shift {shift}, B = 2^{base}");
    [shape].into_iter().chain((0..2).flat_map(of_channel)).collect()
}

/// The lines of the coefficients of the operator's equation, with all numbers put in.
fn coefficients(case: &Case) -> Vec<String> {
    let layout = &case.layout;
    let equation = Reader::new(layout).equations().remove(1);
    let base = Fr::from(1 << layout.shape.banks.as_ref().expect("the layout has banks").base_bits);
    let (_, _, _, offset) = equation.claims[0];
    let honest = case.honest();
    let output = &layout.network.homes.home(layout.expanded.nodes[NodeId::from(0)].output).planes.raw[0];
    let line = |position: usize| {
        let power = offset + output.exponents.raw[position];
        let cells = &equation.slices[&(GroupId::default(), power)];
        let layer = layer(case);
        let centered = |column: AdviceColumn, row: RowId| honest.columns[column][row] - center(layer);
        let sum =
            cells.iter().map(|(((column, row), _), weight)| integer(centered(*column, *row).into()) * weight);
        let (sum, bytes) = (sum.sum::<Fr>(), cells.len());
        // What the claims count: their values minus their constants, which are the truths of biases.
        let constant = |channel: usize| truth(layout, NodeId::from(0), channel, layer.bias[channel].into());
        let counted = [0, 1].map(|channel| integer(claim(case, channel, position).0 - constant(channel)));
        assert_eq!(sum, counted[0] + base * counted[1]);
        format!("s^{power}  {bytes} bytes: (T_0 - v_0) + B (T_1 - v_1) = 0")
    };
    (0..3).map(line).collect()
}

#[test]
fn the_worked_example_is_the_circuits() {
    let case = case();
    for (channel, position) in (0..2).flat_map(|channel| (0..3).map(move |position| (channel, position))) {
        let (claimed, truth) = claim(&case, channel, position);
        assert_eq!(claimed, truth);
    }
    let lines = [image(&case), taps(&case), channels(&case), coefficients(&case)].concat();
    let text = lines.join("\n");
    assert!(page().contains(&text), "SOUNDNESS.md has another example than\n{text}");
}
