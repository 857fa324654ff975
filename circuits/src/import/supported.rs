//! What an operator family says of an operator it reads: a row of the table of supported operators.

use super::{builder::Builder, call::Call, error::ImportErrorKind, value::Value};

/// In which form of a quantized model an operator appears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Form {
    /// On integers, with scales and zero points as inputs.
    QOperator,
    /// Between DequantizeLinear and QuantizeLinear.
    Qdq,
    /// In either.
    Both,
    /// Only on constants, which are folded.
    Constants,
}

impl Form {
    /// A word for it, for programs and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::QOperator => "QOperator",
            Self::Qdq => "QDQ",
            Self::Both => "both",
            Self::Constants => "constants",
        }
    }
}

/// An operator that [`import`](super::import) accepts.
#[derive(Clone, Copy, Debug)]
pub struct SupportedOp {
    /// Operator name.
    pub op: &'static str,
    /// Operator domain, `ai.onnx` for the default one.
    pub domain: &'static str,
    /// In which form of a quantized model it appears.
    pub form: Form,
    /// Restrictions, and what becomes of it.
    pub notes: &'static str,
    /// First opset of the domain in which onnxruntime takes it.
    pub since: i64,
    pub(super) reader: Reader,
}

/// Reads a node with one output.
pub(super) type ReadOne = fn(&Call<'_>, &mut Builder) -> Result<Value, ImportErrorKind>;
/// Reads a node: one value for each output.
pub(super) type ReadSeveral = fn(&Call<'_>, &mut Builder) -> Result<Vec<Value>, ImportErrorKind>;

/// Reads the nodes of an operator.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reader {
    One(ReadOne),
    Several(ReadSeveral),
}

impl SupportedOp {
    /// An operator of ai.onnx.
    pub(super) const fn onnx(op: &'static str, form: Form, notes: &'static str, read: ReadOne) -> Self {
        Self { op, domain: "ai.onnx", form, notes, since: 1, reader: Reader::One(read) }
    }

    /// An operator of onnxruntime's own domain.
    pub(super) const fn microsoft(op: &'static str, form: Form, notes: &'static str, read: ReadOne) -> Self {
        Self { domain: "com.microsoft", ..Self::onnx(op, form, notes, read) }
    }

    /// The same, from a later opset on.
    pub(super) const fn since(self, since: i64) -> Self {
        Self { since, ..self }
    }

    /// An operator of ai.onnx with several outputs.
    pub(super) const fn several(
        op: &'static str,
        form: Form,
        notes: &'static str,
        read: ReadSeveral,
    ) -> Self {
        Self { op, domain: "ai.onnx", form, notes, since: 1, reader: Reader::Several(read) }
    }

    /// Whether outputs beyond the first have a meaning.
    pub(super) fn has_several_outputs(&self) -> bool {
        matches!(self.reader, Reader::Several(_))
    }
}
