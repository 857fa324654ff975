//! Resize by nearest neighbors: every output element is one input element.

use crate::import::{
    attributes::{AttributeReader, axis_index, unsupported},
    builder::Builder,
    call::Call,
    constant::Data,
    error::{ImportErrorKind, OperatorError},
    limits,
    ops::moving::shape::on_integers,
    role::Role,
    value::Value,
    views::{Coordinates, picked},
};

/// From a position in the result to one in the source, in float32.
#[derive(Clone, Copy)]
enum Transformation {
    HalfPixel,
    PytorchHalfPixel,
    AlignCorners,
    Asymmetric,
    TfHalfPixel,
}

/// From a position between two elements to one of them.
#[derive(Clone, Copy)]
enum Rounding {
    PreferFloor,
    PreferCeil,
    Floor,
    Ceil,
    /// Opset 10: the floor, and the ceiling when the axis shrinks.
    Simple,
}

/// How one axis is resized.
#[derive(Clone, Copy)]
struct Axis {
    from: usize,
    to: usize,
    scale: f32,
}

const NEAREST: &str =
    "nearest, since the others interpolate: it is another function, so train the model with it";

pub(in crate::import) fn resize(call: &Call<'_>, builder: &mut Builder) -> Result<Value, ImportErrorKind> {
    let old = call.node.opset < 11;
    call.expect_inputs(if old { 2 } else { 1 }, if old { 2 } else { 4 })?;
    let attributes = call.node.attributes.reader();
    let transformation = transformation(&attributes, old)?;
    let rounding = rounding(&attributes, old)?;
    attributes.only_int("antialias", 0)?;
    attributes.only_int("exclude_outside", 0)?;
    // Both only concern other modes.
    attributes.float("cubic_coeff_a")?;
    attributes.float("extrapolation_value")?;
    match attributes.text("keep_aspect_ratio_policy")?.unwrap_or("stretch") {
        "stretch" => {}
        other => return Err(unsupported("keep_aspect_ratio_policy", other, "stretch")),
    }
    let named = attributes.ints("axes")?;
    attributes.finish()?;
    let shape = call.input(0, Role::Input)?.shape().to_vec();
    let mut axes = resized_axes(call, &shape, named, old)?;
    // onnxruntime copies a tensor whose size stays, whatever the scales.
    if axes.iter().all(|axis| axis.from == axis.to) {
        axes.iter_mut().for_each(|axis| axis.scale = 1.0);
    }
    let sizes: Vec<usize> = axes.iter().map(|axis| axis.to).collect();
    limits::sources(&sizes)?;
    let coordinates: Vec<Coordinates> =
        axes.iter().map(|axis| axis.coordinates(transformation, rounding)).collect();
    on_integers(call, |x| picked(&call.node.label.name, x, &coordinates, 0, builder))
}

fn transformation(attributes: &AttributeReader<'_>, old: bool) -> Result<Transformation, ImportErrorKind> {
    Ok(match attributes.text("coordinate_transformation_mode")? {
        None if old => Transformation::Asymmetric,
        None | Some("half_pixel") => Transformation::HalfPixel,
        Some("pytorch_half_pixel") => Transformation::PytorchHalfPixel,
        Some("align_corners") => Transformation::AlignCorners,
        Some("asymmetric") => Transformation::Asymmetric,
        Some("tf_half_pixel_for_nn") => Transformation::TfHalfPixel,
        Some(other) => {
            let expected =
                "half_pixel, pytorch_half_pixel, align_corners, asymmetric or tf_half_pixel_for_nn";
            return Err(unsupported("coordinate_transformation_mode", other, expected));
        }
    })
}

/// Also checks that the mode is the one which rounds.
fn rounding(attributes: &AttributeReader<'_>, old: bool) -> Result<Rounding, ImportErrorKind> {
    match attributes.text("mode")?.unwrap_or("nearest") {
        "nearest" => {}
        other => return Err(unsupported("mode", other, NEAREST)),
    }
    Ok(match attributes.text("nearest_mode")? {
        None if old => Rounding::Simple,
        None | Some("round_prefer_floor") => Rounding::PreferFloor,
        Some("round_prefer_ceil") => Rounding::PreferCeil,
        Some("floor") => Rounding::Floor,
        Some("ceil") => Rounding::Ceil,
        Some(other) => {
            return Err(unsupported(
                "nearest_mode",
                other,
                "round_prefer_floor, round_prefer_ceil, floor or ceil",
            ));
        }
    })
}

