//! What the proof library needs of its surroundings: a processor it was built for, and one environment variable.
//!
//! On x86-64 its field arithmetic is assembly that asks no processor whether it knows the instructions. `MAX_DEGREE` caps the
//! degree the library believes a constraint system has. Lemma circuits pin their degree with `set_minimum_degree`, so any number
//! is harmless, but the library panics on text that is no number.

use std::env::{self, VarError};

/// Name of the variable the proof library reads.
pub const MAX_DEGREE: &str = "MAX_DEGREE";

/// Why the environment is unusable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EnvError {
    /// The proof library would panic on this value.
    #[error(
        "environment variable MAX_DEGREE is {got:?}, expected a non-negative integer; unset it, Lemma does not need it"
    )]
    MaxDegree {
        /// The value found.
        got: String,
    },
    /// The field arithmetic would end the process by an illegal instruction.
    #[error(
        "this processor has no {missing}, which the field arithmetic needs; use an x86-64 processor with BMI2 and ADX, as \
         Intel makes them since 2014 and AMD since 2017"
    )]
    Processor {
        /// The instructions it lacks.
        missing: &'static str,
    },
}

/// Refuses a processor that the field arithmetic was not written for. Programs call this before they touch a model.
///
/// # Errors
/// [`EnvError::Processor`] names the instructions it lacks.
pub fn check_processor() -> Result<(), EnvError> {
    #[cfg(target_arch = "x86_64")]
    for (missing, there) in [
        ("BMI2", std::arch::is_x86_feature_detected!("bmi2")),
        ("ADX", std::arch::is_x86_feature_detected!("adx")),
    ] {
        if !there {
            return Err(EnvError::Processor { missing });
        }
    }
    Ok(())
}

/// Refuses an environment the proof library would panic in. What reads keys, derives parameters or verifies
/// calls this first; who calls the library by what is below does so too.
///
/// # Errors
/// When the processor lacks instructions, or `MAX_DEGREE` is set to something that is not a number.
pub fn check() -> Result<(), EnvError> {
    check_processor()?;
    check_value(env::var(MAX_DEGREE))
}

/// The library reads the variable with `env::var(..).unwrap_or("5").parse::<usize>()`: absent and non-Unicode
/// values count as unset.
fn check_value(value: Result<String, VarError>) -> Result<(), EnvError> {
    match value {
        Err(VarError::NotPresent | VarError::NotUnicode(_)) => Ok(()),
        Ok(text) if text.parse::<usize>().is_ok() => Ok(()),
        Ok(got) => Err(EnvError::MaxDegree { got }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_what_the_library_accepts() {
        assert_eq!(check_value(Err(VarError::NotPresent)), Ok(()));
        assert_eq!(check_value(Err(VarError::NotUnicode("x".into()))), Ok(()));
        for text in ["0", "4", "5", "9", "+7", "18446744073709551615"] {
            assert_eq!(check_value(Ok(text.into())), Ok(()), "{text}");
        }
    }

    #[test]
    fn refuses_what_the_library_panics_on() {
        for text in ["", "x", " 5", "5 ", "-1", "5.0", "0x5", "18446744073709551616"] {
            assert_eq!(
                check_value(Ok(text.into())),
                Err(EnvError::MaxDegree { got: text.into() }),
                "{text:?}"
            );
        }
    }
}
