//! Homes: how the elements of a stored tensor are arranged into planes and positions.
//!
//! A stored tensor (a model input or the output of an operator that computes something) is a list of planes;
//! the elements of a plane follow each other in the rows of one lane. Every position of a plane has an
//! exponent: the power of the challenge s it is weighted with where its operator's equation sums it up.
//! Exponents follow the image grid, so that every tap of a convolution shifts all of them by the same amount;
//! only efficiency depends on that, soundness on the exponents of one operator's outputs being distinct.
//!
//! Rearranged tensors are not stored: a [`Cell`] says where each of their elements lives.

use std::collections::HashSet;

use crate::{
    ir::{Convolution, MatMul, Model, Op, Source, TensorId},
    statement::LANES_PER_INSTANCE,
};

use super::products::{Side, factor_planes, keeps_slices, product_planes, role};

/// Where an element of any tensor lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cell {
    /// In a stored tensor.
    Stored { tensor: TensorId, element: usize },
    /// Nowhere: it is this integer for every input.
    Constant(i32),
}

/// Elements that share a lane.
#[derive(Clone, Debug)]
pub(crate) struct Plane {
    /// The operator's output channel; of elementwise operators and inputs the number of the plane.
    pub(crate) channel: usize,
    /// Flat element indices, by position.
    pub(crate) elements: Vec<usize>,
    /// Exponents of s, by position.
    pub(crate) exponents: Vec<u64>,
}

/// Per tensor and channel, the integer a channel has for every input; empty where that is not known.
pub(crate) type Constants = Vec<Vec<Option<i32>>>;

/// The planes of a stored tensor.
#[derive(Clone, Debug)]
pub(crate) struct Home {
    pub(crate) planes: Vec<Plane>,
    /// Per element its plane and position, `None` for constants.
    pub(crate) spots: Vec<Option<(usize, usize)>>,
}

impl Home {
    fn new(planes: Vec<Plane>, len: usize) -> Self {
        let mut spots = vec![None; len];
        for (index, plane) in planes.iter().enumerate() {
            assert_eq!(plane.elements.len(), plane.exponents.len(), "one exponent per position");
            for (position, &element) in plane.elements.iter().enumerate() {
                assert_eq!(spots[element], None, "element {element} is in one plane");
                spots[element] = Some((index, position));
            }
        }
        Self { planes, spots }
    }

    /// A plane of consecutive elements per channel that is not constant, all with the same exponents.
    fn image(constants: &[Option<i32>], exponents: &[u64]) -> Self {
        let len = exponents.len();
        let plane = |channel: usize| Plane {
            channel,
            elements: (channel * len..(channel + 1) * len).collect(),
            exponents: exponents.to_vec(),
        };
        let live = (0..constants.len()).filter(|channel| constants[*channel].is_none());
        Self::new(live.map(plane).collect(), constants.len() * len)
    }

    /// The plane and position of an element.
    ///
    /// # Panics
    /// If it is constant, which no view calls stored.
    pub(crate) fn spot(&self, element: usize) -> (usize, usize) {
        self.spots[element].expect("views call only elements of planes stored")
    }

    /// The exponent of an element.
    pub(crate) fn exponent(&self, element: usize) -> u64 {
        let (plane, position) = self.spot(element);
        self.planes[plane].exponents[position]
    }
}

/// The homes and views of all tensors.
#[derive(Clone, Debug)]
pub(crate) struct Homes {
    /// Per tensor its planes, `None` when it is not stored.
    pub(crate) stored: Vec<Option<Home>>,
    /// Per tensor and element, where it lives.
    pub(crate) views: Vec<Vec<Cell>>,
    /// Tensors of the model inputs.
    pub(crate) inputs: Vec<TensorId>,
}

