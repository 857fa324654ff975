//! What the verifier accepts and refuses of what this crate makes.

mod artifact;
mod verify;
