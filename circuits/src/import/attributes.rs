//! Node attributes: parsed once, read by name and type, leftovers refused.

use std::cell::RefCell;

use super::{
    constant::Constant,
    error::{ImportErrorKind, OperatorError},
    proto::{AttributeProto, attribute_type},
};

/// The value of an attribute, by the type that the file declares.
#[derive(Clone, Debug)]
enum AttributeValue {
    Float(f32),
    Int(i64),
    /// A string; bytes that are no UTF-8 are replaced.
    Text(String),
    Tensor(Constant),
    Floats(Vec<f32>),
    Ints(Vec<i64>),
    /// A type no supported operator has an attribute of.
    Other,
}

impl AttributeValue {
    fn describe(&self) -> String {
        match self {
            Self::Float(value) => format!("the float {value}"),
            Self::Int(value) => format!("the int {value}"),
            Self::Text(value) => format!("'{value}'"),
            Self::Tensor(_) => "a tensor".to_owned(),
            Self::Floats(_) => "a list of floats".to_owned(),
            Self::Ints(_) => "a list of ints".to_owned(),
            Self::Other => "of an unsupported type".to_owned(),
        }
    }
}

/// The attributes of one node.
#[derive(Debug, Default)]
pub(super) struct Attributes(Vec<(String, AttributeValue)>);

impl Attributes {
    /// Parses the attributes of the file.
    pub(super) fn from_proto(attributes: Vec<AttributeProto>) -> Result<Self, ImportErrorKind> {
        let mut parsed = Vec::with_capacity(attributes.len());
        for attribute in attributes {
            let name = attribute.name.clone();
            parsed.push((name, parse(attribute)?));
        }
        parsed.sort_by(|(a, _), (b, _)| a.cmp(b));
        match parsed.array_windows().find(|[(a, _), (b, _)]| a == b) {
            Some([(attribute, _), _]) => {
                Err(OperatorError::DuplicateAttribute { attribute: attribute.clone() }.into())
            }
            None => Ok(Self(parsed)),
        }
    }

    /// A reader that remembers what was asked for.
    pub(super) fn reader(&self) -> AttributeReader<'_> {
        AttributeReader { attributes: self, known: RefCell::new(Vec::new()) }
    }
}

fn parse(attribute: AttributeProto) -> Result<AttributeValue, ImportErrorKind> {
    let subgraph = attribute.g.is_some() || !attribute.graphs.is_empty();
    if subgraph || matches!(attribute.r#type, attribute_type::GRAPH | attribute_type::GRAPHS) {
        return Err(OperatorError::Subgraph { attribute: attribute.name }.into());
    }
    Ok(match attribute.r#type {
        attribute_type::FLOAT => AttributeValue::Float(attribute.f),
        attribute_type::INT => AttributeValue::Int(attribute.i),
        attribute_type::STRING => AttributeValue::Text(String::from_utf8_lossy(&attribute.s).into_owned()),
        attribute_type::FLOATS => AttributeValue::Floats(attribute.floats),
        attribute_type::INTS => AttributeValue::Ints(attribute.ints),
        attribute_type::TENSOR => match attribute.t {
            Some(tensor) => AttributeValue::Tensor(Constant::from_proto(*tensor, &attribute.name)?),
            None => AttributeValue::Other,
        },
        _ => AttributeValue::Other,
    })
}

/// Reads the attributes of a node by name; [`AttributeReader::finish`] refuses what was never asked for.
#[derive(Debug)]
pub(super) struct AttributeReader<'a> {
    attributes: &'a Attributes,
    known: RefCell<Vec<&'static str>>,
}

