//! What a file says of values: graph outputs and values in the middle.

use std::collections::BTreeMap;

use super::ValueIndex;
use crate::import::{
    limits,
    proto::{Dimension, TensorShapeProto, ValueInfoProto},
};

/// What a file says of a value.
#[derive(Clone, Debug, Default)]
pub(in crate::import) struct Declared {
    /// The code of the element type; 0 where the file says nothing.
    pub(in crate::import) data_type: i32,
    /// The shape where all dimensions are known, an open batch being 1. It serves to go on behind what is refused: nothing
    /// that is imported depends on it.
    pub(in crate::import) shape: Option<Vec<usize>>,
}

/// By value index; entries about no value do no harm, later ones win.
pub(super) fn of<'a>(
    index: &BTreeMap<String, ValueIndex>,
    values: usize,
    entries: impl Iterator<Item = &'a ValueInfoProto>,
) -> Vec<Declared> {
    let mut declared = vec![Declared::default(); values];
    for entry in entries {
        let tensor = entry.r#type.as_ref().and_then(|value_type| value_type.tensor_type.as_ref());
        let slot = index.get(&entry.name).and_then(|&value| declared.get_mut(value));
        if let (Some(tensor), Some(slot)) = (tensor, slot) {
            let shape = tensor.shape.as_ref().and_then(known);
            *slot = Declared { data_type: tensor.elem_type, shape: shape.or(slot.shape.take()) };
        }
    }
    declared
}

/// The shape, if it is one of a possible tensor.
fn known(shape: &TensorShapeProto) -> Option<Vec<usize>> {
    let size = |(axis, dimension): (usize, &crate::import::proto::DimensionProto)| match dimension.value {
        Some(Dimension::Value(size)) if size > 0 => usize::try_from(size).ok(),
        _ => (axis == 0).then_some(1),
    };
    let shape: Vec<usize> = shape.dim.iter().enumerate().map(size).collect::<Option<_>>()?;
    limits::elements("a value", &shape).is_ok().then_some(shape)
}
