//! Model inputs from files: `.npz` archives and `.json` documents become the integers a model reads.
//!
//! A file names its arrays by the model's input names. Nothing is rounded or truncated silently:
//!
//! | model input | `.npz` | `.json` |
//! |---|---|---|
//! | int8 / uint8 | any integer dtype, each value in the type's range | integers; `3.0` is 3, `3.5` is refused |
//! | float32 | float32; float64 whose values all are float32 values | any finite number, rounded to the nearest float32 |
//!
//! In an archive an input's array may also be called `input.NAME`. An array has the input's shape, with or without its leading batch dimension of 1. An array with more than
//! one row in front of that shape needs a row number. Names the model does not have are ignored.

mod array;
mod error;
mod json;
mod npy;
mod npz;
mod write;

use lemma_circuits::ir::{Elem, Input, Model};

use array::Array;
pub use error::InputError;
pub use write::{NamedArray, Values, json_nested, npz_bytes};

/// Largest accepted input file, in bytes.
pub const MAX_FILE_BYTES: u64 = 64 << 20;

/// Largest accepted array once decompressed, in bytes.
pub const MAX_ARRAY_BYTES: u64 = 64 << 20;

/// Largest count of numbers in a JSON document.
pub const MAX_JSON_NUMBERS: usize = 1 << 22;

/// Most dimensions of an array.
pub const MAX_RANK: usize = 8;

/// The integers of every model input, in the model's order, read from the bytes of a `.npz` or `.json` file.
///
/// The format is told from the content. `row` selects one row of arrays that hold several; an array without
/// rows is used as it is when `row` is absent or 0.
///
/// # Errors
/// [`InputError`] names the array, what was expected and what the file holds.
pub fn read(bytes: &[u8], model: &Model, row: Option<usize>) -> Result<Vec<Vec<i32>>, InputError> {
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(InputError::FileTooLarge { limit: MAX_FILE_BYTES, got: bytes.len() as u64 });
    }
    if bytes.starts_with(b"PK") {
        npz::read(bytes, model, row)
    } else if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{') {
        json::read(bytes, model, row)
    } else {
        Err(InputError::UnknownFormat { expected: describe_inputs(model) })
    }
}

/// The model's inputs as a person reads them, such as `x: int8[1,64], y: float32[1,10]`.
pub fn describe_inputs(model: &Model) -> String {
    model.inputs.iter().map(|input| describe(model, input)).collect::<Vec<_>>().join(", ")
}

fn describe(model: &Model, input: &Input) -> String {
    format!("{}: {}", input.name, type_and_shape(element_name(model, input), &input.shape))
}

/// The element type a caller supplies for this input: `float32` when the model quantizes it, else the
/// tensor's own type.
pub fn element_name(model: &Model, input: &Input) -> &'static str {
    match (input.quantize, model.tensor(input.tensor).elem) {
        (Some(_), _) => "float32",
        (None, Elem::I8) => "int8",
        (None, Elem::U8) => "uint8",
    }
}

fn type_and_shape(element: &str, shape: &[usize]) -> String {
    let dimensions: Vec<String> = shape.iter().map(usize::to_string).collect();
    format!("{element}[{}]", dimensions.join(","))
}

/// One array of the file as the integers of one model input.
fn integers(model: &Model, input: &Input, array: Array) -> Result<Vec<i32>, InputError> {
    match input.quantize {
        None => array.integers(&input.name, model.tensor(input.tensor).elem),
        Some(quantization) => {
            let elem = model.tensor(input.tensor).elem;
            let floats = array.floats(&input.name)?;
            Ok(lemma_circuits::edge::quantize_input(&floats, quantization, elem))
        }
    }
}

#[cfg(test)]
mod tests;
