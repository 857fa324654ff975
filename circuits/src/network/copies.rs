//! Copies of what is not arranged as its reader needs it.
//!
//! A tap reads a plane as one slice if the exponents of what it reads differ from those of what it feeds by the same amount
//! everywhere. A tensor that is rearranged is stored nowhere, so its elements have the exponents that they were stored
//! with: upsampled, with channels dealt to space, or concatenated with a tensor of another grid, every element is a slice
//! of its own, which every tap reads by itself. Such elements are copied instead, with the identity function: what a
//! copy claims fits its source, and it is read with the exponents that fit the reader. What pays is decided by counting
//! slices; at worst every operand of every reader is copied once.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::{
    expanded::{Expanded, Node, Op, identity},
    ir::{Convolution, Rearrange, Source, Tensor, TensorId, Window},
    network::{
        homes::{Cell, Home, Homes, Plane, View},
        products::fitting,
        shared::by_position,
    },
    steps,
};

/// Elements of a tensor that a reader's taps read together, with exponents that fit what they feed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    elements: Vec<usize>,
    exponents: Vec<u64>,
}

/// Copied elements that cost as much as reading a slice: they share rows with those of other planes.
const ELEMENTS_PER_SLICE: usize = 16;

/// Slices that a copy costs besides, whatever its size.
const COPY: usize = 25;

/// Output channels whose weights are a row more for each tap.
const CHANNELS_PER_ROW: usize = 16;

/// Copies that were made, by what they were made of and how they are read.
#[derive(Default)]
pub(crate) struct Copies(Vec<(TensorId, Vec<Part>, TensorId)>);

impl Copies {
    /// The convolution, with its input read from a copy where that pays; the copy is added to the model.
    pub(crate) fn of_convolution(
        &mut self,
        expanded: &mut Expanded,
        homes: &mut Homes,
        node: &Node,
        pitch: usize,
    ) -> Node {
        let Op::Convolution(layer) = &node.op else { return node.clone() };
        // What is summed up over the whole image is read without a grid.
        if layer.window.output_len() == 1 {
            return node.clone();
        }
        let parts = images(homes, node.inputs[0], &layer.window, pitch);
        let input = self.fit(expanded, homes, node, node.inputs[0], parts, readings(layer));
        Node { inputs: vec![input], ..node.clone() }
    }

    /// The elementwise operator, with operands read from copies where that pays: `home` is how its output is stored.
    pub(crate) fn of_operands(
        &mut self,
        expanded: &mut Expanded,
        homes: &mut Homes,
        node: &Node,
        home: &Home,
    ) -> Node {
        let part = |plane: &Plane| Part {
            elements: plane.elements.raw.clone(),
            exponents: plane.exponents.raw.to_vec(),
        };
        let fitted = |input: &TensorId| {
            let parts = home.planes.iter().map(part).collect();
            self.fit(expanded, homes, node, *input, parts, 1)
        };
        Node { inputs: node.inputs.iter().map(fitted).collect(), ..node.clone() }
    }

    /// The tensor that is read in the place of `input`. Every slice is read `readings` times.
    fn fit(
        &mut self,
        expanded: &mut Expanded,
        homes: &mut Homes,
        node: &Node,
        input: TensorId,
        parts: Vec<Part>,
        readings: usize,
    ) -> TensorId {
        let view = homes.view(input);
        let slices: Vec<usize> = parts.iter().map(|part| slices(homes, view, part)).collect();
        let uneven = |(part, slices): (Part, &usize)| (*slices > 1).then(|| stored(view, part));
        let parts: Vec<Part> = parts.into_iter().zip(&slices).filter_map(uneven).collect();
        if let Some((.., copied)) = self.0.iter().find(|(of, known, _)| *of == input && *known == parts) {
            return *copied;
        }
        let planes = planes(homes, view, &parts);
        let saved = readings * slices.iter().map(|slices| slices.saturating_sub(1)).sum::<usize>();
        let elements: usize = parts.iter().map(|part| part.elements.len()).sum();
        let read: usize =
            planes.iter().zip(&parts).map(|(plane, part)| claimed(homes, view, plane, part)).sum();
        if saved <= elements / ELEMENTS_PER_SLICE + read + COPY {
            return input;
        }
        let copied = Copy { homes, expanded, node, input }.make(&parts, planes);
        self.0.push((input, parts, copied));
        copied
    }
}

