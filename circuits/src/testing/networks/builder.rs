//! Builds convolutional networks layer by layer, with weights from a fixed recurrence.

use crate::ir::{
    Add, ChannelSteps, Convolution, Elem, FullyConnected, Input, MatMul, MaxPool, Model, Multiply, Node, Op,
    Output, Rearrange, Requantize, Source, Table, Tensor, TensorId, Window,
};

/// A stream of numbers.
#[derive(Clone, Debug)]
pub struct Numbers(u64);

impl Numbers {
    /// The stream of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(2).wrapping_add(1))
    }

    /// The next number below a bound.
    ///
    /// # Panics
    /// If the bound is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    /// Any integer of `-128..=127`.
    pub fn int8(&mut self) -> i32 {
        i32::try_from(self.below(256)).expect("a byte") - 128
    }
}

/// How a window slides, per axis `[height, width]`.
#[derive(Clone, Copy, Debug)]
pub struct Slide {
    /// Taps.
    pub kernel: [usize; 2],
    /// Input positions between neighboring outputs.
    pub stride: [usize; 2],
    /// Positions before and after the image.
    pub pad: [usize; 2],
    /// Input positions between neighboring taps.
    pub dilation: [usize; 2],
}

impl Slide {
    /// One tap, every position.
    pub const POINTWISE: Self = Self { kernel: [1, 1], stride: [1, 1], pad: [0, 0], dilation: [1, 1] };
    /// 3 x 3 taps, the output as large as the input.
    pub const SAME: Self = Self { kernel: [3, 3], stride: [1, 1], pad: [1, 1], dilation: [1, 1] };
    /// 3 x 3 taps, every other position.
    pub const STRIDED: Self = Self { stride: [2, 2], ..Self::SAME };

    fn window(self, image: [usize; 2]) -> Window {
        let Self { kernel, stride, pad, dilation } = self;
        let output = [0, 1].map(|axis| {
            (image[axis] + 2 * pad[axis] - (kernel[axis] - 1) * dilation[axis] - 1) / stride[axis] + 1
        });
        Window { input: image, output, kernel, stride, dilation, pad }
    }

    /// The sum over a whole image.
    pub fn global(image: [usize; 2]) -> Self {
        Self { kernel: image, stride: image, pad: [0, 0], dilation: [1, 1] }
    }
}

/// How a layer's accumulators become outputs.
#[derive(Clone, Debug)]
pub struct Scale {
    /// Repeated over the channels.
    pub multipliers: Vec<f32>,
    /// Zero point of the output.
    pub zero_point: i32,
    /// Smallest and largest output.
    pub clamp: (i32, i32),
}

impl Scale {
    fn requantize(&self, channels: usize) -> Requantize {
        Requantize {
            channels: ChannelSteps::Multipliers(
                self.multipliers.iter().copied().cycle().take(channels).collect(),
            ),
            zero_point: self.zero_point,
            lo: self.clamp.0,
            hi: self.clamp.1,
        }
    }
}

/// A network under construction.
#[derive(Clone, Debug)]
pub struct Builder {
    numbers: Numbers,
    /// Largest weight.
    weight: i16,
    model: Model,
    last: (TensorId, usize, [usize; 2]),
}

impl Builder {
    /// A network that reads an int8 image; its weights are `-weight..=weight` without 0.
    pub fn new(seed: u64, weight: i16, channels: usize, image: [usize; 2]) -> Self {
        let len = channels * image[0] * image[1];
        let shape = vec![1, channels, image[0], image[1]];
        let model = Model {
            tensors: vec![Tensor { elem: Elem::I8, len, range: (-128, 127) }],
            nodes: Vec::new(),
            inputs: vec![Input { name: "x".to_owned(), shape, tensor: TensorId(0), quantize: None }],
            outputs: Vec::new(),
        };
        Self { numbers: Numbers::new(seed), weight, model, last: (TensorId(0), channels, image) }
    }

    /// The last layer's output.
    pub fn last(&self) -> TensorId {
        self.last.0
    }

    /// The last layer's channels.
    pub fn channels(&self) -> usize {
        self.last.1
    }

    /// Height and width of the last layer's images.
    pub fn image(&self) -> [usize; 2] {
        self.last.2
    }

    fn weights(&mut self, count: usize) -> Vec<i16> {
        let bound = u64::from(self.weight.unsigned_abs());
        let mut weight = || {
            let size = 1 + i16::try_from(self.numbers.below(bound)).expect("a small weight");
            if self.numbers.below(2) == 0 { size } else { -size }
        };
        (0..count).map(|_| weight()).collect()
    }

    fn bias(&mut self, count: usize) -> Vec<i32> {
        (0..count).map(|_| self.numbers.int8() / 4).collect()
    }

    fn push(&mut self, op: Op, inputs: Vec<TensorId>, channels: usize, image: [usize; 2], range: (i32, i32)) {
        let len = channels * image[0] * image[1];
        self.model.tensors.push(Tensor { elem: Elem::I8, len, range });
        let output = TensorId(self.model.tensors.len() - 1);
        let name = format!("layer {}", self.model.nodes.len());
        self.model.nodes.push(Node { name, op, inputs, output });
        self.last = (output, channels, image);
    }

    /// A convolution.
    ///
    /// # Panics
    /// If the window does not fit the padded image.
    pub fn convolution(&mut self, channels_out: usize, groups: usize, slide: Slide, scale: &Scale) {
        let (input, channels_in, image) = self.last;
        let window = slide.window(image);
        let output = window.output;
        let layer = Convolution {
            channels_in,
            channels_out,
            groups,
            weights: self.weights(channels_out * channels_in / groups * window.taps()),
            window,
            bias: self.bias(channels_out),
            input_zero_point: i32::try_from(self.numbers.below(9)).expect("small") - 4,
            requantize: scale.requantize(channels_out),
        };
        self.push(Op::Convolution(layer), vec![input], channels_out, output, scale.clamp);
    }

