//! Operators in terms of simpler ones that have circuits.
//!
//! An output with constant elements is stored as a copy: only cells can be compared with the statement.
//!
//! A product of tensors is one of bytes, requantized. The factors of a matrix product are copied.
//!
//! Max pooling is separable: the maximum along each axis, tap by tap, each an elementwise maximum of two
//! rearranged views. A tap in the padding is replaced by one inside the image, which changes no maximum.

use std::collections::HashSet;

use crate::ir::{Elem, MaxPool, Model, Node, Op, Rearrange, Source, Table, Tensor, TensorId};

/// The model with its max poolings written as elementwise maxima; tensors keep their ids, new ones follow.
pub(crate) fn expand(model: &Model) -> Model {
    let mut out = Model { nodes: Vec::new(), ..model.clone() };
    for node in &model.nodes {
        match &node.op {
            Op::MaxPool(pool) => Expansion { model: &mut out, node }.max_pool(pool),
            Op::Multiply(_) => Expansion { model: &mut out, node }.multiply(),
            Op::MatMul(_) => Expansion { model: &mut out, node }.mat_mul(),
            _ => out.nodes.push(node.clone()),
        }
    }
    for index in 0..out.outputs.len() {
        store_constants(&mut out, index);
    }
    out
}

/// Copies an output that has elements which are constants, so that all of it is stored.
fn store_constants(model: &mut Model, output: usize) {
    let tensor = model.outputs[output].tensor;
    if !shows_constants(model, tensor) {
        return;
    }
    let copy = model.tensor(tensor).clone();
    let table = identity(copy.elem);
    model.tensors.push(copy);
    let to = TensorId(model.tensors.len() - 1);
    let name = model.outputs[output].name.clone();
    model.nodes.push(Node { name, op: Op::Table(table), inputs: vec![tensor], output: to });
    model.outputs[output].tensor = to;
}

pub(crate) fn identity(elem: Elem) -> Table {
    Table { entries: (elem.min()..=elem.max()).collect() }
}

/// Whether constants may be among the elements a tensor views.
fn shows_constants(model: &Model, tensor: TensorId) -> bool {
    let mut viewed = vec![tensor];
    let mut seen = HashSet::new();
    let is_constant = |source: &Source| matches!(source, Source::Constant(_));
    while let Some(tensor) = viewed.pop() {
        if !seen.insert(tensor.0) {
            continue;
        }
        let node = model.nodes.iter().find(|node| node.output == tensor);
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
    model: &'a mut Model,
    node: &'a Node,
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
        // The pooled tensor takes the id the model knows it by.
        let sources = (0..self.model.tensor(pooled).len).map(|element| Source::Element { input: 0, element });
        let op = Op::Rearrange(Rearrange { sources: sources.collect() });
        let (name, output) = (self.node.name.clone(), self.node.output);
        self.model.nodes.push(Node { name, op, inputs: vec![pooled], output });
    }

    /// The product of the bytes, then the requantization, which reads it and both factors.
    fn multiply(&mut self) {
        let tensor = self.model.tensor(self.node.inputs[0]).clone();
        let product = self.push(Op::Product, self.node.inputs.clone(), tensor);
        let inputs = [vec![product], self.node.inputs.clone()].concat();
        self.model.nodes.push(Node { inputs, ..self.node.clone() });
    }

    /// Copies of the factors, which are arranged for the product, then the product.
    fn mat_mul(&mut self) {
        let factors = [0, 1].map(|side| {
            let from = self.node.inputs[side];
            let tensor = self.model.tensor(from).clone();
            self.push(Op::Table(identity(tensor.elem)), vec![from], tensor)
        });
        self.model.nodes.push(Node { inputs: factors.to_vec(), ..self.node.clone() });
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
            largest = self.push(Op::Maximum, vec![largest, next], self.model.tensor(largest).clone());
        }
        largest
    }

    fn view(&mut self, from: TensorId, elements: Vec<usize>) -> TensorId {
        let tensor = Tensor { len: elements.len(), ..self.model.tensor(from).clone() };
        let sources = elements.into_iter().map(|element| Source::Element { input: 0, element }).collect();
        self.push(Op::Rearrange(Rearrange { sources }), vec![from], tensor)
    }

    fn push(&mut self, op: Op, inputs: Vec<TensorId>, tensor: Tensor) -> TensorId {
        self.model.tensors.push(tensor);
        let output = TensorId(self.model.tensors.len() - 1);
        self.model.nodes.push(Node { name: self.node.name.clone(), op, inputs, output });
        output
    }
}