/// How often a convolution reads a slice of its input, weights of many channels counted more than once.
fn readings(layer: &Convolution) -> usize {
    let window = &layer.window;
    let [down, right] = [0, 1].map(|axis| window.kernel[axis].div_ceil(window.stride[axis]));
    // Where taps reach over the border a window is made of several slices.
    let moves = (down * right * 5).div_ceil(2);
    moves * (1 + layer.channels_out / layer.groups / CHANNELS_PER_ROW)
}

/// Slices in which a tap reads a part: a plane by the difference of exponents. Constants are in none.
fn slices(homes: &Homes, view: &View, part: &Part) -> usize {
    steps::count(part.elements.len());
    let shifted = |(element, exponent): (&usize, &u64)| {
        let (plane, own) = homes.source(view.cell(*element))?;
        Some((plane, *exponent as i64 - own as i64))
    };
    part.elements.iter().zip(&part.exponents).filter_map(shifted).collect::<HashSet<_>>().len()
}

/// The part without constants.
fn stored(view: &View, part: Part) -> Part {
    let kept = part.elements.into_iter().zip(part.exponents);
    let (elements, exponents) =
        kept.filter(|(element, _)| matches!(view.cell(*element), Cell::Stored { .. })).unzip();
    Part { elements, exponents }
}

/// Slices in which the copy itself reads what it copies.
fn claimed(homes: &Homes, view: &View, plane: &Plane, part: &Part) -> usize {
    slices(homes, view, &Part { elements: part.elements.clone(), exponents: plane.exponents.raw.to_vec() })
}

/// A plane per part, its elements numbered in order: what it claims fits the source, its readers find what they want.
fn planes(homes: &Homes, view: &View, parts: &[Part]) -> Vec<Plane> {
    let mut first = 0;
    let plane = |(channel, part): (usize, &Part)| {
        let sources: Vec<_> =
            part.elements.iter().filter_map(|element| homes.source(view.cell(*element))).collect();
        let in_order = || by_position(0..part.elements.len() as u64);
        let exponents = fitting(&sources).map_or_else(in_order, by_position);
        let elements = (first..first + part.elements.len()).collect();
        first += part.elements.len();
        Plane { channel, elements, exponents, read: by_position(part.exponents.iter().copied()) }
    };
    parts.iter().enumerate().map(plane).collect()
}

/// How exponents grow from one position that a tap reads to the next, in most channels.
pub(crate) fn grid(homes: &Homes, input: TensorId, window: &Window, pitch: usize) -> [u64; 2] {
    let view = homes.view(input);
    let of_phase = |phase: &Phase| steps(homes, view, window, phase);
    let phases = Phase::all(window, view.len() / window.input_len());
    let default = [pitch.saturating_mul(window.stride[0]), window.stride[1]].map(|step| step as u64);
    most_common(phases.iter().filter_map(of_phase), default)
}

/// Per channel and phase of the stride what a convolution reads together, on the grid of most channels.
fn images(homes: &Homes, input: TensorId, window: &Window, pitch: usize) -> Vec<Part> {
    let ([_, width], [down, right]) = (window.input, window.stride);
    let grid = grid(homes, input, window, pitch);
    let phases = Phase::all(window, homes.view(input).len() / window.input_len());
    let part = |phase: &Phase| {
        let (elements, exponents) = phase
            .positions(window)
            .map(|[y, x]| {
                let exponent = (y / down) as u64 * grid[0] + (x / right) as u64 * grid[1];
                (phase.channel * window.input_len() + y * width + x, exponent)
            })
            .unzip();
        Part { elements, exponents }
    };
    phases.iter().map(part).collect()
}

/// Positions of a channel that the same taps read.
struct Phase {
    channel: usize,
    first: [usize; 2],
}

impl Phase {
    fn all(window: &Window, channels: usize) -> Vec<Self> {
        let [down, right] = [0, 1].map(|axis| window.stride[axis].min(window.input[axis]));
        let of_channel = |channel: usize| {
            (0..down).flat_map(move |y| (0..right).map(move |x| Self { channel, first: [y, x] }))
        };
        (0..channels).flat_map(of_channel).collect()
    }

