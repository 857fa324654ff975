use std::collections::BTreeSet;

use crate::ir::{
    Add, ChannelSteps, Convolution, Elem, Input, MaxPool, Model, Multiply, Node, Op, Output, Quantization,
    Rearrange, Requantize, Source, Table, Tail, Tensor, TensorId, Window,
};

fn table(elem: Elem, values: &[f32], name: &str) -> Tail {
    Tail::Table { elem, values: values.to_vec(), operators: vec![name.to_owned()] }
}

/// One node of each operator, wired up without sense: the encoding does not care.
fn model() -> Model {
    let tensor = Tensor { elem: Elem::I8, len: 4, range: (-128, 127) };
    let window = Window {
        input: [2, 3],
        output: [4, 5],
        kernel: [6, 7],
        stride: [8, 9],
        dilation: [10, 11],
        pad: [12, 13],
    };
    let convolution = Convolution {
        channels_in: 1,
        channels_out: 2,
        groups: 3,
        window: window.clone(),
        weights: vec![1, 2],
        bias: vec![3],
        input_zero_point: 4,
        requantize: Requantize {
            channels: ChannelSteps::Multipliers(vec![0.5]),
            zero_point: 1,
            lo: -1,
            hi: 1,
        },
    };
    let add = Add { lhs_scale: 0.5, rhs_scale: 0.25, offset: 1.0, lo: -1, hi: 1 };
    let multiply =
        Multiply { lhs_zero_point: 1, rhs_zero_point: 2, multiplier: 0.5, zero_point: 3, lo: -1, hi: 1 };
    let sources = vec![Source::Element { input: 0, element: 1 }, Source::Constant(2)];
    let ops = [
        Op::Convolution(convolution),
        Op::Add(add),
        Op::Multiply(multiply),
        Op::Table(Table { entries: vec![1, 2] }),
        Op::MaxPool(MaxPool { channels: 1, window }),
        Op::Rearrange(Rearrange { sources }),
    ];
    let node =
        |op| Node { name: String::new(), op, inputs: vec![TensorId(0), TensorId(1)], output: TensorId(2) };
    let by = Quantization { scale: 0.5, zero_point: 1 };
    Model {
        tensors: vec![tensor],
        nodes: ops.map(node).into(),
        inputs: vec![Input { name: "x".into(), shape: vec![4], tensor: TensorId(0), quantize: None }],
        outputs: vec![Output {
            name: "y".into(),
            shape: vec![4],
            tensor: TensorId(0),
            tail: vec![Tail::QuantizedSoftmax { from: by, len: 4, to: by, elem: Elem::I8 }],
        }],
    }
}

fn window(model: &mut Model, node: usize) -> &mut Window {
    match &mut model.nodes[node].op {
        Op::Convolution(Convolution { window, .. }) | Op::MaxPool(MaxPool { window, .. }) => window,
        other => panic!("{} has no window", other.name()),
    }
}

macro_rules! edits {
    ($($op:ident at $node:literal: $($field:ident $([$index:literal])? = $value:expr),*;)*) => {
        vec![$($(
            Box::new(|model: &mut Model| {
                let Op::$op(op) = &mut model.nodes[$node].op else { panic!("another operator") };
                op.$field $([$index])? = $value;
            }) as Box<dyn Fn(&mut Model)>
        ),*),*]
    };
}

#[test]
fn every_field_changes_the_id() {
    let mut edits = edits! {
        Convolution at 0: channels_in = 9, channels_out = 9, groups = 9, weights = vec![1, 2, 3], bias = vec![9], input_zero_point = 9;
        Add at 1: lhs_scale = 9.0, rhs_scale = 9.0, offset = 9.0, lo = -9, hi = 9;
        Multiply at 2: lhs_zero_point = 9, rhs_zero_point = 9, multiplier = 9.0, zero_point = 9, lo = -9, hi = 9;
        Table at 3: entries[1] = 9;
        MaxPool at 4: channels = 9;
        Rearrange at 5:
            sources[0] = Source::Element { input: 9, element: 1 },
            sources[0] = Source::Element { input: 0, element: 9 },
            sources[1] = Source::Constant(9),
            sources[1] = Source::Element { input: 2, element: 2 };
    };
    for node in [0, 4] {
        for axis in 0..2 {
            edits.push(Box::new(move |model| window(model, node).input[axis] = 99));
            edits.push(Box::new(move |model| window(model, node).output[axis] = 99));
            edits.push(Box::new(move |model| window(model, node).kernel[axis] = 99));
            edits.push(Box::new(move |model| window(model, node).stride[axis] = 99));
            edits.push(Box::new(move |model| window(model, node).dilation[axis] = 99));
            edits.push(Box::new(move |model| window(model, node).pad[axis] = 99));
        }
    }
    let steps = [
        ChannelSteps::Multipliers(vec![9.0]),
        ChannelSteps::Multipliers(vec![0.5, 0.5]),
        ChannelSteps::Thresholds(vec![vec![1, 2]]),
        ChannelSteps::Thresholds(vec![vec![1, 3]]),
        ChannelSteps::Thresholds(vec![vec![1], vec![2]]),
    ];
    for channels in steps {
        edits.push(Box::new(move |model| {
            let Op::Convolution(layer) = &mut model.nodes[0].op else { panic!("another operator") };
            layer.requantize.channels = channels.clone();
        }));
    }
    edits.push(Box::new(|model| model.nodes[1].inputs.reverse()));
    edits.push(Box::new(|model| model.nodes[5].inputs.truncate(1)));
    edits.push(Box::new(|model| model.nodes.swap(0, 1)));
    for change in [0, 1, 2, 3] {
        edits.push(Box::new(move |model| {
            let Tail::QuantizedSoftmax { from, len, to, elem } = &mut model.outputs[0].tail[0] else {
                panic!("another tail");
            };
            match change {
                0 => from.scale = 9.0,
                1 => *len = 2,
                2 => to.zero_point = 9,
                _ => *elem = Elem::U8,
            }
        }));
    }
    edits.push(Box::new(|model| model.outputs[0].tail = vec![Tail::Index]));
    edits.push(Box::new(|model| model.outputs[0].tail = vec![Tail::LogSoftmax { len: 4 }]));
    edits.push(Box::new(|model| model.outputs[0].tail = vec![Tail::Softmax { len: 4 }]));
    for (elem, values) in [(Elem::I8, vec![0.5, 1.0]), (Elem::U8, vec![0.5, 1.0]), (Elem::I8, vec![0.5, 2.0])]
    {
        edits.push(Box::new(move |model| model.outputs[0].tail = vec![table(elem, &values, "Tanh")]));
    }
    edits.push(Box::new(|model| model.outputs[0].tail.clear()));
    let mut ids = BTreeSet::from([model().id()]);
    for edit in &edits {
        let mut edited = model();
        edit(&mut edited);
        ids.insert(edited.id());
    }
    assert_eq!(ids.len(), edits.len() + 1);
    let mut renamed = model();
    renamed.nodes[0].name = "another name".into();
    assert_eq!(renamed.id(), model().id());
    let of_operator = |name| {
        let mut model = model();
        model.outputs[0].tail = vec![table(Elem::I8, &[0.5], name)];
        model.id()
    };
    assert_eq!(of_operator("Tanh"), of_operator("Sigmoid"));
}
