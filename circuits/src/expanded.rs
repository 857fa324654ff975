//! The network that a circuit is laid out for: the model in terms of operators that have equations.
//!
//! An output with constant elements is stored as a copy: only cells can be compared with the statement.
//!
//! A product of tensors is one of bytes, requantized. The factors of a matrix product are copied.
//!
//! Max pooling is separable: the maximum along each axis, tap by tap, each an elementwise maximum of two
//! rearranged views. A tap in the padding is replaced by one inside the image, which changes no maximum.

use std::collections::HashSet;

use typed_index_collections::TiVec;

use crate::{
    index::NodeId,
    ir::{
        self, AccumulatorRange, Add, BoundsError, Convolution, Elem, FullyConnected, MatMul, MaxPool, Model,
        Multiply, Rearrange, Source, Table, Tensor, TensorId, within_int32,
    },
};

/// What a node of an expanded network computes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Op {
    /// [`ir::Op::FullyConnected`].
    FullyConnected(FullyConnected),
    /// [`ir::Op::Convolution`].
    Convolution(Convolution),
    /// [`ir::Op::MatMul`] of two copies that nothing else reads.
    MatMul(MatMul),
    /// [`ir::Op::Add`].
    Add(Add),
    /// The requantization of a [`Op::Product`], which it reads, and after it both factors.
    Multiply(Multiply),
    /// [`ir::Op::Table`].
    Table(Table),
    /// [`ir::Op::Maximum`].
    Maximum,
    /// Elementwise product of two tensors, type minima subtracted first: 16 bits, which no tensor of a model has.
    Product,
    /// [`ir::Op::Rearrange`].
    Rearrange(Rearrange),
}

/// One operator application, under the name of the model's node it is part of.
pub(crate) type Node = ir::Node<Op>;

/// A network whose operators have equations.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Expanded {
    /// The model's tensors under their ids, then those between the parts of its operators.
    pub(crate) tensors: Vec<Tensor>,
    /// Operators in an order where every tensor is defined before it is read.
    pub(crate) nodes: TiVec<NodeId, Node>,
    /// The tensors of the model's inputs.
    pub(crate) inputs: Vec<TensorId>,
    /// The tensors of the model's outputs, or of copies of them.
    pub(crate) outputs: Vec<TensorId>,
}

impl Expanded {
    /// Writes a model's operators in terms of those that have equations.
    pub(crate) fn of(model: &Model) -> Self {
        let mut out = Self {
            tensors: model.tensors.clone(),
            nodes: TiVec::new(),
            inputs: model.inputs.iter().map(|input| input.tensor).collect(),
            outputs: model.outputs.iter().map(|output| output.tensor).collect(),
        };
        for node in &model.nodes {
            Expansion { expanded: &mut out, node }.expand();
        }
        for (index, output) in model.outputs.iter().enumerate() {
            store_constants(&mut out, index, &output.name);
        }
        out
    }

    /// The tensor with this id.
    pub(crate) fn tensor(&self, id: TensorId) -> &Tensor {
        &self.tensors[id.0]
    }

    /// Elements of the model's inputs and outputs, in order.
    pub(crate) fn statement_lengths(&self) -> impl Iterator<Item = usize> {
        self.inputs.iter().chain(&self.outputs).map(|tensor| self.tensor(*tensor).len)
    }

    /// Adds a node that defines a tensor of its own.
    pub(crate) fn push(&mut self, name: &str, op: Op, inputs: Vec<TensorId>, tensor: Tensor) -> TensorId {
        self.tensors.push(tensor);
        let output = TensorId(self.tensors.len() - 1);
        self.nodes.push(Node { name: name.to_owned(), op, inputs, output });
        output
    }

    /// As [`Model::accumulator_ranges`].
    pub(crate) fn accumulator_ranges(&self, node: &Node) -> Result<Vec<AccumulatorRange>, BoundsError> {
        let range = |input: usize| self.tensor(node.inputs[input]).range;
        let ranges = match &node.op {
            Op::FullyConnected(layer) => layer.accumulator_ranges(range(0)),
            Op::Convolution(layer) => layer.accumulator_ranges(range(0)),
            Op::MatMul(product) => vec![product.accumulator_range(range(0), range(1))],
            Op::Add(_) | Op::Multiply(_) | Op::Table(_) | Op::Maximum | Op::Product | Op::Rearrange(_) => {
                Vec::new()
            }
        };
        within_int32(&node.name, ranges)
    }
}

/// Copies an output that has elements which are constants, so that all of it is stored.
fn store_constants(expanded: &mut Expanded, output: usize, name: &str) {
    let tensor = expanded.outputs[output];
    if shows_constants(expanded, tensor) {
        let copy = expanded.tensor(tensor).clone();
        let table = identity(copy.elem);
        expanded.outputs[output] = expanded.push(name, Op::Table(table), vec![tensor], copy);
    }
}

pub(crate) fn identity(elem: Elem) -> Table {
    Table { entries: (elem.min()..=elem.max()).collect() }
}

/// Whether constants may be among the elements a tensor views.
fn shows_constants(expanded: &Expanded, tensor: TensorId) -> bool {
    let mut viewed = vec![tensor];
    let mut seen = HashSet::new();
    let is_constant = |source: &Source| matches!(source, Source::Constant(_));
    while let Some(tensor) = viewed.pop() {
        if !seen.insert(tensor.0) {
            continue;
        }
        let node = expanded.nodes.iter().find(|node| node.output == tensor);
        if let Some((Op::Rearrange(rearrange), node)) = node.map(|node| (&node.op, node)) {
            if rearrange.sources.iter().any(is_constant) {
                return true;
            }
            viewed.extend(&node.inputs);
        }
    }
    false
}

