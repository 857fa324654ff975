//! Which backend a processor gets.

use std::sync::OnceLock;

/// The ways to compute that a prover may be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Choice {
    /// The fastest this processor has.
    #[default]
    Fastest,
    /// Element by element.
    Scalar,
}

/// The least `k` for which lanes pay: with fewer rows a rotation may leave a lane's rows.
const SMALLEST_LANES: u32 = 9;

/// Whether `2^k` rows are computed with in lanes.
pub(crate) fn lanes_for(choice: Choice, k: u32) -> bool {
    #[cfg(target_arch = "x86_64")]
    let available = crate::lanes::Ifma::detect().is_some();
    #[cfg(not(target_arch = "x86_64"))]
    let available = false;
    choice == Choice::Fastest && k >= SMALLEST_LANES && available && !lanes_are_off()
}

/// The environment variable that turns lanes off when it is set to `off`.
pub const LANES_VARIABLE: &str = "LEMMA_LANES";

/// Whether the environment has turned lanes off, looked up once.
fn lanes_are_off() -> bool {
    static OFF: OnceLock<bool> = OnceLock::new();
    *OFF.get_or_init(|| std::env::var_os(LANES_VARIABLE).is_some_and(|value| value == "off"))
}

/// Runs code for every backend there is: elements, lanes in plain Rust, and lanes of the processor where it has them.
#[cfg(test)]
macro_rules! on_all_backends {
    (|$backend:ident| $body:expr) => {{
        {
            let $backend = crate::scalar::Scalar;
            $body
        }
        {
            let $backend = crate::lanes::Lanes(crate::lanes::portable::Portable);
            $body
        }
        #[cfg(target_arch = "x86_64")]
        match crate::lanes::Ifma::detect() {
            Some(ifma) => {
                let $backend = crate::lanes::Lanes(ifma);
                $body
            }
            None => println!("SKIPPED: this processor has no AVX-512 IFMA; lanes are tested in plain Rust"),
        }
    }};
}
#[cfg(test)]
pub(crate) use on_all_backends;
