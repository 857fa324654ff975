use crate::ir::{
    ChannelSteps, Convolution, Elem, FullyConnected, Input, MaxPool, Model, Node, Op, Output, Rearrange,
    Requantize, Source, Table, Tail, Tensor, TensorId, Window,
};

const WINDOW: Window =
    Window { input: [4, 4], output: [2, 2], kernel: [3, 3], stride: [2, 2], dilation: [1, 1], pad: [1, 1] };

fn convolution() -> Convolution {
    Convolution {
        channels_in: 2,
        channels_out: 2,
        groups: 2,
        window: WINDOW,
        weights: vec![1; 18],
        bias: vec![0; 2],
        input_zero_point: 4,
        requantize: Requantize {
            channels: ChannelSteps::Multipliers(vec![0.5; 2]),
            zero_point: 0,
            lo: -100,
            hi: 90,
        },
    }
}

/// int8 x of 32 elements -> the operator -> y.
fn model(op: Op, len: usize, range: (i32, i32)) -> Model {
    let tensor = |len, range| Tensor { elem: Elem::I8, len, range };
    Model {
        tensors: vec![tensor(32, (-128, 127)), tensor(len, range)],
        nodes: vec![Node { name: "op".into(), op, inputs: vec![TensorId(0)], output: TensorId(1) }],
        inputs: vec![Input { name: "x".into(), shape: vec![2, 4, 4], tensor: TensorId(0), quantize: None }],
        outputs: vec![Output { name: "y".into(), shape: vec![len], tensor: TensorId(1), tail: vec![] }],
    }
}

#[track_caller]
fn assert_refused(model: &Model, why: &str) {
    let message = model.check_consistency().expect_err("inconsistent").to_string();
    assert!(message.contains("node 'op'") && message.contains(why), "{message}");
}

#[test]
fn a_convolution_fits_its_tensors() {
    let with = |change: fn(&mut Convolution)| {
        let mut layer = convolution();
        change(&mut layer);
        model(Op::Convolution(layer), 8, (-100, 90))
    };
    assert_eq!(with(|_| ()).check_consistency(), Ok(()));
    assert_refused(&with(|layer| layer.groups = 3), "groups");
    assert_refused(&with(|layer| layer.groups = 0), "groups");
    assert_refused(&with(|layer| layer.groups = 1), "wrong length");
    assert_refused(&with(|layer| layer.bias.push(0)), "wrong length");
    let zero = |layer: &mut Convolution| {
        layer.requantize.channels = ChannelSteps::Multipliers(vec![0.5, 0.0]);
    };
    assert_refused(&with(zero), "multiplier");
    assert_refused(&with(|layer| layer.requantize.lo = -99), "another range");
    assert_refused(&with(|layer| layer.window.output[0] = 3), "other sizes");
    assert_refused(&with(|layer| layer.window.stride[1] = 0), "without extent");
    assert_refused(&with(|layer| layer.window.stride[1] = usize::MAX), "2^31");
    assert_refused(&with(|layer| layer.window.dilation[0] = usize::MAX / 2), "2^31");
    assert_refused(&with(|layer| layer.window.pad[0] = 1 << 31), "2^31");
    assert_refused(&with(|layer| layer.input_zero_point = 128), "zero point");
}

/// A circuit's ranges and constants are computed from the zero point, so that one beyond 8 bits would wrap there.
#[test]
fn a_fully_connected_layer_has_a_zero_point_of_its_inputs_type() {
    let with = |elem: Elem, input_zero_point: i32| {
        let Convolution { requantize, .. } = convolution();
        let layer = FullyConnected {
            inputs: 32,
            outputs: 2,
            weights: vec![1; 64],
            bias: vec![0; 2],
            input_zero_point,
            requantize,
        };
        let mut model = model(Op::FullyConnected(layer), 2, (-100, 90));
        model.tensors[0] = Tensor { elem, len: 32, range: (elem.min(), elem.max()) };
        model
    };
    for elem in [Elem::I8, Elem::U8] {
        for inside in [elem.min(), 0, elem.max()] {
            assert_eq!(with(elem, inside).check_consistency(), Ok(()));
        }
        for outside in [elem.min() - 1, elem.max() + 1, 300, i32::MIN, i32::MAX] {
            assert_refused(&with(elem, outside), "input zero point");
        }
    }
}

