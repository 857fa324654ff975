//! The digits model that is part of the program.

/// An 8-bit network 64-32-10 that reads handwritten digits of 8 x 8 pixels.
pub(crate) const DIGITS_ONNX: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/digits/s8s8.qop.onnx"));

/// How messages name it.
pub(crate) const DIGITS_NAME: &str = "digits";

/// One handwritten digit, as `lemma prove --input` reads it.
pub(crate) const DIGIT_JSON: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/digits/example.json"));

/// Pixels per row of the digit.
pub(crate) const DIGIT_WIDTH: usize = 8;