    /// A depthwise convolution.
    ///
    /// # Panics
    /// If the window does not fit the padded image.
    pub fn depthwise(&mut self, slide: Slide, scale: &Scale) {
        self.convolution(self.last.1, self.last.1, slide, scale);
    }

    /// The sum over the image, per channel.
    ///
    /// # Panics
    /// Never: the window is the image.
    pub fn pool(&mut self, scale: &Scale) {
        self.depthwise(Slide::global(self.last.2), scale);
    }

    /// The elementwise sum with another tensor, for which the linear form is exact.
    pub fn add(&mut self, other: TensorId, clamp: (i32, i32)) {
        self.add_scaled(other, [0.713_2, 0.415_1], 1.25, clamp);
    }

    /// The elementwise sum with another tensor, both scaled: the last layer's output first.
    pub fn add_scaled(&mut self, other: TensorId, scales: [f32; 2], offset: f32, clamp: (i32, i32)) {
        let (input, channels, image) = self.last;
        let [lhs_scale, rhs_scale] = scales;
        let add = Add { lhs_scale, rhs_scale, offset, lo: clamp.0, hi: clamp.1 };
        self.push(Op::Add(add), vec![input, other], channels, image, clamp);
    }

    /// A function of a byte, applied to every element.
    pub fn table(&mut self) {
        let (input, channels, image) = self.last;
        let entries: Vec<i32> = (0..256).map(|byte: i32| (byte * 7 + 3) % 211 - 100).collect();
        let (least, most) = self.model.tensors[input.0].range;
        let index = |value: i32| usize::try_from(value + 128).expect("an int8");
        let reachable = &entries[index(least)..=index(most)];
        let range = (reachable.iter().min(), reachable.iter().max());
        let range = range.0.copied().zip(range.1.copied()).expect("a tensor has values");
        self.push(Op::Table(Table { entries }), vec![input], channels, image, range);
    }

    /// A max pooling.
    ///
    /// # Panics
    /// If the window does not fit the padded image.
    pub fn max_pool(&mut self, slide: Slide) {
        let (input, channels, image) = self.last;
        let window = slide.window(image);
        let (output, range) = (window.output, self.model.tensors[input.0].range);
        self.push(Op::MaxPool(MaxPool { channels, window }), vec![input], channels, output, range);
    }

    /// The elementwise product with another tensor.
    pub fn multiply(&mut self, other: TensorId, clamp: (i32, i32)) {
        let (input, channels, image) = self.last;
        let (lo, hi) = clamp;
        let by =
            Multiply { lhs_zero_point: 4, rhs_zero_point: -3, multiplier: 0.013_1, zero_point: 2, lo, hi };
        self.push(Op::Multiply(by), vec![input, other], channels, image, clamp);
    }

    /// The matrix product of the last layer's output, seen as `[batch][rows][inner]`, with another tensor, seen as
    /// `[batch][inner][columns]`.
    pub fn mat_mul(&mut self, other: TensorId, [batch, rows, inner, columns]: [usize; 4], scale: &Scale) {
        let input = self.last.0;
        let product = MatMul {
            batch,
            rows,
            inner,
            columns,
            lhs_zero_point: 2,
            rhs_zero_point: -5,
            requantize: scale.requantize(1),
        };
        self.push(Op::MatMul(product), vec![input, other], batch, [rows, columns], scale.clamp);
    }

    /// A fully connected layer over everything.
    pub fn fully_connected(&mut self, outputs: usize, scale: &Scale) {
        let (input, channels, image) = self.last;
        let inputs = channels * image[0] * image[1];
        let layer = FullyConnected {
            inputs,
            outputs,
            weights: self.weights(inputs * outputs),
            bias: self.bias(outputs),
            input_zero_point: -1,
            requantize: scale.requantize(outputs),
        };
        self.push(Op::FullyConnected(layer), vec![input], outputs, [1, 1], scale.clamp);
    }

    /// Other elements in place of the last layer's, as many channels of this size.
    pub fn rearrange(&mut self, channels: usize, image: [usize; 2], source: impl Fn(usize) -> Source) {
        let input = self.last.0;
        let sources: Vec<Source> = (0..channels * image[0] * image[1]).map(source).collect();
        let constants = sources.iter().filter_map(|source| match source {
            Source::Constant(value) => Some((*value, *value)),
            Source::Element { .. } => None,
        });
        let from = self.model.tensors[input.0].range;
        let range = constants.fold(from, |all, one| (all.0.min(one.0), all.1.max(one.1)));
        self.push(Op::Rearrange(Rearrange { sources }), vec![input], channels, image, range);
    }

    /// The channels of an image whose elements lie beside each other, apart.
    pub fn transpose(&mut self) {
        let (_, channels, image) = self.last;
        let len = image[0] * image[1];
        self.rearrange(channels, image, |index| Source::Element {
            input: 0,
            element: index % len * channels + index / len,
        });
    }

    /// Makes the last layer's output one of the model.
    pub fn output(&mut self, name: &str) {
        let (tensor, channels, image) = self.last;
        let shape = vec![1, channels, image[0], image[1]];
        self.model.outputs.push(Output { name: name.to_owned(), shape, tensor, tail: Vec::new() });
    }

    /// The network, the last layer's output added to its outputs.
    pub fn finish(mut self) -> Model {
        self.output("y");
        self.model
    }
}
