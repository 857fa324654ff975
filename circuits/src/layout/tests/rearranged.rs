//! Images that are arranged anew between operators: copied where that pays, never where it does not.

use super::*;
use crate::{
    expanded::Expanded,
    layout::{Budget, Layout},
    network::{Base, slices::Reader},
};

impl Network {
    /// Any arrangement of elements of some tensors and constants.
    fn arranged(&mut self, inputs: Vec<TensorId>, sources: Vec<Source>, channels: usize, image: [usize; 2]) {
        let of = |source: &Source| match *source {
            Source::Element { input, .. } => self.model.tensor(inputs[input]).range,
            Source::Constant(value) => (value, value),
        };
        let hull = |all: (i32, i32), one: (i32, i32)| (all.0.min(one.0), all.1.max(one.1));
        let range = sources.iter().map(of).reduce(hull).unwrap();
        self.push(Op::Rearrange(Rearrange { sources }), inputs, channels, image, range);
    }

    /// Every pixel twice along both axes.
    fn upsampled(&mut self) {
        let (input, channels, [height, width]) = self.last;
        let image = [2 * height, 2 * width];
        let element = |index: usize| {
            let (channel, y, x) =
                (index / (4 * height * width), index / image[1] % image[0], index % image[1]);
            Source::Element { input: 0, element: (channel * height + y / 2) * width + x / 2 }
        };
        let sources = (0..channels * image[0] * image[1]).map(element).collect();
        self.arranged(vec![input], sources, channels, image);
    }

    /// Channels by four to space.
    fn dealt(&mut self) {
        let (input, channels, [height, width]) = self.last;
        let (channels, image) = (channels / 4, [2 * height, 2 * width]);
        let element = |index: usize| {
            let (channel, y, x) =
                (index / (4 * height * width), index / image[1] % image[0], index % image[1]);
            let from = (y % 2 * 2 + x % 2) * channels + channel;
            Source::Element { input: 0, element: (from * height + y / 2) * width + x / 2 }
        };
        let sources = (0..channels * image[0] * image[1]).map(element).collect();
        self.arranged(vec![input], sources, channels, image);
    }

    /// Behind the last tensor's channels those of another.
    fn joined(&mut self, other: TensorId) {
        let (input, channels, image) = self.last;
        let len = channels * image[0] * image[1];
        let others = self.model.tensor(other).len;
        let of = |input: usize, len: usize| (0..len).map(move |element| Source::Element { input, element });
        let sources = of(0, len).chain(of(1, others)).collect();
        let channels = channels + others / (image[0] * image[1]);
        self.arranged(vec![input, other], sources, channels, image);
    }
}

/// Copies that are made, and slices of tensors that are no output, to their elements.
fn planned(model: &Model) -> (usize, usize, usize) {
    let expanded = Expanded::of(model);
    let base = Base::of(&expanded).unwrap();
    let copies = base.expanded.nodes.len() - expanded.nodes.len();
    let network = base.network(base.inputs(4));
    let (mut slices, mut elements) = (0, 0);
    for (home, of) in network.homes.stored.iter().zip(&network.slices) {
        let is_output =
            of.uses.iter().flatten().flatten().any(|(reader, _)| matches!(reader, Reader::Byte { .. }));
        if let Some(home) = home.as_ref().filter(|_| !is_output) {
            slices += of.uses.iter().map(Vec::len).sum::<usize>();
            elements += home.planes.iter().map(|plane| plane.elements.len()).sum::<usize>();
        }
    }
    // A copy is three nodes: what it reads, itself, and the input with it in place.
    (copies / 3, slices, elements)
}

fn is_planned_with(model: &Model, copies: usize) {
    let (made, slices, elements) = planned(model);
    assert_eq!(made, copies, "copies");
    assert!(slices * 4 < elements, "{slices} slices of {elements} elements");
}

#[test]
fn an_upsampled_image_is_copied() {
    let mut network = Network::new(31, 2, [8, 8]);
    network.convolution(3, 1, SAME, true);
    network.upsampled();
    network.convolution(2, 1, SAME, true);
    let model = network.finish();
    is_planned_with(&model, 1);
    check(model, 32);
}

#[test]
fn channels_that_are_dealt_to_space_are_copied() {
    let mut network = Network::new(33, 2, [8, 8]);
    network.convolution(8, 1, SAME, true);
    network.dealt();
    network.convolution(3, 1, SAME, true);
    let model = network.finish();
    is_planned_with(&model, 1);
    check(model, 34);
}

#[test]
fn a_stride_that_meets_one_channel_at_a_time_needs_no_copy() {
    let mut network = Network::new(33, 2, [8, 8]);
    network.convolution(8, 1, SAME, true);
    network.dealt();
    network.convolution(3, 1, STRIDED, true);
    let model = network.finish();
    assert_eq!(planned(&model).0, 0);
    check(model, 34);
}

#[test]
fn of_joined_channels_those_on_another_grid_are_copied() {
    let mut network = Network::new(35, 2, [8, 8]);
    network.convolution(3, 1, SAME, true);
    network.upsampled();
    let upsampled = network.last.0;
    network.convolution(4, 1, SAME, true);
    network.joined(upsampled);
    network.convolution(3, 1, SAME, true);
    let model = network.finish();
    is_planned_with(&model, 2);
    check(model, 36);
}

