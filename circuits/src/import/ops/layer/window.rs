//! How a kernel slides over an image: kernel_shape, strides, dilations, pads and auto_pad.

use crate::{
    import::{
        attributes::{AttributeReader, unsupported},
        builder::Builder,
        error::{ImportErrorKind, OperatorError},
        limits,
        value::Activation,
        views::{Coordinates, picked},
    },
    ir::Window,
};

/// The attributes of a sliding window over one or two spatial dimensions.
pub(in crate::import) struct WindowAttributes<'a> {
    kernel: Option<&'a [i64]>,
    strides: Option<&'a [i64]>,
    dilations: Option<&'a [i64]>,
    pads: Option<&'a [i64]>,
    auto_pad: AutoPad,
    ceil_mode: bool,
    slider: Slider,
}

/// What slides.
#[derive(Clone, Copy, PartialEq)]
enum Slider {
    Convolution,
    MaxPool,
    AveragePool,
}

#[derive(Clone, Copy, PartialEq)]
enum AutoPad {
    NotSet,
    Valid,
    SameUpper,
    SameLower,
}

/// Where the first window along an axis starts.
#[derive(Clone, Copy)]
enum Head {
    /// That many positions in front of the image.
    Pad(usize),
    /// Behind that many positions of the image, which no window reads.
    Skip(usize),
}

impl Head {
    /// Whether a window that starts so far behind the first one starts in front of the end of the image.
    fn is_inside(self, start: usize, input: usize) -> bool {
        match self {
            Self::Pad(before) => start < before + input,
            Self::Skip(skip) => start + skip < input,
        }
    }
}

/// A window and the first positions of the image, `[rows, columns]`, that it leaves out. Its input is what remains.
pub(in crate::import) struct Placement {
    skip: [usize; 2],
    /// Whether windows that auto_pad places reach less than the image: negative padding.
    pub(in crate::import) falls_short: bool,
    pub(in crate::import) window: Window,
}

impl Placement {
    /// The image `[1, channels, spatial..]` without the positions that are left out.
    pub(in crate::import) fn crop(
        &self,
        name: &str,
        image: &Activation,
        builder: &mut Builder,
    ) -> Result<Activation, ImportErrorKind> {
        if self.skip == [0, 0] {
            return Ok(image.clone());
        }
        let skipped = [0, 0].into_iter().chain(self.skip);
        let axes: Vec<Coordinates> =
            image.shape.iter().zip(skipped).map(|(&size, skip)| (skip..size).map(Some).collect()).collect();
        picked(name, image, &axes, 0, builder)
    }
}

impl<'a> WindowAttributes<'a> {
    /// The attributes of a convolution.
    pub(in crate::import) fn of_convolution(
        attributes: &AttributeReader<'a>,
    ) -> Result<Self, ImportErrorKind> {
        Self::read(attributes, Slider::Convolution)
    }

    /// The attributes of MaxPool.
    pub(in crate::import) fn of_max_pool(attributes: &AttributeReader<'a>) -> Result<Self, ImportErrorKind> {
        Self::read(attributes, Slider::MaxPool)
    }

    /// The attributes of an average.
    pub(in crate::import) fn of_average(attributes: &AttributeReader<'a>) -> Result<Self, ImportErrorKind> {
        Self::read(attributes, Slider::AveragePool)
    }

    fn read(attributes: &AttributeReader<'a>, slider: Slider) -> Result<Self, ImportErrorKind> {
        let auto_pad = match attributes.text("auto_pad")?.unwrap_or("NOTSET") {
            "NOTSET" | "" => AutoPad::NotSet,
            "VALID" => AutoPad::Valid,
            "SAME_UPPER" => AutoPad::SameUpper,
            "SAME_LOWER" => AutoPad::SameLower,
            other => return Err(unsupported("auto_pad", other, "NOTSET, VALID, SAME_UPPER or SAME_LOWER")),
        };
        let pads = attributes.ints("pads")?;
        if let (Some(pads), Slider::Convolution) = (pads, slider)
            && auto_pad != AutoPad::NotSet
        {
            let expected = "none beside auto_pad, which onnxruntime refuses: remove one of the two";
            return Err(unsupported("pads", format!("{pads:?}"), expected));
        }
        Ok(Self {
            kernel: attributes.ints("kernel_shape")?,
            strides: attributes.ints("strides")?,
            // onnxruntime's averages do not know the attribute, not even with its default.
            dilations: if slider == Slider::AveragePool { None } else { attributes.ints("dilations")? },
            pads,
            auto_pad,
            ceil_mode: slider != Slider::Convolution && attributes.flag("ceil_mode")?,
            slider,
        })
    }

