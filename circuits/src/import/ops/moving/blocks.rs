//! DepthToSpace and SpaceToDepth.

use crate::import::{
    attributes::unsupported,
    builder::Builder,
    call::Call,
    error::{ImportErrorKind, OperatorError},
    ops::moving::shape::on_integers,
    role::Role,
    value::{Activation, Value},
    views,
};

/// The block size and the four dimensions of an image.
fn blocks(call: &Call<'_>, block: Option<i64>) -> Result<(usize, [usize; 4]), ImportErrorKind> {
    let block = block.ok_or(OperatorError::MissingAttribute { attribute: "blocksize" })?;
    let shape = call.input(0, Role::Input)?.shape();
    let size = usize::try_from(block).ok().filter(|size| (1..=1024).contains(size));
    match (size, shape) {
        (Some(size), &[batch, channels, height, width]) => Ok((size, [batch, channels, height, width])),
        _ => Err(unsupported(
            "blocksize",
            block,
            &format!("1 to 1024, of an image of four dimensions; got {shape:?}"),
        )),
    }
}

/// Reshapes, transposes and reshapes again.
fn regrouped(
    call: &Call<'_>,
    between: [usize; 6],
    order: [usize; 6],
    shape: [usize; 4],
    builder: &mut Builder,
) -> Result<Value, ImportErrorKind> {
    on_integers(call, |x| {
        let grouped = Activation { shape: between.to_vec(), ..x.clone() };
        let moved = views::transposed(&call.node.label.name, &grouped, &order, builder)?;
        Ok(Activation { shape: shape.to_vec(), ..moved })
    })
}

pub(in crate::import) fn depth_to_space(
    call: &Call<'_>,
    builder: &mut Builder,
) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(1, 1)?;
    let attributes = call.node.attributes.reader();
    let (size, [batch, channels, height, width]) = blocks(call, attributes.int("blocksize")?)?;
    let mode = attributes.text("mode")?.unwrap_or("DCR");
    attributes.finish()?;
    let depth = channels / (size * size);
    if depth * size * size != channels {
        return Err(unsupported("blocksize", size, &format!("one whose square divides {channels} channels")));
    }
    let shape = [batch, depth, height * size, width * size];
    match mode {
        "DCR" => {
            regrouped(call, [batch, size, size, depth, height, width], [0, 3, 4, 1, 5, 2], shape, builder)
        }
        "CRD" => {
            regrouped(call, [batch, depth, size, size, height, width], [0, 1, 4, 2, 5, 3], shape, builder)
        }
        other => Err(unsupported("mode", other, "DCR or CRD")),
    }
}

pub(in crate::import) fn space_to_depth(
    call: &Call<'_>,
    builder: &mut Builder,
) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(1, 1)?;
    let attributes = call.node.attributes.reader();
    let (size, [batch, channels, height, width]) = blocks(call, attributes.int("blocksize")?)?;
    attributes.finish()?;
    let (rows, columns) = (height / size, width / size);
    if rows * size != height || columns * size != width {
        return Err(unsupported("blocksize", size, &format!("one that divides {height} and {width}")));
    }
    let shape = [batch, channels * size * size, rows, columns];
    regrouped(call, [batch, channels, rows, size, columns, size], [0, 3, 5, 1, 2, 4], shape, builder)
}
