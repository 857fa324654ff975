use super::{Budget, check_size};
use crate::{
    error::{Fitting, PlanError, Resource},
    ir::Model,
    testing::networks::{Builder, Scale, Slide},
};

fn model(channels: usize, image: usize, slide: Slide) -> Model {
    let mut network = Builder::new(1, 3, channels, [image, image]);
    let scale = Scale { multipliers: vec![0.021], zero_point: 0, clamp: (-128, 127) };
    network.convolution(channels, 1, slide, &scale);
    network.finish()
}

fn refused(model: &Model, budget: Budget) -> (Resource, Fitting) {
    match check_size(model, &budget) {
        Err(PlanError::OverBudget { resource, needed, limit, fits }) => {
            assert!(needed > limit, "{needed} of {limit}");
            (resource, fits)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn ordinary_networks_fit_and_huge_ones_do_not() {
    assert_eq!(check_size(&model(16, 96, Slide::SAME), &Budget::default()), Ok(()));
    for (channels, image, slide) in
        [(1, 8000, Slide::SAME), (2, 2000, Slide { kernel: [9, 9], ..Slide::POINTWISE })]
    {
        refused(&model(channels, image, slide), Budget::default());
    }
    refused(&model(3000, 1, Slide::POINTWISE), Budget { bytes: 128 << 20, ..Budget::UNLIMITED });
}

#[test]
fn either_limit_counts_and_what_would_fit_fits() {
    let image = 256;
    let of_side = |side: usize| model(4, side, Slide::SAME);
    let budgets = [
        (Resource::Memory, Budget { bytes: 128 << 20, ..Budget::UNLIMITED }),
        (Resource::Time, Budget { seconds: 1, ..Budget::UNLIMITED }),
    ];
    for (expected, budget) in budgets {
        let (resource, fits) = refused(&of_side(image), budget);
        assert_eq!(resource, expected);
        assert!((10..100).contains(&fits.side), "{fits:?}");
        assert_eq!(check_size(&of_side(image * usize::from(fits.side) / 100), &budget), Ok(()));
        let (_, again) = refused(&of_side(image * (usize::from(fits.side) + 2) / 100), budget);
        assert!(again.side >= 90, "{again:?}");
    }
}

#[test]
fn nothing_fits_a_budget_of_nothing() {
    let (_, fits) = refused(&model(1, 4, Slide::SAME), Budget { bytes: 0, seconds: 0 });
    assert_eq!(fits, Fitting { side: 0, channels: 0 });
}

#[test]
fn more_elements_than_have_numbers_fit_no_budget() {
    let mut model = model(1, 4, Slide::SAME);
    model.tensors[0].len = 1 << 33;
    assert_eq!(refused(&model, Budget { bytes: u64::MAX - 1, seconds: u64::MAX }).0, Resource::Memory);
}
