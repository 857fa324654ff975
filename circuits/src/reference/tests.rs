use super::{InputError, run};
use crate::ir::{
    ChannelSteps, Elem, FullyConnected, Input, Model, Node, Op, Output, Requantize, Tensor, TensorId,
};

fn layer(inputs: usize, weights: Vec<i16>, bias: Vec<i32>, input_zero_point: i32, to: Requantize) -> Op {
    let outputs = bias.len();
    Op::FullyConnected(FullyConnected { inputs, outputs, weights, bias, input_zero_point, requantize: to })
}

/// Two layers, 3 -> 2 -> 1, with zero points on both sides, an absorbed Relu and per-channel multipliers.
fn two_layers() -> Model {
    let tensor = |elem, len, range| Tensor { elem, len, range };
    let hidden = Requantize {
        channels: ChannelSteps::Multipliers(vec![0.5, 0.25]),
        zero_point: -10,
        lo: -10,
        hi: 127,
    };
    let last = Requantize { channels: ChannelSteps::Multipliers(vec![1.0]), zero_point: 128, lo: 0, hi: 255 };
    Model {
        tensors: vec![
            tensor(Elem::U8, 3, (0, 255)),
            tensor(Elem::I8, 2, (-10, 127)),
            tensor(Elem::U8, 1, (0, 255)),
        ],
        nodes: vec![
            Node {
                name: "hidden".into(),
                op: layer(3, vec![1, -2, 3, 4, 5, -6], vec![7, -1], 100, hidden),
                inputs: vec![TensorId(0)],
                output: TensorId(1),
            },
            Node {
                name: "last".into(),
                op: layer(2, vec![-1, 2], vec![0], -10, last),
                inputs: vec![TensorId(1)],
                output: TensorId(2),
            },
        ],
        inputs: vec![Input { name: "x".into(), shape: vec![1, 3], tensor: TensorId(0), quantize: None }],
        outputs: vec![Output { name: "y".into(), shape: vec![1, 1], tensor: TensorId(2), tail: vec![] }],
    }
}

#[test]
fn computes_every_integer_of_two_layers() {
    let trace = run(&two_layers(), &[vec![101, 98, 110]]).unwrap();
    // 1*1 - 2*-2 + 3*10 + 7 = 42 -> 21 - 10; 4*1 + 5*-2 - 6*10 - 1 = -67 -> rne(-16.75) - 10, clamped.
    assert_eq!(trace.accumulators[0], [42, -67]);
    assert_eq!(trace.tensors[1], [11, -10]);
    // -(11 + 10) + 2 (-10 + 10) = -21
    assert_eq!(trace.accumulators[1], [-21]);
    assert_eq!(trace.outputs(), [&[107][..]]);
    assert_eq!(trace.tensors[0], [101, 98, 110]);
}

#[test]
fn outputs_saturate_at_the_clamp() {
    let trace = run(&two_layers(), &[vec![0, 255, 0]]).unwrap();
    // -100 - 310 - 300 + 7 = -703; -400 + 775 + 600 - 1 = 974 -> 243.5 - 10, clamped to 127.
    assert_eq!(trace.accumulators, [vec![-703, 974], vec![274]]);
    assert_eq!(trace.outputs(), [&[255][..]]);
}

#[test]
fn refuses_a_wrong_number_of_inputs() {
    assert_eq!(run(&two_layers(), &[]), Err(InputError::Count { expected: 1, got: 0 }));
}

#[test]
fn refuses_a_wrong_length() {
    let error = run(&two_layers(), &[vec![0; 4]]).unwrap_err();
    assert_eq!(error, InputError::Length { input: "x".into(), expected: 3, got: 4 });
    assert_eq!(error.to_string(), "input 'x' has 3 elements, got 4");
}

#[test]
fn refuses_a_value_outside_the_element_type() {
    for got in [-1, 256] {
        let error = run(&two_layers(), &[vec![0, 0, got]]).unwrap_err();
        assert_eq!(error, InputError::Value { input: "x".into(), index: 2, got, min: 0, max: 255 });
    }
}
