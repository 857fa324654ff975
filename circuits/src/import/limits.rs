//! Caps on what a file may ask for, all checked before the memory is taken.

use super::error::{ContainerError, ImportErrorKind};

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

/// The number of elements of a shape within the caps on rank and size, every dimension being positive.
pub(super) fn elements(what: &str, shape: &[usize]) -> Result<usize, ImportErrorKind> {
    if shape.len() > RANK {
        return Err(ContainerError::Rank { what: what.to_owned(), rank: shape.len(), limit: RANK }.into());
    }
    if shape.contains(&0) {
        return Err(ContainerError::EmptyTensor { what: what.to_owned(), shape: shape.to_vec() }.into());
    }
    shape
        .iter()
        .try_fold(1_usize, |product, &dim| product.checked_mul(dim))
        .filter(|&n| n <= ELEMENTS)
        .ok_or_else(|| {
            ContainerError::TooManyElements { what: what.to_owned(), shape: shape.to_vec(), limit: ELEMENTS }
                .into()
        })
}

/// Refuses a shape of more elements than rearranged tensors may have.
pub(super) fn sources(shape: &[usize]) -> Result<(), ImportErrorKind> {
    if elements("the result", shape)? > SOURCES {
        return Err(ContainerError::Rearranged { limit: SOURCES }.into());
    }
    Ok(())
}
