use super::{EdgeError, SoftmaxKernel, apply_tail, quantize_input, softmax};
use crate::ir::{Elem, Quantization, Tail};

const fn quantization(scale: f32, zero_point: i32) -> Quantization {
    Quantization { scale, zero_point }
}

/// One row of a stored file, see `fixtures/softmax/recipe.py`.
struct Record {
    quantization: Quantization,
    integers: Vec<i32>,
    outputs: Vec<f32>,
}

fn records(mut bytes: &[u8]) -> Vec<Record> {
    fn take<'a>(bytes: &mut &'a [u8], count: usize) -> &'a [u8] {
        bytes.split_off(..count).expect("the file holds whole records")
    }
    let word = |bytes: &mut &[u8]| <[u8; 4]>::try_from(take(bytes, 4)).unwrap();
    let mut records = Vec::new();
    while !bytes.is_empty() {
        let scale = f32::from_le_bytes(word(&mut bytes));
        let zero_point = i32::from(take(&mut bytes, 1)[0] as i8);
        let len = u32::from_le_bytes(word(&mut bytes)) as usize;
        let integers = take(&mut bytes, len).iter().map(|&byte| i32::from(byte as i8)).collect();
        let outputs = (0..len).map(|_| f32::from_le_bytes(word(&mut bytes))).collect();
        records.push(Record { quantization: quantization(scale, zero_point), integers, outputs });
    }
    records
}

const AVX512: &[u8] = include_bytes!("../../../fixtures/softmax/avx512.bin");
const FMA3: &[u8] = include_bytes!("../../../fixtures/softmax/fma3.bin");

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

fn assert_equal_onnxruntime(file: &[u8], kernel: SoftmaxKernel) {
    let records = records(file);
    assert_eq!(records.len(), 112);
    for Record { quantization, integers, outputs } in records {
        let tail = [Tail::Dequantize(quantization), Tail::Softmax { len: integers.len() }];
        let got = apply_tail(&integers, &tail, kernel).unwrap();
        assert_eq!(bits(&got), bits(&outputs), "length {}, {quantization:?}", integers.len());
    }
}

#[test]
fn dequantize_and_softmax_equal_onnxruntime_on_avx512() {
    assert_equal_onnxruntime(AVX512, SoftmaxKernel::Avx512);
}

#[test]
fn dequantize_and_softmax_equal_onnxruntime_on_fma3() {
    assert_equal_onnxruntime(FMA3, SoftmaxKernel::Fma3);
}

#[test]
fn the_kernels_differ_in_the_last_bits_only() {
    let mut differing = 0;
    for (avx512, fma3) in records(AVX512).iter().zip(records(FMA3)) {
        assert_eq!(avx512.integers, fma3.integers);
        for (a, b) in avx512.outputs.iter().zip(&fma3.outputs) {
            differing += usize::from(a != b);
            let close = (a - b).abs() <= 1e-6 * a.max(*b) || a.max(*b) < f32::MIN_POSITIVE;
            assert!(close, "{a:e} and {b:e}");
        }
    }
    assert!(differing > 0, "the two files show two kernels");
}

#[test]
fn softmax_of_equal_values_is_uniform() {
    for kernel in [SoftmaxKernel::Avx512, SoftmaxKernel::Fma3] {
        let mut row = [f32::MAX; 8];
        softmax(&mut row, kernel);
        assert_eq!(row, [0.125; 8]);
    }
}

#[test]
fn exponentials_end_where_the_kernel_ends() {
    let second = |difference: f32, kernel| {
        let mut row = [0.0, -difference];
        softmax(&mut row, kernel);
        row[1]
    };
    assert_eq!(second(104.0, SoftmaxKernel::Avx512), 0.0);
    assert_eq!(second(102.0, SoftmaxKernel::Avx512), f32::from_bits(4));
    assert!(second(87.0, SoftmaxKernel::Fma3) >= f32::MIN_POSITIVE);
    assert_eq!(second(90.0, SoftmaxKernel::Fma3), 0.0);
}

#[test]
fn a_softmax_normalizes_each_group() {
    let tail = [Tail::Dequantize(quantization(0.25, 3)), Tail::Softmax { len: 2 }];
    let got = apply_tail(&[7, 7, -128, 127], &tail, SoftmaxKernel::Avx512).unwrap();
    assert_eq!(got[..2], [0.5, 0.5]);
    assert!(got[2] < 1e-20 && got[3] == 1.0);
}

