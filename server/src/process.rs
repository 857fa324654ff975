//! The process around the service: its configuration, its connections, its end.

pub mod config;
pub mod demo;
mod descriptors;
pub mod logging;
pub mod run;
mod serve;
pub mod shutdown;
