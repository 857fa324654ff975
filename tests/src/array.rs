//! Arrays of numpy's npz files.

use std::{collections::BTreeMap, fs::File, io::Read, path::Path};

use npyz::{DType, NpyFile, Order};
use zip::ZipArchive;

/// An array in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Length of each dimension.
    pub shape: Vec<usize>,
    /// The elements.
    pub values: Values,
}

/// The elements of an [`Array`], in the element types that fixtures use.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// int8.
    I8(Vec<i8>),
    /// uint8.
    U8(Vec<u8>),
    /// float32.
    F32(Vec<f32>),
}

impl Array {
    /// Length of the first dimension.
    ///
    /// # Panics
    /// If the array is a scalar.
    pub fn rows(&self) -> usize {
        *self.shape.first().expect("a scalar has no rows")
    }

    /// One entry of the first dimension.
    ///
    /// # Panics
    /// If `row >= self.rows()`.
    pub fn row(&self, row: usize) -> Self {
        let shape = self.shape[1..].to_vec();
        let len = shape.iter().product::<usize>();
        let range = row * len..(row + 1) * len;
        let values = match &self.values {
            Values::I8(values) => Values::I8(values[range].to_vec()),
            Values::U8(values) => Values::U8(values[range].to_vec()),
            Values::F32(values) => Values::F32(values[range].to_vec()),
        };
        Self { shape, values }
    }

    /// The elements of an 8-bit array.
    ///
    /// # Panics
    /// If the array is float32.
    pub fn integers(&self) -> Vec<i32> {
        match &self.values {
            Values::I8(values) => values.iter().copied().map(i32::from).collect(),
            Values::U8(values) => values.iter().copied().map(i32::from).collect(),
            Values::F32(_) => panic!("a float32 array has no integers"),
        }
    }

    /// The elements of a float32 array.
    ///
    /// # Panics
    /// If the array is 8-bit.
    pub fn floats(&self) -> &[f32] {
        match &self.values {
            Values::F32(values) => values,
            Values::I8(_) | Values::U8(_) => panic!("an 8-bit array has no floats"),
        }
    }
}

/// One array of an npz file, `None` if the file has none of that name.
///
/// # Panics
/// If the file is unreadable or the array is of another type or order.
pub fn read_npz_array(path: &Path, name: &str) -> Option<Array> {
    let fail = |what: &dyn std::fmt::Display| -> ! { panic!("{}: {what}", path.display()) };
    let file = File::open(path).unwrap_or_else(|error| fail(&error));
    let mut archive = ZipArchive::new(file).unwrap_or_else(|error| fail(&error));
    let member = archive.by_name(&format!("{name}.npy")).ok()?;
    Some(read_npy(member).unwrap_or_else(|error| fail(&format!("{name}: {error}"))))
}

/// All arrays of an npz file by name.
///
/// # Panics
/// If the file is unreadable or holds an array of another type or order.
pub fn read_npz(path: &Path) -> BTreeMap<String, Array> {
    let fail = |what: &dyn std::fmt::Display| -> ! { panic!("{}: {what}", path.display()) };
    let file = File::open(path).unwrap_or_else(|error| fail(&error));
    let mut archive = ZipArchive::new(file).unwrap_or_else(|error| fail(&error));
    (0..archive.len())
        .map(|index| {
            let member = archive.by_index(index).unwrap_or_else(|error| fail(&error));
            let name = member.name().trim_end_matches(".npy").to_owned();
            let array = read_npy(member).unwrap_or_else(|error| fail(&format!("{name}: {error}")));
            (name, array)
        })
        .collect()
}

fn read_npy(reader: impl Read) -> std::io::Result<Array> {
    let invalid = |what: String| std::io::Error::new(std::io::ErrorKind::InvalidData, what);
    let file = NpyFile::new(reader)?;
    let shape: Vec<usize> =
        file.shape().iter().map(|&dim| usize::try_from(dim).unwrap_or(usize::MAX)).collect();
    if file.order() != Order::C && shape.len() > 1 {
        return Err(invalid("column-major order".to_owned()));
    }
    let descr = match file.dtype() {
        DType::Plain(descr) => descr.to_string(),
        other => return Err(invalid(format!("not a plain array but {}", other.descr()))),
    };
    let values = match descr.as_str() {
        "|i1" => Values::I8(file.into_vec()?),
        "|u1" => Values::U8(file.into_vec()?),
        "<f4" => Values::F32(file.into_vec()?),
        other => return Err(invalid(format!("elements of type {other}"))),
    };
    Ok(Array { shape, values })
}
