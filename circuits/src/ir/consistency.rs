//! What a model must satisfy for its arithmetic, and every bound derived from it, to mean anything.
//!
//! The importer makes only consistent models. The bounds that a circuit's soundness rests on are derived from
//! the declared ranges, so the planner checks them again rather than trust who built the model.

mod operators;

use super::{Elem, Model, Node, Op, Tail, Tensor, TensorId};

/// A model that is no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the model is inconsistent: {what}")]
pub struct InconsistentModel {
    what: String,
}

impl Model {
    /// Checks that every tensor is defined once and before it is read, every list has the length its use needs,
    /// every window stays within 32-bit positions, and every declared range is that of the definition: the whole
    /// type for an input; the clamp, the reachable table entries, or the union of what is copied for an output of a
    /// node.
    ///
    /// # Errors
    /// Names the first violation.
    pub fn check_consistency(&self) -> Result<(), InconsistentModel> {
        let mut defined = vec![false; self.tensors.len()];
        for input in &self.inputs {
            let name = format!("input '{}'", input.name);
            let tensor = self.define(&mut defined, input.tensor, &name)?;
            require(
                tensor.range == (tensor.elem.min(), tensor.elem.max()),
                &name,
                "has a range below its type's",
            )?;
            require(elements(&input.shape) == Some(tensor.len), &name, "has another shape than its tensor")?;
        }
        for node in &self.nodes {
            let name = format!("node '{}'", node.name);
            self.check_node(node, &mut defined)
                .map_err(|violation| InconsistentModel { what: format!("{name} {violation}") })?;
        }
        self.outputs.iter().try_for_each(|output| {
            let name = format!("output '{}'", output.name);
            require(defined.get(output.tensor.0) == Some(&true), &name, "is an undefined tensor")?;
            let is_index = output.tail.contains(&Tail::Index);
            let elem = self.tensor(output.tensor).elem;
            let is_table = |(position, operator): (usize, &Tail)| match operator {
                Tail::Table { elem: of, values, .. } => position == 0 && *of == elem && values.len() == 256,
                _ => true,
            };
            require(
                output.tail.iter().enumerate().all(is_table),
                &name,
                "has a table of another type or length, or behind other operators",
            )?;
            let fits = !is_index || (elem == Elem::U8 && output.tail.len() == 1);
            require(fits, &name, "has indices that are not uint8, or operators behind them")?;
            let len = self.tensor(output.tensor).len;
            require(elements(&output.shape) == Some(len), &name, "has another shape than its tensor")
        })
    }

    fn check_node(&self, node: &Node, defined: &mut [bool]) -> Result<(), &'static str> {
        for input in &node.inputs {
            holds(defined.get(input.0) == Some(&true), "reads an undefined tensor")?;
        }
        let inputs: Vec<&Tensor> = node.inputs.iter().map(|input| self.tensor(*input)).collect();
        let is_new = defined.get_mut(node.output.0).is_some_and(|defined| !std::mem::replace(defined, true));
        holds(is_new, "defines a tensor that does not exist or is defined already")?;
        let output = self.tensor(node.output);
        holds(output.len > 0, "has an output without elements")?;
        match (&node.op, inputs.as_slice()) {
            (Op::FullyConnected(layer), [x]) => layer.check(x, output),
            (Op::Convolution(layer), [x]) => layer.check(x, output),
            (Op::MatMul(product), [lhs, rhs]) => product.check(lhs, rhs, output),
            (Op::Add(add), [lhs, rhs]) => add.check(lhs, rhs, output),
            (Op::Multiply(multiply), [lhs, rhs]) => multiply.check(lhs, rhs, output),
            (Op::Table(table), [x]) => table.check(x, output),
            (Op::MaxPool(pool), [x]) => pool.check(x, output),
            (Op::Maximum, [lhs, rhs]) => operators::check_maximum(lhs, rhs, output),
            (Op::Rearrange(rearrange), inputs) => rearrange.check(inputs, output),
            _ => Err("reads another number of tensors than its operator"),
        }
    }

    fn define(&self, defined: &mut [bool], id: TensorId, by: &str) -> Result<&Tensor, InconsistentModel> {
        let is_new = defined.get_mut(id.0).is_some_and(|defined| !std::mem::replace(defined, true));
        require(is_new, by, "defines a tensor that does not exist or is defined already")?;
        Ok(self.tensor(id))
    }
}

fn require(holds: bool, what: &str, otherwise: &str) -> Result<(), InconsistentModel> {
    if holds { Ok(()) } else { Err(InconsistentModel { what: format!("{what} {otherwise}") }) }
}

fn holds(holds: bool, otherwise: &'static str) -> Result<(), &'static str> {
    if holds { Ok(()) } else { Err(otherwise) }
}

fn elements(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1, |len: usize, dim| len.checked_mul(*dim))
}

#[cfg(test)]
mod tests;
