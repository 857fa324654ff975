//! Tensors.

use lemma_circuits::{
    edge::{EdgeError, apply_tail},
    ir::{Elem, Quantization, Tail},
};
use lemma_prover::{
    env::softmax_kernel,
    inputs::{Values, json_nested},
};
use lemma_verifier::interface::Port;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Element type of a tensor as callers see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum TensorType {
    /// 32-bit floating point, quantized or dequantized outside the circuit.
    Float32,
    /// Integers -128 to 127.
    Int8,
    /// Integers 0 to 255.
    Uint8,
    /// Indices, 0 to 255, which the ONNX graph holds as 64-bit integers.
    Int64,
}

impl TensorType {
    fn of(elem: Elem) -> Self {
        match elem {
            Elem::I8 => Self::Int8,
            Elem::U8 => Self::Uint8,
        }
    }
}

/// Name, type and shape of an input or output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TensorSpec {
    /// Name in the ONNX graph.
    pub name: String,
    /// Type of the values.
    #[serde(rename = "type")]
    pub elem: TensorType,
    /// Length of every dimension.
    #[schema(example = json!([1, 64]))]
    pub shape: Vec<usize>,
}

impl TensorSpec {
    /// What callers give for an input.
    pub fn of_input(port: &Port) -> Self {
        let elem = if port.quantize.is_some() { TensorType::Float32 } else { TensorType::of(port.elem) };
        Self { name: port.name.clone(), elem, shape: port.shape.clone() }
    }

    /// What callers get for an output.
    pub fn of_output(port: &Port) -> Self {
        let elem = match port.tail.last() {
            None => TensorType::of(port.elem),
            Some(Tail::QuantizedSoftmax { elem, .. }) => TensorType::of(*elem),
            Some(Tail::Index) => TensorType::Int64,
            Some(
                Tail::Dequantize(_) | Tail::Softmax { .. } | Tail::LogSoftmax { .. } | Tail::Table { .. },
            ) => TensorType::Float32,
        };
        Self { name: port.name.clone(), elem, shape: port.shape.clone() }
    }
}

/// A tensor of an answer or a statement.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Tensor {
    /// Name in the ONNX graph.
    pub name: String,
    /// Type of the integers.
    #[serde(rename = "type")]
    pub elem: TensorType,
    /// Length of every dimension.
    #[schema(example = json!([1, 10]))]
    pub shape: Vec<usize>,
    /// The integers a proof is about, as nested lists.
    #[schema(value_type = Vec<Object>, example = json!([[-12, 5, 127]]))]
    pub integers: serde_json::Value,
    /// What the ONNX graph makes of them outside the circuit (DequantizeLinear, Softmax, functions), as nested
    /// lists; integers if it quantizes them again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Object>>, example = json!([[-1.5, 0.625, 15.875]]))]
    pub floats: Option<serde_json::Value>,
    /// What `floats` stand for where they are integers again, as behind a quantized Softmax; absent where they are numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantized_by: Option<QuantizedBy>,
}

/// Type and quantization of integers that the ONNX graph ends with outside the circuit.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct QuantizedBy {
    /// Type of the integers.
    #[serde(rename = "type")]
    pub elem: TensorType,
    /// Scale: what a step of 1 stands for.
    pub scale: f32,
    /// The integer that stands for 0.
    pub zero_point: i32,
}

