//! What a model must satisfy for its arithmetic, and every bound derived from it, to mean anything.
//!
//! The importer makes only consistent models. The bounds that a circuit's soundness rests on are derived from
//! the declared ranges, so the planner checks them again rather than trust who built the model.

use super::{Model, Op, Tensor, TensorId};

/// A model that is no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the model is inconsistent: {what}")]
pub struct InconsistentModel {
    what: String,
}

impl Model {
    /// Checks that every tensor is defined once and before it is read, every list has the length its use needs, and
    /// every declared range is that of the definition: the whole type for an input, the clamp for an output of a
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
            require(defined.get(node.input.0) == Some(&true), &name, "reads an undefined tensor")?;
            let Op::FullyConnected(layer) = &node.op;
            let by = &layer.requantize;
            let (read, output) = (self.tensor(node.input), self.define(&mut defined, node.output, &name)?);
            let sizes = (read.len, output.len) == (layer.inputs, layer.outputs);
            require(
                sizes && layer.inputs > 0 && layer.outputs > 0,
                &name,
                "has other sizes than its tensors",
            )?;
            let weights = layer.inputs.checked_mul(layer.outputs) == Some(layer.weights.len());
            let lists = [layer.bias.len(), by.multipliers.len()] == [layer.outputs; 2];
            require(weights && lists, &name, "has lists of the wrong length")?;
            let positive =
                by.multipliers.iter().all(|multiplier| multiplier.is_finite() && *multiplier > 0.0);
            require(positive, &name, "has a multiplier that is not finite and positive")?;
            let clamp = by.lo <= by.hi && output.elem.contains(by.lo) && output.elem.contains(by.hi);
            require(clamp && output.range == (by.lo, by.hi), &name, "has another range than its clamp")?;
        }
        self.outputs.iter().try_for_each(|output| {
            let name = format!("output '{}'", output.name);
            require(defined.get(output.tensor.0) == Some(&true), &name, "is an undefined tensor")?;
            let len = self.tensor(output.tensor).len;
            require(elements(&output.shape) == Some(len), &name, "has another shape than its tensor")
        })
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

fn elements(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1, |len: usize, dim| len.checked_mul(*dim))
}
