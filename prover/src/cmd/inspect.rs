//! `lemma inspect`: what a file holds. Nothing it says has been verified.

use std::path::Path;

use lemma_circuits::ir::{self, Model, Quantization, Tail, TensorId};
use lemma_prover::inputs::{elem_name, given_type, shown, type_and_shape};
use lemma_verifier::{
    artifact::{ProofBundle, VerifyingKeyFile},
    circuit_id::CircuitId,
    envelope::{self, Kind},
    interface::Port,
    statement::Statement,
};
use serde_json::{Map, Value, json};

use super::{
    answer,
    args::InspectArgs,
    failure::Failure,
    files,
    model::{MAX_ONNX_BYTES, OnnxModel},
    output::{self, Outcome},
    session::{Session, scheme_name},
    setup, text,
    verify::{file_limit, show},
};

/// Runs the command.
pub(crate) fn run(args: &InspectArgs, session: &Session) -> Result<Outcome, Failure> {
    let path = &args.file;
    let largest = file_limit(Kind::Proof).max(file_limit(Kind::VerifyingKey)).max(MAX_ONNX_BYTES);
    let bytes = files::read(path, largest)?;
    let kind = envelope::kind_of(&bytes);
    if let (Some(vk), false) = (&args.vk, matches!(kind, Ok(Kind::Proof))) {
        return Err(Failure::file(vk, format!("--vk is for proofs, and {} is none", path.display())));
    }
    match kind {
        Ok(Kind::Proof) => proof(path, &bytes, args.vk.as_deref(), session),
        Ok(Kind::VerifyingKey) => verifying_key(path, &bytes),
        Ok(other) => Err(Failure::file(path, format!("is a {other}, which is Lemma's own"))),
        Err(envelope::EnvelopeError::Magic | envelope::EnvelopeError::NoHeader { .. }) => onnx(path, bytes),
        Err(error) => Err(Failure::file(path, error)),
    }
}

fn proof(path: &Path, bytes: &[u8], vk: Option<&Path>, session: &Session) -> Result<Outcome, Failure> {
    let bundle = ProofBundle::decode(bytes).map_err(|error| Failure::file(path, error))?;
    let key = match vk {
        Some(vk) => Some(key_in(vk, bundle.circuit)?),
        None => known_key(bundle.circuit, session),
    };
    let statement = key
        .as_ref()
        .map(|key| {
            let statement = Statement::decode(&bundle.statement, key.interface())
                .map_err(|error| Failure::file(path, error))?;
            show(&statement, key.interface())
        })
        .transpose()?;
    let mut fields = vec![
        ("proof", format!("{}, NOT VERIFIED: `lemma verify` does", text::bytes(bytes.len() as u64))),
        ("circuit", bundle.circuit.to_string()),
        ("scheme", scheme_name(bundle.scheme).to_owned()),
        (
            "parameters",
            if bundle.insecure_srs { "INSECURE, made on one machine" } else { "not marked insecure" }
                .to_owned(),
        ),
        ("statement", format!("{} bytes", text::count(bundle.statement.len() as u64))),
        ("argument", format!("{} bytes", text::count(bundle.proof.len() as u64))),
    ];
    if let Some(key) = &key {
        fields.push(("setup", setup::text(key.setup())));
    }
    let (claims, claims_json) = match statement {
        Some((text, json)) => (format!("it claims\n{text}"), Value::from(json)),
        None => {
            let claims = "its circuit is not in the store: name its verifying key with --vk FILE to read what it claims";
            (claims.to_owned(), Value::Null)
        }
    };
    let mut json = setup_json(key.as_ref());
    json.extend(output::fields([
        ("kind", "proof".into()),
        ("version", Kind::Proof.version().into()),
        ("bytes", bytes.len().into()),
        ("circuit", bundle.circuit.to_string().into()),
        ("scheme", scheme_name(bundle.scheme).into()),
        ("insecure_srs", bundle.insecure_srs.into()),
        ("statement_bytes", bundle.statement.len().into()),
        ("argument_bytes", bundle.proof.len().into()),
        ("statement", claims_json),
        ("verified", false.into()),
    ]));
    Ok(Outcome::done(format!("{}\n{claims}", text::fields(&fields)), json.into()))
}

