//! Model outputs: the proven integers, and what the ONNX graph makes of them outside the circuit.

use lemma_circuits::{
    edge::apply_tail,
    ir::{Elem, Quantization, Tail},
};
use lemma_prover::{
    env::softmax_kernel,
    inputs::{NamedArray, Values, elem_name, json_nested, shown},
};
use lemma_verifier::interface::Port;
use serde_json::{Value, json};

use super::{failure::Failure, output};

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

/// The operators at the end of the model that follow the proven integers of a tensor and are no part of the proof.
pub(crate) fn outside_proof(port: &Port) -> Vec<&str> {
    let operators = port.tail.iter().flat_map(|operator| match operator {
        Tail::Dequantize(_) => vec!["DequantizeLinear"],
        Tail::Softmax { .. } => vec!["Softmax"],
        Tail::LogSoftmax { .. } => vec!["LogSoftmax"],
        Tail::QuantizedSoftmax { .. } => vec!["DequantizeLinear", "Softmax", "QuantizeLinear"],
        Tail::Table { operators, .. } => operators.iter().map(String::as_str).collect(),
        Tail::Index => Vec::new(),
    });
    operators.collect()
}

/// The 8-bit integers that the operators behind a tensor end with, where they quantize again: their type, and what they stand for.
pub(crate) fn quantized_result(port: &Port) -> Option<(Elem, Quantization)> {
    match port.tail.as_slice() {
        [.., Tail::QuantizedSoftmax { to, elem, .. }] => Some((*elem, *to)),
        _ => None,
    }
}

/// The same for a program.
pub(crate) fn quantized_json(port: &Port) -> Option<Value> {
    let (elem, Quantization { scale, zero_point }) = quantized_result(port)?;
    Some(json!({ "type": elem_name(elem), "scale": scale, "zero_point": zero_point }))
}

impl Answer<'_> {
    /// What the operators outside the proof make of the integers: 8-bit integers again behind a quantized Softmax.
    fn result(&self) -> Option<Values> {
        let floats = self.floats.as_ref()?;
        let integers = || floats.iter().map(|value| *value as i32);
        Some(match quantized_result(self.port) {
            Some((Elem::I8, _)) => Values::I8(integers().map(|value| value as i8).collect()),
            Some((Elem::U8, _)) => Values::U8(integers().map(|value| value as u8).collect()),
            None => Values::F32(floats.clone()),
        })
    }

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
        if let Some(values) = self.result() {
            object.insert(kind_of(&values).into(), json_nested(&self.port.shape, &values));
            if let Some(by) = quantized_json(self.port) {
                object.insert("quantized_by".into(), by);
            }
            object.insert("outside_proof".into(), outside_proof(self.port).into());
        }
        object.into()
    }
}

/// The outputs as the `outputs` list of every command's JSON.
pub(crate) fn json(answers: &[Answer<'_>]) -> Value {
    answers.iter().map(Answer::json).collect::<Vec<_>>().into()
}

/// What results of the operators outside the proof are called: `floats`, or `quantized` if they quantize again.
fn kind_of(values: &Values) -> &'static str {
    match values {
        Values::F32(_) => "floats",
        Values::I8(_) | Values::U8(_) => "quantized",
    }
}

/// The arrays of several rows of the same outputs, a dimension in front of each.
pub(crate) fn stacked(rows: &[Vec<Answer<'_>>]) -> Vec<NamedArray> {
    let mut stacked: Vec<NamedArray> = Vec::new();
    for row in rows {
        for (index, array) in arrays(row).into_iter().enumerate() {
            match stacked.get_mut(index) {
                Some(known) => known.values.extend(array.values),
                None => stacked.push(array),
            }
        }
    }
    for array in &mut stacked {
        array.shape.insert(0, rows.len());
    }
    stacked
}

/// The outputs as arrays `integers.NAME` and, with trailing operators, `floats.NAME`, or `quantized.NAME` if they quantize again.
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
            let result = answer.result().map(|values| array(kind_of(&values), answer, values));
            std::iter::once(integers).chain(result)
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
        let kind = if outside_proof(self.port).contains(&"Softmax") { "softmax" } else { "float32" };
        let values = match self.result() {
            Some(Values::F32(values)) => list(&values, |value| format!("{value:?}")),
            Some(Values::I8(values)) => list(&values, i8::to_string),
            Some(Values::U8(values)) => list(&values, u8::to_string),
            _ => return lines,
        };
        let outside = match quantized_result(self.port) {
            // Two rows of integers: which of them is proven, and what the other one is.
            Some((elem, Quantization { scale, zero_point })) => {
                lines += &note("in front of Softmax; a proof states these");
                format!(
                    "quantized, {} with scale {scale} and zero point {zero_point}; {OUTSIDE}",
                    elem_name(elem)
                )
            }
            None => OUTSIDE.to_owned(),
        };
        lines + &format!("\n  {kind}  {values}") + &note(&outside)
    }
}

