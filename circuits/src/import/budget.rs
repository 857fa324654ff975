//! Memory and time that the importer may still take for a file.

use std::{collections::BTreeMap, rc::Rc};

use super::{
    constant::Data,
    error::{ContainerError, ImportErrorKind},
    limits::{SOURCES, TABLES},
};
use crate::ir::Op;

/// Most additions of float32 sums that are followed one by one: a few seconds.
const ADDITIONS: usize = 1 << 31;

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
        self.sources = left.ok_or(ContainerError::Rearranged { limit: SOURCES })?;
        Ok(())
    }

    /// Takes tables, whose number the size of the file does not bound.
    pub(super) fn spend_tables(&mut self, count: usize) -> Result<(), ImportErrorKind> {
        let left = self.tables.checked_sub(count);
        self.tables = left.ok_or(ContainerError::Tables { limit: TABLES })?;
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
        self.repeated = left.ok_or(ContainerError::RepeatedWeights { limit: REPEATED_WEIGHTS })?;
        Ok(())
    }

    /// Takes `count` elements of `size` bytes.
    pub(super) fn spend(&mut self, count: usize, size: usize) -> Result<(), ImportErrorKind> {
        let left = count.checked_mul(size).and_then(|bytes| self.remaining.checked_sub(bytes));
        self.remaining = left.ok_or(ContainerError::Budget { limit: self.limit })?;
        Ok(())
    }
}
