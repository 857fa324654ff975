//! Model outputs: the proven integers, and what the ONNX graph makes of them outside the circuit.

use lemma_circuits::edge::{SoftmaxKernel, apply_tail};
use lemma_circuits::ir::{Elem, Quantization, Tail};
use lemma_circuits::statement::Port;
use lemma_prover::inputs::{NamedArray, Values, elem_name, json_nested, shown};
use serde_json::{Value, json};

use super::failure::Failure;
use super::output;

/// One tensor of a run or a statement.
#[derive(Clone, Debug)]
pub(crate) struct Answer<'a> {
    port: &'a Port,
    /// The proven integers, row-major.
    pub(crate) integers: &'a [i32],
    /// float32 values after the trailing operators, when there are any.
    pub(crate) floats: Option<Vec<f32>>,
}

/// Tensors with these integers, in port order.
///
/// # Errors
/// [`Failure::Unusable`] when a port of a key file makes no sense.
pub(crate) fn answers<'a>(ports: &'a [Port], tensors: &'a [Vec<i32>]) -> Result<Vec<Answer<'a>>, Failure> {
    let answer = |(port, integers): (&'a Port, &'a Vec<i32>)| {
        let floats = match port.tail.as_slice() {
            [] | [Tail::Index] => None,
            tail => Some(apply_tail(integers, tail, softmax_kernel()).map_err(Failure::unusable)?),
        };
        Ok(Answer { port, integers, floats })
    };
    ports.iter().zip(tensors).map(answer).collect()
}

/// The arithmetic of onnxruntime's Softmax on this machine's processor.
fn softmax_kernel() -> SoftmaxKernel {
    #[cfg(target_arch = "x86_64")]
    if !std::arch::is_x86_feature_detected!("avx512f") {
        return SoftmaxKernel::Fma3;
    }
    SoftmaxKernel::Avx512
}

impl Answer<'_> {
    fn integer_values(&self) -> Values {
        match self.port.elem {
            Elem::I8 => Values::I8(self.integers.iter().map(|value| *value as i8).collect()),
            Elem::U8 => Values::U8(self.integers.iter().map(|value| *value as u8).collect()),
        }
    }

    /// Index and value of the greatest integer, the first of equals: a classifier's decision.
    pub(crate) fn greatest(&self) -> Option<(usize, i32)> {
        self.integers
            .iter()
            .copied()
            .enumerate()
            .reduce(|best, next| if next.1 > best.1 { next } else { best })
    }

    fn json(&self) -> Value {
        let mut object = output::fields([
            ("name", self.port.name.clone().into()),
            ("type", elem_name(self.port.elem).into()),
            ("shape", self.port.shape.clone().into()),
            ("integers", json_nested(&self.port.shape, &self.integer_values())),
        ]);
        if let Some(Quantization { scale, zero_point }) = self.port.quantize {
            object.insert("quantize".into(), json!({ "scale": scale, "zero_point": zero_point }));
        }
        if let Some(floats) = &self.floats {
            object.insert("floats".into(), json_nested(&self.port.shape, &Values::F32(floats.clone())));
        }
        object.into()
    }
}

/// The outputs as the `outputs` list of every command's JSON.
pub(crate) fn json(answers: &[Answer<'_>]) -> Value {
    answers.iter().map(Answer::json).collect::<Vec<_>>().into()
}

/// The outputs as arrays `integers.NAME` and, with trailing operators, `floats.NAME`.
pub(crate) fn arrays(answers: &[Answer<'_>]) -> Vec<NamedArray> {
    let array = |kind: &str, answer: &Answer<'_>, values| NamedArray {
        name: format!("{kind}.{}", answer.port.name),
        shape: answer.port.shape.clone(),
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
pub(crate) fn text(answers: &[Answer<'_>]) -> String {
    answers.iter().map(Answer::text).collect::<Vec<_>>().join("\n")
}

const SHOWN: usize = 16;

impl Answer<'_> {
    fn text(&self) -> String {
        let mut lines = format!(
            "{} {:?}\n  integers {}",
            shown(&self.port.name),
            self.port.shape,
            list(self.integers, i32::to_string)
        );
        if let Some(floats) = &self.floats {
            let softmax = self
                .port
                .tail
                .iter()
                .any(|operator| matches!(operator, Tail::Softmax { .. } | Tail::QuantizedSoftmax { .. }));
            let kind = if softmax { "softmax" } else { "float32" };
            lines += &format!("\n  {kind}  {}", list(floats, |value| format!("{value:?}")));
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
