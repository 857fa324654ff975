use proptest::prelude::*;

use super::{LinearForm, linear_form};
use crate::{
    ir::AccumulatorRange,
    requantize::{Steps, requantize},
};

const I8: (i32, i32) = (-128, 127);

fn steps(range: (i64, i64), multiplier: f32, zero_point: i32, clamp: (i32, i32)) -> Steps {
    Steps::new(AccumulatorRange { lo: range.0, hi: range.1 }, multiplier, zero_point, clamp.0, clamp.1)
}

fn form(range: (i64, i64), multiplier: f32, zero_point: i32, clamp: (i32, i32)) -> Option<LinearForm> {
    linear_form(&steps(range, multiplier, zero_point, clamp), multiplier, clamp, 40)
}

fn clamped(form: &LinearForm, acc: i64, clamp: (i32, i32)) -> i128 {
    form.quotient(acc).clamp(i128::from(clamp.0), i128::from(clamp.1))
}

/// Whether any form with this shift is exact, by trying every m up to `largest` and every useful c.
fn exists(steps: &Steps, clamp: (i32, i32), s: u32, largest: u64) -> bool {
    (1..=largest).any(|m| {
        let reach = i128::from(steps.range.hi.abs_diff(steps.range.lo)) * i128::from(m) + (1 << s);
        let center = (i128::from(steps.first) << s) - i128::from(steps.range.lo) * i128::from(m);
        (center - reach..=center + reach).any(|c| LinearForm { m, c, s }.verify(steps, clamp))
    })
}

#[test]
fn an_integer_multiplier_needs_no_shift() {
    let form = form((-10, 10), 3.0, 5, I8).unwrap();
    assert_eq!((form.m, form.c, form.s), (3, 5, 0));
}

#[test]
fn alternating_ties_have_no_linear_form() {
    for exponent in 1..10 {
        let multiplier = f32::powi(2.0, -exponent);
        for zero_point in [0, 1, -7] {
            assert_eq!(form((-20_000, 20_000), multiplier, zero_point, I8), None, "2^-{exponent}");
        }
    }
    // A single tie per range is no obstacle: floor((acc + 1) / 4) rounds 1/2 down.
    assert!(form((0, 5), 0.25, 0, I8).is_some());
}

#[test]
fn a_constant_output_has_one_quotient() {
    for (range, zero_point, clamp) in [
        ((-1_000_000_000, -1_000_000), 0, I8),
        ((1_000_000, 1_000_000_000), 0, (0, 255)),
        ((-400, 400), 3, I8),
        ((7, 7), 3, I8),
    ] {
        let form = form(range, 1e-3, zero_point, clamp).unwrap();
        assert_eq!(form.quotient(range.0), form.quotient(range.1));
        assert_eq!(clamped(&form, range.0, clamp), clamped(&form, range.1, clamp));
    }
    let wide = steps((i64::from(i32::MIN), 0), 1e-12, 0, I8);
    assert_eq!(linear_form(&wide, 1e-12, I8, 31), None, "2^31 + 1 accumulators need 32 bits");
    assert_eq!(linear_form(&wide, 1e-12, I8, 32).unwrap().s, 32);
}

#[test]
fn the_ends_of_the_range_are_conditions() {
    // rne(0.3 acc): 0 0 1 1 1 2 2 2 2 3; T_1 = 2, T_2 = 5, T_3 = 9.
    let range = (2, 8);
    let inner = steps(range, 0.3, 0, I8);
    assert_eq!((inner.first, inner.thresholds.as_slice()), (1, &[5][..]));
    // The threshold alone admits floor((acc - 3) / 2^1): right at 4 and 5, wrong at both ends.
    let careless = LinearForm { m: 1, c: -1, s: 1 };
    assert_eq!((careless.quotient(4), careless.quotient(5)), (1, 2));
    assert_eq!((careless.quotient(2), careless.quotient(8)), (0, 3));
    assert!(!careless.verify(&inner, I8));
    // With the clamp at 1..=2 the ends are not conditions and the same form is exact.
    assert!(careless.verify(&steps(range, 0.3, 0, (1, 2)), (1, 2)));
    let exact = form(range, 0.3, 0, I8).unwrap();
    assert_eq!((exact.quotient(2), exact.quotient(8)), (1, 2));
}

#[test]
fn verify_rejects_every_near_miss() {
    let steps = steps((-5000, 5000), 0.0173, -3, I8);
    let form = linear_form(&steps, 0.0173, I8, 40).unwrap();
    assert!(form.verify(&steps, I8));
    let off_by = |m: i64, c: i128| LinearForm { m: form.m.wrapping_add_signed(m), c: form.c + c, s: form.s };
    for wrong in [off_by(0, -1), off_by(0, 1 << form.s), off_by(-1, 0), off_by(form.m as i64 / 8, 0)] {
        assert!(!wrong.verify(&steps, I8), "{wrong:?}");
    }
    assert!(!LinearForm { m: 0, ..form }.verify(&steps, I8));
    assert!(!LinearForm { c: i128::MAX, ..form }.verify(&steps, I8), "overflow is no agreement");
}

#[test]
fn a_larger_shift_keeps_every_quotient() {
    let form = form((-5000, 5000), 0.0173, -3, I8).unwrap();
    let padded = form.with_shift(form.s + 9);
    assert!((-5000..=5000).all(|acc| form.quotient(acc) == padded.quotient(acc)));
}

