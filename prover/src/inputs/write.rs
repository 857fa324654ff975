//! Outputs as `.npz` archives and nested JSON lists.

use std::io::{self, Cursor, Write};

use zip::{ZipWriter, result::ZipError, write::SimpleFileOptions};

use super::shown::shown;

/// Elements to write, row-major.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// int8.
    I8(Vec<i8>),
    /// uint8.
    U8(Vec<u8>),
    /// float32.
    F32(Vec<f32>),
}

/// An array to write.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedArray {
    /// Name of the member, without `.npy`.
    pub name: String,
    /// Shape; its product is the number of elements.
    pub shape: Vec<usize>,
    /// Elements.
    pub values: Values,
}

impl Values {
    /// Appends elements of the same type; those of another type are left out.
    pub fn extend(&mut self, more: Self) {
        match (self, more) {
            (Self::I8(values), Self::I8(more)) => values.extend(more),
            (Self::U8(values), Self::U8(more)) => values.extend(more),
            (Self::F32(values), Self::F32(more)) => values.extend(more),
            _ => {}
        }
    }
}

/// Why arrays cannot be written as an archive.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// A name that would lead out of the directory where the archive is unpacked.
    #[error(
        "'{}' cannot be the name of an array in a .npz archive, since it has a part '..', a backslash or control characters; \
         write .json instead",
        shown(name)
    )]
    Name {
        /// The name.
        name: String,
    },
    /// Two arrays have the same name, or there are too many.
    #[error("the .npz archive cannot be written: {0}; write .json instead")]
    Archive(#[from] ZipError),
    /// The archive could not be filled.
    #[error("the .npz archive cannot be written: {0}")]
    Io(#[from] io::Error),
}

/// A `.npz` archive of these arrays. The same arrays give the same bytes.
///
/// # Errors
/// When two arrays have the same name, or one has a name with a part `..`, a backslash or control characters. Slashes are taken as
/// numpy takes them: exporters name tensors after the layers they lie in.
pub fn npz_bytes(arrays: &[NamedArray]) -> Result<Vec<u8>, WriteError> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for array in arrays {
        let leads_out = array.name.split('/').any(|part| part == "..") || array.name.contains('\\');
        if leads_out || array.name.chars().any(char::is_control) {
            return Err(WriteError::Name { name: array.name.clone() });
        }
        archive.start_file(format!("{}.npy", array.name), options)?;
        archive.write_all(&npy_bytes(&array.shape, &array.values))?;
    }
    Ok(archive.finish()?.into_inner())
}

fn npy_bytes(shape: &[usize], values: &Values) -> Vec<u8> {
    let (descr, data): (&str, Vec<u8>) = match values {
        Values::I8(values) => ("|i1", values.iter().flat_map(|value| value.to_le_bytes()).collect()),
        Values::U8(values) => ("|u1", values.clone()),
        Values::F32(values) => ("<f4", values.iter().flat_map(|value| value.to_le_bytes()).collect()),
    };
    let dimensions: String = shape.iter().map(|dimension| format!("{dimension},")).collect();
    let dictionary = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({dimensions}), }}");
    // numpy aligns the elements to 64 bytes, counting magic, version, length and the closing line feed
    let unpadded = 10 + dictionary.len() + 1;
    let padding = " ".repeat(unpadded.next_multiple_of(64) - unpadded);
    let header = format!("{dictionary}{padding}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

/// Elements as lists nested by `shape`; a scalar for an empty shape.
pub fn json_nested(shape: &[usize], values: &Values) -> serde_json::Value {
    let flat: Vec<serde_json::Value> = match values {
        Values::I8(values) => values.iter().map(|value| (*value).into()).collect(),
        Values::U8(values) => values.iter().map(|value| (*value).into()).collect(),
        Values::F32(values) => values.iter().map(|value| (*value).into()).collect(),
    };
    nest(shape, &flat)
}

fn nest(shape: &[usize], flat: &[serde_json::Value]) -> serde_json::Value {
    match shape {
        [] => flat.first().cloned().unwrap_or(serde_json::Value::Null),
        [_] => flat.to_vec().into(),
        [first, rest @ ..] => {
            let stride = flat.len() / (*first).max(1);
            let rows: Vec<_> = flat.chunks(stride.max(1)).map(|row| nest(rest, row)).collect();
            rows.into()
        }
    }
}
