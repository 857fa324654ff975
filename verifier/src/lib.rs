//! All that decides whether a Lemma proof is accepted.
//!
//! ```text
//! .vk file --BareKey::read--> shape, interface, commitments, setup
//!                               shape --system--> the constraint system, gate by gate from the chips
//!                               all of it --circuit_id--> the id the caller must know
//! .proof file --verify--> statement, or a typed refusal
//! ```
//!
//! Nothing here plans a circuit, computes a witness or makes a proof, and nothing reads a file, a clock or a network: bytes come in, a
//! [`Statement`](statement::Statement) or a refusal comes out. Whoever audits what a proof means reads this crate, and
//! `SOUNDNESS.md` for why its constraints suffice. [`verify::verify`] is the way in.
//!
//! ```no_run
#![doc = include_str!("../examples/offline.rs")]
//! ```
//!
//! Work on many points is spread over the threads of the caller's pool, where the target has threads.
//!
//! # Panics
//! No bytes of others can make this crate panic; its lints forbid what could. Where soundness rests on something that this crate makes
//! itself, the count of columns or the degree of a gate, it is asserted.

#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unwrap_used
    )
)]

pub mod artifact;
pub mod chip;
pub mod circuit_id;
pub mod columns;
pub mod digest;
pub mod env;
pub mod envelope;
pub mod group_fft;
pub mod index;
pub mod integers;
pub mod interface;
pub mod proof_system;
pub mod scheme;
pub mod setup;
pub mod shape;
pub mod statement;
pub mod system;
pub mod tags;
pub mod transparent;
pub mod verify;
