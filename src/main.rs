//! The commands; no logic.

fn main() {}
