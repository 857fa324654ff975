//! Homes: how the elements of a stored tensor are arranged into planes and positions.
//!
//! A stored tensor (a model input or the output of an operator that computes something) is a list of planes;
//! the elements of a plane follow each other in the rows of one lane. Every position of a plane has an
//! exponent: the power of the challenge s it is weighted with where its operator's equation sums it up.
//! Exponents follow the image grid, so that every tap of a convolution shifts all of them by the same amount;
//! only efficiency depends on that, soundness on the exponents of one operator's outputs being distinct.
//!
//! Rearranged tensors are not stored: [`views`](super::views) say where their elements live.

use std::collections::{HashMap, HashSet};

use lemma_verifier::interface::LANES_PER_INSTANCE;
use typed_index_collections::{TiSlice, TiVec, ti_vec};

use crate::{
    expanded::{Expanded, Node, Op},
    index::{PlaneId, Position},
    ir::{Convolution, MatMul, Rearrange, TensorId},
    network::{
        copies::{Copies, grid},
        products::{MAX_SPARSITY, Side, factor_planes, fitting, keeps_slices, product_planes, role},
        shared::{ByPosition, Shared, by_position},
        views::{Constants, rearranged, views},
    },
    steps,
};

pub(crate) use super::views::{Cell, View};

/// Elements that share a lane.
#[derive(Clone, Debug)]
pub(crate) struct Plane {
    /// The operator's output channel; of elementwise operators and inputs the number of the plane.
    pub(crate) channel: usize,
    /// Flat element indices.
    pub(crate) elements: TiVec<Position, usize>,
    /// Exponents of s. Equal ones of a tensor are kept once.
    pub(crate) exponents: ByPosition<u64>,
    /// Exponents with which readers evaluate the plane: the same but for copies, which are there to have others.
    pub(crate) read: ByPosition<u64>,
}

impl Plane {
    /// A plane that is read as it is claimed.
    pub(crate) fn new(channel: usize, elements: Vec<usize>, exponents: ByPosition<u64>) -> Self {
        Self { channel, elements: elements.into(), read: exponents.clone(), exponents }
    }
}

/// The planes of a stored tensor.
#[derive(Clone, Debug)]
pub(crate) struct Home {
    pub(crate) planes: TiVec<PlaneId, Plane>,
    spots: Spots,
}

impl Home {
    pub(crate) fn new(planes: Vec<Plane>, len: usize) -> Self {
        let mut planes: TiVec<PlaneId, Plane> = planes.into();
        steps::count(len);
        let (mut spots, mut exponents) = (Spots::none(len), Shared::default());
        for plane in &mut planes {
            plane.exponents = exponents.one(plane.exponents.clone());
            plane.read = exponents.one(plane.read.clone());
        }
        for (id, plane) in planes.iter_enumerated() {
            assert_eq!(plane.elements.len(), plane.exponents.len(), "one exponent per position");
            for (position, &element) in plane.elements.iter_enumerated() {
                assert_eq!(spots.get(element), None, "element {element} is in one plane");
                spots.set(element, (id, position));
            }
        }
        Self { planes, spots }
    }

    /// Elements, constant ones included.
    pub(crate) fn len(&self) -> usize {
        self.spots.0.len()
    }

    /// A plane of consecutive elements per channel that is not constant, all with the same exponents.
    fn image(constants: &[Option<i32>], exponents: &[u64]) -> Self {
        let len = exponents.len();
        let exponents = by_position(exponents.iter().copied());
        let plane = |channel: usize| {
            Plane::new(channel, (channel * len..(channel + 1) * len).collect(), exponents.clone())
        };
        let live = (0..constants.len()).filter(|channel| constants[*channel].is_none());
        Self::new(live.map(plane).collect(), constants.len() * len)
    }

    /// The plane and position of an element.
    ///
    /// # Panics
    /// If it is constant, which no view calls stored.
    pub(crate) fn spot(&self, element: usize) -> (PlaneId, Position) {
        self.stored_spot(element).expect("views call only elements of planes stored")
    }