#[test]
fn thresholds_ascend_and_are_as_many_as_the_clamp_has_steps() {
    let with = |change: fn(&mut [Vec<i64>; 2])| {
        let mut layer = convolution();
        let mut channels = [(0..190).collect(), vec![1 << 31; 190]];
        change(&mut channels);
        layer.requantize.channels = ChannelSteps::Thresholds(channels.into());
        model(Op::Convolution(layer), 8, (-100, 90))
    };
    assert_eq!(with(|_| ()).check_consistency(), Ok(()));
    assert_eq!(with(|channels| channels[0].fill(-(1 << 31))).check_consistency(), Ok(()));
    assert_refused(&with(|channels| channels[0].truncate(189)), "wrong length");
    assert_refused(&with(|channels| channels[1].push(1 << 31)), "wrong length");
    assert_refused(&with(|channels| channels[0][7] = 5), "descend");
    assert_refused(&with(|channels| channels[1][189] += 1), "leave int32");
    assert_refused(&with(|channels| channels[0][0] = -(1 << 31) - 1), "leave int32");
}

#[test]
fn a_max_pool_keeps_the_range_and_reads_in_every_window() {
    let with = |range, change: fn(&mut Window)| {
        let mut window = WINDOW;
        change(&mut window);
        model(Op::MaxPool(MaxPool { channels: 2, window }), 8, range)
    };
    assert_eq!(with((-128, 127), |_| ()).check_consistency(), Ok(()));
    assert_refused(&with((-128, 126), |_| ()), "another range");
    assert_refused(&with((-128, 127), |window| window.pad[0] = 3), "padding");
    assert_refused(&with((-128, 127), |window| window.stride[1] = 9), "padding");
}

#[test]
fn a_table_has_the_range_of_its_reachable_entries() {
    let entries: Vec<i32> = (0..256).map(|index| index / 4 - 10).collect();
    let table = |entries, range| model(Op::Table(Table { entries }), 32, range);
    assert_eq!(table(entries.clone(), (-10, 53)).check_consistency(), Ok(()));
    assert_refused(&table(entries.clone(), (-10, 54)), "another range");
    assert_refused(&table(entries[1..].to_vec(), (-10, 53)), "wrong length");
    assert_refused(&table(vec![128; 256], (128, 128)), "outside its type");
}

#[test]
fn a_rearrangement_copies_what_exists() {
    let element = |element| Source::Element { input: 0, element };
    let copy = |sources: Vec<Source>, range| {
        let len = sources.len();
        model(Op::Rearrange(Rearrange { sources }), len, range)
    };
    assert_eq!(copy(vec![element(31), Source::Constant(5)], (-128, 127)).check_consistency(), Ok(()));
    assert_refused(&copy(vec![element(32)], (-128, 127)), "does not exist");
    assert_refused(&copy(vec![Source::Element { input: 1, element: 0 }], (-128, 127)), "does not exist");
    assert_refused(&copy(vec![element(0), Source::Constant(128)], (-128, 127)), "outside its type");
    assert_refused(&copy(vec![Source::Constant(5)], (5, 5)), "copies nothing");
    assert_refused(&copy(vec![element(0)], (0, 127)), "another range");
}

#[test]
fn an_operator_reads_as_many_tensors_as_it_takes() {
    let mut two = model(Op::Convolution(convolution()), 8, (-100, 90));
    two.nodes[0].inputs.push(TensorId(0));
    assert_refused(&two, "number of tensors");
    two.nodes[0].inputs.clear();
    assert_refused(&two, "number of tensors");
    two.nodes[0].inputs.push(TensorId(1));
    assert_refused(&two, "undefined");
}

#[test]
fn a_table_behind_an_output_is_one_of_its_integers() {
    let entries: Vec<i32> = (-128..128).collect();
    let with = |tail: Vec<Tail>| {
        let mut model = model(Op::Table(Table { entries: entries.clone() }), 32, (-128, 127));
        model.outputs[0].tail = tail;
        model.check_consistency()
    };
    let table = |elem, len| Tail::Table { elem, values: vec![0.5; len], operators: vec!["Tanh".to_owned()] };
    assert_eq!(with(vec![table(Elem::I8, 256), Tail::Softmax { len: 32 }]), Ok(()));
    for wrong in [
        vec![table(Elem::U8, 256)],
        vec![table(Elem::I8, 255)],
        vec![Tail::Softmax { len: 32 }, table(Elem::I8, 256)],
    ] {
        let message = with(wrong).expect_err("inconsistent").to_string();
        assert!(message.contains("output 'y' has a table"), "{message}");
    }
}

#[test]
fn indices_are_the_last_unsigned_integers() {
    let entries: Vec<i32> = (0..256).collect();
    let mut index = model(Op::Table(Table { entries }), 32, (0, 255));
    index.tensors[1].elem = Elem::U8;
    index.outputs[0].tail = vec![Tail::Index];
    assert_eq!(index.check_consistency(), Ok(()));
    let mut followed = index.clone();
    followed.outputs[0].tail.push(Tail::Softmax { len: 2 });
    let mut signed = index;
    signed.outputs[0].tensor = TensorId(0);
    for wrong in [followed, signed] {
        let message = wrong.check_consistency().expect_err("inconsistent").to_string();
        assert!(message.contains("output 'y' has indices"), "{message}");
    }
}
