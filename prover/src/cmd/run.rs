//! `lemma run`: integer inference without a proof.

use std::path::Path;

use lemma_circuits::{ir::Model, reference};
use lemma_prover::{
    inputs::{self, Rows, npz_bytes},
    memory::plan_budget,
};
use lemma_verifier::interface::Interface;
use rayon::prelude::*;
use serde_json::{Map, Value, json};

use super::{
    answer::{self, Answer},
    args::{InputArgs, RunArgs},
    failure::Failure,
    files, model,
    model::OnnxModel,
    output::{self, Outcome},
    session::Session,
};

/// The integers of every tensor of a row.
type Row = Vec<Vec<i32>>;

/// Most rows whose answers a person is shown.
const SHOWN_ROWS: usize = 4;

/// Runs the command.
pub(crate) fn run(args: &RunArgs, session: &Session) -> Result<Outcome, Failure> {
    let onnx = session.model(&args.model)?;
    let model = &onnx.model;
    let interface = model.interface();
    let (first, rows) = read_rows(args, &interface)?;
    if let Some(path) = &args.output {
        files::check_place(path, &[Path::new(&args.model), &args.input.input])?;
    }
    let outputs: Vec<Row> = rows.par_iter().map(|inputs| infer(model, inputs)).collect::<Result<_, _>>()?;
    let answers: Vec<Vec<Answer<'_>>> = outputs
        .iter()
        .map(|outputs| answer::answers(&interface.outputs, outputs))
        .collect::<Result<_, _>>()?;
    if let Some(path) = &args.output {
        write(path, first, &answers)?;
    }
    let notes = notes(&onnx);
    let note = (!notes.is_empty()).then(|| notes.join("; "));
    let lines: String = notes.iter().map(|note| format!("\nnote: {note}")).collect();
    let mut json = outputs_json(first, &answers);
    json.extend(output::fields([("network", model.id().to_string().into()), ("note", note.into())]));
    Ok(Outcome::done(text(first, &answers) + &lines, json.into()))
}

/// The rows that the arguments choose, and the number of the first, where it is to be told.
fn read_rows(args: &RunArgs, interface: &Interface) -> Result<(Option<usize>, Vec<Row>), Failure> {
    let rows = match (&args.rows, args.input.row, &args.output) {
        (Some(range), ..) => Rows::Range(range.clone()),
        (None, None, Some(_)) => Rows::All,
        (None, row, _) => Rows::One(row),
    };
    let bytes = files::read(&args.input.input, inputs::MAX_FILE_BYTES)?;
    let read = inputs::read_rows(&bytes, interface, &rows)
        .map_err(|error| Failure::file(&args.input.input, error))?;
    let first = match rows {
        Rows::Range(range) => Some(range.start),
        Rows::All if read.len() > 1 => Some(0),
        Rows::All | Rows::One(_) => None,
    };
    Ok((first, read))
}

/// `outputs` of the one row, or `rows`, each with its number and outputs.
fn outputs_json(first: Option<usize>, answers: &[Vec<Answer<'_>>]) -> Map<String, Value> {
    match (first, answers) {
        (None, [only]) => output::fields([("outputs", answer::json(only))]),
        _ => {
            let rows = (first.unwrap_or(0)..).zip(answers);
            let row = |(row, answers): (usize, &Vec<Answer<'_>>)| json!({ "row": row, "outputs": answer::json(answers) });
            output::fields([("rows", rows.map(row).collect())])
        }
    }
}

/// The answers for a person, of the first rows.
fn text(first: Option<usize>, answers: &[Vec<Answer<'_>>]) -> String {
    if let (None, [only]) = (first, answers) {
        return answer::text(only);
    }
    let rows = (first.unwrap_or(0)..).zip(answers).take(SHOWN_ROWS);
    let mut blocks: Vec<String> =
        rows.map(|(row, answers)| format!("row {row}\n{}", answer::text(answers))).collect();
    if answers.len() > SHOWN_ROWS {
        blocks.push(format!("and {} more rows", answers.len() - SHOWN_ROWS));
    }
    blocks.join("\n")
}

/// What a person should know of the model beside its answer.
fn notes(onnx: &OnnxModel) -> Vec<String> {
    let too_large = lemma_circuits::check_size(&onnx.model, &plan_budget()).err();
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

fn write(path: &Path, first: Option<usize>, answers: &[Vec<Answer<'_>>]) -> Result<(), Failure> {
    let bytes = match path.extension().and_then(|extension| extension.to_str()) {
        Some("npz") => {
            let arrays = match (first, answers) {
                (None, [only]) => answer::arrays(only),
                _ => answer::stacked(answers),
            };
            npz_bytes(&arrays).map_err(|error| Failure::file(path, error))?
        }
        Some("json") => format!("{}\n", Value::from(outputs_json(first, answers))).into_bytes(),
        _ => {
            return Err(Failure::file(
                path,
                "outputs are written as .npz or .json; end the name with one of them",
            ));
        }
    };
    files::write(path, &bytes)
}
