//! A pass over the wire format that bounds what decoding it will allocate.
//!
//! An empty message takes two bytes in the file and some hundred in memory, so the size of the file alone
//! bounds nothing. This pass counts, without allocating, every message, string and list element that the
//! decoder would make, and refuses the file when a count passes its cap.

use super::{
    error::{ContainerError, ImportErrorKind},
    limits,
};

/// Refuses bytes that are not a protobuf message or whose decoding would allocate without bound.
pub(super) fn check(bytes: &[u8]) -> Result<(), ImportErrorKind> {
    if bytes.len() > limits::FILE_BYTES {
        return Err(ContainerError::FileSize { bytes: bytes.len(), limit: limits::FILE_BYTES }.into());
    }
    Counts::default().message(Message::Model, bytes)
}

/// The message kinds of [`super::proto`].
#[derive(Clone, Copy)]
enum Message {
    Model,
    Opset,
    Graph,
    Node,
    Attribute,
    Tensor,
    ValueInfo,
    Type,
    TensorType,
    Shape,
    Dimension,
    Declared,
    DeclaredType,
    DeclaredTensorType,
    DeclaredShape,
}

/// What a field of a message is for the decoder.
enum Field {
    Message(Message, Counter),
    /// A singular message.
    Single(Message),
    /// A string or byte string of a list.
    Item(Counter),
    /// An int64 list, packed or one by one.
    Integers(Counter),
    /// Anything else: its memory is at most a few times its bytes.
    Plain,
}

#[derive(Clone, Copy)]
enum Counter {
    Opsets,
    Nodes,
    NodeValues,
    Attributes,
    Tensors,
    GraphValues,
    DeclaredValues,
    Dimensions,
    DeclaredDimensions,
    Integers,
    Opaque,
}

impl Counter {
    const COUNT: usize = 11;

    fn describe(self) -> (&'static str, usize) {
        match self {
            Self::Opsets => ("opset imports", limits::OPSET_IMPORTS),
            Self::Nodes => ("nodes", limits::NODES),
            Self::NodeValues => ("node inputs and outputs", limits::NODE_VALUES),
            Self::Attributes => ("attributes", limits::ATTRIBUTES),
            Self::Tensors => ("initializers and tensor attributes", limits::TENSORS),
            Self::GraphValues => ("graph inputs and outputs", limits::GRAPH_VALUES),
            Self::DeclaredValues => ("entries of value_info", limits::NODE_VALUES),
            Self::Dimensions => ("dimensions", limits::DIMENSIONS),
            Self::DeclaredDimensions => ("dimensions in value_info", limits::DECLARED_DIMENSIONS),
            Self::Integers => ("int64 elements", limits::INT64_ELEMENTS),
            Self::Opaque => ("subgraphs, functions and external data entries", limits::OPAQUE_ENTRIES),
        }
    }
}

fn field(message: Message, number: u64) -> Field {
    match (message, number) {
        (Message::Model, 7) => Field::Single(Message::Graph),
        (Message::Model, 8) => Field::Message(Message::Opset, Counter::Opsets),
        (Message::Graph, 1) => Field::Message(Message::Node, Counter::Nodes),
        (Message::Graph, 5) => Field::Message(Message::Tensor, Counter::Tensors),
        (Message::Graph, 11 | 12) => Field::Message(Message::ValueInfo, Counter::GraphValues),
        (Message::Graph, 13) => Field::Message(Message::Declared, Counter::DeclaredValues),
        (Message::Node, 1 | 2) => Field::Item(Counter::NodeValues),
        (Message::Node, 5) => Field::Message(Message::Attribute, Counter::Attributes),
        (Message::Attribute, 5) => Field::Message(Message::Tensor, Counter::Tensors),
        (Message::Attribute, 8) | (Message::Tensor, 7) => Field::Integers(Counter::Integers),
        (Message::Tensor, 1) => Field::Integers(Counter::Dimensions),
        (Message::Model, 25) | (Message::Attribute, 11) | (Message::Tensor, 13) => {
            Field::Item(Counter::Opaque)
        }
        (Message::ValueInfo, 2) => Field::Single(Message::Type),
        (Message::Type, 1) => Field::Single(Message::TensorType),
        (Message::TensorType, 2) => Field::Single(Message::Shape),
        (Message::Shape, 1) => Field::Message(Message::Dimension, Counter::Dimensions),
        (Message::Declared, 2) => Field::Single(Message::DeclaredType),
        (Message::DeclaredType, 1) => Field::Single(Message::DeclaredTensorType),
        (Message::DeclaredTensorType, 2) => Field::Single(Message::DeclaredShape),
        (Message::DeclaredShape, 1) => Field::Message(Message::Dimension, Counter::DeclaredDimensions),
        _ => Field::Plain,
    }
}