impl Homes {
    pub(crate) fn of(model: &Model, constants: &Constants) -> Self {
        let inputs = model.inputs.iter().map(|input| input.tensor).collect();
        let mut homes =
            Self { stored: vec![None; model.tensors.len()], views: views(model, constants), inputs };
        let pitch = widest(model);
        for input in &model.inputs {
            homes.stored[input.tensor.0] = Some(homes.input(model, input.tensor, pitch));
        }
        for node in &model.nodes {
            let len = model.tensor(node.output).len;
            let home = match &node.op {
                Op::Rearrange(_) => continue,
                Op::Table(_) if let Some((layer, side)) = role(model, node.output) => {
                    homes.factor(layer, side, node.inputs[0], len)
                }
                Op::MatMul(layer) => Home::new(product_planes(layer), len),
                Op::FullyConnected(_) => Home::image(&constants[node.output.0], &[0]),
                Op::Convolution(layer) => {
                    Home::image(&constants[node.output.0], &homes.exponents(layer, node.inputs[0], pitch))
                }
                Op::MaxPool(_) | Op::Add(_) | Op::Multiply(_) | Op::Table(_) | Op::Maximum | Op::Product => {
                    homes.mirror(node.inputs[0]).unwrap_or_else(|| Home::new(flat_planes(len), len))
                }
            };
            homes.stored[node.output.0] = Some(home);
        }
        homes
    }

    /// The home of a stored tensor.
    ///
    /// # Panics
    /// If it is not stored.
    pub(crate) fn home(&self, tensor: TensorId) -> &Home {
        self.stored[tensor.0].as_ref().expect("only stored tensors are asked for")
    }

    /// The view of a tensor.
    pub(crate) fn view(&self, tensor: TensorId) -> &[Cell] {
        &self.views[tensor.0]
    }

    /// Exponents of a convolution's outputs such that a tap shifts them evenly against its input's, if there are
    /// such; the plain grid otherwise.
    fn exponents(&self, layer: &Convolution, input: TensorId, pitch: usize) -> Vec<u64> {
        let [height, width] = layer.window.output;
        let grid = |[down, right]: [u64; 2]| -> Vec<u64> {
            let row = |y: u64| (0..width as u64).map(move |x| y * down + x * right);
            (0..height as u64).flat_map(row).collect()
        };
        let step = |axis: usize| self.step(layer, input, axis);
        let default = [pitch as u64, 1];
        let [down, right] =
            [0, 1].map(|axis| if layer.window.output[axis] == 1 { Some(default[axis]) } else { step(axis) });
        let even = down.zip(right).map(|(down, right)| grid([down, right]));
        even.filter(|exponents| distinct(exponents)).unwrap_or_else(|| grid(default))
    }

    /// How much the exponent of an input position grows from one output to the next along an axis.
    fn step(&self, layer: &Convolution, input: TensorId, axis: usize) -> Option<u64> {
        let window = &layer.window;
        // Constant channels have no exponents; the others have the same.
        let mut channels = self.view(input).chunks(window.input_len());
        let channel = channels.find(|plane| plane.iter().any(|cell| matches!(cell, Cell::Stored { .. })))?;
        let at = |position: [usize; 2]| match channel.get(position[0] * window.input[1] + position[1])? {
            Cell::Stored { tensor, element } => {
                let home = self.stored[tensor.0].as_ref()?;
                Some((*tensor, home.exponent(*element)))
            }
            Cell::Constant(_) => None,
        };
        let last = window.input[axis].checked_sub(window.stride[axis])?;
        let other = window.input[1 - axis];
        let positions = (0..other).flat_map(|across| (0..last).map(move |along| (along, across)));
        positions.take(MAX_STEP_TRIALS).find_map(|(along, across)| {
            let place = |along: usize| if axis == 0 { [along, across] } else { [across, along] };
            let (from, to) = (at(place(along))?, at(place(along + window.stride[axis]))?);
            (from.0 == to.0).then(|| to.1.checked_sub(from.1)).flatten().filter(|step| *step > 0)
        })
    }

