//! How a kernel slides over an image: kernel_shape, strides, dilations, pads and auto_pad.

use super::super::attributes::{AttributeReader, unsupported};
use super::super::error::ImportErrorKind;
use super::super::limits;
use crate::ir::Window;

/// The attributes of a sliding window over one or two spatial dimensions.
pub(super) struct WindowAttributes<'a> {
    kernel: Option<&'a [i64]>,
    strides: Option<&'a [i64]>,
    dilations: Option<&'a [i64]>,
    pads: Option<&'a [i64]>,
    auto_pad: AutoPad,
    ceil_mode: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum AutoPad {
    NotSet,
    Valid,
    SameUpper,
    SameLower,
}

impl<'a> WindowAttributes<'a> {
    /// Reads the attributes that convolutions and pooling share.
    pub(super) fn read(attributes: &AttributeReader<'a>) -> Result<Self, ImportErrorKind> {
        let auto_pad = match attributes.text("auto_pad")?.unwrap_or("NOTSET") {
            "NOTSET" | "" => AutoPad::NotSet,
            "VALID" => AutoPad::Valid,
            "SAME_UPPER" => AutoPad::SameUpper,
            "SAME_LOWER" => AutoPad::SameLower,
            other => return Err(unsupported("auto_pad", other, "NOTSET, VALID, SAME_UPPER or SAME_LOWER")),
        };
        Ok(Self {
            kernel: attributes.ints("kernel_shape")?,
            strides: attributes.ints("strides")?,
            dilations: attributes.ints("dilations")?,
            pads: attributes.ints("pads")?,
            auto_pad,
            ceil_mode: false,
        })
    }

    /// The same with ceil_mode, which pooling has.
    pub(super) fn read_pooling(attributes: &AttributeReader<'a>) -> Result<Self, ImportErrorKind> {
        Ok(Self { ceil_mode: attributes.flag("ceil_mode")?, ..Self::read(attributes)? })
    }

    /// Checks kernel_shape, if it is given, against the kernel of the weights.
    pub(super) fn expect_kernel(&self, kernel: &[usize]) -> Result<(), ImportErrorKind> {
        let fits = |given: &[i64]| {
            given.iter().map(|&size| usize::try_from(size).ok()).eq(kernel.iter().map(|&size| Some(size)))
        };
        match self.kernel {
            Some(given) if !fits(given) => Err(unsupported(
                "kernel_shape",
                format!("{given:?}"),
                &format!("{kernel:?}, that of the weights"),
            )),
            _ => Ok(()),
        }
    }

    /// The kernel_shape of pooling over `rank` spatial dimensions.
    pub(super) fn kernel(&self, rank: usize) -> Result<Vec<usize>, ImportErrorKind> {
        if self.kernel.is_none() {
            return Err(ImportErrorKind::MissingAttribute { attribute: "kernel_shape" });
        }
        sizes("kernel_shape", self.kernel, rank)
    }

