//! The `lemma-server` command.

fn main() {}