    /// The planes and exponents of what a tensor views, if that is part of one stored tensor, evenly.
    fn mirror(&self, tensor: TensorId) -> Option<Home> {
        let view = self.view(tensor);
        let Cell::Stored { tensor: source, .. } = *view.first()? else { return None };
        let home = self.stored[source.0].as_ref()?;
        let empty = |plane: &Plane| Plane { elements: Vec::new(), exponents: Vec::new(), ..*plane };
        let mut planes: Vec<Plane> = home.planes.iter().map(empty).collect();
        for (index, cell) in view.iter().enumerate() {
            let Cell::Stored { tensor, element } = *cell else { return None };
            if tensor != source {
                return None;
            }
            let (plane, position) = home.spot(element);
            planes[plane].elements.push(index);
            planes[plane].exponents.push(home.planes[plane].exponents[position]);
        }
        planes.retain(|plane| !plane.elements.is_empty());
        let exponents: Vec<u64> = planes.first()?.exponents.clone();
        let even = planes.iter().all(|plane| plane.exponents == exponents) && distinct(&exponents);
        even.then(|| Home::new(planes, view.len()))
    }

    /// The arrangement of a copy of a tensor that is a factor of a matrix product.
    fn factor(&self, layer: &MatMul, side: Side, from: TensorId, len: usize) -> Home {
        let mirror = self.mirror(from).filter(|home| keeps_slices(layer, side, home));
        mirror.unwrap_or_else(|| {
            let view = self.view(from);
            let source = |element: usize| match view[element] {
                Cell::Stored { tensor, element } => {
                    let home = self.stored[tensor.0].as_ref()?;
                    let (plane, position) = home.spot(element);
                    // Planes of all tensors have different numbers.
                    let first = (0..tensor.0).map(|tensor| self.planes(tensor)).sum::<usize>();
                    Some((first + plane, home.planes[plane].exponents[position]))
                }
                Cell::Constant(_) => None,
            };
            Home::new(factor_planes(layer, side, source), len)
        })
    }

    fn planes(&self, tensor: usize) -> usize {
        self.stored[tensor].as_ref().map_or(0, |home| home.planes.len())
    }

    /// The arrangement of a model input: for a convolution its channels, one plane per phase of the stride.
    fn input(&self, model: &Model, tensor: TensorId, pitch: usize) -> Home {
        let len = model.tensor(tensor).len;
        let planes = model.nodes.iter().find_map(|node| match &node.op {
            Op::Convolution(layer) => self.phases(layer, node.inputs[0], tensor, len, pitch),
            _ => None,
        });
        Home::new(planes.unwrap_or_else(|| flat_planes(len)), len)
    }

    fn phases(
        &self,
        layer: &Convolution,
        input: TensorId,
        tensor: TensorId,
        len: usize,
        pitch: usize,
    ) -> Option<Vec<Plane>> {
        let view = self.view(input);
        let own = |cell: &Cell| matches!(cell, Cell::Stored { tensor: of, .. } if *of == tensor);
        if view.len() != len || !view.iter().all(own) {
            return None;
        }
        let ([height, width], [down, right]) = (layer.window.input, layer.window.stride);
        let mut planes = Vec::new();
        for image in 0..layer.channels_in {
            for (y, x) in (0..down.min(height)).flat_map(|y| (0..right.min(width)).map(move |x| (y, x))) {
                let channel = planes.len();
                let mut plane = Plane { channel, elements: Vec::new(), exponents: Vec::new() };
                for (row, y) in (y..height).step_by(down).enumerate() {
                    for (column, x) in (x..width).step_by(right).enumerate() {
                        let Cell::Stored { element, .. } = view[(image * height + y) * width + x] else {
                            return None;
                        };
                        plane.elements.push(element);
                        plane.exponents.push((row * pitch + column) as u64);
                    }
                }
                planes.push(plane);
            }
        }
        let elements: HashSet<usize> =
            planes.iter().flat_map(|plane| plane.elements.iter().copied()).collect();
        (elements.len() == len).then_some(planes)
    }
}

/// Positions looked at before an image counts as not evenly arranged.
const MAX_STEP_TRIALS: usize = 4096;

