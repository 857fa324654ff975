//! Every route and every problem, through HTTP, with real proofs.

mod bodies;
mod builds;
mod damage;
mod documentation;
mod downloads;
mod idempotency;
mod infer;
mod lists;
mod logs;
mod models;
mod operation;
mod planning;
mod proofs;
mod stopping;
mod support;
mod verify;
