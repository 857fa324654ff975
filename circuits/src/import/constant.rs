//! Constant tensors: initializers, attribute values and what is folded from them.

use std::rc::Rc;

use super::{
    error::{ImportErrorKind, TensorError},
    limits,
    proto::{TensorProto, data_type},
};
use crate::ir::Elem;

/// The elements of a constant, in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Data {
    Float(Vec<f32>),
    Int8(Vec<i8>),
    Uint8(Vec<u8>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Bool(Vec<bool>),
}

impl Data {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Float(data) => data.len(),
            Self::Int8(data) => data.len(),
            Self::Uint8(data) => data.len(),
            Self::Int32(data) => data.len(),
            Self::Int64(data) => data.len(),
            Self::Bool(data) => data.len(),
        }
    }

    /// The ONNX code of the element type.
    pub(super) fn data_type(&self) -> i32 {
        match self {
            Self::Float(_) => data_type::FLOAT,
            Self::Int8(_) => data_type::INT8,
            Self::Uint8(_) => data_type::UINT8,
            Self::Int32(_) => data_type::INT32,
            Self::Int64(_) => data_type::INT64,
            Self::Bool(_) => data_type::BOOL,
        }
    }

    /// The 8-bit element type, if it is one.
    pub(super) fn elem(&self) -> Option<Elem> {
        match self {
            Self::Int8(_) => Some(Elem::I8),
            Self::Uint8(_) => Some(Elem::U8),
            _ => None,
        }
    }

    /// One element of an integer type that int32 holds.
    pub(super) fn integer(&self, index: usize) -> Option<i32> {
        match self {
            Self::Int8(data) => data.get(index).copied().map(i32::from),
            Self::Uint8(data) => data.get(index).copied().map(i32::from),
            Self::Int32(data) => data.get(index).copied(),
            _ => None,
        }
    }

    /// The elements at `indices`, in that order; indices out of range are left out.
    pub(super) fn select(&self, indices: impl Iterator<Item = usize>) -> Self {
        fn pick<T: Copy>(data: &[T], indices: impl Iterator<Item = usize>) -> Vec<T> {
            indices.filter_map(|index| data.get(index).copied()).collect()
        }
        match self {
            Self::Float(data) => Self::Float(pick(data, indices)),
            Self::Int8(data) => Self::Int8(pick(data, indices)),
            Self::Uint8(data) => Self::Uint8(pick(data, indices)),
            Self::Int32(data) => Self::Int32(pick(data, indices)),
            Self::Int64(data) => Self::Int64(pick(data, indices)),
            Self::Bool(data) => Self::Bool(pick(data, indices)),
        }
    }
}

/// A constant tensor; copies share the elements.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Constant {
    pub(super) shape: Vec<usize>,
    pub(super) data: Rc<Data>,
}

impl Constant {
    /// A tensor whose `data` fills `shape`.
    pub(super) fn new(shape: Vec<usize>, data: Data) -> Self {
        Self { shape, data: Rc::new(data) }
    }

    /// The zero point 0 of an 8-bit type.
    pub(super) fn zero(elem: Elem) -> Self {
        Self::vector(match elem {
            Elem::I8 => Data::Int8(vec![0]),
            Elem::U8 => Data::Uint8(vec![0]),
        })
    }

    /// A vector.
    pub(super) fn vector(data: Data) -> Self {
        Self::new(vec![data.len()], data)
    }

    /// The element type in messages.
    pub(super) fn type_name(&self) -> String {
        data_type::name(self.data.data_type())
    }

    /// Whether it is one element of rank 0 or 1: what onnxruntime takes where it wants a single number.
    pub(super) fn is_single(&self) -> bool {
        matches!(self.shape.as_slice(), [] | [1])
    }

    /// The only element of a float32 tensor of one element.
    pub(super) fn float_scalar(&self) -> Option<f32> {
        match &*self.data {
            Data::Float(data) => match data.as_slice() {
                [value] => Some(*value),
                _ => None,
            },
            _ => None,
        }
    }

    /// The elements of an int64 tensor of rank 0 or 1.
    pub(super) fn int64_list(&self) -> Option<&[i64]> {
        match &*self.data {
            Data::Int64(data) if self.shape.len() <= 1 => Some(data),
            _ => None,
        }
    }

    /// Takes the tensor out of the file, checking type, shape and length.
    pub(super) fn from_proto(tensor: TensorProto, name: &str) -> Result<Self, ImportErrorKind> {
        if tensor.data_location != 0 || !tensor.external_data.is_empty() {
            return Err(ImportErrorKind::Tensor(TensorError::ExternalData { tensor: name.to_owned() }));
        }
        let shape = tensor
            .dims
            .iter()
            .map(|&dim| usize::try_from(dim).map_err(|_| dim))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|dim| {
                ImportErrorKind::Tensor(TensorError::Dimension { tensor: name.to_owned(), dim })
            })?;
        // An empty list of axes is the one tensor without elements that has a use.
        let len = if shape == [0] { 0 } else { limits::elements(&format!("tensor '{name}'"), &shape)? };
        Ok(Self::new(shape, Elements { tensor, name, len }.read()?))
    }
}