/// The setup of a proof's circuit; null where its key is not known.
fn setup_json(key: Option<&VerifyingKeyFile>) -> Map<String, Value> {
    match key {
        Some(key) => setup::json(key.setup()),
        None => output::fields([("srs", Value::Null), ("ceremony", Value::Null)]),
    }
}

/// The key of a circuit in a file.
fn key_in(path: &Path, circuit: CircuitId) -> Result<VerifyingKeyFile, Failure> {
    let bytes = files::read(path, file_limit(Kind::VerifyingKey))?;
    let key = VerifyingKeyFile::decode(&bytes).map_err(|error| Failure::file(path, error))?;
    if key.circuit_id() != circuit {
        let reason = format!("is the key of circuit {}, the proof is of circuit {circuit}", key.circuit_id());
        return Err(Failure::file(path, reason));
    }
    Ok(key)
}

/// The key of a circuit in the store.
fn known_key(circuit: CircuitId, session: &Session) -> Option<VerifyingKeyFile> {
    let keyring = session.stored().ok()?;
    let bytes = keyring.vk_bytes(&keyring.circuit(circuit).ok()?).ok()?;
    VerifyingKeyFile::decode(&bytes).ok()
}

fn verifying_key(path: &Path, bytes: &[u8]) -> Result<Outcome, Failure> {
    let key = VerifyingKeyFile::decode(bytes).map_err(|error| Failure::file(path, error))?;
    let shape = key.shape();
    let scheme = scheme_name(key.setup().scheme());
    let fields = [
        ("verifying key", text::bytes(bytes.len() as u64)),
        ("circuit", key.circuit_id().to_string()),
        (
            "says network",
            format!("{}, which `lemma compile MODEL` confirms by its circuit id", key.model_id()),
        ),
        ("scheme", scheme.to_owned()),
        ("setup", setup::text(key.setup())),
        ("rows", format!("2^{} = {}", shape.k, text::count(1 << shape.k))),
        ("columns", format!("{} advice, {} fixed", shape.num_advice(), shape.num_fixed())),
        ("inputs", ports(&key.interface().inputs)),
        ("outputs", ports(&key.interface().outputs)),
        ("visible", "input, weights and output are public".to_owned()),
    ];
    let mut json = setup::json(key.setup());
    json.extend(output::fields([
        ("kind", "verifying key".into()),
        ("version", Kind::VerifyingKey.version().into()),
        ("bytes", bytes.len().into()),
        ("circuit", key.circuit_id().to_string().into()),
        ("claimed_network", key.model_id().to_string().into()),
        ("scheme", scheme.into()),
        ("k", shape.k.into()),
        ("advice_columns", shape.num_advice().into()),
        ("fixed_columns", shape.num_fixed().into()),
        ("inputs", ports_json(&key.interface().inputs).into()),
        ("outputs", ports_json(&key.interface().outputs).into()),
    ]));
    Ok(Outcome::done(text::fields(&fields), json.into()))
}

