//! Bounds of the public tensors a verifying key names.
//!
//! A key file may come from anybody, and everything shown about a proof is laid out by its tensors: their names,
//! shapes and trailing operators.

use super::ArtifactError;
use crate::interface::{Elem, Interface, LANES_PER_INSTANCE, Port, Quantization, Tail};

/// Most inputs and outputs together.
pub const MAX_PORTS: usize = 1024;
/// Most dimensions of a tensor.
const MAX_RANK: usize = 6;
/// Longest name, in bytes.
pub const MAX_NAME_BYTES: usize = 1024;
/// Most operators behind an output.
const MAX_TAIL: usize = 8;
/// Most operators that a table behind an output stands for, and most bytes of the name of one.
const MAX_TABLE_NAMES: (usize, usize) = (16, 64);
/// Most elements of all tensors together.
const MAX_ELEMENTS: usize = 1 << 24;

/// Refuses public tensors that no model has.
pub(super) fn check(interface: &Interface) -> Result<(), ArtifactError> {
    let got = interface.inputs.len().saturating_add(interface.outputs.len());
    if got > MAX_PORTS {
        return Err(ArtifactError::Ports { limit: MAX_PORTS, got });
    }
    let mut elements = 0usize;
    for (index, port) in interface.ports().enumerate() {
        let wrong = |reason| ArtifactError::Port { index, reason };
        let len = check_port(port).map_err(wrong)?;
        elements = elements
            .checked_add(len)
            .filter(|sum| *sum <= MAX_ELEMENTS)
            .ok_or(wrong("with it, the public tensors have more than 2^24 elements"))?;
    }
    Ok(())
}

/// The number of elements of a possible tensor, or why it is none.
fn check_port(port: &Port) -> Result<usize, &'static str> {
    if port.name.len() > MAX_NAME_BYTES {
        return Err("its name has more than 1024 bytes");
    }
    if port.name.chars().any(char::is_control) {
        return Err("its name has control characters");
    }
    if port.shape.len() > MAX_RANK {
        return Err("it has more than 6 dimensions");
    }
    let len = port
        .shape
        .iter()
        .try_fold(1usize, |len, dimension| len.checked_mul(*dimension))
        .filter(|len| (1..=MAX_ELEMENTS).contains(len))
        .ok_or("it has no elements or more than 2^24")?;
    if !(1..=LANES_PER_INSTANCE).contains(&usize::from(port.bytes_per_instance)) {
        return Err("it packs no elements or more than 31 into a public input");
    }
    if port.tail.len() > MAX_TAIL {
        return Err("more than 8 operators follow it");
    }
    if !port.quantize.is_none_or(|quantization| is_quantization(quantization, port.elem)) {
        return Err("its scale or zero point is out of range");
    }
    for (position, operator) in port.tail.iter().enumerate() {
        match operator {
            Tail::Table { elem, values, operators } => {
                if position > 0 || *elem != port.elem || values.len() != 256 {
                    return Err("the table behind it is not one of its integers");
                }
                if values.iter().any(|value| !value.is_finite()) {
                    return Err("the table behind it has values that are not finite");
                }
                let is_name =
                    |name: &String| name.len() <= MAX_TABLE_NAMES.1 && !name.contains(char::is_control);
                if operators.len() > MAX_TABLE_NAMES.0 || !operators.iter().all(is_name) {
                    return Err("the names of the operators behind it are none");
                }
            }
            Tail::Dequantize(quantization) if !is_quantization(*quantization, port.elem) => {
                return Err("a scale or zero point behind it is out of range");
            }
            Tail::QuantizedSoftmax { from, to, elem, .. }
                if *elem != port.elem || [from, to].iter().any(|by| !is_quantization(**by, *elem)) =>
            {
                return Err("a scale or zero point behind it is out of range");
            }
            Tail::Index if port.elem != Elem::U8 || port.tail.len() > 1 => {
                return Err("indices are no last integers of type uint8");
            }
            Tail::Softmax { len: normalized }
            | Tail::LogSoftmax { len: normalized }
            | Tail::QuantizedSoftmax { len: normalized, .. }
                if len.checked_rem(*normalized) != Some(0) =>
            {
                return Err("the length of its Softmax does not divide its elements");
            }
            _ => {}
        }
    }
    Ok(len)
}

fn is_quantization(Quantization { scale, zero_point }: Quantization, elem: Elem) -> bool {
    let range = match elem {
        Elem::I8 => -128..=127,
        Elem::U8 => 0..=255,
    };
    scale.is_finite() && scale > 0.0 && range.contains(&zero_point)
}
