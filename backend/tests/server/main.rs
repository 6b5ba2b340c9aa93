//! The stream manager through its sockets: started in this process, on ports of its own, spoken to as clients do.

mod access;
mod chat;
mod events;
mod fan_out;
mod handshake;
mod jwt;
mod layers;
mod limits;
mod operations;
mod preview;
mod protocol;
mod rest;
mod shared_frames;
mod state;
mod support;