#[derive(Default)]
struct Counts([usize; Counter::COUNT]);

impl Counts {
    fn add(&mut self, counter: Counter, count: usize) -> Result<(), ImportErrorKind> {
        let (what, limit) = counter.describe();
        let Some(total) = self.0.get_mut(counter as usize) else {
            return Ok(());
        };
        *total = total.saturating_add(count);
        if *total > limit {
            return Err(ContainerError::TooMany { what, count: *total, limit }.into());
        }
        Ok(())
    }

    /// Recursion is as deep as the message kinds nest, which is fixed.
    fn message(&mut self, message: Message, bytes: &[u8]) -> Result<(), ImportErrorKind> {
        let mut reader = Reader { bytes };
        while !reader.bytes.is_empty() {
            let (number, payload) = reader.field()?;
            match (field(message, number), payload) {
                (Field::Message(child, counter), Payload::Bytes(content)) => {
                    self.add(counter, 1)?;
                    self.message(child, content)?;
                }
                (Field::Single(child), Payload::Bytes(content)) => self.message(child, content)?,
                (Field::Item(counter), Payload::Bytes(_)) | (Field::Integers(counter), Payload::Scalar) => {
                    self.add(counter, 1)?;
                }
                (Field::Integers(counter), Payload::Bytes(packed)) => {
                    // The last byte of a varint, and no other, is below 128.
                    self.add(counter, packed.iter().filter(|&&byte| byte < 0x80).count())?;
                }
                (Field::Plain, _) | (_, Payload::Scalar) => {}
            }
        }
        Ok(())
    }
}

enum Payload<'a> {
    Scalar,
    Bytes(&'a [u8]),
}

struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: u64) -> Result<&'a [u8], ImportErrorKind> {
        let (taken, rest) = usize::try_from(count)
            .ok()
            .and_then(|count| self.bytes.split_at_checked(count))
            .ok_or_else(|| malformed("a field runs past the end of its message; the file is truncated"))?;
        self.bytes = rest;
        Ok(taken)
    }

    fn varint(&mut self) -> Result<u64, ImportErrorKind> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) =
                self.bytes.split_first().ok_or_else(|| malformed("the file is truncated within a number"))?;
            self.bytes = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(malformed("a number is longer than ten bytes"))
    }

    fn field(&mut self) -> Result<(u64, Payload<'a>), ImportErrorKind> {
        let key = self.varint()?;
        let payload = match key & 7 {
            0 => self.varint().map(|_| Payload::Scalar)?,
            1 => self.take(8).map(|_| Payload::Scalar)?,
            2 => {
                let length = self.varint()?;
                Payload::Bytes(self.take(length)?)
            }
            5 => self.take(4).map(|_| Payload::Scalar)?,
            wire_type => return Err(malformed(&format!("wire type {wire_type}"))),
        };
        Ok((key >> 3, payload))
    }
}

fn malformed(reason: &str) -> ImportErrorKind {
    ContainerError::Malformed { reason: reason.to_owned() }.into()
}
