//! Caps on what a file may ask for, all checked before the memory is taken.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::constant::Data;
use super::error::ImportErrorKind;
use crate::ir::Op;

/// Largest file, in bytes.
pub(super) const FILE_BYTES: usize = 64 << 20;
/// Most operators in a graph.
pub(super) const NODES: usize = 16_384;
/// Most initializers in a graph, and most tensors in attributes.
pub(super) const TENSORS: usize = 32_768;
/// Most graph inputs and most graph outputs, initializers that old files list as inputs included.
pub(super) const GRAPH_VALUES: usize = 32_768;
/// Most inputs and outputs of all nodes together.
pub(super) const NODE_VALUES: usize = 131_072;
/// Most attributes of all nodes together.
pub(super) const ATTRIBUTES: usize = 65_536;
/// Most opset imports.
pub(super) const OPSET_IMPORTS: usize = 256;
/// Most dimensions of all shapes together.
pub(super) const DIMENSIONS: usize = 131_072;
/// Most dimensions of all shapes in value_info together, which only help to go on behind what is refused.
pub(super) const DECLARED_DIMENSIONS: usize = 1 << 19;
/// Most elements of all int64 lists (attributes and typed tensor data) together: shapes and axes, never weights.
pub(super) const INT64_ELEMENTS: usize = 1 << 20;
/// Most opaque entries (external data, model-local functions, subgraphs), all of which are refused later by name.
pub(super) const OPAQUE_ENTRIES: usize = 4_096;
/// Highest rank of a tensor.
pub(super) const RANK: usize = 6;
/// Most elements of one tensor.
pub(super) const ELEMENTS: usize = 1 << 26;

/// Most elements of all rearranged tensors together: 24 bytes each.
pub(super) const SOURCES: usize = 1 << 21;

/// Most tables of 256 entries: 2 KiB each while their functions are known up to an error.
pub(super) const TABLES: usize = 1 << 12;

/// Most additions of float32 sums that are followed one by one: a few seconds.
const ADDITIONS: usize = 1 << 31;

/// The number of elements of a shape within the caps on rank and size, every dimension being positive.
pub(super) fn elements(what: &str, shape: &[usize]) -> Result<usize, ImportErrorKind> {
    if shape.len() > RANK {
        return Err(ImportErrorKind::Rank { what: what.to_owned(), rank: shape.len(), limit: RANK });
    }
    if shape.contains(&0) {
        return Err(ImportErrorKind::EmptyTensor { what: what.to_owned(), shape: shape.to_vec() });
    }
    shape
        .iter()
        .try_fold(1_usize, |product, &dim| product.checked_mul(dim))
        .filter(|&n| n <= ELEMENTS)
        .ok_or_else(|| ImportErrorKind::TooManyElements {
            what: what.to_owned(),
            shape: shape.to_vec(),
            limit: ELEMENTS,
        })
}

/// Refuses a shape of more elements than rearranged tensors may have.
pub(super) fn sources(shape: &[usize]) -> Result<(), ImportErrorKind> {
    if elements("the result", shape)? > SOURCES {
        return Err(ImportErrorKind::Rearranged { limit: SOURCES });
    }
    Ok(())
}

/// Bytes of the copies that are made of weights beyond the first layer of each: more than planning takes.
const REPEATED_WEIGHTS: usize = 64 << 20;

/// Memory that the importer may still take for tensors it computes: folded constants and centered weights.
///
/// Weights are paid for once. Further layers that read them, as in an unrolled recurrence, have an allowance of their own,
/// which the size of the file does not raise.
#[derive(Debug)]
pub(super) struct Budget {
    remaining: usize,
    limit: usize,
    sources: usize,
    tables: usize,
    additions: usize,
    repeated: usize,
    /// Weights that were paid for, by their address, which they keep: how many copies.
    expanded: BTreeMap<usize, (Rc<Data>, usize)>,
}

impl Budget {
    /// Sixteen times the file, and a mebibyte for small ones.
    pub(super) fn for_file(file_bytes: usize) -> Self {
        let limit = file_bytes.saturating_mul(16).saturating_add(1 << 20);
        Self {
            remaining: limit,
            limit,
            sources: SOURCES,
            tables: TABLES,
            additions: ADDITIONS,
            repeated: REPEATED_WEIGHTS,
            expanded: BTreeMap::new(),
        }
    }

    /// Takes another copy of an operator.
    pub(super) fn spend_on(&mut self, op: &Op) -> Result<(), ImportErrorKind> {
        let channel = size_of::<i32>() + size_of::<f32>();
        match op {
            Op::FullyConnected(layer) => {
                self.spend(layer.weights.len(), size_of::<i16>())?;
                self.spend(layer.outputs, channel)
            }
            Op::Convolution(layer) => {
                self.spend(layer.weights.len(), size_of::<i16>())?;
                self.spend(layer.channels_out, channel)
            }
            Op::Table(_) => self.spend_tables(1),
            Op::Rearrange(rearrange) => self.spend_sources(rearrange.sources.len()),
            Op::MatMul(_) | Op::Add(_) | Op::Multiply(_) | Op::MaxPool(_) | Op::Maximum => Ok(()),
        }
    }

    /// Takes the elements of a rearranged tensor, whose number the size of the file does not bound.
    pub(super) fn spend_sources(&mut self, count: usize) -> Result<(), ImportErrorKind> {
        let left = self.sources.checked_sub(count);
        self.sources = left.ok_or(ImportErrorKind::Rearranged { limit: SOURCES })?;
        Ok(())
    }

    /// Takes tables, whose number the size of the file does not bound.
    pub(super) fn spend_tables(&mut self, count: usize) -> Result<(), ImportErrorKind> {
        let left = self.tables.checked_sub(count);
        self.tables = left.ok_or(ImportErrorKind::Tables { limit: TABLES })?;
        Ok(())
    }

    /// Takes additions of float32 sums that are followed one by one; `false` where too few are left.
    pub(super) fn spend_additions(&mut self, count: usize) -> bool {
        match self.additions.checked_sub(count) {
            Some(left) => {
                self.additions = left;
                true
            }
            None => false,
        }
    }

    /// Takes a copy of weights: the first two, centered and in a layer, as other constants.
    pub(super) fn spend_on_weights(&mut self, weights: &Rc<Data>) -> Result<(), ImportErrorKind> {
        let address = Rc::as_ptr(weights).addr();
        let (_, copies) = self.expanded.entry(address).or_insert_with(|| (weights.clone(), 0));
        if *copies < 2 {
            *copies += 1;
            return self.spend(weights.len(), size_of::<i16>());
        }
        let left =
            weights.len().checked_mul(size_of::<i16>()).and_then(|bytes| self.repeated.checked_sub(bytes));
        self.repeated = left.ok_or(ImportErrorKind::RepeatedWeights { limit: REPEATED_WEIGHTS })?;
        Ok(())
    }

    /// Takes `count` elements of `size` bytes.
    pub(super) fn spend(&mut self, count: usize, size: usize) -> Result<(), ImportErrorKind> {
        let left = count.checked_mul(size).and_then(|bytes| self.remaining.checked_sub(bytes));
        self.remaining = left.ok_or(ImportErrorKind::Budget { limit: self.limit })?;
        Ok(())
    }
}
