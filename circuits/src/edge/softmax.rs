//! float32 Softmax with the arithmetic of onnxruntime's vector kernels.

/// Which of onnxruntime's x86-64 softmax kernels is reproduced.
///
/// onnxruntime picks by the processor. The kernels share the exponential's polynomial and differ in the
/// number of partial sums, so in the order of the sum, and in how far below the maximum an element still
/// counts. On 30,000 random rows of up to 2,000 elements, results above 1e-30 were at most ten float32 steps
/// apart, and three rows in five were equal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SoftmaxKernel {
    /// Processors with AVX-512F: 16 partial sums, exponentials down to the smallest subnormal.
    #[default]
    Avx512,
    /// Processors with AVX2 and FMA, without AVX-512F: 8 partial sums, exponentials down to the smallest
    /// normal number, then 0.
    Fma3,
}

/// Replaces one row by its softmax, `exp(x - max) / sum exp(x - max)`.
///
/// Bit-exact with onnxruntime 1.31.1 on the processors of `kernel`. The arithmetic, in which every operation
/// rounds once to float32, a fused multiply-add being one operation:
/// - `x' = max(x - max, least)`, with `least` where the kernel's exponentials end;
/// - `m = rne(x' / ln 2)`, by adding and subtracting 1.5 * 2^23 with a fused multiply-add;
/// - `r = x' - m ln 2`, fused, ln 2 in two parts (Cody and Waite) whose first has few enough bits for
///   `m ln 2` to be exact;
/// - `p = exp(r)`, a polynomial of degree 6 by Horner's rule, fused;
/// - `e = p * 2^m`;
/// - the sum: element i is added to partial sum `i mod lanes`, then partial sums are added pairwise;
/// - `e * (1 / sum)`, a product with the rounded reciprocal.
///
/// The method and the constants are those of the MLAS library in onnxruntime, `TransKernelAvx512F` and
/// `TransKernelFma3`, and were measured against it. On other processors (SSE2 without fused operations,
/// ARM with 4 partial sums) onnxruntime's answers differ in the last bits.
pub fn softmax(row: &mut [f32], kernel: SoftmaxKernel) {
    let greatest = row.iter().copied().fold(f32::MIN, f32::max);
    for value in row.iter_mut() {
        *value = kernel.exp(*value - greatest);
    }
    let reciprocal = 1.0 / kernel.sum(row);
    for value in row.iter_mut() {
        *value *= reciprocal;
    }
}

/// Replaces one row by its log-softmax, `(x - max) - ln sum exp(x - max)`, the sum as in [`softmax`].
///
/// As in onnxruntime, up to the last bit of the logarithm, which is the platform's.
pub fn log_softmax(row: &mut [f32], kernel: SoftmaxKernel) {
    let greatest = row.iter().copied().fold(f32::MIN, f32::max);
    let exponentials: Vec<f32> = row.iter().map(|value| kernel.exp(value - greatest)).collect();
    let logarithm = kernel.sum(&exponentials).ln();
    for value in row.iter_mut() {
        *value = *value - greatest - logarithm;
    }
}

/// 1.5 * 2^23: added to a small number it leaves the nearest integer in the lowest bits of the significand.
const ROUNDING_BIAS: f32 = 12_582_912.0;
/// The negated high part of ln 2, 15 significant bits.
const MINUS_LN2_HIGH: f32 = -0.693_145_75;
/// The negated rest of ln 2.
const MINUS_LN2_LOW: f32 = -1.428_606_8e-6;
/// Coefficients of exp on `[-ln 2 / 2, ln 2 / 2]`, from the sixth power to the constant.
const EXP: [f32; 7] = [0.001_378_059_4, 0.008_373_124_5, 0.041_669_536, 0.166_664_72, 0.499_999_85, 1.0, 1.0];

impl SoftmaxKernel {
    /// The exponential of a number that is not positive.
    fn exp(self, x: f32) -> f32 {
        let least = match self {
            Self::Avx512 => -103.972_084,
            Self::Fma3 => -88.376_26,
        };
        // Not f32::max: a NaN, from infinite scales alone, stays one as on the processor.
        let x = if least > x { least } else { x };
        let m = x.mul_add(std::f32::consts::LOG2_E, ROUNDING_BIAS) - ROUNDING_BIAS;
        let r = m.mul_add(MINUS_LN2_LOW, m.mul_add(MINUS_LN2_HIGH, x));
        let [first, rest @ ..] = EXP;
        let p = rest.iter().fold(first, |p, &coefficient| p.mul_add(r, coefficient));
        self.scale(p, m as i32)
    }

    /// `p * 2^m`, rounded once, for p near 1 and `-150 <= m <= 0`.
    fn scale(self, p: f32, m: i32) -> f32 {
        match self {
            Self::Avx512 => {
                // The first product is exact, being a normal number.
                let half = m / 2;
                p * power_of_two(half) * power_of_two(m - half)
            }
            // The factor is built from its exponent field, which is 0 for m = -127.
            Self::Fma3 => p * power_of_two(m),
        }
    }

    /// The sum of a row in the order of the kernel.
    fn sum(self, row: &[f32]) -> f32 {
        match self {
            Self::Avx512 => {
                let lanes = partial_sums::<16>(row);
                sum_of_eight(std::array::from_fn(|lane| lanes[lane + 8] + lanes[lane]))
            }
            Self::Fma3 => sum_of_eight(partial_sums::<8>(row)),
        }
    }
}

/// `2^exponent` for `-127 < exponent <= 127`, and 0 for -127.
fn power_of_two(exponent: i32) -> f32 {
    f32::from_bits(((exponent + 127) as u32) << 23)
}

fn partial_sums<const LANES: usize>(row: &[f32]) -> [f32; LANES] {
    let mut sums = [0.0; LANES];
    for vector in row.chunks(LANES) {
        for (sum, value) in sums.iter_mut().zip(vector) {
            *sum += value;
        }
    }
    sums
}

/// Neighbors, then neighboring pairs, then the two halves.
fn sum_of_eight([a, b, c, d, e, f, g, h]: [f32; 8]) -> f32 {
    ((a + b) + (c + d)) + ((e + f) + (g + h))
}
