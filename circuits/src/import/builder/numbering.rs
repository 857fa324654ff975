//! Canonical order: nodes depth first from the outputs.

use std::mem;

use super::Builder;
use crate::ir::{Model, Output, Tensor, TensorId};

/// Which nodes the outputs depend on, and the new ids of tensors.
pub(super) struct Numbering {
    /// Old node indices, each after those it reads.
    pub(super) order: Vec<usize>,
    reached: Vec<bool>,
    /// Old tensor ids by new id.
    old: Vec<TensorId>,
    /// New ids by old id.
    new: Vec<Option<TensorId>>,
}

impl Numbering {
    pub(super) fn new(builder: &Builder, outputs: &[Output]) -> Self {
        let count = builder.tensors.len();
        let mut numbering =
            Self { order: Vec::new(), reached: vec![false; count], old: Vec::new(), new: vec![None; count] };
        for output in outputs {
            numbering.visit(builder, output.tensor);
        }
        numbering
    }

    /// Lists the nodes that a tensor depends on, each after all it reads, inputs in the node's order.
    fn visit(&mut self, builder: &Builder, tensor: TensorId) {
        // A stack of its own, not the thread's: the depth is the file's choice. Nodes on it wait for their inputs
        // from the given one on.
        let mut waiting: Vec<(usize, usize)> = Vec::new();
        waiting.extend(self.enter(builder, tensor));
        while let Some((node, input)) = waiting.pop() {
            match builder.nodes.get(node).and_then(|node| node.inputs.get(input)) {
                Some(&tensor) => {
                    waiting.push((node, input + 1));
                    waiting.extend(self.enter(builder, tensor));
                }
                None => self.order.push(node),
            }
        }
    }

    /// Marks a tensor; the node that defines it, and its first input, unless the tensor was marked before.
    fn enter(&mut self, builder: &Builder, tensor: TensorId) -> Option<(usize, usize)> {
        if mem::replace(self.reached.get_mut(tensor.0)?, true) {
            return None;
        }
        Some((builder.producers.get(tensor.0).copied().flatten()?, 0))
    }

    pub(super) fn reached(&self, tensor: TensorId) -> bool {
        self.reached.get(tensor.0).copied().unwrap_or(false)
    }

    pub(super) fn assign(&mut self, old: TensorId) {
        if let Some(new) = self.new.get_mut(old.0) {
            *new = Some(TensorId(self.old.len()));
            self.old.push(old);
        }
    }

    pub(super) fn tensors(&self, tensors: &[Tensor]) -> Vec<Tensor> {
        self.old.iter().filter_map(|old| tensors.get(old.0).cloned()).collect()
    }

    pub(super) fn renumber(&self, model: &mut Model) {
        let inputs = model.inputs.iter_mut().map(|input| &mut input.tensor);
        let outputs = model.outputs.iter_mut().map(|output| &mut output.tensor);
        let nodes = model.nodes.iter_mut().flat_map(|node| node.inputs.iter_mut().chain([&mut node.output]));
        for tensor in inputs.chain(outputs).chain(nodes) {
            if let Some(new) = self.new.get(tensor.0).copied().flatten() {
                *tensor = new;
            }
        }
    }
}
