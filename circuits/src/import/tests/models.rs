//! A builder of small ONNX models, and the models most tests start from.

use prost::Message;

use crate::{
    import::{
        ImportError, import,
        proto::{
            AttributeProto, Dimension, DimensionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
            TensorProto, TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto, attribute_type,
            data_type,
        },
    },
    ir::{FullyConnected, Model, Op},
};

#[derive(Clone, Default)]
pub(in crate::import) struct ModelBuilder {
    pub(in crate::import) proto: ModelProto,
}

impl ModelBuilder {
    /// A model without nodes, importing the default domain and com.microsoft.
    pub(in crate::import) fn new(opset: i64) -> Self {
        let import = |domain: &str, version| OperatorSetIdProto { domain: domain.to_owned(), version };
        let opset_import = vec![import("", opset), import("com.microsoft", 1)];
        let graph = Some(GraphProto::default());
        Self { proto: ModelProto { graph, opset_import, functions: Vec::new() } }
    }

    pub(in crate::import) fn graph(&mut self) -> &mut GraphProto {
        self.proto.graph.get_or_insert_default()
    }

    /// Dimension 0 of the file is a symbol, negative ones are left open.
    pub(in crate::import) fn input(mut self, name: &str, elem_type: i32, dims: &[i64]) -> Self {
        self.graph().input.push(value_info(name, elem_type, dims));
        self
    }

