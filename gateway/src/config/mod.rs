//! Configuration: every source becomes one tree with positions, one decoder turns the tree into types.

pub mod decode;
pub mod describe;
pub mod dynamic;
pub mod error;
pub mod install;
pub mod object;
pub mod places;
mod removed;
pub mod source;
pub mod tree;

pub use error::{ConfigErrors, Problem};

#[cfg(test)]
mod tests;