    /// The plane and position of an element, `None` of a constant.
    pub(crate) fn stored_spot(&self, element: usize) -> Option<(PlaneId, Position)> {
        self.spots.get(element)
    }

    /// The exponent with which readers evaluate an element.
    pub(crate) fn read(&self, element: usize) -> u64 {
        let (plane, position) = self.spot(element);
        self.planes[plane].read[position]
    }
}

/// Per element its plane and position, in 8 bytes: there are as many as activations.
#[derive(Clone, Debug)]
struct Spots(Vec<[u32; 2]>);

impl Spots {
    /// The plane of constants, which are in none.
    const NO_PLANE: u32 = u32::MAX;

    fn none(len: usize) -> Self {
        Self(vec![[Self::NO_PLANE, 0]; len])
    }

    fn get(&self, element: usize) -> Option<(PlaneId, Position)> {
        let [plane, position] = self.0[element];
        let is_stored = plane != Self::NO_PLANE;
        is_stored.then(|| (PlaneId::from(plane as usize), Position::from(position as usize)))
    }

    fn set(&mut self, element: usize, (plane, position): (PlaneId, Position)) {
        let narrow = |index| u32::try_from(index).expect("the budget bounds activations");
        self.0[element] = [narrow(usize::from(plane)), narrow(usize::from(position))];
    }
}

/// The homes and views of all tensors.
#[derive(Clone, Debug)]
pub(crate) struct Homes {
    /// Per tensor its planes, `None` when it is not stored.
    pub(crate) stored: Vec<Option<Home>>,
    /// Per tensor, where its elements live.
    pub(crate) views: Vec<View>,
    /// Tensors of the model inputs.
    pub(crate) inputs: Vec<TensorId>,
}

impl Homes {
    /// The homes of a model's tensors, and the model with the copies that are made on the way.
    pub(crate) fn of(expanded: &Expanded, constants: &Constants) -> (Expanded, Self) {
        let inputs = expanded.inputs.clone();
        let mut homes =
            Self { stored: vec![None; expanded.tensors.len()], views: views(expanded, constants), inputs };
        let extent = Extent::of(expanded);
        let pitch = extent.pitch;
        for input in &expanded.inputs {
            homes.stored[input.0] = Some(homes.input(expanded, *input, pitch));
        }
        let mut with_copies = Expanded { nodes: TiVec::new(), ..expanded.clone() };
        let mut copies = Copies::default();
        for node in &expanded.nodes {
            let node = match &node.op {
                Op::Convolution(_) => copies.of_convolution(&mut with_copies, &mut homes, node, pitch),
                _ => node.clone(),
            };
            let home = homes.of_node(expanded, &node, &constants[node.output.0], extent);
            let node = match &home {
                Some(home) if is_elementwise(&node.op) && role(expanded, node.output).is_none() => {
                    copies.of_operands(&mut with_copies, &mut homes, &node, home)
                }
                _ => node,
            };
            homes.stored[node.output.0] = home;
            with_copies.nodes.push(node);
        }
        (with_copies, homes)
    }

    /// Homes whose planes have one position: every stored element is one.
    pub(crate) fn flat(expanded: &Expanded) -> Self {
        let unknown: Constants = vec![Vec::new(); expanded.tensors.len()];
        let inputs = expanded.inputs.clone();
        let computed = expanded.nodes.iter().filter(|node| !matches!(node.op, Op::Rearrange(_)));
        let mut stored = vec![None; expanded.tensors.len()];
        for tensor in inputs.iter().copied().chain(computed.map(|node| node.output)) {
            stored[tensor.0] = Some(Home::image(&vec![None; expanded.tensor(tensor).len], &[0]));
        }
        Self { stored, views: views(expanded, &unknown), inputs }
    }

