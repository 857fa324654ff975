//! One node with the values it reads.

use super::{
    constant::Constant,
    error::{GraphError, ImportErrorKind, OperatorError},
    graph::{Graph, Node},
    remedy,
    role::Role,
    value::{Activation, Value},
};

/// One node with the values it reads.
pub(super) struct Call<'a> {
    pub(super) graph: &'a Graph,
    pub(super) node: &'a Node,
    /// By value index; those that the node reads are present.
    pub(super) values: &'a [Option<Value>],
}

impl<'a> Call<'a> {
    /// Checks the number of inputs.
    pub(super) fn expect_inputs(&self, min: usize, max: usize) -> Result<(), ImportErrorKind> {
        let got = self.node.inputs.len();
        if min <= got && got <= max {
            return Ok(());
        }
        Err(OperatorError::InputCount { got, min, max }.into())
    }

    /// An input that may be left out.
    pub(super) fn optional(&self, index: usize) -> Result<Option<&'a Value>, ImportErrorKind> {
        let Some(value) = self.node.inputs.get(index).copied().flatten() else { return Ok(None) };
        let found = self.values.get(value).and_then(Option::as_ref);
        let uses = self.graph.uses.get(value).copied().unwrap_or(0);
        match found {
            Some(Value::Linear { .. } | Value::Waiting { .. }) if uses > 1 => {
                Err(OperatorError::FloatFanOut { name: self.name(index), uses }.into())
            }
            Some(found) => Ok(Some(found)),
            None => Err(GraphError::Undefined { name: self.name(index) }.into()),
        }
    }

    /// An input that has to be there.
    pub(super) fn input(&self, index: usize, role: Role) -> Result<&'a Value, ImportErrorKind> {
        self.optional(index)?.ok_or(OperatorError::MissingInput { index, role: role.text() }.into())
    }

    /// A constant input that may be left out.
    pub(super) fn optional_constant(
        &self,
        index: usize,
        role: Role,
    ) -> Result<Option<&'a Constant>, ImportErrorKind> {
        match self.optional(index)? {
            None => Ok(None),
            Some(Value::Constant(constant)) => Ok(Some(constant)),
            Some(other) => Err(OperatorError::NotConstant {
                role: role.text(),
                name: self.name(index),
                found: other.describe(),
            }
            .into()),
        }
    }

    /// A constant input that has to be there.
    pub(super) fn constant(&self, index: usize, role: Role) -> Result<&'a Constant, ImportErrorKind> {
        self.optional_constant(index, role)?
            .ok_or(OperatorError::MissingInput { index, role: role.text() }.into())
    }

    /// An 8-bit activation.
    pub(super) fn activation(&self, index: usize, role: Role) -> Result<&'a Activation, ImportErrorKind> {
        match self.input(index, role)? {
            Value::Quantized(activation) => Ok(activation),
            other => Err(self.wrong_form(index, role, other, "an 8-bit activation")),
        }
    }

    /// Checks that the zero points at these positions are given.
    pub(super) fn expect_zero_points(&self, indices: &[usize]) -> Result<(), ImportErrorKind> {
        let is_missing = |index: &usize| self.node.inputs.get(*index).copied().flatten().is_none();
        match indices.iter().copied().find(is_missing) {
            Some(index) => Err(OperatorError::MissingZeroPoint { index }.into()),
            None => Ok(()),
        }
    }

    /// Refuses integers as input 0 before the opset in which the operator takes them.
    pub(super) fn expect_integers_known_since(&self, opset: i64, role: Role) -> Result<(), ImportErrorKind> {
        if self.node.opset >= opset || !matches!(self.input(0, role)?, Value::Quantized(_)) {
            return Ok(());
        }
        Err(OperatorError::ElementType {
            role: role.text(),
            got: format!("an integer tensor in opset {}", self.node.opset),
            expected: format!(
                "float32, or integers from opset {opset} on: convert the model with \
                 onnx.version_converter.convert_version"
            ),
        }
        .into())
    }

    /// How many nodes and graph outputs read the first output.
    pub(super) fn output_uses(&self) -> usize {
        let output = self.node.outputs.first().copied().flatten();
        output.and_then(|output| self.graph.uses.get(output)).copied().unwrap_or(0)
    }

    /// The name of an input.
    pub(super) fn name(&self, index: usize) -> String {
        let value = self.node.inputs.get(index).copied().flatten();
        value.map(|value| self.graph.name(value)).unwrap_or_default().to_owned()
    }

    pub(super) fn wrong_form(
        &self,
        index: usize,
        role: Role,
        found: &Value,
        expected: &'static str,
    ) -> ImportErrorKind {
        let name = self.name(index);
        match found {
            Value::Tail { .. } => OperatorError::SoftmaxInside { role: role.text(), name }.into(),
            _ => {
                let remedy = remedy::of_input(role, found, &self.node.op);
                OperatorError::InputForm {
                    role: role.text(),
                    name,
                    found: found.describe(),
                    expected,
                    remedy,
                }
                .into()
            }
        }
    }

    /// A constant int64 list, or a scalar as a list of one.
    pub(super) fn int64_list(&self, index: usize, role: Role) -> Result<&'a [i64], ImportErrorKind> {
        let constant = self.constant(index, role)?;
        constant.int64_list().ok_or_else(|| {
            OperatorError::ElementType {
                role: role.text(),
                got: format!("{} of shape {:?}", constant.type_name(), constant.shape),
                expected: "a list of int64".to_owned(),
            }
            .into()
        })
    }
}