#[test]
fn refuses_a_softmax_that_does_not_fit() {
    for len in [0, 2] {
        let error = apply_tail(&[1, 2, 3], &[Tail::Softmax { len }], SoftmaxKernel::Avx512).unwrap_err();
        assert_eq!(error, EdgeError::SoftmaxLength { len, elements: 3 });
    }
}

#[test]
fn a_table_has_a_value_for_each_integer() {
    let table = |elem: Elem, len: usize| {
        let values = (0..len).map(|index| index as f32 / 4.0).collect();
        [Tail::Table { elem, values, operators: Vec::new() }]
    };
    let apply = |integers: &[i32], tail: &[Tail]| apply_tail(integers, tail, SoftmaxKernel::Avx512);
    assert_eq!(apply(&[-128, -127, 127], &table(Elem::I8, 256)).unwrap(), [0.0, 0.25, 63.75]);
    assert_eq!(apply(&[0, 255], &table(Elem::U8, 256)).unwrap(), [0.0, 63.75]);
    let short = apply(&[127], &table(Elem::I8, 255)).unwrap_err();
    assert_eq!(short, EdgeError::NoEntry { integer: 127 });
    let negative = apply(&[-1], &table(Elem::U8, 256)).unwrap_err();
    assert_eq!(negative, EdgeError::NoEntry { integer: -1 });
}

#[test]
fn a_log_softmax_is_the_logarithm_of_the_softmax() {
    for kernel in [SoftmaxKernel::Avx512, SoftmaxKernel::Fma3] {
        let tail = [Tail::Dequantize(quantization(0.1, 3)), Tail::LogSoftmax { len: 3 }];
        let logarithms = apply_tail(&[7, 9, -30, 0, 0, 0], &tail, kernel).unwrap();
        let sum: f32 = logarithms[..3].iter().map(|value| value.exp()).sum();
        assert!((sum - 1.0).abs() < 1e-6 && (logarithms[1] - logarithms[0] - 0.2).abs() < 1e-6);
        assert!((logarithms[3] + 3_f32.ln()).abs() < 1e-6);
        let error = apply_tail(&[1, 2], &tail, kernel).unwrap_err();
        assert_eq!(error, EdgeError::SoftmaxLength { len: 3, elements: 2 });
    }
}

#[test]
fn indices_are_the_integers() {
    assert_eq!(apply_tail(&[0, 255], &[Tail::Index], SoftmaxKernel::Avx512).unwrap(), [0.0, 255.0]);
}

#[test]
fn without_a_tail_the_outputs_are_the_integers() {
    assert_eq!(apply_tail(&[-128, 0, 255], &[], SoftmaxKernel::default()).unwrap(), [-128.0, 0.0, 255.0]);
}

#[test]
fn quantizes_ties_to_even_before_adding_the_zero_point() {
    let got = quantize_input(&[-0.75, -0.25, 0.25, 0.75, 1.25], quantization(0.5, 1), Elem::I8).unwrap();
    assert_eq!(got, [-1, 1, 1, 3, 3]);
}

#[test]
fn quantizes_by_division_not_by_the_reciprocal() {
    // 1.55 / 0.1 is a hair below 15.5 in float32 and becomes the integer below; 1.55 * 10 is the tie 15.5.
    let (value, scale) = (1.55_f32, 0.1_f32);
    assert_eq!((value * (1.0 / scale)).round_ties_even(), 16.0);
    assert_eq!(quantize_input(&[value], quantization(scale, 0), Elem::I8).unwrap(), [15]);
}

#[test]
fn infinities_and_large_values_saturate() {
    let values = [f32::NEG_INFINITY, f32::MIN, -1e9, 1e9, f32::MAX, f32::INFINITY];
    for zero_point in [-128, 0, 127] {
        let got = quantize_input(&values, quantization(1e-3, zero_point), Elem::I8).unwrap();
        assert_eq!(got, [-128, -128, -128, 127, 127, 127]);
    }
    let got = quantize_input(&values, quantization(f32::MIN_POSITIVE, 255), Elem::U8).unwrap();
    assert_eq!(got, [0, 0, 0, 255, 255, 255]);
}

#[test]
fn refuses_a_nan_and_says_where() {
    let error = quantize_input(&[0.0, 1.0, f32::NAN], quantization(1.0, 0), Elem::U8).unwrap_err();
    assert_eq!(error, EdgeError::NotANumber { index: 2 });
}