    /// The home of a node's output, if it is stored.
    fn of_node(
        &self,
        expanded: &Expanded,
        node: &Node,
        constants: &[Option<i32>],
        extent: Extent,
    ) -> Option<Home> {
        let len = expanded.tensor(node.output).len;
        Some(match &node.op {
            Op::Rearrange(_) => return None,
            Op::Table(_) if let Some((layer, side)) = role(expanded, node.output) => {
                self.factor(layer, side, node.inputs[0], len)
            }
            Op::MatMul(layer) => Home::new(product_planes(layer), len),
            Op::FullyConnected(_) => Home::image(constants, &[0]),
            Op::Convolution(layer) => Home::image(constants, &self.exponents(layer, node.inputs[0], extent)),
            Op::Add(_) | Op::Multiply(_) | Op::Table(_) | Op::Maximum | Op::Product => {
                let mirror = node.inputs.iter().find_map(|input| self.mirror(*input));
                let home = mirror.or_else(|| self.following(node.inputs[0]));
                home.unwrap_or_else(|| Home::new(flat_planes(len), len))
            }
        })
    }

    /// Adds a stored tensor, the next one of the model.
    pub(crate) fn store(&mut self, tensor: TensorId, home: Home) {
        assert_eq!(tensor.0, self.stored.len(), "tensors are added in order");
        self.views.push(View::Own { tensor, len: home.len(), constants: Vec::new() });
        self.stored.push(Some(home));
    }

    /// Adds a tensor that is not stored, the next one of the model.
    pub(crate) fn show(&mut self, tensor: TensorId, cells: Vec<Cell>) {
        assert_eq!(tensor.0, self.stored.len(), "tensors are added in order");
        self.views.push(View::Cells(cells));
        self.stored.push(None);
    }

    /// Where the elements of a rearrangement live.
    pub(crate) fn rearranged(&self, rearrange: &Rearrange, inputs: &[TensorId]) -> Vec<Cell> {
        rearranged(&self.views, rearrange, inputs)
    }

    /// The home of a stored tensor.
    ///
    /// # Panics
    /// If it is not stored.
    pub(crate) fn home(&self, tensor: TensorId) -> &Home {
        self.stored[tensor.0].as_ref().expect("only stored tensors are asked for")
    }

    /// The view of a tensor.
    pub(crate) fn view(&self, tensor: TensorId) -> &View {
        &self.views[tensor.0]
    }

    /// Exponents of a convolution's outputs such that a tap shifts them evenly against those of most of its input's
    /// channels, if there are such and they are not too sparse; the plain grid otherwise.
    fn exponents(&self, layer: &Convolution, input: TensorId, extent: Extent) -> Vec<u64> {
        let [height, width] = layer.window.output;
        let on = |[down, right]: [u64; 2]| -> Vec<u64> {
            let row = |y: u64| (0..width as u64).map(move |x| y * down + x * right);
            (0..height as u64).flat_map(row).collect()
        };
        let plain = [extent.pitch as u64, 1];
        let steps = grid(self, input, &layer.window, extent.pitch);
        if !extent.holds(steps, layer.window.output) {
            return on(plain);
        }
        let even = on(steps);
        if distinct(&even) { even } else { on(plain) }
    }

    /// The planes and exponents of what a tensor views, if that is part of one stored tensor, evenly.
    fn mirror(&self, tensor: TensorId) -> Option<Home> {
        let view = self.view(tensor);
        let Cell::Stored { tensor: source, .. } = view.iter().next()? else { return None };
        let home = self.stored[source.0].as_ref()?;
        let mut planes: TiVec<PlaneId, _> = ti_vec![(Vec::new(), Vec::new()); home.planes.len()];
        for (index, cell) in view.iter().enumerate() {
            let Cell::Stored { tensor, element } = cell else { return None };
            if tensor != source {
                return None;
            }
            let (plane, position) = home.spot(element);
            let (elements, exponents) = &mut planes[plane];
            elements.push(index);
            exponents.push(home.planes[plane].read[position]);
        }
        let mut planes: Vec<_> =
            home.planes.iter().zip(planes).filter(|(_, (elements, _))| !elements.is_empty()).collect();
        let shared = by_position(std::mem::take(&mut planes.first_mut()?.1.1));
        let same = planes.iter().skip(1).all(|(_, (_, exponents))| exponents[..] == shared.raw);
        let mirrored = |(of, (elements, _)): (&Plane, _)| Plane::new(of.channel, elements, shared.clone());
        (same && distinct(&shared.raw))
            .then(|| Home::new(planes.into_iter().map(mirrored).collect(), view.len()))
    }

