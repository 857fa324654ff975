//! Planning takes memory as cells grow, and no more than the estimate it is refused by.
//!
//! The peak belongs to the whole process, so this binary holds a single test.

use lemma_circuits::{
    Budget, PlanError, check_size, compile_within,
    ir::{
        ChannelSteps, Convolution, Elem, Input, Model, Node, Op, Output, Rearrange, Requantize, Source,
        Tensor, TensorId, Window,
    },
};
use lemma_verifier::scheme::Scheme;
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// How much faster than cells memory may grow, from each size to the next.
const MARGIN: f64 = 1.15;

/// Channels that are convolved one by one.
const CHANNELS: usize = 8;

fn tensor(len: usize) -> Tensor {
    Tensor { elem: Elem::I8, len, range: (-128, 127) }
}

fn push(model: &mut Model, op: Op, len: usize) {
    let (input, output) = (TensorId(model.tensors.len() - 1), TensorId(model.tensors.len()));
    model.tensors.push(tensor(len));
    model.nodes.push(Node { name: format!("n{}", output.0), op, inputs: vec![input], output });
}

/// Depthwise, 3 x 3 with padding, or over the whole image.
fn convolution(side: usize, is_last: bool) -> Op {
    let (kernel, output, pad) = if is_last { (side, 1, 0) } else { (3, side, 1) };
    let window = Window {
        input: [side; 2],
        output: [output; 2],
        kernel: [kernel; 2],
        stride: [1; 2],
        dilation: [1; 2],
        pad: [pad; 2],
    };
    let requantize = Requantize {
        channels: ChannelSteps::Multipliers(vec![0.021; CHANNELS]),
        zero_point: 0,
        lo: -128,
        hi: 127,
    };
    Op::Convolution(Convolution {
        channels_in: CHANNELS,
        channels_out: CHANNELS,
        groups: CHANNELS,
        weights: (0..CHANNELS * window.taps()).map(|index| 1 + i16::from(index % 3 == 0)).collect(),
        window,
        bias: vec![1; CHANNELS],
        input_zero_point: 0,
        requantize,
    })
}

/// Convolutions, each of images that were transposed before if they are `moved`.
fn network(depth: usize, side: usize, moved: bool) -> Model {
    let len = CHANNELS * side * side;
    let shape = vec![1, CHANNELS, side, side];
    let mut model = Model {
        tensors: vec![tensor(len)],
        nodes: Vec::new(),
        inputs: vec![Input { name: "x".into(), shape, tensor: TensorId(0), quantize: None }],
        outputs: Vec::new(),
    };
    for _ in 0..depth {
        if moved {
            let source = |index: usize| {
                let (channel, y, x) = (index / side / side, index / side % side, index % side);
                Source::Element { input: 0, element: (channel * side + x) * side + y }
            };
            push(&mut model, Op::Rearrange(Rearrange { sources: (0..len).map(source).collect() }), len);
        }
        push(&mut model, convolution(side, false), len);
    }
    push(&mut model, convolution(side, true), CHANNELS);
    let last = TensorId(model.tensors.len() - 1);
    model.outputs.push(Output {
        name: "y".into(),
        shape: vec![1, CHANNELS, 1, 1],
        tensor: last,
        tail: Vec::new(),
    });
    model
}

/// What a plan of the model may take, by its estimate.
fn estimate(model: &Model) -> u64 {
    match check_size(model, &Budget { bytes: 0, ..Budget::UNLIMITED }) {
        Err(PlanError::OverBudget { needed, .. }) => needed,
        other => panic!("no plan takes nothing: {other:?}"),
    }
}

/// The peak of memory of a plan, and its cells.
fn planned(model: Model) -> [f64; 2] {
    let estimate = estimate(&model);
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let circuit = compile_within(model, Scheme::Kzg, &Budget::UNLIMITED).expect("the network has a circuit");
    let taken = ALLOCATOR.peak_usage() - before;
    assert!(taken as u64 <= estimate, "{taken} bytes, {estimate} were estimated");
    [taken as f64, circuit.layout().used_cells() as f64]
}

fn assert_linear(what: &str, family: impl Fn(usize) -> Model) {
    let plans = [1, 2, 4].map(|size| planned(family(size)));
    for pair in plans.windows(2) {
        let [bytes, cells] = [0, 1].map(|index| pair[1][index] / pair[0][index]);
        assert!(
            bytes <= MARGIN * cells,
            "{what}: {bytes} times the bytes for {cells} times the cells: {plans:?}"
        );
    }
}

#[test]
fn a_plan_takes_no_more_than_its_estimate() {
    assert_linear("depth", |size| network(8 * size, 16, false));
    assert_linear("images", |size| network(2, 16 * size, false));
    assert_linear("rearranged", |size| network(2 * size, 16, true));
}
