//! The inputs of a request for an inference.

use std::collections::BTreeMap;

use lemma_prover::inputs::{self, InputError};
use lemma_verifier::interface::Interface;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::http::{
    problem::{Problem, ProblemType},
    wire::TensorSpec,
};

/// The member that holds the inputs in their order instead of by name.
const BY_POSITION: &str = "input_data";

/// Longest name that is repeated in an answer, in characters.
const MAX_SHOWN: usize = 64;

/// The integers of every input. Floats are quantized as the model says.
///
/// # Errors
/// [`ProblemType::InvalidInput`], which shows the inputs that would fit.
pub(super) fn integers(given: &RawValue, interface: &Interface) -> Result<Vec<Vec<i32>>, Problem> {
    let read = inputs::read(given.get().as_bytes(), interface, None).map_err(|error| detail(&error));
    let known = read.and_then(|read| match surplus(given, interface) {
        None => Ok(read),
        Some(name) => {
            let expected = inputs::describe_inputs(interface);
            Err(format!("inputs has {name:?}, which is no input of the model; it has to hold {expected}"))
        }
    });
    known.map_err(|detail| {
        Problem::new(ProblemType::InvalidInput, detail)
            .expected(interface.inputs.iter().map(TensorSpec::of_input).collect())
    })
}

/// The beginning of the name of a member that is not used: most likely an input of another model.
fn surplus(given: &RawValue, interface: &Interface) -> Option<String> {
    let members: BTreeMap<String, IgnoredAny> = serde_json::from_str(given.get()).ok()?;
    let wanted = |name: &str| interface.inputs.iter().any(|input| input.name == name);
    let by_position = members.contains_key(BY_POSITION) && !wanted(BY_POSITION);
    let used = |name: &str| if by_position { name == BY_POSITION } else { wanted(name) };
    let surplus = members.into_keys().find(|name| !used(name))?;
    Some(surplus.chars().take(MAX_SHOWN).collect())
}

/// The error in the terms of a request instead of a file.
fn detail(error: &InputError) -> String {
    match error {
        InputError::UnknownFormat { expected } => {
            format!("inputs is not an object with the inputs by name; it has to hold {expected}")
        }
        InputError::MissingArray { name, expected, found } => {
            format!("inputs has no '{name}'; it has to hold {expected}; it holds {found}")
        }
        InputError::DuplicateArray { name } => format!("inputs has '{name}' more than once; keep one"),
        InputError::Json { expected, source } => {
            format!("inputs is not nested lists of numbers by name: {source}; it has to hold {expected}")
        }
        InputError::Shape { name, expected, got } => {
            format!("input '{name}' has shape {got:?}, the model wants {expected:?}")
        }
        InputError::RowNeeded { name, rows } => {
            format!("input '{name}' has {rows} rows, a proof is about one; send one request for each")
        }
        InputError::RowOutOfRange { name, .. } => format!("input '{name}' has no row"),
        InputError::Value { name, index, expected, .. } => {
            format!("input '{name}', element {index}: the value is not {expected}")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use lemma_circuits::ir::Elem;
    use lemma_verifier::interface::Port;

    use super::*;

    fn refused(json: &str) -> Problem {
        let port = Port {
            name: "x".into(),
            shape: vec![1, 2],
            elem: Elem::I8,
            quantize: None,
            tail: vec![],
            bytes_per_instance: 31,
        };
        let interface = Interface { inputs: vec![port], outputs: vec![] };
        let given = RawValue::from_string(json.into()).unwrap();
        integers(&given, &interface).unwrap_err()
    }

    #[test]
    fn every_refusal_names_the_input_and_never_a_value() {
        for (json, part) in [
            ("[1, 77]", "not an object"),
            ("{}", "no 'x'"),
            (r#"{"y": [77, 77]}"#, "holds 'y'"),
            (r#"{"x": [77, 77], "x": [1, 2]}"#, "more than once"),
            (r#"{"x": [77]}"#, "[1, 2]"),
            (r#"{"x": [[1, 2], [77, 77]]}"#, "2 rows"),
            (r#"{"x": [7777, 1]}"#, "element 0"),
            (r#"{"x": [77, 1], "z": [77]}"#, "no input of the model"),
            (r#"{"x": [77, 1], "input_data": [[77, 1]]}"#, "no input of the model"),
            (r#"{"x": [[77, 1], [1]]}"#, "entries"),
        ] {
            let problem = refused(json);
            assert_eq!(problem.kind(), ProblemType::InvalidInput);
            let shown = format!("{problem:?}");
            assert!(shown.contains(part), "{json}: {shown}");
            assert!(!shown.contains("77"), "{json}: {shown}");
        }
    }
}