    /// A plane for each that a tensor views elements of, which claims them with exponents that fit, and is read in order,
    /// as an image is; if those are few. Constants are in planes as large as the largest.
    fn following(&self, tensor: TensorId) -> Option<Home> {
        let view = self.view(tensor);
        let mut places = HashMap::new();
        let (mut planes, mut constants) = (Vec::<Vec<usize>>::new(), Vec::new());
        for (index, cell) in view.iter().enumerate() {
            let Some((plane, _)) = self.source(cell) else {
                constants.push(index);
                continue;
            };
            let fresh = planes.len();
            let place = *places.entry(plane).or_insert(fresh);
            match planes.get_mut(place) {
                Some(elements) => elements.push(index),
                None => planes.push(vec![index]),
            }
        }
        let largest = planes.iter().map(Vec::len).max()?;
        planes.extend(constants.chunks(largest).map(<[usize]>::to_vec));
        let plane = |(channel, elements): (usize, Vec<usize>)| {
            let sources: Option<Vec<_>> =
                elements.iter().map(|element| self.source(view.cell(*element))).collect();
            let read = by_position(0..elements.len() as u64);
            let exponents = sources.and_then(|sources| fitting(&sources)).map(by_position);
            Plane {
                channel,
                elements: elements.into(),
                exponents: exponents.unwrap_or_else(|| read.clone()),
                read,
            }
        };
        let is_few = planes.len() * FEWEST_IN_PLANES <= view.len();
        is_few.then(|| Home::new(planes.into_iter().enumerate().map(plane).collect(), view.len()))
    }

    /// Where a stored element is and the exponent it is read with.
    pub(crate) fn source(&self, cell: Cell) -> Option<((TensorId, PlaneId), u64)> {
        match cell {
            Cell::Stored { tensor, element } => {
                let home = self.home(tensor);
                Some(((tensor, home.spot(element).0), home.read(element)))
            }
            Cell::Constant(_) => None,
        }
    }

    /// The arrangement of a copy of a tensor that is a factor of a matrix product.
    fn factor(&self, layer: &MatMul, side: Side, from: TensorId, len: usize) -> Home {
        let mirror = self.mirror(from).filter(|home| keeps_slices(layer, side, home));
        mirror.unwrap_or_else(|| {
            let view = self.view(from);
            let source = |element: usize| match view.cell(element) {
                Cell::Stored { tensor, element } => {
                    let home = self.stored[tensor.0].as_ref()?;
                    let (plane, position) = home.spot(element);
                    Some(((tensor, plane), home.planes[plane].read[position]))
                }
                Cell::Constant(_) => None,
            };
            Home::new(factor_planes(layer, side, source), len)
        })
    }

