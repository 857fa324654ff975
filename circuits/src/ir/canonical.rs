//! Canonical bytes of a model and the model id.
//!
//! Every field that decides what is computed or how callers address it is written in a fixed order, integers
//! little-endian, every list and string preceded by its length, every variant by a tag: two models have the
//! same bytes exactly when they are the same function with the same interface. Node names are left out.

use sha2::{Digest, Sha256};

use super::{
    Add, ChannelSteps, Convolution, Elem, FullyConnected, Input, MatMul, MaxPool, Model, ModelId, Multiply,
    Op, Output, Quantization, Requantize, Source, Tail, Tensor, Window,
};

const DOMAIN: &[u8] = b"lemma-model-v2";

impl Model {
    /// The canonical encoding, see the module documentation.
    pub fn canonical_bytes(&self) -> Vec<u8> {
        let mut out = Encoder(DOMAIN.to_vec());
        out.list(&self.tensors, Encoder::tensor);
        out.list(&self.nodes, |out, node| {
            out.list(&node.inputs, |out, input| out.len(input.0));
            out.len(node.output.0);
            out.op(&node.op);
        });
        out.list(&self.inputs, Encoder::input);
        out.list(&self.outputs, Encoder::output);
        out.0
    }

    /// The model's identity.
    pub fn id(&self) -> ModelId {
        ModelId(Sha256::digest(self.canonical_bytes()).into())
    }
}

#[cfg(test)]
mod tests;

struct Encoder(Vec<u8>);

impl Encoder {
    fn tag(&mut self, tag: u8) {
        self.0.push(tag);
    }

    fn len(&mut self, len: usize) {
        self.0.extend((len as u64).to_le_bytes());
    }

    fn int(&mut self, value: i32) {
        self.0.extend(value.to_le_bytes());
    }

    fn float(&mut self, value: f32) {
        self.0.extend(value.to_bits().to_le_bytes());
    }

    fn list<T>(&mut self, items: &[T], mut item: impl FnMut(&mut Self, &T)) {
        self.len(items.len());
        for each in items {
            item(self, each);
        }
    }

    fn string(&mut self, text: &str) {
        self.list(text.as_bytes(), |out, byte| out.tag(*byte));
    }

    fn shape(&mut self, shape: &[usize]) {
        self.list(shape, |out, dim| out.len(*dim));
    }

    fn elem(&mut self, elem: Elem) {
        self.tag(match elem {
            Elem::I8 => 0,
            Elem::U8 => 1,
        });
    }

    fn tensor(&mut self, tensor: &Tensor) {
        self.elem(tensor.elem);
        self.len(tensor.len);
        self.int(tensor.range.0);
        self.int(tensor.range.1);
    }

    fn quantization(&mut self, quantization: &Quantization) {
        self.float(quantization.scale);
        self.int(quantization.zero_point);
    }

    fn requantize(&mut self, requantize: &Requantize) {
        match &requantize.channels {
            ChannelSteps::Multipliers(multipliers) => {
                self.list(multipliers, |out, multiplier| out.float(*multiplier));
            }
            ChannelSteps::Thresholds(channels) => {
                // In the place of a length, which no list has.
                self.0.extend(u64::MAX.to_le_bytes());
                self.list(channels, |out, thresholds| {
                    out.list(thresholds, |out, threshold| out.0.extend(threshold.to_le_bytes()));
                });
            }
        }
        self.int(requantize.zero_point);
        self.int(requantize.lo);
        self.int(requantize.hi);
    }

    fn op(&mut self, op: &Op) {
        match op {
            Op::FullyConnected(layer) => {
                self.tag(0);
                self.fully_connected(layer);
            }
            Op::Convolution(layer) => {
                self.tag(1);
                self.convolution(layer);
            }
            Op::Add(add) => {
                self.tag(2);
                self.add(add);
            }
            Op::Multiply(multiply) => {
                self.tag(3);
                self.multiply(multiply);
            }
            Op::Table(table) => {
                self.tag(4);
                self.list(&table.entries, |out, entry| out.int(*entry));
            }
            Op::MaxPool(pool) => {
                self.tag(5);
                self.max_pool(pool);
            }
            Op::Maximum => self.tag(7),
            Op::MatMul(product) => {
                self.tag(9);
                self.mat_mul(product);
            }
            Op::Rearrange(rearrange) => {
                self.tag(6);
                self.list(&rearrange.sources, |out, source| out.source(*source));
            }
        }
    }

