//! The importer's memory stays within a small multiple of the file, whatever the file asks for.
//!
//! The peak belongs to the whole process, so this binary holds a single test.

use lemma_circuits::import::import;
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// What a byte of the file may cost.
const BYTES_PER_FILE_BYTE: usize = 16;
/// What the caps on counts may cost together.
const CONSTANT_BYTES: usize = 16 << 20;
/// What the copies of weights that many layers read may cost beyond the first.
const REPEATED_WEIGHTS: usize = 64 << 20;

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// A length-delimited field.
fn field(number: u64, content: &[u8]) -> Vec<u8> {
    [varint(number << 3 | 2), varint(content.len() as u64), content.to_vec()].concat()
}

/// An integer field.
fn integer(number: u64, value: u64) -> Vec<u8> {
    [varint(number << 3), varint(value)].concat()
}

fn graph(content: &[u8]) -> Vec<u8> {
    field(7, content)
}

fn tensor(name: &str, data_type: u64, dims: &[u64], data: Vec<u8>) -> Vec<u8> {
    let dims = dims.iter().flat_map(|&dim| integer(1, dim)).collect();
    field(5, &[dims, integer(2, data_type), field(8, name.as_bytes()), data].concat())
}

/// A model of `layers` QGemm nodes that all read the same uint8 weights, whose data the caller encodes.
fn layers_on_shared_weights(layers: usize, inputs: usize, outputs: usize, data: Vec<u8>) -> Vec<u8> {
    let (float, uint8) = (1, 2);
    let one = field(9, &1.0_f32.to_le_bytes());
    let dim = |size: usize| field(1, &integer(1, size as u64));
    let shape = field(2, &[dim(1), dim(inputs)].concat());
    let input_type = field(2, &field(1, &[integer(1, uint8), shape].concat()));
    let mut content = [
        tensor("w", uint8, &[inputs as u64, outputs as u64], data),
        tensor("s", float, &[], one),
        tensor("z", uint8, &[], field(9, &[0])),
        field(11, &[field(1, b"x"), input_type].concat()),
    ]
    .concat();
    for layer in 0..layers {
        let output = format!("y{layer}");
        let inputs: Vec<u8> = ["x", "s", "z", "w", "s", "z", "", "s", "z"]
            .iter()
            .flat_map(|name| field(1, name.as_bytes()))
            .collect();
        let node =
            [inputs, field(2, output.as_bytes()), field(4, b"QGemm"), field(7, b"com.microsoft")].concat();
        content.extend(field(1, &node));
        content.extend(field(12, &field(1, output.as_bytes())));
    }
    [graph(&content), field(8, &[field(1, b"com.microsoft"), integer(2, 1)].concat())].concat()
}

fn hostile_files() -> Vec<(&'static str, Vec<u8>)> {
    const MANY: usize = 1 << 20;
    let empty = |number: u64| field(number, &[]);
    let repeated_in_graph = |number: u64, count: usize| graph(&empty(number).repeat(count));
    let in_node = |content: &[u8]| graph(&field(1, content));
    let in_tensor = |content: &[u8]| graph(&field(5, content));
    let shape_of = |content: &[u8]| graph(&field(11, &field(2, &field(1, &field(2, content)))));
    let huge = u64::MAX >> 1;
    vec![
        ("a million nodes", repeated_in_graph(1, MANY)),
        ("as many nodes as the cap", repeated_in_graph(1, 16_384)),
        ("a million initializers", repeated_in_graph(5, MANY)),
        ("as many initializers as the cap", repeated_in_graph(5, 32_768)),
        ("as many graph inputs as the cap", repeated_in_graph(11, 32_768)),
        ("a million node inputs", in_node(&empty(1).repeat(MANY))),
        ("as many node inputs as the cap", in_node(&empty(1).repeat(131_072))),
        ("a million attributes", in_node(&empty(5).repeat(MANY))),
        ("as many attributes as the cap", in_node(&empty(5).repeat(65_536))),
        ("as many tensor attributes as the cap", in_node(&field(5, &empty(5)).repeat(32_768))),
        ("as many dimensions as the cap", in_tensor(&field(1, &vec![1; 131_072]))),
        ("as many symbolic dimensions as the cap", shape_of(&empty(1).repeat(131_072))),
        ("as many int64 elements as the cap", in_tensor(&field(7, &vec![1; 1 << 20]))),
        ("int32 elements of one byte", in_tensor(&field(5, &vec![1; 8 << 20]))),
        ("float elements one by one", in_tensor(&[0x25, 0, 0, 0, 0].repeat(MANY))),
        ("float attributes", in_node(&field(5, &field(7, &vec![0; 8 << 20])))),
        ("a long name", in_node(&field(3, &vec![b'n'; 8 << 20]))),
        ("a long output name", graph(&field(12, &field(1, &vec![b'n'; 8 << 20])))),
        ("a subgraph", in_node(&field(5, &field(6, &empty(1).repeat(MANY))))),
        ("functions", empty(25).repeat(MANY)),
        ("unknown fields", empty(99).repeat(MANY)),
        ("huge dimensions", layers_with_dims(&[huge, huge])),
        ("negative dimensions", layers_with_dims(&[u64::MAX, 2])),
        ("shared weights", layers_on_shared_weights(10_000, 1024, 1024, field(9, &vec![7; 1 << 20]))),
    ]
}

/// A tensor of a few bytes that claims dimensions.
fn layers_with_dims(dims: &[u64]) -> Vec<u8> {
    let tensor = tensor("w", 3, dims, field(9, &[0; 8]));
    let node = [field(1, b"w"), field(2, b"y"), field(4, b"QuantizeLinear")].concat();
    let opset = field(8, &integer(2, 17));
    [graph(&[tensor, field(1, &node), field(12, &field(1, b"y"))].concat()), opset].concat()
}

/// Peak bytes that importing took beyond what was allocated before, and whether a model came out.
fn measure(bytes: &[u8]) -> (usize, bool) {
    ALLOCATOR.reset_peak_usage();
    let before = ALLOCATOR.current_usage();
    let imported = import(bytes, "file").is_ok();
    (ALLOCATOR.peak_usage() - before, imported)
}

#[test]
fn memory_is_bounded_by_the_file() {
    let bound = |bytes: &[u8]| BYTES_PER_FILE_BYTE * bytes.len() + CONSTANT_BYTES;
    for (what, bytes) in hostile_files() {
        let (peak, imported) = measure(&bytes);
        assert!(!imported, "{what}: imported");
        let repeated = if what == "shared weights" { REPEATED_WEIGHTS } else { 0 };
        assert!(peak <= bound(&bytes) + repeated, "{what}: {peak} bytes for a file of {}", bytes.len());
    }
    let (inputs, outputs) = (2_048, 4_096);
    let typed = field(5, &vec![7; inputs * outputs]);
    let raw = field(9, &vec![7; inputs * outputs]);
    for (what, data) in [("typed", typed), ("raw", raw)] {
        let bytes = layers_on_shared_weights(1, inputs, outputs, data);
        let (peak, imported) = measure(&bytes);
        assert!(imported, "{what} weights: refused");
        assert!(
            peak <= BYTES_PER_FILE_BYTE * bytes.len(),
            "{what} weights: {peak} bytes for {}",
            bytes.len()
        );
    }
}