fn onnx(path: &Path, bytes: Vec<u8>) -> Result<Outcome, Failure> {
    let size = bytes.len() as u64;
    let model = OnnxModel::of(bytes, path.display().to_string())?.model;
    let interface = model.interface();
    let fields = [
        ("onnx model", text::bytes(size)),
        ("network", model.id().to_string()),
        ("inputs", ports(&interface.inputs)),
        ("outputs", ports(&interface.outputs)),
        (
            "work",
            format!(
                "{} multiply-accumulates, {} activations",
                text::count(model.macs()),
                text::count(model.activations() as u64)
            ),
        ),
        ("nodes", format!("{} after quantizers, activations and shapes are merged", nodes(&model).len())),
    ];
    let header = ["  node", "operator", "inputs", "output"].map(str::to_owned).to_vec();
    let rows: Vec<_> = std::iter::once(header).chain(nodes(&model).into_iter().map(Node::row)).collect();
    let json = json!({
        "kind": "onnx",
        "bytes": size,
        "network": model.id().to_string(),
        "inputs": ports_json(&interface.inputs),
        "outputs": ports_json(&interface.outputs),
        "macs": model.macs(),
        "activations": model.activations(),
        "nodes": nodes(&model).iter().map(Node::json).collect::<Vec<_>>(),
    });
    Ok(Outcome::done(format!("{}\n{}", text::fields(&fields), text::columns(&rows)), json))
}

/// A node of the file as operators of the integer network.
struct Node {
    name: String,
    /// `argmax`, or the operators that it became, each once.
    op: String,
    /// How many.
    steps: usize,
    inputs: Vec<String>,
    output: String,
}

fn nodes(model: &Model) -> Vec<Node> {
    let indices = model.outputs.iter().filter(|output| output.tail == [Tail::Index]);
    let indices: Vec<TensorId> = indices.map(|output| output.tensor).collect();
    let of_one_node = |left: &ir::Node, right: &ir::Node| left.name == right.name;
    model.nodes.chunk_by(of_one_node).filter_map(|steps| node(model, steps, &indices)).collect()
}

/// The operators that one node became, which are beside each other.
fn node(model: &Model, steps: &[ir::Node], indices: &[TensorId]) -> Option<Node> {
    let last = steps.last()?;
    let tensor = |id: TensorId| {
        let tensor = model.tensor(id);
        type_and_shape(elem_name(tensor.elem), &[tensor.len])
    };
    let mut ops: Vec<&str> = Vec::new();
    let mut inputs: Vec<TensorId> = Vec::new();
    for step in steps {
        let (op, made_here) =
            (step.op.name(), |input: &TensorId| steps.iter().any(|step| step.output == *input));
        if !ops.contains(&op) {
            ops.push(op);
        }
        for input in step.inputs.iter().filter(|input| !made_here(input)) {
            if !inputs.contains(input) || steps.len() == 1 {
                inputs.push(*input);
            }
        }
    }
    let op = if indices.contains(&last.output) { "argmax".to_owned() } else { ops.join(", ") };
    Some(Node {
        name: last.name.clone(),
        op,
        steps: steps.len(),
        inputs: inputs.into_iter().map(tensor).collect(),
        output: tensor(last.output),
    })
}

/// Most inputs of a node that a person is shown.
const SHOWN_INPUTS: usize = 4;

impl Node {
    fn row(self) -> Vec<String> {
        let op = match self.steps {
            1 => self.op,
            steps => format!("{} ({steps} steps)", self.op),
        };
        let more = self.inputs.len().saturating_sub(SHOWN_INPUTS);
        let mut inputs = self.inputs.into_iter().take(SHOWN_INPUTS).collect::<Vec<_>>().join(", ");
        if more > 0 {
            inputs += &format!(" and {more} more");
        }
        vec![format!("  {}", shown(&self.name)), op, inputs, self.output]
    }

    fn json(&self) -> Value {
        json!({
            "name": self.name,
            "operator": self.op,
            "steps": self.steps,
            "inputs": self.inputs,
            "output": self.output,
        })
    }
}

fn ports(ports: &[Port]) -> String {
    let describe = |port: &Port| {
        let tensor = type_and_shape(given_type(port), &port.shape);
        format!("{}: {tensor}{}", shown(&port.name), beside(port))
    };
    ports.iter().map(describe).collect::<Vec<_>>().join(", ")
}