/// Where everything comes from that is shown beside proven integers.
const OUTSIDE: &str = "computed from the integers, outside the proof";

/// A remark below the values it is about.
fn note(remark: &str) -> String {
    format!("\n           ({remark})")
}

fn list<T>(values: &[T], show: fn(&T) -> String) -> String {
    let shown = values.iter().take(SHOWN).map(show).collect::<Vec<_>>().join(" ");
    match values.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} ... and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(tail: Vec<Tail>) -> Port {
        Port {
            name: "y".to_owned(),
            shape: vec![1, 2],
            elem: Elem::I8,
            tail,
            quantize: None,
            bytes_per_instance: 1,
        }
    }

    const FROM: Quantization = Quantization { scale: 0.5, zero_point: 1 };

    #[test]
    fn what_softmax_makes_of_the_integers_is_said_to_be_outside_the_proof() {
        let to = Quantization { scale: 1.0 / 256.0, zero_point: -128 };
        let quantized = Tail::QuantizedSoftmax { from: FROM, len: 2, to, elem: Elem::I8 };
        let softmax = vec![Tail::Dequantize(FROM), Tail::Softmax { len: 2 }];
        let integers = [vec![1, 1]];
        let outside = "\n           (computed from the integers, outside the proof)";
        for (tail, lines, kind, json, operators) in [
            (
                vec![quantized.clone()],
                "integers 1 1\n           (in front of Softmax; a proof states these)\n  softmax  0 0\n           \
                 (quantized, int8 with scale 0.00390625 and zero point -128; computed from the integers, outside the proof)"
                    .to_owned(),
                "quantized",
                "[[0,0]]",
                &["DequantizeLinear", "Softmax", "QuantizeLinear"][..],
            ),
            (
                softmax,
                format!("integers 1 1\n  softmax  0.5 0.5{outside}"),
                "floats",
                "[[0.5,0.5]]",
                &["DequantizeLinear", "Softmax"],
            ),
            (
                vec![quantized, Tail::Dequantize(to)],
                format!("integers 1 1\n  softmax  0.5 0.5{outside}"),
                "floats",
                "[[0.5,0.5]]",
                &["DequantizeLinear", "Softmax", "QuantizeLinear", "DequantizeLinear"],
            ),
        ] {
            let is_quantized = kind == "quantized";
            let ports = [port(tail)];
            let shown = answers(&ports, &integers).unwrap();
            assert_eq!(text(&shown), format!("y [1, 2]\n  {lines}"));
            let object = &super::json(&shown)[0];
            assert_eq!(
                (object[kind].to_string().as_str(), &object["outside_proof"]),
                (json, &json!(operators))
            );
            let by = json!({ "type": "int8", "scale": 0.00390625, "zero_point": -128 });
            assert_eq!(object.get("quantized_by"), is_quantized.then_some(&by), "{object}");
            let others = ["floats", "quantized"].into_iter().filter(|other| *other != kind);
            assert!(others.into_iter().all(|other| object.get(other).is_none()), "{object}");
            let names: Vec<String> = arrays(&shown).into_iter().map(|array| array.name).collect();
            assert_eq!(names, ["integers.y".to_owned(), format!("{kind}.y")]);
        }
    }

    #[test]
    fn everything_behind_the_integers_is_said_to_be_outside_the_proof() {
        let mut values = vec![0.0; 256];
        (values[129], values[130]) = (0.25, 0.75);
        let operators = ["DequantizeLinear", "Sigmoid"].map(str::to_owned).to_vec();
        let table = Tail::Table { elem: Elem::I8, values, operators };
        let integers = [vec![1, 2]];
        for (tail, values) in [
            (vec![Tail::Dequantize(FROM)], "float32  0.0 0.5"),
            (vec![table], "float32  0.25 0.75"),
            (vec![Tail::Dequantize(FROM), Tail::LogSoftmax { len: 1 }], "float32  0.0 0.0"),
        ] {
            let ports = [port(tail)];
            let shown = answers(&ports, &integers).unwrap();
            let expected = format!(
                "y [1, 2]\n  integers 1 2\n  {values}\n           (computed from the integers, outside the proof)"
            );
            assert_eq!(text(&shown), expected);
        }
        let ports = [port(vec![Tail::Dequantize(FROM), Tail::LogSoftmax { len: 1 }])];
        let shown = answers(&ports, &integers).unwrap();
        assert_eq!(super::json(&shown)[0]["outside_proof"], json!(["DequantizeLinear", "LogSoftmax"]));
    }

    #[test]
    fn tensors_without_operators_behind_them_are_integers_alone() {
        let ports = [port(Vec::new())];
        let integers = [vec![3, -4]];
        let shown = answers(&ports, &integers).unwrap();
        assert_eq!(text(&shown), "y [1, 2]\n  integers 3 -4");
        assert!(super::json(&shown)[0].get("outside_proof").is_none());
    }
}
