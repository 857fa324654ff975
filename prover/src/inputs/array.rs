//! One array of a file, and its exact conversion to what a model input holds.

use lemma_circuits::ir::Elem;

use super::InputError;

/// A number of a JSON document.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum JsonNumber {
    Integer(i64),
    Real(f64),
}

/// Elements as the file holds them.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Elements {
    /// numpy's int8 or uint8.
    Bytes(Elem, Vec<i32>),
    /// A wider integer dtype of numpy.
    Integers(Vec<i128>),
    /// numpy's float32.
    Float32(Vec<f32>),
    /// numpy's float64.
    Float64(Vec<f64>),
    /// JSON numbers, which have no dtype.
    Json(Vec<JsonNumber>),
}

/// One row of an array, row-major.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Array {
    pub(super) elements: Elements,
}

impl Array {
    /// The elements as integers of type `elem`.
    pub(super) fn integers(self, name: &str, elem: Elem) -> Result<Vec<i32>, InputError> {
        let expected = match elem {
            Elem::I8 => "an integer in -128..=127",
            Elem::U8 => "an integer in 0..=255",
        };
        let wrong_type = |got: &str| InputError::ElementType {
            name: name.to_owned(),
            expected: super::elem_name(elem),
            got: got.to_owned(),
        };
        let values: Vec<(Option<i128>, String)> = match self.elements {
            Elements::Bytes(given, values) if given == elem => return Ok(values),
            Elements::Bytes(given, _) => {
                return Err(InputError::OtherSign {
                    name: name.to_owned(),
                    expected: super::elem_name(elem),
                    got: super::elem_name(given),
                });
            }
            Elements::Integers(values) => values.iter().map(|v| (Some(*v), v.to_string())).collect(),
            Elements::Json(values) => values.iter().map(|v| (v.integer(), v.to_string())).collect(),
            Elements::Float32(_) => return Err(wrong_type("float32")),
            Elements::Float64(_) => return Err(wrong_type("float64")),
        };
        let in_range = |value: i128| i32::try_from(value).ok().filter(|value| elem.contains(*value));
        values
            .into_iter()
            .enumerate()
            .map(|(index, (value, text))| {
                value.and_then(in_range).ok_or_else(|| InputError::Value {
                    name: name.to_owned(),
                    index,
                    value: text,
                    expected,
                })
            })
            .collect()
    }

    /// The elements as finite float32 values.
    pub(super) fn floats(self, name: &str) -> Result<Vec<f32>, InputError> {
        let check = |index: usize, value: f32, text: String, accepted: bool| {
            if accepted && value.is_finite() {
                return Ok(value);
            }
            let expected = if value.is_finite() {
                "exactly a float32 value; convert with .astype(numpy.float32)"
            } else {
                "a finite float32"
            };
            Err(InputError::Value { name: name.to_owned(), index, value: text, expected })
        };
        match self.elements {
            Elements::Bytes(..) | Elements::Integers(_) => Err(InputError::ElementType {
                name: name.to_owned(),
                expected: "float32",
                got: "integer".to_owned(),
            }),
            Elements::Float32(values) => {
                values.iter().enumerate().map(|(index, v)| check(index, *v, v.to_string(), true)).collect()
            }
            Elements::Float64(values) => values
                .iter()
                .enumerate()
                .map(|(index, v)| check(index, *v as f32, v.to_string(), f64::from(*v as f32) == *v))
                .collect(),
            Elements::Json(values) => values
                .iter()
                .enumerate()
                .map(|(index, v)| check(index, v.float(), v.to_string(), true))
                .collect(),
        }
    }
}

impl JsonNumber {
    /// The integer it is, if it is one: 3 and 3.0, not 3.5.
    fn integer(self) -> Option<i128> {
        match self {
            Self::Integer(value) => Some(value.into()),
            Self::Real(value) if value.fract() == 0.0 && value.abs() < 1e18 => Some(value as i128),
            Self::Real(_) => None,
        }
    }

    /// The nearest float32.
    fn float(self) -> f32 {
        match self {
            Self::Integer(value) => value as f32,
            Self::Real(value) => value as f32,
        }
    }
}

impl std::fmt::Display for JsonNumber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Integer(value) => value.fmt(f),
            Self::Real(value) => value.fmt(f),
        }
    }
}