    /// Checks kernel_shape, if it is given, against the kernel of the weights.
    pub(in crate::import) fn expect_kernel(&self, kernel: &[usize]) -> Result<(), ImportErrorKind> {
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
    pub(in crate::import) fn kernel(&self, rank: usize) -> Result<Vec<usize>, ImportErrorKind> {
        if self.kernel.is_none() {
            return Err(OperatorError::MissingAttribute { attribute: "kernel_shape" }.into());
        }
        sizes("kernel_shape", self.kernel, rank)
    }

    /// The window over an image of one or two dimensions; one is the height of an image of width 1.
    pub(in crate::import) fn place(
        &self,
        image: &[usize],
        kernel: &[usize],
    ) -> Result<Placement, ImportErrorKind> {
        let rank = image.len();
        let strides = sizes("strides", self.strides, rank)?;
        let dilations = sizes("dilations", self.dilations, rank)?;
        let pads = self.pads(rank)?;
        if self.slider != Slider::Convolution
            && pads.iter().zip(kernel.iter().cycle()).any(|(pad, size)| pad >= size)
        {
            let expected = format!("each below the kernel {kernel:?}, as in onnxruntime");
            return Err(unsupported("pads", format!("{pads:?}"), &expected));
        }
        let mut window = Window {
            input: [1; 2],
            output: [1; 2],
            kernel: [1; 2],
            stride: [1; 2],
            dilation: [1; 2],
            pad: [0; 2],
        };
        let (mut skip, mut falls_short) = ([0; 2], false);
        for axis in 0..rank.min(2) {
            let at = |list: &[usize]| list.get(axis).copied().unwrap_or(1);
            let (input, kernel) = (at(image), at(kernel));
            let (stride, dilation) = (at(&strides), at(&dilations));
            // Below 2^26 times below 2^26.
            let extent = (kernel - 1) * dilation + 1;
            let (head, length) = if self.auto_pad.is_same() {
                if dilation > 1 && self.slider == Slider::Convolution {
                    let expected = "1 with auto_pad SAME_UPPER or SAME_LOWER, as in onnxruntime's convolutions: write the pads out";
                    return Err(unsupported("dilations", dilation, expected));
                }
                self.auto_pad.same(input, stride, kernel, self.slider)
            } else {
                let pads = pads.get(axis).copied().zip(pads.get(rank + axis).copied());
                let (before, after) = pads.filter(|_| self.auto_pad == AutoPad::NotSet).unwrap_or_default();
                (Head::Pad(before), before + input + after)
            };
            let room = length.checked_sub(extent).ok_or_else(|| OperatorError::Shape {
                role: "image",
                got: image.to_vec(),
                expected: format!(
                    "{extent} positions or more along spatial axis {axis}, padding included, for the kernel"
                ),
            })?;
            let mut output = room / stride + 1;
            // One more window, unless it would start behind the image.
            if self.ceil_mode && !room.is_multiple_of(stride) && head.is_inside(output * stride, input) {
                output += 1;
            }
            (window.pad[axis], skip[axis]) = match head {
                Head::Pad(pad) => (pad, 0),
                Head::Skip(skip) => (0, skip),
            };
            falls_short |= length < input;
            window.input[axis] = input - skip[axis];
            window.output[axis] = output;
            window.kernel[axis] = kernel;
            window.stride[axis] = stride;
            window.dilation[axis] = dilation;
        }
        limits::elements("the result", &window.output)?;
        Ok(Placement { skip, falls_short, window })
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

impl AutoPad {
    fn is_same(self) -> bool {
        matches!(self, Self::SameUpper | Self::SameLower)
    }

    /// Where the first window starts, and how many positions `ceil(input / stride)` windows of the kernel reach, its dilation
    /// left aside as onnxruntime does. Half of what they reach beyond the image is padding at its start, rounded up (lower) or
    /// down (upper). Of what they do not reach, onnxruntime leaves out half at the start, rounded down: of all of it (pooling,
    /// upper), of one position less (pooling, lower; convolutions, upper) or of two less (convolutions, lower): so it answers
    /// for every image and stride up to 60.
    fn same(self, input: usize, stride: usize, kernel: usize, slider: Slider) -> (Head, usize) {
        // Below 2^26 windows of a stride below 2^26.
        let reach = (input.div_ceil(stride) - 1) * stride + kernel;
        let lower = usize::from(self == Self::SameLower);
        let head = match reach.checked_sub(input) {
            Some(missing) => Head::Pad((missing + lower) / 2),
            None => {
                let kept = lower + usize::from(slider == Slider::Convolution);
                Head::Skip((input - reach).saturating_sub(kept) / 2)
            }
        };
        (head, reach)
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
pub(in crate::import) fn image(shape: &[usize]) -> Result<(usize, &[usize]), ImportErrorKind> {
    match shape {
        [1, channels, spatial @ ..] if (1..=2).contains(&spatial.len()) => Ok((*channels, spatial)),
        _ => Err(OperatorError::Shape {
            role: "input",
            got: shape.to_vec(),
            expected: format!(
                "[1, channels, height, width] or [1, channels, length]: {}",
                image_remedy(shape)
            ),
        }
        .into()),
    }
}

fn image_remedy(shape: &[usize]) -> &'static str {
    match shape {
        [1, _, _, _, _, ..] => {
            "volumes are not supported, use 2-D operators with the depth among the channels"
        }
        _ => "export the model with a batch of 1 or an open one, and make a proof for each image",
    }
}

/// The shape of an image of these channels after a window over `rank` spatial dimensions.
pub(in crate::import) fn result_shape(
    channels: usize,
    window: &Window,
    rank: usize,
) -> Result<Vec<usize>, ImportErrorKind> {
    let shape: Vec<usize> = [1, channels].into_iter().chain(window.output.into_iter().take(rank)).collect();
    limits::elements("the result", &shape)?;
    Ok(shape)
}