impl<'a> AttributeReader<'a> {
    fn get(&self, name: &'static str) -> Option<&'a AttributeValue> {
        self.known.borrow_mut().push(name);
        self.attributes.0.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    fn typed<T>(
        &self,
        name: &'static str,
        expected: &'static str,
        convert: impl FnOnce(&'a AttributeValue) -> Option<T>,
    ) -> Result<Option<T>, ImportErrorKind> {
        self.get(name)
            .map(|value| {
                convert(value).ok_or_else(|| {
                    OperatorError::AttributeValue {
                        attribute: name.to_owned(),
                        got: value.describe(),
                        expected: expected.to_owned(),
                    }
                    .into()
                })
            })
            .transpose()
    }

    pub(super) fn int(&self, name: &'static str) -> Result<Option<i64>, ImportErrorKind> {
        self.typed(name, "an int", |value| match value {
            AttributeValue::Int(value) => Some(*value),
            _ => None,
        })
    }

    pub(super) fn float(&self, name: &'static str) -> Result<Option<f32>, ImportErrorKind> {
        self.typed(name, "a float", |value| match value {
            AttributeValue::Float(value) => Some(*value),
            _ => None,
        })
    }

    pub(super) fn text(&self, name: &'static str) -> Result<Option<&'a str>, ImportErrorKind> {
        self.typed(name, "a string", |value| match value {
            AttributeValue::Text(value) => Some(value.as_str()),
            _ => None,
        })
    }

    pub(super) fn ints(&self, name: &'static str) -> Result<Option<&'a [i64]>, ImportErrorKind> {
        self.typed(name, "a list of ints", |value| match value {
            AttributeValue::Ints(values) => Some(values.as_slice()),
            _ => None,
        })
    }

    pub(super) fn floats(&self, name: &'static str) -> Result<Option<&'a [f32]>, ImportErrorKind> {
        self.typed(name, "a list of floats", |value| match value {
            AttributeValue::Floats(values) => Some(values.as_slice()),
            _ => None,
        })
    }

    pub(super) fn tensor(&self, name: &'static str) -> Result<Option<&'a Constant>, ImportErrorKind> {
        self.typed(name, "a tensor", |value| match value {
            AttributeValue::Tensor(value) => Some(value),
            _ => None,
        })
    }

    /// An int that has to be 0 or 1.
    pub(super) fn flag(&self, name: &'static str) -> Result<bool, ImportErrorKind> {
        match self.int(name)?.unwrap_or(0) {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(unsupported(name, other, "0 or 1")),
        }
    }

    /// An int that may only have its default value.
    pub(super) fn only_int(&self, name: &'static str, only: i64) -> Result<(), ImportErrorKind> {
        match self.int(name)? {
            Some(value) if value != only => Err(unsupported(name, value, &only.to_string())),
            _ => Ok(()),
        }
    }

    /// Refuses attributes that were not asked for.
    pub(super) fn finish(self) -> Result<(), ImportErrorKind> {
        let known = self.known.into_inner();
        match self.attributes.0.iter().find(|(name, _)| !known.contains(&name.as_str())) {
            Some((attribute, _)) => {
                Err(OperatorError::UnknownAttribute { attribute: attribute.clone() }.into())
            }
            None => Ok(()),
        }
    }
}

/// An attribute value that the operator has and the importer does not support.
pub(super) fn unsupported(attribute: &str, got: impl ToString, expected: &str) -> ImportErrorKind {
    OperatorError::AttributeValue {
        attribute: attribute.to_owned(),
        got: got.to_string(),
        expected: expected.to_owned(),
    }
    .into()
}

/// The index that an axis, negative from the end, stands for.
pub(super) fn axis_index(axis: i64, rank: usize) -> Option<usize> {
    let rank = i64::try_from(rank).ok()?;
    let index = if axis < 0 { axis.checked_add(rank)? } else { axis };
    if (0..rank).contains(&index) { usize::try_from(index).ok() } else { None }
}

/// The same of a tensor's axes, or a refusal.
pub(super) fn axis_of(axis: i64, shape: &[usize]) -> Result<usize, ImportErrorKind> {
    axis_index(axis, shape.len())
        .ok_or_else(|| unsupported("axis", axis, &format!("an axis of shape {shape:?}")))
}
