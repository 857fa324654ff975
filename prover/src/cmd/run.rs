//! `lemma run`: integer inference without a proof.

use std::path::Path;

use lemma_circuits::ir::Model;
use lemma_circuits::reference;
use lemma_prover::inputs::{self, npz_bytes};
use serde_json::json;

use super::answer::{self, Answer};
use super::args::{InputArgs, RunArgs};
use super::failure::Failure;
use super::files;
use super::output::Outcome;

/// The integers of every input of `model`, from the file the arguments name.
pub(crate) fn read_inputs(args: &InputArgs, model: &Model) -> Result<Vec<Vec<i32>>, Failure> {
    let bytes = files::read(&args.input, inputs::MAX_FILE_BYTES)?;
    inputs::read(&bytes, model, args.row).map_err(|error| Failure::file(&args.input, error))
}

/// The model's outputs on these inputs by the reference interpreter.
pub(crate) fn infer(model: &Model, inputs: &[Vec<i32>]) -> Result<Vec<Answer>, Failure> {
    let trace = reference::run(model, inputs).map_err(Failure::internal)?;
    answer::answers(model, trace.outputs())
}

fn write(path: &Path, answers: &[Answer]) -> Result<(), Failure> {
    let bytes = match path.extension().and_then(|extension| extension.to_str()) {
        Some("npz") => npz_bytes(&answer::arrays(answers)).map_err(|error| Failure::file(path, error))?,
        Some("json") => format!("{}\n", json!({ "outputs": answer::json(answers) })).into_bytes(),
        _ => return Err(Failure::file(path, "outputs are written as .npz or .json; end the name with one of them")),
    };
    files::write(path, &bytes)
}
