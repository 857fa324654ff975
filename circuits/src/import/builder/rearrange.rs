//! Rearranged tensors, kept to one step: a copy of a copy reads the original.

use std::collections::BTreeMap;

use super::Builder;
use crate::{
    import::{error::ImportErrorKind, limits, value::Activation},
    ir::{Elem, Op, Rearrange, Source, Tensor, TensorId},
};

impl Builder {
    /// The tensor of these sources, one per element of `shape`, which count into `inputs`.
    ///
    /// Copies that copies read are skipped, inputs are numbered in the order of their first use, and what copies all
    /// of one tensor in order is that tensor.
    pub(in crate::import) fn rearrange(
        &mut self,
        name: &str,
        inputs: &[&Activation],
        (elem, shape): (Elem, Vec<usize>),
        sources: impl Iterator<Item = Source>,
    ) -> Result<Activation, ImportErrorKind> {
        let len = limits::elements("the result", &shape)?;
        self.budget.spend_sources(len)?;
        let mut read: Vec<TensorId> = Vec::new();
        let mut numbers: BTreeMap<TensorId, usize> = BTreeMap::new();
        let mut resolved = Vec::with_capacity(len);
        for source in sources.take(len) {
            resolved.push(match self.resolve(inputs, source) {
                Resolved::Constant(value) => Source::Constant(value),
                Resolved::Element(tensor, element) => {
                    let input = *numbers.entry(tensor).or_insert_with(|| {
                        read.push(tensor);
                        read.len() - 1
                    });
                    Source::Element { input, element }
                }
            });
        }
        if let [only] = read.as_slice()
            && self.tensors.get(only.0).is_some_and(|tensor| tensor.len == len)
            && resolved
                .iter()
                .enumerate()
                .all(|(element, source)| *source == Source::Element { input: 0, element })
        {
            return Ok(Activation { tensor: *only, elem, shape });
        }
        let op = Rearrange { sources: resolved };
        let tensors: Vec<&Tensor> = read.iter().filter_map(|tensor| self.tensors.get(tensor.0)).collect();
        let range = op.range(&tensors).unwrap_or((elem.min(), elem.max()));
        let tensor = self.add_node(name.to_owned(), Op::Rearrange(op), read, Tensor { elem, len, range });
        Ok(Activation { tensor, elem, shape })
    }

    /// Where a source is defined: the element that a copy copies.
    fn resolve(&self, inputs: &[&Activation], source: Source) -> Resolved {
        let (input, element) = match source {
            Source::Constant(value) => return Resolved::Constant(value),
            Source::Element { input, element } => (input, element),
        };
        // The callers count into their inputs; a wrong index would be the first element of the first.
        let tensor = inputs.get(input).map_or(TensorId(0), |input| input.tensor);
        let producer = self.producer(tensor);
        let Some((node, Op::Rearrange(copy))) = producer.map(|node| (node, &node.op)) else {
            return Resolved::Element(tensor, element);
        };
        match copy.sources.get(element) {
            Some(&Source::Constant(value)) => Resolved::Constant(value),
            Some(&Source::Element { input, element }) => {
                let original = node.inputs.get(input).copied();
                original.map_or(Resolved::Element(tensor, element), |original| {
                    Resolved::Element(original, element)
                })
            }
            None => Resolved::Element(tensor, element),
        }
    }
}

enum Resolved {
    Constant(i32),
    Element(TensorId, usize),
}