struct Expansion<'a> {
    expanded: &'a mut Expanded,
    node: &'a ir::Node,
}

/// Per output position along an axis, the input positions of its taps, those in the padding replaced.
fn taps(pool: &MaxPool, axis: usize) -> Vec<Vec<usize>> {
    let window = &pool.window;
    let at = |output: usize, tap: usize| {
        let position = output * window.stride[axis] + tap * window.dilation[axis];
        position.checked_sub(window.pad[axis]).filter(|position| *position < window.input[axis])
    };
    (0..window.output[axis])
        .map(|output| {
            let sources: Vec<_> = (0..window.kernel[axis]).map(|tap| at(output, tap)).collect();
            let inside = sources.iter().flatten().next().copied().expect("every window holds an element");
            sources.into_iter().map(|source| source.unwrap_or(inside)).collect()
        })
        .collect()
}

/// The taps in an order in which the first reads every position at most once, if one does.
fn order(taps: &[Vec<usize>]) -> Vec<usize> {
    let count = taps[0].len();
    let distinct = |tap: &usize| {
        let mut sources: Vec<usize> = taps.iter().map(|taps| taps[*tap]).collect();
        sources.sort_unstable();
        sources.windows(2).all(|pair| pair[0] != pair[1])
    };
    let first = (0..count).find(distinct).unwrap_or(0);
    let mut order = vec![first];
    order.extend((0..count).filter(|tap| *tap != first));
    order
}

impl Expansion<'_> {
    fn expand(&mut self) {
        match &self.node.op {
            ir::Op::FullyConnected(layer) => self.last(Op::FullyConnected(layer.clone())),
            ir::Op::Convolution(layer) => self.last(Op::Convolution(layer.clone())),
            ir::Op::MatMul(product) => self.mat_mul(product),
            ir::Op::Add(add) => self.last(Op::Add(add.clone())),
            ir::Op::Multiply(multiply) => self.multiply(multiply),
            ir::Op::Table(table) => self.last(Op::Table(table.clone())),
            ir::Op::MaxPool(pool) => self.max_pool(pool),
            ir::Op::Maximum => self.last(Op::Maximum),
            ir::Op::Rearrange(rearrange) => self.last(Op::Rearrange(rearrange.clone())),
        }
    }

    fn max_pool(&mut self, pool: &MaxPool) {
        let [height, width] = pool.window.input;
        let [rows, columns] = pool.window.output;
        let across = taps(pool, 1);
        let narrowed = self.reduce(self.node.inputs[0], &across, |tap| {
            let across = &across;
            let source = move |row: usize| (0..columns).map(move |column| row * width + across[column][tap]);
            (0..pool.channels * height).flat_map(source).collect()
        });
        let down = taps(pool, 0);
        let pooled = self.reduce(narrowed, &down, |tap| {
            let source = |index: usize| {
                let (channel, row) = (index / rows, down[index % rows][tap]);
                (0..columns).map(move |column| (channel * height + row) * columns + column)
            };
            (0..pool.channels * rows).flat_map(source).collect()
        });
        let sources =
            (0..self.expanded.tensor(pooled).len).map(|element| Source::Element { input: 0, element });
        let op = Op::Rearrange(Rearrange { sources: sources.collect() });
        self.last_of(op, vec![pooled]);
    }

    /// The product of the bytes, then the requantization, which reads it and both factors.
    fn multiply(&mut self, multiply: &Multiply) {
        let tensor = self.expanded.tensor(self.node.inputs[0]).clone();
        let product = self.push(Op::Product, self.node.inputs.clone(), tensor);
        let inputs = [vec![product], self.node.inputs.clone()].concat();
        self.last_of(Op::Multiply(multiply.clone()), inputs);
    }

    /// Copies of the factors, which are arranged for the product, then the product.
    fn mat_mul(&mut self, product: &MatMul) {
        let factors = [0, 1].map(|side| {
            let from = self.node.inputs[side];
            let tensor = self.expanded.tensor(from).clone();
            self.push(Op::Table(identity(tensor.elem)), vec![from], tensor)
        });
        self.last_of(Op::MatMul(product.clone()), factors.to_vec());
    }

    /// The maximum over all taps of the elements `view` lists for each.
    fn reduce(
        &mut self,
        from: TensorId,
        taps: &[Vec<usize>],
        view: impl Fn(usize) -> Vec<usize>,
    ) -> TensorId {
        let order = order(taps);
        let mut largest = self.view(from, view(order[0]));
        for &tap in &order[1..] {
            let next = self.view(from, view(tap));
            largest = self.push(Op::Maximum, vec![largest, next], self.expanded.tensor(largest).clone());
        }
        largest
    }

    fn view(&mut self, from: TensorId, elements: Vec<usize>) -> TensorId {
        let tensor = Tensor { len: elements.len(), ..self.expanded.tensor(from).clone() };
        let sources = elements.into_iter().map(|element| Source::Element { input: 0, element }).collect();
        self.push(Op::Rearrange(Rearrange { sources }), vec![from], tensor)
    }

    /// The operator as it is: it defines the tensor that the model knows it by.
    fn last(&mut self, op: Op) {
        self.last_of(op, self.node.inputs.clone());
    }

    /// The last part of the operator, which defines the tensor that the model knows it by.
    fn last_of(&mut self, op: Op, inputs: Vec<TensorId>) {
        let (name, output) = (self.node.name.clone(), self.node.output);
        self.expanded.nodes.push(Node { name, op, inputs, output });
    }

    fn push(&mut self, op: Op, inputs: Vec<TensorId>, tensor: Tensor) -> TensorId {
        self.expanded.push(&self.node.name, op, inputs, tensor)
    }
}
