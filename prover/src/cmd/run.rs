//! `lemma run`: integer inference without a proof.

use std::path::Path;

use lemma_circuits::ir::Model;
use lemma_circuits::reference;
use lemma_circuits::statement::Interface;
use lemma_prover::inputs::{self, npz_bytes};
use serde_json::json;

use super::answer::{self, Answer};
use super::args::{InputArgs, RunArgs};
use super::failure::Failure;
use super::model::OnnxModel;
use super::output::Outcome;
use super::session::Session;
use super::{files, model};

/// Runs the command.
pub(crate) fn run(args: &RunArgs, session: &Session) -> Result<Outcome, Failure> {
    let onnx = session.model(&args.model)?;
    let model = &onnx.model;
    let interface = Interface::of(model);
    let inputs = read_inputs(&args.input, &interface)?;
    if let Some(path) = &args.output {
        files::check_place(path, &[Path::new(&args.model), &args.input.input])?;
    }
    let outputs = infer(model, &inputs)?;
    let answers = answer::answers(&interface.outputs, &outputs)?;
    if let Some(path) = &args.output {
        write(path, &answers)?;
    }
    let notes = notes(&onnx);
    let note = (!notes.is_empty()).then(|| notes.join("; "));
    let lines: String = notes.iter().map(|note| format!("\nnote: {note}")).collect();
    let json = json!({ "model": model.id().to_string(), "outputs": answer::json(&answers), "note": note });
    Ok(Outcome::done(answer::text(&answers) + &lines, json))
}

/// What a person should know of the model beside its answer.
fn notes(onnx: &OnnxModel) -> Vec<String> {
    let too_large = lemma_circuits::check_size(&onnx.model).err();
    let too_large = too_large.map(|error| format!("`lemma compile` refuses this model: {error}"));
    model::note(&onnx.bytes).map(str::to_owned).into_iter().chain(too_large).collect()
}

/// The integers of every input, from the file the arguments name.
pub(crate) fn read_inputs(args: &InputArgs, interface: &Interface) -> Result<Vec<Vec<i32>>, Failure> {
    let bytes = files::read(&args.input, inputs::MAX_FILE_BYTES)?;
    inputs::read(&bytes, interface, args.row).map_err(|error| Failure::file(&args.input, error))
}

/// The integers of every output by the reference interpreter.
pub(crate) fn infer(model: &Model, inputs: &[Vec<i32>]) -> Result<Vec<Vec<i32>>, Failure> {
    let trace = reference::run(model, inputs).map_err(Failure::internal)?;
    Ok(trace.outputs().into_iter().map(<[i32]>::to_vec).collect())
}

fn write(path: &Path, answers: &[Answer<'_>]) -> Result<(), Failure> {
    let bytes = match path.extension().and_then(|extension| extension.to_str()) {
        Some("npz") => npz_bytes(&answer::arrays(answers)).map_err(|error| Failure::file(path, error))?,
        Some("json") => format!("{}\n", json!({ "outputs": answer::json(answers) })).into_bytes(),
        _ => {
            return Err(Failure::file(
                path,
                "outputs are written as .npz or .json; end the name with one of them",
            ));
        }
    };
    files::write(path, &bytes)
}
