//! What the HTTP side is told at its start.

use std::{net::SocketAddr, time::Duration};

use super::hosts::Host;

/// On which terms requests are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Terms {
    /// Where the service listens.
    pub address: SocketAddr,
    /// Whether access is restricted elsewhere.
    pub open_to_network: bool,
    /// Names the service answers to besides those of its own address; with `open_to_network`, none means all.
    pub allowed_hosts: Vec<Host>,
    /// Largest JSON body, in bytes.
    pub json_bytes: u64,
    /// Largest model or proof file, in bytes.
    pub file_bytes: u64,
    /// Memory for the bodies of all requests, in bytes.
    pub body_memory: u64,
    /// Longest time for a body to arrive.
    pub body_timeout: Duration,
    /// Longest time in the queue, if the request does not say.
    pub queue_timeout: Duration,
    /// Longest time of one attempt, if the request does not say.
    pub prove_timeout: Duration,
    /// Whether circuits may rest on parameters drawn here.
    pub insecure_local_srs: bool,
}