    fn positions(&self, window: &Window) -> impl Iterator<Item = [usize; 2]> {
        let ([height, width], [down, right]) = (window.input, window.stride);
        let [top, left] = self.first;
        (top..height).step_by(down).flat_map(move |y| (left..width).step_by(right).map(move |x| [y, x]))
    }
}

/// How exponents grow along the axes from one position that a tap reads to the next; nothing where there is one only.
type Steps = [Option<u64>; 2];

/// The steps of a phase, if it is in one plane on a grid. Constants are on every grid.
fn steps(homes: &Homes, view: &View, window: &Window, phase: &Phase) -> Option<Steps> {
    let ([height, width], [down, right]) = (window.input, window.stride);
    let at = |[y, x]: [usize; 2]| {
        let inside = y < height && x < width;
        inside.then(|| homes.source(view.cell(phase.channel * window.input_len() + y * width + x))).flatten()
    };
    let (mut steps, mut plane) = ([None; 2], None);
    for [y, x] in phase.positions(window) {
        let Some((of, exponent)) = at([y, x]) else { continue };
        if *plane.get_or_insert(of) != of {
            return None;
        }
        for (axis, next) in [[y + down, x], [y, x + right]].into_iter().enumerate() {
            let Some((_, next)) = at(next) else { continue };
            let step = next.checked_sub(exponent).filter(|step| *step > 0)?;
            if *steps[axis].get_or_insert(step) != step {
                return None;
            }
        }
    }
    Some(steps)
}

/// The grid of most, the widest in case of doubt; the default where they are on none. What has no steps has no say.
fn most_common(found: impl Iterator<Item = Steps>, default: [u64; 2]) -> [u64; 2] {
    let mut counts: BTreeMap<[u64; 2], usize> = BTreeMap::new();
    for steps in found.filter(|steps| steps.iter().any(Option::is_some)) {
        let grid = [0, 1].map(|axis| steps[axis].unwrap_or(default[axis]));
        *counts.entry(grid).or_default() += 1;
    }
    counts.into_iter().max_by_key(|(_, count)| *count).map_or(default, |(grid, _)| grid)
}

/// A copy of an input that is made for a node.
struct Copy<'a> {
    homes: &'a mut Homes,
    expanded: &'a mut Expanded,
    node: &'a Node,
    input: TensorId,
}

impl Copy<'_> {
    /// The input with these parts from a copy, the rest where it was.
    fn make(&mut self, parts: &[Part], planes: Vec<Plane>) -> TensorId {
        let input = self.input;
        let copied: Vec<usize> = parts.iter().flat_map(|part| part.elements.iter().copied()).collect();
        let source = |element: &usize| Source::Element { input: 0, element: *element };
        let from = self.view(copied.iter().map(source).collect(), vec![input]);
        let table = Op::Table(identity(self.expanded.tensor(input).elem));
        let copy = self.push(table, vec![from], copied.len());
        self.homes.store(copy, Home::new(planes, copied.len()));
        let places: HashMap<usize, usize> =
            copied.iter().enumerate().map(|(at, element)| (*element, at)).collect();
        let source = |element: usize| match places.get(&element) {
            Some(at) => Source::Element { input: 0, element: *at },
            None => Source::Element { input: 1, element },
        };
        let len = self.expanded.tensor(input).len;
        self.view((0..len).map(source).collect(), vec![copy, input])
    }

    fn view(&mut self, sources: Vec<Source>, inputs: Vec<TensorId>) -> TensorId {
        let len = sources.len();
        let rearrange = Rearrange { sources };
        let cells = self.homes.rearranged(&rearrange, &inputs);
        let output = self.push(Op::Rearrange(rearrange), inputs, len);
        self.homes.show(output, cells);
        output
    }

    /// A tensor of the type and range of the input that is copied.
    fn push(&mut self, op: Op, inputs: Vec<TensorId>, len: usize) -> TensorId {
        let tensor = Tensor { len, ..self.expanded.tensor(self.input).clone() };
        self.expanded.tensors.push(tensor);
        let output = TensorId(self.expanded.tensors.len() - 1);
        self.expanded.nodes.push(Node { name: self.node.name.clone(), op, inputs, output });
        output
    }
}