    /// The window over an image of one or two dimensions; one is the height of an image of width 1.
    pub(super) fn window(&self, image: &[usize], kernel: &[usize]) -> Result<Window, ImportErrorKind> {
        let rank = image.len();
        let strides = sizes("strides", self.strides, rank)?;
        let dilations = sizes("dilations", self.dilations, rank)?;
        let pads = self.pads(rank)?;
        let mut window = Window {
            input: [1; 2],
            output: [1; 2],
            kernel: [1; 2],
            stride: [1; 2],
            dilation: [1; 2],
            pad: [0; 2],
        };
        for axis in 0..rank.min(2) {
            let at = |list: &[usize]| list.get(axis).copied().unwrap_or(1);
            let (input, kernel) = (at(image), at(kernel));
            let (stride, dilation) = (at(&strides), at(&dilations));
            // Below 2^26 times below 2^26.
            let extent = (kernel - 1) * dilation + 1;
            if dilation > 1 && matches!(self.auto_pad, AutoPad::SameUpper | AutoPad::SameLower) {
                let expected =
                    "1 with auto_pad SAME_UPPER or SAME_LOWER, as in onnxruntime: write the pads out";
                return Err(unsupported("dilations", dilation, expected));
            }
            let (before, after) = match self.auto_pad {
                AutoPad::NotSet => {
                    pads.get(axis).copied().zip(pads.get(rank + axis).copied()).unwrap_or_default()
                }
                AutoPad::Valid => (0, 0),
                AutoPad::SameUpper | AutoPad::SameLower => {
                    let reach = (input.div_ceil(stride) - 1) * stride + extent;
                    // onnxruntime's padding is negative there: it leaves out the border of the image.
                    if reach + 1 < input {
                        let expected = "at most the kernel plus 1 with auto_pad SAME_UPPER or SAME_LOWER: put a Slice in front";
                        return Err(unsupported("strides", stride, expected));
                    }
                    let total = reach.saturating_sub(input);
                    let smaller = total / 2;
                    if self.auto_pad == AutoPad::SameUpper {
                        (smaller, total - smaller)
                    } else {
                        (total - smaller, smaller)
                    }
                }
            };
            let room = (before + input + after).checked_sub(extent).ok_or_else(|| ImportErrorKind::Shape {
                role: "image",
                got: image.to_vec(),
                expected: format!("{extent} positions or more along spatial axis {axis}, padding included, for the kernel"),
            })?;
            let mut output = room / stride + 1;
            if self.ceil_mode && !room.is_multiple_of(stride) && output * stride < input + before {
                // One more window, unless it would start behind the image.
                output += 1;
            }
            window.input[axis] = input;
            window.output[axis] = output;
            window.kernel[axis] = kernel;
            window.stride[axis] = stride;
            window.dilation[axis] = dilation;
            window.pad[axis] = before;
        }
        limits::elements("the result", &window.output)?;
        Ok(window)
    }

    /// Before and after each spatial dimension.
    fn pads(&self, rank: usize) -> Result<Vec<usize>, ImportErrorKind> {
        let Some(pads) = self.pads else { return Ok(vec![0; 2 * rank]) };
        let parsed: Option<Vec<usize>> = pads.iter().map(|&pad| small(pad)).collect();
        parsed.filter(|parsed| parsed.len() == 2 * rank).ok_or_else(|| {
            unsupported(
                "pads",
                format!("{pads:?}"),
                &format!("{} numbers from 0 to {}", 2 * rank, limits::ELEMENTS),
            )
        })
    }
}

fn small(value: i64) -> Option<usize> {
    usize::try_from(value).ok().filter(|&value| value <= limits::ELEMENTS)
}

/// A list of one positive number per spatial dimension, 1 unless given.
fn sizes(name: &'static str, given: Option<&[i64]>, rank: usize) -> Result<Vec<usize>, ImportErrorKind> {
    let Some(given) = given else { return Ok(vec![1; rank]) };
    let parsed: Option<Vec<usize>> = given.iter().map(|&size| small(size).filter(|&size| size > 0)).collect();
    parsed.filter(|parsed| parsed.len() == rank).ok_or_else(|| {
        unsupported(name, format!("{given:?}"), &format!("{rank} numbers from 1 to {}", limits::ELEMENTS))
    })
}

/// Batch 1, channels and the one or two spatial dimensions of an image.
pub(super) fn image(shape: &[usize]) -> Result<(usize, &[usize]), ImportErrorKind> {
    match shape {
        [1, channels, spatial @ ..] if (1..=2).contains(&spatial.len()) => Ok((*channels, spatial)),
        _ => Err(ImportErrorKind::Shape {
            role: "input",
            got: shape.to_vec(),
            expected: "[1, channels, height, width] or [1, channels, length]: export the model with a batch of 1 or an open one, and make a proof for each image".to_owned(),
        }),
    }
}

/// The shape of an image of these channels after a window over `rank` spatial dimensions.
pub(super) fn result_shape(
    channels: usize,
    window: &Window,
    rank: usize,
) -> Result<Vec<usize>, ImportErrorKind> {
    let shape: Vec<usize> = [1, channels].into_iter().chain(window.output.into_iter().take(rank)).collect();
    limits::elements("the result", &shape)?;
    Ok(shape)
}
