//! Options of an onnxruntime session without which its answers can be others than what is proven.

use std::collections::BTreeMap;

use crate::import::{
    graph::{Graph, Node, ValueIndex},
    proto::data_type,
};

/// An option of an onnxruntime session. What is proven is its answer with the option, on every processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionOption {
    /// `session.qdqisint8allowed = 1`: int8 activations in QDQ form. Without it the session may compute some operators in float32,
    /// whose last bits differ, or on uint8.
    QdqInt8Allowed,
    /// `session.x64quantprecision = 1`: uint8 activations times int8 weights. Without it sums saturate in 16 bits on x86 processors
    /// that have no VNNI.
    X64QuantPrecision,
}

/// Operators that have kernels on integers between quantizers.
const COMPUTING: [&str; 8] =
    ["Conv", "Gemm", "MatMul", "Add", "Mul", "AveragePool", "GlobalAveragePool", "Concat"];

/// The option that a graph's answers depend on. Files whose activations are int8 in QDQ form fail to load with the other one too.
pub(super) fn option_of(graph: &Graph) -> Option<SessionOption> {
    let types = Types::of(graph);
    let is_int8 = |node: &Node| {
        COMPUTING.contains(&node.op.as_str()) && types.dequantized(node, 0) == Some(data_type::INT8)
    };
    let saturates = |node: &Node| {
        let [left, right] = types.factors(node);
        left == Some(data_type::UINT8) && right == Some(data_type::INT8)
    };
    if graph.nodes.iter().any(is_int8) {
        Some(SessionOption::QdqInt8Allowed)
    } else {
        graph.nodes.iter().any(saturates).then_some(SessionOption::X64QuantPrecision)
    }
}

/// What is known of the types of 8-bit tensors.
struct Types<'a> {
    graph: &'a Graph,
    constants: BTreeMap<ValueIndex, i32>,
}

impl<'a> Types<'a> {
    fn of(graph: &'a Graph) -> Self {
        let constants = graph.constants.iter().map(|(value, constant)| (*value, constant.data.data_type()));
        Self { graph, constants: constants.collect() }
    }

    /// The type of a constant input: of a zero point that of what it belongs to.
    fn constant(&self, node: &Node, input: usize) -> Option<i32> {
        self.constants.get(&node.inputs.get(input).copied().flatten()?).copied()
    }

    /// The type of what an input was dequantized from.
    fn dequantized(&self, node: &Node, input: usize) -> Option<i32> {
        let from = self.graph.producer(node.inputs.get(input).copied().flatten()?)?;
        (from.op == "DequantizeLinear").then(|| self.constant(from, 2))?
    }

    /// The types of the factors whose products a node sums up.
    fn factors(&self, node: &Node) -> [Option<i32>; 2] {
        match node.op.as_str() {
            "Conv" | "Gemm" | "MatMul" => [0, 1].map(|input| self.dequantized(node, input)),
            "QLinearConv" | "QLinearMatMul" | "QGemm" => [2, 5].map(|input| self.constant(node, input)),
            "ConvInteger" | "MatMulInteger" => {
                // The second factor is often a constant without a zero point.
                [self.constant(node, 2), self.constant(node, 3).or_else(|| self.constant(node, 1))]
            }
            _ => [None, None],
        }
    }
}