#[test]
#[should_panic(expected = "can be raised to")]
fn a_shift_is_never_lowered() {
    let _ = LinearForm { m: 2, c: 0, s: 3 }.with_shift(2);
}

#[test]
fn quotients_span_about_the_scaled_accumulators() {
    // One threshold in a wide range: m = 1, s = 0 would be exact with two million quotients.
    let one_threshold = form((-1_000_000, 1_000_000), 1e-4, 0, (0, 1)).unwrap();
    let (least, most) = one_threshold.quotients(AccumulatorRange { lo: -1_000_000, hi: 1_000_000 });
    assert!(most - least <= 230, "{one_threshold:?}");
    let clamp_wide = form((0, 100_000), 1e-5, 0, (0, 255)).unwrap();
    let (least, most) = clamp_wide.quotients(AccumulatorRange { lo: 0, hi: 100_000 });
    assert!(most - least <= 255, "{clamp_wide:?}");
}

#[test]
fn a_form_on_a_range_is_exact_on_every_part_of_it() {
    let whole = form((-4000, 4000), 0.01137, 9, I8).unwrap();
    for part in [(-4000, -1), (-100, 100), (0, 0), (3999, 4000)] {
        assert!(whole.verify(&steps(part, 0.01137, 9, I8), I8));
    }
}

#[test]
fn a_layer_of_a_real_model_is_exact_at_every_accumulator() {
    // The first layer of the MLPerf Tiny autoencoder: all 255 thresholds are inside its range.
    let (multiplier, (lo, hi)) = (0.002_979_507_7, (-1_665_549, 1_604_826));
    let form = form((lo, hi), multiplier, -128, I8).unwrap();
    assert_eq!(form.s, 29);
    for acc in lo..=hi {
        assert_eq!(clamped(&form, acc, I8), i128::from(requantize(acc, multiplier, -128, -128, 127)));
    }
}

#[test]
fn thresholds_that_float32_moves_off_every_line_have_no_form() {
    // At 2^29 accumulators round to multiples of 32: thresholds are no longer evenly spaced to within one.
    let (range, multiplier) = ((-(1 << 29), 1 << 29), 2.9e-7);
    assert_eq!(form(range, multiplier, 0, I8), None);
    // Two adjacent thresholds still lie on some line, one of slope m / 2^shift close enough for 3.4 million steps.
    let (steps, clamp) = (steps(range, multiplier, 0, (100, 102)), (100, 102));
    let form = linear_form(&steps, multiplier, clamp, 45).unwrap();
    for near in steps.thresholds.iter().flat_map(|&threshold| threshold - 70..threshold + 70) {
        assert_eq!(clamped(&form, near, clamp), i128::from(requantize(near, multiplier, 0, 100, 102)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_form_equals_requantize_at_every_accumulator(
        lo in -6000_i64..6000, width in 0_i64..9000, log in -11.0_f32..2.0,
        zero_point in -128_i32..=127, clamp_lo in -128_i32..=127, clamp_width in 0_i32..=255,
    ) {
        let (multiplier, clamp) = (log.exp2(), (clamp_lo, (clamp_lo + clamp_width).min(127)));
        let Some(form) = form((lo, lo + width), multiplier, zero_point, clamp) else { return Ok(()) };
        for acc in lo..=lo + width {
            let expected = requantize(acc, multiplier, zero_point, clamp.0, clamp.1);
            prop_assert_eq!(clamped(&form, acc, clamp), i128::from(expected), "{:?} at {}", form, acc);
        }
    }

    #[test]
    fn a_form_is_exact_where_float32_rounds_the_accumulator(
        lo in 1_i64 << 24..1 << 28, negative: bool, exponent in -30_i32..-18, mantissa in 1.0_f32..2.0,
    ) {
        let lo = if negative { -lo } else { lo };
        let multiplier = mantissa * f32::powi(2.0, exponent);
        let zero_point = -requantize(lo, multiplier, 0, -100_000, 100_000);
        let Some(form) = form((lo, lo + 3000), multiplier, zero_point, I8) else { return Ok(()) };
        for acc in lo..=lo + 3000 {
            let expected = requantize(acc, multiplier, zero_point, -128, 127);
            prop_assert_eq!(clamped(&form, acc, I8), i128::from(expected), "{:?} at {}", form, acc);
        }
    }

    #[test]
    fn the_shift_is_the_smallest_and_none_means_none(
        lo in -30_i64..30, width in 1_i64..24, numerator in 1_u8..64, clamp_lo in -6_i32..6, clamp_width in 0_i32..9,
    ) {
        let multiplier = f32::from(numerator) / 16.0;
        let clamp = (clamp_lo, clamp_lo + clamp_width);
        let steps = steps((lo, lo + width), multiplier, 0, clamp);
        if steps.thresholds.is_empty() {
            return Ok(());
        }
        let span = super::permitted_span(&steps, multiplier, clamp);
        let largest = |s| super::largest_multiplier(steps.range, span, s);
        match linear_form(&steps, multiplier, clamp, 4) {
            None => prop_assert!(!exists(&steps, clamp, 4, largest(4))),
            Some(form) => {
                prop_assert!(form.s == 0 || !exists(&steps, clamp, form.s - 1, largest(form.s - 1)));
                prop_assert!(!exists(&steps, clamp, form.s, form.m - 1));
            }
        }
    }
}
