//! ONNX files of operators without attributes, written byte by byte.

/// A field of a protobuf message that holds bytes.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2], varint(bytes.len()).as_slice(), bytes].concat()
}

/// A field of a protobuf message that holds an integer.
fn number(number: u8, value: usize) -> Vec<u8> {
    [&[number << 3], varint(value).as_slice()].concat()
}

fn varint(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value > 127 {
        bytes.push(value as u8 | 128);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// A file with the int8 input `x` of shape `[1, length]`, these nodes (operator, input, output), and int8 outputs.
pub(crate) fn model(length: usize, nodes: &[(&str, &str, &str)], outputs: &[&str]) -> Vec<u8> {
    model_with(length, &[], nodes, outputs)
}

/// The same with scales and zero points by name, and nodes that read several inputs, with spaces between.
pub(crate) fn model_with(
    length: usize,
    quantizations: &[(&str, f32, i8)],
    nodes: &[(&str, &str, &str)],
    outputs: &[&str],
) -> Vec<u8> {
    let constant = |name: &str, kind: usize, bytes: &[u8]| {
        field(5, &[number(2, kind), field(8, name.as_bytes()), field(9, bytes)].concat())
    };
    let constants = quantizations.iter().flat_map(|(name, scale, zero_point)| {
        let scale = constant(&format!("{name}_scale"), 1, &scale.to_le_bytes());
        [scale, constant(&format!("{name}_zero"), 3, &zero_point.to_le_bytes())].concat()
    });
    let constants: Vec<u8> = constants.collect();
    let dimensions = [1, length].map(|size| field(1, &number(1, size))).concat();
    let tensor = [number(1, 3), field(2, &dimensions)].concat();
    let value = |name: &str| [field(1, name.as_bytes()), field(2, &field(1, &tensor))].concat();
    let node = |(op, input, output): &(&str, &str, &str)| {
        let name = format!("{output} node");
        let inputs = input.split(' ').flat_map(|input| field(1, input.as_bytes())).collect();
        let texts = [(2, *output), (3, &name), (4, op)];
        field(1, &[inputs, texts.map(|(number, text)| field(number, text.as_bytes())).concat()].concat())
    };
    let nodes: Vec<u8> = nodes.iter().flat_map(node).collect();
    let outputs: Vec<u8> = outputs.iter().flat_map(|name| field(12, &value(name))).collect();
    let graph = [nodes, constants, field(11, &value("x")), outputs].concat();
    [number(1, 8), field(7, &graph), field(8, &number(2, 17))].concat()
}
