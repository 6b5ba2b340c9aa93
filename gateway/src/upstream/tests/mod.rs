//! Against a scripted server on a real socket.

mod answers;
mod bodies;
mod connections;
mod support;

pub(super) use support::{Server, channel, context, get, request, run, server_of, settle, whole};