/// The axes of the input with their new sizes, from scales or sizes.
fn resized_axes(
    call: &Call<'_>,
    shape: &[usize],
    named: Option<&[i64]>,
    old: bool,
) -> Result<Vec<Axis>, ImportErrorKind> {
    let mut axes: Vec<Axis> = shape.iter().map(|&size| Axis { from: size, to: size, scale: 1.0 }).collect();
    let order: Vec<usize> = match named {
        None => (0..shape.len()).collect(),
        Some(named) => {
            named.iter().map(|&axis| axis_index(axis, shape.len())).collect::<Option<_>>().ok_or_else(
                || unsupported("axes", format!("{named:?}"), &format!("axes of shape {shape:?}")),
            )?
        }
    };
    if call.node.opset == 11 || call.node.opset == 12 {
        for (index, role) in [(1, Role::Roi), (2, Role::Scales)] {
            if call.node.inputs.get(index).copied().flatten().is_none() {
                return Err(OperatorError::MissingResizeInput { index, role: role.text() }.into());
            }
        }
    }
    let scales =
        call.optional_constant(if old { 1 } else { 2 }, Role::Scales)?.filter(|scales| scales.data.len() > 0);
    let refuse = |what: &str| {
        OperatorError::Shape {
            role: "input of Resize",
            got: shape.to_vec(),
            expected: format!("{} {what}, each leaving an element", order.len()),
        }
        .into()
    };
    if let Some(scales) = scales {
        if call.optional_constant(3, Role::Sizes)?.is_some_and(|sizes| sizes.data.len() > 0) {
            let expected =
                "an empty one beside scales: leave one of the two empty, as onnxruntime takes only one";
            return Err(unsupported("sizes", "given", expected));
        }
        let Data::Float(scales) = &*scales.data else { return Err(refuse("float32 scales")) };
        if scales.len() != order.len() {
            return Err(refuse("float32 scales"));
        }
        for (&axis, &scale) in order.iter().zip(scales) {
            let Some(axis) = axes.get_mut(axis) else { continue };
            let to = axis.from as f32 * scale;
            if !(scale.is_finite() && scale > 0.0 && (1.0..=limits::SOURCES as f32).contains(&to)) {
                return Err(refuse("float32 scales"));
            }
            *axis = Axis { to: to as usize, scale, ..*axis };
        }
        return Ok(axes);
    }
    let sizes = call.int64_list(3, Role::Sizes)?;
    if sizes.len() != order.len() {
        return Err(refuse("sizes"));
    }
    for (&axis, &size) in order.iter().zip(sizes) {
        let Some(axis) = axes.get_mut(axis) else { continue };
        let to = usize::try_from(size).ok().filter(|size| (1..=limits::SOURCES).contains(size));
        let to = to.ok_or_else(|| refuse("sizes"))?;
        *axis = Axis { to, scale: to as f32 / axis.from as f32, ..*axis };
    }
    Ok(axes)
}

/// How far from the middle between two elements onnxruntime still takes a coordinate for the middle.
const TIE: f32 = 1e-6;

impl Axis {
    fn coordinates(self, transformation: Transformation, rounding: Rounding) -> Coordinates {
        let Self { from, to, scale } = self;
        if scale == 1.0 {
            return (0..to).map(|position| Some(position.min(from - 1))).collect();
        }
        let last = (from - 1) as f32;
        let original = |x: f32| match transformation {
            Transformation::PytorchHalfPixel if to == 1 => 0.0,
            Transformation::AlignCorners if to == 1 => 0.0,
            Transformation::HalfPixel | Transformation::PytorchHalfPixel => (x + 0.5) / scale - 0.5,
            Transformation::AlignCorners => x * last / (to - 1) as f32,
            Transformation::Asymmetric => x / scale,
            Transformation::TfHalfPixel => (x + 0.5) / scale,
        };
        let is_tie = |x: f32| (x - x.floor() - 0.5).abs() < TIE;
        let nearest = |x: f32| match rounding {
            Rounding::PreferFloor if is_tie(x) => x.floor(),
            Rounding::PreferCeil if is_tie(x) => x.ceil(),
            Rounding::PreferFloor | Rounding::PreferCeil => x.round(),
            Rounding::Floor => x.floor(),
            Rounding::Simple if scale < 1.0 => x.ceil(),
            Rounding::Simple => x.trunc(),
            Rounding::Ceil => x.ceil(),
        };
        // Positions are below 2^21, which float32 holds.
        (0..to).map(|position| Some(nearest(original(position as f32)).clamp(0.0, last) as usize)).collect()
    }
}