    fn window(&mut self, window: &Window) {
        let Window { input, output, kernel, stride, dilation, pad } = window;
        for pair in [input, output, kernel, stride, dilation, pad] {
            self.len(pair[0]);
            self.len(pair[1]);
        }
    }

    fn convolution(&mut self, layer: &Convolution) {
        self.len(layer.channels_in);
        self.len(layer.channels_out);
        self.len(layer.groups);
        self.window(&layer.window);
        self.list(&layer.weights, |out, weight| out.0.extend(weight.to_le_bytes()));
        self.list(&layer.bias, |out, bias| out.int(*bias));
        self.int(layer.input_zero_point);
        self.requantize(&layer.requantize);
    }

    fn mat_mul(&mut self, product: &MatMul) {
        for size in [product.batch, product.rows, product.inner, product.columns] {
            self.len(size);
        }
        self.int(product.lhs_zero_point);
        self.int(product.rhs_zero_point);
        self.requantize(&product.requantize);
    }

    fn add(&mut self, add: &Add) {
        self.float(add.lhs_scale);
        self.float(add.rhs_scale);
        self.float(add.offset);
        self.int(add.lo);
        self.int(add.hi);
    }

    fn multiply(&mut self, multiply: &Multiply) {
        self.int(multiply.lhs_zero_point);
        self.int(multiply.rhs_zero_point);
        self.float(multiply.multiplier);
        self.int(multiply.zero_point);
        self.int(multiply.lo);
        self.int(multiply.hi);
    }

    fn max_pool(&mut self, pool: &MaxPool) {
        self.len(pool.channels);
        self.window(&pool.window);
    }

    fn source(&mut self, source: Source) {
        match source {
            Source::Element { input, element } => {
                self.tag(0);
                self.len(input);
                self.len(element);
            }
            Source::Constant(value) => {
                self.tag(1);
                self.int(value);
            }
        }
    }

    fn fully_connected(&mut self, layer: &FullyConnected) {
        self.len(layer.inputs);
        self.len(layer.outputs);
        self.list(&layer.weights, |out, weight| out.0.extend(weight.to_le_bytes()));
        self.list(&layer.bias, |out, bias| out.int(*bias));
        self.int(layer.input_zero_point);
        self.requantize(&layer.requantize);
    }

    fn input(&mut self, input: &Input) {
        self.string(&input.name);
        self.shape(&input.shape);
        self.len(input.tensor.0);
        match &input.quantize {
            None => self.tag(0),
            Some(quantization) => {
                self.tag(1);
                self.quantization(quantization);
            }
        }
    }

    fn output(&mut self, output: &Output) {
        self.string(&output.name);
        self.shape(&output.shape);
        self.len(output.tensor.0);
        self.list(&output.tail, |out, tail| match tail {
            Tail::Dequantize(quantization) => {
                out.tag(0);
                out.quantization(quantization);
            }
            Tail::Softmax { len } => {
                out.tag(1);
                out.len(*len);
            }
            Tail::Index => out.tag(3),
            Tail::LogSoftmax { len } => {
                out.tag(4);
                out.len(*len);
            }
            // The names are for people: the values say what is computed.
            Tail::Table { elem, values, operators: _ } => {
                out.tag(5);
                out.elem(*elem);
                out.list(values, |out, value| out.float(*value));
            }
            Tail::QuantizedSoftmax { from, len, to, elem } => {
                out.tag(2);
                out.quantization(from);
                out.len(*len);
                out.quantization(to);
                out.elem(*elem);
            }
        });
    }
}