#[test]
fn an_operand_on_another_grid_is_copied() {
    let mut network = Network::new(37, 1, [8, 8]);
    network.convolution(2, 1, SAME, true);
    let small = network.last;
    network.upsampled();
    network.convolution(8, 1, SAME, true);
    network.last = small;
    network.convolution(8, 1, SAME, true);
    network.upsampled();
    let other = TensorId(3);
    network.add(other);
    network.convolution(2, 1, SAME, true);
    let model = network.finish();
    is_planned_with(&model, 2);
    check(model, 38);
}

#[test]
fn a_copy_has_the_range_of_the_operand_it_copies() {
    let mut network = Network::new(41, 1, [8, 8]);
    network.convolution(8, 1, SAME, true);
    let small = network.last;
    network.upsampled();
    network.convolution(8, 1, SAME, true);
    network.table();
    let first = network.last;
    network.last = small;
    network.upsampled();
    let second = network.last.0;
    network.last = first;
    network.add(second);
    let model = network.finish();
    let (of_first, of_second) = (model.tensor(first.0).range, model.tensor(second).range);
    assert_ne!(of_first, of_second);
    is_planned_with(&model, 2);
    let base = Base::of(&Expanded::of(&model)).unwrap();
    let [lhs, rhs] = base.expanded.nodes.last().unwrap().inputs[..] else { panic!("a sum has two operands") };
    assert_ne!(rhs, second, "read from a copy");
    assert_eq!((base.expanded.tensor(lhs).range, base.expanded.tensor(rhs).range), (of_first, of_second));
    check(model, 42);
}

#[test]
fn one_copy_serves_all_that_read_alike() {
    let mut network = Network::new(39, 2, [8, 8]);
    network.convolution(3, 1, SAME, true);
    network.upsampled();
    let upsampled = network.last;
    network.convolution(2, 1, SAME, true);
    let first = network.last.0;
    network.last = upsampled;
    network.convolution(2, 1, SAME, true);
    network.add(first);
    is_planned_with(&network.finish(), 1);
}

#[test]
fn what_is_on_a_grid_is_not_copied() {
    let mut network = Network::new(40, 3, [13, 9]);
    network.transpose();
    network.convolution(4, 1, STRIDED, true);
    let branch = network.last.0;
    network.convolution(4, 4, SAME, true);
    network.add(branch);
    network.convolution(4, 4, STRIDED, true);
    network.convolution(5, 1, PLAIN, true);
    network.max_pool([[2, 2], [2, 2], [0, 0], [1, 1]]);
    network.convolution(5, 1, SAME, true);
    network.fully_connected(4);
    assert_eq!(planned(&network.finish()).0, 0);
}

#[test]
fn a_stride_of_about_the_image_makes_no_plane_of_every_pixel() {
    let mut network = Network::new(3, 1, [64, 64]);
    network.convolution(2, 1, [[3, 3], [61, 61], [0, 0], [1, 1]], true);
    let model = network.finish();
    let base = Base::of(&Expanded::of(&model)).unwrap();
    let inputs = base.inputs(4);
    let homes = &base.network(inputs).homes;
    assert!(homes.home(TensorId(0)).planes.len() <= 64, "{}", homes.home(TensorId(0)).planes.len());
    check(model, 4);
}

/// Strides multiply the steps of exponents; padding keeps these images from shrinking with them.
#[test]
fn strides_over_images_that_do_not_shrink_multiply_no_powers() {
    for depth in [12, 70] {
        let mut network = Network::new(3, 1, [4, 4]);
        for _ in 0..depth {
            network.convolution(1, 1, [[3, 3], [2, 2], [3, 3], [1, 1]], true);
        }
        let layout = Layout::of(&network.finish(), Scheme::Kzg, &Budget::default()).expect("a small network");
        assert!(layout.rows() <= 25 * depth, "{} rows of {depth} layers", layout.rows());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn random_arrangements(
        seed: u64, channels in 1_usize..3, height in 4_usize..8, width in 4_usize..8, read in 1_usize..3,
        out in (2_usize..9, 2_usize..9), order in 0_usize..4,
    ) {
        let mut network = Network::new(seed, channels, [height, width]);
        network.convolution(channels, 1, SAME, true);
        let (_, _, image) = network.last;
        let len = channels * image[0] * image[1];
        let mut numbers = Numbers(seed ^ 5);
        let mut source = |index: usize| match order {
            // At random, with constants; in runs; reversed; repeated.
            0 if numbers.next(9) == 0 => Source::Constant(numbers.next(256) as i32 - 128),
            0 => Source::Element { input: 0, element: numbers.next(len as u64) as usize },
            1 => Source::Element { input: 0, element: (index * 7) % len },
            2 => Source::Element { input: 0, element: len - 1 - index % len },
            _ => Source::Element { input: 0, element: index / 3 % len },
        };
        let sources = (0..read * out.0 * out.1).map(&mut source).collect();
        network.arranged(vec![network.last.0], sources, read, [out.0, out.1]);
        network.convolution(2, 1, SAME, true);
        let convolved = network.last;
        let backwards = (0..convolved.1 * out.0 * out.1).rev();
        let sources = backwards.map(|element| Source::Element { input: 0, element }).collect();
        network.arranged(vec![convolved.0], sources, convolved.1, [out.0, out.1]);
        network.add(convolved.0);
        check(network.finish(), seed ^ 9);
    }
}