/// The element fields of a tensor of `len` elements.
struct Elements<'a> {
    tensor: TensorProto,
    name: &'a str,
    len: usize,
}

impl Elements<'_> {
    fn read(mut self) -> Result<Data, ImportErrorKind> {
        let typed =
            self.tensor.float_data.len() + self.tensor.int32_data.len() + self.tensor.int64_data.len();
        match self.tensor.raw_data.take() {
            Some(_) if typed > 0 => {
                Err(ImportErrorKind::Tensor(TensorError::AmbiguousData { tensor: self.name.to_owned() }))
            }
            Some(raw) => self.raw(raw),
            None => self.typed(),
        }
    }

    fn raw(&self, raw: Vec<u8>) -> Result<Data, ImportErrorKind> {
        match self.tensor.data_type {
            data_type::FLOAT => self.words(&raw, f32::from_le_bytes).map(Data::Float),
            data_type::INT32 => self.words(&raw, i32::from_le_bytes).map(Data::Int32),
            data_type::INT64 => self.words(&raw, i64::from_le_bytes).map(Data::Int64),
            data_type::UINT8 => self.sized(raw, 1).map(Data::Uint8),
            data_type::INT8 => {
                let raw = self.sized(raw, 1)?;
                Ok(Data::Int8(raw.into_iter().map(u8::cast_signed).collect()))
            }
            data_type::BOOL => {
                let raw = self.sized(raw, 1)?;
                Ok(Data::Bool(raw.into_iter().map(|byte| byte != 0).collect()))
            }
            other => Err(self.unsupported(other)),
        }
    }

    fn typed(&self) -> Result<Data, ImportErrorKind> {
        let integers = &self.tensor.int32_data;
        match self.tensor.data_type {
            data_type::FLOAT => self.list(&self.tensor.float_data, |&value| Ok(value)).map(Data::Float),
            data_type::INT64 => self.list(&self.tensor.int64_data, |&value| Ok(value)).map(Data::Int64),
            data_type::INT32 => self.list(integers, |&value| Ok(value)).map(Data::Int32),
            data_type::UINT8 => self
                .list(integers, |&value| u8::try_from(value).map_err(|_| self.out_of_range(value, "uint8")))
                .map(Data::Uint8),
            data_type::INT8 => self
                .list(integers, |&value| i8::try_from(value).map_err(|_| self.out_of_range(value, "int8")))
                .map(Data::Int8),
            data_type::BOOL => self.list(integers, |&value| Ok(value != 0)).map(Data::Bool),
            other => Err(self.unsupported(other)),
        }
    }

    fn sized(&self, raw: Vec<u8>, size: usize) -> Result<Vec<u8>, ImportErrorKind> {
        // `len` is at most limits::ELEMENTS, so the product does not overflow.
        self.check("bytes", self.len * size, raw.len())?;
        Ok(raw)
    }

    fn words<const SIZE: usize, T>(
        &self,
        raw: &[u8],
        word: impl Fn([u8; SIZE]) -> T,
    ) -> Result<Vec<T>, ImportErrorKind> {
        self.check("bytes", self.len * SIZE, raw.len())?;
        let (words, _) = raw.as_chunks::<SIZE>();
        Ok(words.iter().map(|bytes| word(*bytes)).collect())
    }

    fn list<S, T>(
        &self,
        elements: &[S],
        element: impl Fn(&S) -> Result<T, ImportErrorKind>,
    ) -> Result<Vec<T>, ImportErrorKind> {
        self.check("elements", self.len, elements.len())?;
        elements.iter().map(element).collect()
    }

    fn check(&self, unit: &'static str, expected: usize, got: usize) -> Result<(), ImportErrorKind> {
        if expected == got {
            return Ok(());
        }
        Err(ImportErrorKind::Tensor(TensorError::DataLength {
            tensor: self.name.to_owned(),
            unit,
            expected,
            got,
        }))
    }

    fn out_of_range(&self, value: i32, element: &'static str) -> ImportErrorKind {
        ImportErrorKind::Tensor(TensorError::ElementRange {
            tensor: self.name.to_owned(),
            value: i64::from(value),
            element,
        })
    }

    fn unsupported(&self, data_type: i32) -> ImportErrorKind {
        ImportErrorKind::Tensor(TensorError::Type {
            tensor: self.name.to_owned(),
            got: data_type::name(data_type),
            remedy: data_type::remedy(data_type),
        })
    }
}