impl Tensor {
    /// A tensor with these integers, which are of the port.
    ///
    /// # Errors
    /// When the port's trailing operators do not fit its shape.
    pub(crate) fn new(port: &Port, integers: &[i32]) -> Result<Self, EdgeError> {
        let floats = match port.tail.as_slice() {
            [] | [Tail::Index] => None,
            tail => Some(apply_tail(integers, tail, softmax_kernel())?),
        };
        let bytes = match port.elem {
            Elem::I8 => Values::I8(integers.iter().map(|value| *value as i8).collect()),
            Elem::U8 => Values::U8(integers.iter().map(|value| *value as u8).collect()),
        };
        Ok(Self {
            name: port.name.clone(),
            elem: TensorType::of(port.elem),
            shape: port.shape.clone(),
            integers: json_nested(&port.shape, &bytes),
            floats: floats.map(|floats| json_nested(&port.shape, &values_after(port, floats))),
            quantized_by: match port.tail.last() {
                Some(Tail::QuantizedSoftmax { to: Quantization { scale, zero_point }, elem, .. }) => {
                    Some(QuantizedBy { elem: TensorType::of(*elem), scale: *scale, zero_point: *zero_point })
                }
                _ => None,
            },
        })
    }

    /// One tensor per port.
    ///
    /// # Errors
    /// See [`Tensor::new`].
    pub(crate) fn all<T: AsRef<[i32]>>(ports: &[Port], tensors: &[T]) -> Result<Vec<Self>, EdgeError> {
        ports.iter().zip(tensors).map(|(port, integers)| Self::new(port, integers.as_ref())).collect()
    }
}

/// What the ONNX graph ends with, in its type: a quantized Softmax gives integers again.
fn values_after(port: &Port, values: Vec<f32>) -> Values {
    match port.tail.last() {
        Some(Tail::QuantizedSoftmax { elem: Elem::I8, .. }) => {
            Values::I8(values.iter().map(|value| *value as i8).collect())
        }
        Some(Tail::QuantizedSoftmax { elem: Elem::U8, .. }) => {
            Values::U8(values.iter().map(|value| *value as u8).collect())
        }
        _ => Values::F32(values),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tensors_nest_by_shape_and_show_what_follows_the_circuit() {
        let quantization = Quantization { scale: 0.5, zero_point: 1 };
        let port = Port {
            name: "y".into(),
            shape: vec![2, 2],
            elem: Elem::I8,
            quantize: None,
            tail: vec![Tail::Dequantize(quantization)],
            bytes_per_instance: 31,
        };
        let tensor = Tensor::new(&port, &[1, 2, -3, 127]).unwrap();
        assert_eq!(tensor.integers, json!([[1, 2], [-3, 127]]));
        assert_eq!(tensor.floats, Some(json!([[0.0, 0.5], [-2.0, 63.0]])));
        assert_eq!(TensorSpec::of_output(&port).elem, TensorType::Float32);
        let softmax = Tail::QuantizedSoftmax { from: quantization, len: 2, to: quantization, elem: Elem::U8 };
        let quantized = Port { tail: vec![softmax], ..port.clone() };
        assert_eq!(TensorSpec::of_output(&quantized).elem, TensorType::Uint8);
        let index = Port { elem: Elem::U8, tail: vec![Tail::Index], ..port.clone() };
        let shown = Tensor::new(&index, &[1, 2, 3, 255]).unwrap();
        assert_eq!((shown.elem, shown.floats), (TensorType::Uint8, None));
        assert_eq!(shown.integers, json!([[1, 2], [3, 255]]));
        assert_eq!(TensorSpec::of_output(&index).elem, TensorType::Int64);
        assert_eq!(tensor.quantized_by, None);
        let by = serde_json::to_value(Tensor::new(&quantized, &[1, 2, -3, 127]).unwrap()).unwrap();
        assert_eq!(by["quantized_by"], json!({ "type": "uint8", "scale": 0.5, "zero_point": 1 }));
        let values = Tensor::new(&quantized, &[1, 2, -3, 127]).unwrap().floats.unwrap().to_string();
        assert!(!values.contains('.'), "a quantized Softmax gives integers: {values}");
        let bare = Port { tail: vec![], ..port };
        assert_eq!(Tensor::new(&bare, &[1, 2, -3, 127]).unwrap().floats, None);
        assert_eq!(TensorSpec::of_output(&bare).elem, TensorType::Int8);
    }
}