/// What the integers of a tensor stand for, and what the model makes of them outside the proof.
fn beside(port: &Port) -> String {
    let stands_for = |Quantization { scale, zero_point }| format!("scale {scale}, zero point {zero_point}");
    let mut functions = answer::outside_proof(port);
    functions.retain(|operator| !matches!(*operator, "DequantizeLinear" | "QuantizeLinear"));
    let functions = functions.join(", ");
    let again = answer::quantized_result(port).map_or_else(String::new, |(elem, to)| {
        format!(" and gives quantized integers, {} with {}", elem_name(elem), stands_for(to))
    });
    let beyond = |by: Quantization, functions: &str| {
        format!(" ({} in front of {functions}, which is outside the proof{again})", stands_for(by))
    };
    match (quantization(port), functions.as_str()) {
        (None, "") => String::new(),
        (None, functions) => format!(" ({functions} of the integers, which is outside the proof)"),
        (Some(by), "") if port.tail.is_empty() => format!(" ({})", stands_for(by)),
        (Some(by), "") => beyond(by, "DequantizeLinear"),
        (Some(by), functions) => beyond(by, functions),
    }
}

/// What the integers of a tensor stand for, where the ONNX graph says so beside the circuit.
fn quantization(port: &Port) -> Option<Quantization> {
    let dequantize = port.tail.iter().find_map(|operator| match operator {
        Tail::Dequantize(quantization) | Tail::QuantizedSoftmax { from: quantization, .. } => {
            Some(*quantization)
        }
        _ => None,
    });
    port.quantize.or(dequantize)
}

fn ports_json(ports: &[Port]) -> Vec<Value> {
    let describe = |port: &Port| {
        json!({
            "name": port.name,
            "shape": port.shape,
            "type": given_type(port),
            "integers": elem_name(port.elem),
            "scale": quantization(port).map(|quantization| quantization.scale),
            "zero_point": quantization(port).map(|quantization| quantization.zero_point),
            "outside_proof": answer::outside_proof(port),
            "quantized_by": answer::quantized_json(port),
        })
    };
    ports.iter().map(describe).collect()
}

#[cfg(test)]
mod tests {
    use lemma_circuits::ir::Elem;

    use super::*;

    #[test]
    fn what_lies_outside_the_proof_is_said_of_every_ending() {
        const FROM: Quantization = Quantization { scale: 0.5, zero_point: 1 };
        const TO: Quantization = Quantization { scale: 0.25, zero_point: -128 };
        let quantized = Tail::QuantizedSoftmax { from: FROM, len: 2, to: TO, elem: Elem::I8 };
        let softmax = vec![Tail::Dequantize(FROM), Tail::Softmax { len: 2 }];
        let text = |tail: Vec<Tail>| {
            let port = Port {
                name: "y".to_owned(),
                shape: vec![1, 2],
                elem: Elem::I8,
                tail,
                quantize: None,
                bytes_per_instance: 1,
            };
            (ports(std::slice::from_ref(&port)), ports_json(&[port])[0]["quantized_by"].clone())
        };
        for (tail, beside, quantized_by) in [
            (Vec::new(), "", Value::Null),
            (vec![Tail::Index], "", Value::Null),
            (
                vec![Tail::Dequantize(FROM)],
                " (scale 0.5, zero point 1 in front of DequantizeLinear, which is outside the proof)",
                Value::Null,
            ),
            (
                softmax,
                " (scale 0.5, zero point 1 in front of Softmax, which is outside the proof)",
                Value::Null,
            ),
            (
                vec![quantized],
                " (scale 0.5, zero point 1 in front of Softmax, which is outside the proof and gives quantized integers, int8 with \
                 scale 0.25, zero point -128)",
                json!({ "type": "int8", "scale": 0.25, "zero_point": -128 }),
            ),
        ] {
            assert_eq!(text(tail), (format!("y: int8[1,2]{beside}"), quantized_by));
        }
    }
}