pub(crate) fn distinct(exponents: &[u64]) -> bool {
    let mut seen = HashSet::new();
    exponents.iter().all(|exponent| seen.insert(*exponent))
}

/// Planes of a tensor without an image.
const FLAT_PLANES: usize = 8;

/// Elements dealt to planes in flat order.
fn flat_planes(len: usize) -> Vec<Plane> {
    let plane = |channel: usize| {
        let elements: Vec<usize> = (channel..len).step_by(FLAT_PLANES).collect();
        let exponents = (0..elements.len() as u64).collect();
        Plane { channel, elements, exponents }
    };
    (0..FLAT_PLANES.min(len)).map(plane).collect()
}

/// Runs of planes of a model input whose elements at each position follow each other in the statement.
pub(crate) type Runs = Vec<Vec<usize>>;

/// The longest runs of at most `lanes` planes that public inputs can hold, and the bytes per public input.
pub(crate) fn input_runs(home: &Home, lanes: usize) -> (Runs, usize) {
    let runs = (1..=lanes).rev().map(|most| runs(&home.planes, most));
    let mut fitting = runs.filter_map(|runs| bytes_per_instance(home, &runs).map(|bytes| (runs, bytes)));
    fitting.next().expect("rows of one byte fit every public input")
}

/// Runs of planes, at most `most` long, in which at every position the elements are consecutive.
fn runs(planes: &[Plane], most: usize) -> Runs {
    let mut order: Vec<usize> = (0..planes.len()).collect();
    order.sort_by_key(|index| planes[*index].elements[0]);
    let follows = |one: &Plane, next: &Plane| {
        one.elements.len() == next.elements.len()
            && one.elements.iter().zip(&next.elements).all(|(one, next)| one + 1 == *next)
            && one.exponents == next.exponents
    };
    let mut runs = Runs::new();
    for index in order {
        match runs.last_mut() {
            Some(run)
                if run.len() < most
                    && run.last().is_some_and(|last| follows(&planes[*last], &planes[index])) =>
            {
                run.push(index);
            }
            _ => runs.push(vec![index]),
        }
    }
    runs
}

/// Bytes per public input: the most that split no row of a run, `None` when every size splits one.
fn bytes_per_instance(home: &Home, runs: &Runs) -> Option<usize> {
    let rows: Vec<(usize, usize)> = runs
        .iter()
        .flat_map(|run| home.planes[run[0]].elements.iter().map(|start| (*start, run.len())))
        .collect();
    let splits_none = |size: &usize| rows.iter().all(|(start, len)| start / size == (start + len - 1) / size);
    (1..=LANES_PER_INSTANCE).rev().find(splits_none)
}

/// The widest image of a model.
fn widest(model: &Model) -> usize {
    let width = |op: &Op| match op {
        Op::Convolution(layer) => layer.window.input[1].max(layer.window.output[1]),
        Op::MaxPool(pool) => pool.window.input[1].max(pool.window.output[1]),
        _ => 1,
    };
    model.nodes.iter().map(|node| width(&node.op)).max().unwrap_or(1)
}

fn views(model: &Model, constants: &Constants) -> Vec<Vec<Cell>> {
    let stored = |tensor: usize| {
        let (tensor, constants) = (TensorId(tensor), &constants[tensor]);
        let len = model.tensor(tensor).len;
        let cell = |element: usize| {
            let constant = constants.get(element * constants.len() / len).copied().flatten();
            constant.map_or(Cell::Stored { tensor, element }, Cell::Constant)
        };
        (0..len).map(cell).collect()
    };
    let mut views: Vec<Vec<Cell>> = (0..model.tensors.len()).map(stored).collect();
    for node in &model.nodes {
        if let Op::Rearrange(rearrange) = &node.op {
            let cell = |source: &Source| match *source {
                Source::Element { input, element } => views[node.inputs[input].0][element],
                Source::Constant(value) => Cell::Constant(value),
            };
            views[node.output.0] = rearrange.sources.iter().map(cell).collect();
        }
    }
    views
}