    pub(in crate::import) fn output(mut self, name: &str) -> Self {
        self.graph().output.push(ValueInfoProto { name: name.to_owned(), r#type: None });
        self
    }

    pub(in crate::import) fn init(mut self, tensor: TensorProto) -> Self {
        self.graph().initializer.push(tensor);
        self
    }

    /// A float32 initializer of one element.
    pub(in crate::import) fn scale(self, name: &str, scale: f32) -> Self {
        self.init(floats(name, &[], &[scale]))
    }

    /// Adds a node; the operator may start with its domain and a colon.
    pub(in crate::import) fn node(mut self, op: &str, inputs: &[&str], outputs: &[&str]) -> Self {
        let (domain, op) = op.split_once(':').unwrap_or(("", op));
        self.graph().node.push(NodeProto {
            input: inputs.iter().map(|&name| name.to_owned()).collect(),
            output: outputs.iter().map(|&name| name.to_owned()).collect(),
            op_type: op.to_owned(),
            domain: domain.to_owned(),
            ..NodeProto::default()
        });
        self
    }

    /// Adds an attribute to the last node.
    pub(in crate::import) fn attribute(mut self, attribute: AttributeProto) -> Self {
        self.graph().node.last_mut().expect("a node").attribute.push(attribute);
        self
    }

    pub(in crate::import) fn int(self, name: &str, value: i64) -> Self {
        self.attribute(AttributeProto { i: value, ..attribute(name, attribute_type::INT) })
    }

    pub(in crate::import) fn float(self, name: &str, value: f32) -> Self {
        self.attribute(AttributeProto { f: value, ..attribute(name, attribute_type::FLOAT) })
    }

    pub(in crate::import) fn text(self, name: &str, value: &str) -> Self {
        self.attribute(AttributeProto { s: value.into(), ..attribute(name, attribute_type::STRING) })
    }

    pub(in crate::import) fn ints(self, name: &str, values: &[i64]) -> Self {
        self.attribute(AttributeProto { ints: values.to_vec(), ..attribute(name, attribute_type::INTS) })
    }

    /// Replaces the initializer of the tensor's name.
    pub(in crate::import) fn replace(mut self, tensor: TensorProto) -> Self {
        let old = self.graph().initializer.iter_mut().find(|old| old.name == tensor.name);
        *old.expect("an initializer of that name") = tensor;
        self
    }

    /// Changes the first node of an operator.
    pub(in crate::import) fn with_node(mut self, op: &str, change: impl FnOnce(&mut NodeProto)) -> Self {
        change(
            self.graph().node.iter_mut().find(|node| node.op_type == op).expect("a node of that operator"),
        );
        self
    }

    pub(in crate::import) fn bytes(&self) -> Vec<u8> {
        self.proto.encode_to_vec()
    }

    pub(in crate::import) fn import(&self) -> Result<Model, ImportError> {
        import(&self.bytes(), "test.onnx")
    }

    /// The layers of the model.
    pub(in crate::import) fn layers(&self) -> Vec<FullyConnected> {
        let model = self.import().unwrap_or_else(|error| panic!("{error}"));
        let layers = model.nodes.into_iter().map(|node| match node.op {
            Op::FullyConnected(layer) => layer,
            other => panic!("a {}", other.name()),
        });
        layers.collect()
    }
}

pub(in crate::import) fn attribute(name: &str, r#type: i32) -> AttributeProto {
    AttributeProto { name: name.to_owned(), r#type, ..AttributeProto::default() }
}

pub(in crate::import) fn value_info(name: &str, elem_type: i32, dims: &[i64]) -> ValueInfoProto {
    let dim = |&dim: &i64| DimensionProto {
        value: match dim {
            0 => Some(Dimension::Param("N".to_owned())),
            ..0 => None,
            dim => Some(Dimension::Value(dim)),
        },
    };
    let shape = Some(TensorShapeProto { dim: dims.iter().map(dim).collect() });
    let tensor_type = Some(TensorTypeProto { elem_type, shape });
    ValueInfoProto { name: name.to_owned(), r#type: Some(TypeProto { tensor_type }) }
}

fn raw(name: &str, data_type: i32, dims: &[i64], bytes: Vec<u8>) -> TensorProto {
    TensorProto {
        name: name.to_owned(),
        data_type,
        dims: dims.to_vec(),
        raw_data: Some(bytes),
        ..TensorProto::default()
    }
}

pub(in crate::import) fn floats(name: &str, dims: &[i64], values: &[f32]) -> TensorProto {
    raw(name, data_type::FLOAT, dims, values.iter().flat_map(|value| value.to_le_bytes()).collect())
}

pub(in crate::import) fn int8s(name: &str, dims: &[i64], values: &[i8]) -> TensorProto {
    raw(name, data_type::INT8, dims, values.iter().map(|value| value.cast_unsigned()).collect())
}

pub(in crate::import) fn uint8s(name: &str, dims: &[i64], values: &[u8]) -> TensorProto {
    raw(name, data_type::UINT8, dims, values.to_vec())
}

pub(in crate::import) fn int32s(name: &str, dims: &[i64], values: &[i32]) -> TensorProto {
    raw(name, data_type::INT32, dims, values.iter().flat_map(|value| value.to_le_bytes()).collect())
}

pub(in crate::import) fn int64s(name: &str, dims: &[i64], values: &[i64]) -> TensorProto {
    raw(name, data_type::INT64, dims, values.iter().flat_map(|value| value.to_le_bytes()).collect())
}

/// The weights of the models below, `[3 inputs][2 outputs]`.
pub(in crate::import) const WEIGHTS: [i8; 6] = [1, -2, 3, 4, -5, 6];
/// The same in the order of the intermediate representation.
pub(in crate::import) const ROWS: [i16; 6] = [1, 3, -5, -2, 4, 6];

/// The constants of one layer: input `x` 0.5 / 3, weights 0.25 / 0, output `y` 0.75 / -7, bias `[100, -200]`.
fn layer_constants(builder: ModelBuilder) -> ModelBuilder {
    builder
        .scale("x_scale", 0.5)
        .init(int8s("x_zero", &[], &[3]))
        .init(int8s("w", &[3, 2], &WEIGHTS))
        .scale("w_scale", 0.25)
        .init(int8s("w_zero", &[], &[0]))
        .scale("y_scale", 0.75)
        .init(int8s("y_zero", &[], &[-7]))
        .init(int32s("bias", &[2], &[100, -200]))
}

/// int8 `x` -> QLinearMatMul -> int8 `y`.
pub(in crate::import) fn q_linear_mat_mul() -> ModelBuilder {
    layer_constants(ModelBuilder::new(17))
        .input("x", data_type::INT8, &[1, 3])
        .node(
            "QLinearMatMul",
            &["x", "x_scale", "x_zero", "w", "w_scale", "w_zero", "y_scale", "y_zero"],
            &["y"],
        )
        .output("y")
}

/// int8 `x` -> QGemm with bias -> int8 `y`.
pub(in crate::import) fn q_gemm() -> ModelBuilder {
    let inputs = ["x", "x_scale", "x_zero", "w", "w_scale", "w_zero", "bias", "y_scale", "y_zero"];
    layer_constants(ModelBuilder::new(17))
        .input("x", data_type::INT8, &[1, 3])
        .node("com.microsoft:QGemm", &inputs, &["y"])
        .output("y")
}

/// int8 `x` -> DequantizeLinear -> Gemm with bias -> operators of the caller from `r0` to `r` -> QuantizeLinear ->
/// int8 `y`.
pub(in crate::import) fn qdq_around(between: impl FnOnce(ModelBuilder) -> ModelBuilder) -> ModelBuilder {
    let before = layer_constants(ModelBuilder::new(17))
        .scale("bias_scale", 0.125)
        .input("x", data_type::INT8, &[1, 3])
        .node("DequantizeLinear", &["x", "x_scale", "x_zero"], &["x_float"])
        .node("DequantizeLinear", &["w", "w_scale", "w_zero"], &["w_float"])
        .node("DequantizeLinear", &["bias", "bias_scale"], &["bias_float"])
        .node("Gemm", &["x_float", "w_float", "bias_float"], &["r0"]);
    between(before).node("QuantizeLinear", &["r", "y_scale", "y_zero"], &["y"]).output("y")
}

/// The QDQ form of [`q_gemm`].
pub(in crate::import) fn qdq() -> ModelBuilder {
    qdq_around(|model| model.node("Identity", &["r0"], &["r"]))
}

/// The QDQ form of [`q_gemm`] with a Relu.
pub(in crate::import) fn qdq_relu() -> ModelBuilder {
    qdq_around(|model| model.node("Relu", &["r0"], &["r"]))
}
