//! What the command line can ask for, one room or file a command.

pub mod dev;