    /// The arrangement of a model input: for a convolution its channels, one plane per phase of the stride.
    fn input(&self, expanded: &Expanded, tensor: TensorId, pitch: usize) -> Home {
        let len = expanded.tensor(tensor).len;
        let planes = expanded.nodes.iter().find_map(|node| match &node.op {
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
        let own = |cell: Cell| matches!(cell, Cell::Stored { tensor: of, .. } if of == tensor);
        if view.len() != len || !view.iter().all(own) {
            return None;
        }
        let ([height, width], [down, right]) = (layer.window.input, layer.window.stride);
        let count = layer.channels_in.saturating_mul(down.min(height)).saturating_mul(right.min(width));
        // A stride of about the image reads few phases, and has one for nearly every element.
        if count > MANY_PHASES && count.saturating_mul(FEWEST_IN_PLANES) > len {
            return None;
        }
        let mut planes = Vec::new();
        for image in 0..layer.channels_in {
            for (y, x) in (0..down.min(height)).flat_map(|y| (0..right.min(width)).map(move |x| (y, x))) {
                let (mut elements, mut exponents) = (Vec::new(), Vec::new());
                for (row, y) in (y..height).step_by(down).enumerate() {
                    for (column, x) in (x..width).step_by(right).enumerate() {
                        let Cell::Stored { element, .. } = view.cell((image * height + y) * width + x) else {
                            return None;
                        };
                        elements.push(element);
                        exponents.push((row * pitch + column) as u64);
                    }
                }
                planes.push(Plane::new(planes.len(), elements, by_position(exponents)));
            }
        }
        let elements: HashSet<usize> =
            planes.iter().flat_map(|plane| plane.elements.iter().copied()).collect();
        (elements.len() == len).then_some(planes)
    }
}

/// Whether every element of the output is computed of one element of each input.
fn is_elementwise(op: &Op) -> bool {
    matches!(op, Op::Add(_) | Op::Multiply(_) | Op::Table(_) | Op::Maximum | Op::Product)
}

pub(crate) fn distinct(exponents: &[u64]) -> bool {
    let mut seen = HashSet::new();
    exponents.iter().all(|exponent| seen.insert(*exponent))
}

/// Phases of a stride of which each has a plane, however few elements that has.
const MANY_PHASES: usize = 1 << 10;

/// Elements that planes hold on average if there is one for each that is viewed.
const FEWEST_IN_PLANES: usize = 8;

/// Planes of a tensor without an image.
const FLAT_PLANES: usize = 8;

/// Elements dealt to planes in flat order.
fn flat_planes(len: usize) -> Vec<Plane> {
    let plane = |channel: usize| {
        let elements: Vec<usize> = (channel..len).step_by(FLAT_PLANES).collect();
        let exponents = by_position(0..elements.len() as u64);
        Plane::new(channel, elements, exponents)
    };
    (0..FLAT_PLANES.min(len)).map(plane).collect()
}

/// Runs of planes of a model input whose elements at each position follow each other in the statement.
pub(crate) type Runs = Vec<Vec<PlaneId>>;

/// The longest runs of at most `lanes` planes that public inputs can hold, and the bytes per public input.
pub(crate) fn input_runs(home: &Home, lanes: usize) -> (Runs, usize) {
    let runs = (1..=lanes).rev().map(|most| runs(&home.planes, most));
    let mut fitting = runs.filter_map(|runs| bytes_per_instance(home, &runs).map(|bytes| (runs, bytes)));
    fitting.next().expect("rows of one byte fit every public input")
}

/// Runs of planes, at most `most` long, in which at every position the elements are consecutive.
fn runs(planes: &TiSlice<PlaneId, Plane>, most: usize) -> Runs {
    let mut order: Vec<PlaneId> = planes.keys().collect();
    order.sort_by_key(|id| planes[*id].elements.raw[0]);
    let follows = |one: &Plane, next: &Plane| {
        one.elements.len() == next.elements.len()
            && one.elements.iter().zip(&next.elements).all(|(one, next)| one + 1 == *next)
            && one.exponents == next.exponents
    };
    let mut runs = Runs::new();
    for id in order {
        match runs.last_mut() {
            Some(run)
                if run.len() < most
                    && run.last().is_some_and(|last| follows(&planes[*last], &planes[id])) =>
            {
                run.push(id);
            }
            _ => runs.push(vec![id]),
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

/// The largest images of a network.
#[derive(Clone, Copy)]
struct Extent {
    /// The width of the widest.
    pitch: usize,
    /// The height of the tallest.
    height: usize,
}

impl Extent {
    fn of(expanded: &Expanded) -> Self {
        let largest = |axis: usize| {
            let size = |op: &Op| match op {
                Op::Convolution(layer) => layer.window.input[axis].max(layer.window.output[axis]),
                _ => 1,
            };
            expanded.nodes.iter().map(|node| size(&node.op)).max().unwrap_or(1)
        };
        Self { pitch: largest(1), height: largest(0) }
    }

    /// Whether an image with these steps needs not many times the powers of s that the largest one does. Strides multiply steps; where
    /// padding keeps images from shrinking with them they would grow without bound.
    fn holds(self, [down, right]: [u64; 2], [height, width]: [usize; 2]) -> bool {
        let along = |size: usize, step: u64| (size as u64 - 1).checked_mul(step);
        let last = along(height, down).zip(along(width, right)).and_then(|(y, x)| y.checked_add(x));
        last.is_some_and(|last| last < MAX_SPARSITY * (self.pitch * self.height) as u64)
    }
}
