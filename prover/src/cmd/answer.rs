//! Model outputs: the proven integers, and what the ONNX graph makes of them outside the circuit.

use lemma_circuits::edge::{SoftmaxKernel, apply_tail};
use lemma_circuits::ir::{Elem, Model, Output, Tail};
use lemma_prover::inputs::{NamedArray, Values, json_nested};
use serde_json::{Map, Value};

use super::failure::Failure;

/// One output of a run.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// Name in the ONNX graph.
    pub(crate) name: String,
    shape: Vec<usize>,
    elem: Elem,
    /// The proven integers, row-major.
    pub(crate) integers: Vec<i32>,
    /// float32 values after the trailing operators, when there are any.
    pub(crate) floats: Option<Vec<f32>>,
    softmax: bool,
}

/// The outputs of `model` with these integers, in graph order.
///
/// # Errors
/// [`Failure::Internal`] when the integers are not this model's.
pub(crate) fn answers<'a>(
    model: &Model,
    outputs: impl IntoIterator<Item = &'a [i32]>,
) -> Result<Vec<Answer>, Failure> {
    model.outputs.iter().zip(outputs).map(|(output, integers)| answer(model, output, integers)).collect()
}

fn answer(model: &Model, output: &Output, integers: &[i32]) -> Result<Answer, Failure> {
    let floats = match output.tail.as_slice() {
        [] => None,
        tail => Some(apply_tail(integers, tail, softmax_kernel()).map_err(Failure::internal)?),
    };
    Ok(Answer {
        name: output.name.clone(),
        shape: output.shape.clone(),
        elem: model.tensor(output.tensor).elem,
        integers: integers.to_vec(),
        floats,
        softmax: output.tail.iter().any(|operator| matches!(operator, Tail::Softmax { .. })),
    })
}

/// The arithmetic of onnxruntime's Softmax on this machine's processor.
fn softmax_kernel() -> SoftmaxKernel {
    #[cfg(target_arch = "x86_64")]
    if !std::arch::is_x86_feature_detected!("avx512f") {
        return SoftmaxKernel::Fma3;
    }
    SoftmaxKernel::Avx512
}

impl Answer {
    fn integer_values(&self) -> Values {
        match self.elem {
            Elem::I8 => Values::I8(self.integers.iter().map(|value| *value as i8).collect()),
            Elem::U8 => Values::U8(self.integers.iter().map(|value| *value as u8).collect()),
        }
    }

    /// Index and value of the greatest integer, the first of equals: a classifier's decision.
    pub(crate) fn greatest(&self) -> Option<(usize, i32)> {
        self.integers.iter().copied().enumerate().reduce(|best, next| if next.1 > best.1 { next } else { best })
    }

    fn json(&self) -> Value {
        let element = match self.elem {
            Elem::I8 => "int8",
            Elem::U8 => "uint8",
        };
        let mut object = Map::new();
        object.insert("name".into(), self.name.clone().into());
        object.insert("type".into(), element.into());
        object.insert("shape".into(), self.shape.clone().into());
        object.insert("integers".into(), json_nested(&self.shape, &self.integer_values()));
        if let Some(floats) = &self.floats {
            object.insert("floats".into(), json_nested(&self.shape, &Values::F32(floats.clone())));
        }
        object.into()
    }
}

/// The outputs as the `outputs` list of every command's JSON.
pub(crate) fn json(answers: &[Answer]) -> Value {
    answers.iter().map(Answer::json).collect::<Vec<_>>().into()
}

/// The outputs as arrays `integers.NAME` and, with trailing operators, `floats.NAME`.
pub(crate) fn arrays(answers: &[Answer]) -> Vec<NamedArray> {
    let array = |kind: &str, answer: &Answer, values| NamedArray {
        name: format!("{kind}.{}", answer.name),
        shape: answer.shape.clone(),
        values,
    };
    answers
        .iter()
        .flat_map(|answer| {
            let integers = array("integers", answer, answer.integer_values());
            let floats = answer.floats.clone().map(|floats| array("floats", answer, Values::F32(floats)));
            std::iter::once(integers).chain(floats)
        })
        .collect()
}

/// The outputs for a person, at most 16 elements of each.
pub(crate) fn text(answers: &[Answer]) -> String {
    answers.iter().map(Answer::text).collect::<Vec<_>>().join("\n")
}

const SHOWN: usize = 16;

impl Answer {
    fn text(&self) -> String {
        let mut lines = format!("{} {:?}\n  integers {}", self.name, self.shape, list(&self.integers, i32::to_string));
        if let Some(floats) = &self.floats {
            let kind = if self.softmax { "softmax " } else { "float32 " };
            lines += &format!("\n  {kind} {}", list(floats, f32::to_string));
        }
        lines
    }
}

fn list<T>(values: &[T], show: fn(&T) -> String) -> String {
    let shown = values.iter().take(SHOWN).map(show).collect::<Vec<_>>().join(" ");
    match values.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} ... and {more} more"),
    }
}
