//! A prover for halo2's PLONKish arithmetization whose proofs the stock verifier accepts.
//!
//! It knows circuits by the interfaces of the library alone, [`Circuit`](halo2_proofs::plonk::Circuit) and
//! [`ConstraintSystem`](halo2_proofs::plonk::ConstraintSystem), takes the library's proving keys, and writes the
//! messages that the library's `verify_proof` reads, with a Blake2b transcript over BN254, for KZG with SHPLONK and
//! for the inner product argument.
//!
//! [`Tables`] are made once per setup and size, a [`Prover`] once per circuit:
//!
//! ```text
//! Points --Tables::new--> Tables --+
//!                                  +--Prover::new--> Prover --prove--> proof
//! ProvingKey ----------------------+
//! ```
//!
//! | module | idea |
//! |---|---|
//! | `arithmetic` | field arithmetic on several elements at once, with lazy reduction: what kernels are written for |
//! | `scalar`, `lanes` | its two backends: the library's elements, and eight at once with AVX-512 IFMA |
//! | `fft` | transforms from rows to coefficients and from coefficients to cosets |
//! | `msm` | multi-scalar multiplication over fixed bases |
//! | `bases`, `key` | what proofs of a setup, and of a circuit, have in common |
//! | `program` | all constraints as instructions over blocks of rows |
//! | `committed`, `link` | columns that were committed to before the proof |
//! | `memory` | what a prover takes, and what it goes without |
//! | `prove` | the messages before the opening argument |
//! | `open` | SHPLONK and the inner product argument |
//! | `progress`, `watch` | how far a proof is, and how it is stopped |

mod arithmetic;
pub mod backends;
mod bases;
mod columns;
mod committed;
mod fft;
pub mod hiding;
mod key;
mod lanes;
mod limbs;
pub mod link;
#[cfg(any(test, feature = "measure"))]
pub mod measure;
mod memory;
mod msm;
mod open;
mod program;
mod progress;
mod prove;
mod prover;
mod scalar;
#[cfg(test)]
mod tests;
pub mod watch;

pub use bases::Points;
pub use committed::{RegisterError, Registration, Rerandomization};
pub use memory::{Memory, Opening, Settings, Shape, Work};
pub use prove::ProveError;
pub use prover::{Prover, Tables, Unsupported};
