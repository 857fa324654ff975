//! Workers: each attempt at a job is made in a child process of this program, and so is each plan of a circuit.
//!
//! The child keeps proving keys between attempts, has a memory limit, a process group of its own, and dies with
//! its parent. What it writes back is only believed after this process has verified it through the public path.
//! A private input reaches the child through its standard input and nothing else: no argument, no environment
//! variable, no file, no log.

mod child;
pub(crate) mod failures;
mod orders;
pub(crate) mod process;
mod reports;
mod workbench;

pub use child::{ChildArgs, child_main, run_if_child};
pub use process::ChildCommand;
