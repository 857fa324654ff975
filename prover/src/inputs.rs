//! Model inputs from files: `.npz` archives and `.json` documents become the integers a model reads.
//!
//! A file names its arrays by the model's input names. Nothing is rounded or truncated silently:
//!
//! | model input | `.npz` | `.json` |
//! |---|---|---|
//! | int8 / uint8 | the same dtype, or a wider integer one, each value in the type's range | integers; `3.0` is 3, `3.5` is refused |
//! | float32 | float32; float64 whose values all are float32 values | any finite number, rounded to the nearest float32 |
//!
//! In an archive an input's array may also be called `input.NAME`. An array has the input's shape, with or without its leading batch dimension of 1. An array with more than
//! one row in front of that shape needs a row number. Names the model does not have are ignored.

mod array;
mod error;
mod json;
mod npy;
mod npz;
mod rows;
mod shown;
mod write;

use lemma_circuits::{edge::quantize_input, ir::Elem};
use lemma_verifier::interface::{Interface, Port};

use array::Array;
pub use error::InputError;
pub use rows::Rows;
pub use shown::shown;
pub use write::{NamedArray, Values, WriteError, json_nested, npz_bytes};

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
pub fn read(bytes: &[u8], interface: &Interface, row: Option<usize>) -> Result<Vec<Vec<i32>>, InputError> {
    // There is one row, or an error.
    read_rows(bytes, interface, &Rows::One(row)).map(|rows| rows.into_iter().next().unwrap_or_default())
}

/// The same for several rows, in their order.
///
/// # Errors
/// See [`read`]; all inputs have to have as many rows.
pub fn read_rows(bytes: &[u8], interface: &Interface, rows: &Rows) -> Result<Vec<Vec<Vec<i32>>>, InputError> {
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(InputError::FileTooLarge { limit: MAX_FILE_BYTES, got: bytes.len() as u64 });
    }
    if bytes.starts_with(b"PK") {
        rows::by_row(interface, npz::read(bytes, interface, rows)?)
    } else if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{') {
        rows::by_row(interface, json::read(bytes, interface, rows)?)
    } else {
        Err(InputError::UnknownFormat { expected: describe_inputs(interface) })
    }
}

/// The inputs as a person reads them, such as `x: int8[1,64], y: float32[1,10]`.
pub fn describe_inputs(interface: &Interface) -> String {
    interface.inputs.iter().map(describe_input).collect::<Vec<_>>().join(", ")
}

fn describe_input(port: &Port) -> String {
    format!("{}: {}", shown(&port.name), type_and_shape(given_type(port), &port.shape))
}

/// The element type a caller supplies for this input: `float32` when the model quantizes it, else the
/// tensor's own type.
pub fn given_type(port: &Port) -> &'static str {
    match port.quantize {
        Some(_) => "float32",
        None => elem_name(port.elem),
    }
}

/// numpy's name of an element type.
pub const fn elem_name(elem: Elem) -> &'static str {
    match elem {
        Elem::I8 => "int8",
        Elem::U8 => "uint8",
    }
}

/// A type and a shape as a person reads them, such as `int8[1,64]`.
pub fn type_and_shape(element: &str, shape: &[usize]) -> String {
    let dimensions: Vec<String> = shape.iter().map(usize::to_string).collect();
    format!("{element}[{}]", dimensions.join(","))
}

/// One array of the file as the integers of one input.
fn integers(port: &Port, array: Array) -> Result<Vec<i32>, InputError> {
    match port.quantize {
        None => array.integers(&port.name, port.elem),
        Some(quantization) => {
            let floats = array.floats(&port.name)?;
            let not_finite = |source| InputError::Quantize { name: port.name.clone(), source };
            quantize_input(&floats, quantization, port.elem).map_err(not_finite)
        }
    }
}

#[cfg(test)]
mod tests;
