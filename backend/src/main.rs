//! The stream manager's process: environment in, exit code out.

fn main() {}
